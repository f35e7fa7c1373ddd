//! Servers that never come to an end.

use super::{
    Said::{Endlessly, Hears, Says},
    *,
};

async fn played(protocol: StartTls, steps: Vec<Said>) -> Result<(), Failure> {
    let start = Instant::now();
    let (outcome, heard) = play(protocol, steps).await;
    assert_eq!((start.elapsed(), heard), (std::time::Duration::ZERO, Vec::new()), "no deadline was needed");
    outcome
}

fn failed(detail: &str) -> Result<(), Failure> {
    because(FailureReason::StartTlsFailed, detail)
}

#[tokio::test(start_paused = true)]
async fn a_line_without_end_is_not_read_on() {
    let quoted = format!("220 {}…", "x".repeat(57));
    let detail = format!("where its greeting was awaited, the server sent a line of more than 2048 bytes: {quoted}");
    for protocol in [StartTls::Smtp, StartTls::Imap, StartTls::Pop3, StartTls::Ftp, StartTls::Sieve, StartTls::Nntp] {
        let steps = vec![Says(b"220 ".to_vec()), Endlessly(vec![b'x'; 4096])];
        assert_eq!(played(protocol, steps).await, failed(&detail), "{protocol:?}");
        let ten_megabytes = [b"220 ", &vec![b'x'; 10_000_000][..]].concat();
        assert_eq!(played(protocol, vec![Says(ten_megabytes)]).await, failed(&detail), "{protocol:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn lines_without_end_are_not_read_on() {
    for (protocol, line) in [
        (StartTls::Smtp, "220-x\r\n"),
        (StartTls::Lmtp, "220-x\r\n"),
        (StartTls::Ftp, "220-x\r\n"),
        (StartTls::Ftp, "120 wait\r\n"),
        (StartTls::Sieve, "\"x\"\r\n"),
        (StartTls::Sieve, "{0}\r\n"),
    ] {
        let expected = failed("where its greeting was awaited, the server sent more than 100 lines");
        assert_eq!(played(protocol, vec![Endlessly(line.into())]).await, expected, "{protocol:?}");
    }
    let steps =
        vec![Says(b"* OK\r\n".to_vec()), Hears(b"a1 CAPABILITY\r\n".to_vec()), Endlessly(b"* 1 EXISTS\r\n".to_vec())];
    let expected = failed("where its answer to CAPABILITY was awaited, the server sent more than 100 lines");
    assert_eq!(played(StartTls::Imap, steps).await, expected);
}

#[tokio::test(start_paused = true)]
async fn all_lines_together_are_bounded() {
    let line = format!("220-{}\r\n", "x".repeat(2000));
    let expected = failed("where its greeting was awaited, the server sent more than 64 KiB");
    assert_eq!(played(StartTls::Smtp, vec![Endlessly(line.into())]).await, expected);
}

#[tokio::test(start_paused = true)]
async fn a_line_may_be_as_long_as_the_limit() {
    for (length, good) in [(2048, true), (2049, false)] {
        let line = format!("+OK {}\r\n", "x".repeat(length - 6));
        let outcome = script::read(StartTls::Pop3, [line.into_bytes(), b"+OK\r\n".to_vec()]).await.0;
        assert_eq!(outcome.is_ok(), good, "{outcome:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn as_many_lines_as_the_limit_may_come() {
    for (lines, good) in [(98, true), (99, false)] {
        let text = format!("{}220 x\r\n234 go\r\n", "220-x\r\n".repeat(lines));
        let outcome = script::read(StartTls::Ftp, [text.into_bytes()]).await.0;
        assert_eq!(outcome.is_ok(), good, "{outcome:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn literals_are_bounded() {
    let line = failed("where its greeting was awaited, the server sent a line of more than 2048 bytes");
    let literal = failed("where its greeting was awaited, the server sent a literal of more than 2048 bytes");
    let said = |text: &str| vec![Says(text.as_bytes().to_vec()), Endlessly(b"x".to_vec())];
    assert_eq!(played(StartTls::Sieve, said("\"A\" {2049}\r\n")).await, literal);
    assert_eq!(played(StartTls::Sieve, said("\"A\" {99999999999999999999999+}\r\n")).await, literal);
    let long = format!("\"A\" {{2048}}\r\n{}\r\n", "x".repeat(2048));
    assert_eq!(played(StartTls::Sieve, said(&long)).await, line);
}

#[tokio::test(start_paused = true)]
async fn binary_messages_are_bounded() {
    let ldap = Hears(b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037".to_vec());
    let endless = || Endlessly(vec![b'x'; 4096]);
    let steps = vec![ldap, Says(b"\x30\x84\x7f\xff\xff\xff".to_vec()), endless()];
    let expected = failed("where its answer to StartTLS was awaited, the server sent a message of more than 16 KiB");
    assert_eq!(played(StartTls::Ldap, steps).await, expected);

    let steps = vec![Says(b"\xff\xff\xff\0\n".to_vec()), endless()];
    let expected = failed("what answered is not MySQL: ���\\u{0}");
    assert_eq!(played(StartTls::Mysql, steps).await, expected);

    let steps = vec![Hears(vec![0, 0, 0, 8, 4, 210, 22, 47]), Says(b"E\x7f\xff\xff\xff\n".to_vec()), endless()];
    let expected = failed("what answered is not PostgreSQL: E\\u{7f}���");
    assert_eq!(played(StartTls::Postgresql, steps).await, expected);
}

#[tokio::test(start_paused = true)]
async fn tags_are_bounded() {
    let opened = || good(StartTls::XmppClient).into_iter().take(1).chain([Says(b"<stream:stream>".to_vec())]);
    let features = || opened().chain([Says(b"<stream:features>".to_vec())]);
    let quoted = format!("<{}…", "x".repeat(60));
    let long = format!("where its stream was awaited, the server sent a tag of more than 2048 bytes: {quoted}");
    let steps = features().chain([Says(b"<".to_vec()), Endlessly(vec![b'x'; 4096])]).collect();
    assert_eq!(played(StartTls::XmppClient, steps).await, failed(&long));

    let quoted = format!("<a b='{}…", ">".repeat(55));
    let long = format!("where its stream was awaited, the server sent a tag of more than 2048 bytes: {quoted}");
    let steps = features().chain([Says(b"<a b='".to_vec()), Endlessly(vec![b'>'; 4096])]).collect();
    assert_eq!(played(StartTls::XmppClient, steps).await, failed(&long));

    let steps = features().chain([Endlessly(b"<a>".to_vec())]).collect();
    let expected = failed("where its stream was awaited, the server sent more than 64 KiB");
    assert_eq!(played(StartTls::XmppClient, steps).await, expected);
}
