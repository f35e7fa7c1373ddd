//! The container image, as it is published: what is in it, and that it runs as a kubelet would run it.
//!
//! `cargo xtask image` builds it and runs these tests; in a plain `cargo test` there is no image, so they are not part of it.
#![allow(clippy::unwrap_used, clippy::panic)]

mod binary;
mod container;
mod contents;
mod layout;
#[path = "../docs/page.rs"]
mod markdown;
mod page;
mod release;
mod runs;

use std::{env, path::PathBuf};

use clap::ValueEnum as _;
use xtask::image::{ARCHS_VARIABLE, Arch, DIRECTORY_VARIABLE};

/// The repository.
const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What `cargo xtask image` has built.
fn directory() -> PathBuf {
    let directory = env::var_os(DIRECTORY_VARIABLE).map(PathBuf::from);
    let directory = directory.unwrap_or_else(|| xtask::image::default_directory(ROOT.as_ref()));
    assert!(directory.join("oci").is_dir(), "there is no image in {}: run `cargo xtask image`", directory.display());
    directory
}

/// The platforms that it was built for.
fn archs() -> Vec<Arch> {
    let Ok(names) = env::var(ARCHS_VARIABLE) else { return Arch::ALL.to_vec() };
    names.split(',').map(|name| Arch::from_str(name, false).unwrap()).collect()
}
