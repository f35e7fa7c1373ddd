//! Where the programs of a control plane come from.

use std::{
    env, fmt, fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use super::{Error, build};

/// A program of the control plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// The Kubernetes API server.
    KubeApiserver,
    /// Its database.
    Etcd,
    /// The Kubernetes command line client.
    Kubectl,
    /// What keeps a cluster as it is declared, and counts for quotas. Few tests need it: it is no part of [`Binaries`].
    KubeControllerManager,
}

/// The programs of a control plane, found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binaries {
    /// kube-apiserver.
    pub kube_apiserver: PathBuf,
    /// etcd.
    pub etcd: PathBuf,
    /// kubectl.
    pub kubectl: PathBuf,
}

// === impl Program ===

impl Program {
    /// The file name.
    pub fn name(self) -> &'static str {
        match self {
            Self::KubeApiserver => "kube-apiserver",
            Self::Etcd => "etcd",
            Self::Kubectl => "kubectl",
            Self::KubeControllerManager => "kube-controller-manager",
        }
    }

    /// The program in the directory `KUBEBUILDER_ASSETS`, else in `PATH`, else in the cache.
    ///
    /// # Errors
    /// When it is in none of these places; the error says how to get it.
    pub fn find(self) -> Result<PathBuf, Error> {
        let cache = build::cache();
        find(self, &cache).ok_or(Error::NotFound(self, cache))
    }

    /// As [`Program::find`], and when it is nowhere it is built from the pinned Go module into the cache, with progress on stderr.
    ///
    /// # Errors
    /// When Go is missing or the build fails.
    pub fn find_or_build(self) -> Result<PathBuf, Error> {
        let cache = build::cache();
        find(self, &cache).map_or_else(|| build::build(self, &cache), Ok)
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

// === impl Binaries ===

impl Binaries {
    /// Find all programs, each as [`Program::find`] does.
    ///
    /// # Errors
    /// When one is in none of the places; the error says how to get it.
    pub fn find() -> Result<Self, Error> {
        Self::each(Program::find)
    }

    /// As [`Binaries::find`], and what is nowhere is built.
    ///
    /// # Errors
    /// When Go is missing or the build fails.
    pub fn find_or_build() -> Result<Self, Error> {
        Self::each(Program::find_or_build)
    }

    fn each(get: impl Fn(Program) -> Result<PathBuf, Error>) -> Result<Self, Error> {
        // etcd first: it is built in a minute, so what is wrong with the set-up shows early.
        let etcd = get(Program::Etcd)?;
        let kubectl = get(Program::Kubectl)?;
        Ok(Self { etcd, kubectl, kube_apiserver: get(Program::KubeApiserver)? })
    }
}

fn find(program: Program, cache: &Path) -> Option<PathBuf> {
    let assets = env::var_os("KUBEBUILDER_ASSETS").map(PathBuf::from);
    let path = env::var_os("PATH").unwrap_or_default();
    first_executable(program.name(), assets.into_iter().chain(env::split_paths(&path)).chain([cache.to_owned()]))
}

fn first_executable(name: &str, directories: impl Iterator<Item = PathBuf>) -> Option<PathBuf> {
    directories.map(|directory| directory.join(name)).find(|path| is_executable(path))
}

fn is_executable(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_first_directory_with_an_executable_wins() {
        let root = tempfile::tempdir().unwrap();
        let [absent, plain, good, later] = ["absent", "plain", "good", "later"].map(|name| root.path().join(name));
        for (directory, mode) in [(&plain, 0o644), (&good, 0o755), (&later, 0o755)] {
            fs::create_dir(directory).unwrap();
            fs::write(directory.join("etcd"), "").unwrap();
            fs::set_permissions(directory.join("etcd"), fs::Permissions::from_mode(mode)).unwrap();
        }
        let found = first_executable("etcd", [absent, plain, good.clone(), later].into_iter());
        assert_eq!(found, Some(good.join("etcd")));
        assert_eq!(first_executable("kubectl", [good].into_iter()), None);
    }
}
