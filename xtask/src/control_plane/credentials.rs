//! The control plane's certificate authority and what it issues, made anew for each start.

use std::{
    net::{IpAddr, Ipv4Addr},
    path::{Path, PathBuf},
};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, SanType,
};

use super::{Error, write_file};

/// The files of one control plane's credentials.
#[derive(Debug)]
pub(super) struct Credentials {
    directory: PathBuf,
}

impl Credentials {
    /// Make all keys and certificates and write them below `directory`.
    pub(super) fn write(directory: &Path) -> Result<Self, Error> {
        let files = make().map_err(Error::Credentials)?;
        for (name, text) in files {
            write_file(&directory.join(name), &text)?;
        }
        Ok(Self { directory: directory.to_owned() })
    }

    /// The flags that tell kube-apiserver about them.
    pub(super) fn apiserver_arguments(&self) -> Vec<String> {
        let flag = |flag: &str, file: &str| format!("--{flag}={}", self.directory.join(file).display());
        vec![
            flag("client-ca-file", "ca.crt"),
            flag("tls-cert-file", "server.crt"),
            flag("tls-private-key-file", "server.key"),
            flag("service-account-key-file", "service-account.pub"),
            flag("service-account-signing-key-file", "service-account.key"),
            "--service-account-issuer=https://kubernetes.default.svc".into(),
        ]
    }

    /// The administrator's kubeconfig.
    pub(super) fn admin_kubeconfig(&self, server: &str) -> String {
        let file = |name: &str| self.directory.join(name).display().to_string();
        let user = format!("client-certificate: {}\n    client-key: {}", file("admin.crt"), file("admin.key"));
        kubeconfig(&self.directory, server, "admin", "default", &user)
    }
}

/// The kubeconfig of an identity that has a bearer token.
pub(super) fn token_kubeconfig(directory: &Path, server: &str, namespace: &str, token: &str) -> String {
    kubeconfig(directory, server, "service-account", namespace, &format!("token: {token}"))
}

fn kubeconfig(directory: &Path, server: &str, user: &str, namespace: &str, how: &str) -> String {
    let ca = directory.join("ca.crt");
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: sslmonitor\n\
         clusters:\n- name: sslmonitor\n  cluster:\n    server: {server}\n    certificate-authority: {}\n\
         users:\n- name: {user}\n  user:\n    {how}\n\
         contexts:\n- name: sslmonitor\n  context:\n    cluster: sslmonitor\n    user: {user}\n    namespace: {namespace}\n",
        ca.display()
    )
}

fn make() -> Result<Vec<(&'static str, String)>, rcgen::Error> {
    let mut authority = named("sslmonitor control plane CA");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;

    let mut server = named("kube-apiserver");
    server.subject_alt_names = vec![SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST))];
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let server_key = KeyPair::generate()?;

    let mut admin = named("admin");
    // The group that is bound to cluster-admin from the start.
    admin.distinguished_name.push(DnType::OrganizationName, "system:masters");
    admin.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let admin_key = KeyPair::generate()?;

    let tokens = KeyPair::generate()?;
    Ok(vec![
        ("ca.crt", authority.pem()),
        ("server.crt", server.signed_by(&server_key, &authority)?.pem()),
        ("server.key", server_key.serialize_pem()),
        ("admin.crt", admin.signed_by(&admin_key, &authority)?.pem()),
        ("admin.key", admin_key.serialize_pem()),
        ("service-account.pub", tokens.public_key_pem()),
        ("service-account.key", tokens.serialize_pem()),
    ])
}

fn named(common_name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params
}
