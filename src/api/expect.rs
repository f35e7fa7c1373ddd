//! `spec.expect`: which certificate should be served.

#![allow(unreachable_pub)] // the derive makes a private twin of each type, with the type's own visibility

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::SecretRef;

/// Which certificate should be served, by every address that answers. Of several values in one list one must match; of several lists
/// every one.
#[derive(KubeSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.fingerprints) || has(self.publicKeys) || has(self.issuers) || has(self.secretRef)")
    .message("expect must have fingerprints, publicKeys, issuers or a secretRef"))]
pub struct ExpectSpec {
    /// SHA-256 digests of the certificate, as openssl x509 -fingerprint -sha256 or status.certificate.fingerprint shows them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 16), inner(length(max = 128)), extend("x-kubernetes-list-type" = "atomic"))]
    #[x_kube(validation = Rule::new("self.all(item, item.matches('^(SHA256:)?([0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2}$'))")
        .message("each of fingerprints must be a SHA-256 digest in hexadecimal, with or without colons and the prefix SHA256:"))]
    pub fingerprints: Vec<String>,

    /// SHA-256 digests of the public key (SPKI) in base64, as curl --pinnedpubkey or status.certificate.publicKey has them: sha256//….
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 16), inner(length(max = 64)), extend("x-kubernetes-list-type" = "atomic"))]
    #[x_kube(validation = Rule::new("self.all(item, item.matches('^sha256//?[A-Za-z0-9+/]{43}=$'))")
        .message("each of publicKeys must be sha256// and the digest of the public key in base64"))]
    pub public_keys: Vec<String>,

    /// Who may have issued it: the issuer's common name, organisation or whole name (RFC 4514).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 16), inner(length(min = 1, max = 512)), extend("x-kubernetes-list-type" = "atomic"))]
    pub issuers: Vec<String>,

    /// A Secret of type kubernetes.io/tls that holds the certificate that should be served. Only its tls.crt is read. It must
    /// carry the label sslmonitor.io/allowed: "true".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretRef>,
}
