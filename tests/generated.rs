//! What is generated and committed equals what the types say today.
#![allow(clippy::unwrap_used)]

use std::{fs, path::Path};

#[test]
fn the_committed_definitions_and_the_table_of_values_are_those_of_today() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (path, expected) in xtask::generate::without_helm(root).unwrap() {
        let committed = fs::read_to_string(root.join(&path)).unwrap_or_default();
        assert!(committed == expected, "{} is out of date: run `cargo xtask generate`", path.display());
    }
}

#[test]
fn a_definition_fits_into_an_annotation_of_a_client_side_apply() {
    for (name, text) in ssl_monitor_operator::api::crd_files() {
        assert!(
            text.len() < 200_000,
            "crds/{name} has {} bytes; kubectl apply stores it in an annotation of 262,144",
            text.len()
        );
    }
}
