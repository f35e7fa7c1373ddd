//! `sslmonitor`: parse, match the command, exit code.

use std::{
    env,
    io::{self, ErrorKind, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use clap::CommandFactory as _;
use rustls::crypto::aws_lc_rs;
use ssl_monitor_operator::{
    api, check,
    cli::{Cli, Command, NotifyCommand, PluginCli},
    dispatch, plugin, run,
};

fn main() -> ExitCode {
    // Whatever speaks TLS below shall use this one provider. An error says that there is one already, which nothing set.
    let _ = aws_lc_rs::default_provider().install_default();
    match name().as_deref() {
        Some("kubectl-sslmonitor") => return plugin::run(&PluginCli::parse_line().args),
        Some("kubectl_complete-sslmonitor") => {
            let words = env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned());
            return plugin::complete(&words.collect::<Vec<_>>());
        }
        _ => {}
    }
    match Cli::parse_line().command {
        Command::Run(args) => run::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Notify(NotifyCommand::Test(args)) => dispatch::run(&args),
        Command::Kubectl(args) => plugin::run(&args),
        Command::Crd => print(definitions().as_bytes()),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "sslmonitor", &mut script);
            print(&script)
        }
    }
}

/// The name that the program was called by: kubectl finds plugins by theirs.
fn name() -> Option<String> {
    let path = env::args_os().next().map(PathBuf::from)?;
    path.file_stem().map(|name| name.to_string_lossy().into_owned())
}

/// Every definition, as one stream of YAML documents.
fn definitions() -> String {
    let texts: Vec<String> = api::crd_files().into_iter().map(|(_, text)| text).collect();
    texts.join("---\n")
}

fn print(text: &[u8]) -> ExitCode {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => ExitCode::FAILURE,
        _ => ExitCode::SUCCESS,
    }
}
