//! `cargo xtask`: what a contributor types.

fn main() {}
