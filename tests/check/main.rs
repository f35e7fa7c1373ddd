//! `sslmonitor check` and its small siblings, through the real binary, against real TLS servers on loopback.
#![allow(clippy::unwrap_used, clippy::panic)]

mod formats;
mod input;
mod many;
mod notify;
mod reach;
#[path = "../notify/receiver.rs"]
mod receiver;
mod revocation;
mod starttls;
mod support;
mod trust;
mod usage;
