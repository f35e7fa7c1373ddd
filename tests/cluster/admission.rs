//! What the API server makes of bad input, and that the same rules without a cluster agree with it.

use std::collections::BTreeSet;

use kube::Client;
use serde_json::{Value, json};

use crate::{
    stage::stream,
    support::Cluster,
    twins::{Faults, MONITOR},
};

const HOST: &str = "domain must be a host name without scheme, port or path, for example api.example.com";
const ADDRESS: &str = "address must be an IP address or a host name without scheme, port or path, for example 192.0.2.10 \
                       or lb.example.com";
const SERVER_NAME: &str =
    "tls.serverName must be a host name without scheme, port or path, for example api.example.com";
const INTERVAL: &str = "interval must be a duration from 60s to 168h, for example 1h or 30m";
const TIMEOUT: &str = "timeout must be a duration from 1s to 2m, for example 10s";
const BUNDLE: &str = "tls.caBundle must name either a configMap or a secret";
const ROOTS: &str = "tls.useSystemRoots may be false only together with tls.caBundle; without either no certificate could be \
                     trusted";
pub(crate) const OBJECT: &str =
    "name must be the name of a ConfigMap or Secret: lower-case letters, digits, '-' and '.'";

/// Domains that are none: all are refused with the same sentence.
const NO_DOMAINS: [&str; 33] = [
    "https://x.test",
    "https://x",
    "x.test:443",
    "x:443",
    "x.test/path",
    "*.x.test",
    "*.x",
    "x.test\n",
    "x.test.",
    " x.test",
    "x test",
    "X.test",
    "Example.COM",
    "bücher.de",
    "аpple.com", // with a Cyrillic а
    "a_b.example.com",
    "localhost",
    "-a.test",
    "a-.test",
    "a..test",
    ".test",
    "a.test-",
    "[::1]",
    "2130706433",
    "0x7f.1",
    "017700000001",
    "127.1",
    "010.0.0.1",
    "1.2.3.4.5",
    "::FFFF",
    "2001:DB8::1",
    "::ffff:192.0.2.1",
    "fe80::1%eth0",
];

/// Bad specs with one fault each, and what kubectl says of it after the object's name.
fn bad_specs() -> Vec<(Value, String)> {
    let long_label = "a".repeat(64) + ".test";
    let mut table = Vec::new();
    for domain in NO_DOMAINS.into_iter().chain([long_label.as_str()]) {
        table.push((with("domain", domain.into()), invalid("domain", &quoted(domain), HOST)));
    }
    for (field, texts, rule) in bad_texts() {
        for text in texts {
            table.push((with(field, text.into()), invalid(field, &quoted(text), rule)));
        }
    }
    for (field, number, rule) in BAD_NUMBERS {
        let rule = format!("spec.{field} in body should be {rule}");
        table.push((with(field, number.into()), invalid(field, &number.to_string(), &rule)));
    }
    for (interval, timeout) in [("60s", "60s"), ("1m", "1m30s"), ("1m", "61s")] {
        let spec = json!({"domain": "a.test", "interval": interval, "timeout": timeout});
        table.push((spec, "spec.timeout: Invalid value: timeout must be shorter than interval".to_owned()));
    }
    for (field, value, sentence) in other_bad_values() {
        table.push((with(field, value), sentence));
    }
    for field in ["alertDay", "tls.sni", "serviceRef.namespace"] {
        let mut spec = with(field, "x".into());
        if field.starts_with("serviceRef") {
            spec["serviceRef"]["name"] = "web".into();
        }
        table.push((spec, format!("strict decoding error: unknown field \"spec.{field}\"")));
    }
    table
}

const BAD_NUMBERS: [(&str, i64, &str); 5] = [
    ("port", 0, "greater than or equal to 1"),
    ("port", -1, "greater than or equal to 1"),
    ("port", 65536, "less than or equal to 65535"),
    ("alertDays", 0, "greater than or equal to 1"),
    ("alertDays", 366, "less than or equal to 365"),
];

/// Field, texts that break its rule, and the rule's sentence.
fn bad_texts() -> [(&'static str, Vec<&'static str>, &'static str); 7] {
    let intervals = vec!["30s", "59s", "59999ms", "1d", "169h", "1.5h", "-1h", "1h ", "99999h", "1h1h1h1h1h"];
    let service = "serviceRef.name must be the name of a Service: lower-case letters, digits and '-'";
    let key = "key must consist of letters, digits, '-', '_' and '.'";
    [
        ("interval", intervals, INTERVAL),
        ("timeout", vec!["0s", "999ms", "3m", "10"], TIMEOUT),
        ("address", vec!["https://x.test", "192.0.2.10:443", "::ffff:192.0.2.1", "010.0.0.1", "LB.test"], ADDRESS),
        ("tls.serverName", vec!["*.x.test", "x.test:443", "X.test"], SERVER_NAME),
        ("serviceRef.name", vec!["shop/web", "Web", "web."], service),
        ("tls.caBundle.configMap.name", vec!["../a", "A", "a..b"], OBJECT),
        ("tls.caBundle.secret.key", vec!["../ca.crt", "a b"], key),
    ]
}

fn other_bad_values() -> [(&'static str, Value, String); 7] {
    let both = json!({"configMap": {"name": "a"}, "secret": {"name": "a"}});
    let long = "a.".repeat(125) + "test";
    assert_eq!(long.len(), 254);
    let bundle = format!("spec.tls.caBundle: Invalid value: {BUNDLE}");
    let text = invalid("port", "\"string\"", "spec.port in body must be of type integer: \"string\"");
    [
        ("domain", long.into(), "spec.domain: Too long: may not be more than 253 bytes".to_owned()),
        ("domain", Value::Null, "spec.domain: Required value".to_owned()),
        ("port", "443".into(), text),
        ("serviceRef", json!({}), "spec.serviceRef.name: Required value".to_owned()),
        ("tls.caBundle", json!({}), bundle.clone()),
        ("tls.caBundle", both, bundle),
        ("tls.useSystemRoots", false.into(), format!("spec.tls: Invalid value: {ROOTS}")),
    ]
}

/// Specs that are good, at the edges of the rules.
fn good_specs() -> Vec<Value> {
    let label = "a".repeat(63);
    let longest = format!("{label}.{label}.{label}.{}", "b".repeat(61));
    assert_eq!(longest.len(), 253);
    let domains =
        ["a.test", "xn--bcher-kva.de", "web.shop.svc.cluster.local", "1.2.3.test", "192.0.2.1", "2001:db8::1", "::1"];
    let mut specs: Vec<Value> = domains.iter().map(|domain| json!({"domain": domain})).collect();
    specs.push(json!({"domain": longest}));
    let edges = [
        json!({"port": 1, "alertDays": 1, "interval": "60s", "timeout": "59999ms"}),
        json!({"port": 65535, "alertDays": 365, "interval": "168h", "timeout": "2m"}),
        json!({"interval": "1h1m1s1ms", "timeout": "1s"}),
        json!({"port": null, "alertDays": null, "enabled": null, "interval": null, "timeout": null}),
        json!({"serviceRef": null, "address": null, "tls": null}),
        json!({"tls": {}}),
        json!({"tls": {"serverName": null, "caBundle": null, "useSystemRoots": null}}),
        json!({"tls": {"useSystemRoots": false, "caBundle": {"secret": {"name": "a.b", "key": "CA_1.pem"}}}}),
        json!({"tls": {"caBundle": {"configMap": {"name": "a"}, "secret": null}}}),
        json!({"address": "lb.example.com", "tls": {"serverName": "192.0.2.1"}, "serviceRef": {"name": "1web"}}),
    ];
    specs.extend(edges.into_iter().map(|mut spec| {
        spec["domain"] = "a.test".into();
        spec
    }));
    specs
}

/// More bad specs: several faults at once, and faults of which the API server says more than one sentence.
fn worse_specs() -> Vec<Value> {
    let specs = [
        json!({}),
        json!({"domain": ""}),
        json!({"domain": 1}),
        json!({"domain": ["a.test"]}),
        json!({"domain": "a.test", "port": 1.5}),
        json!({"domain": "a.test", "enabled": "yes"}),
        json!({"domain": "a.test", "interval": "1"}),
        json!({"domain": "a.test", "interval": "1h".repeat(13)}),
        json!({"domain": "a.test", "tls": []}),
        json!({"domain": "a.test", "tls": {"caBundle": {"configMap": {}}}}),
        json!({"domain": "a.test", "tls": {"caBundle": {"configMap": null}}}),
        json!({"domain": "a.test", "tls": {"useSystemRoots": false, "caBundle": null}}),
        json!({"domain": "x.test:443", "port": 0}),
        json!({"domain": "x.test:443", "address": "y.test:443", "timeout": "0s"}),
        json!({"domain": "a.test", "interval": "2h", "timeout": "3h"}),
        json!({"domain": "a.test", "colour": "red", "shape": "round"}),
        json!({"domain": "a.test", "colour": null}),
    ];
    specs.into()
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn kubectl_apply_refuses_every_bad_input_with_one_sentence() {
    let cluster = Cluster::shared().await;
    let namespace = cluster.namespace().await;
    let table = bad_specs();
    let manifests = stream(table.iter().map(|(spec, _)| manifest(spec)));
    let refusals = cluster.try_apply(&namespace, &manifests).unwrap_err();
    let said = MONITOR.sentences(&refusals);
    let expected: Vec<&str> = table.iter().map(|(_, sentence)| sentence.as_str()).collect();
    assert_eq!(said, expected);
    assert_eq!(cluster.kubectl(&["get", "sslmonitors", "--namespace", &namespace, "--output=name"]), "");
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn the_rules_without_a_cluster_refuse_and_accept_what_the_api_server_does() {
    let cluster = Cluster::shared().await;
    let namespace = cluster.namespace().await;
    for (spec, _) in bad_specs() {
        let theirs = faults_of_api_server(&cluster.client, &namespace, &spec).await;
        assert_eq!(theirs.len(), 1, "{spec}: {theirs:?}");
        assert_eq!(our_faults(&spec), theirs, "{spec}");
    }
    for spec in good_specs() {
        assert_eq!(faults_of_api_server(&cluster.client, &namespace, &spec).await, BTreeSet::new(), "{spec}");
        assert_eq!(our_faults(&spec), BTreeSet::new(), "{spec}");
    }
    // Here one side may go on where the other stops, yet both refuse, and we blame nothing that the API server does not.
    for spec in worse_specs() {
        let theirs = faults_of_api_server(&cluster.client, &namespace, &spec).await;
        let ours = our_faults(&spec);
        assert!(!ours.is_empty() && ours.is_subset(&theirs), "{spec}\nours: {ours:?}\ntheirs: {theirs:?}");
    }
    assert_eq!(cluster.kubectl(&["get", "sslmonitors", "--namespace", &namespace, "--output=name"]), "");
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn what_is_stored_is_what_the_rules_without_a_cluster_read() {
    let cluster = Cluster::shared().await;
    let namespace = cluster.namespace().await;
    for spec in good_specs() {
        let stored = MONITOR.dry_run(&cluster.client, &namespace, &spec).await.unwrap();
        assert_eq!(stored["spec"], MONITOR.read(&spec).unwrap(), "{spec}");
    }
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn domain_and_port_are_immutable_before_and_after_the_first_status() {
    const DOMAIN: &str = "spec.domain: Forbidden: domain is immutable; create another monitor for another domain";
    const PORT: &str = "spec.port: Forbidden: port is immutable; create another monitor for another port";
    let cluster = Cluster::shared().await;
    let namespace = cluster.namespace().await;
    let spec = json!({"domain": "a.test", "enabled": false});
    cluster.apply(&namespace, &manifest(&spec).to_string());
    for step in ["new", "with a status"] {
        for (field, value, expected) in [("domain", json!("b.test"), DOMAIN), ("port", json!(8443), PORT)] {
            let mut changed = spec.clone();
            changed[field] = value;
            let refusal = cluster.try_apply(&namespace, &manifest(&changed).to_string()).unwrap_err();
            let (_, said) = refusal.split_once("is invalid: ").unwrap();
            assert_eq!(said, expected, "{step}");
        }
        let status = "{\"status\":{\"summary\":\"Disabled\"}}";
        let patch = ["patch", "sslmonitor", "a", "--subresource=status", "--type=merge", "--patch", status];
        cluster.kubectl(&[&patch[..], &["--namespace", &namespace]].concat());
    }
    // The rules are about changes: what says the same, or leaves the port to its default, is none.
    cluster.apply(&namespace, &manifest(&json!({"domain": "a.test", "port": 443, "enabled": false})).to_string());
    cluster.apply(&namespace, &manifest(&spec).to_string());
    let refusal = cluster
        .try_apply(
            &namespace,
            &manifest(&json!({"domain": "a.test", "enabled": false, "tls": {"startTLS": "smtp"}})).to_string(),
        )
        .unwrap_err();
    assert_eq!(refusal.split_once("is invalid: ").unwrap().1, PORT, "the protocol's port is another");
}

pub(crate) fn manifest(spec: &Value) -> Value {
    MONITOR.manifest(spec)
}

/// A spec that is good but for this field, for example `tls.serverName`.
fn with(field: &str, value: Value) -> Value {
    let mut spec = json!({"domain": "a.test"});
    *field.split('.').fold(&mut spec, |at, name| &mut at[name]) = value;
    if field == "tls.caBundle.secret.key" {
        spec["tls"]["caBundle"]["secret"]["name"] = "a".into();
    }
    spec
}

fn invalid(field: &str, value: &str, rule: &str) -> String {
    format!("spec.{field}: Invalid value: {value}: {rule}")
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

pub(crate) fn our_faults(spec: &Value) -> Faults {
    MONITOR.our_faults(spec)
}

pub(crate) async fn faults_of_api_server(client: &Client, namespace: &str, spec: &Value) -> Faults {
    MONITOR.faults_of_api_server(client, namespace, spec).await
}
