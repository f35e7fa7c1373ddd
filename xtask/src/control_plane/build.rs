//! Building the control plane's programs from the Go module that pins them.

use std::{
    env, fs,
    io::{IsTerminal, Write as _, stderr},
    path::{Path, PathBuf},
    process::{self, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::{Error, Program, io_error};

/// The module's own file: the one place where versions are pinned.
const GO_MOD: &str = include_str!("../../control-plane/go.mod");
/// Where the module is.
const MODULE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/control-plane");
/// How often a running build is looked at.
const POLL: Duration = Duration::from_millis(200);
/// How many lines of a failed build are shown.
const TAIL: usize = 20;

/// The version of Kubernetes that is built, without leading `v`.
pub fn kubernetes_version() -> &'static str {
    pinned("k8s.io/kubernetes")
}

/// Where everything is kept that outlives a clone: `ssl-monitor-operator` in `XDG_CACHE_HOME`, else in `~/.cache`.
pub(crate) fn cache_root() -> PathBuf {
    let base = env::var_os("XDG_CACHE_HOME").filter(|path| Path::new(path).is_absolute()).map(PathBuf::from);
    let base = base.or_else(|| env::home_dir().map(|home| home.join(".cache"))).unwrap_or_else(env::temp_dir);
    base.join("ssl-monitor-operator")
}

/// Where built programs are kept: `control-plane/<Kubernetes>-<etcd>` in the [cache](cache_root).
pub(super) fn cache() -> PathBuf {
    let versions = format!("{}-{}", kubernetes_version(), pinned("go.etcd.io/etcd/server/v3"));
    cache_root().join("control-plane").join(versions)
}

/// Build `program` into `cache`, unless another process has just done so.
pub(super) fn build(program: Program, cache: &Path) -> Result<PathBuf, Error> {
    check_go(program)?;
    fs::create_dir_all(cache).map_err(io_error(format!("make the cache directory {}", cache.display())))?;
    let _lock = lock(cache)?;
    let path = cache.join(program.name());
    remove_partials(cache)?;
    if path.exists() {
        return Ok(path);
    }
    let partial = cache.join(format!(".{program}.{}.partial", process::id()));
    run_go_build(program, &partial, &cache.join(format!("{program}.build.log")))?;
    // The name appears only with a complete file behind it.
    fs::rename(&partial, &path).map_err(io_error(format!("move the built program to {}", path.display())))?;
    Ok(path)
}

/// Remove what builds that broke off (Ctrl-C) left: while the cache is locked, no other one goes on.
fn remove_partials(cache: &Path) -> Result<(), Error> {
    let failed = || io_error(format!("clear the cache directory {}", cache.display()));
    for entry in fs::read_dir(cache).map_err(failed())? {
        let path = entry.map_err(failed())?.path();
        if path.extension().is_some_and(|end| end == "partial") {
            fs::remove_file(&path).map_err(failed())?;
        }
    }
    Ok(())
}

fn check_go(program: Program) -> Result<(), Error> {
    let failed = |found| Error::NoGo { program, needed: go_directive("go "), found };
    // In the module's directory: Go then says by itself whether it is new enough, or gets a newer one if it is allowed to.
    match Command::new("go").arg("version").current_dir(MODULE).stdin(Stdio::null()).output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned())),
        Err(error) => Err(failed(format!("`go` cannot be run ({error})"))),
    }
}

fn lock(cache: &Path) -> Result<fs::File, Error> {
    let path = cache.join(".lock");
    let file = fs::File::create(&path).map_err(io_error(format!("open {}", path.display())))?;
    if file.try_lock().is_err() {
        eprintln!("waiting for another build of the control plane ({})", path.display());
        file.lock().map_err(io_error(format!("lock {}", path.display())))?;
    }
    Ok(file)
}

fn run_go_build(program: Program, output: &Path, log: &Path) -> Result<(), Error> {
    let messages = fs::File::create(log).map_err(io_error(format!("write {}", log.display())))?;
    let (package, version) = package(program);
    let mut child = Command::new("go")
        .args(["build", "-tags", "providerless", "-ldflags", &ldflags(program), "-o"])
        .arg(output)
        .arg(package)
        .current_dir(MODULE)
        .env("CGO_ENABLED", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(messages)
        .spawn()
        .map_err(io_error("start `go build`"))?;
    let mut progress = Progress::start(format!("building {program} {version}{}", estimate(program)));
    let status = loop {
        match child.try_wait().map_err(io_error("wait for `go build`"))? {
            Some(status) => break status,
            None => progress.tick(),
        }
        thread::sleep(POLL);
    };
    progress.end(if status.success() { "done" } else { "failed" });
    if status.success() {
        return Ok(());
    }
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let tail = lines[lines.len().saturating_sub(TAIL)..].join("\n");
    Err(Error::Build { program, status: status.to_string(), tail })
}

/// The Go package of a program, and its version without leading `v`.
fn package(program: Program) -> (&'static str, &'static str) {
    match program {
        Program::KubeApiserver => ("k8s.io/kubernetes/cmd/kube-apiserver", kubernetes_version()),
        Program::Kubectl => ("k8s.io/kubernetes/cmd/kubectl", kubernetes_version()),
        Program::KubeControllerManager => ("k8s.io/kubernetes/cmd/kube-controller-manager", kubernetes_version()),
        Program::Etcd => ("go.etcd.io/etcd/server/v3", pinned("go.etcd.io/etcd/server/v3")),
    }
}

/// Without its version the API server says that it is v0.0.0-master, and clients and feature gates misbehave.
fn ldflags(program: Program) -> String {
    let version = kubernetes_version();
    let mut parts = version.split('.');
    let (major, minor) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let set = |name: &str, value: &str| format!(" -X k8s.io/component-base/version.{name}={value}");
    let kubernetes = format!(
        "{}{}{}{}",
        set("gitVersion", &format!("v{version}")),
        set("gitMajor", major),
        set("gitMinor", minor),
        set("gitTreeState", "clean")
    );
    format!("-s -w{}", if program == Program::Etcd { "" } else { &kubernetes })
}

fn estimate(program: Program) -> &'static str {
    match program {
        Program::KubeApiserver => " (once; about 10 minutes on two cores)",
        Program::KubeControllerManager => " (once; about 2 minutes on two cores after kube-apiserver)",
        Program::Etcd | Program::Kubectl => " (once; a minute or two)",
    }
}

/// The version of a directly required module, without leading `v`.
fn pinned(module: &str) -> &'static str {
    go_directive(&format!("\t{module} v"))
}

/// The rest of the line of go.mod that starts with `start`.
fn go_directive(start: &str) -> &'static str {
    GO_MOD.lines().find_map(|line| line.strip_prefix(start)).expect("go.mod names its versions, and a test reads them")
}

/// One line on stderr: rewritten every second on a terminal, repeated every minute elsewhere.
struct Progress {
    text: String,
    started: Instant,
    shown: Duration,
    every: Duration,
    terminal: bool,
}

impl Progress {
    fn start(text: String) -> Self {
        let terminal = stderr().is_terminal();
        let every = Duration::from_secs(if terminal { 1 } else { 60 });
        eprint!("{text} …{}", if terminal { "" } else { "\n" });
        Self { text, started: Instant::now(), shown: Duration::ZERO, every, terminal }
    }

    fn tick(&mut self) {
        let elapsed = self.started.elapsed();
        if elapsed >= self.shown + self.every {
            self.shown = elapsed;
            self.show(if self.terminal { "" } else { "\n" });
        }
    }

    fn end(self, how: &str) {
        self.show(&format!(", {how}\n"));
    }

    fn show(&self, end: &str) {
        let (seconds, start) = (self.started.elapsed().as_secs(), if self.terminal { "\r" } else { "" });
        eprint!("{start}{} … {}m{:02}s{end}", self.text, seconds / 60, seconds % 60);
        // A progress line that cannot be shown is no reason to stop a build.
        let _ = stderr().flush();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_versions_are_those_of_the_go_module() {
        let versions = (kubernetes_version(), pinned("go.etcd.io/etcd/server/v3"), go_directive("go "));
        assert_eq!(versions, ("1.37.2", "3.7.0", "1.26.0"));
    }

    #[test]
    fn what_a_broken_off_build_left_goes_and_all_else_stays() -> Result<(), Box<dyn std::error::Error>> {
        let cache = tempfile::tempdir()?;
        let all = [".etcd.1.partial", ".kube-apiserver.2.partial", ".lock", "etcd", "etcd.build.log"];
        all.iter().try_for_each(|name| fs::write(cache.path().join(name), "x"))?;
        remove_partials(cache.path())?;
        let left = all.map(|name| cache.path().join(name).exists());
        assert_eq!(left, [false, false, true, true, true]);
        Ok(())
    }

    #[test]
    fn kubernetes_programs_are_told_their_version() {
        let flags = "-s -w -X k8s.io/component-base/version.gitVersion=v1.37.2 \
                     -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=37 \
                     -X k8s.io/component-base/version.gitTreeState=clean";
        assert_eq!(ldflags(Program::KubeApiserver), flags);
        assert_eq!(ldflags(Program::Etcd), "-s -w");
    }
}
