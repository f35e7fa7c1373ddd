//! Reach, TLS and expectations in a spec: what the API server makes of bad ones.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{
    admission::{OBJECT, faults_of_api_server, manifest, our_faults},
    support::Cluster,
};

const URL: &str =
    "proxy.url must be http://HOST:PORT, socks5://HOST:PORT or socks5h://HOST:PORT, without user name or password";
const FINGERPRINT: &str =
    "each of fingerprints must be a SHA-256 digest in hexadecimal, with or without colons and the prefix SHA256:";
const PIN: &str = "each of publicKeys must be sha256// and the digest of the public key in base64";
const KEY: &str = "key must consist of letters, digits, '-', '_' and '.'";
const SECRET: &str = "name must be the name of a Secret: lower-case letters, digits, '-' and '.'";

/// What is added to a good spec, the field to blame, and our sentence; `None` for a fault of the structure.
fn bad() -> Vec<(Value, &'static str, Option<&'static str>)> {
    let digest = "ab".repeat(32);
    vec![
        (json!({"tls": {"startTLS": "irc"}}), "spec.tls.startTLS", None),
        (json!({"tls": {"minVersion": "1.1"}}), "spec.tls.minVersion", None),
        (json!({"tls": {"revocation": "OCSP"}}), "spec.tls.revocation", None),
        (json!({"tls": {"revocationFailure": "Never"}}), "spec.tls.revocationFailure", None),
        (json!({"tls": {"clientCertificateRef": {"name": "a/b"}}}), "spec.tls.clientCertificateRef.name", Some(SECRET)),
        (
            json!({"tls": {"caBundle": {"configMap": {"name": "a", "key": "a b"}}}}),
            "spec.tls.caBundle.configMap.key",
            Some(KEY),
        ),
        (json!({"tls": {"caBundle": {"secret": {"name": "A"}}}}), "spec.tls.caBundle.secret.name", Some(OBJECT)),
        (json!({"enabled": "yes"}), "spec.enabled", None),
        (json!({"tls": {"clientCertificateRef": {}}}), "spec.tls.clientCertificateRef.name", None),
        (json!({"addresses": "Some"}), "spec.addresses", None),
        (json!({"ipFamily": "IPv5"}), "spec.ipFamily", None),
        (json!({"proxyProtocol": "v3"}), "spec.proxyProtocol", None),
        (json!({"proxy": {}}), "spec.proxy", Some("proxy must have a url or a secretRef")),
        (json!({"proxy": {"url": "http://user:password@proxy.test:3128"}}), "spec.proxy.url", Some(URL)),
        (json!({"proxy": {"url": "https://proxy.test:3128"}}), "spec.proxy.url", Some(URL)),
        (json!({"proxy": {"url": "http://proxy.test"}}), "spec.proxy.url", Some(URL)),
        (json!({"proxy": {"secretRef": {"name": "A"}}}), "spec.proxy.secretRef.name", Some(SECRET)),
        (
            json!({"expect": {}}),
            "spec.expect",
            Some("expect must have fingerprints, publicKeys, issuers or a secretRef"),
        ),
        (json!({"expect": {"fingerprints": vec![&digest; 17]}}), "spec.expect.fingerprints", None),
        (json!({"expect": {"fingerprints": [&digest[1..]]}}), "spec.expect.fingerprints", Some(FINGERPRINT)),
        (json!({"expect": {"publicKeys": ["sha256//short="]}}), "spec.expect.publicKeys", Some(PIN)),
        (json!({"expect": {"issuers": []}}), "spec.expect.issuers", None),
        (json!({"expect": {"issuers": ["x".repeat(513)]}}), "spec.expect.issuers[0]", None),
        (json!({"expect": {"secretRef": {"name": "web.tls."}}}), "spec.expect.secretRef.name", Some(SECRET)),
    ]
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn every_bad_value_of_reach_tls_and_expect_is_one_fault_to_the_api_server_and_to_the_rules_without_it() {
    let cluster = Cluster::shared().await;
    let namespace = cluster.namespace().await;
    for (more, field, sentence) in bad() {
        let mut spec = json!({"domain": "a.test"});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let expected = BTreeSet::from([(field.to_owned(), sentence.map(ToOwned::to_owned))]);
        assert_eq!(faults_of_api_server(&cluster.client, &namespace, &spec).await, expected, "{spec}");
        assert_eq!(our_faults(&spec), expected, "{spec}");
        let refusal = cluster.try_apply(&namespace, &manifest(&spec).to_string()).unwrap_err();
        assert!(refusal.contains(sentence.unwrap_or(field)), "{refusal}");
    }
    assert_eq!(cluster.kubectl(&["get", "sslmonitors", "--namespace", &namespace, "--output=name"]), "");
}
