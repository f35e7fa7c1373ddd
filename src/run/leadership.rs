//! Of several replicas one acts: the one that holds the Lease.

use std::time::Duration;

use kube::{Client, Config};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{
    admin::Pages,
    cli::LeaderArgs,
    controller::LeaseObject,
    lease::{Candidate, Lost, Tenure, Terms},
};

/// How long nothing may come of the election before the process counts as stuck: every attempt is limited in time.
const LONGEST_SILENCE: Duration = Duration::from_mins(1);

/// The part of this process in the election, if there is one.
#[derive(Debug)]
pub(super) struct Leadership {
    candidate: Option<Candidate<LeaseObject>>,
}

/// The Lease is held, and renewed by a task.
pub(super) struct Leading {
    keeping: JoinHandle<Result<(), Lost>>,
    give_back: CancellationToken,
}

// === impl Leadership ===

impl Leadership {
    /// Nothing happens yet. Where there is no election, this process acts at once and for ever.
    pub(super) fn new(
        args: &LeaderArgs,
        terms: Option<Terms>,
        config: &Config,
        client: &Client,
        instance: &str,
    ) -> Self {
        let namespace = args.leader_elect_resource_namespace.as_deref().unwrap_or(&config.default_namespace);
        let store = || LeaseObject::new(client.clone(), namespace, &args.leader_elect_resource_name);
        Self { candidate: terms.map(|terms| Candidate::new(store(), identity(instance), terms)) }
    }

    /// Until when this process may act.
    pub(super) fn tenure(&self) -> Tenure {
        self.candidate.as_ref().map_or_else(Tenure::unlimited, Candidate::tenure)
    }

    /// Wait until it is the turn of this process, and keep it so from then on.
    pub(super) async fn win(self, pages: &Pages) -> Leading {
        let give_back = CancellationToken::new();
        let Some(mut candidate) = self.candidate else {
            pages.metrics.set_leader();
            let until = give_back.clone();
            let keeping = tokio::spawn(async move {
                until.cancelled().await;
                Ok(())
            });
            return Leading { keeping, give_back };
        };
        let silence = LONGEST_SILENCE.max(candidate.terms().lease_duration * 3);
        let pulse = pages.liveness.task("election of the leader", silence);
        candidate.win(|| pulse.beat(), || pages.readiness.stand_by(true)).await;
        pages.readiness.stand_by(false);
        pages.metrics.set_leader();
        let keeping = tokio::spawn(candidate.keep(give_back.clone(), move || pulse.beat()));
        Leading { keeping, give_back }
    }
}

// === impl Leading ===

impl Leading {
    /// Wait until the Lease is lost. Where there is no election, that never happens.
    pub(super) async fn lost(&mut self) -> String {
        match (&mut self.keeping).await {
            Ok(Err(lost)) => lost.to_string(),
            other => format!("the task that renews the Lease ended: {other:?}"),
        }
    }

    /// Give the Lease back, so that another replica acts at once.
    ///
    /// # Errors
    /// When it was lost meanwhile.
    pub(super) async fn give_back(mut self) -> Result<(), String> {
        self.give_back.cancel();
        match (&mut self.keeping).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(lost)) => Err(lost.to_string()),
            Err(panic) => Err(format!("the task that renews the Lease ended: {panic}")),
        }
    }
}

/// Two processes of one name, on one host or one after the other, are two candidates.
fn identity(instance: &str) -> String {
    let mut random = [0_u8; 8];
    let filled = aws_lc_rs::rand::fill(&mut random);
    filled.expect("the system gives random numbers: without, there is no TLS");
    format!("{instance}_{:016x}", u64::from_be_bytes(random))
}
