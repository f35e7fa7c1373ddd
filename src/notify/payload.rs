//! Payloads: what is sent, as a pure function of the message, one file for each kind of channel.

pub(super) mod alertmanager;
pub(super) mod cloudevents;
pub(super) mod discord;
pub(super) mod email;
pub(super) mod googlechat;
pub(super) mod mattermost;
pub(super) mod opsgenie;
pub(super) mod pagerduty;
pub(super) mod slack;
pub(super) mod teams;
pub(super) mod telegram;
#[cfg(test)]
mod tests;
pub(super) mod webhook;

use secrecy::SecretString;
use serde_json::Value;

use super::words::Told;

/// Where in its receiver a channel writes: what its payload needs to know besides the message.
#[derive(Clone)]
pub(super) enum Route {
    Webhook,
    CloudEvents,
    Slack { channel: Option<String>, username: Option<String>, bot: bool },
    Discord { username: Option<String> },
    Teams,
    GoogleChat,
    Mattermost { channel: Option<String>, username: Option<String> },
    Telegram { token: SecretString, chat: String },
    PagerDuty { key: SecretString },
    Opsgenie,
    Alertmanager,
    Email(email::Addresses),
}

/// A POST request. Has secrets in it, and is therefore not printed.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Request {
    /// What is put behind the path of the channel's address.
    pub(super) path: String,
    pub(super) content_type: &'static str,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: String,
}

// === impl Route ===

impl Route {
    /// The request that tells this; `None` where a message is not sent by HTTP.
    pub(super) fn request(&self, told: &Told<'_>) -> Option<Request> {
        Some(match self {
            Self::Webhook => webhook::payload(told),
            Self::CloudEvents => cloudevents::payload(told),
            Self::Slack { channel, username, bot } => {
                slack::payload(told, channel.as_deref(), username.as_deref(), *bot)
            }
            Self::Discord { username } => discord::payload(told, username.as_deref()),
            Self::Teams => teams::payload(told),
            Self::GoogleChat => googlechat::payload(told),
            Self::Mattermost { channel, username } => {
                mattermost::payload(told, channel.as_deref(), username.as_deref())
            }
            Self::Telegram { token, chat } => telegram::payload(told, token, chat),
            Self::PagerDuty { key } => pagerduty::payload(told, key),
            Self::Opsgenie => opsgenie::payload(told),
            Self::Alertmanager => alertmanager::payload(told),
            Self::Email(_) => return None,
        })
    }
}

// === impl Request ===

impl Request {
    fn json(path: impl Into<String>, body: &Value) -> Self {
        let path = path.into();
        Self { path, content_type: "application/json", headers: Vec::new(), body: body.to_string() }
    }
}

/// Set a member if there is a value for it.
fn set(object: &mut Value, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        object[name] = value.into();
    }
}
