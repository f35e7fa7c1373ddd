//! What pages link to exists.

use std::path::{Component, Path, PathBuf};

use crate::page::{Page, ROOT, pages};

/// The targets of the links of a line: what stands in `](…)`.
fn targets(line: &str) -> Vec<&str> {
    line.split("](").skip(1).filter_map(|rest| rest.split(')').next()).collect()
}

/// The page or file that a link of `page` leads to, relative to the repository.
fn resolve(page: &Page, path: &str) -> PathBuf {
    let mut resolved = Path::new(&page.path).parent().unwrap().to_path_buf();
    for component in Path::new(path).components() {
        match component {
            Component::ParentDir => assert!(resolved.pop(), "{}: {path} leads out of the repository", page.path),
            Component::CurDir => {}
            part => resolved.push(part),
        }
    }
    resolved
}

/// Why a link leads nowhere; `None` for a good one, and for the Internet.
fn fault(page: &Page, target: &str) -> Option<String> {
    if target.starts_with("https://") {
        return None;
    }
    let (path, anchor) = target.split_once('#').map_or((target, None), |(path, anchor)| (path, Some(anchor)));
    let file = if path.is_empty() { PathBuf::from(&page.path) } else { resolve(page, path) };
    if !Path::new(ROOT).join(&file).exists() {
        return Some(format!("{} does not exist", file.display()));
    }
    let anchor = anchor?;
    let anchors = Page::read(&file.display().to_string()).anchors();
    (!anchors.iter().any(|known| known == anchor)).then(|| format!("{} has no heading {anchor}", file.display()))
}

fn faults(page: &Page) -> Vec<String> {
    let links =
        page.prose().into_iter().flat_map(|(number, line)| targets(line).into_iter().map(move |link| (number, link)));
    links.filter_map(|(number, link)| Some(format!("{}:{number}: {}", page.path, fault(page, link)?))).collect()
}

#[test]
fn every_link_leads_to_a_file_or_a_heading() {
    let faults: Vec<String> = pages().iter().flat_map(faults).collect();
    assert_eq!(faults, [""; 0]);
}

#[test]
fn links_that_lead_nowhere_are_found() {
    let text = "# Here\n[a](../README.md) [b](nowhere.md)\n[c](../README.md#no-such) [d](https://a.test)\n```\n[e](in-code.md)\n```\n";
    let page = Page { path: "docs/x.md".to_owned(), text: text.to_owned() };
    let expected = ["docs/x.md:2: docs/nowhere.md does not exist", "docs/x.md:3: README.md has no heading no-such"];
    assert_eq!(faults(&page), expected);
}
