//! Reads: what a monitor's spec refers to.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
    sync::Arc,
};

use k8s_openapi::{
    NamespaceResourceScope,
    api::core::v1::{ConfigMap, Secret},
};
use kube::{Api, Resource, ResourceExt};

use super::{
    ChannelKey, Context, Error, ServiceKey, api,
    context::now,
    lenient::{Lenient, Salvage},
    secret::{CERTIFICATE_KEY, CertificateSecret},
};
use crate::{
    api::{ALLOWED_LABEL, CaBundle, KeyRef, SslMonitor},
    metrics::MonitorKey,
    monitor::{
        ChannelFacts, Channels, ExpectedCertificate, Input, Material, Outcome, ProblemKind, Referent, ReferentProblem,
        ServiceLink, bundle_in, client_certificate, client_secret, expected_certificate, expected_secret, proxy_from,
        proxy_secret,
    },
    probe::{Means, TrustStore},
};

/// The monitor as it is now, read from the API server; `None` when it is gone.
pub(super) async fn monitor(context: &Context, key: &MonitorKey) -> Result<Option<SslMonitor>, Error> {
    named(context, &key.namespace, &key.name).await
}

/// The object of this name as it is now, read from the API server; `None` when there is none.
pub(super) async fn named<K>(context: &Context, namespace: &str, name: &str) -> Result<Option<K>, Error>
where
    K: Salvage + Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug,
{
    let objects: Api<Lenient<K>> = Api::namespaced(context.client.clone(), namespace);
    let attempt = || format!("read {} {namespace}/{name}", K::kind(&()));
    api::find(attempt, objects.get(name)).await?.map(|found| readable(found, attempt)).transpose()
}

/// What was found of all that a monitor names beside its target.
pub(super) struct Referents {
    /// What a probe uses.
    pub(super) means: Means,
    /// The certificate that should be served.
    pub(super) expected: Option<ExpectedCertificate>,
    /// What is wrong with the rest.
    pub(super) problems: Vec<ReferentProblem>,
}

/// Everything that a monitor names. With a faulty CA bundle, what else is trusted still is.
pub(super) async fn referents(context: &Context, monitor: &SslMonitor) -> Referents {
    let mut problems = Vec::new();
    let spec = &monitor.spec;
    let proxy = match (&spec.proxy, proxy_secret(spec)) {
        (None, _) => None,
        (Some(proxy), None) => proxy_from(proxy, None).unwrap_or_else(|problem| noted(&mut problems, problem)),
        (Some(proxy), Some(name)) => {
            let found = secret(context, monitor, Referent::Proxy, name).await;
            let made = found.and_then(|secret| proxy_from(proxy, Some(&secret)));
            made.unwrap_or_else(|problem| noted(&mut problems, problem))
        }
    };
    let (trust, problem) = trust(context, monitor).await;
    problems.extend(problem);
    let mut identity = None;
    if let Some(name) = client_secret(spec) {
        let found = secret(context, monitor, Referent::ClientCertificate, name).await;
        let made = found.and_then(|secret| client_certificate(&secret));
        identity = made.map_or_else(|problem| noted(&mut problems, problem), Some);
    }
    let mut expected = None;
    if let Some(name) = expected_secret(spec) {
        let found = served_part(context, monitor, name).await;
        let made = found.and_then(|secret| expected_certificate(&secret));
        expected = made.map_or_else(|problem| noted(&mut problems, problem), Some);
    }
    Referents { means: Means { trust, identity, proxy }, expected, problems }
}

fn noted<T>(problems: &mut Vec<ReferentProblem>, problem: ReferentProblem) -> Option<T> {
    problems.push(problem);
    None
}

async fn trust(context: &Context, monitor: &SslMonitor) -> (TrustStore, Option<ReferentProblem>) {
    let with = |bundle: Option<&[u8]>| context.trust(monitor.spec.use_system_roots(), bundle);
    let fallback = || with(None).expect("without a bundle nothing is parsed");
    match bundle(context, monitor).await {
        Ok(None) => (fallback(), None),
        Ok(Some(pem)) => match with(Some(&pem)) {
            Ok(trust) => (trust, None),
            Err(error) => {
                let message = format!("{} is no usable CA bundle: {error}", source_of(monitor));
                (fallback(), Some(Referent::CaBundle.problem(ProblemKind::Invalid, message)))
            }
        },
        Err(problem) => (fallback(), Some(problem)),
    }
}

/// The object, if it can be read.
pub(super) fn readable<K>(found: Lenient<K>, attempt: impl FnOnce() -> String) -> Result<K, Error> {
    found.object.map_err(|why| Error::Unreadable { attempt: attempt(), why })
}

/// What a decision takes into account beside the monitor and its target.
pub(super) struct Beside {
    service: ServiceLink,
    /// `None` before channels have been listed.
    channels: Option<Vec<ChannelFacts>>,
}

/// What is known of what a monitor names beside its target.
pub(super) fn beside(context: &Context, monitor: &SslMonitor) -> Beside {
    Beside { service: service_link(context, monitor), channels: channels(context, monitor) }
}

/// The channels that a monitor names or has told something, as far as they exist; `None` before they have been listed.
fn channels(context: &Context, monitor: &SslMonitor) -> Option<Vec<ChannelFacts>> {
    if !context.channels.is_listed() {
        return None;
    }
    let named = monitor.spec.notification_channels.iter().map(|channel| channel.name.as_str());
    let told = monitor.status.iter().flat_map(|status| &status.notifications).map(|ledger| ledger.channel.as_str());
    let all: BTreeSet<&str> = named.chain(told).collect();
    let namespace: Arc<str> = monitor.namespace().unwrap_or_default().into();
    let facts = |name: &str| {
        let known = context.channels.get(&ChannelKey { namespace: Arc::clone(&namespace), name: name.into() })?;
        Some(ChannelFacts::of(name, &known.spec, known.problem))
    };
    Some(all.into_iter().filter_map(facts).collect())
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

async fn bundle(context: &Context, monitor: &SslMonitor) -> Result<Option<Vec<u8>>, ReferentProblem> {
    let what = Referent::CaBundle;
    match monitor.spec.ca_bundle() {
        None => Ok(None),
        Some(CaBundle { config_map: Some(KeyRef { name, key }), .. }) => {
            let map: ConfigMap = referent(context, monitor, what, name).await?;
            let text = map.data.and_then(|mut data| data.remove(key)).map(String::into_bytes);
            let bytes = map.binary_data.and_then(|mut data| data.remove(key)).map(|bytes| bytes.0);
            text.or(bytes).ok_or_else(|| what.without_key("ConfigMap", name, key)).map(Some)
        }
        Some(CaBundle { secret: Some(KeyRef { name, key }), .. }) => {
            let secret = secret(context, monitor, what, name).await?;
            bundle_in(&secret, key).map(Some)
        }
        Some(CaBundle { config_map: None, secret: None }) => {
            let message = "tls.caBundle names neither a configMap nor a secret".to_owned();
            Err(what.problem(ProblemKind::Invalid, message))
        }
    }
}

/// A Secret that a monitor names.
async fn secret(
    context: &Context,
    monitor: &SslMonitor,
    what: Referent,
    name: &str,
) -> Result<Material, ReferentProblem> {
    referent(context, monitor, what, name).await.map(|secret| material(name, secret))
}

/// A Secret as much as is needed of it.
pub(super) fn material(name: &str, secret: Secret) -> Material {
    let is_allowed = is_allowed(secret.labels());
    let values = secret.data.unwrap_or_default().into_iter().map(|(key, value)| (key, value.0)).collect();
    Material { name: name.to_owned(), kind: secret.type_.unwrap_or_default(), is_allowed, values }
}

/// The certificate of a Secret that a monitor names; its key is dropped as it came.
async fn served_part(context: &Context, monitor: &SslMonitor, name: &str) -> Result<Material, ReferentProblem> {
    let secret: CertificateSecret = referent(context, monitor, Referent::ExpectedCertificate, name).await?;
    let is_allowed = is_allowed(secret.labels());
    let certificate = secret.data.and_then(|data| data.certificate);
    let values = certificate.map(|value| (CERTIFICATE_KEY.to_owned(), value.0)).into_iter().collect();
    Ok(Material { name: name.to_owned(), kind: secret.type_.unwrap_or_default(), is_allowed, values })
}

fn is_allowed(labels: &BTreeMap<String, String>) -> bool {
    labels.get(ALLOWED_LABEL).map(String::as_str) == Some("true")
}

/// What a monitor names, read by its name.
async fn referent<K>(context: &Context, monitor: &SslMonitor, what: Referent, name: &str) -> Result<K, ReferentProblem>
where
    K: Salvage + Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug,
{
    let namespace = monitor.namespace().unwrap_or_default();
    let found = named(context, &namespace, name).await;
    let found = found.map_err(|error| what.problem(problem_kind(&error), error.chain()))?;
    found.ok_or_else(|| what.missing(&K::kind(&()), name))
}

/// What kind of problem it is that something could not be read.
pub(super) fn problem_kind(error: &Error) -> ProblemKind {
    if error.is_forbidden() { ProblemKind::Forbidden } else { ProblemKind::Unavailable }
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

// === impl Beside ===

impl Beside {
    /// What a decision without a probe is made from.
    pub(super) fn input<'a>(&'a self, monitor: &'a SslMonitor) -> Input<'a> {
        Input {
            monitor,
            status: monitor.status.as_ref(),
            outcome: Outcome::NotProbed,
            problems: &[],
            expected: None,
            service: &self.service,
            channels: self.channels.as_deref().map_or(Channels::Unknown, Channels::Known),
            request: None,
            now: now(),
        }
    }
}
