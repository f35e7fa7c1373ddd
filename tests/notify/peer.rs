//! Programs that receive messages, each a child of its test, and what they say they have got.
#![allow(dead_code)] // each helper is for the tests that need it

use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
    path::Path,
    time::{Duration, Instant},
};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use xtask::{
    peers::Peers,
    supervise::{Launch, Supervised},
};

/// A running program, and the port of its API.
pub(crate) struct Peer {
    pub(crate) process: Supervised,
    pub(crate) port: u16,
}

impl Peer {
    pub(crate) async fn start(launch: Launch, directory: &Path, port: u16, ready: &str) -> Self {
        let mut peer = Self { process: launch.start(directory).unwrap(), port };
        let deadline = Instant::now() + Duration::from_secs(30);
        while !peer.get(ready).await.starts_with("HTTP/1.0 200") {
            let log = peer.process.log_tail(20);
            assert!(peer.process.ended().is_none() && Instant::now() < deadline, "{log}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        peer
    }

    /// The answer to a GET; empty if there is none.
    pub(crate) async fn get(&self, path: &str) -> String {
        let mut answer = Vec::new();
        if let Ok(mut stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).await {
            let request = format!("GET {path} HTTP/1.0\r\nhost: localhost\r\n\r\n");
            let _ = stream.write_all(request.as_bytes()).await;
            let _ = stream.read_to_end(&mut answer).await;
        }
        String::from_utf8_lossy(&answer).into_owned()
    }

    pub(crate) async fn json(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap_or_else(|_| panic!("{answer}"))
    }
}

pub(crate) fn directory() -> std::path::PathBuf {
    tempfile::Builder::new().prefix("sslmonitor-peers-").tempdir().unwrap().keep()
}

/// Ports that nobody has now.
pub(crate) fn free_ports() -> [u16; 2] {
    [(); 2].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()).map(|free| free.local_addr().unwrap().port())
}

// === Alertmanager ===

pub(crate) async fn alertmanager() -> Peer {
    let (directory, [port, _]) = (directory(), free_ports());
    let config = directory.join("alertmanager.yml");
    fs::write(&config, "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n").unwrap();
    let launch = Launch::new("alertmanager", &Peers::find().unwrap().alertmanager)
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.path={}", directory.join("data").display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .arg("--cluster.listen-address=");
    Peer::start(launch, &directory, port, "/-/ready").await
}

/// Domain and severity of the alerts that fire now.
pub(crate) async fn firing(peer: &Peer) -> Vec<(String, String)> {
    let alerts = peer.json("/api/v2/alerts").await;
    let label = |alert: &Value, name: &str| alert["labels"][name].as_str().unwrap().to_owned();
    let mut found: Vec<_> = alerts
        .as_array()
        .unwrap()
        .iter()
        .map(|alert| {
            assert_eq!(alert["status"]["state"], "active");
            (label(alert, "domain"), label(alert, "severity"))
        })
        .collect();
    found.sort();
    found
}

pub(crate) async fn eventually_firing(peer: &Peer, domains: &[&str]) {
    let expected: Vec<_> = domains.iter().map(|domain| ((*domain).to_owned(), "critical".to_owned())).collect();
    let deadline = Instant::now() + Duration::from_secs(30);
    let mut found = firing(peer).await;
    while found != expected {
        assert!(Instant::now() < deadline, "{found:?} are firing, not {expected:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
        found = firing(peer).await;
    }
}
