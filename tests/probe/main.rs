//! The engine against real TLS servers on loopback.
