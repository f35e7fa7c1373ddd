//! The message by which somebody sees whether a channel works.

use jiff::Timestamp;

use crate::notify::{Kind, Level, Message, Subject};

/// A test message to the channel of this name. `id` is the same for every attempt to deliver it.
pub fn test_message(id: &str, namespace: &str, name: &str, uid: &str, cluster: Option<&str>, at: Timestamp) -> Message {
    Message {
        id: id.to_owned(),
        incident: id.to_owned(),
        kind: Kind::Test,
        level: Level::Info,
        subject: Subject {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            uid: uid.to_owned(),
            domain: "example.com".to_owned(),
            port: 443,
            cluster: cluster.map(str::to_owned),
        },
        reason: "Test".to_owned(),
        title: format!("test of the NotificationChannel {namespace}/{name}"),
        detail: "Alerts of the SslMonitors that name this channel will look like this. Nothing is wrong.".to_owned(),
        advice: String::new(),
        since: at,
        at,
        lapses: None,
        certificate: None,
        parts: Vec::new(),
    }
}
