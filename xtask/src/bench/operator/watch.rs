//! Seeing monitors change as they change.

use std::{collections::HashSet, time::Duration};

use futures::{StreamExt as _, stream::BoxStream};
use kube::{
    Api, ResourceExt,
    api::{ListParams, WatchEvent, WatchParams},
};
use ssl_monitor_operator::api::SslMonitor;
use tokio::time::timeout;

use super::Failure;

/// How long nothing may change while something is waited for.
const PATIENCE: Duration = Duration::from_mins(1);
/// How long the API server keeps a watch open, in seconds, before it has to be asked again.
const SECONDS: u32 = 290;

/// The changes of monitors since it was started.
pub(super) struct Watch {
    api: Api<SslMonitor>,
    version: String,
    changes: BoxStream<'static, kube::Result<WatchEvent<SslMonitor>>>,
}

impl Watch {
    /// Watch from now on.
    pub(super) async fn start(api: Api<SslMonitor>) -> Result<Self, Failure> {
        let now = api.list_metadata(&ListParams::default().limit(1)).await?;
        let version = now.metadata.resource_version.ok_or("a list without a version")?;
        let changes = open(&api, &version).await?;
        Ok(Self { api, version, changes })
    }

    /// Wait until `count` different monitors have been seen to be as `wanted`.
    pub(super) async fn until(&mut self, count: usize, wanted: impl Fn(&SslMonitor) -> bool) -> Result<(), Failure> {
        let mut seen = HashSet::new();
        while seen.len() < count {
            let next = timeout(PATIENCE, self.next()).await;
            let stuck =
                |_| format!("nothing has changed for {PATIENCE:?}, and {} of {count} monitors are there", seen.len());
            let monitor = next.map_err(stuck)??;
            if wanted(&monitor) {
                seen.insert((monitor.namespace(), monitor.name_any()));
            }
        }
        Ok(())
    }

    async fn next(&mut self) -> Result<SslMonitor, Failure> {
        loop {
            match self.changes.next().await.transpose()? {
                Some(WatchEvent::Added(monitor) | WatchEvent::Modified(monitor)) => {
                    self.version = monitor.resource_version().unwrap_or_default();
                    return Ok(monitor);
                }
                Some(WatchEvent::Error(error)) => return Err(format!("the watch broke off: {error:?}").into()),
                Some(WatchEvent::Deleted(_) | WatchEvent::Bookmark(_)) => {}
                None => self.changes = open(&self.api, &self.version).await?,
            }
        }
    }
}

async fn open(
    api: &Api<SslMonitor>,
    version: &str,
) -> kube::Result<BoxStream<'static, kube::Result<WatchEvent<SslMonitor>>>> {
    Ok(api.watch(&WatchParams::default().timeout(SECONDS), version).await?.boxed())
}
