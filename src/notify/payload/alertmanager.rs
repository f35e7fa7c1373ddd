//! Prometheus Alertmanager, API v2 (<https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml>).
//!
//! An alert is known by its labels, so that these have nothing that changes while a problem stands. It fires until `endsAt`: the
//! lapse of the message, before which it is to be sent again, or the time of the recovery.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Request;
use crate::notify::{
    Kind, Message,
    text::{fit, one_line, plain},
    words::{Told, level_word, place, time},
};

/// Alertmanager has no limits of its own; receivers behind it have.
const SUMMARY: usize = 512;
const DESCRIPTION: usize = 4000;

pub(super) fn payload(told: &Told<'_>) -> Request {
    let alerts: Vec<Value> = if told.message.parts.is_empty() {
        vec![alert(told)]
    } else {
        told.message.parts.iter().map(|part| alert(&Told::plainly(part))).collect()
    };
    Request::json("/api/v2/alerts", &Value::from(alerts))
}

fn alert(told: &Told<'_>) -> Value {
    let message = told.message;
    let ends = ends(message);
    let starts = ends.map_or(message.since, |ends| message.since.min(ends));
    let mut alert = json!({
        "labels": labels(message),
        "annotations": annotations(told),
        "startsAt": starts.to_string(),
    });
    if let Some(ends) = ends {
        alert["endsAt"] = ends.to_string().into();
    }
    alert
}

/// Without it Alertmanager resolves the alert after its own `resolve_timeout`.
fn ends(message: &Message) -> Option<Timestamp> {
    if message.kind == Kind::Recovery { Some(message.at) } else { message.lapses }
}

fn labels(message: &Message) -> Value {
    let subject = &message.subject;
    let alert = match message.kind {
        Kind::Test => "SslMonitorTest".to_owned(),
        _ => format!("SslMonitor{}", message.reason),
    };
    let mut labels = json!({
        "alertname": fit(&alert, SUMMARY, one_line),
        "severity": level_word(message.level),
        "namespace": subject.namespace,
        "sslmonitor": subject.name,
        "domain": subject.domain,
        "port": subject.port.to_string(),
    });
    super::set(&mut labels, "cluster", subject.cluster.as_deref());
    labels
}

fn annotations(told: &Told<'_>) -> Value {
    let message = told.message;
    let mut annotations = json!({
        "summary": fit(&told.title, SUMMARY, one_line),
        "description": fit(&told.paragraphs().join("\n"), DESCRIPTION, plain),
        "place": place(message),
        "since": time(message.since),
        "incident": message.incident,
    });
    if let Some(certificate) = &message.certificate {
        annotations["validTo"] = time(certificate.valid_to).into();
        annotations["issuer"] = certificate.issuer.clone().into();
    }
    annotations
}
