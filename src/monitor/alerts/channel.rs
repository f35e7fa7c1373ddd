//! What the core knows of channels.

use std::time::Duration;

use crate::api::{AlertSeverity, ChannelType, NotificationChannelSpec};

/// The channels that a monitor names.
#[derive(Debug, Clone, Copy)]
pub enum Channels<'a> {
    /// They are not looked at (`sslmonitor check`).
    None,
    /// They are not known yet.
    Unknown,
    /// Those that exist.
    Known(&'a [ChannelFacts]),
}

/// What a decision has to know of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelFacts {
    /// Its name.
    pub name: String,
    /// What it is told at the least.
    pub min_severity: AlertSeverity,
    /// After how long a problem that still stands is told again.
    pub reminder_interval: Option<Duration>,
    /// Whether it is told nothing for the time being.
    pub is_suspended: bool,
    /// Whether its receiver knows an alert by its reason and severity, so that one of them has to end before there is another.
    pub is_keyed_by_reason: bool,
    /// Why it cannot be used, in a sentence; `None` when it can.
    pub problem: Option<String>,
}

// === impl ChannelFacts ===

impl ChannelFacts {
    /// The facts of a channel that can be used, or cannot for this reason.
    pub fn of(name: &str, spec: &NotificationChannelSpec, problem: Option<String>) -> Self {
        Self {
            name: name.to_owned(),
            min_severity: spec.min_severity,
            reminder_interval: spec.reminder_interval(),
            is_suspended: spec.suspend,
            is_keyed_by_reason: spec.type_ == ChannelType::Alertmanager,
            problem,
        }
    }
}
