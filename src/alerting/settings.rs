//! A NotificationChannel and its Secrets as settings of a sender.

use secrecy::SecretString;

use crate::{
    api::{ALLOWED_LABEL, ChannelType, NotificationChannelSpec},
    monitor::{Material, ProblemKind},
    notify::{ChannelKind, Secrets, Settings, TemplateText, TlsFiles},
};

/// What is wrong with what a channel names. The text has nothing of a Secret's values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ChannelProblem {
    /// Which kind of problem.
    pub kind: ProblemKind,
    /// What is wrong and what to do, in one sentence.
    pub message: String,
}

/// The settings of a channel: `secret` is that of `secretRef`, `files` that of `certSecretRef`.
///
/// # Errors
/// A [`ChannelProblem`] when a Secret may not be used, or holds what is no text.
pub fn settings(
    channel: &NotificationChannelSpec,
    secret: Option<&Material>,
    files: Option<&Material>,
) -> Result<Settings, ChannelProblem> {
    let template = channel.template.clone();
    Ok(Settings {
        address: channel.address.clone(),
        channel: channel.channel.clone(),
        username: channel.username.clone(),
        secret: secret.map(secrets).transpose()?.unwrap_or_default(),
        tls: files.map(tls_files).transpose()?.unwrap_or_default(),
        timeout: Some(channel.timeout()),
        template: template.map(|template| TemplateText { title: template.title, body: template.body }),
        ..Settings::new(kind(channel.type_))
    })
}

fn kind(type_: ChannelType) -> ChannelKind {
    match type_ {
        ChannelType::Webhook => ChannelKind::Webhook,
        ChannelType::CloudEvents => ChannelKind::CloudEvents,
        ChannelType::Slack => ChannelKind::Slack,
        ChannelType::Discord => ChannelKind::Discord,
        ChannelType::Teams => ChannelKind::Teams,
        ChannelType::GoogleChat => ChannelKind::GoogleChat,
        ChannelType::Mattermost => ChannelKind::Mattermost,
        ChannelType::Telegram => ChannelKind::Telegram,
        ChannelType::PagerDuty => ChannelKind::PagerDuty,
        ChannelType::Opsgenie => ChannelKind::Opsgenie,
        ChannelType::Alertmanager => ChannelKind::Alertmanager,
        ChannelType::Email => ChannelKind::Email,
    }
}

fn secrets(secret: &Material) -> Result<Secrets, ChannelProblem> {
    allowed(secret)?;
    let hidden = |key| text(secret, key).map(|text| text.map(SecretString::from));
    Ok(Secrets {
        address: hidden("address")?,
        token: hidden("token")?,
        username: hidden("username")?,
        password: hidden("password")?,
        headers: hidden("headers")?,
        proxy: hidden("proxy")?,
    })
}

fn tls_files(secret: &Material) -> Result<TlsFiles, ChannelProblem> {
    allowed(secret)?;
    Ok(TlsFiles {
        ca_pem: text(secret, "ca.crt")?,
        cert_pem: text(secret, "tls.crt")?,
        key_pem: text(secret, "tls.key")?.map(SecretString::from),
    })
}

/// Whoever may write a channel need not be allowed to read Secrets: only those that were opened for us are used.
fn allowed(secret: &Material) -> Result<(), ChannelProblem> {
    if secret.is_allowed {
        return Ok(());
    }
    let message = format!("Secret {} may not be used: it lacks the label {ALLOWED_LABEL}: \"true\"", secret.name);
    Err(ChannelProblem { kind: ProblemKind::NotAllowed, message })
}

/// The text under a key, without the line feed that editors leave at its end; an empty one counts as absent.
fn text(secret: &Material, key: &str) -> Result<Option<String>, ChannelProblem> {
    let Some(value) = secret.values.get(key) else { return Ok(None) };
    let Ok(text) = str::from_utf8(value) else {
        let message = format!("key {key} of Secret {} is no text: write it anew as UTF-8", secret.name);
        return Err(ChannelProblem { kind: ProblemKind::Invalid, message });
    };
    let text = text.trim_end_matches(['\r', '\n']);
    Ok(Some(text.to_owned()).filter(|text| !text.is_empty()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeMap;

    use secrecy::ExposeSecret as _;

    use super::*;

    fn material(values: &[(&str, &str)]) -> Material {
        let values: BTreeMap<String, Vec<u8>> =
            values.iter().map(|(key, value)| ((*key).to_owned(), value.as_bytes().to_vec())).collect();
        Material { name: "hook".to_owned(), kind: "Opaque".to_owned(), is_allowed: true, values }
    }

    #[test]
    fn every_type_has_a_sender_of_the_same_name() {
        assert_eq!(ChannelType::ALL.map(|type_| kind(type_).name()), ChannelType::ALL.map(ChannelType::as_str));
        assert_eq!(ChannelType::ALL.map(kind), ChannelKind::ALL);
    }

    #[test]
    fn what_a_secret_holds_goes_where_it_belongs() {
        let spec = NotificationChannelSpec {
            address: Some("https://a.test".to_owned()),
            channel: Some("#ops".to_owned()),
            username: Some("ssl".to_owned()),
            ..NotificationChannelSpec::new(ChannelType::Slack)
        };
        let secret = material(&[("address", "https://b.test\n"), ("token", "t"), ("proxy", ""), ("other", "x")]);
        let files = material(&[("ca.crt", "CA"), ("tls.crt", "CERT"), ("tls.key", "KEY")]);
        let read = settings(&spec, Some(&secret), Some(&files)).unwrap();
        let shown = |secret: &Option<SecretString>| secret.as_ref().map(|it| it.expose_secret().to_owned());
        let Secrets { address, token, username, password, headers, proxy } = &read.secret;
        let found = [address, token, username, password, headers, proxy].map(shown);
        assert_eq!(found, [Some("https://b.test".to_owned()), Some("t".to_owned()), None, None, None, None]);
        assert_eq!((read.kind, read.address.as_deref()), (ChannelKind::Slack, Some("https://a.test")));
        assert_eq!((read.channel.as_deref(), read.username.as_deref()), (Some("#ops"), Some("ssl")));
        assert_eq!((read.tls.ca_pem.as_deref(), read.tls.cert_pem.as_deref()), (Some("CA"), Some("CERT")));
        assert_eq!(shown(&read.tls.key_pem).as_deref(), Some("KEY"));
    }

    #[test]
    fn a_secret_that_was_not_opened_for_us_is_not_used() {
        let spec = NotificationChannelSpec::new(ChannelType::Slack);
        let shut = Material { is_allowed: false, ..material(&[("address", "https://b.test")]) };
        let problem = settings(&spec, Some(&shut), None).unwrap_err();
        let message = "Secret hook may not be used: it lacks the label sslmonitor.io/allowed: \"true\"".to_owned();
        assert_eq!(problem, ChannelProblem { kind: ProblemKind::NotAllowed, message });
        assert_eq!(settings(&spec, None, Some(&shut)).unwrap_err(), problem);
    }

    #[test]
    fn a_value_that_is_no_text_is_named() {
        let spec = NotificationChannelSpec::new(ChannelType::Slack);
        let mut broken = material(&[]);
        broken.values.insert("token".to_owned(), vec![0xff]);
        let problem = settings(&spec, Some(&broken), None).unwrap_err();
        let message = "key token of Secret hook is no text: write it anew as UTF-8".to_owned();
        assert_eq!(problem, ChannelProblem { kind: ProblemKind::Invalid, message });
    }
}
