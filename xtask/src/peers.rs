//! Real receivers for the tests of notifications: Alertmanager and Mailpit, built from the Go module that pins them.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::{self, Command, Output, Stdio},
};

/// The module's own file: the one place where versions are pinned.
const GO_MOD: &str = include_str!("../peers/go.mod");
/// Where the module is.
const MODULE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peers");
const ALERTMANAGER: &str = "github.com/prometheus/alertmanager";
const MAILPIT: &str = "github.com/axllent/mailpit";
/// How many lines of a failed build are shown.
const TAIL: usize = 20;

/// The programs, found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peers {
    /// Prometheus Alertmanager.
    pub alertmanager: PathBuf,
    /// Mailpit, a mail server that shows what it got.
    pub mailpit: PathBuf,
}

/// Why there are no such programs.
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

// === impl Peers ===

impl Peers {
    /// The programs in the cache.
    ///
    /// # Errors
    /// When one is not there; the error says how to get it.
    pub fn find() -> Result<Self, Error> {
        let cache = cache();
        let find = |name: &str| {
            let path = cache.join(name);
            if path.is_file() { Ok(path) } else { Err(Error::NotFound(path)) }
        };
        Ok(Self { alertmanager: find("alertmanager")?, mailpit: find("mailpit")? })
    }

    /// As [`Peers::find`], and what is missing is built into the cache, which takes some minutes.
    ///
    /// # Errors
    /// When Go is missing or a build fails.
    pub fn find_or_build() -> Result<Self, Error> {
        if let Ok(found) = Self::find() {
            return Ok(found);
        }
        let cache = cache();
        fs::create_dir_all(&cache).map_err(io_error("make the cache directory"))?;
        // Held until the end: whoever else builds waits, and then finds.
        let lock = fs::File::create(cache.join(".lock")).map_err(io_error("open the lock file"))?;
        lock.lock().map_err(io_error("lock the cache"))?;
        for (program, build) in [("mailpit", mailpit as Build), ("alertmanager", alertmanager)] {
            if !cache.join(program).is_file() {
                eprintln!("building {program} (once; a few minutes)");
                let partial = cache.join(format!(".{program}.{}.partial", process::id()));
                build(&cache, &partial)?;
                // The name appears only with a complete file behind it.
                fs::rename(&partial, cache.join(program)).map_err(io_error("move the built program"))?;
            }
        }
        Self::find()
    }
}

/// Builds a program into the file that comes second; the first is the cache.
type Build = fn(&Path, &Path) -> Result<(), Error>;

fn mailpit(_: &Path, output: &Path) -> Result<(), Error> {
    go_build("mailpit", Path::new(MODULE), MAILPIT, output)
}

/// The sources of its web interface are not in the module, only what embeds it: a copy of the module gets an empty one.
fn alertmanager(cache: &Path, output: &Path) -> Result<(), Error> {
    let fetched = go("mod download", "alertmanager", Path::new(MODULE), &["mod", "download", ALERTMANAGER])
        .and_then(|_| go("list", "alertmanager", Path::new(MODULE), &["list", "-m", "-f", "{{.Dir}}", ALERTMANAGER]))?;
    let module = PathBuf::from(String::from_utf8_lossy(&fetched.stdout).trim());
    let copy = tempfile::Builder::new()
        .prefix(".alertmanager-")
        .tempdir_in(cache)
        .map_err(io_error("make a temporary directory"))?;
    copy_tree(&module, copy.path()).map_err(io_error(format!("copy {}", module.display())))?;
    let interface = copy.path().join("ui/app/dist");
    fs::create_dir_all(&interface)
        .and_then(|()| fs::write(interface.join("index.html"), ""))
        .map_err(io_error("write an empty web interface"))?;
    go_build("alertmanager", copy.path(), "./cmd/alertmanager", output)
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

fn go_build(program: &'static str, directory: &Path, package: &str, output: &Path) -> Result<(), Error> {
    let output = output.display().to_string();
    go("build", program, directory, &["build", "-ldflags", "-s -w", "-o", &output, package]).map(|_| ())
}

fn go(command: &'static str, program: &'static str, directory: &Path, arguments: &[&str]) -> Result<Output, Error> {
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

/// `ssl-monitor-operator/peers/<versions>` in `XDG_CACHE_HOME`, else in `~/.cache`.
fn cache() -> PathBuf {
    let base = env::var_os("XDG_CACHE_HOME").filter(|path| Path::new(path).is_absolute()).map(PathBuf::from);
    let base = base.or_else(|| env::home_dir().map(|home| home.join(".cache"))).unwrap_or_else(env::temp_dir);
    base.join("ssl-monitor-operator/peers").join(format!("{}-{}", pinned(ALERTMANAGER), pinned(MAILPIT)))
}

/// The version of a directly required module, without leading `v`.
fn pinned(module: &str) -> &'static str {
    let start = format!("\t{module} v");
    GO_MOD.lines().find_map(|line| line.strip_prefix(&start)).expect("go.mod names its versions, and a test reads them")
}

fn io_error(action: impl Into<String>) -> impl FnOnce(io::Error) -> Error {
    let action = action.into();
    move |source| Error::Io { action, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_versions_are_those_of_the_go_module() {
        assert_eq!((pinned(ALERTMANAGER), pinned(MAILPIT)), ("0.34.2", "1.27.11"));
    }
}
