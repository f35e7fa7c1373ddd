//! CORE: decide what a monitor's status says, what is announced, and when to look again.
//!
//! Everything here is pure and total: no client, no clock (`now` is an argument), no async, no randomness. [`decide`] is the
//! whole story on one screen; the other functions are its parts.

mod certificate;
mod conditions;
mod decide;
mod due;
mod events;
mod service;
mod statements;
mod target;
#[cfg(test)]
mod tests;

pub use conditions::{ConditionStatus, ConditionType, Reason, find as find_condition};
pub use decide::{BundleProblem, BundleProblemKind, Input, Outcome, Plan, ServiceLink, decide};
pub use due::{
    Cause, Due, due, has_settled, is_ahead, is_introduced, next_bundle_look, requested_at, told_bundle_problem,
};
pub use events::{Announcement, Severity};
pub use service::{LinkedMonitor, SERVICE_CONDITION, ServiceVerdict, aggregate};
pub use statements::FAILURES_BEFORE_UNKNOWN;
pub use target::{Stall, StallReason, target};
