//! What came back, for people and for programs.

use std::io::{self, Write};

use serde::Serialize;

use super::Delivery;
use crate::output::aligned;

/// What stands for something that there is not.
const NONE: &str = "-";

/// A delivery as `-o json` prints it.
#[derive(Serialize)]
struct Row<'a> {
    channel: &'a str,
    #[serde(rename = "type")]
    type_: &'a str,
    result: &'a str,
    delivered: bool,
    code: Option<u16>,
    milliseconds: u128,
    message: Option<String>,
}

/// Write a table with aligned columns.
///
/// # Errors
/// When it cannot be written.
pub fn table(deliveries: &[Delivery], mut out: impl Write) -> io::Result<()> {
    let heads = ["CHANNEL", "TYPE", "RESULT", "CODE", "TIME"].map(ToOwned::to_owned).to_vec();
    let rows: Vec<Vec<String>> = [heads].into_iter().chain(deliveries.iter().map(row)).collect();
    // The heading alone says nothing.
    let shown = if deliveries.is_empty() { &[] } else { rows.as_slice() };
    aligned(shown).try_for_each(|line| writeln!(out, "{line}"))?;
    out.flush()
}

/// Write a JSON list.
pub(super) fn json(deliveries: &[Delivery], mut out: impl Write) -> io::Result<()> {
    let rows: Vec<Row<'_>> = deliveries.iter().map(Row::of).collect();
    serde_json::to_writer_pretty(&mut out, &rows)?;
    writeln!(out)?;
    out.flush()
}

/// What is wrong, and what to do about it, a line for each delivery that failed.
pub fn notes(deliveries: &[Delivery]) -> impl Iterator<Item = String> + '_ {
    let failed = deliveries.iter().filter_map(|delivery| delivery.trouble().map(|trouble| (delivery, trouble)));
    failed.map(|(delivery, trouble)| format!("{}: {trouble}", delivery.channel))
}

fn row(delivery: &Delivery) -> Vec<String> {
    let code = delivery.code().map_or_else(|| NONE.to_owned(), |code| code.to_string());
    let time = if delivery.took.is_zero() { NONE.to_owned() } else { format!("{}ms", delivery.took.as_millis()) };
    let (type_, result) = (delivery.type_.as_str().to_owned(), delivery.result().to_owned());
    vec![delivery.channel.clone(), type_, result, code, time]
}

// === impl Row ===

impl<'a> Row<'a> {
    fn of(delivery: &'a Delivery) -> Self {
        Self {
            channel: &delivery.channel,
            type_: delivery.type_.as_str(),
            result: delivery.result(),
            delivered: delivery.is_delivered(),
            code: delivery.code(),
            milliseconds: delivery.took.as_millis(),
            message: delivery.trouble(),
        }
    }
}
