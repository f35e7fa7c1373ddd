//! ENGINE: look at the certificate served at a target and say what was seen.
//!
//! Fetching and verifying are two results: the chain is captured whatever the verdict, and judged afterwards.
//! What happens to the *target* is data (an [`Observation`]), never an `Err`. This room knows no Kubernetes.

mod certificate;
mod connect;
mod handshake;
mod observation;
mod offline;
mod pem;
mod policy;
mod prober;
mod resolve;
mod target;
pub mod text;
mod trust;
mod verify;

pub use observation::{
    Certificate, ClientCertificate, Failure, FailureReason, Fault, FaultKind, KeyAlgorithm, Observation, Presented,
    Session, Stage, Timings, Verdict,
};
pub use offline::{PemError, judge_pem};
pub use policy::{AddressPolicy, Denied};
pub use prober::{Prober, ProberError, ProberSettings};
pub use target::{Host, ParseHostError, Target};
pub use trust::{BundleError, RootSource, SystemRoots, TrustStore};
