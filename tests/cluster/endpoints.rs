//! Several addresses behind one name: what each serves, and whether they agree.

use std::net::{IpAddr, SocketAddr};

use hickory_proto::{
    op::Message,
    rr::{RData, Record, RecordType},
};
use serde_json::{Value, json};
use ssl_monitor_operator::api::{EarliestExpiryStatus, EndpointStatus, SslMonitor};
use tokio::{net::UdpSocket, task::JoinHandle};
use xtask::farm::{Issued, ServerOptions, TlsServer};

use crate::{
    scene::{ALL_WELL, DOMAIN, Scene, conditions, message},
    support::{Cluster, loopback},
};

/// A DNS server that knows these IPv4 addresses of every name.
pub(crate) struct Dns {
    pub(crate) address: SocketAddr,
    task: JoinHandle<()>,
}

impl Dns {
    pub(crate) async fn knowing(addresses: [IpAddr; 2]) -> Self {
        let socket = UdpSocket::bind(loopback()).await.unwrap();
        let address = socket.local_addr().unwrap();
        let task = tokio::spawn(async move {
            let mut buffer = [0; 4096];
            loop {
                let (read, peer) = socket.recv_from(&mut buffer).await.unwrap();
                let bytes = answer(Message::from_vec(&buffer[..read]).unwrap(), addresses);
                socket.send_to(&bytes, peer).await.unwrap();
            }
        });
        Self { address, task }
    }
}

impl Drop for Dns {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn answer(question: Message, addresses: [IpAddr; 2]) -> Vec<u8> {
    let (name, kind) = (question.queries[0].name().clone(), question.queries[0].query_type());
    let mut response = question.into_response();
    response.edns = None;
    let records = addresses.into_iter().filter_map(|address| match address {
        IpAddr::V4(address) if kind == RecordType::A => Some(RData::A(address.into())),
        _ => None,
    });
    response.add_answers(records.map(|data| Record::from_rdata(name.clone(), 0, data)));
    response.to_vec().unwrap()
}

/// The endpoints of a status, without how long each took, which is a number for each.
fn endpoints(monitor: &SslMonitor) -> Vec<EndpointStatus> {
    let mut endpoints = monitor.status.as_ref().unwrap().endpoints.clone();
    for endpoint in &mut endpoints {
        assert!(endpoint.response_time_ms.take().is_some());
    }
    endpoints
}

/// A server of each certificate, at the same port of two addresses, and a DNS server that knows both.
pub(crate) async fn pair(one: Issued, other: Issued) -> (TlsServer, TlsServer, Dns) {
    let first = TlsServer::start(loopback(), one, ServerOptions::default()).await.unwrap();
    let beside = SocketAddr::new(loopback().ip(), first.address().port());
    let second = TlsServer::start(beside, other, ServerOptions::default()).await.unwrap();
    let dns = Dns::knowing([second.address().ip(), first.address().ip()]).await;
    (first, second, dns)
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn a_key_and_an_issuer_are_expected_of_every_address() {
    let cluster = Cluster::start().await;
    let scene = Scene::new(&cluster).await;
    let (first, second, dns) = pair(scene.expiring(), scene.valid()).await;
    let resolver = dns.address.to_string();
    let _operator = cluster.start_operator(&["--allow-cidr", "127.0.0.0/8", "--resolver", &resolver]).await;
    scene.monitor("web", first.address(), json!({"address": null, "alertDays": 5})).await;
    let shown = scene.settled("web").await.status.unwrap().certificate.unwrap();
    let (key, issuer) = (shown.public_key.unwrap(), shown.issuer.unwrap());

    let expected = async |expect: Value| {
        scene.edit("web", json!({"spec": {"expect": expect}})).await;
        let monitor = scene.settled("web").await;
        let line = conditions(&monitor).into_iter().find(|line| line.starts_with("ServedCertificateMatches")).unwrap();
        (line, message(&monitor, "ServedCertificateMatches").to_owned())
    };
    let (line, told) = expected(json!({"publicKeys": [key]})).await;
    assert_eq!(line, "ServedCertificateMatches=False UnexpectedPublicKey");
    assert!(told.starts_with(&format!("{} serves one with the public key sha256//", second.address().ip())), "{told}");
    assert!(told.ends_with("=, which is not among expect.publicKeys") && !told.contains(&key), "{told}");
    let (line, _) = expected(json!({"publicKeys": null, "issuers": [issuer]})).await;
    assert_eq!(line, "ServedCertificateMatches=True Matches");
    let (line, told) = expected(json!({"issuers": ["Somebody"]})).await;
    assert_eq!(line, "ServedCertificateMatches=False UnexpectedIssuer");
    for server in [&first, &second] {
        assert!(told.contains(&format!("{} serves one issued by ", server.address().ip())), "{told}");
    }
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn two_addresses_that_serve_different_certificates_are_told_until_the_rollout_has_ended() {
    let cluster = Cluster::start().await;
    let scene = Scene::new(&cluster).await;
    let (old, new) = (scene.expiring(), scene.valid());
    let (first, second, dns) = pair(old, new.clone()).await;
    let resolver = dns.address.to_string();
    let _operator = cluster.start_operator(&["--allow-cidr", "127.0.0.0/8", "--resolver", &resolver]).await;

    scene.monitor("web", first.address(), json!({"address": null, "alertDays": 5})).await;
    let monitor = scene.settled("web").await;
    let differ = "EndpointsConsistent=False CertificatesDiffer";
    assert_eq!(conditions(&monitor), [&ALL_WELL[..], &[differ]].concat());
    let seen = endpoints(&monitor);
    let listed = |server: &TlsServer, of: &EndpointStatus| EndpointStatus {
        address: server.address().to_string(),
        result: "Valid".to_owned(),
        ..of.clone()
    };
    assert_eq!(seen, [listed(&first, &seen[0]), listed(&second, &seen[1])]);
    let told = [&first, &second].into_iter().zip(&seen).map(|(server, endpoint)| {
        let fingerprint = endpoint.fingerprint.clone().unwrap();
        let until = endpoint.valid_to.clone().unwrap().0;
        let short = &fingerprint[.."SHA256:".len() + 23];
        format!("{} serves {short}…, valid until {until}", server.address().ip())
    });
    let told: Vec<String> = told.collect();
    assert_eq!(message(&monitor, "EndpointsConsistent"), told.join("; "));
    assert_ne!(seen[0].fingerprint, seen[1].fingerprint);
    let end = seen[0].valid_to.clone().unwrap();
    let told = format!("the certificate at {} expires on {} (alertDays: 5)", first.address(), end.0);
    assert_eq!(message(&monitor, "CertificateExpiring"), told);
    let status = monitor.status.unwrap();
    let earliest = EarliestExpiryStatus { address: first.address().to_string(), valid_to: end };
    assert_eq!(status.earliest_expiry, Some(earliest));
    assert_eq!((status.endpoint_count, status.summary.as_deref()), (Some(2), Some("CertificatesDiffer")));

    first.serve(new);
    let monitor = scene.check("web", "rolled out").await;
    assert_eq!(conditions(&monitor), [&ALL_WELL[..], &["EndpointsConsistent=True Consistent"]].concat());
    assert_eq!(endpoints(&monitor), [listed(&first, &seen[1]), listed(&second, &seen[1])]);
    let status = monitor.status.unwrap();
    assert_eq!((status.summary.as_deref(), status.earliest_expiry), (Some("Valid"), None));
    let wanted = vec![Some(DOMAIN.to_owned()); 2];
    assert_eq!((first.server_names(), second.server_names()), (wanted.clone(), wanted));
}
