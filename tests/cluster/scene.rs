//! A namespace with an authority that its monitors trust, and short words for what tests do in it.
#![allow(dead_code)] // each helper is for the tests that need it

use std::{fmt::Debug, net::SocketAddr};

use k8s_openapi::{
    ClusterResourceScope, NamespaceResourceScope,
    api::{
        core::v1::{ConfigMap, Secret, Service},
        rbac::v1::ClusterRole,
    },
};
use kube::{
    Api, Client, Resource,
    api::{ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, PostParams},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use ssl_monitor_operator::api::{REQUESTED_AT_ANNOTATION, SslMonitor};
use tokio::net::TcpSocket;
use xtask::{
    control_plane::Write,
    farm::{Authority, Issued, Leaf, ServerOptions, TlsServer},
};

use crate::support::{Cluster, OPERATOR_USER, eventually_object, loopback};

/// The domain that all monitors of a scene watch; only their addresses differ.
pub(crate) const DOMAIN: &str = "web.scene.test";
/// The type of the operator's condition on Services.
pub(crate) const SERVICE_CONDITION: &str = "sslmonitor.io/CertificateValid";

/// The operator's ClusterRole.
const ROLE: &str = "sslmonitor";

/// A namespace of one test.
pub(crate) struct Scene<'a> {
    pub(crate) cluster: &'a Cluster,
    pub(crate) namespace: String,
    pub(crate) authority: Authority,
}

impl<'a> Scene<'a> {
    /// A new namespace, with the ConfigMap `ca` that holds the root of a new authority.
    pub(crate) async fn new(cluster: &'a Cluster) -> Self {
        let scene = Self { cluster, namespace: cluster.namespace().await, authority: Authority::new("Scene") };
        scene.config_map("ca", &json!({"ca.crt": scene.authority.root_pem()})).await;
        scene
    }

    /// A server with this certificate, on a port of its own.
    pub(crate) async fn serve(&self, issued: Issued) -> TlsServer {
        TlsServer::start(loopback(), issued, ServerOptions::default()).await.unwrap()
    }

    /// A certificate for [`DOMAIN`] with nothing wrong about it.
    pub(crate) fn valid(&self) -> Issued {
        self.authority.issue(&Leaf::new([DOMAIN]))
    }

    /// A certificate for [`DOMAIN`] that expires in ten days.
    pub(crate) fn expiring(&self) -> Issued {
        self.authority.issue(&Leaf::new([DOMAIN]).expires_in_days(10))
    }

    /// A certificate for [`DOMAIN`] that expired yesterday.
    pub(crate) fn expired(&self) -> Issued {
        self.authority.issue(&Leaf::new([DOMAIN]).expired())
    }

    /// Make a ConfigMap with this data.
    pub(crate) async fn config_map(&self, name: &str, data: &Value) {
        make(&self.api::<ConfigMap>(), json!({"metadata": {"name": name}, "data": data})).await;
    }

    /// Make a Secret with this text data.
    pub(crate) async fn secret(&self, name: &str, labels: Value, data: &Value) {
        make(&self.api::<Secret>(), json!({"metadata": {"name": name, "labels": labels}, "stringData": data})).await;
    }

    /// Make a monitor of this address which trusts the scene's authority; `more` is merged into its spec.
    pub(crate) async fn monitor(&self, name: &str, address: SocketAddr, more: Value) -> SslMonitor {
        make(&self.api(), monitor(name, address, more)).await
    }

    /// Make a Service with this spec.
    pub(crate) async fn service(&self, name: &str, spec: Value) {
        make(&self.api::<Service>(), json!({"metadata": {"name": name}, "spec": spec})).await;
    }

    /// An ordinary Service.
    pub(crate) async fn plain_service(&self, name: &str) {
        self.service(name, json!({"ports": [{"port": 443}]})).await;
    }

    /// Delete a Service or a monitor.
    pub(crate) async fn delete<K>(&self, name: &str)
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
    {
        self.api::<K>().delete(name, &DeleteParams::default()).await.unwrap();
    }

    /// Merge this into a monitor.
    pub(crate) async fn edit(&self, name: &str, patch: Value) -> SslMonitor {
        self.api::<SslMonitor>().patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap()
    }

    /// Wait until a monitor has been checked, or cannot be, in its current generation.
    pub(crate) async fn settled(&self, name: &str) -> SslMonitor {
        eventually_object(&self.api(), name, "settles", is_settled).await
    }

    /// Wait until a monitor's `Ready` has this reason for its current generation.
    pub(crate) async fn ready_with(&self, name: &str, reason: &str) -> SslMonitor {
        let is_so = |monitor: &SslMonitor| {
            is_settled(monitor) && conditions(monitor).iter().any(|line| ready_reason(line) == Some(reason))
        };
        eventually_object(&self.api(), name, &format!("has Ready with reason {reason}"), is_so).await
    }

    /// Ask for a check of a monitor by hand, and wait until it has ended.
    pub(crate) async fn check(&self, name: &str, request: &str) -> SslMonitor {
        self.edit(name, json!({"metadata": {"annotations": {REQUESTED_AT_ANNOTATION: request}}})).await;
        let is_handled = |monitor: &SslMonitor| {
            monitor.status.as_ref().and_then(|status| status.last_handled_request_at.as_deref()) == Some(request)
        };
        eventually_object(&self.api(), name, "has handled the request", is_handled).await
    }

    /// Wait until the operator's condition on a Service is this: status, reason, message.
    pub(crate) async fn carries(&self, service: &str, expected: [&str; 3]) -> DynamicObject {
        let is_so = |service: &DynamicObject| {
            service_condition(service).is_some_and(|it| ["status", "reason", "message"].map(|key| &it[key]) == expected)
        };
        eventually_object(&self.services(), service, &format!("carries {expected:?}"), is_so).await
    }

    /// Wait until a Service has no condition of the operator.
    pub(crate) async fn carries_nothing(&self, service: &str) -> DynamicObject {
        let is_so = |service: &DynamicObject| service_condition(service).is_none();
        eventually_object(&self.services(), service, "carries no condition of ours", is_so).await
    }

    /// The Services, read as loose JSON: conditions without transition time do not decode otherwise.
    pub(crate) fn services(&self) -> Api<DynamicObject> {
        loose_services(self.cluster.client.clone(), &self.namespace)
    }

    /// The objects of a kind in this namespace.
    pub(crate) fn api<K: Resource<DynamicType = (), Scope = NamespaceResourceScope>>(&self) -> Api<K> {
        Api::namespaced(self.cluster.client.clone(), &self.namespace)
    }

    /// The operator's writes in this namespace: resource/subresource, name, code; without Events.
    pub(crate) fn writes(&self) -> Vec<String> {
        let mut writes = self.cluster.writes_in(&self.namespace);
        writes.retain(|write| write.user == OPERATOR_USER && write.resource != "events");
        writes.iter().map(told).collect()
    }
}

/// A monitor as JSON, see [`Scene::monitor`].
pub(crate) fn monitor(name: &str, address: SocketAddr, more: Value) -> Value {
    let mut spec = json!({
        "domain": DOMAIN,
        "address": address.ip(),
        "port": address.port(),
        "tls": {"caBundle": {"configMap": {"name": "ca"}}},
    });
    if let (Value::Object(spec), Value::Object(more)) = (&mut spec, more) {
        spec.extend(more);
    }
    json!({"apiVersion": "sslmonitor.io/v1", "kind": "SslMonitor", "metadata": {"name": name}, "spec": spec})
}

/// Create an object from JSON.
pub(crate) async fn make<K: Resource + Clone + Debug + Serialize + DeserializeOwned>(api: &Api<K>, object: Value) -> K {
    let object: K = serde_json::from_value(object).unwrap();
    api.create(&PostParams::default(), &object).await.unwrap()
}

/// A cluster-wide object, changed by this patch.
pub(crate) async fn patch<K>(client: &Client, name: &str, patch: Value) -> K
where
    K: Resource<DynamicType = (), Scope = ClusterResourceScope> + Clone + Debug + DeserializeOwned,
{
    let api: Api<K> = Api::all(client.clone());
    api.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap()
}

/// Take the rules about these resources away from the operator; returns the role as it was, for [`restore`].
pub(crate) async fn forbid(client: &Client, resources: &[&str]) -> ClusterRole {
    let role = Api::<ClusterRole>::all(client.clone()).get(ROLE).await.unwrap();
    let mut rules = role.rules.clone().unwrap_or_default();
    let before = rules.len();
    let is_forbidden = |name: &String| resources.contains(&name.as_str());
    rules.retain(|rule| !rule.resources.iter().flatten().any(is_forbidden));
    assert!(rules.len() < before, "no rule is about {resources:?}");
    patch::<ClusterRole>(client, ROLE, json!({"rules": rules})).await;
    role
}

/// Give the operator its rules back.
pub(crate) async fn restore(client: &Client, role: ClusterRole) {
    patch::<ClusterRole>(client, ROLE, json!({"rules": role.rules})).await;
}

/// An address that refuses connections for as long as the socket lives: bound, not listened at.
pub(crate) fn refusing() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(loopback()).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

/// The Services of a namespace as a client sees them, as loose JSON.
pub(crate) fn loose_services(client: Client, namespace: &str) -> Api<DynamicObject> {
    Api::namespaced_with(client, namespace, &ApiResource::erase::<Service>(&()))
}

/// The operator's condition on a Service.
pub(crate) fn service_condition(service: &DynamicObject) -> Option<&Value> {
    let conditions = service.data["status"]["conditions"].as_array()?;
    conditions.iter().find(|condition| condition["type"] == SERVICE_CONDITION)
}

/// The conditions of a monitor, one `Type=Status Reason` each.
pub(crate) fn conditions(monitor: &SslMonitor) -> Vec<String> {
    let conditions = monitor.status.iter().flat_map(|status| &status.conditions);
    conditions.map(|it| format!("{}={} {}", it.type_, it.status, it.reason)).collect()
}

/// The message of one condition of a monitor.
pub(crate) fn message<'a>(monitor: &'a SslMonitor, kind: &str) -> &'a str {
    let mut conditions = monitor.status.iter().flat_map(|status| &status.conditions);
    conditions.find(|it| it.type_ == kind).map_or("", |it| &it.message)
}

/// What a monitor says that checks a certificate with nothing wrong about it, and names no Service.
pub(crate) const ALL_WELL: [&str; 4] = [
    "Ready=True Monitoring",
    "Reachable=True Connected",
    "CertificateValid=True Valid",
    "CertificateExpiring=False NotExpiring",
];

fn is_settled(monitor: &SslMonitor) -> bool {
    let Some(status) = &monitor.status else { return false };
    let is_progressing = |line: &String| ready_reason(line) == Some("Progressing");
    status.observed_generation == monitor.metadata.generation && !conditions(monitor).iter().any(is_progressing)
}

fn ready_reason(line: &str) -> Option<&str> {
    line.strip_prefix("Ready=")?.split(' ').nth(1)
}

fn told(write: &Write) -> String {
    let subresource = write.subresource.as_ref().map_or(String::new(), |name| format!("/{name}"));
    format!("{} {}{subresource} {} {}", write.verb, write.resource, write.name, write.code)
}
