//! The NotificationChannels of an input, ready to use or with what keeps them from that.

use crate::{
    alerting::channel,
    api::{FieldError, NotificationChannel, NotificationChannelSpec, SecretRef, validate_channel},
    manifests::{Document, InputError, Materials, missing},
    monitor::{Material, Obstacle, ProblemKind},
    notify::{Channel, Rules},
    probe::text::clean,
};

/// The kind of the objects that are looked for.
pub const WANTED: &str = "NotificationChannel";

/// A channel of the input.
#[derive(Debug)]
pub struct Known {
    /// Its namespace; empty when the manifest names none.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// What its manifest says.
    pub spec: NotificationChannelSpec,
    /// What the sender needs, or why it cannot be used.
    pub prepared: Result<Channel, Obstacle>,
}

/// Read a channel from a document.
///
/// # Errors
/// What is wrong with it, field by field.
pub fn read(document: Document) -> Result<NotificationChannel, Vec<InputError>> {
    let Document { place, value } = document;
    let faults = match validate_channel(value) {
        Ok(channel) if channel.metadata.name.as_ref().is_some_and(|name| !name.is_empty()) => return Ok(channel),
        Ok(_) => vec![FieldError { path: "metadata.name".to_owned(), message: "is required".to_owned() }],
        Err(faults) => faults,
    };
    Err(InputError::of_fields(&place, "", faults))
}

/// Each channel with the Secrets that it names.
pub fn prepare(channels: Vec<NotificationChannel>, materials: &Materials, rules: &Rules) -> Vec<Known> {
    let known = |channel: NotificationChannel| {
        let namespace = channel.metadata.namespace.unwrap_or_default();
        let prepared = prepared(&channel.spec, &namespace, materials, rules);
        Known { namespace, name: channel.metadata.name.unwrap_or_default(), spec: channel.spec, prepared }
    };
    channels.into_iter().map(known).collect()
}

fn prepared(
    spec: &NotificationChannelSpec,
    namespace: &str,
    materials: &Materials,
    rules: &Rules,
) -> Result<Channel, Obstacle> {
    let secret =
        |reference: &Option<SecretRef>| reference.as_ref().map(|it| named(&it.name, namespace, materials)).transpose();
    channel(spec, secret(&spec.secret_ref)?, secret(&spec.cert_secret_ref)?, rules)
}

fn named<'a>(name: &str, namespace: &str, materials: &'a Materials) -> Result<&'a Material, Obstacle> {
    let missing = || Obstacle::Secret(ProblemKind::NotFound, missing(&format!("Secret {name}"), namespace));
    materials.secret(namespace, name).ok_or_else(missing)
}

// === impl Known ===

impl Known {
    /// `NAME`, or `NAMESPACE/NAME` where the manifest names a namespace; escaped, for it may be anything.
    pub fn label(&self) -> String {
        let name = clean(&self.name);
        if self.namespace.is_empty() { name } else { format!("{}/{name}", clean(&self.namespace)) }
    }
}
