//! What a spec has the engine do, field by field.

use crate::{api as wire, monitor::*, probe::*};

fn read(edit: impl FnOnce(&mut wire::SslMonitorSpec)) -> Target {
    let mut spec = wire::SslMonitorSpec::new("a.test");
    edit(&mut spec);
    target(&spec, &AddressPolicy::default()).unwrap()
}

fn with_tls(edit: impl FnOnce(&mut wire::TlsSpec)) -> Target {
    let mut tls = wire::TlsSpec::default();
    edit(&mut tls);
    read(|spec| spec.tls = Some(tls))
}

#[test]
fn a_domain_alone_is_looked_at_by_all_its_addresses_and_its_staple() {
    let expected = Target { revocation: RevocationCheck::Staple, ..Target::new("a.test".parse().unwrap(), 443) };
    assert_eq!(expected.addresses, Addresses::All);
    assert_eq!(read(|_| {}), expected);
    assert_eq!(with_tls(|_| {}), expected, "an empty tls says nothing else");
}

#[test]
fn every_field_that_is_about_the_way_is_heeded() {
    let host = |text: &str| Some(text.parse().unwrap());
    let plain = || read(|_| {});
    let table = [
        (read(|s| s.port = Some(8443)), Target { port: 8443, ..plain() }),
        (read(|s| s.address = Some("lb.test".to_owned())), Target { connect_host: host("lb.test"), ..plain() }),
        (read(|s| s.addresses = wire::AddressSelection::Any), Target { addresses: Addresses::Any, ..plain() }),
        (read(|s| s.ip_family = Some(wire::IpFamily::IPv4)), Target { family: Some(Family::V4), ..plain() }),
        (read(|s| s.ip_family = Some(wire::IpFamily::IPv6)), Target { family: Some(Family::V6), ..plain() }),
        (
            read(|s| s.proxy_protocol = Some(wire::ProxyProtocol::V1)),
            Target { proxy_protocol: Some(ProxyProtocol::V1), ..plain() },
        ),
        (
            read(|s| s.proxy_protocol = Some(wire::ProxyProtocol::V2)),
            Target { proxy_protocol: Some(ProxyProtocol::V2), ..plain() },
        ),
    ];
    for (found, expected) in table {
        assert_eq!(found, expected);
    }
}

#[test]
fn every_field_of_tls_is_heeded() {
    let plain = || read(|_| {});
    let table = [
        (
            with_tls(|t| t.server_name = Some("b.test".to_owned())),
            Target { server_name: Some("b.test".parse().unwrap()), ..plain() },
        ),
        (with_tls(|t| t.min_version = Some(wire::TlsVersion::Tls12)), plain()),
        (with_tls(|t| t.min_version = Some(wire::TlsVersion::Tls13)), Target { needs_tls13: true, ..plain() }),
        (with_tls(|t| t.revocation = wire::Revocation::None), Target { revocation: RevocationCheck::None, ..plain() }),
        (with_tls(|t| t.revocation = wire::Revocation::Crl), Target { revocation: RevocationCheck::Crl, ..plain() }),
        (
            with_tls(|t| t.revocation_failure = wire::RevocationFailure::Hard),
            Target { needs_revocation_state: true, ..plain() },
        ),
    ];
    for (found, expected) in table {
        assert_eq!(found, expected);
    }
}

#[test]
fn every_protocol_is_asked_for_tls_at_its_usual_port() {
    for protocol in wire::StartTls::ALL {
        let found = with_tls(|tls| tls.start_tls = Some(protocol));
        assert_eq!(format!("{:?}", found.starttls.unwrap()), format!("{protocol:?}"));
        assert_eq!(found, Target { port: protocol.port(), starttls: found.starttls, ..read(|_| {}) });
    }
}
