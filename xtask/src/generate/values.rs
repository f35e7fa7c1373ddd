//! The table of a chart's values, from values.yaml and the comments in it.

use serde_json::Value;

/// Before and after the table in a README.
const MARKERS: [&str; 2] = ["<!-- values -->\n", "<!-- /values -->"];

/// Why there is no table.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The file cannot be read.
    #[error("is no YAML")]
    Yaml(#[from] serde_saphyr::Error),
    /// A value says nothing about itself.
    #[error("line {line}: {path} has no comment above it")]
    Undocumented {
        /// Which line.
        line: usize,
        /// Which value.
        path: String,
    },
    /// There is no place for the table.
    #[error("has no {} … {}", MARKERS[0].trim_end(), MARKERS[1])]
    NoPlace,
}

/// A line `key:` of values.yaml with the comment above it.
struct Entry {
    line: usize,
    path: String,
    comment: String,
}

/// One row for every value: a mapping is one value where its comment speaks for all of it, and a group where its own keys
/// have comments.
pub(super) fn table(text: &str) -> Result<String, Error> {
    let values: Value = serde_saphyr::from_str(text)?;
    let entries = entries(text);
    let mut lines = vec!["| value | default | meaning |".to_owned(), "|---|---|---|".to_owned()];
    for position in 0..entries.len() {
        lines.extend(row(&values, &entries, position)?);
    }
    Ok(lines.join("\n") + "\n")
}

/// None for a group, and for a part of a value.
fn row(values: &Value, entries: &[Entry], position: usize) -> Result<Option<String>, Error> {
    let (before, Entry { line, path, comment }) = (&entries[..position], &entries[position]);
    let inside = format!("{path}.");
    let mut children = entries[position + 1..].iter().take_while(|child| child.path.starts_with(&inside));
    if children.any(|child| !child.comment.is_empty()) {
        return Ok(None);
    }
    match comment.as_str() {
        "" if is_part_of_documented(before, path) => Ok(None),
        "" => Err(Error::Undocumented { line: *line, path: path.clone() }),
        words => Ok(Some(format!("| `{path}` | `{}` | {} |", default(values, path), words.replace('|', "\\|")))),
    }
}

/// The text of a README with its table replaced.
pub(super) fn replace_table(readme: &str, table: &str) -> Result<String, Error> {
    let [start, end] = MARKERS;
    let (before, rest) = readme.split_once(start).ok_or(Error::NoPlace)?;
    let (_, after) = rest.split_once(end).ok_or(Error::NoPlace)?;
    Ok(format!("{before}{start}{table}{end}{after}"))
}

fn entries(text: &str) -> Vec<Entry> {
    let (mut entries, mut comment, mut parents) = (Vec::new(), String::new(), Vec::<(usize, String)>::new());
    for (number, line) in text.lines().enumerate() {
        let trimmed = line.trim_start();
        let indent = line.len() - trimmed.len();
        if let Some(words) = trimmed.strip_prefix("# ") {
            comment = if comment.is_empty() { words.to_owned() } else { format!("{comment} {words}") };
            continue;
        }
        let key = trimmed.split_once(':').map(|(key, _)| key).filter(|key| is_key(key));
        if let Some(key) = key {
            parents.retain(|(depth, _)| *depth < indent);
            parents.push((indent, key.to_owned()));
            let path = parents.iter().map(|(_, key)| key.as_str()).collect::<Vec<_>>().join(".");
            entries.push(Entry { line: number + 1, path, comment: std::mem::take(&mut comment) });
        }
        comment.clear();
    }
    entries
}

/// A key of a mapping, and not the first one of an item of a list.
fn is_key(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.chars().all(|c| c.is_ascii_alphanumeric())
}

/// Whether the nearest mapping around `path` that says something speaks for it, because none beside it does.
fn is_part_of_documented(before: &[Entry], path: &str) -> bool {
    let parent = |path: &str| path.rsplit_once('.').map(|(parent, _)| parent.to_owned());
    let around = std::iter::successors(parent(path), |path| parent(path));
    let documented = |path: &String| before.iter().any(|entry| entry.path == *path && !entry.comment.is_empty());
    let Some(whole) = around.into_iter().find(documented) else { return false };
    let inside = format!("{whole}.");
    !before.iter().any(|entry| entry.path.starts_with(&inside) && !entry.comment.is_empty())
}

fn default(values: &Value, path: &str) -> String {
    let value = values.pointer(&format!("/{}", path.replace('.', "/"))).unwrap_or(&Value::Null);
    value.to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn rows(text: &str) -> Vec<String> {
        table(text).unwrap().lines().skip(2).map(ToOwned::to_owned).collect()
    }

    #[test]
    fn groups_are_spread_and_wholes_are_one_row() {
        let text = "# About the file.\n\n# A group.\ngroup:\n  # One of it,\n  # with a | in it.\n  one: \"\"\n  # Another.\n  two:\n    \
                    # Deep.\n    deep: [1, a]\n# A whole.\nwhole:\n  a: 1\n  b:\n    - c: 2\n# Last.\nlast: true\n";
        assert_eq!(
            rows(text),
            [
                "| `group.one` | `\"\"` | One of it, with a \\| in it. |",
                "| `group.two.deep` | `[1,\"a\"]` | Deep. |",
                "| `whole` | `{\"a\":1,\"b\":[{\"c\":2}]}` | A whole. |",
                "| `last` | `true` | Last. |",
            ]
        );
    }

    #[test]
    fn a_value_without_a_comment_is_named() {
        for (text, expected) in [
            ("# A.\na: 1\nb: 2\n", "line 3: b has no comment above it"),
            ("# A.\na:\n  # One.\n  one: 1\n  two: 2\n", "line 5: a.two has no comment above it"),
            ("# About the file.\n\na: 1\n", "line 3: a has no comment above it"),
        ] {
            assert_eq!(table(text).unwrap_err().to_string(), expected, "{text}");
        }
    }

    #[test]
    fn a_readme_without_a_place_for_the_table_is_left_alone() {
        assert_eq!(replace_table("# X\n", "t").unwrap_err().to_string(), "has no <!-- values --> … <!-- /values -->");
        let readme = "a\n<!-- values -->\nold\n<!-- /values -->\nz\n";
        assert_eq!(replace_table(readme, "new\n").unwrap(), "a\n<!-- values -->\nnew\n<!-- /values -->\nz\n");
    }
}
