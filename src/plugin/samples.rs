//! Monitors to test with.
#![allow(clippy::unwrap_used)]

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::api::SslMonitor;

/// The time of the tests.
pub(super) fn now() -> Timestamp {
    "2026-06-01T12:00:00Z".parse().unwrap()
}

/// A monitor `shop/NAME` of `NAME.test`, created and checked now, with these statuses of conditions, whose certificate ends in so many
/// days (and a minute); without any when that is 0.
pub(super) fn monitor(name: &str, statuses: &Value, days: i64) -> SslMonitor {
    let condition = |(kind, status): (&String, &Value)| {
        json!({
            "type": kind, "status": status, "reason": format!("Because{kind}"), "message": format!("about {kind}"),
            "lastTransitionTime": now() - SignedDuration::from_hours(3),
        })
    };
    let end = now() + SignedDuration::from_hours(24 * days) + SignedDuration::from_mins(1);
    let certificate = json!({"validTo": end, "isValid": true, "daysUntilExpiry": days, "issuer": "R11"});
    let mut status = json!({
        "conditions": statuses.as_object().unwrap().iter().map(condition).collect::<Vec<_>>(),
        "lastCheckedAt": now(), "nextCheckAt": now() + SignedDuration::from_hours(1),
    });
    if days != 0 {
        status["certificate"] = certificate;
    }
    serde_json::from_value(json!({
        "apiVersion": "sslmonitor.io/v1", "kind": "SslMonitor", "spec": {"domain": format!("{name}.test")}, "status": status,
        "metadata": {"name": name, "namespace": "shop", "creationTimestamp": now()},
    }))
    .unwrap()
}
