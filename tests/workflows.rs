//! The workflows of a public forge: they are well formed, call what there is, and may do no more than they have to.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use serde_json::{Value, json};
use xtask::{checkers::Checker, helm::stdout};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Every workflow by its name.
fn workflows() -> BTreeMap<String, Value> {
    let entries = fs::read_dir(Path::new(ROOT).join(".github/workflows")).unwrap().map(|entry| entry.unwrap().path());
    let read = |path: &Path| serde_saphyr::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    entries.map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), read(&path))).collect()
}

/// Every job, with the name of its workflow and its own.
fn jobs() -> Vec<(String, Value)> {
    let mut jobs = Vec::new();
    for (workflow, content) in workflows() {
        for (name, job) in content["jobs"].as_object().unwrap() {
            jobs.push((format!("{workflow}/{name}"), job.clone()));
        }
    }
    jobs
}

#[test]
#[ignore = "needs actionlint: cargo xtask test"]
fn actionlint_finds_nothing_to_say_of_the_workflows() {
    let actionlint = Checker::Actionlint.find().unwrap_or_else(|error| panic!("{error}"));
    // Without the linters of other languages, which a machine may have or not.
    let mut command = Command::new(actionlint);
    let said = stdout(command.args(["-shellcheck=", "-pyflakes="]).current_dir(ROOT));
    assert_eq!(said.unwrap_or_else(|error| panic!("{error}")), "");
}

#[test]
fn every_action_is_pinned_by_its_commit_and_every_workflow_that_is_called_is_there() {
    for (name, job) in jobs() {
        let steps = job["steps"].as_array().into_iter().flatten();
        for uses in steps.chain([&job]).filter_map(|step| step["uses"].as_str()) {
            if let Some(path) = uses.strip_prefix("./") {
                assert!(Path::new(ROOT).join(path).is_file(), "{name}: {uses}");
                continue;
            }
            let (_, commit) = uses.split_once('@').unwrap();
            assert!(commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit()), "{name}: {uses}");
        }
    }
}

#[test]
fn only_the_job_that_publishes_may_write_and_it_runs_nothing_of_the_repository() {
    for (_, workflow) in workflows() {
        assert_eq!(workflow["permissions"], json!({}));
    }
    let read = json!({"contents": "read"});
    for (name, job) in jobs() {
        if name != "release/publish" {
            assert_eq!(job["permissions"], read, "{name}");
            continue;
        }
        let all = ["attestations", "contents", "id-token", "packages"].map(|permission| (permission, "write"));
        assert_eq!(job["permissions"], json!(BTreeMap::from(all)));
        let steps = job["steps"].to_string();
        assert!(!steps.contains("actions/checkout") && !steps.contains("cargo"), "{steps}");
    }
}

#[test]
fn the_toolchain_of_the_workflows_is_the_pinned_one() {
    let toolchain = fs::read_to_string(Path::new(ROOT).join("rust-toolchain.toml")).unwrap();
    let version = toolchain.lines().find_map(|line| line.strip_prefix("channel = ")).unwrap().trim_matches('"');
    let images = jobs().into_iter().filter_map(|(_, job)| job["container"]["image"].as_str().map(str::to_owned));
    assert_eq!(images.collect::<Vec<_>>(), vec![format!("rust:{version}-bookworm"); 2]);
}
