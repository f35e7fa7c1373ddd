//! Certificates: a private authority, leaves of every kind, and what is served.

use std::{fmt::Write as _, time::Duration};

use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, PKCS_RSA_SHA256, SanType, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use super::answer::{Answer, Responder, subject};

/// Why the `expect`s on rcgen hold: names are IA5 strings and keys are supported, both chosen by the developer.
const MADE: &str = "a certificate of our own making";
const HOUR: SignedDuration = SignedDuration::from_hours(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);
const FIVE_YEARS: SignedDuration = SignedDuration::from_hours(5 * 365 * 24);

/// A root and one intermediate below it, both ECDSA P-256 and valid for ten years around now.
pub struct Authority {
    root: CertifiedIssuer<'static, KeyPair>,
    intermediate: CertifiedIssuer<'static, KeyPair>,
}

/// What a leaf certificate shall say.
#[derive(Debug, Clone)]
pub struct Leaf {
    /// Subject alternative names: DNS names or IP addresses; the first one is the common name, too.
    pub names: Vec<String>,
    /// Start of validity.
    pub not_before: Timestamp,
    /// End of validity.
    pub not_after: Timestamp,
    /// Whether the certificate may act as a CA.
    pub ca: bool,
    /// Whether it is for TLS clients only.
    pub clients_only: bool,
    /// RSA-2048 instead of ECDSA P-256.
    pub rsa: bool,
}

/// A chain and the leaf's private key: what a server needs.
pub struct Issued {
    /// The certificates as they are sent, leaf first.
    pub chain: Vec<CertificateDer<'static>>,
    /// The leaf's private key.
    pub key: PrivateKeyDer<'static>,
    /// An OCSP answer that is stapled to the handshake.
    pub staple: Option<Vec<u8>>,
}

/// A certificate that is signed by its own key.
///
/// # Panics
/// When the leaf's names are no names.
pub fn self_signed(leaf: &Leaf) -> Issued {
    let key = leaf.key();
    let certificate = leaf.params().self_signed(&key).expect(MADE);
    Issued::new(vec![certificate.der().clone()], &key)
}

/// Certificates as PEM text, in the order given.
pub fn pem(certificates: &[CertificateDer<'_>]) -> String {
    certificates.iter().fold(String::new(), |mut text, certificate| {
        text += "-----BEGIN CERTIFICATE-----\n";
        for line in base64(certificate).as_bytes().chunks(64) {
            let _ = writeln!(text, "{}", String::from_utf8_lossy(line));
        }
        text + "-----END CERTIFICATE-----\n"
    })
}

// === impl Authority ===

impl Authority {
    /// A new authority; its certificates are called `NAME Root` and `NAME Intermediate`.
    ///
    /// # Panics
    /// When `name` is no text for a certificate.
    pub fn new(name: &str) -> Self {
        Self::with_intermediate(name, Timestamp::now() - FIVE_YEARS, Timestamp::now() + FIVE_YEARS)
    }

    /// A new authority whose intermediate is valid only from `not_before` to `not_after`.
    ///
    /// # Panics
    /// When `name` is no text for a certificate.
    pub fn with_intermediate(name: &str, not_before: Timestamp, not_after: Timestamp) -> Self {
        Self::with(name, |params| set_validity(params, not_before, not_after))
    }

    /// A new authority with changes to its intermediate.
    ///
    /// # Panics
    /// When `name` is no text for a certificate, or the intermediate's parameters cannot be encoded.
    pub fn with(name: &str, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let root_key = KeyPair::generate().expect(MADE);
        let root = CertifiedIssuer::self_signed(issuer(&format!("{name} Root")), root_key).expect(MADE);
        let mut params = issuer(&format!("{name} Intermediate"));
        change(&mut params);
        let key = KeyPair::generate().expect(MADE);
        let intermediate = CertifiedIssuer::signed_by(params, key, &root).expect(MADE);
        Self { root, intermediate }
    }

    /// The root certificate as PEM text: what a client must trust.
    pub fn root_pem(&self) -> String {
        pem(&[self.root()])
    }

    /// The root certificate.
    pub fn root(&self) -> CertificateDer<'static> {
        self.root.der().clone()
    }

    /// The intermediate certificate.
    pub fn intermediate(&self) -> CertificateDer<'static> {
        self.intermediate.der().clone()
    }

    /// A leaf issued by the intermediate; the chain is leaf and intermediate.
    pub fn issue(&self, leaf: &Leaf) -> Issued {
        self.issue_from(&leaf.params(), &leaf.key())
    }

    /// A leaf issued by the intermediate from any parameters, for any key.
    ///
    /// # Panics
    /// When the parameters cannot be encoded.
    pub fn issue_from(&self, params: &CertificateParams, key: &KeyPair) -> Issued {
        let certificate = params.signed_by(key, &self.intermediate).expect(MADE);
        Issued::new(vec![certificate.der().clone(), self.intermediate()], key)
    }

    /// A leaf issued directly by the root; the chain is the leaf alone.
    ///
    /// # Panics
    /// When the leaf's names are no names.
    pub fn issue_by_root(&self, leaf: &Leaf) -> Issued {
        let key = leaf.key();
        let certificate = leaf.params().signed_by(&key, &self.root).expect(MADE);
        Issued::new(vec![certificate.der().clone()], &key)
    }

    /// A leaf issued by the intermediate, which is not sent.
    pub fn issue_without_intermediate(&self, leaf: &Leaf) -> Issued {
        let mut issued = self.issue(leaf);
        issued.chain.truncate(1);
        issued
    }

    /// An OCSP answer about a certificate that the intermediate issued, signed by the intermediate.
    pub fn answer(&self, certificate: &CertificateDer<'_>, answer: &Answer) -> Vec<u8> {
        let key = self.intermediate.key();
        let name = subject(&self.intermediate()).to_vec();
        answer.sign(certificate, key, &Responder { name, key, certificate: None })
    }

    /// An OCSP answer about a certificate that the intermediate issued, signed by a responder with this certificate, which is sent
    /// along.
    ///
    /// # Panics
    /// When the delegate's key is no ECDSA key.
    pub fn answer_by(&self, delegate: &Issued, certificate: &CertificateDer<'_>, answer: &Answer) -> Vec<u8> {
        let key = KeyPair::try_from(&delegate.key).expect("a key of our own making");
        let own = &delegate.chain[0];
        let responder = Responder { name: subject(own).to_vec(), key: &key, certificate: Some(own) };
        answer.sign(certificate, self.intermediate.key(), &responder)
    }

    /// A list of certificates that the intermediate issued, in DER.
    ///
    /// # Panics
    /// When the list cannot be encoded.
    pub fn list(&self, list: &CertificateRevocationListParams) -> Vec<u8> {
        list.signed_by(&self.intermediate).expect(MADE).der().to_vec()
    }

    /// A list of certificates that the root issued, in DER.
    ///
    /// # Panics
    /// When the list cannot be encoded.
    pub fn list_by_root(&self, list: &CertificateRevocationListParams) -> Vec<u8> {
        list.signed_by(&self.root).expect(MADE).der().to_vec()
    }

    /// A signature over `message` by the intermediate's key (ECDSA P-256 with SHA-256, DER form): for certificates
    /// that are put together by hand.
    ///
    /// # Panics
    /// Never in practice: an ECDSA key signs every message.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        rcgen::SigningKey::sign(self.intermediate.key(), message).expect("an ECDSA key signs every message")
    }
}

fn issuer(name: &str) -> CertificateParams {
    let now = Timestamp::now();
    let mut params = CertificateParams::default();
    params.distinguished_name = common_name(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.use_authority_key_identifier_extension = true;
    set_validity(&mut params, now - FIVE_YEARS, now + FIVE_YEARS);
    params
}

fn common_name(name: &str) -> DistinguishedName {
    let mut names = DistinguishedName::new();
    names.push(DnType::CommonName, name);
    names
}

fn set_validity(params: &mut CertificateParams, not_before: Timestamp, not_after: Timestamp) {
    let epoch = date_time_ymd(1970, 1, 1);
    let time = |at: Timestamp| {
        let seconds = Duration::from_secs(at.as_second().unsigned_abs());
        if at.as_second() < 0 { epoch - seconds } else { epoch + seconds }
    };
    params.not_before = time(not_before);
    params.not_after = time(not_after);
}

// === impl Leaf ===

impl Leaf {
    /// A leaf for these DNS names or IP addresses, valid from an hour ago for 90 days.
    pub fn new<N: Into<String>>(names: impl IntoIterator<Item = N>) -> Self {
        let now = Timestamp::now();
        Self {
            names: names.into_iter().map(Into::into).collect(),
            not_before: now - HOUR,
            // 89 whole days are left, however long the next step takes.
            not_after: now - HOUR + DAY * 90,
            ca: false,
            clients_only: false,
            rsa: false,
        }
    }

    /// Valid from `not_before` to `not_after`, both inclusive, to the second.
    #[must_use]
    pub fn valid(self, not_before: Timestamp, not_after: Timestamp) -> Self {
        Self { not_before, not_after, ..self }
    }

    /// Expired yesterday.
    #[must_use]
    pub fn expired(self) -> Self {
        let now = Timestamp::now();
        self.valid(now - DAY * 91, now - DAY - HOUR)
    }

    /// Valid from tomorrow on.
    #[must_use]
    pub fn not_yet_valid(self) -> Self {
        let now = Timestamp::now();
        self.valid(now + DAY, now + DAY * 90)
    }

    /// Valid for this many more days.
    #[must_use]
    pub fn expires_in_days(self, days: i32) -> Self {
        let not_after = Timestamp::now() + DAY * days + HOUR;
        // Of a long lifetime, however little is left of it: what counts as soon depends on that.
        Self { not_before: self.not_before.min(not_after - DAY * 180), not_after, ..self }
    }

    /// A certificate that may act as a CA.
    #[must_use]
    pub fn ca(self) -> Self {
        Self { ca: true, ..self }
    }

    /// A certificate for TLS clients only.
    #[must_use]
    pub fn for_clients_only(self) -> Self {
        Self { clients_only: true, ..self }
    }

    /// An RSA-2048 key.
    #[must_use]
    pub fn rsa(self) -> Self {
        Self { rsa: true, ..self }
    }

    /// A new key of the wanted kind.
    ///
    /// # Panics
    /// Never in practice: both kinds of key can be generated.
    pub fn key(&self) -> KeyPair {
        if self.rsa { KeyPair::generate_for(&PKCS_RSA_SHA256) } else { KeyPair::generate() }.expect(MADE)
    }

    /// The parameters, for changes beyond this builder; see [`Authority::issue_from`].
    ///
    /// # Panics
    /// When the names are no names.
    pub fn params(&self) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name = self.names.first().map_or_else(DistinguishedName::new, |name| common_name(name));
        params.subject_alt_names = self.names.iter().map(|name| san(name)).collect();
        set_validity(&mut params, self.not_before, self.not_after);
        params.extended_key_usages = vec![if self.clients_only {
            ExtendedKeyUsagePurpose::ClientAuth
        } else {
            ExtendedKeyUsagePurpose::ServerAuth
        }];
        params.use_authority_key_identifier_extension = true;
        if self.ca {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }
        params
    }
}

fn san(name: &str) -> SanType {
    match name.parse() {
        Ok(address) => SanType::IpAddress(address),
        Err(_) => SanType::DnsName(name.try_into().expect("DNS names are ASCII")),
    }
}

// === impl Issued ===

impl Issued {
    /// A chain, leaf first, with a key (of the leaf, if it shall work).
    pub fn new(chain: Vec<CertificateDer<'static>>, key: &KeyPair) -> Self {
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        Self { chain, key, staple: None }
    }

    /// The chain as PEM text, leaf first.
    pub fn chain_pem(&self) -> String {
        pem(&self.chain)
    }
}

impl Clone for Issued {
    fn clone(&self) -> Self {
        Self { chain: self.chain.clone(), key: self.key.clone_key(), staple: self.staple.clone() }
    }
}

/// Standard base64 with padding (RFC 4648 §4).
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for position in 0..4 {
            let digit = ALPHABET[(word >> (18 - 6 * position) & 63) as usize];
            text.push(if position > chunk.len() { '=' } else { char::from(digit) });
        }
    }
    text
}
