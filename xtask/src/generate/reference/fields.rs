//! The fields of a kind, from its definition.

use serde_json::Value;

use super::{cell, code, table};

/// The page of a kind.
pub(super) fn page(kind: &str, definition: &Value) -> String {
    let version = &definition["spec"]["versions"][0];
    let schema = &version["schema"]["openAPIV3Schema"];
    let (spec, status) = (&schema["properties"]["spec"], &schema["properties"]["status"]);
    let names = &definition["spec"]["names"];
    let short =
        names["shortNames"].as_array().into_iter().flatten().filter_map(Value::as_str).map(code).collect::<Vec<_>>();
    let prefix = if kind == "SslMonitor" { "" } else { "channel-" };
    [
        format!("\n# {kind}\n\n{}\n\n", text(schema)),
        format!(
            "`{}/{}`, namespaced; plural `{}`, short {}. `kubectl explain {}.spec` says the same.\n\n",
            words(&definition["spec"]["group"]),
            words(&version["name"]),
            words(&names["plural"]),
            short.join(", "),
            words(&names["singular"]),
        ),
        "Durations are Gateway API durations (GEP-2257): up to four numbers with the units `h`, `m`, `s`, `ms`.\n\n"
            .to_owned(),
        format!(
            "## Spec\n\n{}\n",
            table(&format!("{prefix}spec"), &["field", "type", "default", "meaning"], rows(spec, true))
        ),
        format!("### What is refused\n\nWhen it is applied, with the sentence:\n\n{}\n", refusals(schema)),
        format!(
            "## Status\n\n{}\n",
            table(&format!("{prefix}status"), &["field", "type", "meaning"], rows(status, false))
        ),
        format!(
            "## Columns of `kubectl get`\n\n{}",
            table(&format!("{prefix}columns"), &["column", "meaning"], columns(version))
        ),
    ]
    .concat()
}

fn words(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn text(schema: &Value) -> String {
    cell(words(&schema["description"]))
}

/// A row for every field below a schema; `with_defaults` for what users write.
fn rows(schema: &Value, with_defaults: bool) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    collect(schema, "", &mut |path, child, is_required| {
        let default = match &child["default"] {
            Value::Null if is_required => "required".to_owned(),
            Value::Null => String::new(),
            Value::String(text) => code(text),
            other => code(&other.to_string()),
        };
        let mut row = vec![code(path), kind(child)];
        row.extend(with_defaults.then_some(default));
        row.push(text(child));
        found.push(row);
    });
    found
}

fn collect(schema: &Value, path: &str, found: &mut impl FnMut(&str, &Value, bool)) {
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, child) in schema["properties"].as_object().into_iter().flatten() {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        found(&path, child, required.contains(&name.as_str()));
        // Conditions are Kubernetes' own.
        if name != "conditions" {
            collect(child, &path, found);
            collect(&child["items"], &format!("{path}[]"), found);
        }
    }
}

/// What values there are of a field, and how many.
fn kind(schema: &Value) -> String {
    if let Some(values) = schema["enum"].as_array() {
        return values.iter().filter_map(Value::as_str).map(code).collect::<Vec<_>>().join(", ");
    }
    match words(&schema["type"]) {
        "array" => {
            let items = kind(&schema["items"]);
            format!(
                "list of {items}{}",
                schema["maxItems"].as_u64().map_or(String::new(), |most| format!(", at most {most}"))
            )
        }
        "integer" => match (schema["minimum"].as_i64(), schema["maximum"].as_i64()) {
            (Some(least), Some(most)) => format!("integer, {least}–{most}"),
            (Some(least), None) => format!("integer, {least} or more"),
            _ => "integer".to_owned(),
        },
        "string" if schema["format"] == "date-time" => "time".to_owned(),
        "string" => {
            schema["maxLength"].as_u64().map_or_else(|| "string".to_owned(), |most| format!("string, at most {most}"))
        }
        other => other.to_owned(),
    }
}

/// The sentences of all rules, each once.
fn refusals(schema: &Value) -> String {
    let mut found = Vec::new();
    sentences(schema, &mut found);
    let mut told: Vec<String> = Vec::new();
    for sentence in found.into_iter().map(|sentence| format!("- {sentence}\n")) {
        if !told.contains(&sentence) {
            told.push(sentence);
        }
    }
    told.concat()
}

fn sentences<'a>(schema: &'a Value, found: &mut Vec<&'a str>) {
    let rules = schema["x-kubernetes-validations"].as_array().into_iter().flatten();
    found.extend(rules.filter_map(|rule| rule["message"].as_str()));
    schema["properties"].as_object().into_iter().flatten().for_each(|(_, child)| sentences(child, found));
    if schema["items"].is_object() {
        sentences(&schema["items"], found);
    }
}

fn columns(version: &Value) -> Vec<Vec<String>> {
    let columns = version["additionalPrinterColumns"].as_array().into_iter().flatten();
    columns
        .map(|column| {
            let wide = if column["priority"].as_i64().unwrap_or_default() > 0 { " (`-o wide`)" } else { "" };
            vec![format!("{}{wide}", code(&words(&column["name"]).to_uppercase())), text(column)]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_have_their_types_bounds_and_defaults() {
        let schema = json!({"required": ["a"], "properties": {
            "a": {"type": "string", "maxLength": 5, "description": "A|b."},
            "b": {"type": "array", "maxItems": 2, "items": {"type": "object", "properties": {"c": {"type": "integer", "minimum": 1, "maximum": 3, "default": 2}}}},
            "d": {"enum": ["X", "Y"]}, "e": {"type": "string", "format": "date-time"},
        }});
        let row = |cells: [&str; 4]| cells.map(ToOwned::to_owned).to_vec();
        let expected = [
            row(["`a`", "string, at most 5", "required", "A\\|b."]),
            row(["`b`", "list of object, at most 2", "", ""]),
            row(["`b[].c`", "integer, 1–3", "`2`", ""]),
            row(["`d`", "`X`, `Y`", "", ""]),
            row(["`e`", "time", "", ""]),
        ];
        assert_eq!(rows(&schema, true), expected);
    }
}
