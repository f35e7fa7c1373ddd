//! The judgement: what staple and lists say together, and what that means for the verdict.

use jiff::Timestamp;
use rustls::pki_types::CertificateDer;

use super::{
    Revocation, RevocationCheck, RevocationSource, RevocationState,
    issuer::{self, Link},
    lists::Listed,
    staple,
};
use crate::probe::{Fault, FaultKind, Finding, FindingKind, TrustStore, certificate, text};

/// The longest sentence, in bytes.
const MAX_DETAIL: usize = 512;

/// `Good` or `Revoked`, or why neither is known.
type State = Result<RevocationState, String>;

/// What is to be judged.
#[derive(Clone, Copy)]
pub(in crate::probe) struct Question<'a> {
    /// The chain as it was presented, leaf first; never empty.
    pub chain: &'a [CertificateDer<'static>],
    /// The verified path, if there is one.
    pub path: Option<&'a [Link<'a>]>,
    pub trust: &'a TrustStore,
    pub now: Timestamp,
    /// How revocation is looked into.
    pub check: RevocationCheck,
    /// Whether it is a fault when the state cannot be found out.
    pub needs_state: bool,
    /// The OCSP answer that the server stapled.
    pub staple: Option<&'a [u8]>,
    /// What lists say of the chain, if they were asked.
    pub lists: &'a [Listed],
}

/// What is known of the leaf's revocation, and what is to be said of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::probe) struct Assessment {
    /// `None` when nothing was asked, or nobody has said anything.
    pub revocation: Option<Revocation>,
    pub faults: Vec<Fault>,
    /// The worst first.
    pub findings: Vec<Finding>,
}

/// Judge what is known. A certificate that is itself trusted is above its issuer's word.
pub(in crate::probe) fn assess(question: &Question<'_>) -> Assessment {
    let mut found = Assessment::default();
    if question.check == RevocationCheck::None || question.trust.pins(&question.chain[0]) {
        return found;
    }
    let stapled = question.staple.map(|staple| stapled(question, staple));
    let (leaf, others): (Vec<&Listed>, Vec<&Listed>) = question.lists.iter().partition(|listed| listed.name.is_none());
    found.judge_leaf(question, stapled.as_ref(), leaf.first().map(|listed| &listed.state));
    for listed in others {
        found.judge_intermediate(question, listed);
    }
    found
}

/// What the staple says, or why it says nothing.
fn stapled(question: &Question<'_>, staple: &[u8]) -> Result<RevocationState, String> {
    let leaf = certificate::parse(&question.chain[0]);
    let leaf = leaf.ok_or("the certificate that the stapled OCSP answer is about is not readable")?;
    let verified = question.path.and_then(|path| path.first()).map(|link| link.issuer.clone());
    let issuer = verified.or_else(|| issuer::presumed(question.chain, question.trust));
    staple::verify(staple, &leaf, issuer.as_ref(), question.now)
        .map_err(|error| format!("the stapled OCSP answer {error}"))
}

// === impl Assessment ===

impl Assessment {
    /// Of what staple and list say, the worst counts.
    fn judge_leaf(&mut self, question: &Question<'_>, stapled: Option<&State>, listed: Option<&State>) {
        let mut reasons = Vec::new();
        match stapled {
            Some(Ok(_)) => {}
            Some(Err(why)) => {
                self.findings.push(Finding { kind: FindingKind::StapleInvalid, detail: why.clone() });
                reasons.push("the OCSP answer that the server stapled is not valid");
            }
            None => reasons.push("the server stapled no OCSP answer"),
        }
        if let Some(Err(why)) = listed {
            reasons.push(why);
        }
        let sources = [(stapled, RevocationSource::Staple), (listed, RevocationSource::Crl)];
        let known = sources.into_iter().filter_map(|(state, source)| Some((state?.as_ref().ok()?, source)));
        match known.max_by_key(|(state, source)| (is_revoked(state), *source == RevocationSource::Staple)) {
            Some((state, source)) => {
                self.add_revoked("the certificate", state);
                self.revocation = Some(Revocation { state: state.clone(), source: Some(source) });
            }
            // Most servers do not staple: that is worth a word only where the state is needed.
            None if question.needs_state || stapled.is_some() || listed.is_some() => {
                self.miss(question, "the certificate", &reasons.join(", and "));
                self.revocation = Some(Revocation { state: RevocationState::Unknown, source: None });
            }
            None => {}
        }
    }

    fn judge_intermediate(&mut self, question: &Question<'_>, listed: &Listed) {
        let who = format!("the intermediate {}", listed.name.as_deref().unwrap_or_default());
        match &listed.state {
            Ok(state) => self.add_revoked(&who, state),
            Err(why) => self.miss(question, &who, why),
        }
    }

    fn add_revoked(&mut self, who: &str, state: &RevocationState) {
        if let RevocationState::Revoked { at, reason } = state {
            let detail = cut(&format!("{who} was revoked at {at}{}", because(*reason)));
            self.faults.push(Fault { kind: FaultKind::Revoked, detail });
        }
    }

    fn miss(&mut self, question: &Question<'_>, who: &str, why: &str) {
        let detail = cut(&format!("it could not be found out whether {who} has been revoked: {why}"));
        if question.needs_state {
            self.faults.push(Fault { kind: FaultKind::RevocationUnknown, detail });
        } else {
            self.findings.push(Finding { kind: FindingKind::RevocationUnknown, detail });
        }
    }
}

fn is_revoked(state: &RevocationState) -> bool {
    matches!(state, RevocationState::Revoked { .. })
}

fn cut(detail: &str) -> String {
    text::clean_to(detail, MAX_DETAIL)
}

/// Why, in words.
fn because(reason: Option<&str>) -> String {
    reason.map_or_else(|| "; no reason was given".to_owned(), |reason| format!(": {reason}"))
}
