//! A NotificationChannel and its Secrets as a channel that is ready to use, or what keeps it from that.

use super::{ChannelProblem, settings};
use crate::{
    api::NotificationChannelSpec,
    monitor::{Material, Obstacle, ProblemKind},
    notify::{Channel, ChannelError, Rules},
};

/// The channel of a spec: `secret` is that of `secretRef`, `files` that of `certSecretRef`.
///
/// # Errors
/// The [`Obstacle`]: a Secret that may not be used or does not hold what it should, or a spec that can never work.
pub fn channel(
    spec: &NotificationChannelSpec,
    secret: Option<&Material>,
    files: Option<&Material>,
    rules: &Rules,
) -> Result<Channel, Obstacle> {
    let settings = settings(spec, secret, files)?;
    Channel::new(&settings, rules).map_err(|error| match secret_to_mend(&error, spec, secret, files) {
        Some((key, secret)) => {
            let ChannelError { found, remedy, .. } = &error;
            let message = format!("key {key} of Secret {}: {found}; {remedy}", secret.name);
            Obstacle::Secret(ProblemKind::Invalid, message)
        }
        None => Obstacle::Spec(error.to_string()),
    })
}

/// The key and the Secret that the error is about: it may be mended there, without a change of the spec.
fn secret_to_mend<'a>(
    error: &ChannelError,
    spec: &NotificationChannelSpec,
    secret: Option<&'a Material>,
    files: Option<&'a Material>,
) -> Option<(&'static str, &'a Material)> {
    match error.field {
        "ca.crt" | "tls.crt" | "tls.key" => files.map(|files| (error.field, files)),
        "address" if spec.address.is_none() => secret.map(|secret| (error.field, secret)),
        field => field.strip_prefix("secret.").zip(secret),
    }
}

impl From<ChannelProblem> for Obstacle {
    fn from(ChannelProblem { kind, message }: ChannelProblem) -> Self {
        Self::Secret(kind, message)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;

    use rustls::RootCertStore;

    use super::*;
    use crate::api::{ChannelType, TemplateSpec};

    fn material(name: &str, values: &[(&str, &str)]) -> Material {
        let values = values.iter().map(|(key, value)| ((*key).to_owned(), value.as_bytes().to_vec())).collect();
        Material { name: name.to_owned(), kind: "Opaque".to_owned(), is_allowed: true, values }
    }

    fn made(
        spec: &NotificationChannelSpec,
        secret: Option<&[(&str, &str)]>,
        files: Option<&[(&str, &str)]>,
    ) -> Result<&'static str, Obstacle> {
        let rules = Rules { allow_http: false, roots: Arc::new(RootCertStore::empty()) };
        let (secret, files) = (secret.map(|it| material("hook", it)), files.map(|it| material("files", it)));
        channel(spec, secret.as_ref(), files.as_ref(), &rules).map(|channel| channel.kind().name())
    }

    fn at(type_: ChannelType, address: &str) -> NotificationChannelSpec {
        NotificationChannelSpec { address: Some(address.to_owned()), ..NotificationChannelSpec::new(type_) }
    }

    #[test]
    fn what_is_complete_is_a_channel() {
        assert_eq!(made(&at(ChannelType::Webhook, "https://a.test"), None, None), Ok("webhook"));
        let slack = NotificationChannelSpec::new(ChannelType::Slack);
        assert_eq!(made(&slack, Some(&[("address", "https://a.test\n")]), None), Ok("slack"));
    }

    #[test]
    fn what_a_change_of_the_spec_alone_can_mend_is_an_obstacle_of_the_spec() {
        let clear = "address: it begins with http://, where everybody on the way reads along; begin it with https://";
        let webhook = at(ChannelType::Webhook, "http://a.test");
        assert_eq!(made(&webhook, None, None), Err(Obstacle::Spec(clear.to_owned())));
        assert_eq!(made(&webhook, Some(&[]), None), Err(Obstacle::Spec(clear.to_owned())), "an address goes first");
        let template = TemplateSpec { title: Some("{{ colour }}".to_owned()), body: None };
        let worded = NotificationChannelSpec { template: Some(template), ..at(ChannelType::Webhook, "https://a.test") };
        let unknown = "template.title: it uses `colour`, which does not exist; the documentation lists the variables";
        assert_eq!(made(&worded, None, None), Err(Obstacle::Spec(unknown.to_owned())));
        let telegram = NotificationChannelSpec::new(ChannelType::Telegram);
        let no_token = "secret.token: it is missing; give the bot's token";
        assert_eq!(made(&telegram, None, None), Err(Obstacle::Spec(no_token.to_owned())), "there is no Secret to mend");
    }

    #[test]
    fn what_a_secret_can_mend_names_the_secret_and_its_key_and_no_value() {
        let (slack, webhook) =
            (NotificationChannelSpec::new(ChannelType::Slack), at(ChannelType::Webhook, "https://a.test"));
        let invalid = |message: &str| Err(Obstacle::Secret(ProblemKind::Invalid, message.to_owned()));
        let missing = "key address of Secret hook: it is missing; give the URL, here or as address in the secret";
        assert_eq!(made(&slack, Some(&[]), None), invalid(missing));
        let clear = "key address of Secret hook: it begins with http://, where everybody on the way reads along; begin it with https://";
        assert_eq!(made(&slack, Some(&[("address", "http://s3cret.test")]), None), invalid(clear));
        let headers =
            "key headers of Secret hook: it is no YAML map of texts; write a line NAME: VALUE for each header";
        assert_eq!(made(&webhook, Some(&[("headers", "s3cret")]), None), invalid(headers));
        let pem = "key ca.crt of Secret files: it has no certificate; give certificates as PEM";
        assert_eq!(made(&webhook, None, Some(&[("ca.crt", "s3cret")])), invalid(pem));
    }

    #[test]
    fn a_secret_that_was_not_opened_is_an_obstacle_of_its_own() {
        let shut = Material { is_allowed: false, ..material("hook", &[("address", "https://a.test")]) };
        let rules = Rules { allow_http: true, roots: Arc::new(RootCertStore::empty()) };
        let spec = NotificationChannelSpec::new(ChannelType::Slack);
        let obstacle = channel(&spec, Some(&shut), None, &rules).unwrap_err();
        let message = "Secret hook may not be used: it lacks the label sslmonitor.io/allowed: \"true\"".to_owned();
        assert_eq!(obstacle, Obstacle::Secret(ProblemKind::NotAllowed, message));
    }
}
