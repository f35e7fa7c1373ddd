//! Flights made by hand, cut, mixed up and broken; and servers that understand only some hello.

#![allow(clippy::unwrap_used)]

mod recorded;

use std::time::Duration;

use proptest::prelude::*;
use tokio::net::TcpListener;

use super::*;

fn record(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind, 3, 1][..], &u16::try_from(body.len()).unwrap().to_be_bytes(), body].concat()
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&[kind][..], &length[1..], body].concat()
}

/// A ServerHello of this version with this suite, a session of four bytes, and these extensions.
fn server_hello(version: [u8; 2], suite: u16, extensions: &[u8]) -> Vec<u8> {
    let body = [&version[..], &[7; 32], &[4, 1, 2, 3, 4], &suite.to_be_bytes(), &[0]].concat();
    let length = u16::try_from(extensions.len()).unwrap().to_be_bytes();
    message(2, &if extensions.is_empty() { body } else { [&body, &length[..], extensions].concat() })
}

fn certificate(chain: &[&[u8]]) -> Vec<u8> {
    let list: Vec<u8> =
        chain.iter().flat_map(|der| [&u32::try_from(der.len()).unwrap().to_be_bytes()[1..], der].concat()).collect();
    message(11, &[&u32::try_from(list.len()).unwrap().to_be_bytes()[1..], &list].concat())
}

/// ServerHello, Certificate, CertificateStatus, ServerKeyExchange, CertificateRequest, ServerHelloDone of TLS 1.1.
fn whole() -> Vec<Vec<u8>> {
    vec![
        server_hello([3, 2], 0x0035, &[0xff, 1, 0, 1, 0]),
        certificate(&[b"the leaf", b"its issuer"]),
        message(22, &[1, 0, 0, 3, 9, 8, 7]),
        message(12, &[3, 0, 23]),
        message(13, &[1, 1, 0, 0]),
        message(14, &[]),
    ]
}

fn in_one_record(messages: &[Vec<u8>]) -> Vec<u8> {
    record(22, &messages.concat())
}

fn shown(version: &'static str, suite: &str, chain: &[&[u8]]) -> Cleartext {
    Cleartext {
        version,
        cipher_suite: suite.to_owned(),
        chain: chain.iter().map(|der| CertificateDer::from(der.to_vec())).collect(),
        staple: None,
        client_certificate_requested: false,
    }
}

fn all_of_it() -> Cleartext {
    Cleartext {
        staple: Some(vec![9, 8, 7]),
        client_certificate_requested: true,
        ..shown("TLS1.1", "TLS_RSA_WITH_AES_256_CBC_SHA", &[b"the leaf", b"its issuer"])
    }
}

#[test]
fn a_whole_flight_is_read() {
    assert_eq!(read(&in_one_record(&whole())), Some(all_of_it()));
    let apart: Vec<u8> = whole().iter().flat_map(|message| record(22, message)).collect();
    assert_eq!(read(&apart), Some(all_of_it()));
    let of_one_byte: Vec<u8> = whole().concat().iter().flat_map(|byte| record(22, &[*byte])).collect();
    assert_eq!(read(&of_one_byte), Some(all_of_it()));
}

#[test]
fn every_version_in_the_clear_has_its_name_and_unknown_suites_their_number() {
    for (version, expected) in [([3, 0], "SSLv3"), ([3, 1], "TLS1.0"), ([3, 2], "TLS1.1"), ([3, 3], "TLS1.2")] {
        for (suite, name) in [(0x0005, "TLS_RSA_WITH_RC4_128_SHA"), (0xe013, "0xE013")] {
            let flight = in_one_record(&[server_hello(version, suite, &[]), certificate(&[b"leaf"])]);
            assert_eq!(read(&flight), Some(shown(expected, name, &[b"leaf"])));
        }
    }
}

#[test]
fn what_shows_no_certificate_is_nothing() {
    let hello = || server_hello([3, 3], 0xc02f, &[]);
    let with = |last: Vec<u8>| in_one_record(&[hello(), last]);
    for (name, flight) in [
        ("nothing", Vec::new()),
        ("HTTP", b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()),
        ("an alert", record(21, &[2, 40])),
        ("an alert before the flight", [record(21, &[2, 40]), in_one_record(&whole())].concat()),
        ("a close before the flight", [record(21, &[1, 0]), in_one_record(&whole())].concat()),
        (
            "TLS 1.3 by extension",
            in_one_record(&[server_hello([3, 3], 0x1301, &[0, 5, 0, 0, 0, 43, 0, 2, 3, 4]), certificate(&[b"leaf"])]),
        ),
        ("TLS 1.3 by number", in_one_record(&[server_hello([3, 4], 0x1301, &[]), certificate(&[b"leaf"])])),
        ("a certificate before the hello", in_one_record(&[certificate(&[b"leaf"]), hello()])),
        ("two hellos", in_one_record(&[hello(), hello(), certificate(&[b"leaf"])])),
        ("a hello without suite", in_one_record(&[message(2, &[3; 36]), certificate(&[b"leaf"])])),
        ("an empty list", with(certificate(&[]))),
        ("a list without length", with(message(11, &[0, 0]))),
        ("a leaf that broke off", with(message(11, &[0, 0, 9, 0, 0, 6, 1, 2, 3]))),
        ("the end before the certificate", with([message(14, &[]), certificate(&[b"leaf"])].concat())),
        ("a message beyond 1 MiB", with([&[11, 0x10, 0, 1, 0, 0, 7, 0, 0, 4][..], b"leaf"].concat())),
        ("encryption at once", [record(22, &hello()), record(20, &[1]), record(22, &certificate(&[b"leaf"]))].concat()),
        ("a version of no TLS", [record(22, &hello()), vec![22, 5, 1, 0, 20], certificate(&[b"leaf"])].concat()),
        ("a record too large", [record(22, &hello()), vec![22, 3, 1, 0x48, 1], certificate(&[b"leaf"])].concat()),
        ("an empty record", [record(22, &hello()), record(22, &[]), record(22, &certificate(&[b"leaf"]))].concat()),
    ] {
        assert_eq!(read(&flight), None, "{name}");
    }
}

#[test]
fn what_came_before_the_break_counts() {
    let flight = in_one_record(&[server_hello([3, 3], 0xc02f, &[]), certificate(&[b"the leaf", b"its issuer"])]);
    let suite = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256";
    let leaf = shown("TLS1.2", suite, &[b"the leaf"]);
    assert_eq!(read(&flight[..flight.len() - 1]), Some(leaf.clone()));
    assert_eq!(read(&flight[..flight.len() - 13]), Some(leaf.clone()));
    assert_eq!(read(&flight[..flight.len() - 14]), None, "the leaf is not complete");
    // Another record begins, and is no handshake.
    let cut = [record(22, &flight[5..flight.len() - 1]), record(21, &[2, 80])].concat();
    assert_eq!(read(&cut), Some(leaf));
    let both = shown("TLS1.2", suite, &[b"the leaf", b"its issuer"]);
    for rest in [&b"HTTP/1.1"[..], &[21, 3, 1, 0, 2, 2, 80], &[22, 3, 1, 0, 4, 99, 0, 0, 0], &[23, 3, 3, 0, 1, 0]] {
        assert_eq!(read(&[&flight, rest].concat()), Some(both.clone()));
    }
}

#[test]
fn long_chains_and_long_flights_end() {
    let many = vec![&b"x"[..]; 1000];
    let flight = in_one_record(&[server_hello([3, 3], 0xc02f, &[]), certificate(&many)]);
    assert_eq!(read(&flight).unwrap().chain.len(), 256);

    let mut reader = Reader::default();
    let warnings = record(21, &[1, 90].repeat(4096));
    let mut pushed = 0;
    while !reader.has_ended() {
        reader.push(&warnings);
        pushed += warnings.len();
    }
    assert!(((4 << 20)..(4 << 20) + 2 * warnings.len()).contains(&pushed), "{pushed}");
}

#[test]
fn a_warning_of_the_name_is_one_before_the_hello_only() {
    let (warning, flight) = (record(21, &[1, 112]), in_one_record(&whole()));
    assert!(warns_of_name(&[&warning[..], &flight].concat()));
    assert_eq!(read(&[&warning[..], &flight].concat()), Some(all_of_it()));
    for other in [flight.clone(), [&flight[..], &warning].concat(), record(21, &[2, 112]), record(21, &[1, 90])] {
        assert!(!warns_of_name(&other));
    }
}

#[test]
fn the_failure_names_what_the_server_chose_unless_something_else_broke_the_handshake() {
    use FailureReason as Reason;
    let (today, cbc) = ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_RSA_WITH_AES_128_CBC_SHA");
    for (own, asked, version, suite, reason, start) in [
        (Reason::ProtocolTooOld, true, "TLS1.0", cbc, Reason::ProtocolTooOld, "the server speaks TLS 1.0 with TLS_RSA"),
        (Reason::ProtocolTooOld, false, "SSLv3", cbc, Reason::ProtocolTooOld, "the server speaks SSLv3 with TLS_RSA"),
        (
            Reason::ConnectionReset,
            true,
            "TLS1.0",
            cbc,
            Reason::ProtocolTooOld,
            "the server speaks TLS 1.0 with TLS_RSA",
        ),
        (
            Reason::NoCommonCipher,
            true,
            "TLS1.2",
            cbc,
            Reason::NoCommonCipher,
            "the server chooses TLS_RSA_WITH_AES_128",
        ),
        (
            Reason::NoCommonCipher,
            true,
            "TLS1.2",
            today,
            Reason::NoCommonCipher,
            "own; to an older hello it answers TLS 1.2",
        ),
        (
            Reason::ConnectionReset,
            true,
            "TLS1.2",
            cbc,
            Reason::NoCommonCipher,
            "the server chooses TLS_RSA_WITH_AES_128",
        ),
        (Reason::ConnectionReset, true, "TLS1.2", today, Reason::ConnectionReset, "own"),
        (Reason::ConnectionReset, false, "TLS1.1", cbc, Reason::ConnectionReset, "own"),
        (Reason::ProtocolViolation, false, "TLS1.2", cbc, Reason::ProtocolViolation, "own"),
        (Reason::CertificateTooLarge, true, "TLS1.2", cbc, Reason::CertificateTooLarge, "own"),
    ] {
        let own = Failure { reason: own, stage: Stage::Handshake, detail: "own".to_owned() };
        let explained = shown(version, suite, &[b"leaf"]).explain(own.clone(), asked);
        assert_eq!(explained.reason, reason, "{own:?} {version} {suite}");
        assert!(explained.detail.starts_with(start), "{}", explained.detail);
        assert_eq!(explained == own, start == "own", "{}", explained.detail);
    }
}

fn pieces(flight: &[u8], cuts: &[prop::sample::Index]) -> Option<Cleartext> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(flight.len() + 1)).chain([0, flight.len()]).collect();
    cuts.sort_unstable();
    let mut reader = Reader::default();
    cuts.windows(2).for_each(|cut| reader.push(&flight[cut[0]..cut[1]]));
    reader.finish()
}

/// The certificates' bytes, and the staple's.
fn size(seen: &Cleartext) -> usize {
    seen.chain.iter().map(|der| der.len()).sum::<usize>() + seen.staple.as_ref().map_or(0, Vec::len)
}

proptest! {
    #[test]
    fn any_split_of_a_flight_reads_the_same(
        at in any::<prop::sample::Index>(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..40),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let messages = whole().concat();
        let at = at.index(messages.len());
        let mut flight: Vec<u8> = [&messages[..at], &messages[at..]].iter().flat_map(|part| record(22, part)).collect();
        if at == 0 {
            flight = record(22, &messages);
        }
        prop_assert_eq!(pieces(&flight, &cuts), Some(all_of_it()));
        for (place, byte) in changes {
            *place.get_mut(&mut flight) = byte;
        }
        let seen = read(&flight);
        prop_assert_eq!(&pieces(&flight, &cuts), &seen);
        prop_assert!(seen.is_none_or(|seen| size(&seen) <= flight.len()));
    }

    #[test]
    fn any_bytes_are_read_without_panic_and_never_show_more_than_came(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        kind in 20_u8..=24,
        message in prop::sample::select(vec![2_u8, 11, 12, 13, 14, 22]),
    ) {
        let length = u8::try_from(bytes.len().min(255)).unwrap();
        let flight =
            [record(22, &server_hello([3, 1], 5, &[])), record(kind, &[&[message, 0, 0, length][..], &bytes].concat())].concat();
        for flight in [&flight[..], &bytes] {
            prop_assert!(read(flight).is_none_or(|seen| size(&seen) <= flight.len()));
            warns_of_name(flight);
        }
    }
}

/// Serve `answer` to every hello, until the caller has its answer; the hellos are told, each with what came after the answer.
async fn serve(
    mut answer: impl FnMut(&[u8]) -> Vec<u8>,
    name: &str,
    dials: usize,
) -> (Option<Cleartext>, Vec<(Vec<u8>, Vec<u8>)>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (name, mut left) = (name.parse().unwrap(), dials);
    let dial = || {
        let allowed = left > 0;
        left = left.saturating_sub(1);
        async move {
            let refused =
                || Failure { reason: FailureReason::ConnectionRefused, stage: Stage::Connect, detail: String::new() };
            if allowed { Ok(TcpStream::connect(address).await.unwrap()) } else { Err(refused()) }
        }
    };
    let (asked, mut ended) = tokio::sync::oneshot::channel::<()>();
    let serving = async {
        let mut heard = Vec::new();
        loop {
            tokio::select! {
                biased;
                accepted = listener.accept() => heard.push(treat(accepted.unwrap().0, &mut answer).await),
                _ = &mut ended => return heard,
            }
        }
    };
    let asking = async {
        let seen = ask(&name, dial, Instant::now() + Duration::from_secs(20)).await;
        drop(asked);
        seen
    };
    tokio::join!(asking, serving)
}

/// Hear a hello, answer it, and hear what follows.
async fn treat(mut stream: TcpStream, answer: &mut impl FnMut(&[u8]) -> Vec<u8>) -> (Vec<u8>, Vec<u8>) {
    let mut hello = vec![0; 5];
    stream.read_exact(&mut hello).await.unwrap();
    let length = usize::from(u16::from_be_bytes([hello[3], hello[4]]));
    hello.resize(5 + length, 0);
    stream.read_exact(&mut hello[5..]).await.unwrap();
    let answer = answer(&hello);
    stream.write_all(&answer).await.unwrap();
    if !answer.ends_with(&message(14, &[])) {
        stream.shutdown().await.unwrap();
    }
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
    (hello, rest)
}

#[tokio::test]
async fn the_first_hello_that_is_understood_is_the_last_and_ends_politely() {
    let flight = in_one_record(&whole());
    let (seen, heard) = serve(|_| flight.clone(), "a.test", 9).await;
    assert_eq!(seen, Some(all_of_it()));
    assert_eq!(heard.len(), 1);
    assert_eq!(heard[0].1, [21, 3, 2, 0, 2, 1, 90, 21, 3, 2, 0, 2, 1, 0]);
}

#[tokio::test]
async fn older_and_older_words_are_tried_each_on_its_own_connection() {
    let versions = [([3, 1], [3, 3]), ([3, 1], [3, 3]), ([3, 1], [3, 1]), ([3, 0], [3, 0])];
    for understood in 0..=4 {
        let mut number = 0;
        let answer = |_: &[u8]| {
            number += 1;
            if number > understood { in_one_record(&whole()) } else { record(21, &[2, 40]) }
        };
        let (seen, heard) = serve(answer, "a.test", 9).await;
        assert_eq!(seen, (understood < 4).then(all_of_it));
        let told = heard.iter().map(|(hello, _)| ([hello[1], hello[2]], [hello[9], hello[10]]));
        assert!(told.eq(versions.into_iter().take(understood + 1)), "{understood}");
    }
}

#[tokio::test]
async fn nothing_is_asked_when_there_is_no_connection_and_a_broken_flight_counts() {
    let (seen, heard) = serve(|_| Vec::new(), "a.test", 2).await;
    assert_eq!((seen, heard.len()), (None, 2));
    let flight = in_one_record(&whole()[..2]);
    let (seen, heard) = serve(|_| flight[..flight.len() - 3].to_vec(), "192.0.2.1", 2).await;
    assert_eq!(seen, Some(shown("TLS1.1", "TLS_RSA_WITH_AES_256_CBC_SHA", &[b"the leaf"])));
    assert_eq!(heard.len(), 1);
}

#[tokio::test]
async fn a_server_that_hangs_at_a_hello_has_its_share_of_the_time_and_may_understand_the_next() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let flight = in_one_record(&whole());
    let shown_only = in_one_record(&whole()[..2]);
    for (silent, last) in [(0, &shown_only), (1, &flight), (3, &flight)] {
        let serving = async {
            let mut held = Vec::new();
            for number in 0..=silent {
                let (mut stream, _) = listener.accept().await.unwrap();
                if number == silent {
                    stream.write_all(last).await.unwrap();
                }
                held.push(stream);
            }
            held
        };
        let start = Instant::now();
        let limit = Duration::from_secs(2);
        let dial = async || Ok(TcpStream::connect(address).await.unwrap());
        let name = "a.test".parse().unwrap();
        let (seen, held) = tokio::join!(ask(&name, dial, start + limit), serving);
        assert_eq!((seen.unwrap().chain, held.len()), (all_of_it().chain, silent + 1));
        assert!(start.elapsed() < limit, "{:?}", start.elapsed());
    }
}

#[tokio::test]
async fn a_way_that_hangs_has_its_share_of_the_time_too() {
    let start = Instant::now();
    let limit = Duration::from_millis(400);
    let mut dials = 0;
    let dial = || {
        dials += 1;
        std::future::pending()
    };
    assert_eq!(ask(&"a.test".parse().unwrap(), dial, start + limit).await, None);
    assert_eq!(dials, 4);
    assert!(start.elapsed() >= limit);
}
