//! The senders, against receivers on loopback: good ones, bad ones, and real ones.
#![allow(clippy::unwrap_used, clippy::panic)]

mod addresses;
#[path = "../check/support/binary.rs"]
mod binary;
mod faults;
mod mail;
mod peer;
mod peers;
mod receiver;
mod secrets;
mod settings;
mod signature;
mod support;
mod trial;
