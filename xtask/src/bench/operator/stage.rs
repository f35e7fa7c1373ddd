//! What the operator is measured on: a control plane, servers, and many monitors.

use std::{collections::BTreeMap, path::Path};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::{
    Api, Client,
    api::{ObjectMeta, Patch, PatchParams, PostParams},
};
use serde_json::json;
use ssl_monitor_operator::api::{REQUESTED_AT_ANNOTATION, SslMonitor};

use super::super::{BUNDLE, Failure, monitor, program, servers::Servers};
use crate::{
    control_plane::{Binaries, ControlPlane, Write},
    install::{NAMESPACE, SERVICE_ACCOUNT, install},
    kubectl::Kubectl,
    operator::Operator,
};

/// How many namespaces the monitors are spread over.
const NAMESPACES: usize = 10;
/// The namespace of the monitors that come later.
pub(super) const NEWCOMERS: &str = "bench-new";
/// How many objects are written at once.
const WRITES: usize = 32;

/// A control plane with monitors, and their servers.
pub(super) struct Stage {
    /// How many monitors there are.
    pub(super) count: usize,
    client: Client,
    /// How many writes have been looked at.
    seen_writes: usize,
    control_plane: ControlPlane,
    servers: Servers,
}

impl Stage {
    /// Start all, and create `count` monitors.
    pub(super) async fn build(root: &Path, count: usize) -> Result<Self, Failure> {
        let binaries = Binaries::find_or_build()?;
        eprintln!("  starting servers, etcd and kube-apiserver …");
        let servers = Servers::start().await?;
        let control_plane = ControlPlane::start(&binaries).await?;
        install(&Kubectl::new(&binaries.kubectl, control_plane.kubeconfig()), root)?;
        let client = control_plane.client().await?;
        let stage = Self { count, client, seen_writes: 0, control_plane, servers };
        for namespace in (0..NAMESPACES).map(namespace).chain([NEWCOMERS.to_owned()]) {
            stage.create_namespace(&namespace).await?;
        }
        eprintln!("  creating {count} monitors …");
        let all = stream::iter(0..count).map(|number| stage.create_one(number));
        all.buffer_unordered(WRITES).try_collect::<()>().await?;
        Ok(stage)
    }

    /// Start the operator, and wait until it is ready.
    pub(super) async fn start_operator(&self) -> Result<Operator, Failure> {
        let flags = ["--allow-cidr", "127.0.0.0/8"];
        Ok(Operator::start(&program()?, &self.control_plane, &flags).await?)
    }

    /// All monitors.
    pub(super) fn monitors(&self) -> Api<SslMonitor> {
        Api::all(self.client.clone())
    }

    /// The monitors of a namespace.
    pub(super) fn monitors_in(&self, namespace: &str) -> Api<SslMonitor> {
        Api::namespaced(self.client.clone(), namespace)
    }

    /// What the operator has written since this was asked last.
    pub(super) fn new_writes(&mut self) -> Result<Vec<Write>, Failure> {
        let user = format!("system:serviceaccount:{NAMESPACE}:{SERVICE_ACCOUNT}");
        let all = self.control_plane.writes()?;
        let seen = std::mem::replace(&mut self.seen_writes, all.len());
        Ok(all.into_iter().skip(seen).filter(|write| write.user == user).collect())
    }

    /// Create the monitor `PREFIX-NUMBER`.
    pub(super) async fn create(&self, namespace: &str, prefix: &str, number: usize) -> kube::Result<()> {
        let monitor = monitor(&self.servers.served, prefix, number);
        self.monitors_in(namespace).create(&PostParams::default(), &monitor).await.map(drop)
    }

    /// Ask for a check of each of the first `count` monitors.
    pub(super) async fn request_checks(&self, count: usize) -> kube::Result<()> {
        let all = stream::iter(0..count).map(|number| self.request_check(number));
        all.buffer_unordered(WRITES).try_collect().await
    }

    async fn create_one(&self, number: usize) -> kube::Result<()> {
        self.create(&namespace(number), "bench", number).await
    }

    async fn request_check(&self, number: usize) -> kube::Result<()> {
        let patch = Patch::Merge(json!({"metadata": {"annotations": {REQUESTED_AT_ANNOTATION: "now"}}}));
        let monitors = self.monitors_in(&namespace(number));
        monitors.patch_metadata(&format!("bench-{number}"), &PatchParams::default(), &patch).await.map(drop)
    }

    async fn create_namespace(&self, name: &str) -> kube::Result<()> {
        let object = Namespace { metadata: named(name), ..Namespace::default() };
        Api::all(self.client.clone()).create(&PostParams::default(), &object).await?;
        let (bundle, key) = BUNDLE;
        let data = BTreeMap::from([(key.to_owned(), self.servers.served.roots.clone())]);
        let bundle = ConfigMap { metadata: named(bundle), data: Some(data), ..ConfigMap::default() };
        Api::namespaced(self.client.clone(), name).create(&PostParams::default(), &bundle).await.map(drop)
    }
}

/// The namespace of a monitor.
fn namespace(number: usize) -> String {
    format!("bench-{}", number % NAMESPACES)
}

fn named(name: &str) -> ObjectMeta {
    ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() }
}
