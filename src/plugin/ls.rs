//! `kubectl sslmonitor ls`: monitors in a table, the worst first.

use anstyle::{AnsiColor, Style};
use jiff::{SignedDuration, Timestamp};

use super::care::{Care, care, condition, days_left, end, is_expiring, is_invalid, overdue, word};
use crate::{
    api::SslMonitor,
    cli::ListArgs,
    monitor::ConditionType,
    output::{Cell, fitted},
    probe::text::escape,
    report::{addresses, findings, or_none, sentence},
};

/// Columns that may be cut where a terminal is narrow, by their headings: people know the beginnings.
const ELASTIC: [&str; 4] = ["NAME", "DOMAIN", "ISSUER", "MESSAGE"];

/// Whether a monitor is to be listed.
pub(super) fn is_wanted(monitor: &SslMonitor, args: &ListArgs, now: Timestamp) -> bool {
    match (args.expiring, args.invalid) {
        (None, false) => true,
        (None, true) => is_invalid(monitor, now),
        (Some(within), invalid) => is_expiring(monitor, within, now) || (invalid && is_invalid(monitor, now)),
    }
}

/// What a table shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    /// With the namespace of each.
    pub(super) namespaces: bool,
    /// With more columns.
    pub(super) wide: bool,
    /// In so many columns of a terminal.
    pub(super) width: Option<usize>,
}

/// The lines of a table of these monitors.
pub(super) fn table(monitors: &[SslMonitor], shape: Shape, now: Timestamp) -> Vec<String> {
    let heads: Vec<&str> = columns(shape).map(|(head, _)| head).collect();
    let elastic: Vec<usize> = (0..heads.len()).filter(|index| ELASTIC.contains(&heads[*index])).collect();
    let rows = monitors.iter().map(|monitor| columns(shape).map(|(_, cell)| cell(monitor, now)).collect());
    let rows: Vec<Vec<Cell>> =
        std::iter::once(heads.iter().map(|head| Cell::from(*head)).collect()).chain(rows).collect();
    fitted(&rows, shape.width, &elastic)
}

/// What a table does not show and the reader should know.
pub(super) fn warning(monitors: &[SslMonitor], now: Timestamp) -> Option<String> {
    let late = monitors.iter().filter(|monitor| overdue(monitor, now).is_some()).count();
    let which = match late {
        0 => return None,
        1 => "1 monitor has".to_owned(),
        several => format!("{several} monitors have"),
    };
    Some(format!("{which} not been checked when due: see whether the operator runs ({OPERATOR})"))
}

/// How the operator is found, wherever it is installed.
pub(super) const OPERATOR: &str = "kubectl get pods -A -l app.kubernetes.io/name=ssl-monitor-operator";

type Column = (&'static str, fn(&SslMonitor, Timestamp) -> Cell);

fn columns(shape: Shape) -> impl Iterator<Item = Column> {
    let namespace: Column = ("NAMESPACE", |monitor, _| text(monitor.metadata.namespace.clone()));
    let narrow: [Column; 6] = [
        ("NAME", |monitor, _| text(monitor.metadata.name.clone())),
        ("DOMAIN", |monitor, _| text(Some(monitor.spec.place()))),
        ("STATUS", |monitor, now| Cell::painted(escape(&word(monitor, now)), style(care(monitor, now)))),
        ("DAYS", |monitor, now| {
            Cell::painted(or_none(days_left(monitor, now).map(|days| days.to_string())), days_style(monitor, now))
        }),
        ("EXPIRES", |monitor, _| text(end(monitor).map(|end| end.strftime("%Y-%m-%d").to_string()))),
        ("CHECKED", checked),
    ];
    let wide: [Column; 5] = [
        ("READY", |monitor, _| text(condition(monitor, ConditionType::Ready).map(|(status, _)| status.to_owned()))),
        ("ISSUER", |monitor, _| {
            text(monitor.status.as_ref().and_then(|status| status.certificate.as_ref()?.issuer.clone()))
        }),
        ("ADDRESSES", |monitor, _| text(monitor.status.as_ref().and_then(addresses))),
        ("FINDINGS", |monitor, _| text(monitor.status.as_ref().and_then(findings))),
        ("MESSAGE", |monitor, _| text(Some(sentence(monitor).to_owned()))),
    ];
    let wide = wide.into_iter().filter(move |_| shape.wide);
    std::iter::once(namespace).filter(move |_| shape.namespaces).chain(narrow).chain(wide)
}

/// Whoever may write a status may write anything into it: it is shown escaped.
fn text(text: Option<String>) -> Cell {
    escape(&or_none(text)).into()
}

fn checked(monitor: &SslMonitor, now: Timestamp) -> Cell {
    let last = monitor.status.as_ref().and_then(|status| status.last_checked_at.as_ref());
    let style = if overdue(monitor, now).is_some() { YELLOW } else { Style::new() };
    Cell::painted(or_none(last.map(|last| age(now.duration_since(last.0)))), style)
}

/// How long ago, as kubectl says it: `45s`, `12m`, `5h`, `3d`.
fn age(age: SignedDuration) -> String {
    match age.as_secs() {
        seconds @ ..120 => format!("{}s", seconds.max(0)),
        seconds @ ..7200 => format!("{}m", seconds / 60),
        seconds @ ..172_800 => format!("{}h", seconds / 3600),
        seconds => format!("{}d", seconds / 86_400),
    }
}

const RED: Style = AnsiColor::Red.on_default();
const YELLOW: Style = AnsiColor::Yellow.on_default();
const GREEN: Style = AnsiColor::Green.on_default();
const DIM: Style = Style::new().dimmed();

/// The colour of this urgency.
pub(super) fn style(care: Care) -> Style {
    match care {
        Care::Invalid | Care::Unreachable | Care::Stalled => RED,
        Care::Unready | Care::Unexpected | Care::Inconsistent | Care::Expiring | Care::Untold => YELLOW,
        Care::Well => GREEN,
        Care::Pending | Care::Off => DIM,
    }
}

fn days_style(monitor: &SslMonitor, now: Timestamp) -> Style {
    match days_left(monitor, now) {
        Some(..0) => RED,
        Some(_)
            if condition(monitor, ConditionType::CertificateExpiring).is_some_and(|(status, _)| status == "True") =>
        {
            YELLOW
        }
        _ => Style::new(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::{
        cli::{ListFormat, Selection},
        plugin::samples::{monitor, now},
    };

    fn plain(lines: &[String]) -> Vec<String> {
        let strip = |line: &String| anstream::adapter::strip_str(line).to_string();
        lines.iter().map(strip).collect()
    }

    fn some() -> Vec<SslMonitor> {
        let expired = json!({"Ready": "True", "CertificateValid": "False", "CertificateExpiring": "True"});
        let mut evil = monitor("new", &json!({}), 0);
        evil.status = None;
        vec![monitor("old", &expired, -2), evil]
    }

    #[test]
    fn a_table_is_aligned_and_its_colours_are_not_all_it_says() {
        let shape = Shape { namespaces: true, wide: false, width: None };
        let lines = table(&some(), shape, now() + SignedDuration::from_mins(5));
        assert_eq!(
            plain(&lines),
            [
                "NAMESPACE   NAME   DOMAIN     STATUS        DAYS   EXPIRES      CHECKED",
                "shop        old    old.test   Expired       -3     2026-05-30   5m",
                "shop        new    new.test   Progressing   -      -            -",
            ]
        );
        assert!(lines[1].contains("\u{1b}[31mExpired\u{1b}[0m"), "{:?}", lines[1]);
    }

    #[test]
    fn a_wide_table_says_why_and_is_cut_to_the_terminal() {
        let mut monitors = some();
        let status = monitors[0].status.as_mut().unwrap();
        status.summary = Some("BecauseCertificateValid".to_owned());
        let shape = |width| Shape { namespaces: false, wide: true, width };
        let lines = plain(&table(&monitors, shape(None), now()));
        assert!(lines[0].ends_with("CHECKED   READY   ISSUER   ADDRESSES   FINDINGS   MESSAGE"), "{lines:?}");
        assert!(lines[1].ends_with("True    R11      -           -          about CertificateValid"), "{lines:?}");
        let width = lines[1].len();
        let cut = plain(&table(&monitors, shape(Some(width - 5)), now()));
        assert!(cut[1].ends_with("about Certificat…"), "{cut:?}");
    }

    #[test]
    fn what_others_wrote_is_shown_escaped() {
        let mut monitors = some();
        monitors[0].status.as_mut().unwrap().summary = Some("\u{1b}[32mValid\nx".to_owned());
        let lines = plain(&table(&monitors, Shape { namespaces: false, wide: false, width: None }, now()));
        assert_eq!(lines.len(), 3);
        assert!(lines[1].contains("\\u{1b}[32mValid\\u{a}x"), "{lines:?}");
    }

    #[test]
    fn filters_add_up() {
        let expired = monitor("a", &json!({"CertificateValid": "False"}), -2);
        let invalid = monitor("b", &json!({"CertificateValid": "False"}), 90);
        let expiring = monitor("c", &json!({"CertificateValid": "True"}), 10);
        let well = monitor("d", &json!({"CertificateValid": "True"}), 90);
        let monitors = [&expired, &invalid, &expiring, &well];
        let wanted = |days: Option<u64>, invalid| {
            let expiring = days.map(|days| Duration::from_hours(24 * days));
            let args = ListArgs { selection: Selection::default(), expiring, invalid, output: ListFormat::Table };
            monitors.map(|monitor| is_wanted(monitor, &args, now()))
        };
        assert_eq!(wanted(None, false), [true, true, true, true]);
        assert_eq!(wanted(None, true), [true, true, false, false]);
        assert_eq!(wanted(Some(30), false), [true, false, true, false]);
        assert_eq!(wanted(Some(30), true), [true, true, true, false]);
    }

    #[test]
    fn an_operator_that_does_not_check_is_noticed() {
        let monitors = [monitor("a", &json!({}), 90), monitor("b", &json!({}), 90)];
        assert_eq!(warning(&monitors, now()), None);
        let told = warning(&monitors, now() + SignedDuration::from_hours(2)).unwrap();
        assert!(told.starts_with("2 monitors have not been checked when due: see whether the operator runs"), "{told}");
    }

    #[test]
    fn ages_are_in_the_units_of_kubectl() {
        let ages =
            [-5, 0, 119, 120, 7199, 7200, 172_799, 172_800].map(|seconds| age(SignedDuration::from_secs(seconds)));
        assert_eq!(ages, ["0s", "0s", "119s", "2m", "119m", "2h", "47h", "2d"]);
    }
}
