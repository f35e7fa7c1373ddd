//! Dialogues with scripted servers.
#![allow(clippy::unwrap_used, clippy::panic)]

mod injections;
mod limits;
mod refusals;
mod script;
mod splits;

use script::{Said, play};

use super::*;

/// For each protocol what a good server says, step by step, and what it hears in between.
pub(super) fn good(protocol: StartTls) -> Vec<Said> {
    use Said::{Hears, Says};
    let text = |lines: &'static str| lines.as_bytes().to_vec();
    match protocol {
        StartTls::Smtp => vec![
            Says(text("220-mail.test ESMTP\r\n220 ready\r\n")),
            Hears(text("EHLO sslmonitor.invalid\r\n")),
            Says(text("250-mail.test\r\n250-SIZE 1000\r\n250-starttls\r\n250 HELP\r\n")),
            Hears(text("STARTTLS\r\n")),
            Says(text("220 2.0.0 go ahead\r\n")),
        ],
        StartTls::Lmtp => vec![
            Says(text("220 mail.test LMTP\r\n")),
            Hears(text("LHLO sslmonitor.invalid\r\n")),
            Says(text("250-mail.test\r\n250 STARTTLS\r\n")),
            Hears(text("STARTTLS\r\n")),
            Says(text("220 go ahead\r\n")),
        ],
        StartTls::Imap => vec![
            Says(text("* OK [CAPABILITY IMAP4rev1] ready\r\n")),
            Hears(text("a1 CAPABILITY\r\n")),
            Says(text("* capability IMAP4rev1 StartTLS AUTH=PLAIN\r\na1 OK done\r\n")),
            Hears(text("a2 STARTTLS\r\n")),
            Says(text("* OK still here\r\nA2 ok begin\r\n")),
        ],
        StartTls::Pop3 => vec![Says(text("+OK ready\r\n")), Hears(text("STLS\r\n")), Says(text("+OK begin\r\n"))],
        StartTls::Ftp => vec![
            Says(text("120 soon\r\n220-Welcome\r\n  to this server\r\n230-or not\r\n220 ready\r\n")),
            Hears(text("AUTH TLS\r\n")),
            Says(text("234 AUTH TLS OK\r\n")),
        ],
        StartTls::Ldap => vec![
            Hears(b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037".to_vec()),
            // With longer lengths than needed, as Active Directory sends them.
            Says(
                b"\x30\x84\0\0\0\x28\x02\x01\x01\x78\x84\0\0\0\x1f\x0a\x01\0\x04\0\x04\0\x8a\x161.3.6.1.4.1.1466.20037"
                    .to_vec(),
            ),
        ],
        StartTls::Postgresql => vec![Hears(vec![0, 0, 0, 8, 4, 210, 22, 47]), Says(text("S"))],
        StartTls::Mysql => vec![
            Says(mysql_greeting(0xffff)),
            Hears([&[32, 0, 0, 1, 1, 0x8a, 8, 0, 0, 0, 0, 1, 45][..], &[0; 23]].concat()),
        ],
        StartTls::XmppClient | StartTls::XmppServer => {
            let kind = if protocol == StartTls::XmppClient { "client" } else { "server" };
            let hello = format!(
                "<?xml version='1.0'?><stream:stream xmlns='jabber:{kind}' \
                 xmlns:stream='http://etherx.jabber.org/streams' to='a.test' version='1.0'>"
            );
            vec![
                Hears(hello.into_bytes()),
                Says(text(
                    "<?xml version='1.0'?><stream:stream xmlns:stream='http://etherx.jabber.org/streams' id='>/' \
                     xmlns=\"jabber:client\" version='1.0'>\n<stream:features><starttls \
                     xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls><mechanisms><mechanism>it's \
                     PLAIN</mechanism></mechanisms></stream:features>",
                )),
                Hears(text("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")),
                Says(text(" <proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")),
            ]
        }
        StartTls::Sieve => vec![
            Says(text(
                "\"IMPLEMENTATION\" {10+}\r\nOK\r\n\"a\r\n  \r\n\"sasl\" \"PLAIN\"\r\n\"StartTLS\"\r\nOK \"ready\"\r\n",
            )),
            Hears(text("STARTTLS\r\n")),
            Says(text("OK {5}\r\nbegin\r\n")),
        ],
        StartTls::Nntp => {
            vec![Says(text("201 no posting\r\n")), Hears(text("STARTTLS\r\n")), Says(text("382 continue\r\n"))]
        }
    }
}

/// The greeting of a MariaDB server with these capabilities (their lower half).
pub(super) fn mysql_greeting(capabilities: u16) -> Vec<u8> {
    let body = [
        &[10][..],
        b"5.5.5-10.11.6-MariaDB\0",
        &[7, 0, 0, 0],
        b"challeng\0",
        &capabilities.to_le_bytes(),
        &[45, 2, 0, 0xff, 0x81, 21],
        &[0; 10],
        b"and the rest\0mysql_native_password\0",
    ]
    .concat();
    [&[u8::try_from(body.len()).unwrap(), 0, 0, 0][..], &body].concat()
}

pub(super) const ALL: [StartTls; 12] = [
    StartTls::Smtp,
    StartTls::Lmtp,
    StartTls::Imap,
    StartTls::Pop3,
    StartTls::Ftp,
    StartTls::Ldap,
    StartTls::Postgresql,
    StartTls::Mysql,
    StartTls::XmppClient,
    StartTls::XmppServer,
    StartTls::Sieve,
    StartTls::Nntp,
];

/// A failure with this reason.
pub(super) fn because(reason: FailureReason, detail: impl Into<String>) -> Result<(), Failure> {
    Err(Failure { reason, stage: Stage::StartTls, detail: detail.into() })
}

#[tokio::test(start_paused = true)]
async fn a_good_server_of_every_protocol_gives_its_go_ahead_and_hears_nothing_else() {
    for protocol in ALL {
        let (outcome, unheard) = play(protocol, good(protocol)).await;
        assert_eq!((outcome, unheard), (Ok(()), Vec::new()), "{protocol:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn lines_may_end_without_a_carriage_return() {
    for protocol in [StartTls::Smtp, StartTls::Imap, StartTls::Pop3, StartTls::Ftp, StartTls::Nntp] {
        let bare = good(protocol).into_iter().map(|step| match step {
            Said::Says(bytes) => Said::Says(bytes.into_iter().filter(|byte| *byte != b'\r').collect()),
            step => step,
        });
        assert_eq!(play(protocol, bare.collect()).await, (Ok(()), Vec::new()), "{protocol:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_proceed_may_be_closed_by_a_tag_of_its_own() {
    let mut steps = good(StartTls::XmppClient);
    steps.pop();
    steps.push(Said::Says(b"<p:proceed xmlns:p='urn:ietf:params:xml:ns:xmpp-tls'></p:proceed>".to_vec()));
    assert_eq!(play(StartTls::XmppClient, steps).await, (Ok(()), Vec::new()));
}
