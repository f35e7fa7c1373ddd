//! How targets are reached and what they are shown, by options and by the Secrets among the manifests.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::mpsc::{Receiver, channel},
    thread,
};

use crate::support::{Farm, leaf, manifest};

/// A proxy that opens one tunnel to this server, and tells how it was asked.
fn proxy(server: SocketAddr) -> (SocketAddr, Receiver<String>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, asked) = channel();
    thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            client.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        tell.send(String::from_utf8(head).unwrap()).unwrap();
        client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        let server = TcpStream::connect(server).unwrap();
        let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        thread::spawn(move || drop(std::io::copy(&mut from, &mut to)));
        let (mut from, mut to) = (server, client);
        drop(std::io::copy(&mut from, &mut to));
    });
    (address, asked)
}

/// base64 of `user:s3cret`
const LOGIN: &str = "dXNlcjpzM2NyZXQ=";

#[test]
fn the_proxy_of_the_options_is_told_its_login_and_comes_before_that_of_the_manifest() {
    let mut farm = Farm::new("reach-proxy");
    let port = farm.serve_leaf(&leaf("a.test"));
    let to = SocketAddr::from(([127, 0, 0, 1], port));
    let (address, asked) = proxy(to);
    let url = format!("http://user:s3cret@{address}");
    let monitor = manifest("a.test", port, ", proxy: {url: \"http://proxy.test:3128\", secretRef: {name: login}}");
    let said = farm.check_with(&["-f", "-", "--proxy", &url, "-o", "yaml"], &monitor);
    assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""), "{}", said.stdout);
    let request = format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\nProxy-Authorization: Basic {LOGIN}\r\n\r\n");
    assert_eq!((asked.recv().unwrap(), farm.accepted()), (request, 1));
    let shown = said.stdout;
    assert!(shown.contains(&format!("url: http://{address}")) && !shown.contains("s3cret"), "{shown}");
}

#[test]
fn the_login_of_a_proxy_comes_from_the_secret_among_the_manifests_and_without_it_nothing_is_sent() {
    let mut farm = Farm::new("reach-secret");
    let port = farm.serve_leaf(&leaf("a.test"));
    let to = SocketAddr::from(([127, 0, 0, 1], port));
    let (address, asked) = proxy(to);
    let monitor =
        manifest("a.test", port, &format!(", proxy: {{url: \"http://{address}\", secretRef: {{name: login}}}}"));
    let said = farm.check_with(&["-f", "-"], &monitor);
    assert_eq!((said.code != Some(0), farm.accepted()), (true, 0), "{}", said.stdout);
    assert!(format!("{}{}", said.stdout, said.stderr).contains("login"), "{said:?}");
    assert!(asked.try_recv().is_err());

    let secret = |address: &str| {
        let head = "---\napiVersion: v1\nkind: Secret\nmetadata:\n  name: login\n  labels: {sslmonitor.io/allowed: \"true\"}\n";
        format!("{head}stringData: {{address: \"http://{address}\", username: user, password: s3cret}}\n")
    };
    // The Secret says where its password may go.
    let said = farm.check_with(&["-f", "-"], &format!("{monitor}{}", secret("127.0.0.1:9")));
    assert_eq!((said.code != Some(0), farm.accepted()), (true, 0), "{}", said.stdout);
    assert!(asked.try_recv().is_err());
    let secret = secret(&address.to_string());
    let said = farm.check_with(&["-f", "-"], &format!("{monitor}{secret}"));
    assert_eq!((said.code, farm.accepted()), (Some(0), 1), "{said:?}");
    let request = format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\nProxy-Authorization: Basic {LOGIN}\r\n\r\n");
    assert_eq!(asked.recv().unwrap(), request);
    assert!(!said.stdout.contains("s3cret"));
}

#[test]
fn an_address_of_the_other_family_is_not_dialled() {
    let mut farm = Farm::new("reach-family");
    let to = format!("127.0.0.1:{}", farm.serve_leaf(&leaf("a.test")));
    let check = |family| farm.check(&["a.test", "--connect-to", &to, "--ip-family", family, "--addresses", "any"]);
    let said = check("ipv6");
    assert_eq!((said.code, farm.accepted()), (Some(1), 0), "{said:?}");
    let told = format!("{}{}", said.stdout, said.stderr);
    assert!(told.contains("127.0.0.1 is not an IPv6 address"), "{told}");
    assert_eq!((check("ipv4").code, farm.accepted()), (Some(0), 1));
}
