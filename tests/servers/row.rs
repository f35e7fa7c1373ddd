//! One behaviour of a server, and what is to be said of it.

use std::{net::SocketAddr, time::Duration};

use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use ssl_monitor_operator::probe::{
    AddressPolicy, FailureReason, FaultKind, Host, Means, Observation, Prober, ProberSettings, Target, TrustStore,
};
use xtask::farm::{Authority, Issued, Leaf, ServerOptions, TlsServer};

use crate::{
    openssl::{OpenSsl, Running},
    script::{Act, Peer},
};

/// What all rows share.
pub(crate) struct Stage {
    pub farm: Authority,
    pub openssl: OpenSsl,
    pub prober: Prober,
}

/// How a server is served.
pub(crate) enum Served {
    Farm(Issued, ServerOptions),
    OpenSsl(Running),
    Script(Vec<Act>),
}

pub(crate) struct Row {
    name: &'static str,
    host: Host,
    served: Served,
    /// Trusted beside the two authorities.
    also_trusted: Vec<CertificateDer<'static>>,
    timeout: Duration,
    /// The leaf that is to be seen.
    leaf: Option<Vec<u8>>,
    reason: Option<FailureReason>,
    faults: Vec<FaultKind>,
    session: Option<(&'static str, &'static str)>,
}

pub(crate) struct Outcome {
    pub name: &'static str,
    pub seen: bool,
    pub told: String,
    pub wrong: Option<String>,
}

// === impl Stage ===

impl Stage {
    pub(crate) fn build() -> Self {
        let allow = vec!["127.0.0.0/8".parse().unwrap()];
        let policy = AddressPolicy { allow, ..AddressPolicy::default() };
        Self {
            farm: Authority::new("Farm"),
            openssl: OpenSsl::build(),
            prober: Prober::new(ProberSettings { policy, ..ProberSettings::default() }).unwrap(),
        }
    }

    /// A good chain for `a.test`.
    pub(crate) fn good(&self) -> Issued {
        self.farm.issue(&Leaf::new(["a.test"]))
    }
}

// === impl Row ===

impl Row {
    /// A server whose certificate is seen, with nothing wrong; the rest is told by the methods below.
    fn new(name: &'static str, served: Served, leaf: Option<Vec<u8>>) -> Self {
        Self {
            name,
            host: Host::Name("a.test".to_owned()),
            served,
            also_trusted: Vec::new(),
            timeout: Duration::from_secs(20),
            leaf,
            reason: None,
            faults: Vec::new(),
            session: None,
        }
    }

    pub(crate) fn farm(name: &'static str, issued: Issued) -> Self {
        Self::farm_with(name, issued, ServerOptions::default())
    }

    pub(crate) fn farm_with(name: &'static str, issued: Issued, options: ServerOptions) -> Self {
        let leaf = issued.chain.first().map(|der| der.to_vec());
        Self::new(name, Served::Farm(issued, options), leaf)
    }

    pub(crate) fn openssl(name: &'static str, running: Running) -> Self {
        let leaf = running.leaf.clone();
        Self::new(name, Served::OpenSsl(running), leaf)
    }

    /// A peer that acts by a script, and shows this leaf.
    pub(crate) fn script(name: &'static str, leaf: &[u8], acts: Vec<Act>) -> Self {
        let row = Self::new(name, Served::Script(acts), Some(leaf.to_vec()));
        row.within(Duration::from_secs(3))
    }

    /// A peer that acts by a script, and shows no certificate.
    pub(crate) fn bare(name: &'static str, reason: FailureReason, acts: Vec<Act>) -> Self {
        Self::script(name, &[], acts).hidden(reason)
    }

    /// No certificate is seen.
    pub(crate) fn hidden(self, reason: FailureReason) -> Self {
        Self { leaf: None, reason: Some(reason), ..self }
    }

    pub(crate) fn host(self, host: &str) -> Self {
        let host = host.parse().map_or_else(|_| Host::Name(host.to_owned()), Host::Address);
        Self { host, ..self }
    }

    pub(crate) fn trusting(self, also: CertificateDer<'static>) -> Self {
        Self { also_trusted: vec![also], ..self }
    }

    pub(crate) fn within(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    pub(crate) fn reason(self, reason: FailureReason) -> Self {
        Self { reason: Some(reason), ..self }
    }

    pub(crate) fn faults(self, faults: &[FaultKind]) -> Self {
        Self { faults: faults.to_vec(), ..self }
    }

    /// The certificate is read in the clear, of a server that chose this version and suite.
    pub(crate) fn in_the_clear(self, version: &'static str, suite: &'static str) -> Self {
        let faults = self.faults.iter().copied().chain([FaultKind::Unproven]).collect();
        Self { faults, session: Some((version, suite)), ..self }
    }

    /// Serve, probe, and compare.
    pub(crate) async fn look(self, stage: &Stage) -> Outcome {
        let Self { name, host, served, also_trusted, timeout, leaf, reason, faults, session } = self;
        let roots = [stage.farm.root(), stage.openssl.root()].into_iter().chain(also_trusted);
        let trusted = xtask::farm::pem(&roots.collect::<Vec<_>>());
        let means = Means::trusting(TrustStore::new(None, Some(trusted.as_bytes())).unwrap());
        let any: SocketAddr = ([127, 0, 0, 1], 0).into();
        let seen = async |address: SocketAddr| {
            let mut target = Target::new(host, 443);
            target.connect_host = Some(Host::Address(address.ip()));
            target.connect_port = Some(address.port());
            stage.prober.probe(&target, &means, timeout, Timestamp::now()).await
        };
        let seen = match served {
            Served::Farm(issued, options) => {
                let server = TlsServer::start(any, issued, options).await.unwrap();
                seen(server.address()).await
            }
            Served::OpenSsl(running) => seen(running.address).await,
            Served::Script(acts) => {
                let peer = Peer::start(acts).await;
                seen(peer.address).await
            }
        };
        let expected = Told {
            fingerprint: leaf.as_deref().map(fingerprint),
            reason,
            faults,
            session: session.map(|(version, suite)| (version.to_owned(), suite.to_owned())),
        };
        let told = Told::of(&seen, session.is_some());
        let wrong = (told != expected)
            .then(|| format!("{name}\n   expected {expected:?}\n   but saw  {told:?}\n   {:?}", seen.failure));
        let told = seen
            .failure
            .as_ref()
            .map_or_else(String::new, |failure| format!("{:?}: {}", failure.reason, failure.detail));
        Outcome { name, seen: seen.presented.is_some(), told, wrong }
    }
}

/// What is compared.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    fingerprint: Option<String>,
    reason: Option<FailureReason>,
    faults: Vec<FaultKind>,
    /// Of certificates that were read in the clear.
    session: Option<(String, String)>,
}

impl Told {
    fn of(seen: &Observation, in_the_clear: bool) -> Self {
        let session = seen.session.as_ref().filter(|_| in_the_clear);
        Self {
            fingerprint: seen.presented.as_ref().map(|presented| presented.fingerprint.clone()),
            reason: seen.failure.as_ref().map(|failure| failure.reason),
            faults: seen.presented.iter().flat_map(|seen| &seen.verdict.faults).map(|fault| fault.kind).collect(),
            session: session.map(|session| (session.version.to_owned(), session.cipher_suite.clone())),
        }
    }
}

/// `SHA256:` and the digest as OpenSSL prints it.
fn fingerprint(der: &[u8]) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, der);
    let hex: Vec<String> = digest.as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
    format!("SHA256:{}", hex.join(":"))
}
