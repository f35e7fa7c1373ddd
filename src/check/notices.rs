//! `--notify`: what the channels of the input are told of what was found.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    io::{self, BufWriter},
};

use crate::{
    alerting::{Circumstances, digest, message, parts_at_once},
    api::{NotificationChannel, PendingNotice, SslMonitor, SslMonitorStatus},
    cli::CheckArgs,
    dispatch::{Delivery, Known, deliver, notes, prepare, table},
    manifests::{Materials, missing},
    monitor::{self, ChannelFacts, FAILURES_BEFORE_UNKNOWN, Input, decide, id},
    notifier::Notifier,
    notify::{Message, Rules, system_roots},
    output::complain,
    probe::{AddressPolicy, Prober},
};

/// The channels of the input.
pub(super) struct Channels {
    known: Vec<Known>,
    /// What the core knows of them, by their namespace.
    facts: HashMap<String, Vec<ChannelFacts>>,
    cluster: Option<String>,
    rules: Rules,
    /// Where messages may go.
    policy: AddressPolicy,
}

/// What is to be told of one monitor.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// The messages, and for which of the channels each is.
    messages: Vec<(usize, Message)>,
    /// Sentences on the channels that it names and that the input lacks.
    missing: Vec<String>,
}

/// What is to be told of all monitors.
#[derive(Debug, Default)]
pub(super) struct Letters {
    /// By which of the channels they are for.
    messages: BTreeMap<usize, Vec<Message>>,
    missing: BTreeSet<String>,
}

// === impl Channels ===

impl Channels {
    /// The channels with the Secrets that they name, under what the arguments say of channels.
    pub(super) fn new(args: &CheckArgs, channels: Vec<NotificationChannel>, materials: &Materials) -> Self {
        let rules = Rules { allow_http: args.channels.allow_http_channels, roots: system_roots() };
        let known = prepare(channels, materials, &rules);
        let mut facts: HashMap<String, Vec<ChannelFacts>> = HashMap::new();
        for known in &known {
            let problem = known.prepared.as_ref().err().map(|obstacle| obstacle.message().to_owned());
            let all = facts.entry(known.namespace.clone()).or_default();
            // Of two with one name the later one counts, as when both are applied.
            all.retain(|facts| facts.name != known.name);
            all.push(ChannelFacts::of(&known.name, &known.spec, problem));
        }
        let policy = args.channels.policy(&args.network.reach, Vec::new());
        Self { known, facts, cluster: args.channels.cluster_name.clone(), rules, policy }
    }

    /// What is to be told of a monitor: the problems that it has now.
    pub(super) fn told(&self, input: &Input<'_>) -> Told {
        let spec = &input.monitor.spec;
        if spec.notification_channels.is_empty() || !spec.enabled {
            return Told::default();
        }
        let namespace = input.monitor.metadata.namespace.as_deref().unwrap_or_default();
        let facts = self.facts.get(namespace).map(Vec::as_slice).unwrap_or_default();
        let named = spec.notification_channels.iter().map(|channel| channel.name.as_str());
        let unknown = named.filter(|name| facts.iter().all(|facts| facts.name != *name));
        let missing = unknown.map(|name| missing(&format!("NotificationChannel {name}"), namespace)).collect();
        let monitor = noticed(input, facts);
        let ledgers = monitor.status.iter().flat_map(|status| &status.notifications);
        let pending = ledgers.flat_map(|ledger| ledger.pending.iter().map(move |notice| (&ledger.channel, notice)));
        let told = pending
            .filter_map(|(channel, notice)| Some((self.position(namespace, channel)?, self.message(&monitor, notice))));
        Told { messages: told.collect(), missing }
    }

    fn position(&self, namespace: &str, name: &str) -> Option<usize> {
        self.known.iter().rposition(|known| known.namespace == namespace && known.name == name)
    }

    fn message(&self, monitor: &SslMonitor, notice: &PendingNotice) -> Message {
        let circumstances = Circumstances { cluster: self.cluster.as_deref(), lapses: None };
        let mut message = message(monitor, notice, circumstances);
        // A check remembers none before it: what is found again and again is one incident, whenever it was first seen.
        message.incident = id(&[&message.subject.uid, &format!("{:?}", notice.about)]);
        message.subject.uid.clear();
        message
    }

    /// Send what there is to tell, and say on stderr what came back. Returns whether all of it was delivered.
    pub(super) async fn tell(&self, letters: Letters, prober: Prober) -> bool {
        let notifier = Notifier::new(prober, self.policy.clone(), self.rules.clone());
        let of_channel = |(index, messages): (usize, Vec<Message>)| {
            let known = &self.known[index];
            (known, together(known, &messages))
        };
        let together = letters.messages.into_iter().map(of_channel).collect();
        let deliveries = deliver(&notifier.sender, together, || ()).await;
        // When that fails there is nobody left to tell.
        let _ = table(&deliveries, BufWriter::new(io::stderr()));
        notes(&deliveries).chain(letters.missing.iter().cloned()).for_each(complain);
        letters.missing.is_empty() && deliveries.iter().all(Delivery::is_delivered)
    }
}

/// The monitor with what its channels have to be told, as if nothing had been told before. That it cannot be reached is told at once:
/// there is no next check to wait for.
fn noticed(input: &Input<'_>, facts: &[ChannelFacts]) -> SslMonitor {
    let mut monitor = input.monitor.clone();
    let metadata = &mut monitor.metadata;
    let name = [&metadata.namespace, &metadata.name].map(|part| part.as_deref().unwrap_or_default());
    // Manifests have none, and messages of different monitors are told apart by it.
    metadata.uid = Some(id(&["check", name[0], name[1], &monitor.spec.place()]));
    let before =
        SslMonitorStatus { consecutive_failures: Some(FAILURES_BEFORE_UNKNOWN - 1), ..SslMonitorStatus::default() };
    let (status, channels) = (Some(&before), monitor::Channels::Known(facts));
    let plan = decide(Input { monitor: &monitor, status, channels, ..*input });
    monitor.status = Some(plan.status);
    monitor
}

// === impl Letters ===

impl Letters {
    pub(super) fn add(&mut self, told: Told) {
        self.missing.extend(told.missing);
        for (channel, message) in told.messages {
            self.messages.entry(channel).or_default().push(message);
        }
    }
}

/// Many messages as few, as far as the receiver takes that.
fn together(known: &Known, messages: &[Message]) -> Vec<Message> {
    let most = known.prepared.as_ref().map_or(messages.len(), |channel| parts_at_once(channel.kind()));
    messages.chunks(most.max(1)).filter_map(|messages| digest(messages.to_vec())).collect()
}
