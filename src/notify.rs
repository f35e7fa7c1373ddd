//! SENDERS: a message, and one bounded exchange with where it is to go.
//!
//! [`Settings`] (plain texts, as users write them) become a [`Channel`] or a [`ChannelError`]; a [`Sender`] tells a [`Message`] to a
//! channel, and what came of it is data: an [`Outcome`]. Each kind of channel has a payload that is a pure function of the message.
//! Nothing of an answer's body, and nothing of a secret, ever leaves this room. It knows neither Kubernetes nor probing.
//!
//! # What the settings mean
//!
//! `address` may stand in the settings or in the secret, where it goes first: the addresses of many chat services are secrets.
//!
//! | kind | `address` | `secret.token` | other |
//! |---|---|---|---|
//! | `webhook`, `cloudevents` | URL | key of the signature (optional) | `secret.username`, `secret.password`: basic authentication |
//! | `slack` | URL of an incoming webhook; with a token, of the method (default `https://slack.com/api/chat.postMessage`) | bot token | `channel` (with a token required), `username` |
//! | `discord` | URL of the webhook | – | `username` |
//! | `teams` | URL of the Workflows trigger | – | |
//! | `googlechat` | URL of the webhook | – | |
//! | `mattermost` | URL of the incoming webhook | – | `channel`, `username` |
//! | `telegram` | default `https://api.telegram.org` | bot token | `channel`: the chat's id or `@name` |
//! | `pagerduty` | default `https://events.pagerduty.com` | routing key of an Events API v2 integration; or in `channel` | |
//! | `opsgenie` | default `https://api.opsgenie.com` | API key | |
//! | `alertmanager` | URL of Alertmanager | bearer token (optional) | `secret.username`, `secret.password`: basic authentication |
//! | `email` | `smtp://HOST[:587]` (STARTTLS is required) or `smtps://HOST[:465]` | – | `channel`: recipients, `username`: the sender; `secret.username`, `secret.password`: login |
//!
//! With every kind, `secret.headers` (a YAML map) are further HTTP headers, `secret.proxy` (`http://[USER:PASSWORD@]HOST:PORT`) is an
//! HTTP proxy through which connections are tunnelled, and the TLS files replace the system's trust anchors or show a client
//! certificate.
//!
//! # The webhook's JSON
//!
//! ```json
//! {
//!   "version": 1,
//!   "id": "9f3c…",            "incident": "5e1b…",
//!   "kind": "problem",        "level": "critical",      "reason": "Expired",
//!   "title": "…",             "text": "…",
//!   "detail": "…",            "advice": "…",
//!   "since": "2026-01-02T03:04:05Z", "at": "2026-01-02T03:05:00Z", "lapses": null,
//!   "monitor": { "namespace": "shop", "name": "web", "uid": "…", "domain": "shop.example.com", "port": 443, "cluster": null },
//!   "certificate": { "subject": "…", "issuer": "…", "fingerprint": "SHA256:…", "validTo": "…", "days": -1 },
//!   "parts": []
//! }
//! ```
//! `kind` is one of `problem`, `reminder`, `recovery`, `change`, `test`; `level` of `info`, `warning`, `critical`. `parts` has the same
//! shape, for a message that stands for many; if those are of several monitors, its `monitor` has empty `name` and `uid`, `port` 0, and in
//! `domain` words such as `a.test and 2 more`. Members may be added; `version` changes when one goes or changes its meaning.
//! `Idempotency-Key` is the `id`: whoever remembers it drops what is delivered twice.
//!
//! With a token, `X-Signature-Timestamp` is the time of sending in seconds since 1970, and `X-Signature` is `sha256=` and the
//! HMAC-SHA256, in lower-case hexadecimal digits, of the timestamp, a full stop, and the body as it was sent. A receiver
//! computes the same, compares in constant time, and refuses old timestamps.

mod address;
mod backoff;
mod channel;
mod connect;
mod http;
mod message;
mod names;
mod outcome;
mod payload;
mod sender;
mod settings;
mod smtp;
mod template;
mod text;
mod tls;
mod vendor;
mod words;

pub use backoff::backoff;
pub use channel::{Channel, ChannelError, Rules};
pub use message::{Certificate, Kind, Level, Message, Subject};
pub use names::{Names, SystemNames};
pub use outcome::{Outcome, Why};
pub use sender::{Sender, Vet};
pub use settings::{ChannelKind, Secrets, Settings, TemplateText, TlsFiles, UnknownKind};
pub use template::VARIABLES;
pub use tls::system_roots;
