//! SHELL: gather → probe → decide → apply. The only room with a Kubernetes client.
//!
//! ```text
//! watch SslMonitors ──► registry ──► reviews (write conditions, no network)   ──► status
//!                          │    └──► checks  (gather → probe → decide)        ──► status, Events
//! watch Services ──────────┴───────► services (aggregate of the linked monitors) ──► Service condition
//! watch NotificationChannels ──────► channels (gather → decide; test messages)   ──► status, Events
//! ```
//!
//! Watched objects are not kept: the registry holds a few numbers per monitor, and a job reads its object afresh, so that
//! it decides on the newest status and writes with the resource version it has read. The four queues are
//! [`Schedule`](crate::schedule::Schedule)s: they coalesce, limit, order and isolate; what fails is tried again with
//! exponential back-off per object. Of several replicas the one with the Lease does all this: whatever changes something outside of
//! the process asks at the last moment whether it still may ([`Tenure`](crate::lease::Tenure)).

mod api;
mod apply;
mod backoff;
mod channel;
mod channels;
mod check;
mod context;
mod delivery;
mod election;
mod error;
mod gather;
mod lines;
mod registry;
mod review;
mod sample;
mod secret;
mod service;
mod tasks;
mod watch;

use crate::lenient;

pub use channels::ChannelKey;
pub use context::{Context, Runners, Settings};
pub use election::LeaseObject;
pub use error::Error;
pub use registry::ServiceKey;
pub use tasks::{TaskEnded, run};
