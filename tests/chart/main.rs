//! The Helm chart and `deploy/`: what they say, what a real API server makes of them, and what becomes of a release.
//!
//! Every test that runs another program is `#[ignore]`d with a reason, so that a plain `cargo test` counts what it has not run.
#![allow(clippy::unwrap_used, clippy::panic)]

mod about;
mod alerts;
mod compatible;
mod dashboard;
mod manifests;
#[path = "../observability/names.rs"]
mod names;
mod policies;
#[path = "../observability/queries.rs"]
mod queries;
mod release;
mod server;
mod support;
mod upgrade;
