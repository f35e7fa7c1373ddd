//! What the vendors document of their requests, checked with messages that are as bad as can be.

use proptest::prelude::*;
use serde_json::Value;

use super::{at, problem, route};
use crate::notify::{Certificate, ChannelKind, Kind, Level, Message, Subject, text::length, words::Told};

/// Everything is wrong with the value that is wrong with it.
type Check = fn(&Value, &str);

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("{pointer} is no text in {value:#}"))
}

fn list<'a>(value: &'a Value, pointer: &str) -> &'a Vec<Value> {
    value.pointer(pointer).and_then(Value::as_array).unwrap_or_else(|| panic!("{pointer} is no list in {value:#}"))
}

#[track_caller]
fn within(value: &Value, pointer: &str, limits: std::ops::RangeInclusive<usize>) -> usize {
    let found = length(text(value, pointer));
    assert!(limits.contains(&found), "{pointer} has {found} characters, not {limits:?}");
    found
}

fn only(value: &Value, names: &[&str]) {
    let object = value.as_object().unwrap_or_else(|| panic!("{value} is no object"));
    let unknown: Vec<&String> = object.keys().filter(|name| !names.contains(&name.as_str())).collect();
    assert!(unknown.is_empty(), "{unknown:?} are not documented");
}

/// <https://docs.slack.dev/reference/block-kit/blocks>
fn slack(body: &Value, _: &str) {
    only(
        body,
        &[
            "text",
            "mrkdwn",
            "attachments",
            "channel",
            "username",
            "link_names",
            "parse",
            "unfurl_links",
            "unfurl_media",
        ],
    );
    within(body, "/text", 1..=4000);
    assert_eq!(body["mrkdwn"], false);
    assert!(!text(body, "/text").contains(['<', '>']));
    let blocks = list(body, "/attachments/0/blocks");
    assert!((1..=50).contains(&blocks.len()));
    for block in blocks {
        match (text(block, "/type"), block.get("fields")) {
            ("section", None) => drop(within(block, "/text/text", 1..=3000)),
            ("section", Some(_)) => {
                let fields = list(block, "/fields");
                assert!((1..=10).contains(&fields.len()));
                for field in fields {
                    within(field, "/text", 1..=2000);
                    assert_eq!(text(field, "/type"), "plain_text");
                }
                continue;
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(text(block, "/text/type"), "plain_text", "nothing of others is markup");
    }
}

/// <https://discord.com/developers/docs/resources/message#embed-object-embed-limits>
fn discord(body: &Value, _: &str) {
    only(body, &["embeds", "allowed_mentions", "username"]);
    assert_eq!(body["allowed_mentions"], serde_json::json!({"parse": []}));
    assert_eq!(list(body, "/embeds").len(), 1);
    let embed = &body["embeds"][0];
    let mut total = within(embed, "/title", 1..=256) + within(embed, "/description", 0..=4096);
    let fields = list(embed, "/fields");
    assert!(fields.len() <= 25);
    for field in fields {
        total += within(field, "/name", 1..=256) + within(field, "/value", 1..=1024);
    }
    assert!(total <= 6000, "{total} characters in all");
    assert!(embed["color"].as_u64().is_some_and(|colour| colour <= 0x00ff_ffff));
    assert!(text(embed, "/timestamp").parse::<jiff::Timestamp>().is_ok());
}

/// <https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using>
fn teams(body: &Value, raw: &str) {
    assert!(raw.len() <= 28 * 1024, "{} bytes", raw.len());
    assert_eq!(text(body, "/type"), "message");
    assert_eq!(text(body, "/attachments/0/contentType"), "application/vnd.microsoft.card.adaptive");
    let card = &body["attachments"][0]["content"];
    assert_eq!((text(card, "/type"), text(card, "/version")), ("AdaptiveCard", "1.4"));
    for block in list(card, "/body") {
        assert_eq!(text(block, "/type"), "RichTextBlock", "all others know Markdown");
        assert!(list(block, "/inlines").iter().all(|run| text(run, "/type") == "TextRun"));
    }
}

/// <https://developers.google.com/workspace/chat/api/reference/rest/v1/cards>
fn googlechat(body: &Value, raw: &str) {
    only(body, &["fallbackText", "cardsV2", "thread"]);
    assert!(raw.len() <= 32_000, "{} bytes", raw.len());
    assert!(text(body, "/thread/threadKey").chars().count() <= 4000);
    let card = &body["cardsV2"][0]["card"];
    within(card, "/header/title", 1..=200);
    for widget in list(card, "/sections/0/widgets") {
        let shown = widget.get("textParagraph").or_else(|| widget.get("decoratedText")).unwrap();
        let shown = text(shown, "/text").replace("<br>", "");
        assert!(!shown.contains(['<', '>']), "{shown}");
    }
}

/// <https://developers.mattermost.com/integrate/reference/message-attachments/>
fn mattermost(body: &Value, raw: &str) {
    only(body, &["attachments", "channel", "username"]);
    assert!(raw.chars().count() <= 16_383 + 2_000);
    assert!(!raw.contains("@everyone") && !raw.contains("@channel"), "somebody is mentioned");
    within(body, "/attachments/0/fallback", 1..=256);
    within(body, "/attachments/0/text", 0..=8000);
}

/// <https://core.telegram.org/bots/api#sendmessage>
fn telegram(body: &Value, _: &str) {
    only(body, &["chat_id", "text", "parse_mode", "link_preview_options"]);
    within(body, "/text", 1..=4096);
    let bare = text(body, "/text").replace("<b>", "").replace("</b>", "");
    assert!(!bare.contains(['<', '>']) && !bare.contains("@everyone"), "{bare}");
}

/// <https://developer.pagerduty.com/docs/events-api-v2/trigger-events/>
fn pagerduty(body: &Value, raw: &str) {
    assert!(raw.len() <= 512 * 1024);
    assert_eq!(text(body, "/routing_key").len(), 32);
    if let Some(payload) = body.get("payload") {
        within(payload, "/summary", 1..=1024);
        within(payload, "/source", 1..=1024);
    }
    match body.get("event_action").and_then(Value::as_str) {
        None => only(body, &["routing_key", "payload"]),
        Some("resolve") => only(body, &["routing_key", "event_action", "dedup_key"]),
        Some(action) => {
            assert_eq!(action, "trigger");
            only(body, &["routing_key", "event_action", "dedup_key", "client", "payload"]);
            assert!(["critical", "error", "warning", "info"].contains(&text(body, "/payload/severity")));
        }
    }
    if body.get("dedup_key").is_some() {
        assert!((1..=255).contains(&text(body, "/dedup_key").chars().count()));
    }
}

/// <https://docs.opsgenie.com/docs/alert-api>
fn opsgenie(body: &Value, _: &str) {
    if body.get("note").is_some() {
        only(body, &["source", "note", "user"]);
        within(body, "/note", 1..=25_000);
        return;
    }
    only(body, &["message", "alias", "description", "details", "entity", "source", "tags", "priority"]);
    within(body, "/message", 1..=130);
    within(body, "/alias", 1..=512);
    within(body, "/description", 0..=15_000);
    within(body, "/entity", 1..=512);
    let details = body["details"].as_object().unwrap();
    assert!(details.iter().map(|(name, value)| name.len() + length(value.as_str().unwrap())).sum::<usize>() <= 8000);
    let tags = list(body, "/tags");
    assert!(tags.len() <= 20 && tags.iter().all(|tag| length(tag.as_str().unwrap()) <= 50));
    assert!(["P1", "P2", "P3", "P4", "P5"].contains(&text(body, "/priority")));
}

/// <https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml>
fn alertmanager(body: &Value, _: &str) {
    for alert in body.as_array().unwrap() {
        only(alert, &["labels", "annotations", "startsAt", "endsAt"]);
        let starts: jiff::Timestamp = text(alert, "/startsAt").parse().unwrap();
        if alert.get("endsAt").is_some() {
            assert!(starts <= text(alert, "/endsAt").parse().unwrap(), "it would be refused");
        }
        for set in ["labels", "annotations"] {
            for (name, value) in alert[set].as_object().unwrap() {
                assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && value.is_string());
            }
        }
        assert!(!text(alert, "/labels/alertname").is_empty());
    }
}

/// <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md#required-attributes>
fn cloudevents(body: &Value, _: &str) {
    only(body, &["specversion", "id", "source", "type", "subject", "time", "datacontenttype", "data"]);
    assert_eq!(text(body, "/specversion"), "1.0");
    assert!(!text(body, "/id").is_empty() && !text(body, "/type").is_empty());
    let source = text(body, "/source");
    assert!(source.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%/".contains(&byte)), "{source}");
    assert!(text(body, "/time").parse::<jiff::Timestamp>().is_ok());
    webhook(&body["data"], "");
}

fn webhook(body: &Value, _: &str) {
    assert_eq!(body["version"], 1);
    assert!(["problem", "reminder", "recovery", "change", "test"].contains(&text(body, "/kind")));
    assert!(["info", "warning", "critical"].contains(&text(body, "/level")));
}

fn check(kind: ChannelKind) -> Option<Check> {
    Some(match kind {
        ChannelKind::Webhook => webhook,
        ChannelKind::CloudEvents => cloudevents,
        ChannelKind::Slack => slack,
        ChannelKind::Discord => discord,
        ChannelKind::Teams => teams,
        ChannelKind::GoogleChat => googlechat,
        ChannelKind::Mattermost => mattermost,
        ChannelKind::Telegram => telegram,
        ChannelKind::PagerDuty => pagerduty,
        ChannelKind::Opsgenie => opsgenie,
        ChannelKind::Alertmanager => alertmanager,
        ChannelKind::Email => return None,
    })
}

/// Text that tries to be markup of every medium, in every length.
fn evil() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("<!channel>".to_owned()),
        Just("@everyone @channel".to_owned()),
        Just("[a](http://b)".to_owned()),
        Just("</b><a href=\"x\">&".to_owned()),
        Just("**`~|😀ö".to_owned()),
        "[a-z ]{1,20}",
    ];
    prop::collection::vec(piece, 1..300).prop_map(|pieces| pieces.concat())
}

fn messages() -> impl Strategy<Value = Message> {
    let kinds = prop::sample::select(vec![Kind::Problem, Kind::Reminder, Kind::Recovery, Kind::Change, Kind::Test]);
    let levels = prop::sample::select(vec![Level::Info, Level::Warning, Level::Critical]);
    let texts = (evil(), evil(), evil(), evil());
    (kinds, levels, texts, any::<bool>(), 0_usize..200).prop_map(|(kind, level, (a, b, c, d), bare, parts)| {
        let message = Message {
            kind,
            level,
            id: "m".to_owned(),
            incident: a.clone(),
            subject: Subject { domain: a, name: b.clone(), cluster: Some(c.clone()), ..problem().subject },
            reason: b.clone(),
            title: b,
            detail: c.clone(),
            advice: d.clone(),
            certificate: (!bare).then(|| Certificate { subject: d, issuer: c, ..problem().certificate.unwrap() }),
            lapses: Some(at("2026-01-03T11:00:00Z")),
            ..problem()
        };
        let parts = if bare { vec![message.clone(); parts] } else { Vec::new() };
        Message { parts, ..message }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn every_request_is_as_its_receiver_documents(message in messages()) {
        for kind in ChannelKind::ALL {
            let Some(check) = check(kind) else { continue };
            let request = route(kind).request(&Told::plainly(&message)).unwrap();
            check(&serde_json::from_str(&request.body).unwrap(), &request.body);
        }
    }
}
