//! The life of a release: installed, upgraded, rolled back, uninstalled and installed anew by Helm 4, with the operator at work under the
//! chart's ServiceAccount.

use std::{env, ffi::OsStr, fs, net::SocketAddr, path::Path, process::Command, time::Duration};

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, Client, ResourceExt as _, api::PostParams};
use serde_json::{Value, json};
use ssl_monitor_operator::api::SslMonitor;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};
use xtask::{
    control_plane::Binaries,
    farm::{Authority, Leaf, ServerOptions, TlsServer},
    helm::{Helm, stdout},
    install::NAMESPACE,
    operator::Operator,
};

use crate::support::{DEFINITION, RELEASE, Server, chart, values};

const FLAGS: [&str; 2] = ["--allow-cidr", "127.0.0.0/8"];

/// A release on a cluster that has never seen us.
pub(crate) struct Release {
    pub(crate) server: Server,
    pub(crate) helm: Helm,
    pub(crate) client: Client,
}

impl Release {
    pub(crate) async fn new() -> Self {
        let server = Server::start().await;
        let (helm, client) = (server.helm(), server.control_plane.client().await.unwrap());
        Self { server, helm, client }
    }

    /// `helm <command> sslmonitor …`: pods never become ready without a kubelet, so Helm waits for hooks only.
    pub(crate) fn helm(&self, command: &str, given: &Value) -> Result<String, String> {
        let file = values(given);
        self.helm_with(command, &chart(), &["--values", &file.path().display().to_string()])
    }

    /// The same with another chart, and these arguments.
    pub(crate) fn helm_with(&self, command: &str, chart: &str, more: &[&str]) -> Result<String, String> {
        let line = [&[command, RELEASE, chart, "--namespace", NAMESPACE, "--wait=hookOnly"], more].concat();
        self.helm.run(&line).map_err(|error| error.to_string())
    }

    pub(crate) fn install(&self, given: &Value) {
        let file = values(given);
        let more = ["--create-namespace", "--values", &file.path().display().to_string()];
        self.helm_with("install", &chart(), &more).unwrap_or_else(|error| panic!("{error}"));
        self.server.is_established(&[DEFINITION]);
    }

    /// The operator under the release's ServiceAccount, once the API server has taken in what that may do.
    pub(crate) async fn operator(&self) -> Operator {
        let arguments = self.arguments();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        self.operator_of(Path::new(env!("CARGO_BIN_EXE_sslmonitor")), &arguments).await
    }

    /// The same with another program, and with these arguments beside those of the tests.
    pub(crate) async fn operator_of(&self, program: &Path, arguments: &[&str]) -> Operator {
        let identity = format!("--as=system:serviceaccount:{NAMESPACE}:{RELEASE}");
        let may_list = ["auth", "can-i", "list", "sslmonitors.sslmonitor.io", "--all-namespaces", &identity];
        eventually("the role is in force", async || {
            self.server.kubectl.run(&may_list).map_err(|error| error.to_string())
        })
        .await;
        let arguments = [arguments, &FLAGS].concat();
        Operator::start(program, &self.server.control_plane, &arguments).await.unwrap_or_else(|error| panic!("{error}"))
    }

    /// The arguments that the Deployment gives to the operator, but for the address, which is a free one here.
    fn arguments(&self) -> Vec<String> {
        let path = "--output=jsonpath={.spec.template.spec.containers[0].args}";
        let said = self.server.kubectl(&["--namespace", NAMESPACE, "get", "deployment", RELEASE, path]);
        let all: Vec<String> = serde_json::from_str(&said).unwrap();
        all.into_iter().skip(1).filter(|argument| !argument.starts_with("--admin-address=")).collect()
    }

    /// The ConfigMap `ca` with the authority that all monitors trust.
    pub(crate) async fn trust(&self, authority: &Authority) {
        let maps: Api<ConfigMap> = Api::namespaced(self.client.clone(), "default");
        let map = json!({"metadata": {"name": "ca"}, "data": {"ca.crt": authority.root_pem()}});
        maps.create(&PostParams::default(), &serde_json::from_value(map).unwrap()).await.unwrap();
    }

    /// Make a monitor of the server.
    pub(crate) fn monitor(&self, name: &str, server: &TlsServer) {
        self.server.apply(&["--namespace", "default"], &monitor(name, &spec(server.address())).to_string());
    }

    pub(crate) fn monitors(&self) -> Api<SslMonitor> {
        Api::namespaced(self.client.clone(), "default")
    }

    pub(crate) async fn is_valid(&self, name: &str) -> SslMonitor {
        self.shows(name, "Valid").await
    }

    async fn shows(&self, name: &str, summary: &str) -> SslMonitor {
        eventually(&format!("{name} shows {summary}"), async || {
            let monitor = self.monitors().get(name).await.unwrap();
            let shown = monitor.status.as_ref().and_then(|status| status.summary.as_deref());
            if shown == Some(summary) { Ok(monitor) } else { Err(format!("{monitor:?}")) }
        })
        .await
    }

    /// What a shell with kubectl makes of this; the test fails when it does.
    fn shell(&self, script: &str) -> String {
        let kubectl = Binaries::find().unwrap().kubectl;
        let path = [kubectl.parent().unwrap().as_os_str(), &env::var_os("PATH").unwrap()].join(OsStr::new(":"));
        let mut shell = Command::new("sh");
        shell.args(["-ec", script]).env("PATH", path).env("KUBECONFIG", self.server.control_plane.kubeconfig());
        stdout(&mut shell).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Which objects carry the label of the release, of the kinds that a chart may make.
    pub(crate) fn objects(&self) -> Vec<String> {
        const KINDS: &str = "serviceaccounts,services,deployments.apps,clusterroles,clusterrolebindings,roles,rolebindings,\
                             networkpolicies,poddisruptionbudgets,validatingadmissionpolicies,\
                             validatingadmissionpolicybindings,customresourcedefinitions,secrets,configmaps";
        let selector = format!("--selector=app.kubernetes.io/instance={RELEASE}");
        let listed = self.server.kubectl(&["get", KINDS, "--all-namespaces", &selector, "--output=name"]);
        let mut names: Vec<String> = listed.lines().map(ToOwned::to_owned).collect();
        names.sort();
        names
    }
}

/// Try `attempt` until it gives a value; after a minute the test fails with what it said last.
pub(crate) async fn eventually<T>(what: &str, mut attempt: impl AsyncFnMut() -> Result<T, String>) -> T {
    let deadline = Instant::now() + Duration::from_mins(1);
    loop {
        match attempt().await {
            Ok(value) => return value,
            Err(last) => assert!(Instant::now() < deadline, "not within a minute: {what}\n{last}"),
        }
        sleep(Duration::from_millis(100)).await;
    }
}

/// What a monitor of this address says.
fn spec(address: SocketAddr) -> Value {
    let tls = json!({"caBundle": {"configMap": {"name": "ca"}}});
    json!({"domain": "web.test", "address": address.ip(), "port": address.port(), "tls": tls})
}

pub(crate) fn monitor(name: &str, spec: &Value) -> Value {
    json!({"apiVersion": "sslmonitor.io/v1", "kind": "SslMonitor", "metadata": {"name": name}, "spec": spec})
}

/// A server with a certificate of the authority.
pub(crate) async fn serve(authority: &Authority, leaf: Leaf) -> TlsServer {
    TlsServer::start(([127, 0, 0, 1], 0).into(), authority.issue(&leaf), ServerOptions::default()).await.unwrap()
}

/// The definitions, which stay.
pub(crate) const DEFINITIONS: [&str; 2] = [
    "customresourcedefinition.apiextensions.k8s.io/notificationchannels.sslmonitor.io",
    "customresourcedefinition.apiextensions.k8s.io/sslmonitors.sslmonitor.io",
];

/// What the release consists of without values.
const OBJECTS: [&str; 13] = [
    "clusterrole.rbac.authorization.k8s.io/sslmonitor",
    "clusterrole.rbac.authorization.k8s.io/sslmonitor-edit",
    "clusterrole.rbac.authorization.k8s.io/sslmonitor-view",
    "clusterrolebinding.rbac.authorization.k8s.io/sslmonitor",
    DEFINITIONS[0],
    DEFINITIONS[1],
    "deployment.apps/sslmonitor",
    "role.rbac.authorization.k8s.io/sslmonitor-leader-election",
    "rolebinding.rbac.authorization.k8s.io/sslmonitor-leader-election",
    "service/sslmonitor",
    "serviceaccount/sslmonitor",
    "validatingadmissionpolicy.admissionregistration.k8s.io/sslmonitor-service-fence",
    "validatingadmissionpolicybinding.admissionregistration.k8s.io/sslmonitor-service-fence",
];

// The server answers while Helm is waited for.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Helm and a control plane: cargo xtask test"]
async fn a_release_is_installed_upgraded_rolled_back_uninstalled_and_installed_anew_and_monitors_stay() {
    let release = Release::new().await;
    let authority = Authority::new("Release");
    let server = serve(&authority, Leaf::new(["web.test"])).await;

    release.install(&json!({}));
    release.trust(&authority).await;
    assert_eq!(release.objects(), OBJECTS);
    let operator = release.operator().await;
    release.monitor("first", &server);
    let first = release.is_valid("first").await;

    // Up, with more objects and another line of arguments, while the operator works on; and down again.
    let more = json!({"networkPolicy": {"enabled": true}, "operator": {"publicOnly": true}});
    release.helm("upgrade", &more).unwrap_or_else(|error| panic!("{error}"));
    assert!(release.objects().contains(&"networkpolicy.networking.k8s.io/sslmonitor".to_owned()));
    let rollback = ["rollback", RELEASE, "1", "--namespace", NAMESPACE, "--wait=hookOnly"];
    release.helm.run(&rollback).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(release.objects(), OBJECTS);
    release.monitor("second", &server);
    release.is_valid("second").await;
    let log = operator.stop().await.1;
    assert!(!log.to_lowercase().contains("forbidden"), "{log}");

    // Away: the definitions stay, and all monitors with what was seen.
    let uninstall = ["uninstall", RELEASE, "--namespace", NAMESPACE, "--wait=hookOnly"];
    release.helm.run(&uninstall).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(release.objects(), DEFINITIONS);
    let kept = release.monitors().get("first").await.unwrap();
    assert_eq!((kept.uid(), kept.status), (first.uid(), release.is_valid("first").await.status));

    // Back again: the definitions are taken over without a word.
    release.helm("install", &json!({})).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(release.objects(), OBJECTS);
    let operator = release.operator().await;
    release.monitor("third", &server);
    release.is_valid("third").await;
    assert_eq!(release.is_valid("first").await.uid(), first.uid());
    let log = operator.stop().await.1;
    assert!(!log.to_lowercase().contains("forbidden"), "{log}");
}

#[tokio::test]
#[ignore = "needs Helm and a control plane: cargo xtask test"]
async fn what_is_to_go_goes_and_another_release_takes_over_what_stayed() {
    let release = Release::new().await;
    release.install(&json!({"crds": {"keep": false}}));
    let uninstall = ["uninstall", RELEASE, "--namespace", NAMESPACE, "--wait=hookOnly"];
    release.helm.run(&uninstall).unwrap_or_else(|error| panic!("{error}"));
    eventually("all is gone", async || match release.objects() {
        left if left.is_empty() => Ok(()),
        left => Err(left.join(" ")),
    })
    .await;

    release.install(&json!({}));
    release.helm.run(&uninstall).unwrap_or_else(|error| panic!("{error}"));
    let (chart, other) = (chart(), "watch");
    let install = ["install", other, &chart, "--namespace", "default", "--wait=hookOnly"];
    let refused = release.helm.run(&install).unwrap_err().to_string();
    assert!(refused.contains("s.sslmonitor.io") && refused.contains("ownership"), "{refused}");
    release.helm.run(&[&install[..], &["--take-ownership"]].concat()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(release.objects(), Vec::<String>::new());
}

#[tokio::test]
#[ignore = "needs Helm and a control plane: cargo xtask test"]
async fn what_is_printed_after_an_installation_can_be_typed() {
    let release = Release::new().await;
    release.server.kubectl(&["create", "namespace", NAMESPACE]);
    let said = release.helm("install", &json!({})).unwrap_or_else(|error| panic!("{error}"));
    let (_, notes) = said.split_once("NOTES:\n").unwrap();
    release.server.is_established(&[DEFINITION]);
    let (before, first) = notes.split_once("kubectl apply").unwrap();
    let (first, after) = first.split_once("\n\n").unwrap();
    let typed = release.shell(&format!("kubectl apply{first}"));
    assert!(
        typed.contains("sslmonitor.sslmonitor.io/example created\n") && typed.contains("www.example.com"),
        "{typed}"
    );
    let explain = after.lines().find(|line| line.starts_with("kubectl explain")).unwrap();
    eventually("kubectl explains the spec", async || {
        let typed = release.shell(explain);
        if typed.contains("domain\t<string> -required-") { Ok(()) } else { Err(typed) }
    })
    .await;
    // There is no kubelet: what these wait for never comes, but what they name is there.
    assert!(before.ends_with("rollout status deployment/sslmonitor\n\nWatch your first certificate:\n\n"), "{before}");
    assert!(after.contains("port-forward service/sslmonitor 8080"), "{after}");
    release.shell(&format!("kubectl --namespace {NAMESPACE} get deployment/sslmonitor service/sslmonitor"));
}

// The server answers while kubectl is waited for.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Helm and a control plane: cargo xtask test"]
async fn secrets_are_read_in_the_named_namespaces_and_nowhere_else() {
    let release = Release::new().await;
    release.install(&json!({"rbac": {"secrets": {"namespaces": ["default"]}}}));
    release.server.kubectl(&["create", "namespace", "other"]);
    let operator = release.operator().await;
    let authority = Authority::new("Release");
    let server = serve(&authority, Leaf::new(["web.test"])).await;
    let mut trusting = spec(server.address());
    trusting["tls"]["caBundle"] = json!({"secret": {"name": "ca"}});
    let metadata = json!({"name": "ca", "labels": {"sslmonitor.io/allowed": "true"}});
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"ca.crt": authority.root_pem()}});
    for namespace in ["default", "other"] {
        for object in [&secret, &monitor("web", &trusting)] {
            release.server.apply(&["--namespace", namespace], &object.to_string());
        }
    }
    release.is_valid("web").await;
    let ready = "--for=jsonpath={.status.conditions[?(@.type==\"Ready\")].reason}=Forbidden";
    release.server.kubectl(&["--namespace", "other", "wait", ready, "--timeout=60s", "sslmonitor/web"]);
    let log = operator.stop().await.1;
    assert!(
        log.contains("in the namespace \\\"other\\\"") && !log.contains("in the namespace \\\"default\\\""),
        "{log}"
    );
}

/// A chart of these monitors, each as name and spec.
fn chart_of(monitors: &[(&str, Value)]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::write(
        directory.path().join("Chart.yaml"),
        json!({"apiVersion": "v2", "name": "monitors", "version": "1.0.0"}).to_string(),
    )
    .unwrap();
    fs::create_dir(directory.path().join("templates")).unwrap();
    for (name, spec) in monitors {
        fs::write(directory.path().join(format!("templates/{name}.yaml")), monitor(name, spec).to_string()).unwrap();
    }
    directory
}

// The servers answer while Helm is waited for.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Helm and a control plane: cargo xtask test"]
async fn helm_waits_for_monitors_whatever_they_see_and_fails_at_once_for_one_that_can_never_work() {
    let release = Release::new().await;
    release.install(&json!({}));
    let authority = Authority::new("Release");
    release.trust(&authority).await;
    let (valid, expired) = (Leaf::new(["web.test"]), Leaf::new(["web.test"]).expired());
    let (valid, expired) = (serve(&authority, valid).await, serve(&authority, expired).await);
    let good = [
        ("valid", spec(valid.address())),
        ("expired", spec(expired.address())),
        // Nobody listens at the port of which this is the number.
        ("unreachable", spec(([127, 0, 0, 1], 1).into())),
    ];
    let line = |command: &'static str, chart: &TempDir, timeout: &str| {
        let chart = chart.path().display().to_string();
        release.helm.run(&[command, "monitors", &chart, "--namespace", "default", "--wait=watcher", timeout])
    };
    // Nobody is there who would look at them.
    let unseen = line("install", &chart_of(&good), "--timeout=5s").unwrap_err().to_string();
    for name in ["valid", "expired", "unreachable"] {
        assert!(unseen.contains(&format!("SslMonitor/default/{name} not ready. status: InProgress")), "{unseen}");
    }
    let _operator = release.operator().await;
    let began = Instant::now();
    line("upgrade", &chart_of(&good), "--timeout=5m").unwrap_or_else(|error| panic!("{error}"));
    for (name, summary) in [("valid", "Valid"), ("expired", "Expired"), ("unreachable", "ConnectionRefused")] {
        release.shows(name, summary).await;
    }
    let denied = spec(([169, 254, 169, 254], 443).into());
    let bad =
        good.map(|(name, spec)| (name, if name == "valid" { with_address(spec, &denied["address"]) } else { spec }));
    let failed = line("upgrade", &chart_of(&bad), "--timeout=5m").unwrap_err().to_string();
    assert!(failed.contains("SslMonitor/default/valid") && failed.contains("Failed"), "{failed}");
    // Both at once: a wait to the end would take five minutes each.
    assert!(began.elapsed() < Duration::from_mins(2), "{:?}\n{failed}", began.elapsed());
}

fn with_address(mut spec: Value, address: &Value) -> Value {
    spec["address"] = address.clone();
    spec
}
