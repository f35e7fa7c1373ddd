//! The part of the command line of `sslmonitor run` that says which of several replicas acts.

use std::time::Duration;

use clap::Args;

use super::values::{lease_time, object_name};
use crate::lease::Terms;

/// Which of several replicas acts. The names are those of the Kubernetes components.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(next_help_heading = "Replicas")]
pub struct LeaderArgs {
    /// Act only while this process holds the Lease: of several replicas one acts, and another takes over when it ends
    #[arg(long, env = "SSLMONITOR_LEADER_ELECT")]
    pub leader_elect: bool,
    /// The name of the Lease; all replicas have the same
    #[arg(long, value_name = "NAME", default_value = "sslmonitor", env = "SSLMONITOR_LEADER_ELECT_RESOURCE_NAME")]
    #[arg(value_parser = object_name)]
    pub leader_elect_resource_name: String,
    /// The namespace of the Lease [default: that of the pod, or of the kubeconfig]
    #[arg(long, value_name = "NAMESPACE", env = "SSLMONITOR_LEADER_ELECT_RESOURCE_NAMESPACE", value_parser = object_name)]
    pub leader_elect_resource_namespace: Option<String>,
    /// How long the others wait, after the holder has last renewed the Lease, before one takes it over; whole seconds
    #[arg(long, value_name = "DURATION", default_value = "15s", env = "SSLMONITOR_LEADER_ELECT_LEASE_DURATION")]
    #[arg(value_parser = lease_time)]
    pub leader_elect_lease_duration: Duration,
    /// How long the holder goes on without having renewed it, before it ends itself: less than the lease duration
    #[arg(long, value_name = "DURATION", default_value = "10s", env = "SSLMONITOR_LEADER_ELECT_RENEW_DEADLINE")]
    #[arg(value_parser = lease_time)]
    pub leader_elect_renew_deadline: Duration,
    /// How often it is renewed, or looked at: at most half of the renew deadline
    #[arg(long, value_name = "DURATION", default_value = "2s", env = "SSLMONITOR_LEADER_ELECT_RETRY_PERIOD")]
    #[arg(value_parser = lease_time)]
    pub leader_elect_retry_period: Duration,
}

// === impl LeaderArgs ===

impl LeaderArgs {
    /// The times of the election; `None` when there is none.
    ///
    /// # Errors
    /// A sentence about times that do not go together.
    pub fn terms(&self) -> Result<Option<Terms>, String> {
        let terms = Terms {
            lease_duration: self.leader_elect_lease_duration,
            renew_deadline: self.leader_elect_renew_deadline,
            retry_period: self.leader_elect_retry_period,
        };
        if self.leader_elect { terms.check().map(|()| Some(terms)) } else { Ok(None) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Command, RunArgs};

    fn run(arguments: &[&str]) -> Result<RunArgs, String> {
        let line = ["sslmonitor", "run"].iter().chain(arguments);
        match Cli::try_parse_from(line).map_err(|error| error.to_string())?.command {
            Command::Run(args) => Ok(*args),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn there_is_an_election_only_where_it_is_asked_for() {
        assert_eq!(run(&[]).unwrap().leader.terms(), Ok(None));
        assert_eq!(run(&["--leader-elect"]).unwrap().leader.terms(), Ok(Some(Terms::default())));
        let args = run(&["--leader-elect", "--leader-elect-lease-duration", "5s"]).unwrap();
        let error = args.leader.terms().unwrap_err();
        assert_eq!(error, "the renew deadline must be shorter than the lease duration: 10s is not shorter than 5s");
    }

    #[test]
    fn namespaces_are_listed_or_repeated() {
        let args = run(&["--namespaces", "shop,team-a", "--namespaces", "7"]).unwrap();
        assert_eq!(args.namespaces, ["shop", "team-a", "7"]);
        for wrong in ["Shop", "a_b", "a-", "a.b", "x".repeat(64).as_str()] {
            let error = run(&["--namespaces", wrong]).unwrap_err();
            assert!(error.contains("must be the name of a namespace"), "{wrong}: {error}");
        }
    }
}
