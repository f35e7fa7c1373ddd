//! Settings that are no channel: what is said of them.

use std::time::Duration;

use rcgen::KeyPair;
use ssl_monitor_operator::notify::{
    Channel, ChannelKind, Rules, Secrets, Settings, TemplateText, TlsFiles, system_roots,
};
use xtask::farm::{Authority, Leaf, pem};

use crate::support::{key_pem, rules, secret, settings};

fn said(settings: &Settings) -> String {
    match Channel::new(settings, &Rules { allow_http: false, ..rules() }) {
        Ok(_) => "fine".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn each_kind_says_what_it_lacks() {
    let bare = |kind| said(&Settings::new(kind));
    let no_address = "address: it is missing; give the URL, here or as address in the secret";
    for (kind, expected) in [
        (ChannelKind::Webhook, no_address),
        (ChannelKind::CloudEvents, no_address),
        (ChannelKind::Slack, no_address),
        (ChannelKind::Discord, no_address),
        (ChannelKind::Teams, no_address),
        (ChannelKind::GoogleChat, no_address),
        (ChannelKind::Mattermost, no_address),
        (ChannelKind::Telegram, "secret.token: it is missing; give the bot's token"),
        (ChannelKind::PagerDuty, "secret.token: it is missing; give the integration's routing key"),
        (ChannelKind::Opsgenie, "secret.token: it is missing; give the API key"),
        (ChannelKind::Alertmanager, no_address),
        (ChannelKind::Email, "channel: it is missing; give the recipients, with commas between them"),
    ] {
        assert_eq!(bare(kind), expected, "{kind}");
        let address = if kind == ChannelKind::Email { "smtp://mail.test" } else { "https://hooks.test/x" };
        assert_eq!(said(&settings(kind, address)), "fine", "{kind}");
    }
}

#[test]
fn the_address_of_the_secret_goes_first() {
    let both = |own: &str, secret_one: &str| Settings {
        secret: Secrets { address: secret(secret_one), ..Secrets::default() },
        ..settings(ChannelKind::Webhook, own)
    };
    assert_eq!(said(&both("nonsense", "https://hooks.test/")), "fine");
    let expected = "secret.address: its scheme is another one; begin it with https://";
    assert_eq!(said(&both("https://hooks.test/", "ftp://hooks.test/token")), expected);
}

#[test]
fn what_is_wrong_is_said_without_repeating_it() {
    let webhook = || settings(ChannelKind::Webhook, "https://hooks.test/x");
    let with = |change: fn(&mut Settings)| {
        let mut settings = webhook();
        change(&mut settings);
        said(&settings)
    };
    for (found, expected) in [
        (
            with(|s| s.address = Some("http://hooks.test/T0KEN".to_owned())),
            "address: it begins with http://, where everybody on the way reads along; begin it with https://",
        ),
        (
            with(|s| s.username = Some("x".repeat(81))),
            "username: it is longer than 80 characters, or has control characters; give a name in one line",
        ),
        (with(|s| s.timeout = Some(Duration::from_millis(10))), "timeout: it is 0.01 s; give 1s to 60s"),
        (with(|s| s.timeout = Some(Duration::from_secs(61))), "timeout: it is 61 s; give 1s to 60s"),
        (
            with(|s| s.secret.proxy = secret("https://T0KEN@proxy.test")),
            "secret.proxy: its scheme is another one; begin it with http://",
        ),
        (
            with(|s| s.secret.username = secret("T0KEN")),
            "secret.password: it is missing; give the password of secret.username",
        ),
        (
            with(|s| s.secret.headers = secret("T0KEN")),
            "secret.headers: it is no YAML map of texts; write a line NAME: VALUE for each header",
        ),
        (
            with(|s| s.secret.headers = secret("Host: T0KEN")),
            "secret.headers: it sets a header that the request needs as it is; leave out Host, Content-… and Connection",
        ),
        (
            with(|s| s.secret.headers = secret("X-A: \"T0KEN\\r\\nX-B: c\"")),
            "secret.headers: a value is no header's; use printable text",
        ),
        (
            with(|s| s.template = Some(TemplateText { title: Some("{{ nothing }}".to_owned()), body: None })),
            "template.title: it uses `nothing`, which does not exist; the documentation lists the variables",
        ),
        (with(|s| s.tls.ca_pem = Some("T0KEN".to_owned())), "ca.crt: it has no certificate; give certificates as PEM"),
        (
            with(|s| s.tls.key_pem = secret("T0KEN")),
            "tls.crt: it is missing; give the certificate of tls.key, or no tls.key",
        ),
    ] {
        assert_eq!(found, expected);
        assert!(!found.contains("T0KEN"));
    }
}

#[test]
fn the_key_has_to_be_that_of_the_client_certificate() {
    let issued = Authority::new("Clients").issue(&Leaf::new(["client.test"]));
    let own = key_pem(&issued);
    let other = KeyPair::generate().unwrap().serialize_pem();
    let with = |key: &str| Settings {
        tls: TlsFiles { cert_pem: Some(pem(&issued.chain)), key_pem: secret(key), ca_pem: None },
        ..settings(ChannelKind::Webhook, "https://hooks.test/")
    };
    assert_eq!(said(&with(&own)), "fine");
    assert_eq!(said(&with(&other)), "tls.key: it is not the key of tls.crt; give the two of one certificate");
    assert_eq!(said(&with("T0KEN")), "tls.key: it has no private key; give one private key as PEM, not encrypted");
}

#[test]
fn there_is_always_somebody_to_trust() {
    assert!(!system_roots().is_empty());
}

#[test]
fn names_of_kinds_are_read_as_they_are_written() {
    for kind in ChannelKind::ALL {
        assert_eq!(kind.name().parse(), Ok(kind));
    }
    let error = "msteams".parse::<ChannelKind>().unwrap_err().to_string();
    assert_eq!(
        error,
        "no kind of channel has this name; there are webhook, cloudevents, slack, discord, teams, googlechat, mattermost, telegram, \
         pagerduty, opsgenie, alertmanager, email"
    );
}
