//! What others make of a monitor in every row of the conditions table: kstatus (kubectl, Helm), Flux' expressions and Argo CD's
//! scripts, by the libraries that they use, over objects as the API server gives them.

use std::{collections::BTreeMap, fs, net::SocketAddr, path::Path, process::Command};

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, api::ListParams};
use serde::Deserialize;
use serde_json::{Value, json};
use ssl_monitor_operator::api::SslMonitor;
use tokio::net::TcpListener;
use xtask::{
    checkers::Checker,
    farm::{ClientAuth, ServerOptions, TlsServer},
    helm::stdout,
};

use crate::{
    endpoints::Dns,
    scene::{Scene, conditions, monitor, refusing},
    support::{Cluster, eventually_object, loopback},
};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// The key of a health script in Argo CD's ConfigMap.
const SCRIPT: &str = "resource.customizations.health.sslmonitor.io_SslMonitor";

/// A monitor; what marks its row among its conditions; and what kstatus, Flux (strict), Argo CD (lenient, strict) make of it.
type Row = (&'static str, &'static str, [&'static str; 4]);

const IN_PROGRESS: [&str; 4] = ["InProgress", "InProgress", "Progressing", "Progressing"];
const GOOD: [&str; 4] = ["Current", "Current", "Healthy", "Healthy"];
/// Good for those who only ask whether the monitor does its work.
const BAD: [&str; 4] = ["Current", "Failed", "Healthy", "Degraded"];

const ROWS: [Row; 14] = [
    ("unchecked", "Reconciling=True Progressing", IN_PROGRESS),
    ("valid", "CertificateValid=True Valid", GOOD),
    ("expiring", "CertificateExpiring=True ExpiringSoon", GOOD),
    ("expired", "CertificateValid=False Expired", BAD),
    ("refused", "Reachable=False ConnectionRefused", ["Current", "InProgress", "Healthy", "Degraded"]),
    ("client", "Reachable=True ClientCertificateRequired", GOOD),
    ("old", "Reachable=True ProtocolTooOld", BAD),
    ("partly", "Reachable=True PartlyReachable", GOOD),
    ("differ", "EndpointsConsistent=False CertificatesDiffer", GOOD),
    ("unexpected", "ServedCertificateMatches=False UnexpectedIssuer", GOOD),
    ("serviceless", "Reconciling=True ServiceNotFound", IN_PROGRESS),
    ("proxyless", "Reconciling=True SecretNotFound", IN_PROGRESS),
    ("denied", "Stalled=True TargetDenied", ["Failed", "Failed", "Degraded", "Degraded"]),
    ("disabled", "Ready=True Disabled", ["Current", "Current", "Suspended", "Suspended"]),
];

/// What the program says of one object.
#[derive(Deserialize)]
struct Verdict {
    kstatus: String,
    flux: String,
    argo: BTreeMap<String, Health>,
}

#[derive(Deserialize)]
struct Health {
    status: String,
    message: String,
}

// === impl Verdict ===

impl Verdict {
    fn told(&self) -> [&str; 4] {
        [&self.kstatus, &self.flux, &self.argo["lenient"].status, &self.argo["strict"].status]
    }
}

/// The expressions that are shipped for Flux.
fn flux() -> Value {
    let text = fs::read_to_string(Path::new(ROOT).join("deploy/flux/strict.yaml")).unwrap();
    let shipped: Value = serde_saphyr::from_str(&text).unwrap();
    let check = &shipped["healthCheckExprs"][0];
    assert_eq!((&check["apiVersion"], &check["kind"]), (&"sslmonitor.io/v1".into(), &"SslMonitor".into()));
    check.clone()
}

fn ask(cluster: &Cluster, objects: &[Value], argo: &BTreeMap<&str, String>) -> Vec<Verdict> {
    let program = Checker::Health.find().unwrap_or_else(|error| panic!("{error}"));
    let question = cluster.control_plane().directory().join("question.json");
    fs::write(&question, json!({"objects": objects, "flux": flux(), "argo": argo}).to_string()).unwrap();
    let answer = stdout(Command::new(program).arg(&question)).unwrap_or_else(|error| panic!("{error}"));
    serde_json::from_str(&answer).unwrap()
}

/// The scripts as Argo CD finds them after the command of the documentation, and with the other file in its place.
async fn scripts(cluster: &Cluster) -> BTreeMap<&'static str, String> {
    cluster.kubectl(&["create", "namespace", "argocd"]);
    cluster.kubectl(&["create", "configmap", "argocd-cm", "--namespace", "argocd", "--from-literal=url=kept"]);
    let page = fs::read_to_string(Path::new(ROOT).join("docs/how-to/gitops.md")).unwrap();
    let line =
        page.lines().find_map(|line| line.strip_prefix("$ ").filter(|line| line.contains("--patch-file"))).unwrap();
    let maps: Api<ConfigMap> = Api::namespaced(cluster.client.clone(), "argocd");
    let mut scripts = BTreeMap::new();
    for name in ["lenient", "strict"] {
        let line = line.replace("deploy/argocd/lenient", &format!("deploy/argocd/{name}"));
        cluster.kubectl(&line.split(' ').skip(1).collect::<Vec<_>>());
        let data = maps.get("argocd-cm").await.unwrap().data.unwrap();
        assert_eq!((data.len(), data["url"].as_str()), (3, "kept"));
        scripts.insert(name, data[SCRIPT].clone());
    }
    scripts
}

/// Servers for all rows; they live as long as this.
struct Servers {
    listening: Vec<TlsServer>,
    silent: TcpListener,
    refusing: (tokio::net::TcpSocket, SocketAddr),
    dns: Dns,
}

impl Servers {
    async fn start(scene: &Scene<'_>) -> Self {
        let with = async |issued, options, address| TlsServer::start(address, issued, options).await.unwrap();
        let plain = ServerOptions::default;
        let one = with(scene.valid(), plain(), loopback()).await;
        let both = with(scene.valid(), plain(), loopback()).await;
        let beside = SocketAddr::new(one.address().ip(), both.address().port());
        let dns = Dns::knowing([one.address().ip(), both.address().ip()]).await;
        let listening = vec![
            with(scene.valid(), plain(), loopback()).await,
            with(scene.expiring(), plain(), loopback()).await,
            with(scene.expired(), plain(), loopback()).await,
            with(scene.valid(), plain().tls12().client_auth(ClientAuth::Required), loopback()).await,
            with(scene.valid(), plain().tls12(), loopback()).await,
            one,
            with(scene.valid(), plain(), beside).await,
            both,
        ];
        Self { listening, silent: TcpListener::bind(loopback()).await.unwrap(), refusing: refusing(), dns }
    }

    fn manifests(&self) -> Vec<Value> {
        let at = |index: usize| self.listening[index].address();
        let denied = SocketAddr::from(([169, 254, 169, 254], 443));
        vec![
            monitor("unchecked", self.silent.local_addr().unwrap(), json!({"timeout": "2m"})),
            monitor("valid", at(0), json!({})),
            monitor("expiring", at(1), json!({})),
            monitor("expired", at(2), json!({})),
            monitor("refused", self.refusing.1, json!({})),
            monitor("client", at(3), json!({})),
            with_min_version(monitor("old", at(4), json!({}))),
            // The domain has two addresses: at this port only one of them answers, and at the other each with a certificate of its own.
            monitor("partly", at(5), json!({"address": null})),
            monitor("differ", at(7), json!({"address": null})),
            monitor("unexpected", at(0), json!({"expect": {"issuers": ["Somebody"]}})),
            monitor("serviceless", at(0), json!({"serviceRef": {"name": "gone"}})),
            monitor("proxyless", at(0), json!({"proxy": {"secretRef": {"name": "gone"}}})),
            monitor("denied", denied, json!({})),
            monitor("disabled", at(0), json!({"enabled": false})),
        ]
    }
}

fn with_min_version(mut monitor: Value) -> Value {
    monitor["spec"]["tls"]["minVersion"] = "TLS1.3".into();
    monitor
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn kstatus_flux_and_argo_cd_read_every_row_of_the_conditions_rightly() {
    let cluster = Cluster::start().await;
    let scene = Scene::new(&cluster).await;
    let servers = Servers::start(&scene).await;
    let (argo, manifests) = (scripts(&cluster).await, servers.manifests());
    assert_eq!(manifests.iter().map(|it| &it["metadata"]["name"]).collect::<Vec<_>>(), ROWS.map(|row| row.0));
    let api = scene.api::<SslMonitor>();

    // Nobody is there yet who would take them up.
    for manifest in &manifests {
        cluster.apply(&scene.namespace, &manifest.to_string());
    }
    let objects = async || -> Vec<Value> {
        let listed = cluster.kubectl(&["get", "sslmonitors", "--namespace", &scene.namespace, "--output=json"]);
        let listed: Value = serde_json::from_str(&listed).unwrap();
        let of = |name: &str| {
            let mut items = listed["items"].as_array().unwrap().iter();
            items.find(|item| item["metadata"]["name"] == name).unwrap().clone()
        };
        ROWS.map(|row| of(row.0)).into()
    };
    let channel = json!({
        "apiVersion": "sslmonitor.io/v1", "kind": "NotificationChannel", "metadata": {"name": "hooks"},
        "spec": {"type": "webhook", "address": "https://hooks.test"},
    });
    cluster.apply(&scene.namespace, &channel.to_string());
    let channel = async || -> Value {
        let shown = ["get", "notificationchannel", "hooks", "--namespace", &scene.namespace, "--output=json"];
        serde_json::from_str(&cluster.kubectl(&shown)).unwrap()
    };
    for verdict in ask(&cluster, &objects().await, &argo) {
        assert_eq!(verdict.told(), IN_PROGRESS);
    }
    assert_eq!(ask(&cluster, &[channel().await], &argo)[0].kstatus, "InProgress");

    let resolver = servers.dns.address.to_string();
    let _operator = cluster.start_operator(&["--allow-cidr", "127.0.0.0/8", "--resolver", &resolver]).await;
    for (name, mark, _) in ROWS {
        let is_so = |monitor: &SslMonitor| conditions(monitor).iter().any(|line| line == mark);
        eventually_object(&api, name, mark, is_so).await;
    }
    let wait = ["wait", "--for=condition=Ready", "--timeout=60s", "notificationchannel/hooks"];
    cluster.kubectl(&[&wait[..], &["--namespace", &scene.namespace]].concat());
    assert_eq!(ask(&cluster, &[channel().await], &argo)[0].kstatus, "Current");
    let objects = objects().await;
    for ((name, _, expected), verdict) in ROWS.into_iter().zip(ask(&cluster, &objects, &argo)) {
        assert_eq!(verdict.told(), expected, "{name}");
        assert!(verdict.argo.values().all(|health| !health.message.is_empty()), "{name}");
    }

    // Edited, and not taken up again yet.
    let edited = |mut object: Value| {
        object["metadata"]["generation"] = (object["metadata"]["generation"].as_i64().unwrap() + 1).into();
        object
    };
    for verdict in ask(&cluster, &objects.into_iter().map(edited).collect::<Vec<_>>(), &argo) {
        assert_eq!(verdict.told(), IN_PROGRESS);
    }
    assert_eq!(api.list(&ListParams::default()).await.unwrap().items.len(), ROWS.len());
}
