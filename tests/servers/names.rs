//! Names, purposes, revocation, keys that are not held, and servers that are particular about names.

use ssl_monitor_operator::probe::{FailureReason as Reason, FaultKind as Fault};
use xtask::farm::{Issued, Leaf, ServerOptions};

use crate::{
    openssl::{ALL, P256},
    row::{Row, Stage},
};

/// A certificate for this name, at a host of that name.
fn named(on: &Stage, name: &'static str, names: &[&str], host: &str) -> Row {
    Row::farm(name, on.farm.issue(&Leaf::new(names.iter().copied()))).host(host)
}

/// A certificate by OpenSSL with these extensions besides its name.
fn extended(on: &Stage, name: &'static str, extensions: &str) -> Row {
    Row::openssl(name, on.openssl.issue(P256, "int", extensions).serve(ALL))
}

fn subject(on: &Stage, name: &'static str, subject: &str, host: &str) -> Row {
    Row::openssl(name, on.openssl.issue_as(subject, P256, "int", "").serve(ALL)).host(host)
}

fn stapled(on: &Stage, name: &'static str, state: char) -> Row {
    let files = on.openssl.issue(P256, "int", "");
    let staple = on.openssl.staple(&files, state);
    Row::openssl(name, files.serve(&format!("{ALL} -status_file {}", staple.display())))
}

/// A good certificate, and the key of another.
fn mismatched(on: &Stage, name: &'static str, options: ServerOptions) -> Row {
    let issued = Issued { key: on.good().key, ..on.good() };
    Row::farm_with(name, issued, options).faults(&[Fault::KeyMismatch])
}

pub(crate) const ROWS: &[fn(&Stage) -> Row] = &[
    |on| named(on, "IP SAN, host 127.0.0.1", &["127.0.0.1", "::1"], "127.0.0.1"),
    |on| named(on, "IP SAN, host ::1", &["127.0.0.1", "::1"], "::1"),
    |on| {
        let as_name = "-subj /CN=a.test -addext subjectAltName=DNS:127.0.0.1";
        subject(on, "IP as dNSName, host 127.0.0.1", as_name, "127.0.0.1").faults(&[Fault::HostnameMismatch])
    },
    |on| {
        let in_name = "-subj /CN=127.0.0.1 -addext subjectAltName=DNS:x.test";
        subject(on, "IP in CN only", in_name, "127.0.0.1").faults(&[Fault::HostnameMismatch])
    },
    |on| named(on, "trailing dot host", &["a.test"], "a.test."),
    |on| named(on, "upper-case host", &["a.test"], "A.TEST"),
    |on| named(on, "wildcard", &["*.a.test"], "b.a.test"),
    |on| named(on, "wildcard vs apex", &["*.a.test"], "a.test").faults(&[Fault::HostnameMismatch]),
    |on| named(on, "wildcard vs 2 labels", &["*.a.test"], "c.b.a.test").faults(&[Fault::HostnameMismatch]),
    |on| named(on, "partial wildcard w*.", &["w*.a.test"], "www.a.test").faults(&[Fault::HostnameMismatch]),
    |on| named(on, "IDN A-label host", &["xn--bcher-kva.test"], "xn--bcher-kva.test"),
    // As `sslmonitor check` reads what people type.
    |on| named(on, "IDN U-label host", &["xn--bcher-kva.test"], &idna::domain_to_ascii("bücher.test").unwrap()),
    |on| named(on, "underscore host", &["a_b.test"], "a_b.test"),
    |on| {
        let mut params = Leaf::new(["a.test"]).params();
        params.extended_key_usages.clear();
        Row::farm("no EKU", on.farm.issue_from(&params, &Leaf::new(["a.test"]).key()))
    },
    |on| {
        Row::farm("clientAuth-only EKU", on.farm.issue(&Leaf::new(["a.test"]).for_clients_only()))
            .faults(&[Fault::WrongPurpose])
    },
    |on| {
        extended(on, "unknown critical extension", "-addext 1.3.6.1.4.1.55555.1=critical,ASN1:NULL")
            .faults(&[Fault::NotVerifiable])
    },
    |on| extended(on, "must-staple, not stapled", "-addext tlsfeature=status_request"),
    |on| stapled(on, "OCSP stapled good", 'V'),
    |on| stapled(on, "OCSP stapled revoked", 'R'),
    |on| mismatched(on, "private key mismatch TLS 1.2", ServerOptions::default().tls12()),
    |on| mismatched(on, "private key mismatch TLS 1.3", ServerOptions::default().tls13()),
    |on| {
        let files = on.openssl.issue(P256, "int", "");
        let (certificate, key) = (files.stem.with_extension("pem"), files.stem.with_extension("key"));
        let second = format!("-cert2 {} -key2 {}", certificate.display(), key.display());
        let running = files.serve(&format!("{ALL} -servername other.test -servername_fatal {second}"));
        Row::openssl("SNI required, wrong SNI (fatal)", running).reason(Reason::ServerNameRejected)
    },
];
