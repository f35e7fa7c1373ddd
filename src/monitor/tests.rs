//! The decision, tested from outside: by rows of the conditions table, and over time.
#![allow(clippy::panic, clippy::unwrap_used, clippy::wildcard_imports)]

mod alerts;
mod clock;
mod expected;
mod life;
mod receipts;
mod rows;
mod sequences;
mod several;
mod shown;
mod target;
