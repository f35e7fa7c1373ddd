//! From a notice of the ledger to a message: the full picture for somebody who was just woken.

#[cfg(test)]
mod tests;

use jiff::{SignedDuration, Timestamp};

use super::advice::{advice, advise};
use crate::{
    api::{
        AlertSeverity, Aspect, CertificateStatus, HistoryEntry, NoticeKind, PendingNotice, SslMonitor, SslMonitorStatus,
    },
    monitor::{ConditionType, days_text, days_until, find_condition},
    notify::{Certificate, Kind, Level, Message, Subject},
};

/// What a message says beside what the monitor and the notice do.
#[derive(Debug, Clone, Copy, Default)]
pub struct Circumstances<'a> {
    /// The name of the cluster, where the operator has one for it.
    pub cluster: Option<&'a str>,
    /// Until when the message holds if it is not told again; for receivers where alerts lapse.
    pub lapses: Option<Timestamp>,
}

/// The message that tells this notice: the same for every attempt to deliver it, as long as the monitor's status says the same.
pub fn message(monitor: &SslMonitor, notice: &PendingNotice, circumstances: Circumstances<'_>) -> Message {
    let facts = Facts::of(monitor, notice);
    Message {
        id: notice.id.clone(),
        incident: notice.incident.clone(),
        kind: kind(notice.kind),
        level: level(notice.severity),
        subject: subject(monitor, circumstances.cluster),
        reason: notice.reason.clone(),
        title: facts.title(),
        detail: facts.detail(),
        advice: facts.advice(),
        since: notice.since.0,
        at: notice.at.0,
        lapses: circumstances.lapses,
        certificate: facts.certificate(),
        parts: Vec::new(),
    }
}

fn kind(kind: NoticeKind) -> Kind {
    match kind {
        NoticeKind::Problem => Kind::Problem,
        NoticeKind::Reminder => Kind::Reminder,
        NoticeKind::Recovery => Kind::Recovery,
        NoticeKind::Change => Kind::Change,
    }
}

fn level(severity: AlertSeverity) -> Level {
    match severity {
        AlertSeverity::Info => Level::Info,
        AlertSeverity::Warning => Level::Warning,
        AlertSeverity::Critical => Level::Critical,
    }
}

fn subject(monitor: &SslMonitor, cluster: Option<&str>) -> Subject {
    let metadata = &monitor.metadata;
    Subject {
        namespace: metadata.namespace.clone().unwrap_or_else(|| "default".to_owned()),
        name: metadata.name.clone().unwrap_or_default(),
        uid: metadata.uid.clone().unwrap_or_default(),
        domain: monitor.spec.domain.clone(),
        port: monitor.spec.port(),
        cluster: cluster.map(ToOwned::to_owned),
    }
}

/// What there is to say of a notice.
struct Facts<'a> {
    notice: &'a PendingNotice,
    /// `HOST` or `HOST:PORT`.
    place: String,
    /// The certificate that the notice speaks of, where the status still has it.
    shown: Option<&'a CertificateStatus>,
    /// The end of another certificate, where the notice is about that: another address serves it, or last did.
    earlier_end: Option<Timestamp>,
    history: &'a [HistoryEntry],
    /// Whether what the notice is about is well at this moment. It is not where an alert ended for another reason: nobody looks any
    /// more, or the alert is another one now.
    is_well: bool,
}

// === impl Facts ===

impl<'a> Facts<'a> {
    fn of(monitor: &'a SslMonitor, notice: &'a PendingNotice) -> Self {
        let status = monitor.status.as_ref();
        let is_its =
            |shown: &&CertificateStatus| notice.fingerprint.is_some() && shown.fingerprint == notice.fingerprint;
        let shown = status.and_then(|status| status.certificate.as_ref()).filter(is_its);
        let end = shown.and_then(|shown| shown.valid_to.as_ref()).map(|end| end.0);
        let earliest = status.and_then(|status| status.earliest_expiry.as_ref()).map(|earliest| earliest.valid_to.0);
        let is_about = |end: Timestamp| notice.reason == EXPIRING || end >= notice.at.0;
        let is_earlier = |earliest: &Timestamp| end.is_some_and(|end| *earliest < end && is_about(end));
        Self {
            notice,
            place: monitor.spec.place(),
            shown,
            earlier_end: earliest.filter(is_earlier).filter(|_| is_about_end(notice)),
            history: status.map(|status| status.history.as_slice()).unwrap_or_default(),
            is_well: monitor.spec.enabled && status.is_some_and(|status| is_well(status, notice)),
        }
    }

    fn title(&self) -> String {
        match self.notice.kind {
            NoticeKind::Problem | NoticeKind::Reminder if is_about_end(self.notice) => self.end_of_validity(),
            NoticeKind::Problem | NoticeKind::Reminder => self.headline(&self.notice.reason),
            NoticeKind::Recovery => self.recovery(),
            NoticeKind::Change => self.change(),
        }
    }

    fn headline(&self, reason: &str) -> String {
        advise(reason, &self.place).map_or_else(|| format!("{}: {reason}", self.place), |(headline, _)| headline)
    }

    fn detail(&self) -> String {
        let PendingNotice { kind, reason, message, since, at, .. } = self.notice;
        if *kind != NoticeKind::Recovery {
            return message.clone();
        }
        let ended = format!("{reason} ended after {}", how_long(at.0.duration_since(since.0)));
        if message.is_empty() { ended } else { format!("{ended}; now: {message}") }
    }

    fn advice(&self) -> String {
        let reason = &self.notice.reason;
        match self.notice.kind {
            NoticeKind::Problem | NoticeKind::Reminder => match advice(reason) {
                Some((_, advice)) => advice.to_owned(),
                None => "See what the conditions of the monitor say: kubectl describe sslmonitor.".to_owned(),
            },
            NoticeKind::Change if reason == ISSUER_CHANGED => {
                "If nobody meant to change the authority, find out who ordered the certificate.".to_owned()
            }
            NoticeKind::Recovery | NoticeKind::Change => String::new(),
        }
    }

    /// The certificate that is spoken of; none where that is one of which only the end is known.
    fn certificate(&self) -> Option<Certificate> {
        let shown = self.shown.filter(|_| self.earlier_end.is_none())?;
        let end = shown.valid_to.as_ref()?.0;
        Some(Certificate {
            subject: shown.subject.clone().unwrap_or_default(),
            issuer: shown.issuer.clone().unwrap_or_default(),
            fingerprint: shown.fingerprint.clone()?,
            valid_to: end,
            days: days_until(end, self.notice.at.0),
        })
    }

    /// `the certificate of shop.example.com expires in 10 days`.
    fn end_of_validity(&self) -> String {
        let which = if self.earlier_end.is_some() { "a" } else { "the" };
        let days = self.earlier_end.or_else(|| self.end()).map(|end| days_until(end, self.notice.at.0));
        let what = match days {
            _ if self.notice.reason == EXPIRED => "has expired".to_owned(),
            Some(days @ 0..) => format!("expires in {}", days_text(days)),
            _ => "expires soon".to_owned(),
        };
        format!("{which} certificate of {} {what}", self.place)
    }

    fn recovery(&self) -> String {
        let place = &self.place;
        match self.notice.about {
            _ if !self.is_well => format!("{place}: the alert {} has ended", self.notice.reason),
            Aspect::Certificate => self.certificate_again(),
            Aspect::Reachability => format!("{place} can be reached again"),
            Aspect::Expectation => format!("{place} serves the certificate that it should again"),
            Aspect::Consistency => format!("all addresses of {place} show the same again"),
            Aspect::Monitor => format!("the monitor of {place} works again"),
        }
    }

    fn certificate_again(&self) -> String {
        let what = match (self.is_new(), self.notice.reason.as_str()) {
            (true, EXPIRING | EXPIRED) => "was renewed",
            (true, _) => "was replaced",
            (false, EXPIRING) => "does not expire soon any more",
            (false, _) => "is valid again",
        };
        format!("the certificate of {} {what}{}", self.place, self.until())
    }

    fn change(&self) -> String {
        let what = if self.notice.reason == ISSUER_CHANGED { "is from another issuer now" } else { "was replaced" };
        format!("the certificate of {} {what}{}", self.place, self.until())
    }

    /// `: valid until 2027-02-21`, where that is known.
    fn until(&self) -> String {
        self.end().map_or_else(String::new, |end| format!(": valid until {}", end.strftime("%Y-%m-%d")))
    }

    fn end(&self) -> Option<Timestamp> {
        self.shown?.valid_to.as_ref().map(|end| end.0)
    }

    /// Whether the certificate was first seen after the problem had begun, in the place of another one.
    fn is_new(&self) -> bool {
        let fingerprint = self.notice.fingerprint.as_ref();
        let is_it = |entry: &HistoryEntry| fingerprint.is_some() && entry.fingerprint.as_ref() == fingerprint;
        let Some(first) = self.history.iter().rposition(is_it) else { return false };
        let was_another = self.history[first + 1..].iter().any(|entry| entry.fingerprint.is_some());
        was_another && self.history[first].checked_at.0 > self.notice.since.0
    }
}

/// Whether it is about a certificate that has ended, or is about to.
fn is_about_end(notice: &PendingNotice) -> bool {
    let is_bad = matches!(notice.kind, NoticeKind::Problem | NoticeKind::Reminder);
    is_bad && [EXPIRING, EXPIRED].contains(&notice.reason.as_str())
}

/// Whether the conditions say that what the notice is about is well.
fn is_well(status: &SslMonitorStatus, notice: &PendingNotice) -> bool {
    let is = |kind, wanted| find_condition(&status.conditions, kind).is_some_and(|it| it.status == wanted);
    match notice.about {
        Aspect::Certificate if notice.reason == EXPIRING => {
            is(ConditionType::CertificateValid, "True") && is(ConditionType::CertificateExpiring, "False")
        }
        Aspect::Certificate => is(ConditionType::CertificateValid, "True"),
        Aspect::Reachability => is(ConditionType::Reachable, "True"),
        Aspect::Expectation => is(ConditionType::ServedCertificateMatches, "True"),
        Aspect::Consistency => is(ConditionType::EndpointsConsistent, "True"),
        Aspect::Monitor => is(ConditionType::Ready, "True"),
    }
}

/// Reasons that have words of their own.
const EXPIRING: &str = "ExpiringSoon";
const EXPIRED: &str = "Expired";
const ISSUER_CHANGED: &str = "IssuerChanged";

/// In the largest unit of which there is one, rounded down.
pub fn how_long(duration: SignedDuration) -> String {
    let minutes = duration.as_mins();
    let (count, unit) = match minutes {
        ..1 => return "less than a minute".to_owned(),
        1..60 => (minutes, "minute"),
        60..1440 => (minutes / 60, "hour"),
        1440.. => (minutes / 1440, "day"),
    };
    if count == 1 { format!("1 {unit}") } else { format!("{count} {unit}s") }
}
