//! `cargo xtask`: what a contributor types.

use std::{
    env,
    path::{Path, PathBuf},
    process::{self, ExitCode},
    time::Duration,
};

use clap::{Parser, Subcommand};
use xtask::{
    bench,
    checkers::Checker,
    control_plane::{Binaries, ControlPlane, Program},
    demo, fuzz, generate,
    helm::Helm,
    image, install, krew,
    peers::Peers,
    release, servers,
};

/// What a contributor to ssl-monitor-operator types.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// See the operator at work on a farm of TLS servers: valid, expiring, expired, wrong name, self-signed…
    Demo {
        /// End when the table is complete; exit code 0 only if every row is as it should be
        #[arg(long)]
        once: bool,
    },
    /// Run all tests, those against a real API server and other real servers included
    Test {
        /// Handed to `cargo test`, for example `--test cluster` or `--test cluster -- idle`
        #[arg(allow_hyphen_values = true, value_name = "ARGUMENT")]
        arguments: Vec<String>,
        /// Handed to the tests themselves, for example `idle` or `--nocapture`
        #[arg(last = true, value_name = "TEST ARGUMENT")]
        rest: Vec<String>,
    },
    /// Write the files that are generated: from the types (crds/) and from the chart (its README, deploy/base/install.yaml)
    Generate {
        /// Write nothing; fail when a file is not as it would be written
        #[arg(long)]
        check: bool,
    },
    /// Measure, in the release profile, what probes, the operator with many monitors and `check` cost, and what hostile servers leave behind
    Bench {
        /// What to measure [default: all]
        parts: Vec<bench::Part>,
        #[command(flatten)]
        amount: bench::Amount,
    },
    /// What `bench` runs in the release profile.
    #[command(hide = true)]
    BenchPart {
        /// What to measure
        part: bench::Part,
        #[command(flatten)]
        amount: bench::Amount,
    },
    /// The servers that `bench` probes, in a process of their own.
    #[command(hide = true)]
    BenchServers {
        /// Where to tell of them
        directory: PathBuf,
        /// How many; the hostile ones when it is not said
        count: Option<u16>,
    },
    /// Give random input to what reads the input of others (the targets in fuzz/), each for some seconds
    Fuzz {
        /// Which targets [default: all]
        targets: Vec<String>,
        /// How long each runs
        #[arg(long, value_name = "N", default_value_t = 5)]
        #[arg(value_parser = clap::value_parser!(u64).range(1..))]
        seconds: u64,
    },
    /// Install the servers that the tests of STARTTLS start: packages of Debian 12, as root; nothing is started
    Servers,
    /// Build the container image as an OCI layout, and test what is in it: Debian 12 or newer, as root
    Image {
        /// For which platform [default: all]
        #[arg(long = "arch", value_name = "ARCH")]
        archs: Vec<image::Arch>,
        /// Where to: the layout becomes its `oci` [default: target/image]
        #[arg(long, value_name = "DIRECTORY")]
        output: Option<PathBuf>,
        /// Where the sources are published, for the label org.opencontainers.image.source
        #[arg(long, value_name = "URL")]
        source: Option<String>,
    },
    /// Lay out the files of a release: archives, chart, install.yaml, krew manifest, bills of materials and their digests, of what `image` has built
    Release {
        #[command(flatten)]
        names: release::Names,
        /// What `image` has built [default: target/image]
        #[arg(long, value_name = "DIRECTORY")]
        image: Option<PathBuf>,
        /// Where to; it must not exist
        directory: PathBuf,
    },
    /// Print the krew manifest of `kubectl sslmonitor` for the archives of a release, kubectl-sslmonitor-VERSION-OS-ARCH.tar.gz
    Krew {
        /// Where the archives will be fetched from
        #[arg(long)]
        url: String,
        /// Where they are now
        directory: PathBuf,
    },
    /// Run a control plane of your own (etcd and kube-apiserver on loopback) until Ctrl-C
    ControlPlane {
        /// Only get the programs: find them, or build them into the cache
        #[arg(long)]
        build_only: bool,
    },
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // The benchmark compares on one thread.
    let mut runtime = match arguments.command {
        Command::BenchPart { part: bench::Part::Engine, .. } => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    let result = runtime.enable_all().build().map_err(Failure::from);
    let result = result.and_then(|runtime| runtime.block_on(run(arguments.command)));
    result.unwrap_or_else(|error| {
        eprintln!("error: {}", chain(error.as_ref()));
        ExitCode::FAILURE
    })
}

async fn run(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Demo { once } => Ok(exit_code(demo::run(root(), once).await?)),
        Command::Test { arguments, rest } => test(&arguments, &rest),
        Command::Generate { check } => generate(check),
        Command::Bench { parts, amount } => Ok(exit_code(bench::build_and_run(root(), &parts, amount)?)),
        Command::BenchPart { part, amount } => {
            bench::run_part(root(), part, amount).await?;
            Ok(ExitCode::SUCCESS)
        }
        Command::BenchServers { directory, count } => {
            match count {
                Some(count) => bench::serve(&directory, count).await?,
                None => bench::serve_hostile(&directory).await?,
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Fuzz { targets, seconds } => Ok(exit_code(fuzz::run(root(), &targets, Duration::from_secs(seconds))?)),
        Command::Servers => {
            servers::install()?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Image { archs, output, source } => build_image(&archs, output, source.as_deref()),
        Command::Release { names, image, directory } => {
            let image = image.unwrap_or_else(|| image::default_directory(root()));
            names.lay_out(root(), &Helm::new(&Checker::Helm.find_or_build()?), &image, &directory)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Krew { url, directory } => {
            print!("{}", krew::manifest(root(), env!("CARGO_PKG_VERSION"), &url, &directory)?);
            Ok(ExitCode::SUCCESS)
        }
        Command::ControlPlane { build_only } => control_plane(build_only).await,
    }
}

/// The repository.
fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn exit_code(good: bool) -> ExitCode {
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn test(arguments: &[String], rest: &[String]) -> Result<ExitCode, Failure> {
    Binaries::find_or_build()?;
    Program::KubeControllerManager.find_or_build()?;
    Peers::find_or_build()?;
    Checker::ALL.into_iter().try_for_each(|checker| checker.find_or_build().map(drop))?;
    // Cluster tests mostly wait: more threads than cores are quicker.
    let threads = env::var_os("RUST_TEST_THREADS").unwrap_or_else(|| "8".into());
    let status =
        cargo().args(cargo_test(arguments, rest)).env("RUST_TEST_THREADS", threads).current_dir(root()).status()?;
    Ok(exit_code(status.success()))
}

/// The arguments of cargo. A `--` is among the first ones, unless they are none: then the parser has taken it out.
fn cargo_test<'a>(arguments: &'a [String], rest: &'a [String]) -> Vec<&'a str> {
    let mut parts = arguments.splitn(2, |argument| argument == "--");
    let (for_cargo, for_tests) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    // The tests that need other programs are ignored in a plain `cargo test`; here nothing is.
    let fixed = |words: &'static [&'static str]| words.iter().copied();
    let given = |words: &'a [String]| words.iter().map(String::as_str);
    fixed(&["test", "--workspace"])
        .chain(given(for_cargo))
        .chain(fixed(&["--", "--include-ignored"]))
        .chain(given(for_tests))
        .chain(given(rest))
        .collect()
}

/// Build it, and run the tests that look at it.
fn build_image(archs: &[image::Arch], output: Option<PathBuf>, source: Option<&str>) -> Result<ExitCode, Failure> {
    let archs = if archs.is_empty() { &image::Arch::ALL } else { archs };
    let directory = std::path::absolute(output.unwrap_or_else(|| image::default_directory(root())))?;
    image::build(root(), &image::Request { archs, directory: &directory, source })?;
    let names: Vec<&str> = archs.iter().map(|arch| arch.name()).collect();
    Binaries::find_or_build()?;
    Checker::Helm.find_or_build()?;
    let status = cargo()
        .args(["test", "--test", "image", "--", "--include-ignored"])
        .env(image::DIRECTORY_VARIABLE, &directory)
        .env(image::ARCHS_VARIABLE, names.join(","))
        .current_dir(root())
        .status()?;
    println!("the image is in {}", directory.join("oci").display());
    Ok(exit_code(status.success()))
}

fn cargo() -> process::Command {
    process::Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

fn generate(check: bool) -> Result<ExitCode, Failure> {
    let rendered = install::render(&Helm::new(&Checker::Helm.find_or_build()?), root())?;
    if !check {
        for path in generate::write(root(), &rendered)? {
            println!("wrote {}", path.display());
        }
        return Ok(ExitCode::SUCCESS);
    }
    let differences = generate::check(root(), &rendered)?;
    for generate::Difference { path, diff } in &differences {
        println!("{} is not as it would be written:\n{diff}", path.display());
    }
    if differences.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    Err("generated files differ: run `cargo xtask generate` and commit the result".into())
}

async fn control_plane(build_only: bool) -> Result<ExitCode, Failure> {
    let binaries = Binaries::find_or_build()?;
    if build_only {
        Program::KubeControllerManager.find_or_build()?;
        println!("{}\n{}\n{}", binaries.kube_apiserver.display(), binaries.etcd.display(), binaries.kubectl.display());
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("starting etcd and kube-apiserver …");
    let control_plane = ControlPlane::start(&binaries).await?;
    let version = control_plane.client().await?.apiserver_version().await?.git_version;
    println!("Kubernetes {version} is ready at {}. In another terminal:\n", control_plane.server());
    println!("    export KUBECONFIG={}", control_plane.kubeconfig().display());
    println!("    {} get namespaces\n", binaries.kubectl.display());
    println!(
        "Logs and audit.log are in {}. Ctrl-C stops it and removes everything.",
        control_plane.directory().display()
    );
    tokio::signal::ctrl_c().await?;
    Ok(ExitCode::SUCCESS)
}

/// The error and its causes on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use std::fs;

    use super::*;

    fn cargo_line(typed: &str) -> String {
        let line = ["cargo xtask", "test"].into_iter().chain(typed.split_whitespace());
        match Arguments::try_parse_from(line).map(|arguments| arguments.command) {
            Ok(Command::Test { arguments, rest }) => cargo_test(&arguments, &rest).join(" "),
            _ => format!("{typed}: is not understood"),
        }
    }

    #[test]
    fn arguments_after_the_dashes_are_for_the_tests_and_the_others_for_cargo() {
        for (typed, cargo, tests) in [
            ("", "", ""),
            ("--locked", " --locked", ""),
            ("--test cluster", " --test cluster", ""),
            ("--test cluster -- NAME", " --test cluster", " NAME"),
            ("-p xtask --lib -- --nocapture --skip x", " -p xtask --lib", " --nocapture --skip x"),
            ("-- idle", "", " idle"),
            ("-- --nocapture", "", " --nocapture"),
            ("-- --nocapture -- x", "", " --nocapture -- x"),
            ("idle -- --nocapture", " idle", " --nocapture"),
        ] {
            assert_eq!(cargo_line(typed), format!("test --workspace{cargo} -- --include-ignored{tests}"), "{typed}");
        }
    }

    /// Every line that calls `cargo xtask` in a script, from the subcommand on; one that goes on below is one.
    fn calls(script: &str) -> Vec<Vec<String>> {
        let script = fs::read_to_string(root().join(script)).unwrap().replace("\\\n", " ");
        let lines = script.lines().map(str::trim).filter(|line| !line.starts_with('#'));
        let called = lines.filter_map(|line| line.split_once("cargo xtask ")).map(|(_, rest)| rest);
        called.map(|words| words.split_whitespace().map(|word| word.trim_matches('"').to_owned()).collect()).collect()
    }

    #[test]
    fn what_the_workflows_and_ci_call_is_understood() {
        let subcommands = |script| -> Vec<String> {
            let understood = calls(script).into_iter().map(|words| {
                let line = ["cargo xtask".to_owned()].into_iter().chain(words.clone());
                Arguments::try_parse_from(line).unwrap_or_else(|error| panic!("{script}: {words:?}: {error}"));
                words[0].clone()
            });
            understood.collect()
        };
        assert_eq!(subcommands(".github/workflows/ci.yml"), Vec::<String>::new());
        assert_eq!(subcommands(".github/workflows/release.yml"), ["image", "release"]);
        let ci = ["generate", "control-plane", "demo", "fuzz", "servers", "image", "test"];
        assert_eq!(subcommands(".ci/run"), ci);
    }

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
    }
}
