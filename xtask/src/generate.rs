//! `cargo xtask generate`: the files that are generated from the types and their comments, and those that are generated from the chart.

mod reference;
mod values;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use ssl_monitor_operator::api::crd_files;

use crate::install::{CHART, MANIFEST};

/// The definitions, relative to the repository.
const CRDS: &str = "crds";
/// The definitions as templates, relative to the chart.
const TEMPLATES: &str = "templates/crds";
/// The first line of a definition.
const CRD_HEADER: &str = "# Generated from src/api by `cargo xtask generate`. Do not edit.\n";
/// What a definition gets in the chart.
const CRD_METADATA: &str = r#"  labels:
    {{- include "sslmonitor.labels" . | nindent 4 }}
  {{- if .Values.crds.keep }}
  annotations:
    helm.sh/resource-policy: keep
  {{- end }}
"#;
/// The first lines of the manifest.
const MANIFEST_HEADER: &str = "# Everything that the operator needs: kubectl apply --server-side -f install.yaml\n\
                               # Generated from charts/ssl-monitor-operator by `cargo xtask generate`. Do not edit.\n";
/// Lines of Helm's that make no sense without it.
const OF_HELM: [&str; 3] = ["# Source: ", "helm.sh/chart: ", "app.kubernetes.io/managed-by: "];

/// A generated file that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The file, relative to the repository.
    pub path: PathBuf,
    /// What is wrong with it, as a unified diff from the committed to the generated text.
    pub diff: String,
}

/// Write every generated file of the repository at `root`, of which `rendered` is what Helm makes of the chart; returns the
/// ones that changed.
///
/// # Errors
/// When a file cannot be read or written; the error names it.
pub fn write(root: &Path, rendered: &str) -> io::Result<Vec<PathBuf>> {
    let mut changed = Vec::new();
    for (path, _, new) in changes(root, rendered)? {
        match new {
            Some(text) => write_file(&root.join(&path), &text),
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
pub fn check(root: &Path, rendered: &str) -> io::Result<Vec<Difference>> {
    let difference = |(path, old, new): Change| {
        let (old, new) = (old.unwrap_or_default(), new.unwrap_or_default());
        let diff = similar::TextDiff::from_lines(&old, &new);
        let diff = diff.unified_diff().context_radius(2).header("committed", "generated").to_string();
        Difference { path, diff }
    };
    Ok(changes(root, rendered)?.into_iter().map(difference).collect())
}

/// The files that are generated without Helm, relative to the repository at `root`, and their texts.
///
/// # Errors
/// When a file of the chart cannot be read or understood; the error names it.
pub fn without_helm(root: &Path) -> io::Result<Vec<(PathBuf, String)>> {
    let crds = crd_files().into_iter();
    let mut files: Vec<(PathBuf, String)> =
        crds.clone().map(|(name, text)| (Path::new(CRDS).join(name), text)).collect();
    let templates = Path::new(CHART).join(TEMPLATES);
    files.extend(crds.map(|(name, text)| (templates.join(name), crd_template(&text))));
    files.push(chart_readme(root)?);
    files.extend(reference::pages());
    // A repository without the page has no entries.
    if let Some(page) = read(root, Path::new(reference::TROUBLESHOOTING))? {
        files.push((reference::TROUBLESHOOTING.into(), reference::troubleshooting(&page)));
    }
    Ok(files)
}

/// The chart's README with the table of its values as they are now.
fn chart_readme(root: &Path) -> io::Result<(PathBuf, String)> {
    let (readme, values) = (Path::new(CHART).join("README.md"), Path::new(CHART).join("values.yaml"));
    let text = |path: &Path| fs::read_to_string(root.join(path)).map_err(|error| named(path, &error));
    let table = values::table(&text(&values)?).map_err(|error| named(&values, &io::Error::other(error)))?;
    let with_table = values::replace_table(&text(&readme)?, &table);
    let with_table = with_table.map_err(|error| named(&readme, &io::Error::other(error)))?;
    Ok((readme, with_table))
}

/// A file, its text on disk, and the text that it should have; `None` where there is or should be no file.
type Change = (PathBuf, Option<String>, Option<String>);

fn changes(root: &Path, rendered: &str) -> io::Result<Vec<Change>> {
    let mut generated = without_helm(root)?;
    generated.push((MANIFEST.into(), manifest(rendered)));
    let mut changes = Vec::new();
    for (path, text) in &generated {
        let old = read(root, path)?;
        if old.as_ref() != Some(text) {
            changes.push((path.clone(), old, Some(text.clone())));
        }
    }
    for (directory, end) in
        [(PathBuf::from(CRDS), "yaml"), (Path::new(CHART).join(TEMPLATES), "yaml"), (reference::DIRECTORY.into(), "md")]
    {
        for path in files_of(root, &directory, end)? {
            // A kind that is gone must not leave its definition behind.
            if !generated.iter().any(|(known, _)| *known == path) {
                changes.push((path.clone(), read(root, &path)?, None));
            }
        }
    }
    Ok(changes)
}

/// A definition as a template of the chart: the same text but for its metadata.
fn crd_template(text: &str) -> String {
    let body = text.strip_prefix(CRD_HEADER).unwrap_or(text).replace("{{", "{{`{{`}}");
    let body = body.replacen("\nspec:\n", &format!("\n{CRD_METADATA}spec:\n"), 1);
    let header = CRD_HEADER.trim_start_matches("# ").trim_end();
    format!("{{{{- /* {header} */ -}}}}\n{{{{- if .Values.crds.enabled }}}}\n{body}{{{{- end }}}}\n")
}

/// The definitions and what Helm made of the chart, as for those who have no Helm.
fn manifest(rendered: &str) -> String {
    let crds = crd_files().into_iter().map(|(_, text)| text.strip_prefix(CRD_HEADER).unwrap_or(&text).to_owned());
    let lines = rendered.lines().filter(|line| !OF_HELM.iter().any(|start| line.trim_start().starts_with(start)));
    let rendered = lines.fold(String::new(), |text, line| text + line + "\n");
    let rendered = rendered.split("---\n").map(|document| document.trim_matches('\n').to_owned() + "\n");
    let documents = crds.chain(rendered.filter(|document| document != "\n"));
    format!("{MANIFEST_HEADER}{}", documents.collect::<Vec<_>>().join("---\n"))
}

/// The files of a directory that end so, relative to the repository at `root`; none if there is no such directory.
fn files_of(root: &Path, directory: &Path, end: &str) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(root.join(directory)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(|error| named(directory, &error))?,
    };
    let paths: io::Result<Vec<PathBuf>> = entries.map(|entry| Ok(directory.join(entry?.file_name()))).collect();
    let mut paths = paths?;
    paths.retain(|path| path.extension().is_some_and(|found| found == end));
    Ok(paths)
}

fn write_file(path: &Path, text: &str) -> io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)?;
    fs::write(path, text)
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

    const RENDERED: &str = "---\n# Source: x/a.yaml\nkind: A\nmetadata:\n  labels:\n    helm.sh/chart: x\n    a: b\n\n---\n\
                            # Source: x/b.yaml\nkind: B\n";

    /// A repository with a chart that has one value.
    fn repository() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let chart = root.path().join(CHART);
        write_file(&chart.join("values.yaml"), "# How many.\ncount: 1\n").unwrap();
        fs::write(chart.join("README.md"), "# Chart\n\n<!-- values -->\n<!-- /values -->\n\nEnd.\n").unwrap();
        root
    }

    #[test]
    fn what_was_written_needs_no_change_and_what_was_edited_is_shown() {
        let root = repository();
        let names: Vec<String> = crd_files().into_iter().map(|(name, _)| name).collect();
        let crds = |directory: PathBuf| names.iter().map(move |name| directory.join(name));
        let templates = Path::new(CHART).join(TEMPLATES);
        let reference = reference::pages().into_iter().map(|(path, _)| path);
        let files = crds(CRDS.into()).chain(crds(templates)).chain([Path::new(CHART).join("README.md")]);
        let files: Vec<PathBuf> = files.chain(reference).chain([MANIFEST.into()]).collect();
        assert_eq!(write(root.path(), RENDERED).unwrap(), files);
        assert_eq!(check(root.path(), RENDERED).unwrap(), []);

        let edited = root.path().join(&files[0]);
        fs::write(&edited, fs::read_to_string(&edited).unwrap().replacen("group: sslmonitor.io", "group: x", 1))
            .unwrap();
        fs::write(root.path().join("crds/gone.yaml"), "kind: Gone\n").unwrap();
        let differences = check(root.path(), RENDERED).unwrap();
        assert_eq!(
            differences.iter().map(|d| d.path.as_path()).collect::<Vec<_>>(),
            [&files[0], Path::new("crds/gone.yaml")]
        );
        assert!(differences[0].diff.contains("-  group: x\n+  group: sslmonitor.io\n"), "{}", differences[0].diff);

        write(root.path(), RENDERED).unwrap();
        assert_eq!(check(root.path(), RENDERED).unwrap(), []);
        assert!(!root.path().join("crds/gone.yaml").exists());
    }

    #[test]
    fn the_readme_of_the_chart_gets_its_table_and_keeps_the_rest() {
        let root = repository();
        write(root.path(), RENDERED).unwrap();
        let readme = fs::read_to_string(root.path().join(CHART).join("README.md")).unwrap();
        let table = "| value | default | meaning |\n|---|---|---|\n| `count` | `1` | How many. |\n";
        assert_eq!(readme, format!("# Chart\n\n<!-- values -->\n{table}<!-- /values -->\n\nEnd.\n"));
    }

    #[test]
    fn the_manifest_begins_with_the_definitions_and_shows_nothing_of_helm() {
        let manifest = manifest(RENDERED);
        assert!(manifest.starts_with(&format!("{MANIFEST_HEADER}apiVersion: apiextensions.k8s.io/v1\n")), "{manifest}");
        let (crds, rest) = manifest.split_once("---\nkind: A\n").unwrap();
        assert_eq!(crds.matches("kind: CustomResourceDefinition\n").count(), crd_files().len());
        assert_eq!(rest, "metadata:\n  labels:\n    a: b\n---\nkind: B\n");
    }

    #[test]
    fn a_definition_in_the_chart_differs_in_its_metadata_only_and_runs_no_template_of_its_own() {
        let template = crd_template(&format!("{CRD_HEADER}kind: X\nmetadata:\n  name: x\nspec:\n  a: '{{{{ b }}}}'\n"));
        let expected = format!(
            "{{{{- /* Generated from src/api by `cargo xtask generate`. Do not edit. */ -}}}}\n\
             {{{{- if .Values.crds.enabled }}}}\nkind: X\nmetadata:\n  name: x\n{CRD_METADATA}spec:\n  \
             a: '{{{{`{{{{`}}}} b }}}}'\n{{{{- end }}}}\n"
        );
        assert_eq!(template, expected);
    }
}
