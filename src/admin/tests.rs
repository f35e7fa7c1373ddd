//! Over real HTTP on loopback where the server matters; in virtual time where only time does.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::net::Ipv4Addr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinHandle,
    time::timeout,
};

use super::*;
use crate::metrics::ProbeResult;

const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

struct Server {
    pages: Pages,
    address: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<io::Result<()>>,
}

async fn server() -> Server {
    let pages = Pages { liveness: Liveness::default(), readiness: Readiness::default(), metrics: Metrics::new() };
    let admin = Admin::bind(LOOPBACK).await.unwrap();
    let (address, stop) = (admin.address(), CancellationToken::new());
    let task = tokio::spawn(admin.serve(pages.clone(), stop.clone()));
    Server { pages, address, stop, task }
}

impl Server {
    /// Status, content type and body of the answer.
    async fn get(&self, path: &str) -> (u16, String, String) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = format!("GET {path} HTTP/1.0\r\nHost: admin\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let media_type = head.lines().find_map(|line| line.strip_prefix("content-type: ")).unwrap();
        (status, media_type.to_owned(), body.to_owned())
    }
}

fn text(status: u16, body: &str) -> (u16, String, String) {
    (status, "text/plain; charset=utf-8".to_owned(), body.to_owned())
}

#[test]
fn who_stands_by_is_ready_until_it_is_its_turn() {
    let readiness = Readiness::default();
    let listed = readiness.step("the first list");
    readiness.stand_by(true);
    assert_eq!(readiness.check(), Ok(()));
    readiness.stand_by(false);
    assert_eq!(readiness.check(), Err("waiting for: the first list\n".to_owned()));
    listed.done();
    assert_eq!(readiness.check(), Ok(()));
    readiness.stand_by(true);
    readiness.stop();
    assert_eq!(readiness.check(), Err("shutting down\n".to_owned()));
}

#[tokio::test]
async fn the_pages_say_what_the_handles_were_told() {
    let server = server().await;
    assert_eq!(server.get("/livez").await, text(200, "ok\n"));
    let _late = server.pages.liveness.task("schedule", Duration::ZERO);
    assert_eq!(server.get("/livez").await, text(503, "schedule: no progress for 0 s, allowed are 0 s\n"));

    let (crds, synced) = (server.pages.readiness.step("crds"), server.pages.readiness.step("monitors synced"));
    assert_eq!(server.get("/readyz").await, text(503, "waiting for: crds, monitors synced\n"));
    synced.done();
    assert_eq!(server.get("/readyz").await, text(503, "waiting for: crds\n"));
    crds.done();
    assert_eq!(server.get("/readyz").await, text(200, "ok\n"));
    server.pages.readiness.stop();
    assert_eq!(server.get("/readyz").await, text(503, "shutting down\n"));

    assert_eq!(server.get("/").await, text(404, "nothing here; there are /livez, /readyz and /metrics\n"));
}

#[tokio::test]
async fn metrics_are_served_as_open_metrics() {
    let server = server().await;
    server.pages.metrics.count_probe(ProbeResult::Invalid);
    let (status, media_type, body) = server.get("/metrics").await;
    assert_eq!((status, &*media_type), (200, "application/openmetrics-text; version=1.0.0; charset=utf-8"));
    assert_eq!(body, server.pages.metrics.encode());
}

#[tokio::test]
async fn an_address_in_use_is_an_error_that_names_it() {
    let taken = Admin::bind(LOOPBACK).await.unwrap();
    let error = Admin::bind(taken.address()).await.unwrap_err();
    let expected = format!("failed to listen on {} for /livez, /readyz and /metrics", taken.address());
    assert_eq!(error.to_string(), expected);
    assert_eq!(error.source.kind(), io::ErrorKind::AddrInUse);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_answers_nobody_stops_at_once() {
    let server = server().await;
    assert_eq!(server.get("/livez").await.0, 200);
    let stopping = Instant::now();
    server.stop.cancel();
    server.task.await.unwrap().unwrap();
    assert!(stopping.elapsed() < DRAIN);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_finishes_its_request_does_not_keep_the_server_from_stopping() {
    let server = server().await;
    let mut client = TcpStream::connect(server.address).await.unwrap();
    client.write_all(b"GET /livez HTTP/1.1\r\n").await.unwrap();
    assert_eq!(server.get("/livez").await.0, 200);
    server.stop.cancel();
    let stopping = Instant::now();
    timeout(Duration::from_secs(30), server.task).await.unwrap().unwrap().unwrap();
    assert_eq!(stopping.elapsed().as_secs(), DRAIN.as_secs());
}

#[tokio::test(start_paused = true)]
async fn a_task_is_alive_as_long_as_it_beats_in_time() {
    let liveness = Liveness::default();
    let pulse = liveness.task("schedule", Duration::from_mins(1));
    let other = liveness.task("status writer", Duration::from_secs(100));
    sleep(Duration::from_mins(1)).await;
    assert_eq!(liveness.check(), Ok(()));
    sleep(Duration::from_secs(1)).await;
    assert_eq!(liveness.check(), Err("schedule: no progress for 61 s, allowed are 60 s\n".to_owned()));
    pulse.beat();
    assert_eq!(liveness.check(), Ok(()));

    other.beat();
    drop(other);
    let long_ago = Instant::now();
    sleep(Duration::from_secs(101)).await;
    pulse.beat_at(long_ago);
    let both = "schedule: no progress for 101 s, allowed are 60 s\n\
                status writer: no progress for 101 s, allowed are 100 s\n";
    assert_eq!(liveness.check(), Err(both.to_owned()));
}
