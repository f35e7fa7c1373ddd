//! What came of a delivery.

use std::{fmt, time::Duration};

use jiff::{Timestamp, fmt::rfc2822};

/// The longest wait that a receiver can ask for.
const MAX_WAIT: Duration = Duration::from_hours(1);

/// What came of an attempt to deliver a message. Holds nothing that the receiver or a secret said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver has taken it.
    Delivered,
    /// It was not taken, and another attempt would not change that.
    Refused {
        /// The status that the receiver answered with (HTTP or SMTP).
        code: Option<u16>,
        /// Why.
        why: Why,
    },
    /// It was not taken, or nobody knows; the same message is to be sent again.
    Later {
        /// When the receiver wants it, if it said so; at most an hour.
        after: Option<Duration>,
        /// The status that the receiver answered with (HTTP or SMTP).
        code: Option<u16>,
        /// Why.
        why: Why,
    },
}

/// Why a message was not delivered. The display text is a sentence without full stop and has neither address nor secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Why {
    /// The receiver's name has no address, or the name servers do not answer.
    NotResolved,
    /// Every address of the receiver, or of the proxy, is one that may not be dialled.
    AddressDenied,
    /// No connection could be made.
    ConnectFailed,
    /// The proxy did not let the connection through.
    ProxyRefused,
    /// The TLS handshake failed.
    TlsFailed,
    /// The receiver's own certificate is not trusted.
    NotTrusted,
    /// The connection ended in the middle.
    ConnectionLost,
    /// The answer breaks the protocol, or its head is too long.
    MalformedAnswer,
    /// It took longer than the channel's timeout.
    TimedOut,
    /// The receiver points elsewhere, which is not followed.
    Redirected,
    /// The receiver wants fewer messages.
    RateLimited,
    /// The receiver refused the request (4xx).
    Rejected,
    /// The receiver is out of order (5xx, or an answer that no request of ours can have).
    ServerError,
    /// The receiver said no in the body of its answer; the word is one of its documented ones, or `unknown`.
    Vendor(&'static str),
    /// The mail server does not offer STARTTLS, and nothing is sent in the clear.
    NoStartTls,
    /// The mail server did not accept the login, or none of the ways to log in.
    LoginRefused,
    /// The mail server took none of the recipients, or not the message.
    MailRefused,
    /// The message could not be put into the form of the channel.
    NotEncodable,
}

// === impl Outcome ===

impl Outcome {
    pub(super) fn refused(code: impl Into<Option<u16>>, why: Why) -> Self {
        Self::Refused { code: code.into(), why }
    }

    pub(super) fn later(code: impl Into<Option<u16>>, why: Why) -> Self {
        Self::Later { after: None, code: code.into(), why }
    }

    /// What an HTTP status means: 4xx but 408 and 429 are final.
    pub(super) fn of_status(code: u16, after: Option<Duration>) -> Self {
        match code {
            200..=299 => Self::Delivered,
            300..=399 => Self::refused(code, Why::Redirected),
            408 => Self::Later { after, code: Some(code), why: Why::TimedOut },
            429 => Self::Later { after, code: Some(code), why: Why::RateLimited },
            400..=499 => Self::refused(code, Why::Rejected),
            _ => Self::Later { after, code: Some(code), why: Why::ServerError },
        }
    }
}

// === impl Why ===

impl Why {
    /// Every reason, that of a vendor once: docs/reference lists their categories.
    pub const ALL: [Self; 18] = [
        Self::NotResolved,
        Self::AddressDenied,
        Self::ConnectFailed,
        Self::ProxyRefused,
        Self::TlsFailed,
        Self::NotTrusted,
        Self::ConnectionLost,
        Self::MalformedAnswer,
        Self::TimedOut,
        Self::Redirected,
        Self::RateLimited,
        Self::Rejected,
        Self::ServerError,
        Self::Vendor("unknown"),
        Self::NoStartTls,
        Self::LoginRefused,
        Self::MailRefused,
        Self::NotEncodable,
    ];

    /// One CamelCase word, of a bounded set: for metrics and conditions.
    pub fn category(self) -> &'static str {
        match self {
            Self::NotResolved => "NotResolved",
            Self::AddressDenied => "AddressDenied",
            Self::ConnectFailed => "ConnectFailed",
            Self::ProxyRefused => "ProxyRefused",
            Self::TlsFailed => "TlsFailed",
            Self::NotTrusted => "NotTrusted",
            Self::ConnectionLost => "ConnectionLost",
            Self::MalformedAnswer => "MalformedAnswer",
            Self::TimedOut => "TimedOut",
            Self::Redirected => "Redirected",
            Self::RateLimited => "RateLimited",
            Self::Rejected => "Rejected",
            Self::ServerError => "ServerError",
            Self::Vendor(_) => "RefusedByVendor",
            Self::NoStartTls => "NoStartTls",
            Self::LoginRefused => "LoginRefused",
            Self::MailRefused => "MailRefused",
            Self::NotEncodable => "NotEncodable",
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotResolved => "the receiver's name could not be resolved",
            Self::AddressDenied => {
                "the receiver's address is one that may not be dialled; the operator's flags allow more"
            }
            Self::ConnectFailed => "no connection could be made",
            Self::ProxyRefused => "the proxy did not let the connection through",
            Self::TlsFailed => "the TLS handshake failed",
            Self::NotTrusted => "the receiver's certificate is not trusted; give its authority as ca.crt",
            Self::ConnectionLost => "the connection ended before an answer came",
            Self::MalformedAnswer => "the answer breaks the protocol",
            Self::TimedOut => "it took too long",
            Self::Redirected => "the receiver points elsewhere, which is not followed; give the final address",
            Self::RateLimited => "the receiver wants fewer messages",
            Self::Rejected => "the receiver refused it; check address and token",
            Self::ServerError => "the receiver is out of order",
            Self::Vendor(word) => return write!(f, "the receiver said no: {word}"),
            Self::NoStartTls => "the mail server does not offer STARTTLS",
            Self::LoginRefused => "the mail server did not accept the login",
            Self::MailRefused => "the mail server did not take the message",
            Self::NotEncodable => "the message cannot be written for this channel",
        })
    }
}

/// What a `Retry-After` means (RFC 9110 §10.2.3): seconds or a date, at most an hour. `None` for anything else, and for the past.
pub(super) fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        let seconds = value.parse().unwrap_or(u64::MAX);
        return Some(Duration::from_secs(seconds).min(MAX_WAIT)).filter(|wait| !wait.is_zero());
    }
    let date = rfc2822::parse(value).ok()?.timestamp();
    let wait = Duration::try_from(date.duration_since(now)).ok()?;
    Some(wait.min(MAX_WAIT)).filter(|wait| !wait.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date_and_at_most_an_hour() {
        let now: Timestamp = "1994-11-06T08:49:00Z".parse().unwrap_or_default();
        for (value, seconds) in [
            ("5", Some(5)),
            (" 120 ", Some(120)),
            ("86400", Some(3600)),
            ("99999999999999999999999999", Some(3600)),
            ("0", None),
            ("-5", None),
            ("1.5", None),
            ("soon", None),
            ("", None),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(37)),
            ("Sun, 06 Nov 1994 08:48:37 GMT", None),
            ("Sun, 07 Nov 2094 08:49:37 GMT", Some(3600)),
        ] {
            assert_eq!(retry_after(value, now), seconds.map(Duration::from_secs), "{value:?}");
        }
    }

    #[test]
    fn only_the_fault_of_the_request_is_final() {
        let later = |code, why| Outcome::later(code, why);
        for (code, expected) in [
            (200, Outcome::Delivered),
            (202, Outcome::Delivered),
            (204, Outcome::Delivered),
            (301, Outcome::refused(301, Why::Redirected)),
            (304, Outcome::refused(304, Why::Redirected)),
            (400, Outcome::refused(400, Why::Rejected)),
            (401, Outcome::refused(401, Why::Rejected)),
            (408, later(408, Why::TimedOut)),
            (410, Outcome::refused(410, Why::Rejected)),
            (429, later(429, Why::RateLimited)),
            (500, later(500, Why::ServerError)),
            (503, later(503, Why::ServerError)),
            (599, later(599, Why::ServerError)),
            (999, later(999, Why::ServerError)),
            (101, later(101, Why::ServerError)),
        ] {
            assert_eq!(Outcome::of_status(code, None), expected, "{code}");
        }
    }
}
