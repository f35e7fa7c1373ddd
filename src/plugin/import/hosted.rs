//! The JSON of a hosted SSL monitor: one, a list of them, or a page of its API.

use serde_json::{Value, json};

use super::draft::Draft;
use crate::{cli::ImportArgs, manifests::InputError};

/// What its API tells of a monitor and nobody can set.
const TOLD: [&str; 9] = [
    "id",
    "created_at",
    "updated_at",
    "last_checked_at",
    "certificate",
    "check_history",
    "status",
    "response_time_ms",
    "error",
];

/// The monitors of a page of its API: an object with a list of them, under whatever name.
pub(super) fn page(value: &mut Value) -> Option<Value> {
    let object = value.as_object_mut().filter(|object| !object.contains_key("kind"))?;
    let is_list = |value: &Value| {
        value.as_array().is_some_and(|items| !items.is_empty() && items.iter().all(|item| item["domain"].is_string()))
    };
    object.values_mut().find(|value| is_list(value)).map(Value::take)
}

/// The monitor that it describes.
pub(super) fn draft(place: &str, value: &Value, args: &ImportArgs) -> Result<Draft, InputError> {
    let mut draft = Draft::new(place, value["domain"].as_str().unwrap_or_default())?;
    for (field, value) in value.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null()) {
        match field.as_str() {
            "domain" => {}
            "port" => match value.as_u64().and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0) {
                Some(port) => draft.or_port(Some(port)),
                None => {
                    return Err(InputError::new(place, format!("port must be a number from 1 to 65535, not {value}")));
                }
            },
            "alert_days" => set(&mut draft, "alertDays", value.clone()),
            "enabled" => set(&mut draft, "enabled", value.clone()),
            "service_id" => service(&mut draft, value, &args.service),
            "notification_channels" => channels(&mut draft, value, &args.channel),
            told if TOLD.contains(&told) => {}
            other => draft.warn(format!("{other} is left out: there is nothing like it")),
        }
    }
    Ok(draft)
}

fn set(draft: &mut Draft, field: &str, value: Value) {
    draft.spec.insert(field.to_owned(), value);
}

fn service(draft: &mut Draft, id: &Value, names: &[(String, String)]) {
    match renamed(id, names) {
        Ok(name) => set(draft, "serviceRef", json!({"name": name})),
        Err(id) => {
            draft
                .warn(format!("service_id {id} is left out: say which Service it stands for with --service {id}=NAME"));
        }
    }
}

fn channels(draft: &mut Draft, ids: &Value, names: &[(String, String)]) {
    let mut channels = Vec::new();
    for id in ids.as_array().into_iter().flatten() {
        match renamed(id, names) {
            Ok(name) => channels.push(json!({"name": name})),
            Err(id) => {
                draft.warn(format!("notification channel {id} is left out: say which NotificationChannel it stands for with --channel {id}=NAME"));
            }
        }
    }
    if !channels.is_empty() {
        set(draft, "notificationChannels", channels.into());
    }
}

/// The name that stands for an ID, or for an object that has one; else the ID.
fn renamed<'a>(value: &Value, names: &'a [(String, String)]) -> Result<&'a str, String> {
    let id = value.as_str().or_else(|| value["id"].as_str()).map_or_else(|| value.to_string(), ToOwned::to_owned);
    names.iter().find(|(known, _)| *known == id).map(|(_, name)| name.as_str()).ok_or(id)
}
