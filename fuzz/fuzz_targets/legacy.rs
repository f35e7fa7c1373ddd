//! Any first flight of a server: what is read out of it is in it, and what comes later changes nothing of what was there before.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ssl_monitor_operator::probe::fuzzing::{Shown, flight};
use ssl_monitor_operator_fuzz::seen::assert_clean;

/// How many prefixes are tried beside the whole.
const PREFIXES: usize = 16;

fuzz_target!(|received: &[u8]| {
    let whole = flight(received);
    check(received, whole.as_ref());
    let mut before: Option<Shown> = None;
    for part in 0..=PREFIXES {
        let shown = flight(&received[..received.len() * part / PREFIXES]);
        if let Some(before) = before {
            let shown = shown.as_ref().expect("what was shown stays");
            assert_eq!(shown.chosen, before.chosen);
            assert!(shown.chain.starts_with(&before.chain), "{before:?}, then {shown:?}");
            assert!(shown.asked || !before.asked);
            assert!(shown.staple.is_some() || before.staple.is_none());
        }
        before = shown;
    }
    assert_eq!(before, whole);
});

/// Bounded, and each byte of it was received.
fn check(received: &[u8], shown: Option<&Shown>) {
    let Some(Shown { chosen: (version, suite), chain, staple, .. }) = shown else { return };
    assert!(["SSLv3", "TLS1.0", "TLS1.1", "TLS1.2"].contains(version), "{version}");
    assert_clean(suite);
    assert!((1..=256).contains(&chain.len()), "{} certificates", chain.len());
    // Each certificate has three bytes of length before it, and all of them record, message and ServerHello.
    let bytes: usize = chain.iter().map(|certificate| certificate.len() + 3).sum();
    let staple = staple.as_ref().map_or(0, Vec::len);
    assert!(bytes + staple + 5 + 4 + 38 <= received.len(), "{bytes} and {staple} bytes of {}", received.len());
}
