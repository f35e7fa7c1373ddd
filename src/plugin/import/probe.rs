//! `Probe` objects of Prometheus Operator (`monitoring.coreos.com/v1`), which have blackbox_exporter look at targets.

use std::time::Duration;

use serde_json::{Map, Value};

use super::draft::Draft;
use crate::{
    api::{MAX_INTERVAL, MAX_TIMEOUT, MIN_INTERVAL, MIN_TIMEOUT, format_duration},
    manifests::InputError,
};

/// One monitor for each static target.
pub(super) fn drafts(place: &str, probe: &Value) -> Vec<Result<Draft, InputError>> {
    let spec = &probe["spec"];
    let name = probe["metadata"]["name"].as_str().unwrap_or_default();
    let place = format!("{place}, Probe {name}");
    let targets: Vec<&str> = static_targets(spec).collect();
    if targets.is_empty() {
        let what = if spec["targets"]["ingress"].is_object() {
            "takes its targets from Ingresses: list their hosts instead"
        } else {
            "has no targets in spec.targets.staticConfig.static"
        };
        return vec![Err(InputError::new(place, what))];
    }
    let mut drafts: Vec<_> = targets.into_iter().map(|target| draft(&place, probe, target)).collect();
    // What is the same for all is said once.
    if let Some(first) = drafts.iter_mut().flatten().next() {
        first.warnings.extend(warnings(spec).into_iter().map(|text| InputError::new(place.as_str(), text)));
    }
    drafts
}

fn static_targets(spec: &Value) -> impl Iterator<Item = &str> {
    spec["targets"]["staticConfig"]["static"].as_array().into_iter().flatten().filter_map(Value::as_str)
}

fn draft(place: &str, probe: &Value, target: &str) -> Result<Draft, InputError> {
    let mut draft = Draft::new(place, target)?;
    draft.namespace = probe["metadata"]["namespace"].as_str().map(ToOwned::to_owned);
    draft.labels = labels(&probe["spec"])
        .filter(|(name, value)| is_label(name, value))
        .map(|(name, value)| (name.clone(), value.into()))
        .collect();
    draft.spec = timing(&probe["spec"])
        .into_iter()
        .map(|(field, time, _)| (field.to_owned(), format_duration(time).into()))
        .collect();
    if let Some(name) = server_name(&probe["spec"]) {
        draft.spec.insert("tls".to_owned(), Map::from_iter([("serverName".to_owned(), name.into())]).into());
    }
    Ok(draft)
}

fn labels(spec: &Value) -> impl Iterator<Item = (&String, &str)> {
    let labels = spec["targets"]["staticConfig"]["labels"].as_object().into_iter().flatten();
    labels.filter_map(|(name, value)| Some((name, value.as_str()?)))
}

/// Whether Kubernetes takes them as a label.
fn is_label(name: &str, value: &str) -> bool {
    !name.is_empty() && is_label_word(name) && is_label_word(value)
}

/// Whether Kubernetes takes it as the value of a label, or as a name without prefix.
fn is_label_word(value: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let ends = [value.bytes().next(), value.bytes().next_back()];
    value.len() <= 63 && value.bytes().all(is_inner) && ends.iter().flatten().all(u8::is_ascii_alphanumeric)
}

/// Field, duration within our bounds, and what was said where that is another.
fn timing(spec: &Value) -> Vec<(&'static str, Duration, Option<String>)> {
    let bounds =
        [("interval", "interval", MIN_INTERVAL, MAX_INTERVAL), ("scrapeTimeout", "timeout", MIN_TIMEOUT, MAX_TIMEOUT)];
    let read = |(theirs, ours, least, most): (&str, &'static str, Duration, Duration)| {
        let text = spec[theirs].as_str()?;
        let asked = prometheus_duration(text)?;
        let taken = asked.clamp(least, most);
        Some((
            ours,
            taken,
            (taken != asked)
                .then(|| format!("{theirs} {text} becomes {}, the nearest that is allowed", format_duration(taken))),
        ))
    };
    bounds.into_iter().filter_map(read).collect()
}

/// A duration as Prometheus writes it: `1h30m`, `90s`, `1d`.
fn prometheus_duration(text: &str) -> Option<Duration> {
    let (mut total, mut rest) = (Duration::ZERO, text);
    while !rest.is_empty() {
        let digits = rest.find(|character: char| !character.is_ascii_digit())?;
        let count: u64 = rest[..digits].parse().ok()?;
        let unit_end =
            rest[digits..].find(|character: char| character.is_ascii_digit()).map_or(rest.len(), |end| digits + end);
        let unit = match &rest[digits..unit_end] {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 604_800_000,
            "y" => 31_536_000_000,
            _ => return None,
        };
        total = total.checked_add(Duration::from_millis(count.checked_mul(unit)?))?;
        rest = &rest[unit_end..];
    }
    (!text.is_empty()).then_some(total)
}

/// The name that the parameter `hostname` has blackbox_exporter ask for.
fn server_name(spec: &Value) -> Option<&str> {
    let named = params(spec).find(|(name, _)| *name == "hostname");
    named.and_then(|(_, values)| values.first()?.as_str())
}

fn params(spec: &Value) -> impl Iterator<Item = (&str, &[Value])> {
    let params = spec["params"].as_array().into_iter().flatten();
    params.filter_map(|param| Some((param["name"].as_str()?, param["values"].as_array()?.as_slice())))
}

/// What a monitor does not take over.
fn warnings(spec: &Value) -> Vec<String> {
    let mut warnings: Vec<String> = timing(spec).into_iter().filter_map(|(.., text)| text).collect();
    for field in ["interval", "scrapeTimeout"] {
        if spec[field].as_str().is_some_and(|text| prometheus_duration(text).is_none()) {
            warnings.push(format!("{field} {} is left out: it is no duration", spec[field]));
        }
    }
    if let Some(module) = spec["module"].as_str() {
        warnings.push(format!(
            "module {module}: its settings are not in a Probe; where it has a CA, a client certificate, a server name or STARTTLS, set \
             the fields of spec.tls"
        ));
    }
    let others = params(spec).map(|(name, _)| name).filter(|name| *name != "hostname" && *name != "module");
    warnings.extend(others.map(|name| format!("parameter {name} is left out: there is nothing like it")));
    let refused = labels(spec).filter(|(name, value)| !is_label(name, value));
    warnings.extend(
        refused.map(|(name, value)| format!("label {name} is left out: Kubernetes does not take {name}={value:?}")),
    );
    if spec["targets"]["staticConfig"]["relabelingConfigs"].is_array() {
        warnings.push("relabelingConfigs are left out: where they change targets, correct the domains".to_owned());
    }
    if spec["targets"]["ingress"].is_object() {
        warnings.push("targets.ingress is left out: list the hosts of those Ingresses".to_owned());
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_of_prometheus_are_read() {
        let seconds = |text| prometheus_duration(text).map(|time| time.as_secs());
        assert_eq!(
            ["30s", "1h30m", "1d", "2w", "1500ms", "1y"].map(seconds),
            [30, 5400, 86_400, 1_209_600, 1, 31_536_000].map(Some)
        );
        assert_eq!(["", "30", "s", "1x", "1 h", "99999999999999999999s", "9999999999999999y"].map(seconds), [None; 7]);
    }

    #[test]
    fn labels_that_kubernetes_takes_are_told_from_others() {
        let long = "x".repeat(64);
        let table = [
            ("prod", true),
            ("a_b-c.d", true),
            ("", true),
            ("-a", false),
            ("a b", false),
            ("ä", false),
            (long.as_str(), false),
        ];
        for (value, expected) in table {
            assert_eq!(is_label_word(value), expected, "{value}");
        }
    }
}
