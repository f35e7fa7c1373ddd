//! Running Helm, and other tools that say all they have to say on their standard output.

use std::{
    io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Helm, with settings and caches of its own, and bound to a cluster if it has one.
#[derive(Debug, Clone)]
pub struct Helm {
    program: PathBuf,
    kubeconfig: Option<PathBuf>,
}

/// Why a tool did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It could not be run.
    #[error("cannot run {program}")]
    Run {
        /// Which program.
        program: String,
        /// Why not.
        source: io::Error,
    },
    /// It failed.
    #[error("`{line}` failed ({status}):\n{said}")]
    Failed {
        /// The command line.
        line: String,
        /// How it ended.
        status: String,
        /// What it said.
        said: String,
    },
}

// === impl Helm ===

impl Helm {
    /// Helm at `program`, without a cluster.
    pub fn new(program: &Path) -> Self {
        Self { program: program.into(), kubeconfig: None }
    }

    /// The same for the cluster and identity of `kubeconfig`.
    #[must_use]
    pub fn with_cluster(self, kubeconfig: &Path) -> Self {
        Self { kubeconfig: Some(kubeconfig.into()), ..self }
    }

    /// Run it, and return its standard output.
    ///
    /// # Errors
    /// When it cannot be run, or ends with another exit code than 0; the error carries what it said.
    pub fn run(&self, arguments: &[&str]) -> Result<String, Error> {
        let home = self.program.with_file_name("home");
        let mut command = Command::new(&self.program);
        command.args(arguments).env_remove("KUBECONFIG").env_remove("HELM_NAMESPACE");
        for (variable, directory) in
            [("HELM_CACHE_HOME", "cache"), ("HELM_CONFIG_HOME", "config"), ("HELM_DATA_HOME", "data")]
        {
            command.env(variable, home.join(directory));
        }
        self.kubeconfig.iter().for_each(|path| {
            command.env("KUBECONFIG", path);
        });
        stdout(&mut command)
    }
}

/// Run a tool without input, and return its standard output.
///
/// # Errors
/// When it cannot be run, or ends with another exit code than 0; the error carries what it said on both outputs.
pub fn stdout(command: &mut Command) -> Result<String, Error> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output =
        command.stdin(Stdio::null()).output().map_err(|source| Error::Run { program: program.clone(), source })?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        return Ok(text(&output.stdout));
    }
    let name = Path::new(&program).file_name().unwrap_or_default().to_string_lossy().into_owned();
    let arguments = command.get_args().map(|argument| argument.to_string_lossy().into_owned());
    let line = std::iter::once(name).chain(arguments).collect::<Vec<_>>().join(" ");
    let said = format!("{}{}", text(&output.stdout), text(&output.stderr)).trim().to_owned();
    Err(Error::Failed { line, status: output.status.to_string(), said })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_a_tool_said_is_told_when_it_fails() {
        let shell = |script: &str| stdout(Command::new("sh").args(["-c", script]));
        assert_eq!(shell("echo good; echo aside >&2").unwrap(), "good\n");
        let error = shell("echo this; echo that >&2; exit 3").unwrap_err();
        let line = "`sh -c echo this; echo that >&2; exit 3` failed (exit status: 3):\nthis\nthat";
        assert_eq!(error.to_string(), line);
        let error = stdout(&mut Command::new("/nowhere/tool")).unwrap_err();
        assert_eq!(error.to_string(), "cannot run /nowhere/tool");
    }
}
