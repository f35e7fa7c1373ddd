//! `kubectl sslmonitor enable` and `disable`.

use serde_json::json;

use super::{DONE, FAILED, PluginError, cluster::Cluster, failure::Failure, named};
use crate::{cli::ClusterArgs, output::complain};

/// Switch these monitors on or off; what cannot be switched keeps no other from being.
pub(super) async fn switch(args: &ClusterArgs, names: &[String], on: bool) -> Result<u8, PluginError> {
    let cluster = Cluster::new(args).await?;
    let mut code = DONE;
    for name in names {
        match switch_one(&cluster, name, on).await {
            Ok(line) => drop(super::write(format!("{line}\n").as_bytes())?),
            Err(failure) => {
                complain(format_args!("error: {failure}"));
                code = FAILED;
            }
        }
    }
    Ok(code)
}

async fn switch_one(cluster: &Cluster, name: &str, on: bool) -> Result<String, Failure> {
    let (verb, done) = if on { ("enable", "enabled") } else { ("disable", "disabled") };
    let before = cluster.get(name).await?;
    if before.spec.enabled == on {
        return Ok(format!("{} is {done} already", named(&before)));
    }
    let after = cluster.patch(name, verb, &json!({"spec": {"enabled": on}})).await?;
    Ok(format!("{} {done}", named(&after)))
}
