//! Durations as users write them: GEP-2257 strings (Kubernetes Gateway API, "Duration format").

use std::time::Duration;

/// Why a text is not a duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a duration such as 1h, 30m or 1h30m (up to four numbers of at most five digits, units h, m, s, ms)")]
pub struct ParseDurationError;

/// Parse a GEP-2257 duration: one to four numbers of one to five digits, each with the unit `h`, `m`, `s` or `ms`.
///
/// # Errors
/// [`ParseDurationError`] for every other text, also for the empty one.
pub fn parse_duration(text: &str) -> Result<Duration, ParseDurationError> {
    let (mut rest, mut sum) = (text, Duration::ZERO);
    for part in 0.. {
        if rest.is_empty() && part > 0 {
            return Ok(sum);
        }
        let (value, tail) = (part < 4).then(|| next_part(rest)).flatten().ok_or(ParseDurationError)?;
        sum += value;
        rest = tail;
    }
    Err(ParseDurationError)
}

/// Write a duration the way users would: `1h30m`, `10s`, `250ms`; `0s` for zero. Anything below a millisecond is cut.
pub fn format_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let parts = [
        (u128::from(seconds / 3600), "h"),
        (u128::from(seconds / 60 % 60), "m"),
        (u128::from(seconds % 60), "s"),
        (u128::from(duration.subsec_millis()), "ms"),
    ];
    let shown: Vec<String> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n}{unit}")).collect();
    let text = shown.concat();
    if text.is_empty() { "0s".to_owned() } else { text }
}

fn next_part(text: &str) -> Option<(Duration, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if digits == 0 || digits > 5 {
        return None;
    }
    let number: u64 = text[..digits].parse().ok()?;
    let rest = &text[digits..];
    // "ms" before "m": the longer unit first.
    if let Some(tail) = rest.strip_prefix("ms") {
        return Some((Duration::from_millis(number), tail));
    }
    let (factor, tail) = [("h", 3600), ("m", 60), ("s", 1)]
        .iter()
        .find_map(|(unit, factor)| rest.strip_prefix(unit).map(|tail| (*factor, tail)))?;
    Some((Duration::from_secs(number * factor), tail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gateway_api_durations_are_read() {
        for (text, seconds) in
            [("1h", 3600.0), ("10s", 10.0), ("1h30m", 5400.0), ("1s1s1s1s", 4.0), ("250ms", 0.25), ("0s", 0.0)]
        {
            assert_eq!(parse_duration(text), Ok(Duration::from_secs_f64(seconds)), "{text}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for text in ["", "h", "1", "1d", "1h1h1h1h1h", "123456s", "-1s", "1.5h", "1h ", " 1h", "1H", "1h\n", "٣s"] {
            assert_eq!(parse_duration(text), Err(ParseDurationError), "{text:?}");
        }
    }

    #[test]
    fn a_duration_is_written_as_it_would_be_typed() {
        for text in ["1h", "1h30m", "10s", "250ms", "1m1s1ms", "0s"] {
            assert_eq!(parse_duration(text).map(format_duration), Ok(text.to_owned()));
        }
    }
}
