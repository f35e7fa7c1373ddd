//! A farm of servers beside files, and the binary run against them.

mod binary;

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use jiff::Timestamp;
use tokio::{net::TcpSocket, runtime::Runtime};
use xtask::farm::{Authority, Issued, Leaf, ServerOptions, TlsServer};

use binary::{BINARY, run};
pub(crate) use binary::{Said, sslmonitor, sslmonitor_in};

/// The time at which the binary judges: certificates of the farm are valid for the whole of 2026.
pub(crate) const AT: &str = "2026-06-01T00:00:00Z";

/// Servers on loopback, an authority that lasts, and a directory of its own.
pub(crate) struct Farm {
    pub(crate) authority: Authority,
    pub(crate) directory: PathBuf,
    runtime: Runtime,
    servers: Vec<TlsServer>,
    closed: Vec<TcpSocket>,
    ports: Vec<u16>,
}

pub(crate) fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A leaf that is valid for the whole of 2026.
pub(crate) fn leaf(name: &str) -> Leaf {
    until(name, "2026-12-31T23:59:59Z")
}

/// A leaf that is valid from the start of 2026.
pub(crate) fn until(name: &str, end: &str) -> Leaf {
    Leaf::new([name]).valid(time("2026-01-01T00:00:00Z"), time(end))
}

/// A manifest of a monitor of a server on loopback; `more` are further fields of the spec.
pub(crate) fn manifest(domain: &str, port: u16, more: &str) -> String {
    format!(
        "apiVersion: sslmonitor.io/v1\nkind: SslMonitor\nmetadata: {{name: {domain}}}\n\
         spec: {{domain: {domain}, port: {port}, address: 127.0.0.1{more}}}\n"
    )
}

// === impl Farm ===

impl Farm {
    /// A farm with a directory of this name.
    pub(crate) fn new(name: &str) -> Self {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("check").join(name);
        drop(fs::remove_dir_all(&directory));
        fs::create_dir_all(&directory).unwrap();
        let authority =
            Authority::with_intermediate("Farm", time("2020-01-01T00:00:00Z"), time("2040-01-01T00:00:00Z"));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let farm = Self { authority, directory, runtime, servers: Vec::new(), closed: Vec::new(), ports: Vec::new() };
        farm.file("root.pem", &farm.authority.root_pem());
        farm
    }

    /// Serve this on a port of loopback.
    pub(crate) fn serve(&mut self, issued: Issued) -> u16 {
        let start = TlsServer::start(SocketAddr::from(([127, 0, 0, 1], 0)), issued, ServerOptions::default());
        let server = self.runtime.block_on(start).unwrap();
        let port = server.address().port();
        self.servers.push(server);
        self.ports.push(port);
        port
    }

    /// Serve a leaf issued by the farm's authority.
    pub(crate) fn serve_leaf(&mut self, leaf: &Leaf) -> u16 {
        self.serve(self.authority.issue(leaf))
    }

    /// A port at which connections are refused.
    pub(crate) fn refuse(&mut self) -> u16 {
        let _runtime = self.runtime.enter();
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let port = socket.local_addr().unwrap().port();
        self.closed.push(socket);
        self.ports.push(port);
        port
    }

    /// Connections accepted by all servers.
    pub(crate) fn accepted(&self) -> usize {
        self.servers.iter().map(TlsServer::accepted).sum()
    }

    /// Write a file and return its path.
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path = self.directory.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Run `sslmonitor check` as at [`AT`], allowed to connect to loopback, trusting the farm's authority alone.
    pub(crate) fn check(&self, arguments: &[&str]) -> Said {
        self.check_with(arguments, "")
    }

    /// [`Farm::check`] that reads `stdin`.
    pub(crate) fn check_with(&self, arguments: &[&str], stdin: &str) -> Said {
        self.redacted(&self.check_at(AT, arguments, stdin))
    }

    /// [`Farm::check`] as at this time, with nothing redacted.
    pub(crate) fn check_at(&self, at: &str, arguments: &[&str], stdin: &str) -> Said {
        let fixed = self.check_arguments(at);
        sslmonitor(&[fixed.each_ref().map(String::as_str).as_slice(), arguments].concat(), stdin)
    }

    /// [`Farm::check_with`] as at the present.
    pub(crate) fn check_now(&self, arguments: &[&str], stdin: &str) -> Said {
        let root = self.directory.join("root.pem");
        let fixed = ["check", "--allow-cidr", "127.0.0.0/8", "--no-system-roots", "--ca-file", root.to_str().unwrap()];
        self.redacted(&sslmonitor(&[&fixed, arguments].concat(), stdin))
    }

    /// [`Farm::check_with`] by a process that may open no more than this many files and sockets.
    pub(crate) fn check_within(&self, files: usize, arguments: &[&str], stdin: &str) -> Said {
        let limited = format!("ulimit -n {files} && exec \"$0\" \"$@\"");
        let mut command = Command::new("/bin/sh");
        command.args(["-c", &limited, BINARY]).args(self.check_arguments(AT)).args(arguments);
        self.redacted(&run(command.env_clear(), stdin))
    }

    fn check_arguments(&self, at: &str) -> [String; 8] {
        let root = self.directory.join("root.pem");
        let root = root.to_str().unwrap();
        let fixed = ["check", "--at", at, "--allow-cidr", "127.0.0.0/8", "--no-system-roots", "--ca-file", root];
        fixed.map(ToOwned::to_owned)
    }

    /// [`Farm::check`] without a word about trust.
    pub(crate) fn check_trusting(&self, arguments: &[&str]) -> Said {
        let fixed = ["check", "--at", AT, "--allow-cidr", "127.0.0.0/8"];
        self.redacted(&sslmonitor(&[&fixed, arguments].concat(), ""))
    }

    fn redacted(&self, said: &Said) -> Said {
        Said { stdout: self.redact(&said.stdout), stderr: self.redact(&said.stderr), code: said.code }
    }

    /// Replace what differs from run to run: ports become 10001, 10002… in the order of their making (and keep their width, and
    /// cannot be the port of another server, which the system takes from above 32768), and the directory goes.
    fn redact(&self, text: &str) -> String {
        let directory = format!("{}/", self.directory.display());
        let text = text.replace(&directory, "").replace(self.directory.to_str().unwrap(), "DIRECTORY");
        (10_001..)
            .zip(&self.ports)
            .fold(text, |text, (shown, port): (u32, &u16)| text.replace(&port.to_string(), &shown.to_string()))
    }
}
