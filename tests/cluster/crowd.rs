//! Many monitors of one server: never two connections at once.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::TcpStream,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{net::TcpListener, sync::watch};

use crate::{
    stage::{PATIENCE, Stage, states, stream},
    support::{eventually, loopback},
};

/// How many monitors watch the one server.
const CROWD: usize = 50;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a control plane: cargo xtask test"]
async fn monitors_of_one_host_and_port_never_have_two_connections_in_flight() {
    let stage = Stage::new().await;
    let listener = TcpListener::bind(loopback()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (release, held) = watch::channel(false);
    let counts = Arc::new(Counts::default());
    let server = tokio::spawn(receive(listener, counts.clone(), held));
    let names: Vec<String> = (0..CROWD).map(|number| format!("crowd-{number}")).collect();
    let monitors = names.iter().map(|name| {
        let mut monitor = stage.manifest(name, &format!("{name}.test"), address);
        // The first must not give up while the others come.
        monitor["spec"]["timeout"] = "2m".into();
        monitor
    });
    stage.cluster.apply(&stage.namespace, &stream(monitors));

    // One has the connection, and all others are due and could start.
    eventually("all other monitors wait for their turn", PATIENCE, async || {
        let (_, page) = stage.operator().await.get("/metrics").await.unwrap();
        let ready = page.lines().filter_map(|line| line.strip_prefix("sslmonitor_schedule_ready{lane=\"new\"} "));
        let ready: usize = ready.map(|number| number.parse::<usize>().unwrap()).sum();
        if ready >= CROWD - 1 && counts.accepted() == 1 {
            Ok(())
        } else {
            Err(format!("{ready} are ready, {} were accepted", counts.accepted()))
        }
    })
    .await;
    assert_eq!(counts.accepted(), 1);

    release.send(true).unwrap();
    for name in &names {
        let monitor = stage.settled(name).await;
        assert!(states(&monitor).contains(&"Reachable=False/NotTls".to_owned()), "{name}: {:?}", states(&monitor));
    }
    // On a slow machine some are tried again already.
    assert!(counts.accepted() >= CROWD, "{}", counts.accepted());
    assert_eq!(counts.overlaps.load(Ordering::SeqCst), 0);
    server.abort();
}

#[derive(Default)]
struct Counts {
    accepted: AtomicUsize,
    /// Connections that came while another one was open.
    overlaps: AtomicUsize,
}

impl Counts {
    fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }
}

/// Accept, say nothing until released, then say something that is no TLS; connections are left to the client to close.
async fn receive(listener: TcpListener, counts: Arc<Counts>, held: watch::Receiver<bool>) {
    let mut open: Vec<Arc<TcpStream>> = Vec::new();
    while let Ok((stream, _)) = listener.accept().await {
        // The operating system's own answers, which the runtime may be late to hear of.
        let stream = Arc::new(stream.into_std().unwrap());
        open.retain(|earlier| !is_closed(earlier));
        if !open.is_empty() {
            counts.overlaps.fetch_add(1, Ordering::SeqCst);
        }
        open.push(stream.clone());
        counts.accepted.fetch_add(1, Ordering::SeqCst);
        let mut held = held.clone();
        tokio::spawn(async move {
            if held.wait_for(|released| *released).await.is_ok() {
                (&*stream).write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
            }
        });
    }
}

/// Whether the client has closed its end. On loopback a close is there before a connection that is made after it.
fn is_closed(mut stream: &TcpStream) -> bool {
    let mut ignored = [0; 4096];
    loop {
        match stream.read(&mut ignored) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => return error.kind() != ErrorKind::WouldBlock,
        }
    }
}
