//! The static binary of a platform, and the bill of what is in it.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{Arch, Error, io_error, run_tool, source::Source, tools};

/// The addresses that a static program has to relocate take an eighth of the room when they are packed.
const PACKED: &str = "-Clink-arg=--pack-dyn-relocs=relr";
/// The bill, and what is made with it: cargo-cyclonedx writes one for each binary of the workspace, beside its manifest.
const BILLS: [&str; 2] = ["sslmonitor_bin.cdx.json", "xtask/xtask_bin.cdx.json"];

/// Compile it in the release profile with the list of its dependencies inside; returns where it is.
pub(super) fn build(root: &Path, arch: Arch) -> Result<PathBuf, Error> {
    let triple = triple(arch);
    tools::complete_target(root, &triple)?;
    let (auditable, zig, target) = (tools::auditable()?, tools::zig(root)?, root.join("target"));
    eprintln!("building sslmonitor for {triple} …");
    let of_target = |name: &str| format!("{name}_{}", triple.replace('-', "_"));
    let status = Command::new(auditable)
        .args(["auditable", "rustc", "--quiet", "--locked", "--release", "--package", "ssl-monitor-operator"])
        .args(["--bin", "sslmonitor", "--target", &triple, "--target-dir"])
        .arg(&target)
        .args(["--", PACKED])
        .env_remove("RUSTFLAGS")
        .env("CARGO_ENCODED_RUSTFLAGS", flags(root))
        // Rust brings musl and a linker for it, but no C compiler.
        .env(of_target("CARGO_TARGET").to_uppercase() + "_LINKER", "rust-lld")
        .env(of_target("CC"), root.join("xtask/image/cc"))
        .env(of_target("AR"), root.join("xtask/image/ar"))
        .env("ZIG", zig)
        .env("ZIG_TARGET", format!("{}-linux-musl", arch.machine()))
        .current_dir(root)
        .stdin(Stdio::null())
        .status()
        .map_err(io_error("start cargo auditable"))?;
    if !status.success() {
        return Err(Error::Failed { what: format!("building for {triple}"), status: status.to_string() });
    }
    Ok(target.join(triple).join("release/sslmonitor"))
}

/// Write the bill of materials (CycloneDX) of the binary.
pub(super) fn describe(root: &Path, arch: Arch, source: &Source, file: &Path) -> Result<(), Error> {
    let mut cyclonedx = Command::new(tools::cyclonedx()?);
    cyclonedx.args(["cyclonedx", "--quiet", "--describe", "binaries", "--no-build-deps", "--format", "json"]);
    cyclonedx.args(["--spec-version", "1.5", "--target", &triple(arch)]);
    cyclonedx.env("SOURCE_DATE_EPOCH", source.epoch.to_string()).current_dir(root);
    run_tool("a bill of materials", &mut cyclonedx)?;
    let [made, other] = BILLS.map(|name| root.join(name));
    let text = fs::read_to_string(&made).map_err(io_error(format!("read {}", made.display())))?;
    for made in [made, other] {
        fs::remove_file(&made).map_err(io_error(format!("remove {}", made.display())))?;
    }
    fs::write(file, without(root, &text)).map_err(io_error(format!("write {}", file.display())))
}

fn triple(arch: Arch) -> String {
    format!("{}-unknown-linux-musl", arch.machine())
}

/// Without the paths of this machine, which would be in the text of panics.
fn flags(root: &Path) -> String {
    let home = env::home_dir().map(|home| home.join(".cargo"));
    let cargo = env::var_os("CARGO_HOME").map(PathBuf::from).or(home).unwrap_or_default();
    let paths = [(cargo.as_path(), "/cargo"), (root, "/src")];
    paths.map(|(path, name)| format!("--remap-path-prefix={}={name}", path.display())).join("\x1f")
}

/// The text with `/src` for this repository.
fn without(root: &Path, text: &str) -> String {
    text.replace(&format!("path+file://{}#", root.display()), "path+file:///src#")
}
