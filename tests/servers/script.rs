//! Peers that say by heart what they are told, and flights of servers that are made by hand.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    io::{self, AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// What to say to a record.
type Answer = dyn Fn(&[u8]) -> Vec<u8> + Send + Sync;

/// What a peer does, one after the other, on each connection.
#[derive(Clone)]
pub(crate) enum Act {
    /// Read one record.
    Hear,
    Send(Vec<u8>),
    /// Read one record, and say what the function makes of it.
    Answer(Arc<Answer>),
    /// Say this, byte by byte, without end.
    Drip(Vec<u8>),
    /// Say this without end.
    Flood(Vec<u8>),
    /// Listen until the other side goes.
    Hold,
    Finish,
    Reset,
}

/// A peer in a task of its own, which ends when this is dropped.
pub(crate) struct Peer {
    pub address: SocketAddr,
    task: JoinHandle<()>,
}

impl Peer {
    pub(crate) async fn start(acts: Vec<Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                // A prober that leaves early is no matter.
                let _ = play(stream, &acts).await;
            }
        });
        Self { address, task }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn play(mut stream: TcpStream, acts: &[Act]) -> io::Result<()> {
    for act in acts {
        match act {
            Act::Hear => {
                hear(&mut stream).await?;
            }
            Act::Send(bytes) => stream.write_all(bytes).await?,
            Act::Answer(answer) => {
                let heard = hear(&mut stream).await?;
                stream.write_all(&answer(&heard)).await?;
            }
            Act::Drip(bytes) => {
                for byte in bytes.iter().cycle() {
                    stream.write_all(&[*byte]).await?;
                    tokio::time::sleep(Duration::from_millis(300)).await;
                }
            }
            Act::Flood(bytes) => loop {
                stream.write_all(bytes).await?;
            },
            Act::Hold => while stream.read(&mut [0; 4096]).await? > 0 {},
            Act::Finish => {
                stream.shutdown().await?;
                while stream.read(&mut [0; 4096]).await? > 0 {}
            }
            Act::Reset => {
                // Let what was said arrive before the reset overtakes it: the other side reads it at once.
                tokio::time::sleep(Duration::from_millis(100)).await;
                return stream.set_zero_linger();
            }
        }
    }
    Ok(())
}

async fn hear(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut header = [0; 5];
    stream.read_exact(&mut header).await?;
    let mut record = vec![0; usize::from(u16::from_be_bytes([header[3], header[4]]))];
    stream.read_exact(&mut record).await?;
    Ok([&header[..], &record].concat())
}

pub(crate) fn record(version: [u8; 2], kind: u8, body: &[u8]) -> Vec<u8> {
    let records = body
        .chunks(0x4000)
        .map(|part| [&[kind][..], &version, &u16::try_from(part.len()).unwrap().to_be_bytes(), part].concat());
    records.collect::<Vec<_>>().concat()
}

pub(crate) fn alert(level: u8, number: u8) -> Vec<u8> {
    record([3, 3], 21, &[level, number])
}

pub(crate) fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind][..], &u32::try_from(body.len()).unwrap().to_be_bytes()[1..], body].concat()
}

/// What a server sends in the clear, to be changed at will.
#[derive(Clone)]
pub(crate) struct Flight {
    pub version: [u8; 2],
    pub suite: u16,
    pub random: [u8; 32],
    pub extensions: Vec<u8>,
    pub chain: Vec<Vec<u8>>,
    /// The body of ServerKeyExchange.
    pub key_exchange: Option<Vec<u8>>,
    pub done: bool,
}

impl Flight {
    /// ECDHE in TLS 1.2, with a key exchange whose signature is nonsense.
    pub(crate) fn of(chain: &[impl AsRef<[u8]>]) -> Self {
        Self {
            version: [3, 3],
            suite: 0xc02b,
            random: [7; 32],
            extensions: Vec::new(),
            chain: chain.iter().map(|der| der.as_ref().to_vec()).collect(),
            key_exchange: Some(Self::key_exchange(23, 0x0403)),
            done: true,
        }
    }

    /// The point of a key on this curve (that of P-256's generator), and a signature that is none.
    pub(crate) fn key_exchange(curve: u16, scheme: u16) -> Vec<u8> {
        let x = [
            0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5, 0x63, 0xa4, 0x40, 0xf2, 0x77, 0x03,
        ];
        let x =
            [&x[..], &[0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96]].concat();
        let y = [
            0x4f, 0xe3, 0x42, 0xe2, 0xfe, 0x1a, 0x7f, 0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e, 0x16, 0x2b, 0xce,
        ];
        let y =
            [&y[..], &[0x33, 0x57, 0x6b, 0x31, 0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5]].concat();
        let signature = [0x30, 6, 2, 1, 1, 2, 1, 1];
        [&[3][..], &curve.to_be_bytes(), &[65, 4], &x, &y, &scheme.to_be_bytes(), &[0, 8], &signature].concat()
    }

    /// Key exchange by RSA, of a version before TLS 1.2 perhaps: no message of its own.
    pub(crate) fn old(self, version: [u8; 2], suite: u16) -> Self {
        Self { version, suite, key_exchange: None, ..self }
    }

    pub(crate) fn messages(&self) -> Vec<Vec<u8>> {
        let extensions = u16::try_from(self.extensions.len()).unwrap().to_be_bytes();
        let mut hello = [&self.version[..], &self.random, &[0], &self.suite.to_be_bytes(), &[0]].concat();
        if !self.extensions.is_empty() {
            hello.extend([&extensions[..], &self.extensions].concat());
        }
        let long = |length: usize| u32::try_from(length).unwrap().to_be_bytes()[1..].to_vec();
        let list: Vec<u8> = self.chain.iter().flat_map(|der| [long(der.len()), der.clone()].concat()).collect();
        let mut messages = vec![message(2, &hello), message(11, &[long(list.len()), list].concat())];
        messages.extend(self.key_exchange.as_ref().map(|body| message(12, body)));
        messages.extend(self.done.then(|| message(14, &[])));
        messages
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        record(self.version, 22, &self.messages().concat())
    }
}
