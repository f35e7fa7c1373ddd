//! What the operator says about itself over HTTP: `/livez`, `/readyz` and `/metrics`.
//!
//! Alive means that every core task has shown progress lately; ready means that everything that belongs to the start
//! has happened and that nobody has asked to stop. Both say in words what is missing.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::get,
};
use futures::stream;
use tokio::{
    net::TcpListener,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

use crate::metrics::{self, Metrics};

/// How long a stopping server waits for requests that are being answered.
const DRAIN: Duration = Duration::from_secs(2);

/// Nobody could listen at the address.
#[derive(Debug, thiserror::Error)]
#[error("failed to listen on {address} for /livez, /readyz and /metrics")]
pub struct BindError {
    /// The address that was asked for.
    pub address: SocketAddr,
    /// What the operating system says.
    pub source: io::Error,
}

/// The server, bound to its address and not serving yet.
#[derive(Debug)]
pub struct Admin {
    listener: TcpListener,
    address: SocketAddr,
}

/// What the server tells.
#[derive(Debug, Clone)]
pub struct Pages {
    /// Told at `/livez`.
    pub liveness: Liveness,
    /// Told at `/readyz`.
    pub readiness: Readiness,
    /// Told at `/metrics`.
    pub metrics: Metrics,
}

/// Whether the core tasks make progress. Cloning gives another handle on the same tasks.
#[derive(Debug, Clone, Default)]
pub struct Liveness {
    tasks: Arc<Mutex<Vec<Task>>>,
}

/// The pulse of one task. A task that ends, or panics, beats no more; so that becomes visible too.
#[derive(Debug)]
pub struct Pulse {
    tasks: Arc<Mutex<Vec<Task>>>,
    index: usize,
}

/// Whether the start is complete. Cloning gives another handle on the same steps.
#[derive(Debug, Clone, Default)]
pub struct Readiness {
    state: Arc<Mutex<ReadinessState>>,
}

/// One thing that must happen before the operator is ready. Dropped before it is [done](Step::done), it stays missing.
#[derive(Debug)]
pub struct Step {
    state: Arc<Mutex<ReadinessState>>,
    name: &'static str,
}

#[derive(Debug)]
struct Task {
    name: &'static str,
    max_age: Duration,
    last_beat: Instant,
}

#[derive(Debug, Default)]
struct ReadinessState {
    missing: Vec<&'static str>,
    standing_by: bool,
    stopping: bool,
}

// === impl Admin ===

impl Admin {
    /// Bind to the address; port 0 takes a free one.
    ///
    /// # Errors
    /// [`BindError`] when the address is in use, not ours or not permitted.
    pub async fn bind(address: SocketAddr) -> Result<Self, BindError> {
        let failed = |source| BindError { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address })
    }

    /// The address that is really listened on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answer until `stop`; then finish what is being answered, for two seconds at most.
    ///
    /// # Errors
    /// What the operating system says when connections can no longer be accepted.
    pub async fn serve(self, pages: Pages, stop: CancellationToken) -> io::Result<()> {
        let router = Router::new()
            .route("/livez", get(livez))
            .route("/readyz", get(readyz))
            .route("/metrics", get(metrics_text))
            .fallback(nothing_here)
            .with_state(pages);
        let serving = axum::serve(self.listener, router).with_graceful_shutdown(stop.clone().cancelled_owned());
        let deadline = async {
            stop.cancelled().await;
            sleep(DRAIN).await;
        };
        tokio::select! {
            served = serving.into_future() => served,
            () = deadline => Ok(()),
        }
    }
}

async fn livez(State(pages): State<Pages>) -> Response {
    verdict(pages.liveness.check())
}

async fn readyz(State(pages): State<Pages>) -> Response {
    verdict(pages.readiness.check())
}

async fn metrics_text(State(pages): State<Pages>) -> Response {
    let text = stream::iter(pages.metrics.pages().map(Ok::<_, io::Error>));
    ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], Body::from_stream(text)).into_response()
}

async fn nothing_here() -> Response {
    (StatusCode::NOT_FOUND, "nothing here; there are /livez, /readyz and /metrics\n").into_response()
}

fn verdict(check: Result<(), String>) -> Response {
    match check {
        Ok(()) => "ok\n".into_response(),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, why).into_response(),
    }
}

// === impl Liveness ===

impl Liveness {
    /// Watch a task, which has to beat at least every `max_age` from now on.
    pub fn task(&self, name: &'static str, max_age: Duration) -> Pulse {
        let mut tasks = lock(&self.tasks);
        tasks.push(Task { name, max_age, last_beat: Instant::now() });
        Pulse { tasks: Arc::clone(&self.tasks), index: tasks.len() - 1 }
    }

    /// Whether all tasks have beaten in time.
    ///
    /// # Errors
    /// One line for each task that has not: which one, since when, and how long it may take.
    pub fn check(&self) -> Result<(), String> {
        let now = Instant::now();
        let stale: String = lock(&self.tasks).iter().filter_map(|task| task.complaint(now)).collect();
        if stale.is_empty() { Ok(()) } else { Err(stale) }
    }
}

impl Task {
    fn complaint(&self, now: Instant) -> Option<String> {
        let Self { name, max_age, last_beat } = self;
        let age = now.duration_since(*last_beat);
        let (seconds, allowed) = (age.as_secs(), max_age.as_secs());
        (age > *max_age).then(|| format!("{name}: no progress for {seconds} s, allowed are {allowed} s\n"))
    }
}

// === impl Pulse ===

impl Pulse {
    /// The task has made progress.
    pub fn beat(&self) {
        self.beat_at(Instant::now());
    }

    /// The task last made progress at that time.
    pub fn beat_at(&self, time: Instant) {
        if let Some(task) = lock(&self.tasks).get_mut(self.index) {
            task.last_beat = time;
        }
    }
}

// === impl Readiness ===

impl Readiness {
    /// Add a step to what must happen first. All steps are to be added before the server answers.
    pub fn step(&self, name: &'static str) -> Step {
        lock(&self.state).missing.push(name);
        Step { state: Arc::clone(&self.state), name }
    }

    /// Another replica acts, and this one stands by for it: it is ready for that. Or no longer.
    pub fn stand_by(&self, standing_by: bool) {
        lock(&self.state).standing_by = standing_by;
    }

    /// The operator is to stop: it is not ready any more, whatever happens.
    pub fn stop(&self) {
        lock(&self.state).stopping = true;
    }

    /// Whether all steps are done, or another replica acts, and nobody has asked to stop.
    ///
    /// # Errors
    /// A line that says what is missing, or that the operator is shutting down.
    pub fn check(&self) -> Result<(), String> {
        let state = lock(&self.state);
        if state.stopping {
            Err("shutting down\n".to_owned())
        } else if state.standing_by || state.missing.is_empty() {
            Ok(())
        } else {
            Err(format!("waiting for: {}\n", state.missing.join(", ")))
        }
    }
}

// === impl Step ===

impl Step {
    /// It has happened.
    pub fn done(self) {
        let mut state = lock(&self.state);
        if let Some(index) = state.missing.iter().position(|name| *name == self.name) {
            state.missing.remove(index);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while one of these locks is held; if it did, the state would still be whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
