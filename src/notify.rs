//! SENDERS: a message, and one bounded request to where it is to go.
//!
//! Each kind of channel has a payload that is a pure function of the [`Message`], and a way to send it. What comes back is data
//! ([`Outcome`]); nothing of an answer's body, and nothing of a secret, ever leaves this room. It knows neither Kubernetes nor probing.

mod message;

pub use message::{Certificate, Kind, Level, Message, Subject};
