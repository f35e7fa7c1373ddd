//! The command line of `kubectl sslmonitor`.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;

use super::{
    Format,
    values::{renamed, span, wait_limit},
};

/// Watch the TLS certificates that are really served at your domains.
#[derive(Debug, Clone, Parser)]
#[command(name = "kubectl-sslmonitor", bin_name = "kubectl sslmonitor", version, max_term_width = 110)]
#[command(arg_required_else_help = true, after_help = PLUGIN_EXIT)]
pub struct PluginCli {
    /// What to do, and with which cluster.
    #[command(flatten)]
    pub args: PluginArgs,
}

/// The exit codes, in a sentence.
pub(super) const PLUGIN_EXIT: &str = "Exit status: 0 done, 1 (check, report) some certificate is invalid, expiring, not the one that \
                                      is expected or not the same at all addresses, or could not be fetched, 2 wrong usage or \
                                      input, or the cluster could not be asked.";

/// What to do, and with which cluster.
#[derive(Debug, Clone, Args)]
pub struct PluginArgs {
    /// Which cluster, as whom, and which namespace.
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: PluginCommand,
}

/// Which cluster, as whom, and which namespace: as kubectl takes them.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Cluster")]
pub struct ClusterArgs {
    /// The namespace [default: the one of the context]
    #[arg(short, long, value_name = "NAME", global = true)]
    pub namespace: Option<String>,
    /// The kubeconfig file [default: $KUBECONFIG, else ~/.kube/config]
    #[arg(long, value_name = "FILE", global = true, value_hint = ValueHint::FilePath)]
    pub kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig [default: its current one]
    #[arg(long, value_name = "NAME", global = true)]
    pub context: Option<String>,
    /// The cluster of the kubeconfig [default: that of the context]
    #[arg(long, value_name = "NAME", global = true)]
    pub cluster: Option<String>,
    /// The user of the kubeconfig [default: that of the context]
    #[arg(long, value_name = "NAME", global = true)]
    pub user: Option<String>,
    /// Impersonate this user
    #[arg(long = "as", value_name = "USER", global = true)]
    pub impersonate: Option<String>,
    /// Impersonate this group; repeatable
    #[arg(long, value_name = "GROUP", requires = "impersonate", global = true)]
    pub as_group: Vec<String>,
}

/// What to do.
#[derive(Debug, Clone, Subcommand)]
pub enum PluginCommand {
    /// List monitors, the worst first
    #[command(visible_alias = "list")]
    Ls(ListArgs),
    /// Tell all that is known of a monitor, in words
    Describe {
        /// The monitors
        #[arg(value_name = "NAME", required = true)]
        names: Vec<String>,
    },
    /// Have the operator check a monitor now, and wait for the result
    #[command(long_about = CHECK_LONG)]
    Check(PluginCheckArgs),
    /// Switch monitors on
    Enable {
        /// The monitors
        #[arg(value_name = "NAME", required = true)]
        names: Vec<String>,
    },
    /// Switch monitors off; what they saw is kept
    Disable {
        /// The monitors
        #[arg(value_name = "NAME", required = true)]
        names: Vec<String>,
    },
    /// Make SslMonitor manifests of a list of domains, of Probes of Prometheus Operator, or of a hosted SSL monitor's JSON
    #[command(long_about = IMPORT_LONG)]
    Import(ImportArgs),
    /// Write a report on all monitors
    Report(ReportArgs),
    /// Print a completion script for a shell, for the program's own name
    #[command(after_help = COMPLETIONS_HELP)]
    Completions {
        /// The shell that will read it
        shell: Shell,
    },
}

const CHECK_LONG: &str = "Have the operator check monitors now, and wait for the result. For a domain that is none of the namespace's \
                          monitors and that none of them watches: check it from here, as `sslmonitor check` does.";

const IMPORT_LONG: &str = "Make SslMonitor manifests, on stdout, of a list of domains (DOMAIN[:PORT] or https://DOMAIN, one a line), of \
                           Probes of Prometheus Operator (YAML or JSON), or of a hosted SSL monitor's JSON. What cannot be taken over is \
                           said on stderr.";

const COMPLETIONS_HELP: &str = "For `kubectl sslmonitor <TAB>` link the program to kubectl_complete-sslmonitor somewhere in the PATH \
                                instead: kubectl asks that one.";

/// Which monitors.
#[derive(Debug, Clone, Default, Args)]
pub struct Selection {
    /// Of all namespaces
    #[arg(short = 'A', long, conflicts_with = "namespace")]
    pub all_namespaces: bool,
    /// With these labels, for example team=shop,env!=test
    #[arg(short = 'l', long, value_name = "LABELS")]
    pub selector: Option<String>,
}

/// What to list, and how.
#[derive(Debug, Clone, Args)]
pub struct ListArgs {
    /// Which monitors.
    #[command(flatten)]
    pub selection: Selection,
    /// Only those with a certificate that ends within this time or has ended, for example 30d, 2w or 12h
    #[arg(long, value_name = "TIME", value_parser = span)]
    pub expiring: Option<Duration>,
    /// Only those with a certificate that is not valid; with --expiring also those
    #[arg(long)]
    pub invalid: bool,
    /// How to print them
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t = ListFormat::Table)]
    pub output: ListFormat,
}

/// How a list is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ListFormat {
    /// A table
    Table,
    /// A table with more columns
    Wide,
    /// SslMonitors as JSON
    Json,
    /// SslMonitors as YAML
    Yaml,
    /// Their names only, as kubectl takes them
    Name,
}

/// What to check now, and how to tell.
#[derive(Debug, Clone, Args)]
pub struct PluginCheckArgs {
    /// Monitors, or domains
    #[arg(value_name = "NAME|DOMAIN[:PORT]", required = true)]
    pub targets: Vec<String>,
    /// How long to wait for the operator, from 1s to 10m [default: the monitor's own timeout and half a minute]
    #[arg(long, value_name = "DURATION", value_parser = wait_limit)]
    pub timeout: Option<Duration>,
    /// How to print the results
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t = Format::Table)]
    pub output: Format,
}

/// What to import, and what stands for what.
#[derive(Debug, Clone, Default, Args)]
pub struct ImportArgs {
    /// The file; - for standard input
    #[arg(value_name = "FILE|-", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// The NotificationChannel that stands for this channel of the hosted monitor; repeatable
    #[arg(long, value_name = "ID=NAME", value_parser = renamed)]
    pub channel: Vec<(String, String)>,
    /// The Service that stands for this service of the hosted monitor; repeatable
    #[arg(long, value_name = "ID=NAME", value_parser = renamed)]
    pub service: Vec<(String, String)>,
}

/// What to report on, and how.
#[derive(Debug, Clone, Args)]
pub struct ReportArgs {
    /// Which monitors.
    #[command(flatten)]
    pub selection: Selection,
    /// How
    #[arg(short, long, value_enum, value_name = "FORMAT")]
    pub output: ReportFormat,
}

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// A JUnit report, for CI
    Junit,
    /// Comma-separated values, for spreadsheets
    Csv,
    /// A page for a browser, in one file
    Html,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use clap::CommandFactory as _;

    use super::*;

    fn parse(arguments: &[&str]) -> Result<PluginArgs, String> {
        let line = ["kubectl-sslmonitor"].iter().chain(arguments);
        PluginCli::try_parse_from(line).map(|cli| cli.args).map_err(|error| error.to_string())
    }

    #[test]
    fn the_definition_is_sound() {
        PluginCli::command().debug_assert();
    }

    #[test]
    fn the_cluster_is_named_before_or_after_the_command() {
        for line in [&["-n", "shop", "--context", "prod", "ls"][..], &["ls", "-n", "shop", "--context", "prod"]] {
            let ClusterArgs { namespace, context, .. } = parse(line).unwrap().cluster;
            assert_eq!((namespace.as_deref(), context.as_deref()), (Some("shop"), Some("prod")), "{line:?}");
        }
    }

    #[test]
    fn one_namespace_is_not_all() {
        let error = parse(&["ls", "-A", "-n", "shop"]).unwrap_err();
        assert!(error.contains("cannot be used with"), "{error}");
    }

    #[test]
    fn a_report_has_a_format_and_a_list_a_default() {
        assert!(parse(&["report"]).unwrap_err().contains("--output <FORMAT>"));
        let PluginCommand::Ls(args) = parse(&["ls", "--expiring", "30d"]).unwrap().command else { panic!() };
        let expected = (ListFormat::Table, Some(Duration::from_hours(720)), false);
        assert_eq!((args.output, args.expiring, args.invalid), expected);
    }
}
