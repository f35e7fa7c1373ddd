#![allow(clippy::unwrap_used)]

use super::*;
use crate::metrics::{
    Metrics,
    tests::{complete, key, unknown},
};

fn details() -> Details {
    Details {
        address: Some([192, 0, 2, 1].into()),
        tls_version: Some("TLS1.3".to_owned()),
        cipher_suite: Some("TLS_AES_128_GCM_SHA256".to_owned()),
        certificate: Some(CertificateDetails {
            subject: "web.example.com".to_owned(),
            issuer: "R1".to_owned(),
            subject_dn: "CN=web.example.com".to_owned(),
            issuer_dn: "CN=R1,O=An Authority".to_owned(),
            serial_number: "0ABC".to_owned(),
            fingerprint: "SHA256:AB:01".to_owned(),
            sans: ["web.example.com", "192.0.2.1", "*.example.com", "email:a@example.com", "URI:spiffe://x/y"]
                .map(ToOwned::to_owned)
                .into(),
        }),
        presented_not_after: Some(1_784_000_000),
        verified_not_after: Some(1_785_000_000),
        staple: Some(Staple::Revoked(Some(1_781_000_000))),
    }
}

/// The series of one monitor by the names of these exporters, without what all of them have in front.
fn series(compat: &[Compat], sample: Sample) -> Vec<String> {
    let metrics = Metrics::with_compat(compat);
    metrics.set(key("shop", "web"), sample);
    let page = metrics.encode();
    let common = r#"{namespace="shop",name="web",instance="web.example.com:443""#;
    let ours = |line: &&str| line.starts_with("probe_") || line.starts_with("ssl_");
    page.lines()
        .filter(ours)
        .map(|line| line.replace(&format!("{common},"), "{").replace(&format!("{common}}}"), ""))
        .collect()
}

fn known(details: Details) -> Sample {
    Sample { details: Some(Box::new(details)), ..complete("web.example.com", 443) }
}

#[test]
fn nothing_has_another_name_unless_it_is_asked_for() {
    assert_eq!(series(&[], known(details())), [""; 0]);
    assert!(!Metrics::new().wants_details() && Metrics::with_compat(&[Compat::Blackbox]).wants_details());
}

#[test]
fn the_names_and_labels_are_those_of_blackbox_exporter() {
    let expected = [
        "probe_success 1",
        "probe_duration_seconds 0.125",
        "probe_ip_protocol 4",
        "probe_ssl_earliest_cert_expiry 1784000000",
        "probe_ssl_last_chain_expiry_timestamp_seconds 1785000000",
        r#"probe_ssl_last_chain_info{fingerprint_sha256="ab01",subject="CN=web.example.com",issuer="CN=R1,O=An Authority",subjectalternative="web.example.com,*.example.com",serialnumber="abc"} 1"#,
        r#"probe_tls_version_info{version="TLS 1.3"} 1"#,
        r#"probe_tls_cipher_info{cipher="TLS_AES_128_GCM_SHA256"} 1"#,
    ];
    assert_eq!(series(&[Compat::Blackbox], known(details())), expected);
}

#[test]
fn the_names_and_labels_are_those_of_ssl_exporter() {
    const CERTIFICATE: &str = r#"serial_no="2748",issuer_cn="R1",cn="web.example.com",dnsnames=",web.example.com,*.example.com,",ips=",192.0.2.1,",emails=",a@example.com,",ou="""#;
    let expected = [
        "ssl_probe_success 1".to_owned(),
        r#"ssl_prober{prober="tcp"} 1"#.to_owned(),
        r#"ssl_tls_version_info{version="TLS 1.3"} 1"#.to_owned(),
        format!("ssl_cert_not_after{{{CERTIFICATE}}} 1790000000"),
        format!("ssl_cert_not_before{{{CERTIFICATE}}} 1780000000"),
        format!("ssl_verified_cert_not_after{{chain_no=\"0\",{CERTIFICATE}}} 1790000000"),
        format!("ssl_verified_cert_not_before{{chain_no=\"0\",{CERTIFICATE}}} 1780000000"),
        "ssl_ocsp_response_stapled 1".to_owned(),
        "ssl_ocsp_response_status 1".to_owned(),
        "ssl_ocsp_response_revoked_at 1781000000".to_owned(),
    ];
    assert_eq!(series(&[Compat::SslExporter], known(details())), expected);
}

#[test]
fn what_is_unknown_or_was_not_verified_has_no_sample() {
    assert_eq!(
        series(&Compat::ALL, Sample { details: Some(Box::default()), ..unknown("web.example.com", 443) }),
        [""; 0]
    );
    assert_eq!(series(&Compat::ALL, complete("web.example.com", 443)), [""; 0]);
    let unverified = Details { verified_not_after: None, staple: None, ..details() };
    let told = series(&Compat::ALL, Sample { valid: Some(false), ..known(unverified) });
    assert!(told.contains(&"probe_success 0".to_owned()), "{told:?}");
    let of = |start: &str| told.iter().filter(|line| line.starts_with(start)).count();
    assert_eq!([of("ssl_cert_"), of("ssl_verified_"), of("probe_ssl_last_chain_expiry"), of("ssl_ocsp")], [2, 0, 0, 0]);
}

#[test]
fn a_probe_succeeds_when_the_certificate_is_valid() {
    for (up, valid, expected) in [
        (Some(true), Some(true), vec!["probe_success 1"]),
        (Some(true), Some(false), vec!["probe_success 0"]),
        (Some(true), None, vec![]),
        (Some(false), Some(true), vec!["probe_success 0"]),
        (Some(false), None, vec!["probe_success 0"]),
        (None, None, vec![]),
    ] {
        let all = series(&[Compat::Blackbox], Sample { up, valid, ..known(Details::default()) });
        let told: Vec<_> = all.iter().filter(|line| line.starts_with("probe_success")).collect();
        assert_eq!(told, expected.iter().collect::<Vec<_>>(), "{up:?} {valid:?}");
    }
}

#[test]
fn every_answer_that_may_be_stapled_is_told() {
    let told = |staple| {
        let all = series(&[Compat::SslExporter], known(Details { staple: Some(staple), ..Details::default() }));
        all.into_iter()
            .filter_map(|line| line.strip_prefix("ssl_ocsp_response_").map(ToOwned::to_owned))
            .collect::<Vec<_>>()
    };
    assert_eq!(told(Staple::None), ["stapled 0"]);
    assert_eq!(told(Staple::Good), ["stapled 1", "status 0"]);
    assert_eq!(told(Staple::Revoked(None)), ["stapled 1", "status 1"]);
    assert_eq!(told(Staple::Unknown), ["stapled 1", "status 2"]);
}
