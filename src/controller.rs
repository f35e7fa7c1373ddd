//! SHELL: gather → probe → decide → apply. The only room with a Kubernetes client.
//!
//! ```text
//! watch SslMonitors ──► registry ──► reviews (write conditions, no network)   ──► status
//!                          │    └──► checks  (gather → probe → decide)        ──► status, Events
//! watch Services ──────────┴───────► services (aggregate of the linked monitors) ──► Service condition
//! ```
//!
//! Watched objects are not kept: the registry holds a few numbers per monitor, and a job reads its object afresh, so that
//! it decides on the newest status and writes with the resource version it has read. The three queues are
//! [`Schedule`](crate::schedule::Schedule)s: they coalesce, limit, order and isolate; what fails is tried again with
//! exponential back-off per object.

mod api;
mod apply;
mod backoff;
mod check;
mod context;
mod error;
mod gather;
mod lenient;
mod registry;
mod review;
mod secret;
mod service;
mod tasks;
mod watch;

pub use context::{Context, Runners, Settings};
pub use error::Error;
pub use registry::ServiceKey;
pub use tasks::{TaskEnded, run};
