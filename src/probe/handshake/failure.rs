//! What a handshake failed of, in the words that users see.

use std::io;

use rustls::{AlertDescription, Error, InvalidMessage, PeerIncompatible};

use super::{greeting, meter::LimitReached};
use crate::probe::{Failure, FailureReason, Stage, text};

/// The failure behind an error of a handshake of which `read` bytes were received, and these kept; in which a client certificate
/// was requested, or not.
pub(super) fn of(error: &io::Error, received: &[u8], read: usize, requested: bool) -> Failure {
    let (reason, detail) = if let Some(what) = foreign(received) {
        (FailureReason::NotTls, what)
    } else if let Some(error) = inner::<Error>(error) {
        of_tls(error, requested)
    } else if let Some(limit) = inner::<LimitReached>(error) {
        (FailureReason::CertificateTooLarge, format!("the server's handshake is too large: {limit}"))
    } else {
        of_io(error, read)
    };
    Failure { reason, stage: Stage::Handshake, detail }
}

/// Whether the server may understand an older hello: it did not understand ours, or found nothing in it that it could use.
pub(super) fn is_of_language(error: &io::Error, failure: &Failure) -> bool {
    use AlertDescription as Alert;
    match failure.reason {
        FailureReason::ProtocolTooOld
        | FailureReason::NoCommonCipher
        | FailureReason::ProtocolViolation
        | FailureReason::CertificateTooLarge
        | FailureReason::ServerInternalError
        | FailureReason::ConnectionReset
        | FailureReason::ConnectionClosed => true,
        FailureReason::HandshakeRefused => matches!(
            inner(error),
            Some(Error::AlertReceived(Alert::IllegalParameter | Alert::DecodeError | Alert::UnexpectedMessage))
        ),
        _ => false,
    }
}

fn inner<E: std::error::Error + 'static>(error: &io::Error) -> Option<&E> {
    error.get_ref()?.downcast_ref()
}

fn of_tls(error: &Error, requested: bool) -> (FailureReason, String) {
    match error {
        Error::AlertReceived(alert) => of_alert(*alert, requested),
        Error::NoCertificatesPresented => {
            (FailureReason::NoCertificate, "the server presented no certificate".to_owned())
        }
        Error::InvalidMessage(
            InvalidMessage::HandshakePayloadTooLarge | InvalidMessage::CertificatePayloadTooLarge,
        ) => (FailureReason::CertificateTooLarge, "the server sent a handshake message of more than 64 KiB".to_owned()),
        Error::PeerIncompatible(PeerIncompatible::ServerDoesNotSupportTls12Or13) => {
            (FailureReason::ProtocolTooOld, "the server speaks only versions of TLS older than 1.2".to_owned())
        }
        Error::InvalidMessage(what) => (FailureReason::ProtocolViolation, violation(&format!("{what:?}"))),
        Error::PeerMisbehaved(what) => (FailureReason::ProtocolViolation, violation(&format!("{what:?}"))),
        Error::PeerIncompatible(what) => (
            FailureReason::ProtocolViolation,
            format!("the server lacks a part of TLS that is needed: {}", text::clean(&format!("{what:?}"))),
        ),
        Error::General(_) | Error::FailedToGetCurrentTime | Error::FailedToGetRandomBytes | Error::EncryptError => {
            (FailureReason::ProbeError, format!("the handshake could not be made: {error}"))
        }
        error => (FailureReason::ProtocolViolation, violation(&error.to_string())),
    }
}

fn violation(what: &str) -> String {
    format!("the server broke the TLS protocol: {}", text::clean(what))
}

fn of_alert(alert: AlertDescription, requested: bool) -> (FailureReason, String) {
    use AlertDescription as Alert;
    let name = alert_name(alert);
    match alert {
        Alert::CertificateRequired => (FailureReason::ClientCertificateRequired, certificate_required(&name)),
        // What servers say in TLS 1.2, which has no alert of its own for this.
        Alert::HandshakeFailure | Alert::BadCertificate | Alert::CertificateUnknown | Alert::AccessDenied
            if requested =>
        {
            (FailureReason::ClientCertificateRequired, certificate_required(&name))
        }
        Alert::HandshakeFailure | Alert::InsufficientSecurity => (
            FailureReason::NoCommonCipher,
            format!("the server accepts none of the cipher suites, groups and signatures offered (alert {name})"),
        ),
        Alert::ProtocolVersion => {
            (FailureReason::ProtocolTooOld, format!("the server speaks neither TLS 1.2 nor 1.3 (alert {name})"))
        }
        Alert::UnrecognisedName => {
            (FailureReason::ServerNameRejected, format!("the server does not know the name (alert {name})"))
        }
        Alert::InternalError => {
            (FailureReason::ServerInternalError, format!("the server reported an error of its own (alert {name})"))
        }
        _ => (FailureReason::HandshakeRefused, format!("the server ended the handshake (alert {name})")),
    }
}

fn certificate_required(alert: &str) -> String {
    format!("the server refused to go on without a client certificate (alert {alert})")
}

/// The alert's name and number as RFC 8446 §6 has them, for example `handshake_failure (40)`.
pub(super) fn alert_name(alert: AlertDescription) -> String {
    let number = u8::from(alert);
    match alert {
        AlertDescription::Unknown(_) => number.to_string(),
        AlertDescription::UnrecognisedName => format!("unrecognized_name, {number}"),
        known => {
            let mut name = String::new();
            for character in format!("{known:?}").chars() {
                if character.is_ascii_uppercase()
                    && !name.is_empty()
                    && !name.ends_with(|c: char| c.is_ascii_uppercase())
                {
                    name.push('_');
                }
                name.push(character);
            }
            format!("{}, {number}", name.to_ascii_lowercase())
        }
    }
}

fn of_io(error: &io::Error, read: usize) -> (FailureReason, String) {
    let after = if read == 0 { "after the first message".to_owned() } else { format!("after {read} bytes") };
    match error.kind() {
        io::ErrorKind::UnexpectedEof => {
            (FailureReason::ConnectionClosed, format!("the server closed the connection {after} of the handshake"))
        }
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted | io::ErrorKind::BrokenPipe => {
            (FailureReason::ConnectionReset, format!("the server reset the connection {after} of the handshake"))
        }
        io::ErrorKind::TimedOut => {
            (FailureReason::HandshakeTimedOut, format!("the server went silent {after} of the handshake"))
        }
        _ => (FailureReason::ProbeError, format!("the connection failed {after} of the handshake: {error}")),
    }
}

/// What answered, when it is not TLS.
fn foreign(received: &[u8]) -> Option<String> {
    let (protocol, starttls) = greeting::protocol(received)?;
    let shown = greeting::shown(received);
    Some(match (protocol, starttls) {
        ("", _) => format!("what answered is not TLS: {shown}"),
        (protocol, "") => format!("what answered is not TLS but {protocol}: {shown}"),
        (protocol, starttls) => {
            format!(
                "what answered is not TLS but {protocol}, which is to be asked for TLS (tls.startTLS: {starttls}): {shown}"
            )
        }
    })
}
