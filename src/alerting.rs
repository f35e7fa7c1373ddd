//! ALERTING: what objects say of channels and alerts, in the words of the senders.
//!
//! The joint between the core, which decides what is to be told, and [`notify`](crate::notify), which knows neither Kubernetes nor
//! monitors. Pure: the operator and `sslmonitor check --notify` tell the same.

mod settings;

pub use settings::{ChannelProblem, settings};
