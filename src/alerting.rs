//! ALERTING: what objects say of channels and alerts, in the words of the senders.
//!
//! The joint between the core, which decides what is to be told, and [`notify`](crate::notify), which knows neither Kubernetes nor
//! monitors. Pure: the operator and `sslmonitor check --notify` tell the same.

mod advice;
mod channel;
mod digest;
mod message;
mod settings;
mod test;

pub use advice::advise;
pub use channel::channel;
pub use digest::{digest, parts_at_once};
pub use message::{Circumstances, how_long, message};
pub use settings::{ChannelProblem, settings};
pub use test::test_message;
