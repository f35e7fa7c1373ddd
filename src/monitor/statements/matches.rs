//! `ServedCertificateMatches`: whether the served certificate is the one that should be served.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::{
    super::{
        conditions::{ConditionStatus, ConditionType, Reason, Statement},
        decide::Input,
        endpoints::{answered, grouped, incomplete, listing, names, short, telling},
        referents::{ExpectedCertificate, Referent, expected_secret},
    },
    about_target, unjudged,
};
use crate::{
    api::{ExpectSpec, SslMonitorStatus},
    probe::{Endpoint, Observation, Presented, text::clean},
};

/// One certificate that is served, and where.
struct Served<'a> {
    fingerprint: &'a str,
    not_before: Option<Timestamp>,
    not_after: Option<Timestamp>,
    public_key: Option<&'a str>,
    /// The issuer's name, and its whole name.
    issuer: Option<(&'a str, &'a str)>,
    /// The addresses that serve it; none where there is only one, or none is known.
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

/// The certificates that are served by the addresses that answered, in the order of their first addresses; where no address is
/// known, because a proxy resolved the name, the one that was seen.
fn served<'a>(observation: &'a Observation, presented: &'a Presented) -> Vec<Served<'a>> {
    let endpoints = telling(observation);
    let is_alone = endpoints.len() < 2;
    let answered: Vec<&Endpoint> = endpoints.into_iter().filter(|endpoint| answered(endpoint)).collect();
    let groups = grouped(&answered, |endpoint| endpoint.fingerprint.as_deref());
    let served: Vec<Served<'_>> = groups.into_iter().filter_map(|(_, group)| Served::by(group)).collect();
    if served.is_empty() || is_alone { vec![Served::alone(presented)] } else { served }
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
            let fingerprints: Vec<String> = served.iter().map(|served| short(served.fingerprint)).collect();
            let verb = if served.len() == 1 { "is served, as it should be" } else { "are served, as they should be" };
            (ConditionStatus::True, Reason::Matches, format!("{} {verb}", listing(&fingerprints)))
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
    let others = unwanted(wanted, served, is_wanted)?;
    let message = format!("{}, which {} not among expect.fingerprints", who_serves(&others, ""), be(&others));
    Some((ConditionStatus::False, Reason::UnexpectedCertificate, message))
}

fn against_public_keys(wanted: &[String], served: &[Served<'_>]) -> Option<Verdict> {
    let is_wanted =
        |served: &Served<'_>| served.public_key.is_some_and(|key| wanted.iter().any(|wanted| pin(wanted) == pin(key)));
    let others = unwanted(wanted, served, is_wanted)?;
    let key = |served: &Served<'_>| {
        let key = served.public_key.map(|key| format!("the public key {key}"));
        format!("one with {}", key.unwrap_or_else(|| "a public key that cannot be read".to_owned()))
    };
    let message = format!("{}, which {} not among expect.publicKeys", who(&others, "", key), be(&others));
    Some((ConditionStatus::False, Reason::UnexpectedPublicKey, message))
}

fn against_issuers(wanted: &[String], served: &[Served<'_>]) -> Option<Verdict> {
    let is_wanted = |served: &Served<'_>| {
        served.issuer.is_some_and(|(name, dn)| wanted.iter().any(|wanted| is_called(name, dn, wanted)))
    };
    let others = unwanted(wanted, served, is_wanted)?;
    let issuer = |served: &Served<'_>| {
        format!("one issued by {}", served.issuer.map_or("an issuer that cannot be read", |(_, dn)| dn))
    };
    let message = format!("{}, which {} not among expect.issuers", who(&others, "", issuer), be(&others));
    Some((ConditionStatus::False, Reason::UnexpectedIssuer, message))
}

/// The served certificates that a list does not name; `None` when there is no list, or it names them all.
fn unwanted<'a, 'b>(
    wanted: &[String],
    served: &'b [Served<'a>],
    is_wanted: impl Fn(&Served<'a>) -> bool,
) -> Option<Vec<&'b Served<'a>>> {
    let others: Vec<&Served<'_>> = served.iter().filter(|served| !is_wanted(served)).collect();
    (!wanted.is_empty() && !others.is_empty()).then_some(others)
}

/// `192.0.2.1 and 192.0.2.2 still serve one valid until … (SHA256:…)`, certificate by certificate.
fn who_serves(served: &[&Served<'_>], still: &str) -> String {
    who(served, still, |served| {
        let until = served.not_after.map_or_else(|| "one".to_owned(), |end| format!("one valid until {end}"));
        format!("{until} ({})", short(served.fingerprint))
    })
}

/// `192.0.2.1 and 192.0.2.2 still serve …`, certificate by certificate.
fn who(served: &[&Served<'_>], still: &str, what: impl Fn(&Served<'_>) -> String) -> String {
    let tell = |served: &&Served<'_>| {
        let who = match served.endpoints.len() {
            0 => format!("the server {still}serves"),
            1 => format!("{} {still}serves", names(&served.endpoints)),
            _ => format!("{} {still}serve", names(&served.endpoints)),
        };
        format!("{who} {}", what(served))
    };
    served.iter().map(tell).collect::<Vec<_>>().join(", ")
}

fn be(served: &[&Served<'_>]) -> &'static str {
    if served.len() == 1 { "is" } else { "are" }
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

/// Whether an issuer of this name and whole name is called so: by its common name, its organisation or its whole name.
fn is_called(name: &str, dn: &str, wanted: &str) -> bool {
    let wanted = clean(wanted);
    let mut parts = parts(dn);
    name == wanted
        || dn == wanted
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

impl<'a> Served<'a> {
    /// The only one that is served.
    fn alone(presented: &'a Presented) -> Self {
        let leaf = presented.leaf.as_ref();
        Self {
            fingerprint: &presented.fingerprint,
            not_before: leaf.map(|leaf| leaf.not_before),
            not_after: leaf.map(|leaf| leaf.not_after),
            public_key: presented.public_key.as_deref(),
            issuer: leaf.map(|leaf| (leaf.issuer.as_str(), leaf.issuer_dn.as_str())),
            endpoints: Vec::new(),
        }
    }

    /// What these addresses serve, which is the same.
    fn by(endpoints: Vec<&'a Endpoint>) -> Option<Self> {
        let first = *endpoints.first()?;
        Some(Self {
            fingerprint: first.fingerprint.as_deref()?,
            not_before: first.not_before,
            not_after: first.not_after,
            public_key: first.public_key.as_deref(),
            issuer: first.issuer.as_ref().map(|issuer| (issuer.name.as_str(), issuer.dn.as_str())),
            endpoints,
        })
    }

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
