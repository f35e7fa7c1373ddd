//! What a page says.
#![allow(clippy::unwrap_used)]

use jiff::SignedDuration;
use serde_json::{Value, json};
use unicode_width::UnicodeWidthStr as _;

use super::*;
use crate::plugin::samples::{monitor, now};

fn page(monitor: &SslMonitor, width: Option<usize>) -> String {
    anstream::adapter::strip_str(&describe(monitor, width, now())).to_string()
}

/// A monitor with all there can be in a status.
fn everything() -> SslMonitor {
    let statuses = json!({
        "Ready": "True", "Reachable": "True", "CertificateValid": "False", "CertificateExpiring": "True",
        "EndpointsConsistent": "False", "NotificationsDelivered": "False",
    });
    let mut value = serde_json::to_value(monitor("web", &statuses, -2)).unwrap();
    let ago = |minutes| now() - SignedDuration::from_mins(minutes);
    let status = &mut value["status"];
    for (condition, reason) in status["conditions"].as_array_mut().unwrap().iter_mut().zip([
        "ExpiringSoon",
        "Expired",
        "CertificatesDiffer",
        "DeliveryFailing",
        "Connected",
        "Monitoring",
    ]) {
        condition["reason"] = reason.into();
    }
    merge(
        status,
        json!({
            "summary": "Expired", "address": "192.0.2.1:443", "responseTimeMs": 12, "consecutiveFailures": 3, "endpointCount": 18,
            "tls": {"version": "TLS1.3", "cipherSuite": "TLS_AES_128_GCM_SHA256", "group": "X25519MLKEM768"},
            "certificate": {
                "subject": "web.test", "subjectDN": "CN=web.test", "issuer": "R11", "issuerDN": "CN=R11,O=Let's Encrypt,C=US", "isValid": false,
                "validFrom": "2026-03-01T00:00:00Z", "validTo": "2026-05-30T00:00:00Z", "sans": ["a", "b", "c", "d", "e", "f", "g"],
                "sanCount": 9, "keyAlgorithm": "ECDSA", "keyBits": 256, "signatureAlgorithm": "ecdsa-with-SHA384", "chainLength": 2,
                "serialNumber": "04AB", "fingerprint": "SHA256:5E:AC:2D:1F:00:6C:9F:0B:5D:6E", "publicKey": "sha256//47DE=", "proven": false,
                "presentedChainValidTo": "2026-05-20T00:00:00Z",
                "revocation": {"state": "Revoked", "source": "CRL", "revokedAt": "2026-05-28T00:00:00Z", "reason": "keyCompromise"},
            },
            "endpoints": [
                {"address": "192.0.2.1:443", "result": "Expired", "fingerprint": "SHA256:5E:AC:2D:1F:00:6C:9F:0B:5D:6E",
                    "validTo": "2026-05-30T00:00:00Z", "responseTimeMs": 12},
                {"address": "192.0.2.2:443", "result": "ConnectionRefused"},
            ],
            "expectedCertificate": {"fingerprint": "SHA256:AA", "validFrom": "2026-05-01T00:00:00Z", "validTo": "2026-08-01T00:00:00Z"},
            "findings": [{"type": "Expired", "severity": "critical", "message": "it ended"}],
            "history": [
                {"checkedAt": "2026-05-30T00:00:30Z", "summary": "Expired", "isValid": false, "daysUntilExpiry": -1, "fingerprint": "SHA256:5E"},
                {"checkedAt": "2026-04-30T00:00:30Z", "summary": "ExpiringSoon", "isValid": true, "daysUntilExpiry": 30},
            ],
            "notifications": [
                {"channel": "pagerduty",
                    "problems": [{"about": "Certificate", "reason": "Expired", "severity": "critical", "subject": "5E", "incident": "i",
                        "since": ago(180), "toldAt": ago(150), "taken": true}],
                    "pending": [{"id": "p", "incident": "i", "kind": "Reminder", "about": "Certificate", "reason": "Expired",
                        "severity": "critical", "since": ago(180), "at": ago(9), "message": "m", "refusedBy": "1", "failure": "Rejected", "code": 401}]},
                {"channel": "gone",
                    "pending": [{"id": "q", "incident": "j", "kind": "Recovery", "about": "Reachability", "reason": "ConnectionRefused",
                        "severity": "warning", "since": ago(180), "at": ago(60), "message": "m", "attempts": 4, "failure": "ServerError", "code": 503,
                        "nextTryAt": now() + SignedDuration::from_mins(5)}]},
            ],
        }),
    );
    value["spec"]["notificationChannels"] = json!([{"name": "slack"}, {"name": "pagerduty"}]);
    value["spec"]["alerts"] = json!({
        "suspendUntil": now() + SignedDuration::from_hours(1),
        "muted": [{"cron": "0 2 * * SUN", "duration": "2h", "timeZone": "UTC"}],
    });
    serde_json::from_value(value).unwrap()
}

fn merge(into: &mut Value, more: Value) {
    if let (Value::Object(into), Value::Object(more)) = (into, more) {
        into.extend(more);
    }
}

#[test]
fn a_page_tells_everything_in_words() {
    insta::assert_snapshot!(page(&everything(), None));
}

#[test]
fn a_page_fits_the_terminal() {
    let page = page(&everything(), Some(72));
    insta::assert_snapshot!(page);
    let longest = page.lines().filter(|line| line.width() > 72).collect::<Vec<_>>();
    assert_eq!(longest, [""; 0]);
}

#[test]
fn a_headline_says_how_it_stands() {
    let head = |monitor: &SslMonitor| page(monitor, None).lines().next().unwrap().to_owned();
    let mut web = monitor("web", &json!({"CertificateValid": "True"}), 90);
    web.status.as_mut().unwrap().summary = Some("Valid".to_owned());
    assert_eq!(head(&web), "shop/web: the certificate of web.test is valid for another 90 days");
    web.spec.enabled = false;
    assert_eq!(head(&web), "shop/web: nobody watches web.test: the monitor is disabled");
    let expiring = monitor("web", &json!({"CertificateValid": "True", "CertificateExpiring": "True"}), 10);
    assert_eq!(head(&expiring), "shop/web: the certificate of web.test expires in 10 days");
    let mut new = monitor("web", &json!({}), 0);
    new.status = None;
    assert_eq!(head(&new), "shop/web: web.test has not been checked yet");
    let mut refused = monitor("web", &json!({"Reachable": "False"}), 90);
    refused.status.as_mut().unwrap().summary = Some("ConnectionRefused".to_owned());
    assert_eq!(head(&refused), "shop/web: web.test cannot be reached: the connection is refused");
    refused.status.as_mut().unwrap().summary = Some("Unheard".to_owned());
    assert_eq!(head(&refused), "shop/web: web.test: Unheard");
}

#[test]
fn what_is_stale_is_not_taken_for_news() {
    let web = monitor("web", &json!({"CertificateValid": "True"}), 90);
    let text = describe(&web, None, now() + SignedDuration::from_hours(4));
    assert!(
        text.contains("The check that was due 3 hours ago has not been made: see whether the operator runs"),
        "{text}"
    );
    assert!(!page(&web, None).contains("Stale"));
    let mut ended = monitor("web", &json!({"CertificateValid": "True"}), -1);
    ended.status.as_mut().unwrap().summary = Some("Valid".to_owned());
    let text = page(&ended, None);
    assert!(text.starts_with("shop/web: the certificate of web.test has expired\n"), "{text}");
    assert!(text.contains("Because"), "{text}");
    assert!(text.contains("it ended on 2026-05-31 12:01 UTC, after the last check\n"), "{text}");
}

#[test]
fn days_after_the_end_are_counted_from_it() {
    assert_eq!(
        [1, 0, -1, -2, -3].map(left),
        ["1 day left", "less than a day left", "ended less than a day ago", "ended 1 day ago", "ended 2 days ago"]
    );
}
