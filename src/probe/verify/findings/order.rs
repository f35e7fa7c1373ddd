//! What was sent, and in which order: a server sends its own certificate, then each certificate's issuer, and no root
//! (RFC 8446 §4.4.2; RFC 5246 §7.4.2 does not even allow another order).

use x509_parser::prelude::X509Certificate;

use super::{Notes, Survey, name};
use crate::probe::{
    FindingKind,
    certificate::{self, Extensions},
};

/// A certificate of the chain, and what it has to do with the leaf.
pub(super) struct Sent<'a> {
    /// Where it stands in the chain, counted from 0.
    position: usize,
    pub(super) parsed: &'a X509Certificate<'a>,
    /// Whether the very same certificate was sent before.
    is_repeated: bool,
    /// Whether it is the leaf or of its path, or names lead from these to it.
    is_related: bool,
    /// Whether it is an intermediate of the verified path.
    pub(super) is_used: bool,
}

// === impl Sent ===

impl<'a> Sent<'a> {
    /// The readable certificates of the chain.
    pub(super) fn of(survey: &Survey<'a>) -> Vec<Self> {
        let leaf = (0, survey.leaf.parsed);
        let certificates = std::iter::once(leaf).chain(survey.leaf.positions.iter().copied().zip(survey.leaf.others));
        let mut sent: Vec<Self> = Vec::with_capacity(1 + survey.leaf.others.len());
        for (position, parsed) in certificates {
            let is_repeated = sent.iter().any(|before| before.parsed.as_raw() == parsed.as_raw());
            let is_used = survey.path.is_some_and(|path| path.uses(position));
            sent.push(Self { position, parsed, is_repeated, is_related: position == 0 || is_used, is_used });
        }
        relate(&mut sent);
        sent
    }

    /// Whether it belongs to the leaf's chain.
    pub(super) fn is_member(&self) -> bool {
        self.is_related && !self.is_repeated
    }

    pub(super) fn is_self_issued(&self) -> bool {
        certificate::subject_name(self.parsed) == certificate::issuer_name(self.parsed)
    }

    /// What it is called in a sentence.
    pub(super) fn title(&self) -> String {
        match self.position {
            0 => "the certificate".to_owned(),
            _ => format!("the intermediate {}", name(self.parsed)),
        }
    }

    /// Whether this may have issued the other: by name, and by key identifiers where both tell; signatures have told of the
    /// path's.
    fn may_have_issued(&self, other: &Self) -> bool {
        if certificate::subject_name(self.parsed) != certificate::issuer_name(other.parsed) {
            return false;
        }
        let wanted = Extensions::of(other.parsed).authority_key.and_then(|key| key.value.key_identifier.as_ref());
        let own = Extensions::of(self.parsed).subject_key;
        self.is_used || wanted.zip(own).is_none_or(|(wanted, own)| wanted.0 == own.value)
    }
}

/// Follow the issuers from the leaf and its path on.
fn relate(sent: &mut [Sent<'_>]) {
    let mut reached: Vec<usize> = (0..sent.len()).filter(|at| sent[*at].is_related).collect();
    while let Some(from) = reached.pop() {
        for at in 1..sent.len() {
            if !sent[at].is_related && sent[at].may_have_issued(&sent[from]) {
                sent[at].is_related = true;
                reached.push(at);
            }
        }
    }
}

pub(super) fn note(notes: &mut Notes, survey: &Survey<'_>, sent: &[Sent<'_>]) {
    let issued = issued_by_first(sent);
    if let Some(detail) = issued.map(|issued| not_first(sent, issued)).or_else(|| disorder(sent)) {
        notes.add(FindingKind::ChainOrder, detail);
    }
    for sent in sent.iter().skip(1) {
        let title = format!("certificate {} of the chain, {},", sent.position + 1, name(sent.parsed));
        let end = certificate::validity(sent.parsed).1;
        if sent.is_repeated {
            notes.add(FindingKind::Superfluous, format!("{title} was sent before"));
        } else if !sent.is_used && end < survey.case.now && survey.path.is_some() {
            let detail = format!("{title} expired at {end}; it is not needed, but some clients stumble over it");
            notes.add(FindingKind::UnusedExpired, detail);
        } else if !sent.is_related && issued.is_none() {
            notes.add(FindingKind::Superfluous, format!("{title} has nothing to do with the server's certificate"));
        } else if sent.is_related && sent.is_self_issued() && !sent.is_used {
            let detail = format!("{title} is a root, which need not be sent: clients trust their own copy or none");
            notes.add(FindingKind::Superfluous, detail);
        }
    }
}

/// A certificate that the first one issued: then the first is not the server's.
fn issued_by_first<'s, 'a>(sent: &'s [Sent<'a>]) -> Option<&'s Sent<'a>> {
    let (first, others) = sent.split_first()?;
    let is_issued = |other: &&Sent<'_>| !other.is_repeated && first.may_have_issued(other);
    Extensions::of(first.parsed).is_ca().then(|| others.iter().find(is_issued)).flatten()
}

fn not_first(sent: &[Sent<'_>], issued: &Sent<'_>) -> String {
    format!(
        "the first certificate of the chain, {}, is the CA that issued number {}, {}: the server's own must come first",
        name(sent[0].parsed),
        issued.position + 1,
        name(issued.parsed),
    )
}

fn disorder(sent: &[Sent<'_>]) -> Option<String> {
    let distinct: Vec<&Sent<'_>> = sent.iter().filter(|sent| !sent.is_repeated).collect();
    let (leaf, others) = distinct.split_first()?;
    let issuer = others.iter().position(|other| other.may_have_issued(leaf));
    if let Some(at @ 1..) = issuer {
        return Some(format!(
            "the certificate is not followed by its issuer {}, which comes as number {}: some clients read chains in order only",
            name(others[at].parsed),
            others[at].position + 1,
        ));
    }
    let is_early = |at: usize| {
        distinct[at].is_related && !distinct[..at].iter().any(|before| distinct[at].may_have_issued(before))
    };
    let early = (1..distinct.len()).find(|at| is_early(*at))?;
    Some(format!(
        "certificate {} of the chain, {}, comes before the one that it issued: some clients read chains in order only",
        distinct[early].position + 1,
        name(distinct[early].parsed),
    ))
}
