//! Whose lists are asked, whatever a server sends besides: the issuers of the verified path, and nobody else's.

use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose, SerialNumber,
    SubjectPublicKeyInfo,
};
use rustls::pki_types::CertificateDer;
use ssl_monitor_operator::probe::{FaultKind, Means, Presented, RevocationCheck, RevocationState, Target, TrustStore};
use x509_parser::parse_x509_certificate;
use xtask::farm::{Authority, Issued, Leaf, pem};

use crate::support::{
    PATIENCE,
    crl::{INTERMEDIATE, LEAF, at, by_list, leaf, list, revoked},
    prober, serve, target,
    web::Web,
};

type Issuer = CertifiedIssuer<'static, KeyPair>;

const MAY_SIGN_ALL: [KeyUsagePurpose; 2] = [KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];

/// An authority of this name, beside the farm's.
fn stranger(name: &str) -> Issuer {
    CertifiedIssuer::self_signed(ca(name, &MAY_SIGN_ALL), KeyPair::generate().unwrap()).unwrap()
}

fn ca(name: &str, usages: &[KeyUsagePurpose]) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = usages.to_vec();
    params
}

/// Another certificate for the key of this one.
fn copy(of: &CertificateDer<'_>, params: &CertificateParams, issuer: &Issuer) -> CertificateDer<'static> {
    let key = SubjectPublicKeyInfo::from_der(parse_x509_certificate(of).unwrap().1.public_key().raw).unwrap();
    params.signed_by(&key, issuer).unwrap().der().clone()
}

fn trusting(roots: &[CertificateDer<'_>]) -> TrustStore {
    TrustStore::new(None, Some(pem(roots).as_bytes())).unwrap()
}

/// What is seen of a server that presents this, when its state must be known.
async fn see(issued: &Issued, trust: TrustStore) -> Presented {
    let server = serve(issued.clone()).await;
    let mut target = target("a.test", server.address());
    (target.revocation, target.needs_revocation_state) = (RevocationCheck::Crl, true);
    seen(&target, trust).await
}

async fn seen(target: &Target, trust: TrustStore) -> Presented {
    let seen = prober().probe(target, &Means::trusting(trust), PATIENCE, Timestamp::now()).await;
    assert_eq!(seen.failure, None);
    seen.presented.unwrap()
}

fn faults(seen: &Presented) -> Vec<(FaultKind, &str)> {
    seen.verdict.faults.iter().map(|fault| (fault.kind, fault.detail.as_str())).collect()
}

const REVOKED: (FaultKind, &str) =
    (FaultKind::Revoked, "the certificate was revoked at 2026-01-02T00:00:00Z: keyCompromise");
const NOT_FETCHED: &str = "it could not be found out whether the certificate has been revoked: the server stapled no OCSP \
                           answer, and no path to a trusted certificate could be verified, so that its CRLs are not fetched";

/// These before the authority's own intermediate.
fn preceded(mut issued: Issued, by: impl IntoIterator<Item = CertificateDer<'static>>) -> Issued {
    issued.chain.splice(1..1, by);
    issued
}

#[tokio::test]
async fn forged_copies_of_the_issuer_do_not_hide_a_revocation() {
    let (web, authority) = (Web::start().await, Authority::new("Farm"));
    let issued = leaf(&authority, vec![web.url("/leaf.crl")]);
    web.put_body("/leaf.crl", &authority.list(&list(&[LEAF])));
    let params = ca("Farm Intermediate", &MAY_SIGN_ALL);
    let other_key = CertifiedIssuer::signed_by(params.clone(), KeyPair::generate().unwrap(), &stranger("Farm Root"));
    let of_issuer = |signer: &Issuer| copy(&authority.intermediate(), &params, signer);
    let may_not_sign_lists = ca("Farm Intermediate", &[KeyUsagePurpose::KeyCertSign]);
    let many = (0..12).map(|number| of_issuer(&stranger(if number % 2 == 0 { "Farm Root" } else { "Stranger" })));
    for (count, forged) in [
        vec![other_key.unwrap().der().clone()],
        vec![of_issuer(&stranger("Farm Root"))],
        vec![of_issuer(&stranger("Stranger"))],
        vec![copy(&authority.intermediate(), &may_not_sign_lists, &stranger("Farm Root"))],
        many.collect(),
    ]
    .into_iter()
    .enumerate()
    {
        let seen = see(&preceded(issued.clone(), forged), trusting(&[authority.root()])).await;
        assert_eq!((faults(&seen), seen.revocation.clone()), (vec![REVOKED], Some(by_list(revoked()))), "{count}");
        assert_eq!(web.paths().len(), count + 1);
    }
}

#[tokio::test]
async fn a_forged_copy_of_the_root_does_not_take_its_lists_away() {
    let web = Web::start().await;
    let authority = Authority::with("Farm", |params| {
        params.serial_number = Some(SerialNumber::from(INTERMEDIATE));
        params.crl_distribution_points = at(vec![web.url("/ca.crl")]);
    });
    let issued = leaf(&authority, vec![web.url("/leaf.crl")]);
    web.put_body("/leaf.crl", &authority.list(&list(&[])));
    web.put_body("/ca.crl", &authority.list_by_root(&list(&[INTERMEDIATE])));
    let params = ca("Farm Root", &[KeyUsagePurpose::KeyCertSign]);
    let forged = copy(&authority.root(), &params, &stranger("Farm Root"));
    let seen = see(&preceded(issued, [forged]), trusting(&[authority.root()])).await;
    let detail = "the intermediate CN=Farm Intermediate was revoked at 2026-01-02T00:00:00Z: keyCompromise";
    assert_eq!(faults(&seen), [(FaultKind::Revoked, detail)]);
}

#[tokio::test]
async fn a_cross_signed_issuer_is_asked_in_whatever_order_its_certificates_are_sent() {
    let (web, authority) = (Web::start().await, Authority::new("Farm"));
    let issued = leaf(&authority, vec![web.url("/leaf.crl")]);
    let old = stranger("Old Root");
    let cross = copy(&authority.intermediate(), &ca("Farm Intermediate", &MAY_SIGN_ALL), &old);
    let roots = [vec![authority.root()], vec![old.der().clone()], vec![authority.root(), old.der().clone()]];
    for (serials, state, told) in [(&[][..], RevocationState::Good, vec![]), (&[LEAF], revoked(), vec![REVOKED])] {
        web.put_body("/leaf.crl", &authority.list(&list(serials)));
        for roots in &roots {
            let mut chain = preceded(issued.clone(), [cross.clone()]);
            for _order in ["cross first", "cross last"] {
                let seen = see(&chain, trusting(roots)).await;
                assert_eq!((faults(&seen), seen.revocation.clone()), (told.clone(), Some(by_list(state.clone()))));
                chain.chain.swap(1, 2);
            }
        }
    }
}

#[tokio::test]
async fn of_several_trusted_namesakes_the_one_that_signed_is_asked() {
    let web = Web::start().await;
    let authority = Authority::new("Farm");
    let mut issued = leaf(&authority, vec![web.url("/leaf.crl")]);
    issued.chain.truncate(1);
    web.put_body("/leaf.crl", &authority.list(&list(&[LEAF])));
    let (own, namesake) = (authority.intermediate(), stranger("Farm Intermediate").der().clone());
    for roots in [[own.clone(), namesake.clone()], [namesake, own]] {
        let seen = see(&issued, trusting(&roots)).await;
        assert_eq!((faults(&seen), seen.revocation.clone()), (vec![REVOKED], Some(by_list(revoked()))));
    }
}

#[tokio::test]
async fn of_several_trusted_copies_one_that_may_sign_lists_is_enough() {
    let web = Web::start().await;
    let authority = Authority::new("Farm");
    let mut issued = leaf(&authority, vec![web.url("/leaf.crl")]);
    issued.chain.truncate(1);
    web.put_body("/leaf.crl", &authority.list(&list(&[LEAF])));
    let (own, root) = (authority.intermediate(), stranger("Any Root"));
    let without = copy(&own, &ca("Farm Intermediate", &[KeyUsagePurpose::KeyCertSign]), &root);
    for roots in [[own.clone(), without.clone()], [without.clone(), own]] {
        assert_eq!(faults(&see(&issued, trusting(&roots)).await), [REVOKED]);
    }
    assert_eq!(web.paths().len(), 2);
    let detail = "it could not be found out whether the certificate has been revoked: the server stapled no OCSP answer, and \
                  the key usage of the certificate's issuer does not allow it to sign CRLs";
    assert_eq!(faults(&see(&issued, trusting(&[without])).await), [(FaultKind::RevocationUnknown, detail)]);
    assert_eq!(web.paths().len(), 2);
}

/// Whoever holds a trusted certificate could else have us fetch from wherever they like.
#[tokio::test]
async fn nothing_is_fetched_for_a_certificate_by_one_that_is_not_a_ca() {
    let web = Web::start().await;
    let authority = Authority::new("Farm");
    let key = KeyPair::generate().unwrap();
    for (name, is_ca, usages) in [
        ("leaf", IsCa::NoCa, vec![]),
        ("leaf that says so", IsCa::ExplicitNoCa, vec![KeyUsagePurpose::KeyCertSign]),
        ("signer of lists", IsCa::Ca(BasicConstraints::Unconstrained), vec![KeyUsagePurpose::CrlSign]),
    ] {
        let mut params = ca(name, &usages);
        params.is_ca = is_ca;
        let above = authority.issue_from(&params, &key).chain;
        let own = Leaf::new(["a.test"]);
        let (mut params, own_key) = (own.params(), own.key());
        params.crl_distribution_points = at(vec![web.url("/leaf.crl")]);
        let signer = rcgen::Issuer::from_ca_cert_der(&above[0], &key).unwrap();
        let made = params.signed_by(&own_key, &signer).unwrap().der().clone();
        let issued = Issued::new([vec![made], above].concat(), &own_key);
        let seen = see(&issued, trusting(&[authority.root()])).await;
        let (kinds, details): (Vec<_>, Vec<_>) = faults(&seen).into_iter().unzip();
        assert_eq!(kinds, [FaultKind::NotVerifiable, FaultKind::RevocationUnknown], "{name}");
        assert_eq!(details[1], NOT_FETCHED);
        assert_eq!(web.paths(), [""; 0], "{name}");
    }
}

#[tokio::test]
async fn nothing_is_fetched_for_a_certificate_that_is_itself_trusted() {
    let (web, authority) = (Web::start().await, Authority::new("Farm"));
    let issued = leaf(&authority, vec![web.url("/leaf.crl")]);
    web.put_body("/leaf.crl", &authority.list(&list(&[LEAF])));
    let seen = see(&issued, trusting(&[issued.chain[0].clone(), authority.root()])).await;
    assert_eq!((faults(&seen), seen.revocation.clone(), web.paths()), (vec![], None, vec![]));
}
