//! What is to be said of a chain beside its faults: pure, and judged apart from trust.
//!
//! Rules of the CA/Browser Forum bind public authorities alone, and nobody else keeps them: they are looked at only where the
//! path ends at a root of the system. What clients enforce whoever issued a certificate is looked at always.

mod lints;
mod order;
mod validity;

use x509_parser::prelude::X509Certificate;

use super::{Case, Leaf, Proof, path::Path, text};
use crate::probe::{
    Finding, FindingKind,
    certificate::{self, Extensions},
};

/// The most bytes of a detail.
const MAX_DETAIL: usize = 512;

/// Everything that findings are made from.
pub(super) struct Survey<'a> {
    pub case: &'a Case,
    pub leaf: &'a Leaf<'a>,
    /// The verified path; `None` when none was found.
    pub path: Option<&'a Path>,
    /// Whether a fault says already that a key is too weak.
    pub is_key_faulty: bool,
}

/// Notes findings: one a kind, with the first detail and the number of the others.
#[derive(Default)]
struct Notes(Vec<(Finding, usize)>);

/// What is to be said of the chain, the worst first.
pub(super) fn survey(survey: &Survey<'_>) -> Vec<Finding> {
    let mut notes = Notes::default();
    let extensions = Extensions::of(survey.leaf.parsed);
    let sent = order::Sent::of(survey);
    note_leaf(&mut notes, survey, &extensions);
    order::note(&mut notes, survey, &sent);
    note_strength(&mut notes, survey, &sent);
    lints::note(&mut notes, survey, &extensions, &sent);
    notes.finish()
}

fn note_leaf(notes: &mut Notes, survey: &Survey<'_>, extensions: &Extensions<'_>) {
    // Where the handshake was not completed, an answer may have been on its way.
    let is_bare = survey.case.staple.is_none() && matches!(survey.case.proof, Proof::Given(_));
    if extensions.must_staple && is_bare {
        let detail = "the certificate demands a stapled OCSP answer (RFC 7633), and the server sent none: clients that check \
                      this refuse the connection";
        notes.add(FindingKind::MustStapleMissing, detail);
    }
    if survey.leaf.facts.san_count == 0 {
        let detail = "the certificate has no subject alternative name; clients do not look at its common name";
        notes.add(FindingKind::NoSubjectAltName, detail);
    }
    if survey.case.trust.pins(survey.leaf.der) {
        let detail = "the certificate itself is among the trusted ones: its successor will not be trusted unless it is added, too";
        notes.add(FindingKind::PinnedLeaf, detail);
    }
    if let Some(detail) = validity::excess(survey) {
        notes.add(FindingKind::ValidityTooLong, detail);
    }
}

/// Keys and signatures of what belongs to the leaf's chain.
fn note_strength(notes: &mut Notes, survey: &Survey<'_>, sent: &[order::Sent<'_>]) {
    for sent in sent.iter().filter(|sent| sent.is_member()) {
        if !survey.is_key_faulty
            && let Some(weakness) = certificate::weakness(sent.parsed)
        {
            notes.add(FindingKind::WeakKey, format!("the key of {} is {weakness}", sent.title()));
        }
        if !sent.is_self_issued()
            && let Some(algorithm) = certificate::signature_weakness(sent.parsed)
        {
            let detail = format!("{} is signed with {algorithm}, which clients refuse", sent.title());
            notes.add(FindingKind::WeakSignature, detail);
        }
    }
}

/// The end of a certificate's name in a sentence.
fn name(certificate: &X509Certificate<'_>) -> String {
    certificate::display_name(certificate::subject_name(certificate))
}

// === impl Notes ===

impl Notes {
    fn add(&mut self, kind: FindingKind, detail: impl Into<String>) {
        match self.0.iter_mut().find(|(finding, _)| finding.kind == kind) {
            Some((_, others)) => *others += 1,
            None => self.0.push((Finding { kind, detail: detail.into() }, 0)),
        }
    }

    fn finish(mut self) -> Vec<Finding> {
        self.0.sort_by_key(|(finding, _)| finding.kind);
        let finish = |(finding, others): (Finding, usize)| {
            let more = if others == 0 { String::new() } else { format!("; and {others} more") };
            let detail = text::cut_to(finding.detail, MAX_DETAIL - more.len()) + &more;
            Finding { detail, ..finding }
        };
        self.0.into_iter().map(finish).collect()
    }
}
