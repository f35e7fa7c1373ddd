//! What the chart's policies let people apply and what not, as a real API server tells them.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use xtask::{control_plane::Program, install::NAMESPACE};

use crate::support::{DEFINITION, RELEASE, ROOT, Server, chart, commands, values};

/// What is applied, and the message that refuses it.
type Attempt = (Value, Option<&'static str>);

/// A cluster with a release of the chart, and namespaces with these names and labels.
async fn installed(policies: &Value, namespaces: &[(&str, Value)]) -> Server {
    let server = Server::start().await;
    for (name, labels) in namespaces {
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}});
        server.apply(&[], &namespace.to_string());
    }
    let file = values(&json!({"policies": policies}));
    let path = file.path().to_str().unwrap();
    let install = ["install", RELEASE, &chart(), "--namespace", NAMESPACE, "--create-namespace", "--values", path];
    server.helm().run(&install).unwrap_or_else(|error| panic!("{error}"));
    server.is_established(&[DEFINITION, "crd/notificationchannels.sslmonitor.io"]);
    server
}

fn object(kind: &str, namespace: &str, name: &str, spec: &Value) -> String {
    let metadata = json!({"name": name, "namespace": namespace});
    json!({"apiVersion": "sslmonitor.io/v1", "kind": kind, "metadata": metadata, "spec": spec}).to_string()
}

/// What the API server says to an object of this kind, which it is only asked about.
fn attempt(server: &Server, kind: &str, namespace: &str, spec: &Value) -> Result<String, String> {
    let arguments = ["apply", "--dry-run=server", "--filename", "-"];
    let object = object(kind, namespace, "attempt", spec);
    server.kubectl.run_with_input(&arguments, &object).map_err(|error| error.to_string())
}

/// Wait until something is refused: the API server takes a policy into account a moment after it is stored.
fn is_in_force(server: &Server, kind: &str, namespace: &str, refused: &Value) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while attempt(server, kind, namespace, refused).is_ok() {
        assert!(Instant::now() < deadline, "the policy for {kind} in {namespace} does not come into force");
    }
}

fn compare(server: &Server, kind: &str, namespace: &str, attempts: &[Attempt]) {
    let (refused, _) = attempts.iter().find(|(_, message)| message.is_some()).unwrap();
    is_in_force(server, kind, namespace, refused);
    for (spec, message) in attempts {
        let said = attempt(server, kind, namespace, spec);
        match message {
            None => assert!(said.is_ok(), "{namespace}: {spec}: {said:?}"),
            Some(message) => {
                let words = format!("denied request: {message}\n");
                let is_so = said.as_ref().is_err_and(|said| (said.clone() + "\n").contains(&words));
                assert!(is_so, "{namespace}: {spec}: {said:?}");
            }
        }
    }
}

/// Everything is let through.
fn is_free(server: &Server, kind: &str, namespace: &str, attempts: &[Attempt]) {
    for (spec, _) in attempts {
        let said = attempt(server, kind, namespace, spec);
        assert!(said.is_ok(), "{namespace}: {spec}: {said:?}");
    }
}

fn monitors() -> Vec<Attempt> {
    const DOMAIN: &str = "spec.domain must be one of these or below one of them: example.com, 192.0.2.10";
    const ADDRESS: &str = "spec.address must be one of these or below one of them: example.com, 192.0.2.10";
    const PROXY: &str = "spec.proxy is not allowed here";
    vec![
        (json!({"domain": "example.com"}), None),
        (json!({"domain": "www.shop.example.com"}), None),
        (json!({"domain": "192.0.2.10"}), None),
        (json!({"domain": "www.example.com", "address": "lb.example.com"}), None),
        (json!({"domain": "www.example.com", "address": "192.0.2.10"}), None),
        (json!({"domain": "badexample.com"}), Some(DOMAIN)),
        (json!({"domain": "example.com.evil.test"}), Some(DOMAIN)),
        (json!({"domain": "192.0.2.1"}), Some(DOMAIN)),
        (json!({"domain": "www.example.com", "address": "192.0.2.11"}), Some(ADDRESS)),
        (json!({"domain": "www.example.com", "address": "evil.test"}), Some(ADDRESS)),
        (json!({"domain": "www.example.com", "proxy": {"url": "http://proxy.example.com:3128"}}), Some(PROXY)),
        (json!({"domain": "www.example.com", "proxy": {"secretRef": {"name": "proxy"}}}), Some(PROXY)),
    ]
}

#[tokio::test]
#[ignore = "needs Helm and a control plane: cargo xtask test"]
async fn policies_let_monitors_name_what_is_allowed_and_nothing_else() {
    let policies = json!({
        "allowedDomains": ["example.com", "192.0.2.10"], "allowProxy": false,
        "namespaceSelector": {"matchLabels": {"tenant": "yes"}},
        "perNamespace": {"shop": {"allowedDomains": ["shop.example.com"]}},
    });
    let tenant = json!({"tenant": "yes"});
    let server = installed(&policies, &[("tenant", tenant.clone()), ("shop", tenant), ("ours", json!({}))]).await;
    compare(&server, "SslMonitor", "tenant", &monitors());
    is_free(&server, "SslMonitor", "ours", &monitors());
    // Where a namespace has rules of its own, both hold.
    let own = "spec.domain must be one of these or below one of them: shop.example.com";
    let attempts: [Attempt; 4] = [
        (json!({"domain": "www.example.com"}), Some(own)),
        (json!({"domain": "www.shop.example.com"}), None),
        (json!({"domain": "shop.example.com", "address": "shop.example.com"}), None),
        (
            json!({"domain": "shop.example.com", "proxy": {"url": "http://shop.example.com:3128"}}),
            Some("spec.proxy is not allowed here"),
        ),
    ];
    compare(&server, "SslMonitor", "shop", &attempts);
}

fn webhook(address: &str) -> Value {
    json!({"type": "webhook", "address": address})
}

const HOSTS: &str = "the channel must lead to one of these hosts or below one of them: example.com, 192.0.2.10, 2001:db8::1, \
                     events.pagerduty.com";
const SECRET: &str = "spec.secretRef is not allowed here: the Secret's address would go first, and cannot be seen when the channel \
                      is applied";

fn channels() -> Vec<Attempt> {
    let mail = json!({"type": "email", "channel": "a@a.test", "username": "b@a.test"});
    let with_address = |mut spec: Value, address: &str| {
        spec["address"] = address.into();
        spec
    };
    let mut attempts = vec![
        (json!({"type": "pagerduty", "channel": "R0UT1NGKEY"}), None),
        (with_address(mail.clone(), "smtp://mail.example.com:587"), None),
        (with_address(mail, "smtps://mail.evil.test"), Some(HOSTS)),
        (json!({"type": "webhook", "address": "https://example.com", "secretRef": {"name": "a"}}), Some(SECRET)),
        (json!({"type": "slack", "secretRef": {"name": "a"}}), Some(HOSTS)),
        (json!({"type": "telegram", "secretRef": {"name": "a"}}), Some(HOSTS)),
    ];
    attempts.extend(
        [
            "https://example.com",
            "https://hooks.Example.com.:8443/x?y=://evil.test",
            "https://192.0.2.10/hook",
            "https://[2001:db8::1]:8443/hook",
        ]
        .map(|address| (webhook(address), None)),
    );
    attempts.extend(
        [
            "https://badexample.com",
            "https://evil.test/example.com",
            "https://evil.test?.example.com",
            "https://evil.test#.example.com",
            "https://evil.test\\.example.com/",
            "https://example.com:443:evil.test",
            "https://example.com%00.evil.test",
            "https://example.com.evil.test",
            "https://[2001:db8::2]/",
        ]
        .map(|address| (webhook(address), Some(HOSTS))),
    );
    attempts
}

#[tokio::test]
#[ignore = "needs Helm and a control plane: cargo xtask test"]
async fn policies_let_channels_lead_to_what_is_allowed_and_nowhere_else() {
    let hosts = ["example.com", "192.0.2.10", "2001:db8::1", "events.pagerduty.com"];
    let policies = json!({
        "allowedChannelHosts": hosts, "namespaceSelector": {"matchLabels": {"tenant": "yes"}},
        "perNamespace": {
            "open": {"allowedChannelHosts": hosts, "allowChannelSecrets": true},
            "mail": {"allowedChannelTypes": ["email", "pagerduty"]},
        },
    });
    let namespaces =
        [("tenant", json!({"tenant": "yes"})), ("open", json!({})), ("mail", json!({})), ("ours", json!({}))];
    let server = installed(&policies, &namespaces).await;
    compare(&server, "NotificationChannel", "tenant", &channels());
    is_free(&server, "NotificationChannel", "ours", &channels());
    // With Secrets, what they may say is let through, and what can be seen is not.
    let secret = json!({"name": "a"});
    let open: [Attempt; 4] = [
        (json!({"type": "slack", "secretRef": secret}), None),
        (json!({"type": "telegram", "secretRef": secret}), Some(HOSTS)),
        (json!({"type": "webhook", "address": "https://example.com", "secretRef": secret}), None),
        (json!({"type": "webhook", "address": "https://evil.test", "secretRef": secret}), Some(HOSTS)),
    ];
    compare(&server, "NotificationChannel", "open", &open);
    let mail: [Attempt; 2] = [
        (json!({"type": "pagerduty", "channel": "R0UT1NGKEY"}), None),
        (webhook("https://example.com"), Some("spec.type must be one of these: email, pagerduty")),
    ];
    compare(&server, "NotificationChannel", "mail", &mail);
}

// Quotas are counted by the controller manager, and held by the API server.
#[tokio::test]
#[ignore = "needs Helm and a control plane: cargo xtask test"]
async fn a_namespace_has_as_many_monitors_and_channels_as_it_may() {
    let policies = json!({"perNamespace": {"tenant": {"maxMonitors": 2, "maxChannels": 0}}});
    let server = installed(&policies, &[("tenant", json!({})), ("ours", json!({}))]).await;
    let program = Program::KubeControllerManager.find().unwrap_or_else(|error| panic!("{error}"));
    let controllers = "resourcequota-controller";
    let _manager = server.control_plane.start_controller_manager(&program, controllers).unwrap();
    let used = |count: u8| {
        let path = format!("--for=jsonpath={{.status.used.count/sslmonitors\\.sslmonitor\\.io}}={count}");
        server.kubectl(&["wait", &path, "--timeout=60s", "--namespace", "tenant", "resourcequota/sslmonitor"]);
    };
    let monitor = |name: &str| object("SslMonitor", "tenant", name, &json!({"domain": "www.example.com"}));
    let refusal = |manifest: &str| {
        server.kubectl.run_with_input(&["create", "--filename", "-"], manifest).unwrap_err().to_string()
    };
    used(0);
    server.apply(&[], &monitor("first"));
    server.apply(&[], &monitor("second"));
    let said = refusal(&monitor("third"));
    let words = "\"third\" is forbidden: exceeded quota: sslmonitor, requested: count/sslmonitors.sslmonitor.io=1, used: \
                 count/sslmonitors.sslmonitor.io=2, limited: count/sslmonitors.sslmonitor.io=2";
    assert!(said.contains(words), "{said}");
    let channel = |namespace: &str| object("NotificationChannel", namespace, "first", &webhook("https://example.com"));
    let said = refusal(&channel("tenant"));
    assert!(said.contains("limited: count/notificationchannels.sslmonitor.io=0"), "{said}");
    server.apply(&[], &channel("ours"));
    // What is there already may be changed, and what goes makes room.
    server.kubectl(&["--namespace", "tenant", "annotate", "sslmonitor/first", "sslmonitor.io/requestedAt=now"]);
    server.kubectl(&["--namespace", "tenant", "delete", "sslmonitor/second"]);
    used(1);
    server.apply(&[], &monitor("third"));
    let listed = server.kubectl(&["--namespace", "tenant", "get", "sslmonitors", "--output=name"]);
    assert_eq!(listed, "sslmonitor.sslmonitor.io/first\nsslmonitor.sslmonitor.io/third\n");
}

/// What stands between the lines ```LANGUAGE and ``` of the page.
fn block(language: &str) -> String {
    let page = fs::read_to_string(Path::new(ROOT).join("docs/policies.md")).unwrap();
    let (_, rest) = page.split_once(&format!("```{language}\n")).unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

#[tokio::test]
#[ignore = "needs Helm and a control plane: cargo xtask test"]
async fn the_page_about_policies_says_what_happens() {
    let server = installed(&json!({}), &[("shop", json!({"example.com/team": "yes"}))]).await;
    let shipped = fs::read_to_string(Path::new(ROOT).join("deploy/policies/values.yaml")).unwrap();
    let read = |text: &str| -> Value { serde_saphyr::from_str(text).unwrap() };
    assert_eq!(read(&block("yaml")), read(&shipped));
    let [upgrade, quota] = ["helm upgrade", "kubectl apply"].map(|start| commands("docs/policies.md", start));
    assert_eq!((upgrade.len(), quota.len()), (1, 1));
    let [upgrade, quota] = [&upgrade[0], &quota[0]].map(|line| line.split(' ').skip(1).collect::<Vec<_>>());
    server.helm().run(&upgrade).unwrap_or_else(|error| panic!("{error}"));
    let foreign = json!({"domain": "www.example.com"});
    is_in_force(&server, "SslMonitor", "shop", &foreign);
    let said = attempt(&server, "SslMonitor", "shop", &foreign).unwrap_err();
    assert!(said.contains(block("text").trim_end()), "{said}");
    let quotas = || {
        server.kubectl(&["--namespace", "shop", "get", "resourcequota/sslmonitor", "--output=jsonpath={.spec.hard}"])
    };
    let of_helm = quotas();
    server.kubectl(&["--namespace", "shop", "delete", "resourcequota/sslmonitor"]);
    server.kubectl(&quota);
    assert_eq!(quotas(), of_helm);
}
