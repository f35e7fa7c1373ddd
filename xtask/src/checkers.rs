//! What the chart and `deploy/` are checked with: Helm, helm-unittest, Prometheus and promtool, and the libraries by which others tell the health of an
//! object, built from the Go module that pins them; and what `.github/workflows` are checked with, from another.

use std::path::{Path, PathBuf};

use aws_lc_rs::digest;

use crate::{
    control_plane::cache_root,
    go::{self, Build, Error},
};

/// The module's own file: the one place where versions are pinned.
const GO_MOD: &str = include_str!("../checkers/go.mod");
/// The program of ours in it.
const HEALTH: &str = include_str!("../checkers/health/main.go");
/// Where the module is.
const MODULE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/checkers");
/// The same of the module with what checks workflows.
const WORKFLOWS_GO_MOD: &str = include_str!("../workflows/go.mod");
const WORKFLOWS_MODULE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/workflows");
const ACTIONLINT: &str = "github.com/rhysd/actionlint";
const HELM: &str = "helm.sh/helm/v4";
const HELM_UNITTEST: &str = "github.com/helm-unittest/helm-unittest";
const PROMETHEUS: &str = "github.com/prometheus/prometheus";
const PROMETHEUS_OPERATOR: &str = "github.com/prometheus-operator/prometheus-operator";

/// A program of the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checker {
    /// Helm.
    Helm,
    /// Unit tests of charts.
    HelmUnittest,
    /// Prometheus' own checks and unit tests of alert rules.
    Promtool,
    /// What kstatus, Flux and Argo CD make of the health of objects: a program of ours on their libraries.
    Health,
    /// Prometheus itself, which scrapes what it is told to.
    Prometheus,
    /// Syntax, types and permissions of workflows.
    Actionlint,
}

// === impl Checker ===

impl Checker {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Helm, Self::HelmUnittest, Self::Promtool, Self::Prometheus, Self::Actionlint, Self::Health];

    /// The program in the cache.
    ///
    /// # Errors
    /// When it is not there; the error says how to get it.
    pub fn find(self) -> Result<PathBuf, Error> {
        go::find(&self.cache(), self.name())
    }

    /// As [`Checker::find`], and it is built into the cache when it is missing, which takes some minutes.
    ///
    /// # Errors
    /// When Go is missing or the build fails.
    pub fn find_or_build(self) -> Result<PathBuf, Error> {
        let build: Build = match self {
            Self::Helm => helm,
            Self::HelmUnittest => helm_unittest,
            Self::Promtool => promtool,
            Self::Prometheus => prometheus,
            Self::Actionlint => actionlint,
            Self::Health => health,
        };
        go::complete(&self.cache(), &[(self.name(), build)])?;
        self.find()
    }

    fn name(self) -> &'static str {
        match self {
            Self::Helm => "helm",
            Self::HelmUnittest => "helm-unittest",
            Self::Promtool => "promtool",
            Self::Prometheus => "prometheus",
            Self::Actionlint => "actionlint",
            Self::Health => "health",
        }
    }

    /// Of what is pinned its version; of what is ours the digest of all that it is made from.
    fn version(self) -> String {
        let module = match self {
            Self::Actionlint => return go::pinned(WORKFLOWS_GO_MOD, ACTIONLINT).to_owned(),
            Self::Helm => HELM,
            Self::HelmUnittest => HELM_UNITTEST,
            Self::Promtool | Self::Prometheus => PROMETHEUS,
            Self::Health => {
                let digest = digest::digest(&digest::SHA256, format!("{GO_MOD}{HEALTH}").as_bytes());
                let (start, _) = digest.as_ref().split_first_chunk().expect("SHA-256 has 32 bytes");
                return format!("{:016x}", u64::from_be_bytes(*start));
            }
        };
        go::pinned(GO_MOD, module).to_owned()
    }

    /// `checkers/<name>-<version>` in the cache.
    fn cache(self) -> PathBuf {
        cache_root().join("checkers").join(format!("{}-{}", self.name(), self.version()))
    }
}

/// The Prometheus Operator's definitions of the kinds that the chart uses, as files.
///
/// # Errors
/// When Go is missing or cannot fetch the module.
pub fn prometheus_definitions() -> Result<[PathBuf; 4], Error> {
    let sources = go::sources("the definitions of the Prometheus Operator", Path::new(MODULE), PROMETHEUS_OPERATOR)?;
    let directory = sources.join("example/prometheus-operator-crd");
    let names = ["servicemonitors", "podmonitors", "prometheusrules", "probes"];
    Ok(names.map(|name| directory.join(format!("monitoring.coreos.com_{name}.yaml"))))
}

/// Modules of which only the definitions are of interest, with the version, the directory in it and the files there. They are not in
/// the module above: what they require of each other's libraries would bind that.
const DEFINITIONS: [(&str, &str, &[&str]); 4] = [
    (
        "github.com/fluxcd/source-controller@v1.7.3",
        "config/crd/bases",
        &["source.toolkit.fluxcd.io_gitrepositories.yaml"],
    ),
    ("github.com/fluxcd/helm-controller@v1.4.3", "config/crd/bases", &["helm.toolkit.fluxcd.io_helmreleases.yaml"]),
    (
        "github.com/fluxcd/kustomize-controller@v1.7.3",
        "config/crd/bases",
        &["kustomize.toolkit.fluxcd.io_kustomizations.yaml"],
    ),
    ("github.com/argoproj/argo-cd/v3@v3.2.1", "manifests/crds", &["application-crd.yaml"]),
];

/// The definitions of all kinds that pages have examples of: those of the Prometheus Operator, of Flux and of Argo CD, as files.
///
/// # Errors
/// When Go is missing or cannot fetch a module.
pub fn definitions() -> Result<Vec<PathBuf>, Error> {
    let mut files = prometheus_definitions()?.to_vec();
    for (module, directory, names) in DEFINITIONS {
        let sources = go::sources_at("the definitions of Flux and Argo CD", module)?;
        files.extend(names.iter().map(|name| sources.join(directory).join(name)));
    }
    Ok(files)
}

/// Without its version Helm refuses charts and plugins that ask for one.
fn helm(_: &Path, output: &Path) -> Result<(), Error> {
    let flags = format!("-s -w -X {HELM}/internal/version.version=v{}", go::pinned(GO_MOD, HELM));
    go::build("helm", Path::new(MODULE), &format!("{HELM}/cmd/helm"), &["-ldflags", &flags], output)
}

fn helm_unittest(_: &Path, output: &Path) -> Result<(), Error> {
    let package = format!("{HELM_UNITTEST}/cmd/helm-unittest");
    go::build("helm-unittest", Path::new(MODULE), &package, &["-ldflags", "-s -w"], output)
}

fn promtool(_: &Path, output: &Path) -> Result<(), Error> {
    of_prometheus("promtool", output)
}

fn prometheus(_: &Path, output: &Path) -> Result<(), Error> {
    of_prometheus("prometheus", output)
}

/// Without service discovery, which is most of it, checks no rule and finds nothing on loopback.
fn of_prometheus(program: &'static str, output: &Path) -> Result<(), Error> {
    let flags = ["-tags", "remove_all_sd", "-ldflags", "-s -w"];
    go::build(program, Path::new(MODULE), &format!("{PROMETHEUS}/cmd/{program}"), &flags, output)
}

fn actionlint(_: &Path, output: &Path) -> Result<(), Error> {
    let package = format!("{ACTIONLINT}/cmd/actionlint");
    go::build("actionlint", Path::new(WORKFLOWS_MODULE), &package, &["-ldflags", "-s -w"], output)
}

fn health(_: &Path, output: &Path) -> Result<(), Error> {
    go::build("health", Path::new(MODULE), "./health", &["-ldflags", "-s -w"], output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_versions_are_those_of_the_go_module() {
        let versions = Checker::ALL.map(Checker::version);
        assert_eq!(versions[..5], ["4.3.2", "1.1.2", "0.316.0", "0.316.0", "1.7.12"]);
        assert_eq!(versions[5].len(), 16);
    }
}
