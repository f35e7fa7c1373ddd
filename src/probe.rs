//! ENGINE: look at the certificate served at a target and say what was seen.
//!
//! Fetching and verifying are two results: the chain is captured whatever the verdict, and judged afterwards.
//! What happens to the *target* is data (an [`Observation`]), never an `Err`. This room knows no Kubernetes.

mod observation;
mod policy;
mod target;

pub use observation::{
    Certificate, ClientCertificate, Failure, FailureReason, Fault, FaultKind, KeyAlgorithm, Observation, Presented,
    Session, Stage, Timings, Verdict,
};
pub use policy::{AddressPolicy, Denied};
pub use target::{Host, ParseHostError, Target};
