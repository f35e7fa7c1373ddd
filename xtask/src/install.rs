//! Putting into a cluster what is shipped: everything in `deploy/base/install.yaml` but the Deployment, since the operator under
//! test or in the demo is a process of ours.

use std::{fs, io, path::Path};

use crate::{
    helm::{self, Helm},
    kubectl::{self, Kubectl},
};

/// The namespace that `deploy/` makes and the operator runs in.
pub const NAMESPACE: &str = "sslmonitor-system";
/// The `ServiceAccount` that `deploy/` makes and the operator runs as.
pub const SERVICE_ACCOUNT: &str = "sslmonitor";
/// The chart, relative to the repository.
pub const CHART: &str = "charts/ssl-monitor-operator";
/// The manifest that is generated from it, relative to the repository.
pub const MANIFEST: &str = "deploy/base/install.yaml";

/// Why it could not be installed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no manifest.
    #[error("cannot read {MANIFEST}; `cargo xtask generate` writes it")]
    Read(#[source] io::Error),
    /// The API server, or kubectl itself, refused it.
    #[error("cannot apply {MANIFEST}")]
    Kubectl(#[from] kubectl::Error),
}

/// Apply the shipped manifests of the repository at `root`, and wait until the API server serves the kinds.
///
/// # Errors
/// When the manifest is not there, or kubectl refuses it.
pub fn install(kubectl: &Kubectl, root: &Path) -> Result<(), Error> {
    let shipped = fs::read_to_string(root.join(MANIFEST)).map_err(Error::Read)?;
    kubectl.run_with_input(&["apply", "--server-side", "-f", "-"], &without_deployments(&shipped))?;
    let crds = root.join("crds").display().to_string();
    kubectl.run(&["wait", "--for=condition=Established", "--timeout=60s", "-f", &crds])?;
    Ok(())
}

/// What Helm makes of the chart of the repository at `root` for `deploy/`, without the definitions.
///
/// # Errors
/// When Helm does not take the chart.
pub fn render(helm: &Helm, root: &Path) -> Result<String, helm::Error> {
    let (chart, values) =
        (root.join(CHART).display().to_string(), root.join("deploy/values.yaml").display().to_string());
    helm.run(&[
        "template",
        SERVICE_ACCOUNT,
        &chart,
        "--namespace",
        NAMESPACE,
        "--values",
        &values,
        "--set",
        "crds.enabled=false",
    ])
}

fn without_deployments(manifests: &str) -> String {
    let kept = manifests.split("\n---\n").filter(|document| !document.lines().any(|line| line == "kind: Deployment"));
    kept.collect::<Vec<_>>().join("\n---\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_deployments_are_left_out() {
        let manifests = "kind: Namespace\n---\napiVersion: apps/v1\nkind: Deployment\nspec: {}\n---\nkind: Role\n";
        assert_eq!(without_deployments(manifests), "kind: Namespace\n---\nkind: Role\n");
    }
}
