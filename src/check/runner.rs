//! Probe many monitors at once, and hand out the results in the order of the input.

use std::{collections::BTreeMap, io, path::Path};

use futures::{StreamExt as _, stream};
use jiff::Timestamp;

use super::{
    notices::{Channels, Told},
    referents::{Found, Referents},
};
use crate::{
    api::SslMonitor,
    manifests::{InputError, name as input_name, read},
    monitor::{self, ConditionType, Input, Outcome, ServiceLink, decide, target, withholding},
    probe::{Host, Observation, Prober, judge_pem},
};

/// How to check.
pub(super) struct Runner {
    /// Makes the probes.
    pub(super) prober: Prober,
    /// Connect to this port instead of the monitor's.
    pub(super) connect_port: Option<u16>,
    /// The time to judge at; `None` for the present.
    pub(super) at: Option<Timestamp>,
    /// How many probes are made at once.
    pub(super) concurrency: usize,
    /// Whom to tell of what is found.
    pub(super) channels: Option<Channels>,
}

/// A monitor with its status, and what is to be told of it.
pub(super) struct Checked {
    pub(super) monitor: SslMonitor,
    pub(super) told: Told,
}

// === impl Runner ===

impl Runner {
    /// Check every monitor, and give each to `each` with its status, in the order of the list.
    pub(super) async fn run(
        &self,
        monitors: Vec<SslMonitor>,
        mut referents: Referents,
        mut each: impl FnMut(Checked) -> io::Result<()>,
    ) -> io::Result<()> {
        let checks = stream::iter(monitors.into_iter().enumerate()).map(|(index, monitor)| {
            let found = referents.of(&monitor);
            async move { (index, self.check(monitor, &found).await) }
        });
        let mut checks = checks.buffer_unordered(self.concurrency);
        // A slow target must not keep the others from being checked: what is early waits here, finished.
        let (mut early, mut next) = (BTreeMap::new(), 0);
        while let Some((index, checked)) = checks.next().await {
            early.insert(index, checked);
            while let Some(checked) = early.remove(&next) {
                each(checked)?;
                next += 1;
            }
        }
        Ok(())
    }

    async fn check(&self, monitor: SslMonitor, found: &Found) -> Checked {
        let now = clock(self.at);
        let judged = |monitor, outcome| judged(monitor, outcome, found, now, self.channels.as_ref());
        if !monitor.spec.enabled {
            return judged(monitor, Outcome::NotProbed);
        }
        match (target(&monitor.spec, self.prober.policy()), withholding(&found.problems)) {
            (Err(stall), _) => judged(monitor, Outcome::Stalled(&stall)),
            (Ok(_), Some(problem)) => judged(monitor, Outcome::Withheld(problem)),
            (Ok(mut target), None) => {
                target.connect_port = self.connect_port;
                let observation = self.prober.probe(&target, &found.means, monitor.spec.timeout(), now).await;
                judged(monitor, Outcome::Probed(&observation))
            }
        }
    }
}

/// Judge the chain in a file for a monitor, without any connection.
pub(super) fn check_file(
    path: &Path,
    monitor: SslMonitor,
    name: &Host,
    found: &Found,
    at: Option<Timestamp>,
) -> Result<SslMonitor, InputError> {
    let now = clock(at);
    let presented = judge_pem(&read(path)?, name, &found.means.trust, now)
        .map_err(|error| InputError::new(input_name(path), format!("the chain {error}")))?;
    let observation = Observation { presented: Some(presented), ..Observation::default() };
    let mut monitor = judged(monitor, Outcome::Probed(&observation), found, now, None).monitor;
    if let Some(status) = &mut monitor.status {
        // Nothing was connected to: the status says nothing about it.
        status.conditions.retain(|condition| condition.type_ != ConditionType::Reachable.as_str());
        (status.response_time_ms, status.next_check_at) = (None, None);
    }
    Ok(monitor)
}

/// The monitor with the status that the operator would write, and what these channels are to be told of it.
fn judged(
    mut monitor: SslMonitor,
    outcome: Outcome<'_>,
    found: &Found,
    now: Timestamp,
    channels: Option<&Channels>,
) -> Checked {
    let input = Input {
        monitor: &monitor,
        status: None,
        outcome,
        problems: &found.problems,
        expected: found.expected.as_ref(),
        service: &ServiceLink::None,
        channels: monitor::Channels::None,
        request: None,
        now,
    };
    let told = channels.map(|channels| channels.told(&input)).unwrap_or_default();
    monitor.status = Some(decide(input).status);
    Checked { monitor, told }
}

/// The time to judge at, in whole seconds as certificates and statuses have it.
fn clock(at: Option<Timestamp>) -> Timestamp {
    let now = at.unwrap_or_else(Timestamp::now);
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}
