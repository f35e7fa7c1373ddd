//! `ServedCertificateMatches`: whether the served certificate is the one that should be served.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::{
    super::{
        conditions::{ConditionStatus, ConditionType, Reason, Statement},
        decide::Input,
        endpoints::{incomplete, names, short, telling},
        referents::{ExpectedCertificate, Referent, expected_secret},
    },
    about_target, unjudged,
};
use crate::{
    api::{ExpectSpec, SslMonitorStatus},
    probe::{Certificate, Endpoint, Observation, Presented, text::clean},
};

/// One certificate that is served, and where.
struct Served<'a> {
    fingerprint: &'a str,
    not_before: Option<Timestamp>,
    not_after: Option<Timestamp>,
    /// All that is known, of the certificate that decides.
    presented: Option<&'a Presented>,
    /// The addresses that serve it; none where there is only one.
    endpoints: Vec<&'a Endpoint>,
}

type Verdict = (ConditionStatus, Reason, String);

pub(super) fn matches(input: &Input<'_>, status: &SslMonitorStatus) -> Option<Condition> {
    let kind = ConditionType::ServedCertificateMatches;
    let expect = input.monitor.spec.expect.as_ref()?;
    let observation = match about_target(input, kind) {
        Err(condition) => return Some(*condition),
        Ok(observation) => observation,
    };
    let Some(presented) = observation.presented.as_ref().filter(|_| incomplete(observation).is_none()) else {
        return Some(unjudged(input, kind, observation, status));
    };
    let served = served(observation, presented);
    let (status, reason, message) = judgement(input, expect, &served);
    Some(Statement { kind, status, reason, message }.condition(input))
}

/// The certificates that are served: the one that decides first, then those of other addresses.
fn served<'a>(observation: &'a Observation, presented: &'a Presented) -> Vec<Served<'a>> {
    let leaf = presented.leaf.as_ref();
    let mut served = vec![Served {
        fingerprint: &presented.fingerprint,
        not_before: leaf.map(|leaf| leaf.not_before),
        not_after: leaf.map(|leaf| leaf.not_after),
        presented: Some(presented),
        endpoints: Vec::new(),
    }];
    let endpoints = telling(observation);
    let has_several = endpoints.len() > 1;
    for endpoint in endpoints.into_iter().filter(|_| has_several) {
        let Some(fingerprint) = endpoint.fingerprint.as_deref() else { continue };
        match served.iter_mut().find(|served| served.fingerprint == fingerprint) {
            Some(served) => served.endpoints.push(endpoint),
            None => served.push(Served {
                fingerprint,
                not_before: endpoint.not_before,
                not_after: endpoint.not_after,
                presented: None,
                endpoints: vec![endpoint],
            }),
        }
    }
    served
}

/// The Secret first, for it says most; then every list. What cannot be looked at is unknown unless something else is wrong.
fn judgement(input: &Input<'_>, expect: &ExpectSpec, served: &[Served<'_>]) -> Verdict {
    let secret = expected_secret(&input.monitor.spec);
    let differs = secret.zip(input.expected).and_then(|(name, expected)| against_secret(name, expected, served));
    let wrong = differs
        .or_else(|| against_fingerprints(&expect.fingerprints, served))
        .or_else(|| against_public_keys(&expect.public_keys, served))
        .or_else(|| against_issuers(&expect.issuers, served));
    let problem = input.problems.iter().find(|problem| problem.what == Referent::ExpectedCertificate);
    match (wrong, problem) {
        (Some(wrong), _) => wrong,
        (None, Some(problem)) => (ConditionStatus::Unknown, problem.reason(), problem.message.clone()),
        (None, None) => {
            let fingerprint = served.first().map_or_else(String::new, |served| short(served.fingerprint));
            let message = format!("{fingerprint} is served, as it should be");
            (ConditionStatus::True, Reason::Matches, message)
        }
    }
}

fn against_secret(name: &str, expected: &ExpectedCertificate, served: &[Served<'_>]) -> Option<Verdict> {
    let others: Vec<&Served<'_>> =
        served.iter().filter(|served| !is_same_digest(served.fingerprint, &expected.fingerprint)).collect();
    let holds = format!(
        "the Secret {name} holds a certificate valid until {} ({})",
        expected.not_after,
        short(&expected.fingerprint)
    );
    let of = |wanted: Age| others.iter().copied().filter(|served| served.age(expected) == wanted).collect::<Vec<_>>();
    let (stale, newer) = (of(Age::Older), of(Age::Newer));
    let (reason, message) = if !stale.is_empty() {
        let who = who_serves(&stale, "still ");
        (Reason::NotReloaded, format!("renewed but not reloaded: {holds}, {who}; reload or restart what serves it"))
    } else if !newer.is_empty() {
        let who = who_serves(&newer, "");
        (
            Reason::SecretOutdated,
            format!("{holds}, older than what is served: {who}; put the new certificate into the Secret"),
        )
    } else if !others.is_empty() {
        (Reason::UnexpectedCertificate, format!("{holds}, {}", who_serves(&others, "")))
    } else {
        return None;
    };
    Some((ConditionStatus::False, reason, message))
}

fn against_fingerprints(wanted: &[String], served: &[Served<'_>]) -> Option<Verdict> {
    let is_wanted = |served: &Served<'_>| wanted.iter().any(|wanted| is_same_digest(wanted, served.fingerprint));
    let others: Vec<&Served<'_>> = served.iter().filter(|served| !is_wanted(served)).collect();
    let message = || format!("{}, which is not among expect.fingerprints", who_serves(&others, ""));
    (!wanted.is_empty() && !others.is_empty())
        .then(|| (ConditionStatus::False, Reason::UnexpectedCertificate, message()))
}

/// Of the keys only that of the certificate that decides is known.
fn against_public_keys(wanted: &[String], served: &[Served<'_>]) -> Option<Verdict> {
    let presented = served.first()?.presented?;
    let key = presented.public_key.as_deref();
    let is_wanted = key.is_some_and(|key| wanted.iter().any(|wanted| pin(wanted) == pin(key)));
    let message = || {
        let key = key.unwrap_or("a key that cannot be read");
        format!("the public key is {key}, which is not among expect.publicKeys")
    };
    (!wanted.is_empty() && !is_wanted).then(|| (ConditionStatus::False, Reason::UnexpectedPublicKey, message()))
}

/// Of the issuers only that of the certificate that decides is known.
fn against_issuers(wanted: &[String], served: &[Served<'_>]) -> Option<Verdict> {
    let leaf = served.first()?.presented?.leaf.as_ref();
    let is_wanted = leaf.is_some_and(|leaf| wanted.iter().any(|wanted| is_issued_by(leaf, wanted)));
    let message = || {
        let issuer = leaf.map_or("an issuer that cannot be read", |leaf| &leaf.issuer_dn);
        format!("the certificate was issued by {issuer}, which is not among expect.issuers")
    };
    (!wanted.is_empty() && !is_wanted).then(|| (ConditionStatus::False, Reason::UnexpectedIssuer, message()))
}

/// `192.0.2.1 and 192.0.2.2 still serve one valid until … (SHA256:…)`, certificate by certificate.
fn who_serves(served: &[&Served<'_>], still: &str) -> String {
    let tell = |served: &&Served<'_>| {
        let who = match served.endpoints.len() {
            0 => format!("the server {still}serves"),
            1 => format!("{} {still}serves", names(&served.endpoints)),
            _ => format!("{} {still}serve", names(&served.endpoints)),
        };
        let until = served.not_after.map_or_else(|| "one".to_owned(), |end| format!("one valid until {end}"));
        format!("{who} {until} ({})", short(served.fingerprint))
    };
    served.iter().map(tell).collect::<Vec<_>>().join(", ")
}

/// Whether two SHA-256 digests in hexadecimal are the same, with or without prefix and colons, in any case.
fn is_same_digest(one: &str, other: &str) -> bool {
    let digits = |text: &str| -> String {
        let text = text.strip_prefix("SHA256:").unwrap_or(text);
        text.chars().filter(|c| *c != ':').map(|c| c.to_ascii_uppercase()).collect()
    };
    digits(one) == digits(other)
}

/// The base64 of a pin: `sha256//…`, or with one slash, which base64 may begin with, too.
fn pin(text: &str) -> &str {
    /// The length of a SHA-256 digest in base64.
    const LENGTH: usize = 44;
    text.get(text.len().saturating_sub(LENGTH)..).unwrap_or(text)
}

/// Whether this is the issuer's common name, its organisation or its whole name.
fn is_issued_by(leaf: &Certificate, wanted: &str) -> bool {
    let wanted = clean(wanted);
    let mut parts = parts(&leaf.issuer_dn);
    leaf.issuer == wanted
        || leaf.issuer_dn == wanted
        || parts.any(|part| {
            let value = part.strip_prefix("CN=").or_else(|| part.strip_prefix("O="));
            value.is_some_and(|value| unescaped(value) == wanted)
        })
}

/// The attributes of a name in RFC 4514 form: parted by commas and plus signs that no backslash precedes.
fn parts(name: &str) -> impl Iterator<Item = &str> {
    let mut is_escaped = false;
    name.split(move |c| {
        let is_end = !is_escaped && matches!(c, ',' | '+');
        is_escaped = c == '\\' && !is_escaped;
        is_end
    })
}

/// A value without the backslashes of RFC 4514 §2.4.
fn unescaped(value: &str) -> String {
    let mut is_escaped = false;
    let mut is_kept = |c: char| {
        is_escaped = c == '\\' && !is_escaped;
        !is_escaped
    };
    value.chars().filter(|c| is_kept(*c)).collect()
}

/// How a served certificate stands to the expected one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Age {
    Older,
    Newer,
    Same,
}

// === impl Served ===

impl Served<'_> {
    /// By the beginning of validity, which a renewal moves forward even where it makes the certificate shorter; by the end where the
    /// beginning is not known or the same.
    fn age(&self, expected: &ExpectedCertificate) -> Age {
        let begins = self.not_before.map_or(std::cmp::Ordering::Equal, |begin| begin.cmp(&expected.not_before));
        let ends = self.not_after.map_or(std::cmp::Ordering::Equal, |end| end.cmp(&expected.not_after));
        match begins.then(ends) {
            std::cmp::Ordering::Less => Age::Older,
            std::cmp::Ordering::Greater => Age::Newer,
            std::cmp::Ordering::Equal => Age::Same,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_the_same_however_they_are_written() {
        let digest = "SHA256:".to_owned() + &["AB"; 32].join(":");
        for written in [digest.clone(), ["ab"; 32].join(":"), "Ab".repeat(32), format!("SHA256:{}", "AB".repeat(32))] {
            assert!(is_same_digest(&written, &digest), "{written}");
        }
        assert!(!is_same_digest(&("AB".repeat(31) + "AC"), &digest));
    }

    #[test]
    fn pins_are_the_same_with_one_slash_and_with_two() {
        let base64 = "/".to_owned() + &"A".repeat(42) + "=";
        for written in [format!("sha256//{base64}"), format!("sha256/{base64}")] {
            assert_eq!(pin(&written), base64);
        }
    }

    #[test]
    fn names_are_taken_apart_where_nothing_is_escaped() {
        let name = r"CN=R3\, really,O=Let's Encrypt\+Co+OU=a\\,C=US";
        assert_eq!(parts(name).collect::<Vec<_>>(), [r"CN=R3\, really", r"O=Let's Encrypt\+Co", r"OU=a\\", "C=US"]);
        assert_eq!(unescaped(r"R3\, really\\"), r"R3, really\");
    }
}
