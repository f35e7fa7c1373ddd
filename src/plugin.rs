//! The shell of `kubectl sslmonitor`: monitors listed, described, checked, switched, imported and reported on, from a terminal.
//!
//! It reads what the operator wrote and asks for what the operator does; it decides nothing about certificates.

mod care;
mod check;
mod cluster;
mod complete;
mod describe;
mod failure;
mod import;
mod ls;
mod report;
#[cfg(test)]
mod samples;
mod switch;

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use clap::CommandFactory as _;
use jiff::Timestamp;

use self::{
    cluster::{Cluster, Found},
    failure::Failure,
};
use crate::{
    api::SslMonitor,
    cli::{ClusterArgs, ListArgs, ListFormat, PluginArgs, PluginCli, PluginCommand},
    output::{Tolerant, coloured, complain, width},
    report::{Json, Yaml},
};

/// Done, and nothing is wrong with what was asked for.
const DONE: u8 = 0;
/// Wrong usage or input, or the cluster could not be asked.
const FAILED: u8 = 2;

/// Why a command did not do all it should.
#[derive(Debug, thiserror::Error)]
enum PluginError {
    #[error("{0}")]
    Failure(#[from] Failure),
    #[error("{0}")]
    Usage(String),
    #[error("failed to write: {0}")]
    Output(#[from] io::Error),
    #[error("failed to write the report: {0}")]
    Report(String),
}

/// Do what the arguments say. The exit code is 0 when it is done; 1 when it is a check or a report, and some certificate is not as it
/// should be; and 2 for wrong usage or input, or when the cluster could not be asked.
pub fn run(args: &PluginArgs) -> ExitCode {
    ExitCode::from(dispatch(args).unwrap_or_else(|error| {
        complain(format_args!("error: {error}"));
        FAILED
    }))
}

fn dispatch(args: &PluginArgs) -> Result<u8, PluginError> {
    match &args.command {
        PluginCommand::Ls(list) => block_on(list_monitors(&args.cluster, list)),
        PluginCommand::Describe { names } => block_on(describe_monitors(&args.cluster, names)),
        PluginCommand::Check(check) => {
            let checked = block_on(check::check(&args.cluster, check))?;
            checked.and_then_here(check.output)
        }
        PluginCommand::Enable { names } => block_on(switch::switch(&args.cluster, names, true)),
        PluginCommand::Disable { names } => block_on(switch::switch(&args.cluster, names, false)),
        PluginCommand::Import(import) => Ok(import::run(import)?),
        PluginCommand::Report(report) => block_on(report::run(&args.cluster, report)),
        PluginCommand::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut PluginCli::command(), "kubectl-sslmonitor", &mut script);
            write(&script)
        }
    }
}

/// Tell kubectl what may come next on a line of `kubectl sslmonitor`: `words` are those so far, the last of them unfinished. kubectl
/// asks a program named `kubectl_complete-sslmonitor`.
pub fn complete(words: &[String]) -> ExitCode {
    let text = block_on(async { Ok(complete::complete(words).await) }).unwrap_or_default();
    ExitCode::from(write(text.as_bytes()).unwrap_or(FAILED))
}

/// Run to the end: there is little to do at once, so one thread does.
fn block_on<T>(work: impl Future<Output = Result<T, PluginError>>) -> Result<T, PluginError> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}

fn write(text: &[u8]) -> Result<u8, PluginError> {
    let mut out = Tolerant::new(io::stdout().lock());
    out.write_all(text)?;
    out.flush()?;
    Ok(DONE)
}

async fn list_monitors(args: &ClusterArgs, list: &ListArgs) -> Result<u8, PluginError> {
    let cluster = Cluster::new(args).await?;
    let mut monitors = told(cluster.list(&list.selection).await?);
    let now = Timestamp::now();
    let count = monitors.len();
    monitors.retain(|monitor| ls::is_wanted(monitor, list, now));
    care::sort(&mut monitors, now);
    match list.output {
        ListFormat::Table | ListFormat::Wide if monitors.is_empty() => complain(none(&cluster, list, count)),
        ListFormat::Table | ListFormat::Wide => show(&monitors, list, now)?,
        ListFormat::Json => print(Json::list(Tolerant::new(io::stdout().lock())), monitors)?,
        ListFormat::Yaml => print(Yaml::list(Tolerant::new(io::stdout().lock())), monitors)?,
        ListFormat::Name => {
            write(monitors.iter().map(|monitor| named(monitor) + "\n").collect::<String>().as_bytes())?;
        }
    }
    Ok(DONE)
}

/// The monitors that could be read. What is wrong with the others is told.
fn told(found: Found) -> Vec<SslMonitor> {
    for failure in &found.unreadable {
        complain(format_args!("warning: {failure}"));
    }
    found.monitors
}

fn show(monitors: &[SslMonitor], list: &ListArgs, now: Timestamp) -> io::Result<()> {
    let wide = list.output == ListFormat::Wide;
    let shape = ls::Shape { namespaces: list.selection.all_namespaces, wide, width: width() };
    let mut out = coloured();
    ls::table(monitors, shape, now).iter().try_for_each(|line| writeln!(out, "{line}"))?;
    out.flush()?;
    if let Some(warning) = ls::warning(monitors, now) {
        complain(format_args!("warning: {warning}"));
    }
    Ok(())
}

/// That there is nothing to show, and whether that is good news.
fn none(cluster: &Cluster, list: &ListArgs, count: usize) -> String {
    let place = cluster.place(&list.selection);
    match count {
        0 if list.selection.selector.is_some() => format!("{place} has no SslMonitors with these labels"),
        0 => format!("{place} has no SslMonitors"),
        count => format!("none of the {count} SslMonitors of {place}"),
    }
}

fn print(mut report: impl crate::report::Report, monitors: Vec<SslMonitor>) -> io::Result<()> {
    monitors.into_iter().try_for_each(|monitor| report.add(monitor))?;
    report.finish()
}

/// As kubectl names an object, and takes it.
fn named(monitor: &SslMonitor) -> String {
    format!("sslmonitor.sslmonitor.io/{}", monitor.metadata.name.as_deref().unwrap_or_default())
}

async fn describe_monitors(args: &ClusterArgs, names: &[String]) -> Result<u8, PluginError> {
    let cluster = Cluster::new(args).await?;
    let mut out = coloured();
    let (mut code, mut gap) = (DONE, "");
    for name in names {
        match cluster.get(name).await {
            Ok(monitor) => {
                write!(out, "{gap}{}", describe::describe(&monitor, width(), Timestamp::now()))?;
                gap = "\n\n";
            }
            Err(failure) => {
                complain(format_args!("error: {failure}"));
                code = FAILED;
            }
        }
    }
    out.flush()?;
    Ok(code)
}
