//! A certificate, a directory and an address for servers, and what the prober sees of them.

use std::{
    env, fs,
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream},
    os::unix::fs::{PermissionsExt as _, chown},
    path::{Path, PathBuf},
    process::{self, Command},
    sync::atomic::{AtomicU8, AtomicU16, Ordering},
    thread,
    time::{Duration, Instant},
};

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use ssl_monitor_operator::probe::{
    AddressPolicy, Failure, FailureReason, Host, Means, Observation, Prober, ProberSettings, Stage, StartTls, Target,
    TrustStore, Verdict,
};
use xtask::{
    farm::{Authority, Issued, Leaf},
    servers,
    supervise::{Launch, Supervised},
};

/// How long a server may take to start, or a probe to end.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often a server is knocked at until it opens.
const POLL: Duration = Duration::from_millis(20);

/// What servers need, and the servers; all is gone with it.
pub(crate) struct Scene {
    name: &'static str,
    /// The loopback address of this scene's servers alone.
    pub(crate) address: Ipv4Addr,
    authority: Authority,
    issued: Issued,
    children: Vec<Supervised>,
    // Dropped after the children.
    directory: Directory,
}

/// A directory that goes when it is dropped, if nothing was started in it.
struct Directory(PathBuf);

/// What a probe saw, as far as it is the same each time: the failure, the verdict, the leaf's fingerprint and whether the server
/// has proved that it holds the key.
pub(crate) type Seen = (Option<Failure>, Option<(Verdict, String, bool)>);

/// What is seen of a server that does not give TLS.
pub(crate) fn unavailable(detail: &str) -> Seen {
    failed(FailureReason::StartTlsUnavailable, detail)
}

/// What is seen of a server with which the dialogue failed so.
pub(crate) fn failed(reason: FailureReason, detail: &str) -> Seen {
    (Some(Failure { reason, stage: Stage::StartTls, detail: detail.to_owned() }), None)
}

// === impl Scene ===

impl Scene {
    /// A scene whose directory holds `chain.pem`, `key.pem` (of a certificate for `a.test`) and `root.pem`.
    pub(crate) fn new(name: &'static str) -> Self {
        static GIVEN: AtomicU8 = AtomicU8::new(1);
        assert_eq!(run("id", &["-u"]), "0", "these tests need root");
        let missing = servers::missing();
        assert!(missing.is_empty(), "missing: {}; `cargo xtask servers` installs them", missing.join(" "));
        let authority = Authority::new("Farm");
        let issued = authority.issue_by_root(&Leaf::new(["a.test"]));
        // Short, as the paths of sockets are.
        let directory = env::temp_dir().join(format!("sslmonitor-{name}-{}", process::id()));
        fs::create_dir(&directory).unwrap();
        // Servers read it as users of their own.
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
        let [.., high, low] = process::id().to_be_bytes();
        let address = Ipv4Addr::new(127, 128 | high, low, GIVEN.fetch_add(1, Ordering::Relaxed));
        let scene = Self { name, address, authority, issued, children: Vec::new(), directory: Directory(directory) };
        scene.file("chain.pem", &scene.issued.chain_pem());
        scene.file("root.pem", &scene.authority.root_pem());
        scene.file("key.pem", &private_key(&scene.issued));
        scene
    }

    /// The path of a file of this scene.
    pub(crate) fn path(&self, name: &str) -> String {
        self.directory.0.join(name).to_str().unwrap().to_owned()
    }

    /// Write a file, where `{dir}` stands for the directory and `{address}` for the address.
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        fs::create_dir_all(Path::new(&path).parent().unwrap()).unwrap();
        let text = text.replace("{dir}", self.directory.0.to_str().unwrap());
        fs::write(&path, text.replace("{address}", &self.address.to_string())).unwrap();
        path
    }

    /// Make a directory.
    pub(crate) fn directory(&self, name: &str) -> String {
        let path = self.path(name);
        fs::create_dir_all(&path).unwrap();
        path
    }

    /// Give a file or directory to a user, and let nobody else read it.
    pub(crate) fn give(&self, name: &str, user: &str) {
        let path = self.path(name);
        let id = |which: &str| run("id", &[which, user]).parse::<u32>().unwrap();
        chown(&path, Some(id("-u")), Some(id("-g"))).unwrap();
        let mode = if fs::metadata(&path).unwrap().is_dir() { 0o700 } else { 0o400 };
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }

    /// A port of the scene's address that nothing uses. It is not bound to find out: a process that is being started beside this
    /// would hold it for a moment longer.
    pub(crate) fn port(&self) -> u16 {
        static GIVEN: AtomicU16 = AtomicU16::new(20_000);
        loop {
            let port = GIVEN.fetch_add(1, Ordering::Relaxed);
            // Something may listen at this port of every address.
            if TcpStream::connect((self.address, port)).is_err() {
                return port;
            }
        }
    }

    /// Start a server, and wait until it listens at these ports.
    pub(crate) fn start(&mut self, launch: Launch, ports: &[u16]) {
        let mut child = launch.start(&self.directory.0).unwrap();
        let deadline = Instant::now() + PATIENCE;
        for port in ports {
            while TcpStream::connect((self.address, *port)).is_err() {
                let ended = child.ended();
                assert!(ended.is_none(), "{} {}: {ended:?}\n{}", self.name, child.name(), child.log_tail(30));
                assert!(Instant::now() < deadline, "{} {}:\n{}", self.name, child.name(), child.log_tail(30));
                thread::sleep(POLL);
            }
        }
        self.children.push(child);
    }

    /// What the prober sees of `a.test` at this port.
    pub(crate) async fn look(&self, protocol: StartTls, port: u16) -> Seen {
        self.look_for("a.test", protocol, port).await
    }

    /// [`Scene::look`] with another name.
    pub(crate) async fn look_for(&self, name: &str, protocol: StartTls, port: u16) -> Seen {
        let mut target = Target::new(name.parse().unwrap(), port);
        target.connect_host = Some(Host::Address(IpAddr::V4(self.address)));
        target.starttls = Some(protocol);
        let policy = AddressPolicy { allow: vec!["127.0.0.0/8".parse().unwrap()], ..AddressPolicy::default() };
        let prober = Prober::new(ProberSettings { policy, ..ProberSettings::default() }).unwrap();
        let trust = TrustStore::new(None, Some(self.authority.root_pem().as_bytes())).unwrap();
        let seen = prober.probe(&target, &Means::trusting(trust), PATIENCE, Timestamp::now()).await;
        assert_eq!(seen.address, Some(SocketAddr::from((self.address, port))));
        essence(seen)
    }

    /// What is seen of a server that serves the scene's certificate as it should.
    pub(crate) fn valid(&self) -> Seen {
        let digest = digest(&SHA256, &self.issued.chain[0]);
        let hex: Vec<String> = digest.as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
        (None, Some((Verdict::default(), format!("SHA256:{}", hex.join(":")), true)))
    }
}

fn essence(seen: Observation) -> Seen {
    let presented = seen.presented.map(|presented| (presented.verdict, presented.fingerprint, presented.proven));
    (seen.failure, presented)
}

fn private_key(issued: &Issued) -> String {
    let text = STANDARD.encode(issued.key.secret_der());
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"))
}

/// What a program prints.
pub(crate) fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

// === impl Directory ===

impl Drop for Directory {
    fn drop(&mut self) {
        // Where a child was started, its supervisor needs it a little longer, and removes it.
        if !self.0.join("running").exists() {
            drop(fs::remove_dir_all(&self.0));
        }
    }
}
