//! What each monitor names beside its target: from the input, and from the options that stand in for it.

use std::path::Path;

use super::trust::Trust;
use crate::{
    api::SslMonitor,
    cli::CheckArgs,
    manifests::{InputError, name, read},
    monitor::{
        ExpectedCertificate, Referent, ReferentProblem, client_certificate, client_secret, expected_certificate,
        expected_secret, proxy_from, proxy_secret,
    },
    probe::{Identity, Means, Proxy},
};

/// Finds what monitors name.
pub(super) struct Referents {
    pub(super) trust: Trust,
    /// The client certificate of the options, which comes before those of the manifests.
    identity: Option<Identity>,
    /// Whether the options name a proxy: it comes before those of the manifests, and the prober has it.
    is_proxied: bool,
}

/// What was found for one monitor.
pub(super) struct Found {
    pub(super) means: Means,
    pub(super) expected: Option<ExpectedCertificate>,
    pub(super) problems: Vec<ReferentProblem>,
}

// === impl Referents ===

impl Referents {
    /// What the arguments and the input give.
    pub(super) fn new(args: &CheckArgs, trust: Trust) -> Result<Self, InputError> {
        let pair = args.client_cert.as_deref().zip(args.client_key.as_deref());
        let identity = pair.map(|(certificate, key)| read_identity(certificate, key)).transpose()?;
        Ok(Self { trust, identity, is_proxied: args.proxy.is_some() })
    }

    /// Everything that this monitor names, and what is wrong with it.
    pub(super) fn of(&mut self, monitor: &SslMonitor) -> Found {
        let mut problems = Vec::new();
        let proxy = self.proxy(monitor).unwrap_or_else(|problem| noted(&mut problems, problem));
        let (trust, problem) = self.trust.of(monitor);
        problems.extend(problem);
        let identity = self.identity(monitor).unwrap_or_else(|problem| noted(&mut problems, problem));
        let expected = self.expected(monitor).unwrap_or_else(|problem| noted(&mut problems, problem));
        Found { means: Means { trust, identity, proxy }, expected, problems }
    }

    fn proxy(&self, monitor: &SslMonitor) -> Result<Option<Proxy>, ReferentProblem> {
        let Some(proxy) = monitor.spec.proxy.as_ref().filter(|_| !self.is_proxied) else { return Ok(None) };
        let secret = |name| self.trust.bundles().secret(monitor, Referent::Proxy, name);
        proxy_from(proxy, proxy_secret(&monitor.spec).map(secret).transpose()?)
    }

    fn identity(&self, monitor: &SslMonitor) -> Result<Option<Identity>, ReferentProblem> {
        match (&self.identity, client_secret(&monitor.spec)) {
            (Some(identity), _) => Ok(Some(identity.clone())),
            (None, None) => Ok(None),
            (None, Some(name)) => {
                let secret = self.trust.bundles().secret(monitor, Referent::ClientCertificate, name)?;
                client_certificate(secret).map(Some)
            }
        }
    }

    fn expected(&self, monitor: &SslMonitor) -> Result<Option<ExpectedCertificate>, ReferentProblem> {
        let Some(name) = expected_secret(&monitor.spec) else { return Ok(None) };
        let secret = self.trust.bundles().secret(monitor, Referent::ExpectedCertificate, name)?;
        expected_certificate(secret).map(Some)
    }
}

fn noted<T>(problems: &mut Vec<ReferentProblem>, problem: ReferentProblem) -> Option<T> {
    problems.push(problem);
    None
}

fn read_identity(certificate: &Path, key: &Path) -> Result<Identity, InputError> {
    let (chain, secret) = (read(certificate)?, read(key)?);
    Identity::from_pem(&chain, &secret)
        .map_err(|error| InputError::new(name(certificate), format!("the client certificate {error}")))
}
