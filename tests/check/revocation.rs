//! What `check` says of certificates that have been revoked.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    thread,
};

use rcgen::{
    CertificateRevocationListParams, CrlDistributionPoint, KeyIdMethod, RevocationReason, RevokedCertParams,
    SerialNumber, date_time_ymd,
};
use xtask::farm::{Answer, AnswerStatus};

use crate::support::{Farm, Said, leaf, manifest, time};

/// A port at which a revoked certificate for `a.test` is served, with the answer that says so.
fn revoked(farm: &mut Farm) -> u16 {
    let issued = farm.authority.issue(&leaf("a.test"));
    let status = AnswerStatus::Revoked { at: time("2026-05-04T03:02:01Z"), reason: Some(4) };
    let (this_update, next_update) = (time("2026-05-30T00:00:00Z"), Some(time("2026-06-06T00:00:00Z")));
    let answer = farm.authority.answer(&issued.chain[0], &Answer { this_update, next_update, ..Answer::new(status) });
    farm.serve(issued.stapled(answer))
}

fn valid() -> Said {
    let table = "DOMAIN   STATUS   DAYS   EXPIRES\na.test   Valid    213    2026-12-31T23:59:59Z\n";
    Said { stdout: table.to_owned(), stderr: String::new(), code: Some(0) }
}

#[test]
fn a_stapled_revocation_is_told_unless_it_is_not_asked_for() {
    let mut farm = Farm::new("revoked");
    let to = format!("127.0.0.1:{}", revoked(&mut farm));
    let told = Said {
        stdout: "DOMAIN   STATUS    DAYS   EXPIRES\na.test   Revoked   213    2026-12-31T23:59:59Z\n".to_owned(),
        stderr: "a.test: the certificate was revoked at 2026-05-04T03:02:01Z: superseded\n".to_owned(),
        code: Some(1),
    };
    let target = ["a.test", "--connect-to", &to];
    assert_eq!(farm.check(&target), told);
    assert_eq!(farm.check(&[&target[..], &["--revocation", "staple"]].concat()), told);
    assert_eq!(farm.check(&[&target[..], &["--revocation", "none"]].concat()), valid());
}

#[test]
fn a_manifest_says_how_revocation_is_looked_into_and_what_it_means_when_it_is_not_known() {
    let mut farm = Farm::new("manifest-revocation");
    let port = revoked(&mut farm);
    let none = manifest("a.test", port, ", tls: {revocation: None}");
    assert_eq!(farm.check_with(&["-f", "-"], &none).code, Some(0));
    assert_eq!(farm.check_with(&["-f", "-", "--revocation", "staple"], &none).code, Some(1));

    let port = farm.serve_leaf(&leaf("a.test"));
    let hard = manifest("a.test", port, ", tls: {revocationFailure: Hard}");
    let said = farm.check_with(&["-f", "-"], &hard);
    let expected = "a.test:10002: it could not be found out whether the certificate has been revoked: the server stapled no OCSP \
                    answer";
    assert_eq!((said.complaints(), said.code), (vec![expected], Some(1)));
    assert_eq!(farm.check_with(&["-f", "-"], &manifest("a.test", port, "")).code, Some(0));
}

#[test]
fn lists_are_asked_only_when_that_is_wanted() {
    let mut farm = Farm::new("lists");
    let web = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/leaf.crl", web.local_addr().unwrap());
    let (leaf, number) = (leaf("a.test"), SerialNumber::from(42_u64));
    let mut params = leaf.params();
    params.serial_number = Some(number.clone());
    params.crl_distribution_points = vec![CrlDistributionPoint { uris: vec![url] }];
    let to = format!("127.0.0.1:{}", farm.serve(farm.authority.issue_from(&params, &leaf.key())));
    let list = farm.authority.list(&CertificateRevocationListParams {
        this_update: date_time_ymd(2026, 5, 30),
        next_update: date_time_ymd(2026, 6, 6),
        crl_number: SerialNumber::from(1_u64),
        issuing_distribution_point: None,
        revoked_certs: vec![RevokedCertParams {
            serial_number: number,
            revocation_time: date_time_ymd(2026, 5, 4),
            reason_code: Some(RevocationReason::CessationOfOperation),
            invalidity_date: None,
        }],
        key_identifier_method: KeyIdMethod::Sha256,
    });
    // It answers one request: before it is asked for, nothing is fetched.
    let server = thread::spawn(move || {
        let (mut stream, _) = web.accept().unwrap();
        let lines = BufReader::new(&stream).lines().map(Result::unwrap);
        let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        stream.write_all(&list).unwrap();
        head
    });
    let target = ["a.test", "--connect-to", &to];
    assert_eq!(farm.check(&target), valid());
    assert!(!server.is_finished());
    let said = farm.check(&[&target[..], &["--revocation", "crl"]].concat());
    let told = "a.test: the certificate was revoked at 2026-05-04T00:00:00Z: cessationOfOperation";
    assert_eq!((said.complaints(), said.code), (vec![told], Some(1)));
    assert_eq!(server.join().unwrap()[0], "GET /leaf.crl HTTP/1.1");
}
