//! What a great many probes of hostile and odd servers leave behind: nothing, it is hoped.

mod cast;
mod script;

use std::{
    collections::BTreeMap,
    fs, io,
    net::SocketAddr,
    path::Path,
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};
use ssl_monitor_operator::probe::{
    AddressPolicy, Host, Means, Observation, Prober, ProberSettings, RevocationCheck, StartTls, Target, TrustStore,
};
use tokio::{runtime::Handle, task::JoinSet};

use super::{
    Failure,
    process::Usage,
    report::Figure,
    servers::{Served, Servers},
};
use crate::farm::Authority;

/// Probes that run at the same time.
const CONCURRENCY: usize = 64;
/// Time limit of a probe; nobody is silent, so that few run into it.
const TIMEOUT: Duration = Duration::from_secs(5);
/// When memory is looked at, in percent of all probes.
const MARKS: [usize; 5] = [10, 25, 50, 75, 100];
/// From this mark on nothing may grow: all bounded memories are full.
const WARM: usize = 25;
/// How long tasks that were broken off may take to end.
const SETTLING: Duration = Duration::from_secs(5);
/// By how much resident memory may differ for no reason, MiB: the allocator keeps what was needed at once.
const SLACK: f64 = 8.0;
/// By this much the clock of the verdicts moves on between two tenths: failed lists are fetched again.
const TENTH: SignedDuration = SignedDuration::from_mins(6);

/// Start the hostile servers, tell of them in `directory`, and serve for ever.
///
/// # Errors
/// When a server cannot be started or the directory cannot be written.
pub async fn serve(directory: &Path) -> io::Result<()> {
    let authority = Authority::new("Hostile");
    let (announcement, _servers) = cast::start(&authority).await?;
    announcement.publish(directory, &authority.root_pem())?;
    std::future::pending().await
}

/// Probe all of them in turns, `count` times in all, by one prober, and print what it holds on the way and at the end.
pub(super) async fn run(count: usize) -> Result<(), Failure> {
    let servers = Servers::start_hostile().await?;
    let kinds = servers.served.targets.len();
    println!("engine, {count} probes of {kinds} hostile and odd servers, {CONCURRENCY} at a time");
    let crowd = Crowd::new(&servers.served, count)?;
    let start = Instant::now();
    let mut found = Found::default();
    let (mut done, mut warm) = (0, None);
    let (idle, tasks) = (descriptors()?, tasks());
    for mark in MARKS {
        let until = count * mark / 100;
        crowd.probe(done..until, &mut found).await?;
        done = until;
        let usage = Usage::of(std::process::id())?;
        let figure = Figure::new(usage.resident, "MiB");
        let limit = warm.map(|warm: f64| (warm + SLACK).round());
        limit.map_or(figure, |limit| figure.at_most(limit)).print(&format!("resident memory after {done} probes"));
        if mark >= WARM {
            warm.get_or_insert(usage.resident);
        }
    }
    let usage = Usage::of(std::process::id())?;
    Figure::new(usage.peak, "MiB").print("peak resident memory");
    Figure::count(descriptors()?).at_most(f64::from(u32::try_from(idle)?)).print("open files at the end");
    Figure::count(tasks_beyond(tasks).await).at_most(0.0).print("more tasks at the end");
    Figure::seconds(start.elapsed()).print("time");
    Figure::new(usage.cpu, "s").print("CPU time");
    found.print();
    Ok(())
}

/// How many files are open.
fn descriptors() -> io::Result<usize> {
    Ok(fs::read_dir("/proc/self/fd")?.count())
}

fn tasks() -> usize {
    Handle::current().metrics().num_alive_tasks()
}

/// How many more tasks there are than so many, once those that were broken off have had the time to end.
async fn tasks_beyond(before: usize) -> usize {
    let end = Instant::now() + SETTLING;
    while tasks() > before && Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    tasks().saturating_sub(before)
}

/// Whom to probe, and by what.
struct Crowd {
    prober: Prober,
    means: Means,
    targets: Vec<(String, SocketAddr)>,
    start: Timestamp,
    tenth: usize,
}

/// How often each came about: why probes failed, and the verdicts of those that did not.
#[derive(Debug, Default)]
struct Found(BTreeMap<String, usize>);

// === impl Crowd ===

impl Crowd {
    fn new(served: &Served, count: usize) -> Result<Self, Failure> {
        let policy = AddressPolicy { allow: vec!["127.0.0.0/8".parse()?], ..AddressPolicy::default() };
        let prober = Prober::new(ProberSettings { policy, ..ProberSettings::default() })?;
        let means = Means::trusting(TrustStore::new(None, Some(served.roots.as_bytes()))?);
        let (targets, tenth) = (served.targets.clone(), (count / 10).max(1));
        Ok(Self { prober, means, targets, start: Timestamp::now(), tenth })
    }

    async fn probe(&self, numbers: std::ops::Range<usize>, found: &mut Found) -> Result<(), Failure> {
        let mut running = JoinSet::new();
        for number in numbers {
            if running.len() == CONCURRENCY
                && let Some(done) = running.join_next().await
            {
                found.add(&done?);
            }
            let (prober, means, target) = (self.prober.clone(), self.means.clone(), self.target(number));
            let now = self.start + TENTH * i32::try_from(number / self.tenth)?;
            running.spawn(async move { prober.probe(&target, &means, TIMEOUT, now).await });
        }
        while let Some(done) = running.join_next().await {
            found.add(&done?);
        }
        Ok(())
    }

    /// Every other time round by a name that was never heard before, so that everything that is remembered of names fills up.
    fn target(&self, number: usize) -> Target {
        let (name, address) = &self.targets[number % self.targets.len()];
        let is_new = number / self.targets.len() % 2 == 1;
        let host = if is_new { format!("new-{number}.{name}") } else { name.clone() };
        let kind = name.split_once('-').map_or("", |(kind, _)| kind);
        Target {
            connect_host: Some(Host::Address(address.ip())),
            starttls: starttls(kind),
            revocation: if kind == "crl" { RevocationCheck::Crl } else { RevocationCheck::default() },
            ..Target::new(Host::Name(host), address.port())
        }
    }
}

fn starttls(kind: &str) -> Option<StartTls> {
    Some(match kind {
        "smtp" => StartTls::Smtp,
        "imap" => StartTls::Imap,
        "pop3" => StartTls::Pop3,
        "ftp" => StartTls::Ftp,
        "ldap" => StartTls::Ldap,
        "postgresql" => StartTls::Postgresql,
        "mysql" => StartTls::Mysql,
        "xmpp" => StartTls::XmppClient,
        "sieve" => StartTls::Sieve,
        "nntp" => StartTls::Nntp,
        _ => return None,
    })
}

// === impl Found ===

impl Found {
    fn add(&mut self, observation: &Observation) {
        let verdict = observation.presented.as_ref().map(|presented| match presented.verdict.worst() {
            Some(fault) => format!("{:?}", fault.kind),
            None => "valid".to_owned(),
        });
        let failure = observation.failure.as_ref().map(|failure| format!("{:?}", failure.reason));
        let said = [failure, verdict].into_iter().flatten().collect::<Vec<_>>().join(", ");
        *self.0.entry(said).or_default() += 1;
    }

    fn print(&self) {
        println!("  what the probes said:");
        self.0.iter().for_each(|(said, count)| println!("    {said:<42}{count:>8}"));
    }
}
