//! Services that say no with status 200: what the beginning of their answers means. Only documented words are passed on.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

use super::{Outcome, Why, outcome::retry_after};

/// Words of `chat.postMessage` that call for another attempt (<https://docs.slack.dev/reference/methods/chat.postMessage#errors>).
const SLACK_LATER: [&str; 6] =
    ["ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable", "request_timeout"];
/// Words of it that are final.
const SLACK_FINAL: [&str; 22] = [
    "access_denied",
    "account_inactive",
    "channel_not_found",
    "duplicate_channel_not_found",
    "ekm_access_denied",
    "enterprise_is_restricted",
    "invalid_arguments",
    "invalid_auth",
    "invalid_blocks",
    "invalid_charset",
    "is_archived",
    "missing_scope",
    "msg_too_long",
    "no_permission",
    "no_text",
    "not_allowed_token_type",
    "not_authed",
    "not_in_channel",
    "org_login_required",
    "restricted_action",
    "token_expired",
    "token_revoked",
];
const UNKNOWN: &str = "unknown";

/// The members of an answer that matter, as far as they came.
#[derive(Debug, Default, PartialEq)]
struct Answer {
    ok: Option<bool>,
    /// Slack's word.
    error: Option<String>,
    /// Telegram's status.
    error_code: Option<u16>,
    retry_after: Option<u64>,
}

/// What an answer of Slack's with a status of success means.
pub(super) fn slack(status: u16, body: &[u8]) -> Outcome {
    let answer = read(body);
    let word = |words: &[&'static str]| words.iter().find(|word| answer.error.as_deref() == Some(word)).copied();
    match answer.ok {
        Some(true) => Outcome::Delivered,
        Some(false) => match (word(&SLACK_LATER), word(&SLACK_FINAL)) {
            (Some(word), _) => Outcome::later(status, Why::Vendor(word)),
            (None, found) => Outcome::refused(status, Why::Vendor(found.unwrap_or(UNKNOWN))),
        },
        None => Outcome::later(status, Why::MalformedAnswer),
    }
}

/// What an answer of Telegram's means, whose status says so much already: that it is not, and when to come again
/// (<https://core.telegram.org/bots/api#making-requests>).
pub(super) fn telegram(outcome: Outcome, status: u16, body: &[u8]) -> Outcome {
    let answer = read(body);
    let after = answer.retry_after.and_then(|seconds| retry_after(&seconds.to_string(), jiff::Timestamp::UNIX_EPOCH));
    match (outcome, answer.ok) {
        (Outcome::Later { after: None, code, why }, _) => Outcome::Later { after, code, why },
        (Outcome::Delivered, Some(false)) => match answer.error_code.map(|code| Outcome::of_status(code, after)) {
            Some(outcome) if outcome != Outcome::Delivered => outcome,
            _ => Outcome::refused(status, Why::Vendor(UNKNOWN)),
        },
        (Outcome::Delivered, None) => Outcome::later(status, Why::MalformedAnswer),
        (outcome, _) => outcome,
    }
}

/// Reads member after member, so that an answer that was cut off says what it had said until then.
fn read(body: &[u8]) -> Answer {
    let mut answer = Answer::default();
    let mut json = serde_json::Deserializer::from_slice(body);
    let _ = Members(&mut answer).deserialize(&mut json);
    answer
}

struct Members<'a>(&'a mut Answer);

impl<'de> DeserializeSeed<'de> for Members<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Members<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            match name.as_str() {
                "ok" => self.0.ok = Some(map.next_value()?),
                "error" => self.0.error = Some(map.next_value()?),
                "error_code" => self.0.error_code = Some(map.next_value()?),
                "retry_after" => self.0.retry_after = Some(map.next_value()?),
                "parameters" => map.next_value_seed(Members(self.0))?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn slack_says_no_in_the_body_and_only_its_own_words_come_out() {
        for (body, expected) in [
            (r#"{"ok":true,"channel":"C1","ts":"1.2","message":{"text":"cut o"#, Outcome::Delivered),
            (r#"{"ok":false,"error":"channel_not_found"}"#, Outcome::refused(200, Why::Vendor("channel_not_found"))),
            (r#"{"error":"token_revoked","ok":false}"#, Outcome::refused(200, Why::Vendor("token_revoked"))),
            (r#"{"ok":false,"error":"ratelimited"}"#, Outcome::later(200, Why::Vendor("ratelimited"))),
            (r#"{"ok":false,"error":"xoxb-secret"}"#, Outcome::refused(200, Why::Vendor("unknown"))),
            (r#"{"ok":false"#, Outcome::refused(200, Why::Vendor("unknown"))),
            ("<html>", Outcome::later(200, Why::MalformedAnswer)),
            ("", Outcome::later(200, Why::MalformedAnswer)),
            (r#"{"message":{"text":"{\"ok\":true}"},"ok":false}"#, Outcome::refused(200, Why::Vendor("unknown"))),
        ] {
            assert_eq!(slack(200, body.as_bytes()), expected, "{body}");
        }
    }

    #[test]
    fn telegram_says_in_the_body_when_to_come_again() {
        let limited = |seconds: Option<u64>| Outcome::Later {
            after: seconds.map(Duration::from_secs),
            code: Some(429),
            why: Why::RateLimited,
        };
        for (status, body, expected) in [
            (200, r#"{"ok":true,"result":{"message_id":1,"te"#, Outcome::Delivered),
            (200, r#"{"ok":false,"error_code":400,"description":"x"}"#, Outcome::refused(400, Why::Rejected)),
            (200, r#"{"ok":false}"#, Outcome::refused(200, Why::Vendor("unknown"))),
            (200, r#"{"ok":false,"error_code":429,"parameters":{"retry_after":7}}"#, limited(Some(7))),
            (429, r#"{"ok":false,"error_code":429,"parameters":{"retry_after":86400}}"#, limited(Some(3600))),
            (429, "", limited(None)),
            (200, "", Outcome::later(200, Why::MalformedAnswer)),
        ] {
            assert_eq!(telegram(Outcome::of_status(status, None), status, body.as_bytes()), expected, "{body}");
        }
    }
}
