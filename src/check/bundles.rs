//! What monitors name, from ConfigMaps and Secrets of the same input.

use std::collections::BTreeMap;

use crate::{
    api::{ALLOWED_LABEL, CaBundle, KeyRef, SslMonitor},
    manifests::{self, Materials},
    monitor::{Material, ProblemKind, Referent, ReferentProblem},
    probe::text::clean,
};

/// How many keys are named to the one who asked for another.
const MAX_KEYS: usize = 8;

/// What monitors may name.
#[derive(Debug, Default)]
pub(super) struct Bundles(pub(super) Materials);

// === impl Bundles ===

impl Bundles {
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
        let namespace = monitor.metadata.namespace.as_deref().unwrap_or_default();
        let content = self.0.get(kind, namespace, name);
        content.ok_or_else(|| missing(what, &format!("{kind} {name}"), namespace))
    }
}

/// Kind and key of what a bundle refers to.
pub(super) fn reference(bundle: &CaBundle) -> Option<(&'static str, &KeyRef)> {
    let config_map = bundle.config_map.as_ref().map(|reference| ("ConfigMap", reference));
    config_map.or_else(|| bundle.secret.as_ref().map(|reference| ("Secret", reference)))
}

fn missing(what: Referent, object: &str, namespace: &str) -> ReferentProblem {
    let else_by = match what {
        Referent::CaBundle => ", or the bundle with --ca-file",
        Referent::ClientCertificate => ", or the certificate with --client-cert and --client-key",
        Referent::Proxy => ", or the proxy with --proxy",
        Referent::ExpectedCertificate => "",
    };
    what.problem(ProblemKind::NotFound, format!("{}{else_by}", manifests::missing(object, namespace)))
}

fn known(values: &BTreeMap<String, Vec<u8>>) -> String {
    let keys: Vec<String> = values.keys().take(MAX_KEYS).map(|key| clean(key)).collect();
    match values.len().saturating_sub(MAX_KEYS) {
        _ if keys.is_empty() => String::new(),
        0 => format!("; it has {}", keys.join(", ")),
        more => format!("; it has {} and {more} more", keys.join(", ")),
    }
}
