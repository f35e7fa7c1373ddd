//! One mail, by SMTP (RFC 5321): nothing is said in the clear but EHLO and STARTTLS, and answers are bounded.

use std::sync::Arc;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use rustls::ClientConfig;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};

use super::{
    Channel, Outcome, Why,
    address::{Endpoint, Security},
    connect::{Stream, secure},
    payload::email::Letter,
};

/// The longest line of an answer (RFC 5321 §4.5.3.1.5 has 512), and how many lines one answer may have.
const MAX_LINE: u64 = 2048;
const MAX_LINES: usize = 64;
/// How we call ourselves. An address literal, since a pod has no name that means anything outside (RFC 5321 §4.1.4).
const EHLO: &str = "EHLO [127.0.0.1]";

/// An answer: its code, and the text of its lines.
struct Reply {
    code: u16,
    lines: Vec<String>,
}

/// A conversation over one stream.
struct Session<S>(BufReader<S>);

type Step<T> = Result<T, Outcome>;

/// Hand the letter over to the mail server at the other end of this stream.
pub(super) async fn deliver<S: Stream + 'static>(stream: S, channel: &Channel, letter: &Letter) -> Outcome {
    let Err(outcome) = converse(stream, channel, letter).await else { return Outcome::Delivered };
    outcome
}

async fn converse<S: Stream + 'static>(stream: S, channel: &Channel, letter: &Letter) -> Step<()> {
    let (endpoint, config) = (&channel.endpoint, Arc::clone(&channel.tls));
    if endpoint.security == Security::StartTls {
        let stream = start_tls(stream, endpoint, config).await?;
        return hand_over(Session::new(stream), channel, letter).await;
    }
    let mut session = Session::new(secure(stream, &endpoint.host, config).await?);
    session.greeting().await?;
    hand_over(session, channel, letter).await
}

/// The stream with TLS, about which the server was asked. What it said before is forgotten (RFC 3207 §4.2).
async fn start_tls<S: Stream>(stream: S, endpoint: &Endpoint, config: Arc<ClientConfig>) -> Step<impl Stream + use<S>> {
    let mut session = Session::new(stream);
    session.greeting().await?;
    let offers = session.say(EHLO).await?.expect(250, Why::MailRefused)?;
    if !offers.lines.iter().any(|line| line.eq_ignore_ascii_case("STARTTLS")) {
        return Err(Outcome::later(None, Why::NoStartTls));
    }
    session.say("STARTTLS").await?.expect(220, Why::NoStartTls)?;
    // Whatever was sent along with the answer, in the clear, would be taken for an answer within TLS (CVE-2011-0411).
    if !session.0.buffer().is_empty() {
        return Err(Outcome::later(None, Why::MalformedAnswer));
    }
    secure(session.0.into_inner(), &endpoint.host, config).await
}

/// Everything from the greeting of ours on.
async fn hand_over<S: Stream>(mut session: Session<S>, channel: &Channel, letter: &Letter) -> Step<()> {
    let offers = session.say(EHLO).await?.expect(250, Why::MailRefused)?;
    if let Some((user, password)) = &channel.login {
        session.log_in(&offers, user, password).await?;
    }
    session.say(&format!("MAIL FROM:<{}>", letter.sender)).await?.expect(250, Why::MailRefused)?;
    session.recipients(letter).await?;
    session.say("DATA").await?.expect(354, Why::MailRefused)?;
    session.write(&stuffed(&letter.text)).await?;
    session.reply().await?.expect(250, Why::MailRefused)?;
    // The mail is taken: how the conversation ends is of no matter.
    let _ = session.write(b"QUIT\r\n").await;
    Ok(())
}

/// The text as it is sent after DATA: no line is a dot alone but the last (RFC 5321 §4.5.2).
fn stuffed(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 16);
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        if line.starts_with(b".") {
            out.push(b'.');
        }
        out.extend(line);
    }
    if !out.ends_with(b"\r\n") {
        out.extend(b"\r\n");
    }
    out.extend(b".\r\n");
    out
}

// === impl Session ===

impl<S: Stream> Session<S> {
    fn new(stream: S) -> Self {
        Self(BufReader::new(stream))
    }

    async fn greeting(&mut self) -> Step<()> {
        self.reply().await?.expect(220, Why::MailRefused).map(|_| ())
    }

    async fn say(&mut self, line: &str) -> Step<Reply> {
        self.write(format!("{line}\r\n").as_bytes()).await?;
        self.reply().await
    }

    async fn write(&mut self, bytes: &[u8]) -> Step<()> {
        let lost = |_| Outcome::later(None, Why::ConnectionLost);
        self.0.write_all(bytes).await.map_err(lost)?;
        self.0.flush().await.map_err(lost)
    }

    async fn reply(&mut self) -> Step<Reply> {
        let malformed = || Outcome::later(None, Why::MalformedAnswer);
        let mut lines = Vec::new();
        while lines.len() < MAX_LINES {
            let line = self.line().await?;
            let code: u16 = line.get(..3).and_then(|code| code.parse().ok()).ok_or_else(malformed)?;
            lines.push(line.get(4..).unwrap_or_default().trim().to_owned());
            if line.as_bytes().get(3) != Some(&b'-') {
                return Ok(Reply { code, lines });
            }
        }
        Err(malformed())
    }

    async fn line(&mut self) -> Step<String> {
        let mut bytes = Vec::new();
        let read = (&mut self.0).take(MAX_LINE).read_until(b'\n', &mut bytes).await;
        match (read, bytes.last()) {
            (Ok(_), Some(b'\n')) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
            (Ok(read), _) if read as u64 == MAX_LINE => Err(Outcome::later(None, Why::MalformedAnswer)),
            _ => Err(Outcome::later(None, Why::ConnectionLost)),
        }
    }

    /// By PLAIN, or by LOGIN where that is all there is.
    async fn log_in(&mut self, offers: &Reply, user: &SecretString, password: &SecretString) -> Step<()> {
        let (user, password) = (user.expose_secret(), password.expose_secret());
        let ways: Vec<String> = offers
            .lines
            .iter()
            .filter_map(|line| line.to_ascii_uppercase().strip_prefix("AUTH ").map(str::to_owned))
            .flat_map(|ways| ways.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
            .collect();
        let encode = |text: &str| BASE64_STANDARD.encode(text);
        if ways.iter().any(|way| way == "PLAIN") {
            let both = encode(&format!("\0{user}\0{password}"));
            self.say(&format!("AUTH PLAIN {both}")).await?.expect(235, Why::LoginRefused)?;
        } else if ways.iter().any(|way| way == "LOGIN") {
            self.say("AUTH LOGIN").await?.expect(334, Why::LoginRefused)?;
            self.say(&encode(user)).await?.expect(334, Why::LoginRefused)?;
            self.say(&encode(password)).await?.expect(235, Why::LoginRefused)?;
        } else {
            return Err(Outcome::refused(None, Why::LoginRefused));
        }
        Ok(())
    }

    /// Name the recipients. One that the server does not know costs the others nothing; but if it wants one to wait, all wait, since
    /// another attempt would reach the others twice.
    async fn recipients(&mut self, letter: &Letter) -> Step<()> {
        let mut refusal = Outcome::refused(None, Why::MailRefused);
        let mut taken = false;
        for recipient in &letter.recipients {
            match self.say(&format!("RCPT TO:<{recipient}>")).await?.expect(250, Why::MailRefused) {
                Ok(_) => taken = true,
                Err(outcome @ Outcome::Refused { .. }) => refusal = outcome,
                Err(outcome) => return Err(outcome),
            }
        }
        if taken { Ok(()) } else { Err(refusal) }
    }
}

// === impl Reply ===

impl Reply {
    /// The answer that was hoped for; 251 (forwarded) is as good as 250. 5yz is final (RFC 5321 §4.2.1).
    fn expect(self, code: u16, why: Why) -> Step<Self> {
        match self.code {
            found if found == code || (code == 250 && found == 251) => Ok(self),
            found @ 500..=599 => Err(Outcome::refused(found, why)),
            found => Err(Outcome::later(found, why)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_of_a_mail_ends_it() {
        for (text, expected) in [
            ("", "\r\n.\r\n"),
            ("a\r\n", "a\r\n.\r\n"),
            ("a", "a\r\n.\r\n"),
            (".\r\nQUIT\r\n", "..\r\nQUIT\r\n.\r\n"),
            ("a\r\n.\r\n..b\r\n", "a\r\n..\r\n...b\r\n.\r\n"),
        ] {
            assert_eq!(String::from_utf8(stuffed(text.as_bytes())).as_deref(), Ok(expected));
        }
    }
}
