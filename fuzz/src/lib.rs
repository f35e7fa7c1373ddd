//! What the fuzz targets share: what holds of every text, the certificates that chains are made of, and addresses by
//! another hand than the engine's.
//!
//! Nothing in here is taken from the code under test: a reference that shares its mistakes finds none.

pub mod address;
pub mod chain;
pub mod seen;
