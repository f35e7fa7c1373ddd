//! A farm of real TLS servers on loopback, with certificates of every kind: for tests, the demo and benchmarks.
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! use xtask::farm::{Authority, Leaf, ServerOptions, TlsServer};
//! let authority = Authority::new("Farm");
//! let expired = authority.issue(&Leaf::new(["a.test"]).expired());
//! let server = TlsServer::start(([127, 0, 0, 1], 0).into(), expired, ServerOptions::default()).await?;
//! println!("{} serves it; trust it by\n{}", server.address(), authority.root_pem());
//! # Ok(()) }
//! ```

mod answer;
mod authority;
mod server;

pub use answer::{Answer, AnswerFlaw, AnswerStatus};
pub use authority::{Authority, Issued, Leaf, pem, self_signed};
pub use rcgen::{CertificateParams, CrlDistributionPoint};
pub use server::{ClientAuth, ServerOptions, TlsServer, acceptor};
