//! A web server on loopback that says by path what it was told to, and remembers what it was asked.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};

use super::loopback_address;

/// The server; it stops when it is dropped.
pub(crate) struct Web {
    address: SocketAddr,
    pages: Arc<Mutex<HashMap<String, Page>>>,
    heads: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

/// What is at a path.
#[derive(Clone)]
pub(crate) enum Page {
    /// These bytes, however they read.
    Raw(Vec<u8>),
    /// Nothing, without end.
    Silence,
}

impl Web {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind(loopback_address()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (pages, heads) = <(Arc<Mutex<HashMap<_, _>>>, Arc<Mutex<Vec<_>>>)>::default();
        let task = tokio::spawn(accept(listener, pages.clone(), heads.clone()));
        Self { address, pages, heads, task }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn put(&self, path: &str, page: Page) {
        self.pages.lock().unwrap().insert(path.to_owned(), page);
    }

    /// Serve this body from now on.
    pub(crate) fn put_body(&self, path: &str, body: &[u8]) {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        self.put(path, Page::Raw([head.as_bytes(), body].concat()));
    }

    /// The heads of all requests so far.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }

    /// The paths that were asked for so far.
    pub(crate) fn paths(&self) -> Vec<String> {
        self.heads().iter().map(|head| path(head).to_owned()).collect()
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn path(head: &str) -> &str {
    head.split(' ').nth(1).unwrap()
}

async fn accept(listener: TcpListener, pages: Arc<Mutex<HashMap<String, Page>>>, heads: Arc<Mutex<Vec<String>>>) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        connections.spawn(answer(stream, pages.clone(), heads.clone()));
    }
}

async fn answer(mut stream: TcpStream, pages: Arc<Mutex<HashMap<String, Page>>>, heads: Arc<Mutex<Vec<String>>>) {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else { return };
        head.push(char::from(byte));
    }
    let page = pages.lock().unwrap().get(path(&head)).cloned();
    heads.lock().unwrap().push(head);
    match page {
        // The client may have had enough before the end.
        Some(Page::Raw(bytes)) => drop(stream.write_all(&bytes).await),
        Some(Page::Silence) => std::future::pending().await,
        None => drop(stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").await),
    }
}
