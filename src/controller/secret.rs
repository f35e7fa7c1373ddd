//! The Secret of `expect`, without its key: what is not known cannot be told.

use std::borrow::Cow;

use k8s_openapi::{ByteString, NamespaceResourceScope, api::core::v1::Secret};
use kube::{Resource, api::ObjectMeta};
use serde::Deserialize;

use super::lenient::Salvage;

/// The key of the certificate in a Secret of type `kubernetes.io/tls`.
pub(super) const CERTIFICATE_KEY: &str = "tls.crt";

/// A Secret of type `kubernetes.io/tls`; of its data the certificate alone is decoded.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct CertificateSecret {
    metadata: ObjectMeta,
    #[serde(rename = "type")]
    pub(super) type_: Option<String>,
    pub(super) data: Option<CertificateData>,
}

/// The data of such a Secret.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct CertificateData {
    #[serde(rename = "tls.crt")]
    pub(super) certificate: Option<ByteString>,
}

impl Salvage for CertificateSecret {}

impl Resource for CertificateSecret {
    type DynamicType = ();
    type Scope = NamespaceResourceScope;

    fn kind(dt: &()) -> Cow<'_, str> {
        Secret::kind(dt)
    }

    fn group(dt: &()) -> Cow<'_, str> {
        Secret::group(dt)
    }

    fn version(dt: &()) -> Cow<'_, str> {
        Secret::version(dt)
    }

    fn plural(dt: &()) -> Cow<'_, str> {
        Secret::plural(dt)
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn the_key_is_left_where_it_is() {
        // What is no base64 would fail if it were decoded.
        let data = json!({"tls.crt": "Y2VydA==", "tls.key": "*** secret ***"});
        let secret = json!({"metadata": {"name": "web-tls"}, "type": "kubernetes.io/tls", "data": data});
        let read: CertificateSecret = serde_json::from_value(secret).unwrap();
        assert_eq!(read.data.as_ref().unwrap().certificate.as_ref().unwrap().0, b"cert");
        assert!(!format!("{read:?}").contains("secret ***"));
    }
}
