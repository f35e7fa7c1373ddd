//! The pages of `docs/reference/`, from the types and from what stands above them in the source.

mod commands;
mod fields;
mod metrics;
mod words;

use std::path::{Path, PathBuf};

use ssl_monitor_operator::{
    api::{
        ALLOWED_LABEL, REQUESTED_AT_ANNOTATION, TEST_REQUESTED_AT_ANNOTATION, notification_channel_crd, ssl_monitor_crd,
    },
    monitor::{CERTIFICATE_CHANGED, ConditionType, Reason, SERVICE_CONDITION, TEST_DELIVERED, TEST_FAILED},
    notify::Why,
    probe::FindingKind,
};

use self::words::Words;

/// The directory of the pages, relative to the repository.
pub(super) const DIRECTORY: &str = "docs/reference";
/// The page of which only the entries' first lines are generated.
pub(super) const TROUBLESHOOTING: &str = "docs/troubleshooting.md";
const HEADER: &str = "<!-- Generated from the code by `cargo xtask generate`. Do not edit. -->";

/// The pages, relative to the repository, and their texts.
pub(super) fn pages() -> Vec<(PathBuf, String)> {
    let pages = [
        ("sslmonitor.md", fields::page("SslMonitor", &ssl_monitor_crd())),
        ("notificationchannel.md", fields::page("NotificationChannel", &notification_channel_crd())),
        ("conditions.md", conditions()),
        ("metrics.md", metrics::page()),
        ("command-line.md", commands::page()),
        ("objects.md", objects()),
    ];
    pages.map(|(name, text)| (Path::new(DIRECTORY).join(name), format!("{HEADER}\n{text}"))).into()
}

/// A table between its marks.
fn table(name: &str, head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let head: Vec<String> = head.iter().map(ToString::to_string).collect();
    let rule = format!("|{}\n", "---|".repeat(head.len()));
    let rows: String = rows.into_iter().map(|row| line(&row)).collect();
    format!("<!-- {name} -->\n{}{rule}{rows}<!-- /{name} -->\n", line(&head))
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

/// A text as the cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

fn conditions() -> String {
    let words = Words::read();
    let types = |kinds: &[ConditionType]| {
        kinds.iter().map(|kind| vec![code(kind.as_str()), words.of_condition(*kind)]).collect::<Vec<_>>()
    };
    let reasons = |reasons: Vec<Reason>| {
        reasons.into_iter().map(|reason| vec![entry(reason.as_str()), words.of_reason(reason)]).collect::<Vec<_>>()
    };
    let findings =
        FindingKind::ALL.map(|kind| vec![entry(kind.as_str()), code(kind.severity().as_str()), words.of_finding(kind)]);
    let errors = Why::ALL.map(|why| vec![entry(why.category()), words.of_error(why)]);
    let of_channels = [ConditionType::Ready, ConditionType::Reconciling, ConditionType::Stalled];
    [
        "\n# Conditions, reasons and findings\n\nWhat to do about each: [troubleshooting](../troubleshooting.md), to which the names lead.\n\n",
        "## Conditions of an SslMonitor\n\n",
        &table("conditions", &["type", "meaning"], types(&ConditionType::ALL)),
        "\n## Reasons\n\nOf the conditions of an SslMonitor, and of its Events.\n\n",
        &table("reasons", &["reason", "meaning"], reasons(Reason::all().collect())),
        "\n## Findings\n\n`status.findings` holds every fault of the certificate as `critical`, and:\n\n",
        &table("findings", &["type", "severity", "meaning"], findings),
        "\n## Conditions of a NotificationChannel\n\n",
        &table("channel-conditions", &["type", "meaning"], types(&of_channels)),
        "\n## Reasons of a NotificationChannel\n\n",
        &table("channel-reasons", &["reason", "meaning"], reasons(Reason::OF_CHANNELS.into())),
        "\n## Why a message was not delivered\n\n`status.lastError.reason` of a NotificationChannel.\n\n",
        &table("delivery-errors", &["reason", "meaning"], errors),
    ]
    .concat()
}

fn objects() -> String {
    let row = |name: &str, on: &str, meaning: &str| vec![code(name), on.to_owned(), meaning.to_owned()];
    let annotations = [
        row(
            REQUESTED_AT_ANNOTATION,
            "SslMonitor",
            "Any new value asks for a check at once; it is echoed in `status.lastHandledRequestAt`.",
        ),
        row(
            TEST_REQUESTED_AT_ANNOTATION,
            "NotificationChannel",
            "Any new value sends a test message; it is echoed in `status.lastHandledTestAt`.",
        ),
    ];
    let labels =
        [row(ALLOWED_LABEL, "Secret", "`true`: the operator may use what it holds. It uses no Secret without it.")];
    let conditions = [row(
        SERVICE_CONDITION,
        "Service",
        "The worst result of all enabled monitors that name the Service in `serviceRef`.",
    )];
    let events = [
        row(CERTIFICATE_CHANGED, "SslMonitor", "Another certificate is served than before."),
        row(TEST_DELIVERED, "NotificationChannel", "The receiver has taken the test message."),
        row(TEST_FAILED, "NotificationChannel", "It has not; the note says why."),
    ];
    let head = ["name", "on", "meaning"];
    [
        "\n# Labels, annotations, conditions and Events\n\n## Annotations\n\n",
        &table("annotations", &head, annotations),
        "\n## Labels\n\n",
        &table("labels", &head, labels),
        "\n## Conditions on objects of others\n\n",
        &table("foreign-conditions", &head, conditions),
        "\n## Events\n\nOn transitions only, with the condition's new [reason](conditions.md#reasons) as their reason, and:\n\n",
        &table("events", &head, events),
    ]
    .concat()
}

/// A name that leads to its entry.
fn entry(name: &str) -> String {
    format!("[`{name}`](../troubleshooting.md#{})", name.to_ascii_lowercase())
}

/// A line before which an entry's generated lines stand, and one behind which.
fn marks(name: &str) -> [String; 2] {
    [format!("<!-- about {name} -->\n"), format!("<!-- /about {name} -->")]
}

/// The page with what the code says of each entry put between the marks that stand there.
pub(super) fn troubleshooting(page: &str) -> String {
    let known = words::explanations(&Words::read());
    known.iter().fold(page.to_owned(), |page, (name, text)| {
        let [start, end] = marks(name);
        let Some((before, rest)) = page.split_once(&start) else { return page };
        let Some((_, after)) = rest.split_once(&end) else { return page };
        format!("{before}{start}{text}{end}{after}")
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_the_code_says_is_put_between_the_marks_and_the_rest_is_kept() {
        let page = "# A\n<!-- about Expired -->\nold\n<!-- /about Expired -->\nmore\n<!-- about Nothing -->\nkept\n";
        let text = troubleshooting(page);
        let expected = "# A\n<!-- about Expired -->\nThe certificate has expired.\n\n**What to do.** Renew and install it with its chain, \
                        and reload the server: clients refuse to connect until then.\n<!-- /about Expired -->\nmore\n\
                        <!-- about Nothing -->\nkept\n";
        assert_eq!(text, expected);
        assert_eq!(troubleshooting(&text), text);
    }

    #[test]
    fn every_page_has_a_heading_and_every_row_as_many_cells_as_its_head() {
        for (path, text) in pages() {
            assert!(text.lines().any(|line| line.starts_with("# ")), "{}", path.display());
            let cells = |line: &str| line.replace("\\|", "").matches('|').count();
            let mut head = 0;
            for line in text.lines() {
                head = if line.starts_with('|') && head == 0 { cells(line) } else { head };
                head = if line.starts_with('|') { head } else { 0 };
                assert!(head == 0 || cells(line) == head, "{}: {line}", path.display());
            }
        }
    }
}
