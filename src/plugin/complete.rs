//! What may come next on a line, as kubectl asks a plugin for it: candidates with what they mean, and what else to offer.

use std::{fmt::Write as _, time::Duration};

use clap::{Arg, Command, CommandFactory as _, FromArgMatches as _, ValueHint};

use super::cluster::Cluster;
use crate::{
    cli::{ClusterArgs, PluginCli, Selection},
    probe::text::escape,
};

/// How long a shell is kept waiting for the names of monitors.
const PATIENCE: Duration = Duration::from_secs(3);
/// Cobra's directives: offer nothing but the candidates, or files where there are none.
const NO_FILES: u8 = 4;
const FILES: u8 = 0;

/// What may come next.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    /// One of these words.
    Words(Vec<(String, String)>),
    /// The name of a monitor.
    Monitor,
    /// A file.
    File,
    /// Something that cannot be guessed.
    Anything,
}

/// The answer to kubectl, in Cobra's form: a candidate a line, with what it means after a tab, and the directive.
pub(super) async fn complete(words: &[String]) -> String {
    let Some((unfinished, before)) = words.split_last() else { return format!(":{NO_FILES}\n") };
    let (candidates, directive) = match next(before, unfinished) {
        Next::Words(words) => (words, NO_FILES),
        Next::Monitor => (monitors(before).await.unwrap_or_default(), NO_FILES),
        Next::File => (Vec::new(), FILES),
        Next::Anything => (Vec::new(), NO_FILES),
    };
    let mut answer = String::new();
    for (word, meaning) in candidates.iter().filter(|(word, _)| word.starts_with(unfinished.as_str())) {
        let _ = writeln!(answer, "{word}\t{meaning}");
    }
    answer + &format!(":{directive}\n")
}

fn next(before: &[String], unfinished: &str) -> Next {
    let mut root = PluginCli::command();
    root.build();
    let (mut command, mut wanting) = (&root, None);
    for word in before {
        if wanting.take().is_some() {
            continue;
        }
        if word.starts_with('-') {
            wanting = option(command, word).filter(|option| takes_value(option) && !word.contains('='));
        } else if let Some(chosen) = command.find_subcommand(word) {
            command = chosen;
        }
    }
    match wanting {
        Some(option) => values(option),
        None if unfinished.starts_with('-') => Next::Words(options(command)),
        None if command.has_subcommands() => Next::Words(commands(command)),
        None => operands(command),
    }
}

/// The option that a word names.
fn option<'a>(command: &'a Command, word: &str) -> Option<&'a Arg> {
    let long = word.strip_prefix("--");
    let is_it = |option: &&Arg| match long {
        Some(long) => option.get_long() == Some(long),
        None => option.get_short().is_some_and(|short| word == format!("-{short}")),
    };
    command.get_arguments().find(is_it)
}

fn takes_value(option: &Arg) -> bool {
    option.get_action().takes_values()
}

/// What the value of an argument may be.
fn values(argument: &Arg) -> Next {
    let known: Vec<_> = argument
        .get_possible_values()
        .iter()
        .filter(|value| !value.is_hide_set())
        .map(|value| (value.get_name().to_owned(), value.get_help().map(ToString::to_string).unwrap_or_default()))
        .collect();
    match argument.get_value_hint() {
        _ if !known.is_empty() => Next::Words(known),
        ValueHint::AnyPath | ValueHint::FilePath => Next::File,
        _ => Next::Anything,
    }
}

fn options(command: &Command) -> Vec<(String, String)> {
    let shown = command.get_arguments().filter(|option| !option.is_hide_set());
    let word = |option: &Arg| Some((format!("--{}", option.get_long()?), help(option.get_help())));
    shown.filter_map(word).collect()
}

fn commands(command: &Command) -> Vec<(String, String)> {
    let shown = command.get_subcommands().filter(|command| !command.is_hide_set());
    shown.map(|command| (command.get_name().to_owned(), help(command.get_about()))).collect()
}

/// What a command is given beside options.
fn operands(command: &Command) -> Next {
    match command.get_positionals().next() {
        Some(operand) if ["names", "targets"].contains(&operand.get_id().as_str()) => Next::Monitor,
        Some(operand) => values(operand),
        None => Next::Words(Vec::new()),
    }
}

fn help(text: Option<&clap::builder::StyledStr>) -> String {
    text.map(ToString::to_string).unwrap_or_default().lines().next().unwrap_or_default().to_owned()
}

/// The names of the monitors that the line speaks of; none when the cluster does not answer soon.
async fn monitors(before: &[String]) -> Option<Vec<(String, String)>> {
    let line = std::iter::once("kubectl-sslmonitor").chain(before.iter().map(String::as_str));
    let matches = PluginCli::command().ignore_errors(true).try_get_matches_from(line).ok()?;
    let args = ClusterArgs::from_arg_matches(&matches).ok()?;
    let list = async { Cluster::new(&args).await?.list(&Selection::default()).await };
    let found = tokio::time::timeout(PATIENCE, list).await.ok()?.ok()?;
    let named = |monitor: crate::api::SslMonitor| Some((monitor.metadata.name?, escape(&monitor.spec.domain)));
    Some(found.monitors.into_iter().filter_map(named).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic)]
    use super::*;

    fn next_of(line: &str) -> Next {
        let words: Vec<String> = line.split(' ').map(ToOwned::to_owned).collect();
        next(&words[..words.len() - 1], &words[words.len() - 1])
    }

    fn words_of(line: &str) -> Vec<String> {
        match next_of(line) {
            Next::Words(words) => words.into_iter().map(|(word, _)| word).collect(),
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn commands_come_first_also_after_options() {
        for line in ["", "-n shop ", "--context=prod "] {
            assert_eq!(words_of(line)[..3], ["ls", "describe", "check"], "{line:?}");
        }
    }

    #[test]
    fn options_and_their_values_follow() {
        let options = words_of("ls --e");
        assert!(
            options.contains(&"--expiring".to_owned()) && options.contains(&"--namespace".to_owned()),
            "{options:?}"
        );
        assert_eq!(words_of("ls -A -o "), ["table", "wide", "json", "yaml", "name"]);
        assert_eq!(words_of("report --output "), ["junit", "csv", "html"]);
        assert_eq!(words_of("ls "), [""; 0]);
    }

    #[test]
    fn monitors_and_files_are_named_where_they_belong() {
        for line in ["describe ", "check a ", "-n shop enable ", "disable --context prod a"] {
            assert_eq!(next_of(line), Next::Monitor, "{line:?}");
        }
        for line in ["import ", "--kubeconfig ", "ls --kubeconfig x"] {
            assert_eq!(next_of(line), Next::File, "{line:?}");
        }
        assert_eq!(next_of("ls -n "), Next::Anything);
    }

    #[tokio::test]
    async fn the_answer_has_the_form_that_kubectl_reads() {
        let words = ["completions".to_owned(), "b".to_owned()];
        assert_eq!(complete(&words).await, "bash\t\n:4\n");
        assert_eq!(complete(&["import".to_owned(), String::new()]).await, ":0\n");
        assert_eq!(complete(&[]).await, ":4\n");
    }
}
