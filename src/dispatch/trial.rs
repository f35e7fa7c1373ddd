//! `sslmonitor notify test`: one test message to each channel of the manifests.

use std::{
    io::{self, BufWriter},
    process::ExitCode,
};

use jiff::Timestamp;

use super::{
    Delivery, Known, WANTED, deliver, notes, prepare, read,
    report::{json, table},
};
use crate::{
    alerting::test_message,
    api::NotificationChannel,
    cli::{DeliveryFormat, NotifyTestArgs},
    manifests::{Document, InputError, Materials, Taken, gather},
    monitor::id,
    notifier::Notifier,
    notify::{Message, Rules, system_roots},
    output::{Tolerant, complain, progress_bar},
    probe::{NoProxy, Prober, ProberError, ProberSettings, text::clean},
};

/// All were delivered.
const ALL_DELIVERED: u8 = 0;
/// Some were not.
const SOME_FAILED: u8 = 1;
/// Wrong usage or input.
const WRONG_INPUT: u8 = 2;
/// How many names are told to the one who asked for another.
const MAX_NAMED: usize = 16;

/// Why nothing, or not everything, could be tried.
#[derive(Debug, thiserror::Error)]
enum TrialError {
    #[error("--channel {0}: no NotificationChannel of the input has this name; there are {1}")]
    NoSuchChannel(String, String),
    #[error(transparent)]
    Prober(#[from] ProberError),
    #[error("failed to start: {0}")]
    Runtime(#[source] io::Error),
    #[error("failed to write the results: {0}")]
    Output(#[source] io::Error),
}

/// Send a test message to each channel that the arguments name, and print what came back. The exit code is 0 when all were delivered,
/// 1 when some were not, and 2 for wrong usage or input; a bad document does not keep the others from being tried.
pub fn run(args: &NotifyTestArgs) -> ExitCode {
    ExitCode::from(attempt(args).unwrap_or_else(|error| {
        complain(format_args!("error: {error}"));
        WRONG_INPUT
    }))
}

fn attempt(args: &NotifyTestArgs) -> Result<u8, TrialError> {
    let Found { channels, materials, errors } = Found::gather(args);
    for error in &errors {
        complain(format_args!("error: {error}"));
    }
    let channels = chosen(channels, &args.channel)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(TrialError::Runtime)?;
    let code = runtime.block_on(try_all(args, channels, &materials))?;
    Ok(if errors.is_empty() { code } else { WRONG_INPUT })
}

async fn try_all(
    args: &NotifyTestArgs,
    channels: Vec<NotificationChannel>,
    materials: &Materials,
) -> Result<u8, TrialError> {
    let notifier = notifier(args)?;
    let known = prepare(channels, materials, &notifier.rules);
    let progress = progress_bar("sending", known.len());
    let letters = known.iter().map(|known| (known, vec![message(known, args)])).collect();
    let deliveries = deliver(&notifier.sender, letters, || progress.inc(1)).await;
    progress.finish_and_clear();
    let out = BufWriter::new(Tolerant::new(io::stdout()));
    match args.output {
        DeliveryFormat::Table => {
            table(&deliveries, out).map_err(TrialError::Output)?;
            notes(&deliveries).for_each(complain);
        }
        DeliveryFormat::Json => json(&deliveries, out).map_err(TrialError::Output)?,
    }
    let is_all = deliveries.iter().all(Delivery::is_delivered);
    Ok(if is_all { ALL_DELIVERED } else { SOME_FAILED })
}

fn notifier(args: &NotifyTestArgs) -> Result<Notifier, ProberError> {
    let policy = args.channels.policy(&args.reach, Vec::new());
    let (resolver, no_proxy) = (args.reach.resolver, NoProxy::default());
    let prober = Prober::new(ProberSettings { policy: policy.clone(), resolver, proxy: None, no_proxy })?;
    if let Some(warning) = prober.warning() {
        complain(format_args!("warning: {warning}"));
    }
    let rules = Rules { allow_http: args.channels.allow_http_channels, roots: system_roots() };
    Ok(Notifier::new(prober, policy, rules))
}

/// Another one each time, so that no receiver takes it for one that it has had.
fn message(known: &Known, args: &NotifyTestArgs) -> Message {
    let now = Timestamp::now();
    let at = Timestamp::from_second(now.as_second()).unwrap_or(now);
    let namespace = if known.namespace.is_empty() { "default" } else { &known.namespace };
    let id = id(&["notify test", namespace, &known.name, &now.to_string()]);
    test_message(&id, namespace, &known.name, "", args.channels.cluster_name.as_deref(), at)
}

/// The channels of these names; all of them where none is given.
fn chosen(channels: Vec<NotificationChannel>, names: &[String]) -> Result<Vec<NotificationChannel>, TrialError> {
    let is_called = |channel: &NotificationChannel, wanted: &String| {
        let (namespace, name) = (channel.metadata.namespace.as_deref(), channel.metadata.name.as_deref());
        name == Some(wanted)
            || wanted.split_once('/').is_some_and(|(space, it)| namespace == Some(space) && name == Some(it))
    };
    let is_unknown = |name: &&String| !channels.iter().any(|channel| is_called(channel, name));
    // With none at all something else is wrong, and has been said.
    if let Some(unknown) = names.iter().find(is_unknown).filter(|_| !channels.is_empty()) {
        let known = channels.iter().filter_map(|channel| channel.metadata.name.as_deref());
        let known: Vec<String> = known.take(MAX_NAMED).map(clean).collect();
        return Err(TrialError::NoSuchChannel(unknown.clone(), known.join(", ")));
    }
    let is_wanted =
        |channel: &NotificationChannel| names.is_empty() || names.iter().any(|name| is_called(channel, name));
    Ok(channels.into_iter().filter(is_wanted).collect())
}

/// What the input holds.
#[derive(Default)]
struct Found {
    channels: Vec<NotificationChannel>,
    materials: Materials,
    errors: Vec<InputError>,
}

// === impl Found ===

impl Found {
    fn gather(args: &NotifyTestArgs) -> Self {
        let mut found = Self::default();
        found.errors = gather(&args.file, WANTED, |document| found.take(document));
        // Secrets alone are nothing to try: all would seem to be well.
        if found.channels.is_empty() && found.errors.is_empty() {
            found.errors = args.file.iter().map(|path| InputError::holds_no(WANTED, path)).collect();
        }
        found
    }

    fn take(&mut self, document: Document) -> Taken {
        if !document.is(WANTED) {
            return self.materials.take(document);
        }
        read(document).map_or_else(Taken::Wrong, |channel| {
            self.channels.push(channel);
            Taken::Used
        })
    }
}
