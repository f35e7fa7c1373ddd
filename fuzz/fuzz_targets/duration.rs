//! Any text for a duration: read as the API server's rules read it, which are a pattern (GEP-2257) and CEL's `duration()`, Go's
//! `time.ParseDuration`.
#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use ssl_monitor_operator::api::{format_duration, parse_duration};

fuzz_target!(|text: &str| {
    let read = parse_duration(text).ok();
    assert_eq!(read.map(|duration| duration.as_nanos()), reference(text), "{text:?}");
    if let Some(duration) = read {
        assert_round_trip(duration);
    }
    // Any number of milliseconds, from the same bytes.
    if let Some(bytes) = text.as_bytes().first_chunk::<5>() {
        let milliseconds = bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        assert_round_trip(Duration::from_millis(milliseconds));
    }
});

/// What is written reads as the same, unless it is longer than can be written: hours have five digits.
fn assert_round_trip(duration: Duration) {
    let written = format_duration(duration);
    let expected = (duration.as_secs() / 3600 <= 99_999).then_some(duration);
    assert_eq!(parse_duration(&written).ok(), expected, "{written}");
    if expected.is_some() {
        assert_eq!(parse_duration(&written).map(format_duration), Ok(written));
    }
}

/// The nanoseconds of a text of the pattern `^([0-9]{1,5}(h|m|s|ms)){1,4}$`: backwards, unit after unit, so that no digit is
/// looked at in the order of the code under test.
fn reference(text: &str) -> Option<u128> {
    const UNITS: [(&str, u128); 4] =
        [("ms", 1_000_000), ("h", 3_600_000_000_000), ("m", 60_000_000_000), ("s", 1_000_000_000)];
    let mut rest = text.as_bytes();
    let mut sum = 0;
    for _ in 0..4 {
        let (unit, factor) = UNITS.into_iter().find(|(unit, _)| rest.ends_with(unit.as_bytes()))?;
        rest = &rest[..rest.len() - unit.len()];
        let digits = rest.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
        if !(1..=5).contains(&digits) {
            return None;
        }
        let number = rest[rest.len() - digits..].iter().fold(0, |number, byte| number * 10 + u128::from(byte - b'0'));
        rest = &rest[..rest.len() - digits];
        sum += number * factor;
        if rest.is_empty() {
            return Some(sum);
        }
    }
    None
}
