//! Certificates of every kind over real handshakes: what is seen, and what is said of it.

use ssl_monitor_operator::probe::{ClientCertificate, Session};
use xtask::farm::{Authority, Leaf, ServerOptions};

use crate::support::{faults, look, look_at, reason, serve, serve_with, trust};

#[tokio::test]
async fn a_good_certificate_is_valid_and_its_facts_are_told() {
    let authority = Authority::new("Farm");
    let leaf = Leaf::new(["a.test", "b.test", "192.0.2.1"]);
    let server = serve(authority.issue(&leaf)).await;
    let seen = look(server.address(), &trust(&authority)).await;

    assert_eq!(seen.failure, None);
    assert_eq!(seen.address, Some(server.address()));
    let session = Session { version: "TLS1.3", cipher_suite: "TLS_AES_256_GCM_SHA384".to_owned() };
    assert_eq!(seen.session, Some(session));
    assert_eq!(seen.client_certificate, ClientCertificate::NotRequested);
    let presented = seen.presented.unwrap();
    assert_eq!(presented.verdict.faults, []);
    assert_eq!(presented.chain_length, 2);
    let facts = presented.leaf.unwrap();
    assert_eq!((facts.subject.as_str(), facts.subject_dn.as_str()), ("a.test", "CN=a.test"));
    assert_eq!((facts.issuer.as_str(), facts.issuer_dn.as_str()), ("Farm Intermediate", "CN=Farm Intermediate"));
    assert_eq!((facts.sans, facts.san_count), (vec!["a.test".into(), "b.test".into(), "192.0.2.1".into()], 3));
    assert_eq!(facts.not_after.as_second(), leaf.not_after.as_second());
    assert_eq!((facts.key.name.as_str(), facts.key.bits), ("ECDSA", Some(256)));
    assert_eq!((facts.signature_algorithm.as_str(), facts.version), ("ecdsa-with-SHA256", 3));
    assert_eq!(presented.verified_not_after, Some(facts.not_after));
    assert_eq!(presented.presented_not_after, Some(facts.not_after));
    assert_eq!(server.accepted(), 1);
    server.idle().await;
}

#[tokio::test]
async fn tls_1_2_is_good_enough() {
    let authority = Authority::new("Farm");
    let server = serve_with(authority.issue(&Leaf::new(["a.test"])), ServerOptions::default().tls12()).await;
    let seen = look(server.address(), &trust(&authority)).await;
    assert_eq!((reason(&seen), faults(&seen)), (None, vec![]));
    let cipher_suite = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384".to_owned();
    assert_eq!(seen.session, Some(Session { version: "TLS1.2", cipher_suite }));
}

#[tokio::test]
async fn rsa_is_good_enough() {
    let authority = Authority::new("Farm");
    let seen = look_at(authority.issue(&Leaf::new(["a.test"]).rsa()), &trust(&authority)).await;
    assert_eq!((reason(&seen), faults(&seen)), (None, vec![]));
    let key = seen.presented.unwrap().leaf.unwrap().key;
    assert_eq!((key.name.as_str(), key.bits), ("RSA", Some(2048)));
}
