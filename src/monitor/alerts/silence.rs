//! When channels are not alerted: until a given time, and in windows that come again.

use croner::{Cron, parser::CronParser};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use crate::api::{AlertsSpec, MutedWindow, parse_duration};

/// The end of the silence that holds now; `None` when there is none. A window that cannot be read keeps nobody still.
pub(super) fn muted_until(alerts: Option<&AlertsSpec>, now: Timestamp) -> Option<Timestamp> {
    let alerts = alerts?;
    let suspended = alerts.suspend_until.as_ref().map(|until| until.0).filter(|until| *until > now);
    let windows = alerts.muted.iter().filter_map(|window| end_of(window, now));
    windows.chain(suspended).max()
}

/// Whether every window can be read.
///
/// # Errors
/// A sentence that names the field of the first that cannot.
pub(in crate::monitor) fn check(alerts: &AlertsSpec) -> Result<(), String> {
    for (index, window) in alerts.muted.iter().enumerate() {
        let field = |name: &str, why: &str| format!("alerts.muted[{index}].{name} {why}");
        read(&window.cron).map_err(|why| field("cron", &format!("is not understood: {why}")))?;
        TimeZone::get(&window.time_zone).map_err(|_| field("timeZone", "is no time zone of the IANA database"))?;
    }
    Ok(())
}

/// The end of this window, when it is open now.
fn end_of(window: &MutedWindow, now: Timestamp) -> Option<Timestamp> {
    let length = SignedDuration::try_from(parse_duration(&window.duration).ok()?).ok()?;
    let now_there = now.to_zoned(TimeZone::get(&window.time_zone).ok()?);
    let begin = read(&window.cron).ok()?.find_previous_occurrence(&now_there, true).ok()?;
    let end = begin.timestamp().saturating_add(length).ok()?;
    (end > now).then_some(end)
}

fn read(cron: &str) -> Result<Cron, String> {
    CronParser::new().parse(cron).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn window(cron: &str, duration: &str, zone: &str) -> AlertsSpec {
        let window = MutedWindow { cron: cron.to_owned(), duration: duration.to_owned(), time_zone: zone.to_owned() };
        AlertsSpec { suspend_until: None, muted: vec![window] }
    }

    fn until(alerts: &AlertsSpec, now: &str) -> Option<String> {
        muted_until(Some(alerts), at(now)).map(|until| until.to_string())
    }

    #[test]
    fn a_window_is_open_from_its_first_second_to_before_its_end() {
        let sundays = window("0 2 * * SUN", "2h", "UTC");
        // 2026-03-01 is a Sunday.
        for (now, expected) in [
            ("2026-03-01T01:59:59Z", None),
            ("2026-03-01T02:00:00Z", Some("2026-03-01T04:00:00Z")),
            ("2026-03-01T03:59:59Z", Some("2026-03-01T04:00:00Z")),
            ("2026-03-01T04:00:00Z", None),
            ("2026-03-02T02:30:00Z", None),
        ] {
            assert_eq!(until(&sundays, now).as_deref(), expected, "{now}");
        }
    }

    #[test]
    fn a_window_follows_the_clocks_of_its_time_zone() {
        let nights = window("0 2 * * *", "1h", "Europe/Berlin");
        assert_eq!(until(&nights, "2026-01-15T01:30:00Z").as_deref(), Some("2026-01-15T02:00:00Z"), "winter");
        assert_eq!(until(&nights, "2026-07-15T00:30:00Z").as_deref(), Some("2026-07-15T01:00:00Z"), "summer");
        assert_eq!(until(&nights, "2026-07-15T01:30:00Z"), None);
    }

    #[test]
    fn windows_that_overlap_hold_until_the_last_of_them_ends() {
        let mut alerts = window("0 * * * *", "30m", "UTC");
        alerts.muted.extend(window("15 12 * * *", "3h", "UTC").muted);
        alerts.suspend_until = Some(Time(at("2026-03-01T12:20:00Z")));
        assert_eq!(until(&alerts, "2026-03-01T12:20:00Z").as_deref(), Some("2026-03-01T15:15:00Z"));
        assert_eq!(until(&alerts, "2026-03-01T12:10:00Z").as_deref(), Some("2026-03-01T12:30:00Z"));
        assert_eq!(muted_until(None, at("2026-03-01T12:20:00Z")), None);
    }

    #[test]
    fn a_time_that_has_come_keeps_nobody_still() {
        let alerts = AlertsSpec { suspend_until: Some(Time(at("2026-03-01T12:00:00Z"))), muted: Vec::new() };
        assert_eq!(until(&alerts, "2026-03-01T11:59:59Z").as_deref(), Some("2026-03-01T12:00:00Z"));
        assert_eq!(until(&alerts, "2026-03-01T12:00:00Z"), None);
    }

    #[test]
    fn what_cannot_be_read_is_named_and_keeps_nobody_still() {
        for (alerts, expected) in [
            (window("0 25 * * *", "1h", "UTC"), "alerts.muted[0].cron is not understood: "),
            (window("0 2 * * SUNDAY", "1h", "UTC"), "alerts.muted[0].cron is not understood: "),
            (
                window("0 2 * * *", "1h", "Europe/Atlantis"),
                "alerts.muted[0].timeZone is no time zone of the IANA database",
            ),
        ] {
            let fault = check(&alerts).unwrap_err();
            assert!(fault.starts_with(expected), "{fault}");
            assert_eq!(muted_until(Some(&alerts), at("2026-03-01T02:30:00Z")), None);
        }
        assert_eq!(check(&window("*/5 1-3,7 1,15 JAN-MAR MON#2", "1h", "America/New_York")), Ok(()));
        assert_eq!(check(&AlertsSpec::default()), Ok(()));
    }

    #[test]
    fn a_window_that_never_comes_keeps_nobody_still() {
        let never = window("0 0 30 2 *", "1h", "UTC");
        assert_eq!(check(&never), Ok(()));
        assert_eq!(until(&never, "2026-03-01T02:30:00Z"), None);
    }
}
