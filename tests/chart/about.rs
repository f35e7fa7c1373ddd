//! What the chart says about itself, and that it says all that the operator can be told.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use clap::CommandFactory as _;
use serde_json::{Value, json};
use ssl_monitor_operator::{
    api::{crd_files, validate},
    cli::Cli,
};
use xtask::{checkers::Checker, helm::stdout, install::CHART};

use crate::support::{RELEASE, ROOT, chart, documents, everything, helm, template};

fn chart_yaml() -> Value {
    let text = fs::read_to_string(Path::new(ROOT).join(CHART).join("Chart.yaml")).unwrap();
    serde_saphyr::from_str(&text).unwrap()
}

/// The annotation of this name for Artifact Hub, which is YAML in a string.
fn annotation(chart: &Value, name: &str) -> Value {
    let text = chart["annotations"][format!("artifacthub.io/{name}")].as_str();
    serde_saphyr::from_str(text.unwrap_or_default()).unwrap()
}

/// The arguments of the container.
fn arguments(values: &Value) -> Vec<String> {
    let all = documents(&template(values));
    let deployment = all.into_iter().find(|object| object["kind"] == "Deployment").unwrap();
    let list = deployment["spec"]["template"]["spec"]["containers"][0]["args"].as_array().cloned().unwrap();
    list.iter().map(|argument| argument.as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_chart_is_of_the_version_of_the_operator() {
    let chart = chart_yaml();
    assert_eq!(
        (&chart["version"], &chart["appVersion"]),
        (&env!("CARGO_PKG_VERSION").into(), &env!("CARGO_PKG_VERSION").into())
    );
}

#[test]
fn artifact_hub_is_told_of_every_definition_and_of_good_examples() {
    let chart = chart_yaml();
    let told: BTreeSet<String> = annotation(&chart, "crds")
        .as_array()
        .unwrap()
        .iter()
        .map(|crd| format!("{}.yaml", crd["name"].as_str().unwrap()))
        .collect();
    assert_eq!(told, crd_files().into_iter().map(|(name, _)| name).collect());
    let examples = annotation(&chart, "crdsExamples");
    for example in examples.as_array().unwrap().iter().filter(|example| example["kind"] == "SslMonitor") {
        let read = validate(example.clone());
        assert!(read.is_ok(), "{example}\n{read:?}");
    }
}

#[test]
#[ignore = "needs Helm: cargo xtask test"]
fn helm_finds_nothing_to_complain_of() {
    let said = helm().run(&["lint", "--strict", &chart()]).unwrap_or_else(|error| panic!("{error}"));
    assert!(said.contains("1 chart(s) linted, 0 chart(s) failed"), "{said}");
}

#[test]
#[ignore = "needs helm-unittest: cargo xtask test"]
fn every_switch_of_the_chart_does_what_its_suite_says() {
    let program = Checker::HelmUnittest.find().unwrap_or_else(|error| panic!("{error}"));
    let said = stdout(Command::new(program).args(["--strict", &chart()])).unwrap_or_else(|error| panic!("{error}"));
    assert!(said.contains("Charts:      1 passed, 1 total"), "{said}");
}

#[test]
#[ignore = "needs Helm: cargo xtask test"]
fn every_flag_of_run_is_a_value_of_the_chart_and_is_read_by_the_operator() {
    let given = arguments(&everything());
    let command = Cli::command();
    let run = command.find_subcommand("run").unwrap();
    let flags: BTreeSet<String> = run
        .get_arguments()
        // The Lease is in the pod's namespace, as it is without this flag.
        .filter_map(|flag| flag.get_long().filter(|name| !["help", "leader-elect-resource-namespace"].contains(name)))
        .map(ToOwned::to_owned)
        .collect();
    let name = |argument: &String| argument.trim_start_matches("--").split('=').next().unwrap().to_owned();
    assert_eq!(given[1..].iter().map(name).collect::<BTreeSet<_>>(), flags);
    for arguments in [given, arguments(&json!({}))] {
        let read = Cli::command()
            .try_get_matches_from(std::iter::once("sslmonitor").chain(arguments.iter().map(String::as_str)));
        assert!(read.is_ok(), "{arguments:?}\n{read:?}");
    }
}

#[test]
#[ignore = "needs Helm: cargo xtask test"]
fn without_values_the_operator_gets_its_own_defaults_and_elects_a_leader() {
    let command = Cli::command();
    let run = command.find_subcommand("run").unwrap();
    let defaults = run.get_arguments().filter_map(|flag| {
        let default = flag.get_default_values().first()?.to_string_lossy().into_owned();
        Some(format!("--{}={default}", flag.get_long()?)).filter(|flag| !flag.ends_with("=false"))
    });
    let resource_name = format!("--leader-elect-resource-name={RELEASE}");
    let defaults = defaults.filter(|flag| !flag.starts_with("--leader-elect-resource-name="));
    let expected = defaults.chain(["--leader-elect".to_owned(), resource_name]);
    assert_eq!(arguments(&json!({}))[1..].iter().cloned().collect::<BTreeSet<_>>(), expected.collect::<BTreeSet<_>>());
}
