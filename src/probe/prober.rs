//! One probe from resolution to verdict, under one deadline.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use rustls::pki_types::ServerName;
use tokio::time::{Instant, timeout_at};

use super::{
    AddressPolicy, Failure, FailureReason, Finding, Host, Means, Observation, Stage, Target, TrustStore,
    connect::connect,
    handshake::{Handshaker, Record, Shaken},
    legacy,
    resolve::Names,
    text,
    verify::{self, Case, PathCache, Proof},
};

/// Chains longer than this are judged on a thread for blocking work: a hostile one may take a tenth of a second.
const QUICK_CHAIN: usize = 5;

/// The most certificates that a server may send, leaf included. Longer chains are read and judged, but not accepted.
const MAX_CHAIN: usize = 16;
/// A probe that is given longer than this has this long.
const MAX_TIMEOUT: Duration = Duration::from_hours(1);

/// What a prober may do, and whom it asks.
#[derive(Debug, Clone, Default)]
pub struct ProberSettings {
    /// Which addresses may be dialled.
    pub policy: AddressPolicy,
    /// The DNS server to ask; `None` for the system's configuration and hosts file.
    pub resolver: Option<SocketAddr>,
}

/// Why there is no prober.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProberError {
    /// The resolver could not be set up.
    #[error("failed to set up the resolver: {0}")]
    Resolver(String),
    /// TLS could not be set up.
    #[error("failed to set up TLS: {0}")]
    Tls(String),
}

/// Makes probes. Cheap to clone; all clones share the resolver's cache and the memory of verified chains.
#[derive(Clone)]
pub struct Prober(Arc<Parts>);

struct Parts {
    policy: AddressPolicy,
    names: Names,
    handshaker: Handshaker,
    paths: PathCache,
}

// === impl Prober ===

impl Prober {
    /// A prober with these settings.
    ///
    /// # Errors
    /// [`ProberError`] when the resolver or TLS could not be set up.
    pub fn new(settings: ProberSettings) -> Result<Self, ProberError> {
        let names = Names::new(settings.resolver)?;
        let handshaker = Handshaker::new().map_err(|error| ProberError::Tls(error.to_string()))?;
        Ok(Self(Arc::new(Parts { policy: settings.policy, names, handshaker, paths: PathCache::default() })))
    }

    /// Which addresses may be dialled.
    pub fn policy(&self) -> &AddressPolicy {
        &self.0.policy
    }

    /// What is amiss with the resolution of names, in one sentence: the system's configuration is not readable.
    pub fn warning(&self) -> Option<&str> {
        self.0.names.warning.as_deref()
    }

    /// Look at the certificate served at a target. `timeout` is the deadline of all stages together, `now` the clock of
    /// the verification. Whatever happens to the target is part of the observation.
    pub async fn probe(&self, target: &Target, means: &Means, timeout: Duration, now: Timestamp) -> Observation {
        let start = Instant::now();
        let mut observation = Observation::default();
        if let Err(failure) = self.observe(&mut observation, target, means, start + timeout.min(MAX_TIMEOUT), now).await
        {
            observation.failure = Some(failure);
        }
        observation.timings.total = start.elapsed();
        observation
    }

    async fn observe(
        &self,
        observation: &mut Observation,
        target: &Target,
        means: &Means,
        deadline: Instant,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let name = server_name(target.verified_name())?;
        let addresses = self.locate(observation, target, deadline).await?;

        let connecting = Instant::now();
        let (address, stream) = connect(&addresses, deadline).await;
        observation.address = address;
        let stream = stream?;
        let round_trip = connecting.elapsed();
        observation.timings.connect = Some(round_trip);

        let mut shaken = self.0.handshaker.shake(stream, name, means.identity.as_ref(), round_trip, deadline).await;
        if let Some(address) = address {
            observation.findings = read_in_the_clear(&mut shaken, address, target.verified_name(), deadline).await;
        }
        observation.timings.handshake = shaken.took;
        observation.session = shaken.session;
        observation.client_certificate = shaken.client_certificate;
        observation.failure = shaken.failure;
        self.judge(observation, shaken.record, target, &means.trust, now).await
    }

    /// The vetted addresses of a target.
    async fn locate(
        &self,
        observation: &mut Observation,
        target: &Target,
        deadline: Instant,
    ) -> Result<Vec<SocketAddr>, Failure> {
        let found = match target.dialled_host() {
            Host::Address(address) => vec![*address],
            Host::Name(name) => {
                let start = Instant::now();
                let found = self.0.names.resolve(name, deadline).await?;
                observation.timings.resolve = Some(start.elapsed());
                found
            }
        };
        vet(&self.0.policy, target, &found)
    }

    async fn judge(
        &self,
        observation: &mut Observation,
        record: Record,
        target: &Target,
        trust: &TrustStore,
        now: Timestamp,
    ) -> Result<(), Failure> {
        if record.chain.is_empty() {
            return Ok(());
        }
        let length = record.chain.len();
        let proof = record.proof.map_or(Proof::Missing, Proof::Given);
        let case = Case { chain: record.chain, proof, name: target.verified_name().clone(), trust: trust.clone(), now };
        observation.presented = Some(if length > QUICK_CHAIN {
            let parts = self.0.clone();
            let judged = tokio::task::spawn_blocking(move || verify::judge(&case, Some(&parts.paths)));
            judged
                .await
                .map_err(|error| fail(FailureReason::ProbeError, format!("the verification broke off: {error}")))?
        } else {
            verify::judge(&case, Some(&self.0.paths))
        });
        if length > MAX_CHAIN {
            let detail = format!("the server sent {length} certificates; at most {MAX_CHAIN} are accepted");
            return Err(fail(FailureReason::CertificateTooLarge, detail));
        }
        Ok(())
    }
}

/// Where the handshake showed no certificate, take it from what was received in the clear, or ask for it in older words.
async fn read_in_the_clear(shaken: &mut Shaken, address: SocketAddr, name: &Host, deadline: Instant) -> Vec<Finding> {
    let received = std::mem::take(&mut shaken.received);
    let mut findings = Vec::from_iter(legacy::warns_of_name(&received).then(|| legacy::name_not_recognized(name)));
    let Some(own) = shaken.failure.clone().filter(|_| shaken.record.chain.is_empty()) else {
        return findings;
    };
    let (mut seen, mut asked) = (legacy::read(&received), false);
    if seen.is_none() && shaken.may_be_older {
        let dial = || async move { connect(&[address], deadline).await.1 };
        (seen, asked) = (timeout_at(deadline, legacy::ask(name, dial)).await.ok().flatten(), true);
    }
    if let Some(seen) = seen {
        findings.extend(seen.finding());
        shaken.failure = Some(seen.explain(own, asked));
        shaken.session = Some(seen.session());
        shaken.record =
            Record { chain: seen.chain, proof: None, client_certificate_requested: seen.client_certificate_requested };
    }
    findings.sort_by_key(|finding| finding.kind);
    findings
}

fn fail(reason: FailureReason, detail: String) -> Failure {
    Failure { reason, stage: Stage::Handshake, detail }
}

/// The addresses that may be dialled; a failure when all are denied.
fn vet(policy: &AddressPolicy, target: &Target, found: &[IpAddr]) -> Result<Vec<SocketAddr>, Failure> {
    let mut denied = Vec::new();
    let mut vetted = Vec::new();
    for address in found {
        match policy.check(*address) {
            Ok(()) => vetted.push(SocketAddr::new(*address, target.dialled_port())),
            Err(denial) => denied.push(denial),
        }
    }
    if !vetted.is_empty() {
        return Ok(vetted);
    }
    let causes: Vec<String> = denied.iter().take(3).map(ToString::to_string).collect();
    let host = text::clean(&target.dialled_host().to_string());
    let detail = format!("{host} may not be probed: {}", causes.join("; "));
    Err(Failure { reason: FailureReason::TargetDenied, stage: Stage::Policy, detail })
}

fn server_name(host: &Host) -> Result<ServerName<'static>, Failure> {
    match host {
        Host::Address(address) => Ok(ServerName::IpAddress((*address).into())),
        Host::Name(name) => ServerName::try_from(name.clone()).map_err(|_| {
            fail(FailureReason::ProbeError, format!("{} cannot be sent as a server name", text::clean(name)))
        }),
    }
}
