//! Reads: what a monitor's spec refers to.

use std::fmt::Debug;

use k8s_openapi::{
    NamespaceResourceScope,
    api::core::v1::{ConfigMap, Secret},
};
use kube::{Api, Resource, ResourceExt};

use super::{
    Context, Error, ServiceKey, api,
    lenient::{Lenient, Salvage},
};
use crate::{
    api::{ALLOWED_LABEL, CaBundle, KeyRef, SslMonitor},
    metrics::MonitorKey,
    monitor::{BundleProblem, BundleProblemKind, ServiceLink},
    probe::TrustStore,
};

/// The monitor as it is now, read from the API server; `None` when it is gone.
pub(super) async fn monitor(context: &Context, key: &MonitorKey) -> Result<Option<SslMonitor>, Error> {
    let monitors: Api<Lenient<SslMonitor>> = Api::namespaced(context.client.clone(), &key.namespace);
    let attempt = || format!("read SslMonitor {}/{}", key.namespace, key.name);
    api::find(attempt, monitors.get(&key.name)).await?.map(|found| readable(found, attempt)).transpose()
}

/// The trust anchors of a monitor; and what is wrong with its CA bundle, if anything. With a faulty bundle, what else is
/// trusted still is.
pub(super) async fn trust(context: &Context, monitor: &SslMonitor) -> (TrustStore, Option<BundleProblem>) {
    let with = |bundle: Option<&[u8]>| context.trust(monitor.spec.use_system_roots(), bundle);
    let fallback = || with(None).expect("without a bundle nothing is parsed");
    match bundle(context, monitor).await {
        Ok(None) => (fallback(), None),
        Ok(Some(pem)) => match with(Some(&pem)) {
            Ok(trust) => (trust, None),
            Err(error) => {
                let message = format!("{} is no usable CA bundle: {error}", source_of(monitor));
                (fallback(), Some(BundleProblem { kind: BundleProblemKind::Invalid, message }))
            }
        },
        Err(problem) => (fallback(), Some(problem)),
    }
}

/// The object, if it can be read.
pub(super) fn readable<K>(found: Lenient<K>, attempt: impl FnOnce() -> String) -> Result<K, Error> {
    found.object.map_err(|why| Error::Unreadable { attempt: attempt(), why })
}

/// How a monitor's link to its Service stands.
pub(super) fn service_link(context: &Context, monitor: &SslMonitor) -> ServiceLink {
    service_of(monitor).map_or(ServiceLink::None, |service| context.registry.link_to(&service))
}

/// The Service that a monitor names.
pub(super) fn service_of(monitor: &SslMonitor) -> Option<ServiceKey> {
    let name = monitor.spec.service_ref.as_ref()?.name.as_str().into();
    Some(ServiceKey { namespace: monitor.namespace()?.into(), name })
}

async fn bundle(context: &Context, monitor: &SslMonitor) -> Result<Option<Vec<u8>>, BundleProblem> {
    let namespace = monitor.namespace().unwrap_or_default();
    match monitor.spec.ca_bundle() {
        None => Ok(None),
        Some(CaBundle { config_map: Some(reference), .. }) => {
            config_map(context, &namespace, reference).await.map(Some)
        }
        Some(CaBundle { secret: Some(reference), .. }) => secret(context, &namespace, reference).await.map(Some),
        Some(CaBundle { config_map: None, secret: None }) => {
            Err(problem(BundleProblemKind::Invalid, "tls.caBundle names neither a configMap nor a secret".to_owned()))
        }
    }
}

async fn config_map(context: &Context, namespace: &str, reference: &KeyRef) -> Result<Vec<u8>, BundleProblem> {
    let KeyRef { name, key } = reference;
    let map: ConfigMap = referent(context, namespace, "ConfigMap", name).await?;
    let text = map.data.and_then(|mut data| data.remove(key)).map(String::into_bytes);
    let bytes = map.binary_data.and_then(|mut data| data.remove(key)).map(|bytes| bytes.0);
    text.or(bytes).ok_or_else(|| without_key("ConfigMap", name, key))
}

async fn secret(context: &Context, namespace: &str, reference: &KeyRef) -> Result<Vec<u8>, BundleProblem> {
    let KeyRef { name, key } = reference;
    let secret: Secret = referent(context, namespace, "Secret", name).await?;
    // Whoever may write a monitor need not be allowed to read Secrets: only those that were opened for us are used.
    if secret.labels().get(ALLOWED_LABEL).map(String::as_str) != Some("true") {
        let message = format!("Secret {name} may not be used: it lacks the label {ALLOWED_LABEL}: \"true\"");
        return Err(problem(BundleProblemKind::NotAllowed, message));
    }
    let bytes = secret.data.and_then(|mut data| data.remove(key)).map(|bytes| bytes.0);
    bytes.ok_or_else(|| without_key("Secret", name, key))
}

/// What a monitor names, read by its name.
async fn referent<K>(context: &Context, namespace: &str, kind: &str, name: &str) -> Result<K, BundleProblem>
where
    K: Salvage + Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug,
{
    let objects: Api<Lenient<K>> = Api::namespaced(context.client.clone(), namespace);
    let attempt = || format!("read {kind} {namespace}/{name}");
    let found = api::find(attempt, objects.get(name)).await.map_err(|error| unreadable(&error))?;
    readable(found.ok_or_else(|| missing(kind, name))?, attempt).map_err(|error| unreadable(&error))
}

fn source_of(monitor: &SslMonitor) -> String {
    let bundle = monitor.spec.ca_bundle();
    let name = |kind: &str, reference: &KeyRef| format!("key {} of {kind} {}", reference.key, reference.name);
    match bundle {
        Some(CaBundle { config_map: Some(reference), .. }) => name("ConfigMap", reference),
        Some(CaBundle { secret: Some(reference), .. }) => name("Secret", reference),
        _ => "tls.caBundle".to_owned(),
    }
}

fn missing(kind: &str, name: &str) -> BundleProblem {
    let message = format!("{kind} {name} does not exist in this namespace: create it, or correct tls.caBundle");
    problem(BundleProblemKind::NotFound, message)
}

fn without_key(kind: &str, name: &str, key: &str) -> BundleProblem {
    problem(BundleProblemKind::KeyNotFound, format!("{kind} {name} has no key {key}: add it, or correct tls.caBundle"))
}

fn unreadable(error: &Error) -> BundleProblem {
    let kind = if error.is_forbidden() { BundleProblemKind::Forbidden } else { BundleProblemKind::Unavailable };
    problem(kind, error.chain())
}

fn problem(kind: BundleProblemKind, message: String) -> BundleProblem {
    BundleProblem { kind, message }
}
