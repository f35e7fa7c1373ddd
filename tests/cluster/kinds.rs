//! Each kind of certificate and server gives exactly its conditions, its word, its Events and its log lines.

use std::net::SocketAddr;

use tokio::{
    io::AsyncReadExt as _,
    net::{TcpListener, TcpSocket},
    task::JoinHandle,
};
use xtask::farm::{Authority, Issued, Leaf, TlsServer, self_signed};

use crate::{
    stage::{Stage, serve, states, stream},
    support::loopback,
};

/// Name of the monitor; the states of Reachable, CertificateValid and CertificateExpiring; the summary; the Events.
type Row = (&'static str, [&'static str; 3], &'static str, &'static [&'static str]);

/// What becomes of a monitor of each kind. All are Ready: what they see is another matter.
const TABLE: [Row; 11] = [
    ("valid", ["True/Connected", "True/Valid", "False/NotExpiring"], "Valid", &["Normal Valid"]),
    (
        "expiring",
        ["True/Connected", "True/Valid", "True/ExpiringSoon"],
        "ExpiringSoon",
        &["Normal Valid", "Warning ExpiringSoon"],
    ),
    ("expired", ["True/Connected", "False/Expired", "True/Expired"], "Expired", &["Warning Expired"]),
    (
        "not-yet-valid",
        ["True/Connected", "False/NotYetValid", "False/NotExpiring"],
        "NotYetValid",
        &["Warning NotYetValid"],
    ),
    (
        "wrong-name",
        ["True/Connected", "False/HostnameMismatch", "False/NotExpiring"],
        "HostnameMismatch",
        &["Warning HostnameMismatch"],
    ),
    ("self-signed", ["True/Connected", "False/SelfSigned", "False/NotExpiring"], "SelfSigned", &["Warning SelfSigned"]),
    (
        "unknown-ca",
        ["True/Connected", "False/UnknownIssuer", "False/NotExpiring"],
        "UnknownIssuer",
        &["Warning UnknownIssuer"],
    ),
    (
        "missing-intermediate",
        ["True/Connected", "False/IncompleteChain", "False/NotExpiring"],
        "IncompleteChain",
        &["Warning IncompleteChain"],
    ),
    // Nothing says where it could be had.
    (
        "lone-leaf",
        ["True/Connected", "False/UnknownIssuer", "False/NotExpiring"],
        "UnknownIssuer",
        &["Warning UnknownIssuer"],
    ),
    (
        "refused",
        ["False/ConnectionRefused", "Unknown/ProbeFailed", "Unknown/ProbeFailed"],
        "ConnectionRefused",
        &["Warning ConnectionRefused"],
    ),
    (
        "closed",
        ["False/ConnectionClosed", "Unknown/ProbeFailed", "Unknown/ProbeFailed"],
        "ConnectionClosed",
        &["Warning ConnectionClosed"],
    ),
];

/// The monitors that see no certificate.
const FAILING: [&str; 2] = ["refused", "closed"];

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a control plane: cargo xtask test"]
async fn every_kind_of_server_gives_its_conditions_its_word_its_events_and_its_log_lines() {
    let stage = Stage::new().await;
    let servers = Servers::start(&stage.authority).await;
    let monitors = TABLE.map(|(name, ..)| stage.manifest(name, &format!("{name}.test"), servers.address(name)));
    stage.cluster.apply(&stage.namespace, &stream(monitors));
    let (mut expected_log, mut expected_writes) = (Vec::new(), 0);
    for (name, [reachable, valid, expiring], summary, events) in TABLE {
        let monitor = stage.settled(name).await;
        let expected = [
            "Ready=True/Monitoring".to_owned(),
            format!("Reachable={reachable}"),
            format!("CertificateValid={valid}"),
            format!("CertificateExpiring={expiring}"),
        ];
        assert_eq!(states(&monitor), expected, "{name}");
        let status = monitor.status.as_ref().unwrap();
        assert_eq!(status.summary.as_deref(), Some(summary), "{name}");
        let verdict = status.certificate.as_ref().map(|certificate| certificate.is_valid);
        let expected = reachable.starts_with("True").then_some(valid.starts_with("True"));
        assert_eq!(verdict, expected, "{name}: the certificate is told whenever there is one");
        stage.events(&monitor, events).await;
        let level = |kind: &str| if kind == "Normal" { "INFO" } else { "WARN" };
        let lines = events.iter().filter_map(|event| event.split_once(' '));
        expected_log.extend(lines.map(|(kind, reason)| format!("{name} {} {reason}", level(kind))));
        // The administrator's, the two statuses, the Events.
        expected_writes += 1 + if FAILING.contains(&name) { 0 } else { 2 } + events.len();
    }
    stage.pass().await;
    let mut log = stage.log().await;
    log.sort();
    expected_log.sort();
    assert_eq!(log, expected_log);
    let mut writes = stage.writes();
    // What has failed is tried again after 30 s, which may have come on a slow machine; that changes no more than the status.
    writes.retain(|write| write.subresource.is_none() || !FAILING.contains(&write.name.as_str()));
    assert_eq!(writes.len(), expected_writes, "{writes:#?}");
    let accepted: Vec<usize> = servers.tls.iter().map(|(_, server)| server.accepted()).collect();
    assert_eq!(accepted, [1; 9]);
}

/// A server for each row of the table.
struct Servers {
    tls: Vec<(&'static str, TlsServer)>,
    // Bound and not listening: nobody else gets the port, and connections are refused.
    refusing: TcpSocket,
    closing: SocketAddr,
    task: JoinHandle<()>,
}

impl Servers {
    async fn start(authority: &Authority) -> Self {
        let mut tls = Vec::new();
        for (name, ..) in TABLE {
            if let Some(issued) = issue(name, authority) {
                tls.push((name, serve(&issued).await));
            }
        }
        let refusing = TcpSocket::new_v4().unwrap();
        refusing.bind(loopback()).unwrap();
        let listener = TcpListener::bind(loopback()).await.unwrap();
        let closing = listener.local_addr().unwrap();
        Self { tls, refusing, closing, task: tokio::spawn(hang_up(listener)) }
    }

    fn address(&self, name: &str) -> SocketAddr {
        match name {
            "refused" => self.refusing.local_addr().unwrap(),
            "closed" => self.closing,
            name => self.tls.iter().find(|(served, _)| *served == name).unwrap().1.address(),
        }
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What is served for a monitor of this name; `None` where there is no TLS at all.
fn issue(name: &str, authority: &Authority) -> Option<Issued> {
    let leaf = Leaf::new([format!("{name}.test")]);
    Some(match name {
        "valid" => authority.issue(&leaf),
        "expiring" => authority.issue(&leaf.expires_in_days(10)),
        "expired" => authority.issue(&leaf.expired()),
        "not-yet-valid" => authority.issue(&leaf.not_yet_valid()),
        "wrong-name" => authority.issue(&Leaf::new(["another.test"])),
        "self-signed" => self_signed(&leaf),
        "unknown-ca" => Authority::new("Stranger").issue(&leaf),
        "missing-intermediate" => without_intermediate(&leaf, authority),
        "lone-leaf" => authority.issue_without_intermediate(&leaf),
        _ => return None,
    })
}

/// A leaf alone that says where its issuer is to be had.
fn without_intermediate(leaf: &Leaf, authority: &Authority) -> Issued {
    let mut params = leaf.params();
    // AuthorityInfoAccess { caIssuers, URI http://ca.test/i.crt } (RFC 5280 §4.2.2.1)
    let uri = [&[0x86, 20][..], b"http://ca.test/i.crt"].concat();
    let access = [&[0x30, 34, 0x30, 32, 6, 8, 0x2b, 6, 1, 5, 5, 7, 0x30, 2][..], &uri].concat();
    params.custom_extensions = vec![rcgen::CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 1], access)];
    let mut issued = authority.issue_from(&params, &leaf.key());
    issued.chain.truncate(1);
    issued
}

/// Read the whole ClientHello (or closing would reset the connection), and close.
async fn hang_up(listener: TcpListener) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let mut header = [0; 5];
        stream.read_exact(&mut header).await.unwrap();
        let mut hello = vec![0; usize::from(u16::from_be_bytes([header[3], header[4]]))];
        stream.read_exact(&mut hello).await.unwrap();
    }
}
