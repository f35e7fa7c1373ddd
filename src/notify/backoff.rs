//! How long to wait after a delivery that failed.

use std::time::Duration;

const FIRST: Duration = Duration::from_secs(10);
const MAX: Duration = Duration::from_hours(1);

/// How long to wait before the next attempt, when so many have failed: 10 s after the first, then twice as long each time, at
/// most an hour. Nothing after none.
pub fn backoff(attempts: u32) -> Duration {
    let Some(doublings) = attempts.checked_sub(1) else { return Duration::ZERO };
    2_u32.checked_pow(doublings).and_then(|factor| FIRST.checked_mul(factor)).map_or(MAX, |wait| wait.min(MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_doubles_from_ten_seconds_to_an_hour() {
        let waits = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 32, 33, 34, u32::MAX].map(|n| backoff(n).as_secs());
        assert_eq!(waits, [0, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600, 3600, 3600, 3600, 3600]);
    }
}
