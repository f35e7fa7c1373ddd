//! Channels: settings that have been read, and are ready to use.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use rustls::{ClientConfig, RootCertStore};
use secrecy::{ExposeSecret as _, SecretString};

use super::{
    ChannelKind, Message,
    address::{Endpoint, HTTP, HTTPS, PROXY, SMTP, SMTPS, Scheme, Security},
    payload::{Route, email},
    settings::{Secrets, Settings},
    template::Template,
    tls,
    words::Told,
};

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
const MIN_TIMEOUT: Duration = Duration::from_secs(1);
const MAX_TIMEOUT: Duration = Duration::from_mins(1);
/// The most headers of a user's own.
const MAX_HEADERS: usize = 16;
/// What a request needs to have as it is.
const RESERVED: [HeaderName; 7] = [
    header::HOST,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::TRANSFER_ENCODING,
    header::CONNECTION,
    header::UPGRADE,
    header::TE,
];

/// What holds for all channels.
#[derive(Debug, Clone)]
pub struct Rules {
    /// Whether `http://` is allowed.
    pub allow_http: bool,
    /// Whom to trust where a channel does not say.
    pub roots: Arc<RootCertStore>,
}

/// A destination, ready to use. Printing it shows its kind and timeout only.
#[derive(Clone)]
pub struct Channel {
    pub(super) kind: ChannelKind,
    pub(super) endpoint: Endpoint,
    pub(super) proxy: Option<Endpoint>,
    pub(super) tls: Arc<ClientConfig>,
    pub(super) timeout: Duration,
    /// Sent with every request.
    pub(super) headers: HeaderMap,
    /// The key that requests are signed with.
    pub(super) signing_key: Option<SecretString>,
    /// Whom to log in as, at a mail server.
    pub(super) login: Option<(SecretString, SecretString)>,
    pub(super) route: Route,
    template: Option<Template>,
}

/// Why settings are no channel. The text has no secret, and nothing of an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {found}; {remedy}")]
pub struct ChannelError {
    /// Which setting: `address`, `channel`, `username`, `timeout`, `secret.…`, `tls.…` or `template.…`.
    pub field: &'static str,
    /// What was found there.
    pub found: String,
    /// What to do about it.
    pub remedy: &'static str,
}

// === impl Channel ===

impl Channel {
    /// Read the settings.
    ///
    /// # Errors
    /// When something is missing, malformed or not allowed; the first such thing is said.
    pub fn new(settings: &Settings, rules: &Rules) -> Result<Self, ChannelError> {
        let route = route(settings)?;
        Ok(Self {
            kind: settings.kind,
            endpoint: endpoint(settings, rules)?,
            proxy: proxy(&settings.secret)?,
            tls: tls::config(&settings.tls, &rules.roots)?,
            timeout: timeout(settings.timeout)?,
            headers: headers(settings)?,
            signing_key: signing_key(settings),
            login: login(settings)?.filter(|_| settings.kind == ChannelKind::Email),
            route,
            template: settings.template.as_ref().map(Template::parse).transpose()?,
        })
    }

    /// What kind it is.
    pub fn kind(&self) -> ChannelKind {
        self.kind
    }

    /// How long a delivery may take in all.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// The message in this channel's wording.
    pub(super) fn tell<'a>(&self, message: &'a Message) -> Told<'a> {
        self.template.as_ref().map_or_else(|| Told::plainly(message), |template| template.tell(message))
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel").field("kind", &self.kind).field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

fn missing(field: &'static str, remedy: &'static str) -> ChannelError {
    ChannelError { field, found: "it is missing".to_owned(), remedy }
}

fn endpoint(settings: &Settings, rules: &Rules) -> Result<Endpoint, ChannelError> {
    use ChannelKind as Kind;
    let (field, address) = address(settings)?;
    let schemes: &[Scheme] = match (settings.kind, rules.allow_http) {
        (Kind::Email, _) => &[SMTP, SMTPS],
        (_, true) => &[HTTPS, HTTP],
        (_, false) => &[HTTPS],
    };
    let endpoint = Endpoint::parse(&address, schemes);
    let endpoint = endpoint.map_err(|(found, remedy)| ChannelError { field, found, remedy })?;
    Ok(match settings.kind {
        Kind::PagerDuty => endpoint.base("/v2/enqueue"),
        Kind::Opsgenie => endpoint.base("/v2/alerts"),
        Kind::Alertmanager => endpoint.base("/api/v2/alerts"),
        Kind::Telegram => endpoint.base(""),
        _ => endpoint,
    })
}

/// The address, and the setting that it is from.
fn address(settings: &Settings) -> Result<(&'static str, String), ChannelError> {
    use ChannelKind as Kind;
    if let Some(address) = &settings.secret.address {
        return Ok(("secret.address", address.expose_secret().to_owned()));
    }
    let usual = match settings.kind {
        Kind::Slack if settings.secret.token.is_some() => Some("https://slack.com/api/chat.postMessage"),
        Kind::Telegram => Some("https://api.telegram.org"),
        Kind::PagerDuty => Some("https://events.pagerduty.com"),
        Kind::Opsgenie => Some("https://api.opsgenie.com"),
        _ => None,
    };
    match settings.address.as_deref().or(usual) {
        Some(address) => Ok(("address", address.to_owned())),
        None if settings.kind == Kind::Email => Err(missing("address", "give smtp://HOST or smtps://HOST")),
        None => Err(missing("address", "give the URL, here or as address in the secret")),
    }
}

fn proxy(secret: &Secrets) -> Result<Option<Endpoint>, ChannelError> {
    let Some(proxy) = &secret.proxy else { return Ok(None) };
    let endpoint = Endpoint::parse(proxy.expose_secret(), &[PROXY]);
    endpoint.map(Some).map_err(|(found, remedy)| ChannelError { field: "secret.proxy", found, remedy })
}

fn timeout(wanted: Option<Duration>) -> Result<Duration, ChannelError> {
    match wanted.unwrap_or(DEFAULT_TIMEOUT) {
        timeout if (MIN_TIMEOUT..=MAX_TIMEOUT).contains(&timeout) => Ok(timeout),
        timeout => Err(ChannelError {
            field: "timeout",
            found: format!("it is {} s", timeout.as_secs_f64()),
            remedy: "give 1s to 60s",
        }),
    }
}

/// What the kind needs to know where its messages go.
fn route(settings: &Settings) -> Result<Route, ChannelError> {
    use ChannelKind as Kind;
    // Discord and Slack take 80 characters.
    let limit = if settings.kind == Kind::Email { 4096 } else { 80 };
    let channel = name(settings.channel.as_ref(), "channel", limit)?;
    let username = name(settings.username.as_ref(), "username", limit)?;
    let token = settings.secret.token.clone();
    Ok(match settings.kind {
        Kind::Webhook => Route::Webhook,
        Kind::CloudEvents => Route::CloudEvents,
        Kind::Slack if token.is_some() && channel.is_none() => {
            return Err(missing("channel", "name the channel in which the bot is to write"));
        }
        Kind::Slack => Route::Slack { channel, username, bot: token.is_some() },
        Kind::Discord => Route::Discord { username },
        Kind::Teams => Route::Teams,
        Kind::GoogleChat => Route::GoogleChat,
        Kind::Mattermost => Route::Mattermost { channel, username },
        Kind::Telegram => Route::Telegram {
            token: token
                .ok_or_else(|| missing("secret.token", "give the bot's token"))
                .and_then(|token| telegram_token(&token))?,
            chat: channel.ok_or_else(|| missing("channel", "give the chat's id or @name"))?,
        },
        Kind::PagerDuty => {
            let key = token.or_else(|| channel.map(SecretString::from));
            Route::PagerDuty { key: key.ok_or_else(|| missing("secret.token", "give the integration's routing key"))? }
        }
        Kind::Opsgenie if token.is_none() => return Err(missing("secret.token", "give the API key")),
        Kind::Opsgenie => Route::Opsgenie,
        Kind::Alertmanager => Route::Alertmanager,
        Kind::Email => Route::Email(email::addresses(channel.as_deref(), username.as_deref())?),
    })
}

/// A channel's or user's name, in so many characters.
fn name(text: Option<&String>, field: &'static str, limit: usize) -> Result<Option<String>, ChannelError> {
    match text {
        Some(text) if text.chars().count() > limit || text.chars().any(char::is_control) => Err(ChannelError {
            field,
            found: format!("it is longer than {limit} characters, or has control characters"),
            remedy: "give a name in one line",
        }),
        text => Ok(text.filter(|text| !text.is_empty()).cloned()),
    }
}

/// It becomes a part of a path.
fn telegram_token(token: &SecretString) -> Result<SecretString, ChannelError> {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || b":_-".contains(&byte);
    if token.expose_secret().trim().bytes().all(fine) {
        return Ok(SecretString::from(token.expose_secret().trim()));
    }
    let found = "it has characters that no bot token has".to_owned();
    Err(ChannelError { field: "secret.token", found, remedy: "give the bot's token as BotFather shows it" })
}

fn signing_key(settings: &Settings) -> Option<SecretString> {
    let signed = matches!(settings.kind, ChannelKind::Webhook | ChannelKind::CloudEvents);
    settings.secret.token.clone().filter(|_| signed)
}

fn login(settings: &Settings) -> Result<Option<(SecretString, SecretString)>, ChannelError> {
    match (&settings.secret.username, &settings.secret.password) {
        (Some(username), Some(password)) => Ok(Some((username.clone(), password.clone()))),
        (None, None) => Ok(None),
        (Some(_), None) => Err(missing("secret.password", "give the password of secret.username")),
        (None, Some(_)) => Err(missing("secret.username", "say whose password it is")),
    }
}

/// Everything that every request of the channel has in its head.
fn headers(settings: &Settings) -> Result<HeaderMap, ChannelError> {
    let mut headers = HeaderMap::new();
    if let Some(authorization) = authorization(settings)? {
        headers.insert(header::AUTHORIZATION, authorization);
    }
    let Some(text) = &settings.secret.headers else { return Ok(headers) };
    let error = |found: &str, remedy| ChannelError { field: "secret.headers", found: found.to_owned(), remedy };
    let own: BTreeMap<String, String> = serde_saphyr::from_str(text.expose_secret())
        .map_err(|_| error("it is no YAML map of texts", "write a line NAME: VALUE for each header"))?;
    if own.len() > MAX_HEADERS {
        return Err(error("it has more than 16 headers", "give fewer"));
    }
    for (name, value) in own {
        let name: HeaderName = name.parse().map_err(|_| error("a name is no header's", "write NAME: VALUE"))?;
        if RESERVED.contains(&name) {
            return Err(error(
                "it sets a header that the request needs as it is",
                "leave out Host, Content-… and Connection",
            ));
        }
        headers.insert(name, sensitive(&value).ok_or_else(|| error("a value is no header's", "use printable text"))?);
    }
    Ok(headers)
}

/// Who we are, with kinds that want to know it in the head.
fn authorization(settings: &Settings) -> Result<Option<HeaderValue>, ChannelError> {
    use ChannelKind as Kind;
    let token = settings.secret.token.as_ref().map(|token| token.expose_secret().trim());
    let text = match (settings.kind, token) {
        (Kind::Slack | Kind::Alertmanager, Some(token)) => format!("Bearer {token}"),
        (Kind::Opsgenie, Some(token)) => format!("GenieKey {token}"),
        (Kind::Webhook | Kind::CloudEvents | Kind::Alertmanager, _) => match login(settings)? {
            Some((user, password)) => {
                let pair = format!("{}:{}", user.expose_secret(), password.expose_secret());
                format!("Basic {}", BASE64_STANDARD.encode(pair))
            }
            None => return Ok(None),
        },
        _ => return Ok(None),
    };
    let found = "it has characters that no token has".to_owned();
    let error = ChannelError { field: "secret.token", found, remedy: "give the token alone, in one line" };
    sensitive(&text).map(Some).ok_or(error)
}

fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

impl Channel {
    /// Whether TLS is spoken from the first byte.
    pub(super) fn begins_with_tls(&self) -> bool {
        self.endpoint.security == Security::Tls
    }
}
