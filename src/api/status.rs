//! The status of an `SslMonitor`: what was seen.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ChannelLedger;

/// Most subject alternative names that are listed; the number of all is in `sanCount`.
pub const MAX_SANS: usize = 32;
/// Most endpoints that are listed; the number of all is in `endpointCount`.
pub const MAX_ENDPOINTS: usize = 16;
/// Most findings that are listed, the worst first.
pub const MAX_FINDINGS: usize = 16;
/// Most entries of the history.
pub const MAX_HISTORY: usize = 10;

/// What was seen, and what is to be said of it.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct SslMonitorStatus {
    /// The generation of the spec that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub observed_generation: Option<i64>,

    /// The worst of the conditions in one word, such as Valid, ExpiringSoon, Expired, HostnameMismatch or ConnectionRefused.
    /// For people's eyes: programs read the conditions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub summary: Option<String>,

    /// The certificate that was last seen, also when it is bad.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<CertificateStatus>,

    /// When the last check ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_checked_at: Option<Time>,

    /// When the next check is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_check_at: Option<Time>,

    /// How long the last check took in all, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 600_000))]
    pub response_time_ms: Option<i32>,

    /// The address and port that the last check connected to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub address: Option<String>,

    /// The TLS session of the last check that got one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsStatus>,

    /// The TCP port that is watched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub port: Option<i32>,

    /// What each address behind the name served at the last check, the first 16 in the order of the addresses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "atomic"))]
    pub endpoints: Vec<EndpointStatus>,

    /// How many addresses are behind the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100_000))]
    pub endpoint_count: Option<i32>,

    /// The certificate that ends first, where not all addresses serve one that ends when the certificate shown does. An address that
    /// does not answer any more counts with what it last served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earliest_expiry: Option<EarliestExpiryStatus>,

    /// What is to be said of the certificate, its chain and the TLS session beside the verdict: the faults themselves, and what is no
    /// fault; the worst first, at most 16.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "atomic"))]
    pub findings: Vec<FindingStatus>,

    /// The certificate in the Secret of expect.secretRef at the last check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_certificate: Option<ExpectedCertificateStatus>,

    /// How many checks in a row could not complete a handshake; absent when the last one could.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub consecutive_failures: Option<i32>,

    /// The value of the annotation sslmonitor.io/requestedAt that was last acted on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub last_handled_request_at: Option<String>,

    /// The last changes of the result, the newest first; a check that changes nothing adds none, nor does a certificate that comes back
    /// within seven days after it was replaced.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10), extend("x-kubernetes-list-type" = "atomic"))]
    pub history: Vec<HistoryEntry>,

    /// What each of notificationChannels has been told, and what it still has to be told; a channel with nothing of either is left
    /// out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["channel"]))]
    pub notifications: Vec<ChannelLedger>,

    /// What is to be said of the monitor and of what it sees: Ready, Reachable, CertificateValid, CertificateExpiring;
    /// EndpointsConsistent with several addresses;
    /// ServedCertificateMatches with expect; ServiceLinked with a serviceRef; NotificationsDelivered with notificationChannels; Reconciling or Stalled while they are true.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "super::schema::conditions")]
    pub conditions: Vec<Condition>,
}

/// A served certificate. Text from the certificate is escaped, and cut to 256 bytes a field.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct CertificateStatus {
    /// Who issued it: the issuer's common name, else its organisation, else its whole name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub issuer: Option<String>,

    /// Whom it is for: the common name, else the first DNS name, else the organisation, else the whole name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub subject: Option<String>,

    /// Start of its validity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<Time>,

    /// End of its validity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_to: Option<Time>,

    /// Whole days until the end of its validity at the last check, rounded down; negative once it has expired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -3_700_000, max = 3_700_000))]
    pub days_until_expiry: Option<i32>,

    /// Whether nothing was wrong with it at the last check: time, name, chain, purpose, key and proof of possession.
    pub is_valid: bool,

    /// False when the server has not proved that it holds the certificate's key: it was read in the clear from a server that speaks
    /// no TLS version or cipher suite of today, or the connection broke off. Absent otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proven: Option<bool>,

    /// Its serial number in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub serial_number: Option<String>,

    /// SHA256: and the digest of the certificate, as openssl x509 -fingerprint -sha256 prints it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub fingerprint: Option<String>,

    /// sha256// and the digest of its public key (SPKI) in base64, as curl --pinnedpubkey takes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub public_key: Option<String>,

    /// The names it is for (subject alternative names), the first 32.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(length(max = 512)), extend("x-kubernetes-list-type" = "atomic"))]
    pub sans: Vec<String>,

    /// How many names it is for in all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub san_count: Option<i32>,

    /// The issuer's whole name (RFC 4514).
    #[serde(default, rename = "issuerDN", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub issuer_dn: Option<String>,

    /// The subject's whole name (RFC 4514).
    #[serde(default, rename = "subjectDN", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub subject_dn: Option<String>,

    /// The algorithm of its key, for example ECDSA or RSA.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub key_algorithm: Option<String>,

    /// The size of its key in bits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub key_bits: Option<i32>,

    /// The algorithm of its signature, for example ecdsa-with-SHA256.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub signature_algorithm: Option<String>,

    /// How many certificates the server presented, this one included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100_000))]
    pub chain_length: Option<i32>,

    /// The earliest end of validity of all certificates that the server presented.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub presented_chain_valid_to: Option<Time>,

    /// The earliest end of validity on the path that was verified; absent when no path was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified_chain_valid_to: Option<Time>,

    /// What is known of its revocation; absent when that was not looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revocation: Option<RevocationStatus>,
}

/// What is known of a certificate's revocation.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct RevocationStatus {
    /// Good, Revoked or Unknown.
    #[schemars(length(max = 32))]
    pub state: String,

    /// Where that is known from: Staple or CRL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub source: Option<String>,

    /// When it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Time>,

    /// Why it was revoked, for example keyCompromise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub reason: Option<String>,
}

/// What one address served.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct EndpointStatus {
    /// IP address and port.
    #[schemars(length(max = 64))]
    pub address: String,

    /// Valid, the worst fault of the certificate, or why none was seen.
    #[schemars(length(max = 64))]
    pub result: String,

    /// The fingerprint of its certificate; absent when none was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub fingerprint: Option<String>,

    /// When that certificate expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_to: Option<Time>,

    /// How long the connection and the handshake took, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 600_000))]
    pub response_time_ms: Option<i32>,
}

/// The certificate that ends first of those that the addresses serve.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct EarliestExpiryStatus {
    /// IP address and port of the first address that serves it.
    #[schemars(length(max = 64))]
    pub address: String,

    /// When it expires.
    pub valid_to: Time,
}

/// Something to be said beside the verdict.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct FindingStatus {
    /// What kind, for example ValidityTooLong.
    #[serde(rename = "type")]
    #[schemars(length(max = 64))]
    pub type_: String,

    /// info, warning or critical.
    #[schemars(length(max = 16))]
    pub severity: String,

    /// What was found, in a sentence.
    #[schemars(length(max = 512))]
    pub message: String,
}

/// The certificate that should be served.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ExpectedCertificateStatus {
    /// Its fingerprint.
    #[schemars(length(max = 128))]
    pub fingerprint: String,

    /// Start of its validity.
    pub valid_from: Time,

    /// End of its validity.
    pub valid_to: Time,
}

/// A negotiated TLS session.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct TlsStatus {
    /// The protocol version, for example TLS1.3.
    #[schemars(length(max = 32))]
    pub version: String,

    /// The cipher suite, for example TLS_AES_128_GCM_SHA256.
    #[schemars(length(max = 128))]
    pub cipher_suite: String,

    /// The key exchange group, for example X25519MLKEM768 or X25519.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub group: Option<String>,
}

/// One change of the result.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct HistoryEntry {
    /// When the check that first saw it ended.
    pub checked_at: Time,

    /// The summary from then on.
    #[schemars(length(max = 64))]
    pub summary: String,

    /// Whether the certificate was valid; absent when it could not be judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_valid: Option<bool>,

    /// Whole days until expiry at that check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -3_700_000, max = 3_700_000))]
    pub days_until_expiry: Option<i32>,

    /// The fingerprint of the certificate that was served; absent when none was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub fingerprint: Option<String>,
}
