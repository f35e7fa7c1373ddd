//! Our own JSON; the room's documentation describes it.

use serde_json::{Value, json};

use super::Request;
use crate::notify::{
    Message,
    words::{Told, kind_word, level_word},
};

/// The version of the format.
const VERSION: u32 = 1;

pub(super) fn payload(told: &Told<'_>) -> Request {
    let mut request = Request::json("", &data(told));
    request.headers.push(("idempotency-key", told.message.id.clone()));
    request
}

/// Everything there is to say.
pub(super) fn data(told: &Told<'_>) -> Value {
    let mut data = object(told);
    data["version"] = VERSION.into();
    data
}

fn object(told: &Told<'_>) -> Value {
    let message = told.message;
    let certificate = message.certificate.as_ref().map(|certificate| {
        json!({
            "subject": certificate.subject,
            "issuer": certificate.issuer,
            "fingerprint": certificate.fingerprint,
            "validTo": certificate.valid_to.to_string(),
            "days": certificate.days,
        })
    });
    let parts: Vec<Value> = message.parts.iter().map(|part| object(&Told::plainly(part))).collect();
    json!({
        "id": message.id,
        "incident": message.incident,
        "kind": kind_word(message.kind),
        "level": level_word(message.level),
        "reason": message.reason,
        "title": told.title,
        "text": told.text(),
        "detail": message.detail,
        "advice": message.advice,
        "since": message.since.to_string(),
        "at": message.at.to_string(),
        "lapses": message.lapses.map(|at| at.to_string()),
        "monitor": monitor(message),
        "certificate": certificate,
        "parts": parts,
    })
}

fn monitor(message: &Message) -> Value {
    let subject = &message.subject;
    json!({
        "namespace": subject.namespace,
        "name": subject.name,
        "uid": subject.uid,
        "domain": subject.domain,
        "port": subject.port,
        "cluster": subject.cluster,
    })
}
