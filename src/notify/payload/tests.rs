//! Every payload for every kind of message, as it is; and against what the vendors document.
#![allow(clippy::unwrap_used, clippy::panic)]

mod schema;

use std::collections::BTreeMap;

use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::{Request, Route, email};
use crate::notify::{Certificate, ChannelKind, Kind, Level, Message, Subject, words::Told};

pub(super) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A problem that everything can be said of.
pub(super) fn problem() -> Message {
    Message {
        id: "m-1".to_owned(),
        incident: "i-1".to_owned(),
        kind: Kind::Problem,
        level: Level::Critical,
        subject: Subject {
            namespace: "shop".to_owned(),
            name: "web".to_owned(),
            uid: "7d9f2b1c-0000-4000-8000-000000000001".to_owned(),
            domain: "shop.example.com".to_owned(),
            port: 443,
            cluster: Some("prod".to_owned()),
        },
        reason: "Expired".to_owned(),
        title: "the certificate of shop.example.com has expired".to_owned(),
        detail: "It was valid until 2026-01-02 03:04 UTC; clients refuse to connect.".to_owned(),
        advice: "Renew the certificate and install it on the server.".to_owned(),
        since: at("2026-01-02T03:04:05Z"),
        at: at("2026-01-03T09:00:00Z"),
        lapses: Some(at("2026-01-03T11:00:00Z")),
        certificate: Some(Certificate {
            subject: "shop.example.com".to_owned(),
            issuer: "Example CA R3".to_owned(),
            fingerprint: "SHA256:0011223344".to_owned(),
            valid_to: at("2026-01-02T03:04:05Z"),
            days: -2,
        }),
        parts: Vec::new(),
    }
}

/// Of every kind one, and one that stands for two.
fn messages() -> Vec<(&'static str, Message)> {
    let second = Message {
        id: "m-2".to_owned(),
        incident: "i-2".to_owned(),
        level: Level::Warning,
        reason: "ConnectionRefused".to_owned(),
        title: "api.example.com:8443 refuses connections".to_owned(),
        subject: Subject {
            name: "api".to_owned(),
            domain: "api.example.com".to_owned(),
            port: 8443,
            ..problem().subject
        },
        certificate: None,
        ..problem()
    };
    vec![
        ("problem", problem()),
        ("reminder", Message { kind: Kind::Reminder, level: Level::Warning, ..problem() }),
        (
            "recovery",
            Message {
                kind: Kind::Recovery,
                title: "shop.example.com is fine again".to_owned(),
                advice: String::new(),
                lapses: None,
                ..problem()
            },
        ),
        (
            "change",
            Message {
                kind: Kind::Change,
                level: Level::Info,
                reason: "IssuerChanged".to_owned(),
                lapses: None,
                ..problem()
            },
        ),
        (
            "test",
            Message {
                kind: Kind::Test,
                level: Level::Info,
                certificate: None,
                subject: Subject { cluster: None, ..problem().subject },
                ..problem()
            },
        ),
        (
            "digest",
            Message {
                id: "m-3".to_owned(),
                subject: Subject {
                    name: String::new(),
                    uid: String::new(),
                    domain: "shop.example.com and 1 more".to_owned(),
                    port: 0,
                    ..problem().subject
                },
                reason: "Several".to_owned(),
                title: "2 problems in namespace shop of prod".to_owned(),
                detail: "1 × Expired, 1 × ConnectionRefused".to_owned(),
                advice: String::new(),
                lapses: None,
                certificate: None,
                parts: vec![problem(), second],
                ..problem()
            },
        ),
    ]
}

/// A route of this kind with everything that it can have.
pub(super) fn route(kind: ChannelKind) -> Route {
    let text = |text: &str| Some(text.to_owned());
    match kind {
        ChannelKind::Webhook => Route::Webhook,
        ChannelKind::CloudEvents => Route::CloudEvents,
        ChannelKind::Slack => Route::Slack { channel: text("#ops"), username: text("ssl"), bot: true },
        ChannelKind::Discord => Route::Discord { username: text("ssl") },
        ChannelKind::Teams => Route::Teams,
        ChannelKind::GoogleChat => Route::GoogleChat,
        ChannelKind::Mattermost => Route::Mattermost { channel: text("ops"), username: text("ssl") },
        ChannelKind::Telegram => Route::Telegram { token: SecretString::from("1:TOKEN"), chat: "-100".to_owned() },
        ChannelKind::PagerDuty => Route::PagerDuty { key: SecretString::from("0123456789abcdef0123456789abcdef") },
        ChannelKind::Opsgenie => Route::Opsgenie,
        ChannelKind::Alertmanager => Route::Alertmanager,
        ChannelKind::Email => {
            let to = "Ops <ops@example.com>, b@example.org";
            Route::Email(email::addresses(Some(to), Some("Monitor <ssl@example.net>")).unwrap_or_else(|_| panic!()))
        }
    }
}

fn shown(request: &Request) -> Value {
    let headers: BTreeMap<&str, &String> = request.headers.iter().map(|(name, value)| (*name, value)).collect();
    let body: Value = serde_json::from_str(&request.body).unwrap();
    json!({"path": request.path, "type": request.content_type, "headers": headers, "body": body})
}

#[test]
fn each_kind_of_channel_tells_each_kind_of_message() {
    for kind in ChannelKind::ALL.into_iter().filter(|kind| *kind != ChannelKind::Email) {
        let route = route(kind);
        let all: BTreeMap<&str, Value> = messages()
            .iter()
            .map(|(name, message)| (*name, shown(&route.request(&Told::plainly(message)).unwrap())))
            .collect();
        insta::assert_yaml_snapshot!(kind.name(), all);
    }
}

#[test]
fn mails_are_text_and_html_of_each_kind_of_message() {
    let Route::Email(addresses) = route(ChannelKind::Email) else { panic!() };
    let shown = messages().into_iter().map(|(name, message)| {
        let letter = email::letter(&Told::plainly(&message), &addresses).unwrap();
        let to: Vec<String> = letter.recipients.iter().map(ToString::to_string).collect();
        let text = String::from_utf8(letter.text).unwrap().replace("\r\n", "\n");
        assert!(!text.contains('\r'));
        format!("=== {name}: {} to {}\n{text}", letter.sender, to.join(" and "))
    });
    insta::assert_snapshot!("email", shown.collect::<String>());
}

#[test]
fn the_channels_own_wording_replaces_ours_and_is_escaped_all_the_same() {
    let message = problem();
    let told = Told { message: &message, title: "<T>".into(), body: Some("<!here> & <b>\n*second*".to_owned()) };
    for (kind, expected) in [
        (ChannelKind::Telegram, "<b>🔴 Critical: &lt;T&gt;</b>\\n\\n&lt;!here&gt; &amp; &lt;b&gt;\\n*second*"),
        (ChannelKind::GoogleChat, "&lt;!here&gt; &amp; &lt;b&gt;<br>*second*"),
        (ChannelKind::Discord, "\\\\<\\\\!here\\\\> \\\\& \\\\<b\\\\>\\n\\\\*second\\\\*"),
        (ChannelKind::Slack, "🔴 Critical: &lt;T&gt;"),
    ] {
        let body = route(kind).request(&told).unwrap().body;
        assert!(body.contains(expected), "{kind}: {body}");
        assert!(!body.contains("Renew the certificate"), "{kind}: {body}");
    }
}

#[test]
fn no_text_of_others_becomes_a_header_of_a_mail() {
    let Route::Email(addresses) = route(ChannelKind::Email) else { panic!() };
    let evil = "x\r\nBcc: victim@example.com\r\n\r\nbody\r\n.\r\nMAIL FROM:<a@b>";
    let message = Message { title: evil.to_owned(), id: evil.to_owned(), incident: evil.to_owned(), ..problem() };
    let letter = email::letter(&Told::plainly(&message), &addresses).unwrap();
    let text = String::from_utf8(letter.text).unwrap();
    let (head, _) = text.split_once("\r\n\r\n").unwrap();
    let unfolded = head.replace("\r\n ", " ");
    let names: Vec<&str> = unfolded.lines().map(|line| line.split(':').next().unwrap()).collect();
    let expected = [
        "From",
        "To",
        "Subject",
        "Date",
        "Message-ID",
        "In-Reply-To",
        "References",
        "Auto-Submitted",
        "Importance",
        "MIME-Version",
        "Content-Type",
    ];
    assert_eq!(names, expected, "{head}");
    assert_eq!(letter.recipients.len(), 2);
}

#[test]
fn mail_addresses_are_read_strictly() {
    let read = |to: Option<&str>, from: Option<&str>| match email::addresses(to, from) {
        Ok(_) => "fine".to_owned(),
        Err(error) => error.to_string(),
    };
    for (to, from, expected) in [
        (Some("a@example.com"), Some("b@example.com"), "fine"),
        (Some("A B <a@example.com>, c@example.com"), Some("Ö <b@example.com>"), "fine"),
        (None, Some("b@example.com"), "channel: it is missing; give the recipients, with commas between them"),
        (Some("a@example.com"), None, "username: it is missing; give the sender, as sslmonitor@example.com"),
        (
            Some("a@example.com\r\nBcc: x@example.com"),
            Some("b@example.com"),
            "channel: a recipient is no mail address; write a@example.com, B <b@example.com>",
        ),
        (
            Some("a@example.com> SIZE=1"),
            Some("b@example.com"),
            "channel: a recipient is no mail address; write a@example.com, B <b@example.com>",
        ),
        (Some("a@example.com"), Some("ops"), "username: the sender is no mail address; write sslmonitor@example.com"),
    ] {
        assert_eq!(read(to, from), expected, "{to:?} {from:?}");
    }
    let many = vec!["a@example.com"; 17].join(",");
    assert_eq!(
        read(Some(&many), Some("b@example.com")),
        "channel: it has more than 16 recipients; give a mailing list"
    );
}
