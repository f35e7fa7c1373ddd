//! The situation: what there is to be told of a monitor, aspect by aspect, as its status shows it.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::steps::{lifetime_of, reached};
use crate::{
    api::{AlertSeverity, Aspect, CertificateStatus, SslMonitorStatus},
    monitor::{
        certificate::{days_text, days_until},
        conditions::{ConditionType, Reason, find},
        decide::Input,
        events::CERTIFICATE_CHANGED,
        history::is_known,
        statements::FAILURES_BEFORE_UNKNOWN,
    },
    probe::FaultKind,
};

/// How long a monitor may lack something that it names before that is told: what belongs together is not always created at once.
const GRACE: SignedDuration = SignedDuration::from_mins(5);

/// What there is to be told.
pub(super) struct Situation {
    pub(super) states: Vec<(Aspect, State)>,
    pub(super) change: Option<Change>,
    /// When it may be another one although nothing has changed until then.
    pub(super) wake: Option<Timestamp>,
    /// The fingerprint of the certificate that is shown.
    pub(super) fingerprint: Option<String>,
}

/// How one aspect stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    /// Something is wrong.
    Wrong(Problem),
    /// Something is wrong by what was last seen, which is a while ago: it is told unless something worse has been.
    WrongAsFarAsKnown(Problem),
    /// Nothing is wrong; what is so, in a sentence.
    Fine(String),
    /// It is not known, and what was told stands.
    Unknown,
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) reason: String,
    pub(super) severity: AlertSeverity,
    /// Which certificate and step, or else which reason: another one is another problem.
    pub(super) subject: String,
    pub(super) since: Timestamp,
    pub(super) message: String,
}

/// Something that changed, and is no problem by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) reason: &'static str,
    pub(super) severity: AlertSeverity,
    pub(super) message: String,
}

/// What this status says of the monitor.
pub(super) fn situation(input: &Input<'_>, status: &SslMonitorStatus) -> Situation {
    if !input.monitor.spec.enabled {
        return Situation::unwatched("the monitor is disabled: nothing is checked");
    }
    let fingerprint = status.certificate.as_ref().and_then(|certificate| certificate.fingerprint.clone());
    let (monitor, wake) = monitor(status, input.now);
    let aspects = vec![
        (Aspect::Certificate, certificate(input, status)),
        (Aspect::Reachability, reachability(status)),
        (Aspect::Expectation, comparison(status, ConditionType::ServedCertificateMatches)),
        (Aspect::Consistency, comparison(status, ConditionType::EndpointsConsistent)),
        (Aspect::Monitor, monitor),
    ];
    Situation { states: aspects, change: change(input, status), wake, fingerprint }
}

/// The certificate: not valid, or on its way to its end.
fn certificate(input: &Input<'_>, status: &SslMonitorStatus) -> State {
    let Some(valid) = find(&status.conditions, ConditionType::CertificateValid) else { return State::Unknown };
    let fingerprint = status.certificate.as_ref().and_then(|certificate| certificate.fingerprint.as_deref());
    match valid.status.as_str() {
        "False" => {
            let subject = fingerprint.unwrap_or(&valid.reason);
            State::Wrong(Problem::of(valid, AlertSeverity::Critical, subject))
        }
        "True" => ending(input, status, fingerprint).map_or_else(|| State::Fine(valid.message.clone()), State::Wrong),
        _ if valid.reason == Reason::ProbeFailed.as_str() => {
            ending(input, status, fingerprint).map_or(State::Unknown, State::WrongAsFarAsKnown)
        }
        _ => State::Unknown,
    }
}

/// The step that the certificate which ends first has reached, or its end.
fn ending(input: &Input<'_>, status: &SslMonitorStatus, fingerprint: Option<&str>) -> Option<Problem> {
    let shown = status.certificate.as_ref();
    let first = status.earliest_expiry.as_ref();
    let end = first.map(|first| &first.valid_to).or(shown?.valid_to.as_ref())?.0;
    let subject = first.map(|first| first.address.as_str()).or(fingerprint).unwrap_or_default();
    let left = end.duration_since(input.now);
    if left.is_negative() {
        let message = find(&status.conditions, ConditionType::CertificateExpiring)?.message.clone();
        let reason = Reason::Fault(FaultKind::Expired).as_str().to_owned();
        return Some(Problem {
            reason,
            severity: AlertSeverity::Critical,
            subject: subject.to_owned(),
            since: end,
            message,
        });
    }
    let reached = reached(&input.monitor.spec, lifetime_of(shown), left)?;
    let who = first.map_or_else(String::new, |first| format!("the certificate at {} ", first.address));
    let message = format!("{who}expires in {}, on {end}", days_text(days_until(end, input.now)));
    Some(Problem {
        reason: Reason::ExpiringSoon.as_str().to_owned(),
        severity: reached.step.severity,
        subject: format!("{subject} {}", reached.step),
        since: end.saturating_sub(reached.begin).unwrap_or(input.now).min(input.now),
        message,
    })
}

/// Whether the target is out of reach, and not only for a moment.
fn reachability(status: &SslMonitorStatus) -> State {
    let Some(reachable) = find(&status.conditions, ConditionType::Reachable) else { return State::Unknown };
    let lasts = status.consecutive_failures.unwrap_or(0) >= FAILURES_BEFORE_UNKNOWN;
    match reachable.status.as_str() {
        "True" => State::Fine(reachable.message.clone()),
        "False" if lasts => State::Wrong(Problem::of(reachable, AlertSeverity::Warning, &reachable.reason)),
        _ => State::Unknown,
    }
}

/// Whether what is compared is the same; a condition that is not there has nothing to compare.
fn comparison(status: &SslMonitorStatus, kind: ConditionType) -> State {
    match find(&status.conditions, kind) {
        None => State::Fine("this is no longer compared".to_owned()),
        Some(same) if same.status == "True" => State::Fine(same.message.clone()),
        Some(same) if same.status == "False" => State::Wrong(Problem::of(same, AlertSeverity::Warning, &same.reason)),
        Some(_) => State::Unknown,
    }
}

/// Whether the monitor does what it should; and from when on it is told that it does not.
fn monitor(status: &SslMonitorStatus, now: Timestamp) -> (State, Option<Timestamp>) {
    let Some(ready) = find(&status.conditions, ConditionType::Ready) else { return (State::Unknown, None) };
    let is_stalled = find(&status.conditions, ConditionType::Stalled).is_some();
    let told_from = ready.last_transition_time.0.saturating_add(GRACE).unwrap_or(now);
    match ready.status.as_str() {
        "True" => (State::Fine(ready.message.clone()), None),
        "False" if is_stalled || told_from <= now => {
            (State::Wrong(Problem::of(ready, AlertSeverity::Warning, &ready.reason)), None)
        }
        "False" => (State::Unknown, Some(told_from)),
        _ => (State::Unknown, None),
    }
}

/// A certificate that was not served lately: another issuer is worth a warning, a mere renewal is good to know.
fn change(input: &Input<'_>, status: &SslMonitorStatus) -> Option<Change> {
    let old = input.status?;
    let (before, after) = (old.certificate.as_ref()?, status.certificate.as_ref()?);
    let fingerprint = after.fingerprint.as_deref()?;
    if before.fingerprint.as_deref()? == fingerprint || is_known(&old.history, fingerprint, input.now) {
        return None;
    }
    let until = after.valid_to.as_ref().map_or(String::new(), |end| format!(", valid until {}", end.0));
    let issuer = issuer(after);
    let (reason, severity, message) = if issuer == self::issuer(before) {
        let message = format!("another certificate is served: {fingerprint}, issued by {issuer}{until}");
        (CERTIFICATE_CHANGED, AlertSeverity::Info, message)
    } else {
        let message = format!("the certificate is issued by {issuer} now, and was by {}{until}", self::issuer(before));
        (ISSUER_CHANGED, AlertSeverity::Warning, message)
    };
    Some(Change { reason, severity, message })
}

/// The reason of another issuer; that of another certificate is its Event's.
pub(in crate::monitor) const ISSUER_CHANGED: &str = "IssuerChanged";

/// The authority behind a certificate: its organisation's intermediates take turns, and are no change. Without one, the whole name.
fn issuer(certificate: &CertificateStatus) -> &str {
    let whole = certificate.issuer_dn.as_deref().or(certificate.issuer.as_deref()).unwrap_or("an unnamed issuer");
    attributes(whole).find_map(|attribute| attribute.trim_start().strip_prefix("O=")).unwrap_or(whole)
}

/// The attributes of a distinguished name (RFC 4514): between commas that are not escaped.
fn attributes(name: &str) -> impl Iterator<Item = &str> {
    let mut is_escaped = false;
    name.split(move |character| {
        let is_separator = character == ',' && !is_escaped;
        is_escaped = character == '\\' && !is_escaped;
        is_separator
    })
}

// === impl Situation ===

impl Situation {
    /// Nothing is wrong, because nobody looks.
    pub(super) fn unwatched(why: &str) -> Self {
        let aspects =
            [Aspect::Certificate, Aspect::Reachability, Aspect::Expectation, Aspect::Consistency, Aspect::Monitor];
        let states = aspects.map(|aspect| (aspect, State::Fine(why.to_owned())));
        Self { states: states.into(), change: None, wake: None, fingerprint: None }
    }
}

// === impl Problem ===

impl Problem {
    fn of(condition: &Condition, severity: AlertSeverity, subject: &str) -> Self {
        Self {
            reason: condition.reason.clone(),
            severity,
            subject: subject.to_owned(),
            since: condition.last_transition_time.0,
            message: condition.message.clone(),
        }
    }

    /// This very state of things, as it is remembered for an hour.
    pub(super) fn state(&self, about: Aspect) -> String {
        format!("{about:?} {} {} {}", self.reason, self.severity.as_str(), self.subject)
    }
}
