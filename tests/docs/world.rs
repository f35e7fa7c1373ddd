//! The Internet as far as pages need it, on loopback: a name server that knows their names, and behind each of them a server at its
//! real port with the certificate that it has for the reader.
//!
//! Its addresses stand for those that pages show, which are kept for documentation (RFC 5737): 127.200.0.N for 192.0.2.N.

use std::{
    collections::BTreeMap,
    fs,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hickory_proto::{
    op::{Message, ResponseCode},
    rr::{RData, Record, RecordType},
};
use tokio::{
    net::{TcpListener, UdpSocket},
    sync::OnceCell,
};
use xtask::{
    farm::{Authority, Issued, Leaf, acceptor, self_signed},
    supervise::{Launch, Supervised},
};

use crate::receivers::{self, Manner};

const ON_LOOPBACK: &str = "127.200.0.";
const IN_PAGES: &str = "192.0.2.";

/// A host: its name, the last number of its address, its port, what it serves and how it talks.
struct Host {
    name: &'static str,
    number: u8,
    port: u16,
    served: Served,
    manner: Manner,
}

/// What a host serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Served {
    Valid,
    /// With so many days left.
    Expiring(i32),
    Expired,
    OtherName,
    SelfSigned,
    /// Of an authority that nobody trusts.
    UnknownCa,
    /// Of an authority that only those trust who are told to.
    Corporate,
    /// What was there before `tls.crt` among the reader's files.
    Old,
    /// Nobody listens.
    Nothing,
}

const HOSTS: [Host; 36] = [
    silent("www.example.com", 10, Served::Valid),
    silent("api.example.com", 11, Served::Valid),
    silent("shop.example.com", 12, Served::Expiring(10)),
    silent("old.example.com", 13, Served::Expired),
    silent("down.example.com", 14, Served::Nothing),
    silent("intranet.example.com", 15, Served::Corporate),
    silent("web.example.com", 16, Served::Old),
    silent("pinned.example.com", 17, Served::Valid),
    silent("cdn.example.com", 18, Served::Valid),
    silent("cdn.example.com", 19, Served::Expiring(40)),
    silent("partner.example.com", 20, Served::Valid),
    silent("web.shop.svc.cluster.local", 21, Served::Corporate),
    silent("expired.badssl.com", 22, Served::Expired),
    silent("wrong.host.badssl.com", 23, Served::OtherName),
    silent("self-signed.badssl.com", 24, Served::SelfSigned),
    silent("untrusted-root.badssl.com", 25, Served::UnknownCa),
    silent("status.example.com", 26, Served::Expiring(5)),
    at("mx1.example.com", 30, 25, Served::Valid, Manner::Smtp),
    at("db.example.com", 31, 5432, Served::Expiring(20), Manner::Postgres),
    at("imap.example.com", 32, 993, Served::Valid, Manner::Silent),
    at("ldap.example.com", 33, 636, Served::Corporate, Manner::Silent),
    at("api.example.com", 11, 8443, Served::Valid, Manner::Silent),
    at("proxy.example.com", 40, 3128, Served::Nothing, Manner::Proxy),
    at("hooks.slack.com", 50, 443, Served::Valid, Manner::Http("200 OK", "ok")),
    at("events.pagerduty.com", 51, 443, Served::Valid, Manner::Http("202 Accepted", r#"{"status":"success"}"#)),
    at("api.opsgenie.com", 52, 443, Served::Valid, Manner::Http("202 Accepted", "{}")),
    at("discord.com", 53, 443, Served::Valid, Manner::Http("204 No Content", "")),
    at("api.telegram.org", 54, 443, Served::Valid, Manner::Http("200 OK", r#"{"ok":true}"#)),
    at("chat.googleapis.com", 55, 443, Served::Valid, Manner::Http("200 OK", "{}")),
    at("prod-00.westeurope.logic.azure.com", 56, 443, Served::Valid, Manner::Http("202 Accepted", "")),
    at("chat.example.com", 57, 443, Served::Valid, Manner::Http("200 OK", "ok")),
    at("hooks.example.com", 58, 443, Served::Valid, Manner::Http("204 No Content", "")),
    at("events.example.com", 59, 443, Served::Valid, Manner::Http("202 Accepted", "")),
    at("alertmanager.example.com", 60, 443, Served::Corporate, Manner::Http("200 OK", "")),
    at("mail.example.com", 61, 587, Served::Valid, Manner::Mail),
    at("alertmanager.monitoring.svc.cluster.local", 62, 9093, Served::Nothing, Manner::Alertmanager),
];

const fn silent(name: &'static str, number: u8, served: Served) -> Host {
    at(name, number, 443, served, Manner::Silent)
}

const fn at(name: &'static str, number: u8, port: u16, served: Served, manner: Manner) -> Host {
    Host { name, number, port, served, manner }
}

/// What a stage needs of the world.
pub(crate) struct World {
    /// Its name server.
    pub(crate) resolver: SocketAddr,
    /// The CA certificates that everybody trusts.
    pub(crate) roots: PathBuf,
    /// What a reader has at hand: names and texts.
    pub(crate) files: Vec<(&'static str, String)>,
    _running: Vec<Supervised>,
}

/// A script of a page with the addresses as they are.
pub(crate) fn from_page(text: &str) -> String {
    text.replace(IN_PAGES, ON_LOOPBACK)
}

/// What a program says, with the addresses of pages.
pub(crate) fn to_page(text: &str) -> String {
    text.replace(ON_LOOPBACK, IN_PAGES)
}

// === impl World ===

impl World {
    /// The one that all pages share; it lasts as long as the test binary, whose pipes its programs hold on to.
    pub(crate) async fn shared() -> &'static Self {
        static WORLD: OnceCell<World> = OnceCell::const_new();
        WORLD.get_or_init(Self::start).await
    }

    async fn start() -> Self {
        let directory = tempfile::Builder::new().prefix("sslmonitor-docs-world-").tempdir().unwrap().keep();
        let cas = Authorities::new();
        let renewed = cas.public.issue(&Leaf::new(["web.example.com"]));
        let roots = directory.join("roots.pem");
        fs::write(&roots, cas.public.root_pem()).unwrap();
        let mut running = Vec::new();
        for host in &HOSTS {
            running.extend(host.start(&cas, &directory).await);
        }
        let files = vec![
            ("corporate-ca.pem", cas.corporate.root_pem()),
            ("tls.crt", renewed.chain_pem()),
            ("tls.key", key_pem(&renewed)),
            ("new-chain.pem", cas.corporate.issue(&Leaf::new(["intranet.example.com"])).chain_pem()),
        ];
        Self { resolver: name_server().await, roots, files, _running: running }
    }
}

/// Who issues certificates.
struct Authorities {
    public: Authority,
    corporate: Authority,
    stranger: Authority,
}

// === impl Authorities ===

impl Authorities {
    fn new() -> Self {
        let [public, corporate, stranger] = ["Example Trust", "Example Corporate", "Unheard-of"].map(Authority::new);
        Self { public, corporate, stranger }
    }

    fn issue(&self, name: &str, served: Served) -> Option<Issued> {
        let leaf = Leaf::new([name]);
        Some(match served {
            Served::Valid => self.public.issue(&leaf),
            Served::Expiring(days) => self.public.issue(&leaf.expires_in_days(days)),
            Served::Expired => self.public.issue(&leaf.expired()),
            Served::OtherName => self.public.issue(&Leaf::new(["*.badssl.com", "badssl.com"])),
            Served::SelfSigned => self_signed(&leaf),
            Served::UnknownCa => self.stranger.issue(&leaf),
            Served::Corporate => self.corporate.issue(&leaf),
            Served::Old => self.public.issue(&leaf.expires_in_days(12)),
            Served::Nothing => return None,
        })
    }
}

// === impl Host ===

impl Host {
    fn address(&self) -> SocketAddr {
        (address(self.number), self.port).into()
    }

    /// Start what is there; a program of its own is returned.
    async fn start(&self, cas: &Authorities, directory: &Path) -> Option<Supervised> {
        let issued = cas.issue(self.name, self.served);
        match self.manner {
            Manner::Mail => return Some(mailpit(self, &issued.unwrap(), directory)),
            Manner::Alertmanager => return Some(alertmanager(self, directory)),
            _ if issued.is_none() && self.manner != Manner::Proxy => return None,
            _ => {}
        }
        let listener = TcpListener::bind(self.address()).await.unwrap_or_else(|error| {
            panic!("cannot listen at {}: {error}; ports below 1024 are for root", self.address())
        });
        tokio::spawn(receivers::serve(listener, issued.map(|issued| acceptor(issued).unwrap()), self.manner));
        None
    }
}

fn address(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 200, 0, number)
}

fn key_pem(issued: &Issued) -> String {
    let lines = STANDARD.encode(issued.key.secret_der());
    let lines: Vec<_> = lines.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"))
}

fn mailpit(host: &Host, issued: &Issued, directory: &Path) -> Supervised {
    let file = |name: &str, text: String| {
        let path = directory.join(name);
        fs::write(&path, text).unwrap();
        path
    };
    Launch::new("mailpit", &xtask::peers::Peers::find().unwrap().mailpit)
        .arg(format!("--listen={}:8025", address(host.number)))
        .arg(format!("--smtp={}", host.address()))
        .arg(format!("--database={}", directory.join("mail.db").display()))
        .args(["--disable-version-check", "--smtp-disable-rdns", "--smtp-require-starttls", "--smtp-auth-accept-any"])
        .arg("--smtp-tls-cert")
        .arg(file("mail.crt", issued.chain_pem()))
        .arg("--smtp-tls-key")
        .arg(file("mail.key", key_pem(issued)))
        .start(directory)
        .unwrap()
}

fn alertmanager(host: &Host, directory: &Path) -> Supervised {
    let config = directory.join("alertmanager.yml");
    fs::write(&config, "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n").unwrap();
    Launch::new("alertmanager", &xtask::peers::Peers::find().unwrap().alertmanager)
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.path={}", directory.join("alerts").display()))
        .arg(format!("--web.listen-address={}", host.address()))
        .arg("--cluster.listen-address=")
        .start(directory)
        .unwrap()
}

/// Start the name server, and return where it is.
async fn name_server() -> SocketAddr {
    let socket = UdpSocket::bind((address(53), 0)).await.unwrap();
    let local = socket.local_addr().unwrap();
    let mut known: BTreeMap<&str, Vec<Ipv4Addr>> = BTreeMap::new();
    for host in &HOSTS {
        let addresses = known.entry(host.name).or_default();
        addresses.push(address(host.number));
        addresses.dedup();
    }
    tokio::spawn(async move {
        let mut buffer = [0; 4096];
        while let Ok((read, peer)) = socket.recv_from(&mut buffer).await {
            if let Ok(question) = Message::from_vec(&buffer[..read]) {
                let _ = socket.send_to(&answer(question, &known), peer).await;
            }
        }
    });
    local
}

fn answer(question: Message, known: &BTreeMap<&str, Vec<Ipv4Addr>>) -> Vec<u8> {
    let (name, kind) = (question.queries[0].name().clone(), question.queries[0].query_type());
    let mut response = question.into_response();
    response.edns = None;
    match known.get(name.to_ascii().to_ascii_lowercase().trim_end_matches('.')) {
        None => response.metadata.response_code = ResponseCode::NXDomain,
        Some(addresses) if kind == RecordType::A => {
            let records = addresses.iter().map(|address| RData::A((*address).into()));
            response.add_answers(records.map(|data| Record::from_rdata(name.clone(), 60, data)));
        }
        Some(_) => {}
    }
    response.to_vec().unwrap()
}

#[test]
fn every_address_is_one_of_loopback_and_serves_one_thing_at_a_port() {
    let mut addresses: Vec<SocketAddr> = HOSTS.iter().map(Host::address).collect();
    assert!(addresses.iter().all(|at| matches!(at.ip(), IpAddr::V4(ip) if ip.is_loopback())));
    addresses.sort();
    addresses.dedup();
    assert_eq!(addresses.len(), HOSTS.len());
    assert_eq!(from_page("a 192.0.2.10:443"), "a 127.200.0.10:443");
    assert_eq!(to_page("at 127.200.0.10:443"), "at 192.0.2.10:443");
}
