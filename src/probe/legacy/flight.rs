//! The first flight of a server up to TLS 1.2, which it sends in the clear: bytes in, facts out, whatever the bytes are.

use rustls::pki_types::CertificateDer;

use super::{Cleartext, suites};

/// The largest handshake message that is read; the certificates with the most names that are known have less than half.
const MAX_MESSAGE: usize = 1 << 20;
/// The most bytes that are read of one flight.
const MAX_FLIGHT: usize = 4 << 20;
/// The largest record: 2^14 bytes and what compression and encryption may add (RFC 5246 §6.2.3).
const MAX_RECORD: usize = (1 << 14) + 2048;
/// The most certificates that are kept of a chain.
const MAX_CHAIN: usize = 256;

/// Reads a flight as it comes in, in pieces of any size.
#[derive(Debug, Default)]
pub(super) struct Reader {
    /// How many bytes came in.
    read: usize,
    /// The header of the record as far as it is there, and the bytes of its body that are still to come.
    header: Vec<u8>,
    left: usize,
    /// The alert as far as it is there.
    alert: Vec<u8>,
    /// Handshake messages that are not read yet; at most one, and not complete.
    messages: Vec<u8>,
    ended: bool,
    pub(super) seen: Seen,
}

/// What has been seen so far.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Version and suite of the ServerHello, where it is one of these versions.
    pub chosen: Option<(&'static str, u16)>,
    /// The list of certificates, when its message is complete.
    pub chain: Option<Vec<CertificateDer<'static>>>,
    pub staple: Option<Vec<u8>>,
    pub client_certificate_requested: bool,
    /// The server warned before its ServerHello that it does not know the name (RFC 6066 §3).
    pub warned_of_name: bool,
}

// === impl Reader ===

impl Reader {
    /// Whether nothing more can be learned: the flight is over, or it is none.
    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Take the next bytes.
    pub(super) fn push(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && !self.ended {
            if self.read == MAX_FLIGHT {
                self.ended = true;
                return;
            }
            let taken = if self.left == 0 { self.take_header(bytes[0]) } else { self.take_body(bytes) };
            self.read += taken;
            bytes = &bytes[taken..];
        }
    }

    fn take_header(&mut self, byte: u8) -> usize {
        self.header.push(byte);
        let is_plausible = match self.header.len() {
            1 => (20..=24).contains(&byte),
            2 => byte == 3,
            _ => true,
        };
        if !is_plausible {
            self.ended = true;
        } else if let [_, _, _, high, low] = self.header[..] {
            self.left = usize::from(u16::from_be_bytes([high, low]));
            // What is encrypted is not for us, and no body is none of TLS in the clear.
            if self.left > MAX_RECORD || self.left == 0 || !matches!(self.header[0], 21 | 22 | 24) {
                self.ended = true;
            }
        }
        1
    }

    fn take_body(&mut self, bytes: &[u8]) -> usize {
        let taken = self.left.min(bytes.len()).min(MAX_FLIGHT - self.read);
        let body = &bytes[..taken];
        match self.header[0] {
            21 => self.take_alert(body),
            22 => self.take_messages(body),
            _ => {}
        }
        self.left -= taken;
        if self.left == 0 {
            self.header.clear();
        }
        taken
    }

    /// Warnings are passed over, all other alerts are the end.
    fn take_alert(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.alert.push(*byte);
            if let [level, number] = self.alert[..] {
                self.alert.clear();
                self.seen.warned_of_name |= self.seen.chosen.is_none() && (level, number) == (1, 112);
                self.ended |= level != 1 || number == 0;
            }
        }
    }

    fn take_messages(&mut self, bytes: &[u8]) {
        self.messages.extend_from_slice(bytes);
        let mut messages = std::mem::take(&mut self.messages);
        let mut start = 0;
        while !self.ended
            && let Some(length) = length_of(&messages[start..], 1)
        {
            let end = start + 4 + length;
            if length > MAX_MESSAGE {
                self.ended = true;
            } else if end > messages.len() {
                break;
            } else {
                self.take_message(messages[start], &messages[start + 4..end]);
                start = end;
            }
        }
        if !self.ended {
            messages.drain(..start);
            self.messages = messages;
        }
    }

    fn take_message(&mut self, kind: u8, body: &[u8]) {
        match (kind, self.seen.chosen.is_some(), &self.seen.chain) {
            (2, false, _) => match chosen(body) {
                Some(chosen) => self.seen.chosen = Some(chosen),
                None => self.ended = true,
            },
            (11, true, None) => self.seen.chain = Some(certificates(body)),
            // CertificateStatus (RFC 6066 §8): an OCSP answer
            (22, true, Some(_)) => {
                let length = length_of(body, 1).filter(|_| body[0] == 1);
                self.seen.staple = length.and_then(|length| Some(body.get(4..4 + length)?.to_vec()));
            }
            (13, true, _) => self.seen.client_certificate_requested = true,
            // HelloRequest; NewSessionTicket, ServerKeyExchange, SupplementalData
            (0, ..) | (4 | 12 | 23, true, _) => {}
            // ServerHelloDone, or what has no place here
            _ => self.ended = true,
        }
    }

    /// What was read, also when the flight broke off: the certificates that had come in full.
    pub(super) fn finish(mut self) -> Option<Cleartext> {
        let (version, suite) = self.seen.chosen?;
        let partial = || self.messages.first().filter(|kind| **kind == 11).and_then(|_| self.messages.get(4..));
        let chain = match self.seen.chain.take() {
            Some(chain) => chain,
            None => certificates(partial()?),
        };
        let Seen { staple, client_certificate_requested, .. } = self.seen;
        (!chain.is_empty()).then(|| Cleartext {
            version,
            cipher_suite: suites::name(suite),
            chain,
            staple,
            client_certificate_requested,
        })
    }
}

/// The number of three bytes at this place.
fn length_of(bytes: &[u8], at: usize) -> Option<usize> {
    let [high, middle, low] = *bytes.get(at..)?.first_chunk()?;
    Some(usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low))
}

/// Version and suite of a ServerHello (RFC 5246 §7.4.1.3); `None` for TLS 1.3, after which nothing comes in the clear.
fn chosen(hello: &[u8]) -> Option<(&'static str, u16)> {
    let version = match hello.first_chunk()? {
        [3, 0] => "SSLv3",
        [3, 1] => "TLS1.0",
        [3, 2] => "TLS1.1",
        [3, 3] => "TLS1.2",
        _ => return None,
    };
    // Version 2, random 32, then the session.
    let rest = hello.get(35 + usize::from(*hello.get(34)?)..)?;
    let suite = u16::from_be_bytes(*rest.first_chunk()?);
    // Suite 2, compression 1, and the length of the extensions.
    (!rest.get(5..).is_some_and(has_supported_versions)).then_some((version, suite))
}

/// Whether the extension is there by which a ServerHello says that it is one of TLS 1.3 (RFC 8446 §4.2.1).
fn has_supported_versions(mut extensions: &[u8]) -> bool {
    while let Some([kind @ .., high, low]) = extensions.first_chunk::<4>() {
        if kind == &[0, 43] {
            return true;
        }
        extensions = extensions.get(4 + usize::from(u16::from_be_bytes([*high, *low]))..).unwrap_or_default();
    }
    false
}

/// The certificates of a message (RFC 5246 §7.4.2) that are there in full.
fn certificates(message: &[u8]) -> Vec<CertificateDer<'static>> {
    let mut chain = Vec::new();
    let mut rest = message.get(3..).unwrap_or_default();
    while let Some(certificate) = length_of(rest, 0).and_then(|length| rest.get(3..3 + length))
        && chain.len() < MAX_CHAIN
    {
        chain.push(CertificateDer::from(certificate.to_vec()));
        rest = &rest[3 + certificate.len()..];
    }
    chain
}
