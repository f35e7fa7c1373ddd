//! `cargo xtask bench`: what a probe costs, beside what it must cost at least.
//!
//! The servers run in a process of their own, so that only the clients' CPU time counts; bare client and engine take turns
//! in one process, so that a busy machine slows both, and their ratio is what to look at.

mod bare;
mod servers;

use std::{
    env, fs, io,
    net::SocketAddr,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use jiff::Timestamp;
use ssl_monitor_operator::probe::{AddressPolicy, Host, Prober, ProberSettings, Target, TrustStore};
use tokio::task::JoinSet;

pub use self::servers::serve;
use self::{bare::BareClient, servers::Served};
use crate::supervise::Launch;

/// How many servers there are, each with a certificate of its own; one round probes each of them this many times.
const SERVERS: u16 = 500;
const REPEATS: u16 = 4;
/// Probes that run at the same time.
const CONCURRENCY: usize = 16;
/// How often bare client and engine take turns.
const ROUNDS: usize = 5;
/// The budget of a probe, in costs of a bare verified handshake.
const BUDGET: f64 = 1.15;
/// Time limit of a probe: long, since a probe that runs into it would spoil the measurement.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Clock ticks per second in `/proc/self/stat`: fixed for programs (`USER_HZ`), proc(5).
const TICKS_PER_SECOND: f64 = 100.0;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Build everything in the release profile and run the benchmark there; returns whether it ran.
///
/// # Errors
/// When the build cannot be started.
pub fn build_and_run(root: &Path) -> io::Result<bool> {
    eprintln!("building the release profile …");
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let arguments = ["run", "--quiet", "--release", "--package", "xtask", "--", "bench-engine"];
    Ok(Command::new(cargo).args(arguments).current_dir(root).stdin(Stdio::null()).status()?.success())
}

/// Compare the engine with a bare rustls client, both verifying, and print what 1,000 probes cost.
///
/// # Errors
/// When the servers do not start, or a probe does not find a valid certificate: then the figures would mean nothing.
pub async fn engine() -> Result<(), Failure> {
    let directory = tempfile::Builder::new().prefix("sslmonitor-bench-").tempdir()?.keep();
    let mut process = Launch::new("servers", &env::current_exe()?)
        .args(["bench-servers", &directory.display().to_string(), &SERVERS.to_string()])
        .start(&directory)?;
    let served = loop {
        if let Some(status) = process.ended() {
            return Err(format!("the servers ended ({status}): {}", process.log()).into());
        }
        match Served::read(&directory) {
            Some(served) => break served,
            None => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    };
    let bare = BareClient::new(&served.roots)?;
    let trust = TrustStore::new(None, Some(served.roots.as_bytes()))?;
    let mut rounds = Vec::new();
    println!("CPU-seconds of the client per 1,000 verified probes, X25519, {CONCURRENCY} at a time, one thread");
    println!("round   bare rustls   engine, first sight   engine, seen before");
    // The first round warms up code and allocator, and is not shown.
    for round in 0..=ROUNDS {
        let bare = measure(&served, REPEATS, |(name, address)| bare.clone().handshake(name, address)).await?;
        let mut first = 0.0;
        let mut prober = new_prober()?;
        for _ in 0..REPEATS {
            // A new prober has seen no chain.
            prober = new_prober()?;
            first += measure(&served, 1, |at| probe(prober.clone(), trust.clone(), at)).await? / f64::from(REPEATS);
        }
        let again = measure(&served, REPEATS, |at| probe(prober.clone(), trust.clone(), at)).await?;
        if round > 0 {
            println!("{round:>5}   {bare:>11.3}   {first:>19.3}   {again:>19.3}");
            rounds.push([bare, first, again]);
        }
    }
    summarise(&rounds);
    Ok(())
}

fn new_prober() -> Result<Prober, Failure> {
    let policy = AddressPolicy { allow: vec!["127.0.0.0/8".parse()?], ..AddressPolicy::default() };
    Ok(Prober::new(ProberSettings { policy, resolver: None })?)
}

async fn probe(prober: Prober, trust: TrustStore, (name, address): (String, SocketAddr)) -> Result<(), Failure> {
    let mut target = Target::new(Host::Name(name), address.port());
    target.connect_host = Some(Host::Address(address.ip()));
    let observation = prober.probe(&target, &trust, TIMEOUT, Timestamp::now()).await;
    let valid = observation.presented.as_ref().is_some_and(|presented| presented.verdict.is_valid());
    if valid && observation.failure.is_none() { Ok(()) } else { Err(format!("{target}: {observation:?}").into()) }
}

/// CPU-seconds per 1,000 calls of `probe`, `repeats` times for each server.
async fn measure<F>(served: &Served, repeats: u16, probe: impl Fn((String, SocketAddr)) -> F) -> Result<f64, Failure>
where
    F: Future<Output = Result<(), Failure>> + Send + 'static,
{
    let start = cpu_seconds()?;
    let mut running = JoinSet::new();
    for target in (0..repeats).flat_map(|_| served.targets.iter().cloned()) {
        if running.len() == CONCURRENCY
            && let Some(done) = running.join_next().await
        {
            done??;
        }
        running.spawn(probe(target));
    }
    while let Some(done) = running.join_next().await {
        done??;
    }
    let probes = u32::try_from(served.targets.len())? * u32::from(repeats);
    Ok((cpu_seconds()? - start) * 1000.0 / f64::from(probes))
}

/// User and system time of this process so far.
fn cpu_seconds() -> Result<f64, Failure> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    // The name, in parentheses, may contain anything; utime and stime are the 12th and 13th fields after it.
    let (_, fields) = stat.rsplit_once(')').ok_or("/proc/self/stat has no name in parentheses")?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let ticks = |at: usize| -> Result<u32, Failure> { Ok(fields.get(at).ok_or("/proc/self/stat is short")?.parse()?) };
    Ok(f64::from(ticks(11)? + ticks(12)?) / TICKS_PER_SECOND)
}

fn summarise(rounds: &[[f64; 3]]) {
    let column = |at: usize| median(rounds.iter().map(|round| round[at]).collect());
    let ratio = |at: usize| median(rounds.iter().map(|round| round[at] / round[0]).collect());
    println!("median  {:>11.3}   {:>19.3}   {:>19.3}", column(0), column(1), column(2));
    println!(
        "ratio   {:>11.2}   {:>19.2}   {:>19.2}   (median of the rounds; budget {BUDGET})",
        1.0,
        ratio(1),
        ratio(2)
    );
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one() {
        assert!((median(vec![9.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
    }
}
