//! What the README says of fields, conditions, reasons, flags and metrics is what the code says.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::Arc,
};

use clap::CommandFactory as _;
use rustls::RootCertStore;
use serde_json::Value;
use ssl_monitor_operator::{
    alerting,
    api::{ChannelType, notification_channel_crd, ssl_monitor_crd, validate, validate_channel},
    cli::Cli,
    metrics::{Compat, Metrics},
    monitor::{ConditionType, Material, Reason, target},
    notify::{Rules, VARIABLES, Why},
    probe::{AddressPolicy, FindingKind},
};

fn readme() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap()
}

/// The rows of the table between `<!-- name -->` and `<!-- /name -->`: the cells of each, without backticks.
fn table(name: &str) -> Vec<Vec<String>> {
    let readme = readme();
    let (_, rest) = readme.split_once(&format!("<!-- {name} -->\n")).unwrap();
    let (section, _) = rest.split_once(&format!("<!-- /{name} -->")).unwrap();
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().replace('`', "")).collect();
    section.lines().skip(2).map(cells).collect()
}

fn first_column(name: &str) -> Vec<String> {
    table(name).into_iter().map(|row| row[0].clone()).collect()
}

fn sorted(names: impl IntoIterator<Item = impl Into<String>>) -> Vec<String> {
    let mut names: Vec<String> = names.into_iter().map(Into::into).collect();
    names.sort();
    names
}

/// The schema of the spec or the status of a kind.
fn schema(definition: fn() -> Value, part: &str) -> Value {
    definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"][part].clone()
}

/// A kind: its definition, and what the names of its tables begin with.
type Kind = (fn() -> Value, &'static str);

const KINDS: [Kind; 2] = [(ssl_monitor_crd, ""), (notification_channel_crd, "channel-")];

/// Path and default of every leaf.
fn leaves(schema: &Value, path: &str, found: &mut BTreeMap<String, String>) {
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, child) in schema["properties"].as_object().into_iter().flatten() {
        let child_path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        if child["properties"].is_object() {
            leaves(child, &child_path, found);
            continue;
        }
        let default = match &child["default"] {
            Value::String(text) => text.clone(),
            Value::Null if path.is_empty() && required.contains(&name.as_str()) => "required".to_owned(),
            Value::Null => String::new(),
            other => other.to_string(),
        };
        found.insert(child_path, default);
    }
}

#[test]
fn every_field_of_the_spec_is_documented_with_its_default() {
    for (definition, prefix) in KINDS {
        let mut expected = BTreeMap::new();
        leaves(&schema(definition, "spec"), "", &mut expected);
        let documented: BTreeMap<String, String> =
            table(&format!("{prefix}spec")).into_iter().map(|row| (row[0].clone(), row[1].clone())).collect();
        assert_eq!(documented, expected);
    }
}

#[test]
fn every_field_of_the_status_is_documented() {
    for (definition, prefix) in KINDS {
        let (status, documented) = (schema(definition, "status"), table(&format!("{prefix}status")));
        let names: Vec<&String> = status["properties"].as_object().unwrap().keys().collect();
        assert_eq!(sorted(documented.iter().map(|row| &row[0])), sorted(names));
        for (name, meaning) in documented.into_iter().map(|row| (row[0].clone(), row[1].clone())) {
            let field = &status["properties"][&name];
            let parts = [&field["properties"], &field["items"]["properties"]].into_iter().filter_map(Value::as_object);
            // Conditions are Kubernetes' own.
            for part in parts.flat_map(|parts| parts.keys()).filter(|_| name != "conditions") {
                assert!(meaning.split([' ', ',', ':', ';']).any(|word| word == part), "{name}.{part}");
            }
        }
    }
}

#[test]
fn every_condition_and_every_reason_is_documented() {
    assert_eq!(first_column("conditions"), ConditionType::ALL.map(ConditionType::as_str));
    assert_eq!(first_column("reasons"), Reason::all().map(Reason::as_str).collect::<Vec<_>>());
    let of_channels = [ConditionType::Ready, ConditionType::Reconciling, ConditionType::Stalled];
    assert_eq!(first_column("channel-conditions"), of_channels.map(ConditionType::as_str));
    assert_eq!(first_column("channel-reasons"), Reason::OF_CHANNELS.map(Reason::as_str));
}

#[test]
fn every_type_of_channel_every_variable_and_every_delivery_error_is_documented() {
    assert_eq!(first_column("channel-types"), ChannelType::ALL.map(ChannelType::as_str));
    let readme = readme();
    let (_, rest) = readme.split_once("<!-- channel-variables -->\n").unwrap();
    let (variables, _) = rest.split_once("<!-- /channel-variables -->").unwrap();
    let variables: Vec<String> = variables.split(',').map(|name| name.trim().replace('`', "")).collect();
    assert_eq!(variables, VARIABLES);
    assert_eq!(first_column("delivery-errors"), Why::ALL.map(Why::category));
}

#[test]
fn every_finding_is_documented_with_its_severity() {
    let documented: Vec<[String; 2]> =
        table("findings").into_iter().map(|row| [row[0].clone(), row[1].clone()]).collect();
    let kinds = FindingKind::ALL.map(|kind| [kind.as_str().to_owned(), kind.severity().as_str().to_owned()]);
    assert_eq!(documented, kinds);
}

/// The YAML blocks after this mark.
fn examples(mark: &str) -> Vec<String> {
    let (readme, mark) = (readme(), format!("<!-- {mark} -->\n```yaml\n"));
    let blocks = readme.split(&mark).skip(1);
    blocks.map(|rest| rest.split_once("```").unwrap().0.to_owned()).collect()
}

#[test]
fn every_example_of_a_channel_is_good_and_short() {
    let examples = examples("channel");
    assert!(examples.len() >= 4, "{examples:?}");
    for example in examples {
        assert!(example.lines().count() <= 15, "{example}");
        assert_is_channel(serde_saphyr::from_str(&example).unwrap());
    }
}

/// It can be used, once its Secrets hold what they should.
fn assert_is_channel(manifest: Value) {
    let channel = validate_channel(manifest).unwrap();
    let values: &[(&str, &str)] = match channel.spec.type_ {
        ChannelType::Slack => &[("address", "https://hooks.slack.com/services/x")],
        _ => &[("token", "x"), ("username", "x"), ("password", "x")],
    };
    let values = values.iter().map(|(key, value)| ((*key).to_owned(), value.as_bytes().to_vec())).collect();
    let secret = Material { is_allowed: true, values, ..Material::default() };
    let rules = Rules { allow_http: false, roots: Arc::new(RootCertStore::empty()) };
    let made = alerting::channel(&channel.spec, Some(&secret), None, &rules);
    assert_eq!(made.map(|made| made.kind().name()), Ok(channel.spec.type_.as_str()));
}

#[test]
fn every_field_of_the_spec_is_shown_in_an_example_and_every_example_is_good() {
    let mut shown = BTreeSet::new();
    for example in examples("example") {
        let manifest =
            format!("apiVersion: sslmonitor.io/v1\nkind: SslMonitor\nmetadata: {{name: example}}\n{example}");
        let manifest: Value = serde_saphyr::from_str(&manifest).unwrap();
        paths(&manifest["spec"], "", &mut shown);
        let read = validate(manifest).unwrap_or_else(|faults| panic!("{example}\n{faults:?}"));
        let probed = target(&read.spec, &AddressPolicy::default());
        assert!(probed.is_ok(), "{example}\n{probed:?}");
    }
    let mut fields = BTreeMap::new();
    leaves(&schema(ssl_monitor_crd, "spec"), "", &mut fields);
    assert_eq!(shown.into_iter().collect::<Vec<_>>(), fields.into_keys().collect::<Vec<_>>());
}

/// The path of every value that is no mapping.
fn paths(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => object.iter().for_each(|(name, child)| {
            paths(child, &if path.is_empty() { name.clone() } else { format!("{path}.{name}") }, found);
        }),
        _ => {
            found.insert(path.to_owned());
        }
    }
}

#[test]
fn every_sample_is_good() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/samples");
    for file in fs::read_dir(directory).unwrap() {
        let path = file.unwrap().path();
        let manifest: Value = serde_saphyr::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        match manifest["kind"].as_str() {
            Some("NotificationChannel") => assert_is_channel(manifest),
            _ => assert_eq!(validate(manifest).err(), None, "{}", path.display()),
        }
    }
}

#[test]
fn every_flag_of_run_is_documented_with_its_environment_and_default() {
    let command = Cli::command();
    let run = command.find_subcommand("run").unwrap();
    let flags = run.get_arguments().filter(|argument| argument.get_id() != "help").map(|argument| {
        let defaults = argument.get_default_values().iter().map(|value| value.to_string_lossy().into_owned());
        let env = argument.get_env().unwrap().to_string_lossy().into_owned();
        (format!("--{}", argument.get_long().unwrap()), (env, defaults.collect::<String>()))
    });
    let documented = table("flags").into_iter().map(|row| {
        let default = if row[2] == "the system's" { String::new() } else { row[2].clone() };
        (row[0].clone(), (row[1].clone(), default))
    });
    // A switch has no value and its default is not to be set.
    let no_false = |(flag, (env, default)): (String, (String, String))| (flag, (env, default.replace("false", "")));
    assert_eq!(documented.collect::<BTreeMap<_, _>>(), flags.map(no_false).collect::<BTreeMap<_, _>>());
}

/// The metrics that are exposed where those of others are, too.
fn metric_names(compat: &[Compat]) -> Vec<String> {
    let metrics = Metrics::with_compat(compat);
    metrics.name_channels(&["webhook"]);
    let encoded = metrics.encode();
    let families = encoded.lines().filter_map(|line| line.strip_prefix("# TYPE ")).map(|line| {
        let (name, kind) = line.split_once(' ').unwrap();
        match kind {
            "counter" => format!("{name}_total"),
            "info" => format!("{name}_info"),
            _ => name.to_owned(),
        }
    });
    sorted(families)
}

#[test]
fn every_metric_is_documented() {
    let mut expected = metric_names(&[]);
    // The schedule's gauges appear once there is a schedule.
    expected.retain(|name| !name.starts_with("sslmonitor_schedule"));
    let documented =
        sorted(first_column("metrics").into_iter().filter(|name| !name.starts_with("sslmonitor_schedule")));
    assert_eq!(documented, expected);
}

#[test]
fn every_metric_by_the_name_of_another_is_documented() {
    let expected = metric_names(&Compat::ALL).into_iter().filter(|name| !name.starts_with("sslmonitor_"));
    assert_eq!(sorted(first_column("compat-metrics")), expected.collect::<Vec<_>>());
}
