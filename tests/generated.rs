//! What is generated and committed equals what the types say today.
#![allow(clippy::unwrap_used)]

use std::{fs, path::Path};

#[test]
fn the_committed_definitions_are_those_of_the_types() {
    for (name, expected) in ssl_monitor_operator::api::crd_files() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("crds").join(&name);
        let committed = fs::read_to_string(&path).unwrap_or_default();
        assert!(committed == expected, "crds/{name} differs from the types: run `cargo xtask generate`");
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
