//! What is in the image, whole.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use jiff::Timestamp;
use serde_json::{Value, json};
use xtask::helm::stdout;

use crate::{ROOT, VERSION, archs, layout::images};

/// The most bytes that an image may have, all layers together, as they are pulled and as they are unpacked.
const BUDGET: u64 = 20 << 20;

/// The chart's values of this path.
fn values(path: &str) -> Value {
    let text = fs::read_to_string(Path::new(ROOT).join("charts/ssl-monitor-operator/values.yaml")).unwrap();
    let values: Value = serde_saphyr::from_str(&text).unwrap();
    values.pointer(path).unwrap().clone()
}

fn git(arguments: &[&str]) -> String {
    stdout(Command::new("git").arg("-C").arg(ROOT).args(arguments)).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
#[ignore = "needs the image: cargo xtask image"]
fn there_is_one_image_for_each_platform() {
    let platforms: Vec<(String, String)> = images()
        .iter()
        .map(|image| {
            let (os, arch) = (&image.platform["os"], &image.platform["architecture"]);
            assert_eq!((&image.config["os"], &image.config["architecture"]), (os, arch));
            (os.as_str().unwrap().to_owned(), arch.as_str().unwrap().to_owned())
        })
        .collect();
    let expected: Vec<_> = archs().iter().map(|arch| ("linux".to_owned(), arch.name().to_owned())).collect();
    assert_eq!(platforms, expected);
}

#[test]
#[ignore = "needs the image: cargo xtask image"]
fn the_binary_and_its_licence_are_all_there_is_and_nobody_may_write_them() {
    for image in images() {
        let created: Timestamp = image.config["created"].as_str().unwrap().parse().unwrap();
        let time = created.strftime("%Y-%m-%d %H:%M:%S").to_string();
        let without_size = |line: &String| {
            let [mode, owner, _, rest] = line.splitn(4, ' ').collect::<Vec<_>>().try_into().unwrap();
            format!("{mode} {owner} {rest}")
        };
        let files: Vec<String> = image.files().iter().map(without_size).collect();
        assert_eq!(files, [format!("-r--r--r-- 0/0 {time} LICENSE"), format!("-r-xr-xr-x 0/0 {time} sslmonitor")]);
    }
}

#[test]
#[ignore = "needs the image: cargo xtask image"]
fn the_image_is_small_packed_and_unpacked() {
    for image in images() {
        let size = |line: &String| line.split(' ').nth(2).unwrap().parse::<u64>().unwrap();
        let unpacked: u64 = image.files().iter().map(size).sum();
        let packed: u64 = image.layers.iter().map(|layer| fs::metadata(layer).unwrap().len()).sum();
        println!("linux/{}: {packed} bytes to pull, {unpacked} unpacked", image.platform["architecture"]);
        assert!(packed < unpacked && unpacked <= BUDGET, "{packed} {unpacked}");
    }
}

#[test]
#[ignore = "needs the image: cargo xtask image"]
fn it_runs_the_binary_as_the_user_of_the_chart_and_says_nothing_else() {
    let (user, group) = (values("/podSecurityContext/runAsUser"), values("/podSecurityContext/runAsGroup"));
    assert_ne!((&user, &group), (&json!(0), &json!(0)));
    for image in images() {
        let mut config = image.config["config"].clone();
        let labels = config.as_object_mut().unwrap().remove("Labels").unwrap();
        assert!(labels.is_object());
        // Builders say at least the usual PATH and "/".
        config.as_object_mut().unwrap().retain(|key, _| !matches!(key.as_str(), "Env" | "WorkingDir"));
        assert_eq!(config, json!({ "User": format!("{user}:{group}"), "Entrypoint": ["/sslmonitor"] }));
        let variables: Vec<&str> =
            image.config["config"]["Env"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        assert!(variables.iter().all(|variable| variable.starts_with("PATH=")), "{variables:?}");
    }
}

#[test]
#[ignore = "needs the image: cargo xtask image"]
fn the_labels_say_what_it_is_and_what_of() {
    let revision = git(&["rev-parse", "HEAD"]);
    for image in images() {
        let mut labels: BTreeMap<String, String> =
            serde_json::from_value(image.config["config"]["Labels"].clone()).unwrap();
        let mut label = |name: &str| labels.remove(&format!("org.opencontainers.image.{name}")).unwrap();
        let chart = fs::read_to_string(Path::new(ROOT).join("Cargo.toml")).unwrap();
        assert_eq!(label("title"), env!("CARGO_PKG_NAME"));
        assert_eq!(label("description"), env!("CARGO_PKG_DESCRIPTION"));
        assert!(chart.contains(&format!("license = \"{}\"\n", label("licenses"))));
        assert_eq!(label("version"), VERSION);
        assert_eq!(label("revision").trim_end_matches("-dirty"), revision.trim());
        assert_eq!(
            label("created").parse::<Timestamp>().unwrap().to_string(),
            image.config["created"].as_str().unwrap()
        );
        // Known where it is published only.
        labels.remove("org.opencontainers.image.source");
        assert_eq!(labels, BTreeMap::new());
    }
}
