//! Pages of Markdown, as far as they matter here: blocks of code, headings and links.
#![allow(dead_code)] // tests/image reads the blocks of a page only

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The repository.
pub(crate) const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A page.
pub(crate) struct Page {
    /// Where it is in the repository, with slashes.
    pub(crate) path: String,
    pub(crate) text: String,
}

/// A block of code between two fences.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Block {
    /// The word behind the fence; empty if there is none.
    pub(crate) language: String,
    pub(crate) text: String,
    /// The number of the line after the fence.
    pub(crate) line: usize,
    /// What the comment right above the fence says.
    pub(crate) mark: Option<String>,
    /// How many lines before it say that what follows is for a cluster with nothing in it.
    pub(crate) part: usize,
}

/// A line that says so.
pub(crate) const NEW_CLUSTER: &str = "new cluster";

/// Every page there is, in order of its path.
pub(crate) fn pages() -> Vec<Page> {
    let mut paths: Vec<PathBuf> = ["README.md", "CONTRIBUTING.md"].map(PathBuf::from).into();
    for directory in ["docs", "deploy", "charts", ".github"] {
        collect(Path::new(directory), &mut paths);
    }
    paths.sort();
    paths.iter().map(|path| Page::read(&path.display().to_string())).collect()
}

fn collect(directory: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(Path::new(ROOT).join(directory)) else { return };
    for entry in entries.map(Result::unwrap) {
        let path = directory.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|end| end == "md") {
            found.push(path);
        }
    }
}

/// The text of a comment that is a line of its own.
pub(crate) fn comment(line: &str) -> Option<&str> {
    line.trim().strip_prefix("<!-- ").and_then(|rest| rest.strip_suffix(" -->"))
}

// === impl Page ===

impl Page {
    pub(crate) fn read(path: &str) -> Self {
        let text = fs::read_to_string(Path::new(ROOT).join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        Self { path: path.to_owned(), text }
    }

    /// Its blocks of code, in order. A fence stands at the beginning of a line: what is typed is easier to copy from there.
    pub(crate) fn blocks(&self) -> Vec<Block> {
        let (mut blocks, mut open, mut above, mut part) = (Vec::new(), None::<Block>, None::<String>, 0);
        for (number, line) in (1..).zip(self.text.lines()) {
            assert!(!line.trim_start().starts_with("```") || line.starts_with("```"), "{}:{number}", self.path);
            match (line.strip_prefix("```"), &mut open) {
                (Some(_), Some(_)) => blocks.extend(open.take()),
                (Some(language), None) => {
                    let language = language.trim().to_owned();
                    open = Some(Block { language, text: String::new(), line: number + 1, mark: above.take(), part });
                }
                (None, Some(block)) => {
                    block.text += line;
                    block.text.push('\n');
                }
                (None, None) => {
                    above = comment(line).map(ToOwned::to_owned);
                    part += usize::from(above.as_deref() == Some(NEW_CLUSTER));
                }
            }
        }
        assert_eq!(open, None, "{}: a fence is not closed", self.path);
        blocks
    }

    /// Its lines outside of blocks of code, with their numbers.
    pub(crate) fn prose(&self) -> Vec<(usize, &str)> {
        let mut is_code = false;
        let outside = |(_, line): &(usize, &str)| {
            let is_fence = line.starts_with("```");
            is_code ^= is_fence;
            !is_code && !is_fence
        };
        (1..).zip(self.text.lines()).filter(outside).collect()
    }

    /// The anchors of its headings, as forges make them.
    pub(crate) fn anchors(&self) -> Vec<String> {
        let prose = self.prose();
        let headings =
            prose.iter().filter(|(_, line)| line.starts_with('#')).map(|(_, line)| line.trim_start_matches('#'));
        let mut anchors: Vec<String> = Vec::new();
        for anchor in headings.map(anchor) {
            let before = anchors.iter().filter(|known| **known == anchor).count();
            anchors.push(if before == 0 { anchor } else { format!("{anchor}-{before}") });
        }
        anchors
    }
}

fn anchor(heading: &str) -> String {
    let kept = heading.trim().chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect()
}

#[test]
fn blocks_are_found_with_their_languages_lines_and_marks() {
    let text = "# A page\n\n<!-- not run: why -->\n```sh\na\n\nb\n```\n<!-- x -->\ntext\n```\n# no heading\n```\n## A `b-c` d!\n";
    let page = Page { path: "x.md".to_owned(), text: text.to_owned() };
    let block = |language: &str, text: &str, line, mark: Option<&str>| Block {
        language: language.to_owned(),
        text: text.to_owned(),
        line,
        mark: mark.map(ToOwned::to_owned),
        part: 0,
    };
    assert_eq!(
        page.blocks(),
        [block("sh", "a\n\nb\n", 5, Some("not run: why")), block("", "# no heading\n", 12, None)]
    );
    assert_eq!(page.anchors(), ["a-page", "a-b-c-d"]);
    let prose: Vec<usize> = page.prose().into_iter().map(|(number, _)| number).collect();
    assert_eq!(prose, [1, 2, 3, 9, 10, 14]);
}
