//! What the stories share: a prober for loopback, trust in a farm's authority, and the certificates of a chain.

pub(crate) mod crl;
pub(crate) mod der;
pub(crate) mod web;

use std::{net::SocketAddr, time::Duration};

use jiff::Timestamp;
use ssl_monitor_operator::probe::{
    AddressPolicy, FailureReason, FaultKind, Host, Means, Observation, Prober, ProberSettings, Target, TrustStore,
};
use xtask::farm::{Authority, Issued, ServerOptions, TlsServer};

/// Long enough never to matter.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn loopback() -> AddressPolicy {
    let allow = ["127.0.0.0/8", "::1/128"].map(|network| network.parse().unwrap());
    AddressPolicy { allow: allow.into(), ..AddressPolicy::default() }
}

/// Any free port on loopback.
pub(crate) fn loopback_address() -> SocketAddr {
    ([127, 0, 0, 1], 0).into()
}

pub(crate) fn prober() -> Prober {
    Prober::new(ProberSettings { policy: loopback(), ..ProberSettings::default() }).unwrap()
}

pub(crate) fn trust(authority: &Authority) -> TrustStore {
    TrustStore::new(None, Some(authority.root_pem().as_bytes())).unwrap()
}

/// Verify for this host, but connect to this address.
pub(crate) fn target(host: &str, address: SocketAddr) -> Target {
    let mut target = Target::new(host.parse().unwrap(), 443);
    target.connect_host = Some(Host::Address(address.ip()));
    target.connect_port = Some(address.port());
    target
}

pub(crate) async fn serve(issued: Issued) -> TlsServer {
    serve_with(issued, ServerOptions::default()).await
}

pub(crate) async fn serve_with(issued: Issued, options: ServerOptions) -> TlsServer {
    TlsServer::start(loopback_address(), issued, options).await.unwrap()
}

/// Probe `a.test` at this address, now.
pub(crate) async fn look(address: SocketAddr, trust: &TrustStore) -> Observation {
    prober().probe(&target("a.test", address), &Means::trusting(trust.clone()), PATIENCE, Timestamp::now()).await
}

/// Serve a chain for `a.test`, look at it, and be gone.
pub(crate) async fn look_at(issued: Issued, trust: &TrustStore) -> Observation {
    let server = serve(issued).await;
    look(server.address(), trust).await
}

/// The kinds of all faults, worst first.
pub(crate) fn faults(observation: &Observation) -> Vec<FaultKind> {
    let presented = observation.presented.as_ref().unwrap_or_else(|| panic!("no certificate: {observation:?}"));
    presented.verdict.faults.iter().map(|fault| fault.kind).collect()
}

/// The reason of the failure, if any.
pub(crate) fn reason(observation: &Observation) -> Option<FailureReason> {
    observation.failure.as_ref().map(|failure| failure.reason)
}

/// The detail of the worst fault.
pub(crate) fn detail(observation: &Observation) -> &str {
    &observation.presented.as_ref().unwrap().verdict.worst().unwrap().detail
}

/// `SHA256:` and the digest as OpenSSL prints it.
pub(crate) fn fingerprint(der: &[u8]) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, der);
    let hex: Vec<String> = digest.as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
    format!("SHA256:{}", hex.join(":"))
}
