//! CORE: decide what a monitor's status says, what is announced, and when to look again.
//!
//! Everything here is pure and total: no client, no clock (`now` is an argument), no async, no randomness. [`decide`] is the
//! whole story on one screen; the other functions are its parts.

mod alerts;
mod certificate;
mod channel;
mod clock;
mod conditions;
mod decide;
mod due;
mod endpoints;
mod events;
mod findings;
mod history;
mod proxy;
mod referents;
mod service;
mod statements;
mod target;
#[cfg(test)]
mod tests;

pub use alerts::{
    ChannelFacts, Channels, Outlook, Receipt, Settled, due_notice, farewell, id, next_delivery, outlook, settle,
    standing,
};
pub use certificate::{days_text, days_until};
pub use channel::{
    ChannelInput, ChannelPlan, Obstacle, Tally, TestResult, decide_channel, is_channel_introduced, requested_test,
    unready,
};
pub use conditions::{ConditionStatus, ConditionType, Reason, find as find_condition};
pub use decide::{Input, Outcome, Plan, ServiceLink, decide};
pub use due::{Cause, Due, due, has_settled, is_ahead, is_introduced, next_look_for, requested_at};
pub use endpoints::{is_reached, is_valid};
pub use events::{Announcement, CERTIFICATE_CHANGED, Severity, TEST_DELIVERED, TEST_FAILED};
pub use findings::finding_kinds;
pub use referents::{
    ExpectedCertificate, Material, ProblemKind, Referent, ReferentProblem, bundle_in, client_certificate,
    client_secret, expected_certificate, expected_secret, is_told, missing, proxy_from, proxy_secret, told_problem,
    withholding,
};
pub use service::{LinkedMonitor, SERVICE_CONDITION, ServiceVerdict, aggregate};
pub use statements::FAILURES_BEFORE_UNKNOWN;
pub use target::{Stall, StallReason, target};
