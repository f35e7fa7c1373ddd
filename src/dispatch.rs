//! DISPATCH: the shell that sends messages without a cluster: `sslmonitor notify test`, and what `sslmonitor check --notify` tells.

mod channels;
mod delivery;
mod report;
mod trial;

pub use channels::{Known, WANTED, prepare, read};
pub use delivery::{Delivery, deliver};
pub use report::{notes, table};
pub use trial::run;
