//! Any bytes for a certificate: what is read out of them is bounded and visible, and nobody but the authority makes a valid one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ssl_monitor_operator::probe::fuzzing::judge;
use ssl_monitor_operator_fuzz::{chain, seen::assert_sound};

fuzz_target!(|der: &[u8]| {
    // The intermediate's number is 1.
    let presented = [der.to_vec(), chain::CERTIFICATES[1].to_vec()];
    let presented = judge(&presented, &chain::name(), chain::trust(), chain::now(), None);
    assert_sound(&presented);
    let is_known = chain::CERTIFICATES.contains(&der);
    assert!(!presented.verdict.faults.is_empty() || is_known, "nobody issued this certificate, and it is valid");
});
