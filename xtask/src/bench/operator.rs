//! The operator with many monitors: memory, CPU time, writes, and how long a new object waits for its certificate.

mod scrape;
mod stage;
mod watch;

use std::{
    path::Path,
    time::{Duration, Instant},
};

use ssl_monitor_operator::api::SslMonitor;

use self::{
    scrape::Numbers,
    stage::{NEWCOMERS, Stage},
    watch::Watch,
};
use super::{
    Failure,
    process::Usage,
    report::{Figure, percentile},
};
use crate::{control_plane::Write, operator::Operator};

/// Up to this many monitors the smaller budget of memory holds.
const MANY: usize = 10_000;
/// The most memory that may be resident, MiB: for up to [`MANY`] monitors, and for more.
const MEMORY_BUDGETS: [f64; 2] = [64.0, 512.0];
/// Seconds that a restarted operator may take until it has every monitor in its schedule.
const START_BUDGET: f64 = 60.0;
/// Milliseconds that a new object may wait for its certificate.
const LATENCY_BUDGET: f64 = 2000.0;
/// How many checks are asked for, to see what a check costs that is not the first.
const REQUESTS: usize = 500;
/// How many objects are created, one after the other, to see how long they wait.
const CREATIONS: usize = 100;
/// How long it is watched doing nothing.
const IDLE: Duration = Duration::from_secs(30);
/// How often the queue is looked at.
const POLL: Duration = Duration::from_millis(100);
/// How long the queue may take to become quiet when nothing is left to be probed.
const PATIENCE: Duration = Duration::from_mins(2);

/// Run the operator twice over `count` monitors, the first time with all of them new, and print the figures.
pub(super) async fn run(root: &Path, count: usize) -> Result<(), Failure> {
    if count == 0 {
        return Err("there is nothing to measure with no monitors".into());
    }
    let mut stage = Stage::build(root, count).await?;
    println!("operator, {count} monitors, each with a CA bundle of its namespace beside the system's roots");
    let operator = first_start(&mut stage).await?;
    later_checks(&mut stage, &operator).await?;
    stop(operator).await?;
    let operator = restart(&mut stage).await?;
    idle(&mut stage, &operator).await?;
    newcomers(&mut stage, &operator).await?;
    stop(operator).await
}

/// From nothing to a certificate in every status.
async fn first_start(stage: &mut Stage) -> Result<Operator, Failure> {
    eprintln!("  starting the operator: every monitor is new …");
    let mut watch = Watch::start(stage.monitors()).await?;
    stage.new_writes()?;
    let start = Instant::now();
    let operator = stage.start_operator().await?;
    watch.until(stage.count, has_certificate).await?;
    let (elapsed, usage) = (start.elapsed(), usage(&operator)?);
    let numbers = quiet(&operator, stage.count).await?;
    if numbers.valid < stage.count {
        return Err(format!("only {} of {} probes found a valid certificate", numbers.valid, numbers.probes).into());
    }
    println!(" first start, all new");
    Figure::seconds(elapsed).print("until every monitor has its certificate");
    Figure::new(usage.cpu, "s").print("CPU time until then");
    print_memory("then", usage, stage.count);
    Figure::per(numbers.probes, stage.count).at_most(1.0).print("probes per monitor");
    print_writes(&stage.new_writes()?, stage.count, 2.0);
    Ok(operator)
}

/// What a check writes that is not the first one.
async fn later_checks(stage: &mut Stage, operator: &Operator) -> Result<(), Failure> {
    let requests = REQUESTS.min(stage.count);
    eprintln!("  asking for {requests} checks …");
    let mut watch = Watch::start(stage.monitors()).await?;
    stage.request_checks(requests).await?;
    watch.until(requests, has_handled_request).await?;
    quiet(operator, stage.count).await?;
    println!(" {requests} later checks");
    print_writes(&stage.new_writes()?, requests, 1.0);
    Ok(())
}

/// Start again with all of them known and none due.
async fn restart(stage: &mut Stage) -> Result<Operator, Failure> {
    eprintln!("  restarting the operator: every monitor is known, and none is due …");
    let start = Instant::now();
    let operator = stage.start_operator().await?;
    let numbers = quiet(&operator, stage.count).await?;
    let (elapsed, usage_then) = (start.elapsed(), usage(&operator)?);
    println!(" restart, none due");
    Figure::seconds(elapsed).at_most(START_BUDGET).print("until every monitor is in the schedule");
    Figure::new(usage_then.cpu, "s").print("CPU time until then");
    print_memory("then", usage_then, stage.count);
    Figure::count(numbers.probes).at_most(0.0).print("probes");
    Ok(operator)
}

/// Watch it do nothing. The writes are those since its start.
async fn idle(stage: &mut Stage, operator: &Operator) -> Result<(), Failure> {
    eprintln!("  waiting {} s …", IDLE.as_secs());
    let before = usage(operator)?;
    tokio::time::sleep(IDLE).await;
    let after = usage(operator)?;
    Figure::count(stage.new_writes()?.len()).at_most(0.0).print("writes since the start, with 30 s idle");
    Figure::new(after.cpu - before.cpu, "s").print("CPU time of the 30 s idle");
    let start = Instant::now();
    let (_, text) = operator.get("/metrics").await?;
    Figure::seconds(start.elapsed()).print("full scrape: time");
    Figure::new(f64::from(u32::try_from(text.len())?) / 1e6, "MB").print("full scrape: size");
    print_memory("after it", usage(operator)?, stage.count);
    Ok(())
}

/// Create objects one after the other, and see how long each waits.
async fn newcomers(stage: &mut Stage, operator: &Operator) -> Result<(), Failure> {
    eprintln!("  creating {CREATIONS} more …");
    let mut watch = Watch::start(stage.monitors_in(NEWCOMERS)).await?;
    let mut waits = Vec::new();
    for number in 0..CREATIONS {
        let start = Instant::now();
        stage.create(NEWCOMERS, "new", number).await?;
        watch
            .until(1, |monitor| monitor.metadata.name == Some(format!("new-{number}")) && has_certificate(monitor))
            .await?;
        waits.push(start.elapsed());
    }
    quiet(operator, stage.count + CREATIONS).await?;
    println!(" {CREATIONS} new objects beside them, one after the other");
    let wait = |percent| Figure::milliseconds(percentile(waits.clone(), percent));
    wait(50).print("from the request to the certificate, p50");
    wait(99).at_most(LATENCY_BUDGET).print("from the request to the certificate, p99");
    wait(100).print("from the request to the certificate, longest");
    print_writes(&stage.new_writes()?, CREATIONS, 2.0);
    Ok(())
}

async fn stop(operator: Operator) -> Result<(), Failure> {
    match operator.stop().await {
        (Some(status), _) if status.success() => Ok(()),
        (status, log) => Err(format!("the operator did not stop well ({status:?}): {}", tail(&log)).into()),
    }
}

/// Wait until just `waiting` checks wait for their time and none is due or running; Events are then written, too.
async fn quiet(operator: &Operator, waiting: usize) -> Result<Numbers, Failure> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let numbers = scrape::numbers(operator.admin_address()).await?;
        if numbers.waiting == waiting && numbers.at_work == 0 {
            return Ok(numbers);
        }
        if Instant::now() > deadline {
            return Err(format!("not {waiting} waiting within {PATIENCE:?}: {numbers:?}").into());
        }
        tokio::time::sleep(POLL).await;
    }
}

fn usage(operator: &Operator) -> Result<Usage, Failure> {
    Usage::of(operator.pid().ok_or("the operator has no process")?)
}

fn has_certificate(monitor: &SslMonitor) -> bool {
    monitor.status.as_ref().is_some_and(|status| status.certificate.is_some())
}

fn has_handled_request(monitor: &SslMonitor) -> bool {
    monitor.status.as_ref().is_some_and(|status| status.last_handled_request_at.is_some())
}

fn print_memory(when: &str, usage: Usage, count: usize) {
    let budget = MEMORY_BUDGETS[usize::from(count > MANY)];
    Figure::new(usage.resident, "MiB").at_most(budget).print(&format!("resident memory {when}"));
    Figure::new(usage.peak, "MiB").at_most(budget).print("resident memory, peak so far");
}

/// What the operator has written, shared by `checks`; at most `budget` statuses each.
fn print_writes(writes: &[Write], checks: usize, budget: f64) {
    let count = |is: fn(&Write) -> bool| writes.iter().filter(|write| is(write)).count();
    let statuses = count(is_status);
    let events = count(is_event);
    let refused = count(|write| write.code >= 400);
    Figure::per(statuses, checks).at_most(budget).print("status writes per monitor");
    Figure::per(events, checks).print("Events per monitor");
    Figure::count(writes.len() - statuses - events).at_most(0.0).print("other writes");
    Figure::count(refused).print("refused writes among them (conflicts)");
}

fn is_status(write: &Write) -> bool {
    write.resource == "sslmonitors" && write.subresource.as_deref() == Some("status")
}

fn is_event(write: &Write) -> bool {
    write.resource == "events"
}

/// The end of a log.
fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(5)..].join("\n")
}
