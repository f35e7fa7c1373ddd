//! STARTTLS with the servers that people run, as Debian 12 ships them: each is a child of its test, with a configuration of its
//! own on a loopback address of its own, and is gone afterwards.
//!
//! They need root, to become the users that their packages made. `cargo xtask servers` installs them; where one is missing its
//! test fails.
#![allow(clippy::unwrap_used, clippy::panic)]

mod chat;
mod databases;
mod directory;
mod files;
mod mail;
mod news;
mod support;
