//! Receivers that fail in every way: what comes of it, and that nothing else happens.

use std::time::Duration;

use ssl_monitor_operator::notify::{ChannelKind, Outcome, Secrets, Settings, TlsFiles, Why};
use xtask::farm::{Authority, Leaf, pem};

use crate::{
    receiver::{Answer, Receiver},
    support::{channel, key_pem, message, secret, sender, settings, told},
};

fn refused(code: u16, why: Why) -> Outcome {
    Outcome::Refused { code: Some(code), why }
}

fn later(code: impl Into<Option<u16>>, why: Why) -> Outcome {
    Outcome::Later { after: None, code: code.into(), why }
}

/// A bot's channel of this kind: one whose answers are read.
async fn bot(kind: ChannelKind, answer: Answer) -> (Outcome, Receiver) {
    let receiver = Receiver::start(answer).await;
    let outcome = sender().send(&channel(&settings(kind, &receiver.http("/api"))), &message()).await;
    (outcome, receiver)
}

#[tokio::test]
async fn a_good_receiver_gets_one_plain_request() {
    let receiver = Receiver::start(Answer::status("204 No Content", "", "")).await;
    assert_eq!(told(&receiver.http("/hook/?a=b")).await, Outcome::Delivered);
    let request = receiver.only_request();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let mut lines: Vec<&str> = head.lines().collect();
    lines.sort_unstable();
    let host = format!("host: 127.0.0.1:{}", receiver.port());
    let (length, agent) = (
        format!("content-length: {}", body.len()),
        concat!("user-agent: ssl-monitor-operator/", env!("CARGO_PKG_VERSION")),
    );
    let expected = [
        "POST /hook/?a=b HTTP/1.1",
        "connection: close",
        &length,
        "content-type: application/json",
        &host,
        "idempotency-key: m-1",
        agent,
    ];
    assert_eq!(lines, expected);
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!((&body["id"], &body["kind"], &body["level"]), (&"m-1".into(), &"problem".into(), &"critical".into()));
}

#[tokio::test]
async fn every_attempt_has_the_same_key_and_the_same_body() {
    let receiver = Receiver::start(Answer::status("500 No", "", "")).await;
    for _ in 0..2 {
        assert_eq!(told(&receiver.http("/")).await, later(500, Why::ServerError));
    }
    let requests = receiver.seen().requests;
    assert_eq!((requests.len(), &requests[0]), (2, &requests[1]));
}

#[tokio::test]
async fn what_the_receiver_says_of_later_is_heeded_within_reason() {
    for (header, seconds) in [
        ("retry-after: 7\r\n", Some(7)),
        ("retry-after: 86400\r\n", Some(3600)),
        ("retry-after: -5\r\n", None),
        ("retry-after: soon\r\n", None),
        ("retry-after: Fri, 31 Dec 1999 23:59:59 GMT\r\n", None),
        ("retry-after: Sun, 07 Nov 2094 08:49:37 GMT\r\n", Some(3600)),
        ("", None),
    ] {
        for (status, why) in [("429 Too Many", Why::RateLimited), ("503 Busy", Why::ServerError)] {
            let receiver = Receiver::start(Answer::status(status, header, "secret")).await;
            let code = status[..3].parse().ok();
            let after = seconds.map(Duration::from_secs);
            assert_eq!(told(&receiver.http("/")).await, Outcome::Later { after, code, why }, "{status} {header}");
        }
    }
}

#[tokio::test]
async fn a_request_that_is_wrong_is_not_sent_again() {
    for status in ["400 Bad", "401 No", "403 No", "404 No", "410 Gone", "422 No"] {
        let receiver = Receiver::start(Answer::status(status, "", "the token is secret")).await;
        assert_eq!(told(&receiver.http("/")).await, refused(status[..3].parse().unwrap(), Why::Rejected), "{status}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let inside = Receiver::start(Answer::status("200 OK", "", "")).await;
    for status in ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"] {
        let location = format!("location: {}\r\n", inside.http("/metadata"));
        let receiver = Receiver::start(Answer::status(status, &location, "")).await;
        assert_eq!(told(&receiver.http("/")).await, refused(status[..3].parse().unwrap(), Why::Redirected));
    }
    assert_eq!(inside.seen().connections, 0);
}

#[tokio::test]
async fn a_receiver_that_never_answers_costs_the_timeout_and_no_more() {
    let receiver = Receiver::start(Answer::Stall(Vec::new())).await;
    let settings =
        Settings { timeout: Some(Duration::from_secs(1)), ..settings(ChannelKind::Webhook, &receiver.http("/")) };
    let started = std::time::Instant::now();
    assert_eq!(sender().send(&channel(&settings), &message()).await, later(None, Why::TimedOut));
    assert!((1.0..4.0).contains(&started.elapsed().as_secs_f64()), "{:?}", started.elapsed());
    assert_eq!(receiver.seen().requests.len(), 1);
}

#[tokio::test]
async fn a_body_that_stalls_costs_the_timeout_and_one_that_breaks_nothing() {
    let begun = b"HTTP/1.1 200 OK\r\ncontent-length: 4096\r\n\r\n{".to_vec();
    for (answer, why) in
        [(Answer::Stall(begun.clone()), (None, Why::TimedOut)), (Answer::Say(begun), (Some(200), Why::MalformedAnswer))]
    {
        let receiver = Receiver::start(answer).await;
        let settings =
            Settings { timeout: Some(Duration::from_secs(1)), ..settings(ChannelKind::Slack, &receiver.http("/")) };
        let outcome = sender().send(&channel(&settings), &message()).await;
        assert_eq!(outcome, later(why.0, why.1));
    }
}

#[tokio::test]
async fn a_connection_that_breaks_is_tried_again_later() {
    let receiver = Receiver::start(Answer::Reset).await;
    assert_eq!(told(&receiver.http("/")).await, later(None, Why::ConnectionLost));
    let receiver = Receiver::start(Answer::Say(Vec::new())).await;
    assert_eq!(told(&receiver.http("/")).await, later(None, Why::ConnectionLost));
    let address = receiver.http("/");
    drop(receiver);
    tokio::task::yield_now().await;
    assert_eq!(told(&address).await, later(None, Why::ConnectFailed));
}

#[tokio::test]
async fn what_is_not_http_is_tried_again_later() {
    for garbage in [&b"SSH-2.0-OpenSSH_9.9\r\n"[..], b"\0\0\0\0\0\0\r\n\r\n", b"HTTP/1.1 two hundred\r\n\r\n"] {
        let receiver = Receiver::start(Answer::Say(garbage.to_vec())).await;
        assert_eq!(told(&receiver.http("/")).await, later(None, Why::MalformedAnswer));
    }
}

#[tokio::test]
async fn of_an_endless_answer_little_is_read() {
    let megabyte = vec![b'x'; 1 << 20];
    let ten_gigabytes = b"HTTP/1.1 200 OK\r\ncontent-length: 10737418240\r\n\r\n".to_vec();
    let bomb =
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 10737418240\r\n\r\n\x1f\x8b\x08\0".to_vec();
    let head = b"HTTP/1.1 200 OK\r\nx: ".to_vec();
    for (head, expected) in [
        (ten_gigabytes, later(200, Why::MalformedAnswer)),
        (bomb, later(200, Why::MalformedAnswer)),
        (head, later(None, Why::MalformedAnswer)),
    ] {
        let (outcome, receiver) = bot(ChannelKind::Slack, Answer::Endless(head, megabyte.clone())).await;
        assert_eq!(outcome, expected);
        // What the buffers of two sockets hold, and far from what was offered.
        assert!(receiver.seen().sent < 32 << 20, "{} bytes", receiver.seen().sent);
    }
}

#[tokio::test]
async fn a_service_that_says_no_with_status_200_has_said_no() {
    for (kind, body, expected) in [
        (ChannelKind::Slack, r#"{"ok":true,"ts":"1"}"#, Outcome::Delivered),
        (ChannelKind::Slack, r#"{"ok":false,"error":"is_archived"}"#, refused(200, Why::Vendor("is_archived"))),
        (ChannelKind::Slack, r#"{"ok":false,"error":"<secret>"}"#, refused(200, Why::Vendor("unknown"))),
        (ChannelKind::Slack, r#"{"ok":false,"error":"internal_error"}"#, later(200, Why::Vendor("internal_error"))),
        (ChannelKind::Telegram, r#"{"ok":true,"result":{}}"#, Outcome::Delivered),
        (ChannelKind::Telegram, r#"{"ok":false,"error_code":403,"description":"s"}"#, refused(403, Why::Rejected)),
        (ChannelKind::PagerDuty, r#"{"status":"invalid"}"#, Outcome::Delivered),
    ] {
        let (outcome, receiver) = bot(kind, Answer::status("200 OK", "", body)).await;
        assert_eq!(outcome, expected, "{kind} {body}");
        assert_eq!(receiver.seen().connections, 1);
    }
}

#[tokio::test]
async fn each_service_is_asked_where_it_listens() {
    for (kind, path, line) in [
        (ChannelKind::Slack, "/api/chat.postMessage", "POST /api/chat.postMessage HTTP/1.1"),
        (ChannelKind::Telegram, "/", "POST /bottoken/sendMessage HTTP/1.1"),
        (ChannelKind::PagerDuty, "", "POST /v2/enqueue HTTP/1.1"),
        (ChannelKind::PagerDuty, "/v2/enqueue", "POST /v2/enqueue HTTP/1.1"),
        (ChannelKind::Opsgenie, "/", "POST /v2/alerts HTTP/1.1"),
        (ChannelKind::Alertmanager, "/am/", "POST /am/api/v2/alerts HTTP/1.1"),
        (ChannelKind::Alertmanager, "/api/v2/alerts", "POST /api/v2/alerts HTTP/1.1"),
        (
            ChannelKind::GoogleChat,
            "/v1/spaces/S/messages?key=k&token=t",
            "POST /v1/spaces/S/messages?key=k&token=t&messageReplyOption=REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD HTTP/1.1",
        ),
    ] {
        let receiver = Receiver::start(Answer::status("200 OK", "", r#"{"ok":true}"#)).await;
        let outcome = sender().send(&channel(&settings(kind, &receiver.http(path))), &message()).await;
        assert_eq!(outcome, Outcome::Delivered, "{kind}");
        let request = receiver.only_request();
        assert_eq!(request.lines().next(), Some(line), "{kind}");
        let authorization = request.lines().find_map(|line| line.strip_prefix("authorization: "));
        let expected = match kind {
            ChannelKind::Slack | ChannelKind::Alertmanager => Some("Bearer token"),
            ChannelKind::Opsgenie => Some("GenieKey token"),
            _ => None,
        };
        assert_eq!(authorization, expected, "{kind}");
    }
}

#[tokio::test]
async fn headers_and_basic_authentication_of_the_user_are_sent() {
    let receiver = Receiver::start(Answer::status("200 OK", "", "")).await;
    let secret = Secrets {
        username: secret("me"),
        password: secret("pass"),
        headers: secret("X-Team: ops\nX-Key: \"a: b\"\n"),
        ..Secrets::default()
    };
    let settings = Settings { secret, ..settings(ChannelKind::Webhook, &receiver.http("/")) };
    assert_eq!(sender().send(&channel(&settings), &message()).await, Outcome::Delivered);
    let request = receiver.only_request();
    for line in ["authorization: Basic bWU6cGFzcw==", "x-team: ops", "x-key: a: b"] {
        assert!(request.lines().any(|found| found == line), "{line} in {request}");
    }
}

#[tokio::test]
async fn only_a_receiver_with_a_trusted_certificate_for_its_name_is_told_anything() {
    let (authority, other) = (Authority::new("Good"), Authority::new("Other"));
    let ok = || Answer::status("200 OK", "", "");
    let leaf = |names: &[&str]| Leaf::new(names.iter().copied());
    let trusting = |authority: &Authority, address: &str| Settings {
        tls: TlsFiles { ca_pem: Some(authority.root_pem()), ..TlsFiles::default() },
        ..settings(ChannelKind::Webhook, address)
    };
    let receiver = Receiver::start_tls(ok(), authority.issue(&leaf(&["127.0.0.1"]))).await;
    let tell = async |settings: Settings| sender().send(&channel(&settings), &message()).await;
    assert_eq!(tell(trusting(&other, &receiver.https("/"))).await, later(None, Why::NotTrusted));
    assert_eq!(tell(settings(ChannelKind::Webhook, &receiver.https("/"))).await, later(None, Why::NotTrusted));
    let elsewhere = format!("https://hooks.test:{}/", receiver.port());
    assert_eq!(tell(trusting(&authority, &elsewhere)).await, later(None, Why::NotTrusted));
    assert_eq!(receiver.seen().requests, [""; 0]);
    assert_eq!(tell(trusting(&authority, &receiver.https("/"))).await, Outcome::Delivered);

    let expired = Receiver::start_tls(ok(), authority.issue(&leaf(&["127.0.0.1"]).expired())).await;
    assert_eq!(tell(trusting(&authority, &expired.https("/"))).await, later(None, Why::NotTrusted));
}

#[tokio::test]
async fn a_receiver_that_wants_a_client_certificate_gets_the_channels() {
    let (authority, clients) = (Authority::new("Good"), Authority::new("Clients"));
    let served = authority.issue(&Leaf::new(["127.0.0.1"]));
    let receiver = Receiver::start_mutual(Answer::status("200 OK", "", ""), served, &clients).await;
    let mut settings = settings(ChannelKind::Webhook, &receiver.https("/"));
    settings.tls.ca_pem = Some(authority.root_pem());
    let without = sender().send(&channel(&settings), &message()).await;
    assert!(matches!(without, Outcome::Later { code: None, .. }), "{without:?}");
    let own = clients.issue(&Leaf { clients_only: true, ..Leaf::new(["operator.test"]) });
    settings.tls.cert_pem = Some(pem(&own.chain));
    settings.tls.key_pem = secret(&key_pem(&own));
    assert_eq!(sender().send(&channel(&settings), &message()).await, Outcome::Delivered);
    assert_eq!(receiver.seen().requests.len(), 1);
}
