//! What the image is built with: each pinned here, and installed once; buildah and rustup's targets are the machine's.

use std::{
    env, fs,
    io::ErrorKind,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{Error, io_error, run_tool};
use crate::control_plane::cache_root;

/// Puts the list of dependencies into the binary, where scanners read it.
const AUDITABLE: (&str, &str) = ("cargo-auditable", "0.7.7");
/// Writes the bill of materials.
const CYCLONEDX: (&str, &str) = ("cargo-cyclonedx", "0.5.9");
/// The wheel with zig, and its digests.
const REQUIREMENTS: &str = include_str!("../../image/requirements.txt");

pub(super) fn auditable() -> Result<PathBuf, Error> {
    of_cargo(AUDITABLE)
}

pub(super) fn cyclonedx() -> Result<PathBuf, Error> {
    of_cargo(CYCLONEDX)
}

/// Zig, for its C compiler.
pub(super) fn zig(root: &Path) -> Result<PathBuf, Error> {
    let directory = once("ziglang", pinned(REQUIREMENTS), |target| {
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]);
        pip.args(["--only-binary=:all:", "--no-deps", "--requirement"]).arg(root.join("xtask/image/requirements.txt"));
        run_tool("zig, which pip installs (apt-get install python3-pip)", pip.arg("--target").arg(target)).map(drop)
    })?;
    Ok(directory.join("ziglang/zig"))
}

/// Have rustup install the standard library for a target, if it is not there.
pub(super) fn complete_target(root: &Path, triple: &str) -> Result<(), Error> {
    let mut rustup = Command::new("rustup");
    rustup.args(["target", "add", triple]).current_dir(root);
    run_tool("the target of its binaries, which rustup installs", &mut rustup).map(drop)
}

/// Have Debian install buildah, if it is not there.
pub(super) fn complete_buildah() -> Result<(), Error> {
    let found = Command::new("buildah").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !matches!(&found, Err(error) if error.kind() == ErrorKind::NotFound) {
        return Ok(());
    }
    eprintln!("installing buildah");
    let apt_get = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        run_tool("buildah, which is in Debian 12 and newer (as root)", &mut command).map(drop)
    };
    apt_get(&["-q", "update"])?;
    apt_get(&["-qy", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300", "install", "buildah"])
}

fn of_cargo((name, version): (&str, &str)) -> Result<PathBuf, Error> {
    let directory = once(name, version, |target| {
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(["install", "--quiet", "--locked", "--root"]).arg(target).arg(format!("{name}@{version}"));
        run_tool("a subcommand of cargo", &mut cargo).map(drop)
    })?;
    Ok(directory.join("bin").join(name))
}

/// `tools/NAME-VERSION` in the cache; what is not there yet is installed into the directory that `install` is given.
fn once(name: &str, version: &str, install: impl FnOnce(&Path) -> Result<(), Error>) -> Result<PathBuf, Error> {
    let tools = cache_root().join("tools");
    let directory = tools.join(format!("{name}-{version}"));
    if directory.is_dir() {
        return Ok(directory);
    }
    eprintln!("installing {name} {version} (once; a minute)");
    fs::create_dir_all(&tools).map_err(io_error("make the cache directory"))?;
    let partial = tempfile::tempdir_in(&tools).map_err(io_error("make a directory in the cache"))?;
    install(partial.path())?;
    // The name appears only with all of it behind; whoever was quicker has made the same.
    match fs::rename(partial.keep(), &directory) {
        Err(error) if !directory.is_dir() => Err(io_error(format!("move {name} into the cache"))(error)),
        _ => Ok(directory),
    }
}

/// The version that a requirement of pip's pins.
fn pinned(requirements: &str) -> &str {
    let (_, rest) = requirements.split_once("==").expect("a test reads the version");
    rest.split(' ').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_zig_is_that_of_the_requirements() {
        assert_eq!(pinned(REQUIREMENTS), "0.17.1");
    }
}
