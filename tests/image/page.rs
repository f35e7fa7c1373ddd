//! `docs/image.md`: every command in it is run here, or says why it cannot be.

use std::{io::Write as _, path::Path, process::Command};

use tempfile::NamedTempFile;
use xtask::helm::stdout;

use crate::{
    ROOT, directory,
    markdown::{Block, Page},
    release::{helm, laid_out},
};

fn blocks() -> Vec<Block> {
    Page::read("docs/image.md").blocks()
}

fn shell(text: &str, directory: &Path) -> String {
    stdout(Command::new("sh").args(["-euc", text]).current_dir(directory)).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
#[ignore = "needs the image: cargo xtask image"]
fn every_command_of_the_page_is_run_or_says_why_not() {
    let release = laid_out();
    let mut run = Vec::new();
    for Block { mark, text, .. } in blocks().into_iter().filter(|block| block.language == "sh") {
        match mark.as_deref().and_then(|mark| mark.strip_prefix("not run: ")) {
            // That is here.
            Some("tests/image/page.rs does, in a release") => {
                let Some((_, made)) = &release else { continue };
                shell(&text, made);
            }
            // It runs these tests, and would never end.
            Some("tests/image/page.rs does") if text == "cargo xtask image\n" => {
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
    let values = blocks.iter().find(|block| block.mark.as_deref() == Some("values")).unwrap();
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
