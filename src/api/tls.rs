//! `spec.tls`: how to speak TLS, and whom to trust.

#![allow(unreachable_pub)] // the derive makes a private twin of each type, with the type's own visibility

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Key of a ConfigMap or Secret that holds a CA bundle when none is given (trust-manager and cert-manager use it).
pub const DEFAULT_KEY: &str = "ca.crt";

/// How to speak TLS, and whom to trust.
#[derive(KubeSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.useSystemRoots) || self.useSystemRoots || has(self.caBundle)")
    .message("tls.useSystemRoots may be false only together with tls.caBundle; without either no certificate could be trusted"))]
pub struct TlsSpec {
    /// Send this name in the handshake (SNI), and verify the certificate for it instead of for the domain: a DNS name, or an
    /// IP address (which is verified, and not sent).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new(r"self.matches('^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\\.)+[a-z]([-a-z0-9]{0,61}[a-z0-9])?$') || (isIP(self) && ip.isCanonical(self))")
        .message("tls.serverName must be a host name without scheme, port or path, for example api.example.com"))]
    pub server_name: Option<String>,

    /// Speak this protocol first, and ask it for TLS (STARTTLS).
    #[serde(default, rename = "startTLS", skip_serializing_if = "Option::is_none")]
    pub start_tls: Option<StartTls>,

    /// The oldest protocol version that is accepted; a server that chooses an older one fails with ProtocolTooOld.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_version: Option<TlsVersion>,

    /// CA certificates (PEM) that are trusted besides the system roots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_bundle: Option<CaBundle>,

    /// Whether the roots that the operator ships or finds on its system are trusted. Set it to false, together with caBundle, to
    /// trust a private CA alone.
    #[serde(default = "default_true")]
    pub use_system_roots: bool,

    /// A Secret of type kubernetes.io/tls whose certificate is shown to servers that ask for one. It must carry the label
    /// sslmonitor.io/allowed: "true".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_certificate_ref: Option<SecretRef>,

    /// How it is found out whether the certificate has been revoked: not at all (None), from the answer that the server
    /// staples to it (Staple), or also from the CRLs that it names (CRL).
    #[serde(default)]
    pub revocation: Revocation,

    /// What it means when that cannot be found out: a finding (Soft), or that the certificate is not valid (Hard).
    #[serde(default)]
    pub revocation_failure: RevocationFailure,
}

/// A protocol that is asked for TLS after a greeting in the clear.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)] // the names of the protocols
pub enum StartTls {
    Smtp,
    Lmtp,
    Imap,
    Pop3,
    Ftp,
    Ldap,
    Postgresql,
    Mysql,
    XmppClient,
    XmppServer,
    Sieve,
    Nntp,
}

/// A version of TLS. What the optional field says of itself would be lost: the schema has the words of its type.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[schemars(
    description = "The oldest protocol version that is accepted; a server that chooses an older one fails with ProtocolTooOld."
)]
pub enum TlsVersion {
    /// TLS 1.2.
    #[serde(rename = "TLS1.2")]
    Tls12,
    /// TLS 1.3.
    #[serde(rename = "TLS1.3")]
    Tls13,
}

/// How it is found out whether a certificate has been revoked.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Revocation {
    /// It is not.
    None,
    /// From the OCSP answer that the server staples to it.
    #[default]
    Staple,
    /// From that, and from the CRLs that the certificate names.
    #[serde(rename = "CRL")]
    Crl,
}

/// What it means when it cannot be found out whether a certificate has been revoked.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum RevocationFailure {
    /// It is a finding.
    #[default]
    Soft,
    /// The certificate is not valid.
    Hard,
}

/// Where a CA bundle is: in a ConfigMap or in a Secret of the monitor's namespace.
#[derive(KubeSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.configMap) != has(self.secret)").message("tls.caBundle must name either a configMap or a secret"))]
pub struct CaBundle {
    /// A ConfigMap that holds the bundle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map: Option<KeyRef>,

    /// A Secret that holds the bundle. It must carry the label sslmonitor.io/allowed: "true".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<KeyRef>,
}

/// A key of a ConfigMap or Secret.
#[derive(KubeSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct KeyRef {
    /// Name of the ConfigMap or Secret.
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new(r"self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')")
        .message("name must be the name of a ConfigMap or Secret: lower-case letters, digits, '-' and '.'"))]
    pub name: String,

    /// The key whose value is the bundle.
    #[serde(default = "default_key")]
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new("self.matches('^[-._a-zA-Z0-9]+$')").message("key must consist of letters, digits, '-', '_' and '.'"))]
    pub key: String,
}

/// A Secret of the monitor's namespace.
#[derive(KubeSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct SecretRef {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new(r"self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')")
        .message("name must be the name of a Secret: lower-case letters, digits, '-' and '.'"))]
    pub name: String,
}

fn default_key() -> String {
    DEFAULT_KEY.to_owned()
}

fn default_true() -> bool {
    true
}

// === impl TlsSpec ===

impl Default for TlsSpec {
    fn default() -> Self {
        Self {
            server_name: None,
            start_tls: None,
            min_version: None,
            ca_bundle: None,
            use_system_roots: true,
            client_certificate_ref: None,
            revocation: Revocation::default(),
            revocation_failure: RevocationFailure::default(),
        }
    }
}

// === impl StartTls ===

impl StartTls {
    /// Every protocol.
    pub const ALL: [Self; 12] = [
        Self::Smtp,
        Self::Lmtp,
        Self::Imap,
        Self::Pop3,
        Self::Ftp,
        Self::Ldap,
        Self::Postgresql,
        Self::Mysql,
        Self::XmppClient,
        Self::XmppServer,
        Self::Sieve,
        Self::Nntp,
    ];

    /// The protocol as users write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Smtp => "smtp",
            Self::Lmtp => "lmtp",
            Self::Imap => "imap",
            Self::Pop3 => "pop3",
            Self::Ftp => "ftp",
            Self::Ldap => "ldap",
            Self::Postgresql => "postgresql",
            Self::Mysql => "mysql",
            Self::XmppClient => "xmpp-client",
            Self::XmppServer => "xmpp-server",
            Self::Sieve => "sieve",
            Self::Nntp => "nntp",
        }
    }

    /// The port at which servers of this protocol usually listen (IANA Service Name and Transport Protocol Port Number
    /// Registry; LMTP has none of its own, 24 is for private mail systems).
    pub fn port(self) -> u16 {
        match self {
            Self::Smtp => 25,
            Self::Lmtp => 24,
            Self::Imap => 143,
            Self::Pop3 => 110,
            Self::Ftp => 21,
            Self::Ldap => 389,
            Self::Postgresql => 5432,
            Self::Mysql => 3306,
            Self::XmppClient => 5222,
            Self::XmppServer => 5269,
            Self::Sieve => 4190,
            Self::Nntp => 119,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_protocol_reads_as_it_is_written() {
        for protocol in StartTls::ALL {
            assert_eq!(serde_json::to_value(protocol).unwrap(), protocol.as_str());
        }
    }
}
