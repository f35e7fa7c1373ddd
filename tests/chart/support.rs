//! Helm, what it makes of the chart, and an API server on which nothing of ours is yet.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::NamedTempFile;
use xtask::{
    checkers::Checker,
    control_plane::{Binaries, ControlPlane},
    helm::Helm,
    install::{CHART, NAMESPACE},
    kubectl::Kubectl,
};

/// The repository.
pub(crate) const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// Our definition, as an argument of kubectl.
pub(crate) const DEFINITION: &str = "crd/sslmonitors.sslmonitor.io";
/// The release that all tests make: its names are those of `deploy/`.
pub(crate) const RELEASE: &str = "sslmonitor";

/// An API server with its clients.
pub(crate) struct Server {
    pub(crate) control_plane: ControlPlane,
    pub(crate) kubectl: Kubectl,
}

// === impl Server ===

impl Server {
    /// One for the calling test alone, with nothing in it; stopped when dropped.
    pub(crate) async fn start() -> Self {
        let binaries = Binaries::find().unwrap_or_else(|error| panic!("{error}"));
        let control_plane = ControlPlane::start(&binaries).await.unwrap_or_else(|error| panic!("{error}"));
        let kubectl = Kubectl::new(&binaries.kubectl, control_plane.kubeconfig());
        Self { control_plane, kubectl }
    }

    /// Run kubectl as administrator and return its standard output; the test fails when kubectl does.
    pub(crate) fn kubectl(&self, arguments: &[&str]) -> String {
        self.kubectl.run(arguments).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The same with input.
    pub(crate) fn apply(&self, arguments: &[&str], manifests: &str) -> String {
        let arguments = [&["apply"], arguments, &["--filename", "-"]].concat();
        self.kubectl.run_with_input(&arguments, manifests).unwrap_or_else(|error| panic!("{error}\n{manifests}"))
    }

    /// Wait until the API server serves a definition: `crd/NAME`, or those in a file.
    pub(crate) fn is_established(&self, which: &[&str]) {
        let wait = [&["wait", "--for=condition=Established", "--timeout=60s"], which].concat();
        let deadline = Instant::now() + Duration::from_mins(1);
        // kubectl gives up at once on an object that has no conditions yet.
        while let Err(error) = self.kubectl.run(&wait) {
            assert!(Instant::now() < deadline, "{error}");
        }
    }

    /// The test fails when `kubectl diff` finds that what is stored is not what is in the file.
    pub(crate) fn is_without_difference(&self, way: &[&str], file: &str, input: &str) {
        let output = self.kubectl.output(&[&["diff"], way, &["--filename", file]].concat(), input).unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "{way:?} {file}\n{said}");
    }

    /// Helm as administrator.
    pub(crate) fn helm(&self) -> Helm {
        helm().with_cluster(self.control_plane.kubeconfig())
    }
}

/// Helm without a cluster.
pub(crate) fn helm() -> Helm {
    Helm::new(&Checker::Helm.find().unwrap_or_else(|error| panic!("{error}")))
}

/// The chart.
pub(crate) fn chart() -> String {
    Path::new(ROOT).join(CHART).display().to_string()
}

/// The chart before this one: `tests/data/previous`.
pub(crate) fn previous_chart() -> String {
    let entries = fs::read_dir(Path::new(ROOT).join("tests/data/previous")).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == "tgz"));
    let [path] = paths.as_slice() else { panic!("there has to be exactly one: {paths:?}") };
    path.display().to_string()
}

/// The definitions of a chart, by their names.
pub(crate) fn definitions(chart: &str) -> BTreeMap<String, Value> {
    let rendered = helm().run(&["template", RELEASE, chart]).unwrap_or_else(|error| panic!("{error}"));
    let mut all = documents(&rendered);
    all.retain(|object| object["kind"] == "CustomResourceDefinition");
    all.into_iter().map(|crd| (crd["metadata"]["name"].as_str().unwrap().to_owned(), crd)).collect()
}

/// Values as a file.
pub(crate) fn values(values: &Value) -> NamedTempFile {
    let file = tempfile::Builder::new().suffix(".yaml").tempfile().unwrap();
    fs::write(file.path(), values.to_string()).unwrap();
    file
}

/// The commands of a document that begin so, with continued lines joined.
pub(crate) fn commands(document: &str, start: &str) -> Vec<String> {
    let text = fs::read_to_string(Path::new(ROOT).join(document)).unwrap().replace("\\\n", " ");
    let lines = text.lines().filter(|line| line.starts_with(start));
    lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

/// What Helm makes of the chart with these values, for the release in its namespace.
pub(crate) fn template(given: &Value) -> String {
    let file = values(given);
    let path = file.path().to_str().unwrap();
    let rendered = helm().run(&["template", RELEASE, &chart(), "--namespace", NAMESPACE, "--values", path]);
    rendered.unwrap_or_else(|error| panic!("{error}\n{given}"))
}

/// The objects of a stream of manifests.
pub(crate) fn documents(manifests: &str) -> Vec<Value> {
    let texts = manifests.split("---\n").filter(|text| !text.trim().is_empty());
    texts.map(|text| serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))).collect()
}

/// What a document is: its kind and name.
pub(crate) fn identity(object: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    format!("{} {}", text(&object["kind"]), text(&object["metadata"]["name"]))
}

/// Values that turn on everything that can be turned on.
pub(crate) fn everything() -> Value {
    json!({
        "commonLabels": {"team": "web"},
        "image": {"digest": format!("sha256:{}", "0".repeat(64)), "pullPolicy": "Always"},
        "imagePullSecrets": [{"name": "login"}],
        "operator": {
            "allowCIDRs": ["10.0.0.0/8", "fd00::/8"], "denyCIDRs": ["10.1.0.0/16"], "publicOnly": true,
            "resolver": "10.0.0.10:53", "proxy": "http://proxy.example.com:3128", "noProxy": ["*", ".example.com"],
            "allowHTTPChannels": true, "channelAllowCIDRs": ["10.2.0.0/16"], "clusterName": "test", "compatMetrics": ["blackbox"],
            "logFormat": "text", "logLevel": "warn,ssl_monitor_operator=debug",
        },
        "replicas": 2, "leaderElection": {"leaseDuration": "30s", "flowSchema": {"enabled": true}},
        "rbac": {"namespaces": ["default", "kube-public"]},
        "policies": {"allowedDomains": ["example.com"], "allowProxy": false},
        "podLabels": {"pod": "label"}, "podAnnotations": {"pod": "annotation"}, "deploymentAnnotations": {"a": "b"},
        "nodeSelector": {"kubernetes.io/os": "linux"}, "tolerations": [{"operator": "Exists"}],
        "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
            {"matchExpressions": [{"key": "kubernetes.io/arch", "operator": "In", "values": ["amd64", "arm64"]}]},
        ]}}},
        "topologySpreadConstraints": [{
            "maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": {"app.kubernetes.io/name": "ssl-monitor-operator"}},
        }],
        "dnsPolicy": "Default", "dnsConfig": {"searches": ["example.com"]},
        "extraEnv": [{"name": "SSL_CERT_FILE", "value": "/ca/ca.crt"}],
        "extraVolumes": [{"name": "ca", "configMap": {"name": "ca"}}],
        "extraVolumeMounts": [{"name": "ca", "mountPath": "/ca"}],
        "extraObjects": [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "{{ .Release.Name }}-extra"}}],
        "podDisruptionBudget": {"enabled": true, "maxUnavailable": "50%"},
        "networkPolicy": {
            "enabled": true, "ingressFrom": [{"namespaceSelector": {}}],
            "egress": [{"to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["169.254.0.0/16"]}}]}],
        },
        "service": {"port": 80, "annotations": {"a": "b"}},
        "serviceAccount": {"annotations": {"a": "b"}},
        "metrics": {
            "serviceMonitor": {"enabled": true, "labels": {"release": "prometheus"}, "interval": "1m", "scrapeTimeout": "10s"},
            "podMonitor": {"enabled": true, "relabelings": [{"action": "labeldrop", "regex": "pod"}]},
            "prometheusRule": {
                "enabled": true, "labels": {"release": "prometheus"}, "alertLabels": {"team": "web"},
                "runbookURL": "https://docs.example.com/operations.md",
                "additionalRules": [{"record": "a:b", "expr": "vector(1)"}],
            },
            "dashboard": {"enabled": true, "annotations": {"folder": "TLS"}},
        },
    })
}
