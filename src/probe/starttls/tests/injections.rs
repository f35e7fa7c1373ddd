//! What is sent between the go-ahead and TLS (CVE-2011-0411).

use super::{
    Said::{self, Hears, Says},
    *,
};

/// The good script, with this after its last words.
fn with_more(protocol: StartTls, more: &[u8]) -> Vec<Said> {
    let mut steps = good(protocol);
    // MySQL's go-ahead is its greeting.
    let last = steps.iter_mut().rev().find_map(|step| match step {
        Says(bytes) => Some(bytes),
        _ => None,
    });
    last.unwrap().extend_from_slice(more);
    if protocol == StartTls::Mysql {
        steps.truncate(1);
    }
    steps
}

fn owed(protocol: StartTls) -> &'static str {
    match protocol {
        StartTls::Pop3 => "its answer to STLS",
        StartTls::Ftp => "its answer to AUTH TLS",
        StartTls::Ldap => "its answer to StartTLS",
        StartTls::Postgresql => "its answer to SSLRequest",
        StartTls::Mysql => "its greeting",
        StartTls::XmppClient | StartTls::XmppServer => "its answer to starttls",
        _ => "its answer to STARTTLS",
    }
}

#[tokio::test(start_paused = true)]
async fn what_comes_with_the_go_ahead_is_an_injection_in_every_protocol() {
    for protocol in ALL {
        for (more, quoted) in [
            (&b"250 injected\r\nmore"[..], "250 injected"),
            (b"\n", "(an empty line)"),
            // Not even what TLS might take for its own.
            (b"\x16\x03\x03\x00\x04", "\\u{16}\\u{3}\\u{3}\\u{0}\\u{4}"),
        ] {
            let (outcome, heard) = play(protocol, with_more(protocol, more)).await;
            let detail = format!(
                "the server sent more than {} before TLS, which a client may take for protected: {quoted}",
                owed(protocol)
            );
            let expected = (because(FailureReason::StartTlsInjection, detail), Vec::new());
            assert_eq!((outcome, heard), expected, "{protocol:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_answer_to_mysqls_request_is_the_handshakes_to_refuse() {
    let mut steps = good(StartTls::Mysql);
    assert!(matches!(steps.last(), Some(Hears(_))));
    steps.push(Says(b"late".to_vec()));
    assert_eq!(play(StartTls::Mysql, steps).await, (Ok(()), Vec::new()));
}
