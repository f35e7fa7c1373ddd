//! Whoever issued a certificate: the one whose word on its revocation counts.

use std::mem;

use rustls::pki_types::{CertificateDer, TrustAnchor};
use x509_parser::{extensions::KeyUsage, prelude::X509Certificate};

use super::signed::{PublicKey, Signed};
use crate::probe::{
    TrustStore,
    certificate::{self, Extensions},
};

/// The most signatures that are verified to find who issued a leaf: a hostile chain holds many certificates of one name.
const MAX_TRIED: usize = 24;

/// The issuer of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Issuer {
    /// The DER of its name as the issued certificate has it, with its header.
    pub(super) name: Vec<u8>,
    /// The content of its SubjectPublicKeyInfo, without header.
    pub(super) key: Vec<u8>,
    /// Whether it may sign lists: its key usage, if there is one, must say so (RFC 5280 §6.3.3 (f)).
    pub(super) may_sign_lists: bool,
}

/// A certificate of a verified path, and who issued it.
pub(in crate::probe) struct Link<'a> {
    pub(super) parsed: X509Certificate<'a>,
    pub(super) issuer: Issuer,
}

/// The links of a verified path: its certificates from the leaf up, and the trust anchor above the last. `None` when one cannot
/// be read.
pub(in crate::probe) fn links<'a>(
    path: impl DoubleEndedIterator<Item = &'a CertificateDer<'static>>,
    anchor: &TrustAnchor<'_>,
    trust: &TrustStore,
) -> Option<Vec<Link<'a>>> {
    let mut above = (anchor.subject_public_key_info.to_vec(), may_sign_lists(anchor, trust));
    let links = path.rev().map(|der| {
        let parsed = certificate::parse(der)?;
        let own = (PublicKey::read(parsed.public_key().raw)?.content.to_vec(), allows_lists(&parsed));
        let (key, may_sign_lists) = mem::replace(&mut above, own);
        let issuer = Issuer { name: certificate::issuer_name(&parsed).to_vec(), key, may_sign_lists };
        Some(Link { parsed, issuer })
    });
    let mut links: Vec<Link<'a>> = links.collect::<Option<_>>()?;
    links.reverse();
    Some(links)
}

/// Of a system's anchor only name and key are known. Of several copies in the bundle, one that may is enough; a copy that was
/// sent may be anyone's.
fn may_sign_lists(anchor: &TrustAnchor<'_>, trust: &TrustStore) -> bool {
    let mut copies = trust.bundled(anchor).filter_map(|(_, der)| certificate::parse(der)).peekable();
    trust.is_of_system(anchor) || copies.peek().is_none() || copies.any(|copy| allows_lists(&copy))
}

fn allows_lists(certificate: &X509Certificate<'_>) -> bool {
    Extensions::of(certificate).key_usage.is_none_or(KeyUsage::crl_sign)
}

/// Who seems to have issued the leaf of a chain without a verified path: a trusted or a sent CA that has the name, and whose key
/// really signed the leaf, so that no one vouches for a certificate by sending an issuer of the same name.
pub(super) fn presumed(chain: &[CertificateDer<'_>], trust: &TrustStore) -> Option<Issuer> {
    let (leaf, others) = chain.split_first()?;
    let (signed, parsed) = (Signed::read(leaf)?, certificate::parse(leaf)?);
    let name = certificate::issuer_name(&parsed);
    let trusted = trust.anchors_of(name).map(|anchor| Issuer {
        name: name.to_vec(),
        key: anchor.subject_public_key_info.to_vec(),
        may_sign_lists: may_sign_lists(anchor, trust),
    });
    let sent = others.iter().filter_map(|der| Issuer::sent(der, name));
    trusted.chain(sent).take(MAX_TRIED).find(|issuer| issuer.key().is_some_and(|key| signed.is_by(key)))
}

// === impl Issuer ===

impl Issuer {
    /// A certificate that has this name and may sign certificates (RFC 5280 §6.1.4 (k), (n)).
    fn sent(der: &CertificateDer<'_>, name: &[u8]) -> Option<Self> {
        let parsed = certificate::parse(der).filter(|parsed| certificate::subject_name(parsed) == name)?;
        let extensions = Extensions::of(&parsed);
        if !extensions.is_ca() || extensions.key_usage.is_some_and(|usage| !usage.key_cert_sign()) {
            return None;
        }
        let key = PublicKey::read(parsed.public_key().raw)?.content.to_vec();
        Some(Self { name: name.to_vec(), key, may_sign_lists: allows_lists(&parsed) })
    }

    /// `None` when it is not readable.
    pub(super) fn key(&self) -> Option<PublicKey<'_>> {
        PublicKey::of_content(&self.key)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair, KeyUsagePurpose};
    use xtask::farm::{Authority, Leaf};

    use super::*;

    /// A certificate of this kind, and a leaf that its key signed.
    fn pair(is_ca: IsCa, key_usages: &[KeyUsagePurpose]) -> [CertificateDer<'static>; 2] {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "Issuer");
        (params.is_ca, params.key_usages) = (is_ca, key_usages.to_vec());
        let issuer = params.self_signed(&key).unwrap().der().clone();
        let leaf = Leaf::new(["a.test"]);
        let signer = rcgen::Issuer::from_ca_cert_der(&issuer, key).unwrap();
        [leaf.params().signed_by(&leaf.key(), &signer).unwrap().der().clone(), issuer]
    }

    fn trusting(roots: &[CertificateDer<'_>]) -> TrustStore {
        TrustStore::new(None, Some(xtask::farm::pem(roots).as_bytes())).unwrap()
    }

    #[test]
    fn only_a_ca_is_presumed_to_be_an_issuer_and_only_of_what_its_key_signed() {
        let root = Authority::new("Farm").root();
        let ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let signs = [KeyUsagePurpose::KeyCertSign];
        for (is_ca, usages, may_sign_lists) in [
            (ca, &[][..], Some(true)),
            (ca, &[KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign], Some(true)),
            (ca, &signs, Some(false)),
            (ca, &[KeyUsagePurpose::CrlSign], None),
            (IsCa::NoCa, &[], None),
            (IsCa::ExplicitNoCa, &signs, None),
        ] {
            let [leaf, issuer] = pair(is_ca, usages);
            let namesake = pair(ca, &signs)[1].clone();
            let parsed = certificate::parse(&issuer).unwrap();
            let expected = may_sign_lists.map(|may_sign_lists| Issuer {
                name: certificate::subject_name(&parsed).to_vec(),
                key: PublicKey::read(parsed.public_key().raw).unwrap().content.to_vec(),
                may_sign_lists,
            });
            let chain = [leaf.clone(), namesake.clone(), issuer.clone(), root.clone()];
            assert_eq!(presumed(&chain, &trusting(std::slice::from_ref(&root))), expected, "{usages:?}");
            assert_eq!(presumed(&[leaf, namesake.clone()], &trusting(&[namesake, root.clone()])), None);
        }
    }

    #[test]
    fn a_trusted_issuer_need_not_be_sent_and_namesakes_are_no_obstacle() {
        let [leaf, issuer] = pair(IsCa::Ca(BasicConstraints::Unconstrained), &[KeyUsagePurpose::CrlSign]);
        let namesake = pair(IsCa::Ca(BasicConstraints::Unconstrained), &[])[1].clone();
        let found = presumed(&[leaf], &trusting(&[namesake, issuer.clone()])).unwrap();
        let parsed = certificate::parse(&issuer).unwrap();
        assert_eq!(found.key, PublicKey::read(parsed.public_key().raw).unwrap().content);
    }

    #[test]
    fn not_many_namesakes_are_tried() {
        let ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let [leaf, issuer] = pair(ca, &[]);
        let nobody = trusting(&[Authority::new("Farm").root()]);
        let with = |count| {
            let namesakes = std::iter::repeat_n(pair(ca, &[])[1].clone(), count);
            [leaf.clone()].into_iter().chain(namesakes).chain([issuer.clone()]).collect::<Vec<_>>()
        };
        assert!(presumed(&with(MAX_TRIED - 1), &nobody).is_some());
        assert!(presumed(&with(MAX_TRIED), &nobody).is_none());
    }
}
