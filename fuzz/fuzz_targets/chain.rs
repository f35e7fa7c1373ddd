//! Chains of real and of changed certificates: the verdict is the same each time, whatever is remembered of earlier ones, and
//! never valid for a leaf that nobody issued.
#![no_main]

use libfuzzer_sys::{
    arbitrary::{Result, Unstructured},
    fuzz_target,
};
use ssl_monitor_operator::probe::{Host, fuzzing};
use ssl_monitor_operator_fuzz::{chain, seen::assert_sound};

fuzz_target!(|bytes: &[u8]| {
    // Input that is too short is no case.
    let _ = check(&mut Unstructured::new(bytes));
});

fn check(from: &mut Unstructured<'_>) -> Result<()> {
    let times = [chain::time(from)?, chain::time(from)?];
    let names = ["a.test", "h.b.test", "192.0.2.1", "evil.test"];
    let name: Host = from.choose(&names)?.parse().expect("each of the names is a host");
    let chain = chain::chain(from)?;
    let paths = fuzzing::Paths::default();
    for now in [times[0], times[1], times[0], chain::now()] {
        let judged = |paths| fuzzing::judge(&chain, &name, chain::trust(), now, paths);
        let plain = judged(None);
        assert_sound(&plain);
        assert_eq!(judged(None), plain, "judged twice");
        assert_eq!(judged(Some(&paths)), plain, "with what is remembered, at {now}");
        let is_known = chain::CERTIFICATES.contains(&&*chain[0]);
        assert!(!plain.verdict.faults.is_empty() || is_known, "nobody issued this certificate, and it is valid");
        assert_eq!(plain.chain_length, chain.len());
    }
    Ok(())
}
