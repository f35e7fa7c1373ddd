//! `cargo xtask generate`: the files that are generated from the types.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use ssl_monitor_operator::api::crd_files;

/// A generated file that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The file, relative to the repository.
    pub path: PathBuf,
    /// What is wrong with it, as a unified diff from the committed to the generated text.
    pub diff: String,
}

/// Write every generated file of the repository at `root`; returns the ones that changed.
///
/// # Errors
/// When a file cannot be read or written; the error names it.
pub fn write(root: &Path) -> io::Result<Vec<PathBuf>> {
    let mut changed = Vec::new();
    for (path, _, new) in changes(root)? {
        match new {
            Some(text) => fs::write(root.join(&path), text),
            None => fs::remove_file(root.join(&path)),
        }
        .map_err(|error| named(&path, &error))?;
        changed.push(path);
    }
    Ok(changed)
}

/// Compare every generated file of the repository at `root` with what would be written.
///
/// # Errors
/// When a file cannot be read; the error names it.
pub fn check(root: &Path) -> io::Result<Vec<Difference>> {
    let difference = |(path, old, new): Change| {
        let (old, new) = (old.unwrap_or_default(), new.unwrap_or_default());
        let diff = similar::TextDiff::from_lines(&old, &new);
        let diff = diff.unified_diff().context_radius(2).header("committed", "generated").to_string();
        Difference { path, diff }
    };
    Ok(changes(root)?.into_iter().map(difference).collect())
}

/// A file, its text on disk, and the text that it should have; `None` where there is or should be no file.
type Change = (PathBuf, Option<String>, Option<String>);

fn changes(root: &Path) -> io::Result<Vec<Change>> {
    let generated: Vec<(PathBuf, String)> =
        crd_files().into_iter().map(|(name, text)| (Path::new("crds").join(name), text)).collect();
    let mut changes = Vec::new();
    for (path, text) in &generated {
        let old = read(root, path)?;
        if old.as_ref() != Some(text) {
            changes.push((path.clone(), old, Some(text.clone())));
        }
    }
    // A kind that is gone must not leave its definition behind.
    for entry in fs::read_dir(root.join("crds")).map_err(|error| named(Path::new("crds"), &error))? {
        let path = Path::new("crds").join(entry?.file_name());
        if path.extension().is_some_and(|end| end == "yaml") && !generated.iter().any(|(known, _)| *known == path) {
            changes.push((path.clone(), read(root, &path)?, None));
        }
    }
    Ok(changes)
}

fn read(root: &Path, path: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(root.join(path)) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(named(path, &error)),
    }
}

fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_was_written_needs_no_change_and_what_was_edited_is_shown() {
        let root = tempfile::tempdir().unwrap();
        let crds = root.path().join("crds");
        fs::create_dir(&crds).unwrap();
        let files: Vec<PathBuf> = crd_files().into_iter().map(|(name, _)| Path::new("crds").join(name)).collect();
        assert_eq!(write(root.path()).unwrap(), files);
        assert_eq!(check(root.path()).unwrap(), []);

        let edited = root.path().join(&files[0]);
        fs::write(&edited, fs::read_to_string(&edited).unwrap().replacen("group: sslmonitor.io", "group: x", 1))
            .unwrap();
        fs::write(crds.join("gone.yaml"), "kind: Gone\n").unwrap();
        let differences = check(root.path()).unwrap();
        assert_eq!(
            differences.iter().map(|d| d.path.as_path()).collect::<Vec<_>>(),
            [&files[0], Path::new("crds/gone.yaml")]
        );
        assert!(differences[0].diff.contains("-  group: x\n+  group: sslmonitor.io\n"), "{}", differences[0].diff);

        write(root.path()).unwrap();
        assert_eq!(check(root.path()).unwrap(), []);
        assert!(!crds.join("gone.yaml").exists());
    }
}
