//! Which addresses are dialled: only what is allowed, and exactly that.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::{Arc, Mutex},
};

use ssl_monitor_operator::notify::{ChannelKind, Names as _, Outcome, Secrets, Sender, Settings, SystemNames, Why};
use tokio::{io::AsyncWriteExt as _, net::TcpListener};
use xtask::farm::{Authority, Leaf};

use crate::{
    receiver::{Answer, Receiver},
    support::{Fixed, channel, message, read_head, secret, settings},
};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const THERE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
const DENIED: Outcome = Outcome::Refused { code: None, why: Why::AddressDenied };

/// A sender whose names have these addresses, that may not dial those; and what it was asked about.
fn sender(names: &[IpAddr], denied: &[IpAddr]) -> (Sender, Arc<Mutex<Vec<IpAddr>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let (denied, noted) = (denied.to_vec(), Arc::clone(&asked));
    let vet = move |address: IpAddr| {
        noted.lock().unwrap().push(address);
        if denied.contains(&address) { Err("it is inside".to_owned()) } else { Ok(()) }
    };
    (Sender::new(Arc::new(Fixed(names.to_vec())), Arc::new(vet)), asked)
}

#[tokio::test]
async fn a_denied_address_is_never_dialled_however_it_is_written() {
    let receiver = Receiver::start(Answer::status("200 OK", "", "")).await;
    for host in ["127.0.0.1", "hooks.test", "HOOKS.test."] {
        let (sender, asked) = sender(&[HERE], &[HERE]);
        let settings = settings(ChannelKind::Webhook, &format!("http://{host}:{}/", receiver.port()));
        assert_eq!(sender.send(&channel(&settings), &message()).await, DENIED, "{host}");
        assert_eq!(*asked.lock().unwrap(), [HERE], "{host}");
    }
    assert_eq!(receiver.seen().connections, 0);
}

#[tokio::test]
async fn of_several_addresses_only_allowed_ones_are_dialled() {
    let receiver = Receiver::start(Answer::status("200 OK", "", "")).await;
    let settings = settings(ChannelKind::Webhook, &format!("http://hooks.test:{}/", receiver.port()));
    let (sender, asked) = sender(&[THERE, HERE], &[THERE]);
    assert_eq!(sender.send(&channel(&settings), &message()).await, Outcome::Delivered);
    assert_eq!(*asked.lock().unwrap(), [THERE, HERE]);
    assert_eq!(receiver.seen().connections, 1);
}

#[tokio::test]
async fn an_address_where_nobody_listens_is_followed_by_the_next() {
    let receiver = Receiver::start(Answer::status("200 OK", "", "")).await;
    let settings = settings(ChannelKind::Webhook, &format!("http://hooks.test:{}/", receiver.port()));
    let (sender, _) = sender(&[THERE, HERE], &[]);
    assert_eq!(sender.send(&channel(&settings), &message()).await, Outcome::Delivered);
}

#[tokio::test]
async fn a_name_without_address_is_tried_again_later() {
    let (sender, asked) = sender(&[], &[]);
    let outcome = sender.send(&channel(&settings(ChannelKind::Webhook, "http://hooks.test/")), &message()).await;
    assert_eq!(outcome, Outcome::Later { after: None, code: None, why: Why::NotResolved });
    assert!(asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_mail_server_is_vetted_as_well() {
    let (sender, _) = sender(&[HERE], &[HERE]);
    let settings = settings(ChannelKind::Email, "smtp://mail.test:2525");
    assert_eq!(sender.send(&channel(&settings), &message()).await, DENIED);
}

/// A proxy that answers one request like this, and then passes everything on to the receiver; what it was asked comes back.
async fn proxy(answer: &'static str, target: u16) -> (u16, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind((HERE, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let task = tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.unwrap();
        let head = read_head(&mut client).await;
        client.write_all(answer.as_bytes()).await.unwrap();
        if answer.contains(" 200 ") {
            let mut server = tokio::net::TcpStream::connect((HERE, target)).await.unwrap();
            let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
        }
        head
    });
    (port, task)
}

fn through(port: u16, address: &str) -> Settings {
    let proxy = secret(&format!("http://me:pass@127.0.0.1:{port}"));
    Settings { secret: Secrets { proxy, ..Secrets::default() }, ..settings(ChannelKind::Webhook, address) }
}

#[tokio::test]
async fn a_proxy_passes_tls_on_and_sees_only_where_it_goes() {
    let authority = Authority::new("Good");
    let receiver =
        Receiver::start_tls(Answer::status("200 OK", "", ""), authority.issue(&Leaf::new(["hooks.test"]))).await;
    let (port, asked) = proxy("HTTP/1.1 200 Connection established\r\n\r\n", receiver.port()).await;
    let mut settings = through(port, "https://hooks.test/secret");
    settings.tls.ca_pem = Some(authority.root_pem());
    let (sender, vetted) = sender(&[], &[]);
    assert_eq!(sender.send(&channel(&settings), &message()).await, Outcome::Delivered);
    let expected =
        "CONNECT hooks.test:443 HTTP/1.1\r\nHost: hooks.test:443\r\nProxy-Authorization: Basic bWU6cGFzcw==\r\n\r\n";
    assert_eq!(asked.await.unwrap(), expected);
    assert_eq!(*vetted.lock().unwrap(), [HERE]);
    assert!(receiver.only_request().starts_with("POST /secret HTTP/1.1\r\n"));
}

#[tokio::test]
async fn a_proxy_that_says_no_is_asked_again_later() {
    let (port, _asked) = proxy("HTTP/1.1 407 No\r\nproxy-authenticate: Basic\r\n\r\n", 0).await;
    let (sender, _) = sender(&[], &[]);
    let outcome = sender.send(&channel(&through(port, "https://hooks.test/")), &message()).await;
    assert_eq!(outcome, Outcome::Later { after: None, code: Some(407), why: Why::ProxyRefused });
}

#[tokio::test]
async fn a_proxy_is_no_way_around_what_is_denied() {
    let (sender_one, _) = sender(&[], &[HERE]);
    assert_eq!(sender_one.send(&channel(&through(1, "https://hooks.test/")), &message()).await, DENIED);
    let (sender_two, asked) = sender(&[], &[THERE]);
    assert_eq!(sender_two.send(&channel(&through(1, "https://127.0.0.2/")), &message()).await, DENIED);
    assert_eq!(*asked.lock().unwrap(), [THERE]);
}

#[tokio::test]
async fn the_systems_names_are_those_of_its_hosts_file() {
    let names = SystemNames::load().unwrap();
    let found = names.addresses("localhost").await.unwrap();
    assert!(!found.is_empty() && found.iter().all(IpAddr::is_loopback), "{found:?}");
}
