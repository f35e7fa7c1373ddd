//! Pages as scripts: what they tell to type is typed in their order, and what they show as an answer has to come.

use std::{
    collections::BTreeMap,
    env, fs,
    path::Path,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use crate::{
    answer::{self, is_as_shown},
    page::{Block, Page, ROOT},
    shell::{Said, Shell},
    stage::Stage,
};

/// Set it to have the answers of today written into the pages, to be looked at before they are committed.
const BLESS: &str = "DOCS_BLESS";
/// How long an answer that only shows something may take until it is the one that is shown.
const PATIENCE: Duration = Duration::from_secs(45);
const PAUSE: Duration = Duration::from_millis(250);
/// What only shows something, and may be typed again.
const SHOWS: [&str; 8] = [
    "kubectl get ",
    "kubectl describe ",
    "kubectl sslmonitor ls",
    "kubectl sslmonitor describe",
    "kubectl events",
    "kubectl logs",
    "helm status",
    "curl ",
];

/// Something that is typed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Step {
    /// Its first line in the page.
    line: usize,
    script: String,
    /// The answer that is shown, and the lines between which it stands; a plain script has none.
    shown: Option<(String, [usize; 2])>,
    /// Its exit code is asked for afterwards.
    may_fail: bool,
    /// The part of the page, each of which has a cluster of its own.
    part: usize,
}

/// Whether a block is typed.
pub(crate) fn is_typed(block: &Block) -> bool {
    matches!(block.language.as_str(), "sh" | "console") && reason(block).is_none()
}

/// Why a block is not tried.
pub(crate) fn reason(block: &Block) -> Option<&str> {
    block.mark.as_deref().and_then(|mark| mark.strip_prefix("not run: "))
}

/// The answers that were other ones than a page shows, by the lines where they stand, with the line after them.
type Answers = BTreeMap<usize, (usize, String)>;

/// Type all that a page tells.
pub(crate) async fn play(path: &str) {
    play_on(path, Stage::empty).await;
}

/// The same where the Prometheus Operator's definitions are.
pub(crate) async fn play_beside_prometheus(path: &str) {
    play_on(path, Stage::beside_prometheus).await;
}

/// The same where the operator runs already.
pub(crate) async fn play_installed(path: &str) {
    play_on(path, Stage::installed).await;
}

async fn play_on(path: &str, stage: impl AsyncFn() -> Stage) {
    let page = Arc::new(Page::read(path));
    let mut parts: BTreeMap<usize, Vec<Step>> = BTreeMap::new();
    for step in steps(&page) {
        parts.entry(step.part).or_default().push(step);
    }
    let mut answers = Answers::new();
    for part in parts.into_values() {
        let (page, stage) = (Arc::clone(&page), stage().await);
        let shell = stage.shell().await;
        // On a thread of its own: the stage goes on while the shell waits.
        let played = tokio::task::spawn_blocking(move || Player { page: &page, shell, stage: &stage }.play(&part));
        match played.await {
            Ok(others) => answers.extend(others),
            // Said anew here: what another thread says is not kept with this test.
            Err(error) => {
                panic!("{}", error.into_panic().downcast_ref::<String>().map_or("no more is known", |text| text))
            }
        }
    }
    bless(&page, answers);
}

struct Player<'a> {
    page: &'a Page,
    shell: Shell,
    stage: &'a Stage,
}

// === impl Player ===

impl Player<'_> {
    /// Other answers than the page shows are a failure unless they are wanted.
    fn play(mut self, steps: &[Step]) -> Answers {
        let mut answers = Answers::new();
        for step in steps {
            let said = self.typed(step);
            let Some((shown, [start, end])) = &step.shown else { continue };
            if !is_as_shown(shown, &said.text) {
                assert!(env::var_os(BLESS).is_some(), "{}", self.complaint(step, &said));
                answers.insert(*start, (*end, said.text));
            }
        }
        answers
    }

    fn typed(&mut self, step: &Step) -> Said {
        let script = Stage::from_page(&step.script);
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut said = self.shell.run(&script, step.shown.is_none());
            said.text = self.stage.to_page(&said.text);
            let is_good = said.code == Some(0) || step.may_fail || (is_blessed(step) && said.code.is_some());
            let is_expected = step.shown.as_ref().is_none_or(|(shown, _)| is_as_shown(shown, &said.text));
            let is_worth_waiting = SHOWS.iter().any(|start| step.script.starts_with(start)) && said.code.is_some();
            if (is_good && is_expected) || !is_worth_waiting || Instant::now() > deadline || is_blessed(step) {
                assert!(is_good, "{}", self.complaint(step, &said));
                return said;
            }
            thread::sleep(PAUSE);
        }
    }

    fn complaint(&self, step: &Step, said: &Said) -> String {
        let shown = step.shown.as_ref().map_or("nothing in particular", |(shown, _)| shown);
        format!(
            "{}:{}: typed\n{}\nexpected\n{shown}\ngot ({:?})\n{}\n{}",
            self.page.path,
            step.line,
            step.script,
            said.code,
            said.text,
            self.stage.log()
        )
    }
}

/// An answer that is to be written anew is taken as it comes.
fn is_blessed(step: &Step) -> bool {
    env::var_os(BLESS).is_some() && step.shown.as_ref().is_some_and(|(shown, _)| shown.is_empty())
}

fn steps(page: &Page) -> Vec<Step> {
    let typed = page.blocks().into_iter().filter(is_typed);
    typed.flat_map(|block| if block.language == "sh" { vec![whole(&block)] } else { dialogue(&block) }).collect()
}

fn whole(block: &Block) -> Step {
    Step { line: block.line, script: block.text.clone(), shown: None, may_fail: false, part: block.part }
}

/// Lines that begin with `$ ` are typed, with those that begin with `> ` behind them; the others are answers.
fn dialogue(block: &Block) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for (number, line) in (block.line..).zip(block.text.lines()) {
        if let Some(script) = line.strip_prefix("$ ") {
            if let Some(before) = steps.last_mut() {
                before.may_fail = script.starts_with("echo $?");
            }
            let shown = Some((String::new(), [number + 1; 2]));
            steps.push(Step { line: number, script: format!("{script}\n"), shown, may_fail: false, part: block.part });
            continue;
        }
        let step = steps.last_mut().unwrap_or_else(|| panic!("line {number}: an answer without a question"));
        let (shown, [start, end]) = step.shown.as_mut().unwrap();
        match line.strip_prefix("> ").filter(|_| shown.is_empty()) {
            Some(more) => {
                step.script.extend([more, "\n"]);
                *start = number + 1;
            }
            None => shown.extend([line, "\n"]),
        }
        *end = number + 1;
    }
    steps
}

/// Put answers into the page.
fn bless(page: &Page, answers: Answers) {
    let mut lines: Vec<String> = page.text.lines().map(ToOwned::to_owned).collect();
    let is_changed = !answers.is_empty();
    for (start, (end, text)) in answers.into_iter().rev() {
        lines.splice(start - 1..end - 1, answer::lines(&text).map(ToOwned::to_owned));
    }
    if is_changed {
        fs::write(Path::new(ROOT).join(&page.path), lines.join("\n") + "\n").unwrap();
    }
}

#[test]
fn scripts_are_whole_and_dialogues_are_told_apart() {
    let text = "```sh\na\nb\n```\n<!-- not run: no -->\n```sh\nc\n```\n```console\n$ d <<EOF\n> e\n> EOF\nf\ng\n$ h\n$ echo $?\n1\n```\n";
    let page = Page { path: "x.md".to_owned(), text: text.to_owned() };
    let step = |line, script: &str, shown: Option<(&str, [usize; 2])>, may_fail| Step {
        line,
        script: script.to_owned(),
        shown: shown.map(|(text, lines)| (text.to_owned(), lines)),
        may_fail,
        part: 0,
    };
    let expected = [
        step(2, "a\nb\n", None, false),
        step(10, "d <<EOF\ne\nEOF\n", Some(("f\ng\n", [13, 15])), false),
        step(15, "h\n", Some(("", [16, 16])), true),
        step(16, "echo $?\n", Some(("1\n", [17, 18])), false),
    ];
    assert_eq!(steps(&page), expected);
}
