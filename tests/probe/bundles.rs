//! Trust anchors and chains from PEM text: what is taken, and what each broken text is told.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use ssl_monitor_operator::probe::{BundleError, Host, RootSource, SystemRoots, TrustStore, judge_pem};
use xtask::farm::{Authority, Leaf, pem};

fn refusal(bundle: &[u8]) -> (BundleError, String) {
    let error = TrustStore::new(None, Some(bundle)).unwrap_err();
    let text = error.to_string();
    (error, text)
}

#[test]
fn several_certificates_with_comments_and_keys_between_are_taken() {
    let (one, two) = (Authority::new("One"), Authority::new("Two"));
    let key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    let bundle = format!("# one\r\n{}\n{key}two\n{}", one.root_pem().replace('\n', "\r\n"), two.root_pem());
    let trust = TrustStore::new(None, Some(bundle.as_bytes())).unwrap();
    assert!(!trust.is_empty());
    for authority in [one, two] {
        let chain = authority.issue(&Leaf::new(["a.test"])).chain_pem();
        let presented = judge_pem(chain.as_bytes(), &Host::Name("a.test".into()), &trust, Timestamp::now()).unwrap();
        assert_eq!((presented.verdict.faults, presented.chain_length), (vec![], 2));
    }
}

#[test]
fn each_broken_bundle_is_told_what_is_wrong() {
    let root = Authority::new("Farm").root();
    let good = pem(std::slice::from_ref(&root));
    let not_x509 = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (bundle, text) in [
        (Vec::new(), "contains no certificate"),
        (b" \n\t\n".to_vec(), "contains no certificate"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n".to_vec(), "contains no certificate"),
        (b"hello".to_vec(), "is not PEM text; certificates start with -----BEGIN CERTIFICATE-----"),
        (
            root.to_vec(),
            "is not PEM text; certificates start with -----BEGIN CERTIFICATE-----, and this looks like DER",
        ),
        (format!("{good}{not_x509}").into_bytes(), "is malformed: certificate 2 is not an X.509 certificate"),
        (good.replace('M', "?").into_bytes(), "is malformed: certificate 1 is not valid base64"),
        (
            good.replace("-----END CERTIFICATE-----\n", "").into_bytes(),
            "is malformed: certificate 1 is not ended by an -----END line",
        ),
        (good.repeat(151).into_bytes(), "is too large: at most 150 certificates are read"),
        (
            pem(&[vec![0x30; 28_000].into()]).into_bytes(),
            "is too large: a single certificate may have at most 36.5 kB of text",
        ),
        (vec![b'x'; 330_001], "is too large: at most 330 kB are read"),
        (b"-----BEGIN ".repeat(1 << 20), "is too large: at most 330 kB are read"),
        (
            format!("{}{not_x509}", good.repeat(149)).into_bytes(),
            "is malformed: certificate 150 is not an X.509 certificate",
        ),
    ] {
        assert_eq!(refusal(&bundle).1, text);
    }
}

#[test]
fn a_bundle_of_nothing_but_beginnings_takes_linear_time() {
    let (mut small, mut large) = (Duration::MAX, Duration::MAX);
    let time = |bytes: usize| {
        let bundle = b"-----BEGIN CERTIFICATE-----\n".repeat(bytes / 28);
        let start = Instant::now();
        TrustStore::new(None, Some(&bundle)).unwrap_err();
        start.elapsed()
    };
    for _ in 0..5 {
        small = small.min(time(33_000));
        large = large.min(time(330_000));
    }
    // Ten times the size: quadratic time would be a hundred times as much.
    assert!(large < small * 40 + Duration::from_millis(5), "{small:?} {large:?}");
}

#[test]
fn the_system_always_has_roots_and_adds_them_to_a_bundle() {
    let roots = SystemRoots::load();
    assert!(!roots.is_empty() && roots.len() > 1, "{}", roots.source());
    assert!(matches!(roots.source(), RootSource::System | RootSource::BuiltIn));
    let authority = Authority::new("Farm");
    let both = TrustStore::new(Some(&roots), Some(authority.root_pem().as_bytes())).unwrap();
    let chain = authority.issue(&Leaf::new(["a.test"])).chain_pem();
    let presented = judge_pem(chain.as_bytes(), &Host::Name("a.test".into()), &both, Timestamp::now()).unwrap();
    assert_eq!(presented.verdict.faults, []);
}

#[test]
fn a_file_that_is_no_chain_is_an_error() {
    let trust = TrustStore::new(None, None).unwrap();
    let judged = judge_pem(b"", &Host::Name("a.test".into()), &trust, Timestamp::now());
    assert_eq!(judged, Err(BundleError::Empty));
}
