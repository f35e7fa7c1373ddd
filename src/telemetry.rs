//! Logs: one line per event on stderr, as JSON for machines or as text for people.

use std::io::{self, IsTerminal, Write};

use tracing::{Level, level_filters::LevelFilter};
use tracing_subscriber::{
    EnvFilter, Registry,
    filter::ParseError,
    fmt::{self, MakeWriter},
    layer::{Layer, SubscriberExt},
    util::{SubscriberInitExt, TryInitError},
};

/// Crates that tell of every request and connection; a warning is what a user of the operator needs of them.
const CHATTY: [&str; 11] = [
    "h2",
    "hickory_net",
    "hickory_proto",
    "hickory_resolver",
    "hyper",
    "hyper_util",
    "kube_client",
    "kube_runtime",
    "rustls",
    "tokio_util",
    "tower",
];

/// We tell ourselves of what these failed at. The one logs the whole answer when it cannot be read, Secrets included; the other all that
/// there is in an answer, on a line that nobody can read.
const SILENT: [&str; 2] = ["kube_client::client", "kube_runtime::watcher"];

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object per line, the fields of the event on its top level.
    Json,
    /// Text, in colour when stderr is a terminal.
    Text,
}

/// Why there are no logs.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// A part of the filter is neither a level nor a target with a level.
    #[error(
        "the log filter \"{filter}\" has the part \"{part}\", which is neither a level (off, error, warn, info, debug, \
         trace) nor target=level"
    )]
    Directive {
        /// The whole filter.
        filter: String,
        /// The part that is wrong.
        part: String,
    },
    /// The filter cannot be read.
    #[error("the log filter \"{filter}\" cannot be read")]
    Filter {
        /// The whole filter.
        filter: String,
        /// What is wrong with it.
        source: ParseError,
    },
    /// Someone has set up logs before.
    #[error("logs are set up already")]
    Twice(#[source] TryInitError),
}

/// Set up logs for the whole process.
///
/// `filter` is a level (`info`), or levels by target in the words of `tracing` (`info,ssl_monitor_operator=debug`). Of
/// chatty libraries only warnings appear, unless the filter names them.
///
/// # Errors
/// [`InitError`] when the filter is wrong, or when this is not the first call.
pub fn init(format: LogFormat, filter: &str) -> Result<(), InitError> {
    let colour = io::stderr().is_terminal();
    subscriber(format, parse(filter)?, colour, || Unbreakable(io::stderr())).try_init().map_err(InitError::Twice)
}

fn subscriber<W>(format: LogFormat, filter: EnvFilter, colour: bool, writer: W) -> impl SubscriberInitExt
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let layer = fmt::layer::<Registry>().with_writer(writer).log_internal_errors(true);
    let layer = match format {
        LogFormat::Json => layer.json().flatten_event(true).with_current_span(true).with_span_list(false).boxed(),
        LogFormat::Text => layer.with_ansi(colour).boxed(),
    };
    tracing_subscriber::registry().with(layer.with_filter(filter))
}

/// The user's filter, with the chatty libraries tamed before it: what the user says of them comes later and wins.
fn parse(filter: &str) -> Result<EnvFilter, InitError> {
    let parts = || filter.split(',').map(str::trim).filter(|part| !part.is_empty());
    // The parser would take a misspelt level for a target, and then nothing at all would be logged.
    if let Some(part) = parts().find(|part| !is_level(part) && !part.contains(['=', '[', ']'])) {
        return Err(InitError::Directive { filter: filter.to_owned(), part: part.to_owned() });
    }
    let level = parts().filter_map(|part| part.parse::<LevelFilter>().ok()).next_back();
    let level = level.unwrap_or(LevelFilter::from_level(Level::INFO));
    let tamed = level.min(LevelFilter::WARN);
    let chatty = CHATTY.map(|target| format!("{target}={tamed}")).join(",");
    let silent = SILENT.map(|target| format!("{target}=off")).join(",");
    EnvFilter::builder()
        .parse(format!("{level},{chatty},{silent},{filter}"))
        .map_err(|source| InitError::Filter { filter: filter.to_owned(), source })
}

fn is_level(part: &str) -> bool {
    part.parse::<LevelFilter>().is_ok()
}

/// A writer whose failures nobody hears of: a reader of the logs that went away must not take the operator with it.
/// (`tracing-subscriber` would tell of them with `eprintln!`, which panics when stderr is what failed.)
#[derive(Debug)]
struct Unbreakable<W>(W);

impl<W: Write> Write for Unbreakable<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // `write_all` and not `write`: of a line that fails half-way the rest is dropped, not tried for ever.
        self.0.write_all(line).or(Ok(())).map(|()| line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush().or(Ok(()))
    }
}

#[cfg(test)]
mod tests;
