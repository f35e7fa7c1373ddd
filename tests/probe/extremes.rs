//! Chains and handshakes at the limits: too many, too large, empty, broken off, flooded, and many at once.

use jiff::Timestamp;
use ssl_monitor_operator::probe::{FailureReason, FaultKind, Means, Prober};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use xtask::farm::{Authority, ClientAuth, Issued, Leaf, ServerOptions};

use crate::{
    peers::{bare_failure, nobody, peer, record},
    support::{PATIENCE, detail, faults, fingerprint, look, look_at, prober, reason, serve_with, target, trust},
};

#[tokio::test]
async fn too_many_or_too_large_certificates_are_told() {
    let authority = Authority::new("Farm");
    let trust = trust(&authority);
    let mut long = authority.issue(&Leaf::new(["a.test"]));
    long.chain.extend(std::iter::repeat_n(authority.intermediate(), 18));
    let seen = look_at(long.clone(), &trust).await;
    assert_eq!(reason(&seen), Some(FailureReason::CertificateTooLarge));
    assert_eq!(seen.failure.as_ref().unwrap().detail, "the server sent 20 certificates; at most 16 are accepted");
    assert_eq!((faults(&seen), seen.presented.unwrap().chain_length), (vec![], 20));

    long.chain.extend(std::iter::repeat_n(authority.intermediate(), 180));
    let names =
        std::iter::once("a.test".to_owned()).chain((1..10_000).map(|number| format!("host-{number:05}.a.test")));
    let large = authority.issue(&Leaf::new(names));
    for (issued, length, fault) in [(long, 200, FaultKind::Unproven), (large, 2, FaultKind::NotVerifiable)] {
        let leaf = issued.chain[0].clone();
        // Read in the clear on a second connection, as TLS 1.2 sends it.
        let seen = look_at(issued, &trust).await;
        assert_eq!(reason(&seen), Some(FailureReason::CertificateTooLarge));
        let presented = seen.presented.as_ref().unwrap();
        assert_eq!((presented.fingerprint.clone(), presented.proven), (fingerprint(&leaf), false));
        assert_eq!((presented.chain_length, faults(&seen)[0]), (length, fault));
        assert!(presented.leaf.is_some());
        if fault == FaultKind::NotVerifiable {
            let text =
                format!("the certificate is too large to verify: it has {} bytes, at most 65535 are read", leaf.len());
            assert_eq!(detail(&seen), text);
            let text = "the server sent a handshake message of more than 64 KiB";
            assert_eq!(seen.failure.as_ref().unwrap().detail, text);
            assert_eq!(presented.leaf.as_ref().unwrap().san_count, 10_000);
        }
    }
}

#[tokio::test]
async fn many_names_are_fine_and_counted() {
    let authority = Authority::new("Farm");
    let names = std::iter::once("a.test".to_owned()).chain((1..2000).map(|number| format!("host-{number:05}.a.test")));
    let seen = look_at(authority.issue(&Leaf::new(names)), &trust(&authority)).await;
    assert_eq!((reason(&seen), faults(&seen)), (None, vec![]));
    let leaf = seen.presented.unwrap().leaf.unwrap();
    assert_eq!((leaf.sans.len(), leaf.san_count), (32, 2000));
}

#[tokio::test]
async fn an_empty_chain_is_no_certificate() {
    let empty = Issued::new(Vec::new(), &Leaf::new(["a.test"]).key());
    let seen = look_at(empty, &nobody()).await;
    assert_eq!(bare_failure(&seen), (FailureReason::NoCertificate, "the server presented no certificate"));
}

#[tokio::test]
async fn garbage_for_a_certificate_is_unparsable_and_still_has_a_fingerprint() {
    for der in [vec![], b"no certificate".to_vec(), vec![0x30, 0x84, 0xff, 0xff, 0xff, 0xff]] {
        let issued = Issued::new(vec![der.clone().into()], &Leaf::new(["a.test"]).key());
        let seen = look_at(issued, &nobody()).await;
        // rustls refuses an empty certificate entry by itself.
        if let Some(presented) = &seen.presented {
            assert_eq!(presented.fingerprint, fingerprint(&der));
            assert_eq!(presented.leaf, None);
            assert_eq!(faults(&seen)[0], FaultKind::CertificateUnparsable);
        } else {
            assert!(der.is_empty() && reason(&seen).is_some(), "{seen:?}");
        }
    }
}

#[tokio::test]
async fn a_flood_of_tickets_changes_nothing() {
    let authority = Authority::new("Farm");
    for client_auth in [ClientAuth::None, ClientAuth::Optional] {
        let options = ServerOptions { tickets: 2000, client_auth, ..ServerOptions::default() };
        let server = serve_with(authority.issue(&Leaf::new(["a.test"])), options).await;
        let seen = look(server.address(), &trust(&authority)).await;
        assert_eq!((reason(&seen), faults(&seen)), (None, vec![]));
        server.idle().await;
    }
}

#[tokio::test]
async fn a_server_that_drops_before_the_end_has_shown_its_certificate() {
    let authority = Authority::new("Farm");
    let options = ServerOptions::default().tls12();
    let server = serve_with(authority.issue(&Leaf::new(["a.test"])), options).await;
    let behind = server.address();
    let (address, task) = peer(move |mut stream| async move {
        let mut server = TcpStream::connect(behind).await?;
        server.write_all(&record(&mut stream).await?).await?;
        // ServerHello, Certificate, ServerKeyExchange and ServerHelloDone come in the clear; the client's answer is the end.
        let (mut from_client, mut to_client) = stream.split();
        let (mut flight, mut answer) = (vec![0; 16 * 1024], [0; 1]);
        loop {
            tokio::select! {
                read = server.read(&mut flight) => to_client.write_all(&flight[..read?]).await?,
                _ = from_client.read(&mut answer) => return Ok(()),
            }
        }
    })
    .await;
    let seen = look(address, &trust(&authority)).await;
    task.await.unwrap();
    assert!(
        matches!(reason(&seen), Some(FailureReason::ConnectionClosed | FailureReason::ConnectionReset)),
        "{seen:?}"
    );
    assert_eq!(faults(&seen), [], "the server had proved that it holds the key");
    assert_eq!((seen.session, seen.timings.handshake), (None, None));
}

#[tokio::test]
async fn a_prober_is_shared_by_many_probes() {
    let authority = Authority::new("Farm");
    let server = serve_with(authority.issue(&Leaf::new(["a.test"])), ServerOptions::default()).await;
    let (shared, trust): (Prober, _) = (prober(), trust(&authority));
    let running = (0..20).map(|_| {
        let (prober, trust, target) = (shared.clone(), trust.clone(), target("a.test", server.address()));
        tokio::spawn(
            async move { prober.probe(&target, &Means::trusting(trust.clone()), PATIENCE, Timestamp::now()).await },
        )
    });
    for probe in running.collect::<Vec<_>>() {
        assert_eq!(faults(&probe.await.unwrap()), []);
    }
    assert_eq!(server.accepted(), 20);
    server.idle().await;
}
