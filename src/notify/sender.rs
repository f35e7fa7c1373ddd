//! Delivery: one attempt, bounded in time, at an address that was vetted.

use std::{fmt, net::IpAddr, sync::Arc};

use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use tokio::time::timeout;

use super::{
    Channel, Message, Names, Outcome, Why,
    connect::{connect, secure},
    http,
    payload::{Route, email},
    smtp,
};

/// Whether an address may be dialled, and if not, why: what a receiver's or proxy's name resolves to is asked about each time, and
/// exactly what was allowed is dialled.
pub type Vet = Arc<dyn Fn(IpAddr) -> Result<(), String> + Send + Sync>;

/// Tells messages to channels. Cheap to clone; an attempt holds one connection, and nothing after it.
#[derive(Clone)]
pub struct Sender {
    names: Arc<dyn Names>,
    vet: Vet,
}

// === impl Sender ===

impl Sender {
    /// A sender that resolves names so, and dials only what `vet` allows.
    pub fn new(names: Arc<dyn Names>, vet: Vet) -> Self {
        Self { names, vet }
    }

    /// Try once to tell the message to the channel. Takes no longer than the channel's timeout. Whoever tries again has to send the
    /// same message, by whose id receivers know it.
    pub async fn send(&self, channel: &Channel, message: &Message) -> Outcome {
        let attempt = self.attempt(channel, message);
        timeout(channel.timeout, attempt).await.unwrap_or_else(|_| Outcome::later(None, Why::TimedOut))
    }

    async fn attempt(&self, channel: &Channel, message: &Message) -> Outcome {
        self.try_once(channel, message).await.unwrap_or_else(|outcome| outcome)
    }

    /// Both sides of the result are outcomes; `Err` ends early.
    async fn try_once(&self, channel: &Channel, message: &Message) -> Result<Outcome, Outcome> {
        let unwritable = || Outcome::refused(None, Why::NotEncodable);
        let told = channel.tell(message);
        let endpoint = &channel.endpoint;
        if let Route::Email(addresses) = &channel.route {
            let letter = email::letter(&told, addresses).ok_or_else(unwritable)?;
            let stream = connect(endpoint, channel.proxy.as_ref(), &*self.names, &self.vet).await?;
            return Ok(smtp::deliver(stream, channel, &letter).await);
        }
        let request = channel.route.request(&told).ok_or_else(unwritable)?;
        let stream = connect(endpoint, channel.proxy.as_ref(), &*self.names, &self.vet).await?;
        let now = Timestamp::now();
        if channel.begins_with_tls() {
            let stream = secure(stream, &endpoint.host, Arc::clone(&channel.tls)).await?;
            return Ok(http::exchange(TokioIo::new(stream), channel, request, now).await);
        }
        Ok(http::exchange(TokioIo::new(stream), channel, request, now).await)
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("names", &self.names).finish_non_exhaustive()
    }
}
