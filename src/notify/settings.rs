//! What users write of a channel, as plain texts.

use std::{fmt, str::FromStr, time::Duration};

use secrecy::SecretString;

/// What kind of receiver a channel has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ChannelKind {
    /// Any HTTP server: our own JSON, signed if there is a key.
    Webhook,
    /// Any HTTP server: CloudEvents 1.0 in structured JSON.
    CloudEvents,
    /// Slack, by an incoming webhook or a bot.
    Slack,
    /// Discord.
    Discord,
    /// Microsoft Teams, by a Workflows trigger.
    Teams,
    /// Google Chat.
    GoogleChat,
    /// Mattermost.
    Mattermost,
    /// Telegram, by a bot.
    Telegram,
    /// PagerDuty, Events API v2.
    PagerDuty,
    /// Opsgenie (or Jira Service Management with its API).
    Opsgenie,
    /// Prometheus Alertmanager, API v2.
    Alertmanager,
    /// E-mail by SMTP.
    Email,
}

/// No kind of channel has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no kind of channel has this name; there are {}", ChannelKind::ALL.map(ChannelKind::name).join(", "))]
pub struct UnknownKind;

/// All that users write of a channel; what each field means for which kind is in the room's documentation. Printing it shows no
/// secret, nor the address, which is one with many kinds.
#[derive(Clone)]
pub struct Settings {
    /// The kind of receiver.
    pub kind: ChannelKind,
    /// Where it is; the secret's address goes first.
    pub address: Option<String>,
    /// The room, chat or recipients there.
    pub channel: Option<String>,
    /// The name under which the message appears; with e-mail, the sender.
    pub username: Option<String>,
    /// What must not be shown.
    pub secret: Secrets,
    /// Trust anchors and client certificate.
    pub tls: TlsFiles,
    /// How long a delivery may take in all, from 1 s to 60 s; 10 s if not said.
    pub timeout: Option<Duration>,
    /// Wording of the user's own.
    pub template: Option<TemplateText>,
}

/// The parts of a channel that are secret; memory that held them is wiped.
#[derive(Debug, Clone, Default)]
pub struct Secrets {
    /// As `address` of the settings.
    pub address: Option<SecretString>,
    /// A key or token of the receiver's.
    pub token: Option<SecretString>,
    /// Whom to log in as.
    pub username: Option<SecretString>,
    /// The password for that.
    pub password: Option<SecretString>,
    /// Further HTTP headers: a YAML map.
    pub headers: Option<SecretString>,
    /// The HTTP proxy to go through: `http://[USER:PASSWORD@]HOST:PORT`.
    pub proxy: Option<SecretString>,
}

/// PEM texts for TLS.
#[derive(Debug, Clone, Default)]
pub struct TlsFiles {
    /// Trust anchors instead of the system's.
    pub ca_pem: Option<String>,
    /// A client certificate and its intermediates.
    pub cert_pem: Option<String>,
    /// The private key of the client certificate.
    pub key_pem: Option<SecretString>,
}

/// Templates in the syntax of Jinja; [`VARIABLES`](super::VARIABLES) can be used in them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TemplateText {
    /// For the headline; the usual one if not given.
    pub title: Option<String>,
    /// For all the rest; the usual text if not given.
    pub body: Option<String>,
}

// === impl ChannelKind ===

impl ChannelKind {
    /// All kinds.
    pub const ALL: [Self; 12] = [
        Self::Webhook,
        Self::CloudEvents,
        Self::Slack,
        Self::Discord,
        Self::Teams,
        Self::GoogleChat,
        Self::Mattermost,
        Self::Telegram,
        Self::PagerDuty,
        Self::Opsgenie,
        Self::Alertmanager,
        Self::Email,
    ];

    /// What users write.
    pub fn name(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::CloudEvents => "cloudevents",
            Self::Slack => "slack",
            Self::Discord => "discord",
            Self::Teams => "teams",
            Self::GoogleChat => "googlechat",
            Self::Mattermost => "mattermost",
            Self::Telegram => "telegram",
            Self::PagerDuty => "pagerduty",
            Self::Opsgenie => "opsgenie",
            Self::Alertmanager => "alertmanager",
            Self::Email => "email",
        }
    }

    /// Whether many messages may be told as the parts of one. Not where each problem is an incident of its own that has to be
    /// closed by itself, and where one request holds one.
    pub fn takes_digests(self) -> bool {
        !matches!(self, Self::PagerDuty | Self::Opsgenie)
    }
}

impl fmt::Display for ChannelKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for ChannelKind {
    type Err = UnknownKind;

    fn from_str(name: &str) -> Result<Self, UnknownKind> {
        Self::ALL.into_iter().find(|kind| kind.name() == name).ok_or(UnknownKind)
    }
}

// === impl Settings ===

impl Settings {
    /// Settings of which only the kind is said.
    pub fn new(kind: ChannelKind) -> Self {
        Self {
            kind,
            address: None,
            channel: None,
            username: None,
            secret: Secrets::default(),
            tls: TlsFiles::default(),
            timeout: None,
            template: None,
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("kind", &self.kind).finish_non_exhaustive()
    }
}
