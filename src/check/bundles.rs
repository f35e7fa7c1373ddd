//! What monitors name, from ConfigMaps and Secrets of the same input.

use std::collections::{BTreeMap, HashMap};

use k8s_openapi::{
    api::core::v1::{ConfigMap, Secret},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};

use crate::{
    api::{ALLOWED_LABEL, CaBundle, KeyRef, SslMonitor},
    monitor::{Material, ProblemKind, Referent, ReferentProblem},
    probe::text::clean,
};

/// The type of a Secret that names none.
const DEFAULT_TYPE: &str = "Opaque";
/// How many keys are named to the one who asked for another.
const MAX_KEYS: usize = 8;

/// What monitors may name.
#[derive(Debug, Default)]
pub(super) struct Bundles(HashMap<Id, Material>);

/// Which object: kind, namespace (empty when the manifest names none) and name.
type Id = (&'static str, String, String);

// === impl Bundles ===

impl Bundles {
    pub(super) fn add_config_map(&mut self, object: ConfigMap) {
        let texts = object.data.unwrap_or_default().into_iter().map(|(key, text)| (key, text.into_bytes()));
        let binary = object.binary_data.unwrap_or_default().into_iter().map(|(key, bytes)| (key, bytes.0));
        let name = object.metadata.name.clone().unwrap_or_default();
        // Whoever may read ConfigMaps may use them: they need no label.
        let content = Material { name, kind: String::new(), is_allowed: true, values: texts.chain(binary).collect() };
        self.0.insert(id("ConfigMap", &object.metadata), content);
    }

    pub(super) fn add_secret(&mut self, object: Secret) {
        let bytes = object.data.unwrap_or_default().into_iter().map(|(key, bytes)| (key, bytes.0));
        // As on the API server, stringData comes before data.
        let texts = object.string_data.unwrap_or_default().into_iter().map(|(key, text)| (key, text.into_bytes()));
        let labels = object.metadata.labels.as_ref();
        let is_allowed = labels.and_then(|labels| labels.get(ALLOWED_LABEL)).is_some_and(|value| value == "true");
        let name = object.metadata.name.clone().unwrap_or_default();
        let kind = object.type_.unwrap_or_else(|| DEFAULT_TYPE.to_owned());
        let content = Material { name, kind, is_allowed, values: bytes.chain(texts).collect() };
        self.0.insert(id("Secret", &object.metadata), content);
    }

    /// The bundle that a monitor names: nothing when it names none.
    pub(super) fn find(&self, monitor: &SslMonitor) -> Result<Option<&[u8]>, ReferentProblem> {
        let what = Referent::CaBundle;
        let Some((kind, reference)) = monitor.spec.ca_bundle().and_then(reference) else { return Ok(None) };
        let content = self.content(monitor, what, kind, &reference.name)?;
        let object = format!("{kind} {}", reference.name);
        if !content.is_allowed {
            let message = format!("{object} lacks the label {ALLOWED_LABEL}: \"true\", without which it is not read");
            return Err(what.problem(ProblemKind::NotAllowed, message));
        }
        let value = content.values.get(&reference.key).ok_or_else(|| {
            let message = format!("{object} has no key {}{}", reference.key, known(&content.values));
            what.problem(ProblemKind::KeyNotFound, message)
        })?;
        Ok(Some(value))
    }

    /// The Secret of this name that a monitor names.
    pub(super) fn secret(
        &self,
        monitor: &SslMonitor,
        what: Referent,
        name: &str,
    ) -> Result<&Material, ReferentProblem> {
        self.content(monitor, what, "Secret", name)
    }

    fn content(
        &self,
        monitor: &SslMonitor,
        what: Referent,
        kind: &'static str,
        name: &str,
    ) -> Result<&Material, ReferentProblem> {
        let namespace = monitor.metadata.namespace.clone().unwrap_or_default();
        let content = self.0.get(&(kind, namespace.clone(), name.to_owned()));
        content.ok_or_else(|| missing(what, &format!("{kind} {name}"), &namespace))
    }
}

/// Kind and key of what a bundle refers to.
pub(super) fn reference(bundle: &CaBundle) -> Option<(&'static str, &KeyRef)> {
    let config_map = bundle.config_map.as_ref().map(|reference| ("ConfigMap", reference));
    config_map.or_else(|| bundle.secret.as_ref().map(|reference| ("Secret", reference)))
}

fn id(kind: &'static str, metadata: &ObjectMeta) -> Id {
    (kind, metadata.namespace.clone().unwrap_or_default(), metadata.name.clone().unwrap_or_default())
}

fn missing(what: Referent, object: &str, namespace: &str) -> ReferentProblem {
    let place = if namespace.is_empty() { String::new() } else { format!(" in namespace {}", clean(namespace)) };
    let else_by = match what {
        Referent::CaBundle => ", or the bundle with --ca-file",
        Referent::ClientCertificate => ", or the certificate with --client-cert and --client-key",
        Referent::Proxy => ", or the proxy with --proxy",
        Referent::ExpectedCertificate => "",
    };
    let message = format!("{object}{place} is not in the input: give its manifest with -f, too{else_by}");
    what.problem(ProblemKind::NotFound, message)
}

fn known(values: &BTreeMap<String, Vec<u8>>) -> String {
    let keys: Vec<String> = values.keys().take(MAX_KEYS).map(|key| clean(key)).collect();
    match values.len().saturating_sub(MAX_KEYS) {
        _ if keys.is_empty() => String::new(),
        0 => format!("; it has {}", keys.join(", ")),
        more => format!("; it has {} and {more} more", keys.join(", ")),
    }
}
