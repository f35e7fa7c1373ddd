//! `cargo xtask release`: all files of a release, from an image that `cargo xtask image` has built.
//!
//! What a forge has to add is in `.github/workflows/release.yml`: pushing, signing and provenance.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use clap::Args;

use crate::{
    helm::{self, Helm},
    image::{self, Arch},
    install, krew,
};

const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The repository of the image where nothing else is said: in the chart's values, and with the tag in the manifest.
const UNPUBLISHED: &str = "ssl-monitor-operator";
/// The names of the binary: for itself, and as a plugin of kubectl.
const PROGRAMS: [&str; 2] = ["sslmonitor", "kubectl-sslmonitor"];
/// The digests of all other files, as sha256sum(1) reads them.
const SUMS: &str = "SHA256SUMS";

/// Under which names things are published.
#[derive(Debug, Clone, Args)]
pub struct Names {
    /// The tag of the release: v and the version
    #[arg(long)]
    pub tag: String,
    /// The repository of the image, without tag
    #[arg(long, value_name = "REGISTRY/NAME")]
    pub repository: String,
    /// Where the files will be fetched from
    #[arg(long)]
    pub url: String,
}

/// Why there is no release.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The tag is for something else.
    #[error("the tag is {0:?}, and the version in Cargo.toml is {VERSION}: a release of it has the tag v{VERSION}")]
    Tag(String),
    /// What is there twice or not at all cannot be filled in.
    #[error("{path} has {found} lines {line:?} to be filled in, not one")]
    Line {
        /// In which file.
        path: String,
        /// Which line.
        line: String,
        /// How often it is there.
        found: usize,
    },
    /// Helm or tar said no.
    #[error("cannot pack {what}")]
    Tool {
        /// What.
        what: String,
        /// What was said.
        source: helm::Error,
    },
    /// There is no krew manifest.
    #[error("cannot make the krew manifest")]
    Krew(#[from] krew::Error),
    /// Something about files.
    #[error("cannot {action}")]
    Io {
        /// What was tried.
        action: String,
        /// Why it failed.
        source: io::Error,
    },
}

// === impl Names ===

impl Names {
    /// Make `directory`, and in it all files of the release of the repository at `root`.
    ///
    /// # Errors
    /// When the tag is not that of this version, the image is not there for every platform, or a file cannot be made.
    pub fn lay_out(&self, root: &Path, helm: &Helm, image: &Path, directory: &Path) -> Result<(), Error> {
        if self.tag != format!("v{VERSION}") {
            return Err(Error::Tag(self.tag.clone()));
        }
        fs::create_dir(directory).map_err(io_error("make", directory))?;
        for arch in Arch::ALL {
            for program in PROGRAMS {
                archive(root, image, arch, program, directory)?;
            }
            let bill = image::bill(image, VERSION, arch);
            copy(&bill, &directory.join(bill.file_name().unwrap_or_default()))?;
        }
        self.chart(root, helm, directory)?;
        self.manifest(root, directory)?;
        let plugin = krew::manifest(root, VERSION, &self.url, directory)?;
        write(&directory.join("sslmonitor.yaml"), &plugin)?;
        write(&directory.join(SUMS), &sums(directory)?)
    }

    /// The chart, whose image is the published one.
    fn chart(&self, root: &Path, helm: &Helm, directory: &Path) -> Result<(), Error> {
        let work = tempfile::tempdir().map_err(io_error("make a directory for", Path::new(install::CHART)))?;
        let chart = work.path().join("ssl-monitor-operator");
        run("the chart", Command::new("cp").arg("-R").arg(root.join(install::CHART)).arg(&chart))?;
        let values = chart.join("values.yaml");
        let text = replace_line(&values, "  repository: ", UNPUBLISHED, &self.repository)?;
        write(&values, &text)?;
        let (chart, directory) = (chart.display().to_string(), directory.display().to_string());
        let packed = helm.run(&["package", &chart, "--destination", &directory]);
        packed.map(drop).map_err(|source| Error::Tool { what: "the chart".to_owned(), source })
    }

    /// The manifest for those who use no Helm, with the published image.
    fn manifest(&self, root: &Path, directory: &Path) -> Result<(), Error> {
        let [unpublished, published] = [UNPUBLISHED, &self.repository].map(|name| format!("{name}:{VERSION}"));
        let text = replace_line(&root.join(install::MANIFEST), "          image: ", &unpublished, &published)?;
        write(&directory.join("install.yaml"), &text)
    }
}

/// Pack the binary of a platform under this name, with the licence; neither time nor user of this machine are in it.
fn archive(root: &Path, image: &Path, arch: Arch, program: &str, directory: &Path) -> Result<(), Error> {
    let work = tempfile::tempdir().map_err(io_error("make a directory for", Path::new(program)))?;
    copy(&image::program(image, arch), &work.path().join(program))?;
    copy(&root.join("LICENSE"), &work.path().join("LICENSE"))?;
    let name = format!("{program}-{VERSION}-linux-{}.tar.gz", arch.name());
    let mut tar = Command::new("tar");
    tar.args(["--create", "--gzip", "--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--mtime=@0"]);
    tar.arg("--mode=u=rwX,go=rX").arg("--file").arg(directory.join(&name));
    run(&name, tar.arg("--directory").arg(work.path()).args(["LICENSE", program]))
}

/// One line for each file that is there: its digest and its name.
fn sums(directory: &Path) -> Result<String, Error> {
    let entries = fs::read_dir(directory).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let mut paths: Vec<PathBuf> =
        entries.map_err(io_error("list", directory))?.iter().map(fs::DirEntry::path).collect();
    paths.sort();
    let line = |path: &PathBuf| {
        let content = fs::read(path).map_err(io_error("read", path))?;
        Ok(format!("{}  {}\n", krew::sha256(&content), path.file_name().unwrap_or_default().display()))
    };
    paths.iter().map(line).collect()
}

/// The text of a file, in which `new` stands for `old` in the one line that is `start` and `old`.
fn replace_line(path: &Path, start: &str, old: &str, new: &str) -> Result<String, Error> {
    let text = fs::read_to_string(path).map_err(io_error("read", path))?;
    let line = format!("{start}{old}");
    let found = text.lines().filter(|other| *other == line).count();
    if found != 1 {
        return Err(Error::Line { path: path.display().to_string(), line, found });
    }
    Ok(text.lines().map(|other| if other == line { format!("{start}{new}\n") } else { format!("{other}\n") }).collect())
}

fn copy(from: &Path, to: &Path) -> Result<(), Error> {
    fs::copy(from, to).map(drop).map_err(io_error("copy", from))
}

fn write(path: &Path, text: &str) -> Result<(), Error> {
    fs::write(path, text).map_err(io_error("write", path))
}

fn run(what: &str, command: &mut Command) -> Result<(), Error> {
    helm::stdout(command).map(drop).map_err(|source| Error::Tool { what: what.to_owned(), source })
}

fn io_error(action: &str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let action = format!("{action} {}", path.display());
    move |source| Error::Io { action, source }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_the_tag_of_this_version_is_released() {
        let directory = tempfile::tempdir().unwrap();
        for tag in [VERSION, "v9.9.9", ""] {
            let (repository, url) = ("example.com/a".to_owned(), "https://example.com".to_owned());
            let names = Names { tag: tag.to_owned(), repository, url };
            let made = directory.path().join("release");
            let helm = Helm::new(Path::new("/nowhere"));
            let said = names.lay_out(Path::new("/nowhere"), &helm, Path::new("/nowhere"), &made).unwrap_err();
            assert!(matches!(&said, Error::Tag(found) if found == tag), "{said}");
            assert!(!made.exists());
        }
    }

    #[test]
    fn one_whole_line_is_filled_in_and_no_other() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let replaced = |text: &str| {
            fs::write(file.path(), text).unwrap();
            replace_line(file.path(), "image: ", "a", "b").map_err(|error| error.to_string())
        };
        assert_eq!(replaced("image: a\nimage: ab\n").unwrap(), "image: b\nimage: ab\n");
        for (text, found) in [("image: ab\n", 0), ("image: a\nimage: a\n", 2)] {
            let said = format!("{} has {found} lines \"image: a\" to be filled in, not one", file.path().display());
            assert_eq!(replaced(text).unwrap_err(), said);
        }
    }
}
