//! The files of a release, as `cargo xtask release` lays them out: what a forge publishes.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;
use tempfile::TempDir;
use xtask::{
    checkers::Checker,
    helm::{Helm, stdout},
    image::Arch,
    release::Names,
};

use crate::{ROOT, VERSION, archs, directory};

const REPOSITORY: &str = "registry.example.com/somebody/ssl-monitor-operator";
const URL: &str = "https://example.com/releases/download/v0";

pub(crate) fn helm() -> Helm {
    Helm::new(&Checker::Helm.find().unwrap_or_else(|error| panic!("{error}")))
}

/// The files of a release; nothing when the image was built for some of its platforms only.
pub(crate) fn laid_out() -> Option<(TempDir, PathBuf)> {
    if archs() != Arch::ALL {
        return None;
    }
    let work = tempfile::tempdir().unwrap();
    let made = work.path().join("release");
    let (repository, url) = (REPOSITORY.to_owned(), URL.to_owned());
    let names = Names { tag: format!("v{VERSION}"), repository, url };
    names.lay_out(ROOT.as_ref(), &helm(), &directory(), &made).unwrap_or_else(|error| panic!("{error}"));
    Some((work, made))
}

fn run(command: &mut Command) -> String {
    stdout(command).unwrap_or_else(|error| panic!("{error}"))
}

fn names(directory: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(directory).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
#[ignore = "needs the image: cargo xtask image"]
fn a_release_has_all_its_files_and_their_digests() {
    let Some((_work, made)) = laid_out() else { return };
    let of_arch = |arch: &str| {
        [
            format!("kubectl-sslmonitor-{VERSION}-linux-{arch}.tar.gz"),
            format!("sslmonitor-{VERSION}-linux-{arch}.cdx.json"),
            format!("sslmonitor-{VERSION}-linux-{arch}.tar.gz"),
        ]
    };
    let summed = ["install.yaml", "sslmonitor.yaml"].map(str::to_owned);
    let summed = summed.into_iter().chain([format!("ssl-monitor-operator-{VERSION}.tgz")]);
    let summed: BTreeSet<String> = summed.chain(of_arch("amd64")).chain(of_arch("arm64")).collect();
    let sums = fs::read_to_string(made.join("SHA256SUMS")).unwrap();
    let listed: BTreeSet<String> = sums.lines().map(|line| line.split_once("  ").unwrap().1.to_owned()).collect();
    assert_eq!(listed, summed);
    run(Command::new("sha256sum").args(["--check", "--strict", "SHA256SUMS"]).current_dir(&made));
    let mut all = names(&made);
    assert!(all.remove("SHA256SUMS"));
    assert_eq!(all, summed);
}

#[test]
#[ignore = "needs the image: cargo xtask image"]
fn an_archive_holds_the_binary_under_its_name_and_the_licence() {
    let Some((_work, made)) = laid_out() else { return };
    let list = |archive: &str| {
        let mut tar = Command::new("tar");
        tar.args(["--list", "--verbose", "--numeric-owner", "--full-time", "--utc", "--file"]).arg(made.join(archive));
        let lines: Vec<String> = run(&mut tar)
            .lines()
            .map(|line| {
                let words: Vec<&str> = line.split_whitespace().collect();
                [&words[..2], &words[3..]].concat().join(" ")
            })
            .collect();
        lines
    };
    let epoch = "0/0 1970-01-01 00:00:00";
    for arch in ["amd64", "arm64"] {
        for program in ["sslmonitor", "kubectl-sslmonitor"] {
            let expected = [format!("-rw-r--r-- {epoch} LICENSE"), format!("-rwxr-xr-x {epoch} {program}")];
            assert_eq!(list(&format!("{program}-{VERSION}-linux-{arch}.tar.gz")), expected);
        }
    }
}

#[test]
#[ignore = "needs the image: cargo xtask image"]
fn chart_and_manifest_and_plugin_of_a_release_name_what_is_published() {
    let Some((_work, made)) = laid_out() else { return };
    let image = format!("image: {REPOSITORY}:{VERSION}");
    let chart = made.join(format!("ssl-monitor-operator-{VERSION}.tgz")).display().to_string();
    let rendered = helm().run(&["template", "a", &chart]).unwrap_or_else(|error| panic!("{error}"));
    let manifest = fs::read_to_string(made.join("install.yaml")).unwrap();
    for text in [rendered, manifest] {
        let lines: Vec<&str> = text
            .lines()
            .map(|line| line.trim().trim_start_matches("- "))
            .filter(|line| line.starts_with("image: "))
            .collect();
        assert_eq!(lines.iter().map(|line| line.replace('"', "")).collect::<Vec<_>>(), [image.as_str()]);
    }
    let plugin: Value = serde_saphyr::from_str(&fs::read_to_string(made.join("sslmonitor.yaml")).unwrap()).unwrap();
    for platform in plugin["spec"]["platforms"].as_array().unwrap() {
        let name = platform["uri"].as_str().unwrap().strip_prefix(&format!("{URL}/")).unwrap();
        let sum = run(Command::new("sha256sum").arg(made.join(name)));
        assert_eq!(platform["sha256"], sum.split_once(' ').unwrap().0);
    }
}

#[test]
#[ignore = "needs the image: cargo xtask image"]
fn two_releases_of_one_image_are_the_same_but_for_the_time_in_the_chart() {
    let (Some((_one, one)), Some((_other, other))) = (laid_out(), laid_out()) else { return };
    let varying = [format!("ssl-monitor-operator-{VERSION}.tgz"), "SHA256SUMS".to_owned()];
    for name in names(&one).into_iter().filter(|name| !varying.contains(name)) {
        assert!(fs::read(one.join(&name)).unwrap() == fs::read(other.join(&name)).unwrap(), "{name}");
    }
}
