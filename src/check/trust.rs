//! Whom each monitor trusts.

use std::{collections::HashMap, path::Path};

use super::bundles::{Bundles, reference};
use crate::{
    api::SslMonitor,
    cli::CheckArgs,
    manifests::{InputError, Materials, name, read},
    monitor::{ProblemKind, Referent, ReferentProblem},
    probe::{SystemRoots, TrustStore},
};

/// Makes trust stores, each one once.
pub(super) struct Trust {
    /// Whether the system's roots may be trusted at all.
    is_system_trusted: bool,
    /// Read when first needed.
    system: Option<SystemRoots>,
    /// The content of `--ca-file`.
    extra: Option<Vec<u8>>,
    bundles: Bundles,
    made: HashMap<Key, (TrustStore, Option<ReferentProblem>)>,
}

/// What the trust of a monitor depends on: the system's roots or not, and which key of which object of which namespace.
type Key = (bool, Option<(&'static str, String, String, String)>);

// === impl Trust ===

impl Trust {
    /// Trust as the arguments and the input say.
    pub(super) fn new(args: &CheckArgs, materials: Materials) -> Result<Self, InputError> {
        let extra = args.ca_file.as_deref().map(read_bundle).transpose()?;
        let bundles = Bundles(materials);
        Ok(Self { is_system_trusted: !args.no_system_roots, system: None, extra, bundles, made: HashMap::new() })
    }

    /// The objects of the input that monitors may name.
    pub(super) fn bundles(&self) -> &Bundles {
        &self.bundles
    }

    /// Whom this monitor trusts, and what is wrong with its CA bundle.
    pub(super) fn of(&mut self, monitor: &SslMonitor) -> (TrustStore, Option<ReferentProblem>) {
        let key = key(monitor);
        if let Some(made) = self.made.get(&key) {
            return made.clone();
        }
        let made = self.make(monitor);
        self.made.insert(key, made.clone());
        made
    }

    fn make(&mut self, monitor: &SslMonitor) -> (TrustStore, Option<ReferentProblem>) {
        let is_trusted = self.is_system_trusted && monitor.spec.use_system_roots();
        let system = is_trusted.then(|| self.system.get_or_insert_with(SystemRoots::load).clone());
        let extra = self.extra.as_deref();
        let (bundle, mut problem) = match self.bundles.find(monitor) {
            Ok(bundle) => (bundle, None),
            // What the input lacks may be what --ca-file gives.
            Err(problem) if problem.kind == ProblemKind::NotFound && extra.is_some() => (None, None),
            Err(problem) => (None, Some(problem)),
        };
        if let Some(Err(error)) = bundle.map(|bundle| TrustStore::new(None, Some(bundle))) {
            problem = Some(broken(monitor, &error.to_string()));
        }
        let bundle = bundle.filter(|_| problem.is_none());
        let both = match (extra, bundle) {
            (Some(extra), Some(bundle)) => Some([extra, b"\n", bundle].concat()),
            (extra, bundle) => extra.or(bundle).map(<[u8]>::to_vec),
        };
        match TrustStore::new(system.as_ref(), both.as_deref()) {
            Ok(store) => (store, problem),
            // Each is within the limits, and both together are not: the monitor's own is then left out.
            Err(error) => {
                let problem = broken(monitor, &format!("together with --ca-file {error}"));
                let store = TrustStore::new(system.as_ref(), extra).expect("it has been read before");
                (store, Some(problem))
            }
        }
    }
}

fn read_bundle(path: &Path) -> Result<Vec<u8>, InputError> {
    let bytes = read(path)?;
    match TrustStore::new(None, Some(&bytes)) {
        Ok(_) => Ok(bytes),
        Err(error) => Err(InputError::new(name(path), format!("the bundle {error}"))),
    }
}

fn key(monitor: &SslMonitor) -> Key {
    let namespace = monitor.metadata.namespace.clone().unwrap_or_default();
    let bundle = monitor.spec.ca_bundle().and_then(reference);
    let bundle = bundle.map(|(kind, key)| (kind, namespace, key.name.clone(), key.key.clone()));
    (monitor.spec.use_system_roots(), bundle)
}

fn broken(monitor: &SslMonitor, complaint: &str) -> ReferentProblem {
    let reference = monitor.spec.ca_bundle().and_then(reference);
    let place = reference.map(|(kind, key)| format!(" (key {} of {kind} {})", key.key, key.name)).unwrap_or_default();
    Referent::CaBundle.problem(ProblemKind::Invalid, format!("the bundle {complaint}{place}"))
}
