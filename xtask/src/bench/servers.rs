//! The servers of the benchmark, in a process of their own.

use std::{
    env,
    fmt::Write as _,
    fs, io,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use super::Failure;
use crate::{
    farm::{Authority, Leaf, ServerOptions, TlsServer},
    supervise::{Launch, Supervised},
};

/// How many servers there are, each with a certificate of its own.
const SERVERS: u16 = 500;
/// The list of the servers: a line each with name and address.
const TARGETS: &str = "targets";
/// What to trust.
const ROOTS: &str = "roots.pem";

/// What the servers' process has left for the clients.
pub(super) struct Served {
    /// Name and address of each server.
    pub(super) targets: Vec<(String, SocketAddr)>,
    /// The roots to trust, PEM.
    pub(super) roots: String,
}

/// The running process; it ends when this is dropped.
pub(super) struct Servers {
    /// What it serves.
    pub(super) served: Served,
    directory: PathBuf,
    _process: Supervised,
}

/// What the servers' process tells its clients.
#[derive(Debug, Default)]
pub(super) struct Announcement(String);

impl Announcement {
    /// There is a server of this name here.
    pub(super) fn add(&mut self, name: &str, address: SocketAddr) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "{name} {address}");
    }

    /// Tell of all that were added, and which roots to trust, in `directory`.
    pub(super) fn publish(&self, directory: &Path, roots: &str) -> io::Result<()> {
        fs::write(directory.join(ROOTS), roots)?;
        // The list appears last and whole: it says that all is ready.
        fs::write(directory.join("targets.partial"), &self.0)?;
        fs::rename(directory.join("targets.partial"), directory.join(TARGETS))
    }
}

/// Run `count` servers, each with a certificate of its own for its name and for every name below it, tell of them in `directory`, and serve for ever.
///
/// # Errors
/// When a server cannot be started or the directory cannot be written.
pub async fn serve(directory: &Path, count: u16) -> io::Result<()> {
    let authority = Authority::new("Bench");
    let mut servers = Vec::new();
    let mut announcement = Announcement::default();
    for [high, low] in (1..=count).map(u16::to_be_bytes) {
        let name = format!("host-{high}-{low}.bench.test");
        let address = SocketAddr::from((Ipv4Addr::new(127, 1, high, low), 0));
        let issued = authority.issue(&Leaf::new([name.clone(), format!("*.{name}")]));
        let server = TlsServer::start(address, issued, ServerOptions::default()).await?;
        announcement.add(&name, server.address());
        servers.push(server);
    }
    announcement.publish(directory, &authority.root_pem())?;
    std::future::pending().await
}

impl Servers {
    /// Start the process and wait until all servers listen.
    pub(super) async fn start() -> Result<Self, Failure> {
        Self::launch(Some(SERVERS)).await
    }

    /// Start the process with the hostile servers instead.
    pub(super) async fn start_hostile() -> Result<Self, Failure> {
        Self::launch(None).await
    }

    /// So many good servers, or the hostile ones.
    async fn launch(count: Option<u16>) -> Result<Self, Failure> {
        let directory = tempfile::Builder::new().prefix("sslmonitor-bench-").tempdir()?.keep();
        let mut process = Launch::new("servers", &env::current_exe()?)
            .args(["bench-servers", &directory.display().to_string()])
            .args(count.map(|count| count.to_string()))
            .start(&directory)?;
        loop {
            if let Some(status) = process.ended() {
                return Err(format!("the servers ended ({status}): {}", process.log()).into());
            }
            if let Some(served) = Served::read(&directory) {
                return Ok(Self { served, directory, _process: process });
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The temporary directory of the process; what is put here goes away with it.
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The file with the roots to trust, PEM.
    pub(super) fn roots_path(&self) -> PathBuf {
        self.directory.join(ROOTS)
    }
}

impl Served {
    /// Read what the servers' process has told, once it is ready.
    pub(super) fn read(directory: &Path) -> Option<Self> {
        let list = fs::read_to_string(directory.join(TARGETS)).ok()?;
        let parse = |line: &str| line.split_once(' ').and_then(|(name, at)| Some((name.to_owned(), at.parse().ok()?)));
        let targets = list.lines().filter_map(parse).collect();
        Some(Self { targets, roots: fs::read_to_string(directory.join(ROOTS)).ok()? })
    }
}
