//! STARTTLS over sockets: what becomes of the connection before, between and after.

use std::{io, time::Duration};

use jiff::Timestamp;
use ssl_monitor_operator::probe::{FailureReason, Means, Observation, Stage, StartTls};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use crate::{
    peers::{nobody, peer, record},
    support::{PATIENCE, loopback_address, prober, target},
};

/// Probe `a.test` at this address for mail.
async fn look_within(address: std::net::SocketAddr, timeout: Duration) -> Observation {
    let mut target = target("a.test", address);
    target.starttls = Some(StartTls::Smtp);
    prober().probe(&target, &Means::trusting(nobody()), timeout, Timestamp::now()).await
}

/// The failure of an observation that holds nothing else.
fn bare_failure(seen: &Observation) -> (FailureReason, Stage, &str) {
    let failure = seen.failure.as_ref().unwrap_or_else(|| panic!("no failure: {seen:?}"));
    assert_eq!((&seen.presented, &seen.session, seen.timings.handshake), (&None, &None, None));
    (failure.reason, failure.stage, &failure.detail)
}

/// Hear a line.
async fn heard(stream: &mut TcpStream) -> io::Result<String> {
    let mut line = String::new();
    while !line.ends_with('\n') {
        line.push(char::from(stream.read_u8().await?));
    }
    Ok(line)
}

/// Be a mail server up to the word before its go-ahead.
async fn until_go_ahead(stream: &mut TcpStream) -> io::Result<()> {
    stream.write_all(b"220 mail.test\r\n").await?;
    assert_eq!(heard(stream).await?, "EHLO sslmonitor.invalid\r\n");
    stream.write_all(b"250-mail.test\r\n250 STARTTLS\r\n").await?;
    assert_eq!(heard(stream).await?, "STARTTLS\r\n");
    Ok(())
}

#[tokio::test]
async fn after_an_injection_not_a_byte_is_sent() {
    let (address, task) = peer(|mut stream| async move {
        until_go_ahead(&mut stream).await?;
        stream.write_all(b"220 go ahead\r\n250 injected\r\n").await?;
        let mut rest = Vec::new();
        // The prober leaves with words unread, which its kernel may answer with a reset.
        let _ = stream.read_to_end(&mut rest).await;
        assert_eq!(rest, b"");
        Ok(())
    })
    .await;
    let detail = "the server sent more than its answer to STARTTLS before TLS, which a client may take for protected: \
                  250 injected";
    let seen = look_within(address, PATIENCE).await;
    assert_eq!(bare_failure(&seen), (FailureReason::StartTlsInjection, Stage::StartTls, detail));
    task.await.unwrap();
}

#[tokio::test]
async fn a_reset_is_told_with_its_place() {
    let (address, _task) = peer(|mut stream| async move {
        stream.write_all(b"220 mail.test\r\n").await?;
        heard(&mut stream).await?;
        stream.set_zero_linger()
    })
    .await;
    let detail = "where its answer to EHLO was awaited, the server reset the connection";
    let seen = look_within(address, PATIENCE).await;
    assert_eq!(bare_failure(&seen), (FailureReason::StartTlsFailed, Stage::StartTls, detail));
}

#[tokio::test]
async fn what_happens_after_the_go_ahead_is_the_handshakes() {
    let (address, task) = peer(|mut stream| async move {
        until_go_ahead(&mut stream).await?;
        stream.write_all(b"220 go ahead\r\n").await?;
        record(&mut stream).await?;
        stream.shutdown().await?;
        while stream.read(&mut [0; 64]).await? > 0 {}
        Ok(())
    })
    .await;
    let detail = "the server closed the connection after the first message of the handshake";
    let seen = look_within(address, PATIENCE).await;
    assert_eq!(bare_failure(&seen), (FailureReason::ConnectionClosed, Stage::Handshake, detail));
    task.await.unwrap();
}

#[tokio::test]
async fn a_server_that_waits_for_tls_is_given_up_at_the_deadline_with_a_hint() {
    let soon = Duration::from_millis(200);
    let (address, task) = peer(|mut stream| async move {
        assert_eq!(stream.read(&mut [0; 64]).await?, 0, "nothing is said before the greeting");
        Ok(())
    })
    .await;
    let detail = "the server sent nothing of SMTP in time; if it speaks TLS at once, leave tls.startTLS out";
    let seen = look_within(address, soon).await;
    assert_eq!(bare_failure(&seen), (FailureReason::StartTlsFailed, Stage::StartTls, detail));
    assert!(seen.timings.total >= soon && seen.timings.connect.is_some());
    task.await.unwrap();
}

#[tokio::test]
async fn an_old_server_is_asked_for_tls_on_every_connection() {
    let listener = TcpListener::bind(loopback_address()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(async move {
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().await.unwrap();
            until_go_ahead(&mut stream).await.unwrap();
            stream.write_all(b"220 go ahead\r\n").await.unwrap();
            assert_eq!(record(&mut stream).await.unwrap()[0], 22);
            stream.write_all(&[21, 3, 1, 0, 2, 2, 70]).await.unwrap();
        }
    });
    let seen = look_within(address, PATIENCE).await;
    let (reason, stage, _) = bare_failure(&seen);
    assert_eq!((reason, stage), (FailureReason::ProtocolTooOld, Stage::Handshake));
    task.await.unwrap();
}

#[tokio::test]
async fn floods_in_the_clear_are_left_early_and_a_server_without_tls_is_told() {
    let lines = b"220-still greeting\r\n".repeat(1000);
    for (flood, what) in [(vec![b'x'; 1 << 16], "a line of more than 2048 bytes"), (lines, "more than 100 lines")] {
        let (address, task) = peer(move |mut stream| async move {
            stream.write_all(b"220-").await?;
            for _ in 0..1024 {
                // Left early: what cannot be sent any more is no fault of the peer's.
                if stream.write_all(&flood).await.is_err() {
                    return Ok(());
                }
            }
            panic!("tens of megabytes were taken")
        })
        .await;
        let seen = look_within(address, PATIENCE).await;
        let (reason, stage, detail) = bare_failure(&seen);
        assert_eq!((reason, stage), (FailureReason::StartTlsFailed, Stage::StartTls));
        assert!(detail.contains(what), "{detail}");
        task.await.unwrap();
    }
    let (address, task) = peer(|mut stream| async move {
        stream.write_all(b"220 mail.test\r\n").await?;
        heard(&mut stream).await?;
        stream.write_all(b"250-mail.test\r\n250 SIZE\r\n").await?;
        while stream.read(&mut [0; 64]).await? > 0 {}
        Ok(())
    })
    .await;
    let seen = look_within(address, PATIENCE).await;
    let (reason, stage, _) = bare_failure(&seen);
    assert_eq!((reason, stage), (FailureReason::StartTlsUnavailable, Stage::StartTls));
    task.await.unwrap();
}
