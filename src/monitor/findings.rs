//! What is to be said beside the verdict: faults and findings as the status lists them.

use super::conditions::cut;
use crate::{
    api::{FindingStatus, MAX_FINDINGS},
    probe::{FaultKind, Finding, FindingKind, FindingSeverity, Observation, Presented},
};

/// The schema's bound of a finding's message, in bytes.
const MAX_MESSAGE: usize = 512;

/// Every pair of type and severity that `status.findings` may hold: the faults, then the findings.
pub fn finding_kinds() -> Vec<(&'static str, &'static str)> {
    let faults = FaultKind::ALL.map(|kind| (kind.as_str(), FindingSeverity::Critical.as_str()));
    let findings = FindingKind::ALL.map(|kind| (kind.as_str(), kind.severity().as_str()));
    faults.into_iter().chain(findings).collect()
}

/// The faults of a presented chain and what was found beside them: the faults first, then the worst; one of each type.
pub(super) fn findings(observation: &Observation, presented: &Presented) -> Vec<FindingStatus> {
    let faults = presented.verdict.faults.iter();
    let faults = faults.map(|fault| (fault.kind.as_str(), FindingSeverity::Critical, fault.detail.as_str()));
    let mut others: Vec<&Finding> = observation.findings.iter().chain(&presented.findings).collect();
    others.sort_by_key(|finding| (finding.kind.severity(), finding.kind));
    let others = others.into_iter().map(|it| (it.kind.as_str(), it.kind.severity(), it.detail.as_str()));
    let mut listed: Vec<FindingStatus> = Vec::new();
    for (kind, severity, detail) in faults.chain(others) {
        if listed.len() < MAX_FINDINGS && !listed.iter().any(|listed| listed.type_ == kind) {
            let message = cut(detail.to_owned(), MAX_MESSAGE);
            listed.push(FindingStatus { type_: kind.to_owned(), severity: severity.as_str().to_owned(), message });
        }
    }
    listed
}
