//! How long certificates of public authorities may be valid.

use jiff::{SignedDuration, Timestamp};

use super::Survey;

/// Since when which limit holds for certificates issued from then on, in Unix seconds and days, the newest first:
/// Baseline Requirements §6.3.2 with ballots 185, 193, SC22, SC31 and SC081v3. 39 months are 1188 days at most.
const LIMITS: [(i64, i64); 7] = [
    (1_868_227_200, 47),   // 2029-03-15
    (1_805_068_800, 100),  // 2027-03-15
    (1_773_532_800, 200),  // 2026-03-15
    (1_598_918_400, 398),  // 2020-09-01
    (1_519_862_400, 825),  // 2018-03-01
    (1_427_846_400, 1188), // 2015-04-01
    (i64::MIN, i64::MAX),
];

/// How the leaf's validity exceeds what its authority may grant; `None` for private authorities, which are free.
pub(super) fn excess(survey: &Survey<'_>) -> Option<String> {
    if !survey.path.is_some_and(|path| path.is_public) {
        return None;
    }
    let (from, until) = (survey.leaf.facts.not_before, survey.leaf.facts.not_after);
    let limit = limit(from);
    let days = days(from, until);
    (days > limit).then(|| {
        format!(
            "the certificate is valid for {days} days; public authorities may grant {limit} at its date (Baseline \
             Requirements §6.3.2), and browsers refuse more"
        )
    })
}

fn limit(from: Timestamp) -> i64 {
    LIMITS.iter().find(|(since, _)| from.as_second() >= *since).map_or(i64::MAX, |(_, days)| *days)
}

/// Begun days: both ends are inclusive, and a second more than a day counts as another.
fn days(from: Timestamp, until: Timestamp) -> i64 {
    let day = SignedDuration::from_hours(24).as_secs();
    let seconds = until.as_second() - from.as_second() + 1;
    seconds.div_euclid(day) + i64::from(seconds.rem_euclid(day) > 0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_limit_is_that_of_the_day_of_issue() {
        for (from, expected) in [
            ("2015-03-31T23:59:59Z", i64::MAX),
            ("2015-04-01T00:00:00Z", 1188),
            ("2018-02-28T23:59:59Z", 1188),
            ("2018-03-01T00:00:00Z", 825),
            ("2020-08-31T23:59:59Z", 825),
            ("2020-09-01T00:00:00Z", 398),
            ("2026-03-14T23:59:59Z", 398),
            ("2026-03-15T00:00:00Z", 200),
            ("2027-03-14T23:59:59Z", 200),
            ("2027-03-15T00:00:00Z", 100),
            ("2029-03-14T23:59:59Z", 100),
            ("2029-03-15T00:00:00Z", 47),
        ] {
            assert_eq!(limit(from.parse().unwrap()), expected, "{from}");
        }
    }

    #[test]
    fn both_ends_of_a_validity_count() {
        let from: Timestamp = "2026-04-01T00:00:00Z".parse().unwrap();
        for (until, expected) in [
            ("2026-04-01T23:59:59Z", 1),
            ("2026-04-02T00:00:00Z", 2),
            ("2026-10-17T23:59:59Z", 200),
            ("2026-10-18T00:00:00Z", 201),
        ] {
            assert_eq!(days(from, until.parse().unwrap()), expected, "{until}");
        }
    }
}
