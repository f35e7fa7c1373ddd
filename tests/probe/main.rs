//! The engine against real TLS servers and hostile peers on loopback.
#![allow(clippy::unwrap_used, clippy::panic)]

mod abilities;
mod addresses;
mod bounds;
mod bundles;
mod certificates;
mod extremes;
mod findings;
mod hello;
mod identity;
mod issuers;
mod lists;
mod names;
mod oddities;
mod peers;
mod proxy;
mod staples;
mod starttls;
mod support;
mod verdicts;
