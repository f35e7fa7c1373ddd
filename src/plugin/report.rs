//! `kubectl sslmonitor report`: a report on all monitors, for CI, a spreadsheet or a browser.

mod csv;
mod html;

use std::io;

use jiff::Timestamp;

use self::{csv::csv, html::html};
use super::{FAILED, PluginError, care, cluster::Cluster, print, told, write};
use crate::{
    api::SslMonitor,
    cli::{ClusterArgs, ReportArgs, ReportFormat},
    output::Tolerant,
    report::{Junit, Verdict, verdict},
};

/// All are as they should be.
const ALL_GOOD: u8 = 0;
/// Some are not.
const SOME_BAD: u8 = 1;

/// Write a report on the monitors of the namespace, or of all.
pub(super) async fn run(args: &ClusterArgs, report: &ReportArgs) -> Result<u8, PluginError> {
    let cluster = Cluster::new(args).await?;
    let found = cluster.list(&report.selection).await?;
    let is_whole = found.unreadable.is_empty();
    let mut monitors = told(found);
    let now = Timestamp::now();
    care::sort(&mut monitors, now);
    let is_bad = monitors.iter().any(|monitor| verdict(monitor) == Verdict::Bad);
    match report.output {
        ReportFormat::Junit => {
            print(Junit::of_objects(Tolerant::new(io::stdout().lock()), "kubectl sslmonitor report"), monitors)?;
        }
        ReportFormat::Csv => {
            write(&csv(&monitors, now).map_err(|error| PluginError::Report(error.to_string()))?)?;
        }
        ReportFormat::Html => {
            write(
                html(&monitors, &scope(&cluster, report), now)
                    .map_err(|error| PluginError::Report(error.to_string()))?
                    .as_bytes(),
            )?;
        }
    }
    Ok(match (is_whole, is_bad) {
        // What could not be read is no good news.
        (false, _) => FAILED,
        (true, true) => SOME_BAD,
        (true, false) => ALL_GOOD,
    })
}

/// What the report is about.
fn scope(cluster: &Cluster, report: &ReportArgs) -> String {
    let place = cluster.place(&report.selection);
    match &report.selection.selector {
        Some(selector) => format!("{place}, {selector}"),
        None => place,
    }
}

/// A text of its status, if there is one.
fn of_certificate(monitor: &SslMonitor, field: impl Fn(&crate::api::CertificateStatus) -> Option<String>) -> String {
    monitor.status.as_ref().and_then(|status| field(status.certificate.as_ref()?)).unwrap_or_default()
}
