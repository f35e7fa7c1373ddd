//! The tasks of the controller, and what becomes of the process when one ends.

use std::{sync::Arc, time::Duration};

use futures::future::join;
use tokio::{sync::oneshot, task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;

use super::{
    ChannelKey, Context, ServiceKey,
    channel::channel,
    check::check,
    context::Runners,
    delivery::deliver,
    review::review,
    service::service,
    watch::{channels, monitors, services},
};
use crate::{admin::Step, metrics::MonitorKey, schedule::Next};

/// How long the first look at the monitors waits for the lists of Services and NotificationChannels, so that no monitor says in vain
/// that what it names is not known. Where these may not be listed, the monitors are watched all the same.
const OTHERS_FIRST: Duration = Duration::from_secs(5);
/// When an object whose job panicked is tried again: a panic is a bug, and will most likely happen again.
const AFTER_PANIC: Duration = Duration::from_mins(5);

/// A core task ended by itself. The process is to end, and to be started anew: half an operator looks healthy and does nothing.
#[derive(Debug, thiserror::Error)]
#[error("a core task ended: {0}")]
pub struct TaskEnded(String);

/// Run until `stop`, then drain: nothing more starts, and what is in flight goes on to its end. How long that may take is up to
/// the caller. `synced` is done when the first list of monitors is in.
///
/// # Errors
/// [`TaskEnded`] when one of the tasks ends before.
pub async fn run(
    context: Arc<Context>,
    runners: Runners,
    synced: Step,
    stop: CancellationToken,
) -> Result<(), TaskEnded> {
    let (services_listed, services_known) = oneshot::channel();
    let (channels_listed, channels_known) = oneshot::channel();
    let (monitors_listed, monitors_known) = oneshot::channel();
    let mut tasks = JoinSet::new();
    let (watched, until) = (Arc::clone(&context), stop.clone());
    tasks.spawn(named("watch of Services", until, async move {
        services(watched, || tell(services_listed)).await;
    }));
    let (watched, until) = (Arc::clone(&context), stop.clone());
    tasks.spawn(named("watch of NotificationChannels", until, async move {
        channels(watched, || tell(channels_listed)).await;
    }));
    let (watched, until) = (Arc::clone(&context), stop.clone());
    tasks.spawn(named("watch of SslMonitors", until, async move {
        let _known_or_late = timeout(OTHERS_FIRST, join(services_known, channels_known)).await;
        let announce = || {
            synced.done();
            tell(monitors_listed);
        };
        monitors(watched, announce).await;
    }));
    spawn_runners(&mut tasks, context, runners, monitors_known, &stop);
    supervise(tasks, stop).await
}

/// The five queues. Service conditions wait for the first list of monitors: before it, a Service would seem to have none.
fn spawn_runners(
    tasks: &mut JoinSet<Result<(), TaskEnded>>,
    context: Arc<Context>,
    runners: Runners,
    monitors_known: oneshot::Receiver<()>,
    stop: &CancellationToken,
) {
    let (shared, until) = (Arc::clone(&context), stop.clone());
    tasks.spawn(async move {
        let work = move |key, _| check(Arc::clone(&shared), key);
        runners.checks.run(work, on_panic, until.clone()).await;
        ended("queue of checks", &until)
    });
    let (shared, until) = (Arc::clone(&context), stop.clone());
    tasks.spawn(async move {
        let work = move |key, _| review(Arc::clone(&shared), key);
        runners.reviews.run(work, on_panic, until.clone()).await;
        ended("queue of reviews", &until)
    });
    let (shared, until) = (Arc::clone(&context), stop.clone());
    tasks.spawn(async move {
        let work = move |key, _| channel(Arc::clone(&shared), key);
        runners.channels.run(work, on_channel_panic, until.clone()).await;
        ended("queue of NotificationChannels", &until)
    });
    let (shared, until) = (Arc::clone(&context), stop.clone());
    tasks.spawn(async move {
        let work = move |key, _| deliver(Arc::clone(&shared), key);
        runners.deliveries.run(work, on_channel_panic, until.clone()).await;
        ended("queue of deliveries", &until)
    });
    let until = stop.clone();
    tasks.spawn(async move {
        let listed = until.run_until_cancelled(monitors_known).await;
        if !matches!(listed, Some(Ok(()))) {
            return ended("queue of Services", &until);
        }
        let work = move |key, _| service(Arc::clone(&context), key);
        runners.services.run(work, on_service_panic, until.clone()).await;
        ended("queue of Services", &until)
    });
}

/// Wait for all tasks; when one ends before its time, or panics, stop the others and say so.
async fn supervise(mut tasks: JoinSet<Result<(), TaskEnded>>, stop: CancellationToken) -> Result<(), TaskEnded> {
    let mut result = Ok(());
    while let Some(joined) = tasks.join_next().await {
        let outcome = joined.unwrap_or_else(|panic| Err(TaskEnded(panic.to_string())));
        if let Err(error) = &outcome {
            tracing::error!("{error}");
            stop.cancel();
        }
        result = result.and(outcome);
    }
    result
}

/// Whoever waited may be gone by now.
fn tell(waiting: oneshot::Sender<()>) {
    let _heard = waiting.send(());
}

async fn named(name: &'static str, stop: CancellationToken, task: impl Future<Output = ()>) -> Result<(), TaskEnded> {
    stop.run_until_cancelled(task).await;
    ended(name, &stop)
}

fn ended(name: &str, stop: &CancellationToken) -> Result<(), TaskEnded> {
    if stop.is_cancelled() { Ok(()) } else { Err(TaskEnded(name.to_owned())) }
}

fn on_panic(key: &MonitorKey, message: &str) -> Next {
    let (namespace, name) = (&*key.namespace, &*key.name);
    tracing::error!(namespace, name, retry_in_s = AFTER_PANIC.as_secs(), "a job panicked: {message}");
    Next::In(AFTER_PANIC)
}

fn on_channel_panic(key: &ChannelKey, message: &str) -> Next {
    let (namespace, channel) = (&*key.namespace, &*key.name);
    tracing::error!(namespace, channel, retry_in_s = AFTER_PANIC.as_secs(), "a job panicked: {message}");
    Next::In(AFTER_PANIC)
}

fn on_service_panic(key: &ServiceKey, message: &str) -> Next {
    let (namespace, service) = (&*key.namespace, &*key.name);
    tracing::error!(namespace, service, retry_in_s = AFTER_PANIC.as_secs(), "a job panicked: {message}");
    Next::In(AFTER_PANIC)
}
