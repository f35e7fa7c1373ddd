//! The engine against real TLS servers and hostile peers on loopback.
#![allow(clippy::unwrap_used, clippy::panic)]

mod addresses;
mod bounds;
mod bundles;
mod certificates;
mod extremes;
mod findings;
mod hello;
mod identity;
mod names;
mod oddities;
mod peers;
mod proxy;
mod support;
mod verdicts;
