//! Versions, cipher suites, groups, and wishes for a client certificate.

use std::sync::Arc;

use ssl_monitor_operator::probe::{FailureReason as Reason, FaultKind as Fault};
use xtask::farm::{ClientAuth, ServerOptions};

use crate::{
    openssl::{ALL, P256, RSA, serve},
    row::{Row, Stage},
    script::{Act, Flight, alert},
};

fn with(on: &Stage, name: &'static str, key: &str, arguments: &str) -> Row {
    let files = on.openssl.issue(key, "int", "");
    Row::openssl(name, files.serve(arguments))
}

/// A good certificate under a suite of TLS 1.2 that is not accepted.
fn suite(on: &Stage, name: &'static str, cipher: &str, suite: &'static str) -> Row {
    with(on, name, RSA, &format!("-tls1_2 -cipher {cipher}:@SECLEVEL=0"))
        .reason(Reason::NoCommonCipher)
        .in_the_clear("TLS1.2", suite)
}

/// A server of an old version, that refuses all who do not offer this suite, or want a newer version and do not offer it.
fn old(on: &Stage, name: &'static str, offered: [u8; 2], flight: impl Fn(Flight) -> Flight) -> Row {
    let good = on.good();
    let flight = flight(Flight::of(&good.chain));
    let minor = flight.version[1];
    let bytes = flight.bytes();
    let answer = move |hello: &[u8]| {
        let suites = &hello[46..46 + usize::from(u16::from_be_bytes([hello[44], hello[45]])).min(hello.len() - 46)];
        let understood =
            hello[43] == 0 && suites.chunks(2).any(|suite| suite == offered) && (minor > 0 || hello[10] == 0);
        if understood { bytes.clone() } else { alert(2, 70) }
    };
    Row::script(name, &good.chain[0], vec![Act::Answer(Arc::new(answer)), Act::Hold])
}

pub(crate) const ROWS: &[fn(&Stage) -> Row] = &[
    // OpenSSL hears its client out before it closes: a reset would overtake the alert.
    |on| {
        with(on, "client certificate required, TLS 1.3", P256, "-tls1_3 -Verify 1")
            .reason(Reason::ClientCertificateRequired)
    },
    |on| {
        with(on, "client certificate required, TLS 1.2", P256, "-tls1_2 -Verify 1")
            .reason(Reason::ClientCertificateRequired)
    },
    |on| {
        let options = ServerOptions::default().client_auth(ClientAuth::Optional);
        Row::farm_with("client certificate optional", on.good(), options)
    },
    |on| {
        with(on, "TLS 1.1 only", RSA, &format!("-tls1_1 {ALL}"))
            .reason(Reason::ProtocolTooOld)
            .in_the_clear("TLS1.1", "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA")
    },
    |on| {
        with(on, "TLS 1.0 only", RSA, &format!("-tls1 {ALL}"))
            .reason(Reason::ProtocolTooOld)
            .in_the_clear("TLS1.0", "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA")
    },
    |on| {
        old(on, "SSLv3 only", [0xc0, 0x13], |flight| flight.old([3, 0], 0xc013))
            .reason(Reason::ProtocolTooOld)
            .in_the_clear("SSLv3", "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA")
    },
    |on| suite(on, "RSA key exchange only", "AES128-GCM-SHA256", "TLS_RSA_WITH_AES_128_GCM_SHA256"),
    |on| suite(on, "ECDHE-RSA CBC only", "ECDHE-RSA-AES128-SHA", "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"),
    |on| suite(on, "DHE only", "DHE-RSA-AES128-GCM-SHA256", "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256"),
    |on| {
        old(on, "RC4 only TLS 1.0", [0xc0, 0x11], |flight| flight.old([3, 1], 0xc011))
            .reason(Reason::ProtocolTooOld)
            .in_the_clear("TLS1.0", "TLS_ECDHE_RSA_WITH_RC4_128_SHA")
    },
    |on| {
        // The certificate is encrypted, and no client of ours has the suite.
        with(on, "TLS 1.3 CCM only", P256, "-tls1_3 -ciphersuites TLS_AES_128_CCM_SHA256")
            .hidden(Reason::NoCommonCipher)
    },
    |on| with(on, "group P-384 only (HRR)", P256, "-tls1_3 -groups P-384"),
    |on| {
        with(on, "group P-521 only", P256, "-groups P-521")
            .reason(Reason::NoCommonCipher)
            .in_the_clear("TLS1.2", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256")
    },
    |on| {
        // Without its own preference, OpenSSL takes the first suite that it has a certificate and a group for.
        with(on, "group P-521 only, TLS 1.2", P256, "-tls1_2 -groups P-521")
            .reason(Reason::NoCommonCipher)
            .in_the_clear("TLS1.2", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256")
    },
    |on| with(on, "group X448 only TLS 1.3", P256, "-tls1_3 -groups X448").hidden(Reason::NoCommonCipher),
    |on| with(on, "group ffdhe2048 only TLS 1.3", P256, "-tls1_3 -groups ffdhe2048").hidden(Reason::NoCommonCipher),
    |on| {
        with(on, "DSA certificate", "dsa 1024", &format!("-tls1_2 {ALL}"))
            .reason(Reason::NoCommonCipher)
            .faults(&[Fault::WeakKey])
            .in_the_clear("TLS1.2", "TLS_DHE_DSS_WITH_AES_128_GCM_SHA256")
    },
    |_| {
        let running = serve("-nocert -tls1_2 -cipher aNULL:@SECLEVEL=0", &[], None);
        Row::openssl("anonymous (no certificate)", running).hidden(Reason::NoCommonCipher)
    },
    |on| suite(on, "NULL cipher", "NULL-SHA256", "TLS_RSA_WITH_NULL_SHA256"),
    |on| {
        let good = on.good();
        let flight = Flight::of(&good.chain).old([3, 1], 0x0003).bytes();
        Row::script("export RSA", &good.chain[0], vec![Act::Hear, Act::Send(flight), Act::Hold])
            .reason(Reason::ProtocolTooOld)
            .in_the_clear("TLS1.0", "TLS_RSA_EXPORT_WITH_RC4_40_MD5")
    },
];
