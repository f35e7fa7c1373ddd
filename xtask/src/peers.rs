//! Real receivers for the tests of notifications: Alertmanager and Mailpit, built from the Go module that pins them.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{
    control_plane::cache_root,
    go::{self, Error, io_error},
};

/// The module's own file: the one place where versions are pinned.
const GO_MOD: &str = include_str!("../peers/go.mod");
/// Where the module is.
const MODULE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peers");
const ALERTMANAGER: &str = "github.com/prometheus/alertmanager";
const MAILPIT: &str = "github.com/axllent/mailpit";
/// Without debug information.
const SMALL: [&str; 2] = ["-ldflags", "-s -w"];

/// The programs, found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peers {
    /// Prometheus Alertmanager.
    pub alertmanager: PathBuf,
    /// Mailpit, a mail server that shows what it got.
    pub mailpit: PathBuf,
}

// === impl Peers ===

impl Peers {
    /// The programs in the cache.
    ///
    /// # Errors
    /// When one is not there; the error says how to get it.
    pub fn find() -> Result<Self, Error> {
        let cache = cache();
        Ok(Self { alertmanager: go::find(&cache, "alertmanager")?, mailpit: go::find(&cache, "mailpit")? })
    }

    /// As [`Peers::find`], and what is missing is built into the cache, which takes some minutes.
    ///
    /// # Errors
    /// When Go is missing or a build fails.
    pub fn find_or_build() -> Result<Self, Error> {
        go::complete(&cache(), &[("mailpit", mailpit), ("alertmanager", alertmanager)])?;
        Self::find()
    }
}

fn mailpit(_: &Path, output: &Path) -> Result<(), Error> {
    go::build("mailpit", Path::new(MODULE), MAILPIT, &SMALL, output)
}

/// The sources of its web interface are not in the module, only what embeds it: a copy of the module gets an empty one.
fn alertmanager(cache: &Path, output: &Path) -> Result<(), Error> {
    let module = go::sources("alertmanager", Path::new(MODULE), ALERTMANAGER)?;
    let copy = tempfile::Builder::new()
        .prefix(".alertmanager-")
        .tempdir_in(cache)
        .map_err(io_error("make a temporary directory"))?;
    copy_tree(&module, copy.path()).map_err(io_error(format!("copy {}", module.display())))?;
    let interface = copy.path().join("ui/app/dist");
    fs::create_dir_all(&interface)
        .and_then(|()| fs::write(interface.join("index.html"), ""))
        .map_err(io_error("write an empty web interface"))?;
    go::build("alertmanager", copy.path(), "./cmd/alertmanager", &SMALL, output)
}

/// The files of a module, writable unlike in Go's own cache.
fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_tree(&entry.path(), &target)?;
        } else {
            fs::write(target, fs::read(entry.path())?)?;
        }
    }
    Ok(())
}

/// `peers/<versions>` in the cache.
fn cache() -> PathBuf {
    cache_root().join("peers").join(format!("{}-{}", pinned(ALERTMANAGER), pinned(MAILPIT)))
}

/// The version of a directly required module, without leading `v`.
fn pinned(module: &str) -> &'static str {
    go::pinned(GO_MOD, module)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_versions_are_those_of_the_go_module() {
        assert_eq!((pinned(ALERTMANAGER), pinned(MAILPIT)), ("0.34.2", "1.27.11"));
    }
}
