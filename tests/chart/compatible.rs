//! Whatever the definitions of the chart before this one took, those of today take, too: nothing is gone, nothing is asked for anew, and no
//! bound is narrower. So objects that are stored stay good, and manifests that people keep go on being applied.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::support::{chart, definitions, previous_chart};

/// Bounds that may only grow, and those that may only fall.
const UPPER: [&str; 4] = ["maximum", "maxLength", "maxItems", "maxProperties"];
const LOWER: [&str; 4] = ["minimum", "minLength", "minItems", "minProperties"];
/// What has to stay as it is: whether another one takes all that the old one took cannot be told.
const SAME: [&str; 9] =
    ["format", "pattern", "multipleOf", "exclusiveMaximum", "exclusiveMinimum", "allOf", "anyOf", "oneOf", "not"];
/// What has to stay, too, and may not go either.
const KEPT: [&str; 4] = ["type", "x-kubernetes-list-type", "x-kubernetes-list-map-keys", "x-kubernetes-map-type"];
/// What may be let in anew, but not kept out.
const LETTING: [&str; 3] = ["nullable", "x-kubernetes-preserve-unknown-fields", "x-kubernetes-int-or-string"];
/// What stands where a schema says nothing.
const NONE: Value = Value::Null;

/// What a definition takes less of than the one before it, each as a sentence about a path.
fn narrowings(old: &Value, new: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for path in ["/spec/scope", "/spec/group", "/spec/names/kind", "/spec/names/plural"] {
        if old.pointer(path) != new.pointer(path) {
            found.push(format!("{path} is another one"));
        }
    }
    let short = |crd: &Value| texts(&crd["spec"]["names"]["shortNames"]);
    found
        .extend(short(old).into_iter().filter(|name| !short(new).contains(name)).map(|name| format!("{name} is gone")));
    let versions = by_name(&new["spec"]["versions"]);
    for (name, before) in by_name(&old["spec"]["versions"]) {
        match versions.get(&name) {
            Some(after) if after["served"] == true => {
                let schema = |version: &Value| version["schema"]["openAPIV3Schema"].clone();
                compare(&name, &schema(before), &schema(after), &mut found);
            }
            _ => found.push(format!("{name} is not served any more")),
        }
    }
    found
}

fn compare(path: &str, old: &Value, new: &Value, found: &mut Vec<String>) {
    let (old, new) = (members(old), members(new));
    let value = |schema: &Map<String, Value>, key: &str| schema.get(key).cloned().unwrap_or(NONE);
    let mut say = |what: String| found.push(format!("{path}: {what}"));
    for key in SAME.iter().filter(|key| value(&old, key) != value(&new, key) && value(&new, key) != NONE) {
        say(format!("{key} is another one"));
    }
    for key in KEPT.iter().filter(|key| value(&old, key) != value(&new, key)) {
        say(format!("{key} is another one"));
    }
    for key in LETTING.iter().filter(|key| value(&old, key) == true && value(&new, key) != true) {
        say(format!("{key} is gone"));
    }
    for (keys, sign) in [(UPPER, 1.0), (LOWER, -1.0)] {
        for key in keys.iter().filter(|key| is_narrower(&value(&old, key), &value(&new, key), sign)) {
            say(format!("{key} is narrower"));
        }
    }
    if value(&old, "default") != value(&new, "default")
        && !(value(&old, "default") == NONE && path.ends_with(".status"))
    {
        say("default is another one".to_owned());
    }
    for (key, what) in [("required", "is asked for"), ("x-kubernetes-validations", "is a new rule")] {
        let before = texts(&value(&old, key));
        texts(&value(&new, key))
            .into_iter()
            .filter(|text| !before.contains(text))
            .for_each(|text| say(format!("{text} {what}")));
    }
    match (value(&old, "enum"), value(&new, "enum")) {
        (_, NONE) => {}
        (NONE, _) => say("enum is there for the first time".to_owned()),
        (before, after) => {
            let after = texts(&after);
            texts(&before)
                .into_iter()
                .filter(|text| !after.contains(text))
                .for_each(|text| say(format!("{text} is gone")));
        }
    }
    below(path, &old, &new, found);
}

/// The schemas of what is inside.
fn below(path: &str, old: &Map<String, Value>, new: &Map<String, Value>, found: &mut Vec<String>) {
    let properties = |schema: &Map<String, Value>| members(schema.get("properties").unwrap_or(&NONE));
    let after = properties(new);
    for (name, before) in properties(old) {
        match after.get(&name) {
            Some(after) => compare(&format!("{path}.{name}"), &before, after, found),
            None => found.push(format!("{path}.{name} is gone")),
        }
    }
    for (key, shown) in [("items", "[]"), ("additionalProperties", "{}")] {
        match (old.get(key), new.get(key)) {
            (Some(before), Some(after)) => compare(&format!("{path}{shown}"), before, after, found),
            (Some(_), None) => found.push(format!("{path}{shown} is gone")),
            (None, _) => {}
        }
    }
}

/// Whether a bound is narrower than before; the sign is that of the direction in which it is wide.
fn is_narrower(old: &Value, new: &Value, sign: f64) -> bool {
    match (old.as_f64(), new.as_f64()) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(old), Some(new)) => sign * new < sign * old,
    }
}

fn members(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

fn by_name(versions: &Value) -> BTreeMap<String, &Value> {
    let all = versions.as_array().into_iter().flatten();
    all.map(|version| (version["name"].as_str().unwrap().to_owned(), version)).collect()
}

/// Words, and of rules the rule.
fn texts(list: &Value) -> Vec<String> {
    let all = list.as_array().into_iter().flatten();
    all.map(|item| item["rule"].as_str().or(item.as_str()).map_or_else(|| item.to_string(), ToOwned::to_owned))
        .collect()
}

#[test]
#[ignore = "needs Helm: cargo xtask test"]
fn the_definitions_take_whatever_those_before_them_took() {
    let (old, new) = (definitions(&previous_chart()), definitions(&chart()));
    assert_eq!(old.len(), 2);
    for (name, before) in old {
        assert_eq!(narrowings(&before, &new[&name]), Vec::<String>::new(), "{name}");
    }
}

#[test]
#[ignore = "needs Helm: cargo xtask test"]
fn whatever_a_definition_takes_less_of_is_seen() {
    let old = definitions(&chart()).remove("sslmonitors.sslmonitor.io").unwrap();
    let spec = "/spec/versions/0/schema/openAPIV3Schema/properties/spec";
    let at = |path: &str| format!("{spec}{path}");
    let table: [(String, Value, &str); 15] = [
        ("/spec/scope".to_owned(), "Cluster".into(), "/spec/scope is another one"),
        ("/spec/names/shortNames".to_owned(), NONE, "sslmon is gone"),
        ("/spec/versions/0/served".to_owned(), false.into(), "v1 is not served any more"),
        (at("/properties/port"), NONE, "v1.spec.port is gone"),
        (at("/properties/alertDays/maximum"), 364.into(), "v1.spec.alertDays: maximum is narrower"),
        (at("/properties/alertDays/minimum"), 2.into(), "v1.spec.alertDays: minimum is narrower"),
        (at("/properties/alertDays/default"), 14.into(), "v1.spec.alertDays: default is another one"),
        (at("/properties/alertDays/type"), "string".into(), "v1.spec.alertDays: type is another one"),
        (at("/properties/interval/pattern"), "^1h$".into(), "v1.spec.interval: pattern is another one"),
        (at("/properties/addresses/enum"), json!(["All"]), "v1.spec.addresses: Any is gone"),
        (at("/required"), json!(["domain", "port"]), "v1.spec: port is asked for"),
        (at("/properties/domain/maxLength"), 10.into(), "v1.spec.domain: maxLength is narrower"),
        (
            at("/properties/domain/x-kubernetes-validations"),
            json!([{"rule": "false", "message": "no"}]),
            "v1.spec.domain: false is a new rule",
        ),
        (
            at("/properties/notificationChannels/x-kubernetes-list-type"),
            "atomic".into(),
            "v1.spec.notificationChannels: x-kubernetes-list-type is another one",
        ),
        (
            at("/properties/notificationChannels/items/properties"),
            json!({}),
            "v1.spec.notificationChannels[].name is gone",
        ),
    ];
    for (path, value, expected) in table {
        let mut new = old.clone();
        let (parent, key) = path.rsplit_once('/').unwrap();
        let edited = new.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        match value {
            Value::Null => edited.remove(key),
            value => edited.insert(key.to_owned(), value),
        };
        let found = narrowings(&old, &new);
        assert_eq!(found.first().map(String::as_str), Some(expected), "{path}: {found:?}");
    }
    assert_eq!(narrowings(&old, &old), Vec::<String>::new());
}
