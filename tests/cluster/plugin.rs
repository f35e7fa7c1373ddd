//! `kubectl sslmonitor`: the binary under its name as a plugin, over a real API server.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams},
};
use serde_json::{Value, json};
use ssl_monitor_operator::api::SslMonitor;
use tokio::net::TcpSocket;
use xtask::{
    control_plane::Binaries,
    farm::{Leaf, TlsServer},
};

use crate::{
    scene::{DOMAIN, Scene, refusing},
    support::{Cluster, eventually},
};

/// What the plugin said.
#[derive(Debug, PartialEq, Eq)]
struct Said {
    stdout: String,
    stderr: String,
    code: Option<i32>,
}

/// A directory with the binary under the names that kubectl knows.
fn programs(cluster: &Cluster, namespace: &str) -> PathBuf {
    let directory = cluster.control_plane().directory().join(format!("plugin-{namespace}"));
    fs::create_dir_all(&directory).unwrap();
    for name in ["kubectl-sslmonitor", "kubectl_complete-sslmonitor"] {
        let link = directory.join(name);
        if !link.exists() {
            symlink(env!("CARGO_BIN_EXE_sslmonitor"), link).unwrap();
        }
    }
    directory
}

/// Run a program with nothing in its environment but this kubeconfig and this search path.
fn run(program: &Path, arguments: &[&str], kubeconfig: &Path, path: &Path) -> Said {
    let mut command = Command::new(program);
    command.args(arguments).env_clear().env("KUBECONFIG", kubeconfig).env("PATH", path).env("HOME", path);
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said { stdout: text(output.stdout), stderr: text(output.stderr), code: output.status.code() }
}

impl Scene<'_> {
    /// Run the plugin as administrator in this namespace.
    fn plugin(&self, arguments: &[&str]) -> Said {
        let directory = programs(self.cluster, &self.namespace);
        let arguments = [arguments, &["--namespace", &self.namespace]].concat();
        run(&directory.join("kubectl-sslmonitor"), &arguments, self.cluster.control_plane().kubeconfig(), &directory)
    }

    /// The monitor `web` of a server with a valid certificate, which was checked.
    async fn web(&self) -> TlsServer {
        let server = self.serve(self.valid()).await;
        self.monitor("web", server.address(), json!({})).await;
        self.settled("web").await;
        server
    }

    /// A monitor of each kind: `well`, `soon`, `old`, `down` and `off`.
    async fn one_of_each(&self) -> (Vec<TlsServer>, TcpSocket) {
        let now = Timestamp::now();
        let [start, end] = [-80, 10].map(|days| now + SignedDuration::from_hours(24 * days));
        let soon = self.authority.issue(&Leaf::new([DOMAIN]).valid(start, end));
        let servers = [self.serve(self.valid()).await, self.serve(soon).await, self.serve(self.expired()).await];
        let (socket, down) = refusing();
        for (name, address) in ["well", "soon", "old"].iter().zip(servers.iter().map(TlsServer::address)) {
            self.monitor(name, address, json!({})).await;
        }
        self.monitor("down", down, json!({})).await;
        self.monitor("off", servers[0].address(), json!({"enabled": false})).await;
        for name in ["well", "soon", "old", "down", "off"] {
            self.settled(name).await;
        }
        (servers.into(), socket)
    }
}

/// The cells of a column of a table.
fn column(table: &str, heading: &str) -> Vec<String> {
    let mut lines = table.lines();
    let head = lines.next().unwrap();
    let start = head.find(heading).unwrap_or_else(|| panic!("{table}"));
    lines.map(|line| line[start..].split("   ").next().unwrap().trim().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a control plane: cargo xtask test"]
async fn a_list_has_the_worst_first() {
    let cluster = Cluster::shared().await;
    cluster.operator().await;
    let scene = Scene::new(&cluster).await;
    assert_eq!(
        scene.plugin(&["ls"]),
        Said {
            stdout: String::new(),
            stderr: format!("namespace {} has no SslMonitors\n", scene.namespace),
            code: Some(0)
        }
    );
    let _servers = scene.one_of_each().await;
    let list = scene.plugin(&["ls"]);
    assert_eq!((list.stderr.as_str(), list.code), ("", Some(0)));
    assert!(!list.stdout.contains('\u{1b}'), "colours in a pipe: {list:?}");
    assert_eq!(column(&list.stdout, "NAME"), ["old", "down", "soon", "well", "off"]);
    let words = ["Expired", "ConnectionRefused", "ExpiringSoon", "Valid", "Disabled"];
    assert_eq!(column(&list.stdout, "STATUS"), words);

    let painted = |variables: &[&str]| {
        let directory = programs(&cluster, &scene.namespace);
        let mut command = Command::new(directory.join("kubectl-sslmonitor"));
        command.args(["ls", "-n", &scene.namespace]).env_clear().envs(variables.iter().map(|name| (name, "1")));
        let output = command.env("KUBECONFIG", cluster.control_plane().kubeconfig()).output().unwrap();
        String::from_utf8(output.stdout).unwrap().contains("\u{1b}[31mExpired")
    };
    assert_eq!([painted(&["CLICOLOR_FORCE"]), painted(&["CLICOLOR_FORCE", "NO_COLOR"])], [true, false]);

    let wide = scene.plugin(&["ls", "-o", "wide"]).stdout;
    assert_eq!(column(&wide, "READY"), ["True"; 5]);
    let named = |options: &[&str]| scene.plugin(&[&["ls", "-o", "name"], options].concat()).stdout;
    let name = |names: &[&str]| {
        names.iter().map(|name| ["sslmonitor.sslmonitor.io/", name, "\n"].concat()).collect::<String>()
    };
    assert_eq!(named(&["--expiring", "30d"]), name(&["old", "soon"]));
    assert_eq!(named(&["--invalid"]), name(&["old"]));
    assert_eq!(named(&["-l", "team=none"]), "");
    let json: Value = serde_json::from_str(&scene.plugin(&["ls", "-o", "json", "--invalid"]).stdout).unwrap();
    let yaml: Value = serde_saphyr::from_str(&scene.plugin(&["ls", "-o", "yaml", "--invalid"]).stdout).unwrap();
    assert_eq!(json, yaml);
    assert_eq!((&json["kind"], &json["items"][0]["status"]["summary"]), (&json!("List"), &json!("Expired")));

    let directory = programs(&cluster, &scene.namespace);
    let kubeconfig = cluster.control_plane().kubeconfig();
    let all = run(&directory.join("kubectl-sslmonitor"), &["ls", "-A"], kubeconfig, &directory);
    assert!(column(&all.stdout, "NAMESPACE").contains(&scene.namespace), "{all:?}");
    let kubectl = Binaries::find().unwrap().kubectl;
    let through = run(&kubectl, &["sslmonitor", "ls", "-o", "name", "-n", &scene.namespace], kubeconfig, &directory);
    assert_eq!((through.stdout, through.code), (name(&["old", "down", "soon", "well", "off"]), Some(0)));
    let complete = ["__complete", "sslmonitor", "describe", "-n", &scene.namespace, "o"];
    let completed = run(&kubectl, &complete, kubeconfig, &directory).stdout;
    assert_eq!(completed, format!("off\t{DOMAIN}\nold\t{DOMAIN}\n:4\n"));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a control plane: cargo xtask test"]
async fn a_description_and_reports_say_what_is_wrong() {
    let cluster = Cluster::shared().await;
    cluster.operator().await;
    let scene = Scene::new(&cluster).await;
    let _servers = scene.one_of_each().await;
    let said = scene.plugin(&["describe", "old", "well"]);
    assert_eq!((said.stderr.as_str(), said.code), ("", Some(0)));
    let old = format!("{}/old: the certificate of {DOMAIN}:", scene.namespace);
    assert!(said.stdout.starts_with(&old) && said.stdout.contains(" has expired\n"), "{}", said.stdout);
    for part in [
        "To do",
        "Renew and install it",
        "\nCertificate\n",
        "\nConditions\n",
        "Expired, for ",
        "\nAlerts\n",
        "\nHistory\n",
    ] {
        assert!(said.stdout.contains(part), "{part} in {}", said.stdout);
    }
    assert!(said.stdout.contains("is valid for another "), "{}", said.stdout);

    let csv = scene.plugin(&["report", "-o", "csv"]);
    let mut rows = csv::Reader::from_reader(csv.stdout.as_bytes());
    let rows: Vec<(String, String)> =
        rows.records().map(|row| row.unwrap()).map(|row| (row[1].to_owned(), row[5].to_owned())).collect();
    let names: Vec<&str> = rows.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!((names, csv.code), (vec!["old", "down", "soon", "well", "off"], Some(1)));
    assert_eq!((rows[0].1.as_str(), csv.stderr.as_str()), ("Expired", ""));
    let junit = scene.plugin(&["report", "-o", "junit"]);
    assert!(junit.stdout.contains("tests=\"5\" skipped=\"1\" errors=\"0\" failures=\"3\""), "{}", junit.stdout);
    assert!(junit.stdout.contains(&format!("name=\"{}/old ({DOMAIN}:", scene.namespace)), "{}", junit.stdout);
    let html = scene.plugin(&["report", "-o", "html"]);
    assert!(html.stdout.contains("5 watched; 2 bad, 1 to be looked after, 1 well, 1 disabled"), "{}", html.stdout);
    assert_eq!((junit.code, html.code), (Some(1), Some(1)));
    for name in ["old", "down", "soon"] {
        scene.delete::<SslMonitor>(name).await;
    }
    assert_eq!(scene.plugin(&["report", "-o", "csv"]).code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a control plane: cargo xtask test"]
async fn a_check_waits_for_what_the_operator_sees_now() {
    let cluster = Cluster::shared().await;
    cluster.operator().await;
    let scene = Scene::new(&cluster).await;
    let server = scene.web().await;
    let well = scene.plugin(&["check", "web"]);
    assert_eq!((column(&well.stdout, "STATUS"), well.code), (vec!["Valid".to_owned()], Some(0)), "{well:?}");
    server.serve(scene.expired());
    // By what it watches, too.
    for target in ["web", DOMAIN] {
        let bad = scene.plugin(&["check", target]);
        assert_eq!((column(&bad.stdout, "STATUS"), bad.code), (vec!["Expired".to_owned()], Some(1)), "{bad:?}");
        assert!(bad.stderr.starts_with(&format!("{DOMAIN}:")), "{bad:?}");
    }
    let handled = scene.settled("web").await;
    let managers = handled.metadata.managed_fields.unwrap();
    assert!(managers.iter().any(|entry| entry.manager.as_deref() == Some("kubectl-sslmonitor")), "{managers:?}");

    // From here, where the address policy is that of `sslmonitor check`.
    let here = scene.plugin(&["check", "127.0.0.1:1"]);
    assert_eq!((column(&here.stdout, "STATUS"), here.code), (vec!["TargetDenied".to_owned()], Some(1)));
    let told =
        format!("no SslMonitor in namespace {} is called or watches 127.0.0.1:1: checked from here", scene.namespace);
    assert_eq!(here.stderr.lines().next(), Some(told.as_str()));
    let missing = scene.plugin(&["check", "nothing"]);
    let told = format!("error: failed to get sslmonitor {}/nothing: it does not exist", scene.namespace);
    assert!(missing.stderr.starts_with(&told), "{missing:?}");
    assert_eq!((missing.stdout.as_str(), missing.code), ("", Some(2)));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a control plane: cargo xtask test"]
async fn monitors_are_switched_and_the_disabled_are_not_waited_for() {
    let cluster = Cluster::shared().await;
    cluster.operator().await;
    let scene = Scene::new(&cluster).await;
    let _server = scene.web().await;
    let web = "sslmonitor.sslmonitor.io/web";
    let said = |said: Said| (said.stdout, said.code);
    assert_eq!(said(scene.plugin(&["disable", "web"])), (format!("{web} disabled\n"), Some(0)));
    assert_eq!(said(scene.plugin(&["disable", "web"])), (format!("{web} is disabled already\n"), Some(0)));
    scene.ready_with("web", "Disabled").await;
    let refused = scene.plugin(&["check", "web"]);
    let told = "error: sslmonitor web is disabled: switch it on first with kubectl sslmonitor enable web\n";
    assert_eq!((refused.stderr.as_str(), refused.code), (told, Some(2)));
    let mixed = scene.plugin(&["enable", "nothing", "web"]);
    assert_eq!((mixed.stdout, mixed.code), (format!("{web} enabled\n"), Some(2)));
    assert!(mixed.stderr.contains("nothing: it does not exist"), "{}", mixed.stderr);
    scene.ready_with("web", "Monitoring").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a control plane: cargo xtask test"]
async fn what_is_imported_can_be_applied() {
    let cluster = Cluster::shared().await;
    let scene = Scene::new(&cluster).await;
    let probe = json!({
        "apiVersion": "monitoring.coreos.com/v1", "kind": "Probe", "metadata": {"name": "web"},
        "spec": {"interval": "5m", "targets": {"staticConfig": {"static": ["https://a.test", "b.test:8443"], "labels": {"team": "web"}}}},
    });
    let file = cluster.control_plane().directory().join(format!("{}-probe.json", scene.namespace));
    fs::write(&file, probe.to_string()).unwrap();
    let said = scene.plugin(&["import", file.to_str().unwrap()]);
    assert_eq!((said.stderr.as_str(), said.code), ("", Some(0)));
    let applied = cluster.try_apply(&scene.namespace, &said.stdout).unwrap();
    let expected = ["a.test", "b.test-8443"].map(|name| format!("sslmonitor.sslmonitor.io/{name} created\n")).concat();
    assert_eq!(applied, expected);
    let labelled = scene.plugin(&["ls", "-l", "team=web", "-o", "name"]).stdout;
    assert_eq!(labelled.lines().count(), 2, "{labelled}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a control plane: cargo xtask test"]
async fn what_goes_wrong_says_what_to_do() {
    let cluster = Cluster::start().await;
    let scene = Scene::new(&cluster).await;
    let directory = programs(&cluster, &scene.namespace);
    let plugin = directory.join("kubectl-sslmonitor");
    let kubeconfig = cluster.control_plane().kubeconfig();
    let complains = |said: Said, parts: &[&str]| {
        assert_eq!((said.stdout.as_str(), said.code), ("", Some(2)), "{said:?}");
        assert_eq!(said.stderr.lines().count(), 1, "{said:?}");
        for part in parts {
            assert!(said.stderr.contains(part), "{part} in {said:?}");
        }
    };
    let none = run(&plugin, &["ls"], &directory.join("missing"), &directory);
    complains(none, &["error: no cluster is configured", "set KUBECONFIG", "--kubeconfig"]);
    let context = run(&plugin, &["ls", "--context", "prod"], kubeconfig, &directory);
    complains(context, &["has no context \"prod\"", "kubectl config get-contexts"]);
    let (_socket, address) = refusing();
    let text = fs::read_to_string(kubeconfig)
        .unwrap()
        .replace(cluster.control_plane().server(), &format!("https://{address}"));
    let elsewhere = directory.join("elsewhere");
    fs::write(&elsewhere, text).unwrap();
    let unreachable = run(&plugin, &["ls"], &elsewhere, &directory);
    complains(unreachable, &["does not answer as an API server", "kubectl config current-context"]);
    let forbidden = run(&plugin, &["ls", "-A", "--as", "somebody"], kubeconfig, &directory);
    complains(
        forbidden,
        &["error: failed to list the SslMonitors of all namespaces", "\"somebody\" cannot list", "kubectl auth can-i"],
    );
    let off = scene.plugin(&["check", "web", "--as", "somebody"]);
    complains(off, &["failed to get sslmonitor", "cannot get resource"]);

    // Nobody acts on a request while no operator runs.
    let monitor = json!({
        "apiVersion": "sslmonitor.io/v1", "kind": "SslMonitor", "metadata": {"name": "web"}, "spec": {"domain": "a.test"},
    });
    cluster.apply(&scene.namespace, &monitor.to_string());
    let alone = scene.plugin(&["check", "web", "--timeout", "1s"]);
    complains(alone, &["the operator has not checked sslmonitor", "within 1 s", "kubectl get pods -A"]);
    // One that cannot be read hides no other.
    let poison = json!({"metadata": {"annotations": {"a": "b"}}, "status": {"summary": "Valid", "lastCheckedAt": "9999-12-31T23:59:59Z"}});
    let monitors = scene.api::<SslMonitor>();
    let parameters = PatchParams::default();
    // The API server takes it, and this client cannot read it back.
    drop(monitors.patch_status("web", &parameters, &Patch::Merge(poison)).await);
    let listed = scene.plugin(&["ls", "-o", "name"]);
    assert_eq!(listed.stdout, "sslmonitor.sslmonitor.io/web\n", "{listed:?}");

    let definitions: Api<CustomResourceDefinition> = Api::all(cluster.client.clone());
    definitions.delete("sslmonitors.sslmonitor.io", &DeleteParams::default()).await.unwrap();
    eventually("the kind is not known any more", Duration::from_mins(1), async || {
        let said = scene.plugin(&["ls"]);
        if said.stderr.contains("the cluster does not know SslMonitors") { Ok(said) } else { Err(format!("{said:?}")) }
    })
    .await;
    complains(scene.plugin(&["ls"]), &["sslmonitor crd | kubectl apply --server-side -f -"]);
}
