//! Whoever issued a certificate: the one whose word on its revocation counts.

use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{ParsedExtension, X509Certificate};

use super::signed::{PublicKey, Signed};
use crate::probe::{TrustStore, certificate};

/// The most signatures that are verified to find issuers in one chain: a hostile one holds many certificates of one name.
const MAX_TRIED: usize = 24;

/// A certificate and what is signed of it.
pub(super) struct Member<'a> {
    pub(super) parsed: X509Certificate<'a>,
    signed: Signed<'a>,
}

/// The issuer of a certificate.
#[derive(Debug, Clone, Copy)]
pub(super) struct Issuer<'a> {
    /// The DER of its name as the issued certificate has it, with its header.
    pub(super) name: &'a [u8],
    pub(super) key: PublicKey<'a>,
    /// Its place in the presented chain; `None` for a trust anchor that was not sent.
    pub(super) position: Option<usize>,
    /// Whether it may sign lists: its key usage, if there is one, must say so (RFC 5280 §6.3.3 (f)).
    pub(super) may_sign_lists: bool,
    /// Whether this very name and key are trusted.
    pub(super) is_anchor: bool,
}

/// Finds issuers in a presented chain and among trust anchors, with a bounded number of attempts.
pub(super) struct Issuers<'a> {
    members: &'a [Option<Member<'a>>],
    trust: &'a TrustStore,
    left: usize,
}

/// The chain in parsed form, position by position; what cannot be read is left out.
pub(super) fn members<'a>(chain: &'a [CertificateDer<'_>]) -> Vec<Option<Member<'a>>> {
    let member = |der: &'a CertificateDer<'_>| {
        Some(Member { parsed: certificate::parse(der)?, signed: Signed::of_certificate(der)? })
    };
    chain.iter().map(member).collect()
}

// === impl Issuers ===

impl<'a> Issuers<'a> {
    pub(super) fn new(members: &'a [Option<Member<'a>>], trust: &'a TrustStore) -> Self {
        Self { members, trust, left: MAX_TRIED }
    }

    /// The issuer of the certificate at this position of the chain: one that has the name and whose key really signed it, so
    /// that no one vouches for a certificate by sending an issuer of the same name. Trust anchors go first.
    pub(super) fn of(&mut self, position: usize) -> Option<Issuer<'a>> {
        let member = self.members.get(position)?.as_ref()?;
        let name = member.parsed.issuer().as_raw();
        let signed = member.signed;
        let mut left = self.left;
        let mut signs = |key: PublicKey<'_>| {
            left = left.checked_sub(1)?;
            signed.is_by(key).then_some(())
        };
        let found = self.anchor(name, &mut signs).or_else(|| self.member(name, position, &mut signs));
        self.left = left;
        found
    }

    fn anchor(&self, name: &'a [u8], signs: &mut impl FnMut(PublicKey<'_>) -> Option<()>) -> Option<Issuer<'a>> {
        self.trust.anchors_of(name).find_map(|anchor| {
            let key = PublicKey::of_content(&anchor.subject_public_key_info)?;
            signs(key)?;
            let sent = self.members.iter().position(|member| is(member.as_ref(), name, key));
            let may_sign_lists =
                sent.is_none_or(|sent| self.members[sent].as_ref().is_some_and(Member::may_sign_lists));
            Some(Issuer { name, key, position: sent, may_sign_lists, is_anchor: true })
        })
    }

    fn member(
        &self,
        name: &'a [u8],
        of: usize,
        signs: &mut impl FnMut(PublicKey<'_>) -> Option<()>,
    ) -> Option<Issuer<'a>> {
        self.members.iter().enumerate().filter(|(position, _)| *position != of).find_map(|(position, member)| {
            let member = member.as_ref().filter(|member| member.parsed.subject().as_raw() == name)?;
            let key = member.key()?;
            signs(key)?;
            let may_sign_lists = member.may_sign_lists();
            Some(Issuer { name, key, position: Some(position), may_sign_lists, is_anchor: false })
        })
    }
}

fn is(member: Option<&Member<'_>>, name: &[u8], key: PublicKey<'_>) -> bool {
    member.is_some_and(|member| member.parsed.subject().as_raw() == name && member.key() == Some(key))
}

// === impl Member ===

impl Member<'_> {
    fn key(&self) -> Option<PublicKey<'_>> {
        PublicKey::read(self.parsed.public_key().raw)
    }

    fn may_sign_lists(&self) -> bool {
        self.parsed.extensions().iter().all(|extension| match extension.parsed_extension() {
            ParsedExtension::KeyUsage(usage) => usage.crl_sign(),
            _ => true,
        })
    }
}
