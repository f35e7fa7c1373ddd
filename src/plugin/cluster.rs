//! The cluster that is asked: which one, as whom, and its monitors. As kubectl finds it.

mod config;

use std::{fmt::Debug, time::Duration};

use kube::{
    Api, Client,
    api::{ListParams, Patch, PatchParams, Resource as _},
};
use serde_json::Value;
use tokio::time::timeout;

use super::failure::Failure;
use crate::{
    api::SslMonitor,
    cli::{ClusterArgs, Selection},
    lenient::Lenient,
};

/// How long one call may take. The client tries again by itself what an API server that is busy refuses.
const LIMIT: Duration = Duration::from_secs(30);
/// How many monitors are fetched at once, as kubectl does.
const PAGE: u32 = 500;
/// Who changes monitors, in their managed fields.
const FIELD_MANAGER: &str = "kubectl-sslmonitor";

/// A cluster, and the namespace that is meant where none is named.
#[derive(Clone)]
pub(super) struct Cluster {
    client: Client,
    server: String,
    pub(super) namespace: String,
}

/// The monitors that were found, and what is wrong with the others.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) monitors: Vec<SslMonitor>,
    pub(super) unreadable: Vec<Failure>,
}

// === impl Cluster ===

impl Cluster {
    /// The cluster that the arguments name. Nothing is sent yet.
    pub(super) async fn new(args: &ClusterArgs) -> Result<Self, Failure> {
        let config = config::load(args).await?;
        let server = config.cluster_url.to_string().trim_end_matches('/').to_owned();
        let namespace = args.namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
        let client = Client::try_from(config)
            .map_err(|error| Failure::Kubeconfig(format!("the kubeconfig cannot be used: {error}")))?;
        Ok(Self { client, server, namespace })
    }

    /// Where a selection looks, in words.
    pub(super) fn place(&self, selection: &Selection) -> String {
        if selection.all_namespaces { "the cluster".to_owned() } else { format!("namespace {}", self.namespace) }
    }

    /// The monitors of the namespace, or of all.
    pub(super) async fn list(&self, selection: &Selection) -> Result<Found, Failure> {
        let (api, attempt) = if selection.all_namespaces {
            (Api::all(self.client.clone()), "list the SslMonitors of all namespaces".to_owned())
        } else {
            (self.api(), format!("list the SslMonitors of namespace {}", self.namespace))
        };
        let mut objects = Vec::new();
        let labels = selection.selector.clone().unwrap_or_default();
        let mut parameters = ListParams::default().labels(&labels).limit(PAGE);
        loop {
            match self.call(attempt.clone(), api.list(&parameters)).await {
                Ok(page) => {
                    objects.extend(page.items);
                    let Some(next) = page.metadata.continue_.filter(|token| !token.is_empty()) else { break };
                    parameters = parameters.continue_token(&next);
                }
                // The pages are too old to be gone on with: all at once, as kubectl does.
                Err(error) if error.is_expired() && parameters.continue_token.is_some() => {
                    objects.clear();
                    parameters = ListParams::default().labels(&labels);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(objects.into_iter().map(read).collect())
    }

    /// A monitor of the namespace.
    pub(super) async fn get(&self, name: &str) -> Result<SslMonitor, Failure> {
        let attempt = format!("get sslmonitor {}/{name}", self.namespace);
        read(self.call(attempt, self.api().get(name)).await?)
    }

    /// Merge this into a monitor of the namespace; `what` completes the sentence "failed to …".
    pub(super) async fn patch(&self, name: &str, what: &str, patch: &Value) -> Result<SslMonitor, Failure> {
        let attempt = format!("{what} sslmonitor {}/{name}", self.namespace);
        let parameters = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        read(self.call(attempt, self.api().patch(name, &parameters, &Patch::Merge(patch))).await?)
    }

    fn api(&self) -> Api<Lenient<SslMonitor>> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    async fn call<T>(&self, attempt: String, call: impl Future<Output = kube::Result<T>>) -> Result<T, Failure> {
        match timeout(LIMIT, call).await {
            Ok(answer) => {
                answer.map_err(|error| Failure::Call { attempt, server: self.server.clone(), source: Box::new(error) })
            }
            Err(_) => Err(Failure::TimedOut { attempt, limit: LIMIT }),
        }
    }
}

fn read(found: Lenient<SslMonitor>) -> Result<SslMonitor, Failure> {
    let metadata = found.meta();
    let [namespace, name] = [&metadata.namespace, &metadata.name].map(|text| text.clone().unwrap_or_default());
    found.object.map_err(|why| Failure::Unreadable { object: format!("sslmonitor {namespace}/{name}"), why })
}

impl FromIterator<Result<SslMonitor, Failure>> for Found {
    fn from_iter<I: IntoIterator<Item = Result<SslMonitor, Failure>>>(objects: I) -> Self {
        let mut found = Self::default();
        for object in objects {
            match object {
                Ok(monitor) => found.monitors.push(monitor),
                Err(failure) => found.unreadable.push(failure),
            }
        }
        found
    }
}
