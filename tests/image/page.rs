//! `docs/image.md`: every command in it is run here, or says why it cannot be.

use std::{fs, io::Write as _, path::Path, process::Command};

use tempfile::NamedTempFile;
use xtask::helm::stdout;

use crate::{
    ROOT, directory,
    release::{helm, laid_out},
};

/// A block of code: its language, the comment in the line before it, and its text.
struct Block {
    language: String,
    comment: Option<String>,
    text: String,
}

fn page() -> String {
    fs::read_to_string(Path::new(ROOT).join("docs/image.md")).unwrap()
}

fn blocks() -> Vec<Block> {
    let page = page();
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    let mut before = "";
    while let Some(line) = lines.next() {
        if let Some(language) = line.strip_prefix("```") {
            let text: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            let comment = before.strip_prefix("<!-- ").and_then(|rest| rest.strip_suffix(" -->")).map(str::to_owned);
            blocks.push(Block { language: language.to_owned(), comment, text: text.join("\n") });
        }
        before = line;
    }
    blocks
}

fn shell(text: &str, directory: &Path) -> String {
    stdout(Command::new("sh").args(["-euc", text]).current_dir(directory)).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
#[ignore = "needs the image: cargo xtask image"]
fn every_command_of_the_page_is_run_or_says_why_not() {
    let release = laid_out();
    let mut run = Vec::new();
    for Block { comment, text, .. } in blocks().into_iter().filter(|block| block.language == "sh") {
        match comment.as_deref().and_then(|comment| comment.strip_prefix("not run: ")) {
            // That is here.
            Some("tests/image/page.rs does, in a release") => {
                let Some((_, made)) = &release else { continue };
                shell(&text, made);
            }
            // It runs these tests, and would never end.
            Some("tests/image/page.rs does") if text == "cargo xtask image" => {
                assert!(directory().join("oci/index.json").is_file());
            }
            Some("tests/image/page.rs does") => {
                let page = text.replace("target/image", &directory().display().to_string());
                assert!(!shell(&page, ROOT.as_ref()).is_empty(), "{text}");
            }
            Some(_) => continue,
            None => panic!("no reason before {text}"),
        }
        run.push(text);
    }
    assert!(run.len() >= 2, "{run:?}");
}

#[test]
#[ignore = "needs the image: cargo xtask image"]
fn the_values_of_the_page_mount_the_roots_that_the_operator_is_told_of() {
    let blocks = blocks();
    let values = blocks.iter().find(|block| block.comment.as_deref() == Some("values")).unwrap();
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(values.text.as_bytes()).unwrap();
    let chart = Path::new(ROOT).join("charts/ssl-monitor-operator");
    let (chart, file) = (chart.to_str().unwrap(), file.path().to_str().unwrap());
    let rendered = helm().run(&["template", "a", chart, "--values", file]).unwrap_or_else(|error| panic!("{error}"));
    let deployment = rendered.split("\n---\n").find(|document| document.contains("kind: Deployment")).unwrap();
    let deployment: serde_json::Value = serde_saphyr::from_str(deployment).unwrap();
    let pod = &deployment["spec"]["template"]["spec"];
    let of_roots =
        |list: &serde_json::Value| list.as_array().unwrap().iter().find(|item| item["name"] == "roots").cloned();
    let container = &pod["containers"][0];
    let (volume, mount) = (of_roots(&pod["volumes"]).unwrap(), of_roots(&container["volumeMounts"]).unwrap());
    assert_eq!(volume["configMap"]["name"], "corporate-ca");
    let variables = container["env"].as_array().unwrap().iter();
    let named = variables.clone().find(|variable| variable["name"] == "SSL_CERT_FILE").unwrap()["value"].clone();
    assert_eq!(named, format!("{}/ca.crt", mount["mountPath"].as_str().unwrap()));
}
