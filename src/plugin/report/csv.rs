//! Comma-separated values (RFC 4180), which spreadsheets may open without running what stands in them.

use ::csv::{Error, Terminator, WriterBuilder};
use jiff::Timestamp;

use super::of_certificate;
use crate::{
    api::SslMonitor,
    monitor::ConditionType,
    plugin::care::{condition, days_left, word},
    probe::text::escape,
    report::sentence,
};

/// A spreadsheet takes a cell that begins with one of these for a formula (OWASP, "CSV Injection"); tabs and line ends are escaped.
const FORMULA: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];

type Column = (&'static str, fn(&SslMonitor, Timestamp) -> String);

const COLUMNS: [Column; 18] = [
    ("namespace", |monitor, _| harmless(monitor.metadata.namespace.as_deref().unwrap_or_default())),
    ("name", |monitor, _| harmless(monitor.metadata.name.as_deref().unwrap_or_default())),
    ("domain", |monitor, _| harmless(&monitor.spec.domain)),
    ("port", |monitor, _| monitor.spec.port().to_string()),
    ("enabled", |monitor, _| monitor.spec.enabled.to_string()),
    ("status", |monitor, now| harmless(&word(monitor, now))),
    // A number of ours: also a negative one is no formula.
    ("daysUntilExpiry", |monitor, now| days_left(monitor, now).map(|days| days.to_string()).unwrap_or_default()),
    ("validFrom", |monitor, _| of_certificate(monitor, |it| it.valid_from.as_ref().map(|time| time.0.to_string()))),
    ("validTo", |monitor, _| of_certificate(monitor, |it| it.valid_to.as_ref().map(|time| time.0.to_string()))),
    ("ready", |monitor, _| stated(monitor, ConditionType::Ready)),
    ("reachable", |monitor, _| stated(monitor, ConditionType::Reachable)),
    ("certificateValid", |monitor, _| stated(monitor, ConditionType::CertificateValid)),
    ("issuer", |monitor, _| harmless(&of_certificate(monitor, |it| it.issuer.clone()))),
    ("subject", |monitor, _| harmless(&of_certificate(monitor, |it| it.subject.clone()))),
    ("serialNumber", |monitor, _| harmless(&of_certificate(monitor, |it| it.serial_number.clone()))),
    ("fingerprint", |monitor, _| harmless(&of_certificate(monitor, |it| it.fingerprint.clone()))),
    ("lastCheckedAt", |monitor, _| {
        monitor
            .status
            .as_ref()
            .and_then(|status| status.last_checked_at.as_ref())
            .map(|time| time.0.to_string())
            .unwrap_or_default()
    }),
    ("message", |monitor, _| harmless(sentence(monitor))),
];

/// One row for each monitor, below the names of the columns.
pub(super) fn csv(monitors: &[SslMonitor], now: Timestamp) -> Result<Vec<u8>, Error> {
    let mut writer = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::new());
    writer.write_record(COLUMNS.map(|(name, _)| name))?;
    for monitor in monitors {
        writer.write_record(COLUMNS.map(|(_, cell)| cell(monitor, now)))?;
    }
    writer.into_inner().map_err(|error| error.into_error().into())
}

/// A text that others may have written, as a text also for a spreadsheet.
fn harmless(text: &str) -> String {
    let text = escape(text);
    if text.trim_start().starts_with(FORMULA) { format!("'{text}") } else { text }
}

fn stated(monitor: &SslMonitor, kind: ConditionType) -> String {
    harmless(condition(monitor, kind).map_or("", |(status, _)| status))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;
    use crate::plugin::samples::{monitor, now};

    #[test]
    fn every_monitor_is_a_row_that_a_reader_of_csv_reads_back() {
        let mut web = monitor("web", &json!({"Ready": "True", "CertificateValid": "False"}), -2);
        let status = web.status.as_mut().unwrap();
        status.summary = Some("BecauseCertificateValid".to_owned());
        status.certificate.as_mut().unwrap().issuer = Some("Let's, \"Encrypt\"".to_owned());
        let text = String::from_utf8(csv(&[web], now()).unwrap()).unwrap();
        assert_eq!(
            text,
            "namespace,name,domain,port,enabled,status,daysUntilExpiry,validFrom,validTo,ready,reachable,certificateValid,issuer,subject,\
             serialNumber,fingerprint,lastCheckedAt,message\r\n\
             shop,web,web.test,443,true,BecauseCertificateValid,-2,,2026-05-30T12:01:00Z,True,,False,\"Let's, \"\"Encrypt\"\"\",,,,\
             2026-06-01T12:00:00Z,about CertificateValid\r\n"
        );
        let mut reader = ::csv::Reader::from_reader(text.as_bytes());
        let row = reader.records().next().unwrap().unwrap();
        assert_eq!((row.get(12), row.len()), (Some("Let's, \"Encrypt\""), COLUMNS.len()));
    }

    #[test]
    fn no_cell_is_taken_for_a_formula() {
        for text in ["=HYPERLINK(\"x\")", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n@x", " =1", "＝1"] {
            let cell = harmless(text);
            let is_text = cell.starts_with('\'') || cell.starts_with("\\u{");
            assert!(is_text, "{text:?} became {cell:?}");
        }
        assert_eq!(harmless("R11 = fine"), "R11 = fine");
    }

    #[test]
    fn without_monitors_there_are_the_names_of_the_columns() {
        let text = String::from_utf8(csv(&[], now()).unwrap()).unwrap();
        assert_eq!(text, COLUMNS.map(|(name, _)| name).join(",") + "\r\n");
    }
}
