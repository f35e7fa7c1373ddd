//! CloudEvents 1.0, structured mode in JSON (<https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md>).

use std::fmt::Write as _;

use serde_json::json;

use super::{Request, webhook};
use crate::notify::{
    Subject,
    words::{Told, kind_word},
};

pub(super) fn payload(told: &Told<'_>) -> Request {
    let message = told.message;
    let event = json!({
        "specversion": "1.0",
        // Source and id together say which event it is, also when it is delivered twice.
        "id": message.id,
        "source": source(&message.subject),
        "type": format!("io.sslmonitor.{}.v1", kind_word(message.kind)),
        "subject": message.subject.domain,
        "time": message.at.to_string(),
        "datacontenttype": "application/json",
        "data": webhook::data(told),
    });
    let mut request = Request::json("", &event);
    request.content_type = "application/cloudevents+json; charset=utf-8";
    request.headers.push(("idempotency-key", message.id.clone()));
    request
}

/// A relative URI reference, which has to be URI characters only.
fn source(subject: &Subject) -> String {
    let cluster =
        subject.cluster.as_deref().map(|cluster| format!("/clusters/{}", encoded(cluster))).unwrap_or_default();
    let monitor = Some(&subject.name).filter(|name| !name.is_empty());
    let monitor = monitor.map(|name| format!("/sslmonitors/{}", encoded(name))).unwrap_or_default();
    format!("/sslmonitor.io{cluster}/namespaces/{}{monitor}", encoded(&subject.namespace))
}

/// Percent-encoded, all but what needs it nowhere in a URI (RFC 3986 §2.3).
pub(super) fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}
