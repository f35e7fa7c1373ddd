//! What stands in for the kubelet and the controllers of a cluster: where a Deployment of the operator appears, the operator runs as a
//! process under its ServiceAccount, with the arguments of its container, and the Deployment becomes available.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::StreamExt as _;
use k8s_openapi::api::apps::v1::Deployment;
use kube::{
    Api, Client, ResourceExt as _,
    api::{Patch, PatchParams},
    runtime::watcher::{self, Event},
};
use serde_json::json;
use tokio::{net::TcpStream, task::JoinHandle};
use xtask::{
    control_plane::ControlPlane,
    supervise::{Launch, Supervised},
};

use crate::world::World;

/// The image of the operator, whatever registry it comes from.
const IMAGE: &str = "ssl-monitor-operator";
const POLL: Duration = Duration::from_millis(50);

/// A running stand-in; it stops, and with it all that it runs, when this is dropped.
pub(crate) struct Kubelet {
    task: JoinHandle<()>,
    logs: Logs,
}

/// Where the logs of what runs are.
type Logs = Arc<Mutex<Vec<std::path::PathBuf>>>;

struct Node {
    control_plane: Arc<ControlPlane>,
    client: Client,
    running: BTreeMap<String, (Option<i64>, Option<Supervised>)>,
    logs: Logs,
}

// === impl Kubelet ===

impl Kubelet {
    pub(crate) async fn start(control_plane: Arc<ControlPlane>) -> Self {
        let client = control_plane.client().await.unwrap();
        let logs = Logs::default();
        let node = Node { control_plane, client, running: BTreeMap::new(), logs: Arc::clone(&logs) };
        Self { task: tokio::spawn(node.run()), logs }
    }

    /// The ends of all logs.
    pub(crate) fn log(&self) -> String {
        let logs = self.logs.lock().unwrap().clone();
        let texts = logs.iter().filter_map(|path| std::fs::read_to_string(path).ok());
        texts
            .map(|text| {
                text.lines().rev().take(15).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("\n")
            })
            .collect()
    }
}

impl Drop for Kubelet {
    fn drop(&mut self) {
        self.task.abort();
    }
}

// === impl Node ===

impl Node {
    async fn run(mut self) {
        let deployments: Api<Deployment> = Api::all(self.client.clone());
        let mut events = watcher::watcher(deployments, watcher::Config::default()).boxed();
        while let Some(event) = events.next().await {
            match event {
                Ok(Event::Apply(deployment) | Event::InitApply(deployment)) => self.applied(&deployment).await,
                Ok(Event::Delete(deployment)) => drop(self.running.remove(&key(&deployment))),
                // A watch that broke off is begun anew.
                Ok(Event::Init | Event::InitDone) | Err(_) => {}
            }
        }
    }

    async fn applied(&mut self, deployment: &Deployment) {
        let key = key(deployment);
        let generation = deployment.metadata.generation;
        if self.running.get(&key).is_some_and(|(known, _)| *known == generation) {
            return;
        }
        let old = self.running.remove(&key);
        // SIGTERM, and a wait: not on this thread.
        tokio::task::spawn_blocking(move || drop(old)).await.unwrap();
        let wanted = deployment.spec.replicas.unwrap_or(1);
        let mut process = if wanted > 0 { self.start(deployment).await } else { None };
        let has_ended = process.as_mut().is_some_and(|process| process.ended().is_some());
        if !has_ended {
            self.report(deployment, wanted).await;
        }
        self.running.insert(key, (generation, process));
    }

    /// Start the operator of a Deployment, and wait until it is ready or has ended; nothing for the Deployments of others.
    async fn start(&self, deployment: &Deployment) -> Option<Supervised> {
        static STARTED: AtomicUsize = AtomicUsize::new(0);
        let pod = deployment.spec.template.spec.as_ref()?;
        let container = pod
            .containers
            .first()
            .filter(|container| container.image.as_ref().is_some_and(|image| image.contains(IMAGE)))?;
        let (namespace, account) = (deployment.namespace()?, pod.service_account_name.clone()?);
        let kubeconfig = self.control_plane.service_account_kubeconfig(&namespace, &account).await.unwrap();
        let world = World::shared().await;
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let mut process = Launch::new(format!("operator-{number}"), Path::new(env!("CARGO_BIN_EXE_sslmonitor")))
            .args(container.args.iter().flatten().map(|argument| elsewhere(argument)))
            .args(["--allow-cidr", "127.0.0.0/8", "--channel-allow-cidr", "127.0.0.0/8"])
            .env("KUBECONFIG", kubeconfig)
            .env("POD_NAME", format!("{}-0", deployment.name_any()))
            .env("POD_NAMESPACE", &namespace)
            .env("SSL_CERT_FILE", &world.roots)
            .env("SSLMONITOR_RESOLVER", world.resolver.to_string())
            .start(self.control_plane.directory())
            .unwrap();
        self.logs.lock().unwrap().push(process.log_path().to_owned());
        while process.ended().is_none() && !is_ready(&process).await {
            tokio::time::sleep(POLL).await;
        }
        Some(process)
    }

    async fn report(&self, deployment: &Deployment, replicas: i32) {
        let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let condition = |kind: &str, reason: &str| json!({"type": kind, "status": "True", "reason": reason, "lastTransitionTime": now});
        let status = json!({"status": {
            "observedGeneration": deployment.metadata.generation,
            "replicas": replicas, "updatedReplicas": replicas, "readyReplicas": replicas, "availableReplicas": replicas,
            "conditions": [condition("Available", "MinimumReplicasAvailable"), condition("Progressing", "NewReplicaSetAvailable")],
        }});
        let deployments: Api<Deployment> =
            Api::namespaced(self.client.clone(), &deployment.namespace().unwrap_or_default());
        // One that is gone again needs none.
        let _ = deployments.patch_status(&deployment.name_any(), &PatchParams::default(), &Patch::Merge(status)).await;
    }
}

fn key(deployment: &Deployment) -> String {
    format!("{}/{}", deployment.namespace().unwrap_or_default(), deployment.name_any())
}

/// An argument with another admin address: pods have addresses of their own, processes have not.
fn elsewhere(argument: &str) -> String {
    if argument.starts_with("--admin-address=") {
        "--admin-address=127.0.0.1:0".to_owned()
    } else {
        argument.to_owned()
    }
}

/// Whether the operator says that it is ready at the address that its log tells.
async fn is_ready(process: &Supervised) -> bool {
    let log = process.log();
    let Some((_, after)) = log.split_once("admin_address\":\"").or_else(|| log.split_once("admin_address=")) else {
        return false;
    };
    let address: String = after.chars().take_while(|c| c.is_ascii_digit() || matches!(c, '.' | ':')).collect();
    let Ok(mut stream) = TcpStream::connect(address).await else { return false };
    let (mut reader, mut writer) = stream.split();
    let mut answer = Vec::new();
    let request = tokio::io::AsyncWriteExt::write_all(&mut writer, b"GET /readyz HTTP/1.0\r\n\r\n").await;
    let read = tokio::io::AsyncReadExt::read_to_end(&mut reader, &mut answer).await;
    request.is_ok() && read.is_ok() && String::from_utf8_lossy(&answer).contains(" 200 ")
}
