//! Files, directories and standard input.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

use super::InputError;

/// The largest input that is read: far more than any sensible list of monitors, and little enough for any machine.
const MAX_BYTES: u64 = 32 * 1024 * 1024;
/// The names of manifests in a directory end like this.
const EXTENSIONS: [&str; 3] = ["yaml", "yml", "json"];

/// The files that an argument stands for: the manifests of a directory in the order of their names (not recursively), else
/// itself.
pub(super) fn files(path: &Path) -> Result<Vec<PathBuf>, InputError> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let failed = |error| InputError::unreadable(path, &error);
    let mut found = Vec::new();
    for entry in fs::read_dir(path).map_err(failed)? {
        let file = entry.map_err(failed)?.path();
        let is_manifest = file.extension().is_some_and(|end| EXTENSIONS.iter().any(|known| end == *known));
        if is_manifest && file.is_file() {
            found.push(file);
        }
    }
    if found.is_empty() {
        return Err(InputError::new(name(path), "this directory has no *.yaml, *.yml or *.json file"));
    }
    found.sort();
    Ok(found)
}

/// Everything in a file, or in standard input for `-`.
///
/// # Errors
/// When it cannot be read, or is too large.
pub fn read(path: &Path) -> Result<Vec<u8>, InputError> {
    let bytes = if is_stdin(path) { read_some(io::stdin().lock()) } else { File::open(path).and_then(read_some) };
    let bytes = bytes.map_err(|error| InputError::unreadable(path, &error))?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > MAX_BYTES) {
        return Err(InputError::new(name(path), "is larger than the 32 MiB that are read; split it"));
    }
    Ok(bytes)
}

/// How an input is called in messages.
pub fn name(path: &Path) -> String {
    if is_stdin(path) { "standard input".to_owned() } else { path.display().to_string() }
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// One byte more than allowed tells that there is too much.
fn read_some(from: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
