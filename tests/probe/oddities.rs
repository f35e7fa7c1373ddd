//! Odd names, keys, numbers and encodings, served like any other certificate.

use jiff::Timestamp;
use rcgen::{
    GeneralSubtree, KeyPair, NameConstraints, PKCS_ECDSA_P384_SHA384, PKCS_ECDSA_P521_SHA512, PKCS_ED25519,
    PKCS_RSA_SHA256, RsaKeySize,
};
use ssl_monitor_operator::probe::{FaultKind, FindingKind, Host, Means, Observation, TrustStore};
use xtask::farm::{Authority, Issued, Leaf};

use crate::{
    findings::{Ca, kinds, trusting},
    support::{
        PATIENCE,
        der::{Draft, dns, extension, san, sequence, tlv},
        detail, faults, fingerprint, look_at, prober, reason, serve, target, trust,
    },
};

/// Serve a chain and verify it for this host, which may be any text.
async fn look_for(host: &str, issued: Issued, trust: &TrustStore) -> Observation {
    let server = serve(issued).await;
    let mut target = target("a.test", server.address());
    target.server_name = Some(host.parse().map_or_else(|_| Host::Name(host.to_owned()), Host::Address));
    prober().probe(&target, &Means::trusting(trust.clone()), PATIENCE, Timestamp::now()).await
}

fn authority_key() -> Vec<u8> {
    extension(35, false, &sequence(&[tlv(0x80, [1])]))
}

#[tokio::test]
async fn names_match_as_a_whole_and_wildcards_for_one_label() {
    let farm = Authority::new("Farm");
    for (presented, host, matches) in [
        ("A.TesT", "a.test", true),
        ("*.b.test", "a.b.test", true),
        ("*.b.test", "b.test", false),
        ("*.b.test", "x.a.b.test", false),
        ("*.test", "a.test", false),
        ("f*.test", "foo.test", false),
        ("*o.test", "foo.test", false),
        ("a.*.test", "a.b.test", false),
        ("*.*.test", "a.b.test", false),
        ("*", "test", false),
        ("127.0.0.1", "127.0.0.1", false),
        ("\u{fc}.test", "xn--tda.test", false),
        ("xn--tda.test", "xn--tda.test", true),
        ("a.test.", "a.test", false),
        ("a_b.test", "a_b.test", true),
        ("", "a.test", false),
    ] {
        let draft = Draft { extensions: vec![san(&[dns(presented)]), authority_key()], ..Draft::new() };
        let seen = look_for(host, draft.issue(&farm, "Farm Intermediate"), &trust(&farm)).await;
        assert_eq!(reason(&seen), None, "{presented} {host}");
        let found = faults(&seen);
        assert_eq!(found.is_empty(), matches, "{presented} {host}: {found:?}");
        assert_eq!(found.contains(&FaultKind::HostnameMismatch), !matches, "{presented} {host}: {found:?}");
    }
}

#[tokio::test]
async fn a_serial_number_of_any_kind_is_shown_and_judged() {
    let farm = Authority::new("Farm");
    for (serial, shown, fault, finding) in [
        (vec![0], "00".to_owned(), vec![], vec![FindingKind::Malformed]),
        (vec![0x80], "-80".to_owned(), vec![FaultKind::NotVerifiable], vec![]),
        (vec![0x7f; 20], "7F".repeat(20), vec![], vec![]),
        (vec![0x7f; 21], "7F".repeat(21), vec![], vec![FindingKind::Malformed]),
        (vec![0x7f; 10_000], format!("{}…", "7F".repeat(126) + "7"), vec![], vec![FindingKind::Malformed]),
    ] {
        let draft = Draft { serial, extensions: vec![san(&[dns("a.test")]), authority_key()], ..Draft::new() };
        let seen = look_at(draft.issue(&farm, "Farm Intermediate"), &trust(&farm)).await;
        assert_eq!((faults(&seen), kinds(&seen)), (fault, finding), "{shown}");
        assert_eq!(seen.presented.unwrap().leaf.unwrap().serial_number, shown);
    }
}

/// A public key of this algorithm with these parameters.
fn public_key(algorithm: &[u8], parameters: &[u8], key: &[u8]) -> Vec<u8> {
    sequence(&[sequence(&[tlv(6, algorithm), parameters.to_vec()]), tlv(3, [&[0][..], key].concat())])
}

#[tokio::test]
async fn keys_that_no_client_takes_are_weak_or_unsupported_and_no_mismatch() {
    const RSA: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
    const RSA_PSS: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10];
    const EC: [u8; 7] = [0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
    let farm = Authority::new("Farm");
    let rsa = |bytes: usize, exponent: &[u8]| {
        let modulus = [&[0][..], &vec![0xff; bytes]].concat();
        public_key(&RSA, &tlv(5, []), &sequence(&[tlv(2, modulus), tlv(2, exponent)]))
    };
    let ec = |curve: &[u8], bytes: usize| public_key(&EC, &tlv(6, curve), &[&[4][..], &vec![9; 2 * bytes]].concat());
    let explicit = public_key(&EC, &sequence(&[tlv(2, [1])]), &[4; 65]);
    let dsa = public_key(&[0x2a, 0x86, 0x48, 0xce, 0x38, 4, 1], &sequence(&[tlv(2, [7])]), &tlv(2, [5]));
    for (key, expected, says) in [
        (rsa(64, &[1, 0, 1]), FaultKind::WeakKey, "RSA with 512 bits; at least 2048 are needed"),
        (rsa(128, &[1, 0, 1]), FaultKind::WeakKey, "RSA with 1024 bits; at least 2048 are needed"),
        (rsa(256, &[1]), FaultKind::WeakKey, "RSA with an exponent below 3: anyone can forge its signatures"),
        (rsa(2048, &[1, 0, 1]), FaultKind::UnsupportedAlgorithm, "RSA with 16384 bits; at most 8192 can be verified"),
        (
            ec(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 1], 24),
            FaultKind::WeakKey,
            "ECDSA on a curve of 192 bits; at least 224 are needed",
        ),
        (ec(&[0x2b, 0x81, 4, 0, 33], 28), FaultKind::UnsupportedAlgorithm, "not supported"),
        (ec(&[0x2b, 0x81, 4, 0, 10], 32), FaultKind::UnsupportedAlgorithm, "not supported"),
        (
            public_key(&RSA_PSS, &[], &sequence(&[tlv(2, [9; 256]), tlv(2, [3])])),
            FaultKind::UnsupportedAlgorithm,
            "not supported",
        ),
        (explicit, FaultKind::UnsupportedAlgorithm, "not supported"),
        (ec(&[0x2b, 0x24, 3, 3, 2, 8, 1, 1, 7], 32), FaultKind::UnsupportedAlgorithm, "not supported"),
        (public_key(&[0x2b, 0x65, 0x71], &[], &[1; 57]), FaultKind::UnsupportedAlgorithm, "not supported"),
        (dsa, FaultKind::WeakKey, "a DSA key, which no client accepts any more"),
    ] {
        let seen =
            look_at(Draft { public_key: key, ..Draft::new() }.issue(&farm, "Farm Intermediate"), &trust(&farm)).await;
        assert_eq!((reason(&seen), faults(&seen)), (None, vec![expected]), "{says}");
        assert!(detail(&seen).ends_with(says), "{}", detail(&seen));
    }
    // Its signatures are too much work, or refused: whatever is said, it is not valid, and no error of ours.
    let huge = Draft { public_key: rsa(256, &[0x7f; 4_000]), ..Draft::new() };
    let seen = look_at(huge.issue(&farm, "Farm Intermediate"), &trust(&farm)).await;
    assert_eq!((reason(&seen), faults(&seen).is_empty()), (None, false));
}

#[tokio::test]
async fn usual_keys_of_every_kind_are_good() {
    let farm = Authority::new("Farm");
    let keys = [&PKCS_ED25519, &PKCS_ECDSA_P384_SHA384, &PKCS_ECDSA_P521_SHA512].map(KeyPair::generate_for);
    let rsa = [RsaKeySize::_3072, RsaKeySize::_4096].map(|size| KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, size));
    for key in keys.into_iter().chain(rsa) {
        let key = key.unwrap();
        let seen = look_at(farm.issue_from(&Leaf::new(["a.test"]).params(), &key), &trust(&farm)).await;
        assert_eq!((reason(&seen), faults(&seen), kinds(&seen)), (None, vec![], vec![]), "{key:?}");
    }
}

#[tokio::test]
async fn signatures_with_other_algorithms_are_not_accepted() {
    let farm = Authority::new("Farm");
    let pkcs1 = |last: u8| vec![0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, last];
    for (algorithm, name, finding) in [
        (pkcs1(4), "md5WithRSAEncryption", vec![FindingKind::WeakSignature]),
        (pkcs1(5), "sha1WithRSAEncryption", vec![FindingKind::WeakSignature]),
        (pkcs1(14), "sha224WithRSAEncryption", vec![]),
        (vec![0x2b, 0x65, 0x71], "ED448", vec![]),
    ] {
        let draft = Draft { signature_algorithm: algorithm, ..Draft::new() };
        let seen = look_at(draft.issue(&farm, "Farm Intermediate"), &trust(&farm)).await;
        assert_eq!(faults(&seen), [FaultKind::UnsupportedAlgorithm]);
        assert!(detail(&seen).ends_with(&format!("is signed with {name}, which is not accepted")), "{}", detail(&seen));
        let weak: Vec<_> = kinds(&seen).into_iter().filter(|kind| *kind == FindingKind::WeakSignature).collect();
        assert_eq!(weak, finding);
    }
}

#[tokio::test]
async fn encodings_that_are_not_der_are_unparsable_and_still_seen() {
    let farm = Authority::new("Farm");
    let good = farm.issue(&Leaf::new(["a.test"])).chain[0].to_vec();
    let indefinite = [&[0x30, 0x80][..], &good[4..], &[0, 0]].concat();
    let nested = (0..10_000).fold(Vec::new(), |inner: Vec<u8>, _| {
        let length = u16::try_from(inner.len()).unwrap().to_be_bytes();
        [&[0x30, 0x82][..], &length, &inner].concat()
    });
    // Every nesting takes four bytes, so 64 KiB hold them.
    assert!(nested.len() < 65_000);
    for (der, expected) in [
        ([&good[..], &[0]].concat(), FaultKind::NotVerifiable),
        (indefinite, FaultKind::CertificateUnparsable),
        (nested.clone(), FaultKind::CertificateUnparsable),
    ] {
        let issued = Issued { chain: vec![der.clone().into()], ..farm.issue(&Leaf::new(["a.test"])) };
        let seen = look_at(issued, &trust(&farm)).await;
        assert!(faults(&seen).contains(&expected), "{:?}", faults(&seen));
        assert_eq!(seen.presented.unwrap().fingerprint, fingerprint(&der));
    }
    for oid in [14, 17, 30, 35] {
        let draft = Draft { extensions: vec![extension(oid, false, &nested[..30_000])], ..Draft::new() };
        let seen = look_at(draft.issue(&farm, "Farm Intermediate"), &trust(&farm)).await;
        assert!(!faults(&seen).is_empty(), "{oid}");
    }
}

#[tokio::test]
async fn constraints_of_authorities_are_kept() {
    let root = Ca::new("Root");
    let mut constrained = Ca::new("CA");
    constrained.params.name_constraints = Some(NameConstraints {
        permitted_subtrees: vec![GeneralSubtree::DnsName("b.test".to_owned())],
        excluded_subtrees: Vec::new(),
    });
    let seen = look_at(constrained.issue([root.certify(&constrained)]), &trusting(root.root())).await;
    let says = "a CA of the chain may not issue for these names";
    assert_eq!((faults(&seen), detail(&seen)), (vec![FaultKind::NotVerifiable], says));

    let mut short = Ca::new("Short");
    short.params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Constrained(0));
    let below = Ca::new("Below");
    let seen = look_at(below.issue([short.certify(&below), root.certify(&short)]), &trusting(root.root())).await;
    let says = "a CA of the chain may not have so many CAs below it";
    assert_eq!((faults(&seen), detail(&seen)), (vec![FaultKind::NotVerifiable], says));

    let tower: Vec<Ca> = (0..10).map(|number| Ca::new(&format!("CA {number}"))).collect();
    let above = tower.windows(2).map(|pair| pair[1].certify(&pair[0]));
    let seen = look_at(tower[0].issue(above), &trusting(tower[9].root())).await;
    assert_eq!(
        (faults(&seen), detail(&seen)),
        (vec![FaultKind::NotVerifiable], "the chain has more than six intermediates")
    );
}

#[tokio::test]
async fn hostile_chains_take_bounded_work() {
    let root = Ca::new("Root");
    let mut constrained = Ca::new("CA");
    constrained.params.name_constraints = Some(NameConstraints {
        permitted_subtrees: Vec::new(),
        excluded_subtrees: (0..1024).map(|number| GeneralSubtree::DnsName(format!("{number}.x.test"))).collect(),
    });
    let names = std::iter::once("a.test".to_owned()).chain((0..1500).map(|number| format!("{number}.a.test")));
    let key = KeyPair::generate().unwrap();
    let leaf = constrained.sign(&Leaf::new(names).params(), &key);
    let issued = Issued::new(vec![leaf, root.certify(&constrained)], &key);
    let seen = look_at(issued, &trusting(root.root())).await;
    assert_eq!(
        (faults(&seen), detail(&seen)),
        (vec![FaultKind::NotVerifiable], "the chain takes too much work to verify")
    );

    let [one, two] = ["One", "Two"].map(Ca::new);
    let seen = look_at(one.issue([two.certify(&one), one.certify(&two)]), &trusting(root.root())).await;
    assert_eq!(faults(&seen), [FaultKind::UnknownIssuer]);
}
