//! Certificates that are odd, broken or deceitful: shown safely, never an error of ours.

use jiff::Timestamp;
use ssl_monitor_operator::probe::{Certificate, FaultKind, Host, Means, Presented, TrustStore, judge_pem};
use xtask::farm::{Authority, Issued, Leaf, pem};

use crate::support::{
    PATIENCE,
    der::{
        BMP, COMMON_NAME, Draft, ORGANIZATION, PRINTABLE, TELETEX, UNIVERSAL, UTF8, dns, extension, generalized, name,
        san, sequence, tlv, utc,
    },
    faults, fingerprint, look_at, prober, reason, serve, target, trust,
};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn host() -> Host {
    Host::Name("a.test".to_owned())
}

/// Judge a chain for `a.test` from a file.
fn judge_filed(issued: &Issued, trust: &TrustStore, now: Timestamp) -> Presented {
    judge_pem(pem(&issued.chain).as_bytes(), &host(), trust, now).unwrap()
}

/// Judge a chain for `a.test` that a server shows; from a file it is judged alike.
fn judge_at(issued: &Issued, trust: &TrustStore, now: Timestamp) -> Presented {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let served = runtime.block_on(async {
        let server = serve(issued.clone()).await;
        let at = target("a.test", server.address());
        let seen = prober().probe(&at, &Means::trusting(trust.clone()), PATIENCE, now).await;
        seen.presented.unwrap_or_else(|| panic!("no certificate: {:?}", seen.failure))
    });
    let filed = judge_filed(issued, trust, now);
    assert_eq!((&served.fingerprint, &served.leaf), (&filed.fingerprint, &filed.leaf));
    assert_eq!(kinds(&served), kinds(&filed));
    served
}

/// Judge a draft for `a.test`, issued by a trusted authority, in the year 2030.
fn judge(draft: &Draft) -> Presented {
    let authority = Authority::with_intermediate("Farm", at("2000-01-01T00:00:00Z"), at("9999-01-01T00:00:00Z"));
    judge_at(&draft.issue(&authority, "Farm Intermediate"), &trust(&authority), at("2030-01-01T00:00:00Z"))
}

fn facts(draft: &Draft) -> Certificate {
    judge(draft).leaf.unwrap()
}

fn kinds(presented: &Presented) -> Vec<FaultKind> {
    presented.verdict.faults.iter().map(|fault| fault.kind).collect()
}

fn with_subject(subject: Vec<u8>) -> Draft {
    Draft { subject, ..Draft::new() }
}

#[test]
fn a_certificate_made_by_hand_is_valid() {
    let presented = judge(&Draft::new());
    assert_eq!(presented.verdict.faults, []);
    assert_eq!(presented.leaf.unwrap().not_after, at("2120-01-01T00:00:00Z"));
}

#[test]
fn names_are_escaped_as_rfc_4514_says_and_nothing_deceives() {
    let many: Vec<_> = (0..800).map(|_| (ORGANIZATION, UTF8, &[b'o'; 64][..])).collect();
    for (subject, short, full) in [
        (
            name(&[(COMMON_NAME, UTF8, b"evil, O=Google Trust Services, C=US")]),
            "evil, O=Google Trust Services, C=US",
            "CN=evil\\, O=Google Trust Services\\, C=US",
        ),
        (
            name(&[(COMMON_NAME, UTF8, b"#a+b\"c\\d<e>f;g ")]),
            "#a+b\"c\\d<e>f;g ",
            "CN=\\#a\\+b\\\"c\\\\d\\<e\\>f\\;g\\ ",
        ),
        (name(&[(COMMON_NAME, UTF8, b"a.test\0.evil.test")]), "a.test\\u{0}.evil.test", "CN=a.test\\00.evil.test"),
        (
            name(&[(ORGANIZATION, UTF8, "\u{1b}[31m\nlevel=error \u{202e}\u{200d}\u{e0041}".as_bytes())]),
            "a.test",
            "O=\\u{1b}[31m\\u{a}level=error \\u{202e}\\u{200d}\\u{e0041}",
        ),
        (
            name(&[(ORGANIZATION, TELETEX, b"M\xfcller"), (COMMON_NAME, PRINTABLE, b"x.test")]),
            "x.test",
            "CN=x.test,O=M\u{fc}ller",
        ),
        (name(&[(COMMON_NAME, BMP, &[0, b'a', 0x53, 0x17])]), "a\u{5317}", "CN=a\u{5317}"),
        (name(&[(COMMON_NAME, BMP, &[0, b'a', 0])]), "a.test", "CN=#1e03006100"),
        (name(&[(COMMON_NAME, UNIVERSAL, &[0, 0, 0, b'a', 0, 1, 0xf6, 0])]), "a\u{1f600}", "CN=a\u{1f600}"),
        (name(&[(COMMON_NAME, UNIVERSAL, &[0, 0, 0xd8, 0])]), "a.test", "CN=#1c040000d800"),
        (name(&[(COMMON_NAME, UTF8, b"\xff\xfe")]), "a.test", "CN=#0c02fffe"),
        (name(&[(COMMON_NAME, 2, &[5])]), "a.test", "CN=#020105"),
        (name(&[(&[0x2a, 3, 4], UTF8, b"odd")]), "a.test", "1.2.3.4=#0c036f6464"),
        (name(&[]), "a.test", ""),
        (name(&many), "a.test", &format!("{}…", &format!("O={},", "o".repeat(64)).repeat(4)[..253])),
    ] {
        let facts = facts(&with_subject(subject));
        assert_eq!((facts.subject.as_str(), facts.subject_dn.as_str()), (short, full));
    }
}

#[test]
fn a_name_of_many_parts_in_one_is_joined_by_plus() {
    let attribute = |oid: &[u8], value: &str| sequence(&[tlv(6, oid), tlv(UTF8, value)]);
    let both = [attribute(COMMON_NAME, "x"), attribute(ORGANIZATION, "y")].concat();
    assert_eq!(facts(&with_subject(sequence(&[tlv(0x31, both)]))).subject_dn, "CN=x+O=y");
}

#[test]
fn a_part_of_a_name_that_is_empty_or_broken_hides_nothing() {
    let part = |oid: &[u8], value: &str| tlv(0x31, sequence(&[tlv(6, oid), tlv(UTF8, value)]));
    let (x, y, empty) = (part(COMMON_NAME, "x"), part(ORGANIZATION, "y"), tlv(0x31, []));
    for (parts, short, full) in [
        (vec![empty.clone(), x.clone(), y.clone()], "x", "O=y,CN=x"),
        (vec![x.clone(), empty.clone(), y.clone()], "x", "O=y,CN=x"),
        (vec![empty], "a.test", ""),
        (vec![tlv(0x31, [5, 0]), x.clone()], "x", "CN=x,invalid=#0500"),
        (vec![y, vec![5, 0], x], "a.test", "invalid=#0500310a300806035504030c0178,O=y"),
    ] {
        let facts = facts(&with_subject(sequence(&parts)));
        assert_eq!((facts.subject.as_str(), facts.subject_dn.as_str()), (short, full));
    }
}

#[test]
fn names_with_a_nul_match_nothing_and_are_shown() {
    let draft = Draft { extensions: vec![san(&[dns("a.test\0.evil.test")])], ..Draft::new() };
    let presented = judge(&draft);
    assert!(kinds(&presented).contains(&FaultKind::HostnameMismatch));
    assert_eq!(presented.leaf.unwrap().sans, ["a.test\\u{0}.evil.test"]);
}

#[test]
fn every_kind_of_alternative_name_is_listed() {
    let other = tlv(0xa0, [tlv(6, [0x2a, 3, 4]), tlv(0xa0, tlv(UTF8, "x"))].concat());
    let names = [
        dns("a.test"),
        tlv(0x87, [192, 0, 2, 1]),
        tlv(0x87, [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
        tlv(0x87, [1, 2, 3]),
        tlv(0x86, "spiffe://a.test/x"),
        tlv(0x81, "a@a.test"),
        other,
        tlv(0xa4, name(&[(COMMON_NAME, UTF8, b"d")])),
        tlv(0x88, [0x2a, 3, 5]),
        tlv(0x82, [0xff, 0xfe]),
    ];
    let presented = judge(&Draft { extensions: vec![san(&names)], ..Draft::new() });
    let leaf = presented.leaf.unwrap();
    let expected = [
        "a.test",
        "192.0.2.1",
        "2001:db8::1",
        "invalid:#010203",
        "URI:spiffe://a.test/x",
        "email:a@a.test",
        "other:1.2.3.4",
        "other:CN=d",
        "other:1.2.3.5",
        "invalid:#fffe",
    ];
    assert_eq!((leaf.sans.as_slice(), leaf.san_count), (&expected.map(str::to_owned)[..], 10));
}

#[test]
fn the_common_name_is_no_host_name() {
    let presented = judge(&Draft { extensions: Vec::new(), ..Draft::new() });
    assert_eq!(kinds(&presented), [FaultKind::HostnameMismatch]);
    assert_eq!(
        presented.verdict.faults[0].detail,
        "the certificate has no subject alternative name, so it is not for a.test"
    );
    assert_eq!(presented.leaf.unwrap().san_count, 0);
}

#[test]
fn odd_versions_and_extensions_are_reported_and_not_valid() {
    let unknown = extension(99, true, &[5, 0]);
    let good = Draft::new();
    let san = || good.extensions[0].clone();
    for (draft, version, expected) in [
        (
            Draft { version: None, extensions: Vec::new(), ..good.clone() },
            1,
            vec![FaultKind::HostnameMismatch, FaultKind::NotVerifiable],
        ),
        (Draft { version: None, ..good.clone() }, 1, vec![FaultKind::NotVerifiable]),
        (Draft { version: Some(1), ..good.clone() }, 2, vec![FaultKind::NotVerifiable]),
        (Draft { version: Some(3), ..good.clone() }, 4, vec![FaultKind::NotVerifiable]),
        (Draft { extensions: vec![san(), unknown], ..good.clone() }, 3, vec![FaultKind::NotVerifiable]),
        (Draft { extensions: vec![san(), san()], ..good.clone() }, 3, vec![FaultKind::NotVerifiable]),
    ] {
        let presented = judge(&draft);
        assert_eq!(kinds(&presented), expected, "{:?}", presented.verdict);
        assert_eq!(presented.leaf.unwrap().version, version);
    }
    for (number, shown) in [(99, "2.5.29.99"), (36, "policyConstraints (2.5.29.36)")] {
        let critical = extension(number, true, &sequence(&[]));
        let presented = judge(&Draft { extensions: vec![san(), critical], ..good.clone() });
        let expected = format!(
            "the certificate of CN=a.test has the critical extension {shown}, which is not processed here, so that the \
             chain has to be refused (RFC 5280 §4.2); clients that process it may accept the chain"
        );
        assert_eq!(presented.verdict.faults[0].detail, expected);
    }
    let garbage = Draft { extensions: vec![extension(17, false, b"\x04garbage")], ..good };
    let presented = judge(&garbage);
    assert!(!presented.verdict.is_valid(), "{presented:?}");
    assert_eq!(presented.leaf.unwrap().sans, ["invalid:#0467617262616765"]);
}

#[test]
fn dates_that_are_no_dates_make_it_unparsable_and_the_fingerprint_stays() {
    let authority = Authority::new("Farm");
    for not_after in [
        generalized("21200230000000Z"),
        generalized("21200101000060Z"),
        generalized("21201301000000Z"),
        generalized("21200101000000"),
        generalized("21200101000000+0100"),
        utc("tomorrow"),
        tlv(UTF8, "2120"),
    ] {
        let issued = Draft { not_after, ..Draft::new() }.issue(&authority, "Farm Intermediate");
        let presented = judge_at(&issued, &trust(&authority), at("2030-01-01T00:00:00Z"));
        assert_eq!(kinds(&presented), [FaultKind::CertificateUnparsable]);
        assert_eq!((presented.leaf, presented.fingerprint), (None, fingerprint(&issued.chain[0])));
        assert_eq!(presented.verified_not_after, None);
    }
}

#[test]
fn dates_far_away_are_dates() {
    let draft = Draft { not_after: generalized("99991231235959Z"), ..Draft::new() };
    let presented = judge(&draft);
    assert_eq!(presented.verdict.faults, []);
    assert_eq!(presented.leaf.unwrap().not_after, at("9999-12-30T22:00:00Z"), "the last that a timestamp can hold");
    let old = Draft { not_before: generalized("19500101000000Z"), not_after: utc("600101000000Z"), ..Draft::new() };
    let presented = judge(&old);
    assert_eq!(kinds(&presented)[0], FaultKind::Expired);
    assert_eq!(presented.leaf.unwrap().not_before, at("1950-01-01T00:00:00Z"));
}

#[test]
fn the_first_and_the_last_second_are_valid_and_those_around_them_are_not() {
    let authority = Authority::with_intermediate("Farm", at("2000-01-01T00:00:00Z"), at("2100-01-01T00:00:00Z"));
    let draft = Draft { not_before: utc("280229000000Z"), not_after: utc("280301000000Z"), ..Draft::new() };
    let issued = draft.issue(&authority, "Farm Intermediate");
    for (now, expected) in [
        ("2028-02-28T23:55:00Z", vec![FaultKind::NotYetValid]),
        ("2028-02-28T23:59:59Z", vec![FaultKind::NotYetValid]),
        ("2028-02-28T23:59:59.999Z", vec![FaultKind::NotYetValid]),
        ("2028-02-29T00:00:00Z", vec![]),
        ("2028-02-29T23:59:59Z", vec![]),
        ("2028-03-01T00:00:00Z", vec![]),
        ("2028-03-01T00:00:00.999Z", vec![]),
        ("2028-03-01T00:00:01Z", vec![FaultKind::Expired]),
    ] {
        let presented = judge_at(&issued, &trust(&authority), at(now));
        assert_eq!(kinds(&presented), expected, "{now}");
        assert_eq!(presented.verified_not_after, Some(at("2028-03-01T00:00:00Z")));
    }
}

#[test]
fn a_validity_that_ends_before_it_begins_is_never_valid() {
    let draft = Draft { not_before: utc("310101000000Z"), not_after: utc("300601000000Z"), ..Draft::new() };
    let authority = Authority::with_intermediate("Farm", at("2000-01-01T00:00:00Z"), at("2100-01-01T00:00:00Z"));
    let issued = draft.issue(&authority, "Farm Intermediate");
    for (now, worst) in [
        ("2030-01-01T00:00:00Z", FaultKind::NotYetValid),
        ("2030-07-01T00:00:00Z", FaultKind::Expired),
        ("2032-01-01T00:00:00Z", FaultKind::Expired),
    ] {
        let presented = judge_at(&issued, &trust(&authority), at(now));
        assert_eq!(kinds(&presented)[0], worst);
        assert!(kinds(&presented).contains(&FaultKind::NotVerifiable));
    }
}

#[test]
fn a_serial_number_is_shown_with_its_sign() {
    for (serial, expected) in
        [(vec![0], "00"), (vec![0, 0xff], "FF"), (vec![0x80], "-80"), (vec![0x7f; 21], &"7F".repeat(21))]
    {
        let presented = judge(&Draft { serial, ..Draft::new() });
        assert_eq!(presented.leaf.unwrap().serial_number, expected);
    }
}

/// An RSA public key of this many bits; nobody has its private half.
pub(crate) fn rsa(bits: usize) -> Vec<u8> {
    let mut modulus = vec![0xff; bits.div_ceil(8)];
    modulus[0] >>= modulus.len() * 8 - bits;
    if modulus[0] & 0x80 != 0 {
        modulus.insert(0, 0);
    }
    let key = sequence(&[tlv(2, modulus), tlv(2, [1, 0, 1])]);
    let algorithm = sequence(&[tlv(6, [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1]), tlv(5, [])]);
    sequence(&[algorithm, tlv(3, [&[0][..], &key].concat())])
}

#[tokio::test]
async fn a_weak_key_is_weak_and_no_mismatch() {
    let authority = Authority::new("Farm");
    for (bits, expected) in [
        (1024, vec![FaultKind::WeakKey]),
        (2047, vec![FaultKind::WeakKey]),
        (2048, vec![FaultKind::KeyMismatch]),
        (16_384, vec![FaultKind::UnsupportedAlgorithm]),
    ] {
        let draft = Draft { public_key: rsa(bits), ..Draft::new() };
        // What is served cannot be signed for by this key: the server uses another.
        let seen = look_at(draft.issue(&authority, "Farm Intermediate"), &trust(&authority)).await;
        assert_eq!((reason(&seen), faults(&seen)), (None, expected), "{bits}");
        let key = seen.presented.unwrap().leaf.unwrap().key;
        assert_eq!((key.name.as_str(), key.bits), ("RSA", Some(u32::try_from(bits).unwrap())));
    }
}

#[tokio::test]
async fn odd_certificates_are_served_and_seen_like_any_other() {
    let authority = Authority::new("Farm");
    let v1 = Draft { version: None, extensions: Vec::new(), ..Draft::new() };
    let dateless = Draft { not_after: generalized("21200230000000Z"), ..Draft::new() };
    for (draft, worst) in [(v1, FaultKind::HostnameMismatch), (dateless, FaultKind::CertificateUnparsable)] {
        let issued = draft.issue(&authority, "Farm Intermediate");
        let expected = fingerprint(&issued.chain[0]);
        let seen = look_at(issued, &trust(&authority)).await;
        assert_eq!((reason(&seen), faults(&seen)[0]), (None, worst));
        assert_eq!(seen.presented.unwrap().fingerprint, expected);
    }
}

#[test]
fn a_corrupted_signature_is_a_bad_signature() {
    let authority = Authority::new("Farm");
    let mut issued = authority.issue(&Leaf::new(["a.test"]));
    let mut der = issued.chain[0].to_vec();
    // The last byte belongs to the signature.
    *der.last_mut().unwrap() ^= 1;
    issued.chain[0] = der.into();
    let presented = judge_at(&issued, &trust(&authority), Timestamp::now());
    assert_eq!(kinds(&presented), [FaultKind::BadSignature]);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(2000))]

    #[test]
    fn no_bytes_are_an_error_of_ours(changes in proptest::collection::vec((0..2000_usize, 0..=255_u8), 1..6), cut in 0..2000_usize) {
        use std::sync::LazyLock;
        static CHAIN: LazyLock<(Authority, Issued)> = LazyLock::new(|| {
            let authority = Authority::new("Farm");
            let issued = authority.issue(&Leaf::new(["a.test", "192.0.2.1"]));
            (authority, issued)
        });
        let (authority, issued) = &*CHAIN;
        for position in 0..2 {
            let mut issued = issued.clone();
            let mut der = issued.chain[position].to_vec();
            for (at, byte) in &changes {
                let at = at % der.len();
                der[at] ^= byte;
            }
            der.truncate(cut.max(1));
            let changed = der != issued.chain[position].to_vec();
            issued.chain[position] = der.into();
            let presented = judge_filed(&issued, &trust(authority), Timestamp::now());
            proptest::prop_assert_eq!(presented.verdict.is_valid(), !changed, "a changed certificate is never valid");
            let texts = presented.leaf.iter().flat_map(|leaf| {
                [&leaf.subject, &leaf.issuer, &leaf.subject_dn, &leaf.issuer_dn, &leaf.serial_number, &leaf.signature_algorithm]
                    .into_iter()
                    .chain(&leaf.sans)
            });
            for finding in &presented.findings {
                let detail = &finding.detail;
                proptest::prop_assert!(detail.len() <= 512 && !detail.chars().any(char::is_control), "{detail:?}");
            }
            let details = presented.verdict.faults.iter().map(|fault| &fault.detail);
            for text in texts.chain(details) {
                proptest::prop_assert!(text.len() <= 1024 && !text.chars().any(char::is_control), "{text:?}");
            }
        }
    }
}
