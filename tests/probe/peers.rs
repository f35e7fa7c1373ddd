//! Peers that do not speak TLS, break it, stall, flood or vanish: each gets its reason, within the deadline.

use std::{
    future::Future,
    io,
    net::SocketAddr,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use ssl_monitor_operator::probe::{ClientCertificate, FailureReason, Means, Observation, Stage, TrustStore};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpSocket, TcpStream},
    task::JoinHandle,
};

use crate::support::{PATIENCE, loopback_address, prober, reason, target};

/// The deadline where the deadline itself is the matter.
const SOON: Duration = Duration::from_millis(300);

pub(crate) fn nobody() -> TrustStore {
    TrustStore::new(None, None).unwrap()
}

/// A peer that treats its one connection as told; the task ends when that is done.
pub(crate) async fn peer<F: Future<Output = io::Result<()>> + Send + 'static>(
    treat: impl FnOnce(TcpStream) -> F + Send + 'static,
) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind(loopback_address()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        // A prober that leaves early is what some of these are for.
        let _ = treat(stream).await;
    });
    (address, task)
}

/// Read one TLS record, header included.
pub(crate) async fn record(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut header = [0; 5];
    stream.read_exact(&mut header).await?;
    let mut record = vec![0; usize::from(u16::from_be_bytes([header[3], header[4]]))];
    stream.read_exact(&mut record).await?;
    Ok([&header[..], &record].concat())
}

/// Hear the hello, say this, and listen until the prober goes.
async fn answer(mut stream: TcpStream, bytes: Vec<u8>) -> io::Result<()> {
    record(&mut stream).await?;
    stream.write_all(&bytes).await?;
    until_gone(&mut stream).await
}

pub(crate) async fn until_gone(stream: &mut TcpStream) -> io::Result<()> {
    while stream.read(&mut [0; 4096]).await? > 0 {}
    Ok(())
}

async fn look_within(address: SocketAddr, timeout: Duration) -> Observation {
    prober().probe(&target("a.test", address), &Means::trusting(nobody()), timeout, Timestamp::now()).await
}

pub(crate) fn alert(level: u8, number: u8) -> Vec<u8> {
    vec![21, 3, 3, 0, 2, level, number]
}

/// A failure of the handshake, without a certificate.
pub(crate) fn bare_failure(seen: &Observation) -> (FailureReason, &str) {
    let failure = seen.failure.as_ref().unwrap_or_else(|| panic!("no failure: {seen:?}"));
    assert_eq!((failure.stage, &seen.presented, &seen.session), (Stage::Handshake, &None, &None));
    assert!(failure.detail.len() < 400, "{}", failure.detail);
    (failure.reason, &failure.detail)
}

#[tokio::test]
async fn every_alert_has_its_reason() {
    for (number, expected, name) in [
        (40, FailureReason::NoCommonCipher, "(alert handshake_failure, 40)"),
        (71, FailureReason::NoCommonCipher, "(alert insufficient_security, 71)"),
        (70, FailureReason::ProtocolTooOld, "(alert protocol_version, 70)"),
        (112, FailureReason::ServerNameRejected, "(alert unrecognized_name, 112)"),
        (116, FailureReason::ClientCertificateRequired, "(alert certificate_required, 116)"),
        (80, FailureReason::ServerInternalError, "(alert internal_error, 80)"),
        (49, FailureReason::HandshakeRefused, "(alert access_denied, 49)"),
        (255, FailureReason::HandshakeRefused, "(alert 255)"),
    ] {
        let (address, task) = peer(move |stream| answer(stream, alert(2, number))).await;
        let seen = look_within(address, PATIENCE).await;
        let (reason, detail) = bare_failure(&seen);
        assert_eq!(reason, expected);
        assert!(detail.ends_with(name), "{detail}");
        let required = expected == FailureReason::ClientCertificateRequired;
        assert_eq!(seen.client_certificate == ClientCertificate::Required, required);
        task.await.unwrap();
    }
}

#[tokio::test]
async fn what_answers_instead_of_tls_is_told() {
    let long = format!("SSH-2.0-\u{1b}[31m{}\r\n", "x".repeat(2000));
    for (greeting, expected) in [
        ("HTTP/1.1 400 Bad Request\r\n\r\n", "what answered is not TLS but HTTP: HTTP/1.1 400 Bad Request".to_owned()),
        (
            "220 mail.test ESMTP\r\n",
            "what answered is not TLS but SMTP, which is to be asked for TLS (tls.startTLS: smtp): 220 mail.test ESMTP"
                .to_owned(),
        ),
        (
            "* OK IMAP4rev1\r\n",
            "what answered is not TLS but IMAP, which is to be asked for TLS (tls.startTLS: imap): * OK IMAP4rev1"
                .to_owned(),
        ),
        (
            "+OK ready\r\n",
            "what answered is not TLS but POP3, which is to be asked for TLS (tls.startTLS: pop3): +OK ready"
                .to_owned(),
        ),
        ("who is there?", "what answered is not TLS: who is there?".to_owned()),
        (
            long.as_str(),
            format!("what answered is not TLS but SSH: SSH-2.0-\\u{{1b}}[31m{}…", "x".repeat(64 - 3 - 8 - 6 - 4)),
        ),
    ] {
        let bytes = greeting.as_bytes().to_vec();
        let (address, task) = peer(move |stream| answer(stream, bytes)).await;
        let seen = look_within(address, PATIENCE).await;
        assert_eq!(bare_failure(&seen), (FailureReason::NotTls, expected.as_str()));
        task.await.unwrap();
    }
}

#[tokio::test]
async fn endless_answers_end_at_once() {
    let header: &[u8] = b"HTTP/1.1 400 Bad Request\r\nX: ";
    // A TLS record of the greatest size after another, none of which is a handshake that makes sense.
    let records = [&[22, 3, 3, 0x40, 0][..], &[0x55; 0x4000]].concat();
    for (start, endless, expected) in [
        (header.to_vec(), vec![b'x'; 4096], FailureReason::NotTls),
        (Vec::new(), vec![0xa5; 4096], FailureReason::NotTls),
        (Vec::new(), records, FailureReason::CertificateTooLarge),
        (Vec::new(), alert(1, 90).repeat(100), FailureReason::ProtocolViolation),
        (Vec::new(), [22, 3, 3, 0, 0].repeat(1000), FailureReason::ProtocolViolation),
    ] {
        let (address, task) = peer(move |mut stream| async move {
            stream.write_all(&start).await?;
            loop {
                stream.write_all(&endless).await?;
            }
        })
        .await;
        let seen = look_within(address, PATIENCE).await;
        assert_eq!(bare_failure(&seen).0, expected, "{seen:?}");
        // The peer only ends when the connection is closed.
        task.await.unwrap();
    }
}

#[tokio::test]
async fn broken_records_are_violations() {
    for bytes in [
        vec![22, 3, 3, 0xff, 0xff, 2, 0, 0, 0],
        vec![22, 5, 0, 0, 4, 2, 0, 0, 0],
        vec![23, 3, 3, 0, 4, 1, 2, 3, 4],
        vec![22, 3, 3, 0, 8, 2, 0, 0, 4, 3, 3, 0, 0],
    ] {
        let (address, task) = peer(move |stream| answer(stream, bytes)).await;
        let seen = look_within(address, PATIENCE).await;
        assert_eq!(bare_failure(&seen).0, FailureReason::ProtocolViolation, "{seen:?}");
        task.await.unwrap();
    }
}

#[tokio::test]
async fn tls_1_0_is_too_old() {
    // ServerHello of TLS 1.0 with TLS_RSA_WITH_AES_128_CBC_SHA and an empty session.
    let hello = [&[2, 0, 0, 38, 3, 1][..], &[7; 32], &[0, 0, 0x2f, 0]].concat();
    let bytes = [&[22, 3, 1, 0, 42][..], &hello].concat();
    let (address, task) = peer(move |stream| answer(stream, bytes)).await;
    assert_eq!(bare_failure(&look_within(address, PATIENCE).await).0, FailureReason::ProtocolTooOld);
    task.await.unwrap();
}

#[tokio::test]
async fn a_second_retry_request_is_a_violation() {
    let (address, task) = peer(|mut stream| async move {
        let hello = record(&mut stream).await?;
        let session = &hello[44..44 + usize::from(hello[43])];
        // SHA-256 of "HelloRetryRequest" (RFC 8446 §4.1.3)
        let random = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, b"HelloRetryRequest");
        let extensions = [0, 0x2b, 0, 2, 3, 4, 0, 0x33, 0, 2, 0, 0x17];
        let body = [
            &[3, 3][..],
            random.as_ref(),
            &[hello[43]],
            session,
            &[0x13, 1, 0, 0, u8::try_from(extensions.len()).unwrap()],
            &extensions,
        ]
        .concat();
        let length = u8::try_from(body.len()).unwrap();
        let retry = [&[22, 3, 3, 0, length + 4, 2, 0, 0, length][..], &body].concat();
        loop {
            stream.write_all(&retry).await?;
            record(&mut stream).await?;
        }
    })
    .await;
    assert_eq!(bare_failure(&look_within(address, PATIENCE).await).0, FailureReason::ProtocolViolation);
    task.await.unwrap();
}

#[tokio::test]
async fn silence_and_dripping_end_at_the_one_deadline_and_leave_nothing_behind() {
    let before = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let listener = TcpListener::bind(loopback_address()).await.unwrap();
    let silent = listener.local_addr().unwrap();
    let silent_task = tokio::spawn(async move {
        // A large hello, and a small one.
        for _ in 0..2 {
            until_gone(&mut listener.accept().await.unwrap().0).await.unwrap();
        }
    });
    let (dripping, dripping_task) = peer(|mut stream| async move {
        stream.write_all(&[22, 3, 3, 0x3f, 0, 2, 0, 0x3e, 0xfc]).await?;
        loop {
            tokio::time::sleep(Duration::from_millis(5)).await;
            stream.write_all(&[3]).await?;
        }
    })
    .await;
    for (address, sent) in [(silent, "sent nothing in time"), (dripping, "; the server sent ")] {
        let start = Instant::now();
        let seen = look_within(address, SOON).await;
        let (reason, detail) = bare_failure(&seen);
        assert_eq!(reason, FailureReason::HandshakeTimedOut);
        assert!(detail.contains(sent), "{detail}");
        assert!(start.elapsed() >= SOON && seen.timings.total >= SOON);
        assert_eq!(seen.timings.handshake, None);
    }
    silent_task.await.unwrap();
    dripping_task.await.unwrap();
    assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), before);
}

#[tokio::test]
async fn a_peer_that_never_reads_ends_at_the_deadline() {
    let socket = TcpSocket::new_v4().unwrap();
    // The least that the kernel gives; connections are accepted by the kernel, and nobody takes them from it.
    socket.set_recv_buffer_size(1).unwrap();
    socket.bind(loopback_address()).unwrap();
    let listener = socket.listen(8).unwrap();
    let start = Instant::now();
    let seen = look_within(listener.local_addr().unwrap(), SOON).await;
    let text = "the server accepted the connection, and sent nothing in time";
    assert_eq!(bare_failure(&seen), (FailureReason::HandshakeTimedOut, text));
    assert!((SOON..PATIENCE).contains(&start.elapsed()), "{:?}", start.elapsed());
}

#[tokio::test]
async fn closing_and_resetting_are_told_apart() {
    let (closing, _task) = peer(|mut stream| async move {
        record(&mut stream).await?;
        stream.shutdown().await?;
        until_gone(&mut stream).await
    })
    .await;
    let seen = look_within(closing, PATIENCE).await;
    let text = "the server closed the connection after the first message of the handshake";
    assert_eq!(bare_failure(&seen), (FailureReason::ConnectionClosed, text));

    let (resetting, _task) = peer(|mut stream| async move {
        record(&mut stream).await?;
        stream.set_zero_linger()
    })
    .await;
    let seen = look_within(resetting, PATIENCE).await;
    let text = "the server reset the connection after the first message of the handshake";
    assert_eq!(bare_failure(&seen), (FailureReason::ConnectionReset, text));
}

/// A port of loopback at which nothing listens, and at which nothing else will as long as the socket is held.
pub(crate) fn closed() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(loopback_address()).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

#[tokio::test]
async fn endless_patience_is_no_panic() {
    let (_held, closed) = closed();
    assert_eq!(reason(&look_within(closed, Duration::MAX).await), Some(FailureReason::ConnectionRefused));
}

#[tokio::test]
async fn refusal_and_a_black_hole_are_failures_of_connecting() {
    let (_held, closed) = closed();
    let seen = look_within(closed, PATIENCE).await;
    let failure = seen.failure.unwrap();
    assert_eq!((failure.reason, failure.stage), (FailureReason::ConnectionRefused, Stage::Connect));
    assert_eq!(failure.detail, format!("{closed}: the connection was refused"));
    assert_eq!((seen.address, seen.timings.connect), (Some(closed), None));

    let hole = BlackHole::dig(loopback_address()).await;
    let seen = look_within(hole.address, SOON).await;
    assert_eq!(reason(&seen), Some(FailureReason::ConnectTimedOut));
    assert_eq!(seen.failure.unwrap().stage, Stage::Connect);
}

/// A listener whose queue is full: what knocks gets no answer.
pub(crate) struct BlackHole {
    pub(crate) address: SocketAddr,
    _held: (TcpListener, Vec<TcpStream>),
}

impl BlackHole {
    pub(crate) async fn dig(address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(address).unwrap();
        let listener = socket.listen(1).unwrap();
        let address = listener.local_addr().unwrap();
        let mut waiting = Vec::new();
        while let Ok(stream) = tokio::time::timeout(Duration::from_millis(100), TcpStream::connect(address)).await {
            waiting.push(stream.unwrap());
        }
        Self { address, _held: (listener, waiting) }
    }
}
