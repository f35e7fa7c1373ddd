//! CA bundles from ConfigMaps and Secrets of the same input.

use std::collections::{BTreeMap, HashMap};

use k8s_openapi::{
    api::core::v1::{ConfigMap, Secret},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};

use crate::{
    api::{ALLOWED_LABEL, CaBundle, KeyRef, SslMonitor},
    monitor::{BundleProblem, BundleProblemKind},
    probe::text::clean,
};

/// How many keys are named to the one who asked for another.
const MAX_KEYS: usize = 8;

/// What may serve as a CA bundle.
#[derive(Debug, Default)]
pub(super) struct Bundles(HashMap<Id, Content>);

/// Which object: kind, namespace (empty when the manifest names none) and name.
type Id = (&'static str, String, String);

#[derive(Debug, Default)]
struct Content {
    /// Whether its label allows its use; ConfigMaps need none.
    is_allowed: bool,
    values: BTreeMap<String, Vec<u8>>,
}

// === impl Bundles ===

impl Bundles {
    pub(super) fn add_config_map(&mut self, object: ConfigMap) {
        let texts = object.data.unwrap_or_default().into_iter().map(|(key, text)| (key, text.into_bytes()));
        let binary = object.binary_data.unwrap_or_default().into_iter().map(|(key, bytes)| (key, bytes.0));
        let content = Content { is_allowed: true, values: texts.chain(binary).collect() };
        self.0.insert(id("ConfigMap", &object.metadata), content);
    }

    pub(super) fn add_secret(&mut self, object: Secret) {
        let bytes = object.data.unwrap_or_default().into_iter().map(|(key, bytes)| (key, bytes.0));
        // As on the API server, stringData comes before data.
        let texts = object.string_data.unwrap_or_default().into_iter().map(|(key, text)| (key, text.into_bytes()));
        let labels = object.metadata.labels.as_ref();
        let is_allowed = labels.and_then(|labels| labels.get(ALLOWED_LABEL)).is_some_and(|value| value == "true");
        self.0.insert(id("Secret", &object.metadata), Content { is_allowed, values: bytes.chain(texts).collect() });
    }

    /// The bundle that a monitor names: nothing when it names none.
    pub(super) fn find(&self, monitor: &SslMonitor) -> Result<Option<&[u8]>, BundleProblem> {
        let Some((kind, reference)) = monitor.spec.ca_bundle().and_then(reference) else { return Ok(None) };
        let namespace = monitor.metadata.namespace.clone().unwrap_or_default();
        let what = format!("{kind} {}", reference.name);
        let content = self.0.get(&(kind, namespace.clone(), reference.name.clone()));
        let content = content.ok_or_else(|| missing(&what, &namespace))?;
        if !content.is_allowed {
            return Err(BundleProblem {
                kind: BundleProblemKind::NotAllowed,
                message: format!("{what} lacks the label {ALLOWED_LABEL}: \"true\", without which it is not read"),
            });
        }
        let value = content.values.get(&reference.key).ok_or_else(|| BundleProblem {
            kind: BundleProblemKind::KeyNotFound,
            message: format!("{what} has no key {}{}", reference.key, known(&content.values)),
        })?;
        Ok(Some(value))
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

fn missing(what: &str, namespace: &str) -> BundleProblem {
    let place = if namespace.is_empty() { String::new() } else { format!(" in namespace {}", clean(namespace)) };
    BundleProblem {
        kind: BundleProblemKind::NotFound,
        message: format!(
            "{what}{place} is not in the input: give its manifest with -f, too, or the bundle with --ca-file"
        ),
    }
}

fn known(values: &BTreeMap<String, Vec<u8>>) -> String {
    let keys: Vec<String> = values.keys().take(MAX_KEYS).map(|key| clean(key)).collect();
    match values.len().saturating_sub(MAX_KEYS) {
        _ if keys.is_empty() => String::new(),
        0 => format!("; it has {}", keys.join(", ")),
        more => format!("; it has {} and {more} more", keys.join(", ")),
    }
}
