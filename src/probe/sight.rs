//! One endpoint, from the first packet to the verdict: the way to it, the handshake, what mends a broken one, and judgement.

use std::{net::SocketAddr, time::Duration};

use jiff::Timestamp;
use rustls::{NamedGroup, pki_types::ServerName};
use tokio::{net::TcpStream, time::Instant};

use super::{
    ClientCertificate, Failure, FailureReason, Finding, FindingKind, Host, Means, Observation, RevocationCheck,
    Session, Stage, Target,
    fetch::Web,
    handshake::{ALERT, Attempt, Reception, Record, Shaken},
    hello::{Hello, Key, Known},
    legacy,
    prober::Parts,
    route::{Company, End, Way, prepare},
    verify::{self, Case, PathCache, Proof},
};

/// Chains longer than this are judged on a thread for blocking work: a hostile one may take a tenth of a second.
const QUICK_CHAIN: usize = 5;

/// The most certificates that a server may send, leaf included. Longer chains are read and judged, but not accepted.
const MAX_CHAIN: usize = 16;

/// How long silence is borne, at least, when a large hello is sent once more: a server that takes it answers as soon as it did
/// to the small one, and a lost packet is sent again after a second (RFC 6298 §2).
const CONFIRMATION: Duration = Duration::from_secs(1);

/// What all endpoints of a probe have in common.
pub(super) struct Search<'a> {
    pub parts: &'a std::sync::Arc<Parts>,
    pub target: &'a Target,
    pub means: &'a Means,
    pub name: ServerName<'static>,
    pub way: Way,
    pub company: Company,
    pub deadline: Instant,
    pub now: Timestamp,
}

// === impl Search ===

impl Search<'_> {
    /// Look at one endpoint. The total of the timings is that of this endpoint alone.
    pub(super) async fn look(&self, end: End<'_>) -> Observation {
        let start = Instant::now();
        let (address, opened) = self.way.open(end, &self.company, self.deadline).await;
        let mut sight = Observation { address, ..Observation::default() };
        match opened {
            Ok(stream) => {
                sight.timings.connect = Some(start.elapsed());
                if let Err(failure) = self.meet(&mut sight, stream, address.map_or(end, End::At)).await {
                    sight.failure = Some(failure);
                }
            }
            Err(failure) => sight.failure = Some(failure),
        }
        sight.timings.total = start.elapsed();
        sight
    }

    /// Shake hands over this connection, and judge what is shown.
    async fn meet(&self, sight: &mut Observation, mut stream: TcpStream, end: End<'_>) -> Result<(), Failure> {
        prepare(&mut stream, self.target, self.deadline).await?;
        let key = self.key(sight.address);
        let known = self.parts.hellos.recall(key);
        let hello = if known.is_some() { Hello::Small } else { Hello::Large };
        let mut shaken = self.shake(stream, Attempt::new(hello), sight).await;
        let mut known = known.unwrap_or(Known::Untold);
        if hello == Hello::Large {
            known = self.learn(&mut shaken, sight, end).await;
            self.parts.hellos.note(key, known);
        }
        sight.findings = findings(&shaken, known, self.target.verified_name());
        if shaken.failure.is_some() && shaken.record.chain.is_empty() {
            sight.findings.extend(Box::pin(self.mend(&mut shaken, sight, end)).await);
        }
        sight.findings.sort_by_key(|finding| finding.kind);
        self.refuse_old(&mut shaken);
        sight.timings.handshake = shaken.took;
        sight.session = shaken.session.map(|session| choosing(session, known));
        sight.client_certificate = shaken.client_certificate;
        sight.failure = shaken.failure;
        self.judge(sight, shaken.record).await
    }

    fn key(&self, address: Option<SocketAddr>) -> Key {
        let target = self.target;
        let place = address.is_none().then(|| (target.dialled_host(), target.dialled_port()));
        self.parts.hellos.key((address, place, target.verified_name()))
    }

    async fn shake(&self, stream: TcpStream, attempt: Attempt, sight: &Observation) -> Shaken {
        let round_trip = sight.timings.connect.unwrap_or_default();
        let identity = self.means.identity.as_ref();
        self.parts.handshaker.shake(stream, self.name.clone(), attempt, identity, round_trip, self.deadline).await
    }

    /// The same once more, on a connection of its own; `None` when it does not come about.
    async fn again(&self, attempt: Attempt, sight: &Observation, end: End<'_>) -> Option<Shaken> {
        let stream = self.dial(end).await.ok()?;
        Some(self.shake(stream, attempt, sight).await)
    }

    /// What the large hello teaches if it is sent once more to a server that took the small one: one broken connection may have
    /// had any cause.
    async fn confirm(&self, small: &Shaken, sight: &Observation, end: End<'_>) -> Known {
        let patience = CONFIRMATION + 2 * small.took.unwrap_or_default();
        match self.again(Attempt::new(Hello::Large).patient_for(patience), sight, end).await {
            None => Known::Untold,
            Some(large) if large.reception() < small.reception() => Known::Intolerant,
            Some(large) => known(&large),
        }
    }

    /// One more connection, ready for TLS. It has no company: that another address has answered is no reason to give up this one, which has, too.
    async fn dial(&self, end: End<'_>) -> Result<TcpStream, Failure> {
        let mut stream = self.way.open(end, &Company::new(self.deadline), self.deadline).await.1?;
        prepare(&mut stream, self.target, self.deadline).await?;
        Ok(stream)
    }

    /// What the answer to the large hello teaches. Where there was none at all, or only an alert, the small one is tried.
    async fn learn(&self, shaken: &mut Shaken, sight: &Observation, end: End<'_>) -> Known {
        if shaken.reception() == Reception::Taken {
            return known(shaken);
        }
        let small = Box::pin(self.again(Attempt::new(Hello::Small), sight, end)).await;
        let Some(small) = small.filter(|small| small.reception() > shaken.reception()) else { return Known::Untold };
        let known = Box::pin(self.confirm(&small, sight, end)).await;
        *shaken = small;
        known
    }

    /// After a failure without a certificate: find out by other means what would have been shown. What was received in the clear
    /// may hold it; else an older hello may be understood, each on a connection of its own.
    async fn mend(&self, shaken: &mut Shaken, sight: &Observation, end: End<'_>) -> Option<Finding> {
        let reason = shaken.failure.as_ref().map(|failure| failure.reason);
        if reason == Some(FailureReason::ServerNameRejected) && matches!(self.target.verified_name(), Host::Name(_)) {
            self.retry(shaken, Attempt::nameless(), sight, end).await;
            return None;
        }
        let (mut seen, mut asked) = (legacy::read(&shaken.received), false);
        if seen.is_none() && shaken.may_be_older {
            let ladder = legacy::ask(self.target.verified_name(), || self.dial(end), self.deadline);
            (seen, asked) = (ladder.await, true);
        }
        let Some(seen) = seen else {
            if reason == Some(FailureReason::NoCommonCipher) {
                self.retry(shaken, Attempt::with_all_signatures(), sight, end).await;
            }
            return None;
        };
        shaken.session = Some(seen.session());
        shaken.failure = shaken.failure.take().map(|own| seen.explain(own, asked));
        let finding = seen.finding();
        let client_certificate_requested = seen.client_certificate_requested;
        shaken.record = Record { chain: seen.chain, proof: None, staple: seen.staple, client_certificate_requested };
        finding
    }

    /// Try in another way, and take what is shown, but not how it ended.
    async fn retry(&self, shaken: &mut Shaken, attempt: Attempt, sight: &Observation, end: End<'_>) {
        if let Some(other) = self.again(attempt, sight, end).await.filter(|other| !other.record.chain.is_empty()) {
            let failure = shaken.failure.take();
            *shaken = other;
            shaken.failure = failure;
        }
    }

    /// TLS 1.2 is a failure where 1.3 is asked for.
    fn refuse_old(&self, shaken: &mut Shaken) {
        let is_old = shaken.session.as_ref().is_some_and(|session| session.version == "TLS1.2");
        let reason = shaken.failure.as_ref().map(|failure| failure.reason);
        let completed = matches!(reason, None | Some(FailureReason::ClientCertificateRequired));
        if self.target.needs_tls13 && is_old && completed {
            let detail = "the server chose TLS 1.2; TLS 1.3 is asked for".to_owned();
            shaken.failure = Some(fail(FailureReason::ProtocolTooOld, detail));
        }
    }

    /// Ask the CRLs that a chain names.
    async fn ask_lists(&self, case: Case) -> Result<Case, Failure> {
        let (case, queries) = self
            .work(case, |case, paths| {
                let queries = verify::queries(&case, Some(paths));
                (case, queries)
            })
            .await?;
        let web = Web { names: &self.parts.names, policy: &self.parts.policy };
        let lists = self.parts.lists.gather(queries.as_deref(), web, self.now, self.deadline).await;
        Ok(Case { lists, ..case })
    }

    /// Work on a case, on a thread for blocking work where it may take long.
    async fn work<T: Send + 'static>(&self, case: Case, work: fn(Case, &PathCache) -> T) -> Result<T, Failure> {
        if case.chain.len() <= QUICK_CHAIN {
            return Ok(work(case, &self.parts.paths));
        }
        let parts = self.parts.clone();
        let done = tokio::task::spawn_blocking(move || work(case, &parts.paths)).await;
        done.map_err(|error| fail(FailureReason::ProbeError, format!("the verification broke off: {error}")))
    }

    async fn judge(&self, sight: &mut Observation, record: Record) -> Result<(), Failure> {
        if record.chain.is_empty() {
            return Ok(());
        }
        let length = record.chain.len();
        let mut case = Case {
            proof: record.proof.map_or(Proof::Missing, Proof::Given),
            name: self.target.verified_name().clone(),
            trust: self.means.trust.clone(),
            now: self.now,
            staple: record.staple,
            lists: Vec::new(),
            revocation: self.target.revocation,
            needs_revocation_state: self.target.needs_revocation_state,
            chain: record.chain,
        };
        if case.revocation == RevocationCheck::Crl {
            case = self.ask_lists(case).await?;
        }
        sight.presented = Some(self.work(case, |case, paths| verify::judge(&case, Some(paths))).await?);
        if length > MAX_CHAIN {
            let detail = format!("the server sent {length} certificates; at most {MAX_CHAIN} are accepted");
            return Err(fail(FailureReason::CertificateTooLarge, detail));
        }
        Ok(())
    }
}

pub(super) fn fail(reason: FailureReason, detail: String) -> Failure {
    Failure { reason, stage: Stage::Handshake, detail }
}

/// What is known of a server that took the large hello.
fn known(shaken: &Shaken) -> Known {
    match &shaken.session {
        None => Known::Untold,
        Some(session) if session.is_post_quantum() => Known::PostQuantum,
        Some(_) => Known::Classical,
    }
}

/// The session with the group that the server chooses when it may: the small hello brings no share of it.
fn choosing(session: Session, known: Known) -> Session {
    let post_quantum = (known == Known::PostQuantum).then(|| format!("{:?}", NamedGroup::X25519MLKEM768));
    Session { group: post_quantum.or(session.group), ..session }
}

/// What is to be said of a handshake.
fn findings(shaken: &Shaken, known: Known, name: &Host) -> Vec<Finding> {
    // A warning comes first, and nobody else begins like this.
    let is_warned = shaken.received.first() == Some(&ALERT) && legacy::warns_of_name(&shaken.received);
    let mut findings = Vec::from_iter(is_warned.then(|| legacy::name_not_recognized(name)));
    let Some(session) = &shaken.session else { return findings };
    let mut add = |kind, detail: &str| findings.push(Finding { kind, detail: detail.to_owned() });
    if known == Known::Intolerant {
        add(FindingKind::LargeHelloIntolerant, LARGE_HELLO);
    }
    if known == Known::Classical && !session.is_post_quantum() {
        add(FindingKind::ClassicalKeyExchange, CLASSICAL);
    }
    if shaken.client_certificate == ClientCertificate::Optional {
        add(FindingKind::ClientCertificateRequested, REQUESTED);
    }
    findings
}

const LARGE_HELLO: &str = "the server takes only a small ClientHello; a large one with a post-quantum key share, as browsers \
                           send it, was dropped or refused, so that browsers may fail or be slow to connect";
const CLASSICAL: &str = "the key exchange is not protected against quantum computers: the server was offered \
                         X25519MLKEM768, and did not choose it";
const REQUESTED: &str = "the server asks for a client certificate, and goes on without";
