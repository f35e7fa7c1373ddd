//! What the API server makes of bad channels, and that the same rules without a cluster agree with it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{stage::stream, support::Cluster, twins::CHANNEL};

const ADDRESS: &str = "address must be a URL such as https://alerts.example.com/hook, without user name or password; those \
                       belong in the Secret";
const DESTINATION: &str = "give what this type needs to know where to write: an address, or a secretRef to a Secret with address, \
                           token or both";
const SCHEME: &str = "address must be smtp://HOST or smtps://HOST with type email, and https://… with every other type";
const EMAIL: &str = "type email needs channel, the recipients, and username, the sender";
const TIMEOUT: &str = "timeout must be a duration from 1s to 60s, for example 10s";
const REMINDER: &str = "reminderInterval must be a duration from 1h to 720h, for example 24h";
const TEMPLATE: &str = "template must have a title or a body";
const SECRET: &str = "name must be the name of a Secret: lower-case letters, digits, '-' and '.'";

/// What is added to a good webhook, and what kubectl says of it after the object's name.
fn bad() -> Vec<(Value, String)> {
    let invalid = |field: &str, value: &str, rule: &str| format!("spec{field}: Invalid value: {value}: {rule}");
    let ruled = |field: &str, rule: &str| format!("spec{field}: Invalid value: {rule}");
    let mut table = vec![
        (json!({"address": null}), ruled("", DESTINATION)),
        (json!({"type": "telegram"}), ruled("", DESTINATION)),
        (json!({"type": "opsgenie"}), ruled("", DESTINATION)),
        (json!({"type": "pagerduty"}), ruled("", DESTINATION)),
        (json!({"address": "smtp://mail.test"}), ruled(".address", SCHEME)),
        (json!({"type": "email", "channel": "a@a.test", "username": "b@a.test"}), ruled(".address", SCHEME)),
        (json!({"type": "email", "address": "smtp://mail.test", "username": "b@a.test"}), ruled("", EMAIL)),
        (json!({"type": "email", "address": "smtp://mail.test", "channel": "a@a.test"}), ruled("", EMAIL)),
        (json!({"template": {}}), ruled(".template", TEMPLATE)),
        (json!({"secretRef": {"name": "a/b"}}), invalid(".secretRef.name", "\"a/b\"", SECRET)),
        (json!({"certSecretRef": {"name": "A"}}), invalid(".certSecretRef.name", "\"A\"", SECRET)),
        (json!({"secretRef": {}}), "spec.secretRef.name: Required value".to_owned()),
        (
            json!({"template": {"title": "x".repeat(513)}}),
            "spec.template.title: Too long: may not be more than 512 bytes".to_owned(),
        ),
        (
            json!({"template": {"body": "x".repeat(4097)}}),
            "spec.template.body: Too long: may not be more than 4096 bytes".to_owned(),
        ),
        (json!({"channel": "x".repeat(4097)}), "spec.channel: Too long: may not be more than 4096 bytes".to_owned()),
        (json!({"username": "x".repeat(321)}), "spec.username: Too long: may not be more than 320 bytes".to_owned()),
        (json!({"colour": "red"}), "strict decoding error: unknown field \"spec.colour\"".to_owned()),
    ];
    for address in
        ["hooks.test", "ftp://a.test", "https://", "https://u:p@a.test/", "https://a test/", "https://a.test/ b"]
    {
        table.push((json!({"address": address}), invalid(".address", &Value::from(address).to_string(), ADDRESS)));
    }
    for timeout in ["999ms", "61s", "10", "2m"] {
        table.push((json!({"timeout": timeout}), invalid(".timeout", &Value::from(timeout).to_string(), TIMEOUT)));
    }
    for interval in ["59m", "721h", "1d", "24"] {
        let text = Value::from(interval).to_string();
        table.push((json!({"reminderInterval": interval}), invalid(".reminderInterval", &text, REMINDER)));
    }
    table
}

/// Faults of the structure, of which each side has words of its own.
fn worse() -> [Value; 5] {
    [
        json!({"type": "carrier-pigeon"}),
        json!({"type": null}),
        json!({"minSeverity": "fatal"}),
        json!({"suspend": "yes"}),
        json!({"address": "https://a.test/".to_owned() + &"x".repeat(2048)}),
    ]
}

/// Good ones, at the edges of the rules.
fn good() -> Vec<Value> {
    let mut specs = vec![
        json!({"type": "webhook", "address": "http://a.test"}),
        json!({"type": "cloudevents", "address": "https://a.test:8443/x?y=z#f", "timeout": "1s"}),
        json!({"type": "slack", "secretRef": {"name": "a.b"}, "timeout": "60s"}),
        json!({"type": "pagerduty", "channel": "R0UT1NGKEY", "reminderInterval": "1h"}),
        json!({"type": "telegram", "secretRef": {"name": "a"}, "channel": "@ops", "reminderInterval": "720h"}),
        json!({"type": "opsgenie", "address": "https://api.eu.opsgenie.com", "secretRef": {"name": "a"}}),
        json!({"type": "alertmanager", "address": "https://a.test", "certSecretRef": {"name": "a"}, "suspend": true}),
        json!({"type": "email", "address": "smtps://mail.test:465", "channel": "a@a.test, b@a.test", "username": "c@a.test"}),
        json!({"type": "discord", "address": "https://a.test", "minSeverity": "info", "username": "ssl"}),
        json!({"type": "webhook", "address": "https://a.test", "template": {"title": "{{ title }}"}}),
        json!({"type": "webhook", "address": "https://a.test", "template": {"body": "x".repeat(4096)}}),
        json!({"type": "webhook", "address": "https://a.test", "secretRef": null, "timeout": null, "template": null}),
    ];
    specs.extend(["teams", "googlechat", "mattermost"].map(|name| json!({"type": name, "address": "https://a.test"})));
    specs
}

/// A good webhook with this.
fn with(more: &Value) -> Value {
    let mut spec = json!({"type": "webhook", "address": "https://a.test"});
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    spec
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn kubectl_apply_refuses_every_bad_channel_with_one_sentence() {
    let cluster = Cluster::shared().await;
    let namespace = cluster.namespace().await;
    let table = bad();
    let manifests = stream(table.iter().map(|(more, _)| CHANNEL.manifest(&with(more))));
    let refusals = cluster.try_apply(&namespace, &manifests).unwrap_err();
    let expected: Vec<&str> = table.iter().map(|(_, sentence)| sentence.as_str()).collect();
    assert_eq!(CHANNEL.sentences(&refusals), expected);
    for more in worse() {
        assert!(cluster.try_apply(&namespace, &CHANNEL.manifest(&with(&more)).to_string()).is_err(), "{more}");
    }
    assert_eq!(cluster.kubectl(&["get", "notificationchannels", "--namespace", &namespace, "--output=name"]), "");
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn the_rules_for_channels_without_a_cluster_refuse_and_read_what_the_api_server_does() {
    let cluster = Cluster::shared().await;
    let namespace = cluster.namespace().await;
    for spec in bad().iter().map(|(more, _)| with(more)) {
        let theirs = CHANNEL.faults_of_api_server(&cluster.client, &namespace, &spec).await;
        assert_eq!(theirs.len(), 1, "{spec}: {theirs:?}");
        assert_eq!(CHANNEL.our_faults(&spec), theirs, "{spec}");
    }
    for spec in worse().iter().map(with) {
        let theirs = CHANNEL.faults_of_api_server(&cluster.client, &namespace, &spec).await;
        let ours = CHANNEL.our_faults(&spec);
        assert!(!ours.is_empty() && ours.is_subset(&theirs), "{spec}\nours: {ours:?}\ntheirs: {theirs:?}");
    }
    for spec in good() {
        let stored = CHANNEL.dry_run(&cluster.client, &namespace, &spec).await.unwrap();
        assert_eq!(stored["spec"], CHANNEL.read(&spec).unwrap(), "{spec}");
        assert_eq!(CHANNEL.our_faults(&spec), BTreeSet::new(), "{spec}");
    }
}
