//! A control plane of our own: etcd and kube-apiserver on loopback, with RBAC, gone when its owner is gone.

mod audit;
mod binaries;
mod build;
mod credentials;

use std::{
    fs, io,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use k8s_openapi::api::{
    authentication::v1::{TokenRequest, TokenRequestSpec},
    core::v1::ServiceAccount,
};
use kube::{
    Api, Client, Config,
    api::PostParams,
    config::{KubeConfigOptions, Kubeconfig},
};

pub(crate) use self::build::cache_root;
use self::credentials::Credentials;
pub use self::{
    audit::Write,
    binaries::{Binaries, Program},
    build::kubernetes_version,
};
use crate::supervise::{Launch, Supervised};

/// How long the API server may take to become ready; 7 s on two idle cores, so this is for a busy machine.
const START_DEADLINE: Duration = Duration::from_mins(3);
/// How often readiness is asked for.
const READY_POLL: Duration = Duration::from_millis(100);
/// How many lines of a log are shown when a program dies.
const LOG_TAIL: usize = 20;
/// How long a `ServiceAccount`'s token is valid, in seconds: longer than anyone leaves a demo running.
const TOKEN_SECONDS: i64 = 7 * 24 * 3600;

/// Why there is no control plane.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A program is neither there nor may it be built.
    #[error(
        "{0} was found neither in KUBEBUILDER_ASSETS, nor in PATH, nor in the cache {1}; run `cargo xtask control-plane \
         --build-only` once"
    )]
    NotFound(Program, PathBuf),
    /// The program has to be built and Go is missing or too old.
    #[error(
        "{program} has to be built, and that takes Go {needed} or newer: {found}\n\
         Install it from https://go.dev/dl/ and put its bin directory into PATH, or set KUBEBUILDER_ASSETS to a \
         directory that holds kube-apiserver, etcd and kubectl (`setup-envtest use -p path` of \
         sigs.k8s.io/controller-runtime prints one)"
    )]
    NoGo {
        /// What was to be built.
        program: Program,
        /// The version that the Go module asks for.
        needed: &'static str,
        /// What was found instead.
        found: String,
    },
    /// The build failed.
    #[error("building {program} failed ({status}); the last lines of the build were:\n{tail}")]
    Build {
        /// What was built.
        program: Program,
        /// How `go build` ended.
        status: String,
        /// The end of its output.
        tail: String,
    },
    /// A program ended before the control plane was ready.
    #[error("{name} ended ({status}) before the control plane was ready; the last lines of its log were:\n{tail}")]
    Died {
        /// Which program.
        name: String,
        /// How it ended.
        status: String,
        /// The end of its log.
        tail: String,
    },
    /// The API server runs and is not ready in time.
    #[error("kube-apiserver was not ready within {after:?} ({last}); the last lines of its log were:\n{tail}")]
    NotReady {
        /// How long was waited.
        after: Duration,
        /// The last answer.
        last: String,
        /// The end of its log.
        tail: String,
    },
    /// A key or certificate could not be made.
    #[error("cannot make the control plane's keys and certificates")]
    Credentials(#[source] rcgen::Error),
    /// Something about our own files or processes.
    #[error("cannot {action}")]
    Io {
        /// What was tried.
        action: String,
        /// Why it failed.
        source: io::Error,
    },
    /// The kubeconfig that was written cannot be used.
    #[error("cannot use the kubeconfig {}", path.display())]
    Kubeconfig {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The API server did not hand out a token.
    #[error("cannot get a token for the ServiceAccount {namespace}/{name}")]
    Token {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// Why.
        source: Box<kube::Error>,
    },
}

/// A running control plane; stopped, and its directory removed, when it is dropped or its owner dies.
#[derive(Debug)]
pub struct ControlPlane {
    // Dropped in this order: the API server before its database.
    apiserver: Supervised,
    etcd: Supervised,
    directory: PathBuf,
    kubeconfig: PathBuf,
    server: String,
    apiserver_launch: ApiServer,
}

/// What the API server is started with, and how often it has been.
#[derive(Debug)]
struct ApiServer {
    program: PathBuf,
    credentials: Credentials,
    etcd_port: u16,
    port: u16,
    starts: usize,
}

impl ControlPlane {
    /// Start one and wait until it is ready.
    ///
    /// # Errors
    /// When a program cannot be started, dies, or is not ready in time; the error shows the end of its log.
    pub async fn start(binaries: &Binaries) -> Result<Self, Error> {
        let mut attempts = 3;
        loop {
            // Another process may take a port between our choosing it and the program's binding it.
            attempts -= 1;
            match Self::attempt(binaries).await {
                Err(Error::Died { tail, .. }) if attempts > 0 && tail.contains("address already in use") => {}
                result => return result,
            }
        }
    }

    async fn attempt(binaries: &Binaries) -> Result<Self, Error> {
        let directory = tempfile::Builder::new()
            .prefix("sslmonitor-control-plane-")
            .tempdir()
            .map_err(io_error("make a temporary directory"))?
            .keep();
        let [etcd_port, peer_port, port] = free_ports().map_err(io_error("find free ports"))?;
        let server = format!("https://127.0.0.1:{port}");
        let credentials = Credentials::write(&directory)?;
        let kubeconfig = directory.join("kubeconfig");
        write_file(&kubeconfig, &credentials.admin_kubeconfig(&server))?;
        audit::write_policy(&directory)?;
        let etcd = etcd(&binaries.etcd, &directory, etcd_port, peer_port)?;
        let program = binaries.kube_apiserver.clone();
        let mut apiserver_launch = ApiServer { program, credentials, etcd_port, port, starts: 0 };
        let apiserver = apiserver_launch.start(&directory)?;
        let mut control_plane = Self { apiserver, etcd, directory, kubeconfig, server, apiserver_launch };
        control_plane.wait_until_ready().await?;
        Ok(control_plane)
    }

    /// The administrator's kubeconfig file.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// The temporary directory of this control plane; what is put here goes away with it.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The API server's URL.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The API server's port, on 127.0.0.1.
    pub fn port(&self) -> Option<u16> {
        self.server.rsplit(':').next()?.parse().ok()
    }

    /// The administrator's client. It belongs to the tokio runtime that it is made in.
    ///
    /// # Errors
    /// When the kubeconfig has been tampered with.
    pub async fn client(&self) -> Result<Client, Error> {
        client(&self.kubeconfig).await
    }

    /// Write a kubeconfig for a `ServiceAccount` that exists, with a token for it, and return the file.
    ///
    /// # Errors
    /// When the API server hands out no token, for example because the `ServiceAccount` does not exist.
    pub async fn service_account_kubeconfig(&self, namespace: &str, name: &str) -> Result<PathBuf, Error> {
        let failed = |source| Error::Token { namespace: namespace.into(), name: name.into(), source: Box::new(source) };
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client().await?, namespace);
        let spec = TokenRequestSpec { expiration_seconds: Some(TOKEN_SECONDS), ..TokenRequestSpec::default() };
        let request = TokenRequest { spec: Some(spec), ..TokenRequest::default() };
        let answer = accounts.create_token_request(name, &PostParams::default(), &request).await.map_err(failed)?;
        let token = answer.status.and_then(|status| status.token).unwrap_or_default();
        let path = self.directory.join(format!("kubeconfig-{namespace}-{name}"));
        // Put in place at once: another one may be reading the file that was written before.
        let text = credentials::token_kubeconfig(&self.directory, &self.server, namespace, &token);
        let written = tempfile::NamedTempFile::new_in(&self.directory).map_err(io_error("make a temporary file"))?;
        write_file(written.path(), &text)?;
        written.persist(&path).map_err(|error| error.error).map_err(io_error(format!("write {}", path.display())))?;
        Ok(path)
    }

    /// Every writing request that has been answered so far, in the order of the answers, as the API server audited them.
    ///
    /// # Errors
    /// When the audit log cannot be read.
    pub fn writes(&self) -> Result<Vec<Write>, Error> {
        audit::read(&self.directory)
    }

    /// Start a controller manager at `program` with these controllers, as the administrator; stopped when dropped. It does its work in
    /// its own time: wait for what it does.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start_controller_manager(&self, program: &Path, controllers: &str) -> Result<Supervised, Error> {
        Launch::new("kube-controller-manager", program)
            .arg(format!("--kubeconfig={}", self.kubeconfig.display()))
            .arg(format!("--controllers={controllers}"))
            .args(["--leader-elect=false", "--secure-port=0"])
            .start(&self.directory)
            .map_err(io_error("start kube-controller-manager"))
    }

    /// Kill the API server (SIGKILL), and return when it is gone. Its database lives on.
    ///
    /// # Errors
    /// When it cannot be signalled.
    pub async fn kill_apiserver(&mut self) -> Result<(), Error> {
        self.apiserver.signal("KILL").map_err(io_error("kill kube-apiserver"))?;
        while self.apiserver.ended().is_none() {
            tokio::time::sleep(READY_POLL).await;
        }
        Ok(())
    }

    /// Start the API server anew on its old port, and wait until it is ready.
    ///
    /// # Errors
    /// As [`ControlPlane::start`].
    pub async fn start_apiserver(&mut self) -> Result<(), Error> {
        self.apiserver = self.apiserver_launch.start(&self.directory)?;
        self.wait_until_ready().await
    }

    async fn wait_until_ready(&mut self) -> Result<(), Error> {
        let client = self.client().await?;
        let deadline = Instant::now() + START_DEADLINE;
        loop {
            self.check_alive()?;
            let last = match tokio::time::timeout(READY_POLL * 20, ready(&client)).await {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(error)) => error.to_string(),
                Err(_) => "no answer".into(),
            };
            if Instant::now() > deadline {
                let tail = self.apiserver.log_tail(LOG_TAIL);
                return Err(Error::NotReady { after: START_DEADLINE, last, tail });
            }
            tokio::time::sleep(READY_POLL).await;
        }
    }

    fn check_alive(&mut self) -> Result<(), Error> {
        for program in [&mut self.etcd, &mut self.apiserver] {
            if let Some(status) = program.ended() {
                let (name, tail) = (program.name().to_owned(), program.log_tail(LOG_TAIL));
                return Err(Error::Died { name, status: status.to_string(), tail });
            }
        }
        Ok(())
    }
}

/// A client for a kubeconfig file; it never goes through a proxy.
///
/// # Errors
/// When the file cannot be read or makes no sense.
pub async fn client(kubeconfig: &Path) -> Result<Client, Error> {
    fn failed<E: Into<Box<dyn std::error::Error + Send + Sync>>>(path: &Path) -> impl Fn(E) -> Error {
        move |source| Error::Kubeconfig { path: path.into(), source: source.into() }
    }
    let file = Kubeconfig::read_from(kubeconfig).map_err(failed(kubeconfig))?;
    let options = KubeConfigOptions::default();
    let mut config = Config::from_custom_kubeconfig(file, &options).await.map_err(failed(kubeconfig))?;
    config.proxy_url = None;
    Client::try_from(config).map_err(failed(kubeconfig))
}

async fn ready(client: &Client) -> Result<(), kube::Error> {
    let request = http::Request::get("/readyz").body(Vec::new()).expect("a literal path is a URI");
    client.request_text(request).await.map(drop)
}

fn etcd(program: &Path, directory: &Path, port: u16, peer_port: u16) -> Result<Supervised, Error> {
    let (client, peer) = (format!("http://127.0.0.1:{port}"), format!("http://127.0.0.1:{peer_port}"));
    Launch::new("etcd", program)
        .arg(format!("--data-dir={}", directory.join("running/etcd/data").display()))
        .arg(format!("--listen-client-urls={client}"))
        .arg(format!("--advertise-client-urls={client}"))
        .arg(format!("--listen-peer-urls={peer}"))
        .arg(format!("--initial-advertise-peer-urls={peer}"))
        .arg(format!("--initial-cluster=default={peer}"))
        .args(["--unsafe-no-fsync", "--log-level=warn"])
        .start(directory)
        .map_err(io_error("start etcd"))
}

impl ApiServer {
    fn start(&mut self, directory: &Path) -> Result<Supervised, Error> {
        // A name of its own for each start: the one before may still be cleaning up.
        let name = format!("kube-apiserver-{}", self.starts);
        self.starts += 1;
        Launch::new(&name, &self.program)
            .arg(format!("--etcd-servers=http://127.0.0.1:{}", self.etcd_port))
            .arg(format!("--secure-port={}", self.port))
            .args(["--bind-address=127.0.0.1", "--endpoint-reconciler-type=none", "--authorization-mode=RBAC"])
            .args(["--service-cluster-ip-range=10.0.0.0/24", "--profiling=false"])
            // Nothing creates the default ServiceAccounts that this plugin asks for when a Pod is made.
            .arg("--disable-admission-plugins=ServiceAccount")
            .arg(format!("--cert-dir={}", directory.join("running").join(&name).display()))
            .args(self.credentials.apiserver_arguments())
            .args(audit::arguments(directory))
            .start(directory)
            .map_err(io_error("start kube-apiserver"))
    }
}

fn free_ports<const N: usize>() -> io::Result<[u16; N]> {
    // All are held until all are chosen, so that they differ.
    let mut listeners = Vec::new();
    let mut ports = [0; N];
    for port in &mut ports {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        *port = listener.local_addr()?.port();
        listeners.push(listener);
    }
    Ok(ports)
}

fn write_file(path: &Path, text: &str) -> Result<(), Error> {
    fs::write(path, text).map_err(io_error(format!("write {}", path.display())))
}

fn io_error(action: impl Into<String>) -> impl FnOnce(io::Error) -> Error {
    let action = action.into();
    move |source| Error::Io { action, source }
}
