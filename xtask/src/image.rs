//! `cargo xtask image`: the container image for every platform, as an OCI layout.
//!
//! The binaries are compiled here, statically and across; `deploy/image/Dockerfile` only copies them. Thus no step of it runs
//! or fetches anything, buildah builds it without an engine, and a release pushes the very layout that the tests looked at.
//!
//! Commit and `SOURCE_DATE_EPOCH` (otherwise the commit's time) decide what comes out: no clock and no path of this machine.

mod binary;
mod source;
mod tools;

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use clap::ValueEnum;

use crate::helm;
use source::Source;

/// What is copied into the image, by platform.
const DOCKERFILE: &str = "deploy/image/Dockerfile";
/// Names the directory of the image to its tests.
pub const DIRECTORY_VARIABLE: &str = "SSLMONITOR_IMAGE";
/// Names the platforms that it was built for to its tests, with commas.
pub const ARCHS_VARIABLE: &str = "SSLMONITOR_IMAGE_ARCHS";
/// The name of the list of images while it is being built; nobody sees it.
const LIST: &str = "sslmonitor";

/// A platform of the image, by its name there (GOARCH).
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Arch {
    /// x86_64
    Amd64,
    /// aarch64
    Arm64,
}

/// What is to be built.
#[derive(Debug)]
pub struct Request<'a> {
    /// For which platforms.
    pub archs: &'a [Arch],
    /// Where to; what is there of an earlier image is replaced.
    pub directory: &'a Path,
    /// Where the sources are published, for the label.
    pub source: Option<&'a str>,
}

/// Why there is no image.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A program said no.
    #[error("the image needs {what}")]
    Tool {
        /// What for.
        what: &'static str,
        /// What it said.
        source: helm::Error,
    },
    /// A program whose output was shown ended with an error.
    #[error("{what} failed ({status})")]
    Failed {
        /// Which.
        what: String,
        /// How it ended.
        status: String,
    },
    /// Something about our own files.
    #[error("cannot {action}")]
    Io {
        /// What was tried.
        action: String,
        /// Why it failed.
        source: io::Error,
    },
    /// The time is none.
    #[error("SOURCE_DATE_EPOCH must be seconds since 1970, not {0:?}")]
    Epoch(String),
}

// === impl Arch ===

impl Arch {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Amd64, Self::Arm64];

    /// The name of containers for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }

    /// The name of C compilers for it, and of Rust's before the first hyphen.
    fn machine(self) -> &'static str {
        match self {
            Self::Amd64 => "x86_64",
            Self::Arm64 => "aarch64",
        }
    }
}

/// Where the image of the repository at `root` is built when nothing else is asked for.
pub fn default_directory(root: &Path) -> PathBuf {
    root.canonicalize().unwrap_or_else(|_| root.to_owned()).join("target/image")
}

/// The bill of materials of a binary, in the directory of an image.
pub fn bill(directory: &Path, version: &str, arch: Arch) -> PathBuf {
    directory.join(format!("sslmonitor-{version}-linux-{}.cdx.json", arch.name()))
}

/// The binary of a platform, in the directory of an image.
pub fn program(directory: &Path, arch: Arch) -> PathBuf {
    directory.join("context").join(arch.name()).join("sslmonitor")
}

/// Build the image of the repository at `root`: `oci` is its layout, `context` what the Dockerfile copies, beside the bills of
/// materials. The tools come from registries, once.
///
/// # Errors
/// When a tool is not to be had or fails, or a file cannot be written.
pub fn build(root: &Path, request: &Request<'_>) -> Result<(), Error> {
    let root = root.canonicalize().map_err(io_error("find the repository"))?;
    let source = Source::read(&root)?;
    let directory = request.directory;
    make_empty(directory)?;
    for &arch in request.archs {
        let built = binary::build(&root, arch)?;
        let (bill, program) = (bill(directory, source::VERSION, arch), program(directory, arch));
        binary::describe(&root, arch, &source, &bill)?;
        copy(&built, &program)?;
    }
    copy(&root.join("LICENSE"), &directory.join("context/LICENSE"))?;
    assemble(&root, request, &source)
}

/// Have buildah make of Dockerfile and context the layout.
fn assemble(root: &Path, request: &Request<'_>, source: &Source) -> Result<(), Error> {
    tools::complete_buildah()?;
    let storage = tempfile::tempdir().map_err(io_error("make a directory for buildah"))?;
    let buildah = || {
        let mut command = Command::new("buildah");
        // All that it would keep elsewhere is thrown away at the end, and it asks no kernel for an overlay.
        command.arg("--root").arg(storage.path().join("root")).arg("--runroot").arg(storage.path().join("run"));
        command.args(["--storage-driver", "vfs"]);
        command
    };
    // One after the other: buildah would list them in the order in which they happen to be done.
    for arch in request.archs {
        let mut build = buildah();
        build.args(["build", "--isolation", "chroot", "--format", "oci", "--identity-label=false", "--manifest", LIST]);
        build.args(["--platform", &format!("linux/{}", arch.name()), "--timestamp", &source.epoch.to_string()]);
        build.args(source.labels(request.source).iter().flat_map(|label| ["--label", label]));
        build.arg("--file").arg(root.join(DOCKERFILE)).arg(request.directory.join("context"));
        run_tool("an image that builds", &mut build)?;
    }
    let layout = format!("oci:{}:{}", request.directory.join("oci").display(), source::VERSION);
    run_tool("a layout to put it into", buildah().args(["manifest", "push", "--all", LIST, &layout])).map(drop)
}

/// Take away what an earlier run left there, and nothing else.
fn make_empty(directory: &Path) -> Result<(), Error> {
    for part in ["oci", "context"] {
        match fs::remove_dir_all(directory.join(part)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(io_error(format!("remove {}/{part}", directory.display()))(error));
            }
            _ => {}
        }
    }
    fs::create_dir_all(directory).map_err(io_error(format!("make {}", directory.display())))
}

fn copy(from: &Path, to: &Path) -> Result<(), Error> {
    let parent = to.parent().expect("every file that is made has a directory");
    let copied = fs::create_dir_all(parent).and_then(|()| fs::copy(from, to));
    copied.map(drop).map_err(io_error(format!("copy {} to {}", from.display(), to.display())))
}

fn run_tool(what: &'static str, command: &mut Command) -> Result<String, Error> {
    helm::stdout(command).map_err(|source| Error::Tool { what, source })
}

fn io_error(action: impl Into<String>) -> impl FnOnce(io::Error) -> Error {
    let action = action.into();
    move |source| Error::Io { action, source }
}
