//! How the hosts of the world talk, behind TLS or before it.

use std::io;

use tokio::{
    io::{
        AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader,
        copy_bidirectional,
    },
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

/// How a host talks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// TLS, and nothing in it.
    Silent,
    /// Every request gets this status and this body.
    Http(&'static str, &'static str),
    /// SMTP until STARTTLS.
    Smtp,
    /// PostgreSQL until its request for TLS.
    Postgres,
    /// A proxy that opens tunnels to the hosts of the world.
    Proxy,
    /// A real mail server.
    Mail,
    /// A real Alertmanager.
    Alertmanager,
}

/// Talk to everybody who comes.
pub(crate) async fn serve(listener: TcpListener, tls: Option<TlsAcceptor>, manner: Manner) {
    while let Ok((stream, _)) = listener.accept().await {
        // A client that breaks off is its own business.
        tokio::spawn(converse(stream, tls.clone(), manner));
    }
}

async fn converse(mut stream: TcpStream, tls: Option<TlsAcceptor>, manner: Manner) -> io::Result<()> {
    match manner {
        Manner::Smtp => before_smtp(&mut stream).await?,
        Manner::Postgres => {
            stream.read_exact(&mut [0; 8]).await?;
            stream.write_all(b"S").await?;
        }
        _ => {}
    }
    let Some(tls) = tls else { return tunnel(stream).await };
    let mut stream = tls.accept(stream).await?;
    if let Manner::Http(status, body) = manner {
        return receive(&mut stream, status, body).await;
    }
    let mut ignored = [0; 1024];
    while stream.read(&mut ignored).await? > 0 {}
    Ok(())
}

async fn before_smtp(stream: &mut TcpStream) -> io::Result<()> {
    stream.write_all(b"220 mx1.example.com ESMTP\r\n").await?;
    let mut lines = BufReader::new(stream);
    loop {
        let mut line = String::new();
        lines.read_line(&mut line).await?;
        match line.trim_end() {
            "STARTTLS" => return lines.write_all(b"220 go ahead\r\n").await,
            "" => return Err(io::ErrorKind::UnexpectedEof.into()),
            _ => lines.write_all(b"250-mx1.example.com\r\n250 STARTTLS\r\n").await?,
        }
    }
}

/// Read one request and answer it.
async fn receive<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, status: &str, body: &str) -> io::Result<()> {
    read_head(stream).await?;
    let length = body.len();
    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await?;
    let mut ignored = [0; 1024];
    while stream.read(&mut ignored).await? > 0 {}
    Ok(())
}

/// All up to the empty line.
async fn read_head<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

/// `CONNECT HOST:PORT` to a host of the world, whose addresses are known here by one name only.
async fn tunnel(mut stream: TcpStream) -> io::Result<()> {
    let head = read_head(&mut stream).await?;
    if !head.starts_with("CONNECT partner.example.com:443 ") {
        return stream.write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n").await;
    }
    if !head.to_ascii_lowercase().contains("proxy-authorization: basic ") {
        return stream.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n").await;
    }
    let mut server = TcpStream::connect("127.200.0.20:443").await?;
    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
    copy_bidirectional(&mut stream, &mut server).await.map(drop)
}
