//! Peers that alert, speak something else, break off, stall, flood and break the protocol.

use std::time::Duration;

use ssl_monitor_operator::probe::{FailureReason as Reason, FaultKind as Fault};

use crate::{
    row::{Row, Stage},
    script::{Act, Flight, alert, record},
};

const GCM: &str = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256";

fn alerting(name: &'static str, number: u8, reason: Reason) -> Row {
    Row::bare(name, reason, vec![Act::Hear, Act::Send(alert(2, number)), Act::Finish])
}

fn greeting(name: &'static str, bytes: &[u8]) -> Row {
    Row::bare(name, Reason::NotTls, vec![Act::Hear, Act::Send(bytes.to_vec()), Act::Finish])
}

/// A peer that sends a flight of a good certificate, as changed, and then does this.
fn flight(on: &Stage, name: &'static str, change: impl Fn(&mut Flight), then: Act) -> Row {
    let good = on.good();
    let mut flight = Flight::of(&good.chain);
    change(&mut flight);
    Row::script(name, &good.chain[0], vec![Act::Hear, Act::Send(flight.bytes()), then])
}

/// A peer that sends so much of a flight and then does this: the leaf is complete, its issuer is not.
fn cut(on: &Stage, name: &'static str, reason: Reason, then: Act) -> Row {
    let good = on.good();
    let mut bytes = Flight { key_exchange: None, done: false, ..Flight::of(&good.chain) }.bytes();
    bytes.truncate(bytes.len() - 10);
    let row = Row::script(name, &good.chain[0], vec![Act::Hear, Act::Send(bytes), then]);
    row.reason(reason).faults(&[Fault::UnknownIssuer]).in_the_clear("TLS1.2", GCM)
}

fn one_certificate(name: &'static str, der: &[u8]) -> Row {
    let bytes = Flight::of(&[der]).bytes();
    Row::script(name, der, vec![Act::Hear, Act::Send(bytes), Act::Hold]).faults(&[Fault::CertificateUnparsable])
}

pub(crate) const ROWS: &[fn(&Stage) -> Row] = &[
    |_| alerting("alert unrecognized_name fatal", 112, Reason::ServerNameRejected),
    |on| {
        let good = on.good();
        let bytes = [alert(1, 112), Flight::of(&good.chain).bytes()].concat();
        let acts = vec![Act::Hear, Act::Send(bytes), Act::Hold];
        Row::script("alert unrecognized_name warning, then handshake", &good.chain[0], acts)
            .reason(Reason::HandshakeTimedOut)
            .faults(&[Fault::KeyMismatch])
    },
    |on| Row::farm("no SNI sent", on.farm.issue(&xtask::farm::Leaf::new(["127.0.0.1"]))).host("127.0.0.1"),
    |_| alerting("alert handshake_failure", 40, Reason::NoCommonCipher),
    |_| alerting("alert protocol_version", 70, Reason::ProtocolTooOld),
    |_| alerting("alert internal_error", 80, Reason::ServerInternalError),
    |_| alerting("alert access_denied", 49, Reason::HandshakeRefused),
    |_| alerting("alert unknown 255", 255, Reason::HandshakeRefused),
    |_| greeting("plain HTTP server", b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    |_| greeting("SMTP banner (needs STARTTLS)", b"220 mail.test ESMTP\r\n"),
    |_| greeting("SSH banner", b"SSH-2.0-OpenSSH_9.2\r\n"),
    |_| greeting("MySQL greeting", b"J\0\0\0\x0a8.0.36\0"),
    |_| greeting("PostgreSQL", b"E\0\0\0\x90SFATAL\0"),
    |_| Row::bare("RST after ClientHello", Reason::ConnectionReset, vec![Act::Hear, Act::Reset]),
    |_| Row::bare("FIN after ClientHello", Reason::ConnectionClosed, vec![Act::Hear, Act::Finish]),
    |_| Row::bare("FIN at once", Reason::ConnectionClosed, vec![Act::Finish]),
    |on| cut(on, "RST mid-Certificate", Reason::ConnectionReset, Act::Reset),
    |on| cut(on, "FIN mid-Certificate", Reason::ConnectionClosed, Act::Finish),
    |_| Row::bare("accepts, silent", Reason::HandshakeTimedOut, vec![Act::Hold]).within(Duration::from_secs(1)),
    |_| {
        let slowly = vec![Act::Hear, Act::Drip(vec![22, 3, 3, 0x3f, 0, 2, 0, 0x3e, 0xfc])];
        Row::bare("slow loris, 1 B/300 ms", Reason::HandshakeTimedOut, slowly).within(Duration::from_secs(1))
    },
    |on| {
        flight(on, "stalls after full flight (TLS 1.2)", |_| {}, Act::Hold)
            .reason(Reason::HandshakeTimedOut)
            .faults(&[Fault::KeyMismatch])
    },
    |on| {
        flight(on, "RST after full flight, bogus signature (TLS 1.2)", |_| {}, Act::Reset)
            .reason(Reason::ConnectionReset)
            .faults(&[Fault::KeyMismatch])
    },
    |on| {
        flight(on, "flight without ServerHelloDone, hold", |flight| flight.done = false, Act::Hold)
            .reason(Reason::HandshakeTimedOut)
            .in_the_clear("TLS1.2", GCM)
    },
    |on| {
        let hello = record([3, 3], 22, &Flight::of(&on.good().chain).messages()[0]);
        let start = record([3, 3], 22, &[11, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfc]);
        let flood = Act::Flood(record([3, 3], 22, &[0x55; 0x4000]));
        Row::bare(
            "16 MB Certificate length, flooding",
            Reason::CertificateTooLarge,
            vec![Act::Hear, Act::Send([hello, start].concat()), flood],
        )
    },
    |_| {
        let bytes = Flight::of(&[[0; 0]; 0]).bytes();
        Row::bare("empty certificate list", Reason::NoCertificate, vec![Act::Hear, Act::Send(bytes), Act::Hold])
    },
    |_| one_certificate("garbage DER as certificate", b"no certificate").reason(Reason::HandshakeTimedOut),
    |_| one_certificate("zero-length certificate", b"").reason(Reason::HandshakeTimedOut),
    |on| {
        let curve = |flight: &mut Flight| flight.key_exchange = Some(Flight::key_exchange(21, 0x0403));
        flight(on, "unsupported curve in the key exchange (secp224r1)", curve, Act::Hold)
            .reason(Reason::ProtocolViolation)
            .faults(&[Fault::KeyMismatch])
    },
    |on| {
        let scheme = |flight: &mut Flight| flight.key_exchange = Some(Flight::key_exchange(23, 0xfefe));
        flight(on, "unknown signature scheme in the key exchange", scheme, Act::Hold)
            .reason(Reason::ProtocolViolation)
            .faults(&[Fault::Unproven])
    },
    |on| {
        flight(on, "unoffered suite selected", |flight| *flight = flight.clone().old([3, 3], 0x002f), Act::Hold)
            .reason(Reason::ProtocolViolation)
            .in_the_clear("TLS1.2", "TLS_RSA_WITH_AES_128_CBC_SHA")
    },
    |on| {
        let sentinel = |flight: &mut Flight| flight.random[24..].copy_from_slice(b"DOWNGRD\x01");
        flight(on, "downgrade sentinel", sentinel, Act::Hold)
            .reason(Reason::ProtocolViolation)
            .in_the_clear("TLS1.2", GCM)
    },
    |on| {
        // heartbeat
        let unsolicited = |flight: &mut Flight| flight.extensions = vec![0, 15, 0, 1, 1];
        flight(on, "unsolicited ServerHello extension", unsolicited, Act::Hold)
            .reason(Reason::ProtocolViolation)
            .in_the_clear("TLS1.2", GCM)
    },
    |on| {
        let twice = |flight: &mut Flight| flight.extensions = [0xff, 1, 0, 1, 0].repeat(2);
        flight(on, "duplicate extension in ServerHello", twice, Act::Hold)
            .reason(Reason::ProtocolViolation)
            .in_the_clear("TLS1.2", GCM)
    },
    |_| greeting("record with version 0x0500", &[22, 5, 0, 0, 4, 2, 0, 0, 0]).hidden(Reason::ProtocolViolation),
    |_| greeting("record of 0xffff bytes", &[22, 3, 3, 0xff, 0xff, 2, 0, 0, 0]).hidden(Reason::ProtocolViolation),
    |on| {
        let good = on.good();
        let messages = Flight::of(&good.chain).messages().concat();
        let bytes = messages.iter().flat_map(|byte| record([3, 3], 22, &[*byte])).collect();
        let acts = vec![Act::Hear, Act::Send(bytes), Act::Hold];
        Row::script("valid TLS 1.2 flight on 1-byte records", &good.chain[0], acts)
            .reason(Reason::HandshakeTimedOut)
            .faults(&[Fault::KeyMismatch])
    },
];
