//! Putting into a cluster what is shipped: the definitions and everything in `deploy/` but the Deployment, since the
//! operator under test or in the demo is a process of ours.

use std::path::Path;

use crate::kubectl::{Error, Kubectl};

/// The namespace that `deploy/` makes and the operator runs in.
pub const NAMESPACE: &str = "sslmonitor-system";
/// The `ServiceAccount` that `deploy/` makes and the operator runs as.
pub const SERVICE_ACCOUNT: &str = "sslmonitor";

/// Apply the shipped manifests of the repository at `root`, and wait until the API server serves the kinds.
///
/// # Errors
/// When kubectl refuses a manifest.
pub fn install(kubectl: &Kubectl, root: &Path) -> Result<(), Error> {
    let crds = root.join("crds").display().to_string();
    kubectl.run(&["apply", "--server-side", "-f", &crds])?;
    kubectl.run(&["wait", "--for=condition=Established", "--timeout=60s", "-f", &crds])?;
    let shipped = kubectl.run(&["kustomize", &root.join("deploy").display().to_string()])?;
    kubectl.run_with_input(&["apply", "--server-side", "-f", "-"], &without_deployments(&shipped))?;
    Ok(())
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
