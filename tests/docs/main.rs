//! The pages that people read: what they tell to type is typed here, in the order in which it stands there, against a real API server
//! with the operator at work; what they show as an answer is compared with the answer; what they link to exists; and what they say of
//! fields, reasons, flags and metrics is what the code says.
//!
//! Every test that runs another program is `#[ignore]`d with a reason, so that a plain `cargo test` counts what it has not run.
#![allow(clippy::unwrap_used, clippy::panic)]

mod answer;
mod blocks;
mod kubelet;
mod links;
mod page;
mod pages;
mod play;
#[path = "../proof.rs"]
mod proof;
mod receivers;
mod reference;
mod runbooks;
mod shell;
mod stage;
mod threats;
mod troubleshooting;
mod world;
mod yaml;
