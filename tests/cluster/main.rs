//! Against a real API server: run by `cargo xtask test`, which gets the programs of the control plane.
//!
//! Every test here is `#[ignore]`d with a reason, so that a plain `cargo test` counts what it has not run.
#![allow(clippy::unwrap_used, clippy::panic)]

mod admission;
mod alerts;
mod bundle;
mod changes;
mod channels;
mod crashes;
mod crowd;
mod definitions;
mod endpoints;
mod expected;
mod faults;
mod fence;
mod fields;
mod gate;
mod health;
mod kinds;
mod life;
mod means;
mod names;
mod namespaces;
mod objects;
mod outages;
#[path = "../notify/peer.rs"]
mod peer;
mod permissions;
mod plugin;
mod poison;
mod prometheus;
#[path = "../observability/queries.rs"]
mod queries;
mod races;
#[path = "../notify/receiver.rs"]
mod receiver;
mod replicas;
mod scene;
mod service;
mod stage;
mod support;
mod twins;
