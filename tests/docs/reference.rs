//! What pages say of fields, conditions, reasons, flags and metrics is what the code says: what is generated has left nothing out, and
//! what is written by hand is good.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::Arc,
};

use clap::{Arg, Command, CommandFactory as _};
use rustls::RootCertStore;
use serde_json::Value;
use ssl_monitor_operator::{
    alerting,
    api::{ChannelType, StartTls, notification_channel_crd, ssl_monitor_crd, validate, validate_channel},
    cli::{Cli, PluginCli},
    metrics::{Compat, Metrics},
    monitor::{ConditionType, Material, Reason, target},
    notify::{Rules, VARIABLES, Why},
    probe::{AddressPolicy, FindingKind},
};

use crate::page::{Page, ROOT, pages};

/// What stands between `<!-- name -->` and `<!-- /name -->`, of which there is one in all pages.
fn section(name: &str) -> String {
    let start = format!("<!-- {name} -->\n");
    let found: Vec<String> = pages().into_iter().map(|page| page.text).filter(|text| text.contains(&start)).collect();
    assert_eq!(found.len(), 1, "{name}");
    let (_, rest) = found[0].split_once(&start).unwrap();
    rest.split_once(&format!("<!-- /{name} -->")).unwrap().0.to_owned()
}

/// The rows of the table there: the cells of each, without backticks and links.
fn table(name: &str) -> Vec<Vec<String>> {
    let cell = |cell: &str| match cell.trim().replace('`', "") {
        link if link.starts_with('[') => link[1..].split(']').next().unwrap().to_owned(),
        text => text,
    };
    section(name)
        .lines()
        .skip(2)
        .map(|line| line.trim_matches('|').replace("\\|", "¦").split('|').map(cell).collect())
        .collect()
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

/// Path and default of every leaf; with the members of lists where those are asked for.
fn leaves(schema: &Value, path: &str, with_members: bool, found: &mut BTreeMap<String, String>) {
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, child) in schema["properties"].as_object().into_iter().flatten() {
        let child_path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        if child["properties"].is_object() {
            leaves(child, &child_path, with_members, found);
            continue;
        }
        if with_members {
            leaves(&child["items"], &format!("{child_path}[]"), true, found);
        }
        let default = match &child["default"] {
            Value::String(text) => text.clone(),
            Value::Null if required.contains(&name.as_str()) => "required".to_owned(),
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
        leaves(&schema(definition, "spec"), "", true, &mut expected);
        let documented: BTreeMap<String, String> =
            table(&format!("{prefix}spec")).into_iter().map(|row| (row[0].clone(), row[2].clone())).collect();
        // Those that hold others have rows, too.
        let without: Vec<_> =
            expected.iter().filter(|(path, default)| documented.get(*path) != Some(default)).collect();
        assert_eq!(without, []);
        assert!(documented.keys().all(|path| expected.keys().any(|known| known.starts_with(path.as_str()))));
    }
}

#[test]
fn every_field_of_the_status_is_documented() {
    for (definition, prefix) in KINDS {
        let mut expected = BTreeMap::new();
        leaves(&schema(definition, "status"), "", true, &mut expected);
        let documented = first_column(&format!("{prefix}status"));
        // Conditions are Kubernetes' own.
        let missing = expected.keys().filter(|path| !path.starts_with("conditions[]") && !documented.contains(path));
        assert_eq!(missing.collect::<Vec<_>>(), Vec::<&String>::new());
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
    let variables: Vec<String> =
        section("channel-variables").split(',').map(|name| name.trim().replace('`', "")).collect();
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
    let blocks = pages().into_iter().flat_map(|page| page.blocks());
    blocks.filter(|block| block.mark.as_deref() == Some(mark)).map(|block| block.text).collect()
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
    leaves(&schema(ssl_monitor_crd, "spec"), "", false, &mut fields);
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
    let directory = Path::new(ROOT).join("deploy/samples");
    for file in fs::read_dir(directory).unwrap() {
        let path = file.unwrap().path();
        let manifest: Value = serde_saphyr::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        match manifest["kind"].as_str() {
            Some("NotificationChannel") => assert_is_channel(manifest),
            _ => assert_eq!(validate(manifest).err(), None, "{}", path.display()),
        }
    }
}

/// The commands that do something, each with its line.
fn commands(command: &Command, line: &str, found: &mut Vec<(String, Command)>) {
    let below: Vec<&Command> = command.get_subcommands().filter(|below| !below.is_hide_set()).collect();
    if below.is_empty() {
        found.push((line.to_owned(), command.clone()));
    }
    for below in below {
        commands(below, &format!("{line} {}", below.get_name()), found);
    }
}

#[test]
fn every_argument_of_every_command_is_documented_with_its_environment_and_default() {
    let mut all = Vec::new();
    commands(&Cli::command(), "sslmonitor", &mut all);
    commands(&PluginCli::command(), "kubectl sslmonitor", &mut all);
    assert_eq!(all.len(), 13);
    for (line, command) in all {
        let shown = |argument: &&Arg| argument.get_id() != "help" && !argument.is_hide_set();
        let arguments: Vec<&Arg> = command.get_arguments().filter(shown).collect();
        if arguments.is_empty() {
            continue;
        }
        let rows = table(&format!("flags of {line}"));
        assert_eq!(rows.len(), arguments.len(), "{line}");
        for (row, argument) in rows.iter().zip(arguments) {
            let name = argument.get_long().map_or_else(|| "<".to_owned(), |long| format!("--{long}"));
            assert!(row[0].contains(&name), "{line}: {row:?}");
            let stands_there =
                |text: &str| assert!(row.iter().any(|cell| cell == text), "{line}: {row:?} without {text}");
            argument.get_env().into_iter().for_each(|name| stands_there(&name.to_string_lossy()));
            // A switch has no value.
            let defaults = argument.get_default_values().iter().filter(|_| argument.get_action().takes_values());
            defaults.for_each(|default| stands_there(&default.to_string_lossy()));
        }
    }
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

#[test]
fn every_protocol_of_starttls_is_shown_with_its_port() {
    let page = Page::read("docs/how-to/starttls.md");
    let rows = page.text.lines().filter(|line| line.starts_with("| `")).skip(1);
    let cells = rows.flat_map(|row| row.trim_matches('|').split("| |").map(ToOwned::to_owned).collect::<Vec<_>>());
    let pairs = cells.map(|pair| pair.split('|').map(|cell| cell.trim().replace('`', "")).collect::<Vec<_>>());
    let shown: BTreeMap<String, String> = pairs.map(|pair| (pair[0].clone(), pair[1].clone())).collect();
    let expected = StartTls::ALL.map(|protocol| (protocol.as_str().to_owned(), protocol.port().to_string()));
    assert_eq!(shown, BTreeMap::from(expected));
}

#[test]
fn the_expressions_for_flux_are_those_that_are_shipped() {
    let shipped = fs::read_to_string(Path::new(ROOT).join("deploy/flux/strict.yaml")).unwrap();
    let page = Page::read("docs/how-to/gitops.md");
    let shown = page.blocks().into_iter().find(|block| block.text.contains("healthCheckExprs")).unwrap().text;
    let [shipped, shown]: [Value; 2] = [shipped, shown].map(|text| serde_saphyr::from_str(&text).unwrap());
    assert_eq!(shown["spec"]["healthCheckExprs"], shipped["healthCheckExprs"]);
}
