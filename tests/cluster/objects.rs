//! Monitors as objects: what is stored, that it stays as it was applied, how it is shared, shown and explained.

use std::{fs, path::Path, time::Duration};

use kube::{
    ResourceExt,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};
use ssl_monitor_operator::api::{SslMonitor, notification_channel_crd, ssl_monitor_crd};
use tokio::net::TcpSocket;
use xtask::farm::Leaf;

use crate::{
    stage::{Stage, serve, stream},
    support::{Cluster, eventually, loopback},
};

/// A manifest that sets every field, but for those that exclude each other.
const FULL: &str = "apiVersion: sslmonitor.io/v1
kind: SslMonitor
metadata:
  name: full
spec:
  domain: full.test
  port: 8443
  alertDays: 14
  enabled: false
  serviceRef:
    name: web
  interval: 1h30m
  timeout: 1500ms
  address: 192.0.2.1
  addresses: Any
  ipFamily: IPv4
  proxyProtocol: v2
  proxy:
    url: http://proxy.test:3128/
    secretRef:
      name: proxy-login
  expect:
    fingerprints:
    - abababababababababababababababababababababababababababababababab
    publicKeys:
    - sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=
    issuers:
    - CN=R3,O=Let's Encrypt,C=US
    secretRef:
      name: web-tls
  tls:
    serverName: other.test
    startTLS: xmpp-client
    minVersion: TLS1.3
    revocation: CRL
    revocationFailure: Hard
    clientCertificateRef:
      name: client
    useSystemRoots: false
    caBundle:
      secret:
        name: private-ca
        key: roots.pem
";

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn what_is_applied_is_stored_and_applying_it_again_changes_nothing() {
    // Without an operator: the samples name hosts that are not of this machine.
    let cluster = Cluster::start().await;
    let namespace = cluster.namespace().await;
    let directory = cluster.control_plane().directory();
    let full = directory.join("full.yaml");
    fs::write(&full, FULL).unwrap();
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/samples");
    let mut files: Vec<_> = fs::read_dir(samples).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() >= 3, "{files:?}");
    files.push(full);
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let applied: Value = serde_saphyr::from_str(&text).unwrap();
        let name = applied["metadata"]["name"].as_str().unwrap();
        let kind = applied["kind"].as_str().unwrap().to_lowercase();
        let kubectl = |arguments: &[&str]| cluster.kubectl(&[arguments, &["--namespace", &namespace]].concat());
        let get = || -> Value { serde_json::from_str(&kubectl(&["get", &kind, name, "--output=json"])).unwrap() };
        let path = file.to_str().unwrap();
        assert_eq!(kubectl(&["apply", "-f", path]), format!("{kind}.sslmonitor.io/{name} created\n"));
        let stored = get();
        assert_is_kept(&applied["spec"], &stored["spec"]);
        assert_eq!(kubectl(&["diff", "-f", path]), "");
        assert_eq!(kubectl(&["apply", "-f", path]), format!("{kind}.sslmonitor.io/{name} unchanged\n"));

        let exported = directory.join("exported.yaml");
        fs::write(&exported, kubectl(&["get", &kind, name, "--output=yaml"])).unwrap();
        kubectl(&["apply", "-f", exported.to_str().unwrap()]);
        let stored_again = get();
        assert_eq!(stored_again["spec"], stored["spec"]);
        assert_eq!(stored_again["metadata"]["generation"], 1);
        assert_eq!(kubectl(&["diff", "-f", exported.to_str().unwrap()]), "");
        assert_eq!(kubectl(&["diff", "-f", path]), "");
    }
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn every_default_is_stored() {
    let stage = Stage::new().await;
    let bundle = json!({"configMap": {"name": "ca"}});
    let spec = json!({"domain": "a.test", "enabled": false, "tls": {"caBundle": bundle}});
    let manifest = json!({
        "apiVersion": "sslmonitor.io/v1", "kind": "SslMonitor", "metadata": {"name": "a"}, "spec": spec,
    });
    stage.cluster.apply(&stage.namespace, &manifest.to_string());
    let get = ["get", "sslmonitor", "a", "--output=jsonpath={.spec}", "--namespace", &stage.namespace];
    let stored: Value = serde_json::from_str(&stage.cluster.kubectl(&get)).unwrap();
    let expected = json!({
        "domain": "a.test",
        "addresses": "All",
        "alertDays": 30,
        "enabled": false,
        "interval": "1h",
        "timeout": "10s",
        "tls": {
            "useSystemRoots": true, "caBundle": {"configMap": {"name": "ca", "key": "ca.crt"}},
            "revocation": "Staple", "revocationFailure": "Soft",
        },
    });
    assert_eq!(stored, expected);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a control plane: cargo xtask test"]
async fn two_managers_share_a_monitor_by_server_side_apply_and_the_operator_owns_the_status_alone() {
    let stage = Stage::new().await;
    let server = serve(&stage.authority.issue(&Leaf::new(["main.test"]))).await;
    let first = stage.manifest("main", "main.test", server.address());
    let apply = async |manager: &str, manifest: &Value| {
        let parameters = PatchParams::apply(manager);
        stage.monitors.patch("main", &parameters, &Patch::Apply(manifest)).await
    };
    apply("team-a", &first).await.unwrap();
    let mut second = json!({
        "apiVersion": "sslmonitor.io/v1", "kind": "SslMonitor", "metadata": {"name": "main"},
        "spec": {"alertDays": 20},
    });
    apply("team-b", &second).await.unwrap();
    let monitor = stage.settled("main").await;
    let port = i32::from(server.address().port());
    let (spec, bundle) = (&monitor.spec, monitor.spec.ca_bundle().unwrap());
    assert_eq!(
        (i32::from(spec.port()), spec.alert_days, bundle.config_map.as_ref().unwrap().name.as_str()),
        (port, 20, "ca")
    );
    assert_eq!(
        owners(&monitor),
        [
            "sslmonitor-operator Apply status: f:status".to_owned(),
            "team-a Apply : f:spec[f:address f:domain f:port f:tls]".to_owned(),
            "team-b Apply : f:spec[f:alertDays]".to_owned(),
        ]
    );

    second["spec"] = json!({"port": 1});
    let refusal = apply("team-b", &second).await.unwrap_err().to_string();
    assert!(refusal.contains("conflict with \"team-a\": .spec.port"), "{refusal}");
    // What a manager takes back goes back to the default.
    second["spec"] = json!({});
    apply("team-b", &second).await.unwrap();
    let monitor = stage.settled("main").await;
    assert_eq!((monitor.spec.alert_days, monitor.metadata.generation), (30, Some(3)));
    // An applied status is left out, and the operator's stays.
    let mut with_status = first.clone();
    with_status["status"] = json!({"summary": "Expired"});
    apply("team-a", &with_status).await.unwrap();
    assert_eq!(stage.settled("main").await.status, monitor.status);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a control plane: cargo xtask test"]
async fn kubectl_get_shows_every_column() {
    let stage = Stage::new().await;
    let valid = Leaf::new(["web.test"]).expires_in_days(60);
    let old = Leaf::new(["old.test"]).expires_in_days(-2);
    let web = serve(&stage.authority.issue(&valid)).await;
    let old_server = serve(&stage.authority.issue(&old)).await;
    let refusing = TcpSocket::new_v4().unwrap();
    refusing.bind(loopback()).unwrap();
    let down = refusing.local_addr().unwrap();
    let mut off = stage.manifest("off", "off.test", down);
    off["spec"]["enabled"] = false.into();
    let monitors = [
        stage.manifest("web", "web.test", web.address()),
        stage.manifest("old", "old.test", old_server.address()),
        stage.manifest("down", "down.test", down),
        off,
    ];
    stage.cluster.apply(&stage.namespace, &stream(monitors));
    let mut ends = Vec::new();
    for name in ["web", "old"] {
        let status = stage.settled(name).await.status.unwrap();
        ends.push(status.certificate.unwrap().valid_to.unwrap().0.to_string());
    }
    for name in ["down", "off"] {
        stage.settled(name).await;
    }
    let get = |what, output| stage.cluster.kubectl(&["get", what, output, "--namespace", &stage.namespace]);
    let ports = [down, down, old_server.address(), web.address()].map(|address| address.port().to_string());
    let issuer = "Stage Intermediate";
    let expected = [
        ["NAME", "DOMAIN", "STATUS", "DAYS", "EXPIRES", "CHECKED", "AGE", "ISSUER", "PORT", "READY"],
        ["down", "down.test", "ConnectionRefused", "", "", "*", "*", "", &ports[0], "True"],
        ["off", "off.test", "Disabled", "", "", "", "*", "", &ports[1], "True"],
        ["old", "old.test", "Expired", "-2", &ends[1], "*", "*", issuer, &ports[2], "True"],
        ["web", "web.test", "Valid", "60", &ends[0], "*", "*", issuer, &ports[3], "True"],
    ];
    assert_eq!(cells(&get("sslmonitors", "--output=wide")), expected);
    let narrow = expected.map(|row| row[..7].to_vec());
    for name in ["sslmonitors", "sslmonitor", "sslmon"] {
        assert_eq!(cells(&get(name, "--output=")), narrow, "{name}");
    }
    let names = ["down", "off", "old", "web"].map(|name| format!("sslmonitor.sslmonitor.io/{name}\n"));
    assert_eq!(get("monitoring", "--output=name"), names.concat());
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn every_field_is_explained() {
    let cluster = Cluster::shared().await;
    for (crd, least) in [(ssl_monitor_crd(), 60), (notification_channel_crd(), 30)] {
        let kind = crd["spec"]["names"]["kind"].as_str().unwrap();
        // What kubectl explain reads; published a moment after the definition is established.
        let published = eventually("the definition's documentation", Duration::from_secs(30), async || {
            let document = cluster.try_kubectl(&["get", "--raw", "/openapi/v3/apis/sslmonitor.io/v1"])?;
            let document: Value = serde_json::from_str(&document).map_err(|error| error.to_string())?;
            let schema = &document["components"]["schemas"][format!("io.sslmonitor.v1.{kind}")];
            if schema.is_object() { Ok(schema.clone()) } else { Err(document.to_string()) }
        })
        .await;
        let shipped = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        let mut expected = fields(shipped, "");
        assert!(expected.len() > least, "{expected:?}");
        for (field, description) in &expected {
            assert!(description.ends_with('.') && description.len() > 10, "{field}: {description:?}");
        }
        let mut found = fields(&published, "");
        found.retain(|(field, _)| !["apiVersion", "kind"].contains(&field.as_str()) && !field.starts_with("metadata"));
        found.sort();
        expected.sort();
        assert_eq!(found, expected);
    }
    // Discovery may be later still.
    let explained = eventually("kubectl explains a field", Duration::from_secs(30), async || {
        cluster.try_kubectl(&["explain", "sslmonitors.spec.tls.caBundle.secret.key"])
    })
    .await;
    let lines: Vec<&str> = explained.lines().map(str::trim_end).collect();
    let expected = [
        "GROUP:      sslmonitor.io",
        "KIND:       SslMonitor",
        "VERSION:    v1",
        "",
        "FIELD: key <string>",
        "",
        "",
        "DESCRIPTION:",
        "    The key whose value is the bundle.",
        "",
        "",
    ];
    assert_eq!(lines, expected);
}

/// That everything applied is stored as it was written; what is not in it is a default.
fn assert_is_kept(applied: &Value, stored: &Value) {
    match applied {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| assert_is_kept(value, &stored[name])),
        value => assert_eq!(value, stored),
    }
}

/// Who owns what by which operation: manager, operation, subresource and the fields on the first levels, sorted.
fn owners(monitor: &SslMonitor) -> Vec<String> {
    let mut owners: Vec<String> = monitor
        .managed_fields()
        .iter()
        .map(|entry| {
            let fields = &entry.fields_v1.as_ref().unwrap().0;
            let mut owned: Vec<String> = fields.as_object().unwrap().keys().cloned().collect();
            if let Some(spec) = fields.get("f:spec") {
                let below: Vec<&str> = spec.as_object().unwrap().keys().map(String::as_str).collect();
                owned = vec![format!("f:spec[{}]", below.join(" "))];
            }
            let part = |text: &Option<String>| text.clone().unwrap_or_default();
            let (manager, operation) = (part(&entry.manager), part(&entry.operation));
            format!("{manager} {operation} {}: {}", part(&entry.subresource), owned.join(" "))
        })
        .collect();
    owners.sort();
    owners
}

/// The cells of a table of kubectl; ages, which change by themselves, become `*`.
fn cells(table: &str) -> Vec<Vec<String>> {
    let header = table.lines().next().unwrap();
    let starts = |(at, _): &(usize, char)| *at == 0 || header[..*at].ends_with("  ");
    let names = header.char_indices().filter(|(_, character)| *character != ' ');
    let columns: Vec<usize> = names.filter(starts).map(|(at, _)| at).collect();
    let cell = |line: &str, index: usize| {
        let end = columns.get(index + 1).map_or(line.len(), |end| (*end).min(line.len()));
        let text = line.get(columns[index]..end).unwrap_or_default().trim_end();
        let is_age = text.ends_with(['s', 'm']) && text.starts_with(|character: char| character.is_ascii_digit());
        if is_age { "*".to_owned() } else { text.to_owned() }
    };
    table.lines().map(|line| (0..columns.len()).map(|index| cell(line, index)).collect()).collect()
}

/// Every field below a schema with its description.
fn fields(schema: &Value, path: &str) -> Vec<(String, String)> {
    let below = schema["properties"].as_object().or_else(|| schema["items"]["properties"].as_object());
    let mut all = Vec::new();
    for (name, field) in below.into_iter().flatten() {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        all.extend(fields(field, &path));
        all.push((path, field["description"].as_str().unwrap_or_default().to_owned()));
    }
    all
}
