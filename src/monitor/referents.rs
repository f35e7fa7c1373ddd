//! What a monitor names beside its target: CA bundle, client certificate, expected certificate, proxy; and what is wrong with it.

use std::{collections::BTreeMap, fmt};

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::{
    Reason,
    conditions::{ConditionType, find, message},
    proxy,
};
use crate::{
    api::{ALLOWED_LABEL, ProxySpec, SslMonitorSpec, SslMonitorStatus},
    probe::{Identity, Proxy, leaf_facts},
};

/// The type of a Secret with a certificate and its key.
const TLS_TYPE: &str = "kubernetes.io/tls";
/// The keys of such a Secret.
const CERTIFICATE_KEY: &str = "tls.crt";
const PRIVATE_KEY: &str = "tls.key";

/// Something that a monitor names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Referent {
    /// `proxy.secretRef`.
    Proxy,
    /// `tls.caBundle`.
    CaBundle,
    /// `tls.clientCertificateRef`.
    ClientCertificate,
    /// `expect.secretRef`.
    ExpectedCertificate,
}

/// What is wrong with something that a monitor names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferentProblem {
    /// With what.
    pub what: Referent,
    /// Which kind of problem.
    pub kind: ProblemKind,
    /// What is wrong and what to do, in one sentence.
    pub message: String,
}

/// The kinds of problems.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProblemKind {
    /// The ConfigMap or Secret does not exist.
    NotFound,
    /// It has no such key.
    KeyNotFound,
    /// The value is empty, or is not what it should be.
    Invalid,
    /// The Secret lacks the label that allows its use.
    NotAllowed,
    /// The operator may not read it.
    Forbidden,
    /// It could not be read for a passing reason.
    Unavailable,
}

/// A Secret that a monitor names: as much of it as is needed.
#[derive(Clone, Default)]
pub struct Material {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: String,
    /// Whether it carries the label that allows its use.
    pub is_allowed: bool,
    /// The values of its keys.
    pub values: BTreeMap<String, Vec<u8>>,
}

/// The certificate that should be served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectedCertificate {
    /// Its fingerprint, as the engine writes them.
    pub fingerprint: String,
    /// Start of its validity.
    pub not_before: Timestamp,
    /// End of its validity.
    pub not_after: Timestamp,
}

/// The CA bundle under a key of a Secret.
///
/// # Errors
/// A [`ReferentProblem`] when the Secret may not be used, or has no such key.
pub fn bundle_in(secret: &Material, key: &str) -> Result<Vec<u8>, ReferentProblem> {
    allowed(secret, Referent::CaBundle)?;
    value(secret, Referent::CaBundle, key).map(<[u8]>::to_vec)
}

/// The client certificate in a Secret.
///
/// # Errors
/// A [`ReferentProblem`] when the Secret may not be used, or holds no certificate with its key.
pub fn client_certificate(secret: &Material) -> Result<Identity, ReferentProblem> {
    let what = Referent::ClientCertificate;
    let certificate = tls_value(secret, what, CERTIFICATE_KEY)?;
    let key = tls_value(secret, what, PRIVATE_KEY)?;
    Identity::from_pem(certificate, key)
        .map_err(|error| what.invalid(format!("the client certificate in Secret {} {error}", secret.name)))
}

/// The certificate in a Secret that should be served. Its key is not looked at.
///
/// # Errors
/// A [`ReferentProblem`] when the Secret may not be used, or holds no certificate.
pub fn expected_certificate(secret: &Material) -> Result<ExpectedCertificate, ReferentProblem> {
    let what = Referent::ExpectedCertificate;
    let pem = tls_value(secret, what, CERTIFICATE_KEY)?;
    let invalid = |why: &dyn fmt::Display| {
        what.invalid(format!("key {CERTIFICATE_KEY} of Secret {} is no usable certificate: {why}", secret.name))
    };
    let (fingerprint, leaf) = leaf_facts(pem).map_err(|error| invalid(&format_args!("it {error}")))?;
    let leaf = leaf.ok_or_else(|| invalid(&"its first certificate cannot be read"))?;
    Ok(ExpectedCertificate { fingerprint, not_before: leaf.not_before, not_after: leaf.not_after })
}

/// The proxy of a spec, with what its Secret holds where it names one. `None` when the spec names no proxy, or its URL is none.
///
/// # Errors
/// A [`ReferentProblem`] when the Secret may not be used, or does not complete the proxy.
pub fn proxy_from(spec: &ProxySpec, secret: Option<&Material>) -> Result<Option<Proxy>, ReferentProblem> {
    let what = Referent::Proxy;
    let Some(secret) = secret else { return Ok(spec.url.as_deref().and_then(proxy::parse)) };
    allowed(secret, what)?;
    // Whoever writes a monitor need not be allowed to read the Secret: it says itself where its password may go.
    let address = str::from_utf8(value(secret, what, "address")?).unwrap_or_default();
    let rule = || what.invalid(format!("key address of Secret {} {}", secret.name, proxy::RULE));
    let base = Some(proxy::parse(address.trim()).ok_or_else(rule)?);
    if spec.url.as_deref().is_some_and(|url| proxy::parse(url) != base) {
        return Err(what.invalid(format!("key address of Secret {} names another proxy than proxy.url", secret.name)));
    }
    let username = match secret.values.get("username") {
        None => return Ok(base),
        Some(_) => value(secret, what, "username")?,
    };
    let password = value(secret, what, "password")?;
    let credentials = proxy::credentials(username, password).ok_or_else(|| {
        let rule = "must be text of at most 255 bytes on one line, and the name without a colon";
        what.invalid(format!("username and password of Secret {} {rule}", secret.name))
    })?;
    Ok(base.map(|base| Proxy { credentials: Some(credentials), ..base }))
}

fn tls_value<'a>(secret: &'a Material, what: Referent, key: &str) -> Result<&'a [u8], ReferentProblem> {
    allowed(secret, what)?;
    if secret.kind != TLS_TYPE {
        let (name, kind) = (&secret.name, &secret.kind);
        return Err(
            what.invalid(format!("Secret {name} is of type {kind}; {} needs one of type {TLS_TYPE}", what.field()))
        );
    }
    value(secret, what, key)
}

fn allowed(secret: &Material, what: Referent) -> Result<(), ReferentProblem> {
    // Whoever may write a monitor need not be allowed to read Secrets: only those that were opened for us are used.
    let name = &secret.name;
    let shut = || format!("Secret {name} may not be used: it lacks the label {ALLOWED_LABEL}: \"true\"");
    if secret.is_allowed { Ok(()) } else { Err(what.problem(ProblemKind::NotAllowed, shut())) }
}

fn value<'a>(secret: &'a Material, what: Referent, key: &str) -> Result<&'a [u8], ReferentProblem> {
    let value = secret.values.get(key).map(Vec::as_slice);
    value.ok_or_else(|| what.without_key("Secret", &secret.name, key))
}

/// The problems in one condition: the reason of the first, and what all of them say.
pub(super) fn tell(problems: &[ReferentProblem]) -> Option<(Reason, String)> {
    let all: Vec<&str> = problems.iter().map(|problem| problem.message.as_str()).collect();
    problems.first().map(|first| (first.reason(), all.join("; ")))
}

/// Whether this status tells of just these problems; what is told may have been cut.
pub fn is_told(status: &SslMonitorStatus, problems: &[ReferentProblem]) -> bool {
    let told = told_of(status).map(|ready| (ready.reason.as_str(), ready.message.clone()));
    told == tell(problems).map(|(reason, text)| (reason.as_str(), message(text)))
}

/// The problem that this status tells of; of several, all are in its message. A decision without a look at what the monitor names
/// goes on telling it: only a probe with what was missing may take it back, together with what it hid.
///
/// Which Secret it is about cannot be told from a condition, and does not matter for one that is told again.
pub fn told_problem(status: &SslMonitorStatus) -> Option<ReferentProblem> {
    let ready = told_of(status)?;
    let bundle_or_secret = [Referent::CaBundle, Referent::ExpectedCertificate].into_iter();
    let mut all = bundle_or_secret.flat_map(|what| ProblemKind::ALL.map(|kind| (what, kind)));
    let (what, kind) = all.find(|(what, kind)| reason(*what, *kind).as_str() == ready.reason)?;
    Some(ReferentProblem { what, kind, message: ready.message.clone() })
}

/// The condition that tells of a problem with what the monitor names.
pub(super) fn told_of(status: &SslMonitorStatus) -> Option<&Condition> {
    let ready = find(&status.conditions, ConditionType::Ready)?;
    // Forbidden may be this or the Service: what the Service's condition says, too, is the Service.
    let service = find(&status.conditions, ConditionType::ServiceLinked).map(|linked| &linked.message);
    let is_named = ["CABundle", "Secret"].iter().any(|beginning| ready.reason.starts_with(beginning));
    let is_ours = is_named || (ready.reason == "Forbidden" && service != Some(&ready.message));
    (ready.status == "False" && is_ours).then_some(ready)
}

/// The problem that forbids a probe: without the proxy that the monitor names it would go another way.
pub fn withholding(problems: &[ReferentProblem]) -> Option<&ReferentProblem> {
    problems.iter().find(|problem| problem.what == Referent::Proxy)
}

/// The Secret of `expect`, if one is named.
pub fn expected_secret(spec: &SslMonitorSpec) -> Option<&str> {
    Some(spec.expect.as_ref()?.secret_ref.as_ref()?.name.as_str())
}

/// The Secret of the client certificate, if one is named.
pub fn client_secret(spec: &SslMonitorSpec) -> Option<&str> {
    Some(spec.tls.as_ref()?.client_certificate_ref.as_ref()?.name.as_str())
}

/// The Secret of the proxy, if one is named.
pub fn proxy_secret(spec: &SslMonitorSpec) -> Option<&str> {
    Some(spec.proxy.as_ref()?.secret_ref.as_ref()?.name.as_str())
}

/// What is said of an object that a field names and that does not exist.
pub fn missing(kind: &str, name: &str, field: &str) -> String {
    format!("{kind} {name} does not exist in this namespace: create it, or correct {field}")
}

fn reason(what: Referent, kind: ProblemKind) -> Reason {
    use ProblemKind::{Invalid, KeyNotFound, NotAllowed, NotFound, Unavailable};
    match (what, kind) {
        (Referent::CaBundle, NotFound) => Reason::CaBundleNotFound,
        (Referent::CaBundle, KeyNotFound) => Reason::CaBundleKeyNotFound,
        (Referent::CaBundle, Invalid) => Reason::CaBundleInvalid,
        (Referent::CaBundle, NotAllowed) => Reason::CaBundleNotAllowed,
        (Referent::CaBundle, Unavailable) => Reason::CaBundleUnavailable,
        (_, kind) => secret_reason(kind),
    }
}

/// The reason of a problem with a Secret that is no CA bundle's.
pub(super) fn secret_reason(kind: ProblemKind) -> Reason {
    match kind {
        ProblemKind::NotFound => Reason::SecretNotFound,
        ProblemKind::KeyNotFound => Reason::SecretKeyNotFound,
        ProblemKind::Invalid => Reason::SecretInvalid,
        ProblemKind::NotAllowed => Reason::SecretNotAllowed,
        ProblemKind::Forbidden => Reason::Forbidden,
        ProblemKind::Unavailable => Reason::SecretUnavailable,
    }
}

// === impl Referent ===

impl Referent {
    /// The field that names it.
    pub fn field(self) -> &'static str {
        match self {
            Self::Proxy => "proxy.secretRef",
            Self::CaBundle => "tls.caBundle",
            Self::ClientCertificate => "tls.clientCertificateRef",
            Self::ExpectedCertificate => "expect.secretRef",
        }
    }

    /// A problem with it.
    pub fn problem(self, kind: ProblemKind, message: String) -> ReferentProblem {
        ReferentProblem { what: self, kind, message }
    }

    /// The object that it is in does not exist; `kind` is ConfigMap or Secret.
    pub fn missing(self, kind: &str, name: &str) -> ReferentProblem {
        self.problem(ProblemKind::NotFound, missing(kind, name, self.field()))
    }

    /// The object that it is in lacks a key.
    pub fn without_key(self, kind: &str, name: &str, key: &str) -> ReferentProblem {
        let message = format!("{kind} {name} has no key {key}: add it, or correct {}", self.field());
        self.problem(ProblemKind::KeyNotFound, message)
    }

    fn invalid(self, message: String) -> ReferentProblem {
        self.problem(ProblemKind::Invalid, message)
    }
}

// === impl ReferentProblem ===

impl ReferentProblem {
    /// The reason that users see.
    pub fn reason(&self) -> Reason {
        reason(self.what, self.kind)
    }
}

// === impl ProblemKind ===

impl ProblemKind {
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::NotFound, Self::KeyNotFound, Self::Invalid, Self::NotAllowed, Self::Forbidden, Self::Unavailable];
}

// === impl Material ===

impl fmt::Debug for Material {
    /// The values are nobody's business.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Material").field("name", &self.name).field("keys", &self.values.keys()).finish_non_exhaustive()
    }
}
