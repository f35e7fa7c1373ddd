//! Monitors of the farm's servers, in a namespace of their own, under the operator that all tests share.
#![allow(dead_code)] // each helper is for the tests that need it

use std::{net::SocketAddr, time::Duration};

use k8s_openapi::api::{core::v1::ConfigMap, events::v1::Event};
use kube::{
    Api, ResourceExt,
    api::{ListParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use ssl_monitor_operator::api::{SslMonitor, SslMonitorStatus};
use xtask::{
    control_plane::Write,
    farm::{Authority, Issued, Leaf, ServerOptions, TlsServer},
};

use crate::support::{Cluster, OPERATOR_USER, Operator, eventually, eventually_object, loopback};

/// How long what must come may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// The status of a monitor that the operator has not seen, as the API server gives it.
pub(crate) fn unseen() -> SslMonitorStatus {
    SslMonitorStatus { observed_generation: Some(0), ..SslMonitorStatus::default() }
}

/// A namespace with the ConfigMap `ca`, which holds the root of an authority of its own.
pub(crate) struct Stage {
    pub(crate) cluster: Cluster,
    pub(crate) namespace: String,
    pub(crate) authority: Authority,
    pub(crate) monitors: Api<SslMonitor>,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        let cluster = Cluster::shared().await;
        cluster.operator().await;
        let namespace = cluster.namespace().await;
        let authority = Authority::new("Stage");
        let map = json!({"metadata": {"name": "ca"}, "data": {"ca.crt": authority.root_pem()}});
        let maps: Api<ConfigMap> = Api::namespaced(cluster.client.clone(), &namespace);
        maps.create(&PostParams::default(), &serde_json::from_value(map).unwrap()).await.unwrap();
        let monitors = Api::namespaced(cluster.client.clone(), &namespace);
        Self { cluster, namespace, authority, monitors }
    }

    pub(crate) async fn operator(&self) -> &Operator {
        self.cluster.operator().await
    }

    /// A monitor of `domain` at `address` that trusts the stage's authority.
    pub(crate) fn manifest(&self, name: &str, domain: &str, address: SocketAddr) -> Value {
        let bundle = json!({"configMap": {"name": "ca"}});
        let spec = json!({
            "domain": domain, "address": address.ip(), "port": address.port(), "tls": {"caBundle": bundle},
        });
        json!({
            "apiVersion": "sslmonitor.io/v1", "kind": "SslMonitor",
            "metadata": {"name": name, "namespace": self.namespace}, "spec": spec,
        })
    }

    /// Apply a monitor `main` of this server's `main.test` and wait until it is checked.
    pub(crate) async fn watch(&self, server: &TlsServer) -> SslMonitor {
        self.cluster.apply(&self.namespace, &self.manifest("main", "main.test", server.address()).to_string());
        self.settled("main").await
    }

    /// Wait until the status speaks of the newest generation and its first check has ended.
    pub(crate) async fn settled(&self, name: &str) -> SslMonitor {
        eventually_object(&self.monitors, name, "is checked", |monitor| {
            let ready = states(monitor).into_iter().find(|state| state.starts_with("Ready="));
            let observed = monitor.status.as_ref().and_then(|status| status.observed_generation);
            observed == monitor.metadata.generation && ready.is_some_and(|ready| !ready.contains("Unknown"))
        })
        .await
    }

    pub(crate) async fn patch(&self, name: &str, patch: Value) {
        self.monitors.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    }

    /// Ask for a check by the annotation.
    pub(crate) async fn request(&self, name: &str, value: &str) {
        self.patch(name, json!({"metadata": {"annotations": {"sslmonitor.io/requestedAt": value}}})).await;
    }

    /// Wait until the operator has dealt with all that it has been shown so far: a monitor of later has gone all its way.
    pub(crate) async fn pass(&self) {
        let later = Box::pin(Self::new()).await;
        let server = serve(&later.authority.issue(&Leaf::new(["main.test"]))).await;
        let monitor = later.watch(&server).await;
        later.events(&monitor, &["Normal Valid"]).await;
        later.monitors.delete("main", &kube::api::DeleteParams::default()).await.unwrap();
    }

    /// Wait until these Events, as type and reason in the order of their times, are there about the monitor, and no others.
    pub(crate) async fn events(&self, monitor: &SslMonitor, expected: &[&str]) -> Vec<Event> {
        let events: Api<Event> = Api::namespaced(self.cluster.client.clone(), &self.namespace);
        let uid = monitor.uid();
        eventually(&format!("Events about {}: {expected:?}", monitor.name_any()), PATIENCE, async || {
            let mut found = events.list(&ListParams::default()).await.unwrap().items;
            found.retain(|event| event.regarding.as_ref().and_then(|object| object.uid.clone()) == uid);
            found.sort_by_key(|event| event.event_time.as_ref().map(|time| time.0));
            let text = |field: &Option<String>| field.clone().unwrap_or_default();
            let names: Vec<String> =
                found.iter().map(|event| format!("{} {}", text(&event.type_), text(&event.reason))).collect();
            if names == expected { Ok(found) } else { Err(format!("{names:?}")) }
        })
        .await
    }

    /// All that the operator's log says of this namespace: the monitor's name, the level and the reason of each line.
    pub(crate) async fn log(&self) -> Vec<String> {
        let log = self.operator().await.log();
        let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let ours = lines.filter(|line| line["namespace"] == self.namespace.as_str());
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        ours.map(|line| [&line["name"], &line["level"], &line["reason"]].map(text).join(" ")).collect()
    }

    /// The operator's metrics of this namespace: name of the series and its value, in the order of the page.
    pub(crate) async fn metrics(&self) -> Vec<(String, f64)> {
        let (code, page) = self.operator().await.get("/metrics").await.unwrap();
        assert_eq!(code, 200);
        let ours = format!("namespace=\"{}\"", self.namespace);
        let lines = page.lines().filter(|line| line.contains(&ours));
        lines
            .map(|line| line.rsplit_once(' ').unwrap())
            .map(|(name, value)| (name.into(), value.parse().unwrap()))
            .collect()
    }

    /// Every write in this namespace that was answered, but for the making of the ConfigMap.
    pub(crate) fn writes(&self) -> Vec<Write> {
        let mut writes = self.cluster.writes_in(&self.namespace);
        writes.retain(|write| write.resource != "configmaps");
        writes
    }

    /// The operator's write of the status of `main`.
    pub(crate) fn status_write(&self) -> Write {
        Write {
            user: OPERATOR_USER.into(),
            verb: "patch".into(),
            resource: "sslmonitors".into(),
            subresource: Some("status".into()),
            namespace: self.namespace.clone(),
            name: "main".into(),
            code: 200,
        }
    }

    /// The operator's making of an Event.
    pub(crate) fn event_write(&self) -> Write {
        let event = Write { verb: "create".into(), resource: "events".into(), code: 201, ..self.status_write() };
        Write { subresource: None, name: String::new(), ..event }
    }

    /// The administrator's write of `main`.
    pub(crate) fn admin_write(&self, verb: &str, code: u16) -> Write {
        Write { user: "admin".into(), verb: verb.into(), subresource: None, code, ..self.status_write() }
    }
}

/// A TLS server on a loopback address of its own.
pub(crate) async fn serve(issued: &Issued) -> TlsServer {
    TlsServer::start(loopback(), issued.clone(), ServerOptions::default()).await.unwrap()
}

/// The conditions as type, status and reason, in their order.
pub(crate) fn states(monitor: &SslMonitor) -> Vec<String> {
    let conditions = monitor.status.iter().flat_map(|status| &status.conditions);
    conditions.map(|c| format!("{}={}/{}", c.type_, c.status, c.reason)).collect()
}

/// What [`states`] says of a valid certificate that does not expire soon.
pub(crate) const VALID: [&str; 4] = [
    "Ready=True/Monitoring",
    "Reachable=True/Connected",
    "CertificateValid=True/Valid",
    "CertificateExpiring=False/NotExpiring",
];

/// Manifests as one stream; it begins with a separator, or kubectl takes it for JSON.
pub(crate) fn stream(manifests: impl IntoIterator<Item = Value>) -> String {
    manifests.into_iter().fold(String::new(), |all, manifest| format!("{all}---\n{manifest}\n"))
}
