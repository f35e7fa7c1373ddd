//! Who is hostile, and in which way. A name's first word is the protocol that is spoken before TLS, or `crl` where lists are asked.

use std::{io, net::SocketAddr};

use super::script::{End, Script, flight, records};
use crate::{
    bench::servers::Announcement,
    farm::{Authority, ClientAuth, CrlDistributionPoint, Issued, Leaf, ServerOptions, TlsServer, self_signed},
};

/// The end of all names.
pub(super) const DOMAIN: &str = "hostile.test";
/// How many certificates point to lists that never end.
const LISTS: usize = 32;
const TLS10: [u8; 2] = [3, 1];
const TLS12: [u8; 2] = [3, 3];
const RSA_AES128_CBC: u16 = 0x002f;
const ECDSA_AES128_GCM: u16 = 0xc02b;

/// Start them all; they serve as long as the returned servers live.
pub(super) async fn start(authority: &Authority) -> io::Result<(Announcement, Vec<TlsServer>)> {
    let mut announcement = Announcement::default();
    let chain = authority.issue(&leaf("clear", 1)).chain;
    for (name, script) in scripts(&chain).into_iter().chain(dialogues()) {
        announcement.add(&format!("{name}.{DOMAIN}"), script.serve().await?);
    }
    let mut servers = Vec::new();
    for (name, issued, options) in handshakes(authority).into_iter().chain(lists(authority).await?) {
        let server = TlsServer::start(SocketAddr::from(([127, 0, 0, 1], 0)), issued, options).await?;
        announcement.add(&format!("{name}.{DOMAIN}"), server.address());
        servers.push(server);
    }
    Ok((announcement, servers))
}

/// A leaf for this name and all names below it, with some more names.
fn leaf(name: &str, more: usize) -> Leaf {
    let names = [format!("{name}.{DOMAIN}"), format!("*.{name}.{DOMAIN}")];
    Leaf::new(names.into_iter().chain((0..more).map(|number| format!("other-{number:05}.{DOMAIN}"))))
}

/// What no TLS server says, and flights that end too soon.
fn scripts(chain: &[impl AsRef<[u8]> + Clone]) -> Vec<(String, Script)> {
    let garbage: Vec<u8> = (0..4096_u32).flat_map(|number| number.wrapping_mul(2_654_435_761).to_be_bytes()).collect();
    let hello_without_end = [&[22, 3, 3, 0x40, 0, 2, 0xff, 0xff, 0xff][..], &[0; 0x4000 - 4]].concat();
    let mut scripts: Vec<(String, Script)> = [
        ("flood-zeros", Script::greet([0; 4096], End::Endless)),
        ("flood-http", Script::answer("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>", End::Endless)),
        ("flood-banner", Script::greet("SSH-2.0-OpenSSH_9.9\r\n", End::Endless)),
        ("flood-alerts", Script::answer(records(TLS12, 21, &[1, 112]), End::Endless)),
        ("flood-spec-changes", Script::answer(records(TLS12, 20, &[1]), End::Endless)),
        ("flood-hello", Script::answer(hello_without_end, End::Endless)),
        ("flood-flights", Script::answer(flight(TLS12, ECDSA_AES128_GCM, chain), End::Endless)),
        ("garbage", Script::answer(garbage.clone(), End::Close)),
        ("garbage-record", Script::answer(records(TLS12, 22, &garbage), End::Close)),
        ("garbage-chain", Script::answer(flight(TLS12, ECDSA_AES128_GCM, &[&garbage]), End::Close)),
        ("long-record", Script::answer([&[22, 3, 3, 0xff, 0xff][..], &vec![1; 0xffff]].concat(), End::Close)),
        ("empty-chain", Script::answer(flight(TLS12, ECDSA_AES128_GCM, &[[0; 0]; 0]), End::Close)),
        ("tls10", Script::answer(flight(TLS10, RSA_AES128_CBC, chain), End::Close)),
        ("ssl3", Script::answer(flight([3, 0], RSA_AES128_CBC, chain), End::Reset)),
        ("rc4", Script::answer(flight(TLS12, 5, chain), End::Close)),
        ("long-chain", Script::answer(flight(TLS12, ECDSA_AES128_GCM, &vec![chain[0].clone(); 20]), End::Close)),
    ]
    .map(|(name, script)| (name.to_owned(), script))
    .into();
    let whole = flight(TLS12, ECDSA_AES128_GCM, chain);
    for (how, end) in [("closed", End::Close), ("reset", End::Reset)] {
        scripts.push((format!("{how}-at-once"), Script::greet([], end)));
        for length in [0, 3, 20, 60, 300, whole.len() - 4, whole.len()] {
            scripts.push((format!("{how}-after-{length}"), Script::answer(&whole[..length], end)));
        }
    }
    scripts
}

/// Dialogues before TLS that go wrong.
fn dialogues() -> Vec<(String, Script)> {
    let offer = "250-mail\r\n250 STARTTLS\r\n";
    let smtp = || Script::greet("220 mail\r\n", End::Close).then(offer);
    let mut dialogues: Vec<(String, Script)> = [
        ("smtp-injection", smtp().then("220 go\r\n250 injected\r\n")),
        ("smtp-refusal", smtp().then("454 no\r\n")),
        ("smtp-plain", Script::greet("220 mail\r\n", End::Close).then("250 mail\r\n")),
        ("smtp-garbage", smtp().then("220 go\r\n").then([0x17; 5000])),
        ("smtp-greeting", Script::greet("220-and then\r\n", End::Endless)),
        ("smtp-line", Script::greet("220-and then ", End::Endless)),
        ("smtp-reset", Script::greet("220 mail\r\n", End::Reset)),
    ]
    .map(|(name, script)| (name.to_owned(), script))
    .into();
    for protocol in ["imap", "pop3", "ftp", "ldap", "postgresql", "mysql", "xmpp", "sieve", "nntp"] {
        let flood = Script::greet("* OK <a b='c'> 200\r\n", End::Endless);
        dialogues.push((format!("{protocol}-flood"), flood));
        dialogues.push((format!("{protocol}-garbage"), Script::answer([0xff; 300], End::Close)));
        dialogues.push((format!("{protocol}-closed"), Script::greet([], End::Close)));
    }
    dialogues
}

type Handshake = (String, Issued, ServerOptions);

/// Servers that complete a handshake, or would.
fn handshakes(authority: &Authority) -> Vec<Handshake> {
    let any = ServerOptions::default;
    let issue = |name: &str| authority.issue(&leaf(name, 0));
    let wrong_key = Issued { key: issue("other").key, ..issue("wrong-key") };
    [
        ("good", issue("good"), any()),
        ("good-tls12", issue("good-tls12"), any().tls12()),
        ("wrong-key", wrong_key.clone(), any()),
        ("wrong-key-tls12", Issued { chain: issue("wrong-key-tls12").chain, ..wrong_key }, any().tls12()),
        ("expired", authority.issue(&leaf("expired", 0).expired()), any()),
        ("self-signed", self_signed(&leaf("self-signed", 0)), any()),
        ("wrong-name", issue("other"), any()),
        ("no-intermediate", authority.issue_without_intermediate(&leaf("no-intermediate", 0)), any()),
        ("client-certificate", issue("client-certificate"), any().client_auth(ClientAuth::Required)),
        ("staple-garbage", issue("staple-garbage").stapled(vec![0x30; 8000]), any()),
        ("staple-garbage-tls12", issue("staple-garbage-tls12").stapled(vec![0x30; 8000]), any().tls12()),
        ("names-2000", authority.issue(&leaf("names-2000", 2000)), any()),
        ("names-10000", authority.issue(&leaf("names-10000", 10_000)), any()),
        ("names-10000-tls12", authority.issue(&leaf("names-10000-tls12", 10_000)), any().tls12()),
    ]
    .map(|(name, issued, options)| (name.to_owned(), issued, options))
    .into()
}

/// Certificates whose revocation list never ends, each with one of its own.
async fn lists(authority: &Authority) -> io::Result<Vec<Handshake>> {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/pkix-crl\r\n\r\n";
    let address = Script::answer(head, End::Endless).then_flood([0x30; 4096]).serve().await?;
    let issue = |number| {
        let (name, leaf) = (format!("crl-{number}"), leaf(&format!("crl-{number}"), 0));
        let mut params = leaf.params();
        params.crl_distribution_points =
            vec![CrlDistributionPoint { uris: vec![format!("http://{address}/{number}.crl")] }];
        (name, authority.issue_from(&params, &leaf.key()), ServerOptions::default())
    };
    Ok((0..LISTS).map(issue).collect())
}
