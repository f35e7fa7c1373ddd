//! The command line, from its definition.

use std::fmt::Write as _;

use clap::{Arg, Command, CommandFactory as _};
use ssl_monitor_operator::cli::{Cli, PluginCli};

use super::{cell, code, table};

const PROSE: &str = "
# Command line

`sslmonitor`, and the same binary as the kubectl plugin `kubectl sslmonitor` under the name `kubectl-sslmonitor`. An empty environment variable counts as absent.
";

/// The page.
pub(super) fn page() -> String {
    let mut text = PROSE.to_owned();
    for (command, name) in [(Cli::command(), "sslmonitor"), (PluginCli::command(), "kubectl sslmonitor")] {
        sections(&command, name, &mut text);
    }
    text
}

/// A section for the command if it does something itself, and for those below it.
fn sections(command: &Command, name: &str, text: &mut String) {
    let below = || command.get_subcommands().filter(|below| !below.is_hide_set());
    if below().next().is_none() {
        section(command, name, text);
    }
    below().for_each(|below| sections(below, &format!("{name} {}", below.get_name()), text));
}

fn section(command: &Command, name: &str, text: &mut String) {
    let about = command.get_long_about().or_else(|| command.get_about()).map(ToString::to_string).unwrap_or_default();
    let about = if about.ends_with('.') { about } else { format!("{about}.") };
    let arguments: Vec<&Arg> =
        command.get_arguments().filter(|argument| argument.get_id() != "help" && !argument.is_hide_set()).collect();
    let has_environment = arguments.iter().any(|argument| argument.get_env().is_some());
    let mut head = vec!["argument", "default", "meaning"];
    if has_environment {
        head.insert(1, "environment");
    }
    // Writing to a String cannot fail.
    let _ = write!(text, "\n## `{name}`\n\n{about}\n");
    if !arguments.is_empty() {
        let rows = arguments.iter().map(|argument| row(argument, has_environment));
        let _ = write!(text, "\n{}", table(&format!("flags of {name}"), &head, rows));
    }
    if let Some(help) = command.get_after_help() {
        let _ = write!(text, "\n{help}\n");
    }
}

fn row(argument: &Arg, has_environment: bool) -> Vec<String> {
    let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
    let (help, said) =
        help.split_once(" [default: ").map_or((help.as_str(), None), |(help, rest)| (help, rest.strip_suffix(']')));
    let default = argument.get_default_values().iter().map(|value| value.to_string_lossy()).collect::<String>();
    let takes_value = argument.get_action().takes_values();
    let default = if default.is_empty() || !takes_value {
        said.map(ToOwned::to_owned).unwrap_or_default()
    } else {
        code(&default)
    };
    let mut cells = vec![code(&name(argument)), default, cell(&with_values(argument, help))];
    if has_environment {
        cells.insert(1, argument.get_env().map(|name| code(&name.to_string_lossy())).unwrap_or_default());
    }
    cells
}

/// As it is typed.
fn name(argument: &Arg) -> String {
    let value = || {
        let names = argument.get_value_names().into_iter().flatten().map(|name| format!("<{name}>"));
        names.collect::<Vec<_>>().join(" ").replace('|', "\\|")
    };
    let Some(long) = argument.get_long() else { return value() };
    let short = argument.get_short().map_or(String::new(), |short| format!("-{short}, "));
    if argument.get_action().takes_values() {
        format!("{short}--{long} {}", value())
    } else {
        format!("{short}--{long}")
    }
}

/// The help with the values that are possible, unless they stand there already.
fn with_values(argument: &Arg, help: &str) -> String {
    let values = argument.get_possible_values();
    if values.is_empty() || argument.is_hide_possible_values_set() || !argument.get_action().takes_values() {
        return help.to_owned();
    }
    let values: Vec<String> = values.iter().map(|value| code(value.get_name())).collect();
    format!("{help}: {}", values.join(", "))
}
