//! What an image is made of, as its labels tell it.

use std::{env, path::Path, process::Command};

use jiff::Timestamp;

use super::{Error, run_tool};

/// The version of the operator, which is that of this package: a test says so.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A commit, and the time that is given to all that is made of it.
pub(super) struct Source {
    /// Seconds since 1970.
    pub(super) epoch: i64,
    /// The commit; with `-dirty` when there are changes beside it.
    revision: String,
}

// === impl Source ===

impl Source {
    /// Ask git, and `SOURCE_DATE_EPOCH` first for the time.
    pub(super) fn read(root: &Path) -> Result<Self, Error> {
        let git = |arguments: &[&str]| {
            let mut command = Command::new("git");
            command.arg("-C").arg(root).args(arguments);
            run_tool("a clone of the repository, to say which commit it is made of", &mut command)
        };
        let epoch = match env::var("SOURCE_DATE_EPOCH") {
            Ok(given) => given,
            Err(_) => git(&["log", "-1", "--format=%ct"])?,
        };
        let revision = git(&["rev-parse", "HEAD"])?;
        let changes = git(&["status", "--porcelain"])?;
        let suffix = if changes.is_empty() { "" } else { "-dirty" };
        Ok(Self { epoch: seconds(epoch.trim())?, revision: format!("{}{suffix}", revision.trim()) })
    }

    /// The labels that differ from one image to the next; the others are in the Dockerfile.
    pub(super) fn labels(&self, url: Option<&str>) -> Vec<String> {
        let created = Timestamp::from_second(self.epoch).map(|time| time.to_string()).unwrap_or_default();
        let known = [("version", VERSION), ("revision", &self.revision), ("created", &created)];
        let known = known.into_iter().chain(url.map(|url| ("source", url)));
        known.map(|(name, value)| format!("org.opencontainers.image.{name}={value}")).collect()
    }
}

fn seconds(text: &str) -> Result<i64, Error> {
    let parsed = text.parse().ok().filter(|seconds| Timestamp::from_second(*seconds).is_ok());
    parsed.ok_or_else(|| Error::Epoch(text.to_owned()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_labels_tell_version_commit_and_its_time_and_the_source_where_it_is_known() {
        let source = Source { epoch: 1_700_000_000, revision: "5a5ab52-dirty".to_owned() };
        let of = |name, value| format!("org.opencontainers.image.{name}={value}");
        let mut expected =
            vec![of("version", VERSION), of("revision", "5a5ab52-dirty"), of("created", "2023-11-14T22:13:20Z")];
        assert_eq!(source.labels(None), expected);
        expected.push(of("source", "https://example.com/a"));
        assert_eq!(source.labels(Some("https://example.com/a")), expected);
    }

    #[test]
    fn a_time_that_is_none_is_refused_and_shown() {
        assert_eq!(seconds("1700000000").unwrap(), 1_700_000_000);
        for wrong in ["", "yesterday", "1.5", "9999999999999"] {
            let said = seconds(wrong).unwrap_err().to_string();
            assert_eq!(said, format!("SOURCE_DATE_EPOCH must be seconds since 1970, not {wrong:?}"));
        }
    }
}
