//! What a probe takes along from Secrets: a client certificate, and a proxy with its login. It is used, and never shown.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use k8s_openapi::api::core::v1::Secret;
use rustls::{RootCertStore, ServerConfig, crypto::aws_lc_rs, server::WebPkiClientVerifier};
use serde_json::json;
use ssl_monitor_operator::api::SslMonitor;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;
use xtask::farm::{Authority, Issued, Leaf};

use crate::{
    scene::{ALL_WELL, Scene, conditions, make},
    support::{Cluster, eventually_object, loopback},
};

/// A server that lets in only whom this authority knows.
async fn guarded(issued: Issued, clients: &Authority) -> SocketAddr {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(clients.root()).unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build().unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(rustls::ALL_VERSIONS)
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(issued.chain, issued.key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind(loopback()).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            while matches!(stream.read(&mut [0; 64]).await, Ok(1..)) {}
            let _ = stream.shutdown().await;
        }
    });
    address
}

/// A proxy that opens every tunnel it is asked for, to one server, and remembers how it was asked.
async fn proxy(server: SocketAddr) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind(loopback()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let memory = asked.clone();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let memory = memory.clone();
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(stream.read_u8().await.unwrap());
                }
                memory.lock().unwrap().push(String::from_utf8(head).unwrap());
                stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
                let mut server = TcpStream::connect(server).await.unwrap();
                let _ = copy_bidirectional(&mut stream, &mut server).await;
            });
        }
    });
    (address, asked)
}

/// Wait until the conditions are these.
async fn becomes(scene: &Scene<'_>, name: &str, expected: &[&str]) -> SslMonitor {
    let is_so = |monitor: &SslMonitor| conditions(monitor) == expected;
    eventually_object(&scene.api(), name, &format!("has {expected:?}"), is_so).await
}

fn label() -> serde_json::Value {
    json!({"sslmonitor.io/allowed": "true"})
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn a_client_certificate_opens_the_door_when_its_secret_appears_and_its_key_is_shown_nowhere() {
    let cluster = Cluster::shared().await;
    let operator = cluster.operator().await;
    let scene = Scene::new(&cluster).await;
    let clients = Authority::new("Clients");
    let address = guarded(scene.valid(), &clients).await;
    let tls = json!({"caBundle": {"configMap": {"name": "ca"}}, "clientCertificateRef": {"name": "client"}});
    scene.monitor("web", address, json!({"tls": tls})).await;
    let missing = [
        "Ready=False SecretNotFound",
        "Reconciling=True SecretNotFound",
        "Reachable=True ClientCertificateRequired",
        ALL_WELL[2],
        ALL_WELL[3],
    ];
    becomes(&scene, "web", &missing).await;

    let client = clients.issue(&Leaf::new(["client.test"]).for_clients_only());
    let key = BASE64_STANDARD.encode(client.key.secret_der());
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{key}\n-----END PRIVATE KEY-----\n");
    let data = json!({"tls.crt": client.chain_pem(), "tls.key": pem});
    let metadata = json!({"name": "client", "labels": label()});
    make(&scene.api::<Secret>(), json!({"metadata": metadata, "type": "kubernetes.io/tls", "stringData": data})).await;
    let monitor = becomes(&scene, "web", &ALL_WELL).await;
    let shown = serde_json::to_string(&monitor).unwrap() + &operator.log();
    assert!(!shown.contains(&key[..40]) && !shown.contains("PRIVATE KEY"));
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn once_the_login_of_its_proxy_is_there_the_proxy_is_used_and_told_it() {
    let cluster = Cluster::shared().await;
    let operator = cluster.operator().await;
    let scene = Scene::new(&cluster).await;
    let server = scene.serve(scene.valid()).await;
    let (proxy, asked) = proxy(server.address()).await;
    let spec = json!({"proxy": {"url": format!("http://{proxy}"), "secretRef": {"name": "login"}}});
    scene.monitor("web", server.address(), spec).await;
    let missing = [
        "Ready=False SecretNotFound",
        "Reconciling=True SecretNotFound",
        "Reachable=Unknown SecretNotFound",
        "CertificateValid=Unknown SecretNotFound",
        "CertificateExpiring=Unknown SecretNotFound",
    ];
    becomes(&scene, "web", &missing).await;
    assert_eq!((asked.lock().unwrap().clone(), server.accepted()), (Vec::<String>::new(), 0));

    let login = json!({"address": format!("http://{proxy}"), "username": "user", "password": "s3cret-of-the-proxy"});
    scene.secret("login", label(), &login).await;
    let monitor = becomes(&scene, "web", &ALL_WELL).await;
    let login = BASE64_STANDARD.encode("user:s3cret-of-the-proxy");
    let to = server.address();
    let request = format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\nProxy-Authorization: Basic {login}\r\n\r\n");
    assert_eq!((asked.lock().unwrap().clone(), server.accepted()), (vec![request], 1));
    let shown = serde_json::to_string(&monitor).unwrap() + &operator.log();
    assert!(!shown.contains("s3cret-of-the-proxy") && !shown.contains(&login));
}
