//! Real receivers: what they say they have got.

use std::fs;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use ssl_monitor_operator::notify::{ChannelKind, Kind, Message, Outcome, Secrets, Settings, TlsFiles, Why};
use xtask::{
    farm::{Authority, Leaf, pem},
    peers::Peers,
    supervise::Launch,
};

use crate::{
    peer::{Peer, alertmanager, directory, eventually_firing, free_ports},
    support::{channel, key_pem, message, secret, sender, settings},
    trial::{self, ALLOWED, trial},
};

fn problem(domain: &str, lapses_in: i64) -> Message {
    let now = Timestamp::now();
    let mut problem = Message { at: now, lapses: Some(now + SignedDuration::from_secs(lapses_in)), ..message() };
    domain.clone_into(&mut problem.subject.domain);
    problem
}

#[tokio::test]
#[ignore = "needs Alertmanager and Mailpit: cargo xtask test"]
async fn alertmanager_fires_for_as_long_as_it_is_told_to_and_resolves() {
    let peer = alertmanager().await;
    let channel = channel(&settings(ChannelKind::Alertmanager, &format!("http://127.0.0.1:{}/", peer.port)));
    let tell = async |message: &Message| {
        assert_eq!(sender().send(&channel, message).await, Outcome::Delivered, "{}", peer.process.log_tail(20));
    };
    let many = Message { parts: vec![problem("kept.test", 4), problem("lapses.test", 4)], ..message() };
    tell(&many).await;
    eventually_firing(&peer, &["kept.test", "lapses.test"]).await;
    let alert = &peer.json("/api/v2/alerts?filter=domain%3D%22kept.test%22").await[0];
    let labels = json!({
        "alertname": "SslMonitorExpired", "domain": "kept.test", "namespace": "shop", "port": "443", "severity": "critical",
        "sslmonitor": "web",
    });
    assert_eq!(alert["labels"], labels);
    assert_eq!(alert["annotations"]["summary"], "the certificate of shop.example.com has expired");

    tell(&Message { kind: Kind::Reminder, ..problem("kept.test", 600) }).await;
    // When the other one has gone, the first lapse of both is past.
    eventually_firing(&peer, &["kept.test"]).await;
    tell(&Message { kind: Kind::Recovery, lapses: None, ..problem("kept.test", 0) }).await;
    eventually_firing(&peer, &[]).await;
}

// === Mailpit ===

/// Mailpit with a certificate of this authority, STARTTLS or TLS at once, and one user; and its SMTP port.
async fn mailpit(authority: &Authority, how: &str) -> (Peer, u16) {
    let (directory, [port, smtp]) = (directory(), free_ports());
    let issued = authority.issue(&Leaf::new(["127.0.0.1"]));
    let file = |name: &str, text: &str| {
        let path = directory.join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let launch = Launch::new("mailpit", &Peers::find().unwrap().mailpit)
        .arg(format!("--listen=127.0.0.1:{port}"))
        .arg(format!("--smtp=127.0.0.1:{smtp}"))
        .arg(format!("--database={}", directory.join("mail.db").display()))
        .args(["--disable-version-check", "--smtp-strict-rfc-headers", "--smtp-disable-rdns", how])
        .arg("--smtp-auth-file")
        .arg(file("users", "me:pass\n"))
        .arg("--smtp-tls-cert")
        .arg(file("tls.crt", &pem(&issued.chain)))
        .arg("--smtp-tls-key")
        .arg(file("tls.key", &key_pem(&issued)));
    (Peer::start(launch, &directory, port, "/readyz").await, smtp)
}

fn mail(address: &str, authority: &Authority, password: &str) -> Settings {
    Settings {
        channel: Some("Öps <ops@example.com>, b@example.org".to_owned()),
        username: Some("Monitor <ssl@example.net>".to_owned()),
        secret: Secrets { username: secret("me"), password: secret(password), ..Secrets::default() },
        tls: TlsFiles { ca_pem: Some(authority.root_pem()), ..TlsFiles::default() },
        ..settings(ChannelKind::Email, address)
    }
}

#[tokio::test]
#[ignore = "needs Alertmanager and Mailpit: cargo xtask test"]
async fn a_mail_server_has_the_mail_as_it_was_sent() {
    let authority = Authority::new("Mail");
    let (peer, smtp) = mailpit(&authority, "--smtp-require-starttls").await;
    let settings = mail(&format!("smtp://127.0.0.1:{smtp}"), &authority, "pass");
    let evil = Message {
        title: "<script>alert(1)</script>\r\nBcc: x@example.com".to_owned(),
        detail: ".\r\n.\r\nQUIT\r\nMüller & Söhne".to_owned(),
        ..message()
    };
    let outcome = sender().send(&channel(&settings), &evil).await;
    assert_eq!(outcome, Outcome::Delivered, "{}", peer.process.log_tail(20));
    let got = peer.json("/api/v1/message/latest").await;
    assert_eq!(got["Subject"], "🔴 Critical: <script>alert(1)</script>  Bcc: x@example.com");
    assert_eq!(got["From"], json!({"Name": "Monitor", "Address": "ssl@example.net"}));
    let to = json!([{"Name": "Öps", "Address": "ops@example.com"}, {"Name": "", "Address": "b@example.org"}]);
    assert_eq!((&got["To"], &got["Bcc"], &got["Cc"]), (&to, &json!([]), &json!([])));
    let (text, html) = (got["Text"].as_str().unwrap(), got["HTML"].as_str().unwrap());
    assert!(text.contains(".\r\n.\r\nQUIT\r\nMüller & Söhne\r\nWhat to do: Renew it.\r\n"), "{text}");
    assert!(html.contains("&lt;script&gt;") && html.contains("Müller &amp; Söhne"), "{html}");
    assert!(!html.contains("<script>"));

    let recovery = Message { kind: Kind::Recovery, id: "m-2".to_owned(), ..message() };
    assert_eq!(sender().send(&channel(&settings), &recovery).await, Outcome::Delivered);
    let later = peer.json("/api/v1/message/latest/headers").await;
    let first = peer.json(&format!("/api/v1/message/{}/headers", got["ID"].as_str().unwrap())).await;
    assert_eq!(first["References"], later["References"]);
    assert_eq!(first["In-Reply-To"], later["In-Reply-To"]);
    assert_ne!(first["Message-Id"], later["Message-Id"]);
    assert_eq!((first["Importance"].clone(), &later["Importance"]), (json!(["high"]), &Value::Null));
    assert_eq!(peer.json("/api/v1/messages").await["total"], 2);
}

#[tokio::test]
#[ignore = "needs Alertmanager and Mailpit: cargo xtask test"]
async fn a_mail_server_gets_nothing_by_a_wrong_login_or_without_trust() {
    let authority = Authority::new("Mail");
    let (peer, smtp) = mailpit(&authority, "--smtp-require-starttls").await;
    let address = format!("smtp://127.0.0.1:{smtp}");
    let tell = async |settings: Settings| sender().send(&channel(&settings), &message()).await;
    let wrong = tell(mail(&address, &authority, "wrong")).await;
    assert_eq!(wrong, Outcome::Refused { code: Some(535), why: Why::LoginRefused });
    let untrusted = tell(mail(&address, &Authority::new("Other"), "pass")).await;
    assert_eq!(untrusted, Outcome::Later { after: None, code: None, why: Why::NotTrusted });
    let anonymous = Settings { secret: Secrets::default(), ..mail(&address, &authority, "") };
    assert_eq!(tell(anonymous).await, Outcome::Refused { code: Some(530), why: Why::MailRefused });
    assert_eq!(peer.json("/api/v1/messages").await["total"], 0);
}

#[tokio::test]
#[ignore = "needs Alertmanager and Mailpit: cargo xtask test"]
async fn a_mail_server_can_speak_tls_at_once() {
    let authority = Authority::new("Mail");
    let (peer, smtp) = mailpit(&authority, "--smtp-require-tls").await;
    let settings = mail(&format!("smtps://127.0.0.1:{smtp}"), &authority, "pass");
    let outcome = sender().send(&channel(&settings), &message()).await;
    assert_eq!(outcome, Outcome::Delivered, "{}", peer.process.log_tail(20));
    assert_eq!(peer.json("/api/v1/messages").await["total"], 1);
}

// === sslmonitor notify test ===

#[tokio::test]
#[ignore = "needs Alertmanager and Mailpit: cargo xtask test"]
async fn a_trial_shows_in_alertmanager_and_in_the_mailbox() {
    let authority = Authority::new("Mail");
    let (alerts, (mails, smtp)) = (alertmanager().await, mailpit(&authority, "--smtp-require-starttls").await);
    let spec = format!(
        "address: \"smtp://127.0.0.1:{smtp}\", channel: ops@example.com, username: ssl@example.net, \
         secretRef: {{name: login}}, certSecretRef: {{name: login}}"
    );
    let login = [("username", "me"), ("password", "pass"), ("ca.crt", &*authority.root_pem())];
    let manifests = [
        trial::channel("alerts", "alertmanager", &format!("address: \"http://127.0.0.1:{}\"", alerts.port)),
        trial::channel("mail", "email", &spec),
        trial::secret("login", &login),
    ];
    let said = trial(&ALLOWED, &manifests.concat()).await;
    assert_eq!((said.stderr.as_str(), said.code), ("", Some(0)), "{said:?}");
    let alert = &alerts.json("/api/v2/alerts").await[0];
    assert_eq!(
        (&alert["labels"]["alertname"], &alert["labels"]["severity"]),
        (&json!("SslMonitorTest"), &json!("info"))
    );
    let mail = mails.json("/api/v1/message/latest").await;
    assert_eq!(mail["Subject"], "🔔 Test: test of the NotificationChannel default/mail");
}
