//! A replica that wants the Lease, has it, and gives it back.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::{api::coordination::v1::Lease, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{Election, Move, Store, Tenure, Terms, election::holder_of, tenure::since_boot};

/// How long giving it back may take: the process is about to end.
const RELEASE: Duration = Duration::from_secs(2);

/// A replica that wants the Lease.
#[derive(Debug)]
pub struct Candidate<S> {
    store: S,
    election: Election,
    terms: Terms,
    tenure: Tenure,
    /// The Lease as we last wrote it, while it is ours.
    held: Option<Lease>,
    /// What was last said, so that it is said once.
    said: String,
}

/// Why a holder is none any more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    /// Another replica has it.
    #[error("the Lease {lease} is lost: {holder} holds it now")]
    Taken {
        /// Which Lease.
        lease: String,
        /// Who has it.
        holder: String,
    },
    /// It could not be renewed in time.
    #[error("the Lease {lease} is lost: it could not be renewed within {limit:?}: {why}")]
    NotRenewed {
        /// Which Lease.
        lease: String,
        /// How long that was tried.
        limit: Duration,
        /// What came of it last.
        why: String,
    },
}

/// What came of one attempt.
enum Attempt {
    Held,
    /// Somebody else has it; look again after this time.
    Other(String, Duration),
}

impl<S: Store> Candidate<S> {
    /// A candidate of this identity, which no other may have.
    pub fn new(store: S, identity: String, terms: Terms) -> Self {
        let election = Election::new(identity, terms);
        Self { store, election, terms, tenure: Tenure::none(), held: None, said: String::new() }
    }

    /// The times of the election.
    pub fn terms(&self) -> Terms {
        self.terms
    }

    /// Until when it may act.
    pub fn tenure(&self) -> Tenure {
        self.tenure.clone()
    }

    /// Wait for the Lease, for ever if need be. `looked` is called with each look at it, and `standing_by` when another has it.
    pub async fn win(&mut self, looked: impl Fn(), standing_by: impl Fn()) {
        loop {
            looked();
            let wait = match self.attempt(self.terms.renew_deadline).await {
                Ok(Attempt::Held) if self.tenure.is_held() => {
                    tracing::info!("acting: this process holds the Lease {}", self.store.name());
                    return;
                }
                // It took longer than it lasts.
                Ok(Attempt::Held) => Duration::ZERO,
                Ok(Attempt::Other(holder, wait)) => {
                    standing_by();
                    let text = format!("standing by: {holder} holds the Lease {}", self.store.name());
                    self.say(text, |text| tracing::info!("{text}"));
                    wait
                }
                Err(why) => {
                    let text = format!("failed to take the Lease {}: {why}", self.store.name());
                    self.say(text, |text| tracing::warn!("{text}"));
                    self.terms.retry_period
                }
            };
            sleep(wait).await;
        }
    }

    /// Renew the Lease until told to stop, and give it back then. `looked` is called with each renewal.
    ///
    /// # Errors
    /// [`Lost`] when it is ours no longer: the process is to end, and nothing more is to be done.
    pub async fn keep(mut self, stop: CancellationToken, looked: impl Fn()) -> Result<(), Lost> {
        let lost = stop.run_until_cancelled(self.renew(looked)).await;
        self.tenure.end();
        if let Some(lost) = lost {
            return Err(lost);
        }
        self.release().await;
        Ok(())
    }

    /// Renew it until it is lost.
    async fn renew(&mut self, looked: impl Fn()) -> Lost {
        let (lease, limit) = (self.store.name(), self.terms.renew_deadline);
        let mut why = "this process stood still".to_owned();
        loop {
            sleep(self.terms.retry_period.min(self.remaining())).await;
            looked();
            let remaining = self.remaining();
            if remaining.is_zero() {
                return Lost::NotRenewed { lease, limit, why };
            }
            // Half, so that what hangs is tried again.
            match self.attempt(remaining.min(limit / 2)).await {
                Ok(Attempt::Held) => {}
                Ok(Attempt::Other(holder, _)) => return Lost::Taken { lease, holder },
                Err(error) => {
                    tracing::warn!("failed to renew the Lease {}: {error}", self.store.name());
                    why = error;
                }
            }
        }
    }

    /// Read it, unless it is known, and write what is to be written. A tenure begins before the write, not when the answer is there.
    async fn attempt(&mut self, limit: Duration) -> Result<Attempt, String> {
        let begun = since_boot();
        let attempt = timeout(limit, self.exchange()).await;
        let attempt = attempt.unwrap_or_else(|_| Err(format!("no answer within {limit:?}")));
        if matches!(attempt, Ok(Attempt::Held)) {
            self.tenure.extend(begun.saturating_add(self.terms.renew_deadline));
        }
        attempt
    }

    async fn exchange(&mut self) -> Result<Attempt, String> {
        let known = self.known().await?;
        let spec = known.as_ref().and_then(|lease| lease.spec.as_ref());
        let holder = spec.and_then(holder_of).unwrap_or_default().to_owned();
        match self.election.consider(spec, since_boot(), Timestamp::now()) {
            Move::Wait(wait) => Ok(Attempt::Other(holder, wait)),
            Move::Write(spec) => {
                let metadata = known.map_or_else(ObjectMeta::default, |lease| lease.metadata);
                // Where that fails it is read anew: perhaps our own write came through, and its answer did not.
                self.held = Some(self.store.write(&Lease { metadata, spec: Some(spec) }).await?);
                Ok(Attempt::Held)
            }
        }
    }

    /// The Lease as we last wrote it, else as it is now; `None` when there is none. What is written onto it is known afterwards.
    async fn known(&mut self) -> Result<Option<Lease>, String> {
        match self.held.take() {
            Some(lease) => Ok(Some(lease)),
            None => self.store.read().await,
        }
    }

    /// Give it back, so that another need not wait until it ends by itself.
    async fn release(&mut self) {
        let given_back = timeout(RELEASE, async {
            let Some(mut lease) = self.known().await? else { return Ok(()) };
            let Some(spec) = lease.spec.take().filter(|spec| self.election.is_ours(spec)) else { return Ok(()) };
            lease.spec = Some(self.election.released(&spec, Timestamp::now()));
            self.store.write(&lease).await.map(drop)
        });
        match given_back.await {
            Ok(Ok(())) => {}
            Ok(Err(why)) => self.not_released(&why),
            Err(_) => self.not_released(&format!("no answer within {RELEASE:?}")),
        }
    }

    fn not_released(&self, why: &str) {
        tracing::warn!("failed to give back the Lease {}, which ends by itself: {why}", self.store.name());
    }

    fn remaining(&self) -> Duration {
        self.tenure.remaining(since_boot())
    }

    fn say(&mut self, text: String, log: impl Fn(&str)) {
        if self.said != text {
            log(&text);
            self.said = text;
        }
    }
}
