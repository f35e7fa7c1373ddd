//! Building programs from Go modules that pin them: once, into the cache.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::{self, Command, Output, Stdio},
};

/// How many lines of a failed build are shown.
const TAIL: usize = 20;

/// Why there is no such program.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A program has not been built yet.
    #[error("{} is missing; run `cargo xtask test`, which builds it once", .0.display())]
    NotFound(PathBuf),
    /// A `go` command failed.
    #[error("`go {command}` for {program} failed ({status}); it said:\n{tail}")]
    Go {
        /// What was run.
        command: &'static str,
        /// What for.
        program: &'static str,
        /// How it ended.
        status: String,
        /// The end of its output.
        tail: String,
    },
    /// Something about our own files or processes.
    #[error("cannot {action}")]
    Io {
        /// What was tried.
        action: String,
        /// Why it failed.
        source: io::Error,
    },
}

/// Builds a program into the file that comes second; the first is the cache.
pub(crate) type Build = fn(&Path, &Path) -> Result<(), Error>;

/// The program in the cache.
///
/// # Errors
/// When it is not there; the error says how to get it.
pub(crate) fn find(cache: &Path, program: &str) -> Result<PathBuf, Error> {
    let path = cache.join(program);
    if path.is_file() { Ok(path) } else { Err(Error::NotFound(path)) }
}

/// Build what is missing of `programs` into the cache, one after the other.
///
/// # Errors
/// When Go is missing or a build fails.
pub(crate) fn complete(cache: &Path, programs: &[(&'static str, Build)]) -> Result<(), Error> {
    if programs.iter().all(|(program, _)| cache.join(program).is_file()) {
        return Ok(());
    }
    fs::create_dir_all(cache).map_err(io_error("make the cache directory"))?;
    // Held until the end: whoever else builds waits, and then finds.
    let lock = fs::File::create(cache.join(".lock")).map_err(io_error("open the lock file"))?;
    lock.lock().map_err(io_error("lock the cache"))?;
    for (program, build) in programs.iter().filter(|(program, _)| !cache.join(program).is_file()) {
        eprintln!("building {program} (once; a few minutes)");
        let partial = cache.join(format!(".{program}.{}.partial", process::id()));
        build(cache, &partial)?;
        // The name appears only with a complete file behind it.
        fs::rename(&partial, cache.join(program)).map_err(io_error("move the built program"))?;
    }
    Ok(())
}

/// `go build` of a package of the module in `directory`, without debug information; `flags` come before the package.
pub(crate) fn build(
    program: &'static str,
    directory: &Path,
    package: &str,
    flags: &[&str],
    output: &Path,
) -> Result<(), Error> {
    let output = output.display().to_string();
    let arguments = [&["build", "-o", &output][..], flags, &[package]].concat();
    run("build", program, directory, &arguments).map(|_| ())
}

/// Where Go keeps the sources of a module that the one in `directory` requires; they are fetched when they are not there.
pub(crate) fn sources(program: &'static str, directory: &Path, module: &str) -> Result<PathBuf, Error> {
    run("mod download", program, directory, &["mod", "download", module])?;
    let listed = run("list", program, directory, &["list", "-m", "-f", "{{.Dir}}", module])?;
    Ok(PathBuf::from(String::from_utf8_lossy(&listed.stdout).trim()))
}

/// Where Go keeps the sources of a module at a version, `MODULE@VERSION`, that no module of ours requires; they are fetched when they are
/// not there.
pub(crate) fn sources_at(program: &'static str, module: &str) -> Result<PathBuf, Error> {
    let directory = tempfile::tempdir().map_err(io_error("make a temporary directory"))?;
    let said = run("mod download", program, directory.path(), &["mod", "download", "-json", module])?;
    let found: serde_json::Value = serde_json::from_slice(&said.stdout).unwrap_or_default();
    Ok(PathBuf::from(found["Dir"].as_str().unwrap_or_default()))
}

/// Run `go` in the module in `directory`.
fn run(command: &'static str, program: &'static str, directory: &Path, arguments: &[&str]) -> Result<Output, Error> {
    let output = Command::new("go")
        .args(arguments)
        .current_dir(directory)
        .env("CGO_ENABLED", "0")
        .stdin(Stdio::null())
        .output()
        .map_err(io_error("run `go`; install it from https://go.dev/dl/"))?;
    if output.status.success() {
        return Ok(output);
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = text.lines().collect();
    let tail = lines[lines.len().saturating_sub(TAIL)..].join("\n");
    Err(Error::Go { command, program, status: output.status.to_string(), tail })
}

/// The version that the text of a go.mod directly requires of a module, without leading `v`.
pub(crate) fn pinned<'a>(go_mod: &'a str, module: &str) -> &'a str {
    let start = format!("\t{module} v");
    go_mod.lines().find_map(|line| line.strip_prefix(&start)).expect("go.mod names its versions, and a test reads them")
}

pub(crate) fn io_error(action: impl Into<String>) -> impl FnOnce(io::Error) -> Error {
    let action = action.into();
    move |source| Error::Io { action, source }
}
