//! Peers that say by heart what no good server says.

use std::{io, net::SocketAddr, sync::Arc};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// What a peer does on each connection.
#[derive(Debug, Clone)]
pub(super) struct Script {
    /// What it says at first, before it hears anything.
    greeting: Vec<u8>,
    /// What it answers: the first to what it hears first, and so on.
    answers: Vec<Vec<u8>>,
    /// What is said without end; else what was said last.
    flood: Option<Vec<u8>>,
    end: End,
}

/// How a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// FIN, and wait for the other side's.
    Close,
    /// RST.
    Reset,
    /// Never: the same is said again and again.
    Endless,
}

// === impl Script ===

impl Script {
    /// Say this at once.
    pub(super) fn greet(greeting: impl Into<Vec<u8>>, end: End) -> Self {
        Self { greeting: greeting.into(), answers: Vec::new(), flood: None, end }
    }

    /// Say this when something is heard.
    pub(super) fn answer(answer: impl Into<Vec<u8>>, end: End) -> Self {
        Self { greeting: Vec::new(), answers: vec![answer.into()], flood: None, end }
    }

    /// Then hear something, and say this.
    pub(super) fn then(mut self, answer: impl Into<Vec<u8>>) -> Self {
        self.answers.push(answer.into());
        self
    }

    /// In the end say this without end.
    pub(super) fn then_flood(self, flood: impl Into<Vec<u8>>) -> Self {
        Self { flood: Some(flood.into()), end: End::Endless, ..self }
    }

    /// Play it to everybody who comes; the listener ends with the process.
    pub(super) async fn serve(self) -> io::Result<SocketAddr> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let script = Arc::new(self);
        tokio::spawn(async move {
            loop {
                if let Ok((stream, _)) = listener.accept().await {
                    let script = script.clone();
                    // A client that leaves early is no matter.
                    tokio::spawn(async move { script.play(stream).await });
                }
            }
        });
        Ok(address)
    }

    async fn play(&self, mut stream: TcpStream) -> io::Result<()> {
        let mut ignored = [0; 4096];
        stream.write_all(&self.greeting).await?;
        for answer in &self.answers {
            if stream.read(&mut ignored).await? == 0 {
                return Ok(());
            }
            stream.write_all(answer).await?;
        }
        match self.end {
            End::Reset => return stream.set_zero_linger(),
            End::Close => stream.shutdown().await?,
            End::Endless => {
                let last = self.flood.as_ref().or_else(|| self.answers.last()).unwrap_or(&self.greeting);
                let many = last.repeat(16_384 / last.len().max(1) + 1);
                loop {
                    stream.write_all(&many).await?;
                }
            }
        }
        while stream.read(&mut ignored).await? > 0 {}
        Ok(())
    }
}

/// TLS records of this type with this content.
pub(super) fn records(version: [u8; 2], kind: u8, content: &[u8]) -> Vec<u8> {
    let record = |part: &[u8]| {
        let length = u16::try_from(part.len()).expect("a chunk is shorter than 2^16 bytes").to_be_bytes();
        [&[kind][..], &version, &length, part].concat()
    };
    content.chunks(0x4000).flat_map(record).collect()
}

/// What a server says in the clear: hello, chain, done.
pub(super) fn flight(version: [u8; 2], suite: u16, chain: &[impl AsRef<[u8]>]) -> Vec<u8> {
    let hello = [&version[..], &[7; 32], &[0], &suite.to_be_bytes(), &[0]].concat();
    let list: Vec<u8> = chain.iter().flat_map(|der| [&long(der.as_ref().len())[..], der.as_ref()].concat()).collect();
    let chain = [&long(list.len())[..], &list].concat();
    records(version, 22, &[message(2, &hello), message(11, &chain), message(14, &[])].concat())
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind][..], &long(body.len()), body].concat()
}

/// A length in three bytes.
fn long(length: usize) -> [u8; 3] {
    let [_, high, middle, low] = u32::try_from(length).expect("a chain is shorter than 2^24 bytes").to_be_bytes();
    [high, middle, low]
}
