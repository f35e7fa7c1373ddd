//! What the source says of the variants of its enums, which is written for those who read either.

use std::collections::BTreeMap;

use ssl_monitor_operator::{
    alerting::advise,
    monitor::{ConditionType, Reason},
    notify::Why,
    probe::FindingKind,
};

const CONDITIONS: &str = include_str!("../../../../src/monitor/conditions.rs");
const FAULTS: &str = include_str!("../../../../src/probe/observation/verdict.rs");
const FAILURES: &str = include_str!("../../../../src/probe/observation/failure.rs");
const FINDINGS: &str = include_str!("../../../../src/probe/finding.rs");
const OUTCOMES: &str = include_str!("../../../../src/notify/outcome.rs");

/// The comments above the variants of one enum, by the variants' names.
type Variants = BTreeMap<String, String>;

/// The comments above all variants.
pub(super) struct Words {
    conditions: Variants,
    reasons: Variants,
    faults: Variants,
    failures: Variants,
    findings: Variants,
    errors: Variants,
}

// === impl Words ===

impl Words {
    pub(super) fn read() -> Self {
        Self {
            conditions: variants(CONDITIONS, "ConditionType"),
            reasons: variants(CONDITIONS, "Reason"),
            faults: variants(FAULTS, "FaultKind"),
            failures: variants(FAILURES, "FailureReason"),
            findings: variants(FINDINGS, "FindingKind"),
            errors: variants(OUTCOMES, "Why"),
        }
    }

    pub(super) fn of_condition(&self, kind: ConditionType) -> String {
        said(&self.conditions, &format!("{kind:?}"))
    }

    pub(super) fn of_reason(&self, reason: Reason) -> String {
        match reason {
            Reason::Fault(kind) => said(&self.faults, &format!("{kind:?}")),
            Reason::Failure(kind) => said(&self.failures, &format!("{kind:?}")),
            reason => said(&self.reasons, &format!("{reason:?}")),
        }
    }

    pub(super) fn of_finding(&self, kind: FindingKind) -> String {
        said(&self.findings, &format!("{kind:?}"))
    }

    pub(super) fn of_error(&self, why: Why) -> String {
        let name = format!("{why:?}");
        said(&self.errors, name.split('(').next().unwrap_or_default())
    }
}

fn said(variants: &Variants, name: &str) -> String {
    super::cell(variants.get(name).expect("every variant has a comment: the compiler warns of one without"))
}

/// The comment above each variant of an enum in a source file.
fn variants(source: &str, name: &str) -> Variants {
    let body = source.split_once(&format!("pub enum {name} {{\n")).map_or("", |(_, rest)| rest);
    let body = body.split_once("\n}").map_or(body, |(body, _)| body);
    let (mut variants, mut comment) = (Variants::new(), String::new());
    for line in body.lines().map(str::trim) {
        if let Some(words) = line.strip_prefix("/// ") {
            comment = if comment.is_empty() { words.to_owned() } else { format!("{comment} {words}") };
        } else if !line.starts_with('#') {
            let name: String = line.chars().take_while(char::is_ascii_alphanumeric).collect();
            variants.insert(name, std::mem::take(&mut comment));
        }
    }
    variants
}

/// What is to be said of everything that has a name: what it means, and what to do about it where alerts say that.
pub(super) fn explanations(words: &Words) -> BTreeMap<&'static str, String> {
    let mut known: BTreeMap<&'static str, String> = BTreeMap::new();
    for reason in Reason::all().chain(Reason::OF_CHANNELS) {
        let advice =
            advise(reason.as_str(), "").map(|(_, advice)| format!("\n**What to do.** {advice}\n")).unwrap_or_default();
        known.insert(reason.as_str(), format!("{}\n{advice}", words.of_reason(reason)));
    }
    for why in Why::ALL {
        known.entry(why.category()).or_insert_with(|| format!("{}\n", words.of_error(why)));
    }
    for kind in FindingKind::ALL {
        let text = format!("{}\n", words.of_finding(kind));
        // Some findings are faults where they are worse.
        known
            .entry(kind.as_str())
            .and_modify(|known| *known = format!("{known}\nAs a finding: {text}"))
            .or_insert(text);
    }
    known
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_read_with_all_their_lines() {
        let source = "/// No.\npub enum A {\n    /// One,\n    /// and a line.\n    B,\n    /// Two.\n    #[x]\n    C(u8),\n}\npub enum D {}\n";
        let expected =
            [("B", "One, and a line."), ("C", "Two.")].map(|(name, words)| (name.to_owned(), words.to_owned()));
        assert_eq!(variants(source, "A"), BTreeMap::from(expected));
    }
}
