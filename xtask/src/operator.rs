//! The operator as a process, under its `ServiceAccount` with the shipped rules only.

use std::{
    io,
    net::SocketAddr,
    path::Path,
    process::ExitStatus,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    control_plane::{self, ControlPlane},
    install::{NAMESPACE, SERVICE_ACCOUNT},
    supervise::{Launch, Supervised},
};

/// How long the operator may take until it answers that it is ready.
const START_DEADLINE: Duration = Duration::from_mins(1);
/// The operator promises to end within 10 s after SIGTERM; a little more, to tell a broken promise from a busy machine.
const GRACE_SECONDS: u32 = 15;
/// How often it is looked at.
const POLL: Duration = Duration::from_millis(50);

/// A running operator; stopped when dropped.
#[derive(Debug)]
pub struct Operator {
    process: Supervised,
    admin: SocketAddr,
}

/// Why there is no running operator.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Its identity could not be had.
    #[error("cannot make the operator's kubeconfig; are the manifests of deploy/ applied?")]
    Identity(#[source] control_plane::Error),
    /// Its process could not be made.
    #[error("cannot start {program}")]
    Spawn {
        /// Which program.
        program: String,
        /// Why not.
        source: io::Error,
    },
    /// It ended by itself.
    #[error("the operator ended ({status}) before it was ready; its log was:\n{log}")]
    Ended {
        /// How.
        status: String,
        /// All that it said.
        log: String,
    },
    /// It runs and does not say that it is ready.
    #[error("the operator was not ready within {START_DEADLINE:?} ({last}); its log was:\n{log}")]
    NotReady {
        /// What was seen last.
        last: String,
        /// All that it said.
        log: String,
    },
}

impl Operator {
    /// Start `<program> run` with a free admin port and `arguments`, and wait until `/readyz` says that it is ready.
    ///
    /// # Errors
    /// When it ends or is not ready in time; the error shows its log.
    pub async fn start(program: &Path, control_plane: &ControlPlane, arguments: &[&str]) -> Result<Self, Error> {
        let mut operator = Self::spawn(program, control_plane, arguments).await?;
        operator.wait_until("/readyz").await?;
        Ok(operator)
    }

    /// The same, and wait only until it says that it is alive: for tests of what keeps it from becoming ready.
    ///
    /// # Errors
    /// When it ends or is not alive in time; the error shows its log.
    pub async fn start_unready(
        program: &Path,
        control_plane: &ControlPlane,
        arguments: &[&str],
    ) -> Result<Self, Error> {
        let mut operator = Self::spawn(program, control_plane, arguments).await?;
        operator.wait_until("/livez").await?;
        Ok(operator)
    }

    /// The same, and wait for nothing: where it listens is not known then.
    ///
    /// # Errors
    /// When its process cannot be made.
    pub async fn spawn(program: &Path, control_plane: &ControlPlane, arguments: &[&str]) -> Result<Self, Error> {
        let kubeconfig = control_plane.service_account_kubeconfig(NAMESPACE, SERVICE_ACCOUNT).await;
        let kubeconfig = kubeconfig.map_err(Error::Identity)?;
        let process = launch(program, &kubeconfig, arguments)
            .start(control_plane.directory())
            .map_err(|source| Error::Spawn { program: program.display().to_string(), source })?;
        // The real address is known when the log says it.
        Ok(Self { process, admin: SocketAddr::from(([127, 0, 0, 1], 0)) })
    }

    /// Where its admin server listens.
    pub fn admin_address(&self) -> SocketAddr {
        self.admin
    }

    /// The URL of its metrics.
    pub fn metrics_url(&self) -> String {
        format!("http://{}/metrics", self.admin)
    }

    /// Ask its admin server for `path`, for example `/metrics`: status code and body.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn get(&self, path: &str) -> io::Result<(u16, String)> {
        http_get(self.admin, path).await
    }

    /// Where its log goes.
    pub fn log_path(&self) -> &Path {
        self.process.log_path()
    }

    /// All that it has said so far.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Its process number.
    pub fn pid(&self) -> Option<u32> {
        self.process.pid()
    }

    /// Its exit status, when it has ended by itself.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.process.ended()
    }

    /// Send a signal by its name without `SIG`, for example `KILL` or `STOP`.
    ///
    /// # Errors
    /// When it cannot be sent.
    pub fn signal(&mut self, signal: &str) -> io::Result<()> {
        self.process.signal(signal)
    }

    /// Ask it to end by SIGTERM and wait for it. Exit code 137 says that it did not heed within 15 s and was killed.
    /// Returns the status and its whole log; the status is `None` when it could not even be killed.
    pub async fn stop(self) -> (Option<ExitStatus>, String) {
        let mut process = self.process;
        // Not on this thread: TLS servers that it is just probing may live on it.
        let stopped = tokio::task::spawn_blocking(move || (process.stop(), process.log()));
        stopped.await.unwrap_or_else(|error| (None, error.to_string()))
    }

    async fn wait_until(&mut self, page: &str) -> Result<(), Error> {
        let deadline = Instant::now() + START_DEADLINE;
        loop {
            if let Some(status) = self.process.ended() {
                return Err(Error::Ended { status: status.to_string(), log: self.log() });
            }
            let last = match self.answer(page).await {
                Ok(()) => return Ok(()),
                Err(last) => last,
            };
            if Instant::now() > deadline {
                return Err(Error::NotReady { last, log: self.log() });
            }
            tokio::time::sleep(POLL).await;
        }
    }

    async fn answer(&mut self, page: &str) -> Result<(), String> {
        self.admin = admin_address(&self.log()).ok_or("its log has no line with the field admin_address")?;
        match self.get(page).await {
            Ok((200, _)) => Ok(()),
            Ok((code, body)) => Err(format!("{page} answers {code}: {}", body.trim())),
            Err(error) => Err(format!("{page}: {error}")),
        }
    }
}

fn launch(program: &Path, kubeconfig: &Path, arguments: &[&str]) -> Launch {
    static STARTED: AtomicUsize = AtomicUsize::new(0);
    let name = format!("operator-{}", STARTED.fetch_add(1, Ordering::Relaxed));
    Launch::new(name, program)
        .args(["run", "--admin-address", "127.0.0.1:0"])
        .args(arguments)
        .env("KUBECONFIG", kubeconfig)
        .env_remove("HTTP_PROXY")
        .env_remove("HTTPS_PROXY")
        .env_remove("http_proxy")
        .env_remove("https_proxy")
        .grace(GRACE_SECONDS)
}

/// Find the field `admin_address` in a log, be it JSON or text.
fn admin_address(log: &str) -> Option<SocketAddr> {
    let is_part = |c: char| c.is_ascii_hexdigit() || matches!(c, '.' | ':' | '[' | ']');
    let (_, after) = log.split_once("admin_address")?;
    let start = after.find(|c: char| c.is_ascii_digit() || c == '[')?;
    let address = after[start..].split(|c| !is_part(c)).next()?;
    address.parse().ok()
}

/// One HTTP/1.0 request, so that the answer simply ends with the connection.
async fn http_get(address: SocketAddr, path: &str) -> io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    let code = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    Ok((code.ok_or(io::ErrorKind::InvalidData)?, body.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_admin_address_is_read_from_json_and_from_text() {
        let expected = Some(SocketAddr::from(([127, 0, 0, 1], 8080)));
        for log in [
            "{\"level\":\"INFO\",\"fields\":{\"message\":\"listening\",\"admin_address\":\"127.0.0.1:8080\"}}\n",
            "12:00:00 INFO listening admin_address=127.0.0.1:8080 more=1\n",
        ] {
            assert_eq!(admin_address(log), expected, "{log}");
        }
        assert_eq!(admin_address("nothing yet"), None);
    }
}
