//! `sslmonitor check` on many targets.

use std::{
    fs,
    time::{Duration, Instant},
};

use super::{
    Failure, monitor,
    process::Usage,
    program,
    report::Figure,
    servers::{Served, Servers},
};
use crate::supervise::Launch;

/// How many targets there are.
const TARGETS: usize = 2_000;
/// The most memory that may be resident, MiB.
const BUDGET: f64 = 25.0;
/// How often memory is looked at; the peak only grows, so that at most the last moment is missed.
const POLL: Duration = Duration::from_millis(2);

/// Check 2,000 manifests in every form of output that has to keep its own books, and print what it took.
pub(super) async fn run() -> Result<(), Failure> {
    let servers = Servers::start().await?;
    let manifests = servers.directory().join("monitors.yaml");
    fs::write(&manifests, documents(&servers.served)?)?;
    println!("sslmonitor check -f: {TARGETS} targets, 50 at a time");
    for format in ["table", "json"] {
        let start = Instant::now();
        let check = Launch::new(format!("check-{format}"), &program()?)
            .args(["check", "--allow-cidr", "127.0.0.0/8", "--output", format, "--file"])
            .arg(&manifests)
            .arg("--ca-file")
            .arg(servers.roots_path());
        let usage = watch(check, &servers).await?;
        Figure::seconds(start.elapsed()).print(&format!("-o {format}: time"));
        Figure::new(usage.cpu, "s").print(&format!("-o {format}: CPU time"));
        Figure::new(usage.peak, "MiB").at_most(BUDGET).print(&format!("-o {format}: peak resident memory"));
    }
    Ok(())
}

fn documents(served: &Served) -> serde_json::Result<String> {
    // YAML, of which JSON is a part.
    let document = |number| Ok(format!("---\n{}\n", serde_json::to_string(&monitor(served, "check", number))?));
    (0..TARGETS).map(document).collect()
}

/// Run it to its end; what it had used when it was last seen. It must find every certificate valid.
async fn watch(launch: Launch, servers: &Servers) -> Result<Usage, Failure> {
    let mut process = launch.start(servers.directory())?;
    let pid = process.pid().ok_or("check did not start")?;
    let mut last = None;
    loop {
        // It may be gone at any time.
        last = Usage::of(pid).ok().or(last);
        if let Some(status) = process.ended() {
            let tail = process.log_tail(5);
            let usage = last.filter(|_| status.success());
            return usage.ok_or_else(|| format!("check ended ({status}):\n{tail}").into());
        }
        tokio::time::sleep(POLL).await;
    }
}
