//! `cargo xtask demo`: the operator at work on a farm of TLS servers, to look at and to play with.

mod samples;
mod table;

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use kube::Api;
use ssl_monitor_operator::api::SslMonitor;

use self::{samples::Samples, table::Table};
use crate::{
    control_plane::{Binaries, ControlPlane},
    install::install,
    kubectl::Kubectl,
    operator::Operator,
};

/// The namespace of the samples.
const NAMESPACE: &str = "demo";
/// How long the table may take to fill.
const PATIENCE: Duration = Duration::from_mins(1);
/// How often the table is looked at.
const POLL: Duration = Duration::from_millis(300);

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A running demo.
struct Demo {
    // Dropped in this order: the operator before the servers and the API server.
    operator: Operator,
    _samples: Samples,
    kubectl: Kubectl,
    monitors: Api<SslMonitor>,
    control_plane: ControlPlane,
}

/// Run the demo of the repository at `root`: show the table as it fills and, unless `once`, how to go on by hand until
/// Ctrl-C. Returns whether every row is as it should be.
///
/// # Errors
/// When something cannot be built or started.
pub async fn run(root: &Path, once: bool) -> Result<bool, Failure> {
    let binaries = Binaries::find_or_build()?;
    let program = build_operator(root)?;
    let mut demo = start(root, &binaries, &program).await?;
    println!("\n$ kubectl get sslmonitors");
    let differences = demo.fill_table().await?;
    for difference in &differences {
        println!("{difference}");
    }
    if !once {
        demo.explain();
        tokio::signal::ctrl_c().await?;
        println!("\nstopping …");
    }
    demo.operator.stop().await;
    Ok(differences.is_empty())
}

/// Build the operator with the features that everything else here is built with, and return where it is.
fn build_operator(root: &Path) -> io::Result<PathBuf> {
    step("operator", "building");
    let status = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--package", "ssl-monitor-operator", "--package", "xtask", "--bin", "sslmonitor"])
        .current_dir(root)
        .stdin(Stdio::null())
        .status()?;
    if !status.success() {
        return Err(io::Error::other("the operator does not build"));
    }
    // This program and the operator are built into the same directory.
    Ok(env::current_exe()?.with_file_name("sslmonitor"))
}

async fn start(root: &Path, binaries: &Binaries, program: &Path) -> Result<Demo, Failure> {
    step("control plane", "starting etcd and kube-apiserver");
    let control_plane = ControlPlane::start(binaries).await?;
    let client = control_plane.client().await?;
    let version = client.apiserver_version().await?.git_version;
    step("control plane", &format!("Kubernetes {version} at {}", control_plane.server()));

    let kubectl = Kubectl::new(&binaries.kubectl, control_plane.kubeconfig());
    install(&kubectl, root)?;
    kubectl.run(&["create", "namespace", NAMESPACE])?;
    // So that what is typed by hand needs no --namespace.
    kubectl.run(&["config", "set-context", "--current", "--namespace", NAMESPACE])?;

    let samples = Samples::start().await?;
    step("TLS servers", &samples.addresses());
    let manifests = control_plane.directory().join("samples.yaml");
    fs::write(&manifests, samples.manifests())?;
    kubectl.run(&["apply", "--filename", &manifests.display().to_string()])?;

    let flags = ["--allow-cidr", "127.0.0.0/8", "--log-format", "text"];
    let operator = Operator::start(program, &control_plane, &flags).await?;
    step("operator", &format!("ready; log in {}", operator.log_path().display()));
    Ok(Demo { operator, _samples: samples, kubectl, monitors: Api::namespaced(client, NAMESPACE), control_plane })
}

fn step(what: &str, how: &str) {
    println!("{what:<14} {how}");
}

impl Demo {
    /// Show the table until all rows are as they should be, or until patience ends; returns what differs.
    async fn fill_table(&mut self) -> Result<Vec<String>, Failure> {
        let deadline = Instant::now() + PATIENCE;
        let mut table = Table::default();
        loop {
            if let Some(status) = self.operator.ended() {
                return Err(format!("the operator ended ({status}); its log was:\n{}", self.operator.log()).into());
            }
            let monitors = self.monitors.list(&kube::api::ListParams::default()).await?.items;
            let differences = Samples::differences(&monitors);
            let done = differences.is_empty() || Instant::now() > deadline;
            table.show(&self.kubectl.run(&["get", "sslmonitors"])?, done);
            if done {
                return Ok(differences);
            }
            tokio::time::sleep(POLL).await;
        }
    }

    fn explain(&self) {
        let (directory, admin) = (self.control_plane.directory().display(), self.operator.admin_address());
        println!(
            "
It goes on checking every minute, until Ctrl-C. In another terminal:

    export KUBECONFIG={}
    kubectl get sslmonitors --output wide
    kubectl describe sslmonitor expired
    kubectl explain sslmonitors.spec
    kubectl get service web --output jsonpath='{{.status.conditions}}'     # the linked Service carries the verdict
    kubectl annotate sslmonitor valid --overwrite sslmonitor.io/requestedAt=\"$(date)\"     # check now
    kubectl patch sslmonitor valid --type merge --patch '{{\"spec\":{{\"alertDays\":100}}}}'    # valid for 90 days
    kubectl get events
    curl --silent http://{admin}/metrics

The samples are in {directory}/samples.yaml: change them and `kubectl apply` them again.",
            self.control_plane.kubeconfig().display()
        );
    }
}
