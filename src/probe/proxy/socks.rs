//! SOCKS 5 (RFC 1928) with user name and password (RFC 1929). Every answer is read to its last byte, and no further.

use std::net::IpAddr;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{Destination, Refusal};
use crate::probe::Proxy;

const VERSION: u8 = 5;
/// Ways to authenticate (RFC 1928 §3).
const NONE: u8 = 0;
const PASSWORD: u8 = 2;
/// The version of the dialogue about user name and password (RFC 1929 §2).
const PASSWORD_VERSION: u8 = 1;

pub(super) async fn connect(stream: &mut TcpStream, proxy: &Proxy, to: Destination<'_>) -> Result<(), Refusal> {
    let request = request(to)?;
    let hello: &[u8] = if proxy.credentials.is_some() { &[VERSION, 2, NONE, PASSWORD] } else { &[VERSION, 1, NONE] };
    stream.write_all(hello).await?;
    let mut answer = [0; 2];
    stream.read_exact(&mut answer).await?;
    match (answer, &proxy.credentials) {
        ([VERSION, NONE], _) => {}
        ([VERSION, PASSWORD], Some((user, password))) => authenticate(stream, user, password).await?,
        ([VERSION, _], None) => return Err("asks for credentials".into()),
        ([VERSION, _], Some(_)) => return Err("takes neither a user name with a password nor nothing".into()),
        _ => return Err("does not speak SOCKS 5".into()),
    }
    stream.write_all(&request).await?;
    read_reply(stream).await
}

async fn authenticate(stream: &mut TcpStream, user: &str, password: &str) -> Result<(), Refusal> {
    let mut message = vec![PASSWORD_VERSION];
    for text in [user, password] {
        let length = u8::try_from(text.len()).map_err(|_| "takes user names and passwords of at most 255 bytes")?;
        message.push(length);
        message.extend_from_slice(text.as_bytes());
    }
    stream.write_all(&message).await?;
    let mut answer = [0; 2];
    stream.read_exact(&mut answer).await?;
    if answer[1] == 0 { Ok(()) } else { Err("does not take the credentials".into()) }
}

/// The request to connect (RFC 1928 §4).
fn request(to: Destination<'_>) -> Result<Vec<u8>, Refusal> {
    let mut request = vec![VERSION, 1, 0];
    let port = match to {
        Destination::Address(address) => {
            match address.ip() {
                IpAddr::V4(ip) => request.extend([&[1][..], &ip.octets()].concat()),
                IpAddr::V6(ip) => request.extend([&[4][..], &ip.octets()].concat()),
            }
            address.port()
        }
        Destination::Name(name, port) => {
            let length = u8::try_from(name.len()).map_err(|_| "cannot be asked for a name of more than 255 bytes")?;
            request.extend([&[3, length][..], name.as_bytes()].concat());
            port
        }
    };
    request.extend(port.to_be_bytes());
    Ok(request)
}

/// The reply (RFC 1928 §6), with the address in it, which is of no use here.
async fn read_reply(stream: &mut TcpStream) -> Result<(), Refusal> {
    let mut head = [0; 4];
    stream.read_exact(&mut head).await?;
    let [version, reply, _, kind] = head;
    if version != VERSION {
        return Err("does not speak SOCKS 5".into());
    }
    if reply != 0 {
        return Err(format!("refused to connect: {}", meaning(reply)).into());
    }
    let length = match kind {
        1 => 4,
        4 => 16,
        3 => usize::from(stream.read_u8().await?),
        _ => return Err("does not speak SOCKS 5: its answer holds an address of an unknown kind".into()),
    };
    stream.read_exact(&mut [0; 255 + 2][..length + 2]).await?;
    Ok(())
}

fn meaning(reply: u8) -> String {
    match reply {
        1 => "it failed".to_owned(),
        2 => "its rules do not allow it".to_owned(),
        3 => "the network is unreachable".to_owned(),
        4 => "the host is unreachable".to_owned(),
        5 => "the connection was refused".to_owned(),
        6 => "the time ran out".to_owned(),
        7 => "it does not know the command".to_owned(),
        8 => "it does not know the kind of address".to_owned(),
        number => format!("reply {number}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_destination_has_its_form() {
        let form = |to| request(to).unwrap_or_default();
        let v4 = Destination::Address(([192, 0, 2, 1], 443).into());
        assert_eq!(form(v4), [5, 1, 0, 1, 192, 0, 2, 1, 1, 0xbb]);
        let v6 = Destination::Address((std::net::Ipv6Addr::LOCALHOST, 8443).into());
        assert_eq!(form(v6), [5, 1, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x20, 0xfb]);
        assert_eq!(form(Destination::Name("a.test", 25)), [&[5, 1, 0, 3, 6][..], b"a.test", &[0, 25]].concat());
        assert!(request(Destination::Name(&"a".repeat(256), 25)).is_err());
    }
}
