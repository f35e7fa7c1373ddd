//! What answered instead of TLS, as far as its first bytes tell for sure.

use crate::probe::text;

/// How much of a greeting is looked at, and how much of it is shown, in bytes.
const LOOKED_AT: usize = 512;
const SHOWN: usize = 64;

/// The OID of LDAP's notice of disconnection (RFC 4511 §4.4.1).
const LDAP_NOTICE: &[u8] = b"1.3.6.1.4.1.1466.20036";

/// The protocol that answered (empty when it is not known), and the word of `tls.startTLS` for it where there is one; `None` when
/// it is TLS, whose records start with a byte from 20 to 24 (RFC 8446 §5.1), or nothing.
pub(in crate::probe) fn protocol(received: &[u8]) -> Option<(&'static str, &'static str)> {
    let head = &received[..received.len().min(LOOKED_AT)];
    // The length of a MySQL packet may look like TLS, its number 0 and version 10 do not.
    if let [_, 0, 0, 0, 10, ..] = head {
        return Some(("MySQL", "mysql"));
    }
    if matches!(head.first(), None | Some(20..=24)) {
        return None;
    }
    Some(of_lines(head).or_else(|| of_bytes(head)).unwrap_or_default())
}

/// How a line begins, what it holds one of (nothing: whatever it holds), the protocol, and its word. The first that fits counts.
const LINES: [(&str, &[&str], &str, &str); 24] = [
    ("HTTP/", &[], "HTTP", ""),
    ("SSH-", &[], "SSH", ""),
    ("RFB ", &[], "VNC", ""),
    ("@RSYNCD", &[], "rsync", ""),
    ("220", &["lmtp"], "LMTP", "lmtp"),
    ("220", &["smtp"], "SMTP", "smtp"),
    ("220", &["ftp"], "FTP", "ftp"),
    ("220", &[], "SMTP or FTP", "smtp or ftp"),
    ("421", &["smtp"], "SMTP", "smtp"),
    ("554", &["smtp"], "SMTP", "smtp"),
    ("200", &["nntp", "internetnews", "news"], "NNTP", "nntp"),
    ("201", &["nntp", "internetnews", "news"], "NNTP", "nntp"),
    ("* OK", &[], "IMAP", "imap"),
    ("* BYE", &[], "IMAP", "imap"),
    ("* PREAUTH", &[], "IMAP", "imap"),
    ("+OK", &[], "POP3", "pop3"),
    ("-ERR", &["unknown command", "protocol error"], "Redis", ""),
    ("-", &["redis", "noauth"], "Redis", ""),
    ("-ERR", &[], "POP3", "pop3"),
    ("\"", &["\"implementation\""], "ManageSieve", "sieve"),
    ("<", &["jabber:server"], "XMPP", "xmpp-server"),
    ("<", &["jabber:", "etherx.jabber.org"], "XMPP", "xmpp-client or xmpp-server"),
    ("<", &[], "XML or HTML", ""),
    ("AMQP", &[], "AMQP", ""),
];

/// Protocols of lines of text.
fn of_lines(head: &[u8]) -> Option<(&'static str, &'static str)> {
    let fits = |start: &str, parts: &[&str]| {
        head.starts_with(start.as_bytes())
            && (parts.is_empty() || parts.iter().any(|part| contains(head, part.as_bytes())))
    };
    LINES.iter().find(|(start, parts, ..)| fits(start, parts)).map(|(.., protocol, starttls)| (*protocol, *starttls))
}

/// Protocols of binary messages.
fn of_bytes(head: &[u8]) -> Option<(&'static str, &'static str)> {
    Some(match head {
        // An error packet (255) in place of the greeting.
        [_, 0, 0, 0, 0xff, ..] => ("MySQL", "mysql"),
        // ErrorResponse, of less than 64 KiB, whose first field is the severity.
        [b'E', 0, 0, _, _, b'S', ..] => ("PostgreSQL", "postgresql"),
        [0x30, ..] if contains(head, LDAP_NOTICE) => ("LDAP", "ldap"),
        // A SETTINGS frame on stream 0 (RFC 9113 §6.5).
        [0, 0, _, 4, 0, 0, 0, 0, 0, ..] => ("HTTP/2 in the clear", ""),
        // A negotiation of options (RFC 854).
        [0xff, 0xfb..=0xfe, ..] => ("Telnet", ""),
        _ => return None,
    })
}

/// Whether these bytes hold that text, in letters of any case; the text is in lower case.
fn contains(head: &[u8], part: &[u8]) -> bool {
    head.windows(part.len()).any(|window| window.eq_ignore_ascii_case(part))
}

/// What of it people can read: the first line, cleaned and cut.
pub(super) fn shown(received: &[u8]) -> String {
    let mut head = &received[..received.len().min(LOOKED_AT)];
    if let [_, 0, 0, 0, 10, greeting @ ..] = head {
        // MySQL: the text is the server's version, up to a NUL.
        head = greeting.split(|byte| *byte == 0).next().unwrap_or_default();
    }
    let line = head.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
    text::clean_to(&String::from_utf8_lossy(line), SHOWN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_greeting_tells_its_protocol_and_what_to_ask_it_for_tls_with() {
        let greetings: [(&[u8], &str, &str); 35] = [
            (b"HTTP/1.1 400 Bad Request\r\n", "HTTP", ""),
            (b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", "SSH", ""),
            (b"RFB 003.008\n", "VNC", ""),
            (b"@RSYNCD: 31.0\n", "rsync", ""),
            (b"220 mail.test ESMTP Postfix\r\n", "SMTP", "smtp"),
            (b"220 mail.test LMTP Dovecot\r\n", "LMTP", "lmtp"),
            (b"554 mail.test ESMTP not accepting messages\r\n", "SMTP", "smtp"),
            (b"220 (vsFTPd 3.0.3)\r\n", "FTP", "ftp"),
            (b"220-Welcome\r\n220 ready\r\n", "SMTP or FTP", "smtp or ftp"),
            (b"* OK [CAPABILITY IMAP4rev1] Dovecot ready.\r\n", "IMAP", "imap"),
            (b"* PREAUTH IMAP4rev1\r\n", "IMAP", "imap"),
            (b"* BYE overloaded\r\n", "IMAP", "imap"),
            (b"+OK Dovecot ready.\r\n", "POP3", "pop3"),
            (b"-ERR [SYS/TEMP] busy\r\n", "POP3", "pop3"),
            (b"-ERR unknown command\r\n", "Redis", ""),
            (b"-DENIED Redis is running in protected mode\r\n", "Redis", ""),
            (b"200 news.test InterNetNews NNRP server ready\r\n", "NNTP", "nntp"),
            (b"\"IMPLEMENTATION\" \"Dovecot Pigeonhole\"\r\n", "ManageSieve", "sieve"),
            (b"<?xml version='1.0'?><stream:stream xmlns='jabber:server'", "XMPP", "xmpp-server"),
            (b"<stream:stream xmlns:stream='http://etherx.jabber.org/streams'", "XMPP", "xmpp-client or xmpp-server"),
            (b"<!DOCTYPE html>", "XML or HTML", ""),
            (b"J\0\0\0\x0a8.0.36\0", "MySQL", "mysql"),
            (b"\x16\0\0\0\x0a8\0", "MySQL", "mysql"),
            (b"E\0\0\0\xffj\x04Host is blocked", "MySQL", "mysql"),
            (b"E\0\0\0\x90SFATAL\0", "PostgreSQL", "postgresql"),
            (b"0\x24\x02\x01\0\x78\x1f\x0a\x01\x02\x04\0\x04\0\x8a\x161.3.6.1.4.1.1466.20036", "LDAP", "ldap"),
            (b"AMQP\0\0\x09\x01", "AMQP", ""),
            (b"\0\0\x12\x04\0\0\0\0\0\0\x03", "HTTP/2 in the clear", ""),
            (b"\xff\xfd\x18\xff\xfd\x20", "Telnet", ""),
            (b"who is there?", "", ""),
            (b"200 OK", "", ""),
            (b"E", "", ""),
            (b"\0\0\0", "", ""),
            (b"0\x24\x02\x01", "", ""),
            (b"-", "", ""),
        ];
        for (greeting, protocol, starttls) in greetings {
            assert_eq!(super::protocol(greeting), Some((protocol, starttls)), "{}", greeting.escape_ascii());
        }
    }

    #[test]
    fn tls_and_silence_are_not_foreign() {
        for bytes in [&b""[..], &[22], &[22, 3, 0, 0, 10, 2], &[21, 3, 1, 0, 2, 2, 40], &[23, 3, 3], &[22, 5, 0, 0, 4]]
        {
            assert_eq!(protocol(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn the_first_line_is_shown_without_what_could_deceive() {
        let long = [b"220 \x1b[2J\xff".repeat(20), b"\r\nmore".to_vec()].concat();
        for (greeting, expected) in [
            (&b"220 a\r\n220 b"[..], "220 a"),
            (b"\0\x9bx", "\\u{0}\u{fffd}x"),
            (b"\r\n", ""),
            (b"J\0\0\0\x0a8.0.36\0\x08", "8.0.36"),
        ] {
            assert_eq!(shown(greeting), expected);
        }
        assert!(shown(&long).len() <= SHOWN && shown(&long).starts_with("220 \\u{1b}[2J"));
    }
}
