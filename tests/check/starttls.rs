//! `--starttls`: servers that are asked for TLS.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    thread::{self, JoinHandle},
};

use serde_json::{Value, json};

use crate::support::{Farm, Said, leaf};

/// A mail server on a port of its own: it takes part in one dialogue, and hands the connection to a server that speaks TLS. The
/// thread ends with what it heard.
fn mail_server(tls: u16, lines: &'static [&'static str]) -> (u16, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let thread = thread::spawn(move || {
        let (client, _) = listener.accept().unwrap();
        let heard = converse(&client, lines);
        if lines.last().is_some_and(|line| line.starts_with("220")) {
            relay(client, TcpStream::connect(("127.0.0.1", tls)).unwrap());
        }
        heard
    });
    (port, thread)
}

/// Say these lines, and hear one before each but the first.
fn converse(mut client: &TcpStream, lines: &[&str]) -> Vec<String> {
    let mut heard = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        if index > 0 {
            let mut command = String::new();
            // Nothing follows a command before its answer, so nothing is lost in the buffer.
            BufReader::new(client).read_line(&mut command).unwrap();
            heard.push(command);
        }
        client.write_all(line.as_bytes()).unwrap();
    }
    heard
}

fn relay(client: TcpStream, server: TcpStream) {
    let pump = |mut from: TcpStream, mut to: TcpStream| {
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = from.read(&mut buffer) {
                if to.write_all(&buffer[..length]).is_err() {
                    break;
                }
            }
            let _ = to.shutdown(Shutdown::Write);
        })
    };
    let there = pump(client.try_clone().unwrap(), server.try_clone().unwrap());
    let back = pump(server, client);
    there.join().unwrap();
    back.join().unwrap();
}

const DIALOGUE: &[&str] = &["220 mail.test\r\n", "250-mail.test\r\n250 STARTTLS\r\n", "220 go ahead\r\n"];

#[test]
fn a_mail_server_is_asked_for_tls() {
    let mut farm = Farm::new("starttls");
    let (port, server) = mail_server(farm.serve_leaf(&leaf("a.test")), DIALOGUE);
    let to = format!("127.0.0.1:{port}");
    let said = farm.check(&["a.test", "--starttls", "smtp", "--connect-to", &to, "-o", "json"]);
    assert_eq!(server.join().unwrap(), ["EHLO sslmonitor.invalid\r\n", "STARTTLS\r\n"]);
    let mut object: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(object["metadata"]["name"], "a.test-25", "the usual port, if it is not another that is connected to");
    let spec = object["spec"].take();
    assert_eq!((&spec["port"], &spec["tls"]["startTLS"]), (&json!(25), &json!("smtp")));
    assert_eq!((&object["status"]["summary"], said.stderr.as_str(), said.code), (&json!("Valid"), "", Some(0)));
}

#[test]
fn a_mail_server_without_tls_is_told_apart_from_one_that_is_down() {
    let mut farm = Farm::new("starttls-unavailable");
    let lines = &["220 mail.test\r\n", "250 mail.test\r\n"];
    let (port, server) = mail_server(farm.serve_leaf(&leaf("a.test")), lines);
    let said = farm.check(&["a.test", "--starttls", "smtp", "--connect-to", &format!("127.0.0.1:{port}")]);
    let expected = Said {
        stdout: "DOMAIN      STATUS                DAYS   EXPIRES\na.test:25   STARTTLSUnavailable   -      -\n"
            .to_owned(),
        stderr: "a.test:25: the server does not offer STARTTLS in its answer to EHLO\n".to_owned(),
        code: Some(1),
    };
    assert_eq!(said, expected);
    assert_eq!((server.join().unwrap().len(), farm.accepted()), (1, 0));
}

#[test]
fn a_manifest_names_its_protocol() {
    let mut farm = Farm::new("starttls-manifest");
    let (port, server) = mail_server(farm.serve_leaf(&leaf("a.test")), DIALOGUE);
    let file = farm.file("m.yaml", &crate::support::manifest("a.test", port, ", tls: {startTLS: smtp}"));
    let said = farm.check(&["-f", &file]);
    assert_eq!((said.stderr.as_str(), said.code), ("", Some(0)), "{said:?}");
    assert_eq!(server.join().unwrap().len(), 2);
}
