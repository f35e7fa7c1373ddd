//! Servers that do not offer TLS, refuse it, or speak something else.

use super::{
    Said::{self, Closes, Says},
    *,
};

/// The outcome when the server says these, whatever it hears.
async fn told(protocol: StartTls, said: &[&[u8]]) -> Result<(), Failure> {
    script::read(protocol, said.iter().map(|bytes| bytes.to_vec())).await.0
}

fn ldap_answer(id: u8, code: u8, diagnosis: &str) -> Vec<u8> {
    let length = u8::try_from(diagnosis.len()).unwrap();
    let result = [&[0x0a, 1, code, 4, 0, 4, length][..], diagnosis.as_bytes()].concat();
    let response = [&[2, 1, id, 0x78, length + 7][..], &result].concat();
    [&[0x30, length + 12][..], &response].concat()
}

fn mysql_packet(body: &[u8]) -> Vec<u8> {
    [&[u8::try_from(body.len()).unwrap(), 0, 0, 0][..], body].concat()
}

const HEADER: &[u8] =
    b"<?xml version='1.0'?><stream:stream xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>";
const FEATURES: &[u8] = b"<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>";

#[tokio::test]
async fn a_server_without_the_capability_does_not_offer_it() {
    let table: [(StartTls, &[&[u8]], &str); 9] = [
        (StartTls::Smtp, &[b"220 a\r\n250-a STARTTLS\r\n250 XSTARTTLS\r\n"], "in its answer to EHLO"),
        (StartTls::Smtp, &[b"220 a\r\n250 STARTTLS\r\n"], "in its answer to EHLO"),
        (StartTls::Lmtp, &[b"220 a\r\n250-a\r\n250 SIZE\r\n"], "in its answer to LHLO"),
        (StartTls::Imap, &[b"* OK STARTTLS\r\n* CAPABILITY IMAP4rev1\r\na1 OK STARTTLS\r\n"], "among its capabilities"),
        (StartTls::Sieve, &[b"\"SASL\" \"STARTTLS\"\r\nOK\r\n"], "among its capabilities"),
        (StartTls::Postgresql, &[b"N"], "(it answered SSLRequest with N)"),
        (StartTls::Mysql, &[&mysql_greeting(0xf7ff)], "among its capabilities (CLIENT_SSL)"),
        (StartTls::Mysql, &[&mysql_packet(b"\x093.20\0")], "in version 9 of its protocol"),
        (StartTls::XmppServer, &[HEADER, b"<stream:features/>"], "among its stream features"),
    ];
    for (protocol, said, place) in table {
        let expected =
            because(FailureReason::StartTlsUnavailable, format!("the server does not offer STARTTLS {place}"));
        assert_eq!(told(protocol, said).await, expected, "{protocol:?}");
    }
}

#[tokio::test]
async fn what_the_server_refuses_is_quoted() {
    let imap = "STARTTLS, as it takes us for logged in";
    let offer = b"\r\n* CAPABILITY STARTTLS\r\na1 OK\r\n";
    let failure = b"<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
    let error = b"<stream:error><host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>";
    let postgresql = b"E\0\0\0\x29SFATAL\0C53300\0Mtoo many connections\0\0\0\0\0\0";
    let blocked = b"\xff\x69\x04Host '192.0.2.1' is blocked because of many connection errors; unblock with flush";
    let table: [(StartTls, &[&[u8]], &str, &str); 25] = [
        (StartTls::Smtp, &[b"421 a too busy\r\n"], "the connection", "421 a too busy"),
        (StartTls::Smtp, &[b"554-no\r\n554 go away\r\n"], "the connection", "554 go away"),
        (StartTls::Smtp, &[b"220 a\r\n502 what?\r\n"], "EHLO", "502 what?"),
        (StartTls::Smtp, &[b"220 a\r\n250-a\r\n250 STARTTLS\r\n454 4.7.0 TLS\r\n"], "STARTTLS", "454 4.7.0 TLS"),
        (StartTls::Lmtp, &[b"220 a\r\n500 what?\r\n"], "LHLO", "500 what?"),
        (StartTls::Imap, &[b"* BYE\r\n"], "the connection", "* BYE"),
        (StartTls::Imap, &[b"* PREAUTH hello root\r\n"], imap, "* PREAUTH hello root"),
        (StartTls::Imap, &[b"* OK\r\na1 NO later\r\n"], "CAPABILITY", "a1 NO later"),
        (StartTls::Imap, &[b"* OK", offer, b"* BYE bye\r\n"], "STARTTLS", "* BYE bye"),
        (StartTls::Imap, &[b"* OK", offer, b"a2 BAD no\r\n"], "STARTTLS", "a2 BAD no"),
        (StartTls::Pop3, &[b"-ERR busy\r\n"], "the connection", "-ERR busy"),
        (StartTls::Pop3, &[b"+OK\r\n-ERR what?\r\n"], "STLS", "-ERR what?"),
        (StartTls::Ftp, &[b"530 no\r\n"], "the connection", "530 no"),
        (
            StartTls::Ftp,
            &[b"220 a\r\n530 Please login with USER and PASS.\r\n"],
            "AUTH TLS",
            "530 Please login with USER and PASS.",
        ),
        (StartTls::Nntp, &[b"502 no\r\n"], "the connection", "502 no"),
        (StartTls::Nntp, &[b"200 a\r\n580 no\r\n"], "STARTTLS", "580 no"),
        (StartTls::Sieve, &[b"BYE \"busy\"\r\n"], "the connection", "BYE \"busy\""),
        (StartTls::Sieve, &[b"\"STARTTLS\"\r\nOK\r\nNO {2}\r\nno\r\n"], "STARTTLS", "NO no"),
        (
            StartTls::Ldap,
            &[&ldap_answer(1, 2, "no\u{202e}TLS")],
            "StartTLS",
            "resultCode 2 (protocolError): no\\u{202e}TLS",
        ),
        (StartTls::Ldap, &[&ldap_answer(0, 52, "bye")], "StartTLS", "resultCode 52 (unavailable): bye"),
        (StartTls::Postgresql, &[postgresql], "SSLRequest", "too many connections"),
        (
            StartTls::Mysql,
            &[&mysql_packet(blocked)],
            "the connection",
            "error 1129: Host '192.0.2.1' is blocked because of many conne…",
        ),
        (StartTls::Mysql, &[&mysql_packet(b"\xff\x10\x04#08004Too many")], "the connection", "error 1040: Too many"),
        (
            StartTls::XmppClient,
            &[HEADER, FEATURES, failure],
            "starttls",
            "<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
        ),
        (StartTls::XmppClient, &[HEADER, error], "the stream", "host-unknown"),
    ];
    for (protocol, said, what, quoted) in table {
        let expected = because(FailureReason::StartTlsUnavailable, format!("the server refuses {what}: {quoted}"));
        assert_eq!(told(protocol, said).await, expected, "{protocol:?}");
    }
}

#[tokio::test]
async fn a_quote_shows_no_controls_and_is_short() {
    let reply = format!("220 a\r\n250-a\r\n250 STARTTLS\r\n454 \u{1b}[31m{}\r\n", "x".repeat(1000));
    let quoted = format!("454 \\u{{1b}}[31m{}…", "x".repeat(64 - 3 - 4 - 6 - 4));
    let expected = because(FailureReason::StartTlsUnavailable, format!("the server refuses STARTTLS: {quoted}"));
    assert_eq!(told(StartTls::Smtp, &[reply.as_bytes()]).await, expected);
}

#[tokio::test]
async fn what_speaks_tls_at_once_is_told_to_be_asked_so() {
    let alert = [21, 3, 3, 0, 2, 2, 10];
    for protocol in ALL {
        let expected = because(
            FailureReason::StartTlsFailed,
            format!("what answered is not {} but speaks TLS at once: leave tls.startTLS out", label(protocol)),
        );
        assert_eq!(told(protocol, &[&alert]).await, expected);
    }
}

#[tokio::test]
async fn what_is_not_the_protocol_is_named() {
    for protocol in ALL {
        for (said, other) in [
            ("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n", " but SSH"),
            ("HTTP/1.1 400 Bad Request\r\n\r\n", " but HTTP"),
            ("RFB 003.008\n", " but VNC"),
            ("who is there?\n", ""),
        ] {
            let expected = because(
                FailureReason::StartTlsFailed,
                format!("what answered is not {}{other}: {}", label(protocol), said.trim_end()),
            );
            assert_eq!(told(protocol, &[said.as_bytes()]).await, expected, "{protocol:?}");
        }
    }
}

#[tokio::test]
async fn garbage_is_not_the_protocol() {
    let header: &[u8] = b"<stream:stream>";
    let table: [(StartTls, &[&[u8]], &str); 16] = [
        (StartTls::Smtp, &[b"99 a\r\n"], "what answered is not SMTP: 99 a"),
        (StartTls::Smtp, &[b"220x\r\n"], "what answered is not SMTP: 220x"),
        (StartTls::Smtp, &[b"\r\n"], "what answered is not SMTP: (an empty line)"),
        (StartTls::Smtp, &[b"220-a\r\n221 b\r\n"], "where its greeting was awaited, the server said: 221 b"),
        (StartTls::Smtp, &[b"220 a\r\n220 b\r\n"], "where its answer to EHLO was awaited, the server said: 220 b"),
        (
            StartTls::Imap,
            &[b"* OK\r\n+ go on\r\n"],
            "where its answer to CAPABILITY was awaited, the server said: + go on",
        ),
        (StartTls::Imap, &[b"* OK\r\na7 OK\r\n"], "where its answer to CAPABILITY was awaited, the server said: a7 OK"),
        (
            StartTls::Sieve,
            &[b"\"STARTTLS\"\r\nOK\r\n\"SASL\"\r\n"],
            "where its answer to STARTTLS was awaited, the server said: \"SASL\"",
        ),
        (
            StartTls::Ldap,
            &[b"\x30\x03\x02\x01\x01"],
            "where its answer to StartTLS was awaited, the server sent another message",
        ),
        (
            StartTls::Ldap,
            &[&ldap_answer(2, 0, "")],
            "where its answer to StartTLS was awaited, the server sent another message",
        ),
        (StartTls::Ldap, &[b"\x30\x80\0\0\n"], "what answered is not LDAP: 0�\\u{0}\\u{0}"),
        (StartTls::Mysql, &[&mysql_packet(b"\x0b12.0\0")], "what answered is not MySQL: \\u{b}12.0\\u{0}"),
        (
            StartTls::Mysql,
            &[&mysql_packet(b"\x0a8.0\0\x01")],
            "where its greeting was awaited, the server's packet ends before its capabilities",
        ),
        (StartTls::XmppClient, &[b"<html><body>"], "what answered is not XMPP but XML or HTML: <html>"),
        (
            StartTls::XmppClient,
            &[header, b"<!DOCTYPE a>"],
            "where its stream was awaited, the server said: <!DOCTYPE a>",
        ),
        (
            StartTls::XmppClient,
            &[header, b"</stream:stream>"],
            "where its stream was awaited, the server said: </stream:stream>",
        ),
    ];
    for (protocol, said, detail) in table {
        assert_eq!(told(protocol, said).await, because(FailureReason::StartTlsFailed, detail), "{protocol:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn where_the_connection_was_closed_is_told() {
    let table: [(StartTls, Vec<Said>, &str); 4] = [
        (StartTls::Smtp, vec![Closes], "where its greeting was awaited, the server closed the connection"),
        (
            StartTls::Smtp,
            vec![Says(b"220 a\r\n".to_vec()), Said::Hears(b"EHLO sslmonitor.invalid\r\n".to_vec()), Closes],
            "where its answer to EHLO was awaited, the server closed the connection",
        ),
        (
            StartTls::Mysql,
            vec![Says(mysql_greeting(0xffff)[..20].to_vec()), Closes],
            "where its greeting was awaited, the server closed the connection after: Y\\u{0}\\u{0}\\u{0}",
        ),
        (
            StartTls::Postgresql,
            vec![Said::Hears(vec![0, 0, 0, 8, 4, 210, 22, 47]), Closes],
            "where its answer to SSLRequest was awaited, the server closed the connection",
        ),
    ];
    for (protocol, steps, detail) in table {
        let (outcome, _) = play(protocol, steps).await;
        assert_eq!(outcome, because(FailureReason::StartTlsFailed, detail), "{protocol:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn silence_ends_at_the_deadline() {
    let hint = "the server sent nothing of SMTP in time; if it speaks TLS at once, leave tls.startTLS out";
    let start = Instant::now();
    assert_eq!(play(StartTls::Smtp, vec![]).await.0, because(FailureReason::StartTlsFailed, hint));
    assert_eq!(start.elapsed(), script::PATIENCE);

    let steps = vec![Says(b"220 a\r\n".to_vec()), Said::Hears(b"EHLO sslmonitor.invalid\r\n".to_vec())];
    let detail = "where its answer to EHLO was awaited, the server went silent";
    assert_eq!(play(StartTls::Smtp, steps).await.0, because(FailureReason::StartTlsFailed, detail));

    let detail = "where its greeting was awaited, the server went silent after: 220-a";
    let (outcome, heard) = play(StartTls::Smtp, vec![Says(b"220-a".to_vec())]).await;
    assert_eq!((outcome, heard), (because(FailureReason::StartTlsFailed, detail), Vec::new()));
}
