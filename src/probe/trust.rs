//! Trust anchors: the system's, and bundles that users give.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use aws_lc_rs::digest;
use jiff::Timestamp;
use rustls::pki_types::{CertificateDer, TrustAnchor};

use super::pem;
pub use super::pem::BundleError;

/// The trust anchors of the system, or those compiled in when the system has none. Cheap to clone.
#[derive(Debug, Clone)]
pub struct SystemRoots {
    anchors: Arc<[TrustAnchor<'static>]>,
    source: RootSource,
    id: [u8; 32],
}

/// Where [`SystemRoots`] came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RootSource {
    /// The system's certificate store, or what `SSL_CERT_FILE` or `SSL_CERT_DIR` name.
    System,
    /// Mozilla's list as it was when this program was built.
    BuiltIn,
}

/// The trust anchors of one verification: the system's, a bundle's, both or none. Cheap to clone.
#[derive(Debug, Clone)]
pub struct TrustStore(Arc<Anchors>);

#[derive(Debug)]
struct Anchors {
    roots: Vec<TrustAnchor<'static>>,
    /// The bundle's certificates themselves, whose anchors are the first ones: a leaf that is one of them is trusted.
    pinned: Vec<CertificateDer<'static>>,
    /// What is to be said of each of them, once somebody has asked.
    remarks: Vec<OnceLock<Remarks>>,
    id: [u8; 32],
}

/// What is to be said of a trusted certificate.
#[derive(Debug, Default)]
pub(super) struct Remarks {
    /// The end of its validity, and what is to be said from then on; `None` when it cannot be read.
    pub end: Option<(Timestamp, String)>,
    /// What it breaks, each in a sentence.
    pub breaches: Vec<String>,
}

// === impl SystemRoots ===

impl SystemRoots {
    /// Read the system's trust anchors (blocking); unreadable ones are passed over. Falls back to the compiled-in list
    /// when none is found.
    pub fn load() -> Self {
        let found = rustls_native_certs::load_native_certs();
        let anchors: Vec<_> = found.certs.iter().filter_map(anchor).collect();
        if anchors.is_empty() {
            Self::of(webpki_roots::TLS_SERVER_ROOTS.to_vec(), RootSource::BuiltIn)
        } else {
            Self::of(anchors, RootSource::System)
        }
    }

    /// Take the certificates of a PEM text for the system's: for programs that bring a list of their own.
    ///
    /// # Errors
    /// [`BundleError`] when the text is no list of certificates, or exceeds its limits.
    pub fn from_pem(pem: &[u8]) -> Result<Self, BundleError> {
        Ok(Self::of(read(&pem::anchors(pem)?)?, RootSource::System))
    }

    fn of(anchors: Vec<TrustAnchor<'static>>, source: RootSource) -> Self {
        let id = identify(&anchors, &[]);
        Self { anchors: anchors.into(), source, id }
    }

    /// Where they came from.
    pub fn source(&self) -> RootSource {
        self.source
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.anchors.len()
    }

    /// Whether there is none; never so after [`SystemRoots::load`].
    pub fn is_empty(&self) -> bool {
        self.anchors.is_empty()
    }
}

impl fmt::Display for RootSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::System => "the system's certificate store",
            Self::BuiltIn => "the built-in Mozilla list",
        })
    }
}

// === impl TrustStore ===

impl TrustStore {
    /// Trust the system's anchors and the certificates of a PEM bundle, whichever are given.
    ///
    /// # Errors
    /// [`BundleError`] when the bundle is no list of certificates, or exceeds its limits.
    pub fn new(system: Option<&SystemRoots>, bundle: Option<&[u8]>) -> Result<Self, BundleError> {
        let pinned = bundle.map(pem::anchors).transpose()?.unwrap_or_default();
        let mut anchors = read(&pinned)?;
        let mut id = identify(&anchors, &pinned);
        if let Some(system) = system {
            anchors.extend(system.anchors.iter().cloned());
            id = digest_of([&id[..], &system.id]);
        }
        let remarks = pinned.iter().map(|_| OnceLock::new()).collect();
        Ok(Self(Arc::new(Anchors { roots: anchors, pinned, remarks, id })))
    }

    /// Whether nothing at all is trusted.
    pub fn is_empty(&self) -> bool {
        self.0.roots.is_empty()
    }

    pub(super) fn anchors(&self) -> &[TrustAnchor<'static>] {
        &self.0.roots
    }

    /// The place of an anchor; of several with its name and key, the first.
    pub(super) fn position(&self, anchor: &TrustAnchor<'_>) -> Option<usize> {
        self.0.roots.iter().position(|root| is_same(root, anchor))
    }

    /// Whether the system trusts this anchor, and not only a bundle.
    pub(super) fn is_of_system(&self, anchor: &TrustAnchor<'_>) -> bool {
        self.0.roots.iter().skip(self.0.pinned.len()).any(|root| is_same(root, anchor))
    }

    /// The bundle's certificates for this anchor, each with its number.
    pub(super) fn bundled(&self, anchor: &TrustAnchor<'_>) -> impl Iterator<Item = (usize, &CertificateDer<'static>)> {
        let bundled = self.0.pinned.iter().enumerate();
        bundled.filter(|(index, _)| is_same(&self.0.roots[*index], anchor))
    }

    /// What is to be said of the bundle's certificate of this number: read once, since it stands in every path.
    pub(super) fn remarks(
        &self,
        index: usize,
        read: impl FnOnce(&CertificateDer<'static>) -> Remarks,
    ) -> Option<&Remarks> {
        let certificate = self.0.pinned.get(index)?;
        Some(self.0.remarks.get(index)?.get_or_init(|| read(certificate)))
    }

    /// Whether this very certificate was given as an anchor.
    pub(super) fn pins(&self, certificate: &CertificateDer<'_>) -> bool {
        self.0.pinned.contains(certificate)
    }

    /// Whether an anchor has this name (the DER of the name, with its outer header).
    pub(super) fn knows_name(&self, name: &[u8]) -> bool {
        self.anchors_of(name).next().is_some()
    }

    /// The anchors of this name (the DER of the name, with its outer header).
    pub(super) fn anchors_of<'a>(&'a self, name: &'a [u8]) -> impl Iterator<Item = &'a TrustAnchor<'static>> {
        // An anchor's subject comes without the outer header: at most 4 bytes (tag and length) are before it.
        self.0.roots.iter().filter(|anchor| {
            let header = name.len().checked_sub(anchor.subject.len());
            header.is_some_and(|length| (2..=5).contains(&length)) && name.ends_with(&anchor.subject)
        })
    }

    /// Equal for stores with equal content.
    pub(super) fn id(&self) -> &[u8; 32] {
        &self.0.id
    }
}

fn read(certificates: &[CertificateDer<'_>]) -> Result<Vec<TrustAnchor<'static>>, BundleError> {
    let read = |(index, certificate)| {
        anchor(certificate).ok_or(BundleError::Malformed { index, detail: "not an X.509 certificate" })
    };
    certificates.iter().enumerate().map(read).collect()
}

fn is_same(one: &TrustAnchor<'_>, other: &TrustAnchor<'_>) -> bool {
    one.subject == other.subject && one.subject_public_key_info == other.subject_public_key_info
}

fn anchor(certificate: &CertificateDer<'_>) -> Option<TrustAnchor<'static>> {
    webpki::anchor_from_trusted_cert(certificate).ok().map(|anchor| anchor.to_owned())
}

fn identify(anchors: &[TrustAnchor<'_>], pinned: &[CertificateDer<'_>]) -> [u8; 32] {
    let keys = anchors.iter().flat_map(|anchor| {
        let constraints = anchor.name_constraints.as_ref().map_or(&[][..], |constraints| constraints);
        [anchor.subject.as_ref(), anchor.subject_public_key_info.as_ref(), constraints]
    });
    digest_of(keys.chain(pinned.iter().map(AsRef::as_ref)))
}

/// SHA-256 over parts, each preceded by its length, so that no two lists of parts look alike.
pub(super) fn digest_of<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(&part.len().to_be_bytes());
        context.update(part);
    }
    let mut id = [0; 32];
    id.copy_from_slice(context.finish().as_ref());
    id
}
