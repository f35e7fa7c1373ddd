//! Mail servers that are told what they may be told, and those that misbehave.

use std::sync::{Arc, Mutex};

use ssl_monitor_operator::notify::{ChannelKind, Outcome, Secrets, Settings, TlsFiles, Why};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader},
    net::TcpListener,
};
use xtask::farm::{Authority, Leaf, acceptor};

use crate::support::{channel, message, secret, sender, settings};

/// A mail server that answers each line by the first rule whose beginning it has, after this greeting; and all that it was told.
pub(crate) struct Server {
    port: u16,
    authority: Authority,
    said: Arc<Mutex<Vec<String>>>,
    task: tokio::task::JoinHandle<()>,
}

pub(crate) type Rules = &'static [(&'static str, &'static str)];

pub(crate) const GOOD: Rules = &[
    ("EHLO", "250-mail.test\r\n250-STARTTLS\r\n250 AUTH PLAIN LOGIN\r\n"),
    ("STARTTLS", "220 go\r\n"),
    ("AUTH", "235 hello\r\n"),
    ("DATA", "354 go\r\n"),
    (".\r\n", "250 taken\r\n"),
    ("MAIL", "250 ok\r\n"),
    ("RCPT", "250 ok\r\n"),
];

impl Server {
    pub(crate) async fn start(first: Rules, then: Rules) -> Self {
        let authority = Authority::new("Mail");
        let issued = authority.issue(&Leaf::new(["127.0.0.1"]));
        let acceptor = acceptor(issued).unwrap();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let said = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&said);
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let rules = [first, then].concat();
                let _ = stream.write_all(b"220 mail.test\r\n").await;
                if talk(&mut stream, &rules, &noted).await
                    && let Ok(mut stream) = acceptor.accept(stream).await
                {
                    noted.lock().unwrap().push("(TLS)\r\n".to_owned());
                    talk(&mut stream, &rules, &noted).await;
                }
            }
        });
        Self { port, authority, said, task }
    }

    pub(crate) fn settings(&self) -> Settings {
        Settings {
            tls: TlsFiles { ca_pem: Some(self.authority.root_pem()), ..TlsFiles::default() },
            ..settings(ChannelKind::Email, &format!("smtp://127.0.0.1:{}", self.port))
        }
    }

    async fn told(&self, settings: &Settings) -> Outcome {
        sender().send(&channel(settings), &message()).await
    }

    /// The lines it was told, but those of the mail itself.
    fn commands(&self) -> Vec<String> {
        let said = self.said.lock().unwrap();
        let known = ["EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA\r", "QUIT", "(TLS)", ".\r"];
        said.iter()
            .filter(|line| known.iter().any(|word| line.starts_with(word)))
            .map(|line| line.trim_end().to_owned())
            .collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Until the end, or until TLS is to begin.
async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    rules: &[(&str, &str)],
    said: &Mutex<Vec<String>>,
) -> bool {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    while stream.read_line(&mut line).await.is_ok_and(|read| read > 0) {
        said.lock().unwrap().push(line.clone());
        if let Some((_, answer)) = rules.iter().find(|(start, _)| line.starts_with(start)) {
            let _ = stream.write_all(answer.as_bytes()).await;
            if line.starts_with("STARTTLS") && answer.starts_with("220") {
                return true;
            }
        }
        line.clear();
    }
    false
}

#[tokio::test]
async fn nothing_is_said_in_the_clear_but_that_tls_is_wanted() {
    let server = Server::start(&[], GOOD).await;
    let login = Secrets { username: secret("me"), password: secret("pass"), ..Secrets::default() };
    let settings =
        Settings { secret: login, channel: Some("a@example.com, b@example.com".to_owned()), ..server.settings() };
    assert_eq!(server.told(&settings).await, Outcome::Delivered);
    let expected = [
        "EHLO [127.0.0.1]",
        "STARTTLS",
        "(TLS)",
        "EHLO [127.0.0.1]",
        "AUTH PLAIN AG1lAHBhc3M=",
        "MAIL FROM:<ssl@example.com>",
        "RCPT TO:<a@example.com>",
        "RCPT TO:<b@example.com>",
        "DATA",
        ".",
    ];
    let commands = server.commands();
    assert_eq!(commands[..expected.len()], expected);
    assert!(commands.len() == expected.len() || commands[expected.len()..] == ["QUIT"]);
}

#[tokio::test]
async fn what_a_mail_server_says_decides_whether_to_come_again() {
    let later = |code: Option<u16>, why| Outcome::Later { after: None, code, why };
    let refused = |code, why| Outcome::Refused { code: Some(code), why };
    let no_starttls: Rules = &[("EHLO", "250 mail.test\r\n")];
    for (rules, expected) in [
        (no_starttls, later(None, Why::NoStartTls)),
        (&[("STARTTLS", "454 not now\r\n")], later(Some(454), Why::NoStartTls)),
        // Somebody on the way adds an answer for after the handshake.
        (&[("STARTTLS", "220 go\r\n250 injected\r\n")], later(None, Why::MalformedAnswer)),
        (&[("AUTH", "535 no T0KEN\r\n")], refused(535, Why::LoginRefused)),
        (&[("AUTH", "454 later\r\n")], later(Some(454), Why::LoginRefused)),
        (&[("MAIL", "451 later\r\n")], later(Some(451), Why::MailRefused)),
        (&[("MAIL", "550 no\r\n")], refused(550, Why::MailRefused)),
        (&[("RCPT TO:<a", "550 no\r\n")], Outcome::Delivered),
        (&[("RCPT TO:<a", "450 greylisted\r\n")], later(Some(450), Why::MailRefused)),
        (&[("RCPT", "550 no\r\n")], refused(550, Why::MailRefused)),
        (&[("RCPT TO:<b", "251 forwarded\r\n")], Outcome::Delivered),
        (&[("DATA", "554 no\r\n")], refused(554, Why::MailRefused)),
        (&[(".\r\n", "452 full\r\n")], later(Some(452), Why::MailRefused)),
        (&[(".\r\n", "552 too big\r\n")], refused(552, Why::MailRefused)),
        (&[("MAIL", "nonsense\r\n")], later(None, Why::MalformedAnswer)),
    ] {
        let server = Server::start(rules, GOOD).await;
        let login = Secrets { username: secret("me"), password: secret("pass"), ..Secrets::default() };
        let settings =
            Settings { secret: login, channel: Some("a@example.com, b@example.com".to_owned()), ..server.settings() };
        assert_eq!(server.told(&settings).await, expected, "{rules:?}");
        let secret_in_the_clear =
            server.commands().iter().take_while(|line| *line != "(TLS)").any(|line| line.starts_with("AUTH"));
        assert!(!secret_in_the_clear, "{rules:?}");
    }
}

#[tokio::test]
async fn an_answer_without_end_is_left() {
    let endless: &'static str = Box::leak("250-more\r\n".repeat(10_000).into_boxed_str());
    let long: &'static str = Box::leak(format!("250 {}", "x".repeat(1 << 20)).into_boxed_str());
    for answer in [endless, long] {
        let rules: Rules = Box::leak(Box::new([("EHLO", answer)]));
        let server = Server::start(rules, GOOD).await;
        let expected = Outcome::Later { after: None, code: None, why: Why::MalformedAnswer };
        assert_eq!(server.told(&server.settings()).await, expected);
    }
}

#[tokio::test]
async fn a_mail_server_whose_certificate_is_not_trusted_gets_nothing() {
    let server = Server::start(&[], GOOD).await;
    let mut settings = server.settings();
    settings.tls.ca_pem = Some(Authority::new("Other").root_pem());
    let expected = Outcome::Later { after: None, code: None, why: Why::NotTrusted };
    assert_eq!(server.told(&settings).await, expected);
    assert_eq!(server.commands(), ["EHLO [127.0.0.1]", "STARTTLS"]);
}
