//! From the chart before this one to this one, on to one that is yet to come, and back: what was stored stays readable and goes on being watched,
//! whatever of the definitions, the chart and the operator is the newer one. `tests/data/previous` says what comes before.

use std::{collections::BTreeMap, env, fs, path::Path, process::Command};

use kube::ResourceExt as _;
use serde_json::{Value, json};
use ssl_monitor_operator::api::SslMonitor;
use tempfile::TempDir;
use xtask::{
    farm::{Authority, Leaf, TlsServer},
    helm::stdout,
    install::NAMESPACE,
};

use crate::{
    release::{DEFINITIONS, Release, eventually, monitor, serve},
    support::{DEFINITION, RELEASE, chart, commands, definitions, previous_chart},
};

/// The operator of the chart before this one; where nobody has it, that of today.
fn previous_operator() -> String {
    env::var("SSLMONITOR_PREVIOUS").unwrap_or_else(|_| env!("CARGO_BIN_EXE_sslmonitor").to_owned())
}

/// This chart with a field `future` in a monitor's spec and status, as the next one may have it.
fn future_chart() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    stdout(Command::new("cp").args(["-r", &chart()]).arg(directory.path().join("chart")))
        .unwrap_or_else(|error| panic!("{error}"));
    let path = directory.path().join("chart/templates/crds/sslmonitors.sslmonitor.io.yaml");
    let mut text = fs::read_to_string(&path).unwrap();
    for neighbour in ["              alertDays:\n", "              consecutiveFailures:\n"] {
        assert_eq!(text.matches(neighbour).count(), 1, "{neighbour}");
        text = text.replace(neighbour, &format!("              future:\n                type: string\n{neighbour}"));
    }
    fs::write(&path, text).unwrap();
    directory
}

/// What each check writes anew, and words, which may be others in another version.
const PASSING: [&str; 5] = ["lastCheckedAt", "nextCheckAt", "responseTimeMs", "lastHandledRequestAt", "message"];

/// What may not get lost of a monitor.
fn lasting(monitor: &SslMonitor) -> Value {
    let mut value = serde_json::to_value(monitor).unwrap();
    value["metadata"].as_object_mut().unwrap().retain(|name, _| ["name", "uid", "generation"].contains(&name.as_str()));
    forget(&mut value["status"]);
    value
}

fn forget(value: &mut Value) {
    match value {
        Value::Object(object) => {
            object.retain(|name, _| !PASSING.contains(&name.as_str()));
            object.values_mut().for_each(forget);
        }
        Value::Array(items) => items.iter_mut().for_each(forget),
        _ => {}
    }
}

impl Release {
    /// Ask for a check, and wait until it was made.
    async fn is_checked(&self, name: &str, request: &str) -> SslMonitor {
        let annotation = format!("sslmonitor.io/requestedAt={request}");
        self.server.kubectl(&["annotate", "--overwrite", "sslmonitor", name, &annotation]);
        eventually(&format!("the request {request} is handled"), async || {
            let monitor = self.monitors().get(name).await.unwrap();
            let handled = monitor.status.as_ref().and_then(|status| status.last_handled_request_at.as_deref());
            if handled == Some(request) { Ok(monitor) } else { Err(format!("{monitor:?}")) }
        })
        .await
    }

    /// An operator takes up all that is there, and something new: what is then said of the first monitor, and its log.
    async fn goes_on(&self, program: &str, server: &TlsServer, name: &str) -> (SslMonitor, String) {
        let operator = self.operator_of(Path::new(program), &[]).await;
        self.monitor(name, server);
        self.is_valid(name).await;
        let first = self.is_checked("first", name).await;
        (first, operator.stop().await.1)
    }

    /// Change this part of the first monitor.
    fn patches(&self, part: &str, change: &Value) {
        let subresource = format!("--subresource={}", if part == "status" { part } else { "" });
        let patch = json!({part: change}).to_string();
        self.server.kubectl(&["patch", "sslmonitor", "first", "--type=merge", &subresource, "--patch", &patch]);
    }

    /// Give the first monitor the fields of the future.
    async fn stores_future(&self) {
        // The API server goes by a new definition a moment after it is stored, and leaves out what it does not know.
        eventually("the fields are stored", async || {
            for part in ["spec", "status"] {
                self.patches(part, &json!({"future": part}));
            }
            if self.has_future() { Ok(()) } else { Err("they are not".to_owned()) }
        })
        .await;
    }

    fn has_future(&self) -> bool {
        let paths = "--output=jsonpath={.spec.future}/{.status.future}";
        self.server.kubectl(&["get", "sslmonitor", "first", paths]) == "spec/status"
    }

    /// Run the command of the page about upgrades that begins so.
    fn types(&self, start: &str) {
        let lines = commands("docs/upgrading.md", start);
        let [line] = lines.as_slice() else { panic!("{start}: {lines:?}") };
        let (program, arguments) = line.split_once(' ').unwrap();
        let arguments: Vec<&str> = arguments.split(' ').collect();
        match program {
            "helm" => drop(self.helm.run(&arguments).unwrap_or_else(|error| panic!("{error}"))),
            _ => drop(self.server.kubectl(&arguments)),
        }
    }

    /// The definitions in the cluster, as a chart has them.
    fn definitions(&self) -> BTreeMap<String, Value> {
        let listed = self.server.kubectl(&["get", "crd", "--output=json"]);
        let listed: Value = serde_json::from_str(&listed).unwrap();
        let items = listed["items"].as_array().unwrap().iter();
        items.map(|crd| (crd["metadata"]["name"].as_str().unwrap().to_owned(), crd["spec"].clone())).collect()
    }

    /// What the API server says of a channel.
    fn channel(&self) -> Value {
        let text = self.server.kubectl(&["get", "notificationchannel", "hooks", "--output=json"]);
        let channel: Value = serde_json::from_str(&text).unwrap();
        json!([channel["metadata"]["uid"], channel["spec"], channel["status"]["conditions"]])
    }
}

// The server answers while Helm is waited for.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Helm and a control plane: cargo xtask test"]
async fn monitors_live_through_an_upgrade_and_the_way_back() {
    let release = Release::new().await;
    let authority = Authority::new("Release");
    let server = serve(&authority, Leaf::new(["web.test"])).await;
    let (today, previous) = (env!("CARGO_BIN_EXE_sslmonitor"), previous_operator());
    let helm = |command, chart: &str, more: &[&str]| {
        release.helm_with(command, chart, more).unwrap_or_else(|error| panic!("{error}"));
    };

    // As it was before.
    release.server.kubectl(&["create", "namespace", NAMESPACE]);
    helm("install", &previous_chart(), &[]);
    release.server.is_established(&[DEFINITION, "crd/notificationchannels.sslmonitor.io"]);
    release.trust(&authority).await;
    let operator = release.operator_of(Path::new(&previous), &[]).await;
    release.monitor("first", &server);
    let channel = json!({"type": "webhook", "address": "https://hooks.example.com", "suspend": true});
    release.server.apply(&[], &object("NotificationChannel", "hooks", &channel));
    let first = release.is_valid("first").await;
    release.server.kubectl(&["wait", "--for=condition=Ready", "--timeout=60s", "notificationchannel/hooks"]);
    let hooks = release.channel();
    operator.stop().await;

    // The operator comes before its definitions, or after them: GitOps promises no order.
    let (ahead, _) = release.goes_on(today, &server, "ahead").await;
    release.types("helm upgrade");
    assert_eq!((lasting(&release.is_valid("first").await), release.channel()), (lasting(&first), hooks.clone()));
    let (behind, _) = release.goes_on(&previous, &server, "behind").await;
    let (upgraded, log) = release.goes_on(today, &server, "upgraded").await;
    assert_eq!([ahead, behind, upgraded].map(|monitor| lasting(&monitor)), [(); 3].map(|()| lasting(&first)));
    assert!(!log.to_lowercase().contains("forbidden"), "{log}");

    // On to a chart with fields that nobody before it knows, and back to the first one.
    let future = future_chart();
    helm("upgrade", &future.path().join("chart").display().to_string(), &[]);
    release.stores_future().await;
    let (newest, _) = release.goes_on(today, &server, "newest").await;
    assert!(release.has_future(), "{newest:?}");
    assert_eq!((newest.uid(), newest.metadata.generation), (first.uid(), Some(2)));
    release.types("helm rollback");
    eventually("the fields are gone", async || if release.has_future() { Err(String::new()) } else { Ok(()) }).await;
    release.helm.run(&["rollback", RELEASE, "1", "--namespace", NAMESPACE]).unwrap_or_else(|error| panic!("{error}"));
    let before = definitions(&previous_chart()).into_iter().map(|(name, crd)| (name, crd["spec"].clone()));
    assert_eq!(release.definitions(), before.collect());
    let downgraded = release.monitors().get("first").await.unwrap();
    assert_eq!(lasting(&downgraded), lasting(&newest));
    assert_eq!(release.channel(), hooks);
    let (downgraded, _) = release.goes_on(&previous, &server, "downgraded").await;
    assert_eq!(lasting(&downgraded), lasting(&newest));
    release.patches("spec", &json!({"alertDays": 7}));

    // Away, while the definitions and all monitors stay, and back as it is today.
    release.types("helm uninstall");
    assert_eq!(release.objects(), DEFINITIONS);
    assert_eq!(release.monitors().get("first").await.unwrap().uid(), first.uid());
    helm("install", &chart(), &[]);
    let operator = release.operator().await;
    release.monitor("reinstalled", &server);
    release.is_valid("reinstalled").await;
    let last = release.is_valid("first").await;
    assert_eq!((last.uid(), last.spec.alert_days), (first.uid(), 7));
    assert_eq!(release.channel(), hooks);
    let log = operator.stop().await.1;
    assert!(!log.to_lowercase().contains("forbidden"), "{log}");

    // To be rid of everything.
    release.types("helm uninstall");
    release.types("kubectl delete");
    assert_eq!(release.objects(), Vec::<String>::new());
}

fn object(kind: &str, name: &str, spec: &Value) -> String {
    let mut object = monitor(name, spec);
    object["kind"] = kind.into();
    object.to_string()
}
