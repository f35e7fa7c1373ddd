//! ENGINE: look at the certificate served at a target and say what was seen.
//!
//! Fetching and verifying are two results: the chain is captured whatever the verdict, and judged afterwards.
//! What happens to the *target* is data (an [`Observation`]), never an `Err`. This room knows no Kubernetes.

mod certificate;
mod connect;
mod der;
mod endpoints;
mod fetch;
mod finding;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod handshake;
mod hello;
mod legacy;
mod means;
mod observation;
mod offline;
mod pem;
mod policy;
mod prober;
mod proxy;
mod resolve;
mod revocation;
mod route;
mod sight;
mod spacious;
mod starttls;
mod target;
pub mod text;
mod trust;
mod verify;

pub use finding::{Finding, FindingKind, FindingSeverity};
pub use means::{Identity, IdentityError, Means, Proxy, ProxyKind};
pub use observation::{
    Certificate, ClientCertificate, Endpoint, Failure, FailureReason, Fault, FaultKind, Issuer, KeyAlgorithm,
    MAX_ENDPOINTS, Observation, Presented, Session, Stage, Timings, Verdict,
};
pub use offline::{PemError, judge_pem, judge_pem_with_lists, leaf_facts};
pub use policy::{AddressPolicy, Denied};
pub use prober::{Prober, ProberError, ProberSettings};
pub use proxy::{NoProxy, ParseNoProxyError, ParseProxyError};
pub use revocation::{Revocation, RevocationCheck, RevocationSource, RevocationState};
pub use target::{Addresses, Family, Host, ParseHostError, ProxyProtocol, StartTls, Target, is_label};
pub use trust::{BundleError, RootSource, SystemRoots, TrustStore};
