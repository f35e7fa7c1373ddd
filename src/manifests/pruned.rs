//! Values without the status of what they hold: it is never used, and takes more space than all the rest.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value};

/// A value without its field `status`, and without those of its `items`. They are read, but not kept.
pub(super) struct Pruned(pub(super) Value);

struct Reader;

// === impl Pruned ===

impl<'de> Deserialize<'de> for Pruned {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader).map(Self)
    }
}

// === impl Reader ===

/// As `serde_json` reads a [`Value`], but for maps.
impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a manifest")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(Pruned(value)) = items.next_element()? {
            values.push(value);
        }
        Ok(values.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut values = Map::new();
        while let Some(name) = fields.next_key::<String>()? {
            match name.as_str() {
                "status" => drop(fields.next_value::<IgnoredAny>()?),
                "items" => drop(values.insert(name, fields.next_value::<Pruned>()?.0)),
                _ => drop(values.insert(name, fields.next_value()?)),
            }
        }
        Ok(values.into())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn all_but_the_status_of_an_object_and_of_its_items_is_kept() {
        let item = json!({"spec": {"status": [1, -1, 0.5, "x", true, null], "items": {}}, "metadata": {}});
        let mut full = item.clone();
        full["status"] = json!({"conditions": [{"type": "Ready"}]});
        let list = |item: &Value| json!({"kind": "List", "items": [item, 1, -1, 0.5, "x", true, null, [item]]});
        for (full, pruned) in [(full.clone(), item.clone()), (list(&full), list(&item))] {
            let text = full.to_string();
            assert_eq!(serde_json::from_str::<Pruned>(&text).unwrap().0, pruned);
            assert_eq!(serde_saphyr::from_str::<Pruned>(&text).unwrap().0, pruned);
        }
    }

    #[test]
    fn what_is_left_out_is_read_all_the_same() {
        let text = "status: {a: [}\nkind: SslMonitor\n";
        assert!(serde_saphyr::from_str::<Pruned>(text).is_err());
        assert!(serde_json::from_str::<Pruned>("{\"status\": {\"a\": }}").is_err());
    }
}
