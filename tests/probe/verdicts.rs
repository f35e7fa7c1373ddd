//! Certificates of every kind over real handshakes: what is seen, and what is said of it.

use jiff::{SignedDuration, Timestamp};
use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair};
use ssl_monitor_operator::probe::{
    ClientCertificate, FailureReason, FaultKind, Host, Means, Session, Stage, Target, TrustStore,
};
use xtask::farm::{Authority, ClientAuth, Issued, Leaf, ServerOptions, self_signed};

use crate::support::{
    PATIENCE,
    der::{sequence, tlv},
    detail, faults, look, look_at, prober, reason, serve, serve_with, target, trust,
};

const DAY: SignedDuration = SignedDuration::from_hours(24);

#[tokio::test]
async fn a_good_certificate_is_valid_and_its_facts_are_told() {
    let authority = Authority::new("Farm");
    let leaf = Leaf::new(["a.test", "b.test", "192.0.2.1"]);
    let server = serve(authority.issue(&leaf)).await;
    let seen = look(server.address(), &trust(&authority)).await;

    assert_eq!(seen.failure, None);
    assert_eq!(seen.address, Some(server.address()));
    let session = Session {
        version: "TLS1.3",
        cipher_suite: "TLS_AES_128_GCM_SHA256".to_owned(),
        group: Some("X25519MLKEM768".to_owned()),
    };
    assert_eq!((seen.session, seen.findings), (Some(session), vec![]));
    assert_eq!(seen.client_certificate, ClientCertificate::NotRequested);
    let presented = seen.presented.unwrap();
    assert_eq!(presented.verdict.faults, []);
    assert_eq!(presented.chain_length, 2);
    let facts = presented.leaf.unwrap();
    assert_eq!((facts.subject.as_str(), facts.subject_dn.as_str()), ("a.test", "CN=a.test"));
    assert_eq!((facts.issuer.as_str(), facts.issuer_dn.as_str()), ("Farm Intermediate", "CN=Farm Intermediate"));
    assert_eq!((facts.sans, facts.san_count), (vec!["a.test".into(), "b.test".into(), "192.0.2.1".into()], 3));
    assert_eq!(facts.not_before.as_second(), leaf.not_before.as_second());
    assert_eq!(facts.not_after.as_second(), leaf.not_after.as_second());
    assert_eq!((facts.key.name.as_str(), facts.key.bits), ("ECDSA", Some(256)));
    assert_eq!((facts.signature_algorithm.as_str(), facts.version), ("ecdsa-with-SHA256", 3));
    assert_eq!(presented.verified_not_after, Some(facts.not_after));
    assert_eq!(presented.presented_not_after, Some(facts.not_after));
    assert!(seen.timings.resolve.is_none() && seen.timings.connect.is_some() && seen.timings.handshake.is_some());
    assert_eq!(server.server_names(), [Some("a.test".to_owned())]);
    assert_eq!(server.accepted(), 1);
    server.idle().await;
}

#[tokio::test]
async fn tls_1_2_is_good_enough() {
    let authority = Authority::new("Farm");
    let server = serve_with(authority.issue(&Leaf::new(["a.test"])), ServerOptions::default().tls12()).await;
    let seen = look(server.address(), &trust(&authority)).await;
    assert_eq!((reason(&seen), faults(&seen)), (None, vec![]));
    let cipher_suite = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256".to_owned();
    assert_eq!(seen.session, Some(Session { version: "TLS1.2", cipher_suite, group: Some("X25519".to_owned()) }));
}

#[tokio::test]
async fn rsa_is_good_enough() {
    let authority = Authority::new("Farm");
    let seen = look_at(authority.issue(&Leaf::new(["a.test"]).rsa()), &trust(&authority)).await;
    assert_eq!((reason(&seen), faults(&seen)), (None, vec![]));
    let key = seen.presented.unwrap().leaf.unwrap().key;
    assert_eq!((key.name.as_str(), key.bits), ("RSA", Some(2048)));
}

#[tokio::test]
async fn the_earliest_end_of_the_verified_path_is_told_not_that_of_spare_certificates() {
    let now = Timestamp::now();
    let authority = Authority::with_intermediate("Farm", now - DAY, now + DAY * 10);
    let spare = Authority::with_intermediate("Spare", now - DAY * 9, now - DAY * 8);
    let mut issued = authority.issue(&Leaf::new(["a.test"]));
    issued.chain.push(spare.intermediate());
    let seen = look_at(issued, &trust(&authority)).await;
    assert_eq!((reason(&seen), faults(&seen)), (None, vec![]));
    let presented = seen.presented.unwrap();
    assert_eq!(presented.verified_not_after.unwrap().as_second(), (now + DAY * 10).as_second());
    assert_eq!(presented.presented_not_after.unwrap().as_second(), (now - DAY * 8).as_second());
}

#[tokio::test]
async fn each_fault_is_named_and_the_certificate_is_seen_all_the_same() {
    let farm = Authority::new("Farm");
    let now = Timestamp::now();
    let late = Authority::with_intermediate("Farm", now - DAY * 9, now - DAY);
    let early = Authority::with_intermediate("Farm", now + DAY, now + DAY * 9);
    let good = || Leaf::new(["a.test"]);
    for (issued, trusted, kinds, detail_says) in [
        (farm.issue(&good().expired()), &farm, vec![FaultKind::Expired], "the certificate expired at "),
        (
            farm.issue(&good().not_yet_valid()),
            &farm,
            vec![FaultKind::NotYetValid],
            "the certificate is not valid before ",
        ),
        (
            farm.issue(&Leaf::new(["b.test", "c.test"])),
            &farm,
            vec![FaultKind::HostnameMismatch],
            "the certificate is for b.test, c.test, not for a.test",
        ),
        (
            self_signed(&good()),
            &farm,
            vec![FaultKind::SelfSigned],
            "the certificate is signed by its own key and is not among the trusted certificates",
        ),
        (self_signed(&good().ca()), &farm, vec![FaultKind::SelfSigned], "the certificate is signed by its own key"),
        (
            Authority::new("Other").issue(&good()),
            &farm,
            vec![FaultKind::UnknownIssuer],
            "the issuer CN=Other Root is not trusted; if it is an intermediate, the server does not send it",
        ),
        (
            farm.issue_without_intermediate(&good()),
            &farm,
            vec![FaultKind::UnknownIssuer],
            "the issuer CN=Farm Intermediate is not trusted; if it is an intermediate, the server does not send it",
        ),
        (
            late.issue(&good()),
            &late,
            vec![FaultKind::IntermediateExpired],
            "the intermediate CN=Farm Intermediate (valid from ",
        ),
        (
            early.issue(&good()),
            &early,
            vec![FaultKind::IntermediateNotYetValid],
            "the intermediate CN=Farm Intermediate ",
        ),
        (farm.issue(&good().ca()), &farm, vec![FaultKind::LeafIsCa], "the server's certificate is a CA certificate"),
        (
            farm.issue(&good().for_clients_only()),
            &farm,
            vec![FaultKind::WrongPurpose],
            "the certificate's extended key usage does not allow TLS servers",
        ),
        (
            Authority::new("Farm").issue(&good()),
            &farm,
            vec![FaultKind::UnknownIssuer],
            "a CA named CN=Farm Root is trusted, but it has another key than the one that signed the chain",
        ),
        (
            Authority::new("Other").issue(&Leaf::new(["b.test"]).expired()),
            &farm,
            vec![FaultKind::Expired, FaultKind::HostnameMismatch, FaultKind::UnknownIssuer],
            "the certificate expired at ",
        ),
    ] {
        let leaf = issued.chain[0].clone();
        let seen = look_at(issued, &trust(trusted)).await;
        assert_eq!((reason(&seen), faults(&seen)), (None, kinds), "{detail_says}");
        assert!(detail(&seen).starts_with(detail_says), "{}", detail(&seen));
        let presented = seen.presented.unwrap();
        assert!(presented.leaf.is_some() && presented.fingerprint == crate::support::fingerprint(&leaf));
    }
}

#[tokio::test]
async fn an_expired_certificate_still_says_whether_its_chain_is_good() {
    let authority = Authority::new("Farm");
    let leaf = Leaf::new(["a.test"]).expired();
    let seen = look_at(authority.issue(&leaf), &trust(&authority)).await;
    let end = seen.presented.unwrap().verified_not_after.unwrap();
    assert_eq!(end.as_second(), leaf.not_after.as_second());
}

/// An authority information access extension that names this place of the issuer's certificate (RFC 5280 §4.2.2.1).
fn issuer_at(url: &str) -> rcgen::CustomExtension {
    let place = sequence(&[tlv(6, [0x2b, 6, 1, 5, 5, 7, 0x30, 2]), tlv(0x86, url)]);
    rcgen::CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 1], sequence(&[place]))
}

#[tokio::test]
async fn a_missing_intermediate_is_named_where_it_is_to_be_had() {
    let farm = Authority::new("Farm");
    let nobody = TrustStore::new(None, None).unwrap();
    let unknown =
        "the issuer CN=Farm Intermediate is not trusted; if it is an intermediate, the server does not send it";
    for (url, trusted, kind, says) in [
        (
            "http://ca.test/i.crt",
            trust(&farm),
            FaultKind::IncompleteChain,
            "the issuer CN=Farm Intermediate is neither sent by the server nor trusted: let the server send it after its own certificate; it is to be had at http://ca.test/i.crt",
        ),
        (
            "HTTPS://ca.test/i",
            nobody.clone(),
            FaultKind::IncompleteChain,
            "the issuer CN=Farm Intermediate is neither sent by the server nor trusted: let the server send it after its own certificate; it is to be had at HTTPS://ca.test/i",
        ),
        ("ldap://ca.test/cn=i", trust(&farm), FaultKind::UnknownIssuer, unknown),
        ("ldap:///cn=http://ca.test", trust(&farm), FaultKind::UnknownIssuer, unknown),
    ] {
        let leaf = Leaf::new(["a.test"]);
        let mut params = leaf.params();
        params.custom_extensions = vec![issuer_at(url)];
        let mut issued = farm.issue_from(&params, &leaf.key());
        issued.chain.truncate(1);
        let seen = look_at(issued, &trusted).await;
        assert_eq!((faults(&seen), detail(&seen)), (vec![kind], says));
    }
}

#[tokio::test]
async fn a_chain_that_lacks_only_its_root_is_not_called_incomplete() {
    // The intermediate tells where its issuer is to be had, as those of public authorities do.
    let url = issuer_at("http://ca.test/root.crt");
    let authority = |name: &str| {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params.custom_extensions = vec![url.clone()];
        (params, KeyPair::generate().unwrap())
    };
    let (root, root_key) = authority("Private Root");
    let (intermediate, intermediate_key) = authority("Private CA");
    let sent = intermediate.signed_by(&intermediate_key, &Issuer::new(root, root_key)).unwrap();
    let leaf = Leaf::new(["a.test"]);
    let mut params = leaf.params();
    params.custom_extensions = vec![url];
    let key = leaf.key();
    let certificate = params.signed_by(&key, &Issuer::new(intermediate, intermediate_key)).unwrap();
    let issued = Issued::new(vec![certificate.der().clone(), sent.der().clone()], &key);
    let seen = look_at(issued, &trust(&Authority::new("Farm"))).await;
    let says = "the issuer CN=Private Root is not trusted; if it is an intermediate, the server does not send it: it is to be \
                had at http://ca.test/root.crt, and belongs after CN=Private CA";
    assert_eq!((faults(&seen), detail(&seen)), (vec![FaultKind::UnknownIssuer], says));
}

#[tokio::test]
async fn the_leaf_is_the_first_certificate_whatever_follows() {
    let authority = Authority::new("Farm");
    let mut muddle = authority.issue(&Leaf::new(["a.test"]));
    let unrelated = Authority::new("Other");
    muddle.chain.extend([unrelated.intermediate(), authority.root(), authority.intermediate(), unrelated.root()]);
    let seen = look_at(muddle, &trust(&authority)).await;
    assert_eq!((reason(&seen), faults(&seen)), (None, vec![]), "duplicates, the root and strangers do no harm");
    assert_eq!(seen.presented.unwrap().chain_length, 6);

    let mut reversed = authority.issue(&Leaf::new(["a.test"]));
    reversed.chain.reverse();
    let seen = look_at(reversed, &trust(&authority)).await;
    assert_eq!(seen.presented.as_ref().unwrap().leaf.as_ref().unwrap().subject, "Farm Intermediate");
    assert!(faults(&seen).contains(&FaultKind::HostnameMismatch) && faults(&seen).contains(&FaultKind::KeyMismatch));
}

#[tokio::test]
async fn a_sent_root_that_is_not_trusted_is_named() {
    let other = Authority::new("Other");
    let mut issued = other.issue(&Leaf::new(["a.test"]));
    issued.chain.push(other.root());
    let seen = look_at(issued, &trust(&Authority::new("Farm"))).await;
    assert_eq!(faults(&seen), [FaultKind::UnknownIssuer]);
    assert_eq!(detail(&seen), "the chain ends at the root CN=Other Root, which is not trusted");
}

#[tokio::test]
async fn a_leaf_that_was_given_as_anchor_is_trusted() {
    for leaf in [Leaf::new(["a.test"]), Leaf::new(["a.test"]).ca()] {
        let issued = self_signed(&leaf);
        let pinned = TrustStore::new(None, Some(issued.chain_pem().as_bytes())).unwrap();
        let seen = look_at(issued, &pinned).await;
        assert_eq!((reason(&seen), faults(&seen)), (None, vec![]));
    }
}

#[tokio::test]
async fn a_server_that_does_not_hold_the_key_is_never_valid() {
    let authority = Authority::new("Farm");
    for options in [ServerOptions::default().tls12(), ServerOptions::default().tls13()] {
        let stolen = authority.issue(&Leaf::new(["a.test"])).chain;
        for key in [Leaf::new(["x"]), Leaf::new(["x"]).rsa()] {
            let issued = Issued::new(stolen.clone(), &key.key());
            let server = serve_with(issued, options.clone()).await;
            let seen = look(server.address(), &trust(&authority)).await;
            // With TLS 1.2 the suite names the kind of key, so a client may refuse the other kind at once.
            match seen.presented {
                Some(ref presented) => {
                    assert!(faults(&seen).contains(&FaultKind::KeyMismatch), "{presented:?}");
                    assert!(detail(&seen).starts_with("the server does not hold the certificate's private key"));
                }
                None => assert!(seen.failure.is_some()),
            }
        }
    }
}

#[tokio::test]
async fn an_address_is_verified_by_address_and_sends_no_server_name() {
    let authority = Authority::new("Farm");
    let trust = trust(&authority);
    let mut target = target("127.0.0.1", ([127, 0, 0, 1], 1).into());
    for (names, kinds) in [
        (vec!["127.0.0.1", "a.test"], vec![]),
        (vec!["a.test"], vec![FaultKind::HostnameMismatch]),
        (vec!["127.0.0.2"], vec![FaultKind::HostnameMismatch]),
    ] {
        let server = serve(authority.issue(&Leaf::new(names))).await;
        target.connect_port = Some(server.address().port());
        let seen = prober().probe(&target, &Means::trusting(trust.clone()), PATIENCE, Timestamp::now()).await;
        assert_eq!((reason(&seen), faults(&seen)), (None, kinds));
        assert_eq!(server.server_names(), [None]);
    }
}

#[tokio::test]
async fn another_server_name_is_sent_and_verified_instead() {
    let authority = Authority::new("Farm");
    let server = serve(authority.issue(&Leaf::new(["b.test"]))).await;
    let mut target = target("a.test", server.address());
    target.server_name = Some(Host::Name("b.test".to_owned()));
    let seen = prober().probe(&target, &Means::trusting(trust(&authority)), PATIENCE, Timestamp::now()).await;
    assert_eq!((reason(&seen), faults(&seen)), (None, vec![]));
    assert_eq!(server.server_names(), [Some("b.test".to_owned())]);
}

#[tokio::test]
async fn a_wish_for_a_client_certificate_is_told_and_a_demand_is_a_failure_with_a_verdict() {
    let authority = Authority::new("Farm");
    let trust = trust(&authority);
    for options in [ServerOptions::default().tls12(), ServerOptions::default().tls13()] {
        let issued = authority.issue(&Leaf::new(["a.test"]));
        let server = serve_with(issued.clone(), options.clone().client_auth(ClientAuth::Optional)).await;
        let seen = look(server.address(), &trust).await;
        assert_eq!((reason(&seen), faults(&seen)), (None, vec![]));
        assert_eq!(seen.client_certificate, ClientCertificate::Optional);

        let server = serve_with(issued, options.client_auth(ClientAuth::Required)).await;
        let seen = look(server.address(), &trust).await;
        assert_eq!(faults(&seen), [], "the certificate is judged all the same");
        let failure = seen.failure.unwrap();
        assert_eq!((failure.reason, failure.stage), (FailureReason::ClientCertificateRequired, Stage::Handshake));
        assert!(failure.detail.starts_with("the server refused to go on without a client certificate (alert "));
        assert_eq!(seen.client_certificate, ClientCertificate::Required);
    }
}

#[tokio::test]
async fn renewal_other_trust_and_the_passing_of_time_are_seen_by_the_same_prober() {
    let now = Timestamp::now();
    let authority = Authority::with_intermediate("Farm", now - DAY, now + DAY * 10);
    let server = serve(authority.issue(&Leaf::new(["a.test"]))).await;
    let (prober, target) = (prober(), target("a.test", server.address()));
    let farm = trust(&authority);
    let first = prober.probe(&target, &Means::trusting(farm.clone()), PATIENCE, now).await;
    assert_eq!(faults(&first), []);
    assert_eq!(faults(&prober.probe(&target, &Means::trusting(farm.clone()), PATIENCE, now).await), []);
    let other = trust(&Authority::new("Other"));
    assert_eq!(
        faults(&prober.probe(&target, &Means::trusting(other.clone()), PATIENCE, now).await),
        [FaultKind::UnknownIssuer]
    );
    let nobody = TrustStore::new(None, None).unwrap();
    assert!(nobody.is_empty());
    assert_eq!(
        faults(&prober.probe(&target, &Means::trusting(nobody.clone()), PATIENCE, now).await),
        [FaultKind::UnknownIssuer]
    );
    let later = prober.probe(&target, &Means::trusting(farm.clone()), PATIENCE, now + DAY * 20).await;
    assert_eq!(faults(&later), [FaultKind::IntermediateExpired]);
    let elsewhere = Target { server_name: Some(Host::Name("b.test".to_owned())), ..target.clone() };
    assert_eq!(
        faults(&prober.probe(&elsewhere, &Means::trusting(farm.clone()), PATIENCE, now).await),
        [FaultKind::HostnameMismatch]
    );

    server.serve(authority.issue(&Leaf::new(["a.test"])));
    let renewed = prober.probe(&target, &Means::trusting(farm.clone()), PATIENCE, now).await;
    assert_eq!(faults(&renewed), []);
    assert_ne!(renewed.presented.unwrap().fingerprint, first.presented.unwrap().fingerprint);
}
