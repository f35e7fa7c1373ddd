//! The verdict: every dimension judged apart, after the handshake, from what the handshake recorded.

mod explain;
mod findings;
mod path;
mod rules;

use jiff::Timestamp;
use rustls::{
    CertificateError,
    pki_types::{CertificateDer, ServerName},
};
use webpki::EndEntityCert;
use x509_parser::prelude::{ParsedExtension, X509Certificate};

use super::{
    Certificate, Fault, FaultKind, Finding, Host, Presented, RevocationCheck, TrustStore, Verdict, certificate,
    revocation::{self, Listed},
    text,
};
use findings::Survey;
use path::{NoPath, Path};

pub(super) use path::{PathCache, queries};

/// The most certificates of a chain that are judged, leaf included; a probe accepts fewer, a file may hold spare ones.
const MAX_JUDGED: usize = 64;

/// RSA keys above this size are verified by nobody we know; the limit is the cryptographic library's.
const MAX_RSA_BITS: u32 = 8192;

/// Whether the server proved that it holds the leaf's key.
#[derive(Debug, Clone)]
pub(super) enum Proof {
    /// There was no server: the chain came from a file.
    NotAsked,
    /// The connection ended before the proof came.
    Missing,
    /// The signature over the handshake came, and verified or not.
    Given(Result<(), rustls::Error>),
}

/// What is to be judged, and by what.
#[derive(Debug, Clone)]
pub(super) struct Case {
    /// The chain as it was presented, leaf first; never empty.
    pub chain: Vec<CertificateDer<'static>>,
    pub proof: Proof,
    pub name: Host,
    pub trust: TrustStore,
    pub now: Timestamp,
    /// The OCSP answer that was stapled to the handshake; `None` when there was none, or there was no handshake.
    pub staple: Option<Vec<u8>>,
    /// What the CRLs that the chain names say; empty unless they were asked.
    pub lists: Vec<Listed>,
    /// How revocation is looked into.
    pub revocation: RevocationCheck,
    /// Whether it is a fault when it cannot be found out whether the certificate has been revoked.
    pub needs_revocation_state: bool,
}

/// Judge a chain. Found paths are remembered in `paths`.
pub(super) fn judge(case: &Case, paths: Option<&PathCache>) -> Presented {
    let leaf = &case.chain[0];
    let parsed = certificate::parse(leaf);
    let (positions, others): (Vec<usize>, Vec<X509Certificate<'_>>) = {
        let sent = case.chain.iter().enumerate().take(MAX_JUDGED).skip(1);
        sent.filter_map(|(position, der)| Some((position, certificate::parse(der)?))).unzip()
    };
    let facts = parsed.as_ref().map(certificate::facts);
    let (mut judgement, mut path) = (Judgement::default(), None);
    match (&parsed, &facts) {
        (Some(parsed), Some(facts)) => {
            let leaf = Leaf { der: leaf, parsed, facts, others: &others, positions: &positions };
            path = judgement.judge(case, &leaf, paths);
        }
        _ => judgement.add(FaultKind::CertificateUnparsable, unparsable(leaf)),
    }
    // Whoever issued the leaf is asked for only to verify an answer.
    let links = path.filter(|_| case.staple.is_some()).and_then(|path| path.links(case));
    let known = revocation::assess(&case.question(links.as_deref()));
    known.faults.into_iter().for_each(|fault| judgement.add(fault.kind, fault.detail));
    judgement.findings.extend(known.findings);
    judgement.findings.sort_by_key(|finding| finding.kind);
    let ends = parsed.iter().chain(&others).map(|parsed| certificate::validity(parsed).1);
    Presented {
        fingerprint: certificate::fingerprint(leaf),
        public_key: parsed.as_ref().map(certificate::public_key_pin),
        proven: matches!(case.proof, Proof::NotAsked | Proof::Given(Ok(()))),
        chain_length: case.chain.len(),
        presented_not_after: ends.min(),
        verified_not_after: judgement.verified_not_after,
        revocation: known.revocation,
        findings: judgement.findings,
        verdict: Verdict::of(judgement.faults),
        leaf: facts,
    }
}

// === impl Case ===

impl Case {
    fn question<'a>(&'a self, path: Option<&'a [revocation::Link<'a>]>) -> revocation::Question<'a> {
        revocation::Question {
            chain: &self.chain[..self.chain.len().min(MAX_JUDGED)],
            path,
            trust: &self.trust,
            now: self.now,
            check: self.revocation,
            needs_state: self.needs_revocation_state,
            staple: self.staple.as_deref(),
            lists: &self.lists,
        }
    }
}

fn unparsable(leaf: &[u8]) -> String {
    format!("the certificate ({} bytes) is not readable as X.509, or one of its dates is no date", leaf.len())
}

/// The leaf in all the forms that judging needs, and what was sent with it.
struct Leaf<'a> {
    der: &'a CertificateDer<'static>,
    parsed: &'a X509Certificate<'a>,
    facts: &'a Certificate,
    others: &'a [X509Certificate<'a>],
    /// Where each of the others stands in the chain.
    positions: &'a [usize],
}

#[derive(Default)]
struct Judgement {
    faults: Vec<Fault>,
    findings: Vec<Finding>,
    verified_not_after: Option<Timestamp>,
}

// === impl Judgement ===

impl Judgement {
    /// Note a fault, once a kind: the first detail is the more telling one.
    fn add(&mut self, kind: FaultKind, detail: impl Into<String>) {
        if self.faults.iter().all(|fault| fault.kind != kind) {
            self.faults.push(Fault { kind, detail: detail.into() });
        }
    }

    /// Judge, and tell the verified path.
    fn judge(&mut self, case: &Case, leaf: &Leaf<'_>, paths: Option<&PathCache>) -> Option<Path> {
        self.judge_time(case.now, leaf.facts);
        self.judge_key(&case.proof, leaf);
        self.judge_purpose(leaf.parsed);
        if let Some(broken) = rules::broken_by_any(leaf.parsed) {
            self.add(FaultKind::NotVerifiable, format!("the certificate {broken}"));
        }
        let mut path = None;
        match EndEntityCert::try_from(leaf.der) {
            Ok(readable) => {
                self.judge_name(
                    case,
                    leaf,
                    readable.verify_is_valid_for_subject_name(&server_name(&case.name)).is_ok(),
                );
                path = self.judge_trust(case, leaf, &readable, paths);
            }
            Err(error) => {
                self.judge_name(case, leaf, certificate::matches(leaf.parsed, &case.name));
                let (kind, detail) = explain::unreadable(&error, leaf);
                self.add(kind, detail);
            }
        }
        self.judge_proof(&case.proof, leaf);
        let is_key_faulty = self.faults.iter().any(|fault| fault.kind == FaultKind::WeakKey);
        self.findings = findings::survey(&Survey { case, leaf, path: path.as_ref(), is_key_faulty });
        path
    }

    fn judge_time(&mut self, now: Timestamp, leaf: &Certificate) {
        if whole_seconds(now) > leaf.not_after {
            self.add(FaultKind::Expired, format!("the certificate expired at {}", leaf.not_after));
        }
        if now < leaf.not_before {
            self.add(FaultKind::NotYetValid, format!("the certificate is not valid before {}", leaf.not_before));
        }
        if leaf.not_after < leaf.not_before {
            let detail = format!("the validity ends at {}, before it begins at {}", leaf.not_after, leaf.not_before);
            self.add(FaultKind::NotVerifiable, detail);
        }
    }

    fn judge_name(&mut self, case: &Case, leaf: &Leaf<'_>, matches: bool) {
        if !matches {
            let name = text::clean(&case.name.to_string());
            let detail = match certificate::presented(leaf.parsed) {
                Some(presented) => format!("the certificate is for {presented}, not for {name}"),
                None => format!("the certificate has no subject alternative name, so it is not for {name}"),
            };
            self.add(FaultKind::HostnameMismatch, detail);
        }
    }

    fn judge_key(&mut self, proof: &Proof, leaf: &Leaf<'_>) {
        if let Some(weakness) = certificate::weakness(leaf.parsed) {
            self.add(FaultKind::WeakKey, format!("the certificate's key is {weakness}"));
        } else if !matches!(proof, Proof::Given(_)) && !certificate::is_supported(leaf.parsed) {
            // No handshake told, but none could be verified.
            self.add(FaultKind::UnsupportedAlgorithm, UNUSUAL_KEY);
        }
    }

    /// webpki judges the purpose, too, but only where nothing worse hides it.
    fn judge_purpose(&mut self, leaf: &X509Certificate<'_>) {
        let purposes = leaf.extensions().iter().find_map(|extension| match extension.parsed_extension() {
            ParsedExtension::ExtendedKeyUsage(purposes) => Some(purposes),
            _ => None,
        });
        if purposes.is_some_and(|purposes| !purposes.server_auth) {
            self.add(FaultKind::WrongPurpose, explain::WRONG_PURPOSE);
        }
    }

    fn judge_trust(
        &mut self,
        case: &Case,
        leaf: &Leaf<'_>,
        readable: &EndEntityCert<'_>,
        paths: Option<&PathCache>,
    ) -> Option<Path> {
        if case.trust.pins(leaf.der) {
            self.verified_not_after = Some(leaf.facts.not_after);
            return None;
        }
        let Certificate { not_before, not_after, .. } = *leaf.facts;
        match path::find(case, readable, (not_before, not_after), paths) {
            Ok(path) => {
                self.verified_not_after = Some(path.not_after.min(not_after));
                Some(path)
            }
            Err(reason) => {
                self.add_distrust(&reason, case, leaf);
                None
            }
        }
    }

    /// Note why no path was found. A chain without a path is never valid, whether or not the reason is understood.
    fn add_distrust(&mut self, reason: &NoPath, case: &Case, leaf: &Leaf<'_>) {
        let error = match reason {
            NoPath::Broken(error) => error,
            NoPath::Refused(rule) => return self.add(FaultKind::NotVerifiable, rule),
        };
        if let Some((kind, detail)) = explain::distrust(error, case, leaf) {
            self.add(kind, detail);
        } else if self.faults.is_empty() {
            let detail = "no path to a trusted certificate was found, and nothing tells why".to_owned();
            self.add(FaultKind::NotVerifiable, detail);
        }
    }

    fn judge_proof(&mut self, proof: &Proof, leaf: &Leaf<'_>) {
        match proof {
            Proof::NotAsked | Proof::Given(Ok(())) => {}
            Proof::Missing => self.add(
                FaultKind::Unproven,
                "the connection ended before the server proved that it holds the certificate's key",
            ),
            Proof::Given(Err(error)) => self.judge_bad_proof(error, leaf),
        }
    }

    fn judge_bad_proof(&mut self, error: &rustls::Error, leaf: &Leaf<'_>) {
        use rustls::{
            Error::{InvalidCertificate, PeerMisbehaved},
            PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme as UnknownScheme,
        };
        let bits = certificate::rsa_bits(leaf.parsed);
        match error {
            // The library refuses weak keys as bad signatures: that is no mismatch.
            InvalidCertificate(_) if certificate::weakness(leaf.parsed).is_some() => {}
            InvalidCertificate(_) if bits.is_some_and(|bits| bits > MAX_RSA_BITS) => {
                let bits = bits.unwrap_or_default();
                let detail =
                    format!("the certificate's key is RSA with {bits} bits; at most {MAX_RSA_BITS} can be verified");
                self.add(FaultKind::UnsupportedAlgorithm, detail);
            }
            InvalidCertificate(_) | PeerMisbehaved(UnknownScheme) if !certificate::is_supported(leaf.parsed) => {
                self.add(FaultKind::UnsupportedAlgorithm, UNUSUAL_KEY);
            }
            InvalidCertificate(
                CertificateError::BadSignature
                | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. },
            ) => self.add(FaultKind::KeyMismatch, MISMATCH),
            // The certificate is not readable for webpki: the fault has been found. It must not be valid in any case.
            _ => self.add(
                FaultKind::NotVerifiable,
                "the server's proof that it holds the certificate's key is not verifiable",
            ),
        }
    }
}

const MISMATCH: &str =
    "the server does not hold the certificate's private key: its handshake signature does not verify";

const UNUSUAL_KEY: &str = "the certificate's kind of key is not supported";

/// `notAfter` is inclusive and has no fraction: the whole second counts.
fn whole_seconds(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

/// The name in webpki's words; what is no name matches nothing.
fn server_name(host: &Host) -> ServerName<'static> {
    let address = |address: std::net::IpAddr| ServerName::IpAddress(address.into());
    match host {
        Host::Address(host) => address(*host),
        Host::Name(name) => {
            ServerName::try_from(name.clone()).unwrap_or_else(|_| address(std::net::Ipv6Addr::UNSPECIFIED.into()))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::Duration;

    use rustls::pki_types::UnixTime;
    use xtask::farm::Authority;

    use super::*;

    type FarmLeaf = xtask::farm::Leaf;

    /// What is noted when the search for a path ends with this error, although nothing is wrong with the chain.
    fn noted(error: &webpki::Error, chain: &[CertificateDer<'static>]) -> Vec<(FaultKind, String)> {
        let case = Case {
            chain: chain.to_vec(),
            proof: Proof::NotAsked,
            name: Host::Name("a.test".to_owned()),
            trust: TrustStore::new(None, None).unwrap(),
            now: Timestamp::now(),
            staple: None,
            lists: Vec::new(),
            revocation: RevocationCheck::None,
            needs_revocation_state: false,
        };
        let parsed = certificate::parse(&chain[0]).unwrap();
        let facts = certificate::facts(&parsed);
        let leaf = Leaf { der: &chain[0], parsed: &parsed, facts: &facts, others: &[], positions: &[] };
        let mut judgement = Judgement::default();
        judgement.add_distrust(&NoPath::Broken(error.clone()), &case, &leaf);
        judgement.faults.into_iter().map(|fault| (fault.kind, fault.detail)).collect()
    }

    #[test]
    fn no_path_is_a_fault_whatever_is_known_of_the_reason() {
        let leaf = FarmLeaf::new(["a.test"]);
        let chain = Authority::new("Farm").issue(&leaf).chain;
        let unix = |seconds: i64| UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(seconds).unwrap()));
        let (from, until) = (unix(leaf.not_before.as_second()), unix(leaf.not_after.as_second()));
        let (time, other) = (unix(1_000_000_000), unix(1_100_000_000));
        let untold = "no path to a trusted certificate was found, and nothing tells why";
        for (error, kind, detail) in [
            (
                webpki::Error::CertExpired { time, not_after: other },
                FaultKind::IntermediateExpired,
                "an intermediate of the chain has expired",
            ),
            (
                webpki::Error::CertNotValidYet { time, not_before: other },
                FaultKind::IntermediateNotYetValid,
                "an intermediate of the chain is not valid yet",
            ),
            (webpki::Error::CertExpired { time, not_after: until }, FaultKind::NotVerifiable, untold),
            (webpki::Error::CertNotValidYet { time, not_before: from }, FaultKind::NotVerifiable, untold),
        ] {
            assert_eq!(noted(&error, &chain), [(kind, detail.to_owned())]);
        }
    }

    #[test]
    fn a_chain_without_proof_of_its_key_is_never_valid() {
        let authority = Authority::new("Farm");
        let case = Case {
            chain: authority.issue(&FarmLeaf::new(["a.test"])).chain,
            proof: Proof::NotAsked,
            name: Host::Name("a.test".to_owned()),
            trust: TrustStore::new(None, Some(authority.root_pem().as_bytes())).unwrap(),
            now: Timestamp::now(),
            staple: None,
            lists: Vec::new(),
            revocation: RevocationCheck::None,
            needs_revocation_state: false,
        };
        assert_eq!(judge(&case, None).verdict.faults, []);
        for (proof, kind) in [
            (Proof::Missing, FaultKind::Unproven),
            (
                Proof::Given(Err(rustls::Error::InvalidCertificate(CertificateError::BadSignature))),
                FaultKind::KeyMismatch,
            ),
            (Proof::Given(Err(rustls::Error::DecryptError)), FaultKind::NotVerifiable),
        ] {
            let presented = judge(&Case { proof, ..case.clone() }, None);
            assert_eq!(presented.verdict.worst().unwrap().kind, kind);
        }
    }
}
