//! `cargo xtask fuzz`: the targets of `fuzz/`, each for a short time.
//!
//! They are built with the pinned toolchain: the coverage that libFuzzer needs is a pass of LLVM's, which stable compilers
//! can be told of; only the sanitizers, of which there is little need without `unsafe`, ask for nightly ones. `cargo fuzz run
//! -s none` does the same.
//!
//! What a run finds worth keeping goes to the cache, so that the next one starts from there; the seeds in the repository are
//! read, never written.

use std::{
    collections::BTreeSet,
    env, fs, io,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use crate::control_plane::cache_root;

/// The flags of `cargo fuzz -s none` (its `src/project.rs`), without which there is no coverage, and the hooks of the crate.
const FLAGS: [&str; 7] = [
    "--cfg=fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Cforce-frame-pointers=yes",
];
/// Limits of one input: bytes, seconds, and MiB of the whole process.
const LIMITS: [&str; 3] = ["-max_len=8192", "-timeout=10", "-rss_limit_mb=1024"];
/// How many of the last lines of a target that found something are shown.
const TAIL: usize = 30;

/// Why the targets could not be run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is none of that name.
    #[error("there is no fuzz target {name}; there are {}", known.join(", "))]
    Unknown {
        /// What was asked for.
        name: String,
        /// The names that there are.
        known: Vec<String>,
    },
    /// They do not build.
    #[error("building the fuzz targets failed ({0}); they need a C++ compiler beside what the tests need")]
    Build(ExitStatus),
    /// The compiler does not say for which machine it compiles.
    #[error("`rustc -vV` names no host")]
    NoHost,
    /// Something could not be read, written or started.
    #[error("failed to {0}")]
    Io(String, #[source] io::Error),
}

/// What became of one target.
struct Outcome {
    runs: u64,
    /// How many inputs are kept for the next time, without the seeds.
    kept: usize,
    took: Duration,
    /// What was found, and how to see it again.
    finding: Option<String>,
}

/// Build all targets and run these (all when there are none), each for that long and as many at once as there are cores. One
/// line a target is printed; returns whether nothing was found.
///
/// # Errors
/// When a target is not known, does not build or cannot be started.
pub fn run(root: &Path, names: &[String], limit: Duration) -> Result<bool, Error> {
    let folder = root.join("fuzz");
    let folder = folder.canonicalize().map_err(io_error(format!("find {}", folder.display())))?;
    let known = targets(&folder)?;
    if let Some(name) = names.iter().find(|name| !known.contains(*name)) {
        return Err(Error::Unknown { name: name.clone(), known: known.into_iter().collect() });
    }
    let programs = build(&folder)?;
    let waiting = Mutex::new(known.into_iter().filter(|name| names.is_empty() || names.contains(name)));
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work = || {
        let mut found_nothing = true;
        while let Some(name) = next() {
            let outcome = run_target(&folder, &programs, &name, limit)?;
            println!("{}", line(&name, &outcome));
            found_nothing &= outcome.finding.is_none();
        }
        Ok(found_nothing)
    };
    let workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let running: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        let ended = running.into_iter().map(|worker| worker.join().expect("nothing panics in there"));
        ended.collect::<Result<Vec<bool>, Error>>().map(|all| all.into_iter().all(|found_nothing| found_nothing))
    })
}

/// The names of the targets: those of their files.
fn targets(folder: &Path) -> Result<BTreeSet<String>, Error> {
    let files = entries(&folder.join("fuzz_targets"))?.into_iter();
    Ok(files.filter_map(|file| Some(file.file_stem()?.to_str()?.to_owned())).collect())
}

/// Build all targets; returns where their programs are.
fn build(folder: &Path) -> Result<PathBuf, Error> {
    eprintln!("building the fuzz targets …");
    let host = host()?;
    let directory = folder.join("target");
    // With a target of its own name, what runs while it builds (build scripts, macros) is built without these flags.
    let status = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--quiet", "--locked", "--release", "--bins", "--target", &host, "--target-dir"])
        .arg(&directory)
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env("RUSTFLAGS", FLAGS.join(" "))
        .current_dir(folder)
        .stdin(Stdio::null())
        .status()
        .map_err(io_error("start cargo"))?;
    if status.success() { Ok(directory.join(host).join("release")) } else { Err(Error::Build(status)) }
}

fn host() -> Result<String, Error> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("-vV").output().map_err(io_error("start rustc"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().find_map(|line| line.strip_prefix("host: ")).map(str::to_owned).ok_or(Error::NoHost)
}

fn run_target(folder: &Path, programs: &Path, name: &str, limit: Duration) -> Result<Outcome, Error> {
    let grown = cache_root().join("fuzz").join(name);
    let artefacts = folder.join("artifacts").join(name);
    for directory in [&grown, &artefacts] {
        fs::create_dir_all(directory).map_err(io_error(format!("make {}", directory.display())))?;
    }
    let program = programs.join(name);
    let start = Instant::now();
    let output = Command::new(&program)
        .arg(&grown)
        .arg(folder.join("corpus").join(name))
        .arg(format!("-max_total_time={}", limit.as_secs()))
        .arg(format!("-artifact_prefix={}/", artefacts.display()))
        .arg("-print_final_stats=1")
        .args(LIMITS)
        .args(dictionary(folder, name))
        // The place of a panic says enough, and would not be seen for its stack.
        .env("RUST_BACKTRACE", "0")
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .map_err(io_error(format!("start {}", program.display())))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let finding = (!output.status.success()).then(|| finding(&program, output.status, &said));
    Ok(Outcome { runs: runs(&said), kept: entries(&grown)?.len(), took: start.elapsed(), finding })
}

fn dictionary(folder: &Path, name: &str) -> Option<String> {
    let file = folder.join("dictionaries").join(format!("{name}.dict"));
    file.exists().then(|| format!("-dict={}", file.display()))
}

/// How many inputs were tried: in the statistics at the end.
fn runs(said: &str) -> u64 {
    let count = said.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
    count.and_then(|count| count.trim().parse().ok()).unwrap_or_default()
}

/// What a target that ended with this status said at last, and the line that shows it again.
fn finding(program: &Path, status: ExitStatus, said: &str) -> String {
    let lines: Vec<&str> = said.lines().collect();
    let last = lines[lines.len().saturating_sub(TAIL)..].join("\n");
    match lines.iter().find_map(|line| line.split_once("Test unit written to ").map(|(_, path)| path)) {
        Some(input) => format!("{last}\nfound: {input}\nreproduce with: {} {input}", program.display()),
        None => format!("{last}\nended with {status}, and left no input behind"),
    }
}

fn line(name: &str, outcome: &Outcome) -> String {
    let Outcome { runs, kept, took, finding } = outcome;
    let figures = format!("{name:<12} {runs:>9} runs, {kept:>5} inputs kept, {:>4.1} s", took.as_secs_f64());
    match finding {
        Some(finding) => format!("{figures}: FAILED\n{finding}"),
        None => figures,
    }
}

fn entries(directory: &Path) -> Result<Vec<PathBuf>, Error> {
    let read = || fs::read_dir(directory)?.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<_>>();
    read().map_err(io_error(format!("read {}", directory.display())))
}

fn io_error(what: impl Into<String>) -> impl FnOnce(io::Error) -> Error {
    move |error| Error::Io(what.into(), error)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::process::ExitStatusExt as _;

    use super::*;

    const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

    #[test]
    fn every_target_is_a_program_and_has_seeds() {
        let folder = Path::new(ROOT).join("fuzz");
        let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
        let programs: BTreeSet<String> = manifest
            .lines()
            .filter_map(|line| line.strip_prefix("path = \"fuzz_targets/")?.strip_suffix(".rs\""))
            .map(str::to_owned)
            .collect();
        assert_eq!(targets(&folder).unwrap(), programs);
        for name in programs {
            assert!(!entries(&folder.join("corpus").join(&name)).unwrap().is_empty(), "{name}");
        }
    }

    #[test]
    fn an_unknown_target_is_refused_with_those_that_there_are() {
        let error = run(Path::new(ROOT), &["durations".to_owned()], Duration::from_secs(1)).unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("there is no fuzz target durations; there are certificate, chain, "), "{text}");
    }

    #[test]
    fn a_finding_is_told_with_its_input_and_how_to_see_it_again() {
        let said = "thread panicked\n==7== ERROR: libFuzzer: deadly signal\n\
            artifact_prefix='a/'; Test unit written to a/crash-1\nstat::number_of_executed_units: 12\n";
        assert_eq!(runs(said), 12);
        let told = finding(Path::new("bin/text"), ExitStatus::from_raw(77 << 8), said);
        assert!(told.starts_with("thread panicked\n"), "{told}");
        assert!(told.ends_with("\nfound: a/crash-1\nreproduce with: bin/text a/crash-1"), "{told}");
        let told = finding(Path::new("bin/text"), ExitStatus::from_raw(9), "");
        assert!(told.ends_with("ended with signal: 9 (SIGKILL), and left no input behind"), "{told}");
    }
}
