//! What is said of chains besides their faults, over real handshakes.

use jiff::{SignedDuration, Timestamp};
use rcgen::{BasicConstraints, CertificateParams, CustomExtension, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::pki_types::CertificateDer;
use ssl_monitor_operator::probe::{
    FaultKind, FindingKind, FindingSeverity, Host, Observation, SystemRoots, TrustStore, judge_pem,
};
use xtask::farm::{Authority, Issued, Leaf, pem};

use crate::support::{
    der::{COMMON_NAME, Draft, UTF8, dns, extension, name, sequence, tlv},
    detail, faults, look_at, trust,
};

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// What was found, each as severity, kind and detail.
fn findings(seen: &Observation) -> Vec<(FindingSeverity, FindingKind, &str)> {
    let findings = &seen.presented.as_ref().unwrap().findings;
    findings.iter().map(|finding| (finding.kind.severity(), finding.kind, finding.detail.as_str())).collect()
}

pub(crate) fn kinds(seen: &Observation) -> Vec<FindingKind> {
    findings(seen).into_iter().map(|(_, kind, _)| kind).collect()
}

fn good() -> Leaf {
    Leaf::new(["a.test"])
}

/// A CA's certificate and key, for chains that the farm does not make.
pub(crate) struct Ca {
    pub params: CertificateParams,
    key: KeyPair,
}

impl Ca {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params.use_authority_key_identifier_extension = true;
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        Self { params, key: KeyPair::generate().unwrap() }
    }

    pub(crate) fn root(&self) -> CertificateDer<'static> {
        self.params.self_signed(&self.key).unwrap().der().clone()
    }

    pub(crate) fn sign(&self, params: &CertificateParams, key: &KeyPair) -> CertificateDer<'static> {
        params.signed_by(key, &Issuer::from_params(&self.params, &self.key)).unwrap().der().clone()
    }

    pub(crate) fn certify(&self, other: &Self) -> CertificateDer<'static> {
        self.sign(&other.params, &other.key)
    }

    /// A chain of a leaf that this CA issued and of these.
    pub(crate) fn issue(&self, others: impl IntoIterator<Item = CertificateDer<'static>>) -> Issued {
        let key = good().key();
        Issued::new(std::iter::once(self.sign(&good().params(), &key)).chain(others).collect(), &key)
    }
}

pub(crate) fn trusting(root: CertificateDer<'static>) -> TrustStore {
    TrustStore::new(None, Some(pem(&[root]).as_bytes())).unwrap()
}

#[tokio::test]
async fn nothing_is_said_of_a_good_chain() {
    let authority = Authority::new("Farm");
    for leaf in [good(), good().rsa()] {
        let seen = look_at(authority.issue(&leaf), &trust(&authority)).await;
        assert_eq!((faults(&seen), findings(&seen)), (vec![], vec![]));
    }
}

#[tokio::test]
async fn what_was_sent_out_of_order_or_for_nothing_is_told() {
    let (farm, other) = (Authority::new("Farm"), Authority::new("Other"));
    let issued = farm.issue(&good());
    let leaf = issued.chain[0].clone();
    for (chain, expected) in [
        (
            vec![leaf.clone(), farm.root(), farm.intermediate()],
            vec![
                (
                    FindingKind::ChainOrder,
                    "the certificate is not followed by its issuer CN=Farm Intermediate, which comes as number 3: some clients \
                     read chains in order only",
                ),
                (
                    FindingKind::Superfluous,
                    "certificate 2 of the chain, CN=Farm Root, is a root, which need not be sent: clients trust their own \
                     copy or none",
                ),
            ],
        ),
        (
            vec![leaf.clone(), leaf.clone(), farm.intermediate()],
            vec![(FindingKind::Superfluous, "certificate 2 of the chain, CN=a.test, was sent before")],
        ),
        (
            vec![leaf.clone(), farm.intermediate(), other.intermediate(), other.root(), farm.intermediate()],
            vec![(
                FindingKind::Superfluous,
                "certificate 3 of the chain, CN=Other Intermediate, has nothing to do with the server's certificate; and 2 more",
            )],
        ),
    ] {
        let seen = look_at(Issued { chain, ..issued.clone() }, &trust(&farm)).await;
        let found: Vec<_> = findings(&seen).into_iter().map(|(_, kind, detail)| (kind, detail)).collect();
        assert_eq!((faults(&seen), found), (vec![], expected));
    }
    let reversed = Issued { chain: vec![farm.root(), farm.intermediate(), leaf], ..issued };
    let seen = look_at(reversed, &trust(&farm)).await;
    let says = "the first certificate of the chain, CN=Farm Root, is the CA that issued number 2, CN=Farm Intermediate: the \
                server's own must come first";
    assert_eq!(findings(&seen)[0], (FindingSeverity::Warning, FindingKind::ChainOrder, says));
    assert!(!kinds(&seen).contains(&FindingKind::Superfluous), "{seen:?}");
    assert!(faults(&seen).contains(&FaultKind::HostnameMismatch));
}

#[tokio::test]
async fn an_issuer_before_what_it_issued_is_out_of_order() {
    let [one, two, three, root] = ["One", "Two", "Three", "Root"].map(Ca::new);
    let (first, second, third) = (two.certify(&one), three.certify(&two), root.certify(&three));
    let ordered = one.issue([first.clone(), second.clone(), third.clone()]);
    let seen = look_at(ordered, &trusting(root.root())).await;
    assert_eq!((faults(&seen), findings(&seen)), (vec![], vec![]));
    let seen = look_at(one.issue([first, third, second]), &trusting(root.root())).await;
    let says = "certificate 3 of the chain, CN=Three, comes before the one that it issued: some clients read chains in order only";
    assert_eq!(findings(&seen), [(FindingSeverity::Warning, FindingKind::ChainOrder, says)]);
    assert_eq!(faults(&seen), []);
}

#[tokio::test]
async fn an_expired_cross_sign_beside_a_good_path_does_not_matter() {
    let [ca, mut root, elder] = ["CA", "Root", "Elder"].map(Ca::new);
    let own = root.root();
    root.params.not_before = rcgen::date_time_ymd(2000, 9, 30);
    root.params.not_after = rcgen::date_time_ymd(2021, 9, 30);
    let cross = elder.certify(&root);
    let seen = look_at(ca.issue([root.certify(&ca), cross]), &trusting(own)).await;
    let says = "certificate 3 of the chain, CN=Root, expired at 2021-09-30T00:00:00Z; it is not needed, but some clients stumble \
                over it";
    assert_eq!(findings(&seen), [(FindingSeverity::Info, FindingKind::UnusedExpired, says)]);
    assert_eq!(faults(&seen), []);
}

#[tokio::test]
async fn weak_keys_and_signatures_are_told() {
    let farm = Authority::new("Farm");
    let sha1 = [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 1];
    let seen = look_at(
        Draft { signature_algorithm: sha1.to_vec(), ..Draft::new() }.issue(&farm, "Farm Intermediate"),
        &trust(&farm),
    )
    .await;
    assert_eq!(faults(&seen), [FaultKind::UnsupportedAlgorithm]);
    let says = "the certificate is signed with ecdsa-with-SHA1, which clients refuse";
    assert_eq!(findings(&seen)[0], (FindingSeverity::Warning, FindingKind::WeakSignature, says));

    // Of the same name as the issuer, so it may be taken for it.
    let weak = Draft {
        subject: name(&[(COMMON_NAME, UTF8, b"Farm Intermediate")]),
        public_key: crate::certificates::rsa(1024),
        ..Draft::new()
    };
    let mut issued = farm.issue(&good());
    issued.chain.push(weak.issue(&farm, "Farm Root").chain[0].clone());
    let seen = look_at(issued, &trust(&farm)).await;
    let says = "the key of the intermediate CN=Farm Intermediate is RSA with 1024 bits; at least 2048 are needed";
    assert_eq!(findings(&seen), [(FindingSeverity::Warning, FindingKind::WeakKey, says)]);
    assert_eq!(faults(&seen), []);
}

#[tokio::test]
async fn a_validity_beyond_the_rules_is_told_of_public_authorities_only() {
    let farm = Authority::new("Farm");
    let now = Timestamp::now();
    let system = SystemRoots::from_pem(farm.root_pem().as_bytes()).unwrap();
    let public = TrustStore::new(Some(&system), None).unwrap();
    let long = farm.issue(&good().valid(now - DAY, now + DAY * 800));
    let seen = look_at(long.clone(), &public).await;
    assert_eq!((faults(&seen), kinds(&seen)), (vec![], vec![FindingKind::ValidityTooLong]));
    assert!(findings(&seen)[0].2.starts_with("the certificate is valid for 802 days; public authorities may grant "));
    let seen = look_at(long, &trust(&farm)).await;
    assert_eq!((faults(&seen), findings(&seen)), (vec![], vec![]));
    let seen = look_at(farm.issue(&good().expires_in_days(30)), &public).await;
    assert_eq!((faults(&seen), findings(&seen)), (vec![], vec![]));
}

#[tokio::test]
async fn a_staple_that_is_demanded_and_not_sent_is_critical_for_a_server() {
    let farm = Authority::new("Farm");
    for (features, expected) in [
        (vec![tlv(2, [5])], vec![FindingKind::MustStapleMissing]),
        (vec![tlv(2, [17]), tlv(2, [5])], vec![FindingKind::MustStapleMissing]),
        (vec![tlv(2, [17])], vec![]),
    ] {
        let mut params = good().params();
        params.custom_extensions =
            vec![CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 24], sequence(&features))];
        let issued = farm.issue_from(&params, &good().key());
        let from_file =
            judge_pem(issued.chain_pem().as_bytes(), &Host::Name("a.test".into()), &trust(&farm), Timestamp::now());
        let seen = look_at(issued, &trust(&farm)).await;
        assert_eq!((faults(&seen), kinds(&seen)), (vec![], expected));
        assert_eq!(from_file.unwrap().findings, [], "a file cannot staple");
    }
    assert_eq!(FindingKind::MustStapleMissing.severity(), FindingSeverity::Critical);
}

#[tokio::test]
async fn a_pinned_leaf_is_told() {
    let issued = xtask::farm::self_signed(&good());
    let seen = look_at(issued.clone(), &trusting(issued.chain[0].clone())).await;
    let says =
        "the certificate itself is among the trusted ones: its successor will not be trusted unless it is added, too";
    assert_eq!(findings(&seen), [(FindingSeverity::Info, FindingKind::PinnedLeaf, says)]);
}

/// An extension that the farm's leaves have, too: without it there is one more thing to say.
fn authority_key() -> Vec<u8> {
    extension(35, false, &sequence(&[tlv(0x80, [1, 2, 3])]))
}

#[tokio::test]
async fn each_broken_rule_about_the_leaf_is_told_with_its_source() {
    let farm = Authority::new("Farm");
    let san = |name: &str| extension(17, false, &sequence(&[dns("a.test"), dns(name)]));
    let good = Draft { extensions: vec![san("b.test"), authority_key()], ..Draft::new() };
    let with = |more: Vec<u8>| Draft { extensions: vec![san("b.test"), authority_key(), more], ..good.clone() };
    let constraint = sequence(&[tlv(0xa0, sequence(&[dns("a.test")]))]);
    for (draft, says) in [
        (
            Draft { extensions: vec![san("b.test")], ..good.clone() },
            "the certificate has no authority key identifier (RFC 5280 §4.2.1.1; Python 3.13 and later refuse it)",
        ),
        (
            with(extension(15, true, &tlv(3, [2, 4]))),
            "the certificate may sign certificates by its key usage, without being a CA's (RFC 5280 §4.2.1.9; Python 3.13 and \
             later refuse it)",
        ),
        (
            with(extension(30, false, &constraint)),
            "the certificate has name constraints, which only CA certificates may have (RFC 5280 §4.2.1.10; Python's \
             cryptography refuses it)",
        ),
        (
            Draft { serial: vec![0], ..good.clone() },
            "the certificate has a serial number that is zero, or longer than 20 octets (RFC 5280 §4.1.2.2; Python's \
             cryptography refuses it)",
        ),
        (
            Draft { subject: name(&[]), ..good.clone() },
            "the certificate has an empty subject, and does not mark its subject alternative names as critical (RFC 5280 \
             §4.2.1.6)",
        ),
        (
            Draft { extensions: vec![san("*.test"), authority_key()], ..good.clone() },
            "the certificate has a wildcard for all of a top-level domain (RFC 6125 §7.2; OpenSSL and browsers do not match it)",
        ),
    ] {
        let seen = look_at(draft.issue(&farm, "Farm Intermediate"), &trust(&farm)).await;
        assert_eq!(findings(&seen), [(FindingSeverity::Warning, FindingKind::Malformed, says)]);
        assert_eq!(faults(&seen), [], "{says}");
    }
    let seen = look_at(good.issue(&farm, "Farm Intermediate"), &trust(&farm)).await;
    assert_eq!((faults(&seen), findings(&seen)), (vec![], vec![]));
}

#[tokio::test]
async fn a_certificate_without_names_is_told_apart_from_one_for_another_host() {
    let farm = Authority::new("Farm");
    let nameless = Draft { extensions: vec![authority_key()], ..Draft::new() };
    let empty = Draft { extensions: vec![extension(17, false, &sequence(&[])), authority_key()], ..Draft::new() };
    let seen = look_at(nameless.issue(&farm, "Farm Intermediate"), &trust(&farm)).await;
    assert_eq!((faults(&seen), kinds(&seen)), (vec![FaultKind::HostnameMismatch], vec![FindingKind::NoSubjectAltName]));
    let seen = look_at(empty.issue(&farm, "Farm Intermediate"), &trust(&farm)).await;
    assert_eq!(kinds(&seen), [FindingKind::NoSubjectAltName, FindingKind::Malformed]);
    assert!(faults(&seen).contains(&FaultKind::HostnameMismatch));
}

/// The extensions of a CA's certificate, each of which can be left out or spoilt.
fn ca_extension(oid: u64, critical: bool, content: Vec<u8>) -> CustomExtension {
    let mut extension = CustomExtension::from_oid_content(&[2, 5, 29, oid], content);
    extension.set_criticality(critical);
    extension
}

/// A chain over an intermediate with these extensions alone.
fn chain_over(root: &Ca, extensions: Vec<CustomExtension>) -> Issued {
    let mut ca = Ca::new("CA");
    ca.params.is_ca = IsCa::NoCa;
    ca.params.key_usages = Vec::new();
    ca.params.custom_extensions = extensions;
    ca.issue([root.certify(&ca)])
}

#[tokio::test]
async fn each_broken_rule_about_an_authority_is_told_or_a_fault() {
    let root = Ca::new("Root");
    let is_ca = |critical| ca_extension(19, critical, sequence(&[tlv(1, [0xff])]));
    let usage = |bits: u8| ca_extension(15, true, tlv(3, [0, bits]));
    let key = || ca_extension(14, false, tlv(4, [7]));
    let constraints = |subtrees: &[Vec<u8>]| ca_extension(30, true, sequence(subtrees));
    let dotted = [tlv(0xa0, sequence(&[dns(".test")]))];
    for (extensions, says) in [
        (vec![is_ca(true), usage(4)], "has no subject key identifier (RFC 5280 §4.2.1.2;"),
        (vec![is_ca(true), key()], "has no key usage (RFC 5280 §4.2.1.3;"),
        (vec![is_ca(false), usage(4), key()], "does not mark its basic constraints as critical (RFC 5280 §4.2.1.9;"),
        (
            vec![is_ca(true), usage(4), key(), constraints(&dotted)],
            "has a name constraint that begins with a dot (RFC 5280 §4.2.1.10;",
        ),
    ] {
        let seen = look_at(chain_over(&root, extensions), &trusting(root.root())).await;
        // The leaf tells another key of its issuer than the spoilt certificate: that alone is no breach.
        let found = findings(&seen);
        assert_eq!((faults(&seen), kinds(&seen)), (vec![], vec![FindingKind::Malformed]), "{says}: {found:?}");
        assert!(found[0].2.starts_with(&format!("the intermediate CN=CA {says}")), "{found:?}");
    }
    for (extensions, says) in [
        (
            vec![is_ca(true), usage(2), key()],
            "the CA certificate CN=CA has a key usage that does not allow it to sign certificates (RFC 5280 §4.2.1.3)",
        ),
        (
            vec![is_ca(true), usage(4), key(), constraints(&[])],
            "the CA certificate CN=CA has a name constraints extension without constraints, which RFC 5280 §4.2.1.10 forbids",
        ),
    ] {
        let seen = look_at(chain_over(&root, extensions), &trusting(root.root())).await;
        assert_eq!((faults(&seen), detail(&seen)), (vec![FaultKind::NotVerifiable], says));
    }
}

#[tokio::test]
async fn a_refused_intermediate_is_no_fault_where_another_leads_on() {
    let root = Ca::new("Root");
    let mut ca = Ca::new("CA");
    let good = root.certify(&ca);
    ca.params.key_usages = vec![KeyUsagePurpose::CrlSign];
    let bad = root.certify(&ca);
    ca.params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let seen = look_at(ca.issue([bad.clone(), good]), &trusting(root.root())).await;
    assert_eq!((faults(&seen), findings(&seen)), (vec![], vec![]));
    let seen = look_at(ca.issue([bad]), &trusting(root.root())).await;
    assert_eq!(faults(&seen), [FaultKind::NotVerifiable]);
}

#[tokio::test]
async fn an_expired_trusted_certificate_is_told() {
    let mut root = Ca::new("Root");
    root.params.not_before = rcgen::date_time_ymd(2000, 9, 30);
    root.params.not_after = rcgen::date_time_ymd(2021, 9, 30);
    let ca = Ca::new("CA");
    let seen = look_at(ca.issue([root.certify(&ca)]), &trusting(root.root())).await;
    let says =
        "the trusted certificate CN=Root expired at 2021-09-30T00:00:00Z; OpenSSL and Go refuse chains that end at it";
    assert_eq!(findings(&seen), [(FindingSeverity::Warning, FindingKind::Malformed, says)]);
    assert_eq!(faults(&seen), []);
}

#[tokio::test]
async fn a_detail_is_bounded_and_shows_nothing_that_deceives() {
    let farm = Authority::new("Farm");
    let subject = name(&[(COMMON_NAME, UTF8, "\u{1b}[31m\n".repeat(500).as_bytes())]);
    let long = Draft { subject, ..Draft::new() }.issue(&farm, "\u{202e}".repeat(500).as_str()).chain[0].clone();
    let mut issued = farm.issue(&good());
    issued.chain.extend([long.clone(), long]);
    let seen = look_at(issued, &trust(&farm)).await;
    let found = findings(&seen);
    assert_eq!(kinds(&seen), [FindingKind::Superfluous]);
    assert!(found[0].2.starts_with("certificate 3 of the chain, CN=\\u{1b}[31m\\u{a}"), "{found:?}");
    assert!(found[0].2.ends_with("; and 1 more") && found[0].2.len() <= 512, "{found:?}");
}
