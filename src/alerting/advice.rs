//! Each reason in a headline, and what to do about it.

mod failures;
mod faults;

use crate::monitor::Reason;

/// The headline of a problem, in which `{place}` stands for where it is, and what to do about it in one sentence.
pub(super) type Advice = (&'static str, &'static str);

/// The headline of a problem at this place, and what to do about it in one sentence; `None` for a reason that is no problem, or none of
/// this version.
pub fn advise(reason: &str, place: &str) -> Option<(String, &'static str)> {
    advice(reason).map(|(headline, advice)| (headline.replace("{place}", place), advice))
}

/// The advice on a reason as it is written in a status; `None` for one that is no problem, or none of this version.
pub(super) fn advice(reason: &str) -> Option<Advice> {
    Reason::all().find(|known| known.as_str() == reason).and_then(of)
}

#[allow(clippy::too_many_lines)] // a table
fn of(reason: Reason) -> Option<Advice> {
    Some(match reason {
        Reason::Progressing
        | Reason::Monitoring
        | Reason::Disabled
        | Reason::Connected
        | Reason::PartlyReachable
        | Reason::Valid
        | Reason::NotExpiring
        | Reason::Consistent
        | Reason::Matches
        | Reason::Linked
        // What is wrong with a delivery cannot be told by one.
        | Reason::Delivered
        | Reason::DeliveryFailing
        | Reason::DeliveryRefused
        // Nor is a channel told of itself.
        | Reason::Configured
        | Reason::Suspended => return None,
        Reason::InvalidSpec => (
            "the monitor of {place} cannot work as it is configured",
            "Correct the spec of the monitor: the message says what is wrong with it.",
        ),
        Reason::ServiceNotFound => (
            "the Service that the monitor of {place} is linked to does not exist",
            "Create the Service, or correct serviceRef of the monitor.",
        ),
        Reason::Forbidden => (
            "the operator may not do what the monitor of {place} asks for",
            "Give the operator the right that the message names (RBAC or an admission policy), or change the monitor.",
        ),
        Reason::CaBundleNotFound => (
            "the CA bundle of the monitor of {place} does not exist",
            "Create the ConfigMap or Secret of the bundle, or correct tls.caBundle of the monitor.",
        ),
        Reason::CaBundleKeyNotFound => (
            "the CA bundle of the monitor of {place} is not where it should be",
            "Add the key to the ConfigMap or Secret of the bundle, or correct tls.caBundle of the monitor.",
        ),
        Reason::CaBundleInvalid => (
            "the CA bundle of the monitor of {place} cannot be read",
            "Put the CA certificates into the ConfigMap or Secret of the bundle as PEM text.",
        ),
        Reason::CaBundleNotAllowed => (
            "the CA bundle of the monitor of {place} may not be used",
            "Label the Secret of the bundle sslmonitor.io/allowed: \"true\" if the operator is to use it.",
        ),
        Reason::CaBundleUnavailable => (
            "the CA bundle of the monitor of {place} could not be fetched",
            "See whether the API server answers the operator, which goes on trying.",
        ),
        Reason::SecretNotFound => (
            "a Secret that the monitor of {place} needs does not exist",
            "Create the Secret, or correct the field that names it.",
        ),
        Reason::SecretKeyNotFound => (
            "a Secret that the monitor of {place} needs lacks a key",
            "Add the key to the Secret, or name another Secret in the monitor.",
        ),
        Reason::SecretInvalid => (
            "a Secret that the monitor of {place} needs does not hold what it should",
            "Put into the Secret what the message says it should hold.",
        ),
        Reason::SecretNotAllowed => (
            "a Secret that the monitor of {place} needs may not be used",
            "Label the Secret sslmonitor.io/allowed: \"true\" if the operator is to use it.",
        ),
        Reason::SecretUnavailable => (
            "a Secret that the monitor of {place} needs could not be fetched",
            "See whether the API server answers the operator, which goes on trying.",
        ),
        Reason::ChannelNotFound => (
            "a NotificationChannel that the monitor of {place} names does not exist",
            "Create the NotificationChannel, or correct notificationChannels of the monitor.",
        ),
        Reason::ChannelNotReady => (
            "a NotificationChannel that the monitor of {place} names cannot be used",
            "Mend the NotificationChannel: its condition Ready says what is wrong with it.",
        ),
        Reason::ProbeFailed => (
            "the certificate of {place} has not been seen lately",
            "Find out why the server cannot be reached: the message says what came of the last check.",
        ),
        Reason::ExpiringSoon => (
            "the certificate of {place} expires soon",
            "Renew and install it and reload the server; where that is automatic, find out why it did not happen.",
        ),
        Reason::CertificatesDiffer => (
            "the addresses of {place} serve different certificates",
            "Bring the new certificate to the servers that the message names, and reload them.",
        ),
        Reason::VerdictsDiffer => (
            "the certificate of {place} is not valid at all of its addresses",
            "Give the servers that the message names the whole chain, as the others have it.",
        ),
        Reason::SomeUnreachable => (
            "some addresses of {place} cannot be reached",
            "Bring the servers that the message names back, or take their addresses out of the DNS.",
        ),
        Reason::NotReloaded => (
            "{place} still serves the old certificate",
            "Reload or restart what serves it: the renewed certificate is in its Secret already.",
        ),
        Reason::SecretOutdated => (
            "{place} serves a newer certificate than its Secret holds",
            "Put the certificate that is served into the Secret, before the old one is installed from there.",
        ),
        Reason::UnexpectedCertificate => (
            "{place} serves another certificate than it should",
            "Find out who installed it; install the right one, or correct expect of the monitor.",
        ),
        Reason::UnexpectedPublicKey => (
            "{place} serves a certificate with another key than it should",
            "Bring the old key back for clients that pin it, or correct expect.publicKeys of the monitor.",
        ),
        Reason::UnexpectedIssuer => (
            "{place} serves a certificate of another issuer than it should",
            "Find out who ordered it and have it revoked if nobody did, or correct expect.issuers of the monitor.",
        ),
        Reason::Fault(kind) => faults::of(kind),
        Reason::Failure(reason) => failures::of(reason),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// What is said of a monitor that is well, and of deliveries.
    const GOOD: [&str; 15] = [
        "Progressing",
        "Monitoring",
        "Disabled",
        "Connected",
        "PartlyReachable",
        "Valid",
        "NotExpiring",
        "Consistent",
        "Matches",
        "Linked",
        "Delivered",
        "DeliveryFailing",
        "DeliveryRefused",
        "Configured",
        "Suspended",
    ];

    #[test]
    fn every_reason_that_is_a_problem_has_its_own_headline_and_one_sentence_of_advice() {
        let mut headlines = BTreeSet::new();
        for reason in Reason::all().map(Reason::as_str) {
            let Some((headline, advice)) = advice(reason) else {
                assert!(GOOD.contains(&reason), "{reason} has no advice");
                continue;
            };
            assert!(!GOOD.contains(&reason), "{reason} is no problem");
            assert!(headlines.insert(headline), "{reason}: {headline}");
            assert!(headline.matches("{place}").count() == 1 && !headline.ends_with('.'), "{reason}: {headline}");
            assert!(headline.len() <= 90, "{reason}: {headline}");
            let is_sentence = advice.ends_with('.') && advice.starts_with(char::is_uppercase);
            assert!(is_sentence && !advice.contains(". ") && advice.len() <= 160, "{reason}: {advice}");
        }
    }

    #[test]
    fn a_reason_of_another_version_has_none() {
        assert_eq!(advice("Unheard"), None);
        assert_eq!(advice(""), None);
    }
}
