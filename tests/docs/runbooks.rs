//! Every alert of the chart has its section, and every section is about an alert.

use std::{collections::BTreeSet, fs};

use crate::page::{Page, ROOT};

#[test]
fn every_alert_has_its_section_in_the_operations_page() {
    let template = fs::read_to_string(format!("{ROOT}/charts/ssl-monitor-operator/templates/_alerts.tpl")).unwrap();
    let alerts: BTreeSet<&str> = template.lines().filter_map(|line| line.strip_prefix("- alert: ")).collect();
    let page = Page::read("docs/operations.md");
    let sections = page
        .prose()
        .into_iter()
        .filter_map(|(_, line)| line.strip_prefix("### SslMonitor"))
        .map(|rest| format!("SslMonitor{rest}"));
    let sections: Vec<String> = sections.collect();
    assert_eq!(sections.iter().map(String::as_str).collect::<BTreeSet<_>>(), alerts);
    assert_eq!(sections.len(), alerts.len());
}
