//! The engine beside a bare rustls client.

use std::{net::SocketAddr, time::Duration};

use jiff::Timestamp;
use rustls::NamedGroup;
use ssl_monitor_operator::probe::{AddressPolicy, Host, Means, Prober, ProberSettings, Target, TrustStore};
use tokio::task::JoinSet;

use super::{
    Failure,
    bare::BareClient,
    process,
    report::Figure,
    servers::{Served, Servers},
};

/// Probes that run at the same time.
const CONCURRENCY: usize = 16;
/// How often bare clients and engine take turns: with so many short turns a busy machine slows all of them alike.
const ROUNDS: usize = 25;
/// Every so many rounds are printed.
const SHOWN: usize = 5;
/// The budget of a probe, in costs of a bare verified handshake with a hello of the same kind.
const BUDGET: f64 = 1.15;
/// Time limit of a probe: long, since a probe that runs into it would spoil the measurement.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Compare the engine with a bare rustls client, both verifying, and print what 1,000 probes cost.
///
/// # Errors
/// When the servers do not start, or a probe does not find a valid certificate: then the figures would mean nothing.
pub(super) async fn run() -> Result<(), Failure> {
    let servers = Servers::start().await?;
    let served = &servers.served;
    let small = BareClient::new(&served.roots, NamedGroup::X25519)?;
    let large = BareClient::new(&served.roots, NamedGroup::X25519MLKEM768)?;
    let trust = TrustStore::new(None, Some(served.roots.as_bytes()))?;
    let mut rounds = Vec::new();
    println!("CPU-seconds of the client per 1,000 verified probes, {CONCURRENCY} at a time, one thread");
    println!("        bare rustls                  engine");
    println!("round   X25519   post-quantum        seen before   first sight (post-quantum)");
    // The first round warms up code and allocator, and does not count.
    for round in 0..=ROUNDS {
        let bare = measure(served, |(name, address)| small.clone().handshake(name, address)).await?;
        let hybrid = measure(served, |(name, address)| large.clone().handshake(name, address)).await?;
        // A new prober has seen no chain, and asks for the post-quantum key exchange first.
        let prober = new_prober()?;
        let first = measure(served, |at| probe(prober.clone(), trust.clone(), at)).await?;
        let again = measure(served, |at| probe(prober.clone(), trust.clone(), at)).await?;
        if round > 0 {
            rounds.push([bare, hybrid, again, first]);
        }
        if round > 0 && round % SHOWN == 0 {
            println!("{round:>5} {bare:>8.3} {hybrid:>14.3} {again:>18.3} {first:>13.3}");
        }
    }
    summarise(&rounds);
    Ok(())
}

fn new_prober() -> Result<Prober, Failure> {
    let policy = AddressPolicy { allow: vec!["127.0.0.0/8".parse()?], ..AddressPolicy::default() };
    Ok(Prober::new(ProberSettings { policy, ..ProberSettings::default() })?)
}

async fn probe(prober: Prober, trust: TrustStore, (name, address): (String, SocketAddr)) -> Result<(), Failure> {
    let mut target = Target::new(Host::Name(name), address.port());
    target.connect_host = Some(Host::Address(address.ip()));
    let observation = prober.probe(&target, &Means::trusting(trust.clone()), TIMEOUT, Timestamp::now()).await;
    let valid = observation.presented.as_ref().is_some_and(|presented| presented.verdict.is_valid());
    if valid && observation.failure.is_none() { Ok(()) } else { Err(format!("{target}: {observation:?}").into()) }
}

/// CPU-seconds per 1,000 calls of `probe`, one for each server.
async fn measure<F>(served: &Served, probe: impl Fn((String, SocketAddr)) -> F) -> Result<f64, Failure>
where
    F: Future<Output = Result<(), Failure>> + Send + 'static,
{
    let start = process::own_cpu_seconds()?;
    let mut running = JoinSet::new();
    for target in served.targets.iter().cloned() {
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
    let probes = u32::try_from(served.targets.len())?;
    Ok((process::own_cpu_seconds()? - start) * 1000.0 / f64::from(probes))
}

fn summarise(rounds: &[[f64; 4]]) {
    let column = |at: usize| median(rounds.iter().map(|round| round[at]).collect());
    let ratio = |at: usize, to: usize| median(rounds.iter().map(|round| round[at] / round[to]).collect());
    println!("median {:>7.3} {:>14.3} {:>18.3} {:>13.3}", column(0), column(1), column(2), column(3));
    println!("ratios, as the medians of the rounds:");
    Figure::new(ratio(2, 0), "").at_most(BUDGET).print("seen before, to bare X25519");
    Figure::new(ratio(3, 1), "").at_most(BUDGET).print("first sight, to bare post-quantum");
    Figure::new(ratio(3, 0), "").print("first sight, to bare X25519 (once a day)");
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
