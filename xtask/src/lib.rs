//! What contributors, tests and the demo share.

pub mod farm;
