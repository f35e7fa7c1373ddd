//! Chains: dates, names, trust, order and the rules of path validation.

use jiff::{SignedDuration, Timestamp};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, GeneralSubtree, IsCa, KeyPair, NameConstraints};
use rustls::pki_types::CertificateDer;
use ssl_monitor_operator::probe::FaultKind as Fault;
use xtask::farm::{Authority, Issued, Leaf, ServerOptions, self_signed};

use crate::row::{Row, Stage};

fn leaf() -> Leaf {
    Leaf::new(["a.test"])
}

pub(crate) const ROWS: &[fn(&Stage) -> Row] = &[
    |on| Row::farm_with("valid TLS 1.3", on.good(), ServerOptions::default().tls13()),
    |on| Row::farm_with("valid TLS 1.2 only", on.good(), ServerOptions::default().tls12()),
    |on| Row::farm("valid RSA-2048 chain", on.farm.issue(&leaf().rsa())),
    |on| Row::farm("expired", on.farm.issue(&leaf().expired())).faults(&[Fault::Expired]),
    |on| Row::farm("not yet valid", on.farm.issue(&leaf().not_yet_valid())).faults(&[Fault::NotYetValid]),
    |on| Row::farm("wrong host", on.farm.issue(&Leaf::new(["b.test"]))).faults(&[Fault::HostnameMismatch]),
    |on| {
        Row::farm("expired and wrong host", on.farm.issue(&Leaf::new(["b.test"]).expired()))
            .faults(&[Fault::Expired, Fault::HostnameMismatch])
    },
    |_| Row::farm("self-signed leaf (CA:FALSE)", self_signed(&leaf())).faults(&[Fault::SelfSigned]),
    |_| Row::farm("self-signed leaf (CA:TRUE)", self_signed(&leaf().ca())).faults(&[Fault::SelfSigned]),
    |_| pinned("self-signed leaf = trusted anchor", &leaf()),
    |_| pinned("self-signed CA:TRUE leaf = trusted anchor", &leaf().ca()),
    |_| {
        Row::farm("unknown CA, root not sent", Authority::new("Other").issue_by_root(&leaf()))
            .faults(&[Fault::UnknownIssuer])
    },
    |_| {
        let other = Authority::new("Other");
        let mut issued = other.issue_by_root(&leaf());
        issued.chain.push(other.root());
        Row::farm("unknown CA, root sent", issued).faults(&[Fault::UnknownIssuer])
    },
    |on| {
        // Its issuer is not told by an address either: it may as well be a private authority.
        Row::farm("missing intermediate", on.farm.issue_without_intermediate(&leaf())).faults(&[Fault::UnknownIssuer])
    },
    |_| {
        let year = SignedDuration::from_hours(365 * 24);
        let now = Timestamp::now();
        let old = Authority::with_intermediate("Old", now - year * 2, now - year);
        Row::farm("expired intermediate", old.issue(&leaf())).trusting(old.root()).faults(&[Fault::IntermediateExpired])
    },
    |_| {
        let namesake = Authority::new("Farm");
        Row::farm("same-name CA, wrong key", namesake.issue(&leaf())).faults(&[Fault::UnknownIssuer])
    },
    |on| {
        let mut issued = on.good();
        let mut broken = issued.chain[0].to_vec();
        *broken.last_mut().unwrap() ^= 1;
        issued.chain[0] = broken.into();
        Row::farm("leaf signature corrupted", issued).faults(&[Fault::BadSignature])
    },
    |on| {
        let mut issued = on.good();
        issued.chain.insert(1, on.farm.root());
        Row::farm("chain in wrong order + root", issued)
    },
    |on| {
        let mut issued = on.good();
        issued.chain.extend([on.farm.intermediate(), on.farm.intermediate(), on.farm.root()]);
        Row::farm("duplicate intermediates", issued)
    },
    |on| {
        let mut issued = on.good();
        let other = Authority::new("Other");
        issued.chain.extend([other.root(), other.intermediate(), on.farm.root()]);
        Row::farm("unrelated extra certificates", issued)
    },
    |_| {
        let intermediates = (0..9).map(|number| issuer(&format!("Rung {number}")));
        path("10-level chain (9 intermediates)", intermediates.collect()).faults(&[Fault::NotVerifiable])
    },
    |_| {
        let mut narrow = issuer("Narrow");
        let permitted_subtrees = vec![GeneralSubtree::DnsName("b.test".to_owned())];
        narrow.name_constraints = Some(NameConstraints { permitted_subtrees, excluded_subtrees: Vec::new() });
        path("name-constraint violation", vec![narrow]).faults(&[Fault::NotVerifiable])
    },
    |_| {
        let mut short = issuer("Short");
        short.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        path("pathlen violation", vec![short, issuer("Below")]).faults(&[Fault::NotVerifiable])
    },
    |on| Row::farm("leaf is a CA", on.farm.issue(&leaf().ca())).faults(&[Fault::LeafIsCa]),
];

fn pinned(name: &'static str, leaf: &Leaf) -> Row {
    let issued = self_signed(leaf);
    let anchor = issued.chain[0].clone();
    Row::farm(name, issued).trusting(anchor)
}

fn issuer(name: &str) -> CertificateParams {
    Leaf::new([name]).ca().params()
}

/// A leaf below these intermediates, of which the first is below a trusted root.
fn path(name: &'static str, intermediates: Vec<CertificateParams>) -> Row {
    let plain = |mut params: CertificateParams| {
        params.subject_alt_names.clear();
        params.extended_key_usages.clear();
        params
    };
    let key = || KeyPair::generate().unwrap();
    let mut above = CertifiedIssuer::self_signed(plain(issuer("Top")), key()).unwrap();
    let root = above.der().clone();
    let mut chain: Vec<CertificateDer<'static>> = Vec::new();
    for params in intermediates {
        above = CertifiedIssuer::signed_by(plain(params), key(), &above).unwrap();
        chain.insert(0, above.der().clone());
    }
    let key = key();
    chain.insert(0, leaf().params().signed_by(&key, &above).unwrap().der().clone());
    Row::farm(name, Issued::new(chain, &key)).trusting(root)
}
