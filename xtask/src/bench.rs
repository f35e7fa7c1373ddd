//! `cargo xtask bench`: what a probe costs, beside what it must cost at least; what the operator needs for many monitors;
//! what `check` needs for many targets; and what is left behind by many probes of hostile servers.
//!
//! The servers run in a process of their own, so that only the clients' CPU time counts. Bare client and engine take turns
//! in one process, so that a busy machine slows both, and their ratio is what to look at.

mod bare;
mod check;
mod engine;
mod hostile;
mod operator;
mod process;
mod report;
mod servers;

use std::{
    env, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use clap::{Args, ValueEnum};
use ssl_monitor_operator::api::{CaBundle, KeyRef, SslMonitor, SslMonitorSpec, TlsSpec};

use self::servers::Served;
pub use self::{hostile::serve as serve_hostile, servers::serve};

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// CPU time of a probe, beside a bare rustls handshake
    Engine,
    /// The operator with many monitors, on a control plane of its own
    Operator,
    /// `sslmonitor check` on 2,000 targets
    Check,
    /// Memory after many probes of hostile servers
    Hostile,
}

/// How much is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Args)]
pub struct Amount {
    /// How many monitors the operator has to bear
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub monitors: usize,
    /// How many times hostile servers are probed
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    pub probes: usize,
}

/// The ConfigMap with the servers' root, and its key.
const BUNDLE: (&str, &str) = ("bench-ca", "ca.crt");

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Build everything in the release profile and measure these parts there (all when there are none); returns
/// whether all ran.
///
/// # Errors
/// When cargo cannot be started.
pub fn build_and_run(root: &Path, parts: &[Part], amount: Amount) -> io::Result<bool> {
    eprintln!("building the release profile …");
    // Both packages, so that the operator is built with what this program is built with, and nothing is built twice.
    let build = ["build", "--quiet", "--release", "--package", "ssl-monitor-operator", "--package", "xtask"];
    if !cargo(root, &[&build[..], &["--bin", "sslmonitor"]].concat())? {
        return Ok(false);
    }
    let parts = if parts.is_empty() { Part::value_variants() } else { parts };
    for part in parts {
        let name = part.to_possible_value().expect("no part is skipped");
        let (monitors, probes) = (amount.monitors.to_string(), amount.probes.to_string());
        let run = ["run", "--quiet", "--release", "--package", "xtask", "--", "bench-part", name.get_name()];
        let amount = ["--monitors", &monitors, "--probes", &probes];
        if !cargo(root, &[&run[..], &amount].concat())? {
            return Ok(false);
        }
        println!();
    }
    Ok(true)
}

/// Measure one part in this process, and print the figures.
///
/// # Errors
/// When something does not start, or does not do what is measured: then the figures would mean nothing.
pub async fn run_part(root: &Path, part: Part, amount: Amount) -> Result<(), Failure> {
    match part {
        Part::Engine => engine::run().await,
        Part::Operator => operator::run(root, amount.monitors).await,
        Part::Check => check::run().await,
        Part::Hostile => hostile::run(amount.probes).await,
    }
}

fn cargo(root: &Path, arguments: &[&str]) -> io::Result<bool> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    Ok(Command::new(cargo).args(arguments).current_dir(root).stdin(Stdio::null()).status()?.success())
}

/// The operator's program: built into the same directory as this one.
fn program() -> io::Result<PathBuf> {
    Ok(env::current_exe()?.with_file_name("sslmonitor"))
}

/// A monitor of one of the servers, by a domain of its own; checked once a day.
fn monitor(served: &Served, prefix: &str, number: usize) -> SslMonitor {
    let (name, address) = &served.targets[number % served.targets.len()];
    let (config_map, key) = BUNDLE;
    let bundle = KeyRef { name: config_map.to_owned(), key: key.to_owned() };
    let bundle = CaBundle { config_map: Some(bundle), secret: None };
    let spec = SslMonitorSpec {
        port: Some(address.port()),
        address: Some(address.ip().to_string()),
        interval: "24h".to_owned(),
        tls: Some(TlsSpec { ca_bundle: Some(bundle), ..TlsSpec::default() }),
        ..SslMonitorSpec::new(&format!("{prefix}-{number}.{name}"))
    };
    SslMonitor::new(&format!("{prefix}-{number}"), spec)
}
