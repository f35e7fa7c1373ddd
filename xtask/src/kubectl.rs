//! Running kubectl against one control plane.

use std::{
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

/// kubectl, bound to a kubeconfig.
#[derive(Debug, Clone)]
pub struct Kubectl {
    program: PathBuf,
    kubeconfig: PathBuf,
}

/// Why kubectl did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It could not be run.
    #[error("cannot run {}", program.display())]
    Run {
        /// Which program.
        program: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It failed.
    #[error("`kubectl {arguments}` failed ({status}): {stderr}")]
    Failed {
        /// Its arguments.
        arguments: String,
        /// How it ended.
        status: String,
        /// What it said.
        stderr: String,
    },
}

impl Kubectl {
    /// kubectl at `program` for the cluster and identity of `kubeconfig`.
    pub fn new(program: &Path, kubeconfig: &Path) -> Self {
        Self { program: program.into(), kubeconfig: kubeconfig.into() }
    }

    /// Run it, and return its standard output.
    ///
    /// # Errors
    /// When it cannot be run, or ends with another exit code than 0; the error carries what it said.
    pub fn run(&self, arguments: &[&str]) -> Result<String, Error> {
        self.run_with_input(arguments, "")
    }

    /// Run it with `input` as its standard input, and return its standard output.
    ///
    /// # Errors
    /// As [`Kubectl::run`].
    pub fn run_with_input(&self, arguments: &[&str], input: &str) -> Result<String, Error> {
        let output = self.output(arguments, input)?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let stderr = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(Error::Failed { arguments: arguments.join(" "), status: output.status.to_string(), stderr })
    }

    /// Run it with `input` as its standard input, and return all that came of it, also when it failed.
    ///
    /// # Errors
    /// When it cannot be run.
    pub fn output(&self, arguments: &[&str], input: &str) -> Result<Output, Error> {
        self.spawn_and_wait(arguments, input).map_err(|source| Error::Run { program: self.program.clone(), source })
    }

    fn spawn_and_wait(&self, arguments: &[&str], input: &str) -> io::Result<Output> {
        // A cache of its own: another control plane may have had the same port, and other kinds.
        let cache = self.kubeconfig.with_file_name("kubectl-cache");
        let mut child = Command::new(&self.program)
            .arg("--cache-dir")
            .arg(cache)
            .args(arguments)
            .env("KUBECONFIG", &self.kubeconfig)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            // It may end without reading all: then its exit code and message say why.
            let _ = stdin.write_all(input.as_bytes());
        }
        child.wait_with_output()
    }
}
