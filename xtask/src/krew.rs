//! `cargo xtask krew`: the manifest by which krew installs `kubectl sslmonitor`, for the archives of a release.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use aws_lc_rs::digest::{SHA256, digest};

/// The manifest with what a release fills in, from the repository's root.
const TEMPLATE: &str = "deploy/krew/sslmonitor.yaml";

/// Why there is no manifest.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The template, or an archive that it names, cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The URL does not fit.
    #[error("the URL must begin with https:// and end without a slash, not {0:?}: krew fetches nothing else")]
    Url(String),
}

/// The manifest of this version, whose archives are in `directory` and are fetched from below `url`.
///
/// # Errors
/// When the URL does not fit, or a file cannot be read; the error names it.
pub fn manifest(root: &Path, version: &str, url: &str, directory: &Path) -> Result<String, Error> {
    if !url.starts_with("https://") || url.ends_with('/') {
        return Err(Error::Url(url.to_owned()));
    }
    let template = text(&root.join(TEMPLATE))?.replace("${VERSION}", version).replace("${URL}", url);
    // The comment at its head speaks of the template.
    let lines = template.lines().skip_while(|line| line.starts_with('#'));
    lines.map(|line| with_digest(line, directory).map(|line| line + "\n")).collect()
}

/// The line, with the digest of the archive that it names in the place of `${SHA256:NAME}`.
fn with_digest(line: &str, directory: &Path) -> Result<String, Error> {
    let Some((before, name)) = line.split_once("${SHA256:") else { return Ok(line.to_owned()) };
    let archive = read(&directory.join(name.trim_end_matches('}')))?;
    Ok(format!("{before}{}", sha256(&archive)))
}

/// The digest as sha256sum(1) writes it.
pub fn sha256(content: &[u8]) -> String {
    let digits = digest(&SHA256, content).as_ref().iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>();
    digits.concat()
}

fn text(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).map_err(|source| Error::Read { path: path.to_owned(), source })
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|source| Error::Read { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::Value;

    use super::*;

    const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    const URL: &str = "https://example.com/releases/v1.2.3";

    fn rendered(archives: &[&str]) -> Result<String, Error> {
        let directory = tempfile::tempdir().unwrap();
        for arch in archives {
            fs::write(directory.path().join(format!("kubectl-sslmonitor-1.2.3-linux-{arch}.tar.gz")), arch).unwrap();
        }
        manifest(Path::new(ROOT), "1.2.3", URL, directory.path())
    }

    #[test]
    fn the_manifest_has_the_shape_that_krew_asks_for() {
        let text = rendered(&["amd64", "arm64"]).unwrap();
        assert!(!text.contains("${") && !text.starts_with('#'), "{text}");
        let manifest: Value = serde_saphyr::from_str(&text).unwrap();
        let file = Path::new(TEMPLATE).file_stem().unwrap().to_str().unwrap();
        assert_eq!((&manifest["kind"], &manifest["metadata"]["name"]), (&"Plugin".into(), &file.into()));
        let spec = &manifest["spec"];
        assert_eq!(spec["version"], "v1.2.3");
        let short = spec["shortDescription"].as_str().unwrap();
        assert!(short.len() <= 50 && !short.ends_with('.'), "{short}");
        let platforms = spec["platforms"].as_array().unwrap();
        let arch = |platform: &Value| platform["selector"]["matchLabels"]["arch"].as_str().unwrap().to_owned();
        assert_eq!(platforms.iter().map(arch).collect::<Vec<_>>(), ["amd64", "arm64"]);
        for platform in platforms {
            let uri = format!("{URL}/kubectl-sslmonitor-1.2.3-linux-{}.tar.gz", arch(platform));
            assert_eq!((&platform["uri"], &platform["bin"]), (&uri.into(), &"kubectl-sslmonitor".into()));
            assert_eq!(platform["files"][0]["from"], platform["bin"]);
        }
        // printf amd64 | sha256sum
        assert_eq!(platforms[0]["sha256"], "5861314d7fccb39c2192173240eab44fa35ca66426201ca2acd0630a6258dd51");
    }

    #[test]
    fn an_archive_that_is_missing_is_named() {
        let error = rendered(&["amd64"]).unwrap_err().to_string();
        assert!(error.ends_with("kubectl-sslmonitor-1.2.3-linux-arm64.tar.gz"), "{error}");
    }

    #[test]
    fn only_https_is_taken() {
        for url in ["http://example.com", "https://example.com/", ""] {
            let made = manifest(Path::new(ROOT), "1.2.3", url, Path::new("/"));
            assert!(matches!(&made, Err(Error::Url(said)) if said == url), "{made:?}");
        }
    }
}
