//! The binary, run to its end.
#![allow(dead_code)] // not every test needs all of it

use std::{
    io::Write as _,
    process::{Command, Output, Stdio},
    thread,
};

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_sslmonitor");

/// What the binary said.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) code: Option<i32>,
}

/// Run the binary with arguments and nothing from the environment; it reads `stdin`.
pub(crate) fn sslmonitor(arguments: &[&str], stdin: &str) -> Said {
    sslmonitor_in(&[], arguments, stdin)
}

/// [`sslmonitor`] with these variables in its environment, and no others.
pub(crate) fn sslmonitor_in(environment: &[(&str, &str)], arguments: &[&str], stdin: &str) -> Said {
    run(Command::new(BINARY).args(arguments).env_clear().envs(environment.iter().copied()), stdin)
}

/// Run a command; it reads `stdin`.
pub(crate) fn run(command: &mut Command, stdin: &str) -> Said {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (mut pipe, text) = (child.stdin.take().unwrap(), stdin.to_owned());
    // The binary need not read all of it.
    let feeder = thread::spawn(move || drop(pipe.write_all(text.as_bytes())));
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap();
    Said::from(output)
}

// === impl Said ===

impl Said {
    /// What is on stderr, line by line.
    pub(crate) fn complaints(&self) -> Vec<&str> {
        self.stderr.lines().collect()
    }
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { stdout: text(output.stdout), stderr: text(output.stderr), code: output.status.code() }
    }
}
