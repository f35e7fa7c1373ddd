//! What `cargo xtask` is made of, as a library, so that the cluster tests stand on the same ground as the demo.

pub mod bench;
pub mod checkers;
pub mod control_plane;
pub mod demo;
pub mod farm;
pub mod fuzz;
pub mod generate;
pub mod go;
pub mod helm;
pub mod image;
pub mod install;
pub mod krew;
pub mod kubectl;
pub mod operator;
pub mod peers;
pub mod release;
pub mod servers;
pub mod supervise;
