//! The ClientHellos of versions before TLS 1.3, made by hand: they ask for a certificate, and never get further.

use super::suites;
use crate::probe::Host;

/// Which hello; the order is that in which they are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hello {
    /// TLS 1.2 with every usual suite, group and signature algorithm.
    Tls12,
    /// TLS 1.2 with NULL and export suites only.
    Feeble,
    /// TLS 1.0 without extensions: some old servers break at these.
    Tls10,
    /// SSL 3.0.
    Ssl3,
}

/// Balancers of F5 hang at a ClientHello of 256 to 511 bytes (RFC 7685 §1): the long ones are padded to this.
const LONG: usize = 516;

/// X25519, the NIST curves, X448, Brainpool (RFC 8422, RFC 7027), older curves down to sect163k1, and finite fields (RFC 7919).
const GROUPS: [u16; 24] =
    [29, 23, 24, 25, 30, 22, 26, 27, 28, 21, 19, 20, 9, 10, 13, 14, 6, 7, 1, 256, 257, 258, 259, 260];

/// Every signature of today, then PKCS #1, DSA and SHA-1, Brainpool (RFC 8734), MD5, GOST and SM2.
const SIGNATURES: [u16; 35] = [
    0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0804, 0x0805, 0x0806, 0x0809, 0x080a, 0x080b, 0x0401, 0x0501, 0x0601,
    0x0303, 0x0301, 0x0203, 0x0201, 0x0402, 0x0502, 0x0602, 0x0302, 0x0202, 0x0101, 0x0102, 0x0103, 0x081a, 0x081b,
    0x081c, 0x0708, 0x0840, 0x0841, 0xeeee, 0xefef, 0xeded,
];

/// "No renegotiation" in the list of suites, which servers before RFC 5746 ignore.
const RENEGOTIATION_INFO: u16 = 0x00ff;

// === impl Hello ===

impl Hello {
    pub(super) const LADDER: [Self; 4] = [Self::Tls12, Self::Feeble, Self::Tls10, Self::Ssl3];

    /// The whole record. Only the long hellos name the host, and only a name is ever sent (RFC 6066 §3).
    pub(super) fn record(self, name: &Host, random: &[u8; 32]) -> Vec<u8> {
        let message = self.message(name, random);
        let version = if self == Self::Ssl3 { [3, 0] } else { [3, 1] };
        [&[22][..], &version, &with_length(2, &message)].concat()
    }

    fn message(self, name: &Host, random: &[u8; 32]) -> Vec<u8> {
        let (version, suites) = match self {
            Self::Tls12 => ([3, 3], suites::USUAL),
            Self::Feeble => ([3, 3], suites::FEEBLE),
            Self::Tls10 => ([3, 1], suites::OLD),
            Self::Ssl3 => ([3, 0], suites::OLD),
        };
        let suites: Vec<u16> = suites.concat().into_iter().chain([RENEGOTIATION_INFO]).collect();
        // No session to resume, no compression.
        let start = [&version[..], random, &[0], &with_length(2, &numbers(&suites)), &[1, 0]].concat();
        let body = match self {
            Self::Tls12 | Self::Feeble => {
                let extensions = padded(extensions(name), 4 + start.len() + 2);
                [start, with_length(2, &extensions)].concat()
            }
            Self::Tls10 | Self::Ssl3 => start,
        };
        [&[1][..], &with_length(3, &body)].concat()
    }
}

fn extensions(name: &Host) -> Vec<u8> {
    let server_name = match name {
        Host::Name(name) => extension(0, &with_length(2, &[&[0][..], &with_length(2, name.as_bytes())].concat())),
        Host::Address(_) => Vec::new(),
    };
    [
        server_name,
        // status_request: a stapled OCSP answer comes in the clear, too
        extension(5, &[1, 0, 0, 0, 0]),
        extension(10, &with_length(2, &numbers(&GROUPS))),
        // ec_point_formats: every one
        extension(11, &[3, 0, 1, 2]),
        extension(13, &with_length(2, &numbers(&SIGNATURES))),
        // extended_master_secret
        extension(23, &[]),
    ]
    .concat()
}

/// These extensions, padded so that the message has at least [`LONG`] bytes together with the `before` that precede them.
fn padded(extensions: Vec<u8>, before: usize) -> Vec<u8> {
    let length = before + extensions.len();
    if length >= LONG {
        return extensions;
    }
    let padding = extension(21, &vec![0; (LONG - length).saturating_sub(4)]);
    [extensions, padding].concat()
}

fn extension(kind: u16, body: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &with_length(2, body)].concat()
}

fn numbers(numbers: &[u16]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
}

/// The bytes behind their length, which takes `size` bytes. Everything here is far shorter than 64 KiB.
fn with_length(size: usize, bytes: &[u8]) -> Vec<u8> {
    let length = bytes.len().to_be_bytes();
    [&length[length.len() - size..], bytes].concat()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn host(text: &str) -> Host {
        text.parse().unwrap()
    }

    fn contains(record: &[u8], part: &[u8]) -> bool {
        record.windows(part.len()).any(|window| window == part)
    }

    #[test]
    fn no_hello_has_a_length_at_which_balancers_hang() {
        let long = [&*"a".repeat(61); 4].join(".");
        for hello in Hello::LADDER {
            for name in ["a.test", "192.0.2.1", &long] {
                let record = hello.record(&host(name), &[7; 32]);
                let length = record.len() - 5;
                assert!(!(256..512).contains(&length), "{hello:?} {name}: {length}");
                assert_eq!(record[3..5], u16::try_from(length).unwrap().to_be_bytes());
                assert_eq!(record[6..9], u32::try_from(length - 4).unwrap().to_be_bytes()[1..]);
                assert!(length < 1024, "{length}");
            }
        }
    }

    #[test]
    fn only_long_hellos_name_the_host_and_addresses_are_not_named() {
        for hello in Hello::LADDER {
            let long = matches!(hello, Hello::Tls12 | Hello::Feeble);
            assert_eq!(contains(&hello.record(&host("a.test"), &[7; 32]), b"\0\0\x06a.test"), long);
            assert!(!contains(&hello.record(&host("192.0.2.1"), &[7; 32]), b"192.0.2.1"));
        }
    }

    #[test]
    fn each_hello_says_its_version() {
        let versions = Hello::LADDER.map(|hello| {
            let record = hello.record(&host("a.test"), &[7; 32]);
            ([record[1], record[2]], [record[9], record[10]])
        });
        assert_eq!(versions, [([3, 1], [3, 3]), ([3, 1], [3, 3]), ([3, 1], [3, 1]), ([3, 0], [3, 0])]);
    }

    #[test]
    fn the_usual_suites_are_all_authenticated_and_encrypted_and_known_by_name() {
        let mut seen = std::collections::BTreeSet::new();
        for suite in suites::USUAL.concat() {
            let name = suites::name(suite);
            for part in ["anon", "_NULL_", "EXPORT", "PSK", "KRB5", "SRP"] {
                assert!(!name.contains(part), "{name}");
            }
            assert!(
                name.starts_with("TLS_") || suite >= 0xc100 || matches!(suite, 0x80 | 0x81 | 0x60..=0x66),
                "{name}"
            );
            assert!(seen.insert(suite), "{name} twice");
        }
        for suite in suites::FEEBLE.concat() {
            let name = suites::name(suite);
            assert!(name.contains("NULL") || name.contains("EXPORT") || matches!(suite, 0x60..=0x65), "{name}");
            assert!(!name.contains("anon") && !seen.contains(&suite), "{name}");
        }
        assert_eq!(suites::name(0x002f), "TLS_RSA_WITH_AES_128_CBC_SHA");
        assert_eq!(suites::name(0xfafa), "0xFAFA");
    }
}
