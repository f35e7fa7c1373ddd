//! A list of domains, one a line. What follows a `#` is a comment.

use super::draft::Draft;
use crate::manifests::InputError;

/// Whether a text is a list of domains, and not YAML or JSON: its first line with anything on it decides.
pub(super) fn is_list(text: &str) -> bool {
    let is_domain =
        |line: &str| !line.starts_with(['{', '[', '-', '%', '"']) && !line.contains(": ") && !line.ends_with(':');
    text.lines().map(content).find(|line| !line.is_empty()).is_none_or(is_domain)
}

/// What the lines name.
pub(super) fn drafts(name: &str, text: &str) -> impl Iterator<Item = Result<Draft, InputError>> {
    let lines = (1..).zip(text.lines()).map(|(number, line)| (number, content(line)));
    lines
        .filter(|(_, line)| !line.is_empty())
        .map(move |(number, line): (u64, &str)| Draft::new(&format!("{name}, line {number}"), line))
}

fn content(line: &str) -> &str {
    let line = line.trim_start_matches('\u{feff}');
    // A URL may have a # of its own.
    let comment = line.find('#').filter(|at| line[..*at].chars().next_back().is_none_or(char::is_whitespace));
    line[..comment.unwrap_or(line.len())].trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_tells_a_list_from_other_texts() {
        for text in
            ["a.test\nb: c\n", "# domains: all\n\n a.test:443 # the shop", "\u{feff}a.test", "https://a.test#b", ""]
        {
            assert!(is_list(text), "{text:?}");
        }
        for text in
            ["{\"domain\": \"a.test\"}", "[", "---\na.test", "- a.test", "# x\nkind: Probe", "items:\n", "%YAML 1.2"]
        {
            assert!(!is_list(text), "{text:?}");
        }
    }
}
