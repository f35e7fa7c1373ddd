//! What holds a check in the midst of its connection.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
    time::timeout,
};

use crate::support::loopback;

/// Holds its first connection until it is let go, and then breaks it; later ones reach the server behind, meanwhile, too.
pub(crate) struct Gate {
    pub(crate) address: SocketAddr,
    held: oneshot::Receiver<()>,
    release: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Gate {
    /// A gate before this server, with an address of its own.
    pub(crate) async fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind(loopback()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let ((holding, held), (release, released)) = (oneshot::channel(), oneshot::channel());
        let task = tokio::spawn(async move {
            let (mut first, _) = listener.accept().await.unwrap();
            holding.send(()).unwrap();
            let breaking = async move {
                released.await.unwrap();
                // A word that is no TLS: silence would be met with a smaller hello at once.
                assert_ne!(first.read(&mut [0; 4096]).await.unwrap(), 0);
                first.write_all(b"HTTP/1.1 503 Service Unavailable\r\n\r\n").await.unwrap();
            };
            let passing = async move {
                while let Ok((mut client, _)) = listener.accept().await {
                    let mut behind = TcpStream::connect(server).await.unwrap();
                    tokio::spawn(async move { copy_bidirectional(&mut client, &mut behind).await });
                }
            };
            tokio::join!(breaking, passing);
        });
        Self { address, held, release, task }
    }

    /// Wait until a check hangs in the gate.
    pub(crate) async fn wait(&mut self) {
        timeout(Duration::from_secs(30), &mut self.held).await.unwrap().unwrap();
    }

    /// Break the check that hangs in the gate.
    pub(crate) fn open(self) -> JoinHandle<()> {
        self.release.send(()).unwrap();
        self.task
    }
}
