//! `sslmonitor run`: put the operator together, run it until it is told to stop, and drain.

mod leadership;

use std::{env, error::Error, net::IpAddr, pin::pin, process::ExitCode, sync::Arc, time::Duration};

use kube::{Client, Config};
use tokio::{
    net::lookup_host,
    runtime::Builder,
    signal::unix::{SignalKind, signal},
    time::{interval, timeout},
};
use tokio_util::sync::CancellationToken;

use self::leadership::Leadership;
use crate::{
    admin::{Admin, Liveness, Pages, Readiness, Step},
    cli::RunArgs,
    controller::{self, Context, Runners, Settings},
    lease::Terms,
    metrics::{Metrics, ScheduleNumbers},
    notifier::Notifier,
    notify::{Rules, system_roots},
    output::chain,
    probe::{Prober, ProberSettings, Proxy, SystemRoots},
    schedule::{Lane, Schedule},
    telemetry,
};

/// How long jobs in flight may go on after the signal to stop. Kubernetes kills after 30 s by default; we promise 10.
const DRAIN: Duration = Duration::from_secs(6);
/// How long what still hangs at the very end, such as a look-up by the system's resolver, is waited for.
const LAST_WAIT: Duration = Duration::from_secs(1);
/// How long the API server's addresses are looked up at the start.
const LOOKUP: Duration = Duration::from_secs(5);
/// How often the liveness of the queues is looked at.
const PULSE: Duration = Duration::from_secs(5);
/// How long a queue may start and end nothing although it could: longer than the longest check with its calls.
const LONGEST_SILENCE: Duration = Duration::from_mins(5);
/// Threads of the runtime: the work is waiting and a little cryptography, and each thread costs memory.
const THREADS: usize = 4;

/// Run the operator until SIGTERM or SIGINT: exit code 0 then, and 1 when it could not start or a part of it failed.
pub fn run(args: &RunArgs) -> ExitCode {
    if let Err(error) = telemetry::init(args.log_format, &args.log_level) {
        eprintln!("error: {}", chain(&error));
        return ExitCode::from(2);
    }
    let terms = match args.leader.terms() {
        Ok(terms) => terms,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(2);
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(THREADS);
    let runtime = Builder::new_multi_thread().worker_threads(threads).enable_all().build();
    let result = runtime.map_err(Into::into).and_then(|runtime| {
        let result = runtime.block_on(operate(args, terms));
        runtime.shutdown_timeout(LAST_WAIT);
        result
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{}", chain(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn operate(args: &RunArgs, terms: Option<Terms>) -> Result<(), Box<dyn Error>> {
    let config = Config::infer().await?;
    let own = own_addresses(&config).await;
    let policy = args.network.policy(own.clone());
    let (proxy, no_proxy) = (args.proxy.clone(), args.no_proxy.clone().unwrap_or_default());
    let prober = Prober::new(ProberSettings { policy, resolver: args.network.reach.resolver, proxy, no_proxy })?;
    if let Some(warning) = prober.warning() {
        tracing::warn!("{warning}");
    }
    let roots = tokio::task::spawn_blocking(SystemRoots::load).await?;
    let admin = Admin::bind(args.admin_address).await?;
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        admin_address = %admin.address(),
        api_server = %config.cluster_url,
        system_roots = roots.len(),
        roots_from = %roots.source(),
        concurrency = args.concurrency,
        proxy = args.proxy.as_ref().map(Proxy::url),
        namespaces = (!args.namespaces.is_empty()).then(|| args.namespaces.join(",")),
        leader_elect = args.leader.leader_elect,
        "starting"
    );
    let metrics = Metrics::with_compat(&args.compat_metrics);
    let pages = Pages { liveness: Liveness::default(), readiness: Readiness::default(), metrics };
    let settings = Settings {
        concurrency: args.concurrency.into(),
        status_writes: args.status_writes.into(),
        instance: instance(),
        namespaces: args.namespaces.clone(),
        cluster: args.channels.cluster_name.clone(),
        resend_interval: args.alert_resend_interval,
    };
    let trusted = tokio::task::spawn_blocking(system_roots).await?;
    let rules = Rules { allow_http: args.channels.allow_http_channels, roots: trusted };
    let notifier = Notifier::new(prober.clone(), args.channels.policy(&args.network.reach, own), rules);
    let client = Client::try_from(config.clone())?;
    let leadership = Leadership::new(&args.leader, terms, &config, &client, &settings.instance);
    let (metrics, tenure) = (pages.metrics.clone(), leadership.tenure());
    let (context, runners) = Context::new(client, prober, notifier, roots, metrics, settings, tenure)?;
    let synced = pages.readiness.step("the first list of SslMonitors");
    serve(Parts { context, runners, pages, synced }, leadership, admin).await
}

/// What acts, and what tells of it.
struct Parts {
    context: Arc<Context>,
    runners: Runners,
    pages: Pages,
    synced: Step,
}

/// Answer on the admin address, and act when it is our turn, until a signal comes or a part of it all ends.
async fn serve(parts: Parts, leadership: Leadership, admin: Admin) -> Result<(), Box<dyn Error>> {
    let stop_serving = CancellationToken::new();
    let pages = parts.pages.clone();
    let mut serving = tokio::spawn(admin.serve(pages.clone(), stop_serving.clone()));
    let end = async {
        tokio::select! {
            () = told_to_stop() => {
                tracing::info!("stopping: what is in flight goes on to its end");
                pages.readiness.stop();
                Ok(())
            }
            ended = &mut serving => Err(format!("the server of /livez, /readyz and /metrics ended: {ended:?}").into()),
        }
    };
    let result = act(parts, leadership, end).await;
    stop_serving.cancel();
    if !serving.is_finished() {
        serving.await??;
    }
    tracing::info!("stopped");
    result
}

/// Wait for our turn, run all parts until the end or until one of them ends, drain, and let another replica have its turn.
async fn act(
    parts: Parts,
    leadership: Leadership,
    end: impl Future<Output = Result<(), Box<dyn Error>>>,
) -> Result<(), Box<dyn Error>> {
    let Parts { context, runners, pages, synced } = parts;
    let mut end = pin!(end);
    watch_schedule(&pages, context.checks().clone());
    let stop = CancellationToken::new();
    let mut leading = tokio::select! {
        leading = leadership.win(&pages) => leading,
        ended = &mut end => return ended,
    };
    let pulse = tokio::spawn(beat(pages.liveness.clone(), Arc::clone(&context)));
    let mut controller = tokio::spawn(controller::run(context, runners, synced, stop.clone()));
    let result = tokio::select! {
        ended = &mut end => ended,
        // A core task ended: half an operator looks healthy and does nothing.
        () = stop.cancelled() => Err("a core task ended".into()),
        // At once: another replica may act by now. What is in flight changes nothing any more.
        lost = leading.lost() => return Err(lost.into()),
    };
    stop.cancel();
    let result = result.and(drain(&mut controller).await);
    pulse.abort();
    result.and(leading.give_back().await.map_err(Into::into))
}

type Controller = tokio::task::JoinHandle<Result<(), controller::TaskEnded>>;

async fn drain(controller: &mut Controller) -> Result<(), Box<dyn Error>> {
    let Ok(ended) = timeout(DRAIN, &mut *controller).await else {
        // Nothing is lost: what was not written is found overdue at the next start.
        tracing::warn!("some checks did not end within {} s and are given up", DRAIN.as_secs());
        controller.abort();
        return Ok(());
    };
    Ok(ended??)
}

async fn told_to_stop() {
    let wait = async |kind| match signal(kind) {
        Ok(mut signal) => drop(signal.recv().await),
        Err(error) => {
            tracing::warn!("failed to listen for a signal: {error}");
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = wait(SignalKind::terminate()) => {}
        () = wait(SignalKind::interrupt()) => {}
    }
}

/// Let the liveness follow the progress of the queues.
async fn beat(liveness: Liveness, context: Arc<Context>) {
    let pulses = context.progress().map(|(name, _)| liveness.task(name, LONGEST_SILENCE));
    let mut ticks = interval(PULSE);
    loop {
        ticks.tick().await;
        for (pulse, (_, progress)) in pulses.iter().zip(context.progress()) {
            pulse.beat_at(progress);
        }
    }
}

fn watch_schedule<K>(pages: &Pages, checks: Schedule<K>)
where
    K: Clone + Eq + std::hash::Hash + std::fmt::Debug + Send + Sync + 'static,
{
    pages.metrics.watch_schedule(move || {
        let stats = checks.stats();
        let ready = Lane::ALL.map(|lane| (lane.name(), stats.ready[lane as usize]));
        ScheduleNumbers { waiting: stats.waiting, ready, in_flight: stats.in_flight }
    });
}

/// The API server's own addresses, which are no targets: as the kubeconfig names it, looked up where that is a name, and as pods
/// reach it.
async fn own_addresses(config: &Config) -> Vec<IpAddr> {
    let from_config = config.cluster_url.host().map(|host| host.trim_matches(['[', ']']).to_owned());
    let from_pod = env::var("KUBERNETES_SERVICE_HOST").ok();
    let mut addresses = Vec::new();
    for host in from_config.into_iter().chain(from_pod) {
        match timeout(LOOKUP, lookup_host((host.as_str(), 443))).await {
            Ok(Ok(found)) => addresses.extend(found.map(|address| address.ip())),
            Ok(Err(error)) => tracing::warn!("failed to look up the API server {host}, which is no target: {error}"),
            Err(_) => tracing::warn!("failed to look up the API server {host}, which is no target: no answer"),
        }
    }
    addresses
}

/// Who reports Events: the pod, or the host.
fn instance() -> String {
    let named = env::var("POD_NAME").or_else(|_| env::var("HOSTNAME"));
    named.ok().filter(|name| !name.is_empty()).unwrap_or_else(|| "sslmonitor".to_owned())
}
