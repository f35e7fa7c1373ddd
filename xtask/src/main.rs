//! `cargo xtask`: what a contributor types.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use xtask::control_plane::{Binaries, ControlPlane};

/// What a contributor to ssl-monitor-operator types.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a control plane of your own (etcd and kube-apiserver on loopback) until Ctrl-C
    ControlPlane {
        /// Only get the programs: find them, or build them into the cache
        #[arg(long)]
        build_only: bool,
    },
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::ControlPlane { build_only } => control_plane(build_only).await,
    };
    result.unwrap_or_else(|error| {
        eprintln!("error: {}", chain(error.as_ref()));
        ExitCode::FAILURE
    })
}

async fn control_plane(build_only: bool) -> Result<ExitCode, Failure> {
    let binaries = Binaries::find_or_build()?;
    if build_only {
        println!("{}\n{}\n{}", binaries.kube_apiserver.display(), binaries.etcd.display(), binaries.kubectl.display());
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("starting etcd and kube-apiserver …");
    let control_plane = ControlPlane::start(&binaries).await?;
    println!(
        "Kubernetes {} is ready at {}. In another terminal:\n",
        version(&control_plane).await?,
        control_plane.server()
    );
    println!("    export KUBECONFIG={}", control_plane.kubeconfig().display());
    println!("    {} get namespaces\n", binaries.kubectl.display());
    println!(
        "Logs and audit.log are in {}. Ctrl-C stops it and removes everything.",
        control_plane.directory().display()
    );
    tokio::signal::ctrl_c().await?;
    Ok(ExitCode::SUCCESS)
}

async fn version(control_plane: &ControlPlane) -> Result<String, Failure> {
    Ok(control_plane.client().await?.apiserver_version().await?.git_version)
}

/// The error and its causes on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
