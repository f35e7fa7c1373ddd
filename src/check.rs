//! `sslmonitor check`: the same engine and the same decision as the operator's, without a cluster.

mod bundles;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod manifests;
mod notices;
mod referents;
mod report;
mod runner;
mod trust;

use std::{
    io::{self, BufWriter, IsTerminal as _},
    net::IpAddr,
    path::Path,
    process::ExitCode,
};

use indicatif::ProgressBar;

use self::{
    manifests::Manifests,
    notices::{Channels, Letters},
    referents::Referents,
    report::{is_streamed, report},
    runner::{Checked, Runner, check_file},
    trust::Trust,
};
use crate::{
    api::SslMonitor,
    cli::{CheckArgs, Format},
    manifests::InputError,
    output::{Tolerant, complain, progress_bar},
    probe::{FailureReason, NoProxy, Prober, ProberError, ProberSettings},
    report::{Report, Verdict, sentence, summary, verdict},
};

/// All are valid.
const ALL_VALID: u8 = 0;
/// Some are not.
const SOME_BAD: u8 = 1;
/// Wrong usage or input.
const WRONG_INPUT: u8 = 2;

/// Why nothing, or not everything, could be checked.
#[derive(Debug, thiserror::Error)]
enum CheckError {
    #[error(transparent)]
    Input(#[from] InputError),
    #[error("{0}")]
    Usage(&'static str),
    #[error(transparent)]
    Prober(#[from] ProberError),
    #[error("failed to start: {0}")]
    Runtime(#[source] io::Error),
    #[error("failed to write the results: {0}")]
    Output(#[source] io::Error),
}

/// Check what the arguments name and print the results. The exit code is 0 when all are valid, 1 when some are not, and 2
/// for wrong usage or input; a bad document does not keep the others from being checked.
pub fn run(args: &CheckArgs) -> ExitCode {
    ExitCode::from(exit_code(args))
}

/// The same, with the exit code as a number.
pub fn exit_code(args: &CheckArgs) -> u8 {
    check(args).unwrap_or_else(|error| {
        complain(format_args!("error: {error}"));
        WRONG_INPUT
    })
}

fn check(args: &CheckArgs) -> Result<u8, CheckError> {
    let Manifests { monitors, channels, materials, errors } = Manifests::gather(args);
    for error in &errors {
        complain(format_args!("error: {error}"));
    }
    if args.no_system_roots && args.ca_file.is_none() && args.file.is_empty() {
        return Err(CheckError::Usage(
            "--no-system-roots needs --ca-file: without either no certificate could be trusted",
        ));
    }
    let channels = args.notify.then(|| Channels::new(args, channels, &materials));
    let mut referents = Referents::new(args, Trust::new(args, materials)?)?;
    let mut tally = Tally::new(args.output, monitors.len());
    let code = match &args.pem {
        Some(path) => {
            tally.add(judge_file(args, path, monitors, &mut referents)?)?;
            tally.finish()?
        }
        None => probe_all(args, monitors, channels, referents, tally)?,
    };
    Ok(if errors.is_empty() { code } else { WRONG_INPUT })
}

fn probe_all(
    args: &CheckArgs,
    monitors: Vec<SslMonitor>,
    channels: Option<Channels>,
    referents: Referents,
    mut tally: Tally,
) -> Result<u8, CheckError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(CheckError::Runtime)?;
    let settings = ProberSettings {
        policy: args.network.policy(Vec::new()),
        resolver: args.network.reach.resolver,
        proxy: args.proxy.clone(),
        no_proxy: NoProxy::default(),
    };
    runtime.block_on(async {
        let prober = Prober::new(settings)?;
        if let Some(warning) = prober.warning().filter(|_| monitors.iter().any(is_resolved)) {
            complain(format_args!("warning: {warning}"));
        }
        let runner = Runner {
            prober,
            connect_port: args.connect_to.and_then(|to| to.port),
            at: args.at,
            concurrency: usize::from(args.concurrency),
            channels,
        };
        let mut letters = Letters::default();
        let each = |Checked { monitor, told }| {
            letters.add(told);
            tally.add(monitor)
        };
        runner.run(monitors, referents, each).await?;
        let code = tally.finish()?;
        let is_told = match &runner.channels {
            Some(channels) => channels.tell(letters, runner.prober.clone()).await,
            None => true,
        };
        Ok(if is_told { code } else { SOME_BAD })
    })
}

/// Whether a name has to be resolved for this monitor.
fn is_resolved(monitor: &SslMonitor) -> bool {
    let spec = &monitor.spec;
    spec.enabled && spec.address.as_ref().unwrap_or(&spec.domain).parse::<IpAddr>().is_err()
}

fn judge_file(
    args: &CheckArgs,
    path: &Path,
    monitors: Vec<SslMonitor>,
    referents: &mut Referents,
) -> Result<SslMonitor, CheckError> {
    let ([domain], Ok([monitor])) = (&args.domains[..], <[SslMonitor; 1]>::try_from(monitors)) else {
        return Err(CheckError::Usage("--pem judges one chain: name one DOMAIN with it"));
    };
    let mut found = referents.of(&monitor);
    // Nothing is sent, so that no proxy is missed; a bundle that is missing has been stood in for.
    found.problems.clear();
    let name = args.server_name.as_ref().unwrap_or(&domain.host);
    Ok(check_file(path, monitor, name, &found, args.at)?)
}

/// Counts, reports and explains results.
pub struct Tally {
    report: Box<dyn Report>,
    progress: ProgressBar,
    /// Below a table: what is wrong, in sentences.
    notes: Option<Vec<String>>,
    bad: usize,
}

// === impl Tally ===

impl Tally {
    /// A tally of `count` results, in this format.
    pub fn new(format: Format, count: usize) -> Self {
        let stdout = io::stdout();
        let is_in_the_way = is_streamed(format) && stdout.is_terminal();
        let progress = if is_in_the_way { ProgressBar::hidden() } else { progress_bar("checking", count) };
        Self {
            report: report(format, count, BufWriter::new(Tolerant::new(stdout))),
            progress,
            notes: (format == Format::Table).then(Vec::new),
            bad: 0,
        }
    }

    /// Take one result.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn add(&mut self, monitor: SslMonitor) -> io::Result<()> {
        self.progress.inc(1);
        if verdict(&monitor) == Verdict::Bad {
            self.bad += 1;
            if let Some(notes) = &mut self.notes {
                notes.push(note(&monitor));
            }
        }
        self.report.add(monitor)
    }

    /// Write what is left, and below a table what is wrong; returns the exit code.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(mut self) -> io::Result<u8> {
        self.progress.finish_and_clear();
        self.report.finish()?;
        self.notes.iter().flatten().for_each(complain);
        Ok(if self.bad == 0 { ALL_VALID } else { SOME_BAD })
    }
}

/// What is wrong, and what the one who asked can do about it here.
fn note(monitor: &SslMonitor) -> String {
    let is_denied = summary(monitor) == FailureReason::TargetDenied.as_str();
    let hint = if is_denied { "; allow it with --allow-cidr" } else { "" };
    format!("{}: {}{hint}", monitor.spec.place(), sentence(monitor))
}

// === impl CheckError ===

impl From<io::Error> for CheckError {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::SslMonitorSpec;

    #[test]
    fn names_are_resolved_only_where_no_address_is_given() {
        let spec = SslMonitorSpec::new("a.test");
        let at = |address: &str| SslMonitorSpec { address: Some(address.to_owned()), ..spec.clone() };
        let table = [
            (spec.clone(), true),
            (at("lb.test"), true),
            (at("192.0.2.1"), false),
            (SslMonitorSpec::new("2001:db8::1"), false),
            (SslMonitorSpec { enabled: false, ..spec.clone() }, false),
        ];
        for (spec, expected) in table {
            assert_eq!(is_resolved(&SslMonitor::new("a", spec.clone())), expected, "{spec:?}");
        }
    }
}
