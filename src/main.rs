//! `sslmonitor`: parse, match the command, exit code.

fn main() {}
