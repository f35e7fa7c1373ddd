//! The CEL rules of the schemas in Rust.

use std::{net::IpAddr, sync::LazyLock, time::Duration};

use regex::Regex;
use serde_json::Value;

use super::{
    super::{
        DEFAULT_INTERVAL, DEFAULT_TIMEOUT, MAX_CHANNEL_TIMEOUT, MAX_INTERVAL, MAX_REMINDER_INTERVAL, MAX_TIMEOUT,
        MIN_CHANNEL_TIMEOUT, MIN_INTERVAL, MIN_REMINDER_INTERVAL, MIN_TIMEOUT, duration::parse_duration,
    },
    strings,
};

/// The shortest window in which channels are not alerted.
const MIN_WINDOW: Duration = Duration::from_mins(1);
/// The longest such window.
const MAX_WINDOW: Duration = Duration::from_hours(168);

/// The Rust twin of a CEL rule of the schema; `None` for a rule that is not known here.
pub(super) fn holds(rule: &str, value: &Value) -> Option<bool> {
    let text = value.as_str().unwrap_or_default();
    let has = |field: &str| value.get(field).is_some();
    Some(match rule {
        // A rule about an update: a manifest alone has no old value.
        "self == oldSelf" | PORT_RULE => true,
        HOST_RULE => is_host(text),
        INTERVAL_RULE => is_within(text, MIN_INTERVAL, MAX_INTERVAL),
        TIMEOUT_RULE => is_within(text, MIN_TIMEOUT, MAX_TIMEOUT),
        ORDER_RULE => is_shorter(&value["timeout"], DEFAULT_TIMEOUT, &value["interval"], DEFAULT_INTERVAL),
        ROOTS_RULE => value.get("useSystemRoots") != Some(&Value::Bool(false)) || has("caBundle"),
        BUNDLE_RULE => has("configMap") != has("secret"),
        SERVICE_NAME_RULE => SERVICE_NAME.is_match(text),
        OBJECT_NAME_RULE => OBJECT_NAME.is_match(text),
        KEY_RULE => KEY.is_match(text),
        PROXY_RULE => has("url") || has("secretRef"),
        PROXY_URL_RULE => PROXY_URL.is_match(text),
        EXPECT_RULE => ["fingerprints", "publicKeys", "issuers", "secretRef"].into_iter().any(has),
        FINGERPRINTS_RULE => strings(value).all(|text| FINGERPRINT.is_match(text)),
        PUBLIC_KEYS_RULE => strings(value).all(|text| PUBLIC_KEY.is_match(text)),
        THRESHOLD_RULE => has("days") != has("percentOfLifetime"),
        CRON_RULE => CRON.is_match(text),
        WINDOW_RULE => is_within(text, MIN_WINDOW, MAX_WINDOW),
        ZONE_RULE => ZONE.is_match(text),
        CHANNEL_TIMEOUT_RULE => is_within(text, MIN_CHANNEL_TIMEOUT, MAX_CHANNEL_TIMEOUT),
        REMINDER_RULE => is_within(text, MIN_REMINDER_INTERVAL, MAX_REMINDER_INTERVAL),
        ADDRESS_RULE => ADDRESS.is_match(text),
        DESTINATION_RULE => {
            let has_fixed_address = ["telegram", "opsgenie", "pagerduty"].contains(&type_of(value));
            let is_keyed = type_of(value) == "pagerduty" && has("channel");
            has("secretRef") || (has("address") && !has_fixed_address) || is_keyed
        }
        SCHEME_RULE => {
            let address = value["address"].as_str();
            address.is_none_or(|address| (type_of(value) == "email") == address.starts_with("smtp"))
        }
        EMAIL_RULE => type_of(value) != "email" || (has("channel") && has("username")),
        TEMPLATE_RULE => has("title") || has("body"),
        _ => return None,
    })
}

const HOST_RULE: &str = r"self.matches('^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\\.)+[a-z]([-a-z0-9]{0,61}[a-z0-9])?$') || (isIP(self) && ip.isCanonical(self))";
const INTERVAL_RULE: &str = "self.matches('^([0-9]{1,5}(h|m|s|ms)){1,4}$') && duration(self) >= duration('60s') && duration(self) <= duration('168h')";
const TIMEOUT_RULE: &str = "self.matches('^([0-9]{1,5}(h|m|s|ms)){1,4}$') && duration(self) >= duration('1s') && duration(self) <= duration('2m')";
const ORDER_RULE: &str = "!self.interval.matches('^([0-9]{1,5}(h|m|s|ms)){1,4}$') || !self.timeout.matches('^([0-9]{1,5}(h|m|s|ms)){1,4}$') || duration(self.timeout) < duration(self.interval)";
const ROOTS_RULE: &str = "!has(self.useSystemRoots) || self.useSystemRoots || has(self.caBundle)";
const BUNDLE_RULE: &str = "has(self.configMap) != has(self.secret)";
const SERVICE_NAME_RULE: &str = "self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')";
const OBJECT_NAME_RULE: &str = r"self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')";
const PORT_RULE: &str = "(has(self.port) ? self.port : has(self.tls) && has(self.tls.startTLS) ? {'smtp': 25, 'lmtp': 24, 'imap': 143, 'pop3': 110, 'ftp': 21, 'ldap': 389, 'postgresql': 5432, 'mysql': 3306, 'xmpp-client': 5222, 'xmpp-server': 5269, 'sieve': 4190, 'nntp': 119}[self.tls.startTLS] : 443) == (has(oldSelf.port) ? oldSelf.port : has(oldSelf.tls) && has(oldSelf.tls.startTLS) ? {'smtp': 25, 'lmtp': 24, 'imap': 143, 'pop3': 110, 'ftp': 21, 'ldap': 389, 'postgresql': 5432, 'mysql': 3306, 'xmpp-client': 5222, 'xmpp-server': 5269, 'sieve': 4190, 'nntp': 119}[oldSelf.tls.startTLS] : 443)";
const PROXY_RULE: &str = "has(self.url) || has(self.secretRef)";
const PROXY_URL_RULE: &str =
    r"self.matches('^(http|socks5|socks5h)://([a-z0-9]([-a-z0-9.]*[a-z0-9])?|\\[[0-9a-f:.]+\\]):[0-9]{1,5}/?$')";
const EXPECT_RULE: &str = "has(self.fingerprints) || has(self.publicKeys) || has(self.issuers) || has(self.secretRef)";
const FINGERPRINTS_RULE: &str = "self.all(item, item.matches('^(SHA256:)?([0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2}$'))";
const PUBLIC_KEYS_RULE: &str = "self.all(item, item.matches('^sha256//?[A-Za-z0-9+/]{43}=$'))";
const THRESHOLD_RULE: &str = "has(self.days) != has(self.percentOfLifetime)";
const CRON_RULE: &str = "self.matches('^[-0-9*/,]+( [-0-9A-Za-z*/,#?]+){4}$')";
const WINDOW_RULE: &str = "self.matches('^([0-9]{1,5}(h|m|s|ms)){1,4}$') && duration(self) >= duration('1m') && duration(self) <= duration('168h')";
const ZONE_RULE: &str = "self.matches('^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+){0,2}$')";
const CHANNEL_TIMEOUT_RULE: &str = "self.matches('^([0-9]{1,5}(h|m|s|ms)){1,4}$') && duration(self) >= duration('1s') && duration(self) <= duration('60s')";
const REMINDER_RULE: &str = "self.matches('^([0-9]{1,5}(h|m|s|ms)){1,4}$') && duration(self) >= duration('1h') && duration(self) <= duration('720h')";
const ADDRESS_RULE: &str = "self.matches('^(https?|smtps?)://[^/@?# ]+([/?#][^ ]*)?$')";
const DESTINATION_RULE: &str = "has(self.secretRef) || (has(self.address) && !(self.type in ['telegram', 'opsgenie', 'pagerduty'])) || (self.type == 'pagerduty' && has(self.channel))";
const SCHEME_RULE: &str = "!has(self.address) || (self.type == 'email') == self.address.startsWith('smtp')";
const EMAIL_RULE: &str = "self.type != 'email' || (has(self.channel) && has(self.username))";
const TEMPLATE_RULE: &str = "has(self.title) || has(self.body)";
const KEY_RULE: &str = "self.matches('^[-._a-zA-Z0-9]+$')";

static HOST: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\.)+[a-z]([-a-z0-9]{0,61}[a-z0-9])?$"));
static SERVICE_NAME: LazyLock<Regex> = LazyLock::new(|| pattern("^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"));
static OBJECT_NAME: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"));
static PROXY_URL: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"^(http|socks5|socks5h)://([a-z0-9]([-a-z0-9.]*[a-z0-9])?|\[[0-9a-f:.]+\]):[0-9]{1,5}/?$")
});
static FINGERPRINT: LazyLock<Regex> = LazyLock::new(|| pattern("^(SHA256:)?([0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2}$"));
static PUBLIC_KEY: LazyLock<Regex> = LazyLock::new(|| pattern("^sha256//?[A-Za-z0-9+/]{43}=$"));
static CRON: LazyLock<Regex> = LazyLock::new(|| pattern("^[-0-9*/,]+( [-0-9A-Za-z*/,#?]+){4}$"));
static ZONE: LazyLock<Regex> = LazyLock::new(|| pattern("^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+){0,2}$"));
static ADDRESS: LazyLock<Regex> = LazyLock::new(|| pattern("^(https?|smtps?)://[^/@?# ]+([/?#][^ ]*)?$"));
static KEY: LazyLock<Regex> = LazyLock::new(|| pattern("^[-._a-zA-Z0-9]+$"));

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a literal pattern compiles")
}

fn type_of(channel: &Value) -> &str {
    channel["type"].as_str().unwrap_or_default()
}

fn is_host(text: &str) -> bool {
    HOST.is_match(text) || text.parse::<IpAddr>().is_ok_and(|address| is_plain(address) && address.to_string() == text)
}

/// CEL's `isIP` takes no IPv4 address in the clothes of an IPv6 one (k8s.io/apiserver `pkg/cel/library/ip.go`).
fn is_plain(address: IpAddr) -> bool {
    address.to_canonical() == address
}

fn is_within(text: &str, min: Duration, max: Duration) -> bool {
    parse_duration(text).is_ok_and(|duration| (min..=max).contains(&duration))
}

/// Whether the first duration is shorter than the second; true when either is unreadable, which is another rule's fault.
fn is_shorter(first: &Value, first_default: &str, second: &Value, second_default: &str) -> bool {
    let read = |value: &Value, default: &str| parse_duration(value.as_str().unwrap_or(default));
    let (first, second) = (read(first, first_default), read(second, second_default));
    !matches!((first, second), (Ok(first), Ok(second)) if first >= second)
}
