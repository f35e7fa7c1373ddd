//! Rules whose breach is no fault, since the usual clients pass it over: each with its source, and who does not.

use rustls::pki_types::CertificateDer;
use x509_parser::{
    extensions::{KeyUsage, NameConstraints},
    prelude::{GeneralName, X509Certificate},
};

use super::{Notes, Survey, name, order::Sent};
use crate::probe::{
    FindingKind,
    certificate::{self, Extensions},
    trust::Remarks,
};

/// The content of a serial number takes 20 octets at most (RFC 5280 §4.1.2.2).
const MAX_SERIAL: usize = 20;

/// A rule about one certificate.
struct Lint {
    whom: Whom,
    /// Whether it binds public authorities only.
    public_only: bool,
    /// The end of the sentence that begins with the certificate: what is wrong.
    says: &'static str,
    /// Where the rule stands, and who enforces it.
    source: &'static str,
    breaks: fn(&Subject<'_>) -> bool,
}

/// Which certificates a rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whom {
    Leaf,
    /// Intermediates of the path, and the bundle's certificate at its end.
    Authority,
    All,
}

struct Subject<'a> {
    certificate: &'a X509Certificate<'a>,
    extensions: &'a Extensions<'a>,
}

static LINTS: [Lint; 16] = [
    Lint {
        whom: Whom::All,
        public_only: false,
        says: "has no authority key identifier",
        source: "RFC 5280 §4.2.1.1; Python 3.13 and later refuse it",
        breaks: |it| !it.is_self_issued() && it.extensions.authority_key.is_none(),
    },
    Lint {
        whom: Whom::Authority,
        public_only: false,
        says: "has no subject key identifier",
        source: "RFC 5280 §4.2.1.2; Python 3.13 and later refuse it",
        breaks: |it| it.extensions.subject_key.is_none(),
    },
    Lint {
        whom: Whom::Authority,
        public_only: false,
        says: "has no key usage",
        source: "RFC 5280 §4.2.1.3; Python 3.13 and later refuse it",
        breaks: |it| it.extensions.key_usage.is_none(),
    },
    Lint {
        whom: Whom::Authority,
        public_only: false,
        says: "does not mark its basic constraints as critical",
        source: "RFC 5280 §4.2.1.9; Python 3.13 and later refuse it",
        breaks: |it| it.extensions.basic_constraints.is_some_and(|constraints| !constraints.critical),
    },
    Lint {
        whom: Whom::Authority,
        public_only: false,
        says: "names an authority key that is not its own, although it is a root",
        source: "RFC 5280 §4.2.1.1; OpenSSL does not take it for a root",
        breaks: |it| it.has_foreign_authority_key(),
    },
    Lint {
        whom: Whom::Authority,
        public_only: false,
        says: "has a name constraint that begins with a dot",
        source: "RFC 5280 §4.2.1.10; Python's cryptography refuses it",
        breaks: |it| it.extensions.name_constraints.is_some_and(has_leading_dot),
    },
    Lint {
        whom: Whom::Leaf,
        public_only: false,
        says: "may sign certificates by its key usage, without being a CA's",
        source: "RFC 5280 §4.2.1.9; Python 3.13 and later refuse it",
        breaks: |it| !it.extensions.is_ca() && it.extensions.key_usage.is_some_and(KeyUsage::key_cert_sign),
    },
    Lint {
        whom: Whom::Leaf,
        public_only: false,
        says: "has name constraints, which only CA certificates may have",
        source: "RFC 5280 §4.2.1.10; Python's cryptography refuses it",
        breaks: |it| !it.extensions.is_ca() && it.extensions.name_constraints.is_some(),
    },
    Lint {
        whom: Whom::All,
        public_only: false,
        says: "has a serial number that is zero, or longer than 20 octets",
        source: "RFC 5280 §4.1.2.2; Python's cryptography refuses it",
        // Old roots that are in every store have the number zero.
        breaks: |it| !it.is_self_issued() && it.has_bad_serial(),
    },
    Lint {
        whom: Whom::Leaf,
        public_only: false,
        says: "has an empty list of subject alternative names",
        source: "RFC 5280 §4.2.1.6",
        breaks: |it| it.extensions.names.is_some_and(|names| names.value.is_empty()),
    },
    Lint {
        whom: Whom::Leaf,
        public_only: false,
        says: "has an empty subject, and does not mark its subject alternative names as critical",
        source: "RFC 5280 §4.2.1.6",
        breaks: |it| it.has_no_subject() && it.extensions.names.is_some_and(|names| !names.critical),
    },
    Lint {
        whom: Whom::Leaf,
        public_only: false,
        says: "has a wildcard for all of a top-level domain",
        source: "RFC 6125 §7.2; OpenSSL and browsers do not match it",
        breaks: |it| it.dns_names().any(|name| name.strip_prefix("*.").is_some_and(|parent| !parent.contains('.'))),
    },
    Lint {
        whom: Whom::Leaf,
        public_only: true,
        says: "has an underscore in a subject alternative name",
        source: "RFC 5280 §4.2.1.6 and Baseline Requirements §7.1.2.7.12",
        breaks: |it| it.dns_names().any(|name| name.contains('_')),
    },
    Lint {
        whom: Whom::Leaf,
        public_only: true,
        says: "has a common name that is not literally one of its subject alternative names",
        source: "Baseline Requirements §7.1.4.3",
        breaks: |it| it.has_stray_common_name(),
    },
    Lint {
        whom: Whom::Leaf,
        public_only: true,
        says: "has no extended key usage",
        source: "Baseline Requirements §7.1.2.7.6; Apple's systems refuse it",
        breaks: |it| it.extensions.purposes.is_none(),
    },
    Lint {
        whom: Whom::Leaf,
        public_only: true,
        says: "may be used for any purpose by its extended key usage",
        source: "Baseline Requirements §7.1.2.7.10",
        breaks: |it| it.extensions.purposes.is_some_and(|purposes| purposes.any),
    },
];

/// Note what the leaf, the intermediates of the path and the bundle's certificate at its end break.
pub(super) fn note(notes: &mut Notes, survey: &Survey<'_>, extensions: &Extensions<'_>, sent: &[Sent<'_>]) {
    let is_public = survey.path.is_some_and(|path| path.is_public);
    let leaf = Subject { certificate: survey.leaf.parsed, extensions };
    note_one(notes, &leaf, Whom::Leaf, is_public, || "the certificate".to_owned());
    for sent in sent.iter().filter(|sent| sent.is_used) {
        let subject = Subject { certificate: sent.parsed, extensions: &Extensions::of(sent.parsed) };
        note_one(notes, &subject, Whom::Authority, is_public, || sent.title());
    }
    note_anchor(notes, survey, is_public);
}

/// The anchor counts as it was given: of a system's root only name and key are known.
fn note_anchor(notes: &mut Notes, survey: &Survey<'_>, is_public: bool) {
    let read =
        |der: &CertificateDer<'_>| certificate::parse(der).map_or_else(Remarks::default, |it| remarks(&it, is_public));
    let Some(remarks) = survey.path.and_then(|path| survey.case.trust.remarks(path.anchor, read)) else { return };
    remarks.breaches.iter().for_each(|breach| notes.add(FindingKind::Malformed, breach.clone()));
    if let Some((_, detail)) = remarks.end.as_ref().filter(|(end, _)| *end < survey.case.now) {
        notes.add(FindingKind::Malformed, detail.clone());
    }
}

fn remarks(anchor: &X509Certificate<'_>, is_public: bool) -> Remarks {
    let title = format!("the trusted certificate {}", name(anchor));
    let subject = Subject { certificate: anchor, extensions: &Extensions::of(anchor) };
    let breaches = breaches(&subject, Whom::Authority, is_public).map(|lint| lint.sentence(&title)).collect();
    let end = certificate::validity(anchor).1;
    let expiry = format!("{title} expired at {end}; OpenSSL and Go refuse chains that end at it");
    Remarks { breaches, end: Some((end, expiry)) }
}

fn note_one(notes: &mut Notes, subject: &Subject<'_>, whom: Whom, is_public: bool, title: impl Fn() -> String) {
    breaches(subject, whom, is_public).for_each(|lint| notes.add(FindingKind::Malformed, lint.sentence(&title())));
}

fn breaches(subject: &Subject<'_>, whom: Whom, is_public: bool) -> impl Iterator<Item = &'static Lint> {
    let concerns =
        move |lint: &&Lint| (lint.whom == whom || lint.whom == Whom::All) && (is_public || !lint.public_only);
    LINTS.iter().filter(concerns).filter(move |lint| (lint.breaks)(subject))
}

impl Lint {
    fn sentence(&self, title: &str) -> String {
        format!("{title} {} ({})", self.says, self.source)
    }
}

fn has_leading_dot(constraints: &NameConstraints<'_>) -> bool {
    let subtrees = [&constraints.permitted_subtrees, &constraints.excluded_subtrees];
    let mut bases = subtrees.into_iter().flatten().flatten().map(|subtree| &subtree.base);
    bases.any(|base| matches!(base, GeneralName::DNSName(name) if name.starts_with('.')))
}

// === impl Subject ===

impl Subject<'_> {
    fn is_self_issued(&self) -> bool {
        certificate::subject_name(self.certificate) == certificate::issuer_name(self.certificate)
    }

    fn has_no_subject(&self) -> bool {
        certificate::is_empty_name(certificate::subject_name(self.certificate))
    }

    fn has_bad_serial(&self) -> bool {
        let serial = self.certificate.raw_serial();
        serial.len() > MAX_SERIAL || serial.iter().all(|byte| *byte == 0)
    }

    fn has_foreign_authority_key(&self) -> bool {
        let Some(authority) = self.extensions.authority_key.map(|key| key.value) else { return false };
        let own = self.extensions.subject_key.map(|key| key.value);
        let is_foreign_key = authority.key_identifier.as_ref().zip(own).is_some_and(|(key, own)| key.0 != own);
        let is_foreign_name = authority.authority_cert_issuer.as_ref().is_some_and(|names| {
            let own = certificate::issuer_name(self.certificate);
            !names.iter().any(|name| matches!(name, GeneralName::DirectoryName(name) if name.as_raw() == own))
        });
        let is_foreign_serial =
            authority.authority_cert_serial.is_some_and(|serial| serial != self.certificate.raw_serial());
        self.is_self_issued() && (is_foreign_key || is_foreign_name || is_foreign_serial)
    }

    fn dns_names(&self) -> impl Iterator<Item = &str> {
        let names = self.extensions.names.map_or(&[][..], |names| names.value);
        names.iter().filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(*name),
            _ => None,
        })
    }

    fn has_stray_common_name(&self) -> bool {
        let names = self.extensions.names.map_or(&[][..], |names| names.value);
        let is_listed = |common: &str| {
            names.iter().any(|name| match name {
                GeneralName::DNSName(name) => name.eq_ignore_ascii_case(common),
                GeneralName::IPAddress(bytes) => {
                    certificate::ip_address(bytes).is_some_and(|address| address.to_string() == common)
                }
                _ => false,
            })
        };
        !names.is_empty()
            && self.certificate.subject().iter_common_name().any(|name| !name.as_str().is_ok_and(is_listed))
    }
}
