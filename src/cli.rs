//! The command line: text to values. Nothing happens here.

mod plugin;
mod replicas;
mod values;

use std::{
    env,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use clap::{
    Arg, Args, FromArgMatches as _, Parser, Subcommand, ValueEnum,
    builder::{PossibleValuesParser, Resettable, TypedValueParser as _},
};
use clap_complete::Shell;
use ipnet::IpNet;
use jiff::Timestamp;

use self::{
    plugin::PLUGIN_EXIT,
    values::{ProxyParser, cluster_name, namespace, resend_interval, server_name, starttls, timeout, timestamp},
};
pub use self::{
    plugin::{
        ClusterArgs, ImportArgs, ListArgs, ListFormat, PluginArgs, PluginCheckArgs, PluginCli, PluginCommand,
        ReportArgs, ReportFormat, Selection,
    },
    replicas::LeaderArgs,
    values::{ConnectTo, DomainPort},
};
use crate::{
    api::{AddressSelection, DEFAULT_ALERT_DAYS, IpFamily, StartTls, TlsVersion},
    metrics::Compat,
    probe::{AddressPolicy, Host, NoProxy, Proxy},
    telemetry::LogFormat,
};

/// Watch the TLS certificates that are really served at your domains.
#[derive(Debug, Clone, Parser)]
#[command(name = "sslmonitor", version, arg_required_else_help = true, max_term_width = 110)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Run the operator: watch the SslMonitors of a cluster
    Run(Box<RunArgs>),
    /// Check certificates now, without a cluster
    #[command(
        long_about = CHECK_LONG,
        after_help = "Exit status: 0 all valid, 1 some certificate is invalid, expiring, not the one that is expected or not the \
                      same at all addresses, or could not be fetched, or a channel of --notify was not told, 2 wrong usage or input."
    )]
    Check(Box<CheckArgs>),
    /// Try NotificationChannels, without a cluster
    #[command(subcommand)]
    Notify(NotifyCommand),
    /// What `kubectl sslmonitor` does
    #[command(hide = true, after_help = PLUGIN_EXIT)]
    Kubectl(Box<PluginArgs>),
    /// Print the custom resource definitions, for kubectl apply -f -
    Crd,
    /// Print a completion script for a shell
    Completions {
        /// The shell that will read it
        shell: Shell,
    },
}

/// What to do about notifications.
#[derive(Debug, Clone, Subcommand)]
pub enum NotifyCommand {
    /// Send one test message to each NotificationChannel of the manifests, and say what came back
    #[command(after_help = "Exit status: 0 all delivered, 1 some not, 2 wrong usage or input.")]
    Test(Box<NotifyTestArgs>),
}

const CHECK_LONG: &str = "Check certificates now, without a cluster: the same check and the same verdict as the operator's. \
                          Name domains, or give SslMonitor manifests with -f.";

/// How to run the operator. Every option is also an environment variable.
#[derive(Debug, Clone, Args)]
pub struct RunArgs {
    /// Serve /metrics, /livez and /readyz at this address
    #[arg(long, value_name = "IP:PORT", default_value = "0.0.0.0:8080", env = "SSLMONITOR_ADMIN_ADDRESS")]
    pub admin_address: SocketAddr,
    /// Which addresses may be dialled, and who resolves names.
    #[command(flatten)]
    pub network: NetworkArgs,
    /// Go through this proxy where a monitor names none: (http|socks5|socks5h)://[USER:PASSWORD@]HOST:PORT. A password is better
    /// given in the environment
    #[arg(long, value_name = "URL", env = "SSLMONITOR_PROXY", hide_env_values = true, help_heading = "Network")]
    #[arg(value_parser = ProxyParser)]
    pub proxy: Option<Proxy>,
    /// Reach these without that proxy: names with all below them, .SUFFIX, IP addresses, CIDRs or *, separated by commas
    #[arg(long, value_name = "LIST", env = "SSLMONITOR_NO_PROXY", help_heading = "Network")]
    pub no_proxy: Option<NoProxy>,
    /// Where messages may go, and what they tell.
    #[command(flatten)]
    pub channels: ChannelArgs,
    /// Which of several replicas acts.
    #[command(flatten)]
    pub leader: LeaderArgs,
    /// Watch these namespaces only; repeatable [default: all]
    #[arg(long, value_name = "NAMESPACE", value_delimiter = ',', env = "SSLMONITOR_NAMESPACES", value_parser = namespace)]
    pub namespaces: Vec<String>,
    /// How often alerts that stand are sent to Alertmanager again, from 1s to 1h; it takes them for resolved after three times as long
    #[arg(long, value_name = "DURATION", default_value = "5m", env = "SSLMONITOR_ALERT_RESEND_INTERVAL")]
    #[arg(value_parser = resend_interval, help_heading = "Notifications")]
    pub alert_resend_interval: Duration,
    /// How many targets are checked at once
    #[arg(long, value_name = "N", default_value_t = 128, env = "SSLMONITOR_CONCURRENCY")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub concurrency: u16,
    /// How many statuses are written at once
    #[arg(long, value_name = "N", default_value_t = 16, env = "SSLMONITOR_STATUS_WRITES")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=256))]
    pub status_writes: u16,
    /// Tell of monitors on /metrics by the names of these exporters, too: blackbox, ssl-exporter; repeatable
    #[arg(
        long,
        value_name = "EXPORTER",
        value_delimiter = ',',
        env = "SSLMONITOR_COMPAT_METRICS",
        hide_possible_values = true
    )]
    #[arg(value_parser = PossibleValuesParser::new(Compat::ALL.map(Compat::as_str)).map(|name| compat(&name)))]
    pub compat_metrics: Vec<Compat>,
    /// How log lines look: one JSON object a line, or text
    #[arg(long, value_name = "FORMAT", default_value = "json", env = "SSLMONITOR_LOG_FORMAT")]
    #[arg(value_parser = PossibleValuesParser::new(["json", "text"]).map(|name| log_format(&name)))]
    pub log_format: LogFormat,
    /// What is logged: a level (off, error, warn, info, debug, trace), or target=level pairs separated by commas
    #[arg(long, value_name = "FILTER", default_value = "info", env = "SSLMONITOR_LOG_LEVEL")]
    pub log_level: String,
}

/// Which addresses may be dialled, and who resolves names: the same for `run` and `check`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "Network")]
pub struct NetworkArgs {
    /// Allow these networks although they are denied by default (loopback, link-local, cloud metadata…); repeatable
    #[arg(long, value_name = "CIDR", value_delimiter = ',', env = "SSLMONITOR_ALLOW_CIDR")]
    pub allow_cidr: Vec<IpNet>,
    /// What holds for probes and for messages.
    #[command(flatten)]
    pub reach: ReachArgs,
}

/// Which addresses are never dialled, and who resolves names: the same for probes and for messages.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "Network")]
pub struct ReachArgs {
    /// Never connect to these networks; repeatable
    #[arg(long, value_name = "CIDR", value_delimiter = ',', env = "SSLMONITOR_DENY_CIDR")]
    pub deny_cidr: Vec<IpNet>,
    /// Connect to public addresses only
    #[arg(long, env = "SSLMONITOR_PUBLIC_ONLY")]
    pub public_only: bool,
    /// Ask this DNS server instead of the system's
    #[arg(long, value_name = "IP:PORT", env = "SSLMONITOR_RESOLVER")]
    pub resolver: Option<SocketAddr>,
}

/// Where the messages of NotificationChannels may go, and what they tell.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "Notifications")]
pub struct ChannelArgs {
    /// Allow NotificationChannels with http:// addresses, where everybody on the way reads along
    #[arg(long, env = "SSLMONITOR_ALLOW_HTTP_CHANNELS")]
    pub allow_http_channels: bool,
    /// Allow messages to these networks although they are denied by default, or by --public-only; repeatable
    #[arg(long, value_name = "CIDR", value_delimiter = ',', env = "SSLMONITOR_CHANNEL_ALLOW_CIDR")]
    pub channel_allow_cidr: Vec<IpNet>,
    /// The name of this cluster, which messages tell
    #[arg(long, value_name = "NAME", env = "SSLMONITOR_CLUSTER_NAME", value_parser = cluster_name)]
    pub cluster_name: Option<String>,
}

/// What to check, and how to tell.
#[derive(Debug, Clone, Args)]
pub struct CheckArgs {
    #[allow(rustdoc::broken_intra_doc_links)] // an address in brackets, in a text for the command line
    /// Domains to check, for example api.example.com, api.example.com:8443 or [2001:db8::1]:443 [default port: 443, or the usual one of --starttls]
    #[arg(value_name = "DOMAIN[:PORT]", required_unless_present = "file")]
    pub domains: Vec<DomainPort>,
    /// Check the SslMonitors of this file or directory (*.yaml, *.yml, *.json), or of standard input (-); repeatable.
    /// ConfigMaps and Secrets beside them are what they name
    #[arg(short, long, value_name = "FILE|DIR|-")]
    pub file: Vec<PathBuf>,
    /// How to print the results
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t = Format::Table)]
    pub output: Format,
    /// Connect to this address instead of the domain's, and still verify for the domain
    #[arg(long, value_name = "IP[:PORT]")]
    pub connect_to: Option<ConnectTo>,
    /// Send this name in the handshake, and verify the certificate for it
    #[arg(long, value_name = "NAME", value_parser = server_name)]
    pub server_name: Option<Host>,
    /// Speak this protocol first, and ask it for TLS
    #[arg(long, value_name = "PROTOCOL", value_parser = starttls())]
    pub starttls: Option<StartTls>,
    /// Look at all addresses behind a name, or at the first that answers [default: all]
    #[arg(long, value_name = "all|any", hide_possible_values = true)]
    #[arg(value_parser = PossibleValuesParser::new(["all", "any"]).map(|name| addresses(&name)))]
    pub addresses: Option<AddressSelection>,
    /// Look at addresses of this IP family only
    #[arg(long, value_name = "ipv4|ipv6", hide_possible_values = true)]
    #[arg(value_parser = PossibleValuesParser::new(["ipv4", "ipv6"]).map(|name| ip_family(&name)))]
    pub ip_family: Option<IpFamily>,
    /// Go through this proxy, whatever the manifests say: (http|socks5|socks5h)://[USER:PASSWORD@]HOST:PORT
    #[arg(long, value_name = "URL", value_parser = ProxyParser)]
    pub proxy: Option<Proxy>,
    /// The oldest version of TLS that is accepted [default: 1.2]
    #[arg(long, value_name = "1.2|1.3", hide_possible_values = true)]
    #[arg(value_parser = PossibleValuesParser::new(["1.2", "1.3"]).map(|name| tls_version(&name)))]
    pub min_version: Option<TlsVersion>,
    /// Show the client certificate of this file to servers that ask for one
    #[arg(long, value_name = "PEM", requires = "client_key")]
    pub client_cert: Option<PathBuf>,
    /// The private key of the client certificate
    #[arg(long, value_name = "PEM", requires = "client_cert")]
    pub client_key: Option<PathBuf>,
    /// Trust the CA certificates of this file, too; they also stand in for CA bundles that the manifests only name
    #[arg(long, value_name = "PEM")]
    pub ca_file: Option<PathBuf>,
    /// Do not trust the system's CA certificates
    #[arg(long)]
    pub no_system_roots: bool,
    /// How it is found out whether the certificate has been revoked [default: as the manifest says, else staple]
    #[arg(long, value_enum, value_name = "HOW")]
    pub revocation: Option<RevocationArg>,
    /// Judge as at this time, for example 2027-01-31T00:00:00Z [default: now]
    #[arg(long, value_name = "RFC3339", value_parser = timestamp)]
    pub at: Option<Timestamp>,
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=365), help = alert_days_help())]
    /// Days before its expiry from which on a certificate counts as expiring; `None` for each monitor's own.
    pub alert_days: Option<u16>,
    /// Time limit of one check, from 1s to 2m [default: 10s]
    #[arg(long, value_name = "DURATION", value_parser = timeout)]
    pub timeout: Option<Duration>,
    /// How many targets are checked at once
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub concurrency: u16,
    /// Tell the NotificationChannels that the SslMonitors name of their problems; the channels, and the Secrets that they name, are
    /// those of the same files
    #[arg(long, requires = "file", conflicts_with_all = ["at", "pem"], help_heading = "Notifications")]
    pub notify: bool,
    /// Where messages may go, and what they tell.
    #[command(flatten)]
    pub channels: ChannelArgs,
    /// Judge the chain in this file (leaf first) for the domain, without any connection; - for standard input
    #[arg(long, value_name = "FILE")]
    #[arg(conflicts_with_all = ["file", "connect_to", "starttls", "timeout", "addresses", "ip_family", "proxy", "min_version", "client_cert", "revocation"])]
    pub pem: Option<PathBuf>,
    /// Which addresses may be dialled, and who resolves names.
    #[command(flatten)]
    pub network: NetworkArgs,
}

/// Which channels to try, and how to tell.
#[derive(Debug, Clone, Args)]
pub struct NotifyTestArgs {
    /// Try the NotificationChannels of this file or directory (*.yaml, *.yml, *.json), or of standard input (-); repeatable.
    /// Secrets beside them are what they name
    #[arg(short, long, value_name = "FILE|DIR|-", required = true)]
    pub file: Vec<PathBuf>,
    /// Try this channel only, by its name or NAMESPACE/NAME; repeatable
    #[arg(long, value_name = "NAME")]
    pub channel: Vec<String>,
    /// How to print what came back
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t = DeliveryFormat::Table)]
    pub output: DeliveryFormat,
    /// Where messages may go, and what they tell.
    #[command(flatten)]
    pub channels: ChannelArgs,
    /// Which addresses are never dialled, and who resolves names.
    #[command(flatten)]
    pub reach: ReachArgs,
}

/// How what came of deliveries is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DeliveryFormat {
    /// A table, and below it what is wrong
    Table,
    /// A list of objects, as JSON
    Json,
}

/// How it is found out whether a certificate has been revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RevocationArg {
    /// It is not
    None,
    /// From the OCSP answer that the server staples to it
    Staple,
    /// From that, and from the CRLs that the certificates name
    Crl,
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A table, and below it what is wrong
    Table,
    /// A table with more columns
    Wide,
    /// SslMonitors with their status, as JSON
    Json,
    /// SslMonitors with their status, as YAML
    Yaml,
    /// A JUnit report, for CI
    Junit,
}

// === impl Cli ===

impl Cli {
    /// Read the command line of this process and the environment, where an empty variable counts as absent: that is what a
    /// template leaves of a value that nobody gave. Wrong usage is explained on stderr, and ends the process with exit code 2.
    pub fn parse_line() -> Self {
        parse_line()
    }
}

// === impl PluginCli ===

impl PluginCli {
    /// [`Cli::parse_line`] under the name of the plugin.
    pub fn parse_line() -> Self {
        parse_line()
    }
}

// === impl CheckArgs ===

impl CheckArgs {
    /// Check these domains as `sslmonitor check` does with no other options, with what the environment says.
    ///
    /// # Errors
    /// A sentence about what is wrong with a domain, or with the environment.
    pub fn of(domains: &[String], output: Format) -> Result<Self, String> {
        let command = without_empty_variables(Self::augment_args(clap::Command::new("check")));
        let line = ["check", "--"].into_iter().chain(domains.iter().map(String::as_str));
        let read = command.try_get_matches_from(line).and_then(|matches| Self::from_arg_matches(&matches));
        read.map(|args| Self { output, ..args }).map_err(|error| error.to_string())
    }
}

fn parse_line<T: clap::CommandFactory + clap::FromArgMatches>() -> T {
    let command = without_empty_variables(T::command());
    T::from_arg_matches(&command.get_matches()).unwrap_or_else(|error| error.exit())
}

fn without_empty_variables(command: clap::Command) -> clap::Command {
    command.mut_args(without_empty_variable).mut_subcommands(without_empty_variables)
}

fn without_empty_variable(argument: Arg) -> Arg {
    let is_empty = argument.get_env().and_then(env::var_os).is_some_and(|value| value.is_empty());
    if is_empty { argument.env(Resettable::Reset) } else { argument }
}

fn alert_days_help() -> String {
    format!("Days before its expiry from which on a certificate counts as expiring [default: {DEFAULT_ALERT_DAYS}]")
}

fn addresses(name: &str) -> AddressSelection {
    if name == "any" { AddressSelection::Any } else { AddressSelection::All }
}

fn ip_family(name: &str) -> IpFamily {
    if name == "ipv6" { IpFamily::IPv6 } else { IpFamily::IPv4 }
}

fn tls_version(name: &str) -> TlsVersion {
    if name == "1.3" { TlsVersion::Tls13 } else { TlsVersion::Tls12 }
}

fn compat(name: &str) -> Compat {
    if name == Compat::SslExporter.as_str() { Compat::SslExporter } else { Compat::Blackbox }
}

fn log_format(name: &str) -> LogFormat {
    if name == "text" { LogFormat::Text } else { LogFormat::Json }
}

// === impl NetworkArgs ===

impl NetworkArgs {
    /// The address policy; `own` are the API server's addresses, if there is one.
    pub fn policy(&self, own: Vec<IpAddr>) -> AddressPolicy {
        self.reach.allowing(&self.allow_cidr, own)
    }
}

// === impl ReachArgs ===

impl ReachArgs {
    fn allowing(&self, allow: &[IpNet], own: Vec<IpAddr>) -> AddressPolicy {
        AddressPolicy { allow: allow.to_vec(), deny: self.deny_cidr.clone(), public_only: self.public_only, own }
    }
}

// === impl ChannelArgs ===

impl ChannelArgs {
    /// The address policy of messages: that of probes, with what is allowed to messages in the place of what is allowed to probes.
    pub fn policy(&self, reach: &ReachArgs, own: Vec<IpAddr>) -> AddressPolicy {
        reach.allowing(&self.channel_allow_cidr, own)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use clap::CommandFactory as _;

    use super::*;

    fn check(arguments: &[&str]) -> Result<CheckArgs, String> {
        let line = ["sslmonitor", "check"].iter().chain(arguments);
        match Cli::try_parse_from(line).map_err(|error| error.to_string())?.command {
            Command::Check(args) => Ok(*args),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn run_needs_no_option() {
        let Command::Run(args) = Cli::try_parse_from(["sslmonitor", "run"]).unwrap().command else { panic!() };
        let found = (args.admin_address.to_string(), args.concurrency, args.status_writes, args.log_level.as_str());
        assert_eq!(found, ("0.0.0.0:8080".to_owned(), 128, 16, "info"));
        assert_eq!((args.log_format, args.network), (LogFormat::Json, NetworkArgs::default()));
    }

    #[test]
    fn networks_are_listed_or_repeated() {
        let line = ["sslmonitor", "run", "--allow-cidr", "10.0.0.0/8,::1/128", "--allow-cidr", "127.0.0.0/8"];
        let Command::Run(args) = Cli::try_parse_from(line).unwrap().command else { panic!() };
        let policy = args.network.policy(Vec::new());
        let allowed: Vec<String> = policy.allow.iter().map(ToString::to_string).collect();
        assert_eq!(allowed, ["10.0.0.0/8", "::1/128", "127.0.0.0/8"]);
    }

    #[test]
    fn messages_have_an_allow_list_of_their_own_and_share_the_deny_list() {
        let line = ["sslmonitor", "run", "--allow-cidr", "10.0.0.0/8", "--deny-cidr", "192.0.2.0/24", "--public-only"];
        let more = ["--channel-allow-cidr", "127.0.0.0/8,::1/128", "--cluster-name", "prod"];
        let Command::Run(args) = Cli::try_parse_from([&line[..], &more].concat()).unwrap().command else { panic!() };
        let own = vec![IpAddr::from([192, 0, 2, 1])];
        let expected = AddressPolicy {
            allow: vec!["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()],
            ..args.network.policy(own.clone())
        };
        assert_eq!(args.channels.policy(&args.network.reach, own), expected);
        assert!(!args.channels.allow_http_channels);
        assert_eq!(args.channels.cluster_name.as_deref(), Some("prod"));
        for name in ["", " ", "a\nb", "x".repeat(129).as_str()] {
            let error = Cli::try_parse_from(["sslmonitor", "run", "--cluster-name", name]).unwrap_err().to_string();
            assert!(error.contains("the name must be one line of 1 to 128 characters"), "{error}");
        }
    }

    #[test]
    fn a_proxy_with_a_password_is_read_and_never_shown() {
        let run =
            |url: &str| Cli::try_parse_from(["sslmonitor", "run", "--no-proxy", "a.test,10.0.0.0/8", "--proxy", url]);
        let Command::Run(args) = run("http://user:s3cret@proxy.test:3128").unwrap().command else { panic!() };
        assert_eq!(args.proxy.as_ref().unwrap().credentials, Some(("user".to_owned(), "s3cret".to_owned())));
        assert_eq!(args.no_proxy, Some("a.test,10.0.0.0/8".parse().unwrap()));
        assert!(!format!("{args:?}").contains("s3cret"));
        let error = run("http://user:s3cret@proxy.test").unwrap_err();
        let sentence = "the value of --proxy must name the proxy's port, from 1 to 65535";
        assert!(error.to_string().starts_with(&format!("error: {sentence}")), "{error}");
        assert_eq!(error.exit_code(), 2);
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
    }

    #[test]
    fn every_option_of_run_is_an_environment_variable() {
        let cli = Cli::command();
        let run = cli.find_subcommand("run").unwrap();
        for argument in run.get_arguments().filter(|argument| argument.get_id() != "help") {
            let expected = format!("SSLMONITOR_{}", argument.get_id().as_str().to_uppercase());
            assert_eq!(argument.get_env().and_then(|name| name.to_str()), Some(expected.as_str()));
        }
    }

    #[test]
    fn check_needs_a_domain_or_a_file() {
        assert!(check(&[]).unwrap_err().contains("<DOMAIN[:PORT]>"));
        assert_eq!(check(&["-f", "-"]).unwrap().file, [PathBuf::from("-")]);
        assert_eq!(check(&["a.test"]).unwrap().domains.len(), 1);
    }

    #[test]
    fn domains_alone_are_checked_as_on_the_command_line() {
        let domains = ["a.test:8443".to_owned(), "b.test".to_owned()];
        let args = CheckArgs::of(&domains, Format::Json).unwrap();
        let line = check(&["a.test:8443", "b.test", "-o", "json"]).unwrap();
        assert_eq!(format!("{args:?}"), format!("{line:?}"));
        assert!(CheckArgs::of(&["--help".to_owned()], Format::Json).unwrap_err().contains("domain must be"));
    }

    #[test]
    fn a_chain_from_a_file_is_not_fetched_as_well() {
        let options = [
            ["-f", "x.yaml"],
            ["--connect-to", "192.0.2.1"],
            ["--starttls", "smtp"],
            ["--timeout", "5s"],
            ["--revocation", "crl"],
        ];
        for option in options {
            let error = check(&[&["a.test", "--pem", "x.pem"][..], &option].concat()).unwrap_err();
            assert!(error.contains("cannot be used with"), "{error}");
        }
    }
}
