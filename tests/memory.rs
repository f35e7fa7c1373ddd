//! What hostile peers leave behind in memory: nothing. The one test here has a process of its own, so that no other is measured.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic)]

use std::{fs, net::SocketAddr, time::Duration};

use jiff::Timestamp;
use ssl_monitor_operator::probe::{
    AddressPolicy, FailureReason, Host, Means, Prober, ProberSettings, Target, TrustStore,
};
use tokio::{io::AsyncWriteExt as _, net::TcpListener};
use xtask::farm::{Authority, Leaf, ServerOptions, TlsServer};

/// What this process holds in memory, in KiB (proc(5)).
fn resident() -> i64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// A server that says nothing but records of the greatest size, each the start of an endless message, without end.
async fn flood() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    // A certificate message (11) of 16 MiB, in pieces.
    let record = [&[22, 3, 3, 0x40, 0, 2, 0xff, 0xff, 0xff][..], &[0x55; 0x4000 - 4]].concat();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            while stream.write_all(&record).await.is_ok() {}
        }
    });
    address
}

#[tokio::test]
async fn chains_and_floods_beyond_the_limits_leave_nothing_in_memory() {
    let address = [127, 0, 0, 1].into();
    let policy = AddressPolicy { allow: vec!["127.0.0.0/8".parse().unwrap()], ..AddressPolicy::default() };
    let prober = Prober::new(ProberSettings { policy, ..ProberSettings::default() }).unwrap();
    let authority = Authority::new("Farm");
    let trust = TrustStore::new(None, Some(authority.root_pem().as_bytes())).unwrap();
    let mut long = authority.issue(&Leaf::new(["a.test"]));
    long.chain.extend(std::iter::repeat_n(authority.intermediate(), 200));
    let start = |issued| TlsServer::start(([127, 0, 0, 1], 0).into(), issued, ServerOptions::default());
    let too_long = start(long.clone()).await.unwrap();
    long.chain.truncate(60);
    let read_in_full = start(long).await.unwrap();
    let names = (0..10_000).map(|number| format!("host-{number:05}.a.test"));
    let too_large = start(authority.issue(&Leaf::new(names))).await.unwrap();
    let ports =
        [too_long.address(), read_in_full.address(), too_large.address(), flood().await].map(|address| address.port());

    let rounds = async |rounds: usize| {
        for port in std::iter::repeat_n(ports, rounds).flatten() {
            let mut target = Target::new("a.test".parse().unwrap(), port);
            target.connect_host = Some(Host::Address(address));
            let seen =
                prober.probe(&target, &Means::trusting(trust.clone()), Duration::from_secs(20), Timestamp::now()).await;
            let reason = seen.failure.unwrap().reason;
            assert_eq!(reason, FailureReason::CertificateTooLarge);
        }
        // The servers are in this process: what they have not sent yet counts, too.
        for server in [&too_long, &read_in_full, &too_large] {
            server.idle().await;
        }
    };
    // Until the allocator has what it needs for one probe.
    rounds(50).await;
    let before = resident();
    rounds(150).await;
    let more = resident() - before;
    assert!(more < 1024, "{more} KiB more than before");
}
