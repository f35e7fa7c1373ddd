//! What the cluster tests stand on.
//!
//! [`Cluster::shared`] is one control plane for the whole test binary: use a [`Cluster::namespace`] of your own in it, and
//! [`Cluster::operator`], which all its tests share. A test that needs an operator with other flags, or that counts
//! writes, or that breaks something, takes a [`Cluster::start`] of its own, which costs about five seconds.
#![allow(dead_code)] // each helper is for the tests that need it

use std::{
    fmt::Debug,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::atomic::{AtomicU16, AtomicUsize, Ordering},
    time::Duration,
};

use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Client, api::PostParams};
use serde::{Serialize, de::DeserializeOwned};
use tokio::{
    sync::OnceCell,
    time::{Instant, error::Elapsed, sleep, timeout},
};
pub(crate) use xtask::operator::Operator;
use xtask::{
    control_plane::{Binaries, ControlPlane, Write},
    install::{NAMESPACE, SERVICE_ACCOUNT, install},
    kubectl::Kubectl,
};

/// The user name under which the operator's requests are audited and judged.
pub(crate) const OPERATOR_USER: &str = "system:serviceaccount:sslmonitor-system:sslmonitor";
/// How long [`eventually_object`] waits.
const PATIENCE: Duration = Duration::from_mins(1);

/// What lives as long as the test binary; nothing in it belongs to a tokio runtime, of which each test has its own. Statics
/// are never dropped: the processes end, and the directory goes, when their pipes close with the test binary.
struct Foundation {
    control_plane: ControlPlane,
    kubectl: Kubectl,
    operator: OnceCell<Operator>,
}

static SHARED: OnceCell<Foundation> = OnceCell::const_new();

enum Owner {
    Binary(&'static Foundation),
    Test(Box<Foundation>),
}

/// A control plane with the shipped definitions and rules in it.
pub(crate) struct Cluster {
    /// The administrator's client.
    pub(crate) client: Client,
    owner: Owner,
}

impl Cluster {
    /// The control plane that all tests of this binary share.
    pub(crate) async fn shared() -> Self {
        let foundation = SHARED.get_or_init(Foundation::start).await;
        Self { client: foundation.control_plane.client().await.unwrap(), owner: Owner::Binary(foundation) }
    }

    /// A control plane for the calling test alone; stopped when dropped.
    pub(crate) async fn start() -> Self {
        let foundation = Box::new(Foundation::start().await);
        Self { client: foundation.control_plane.client().await.unwrap(), owner: Owner::Test(foundation) }
    }

    /// Make a namespace and return its name.
    pub(crate) async fn namespace(&self) -> String {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let name = format!("test-{}", MADE.fetch_add(1, Ordering::Relaxed));
        let mut namespace = Namespace::default();
        namespace.metadata.name = Some(name.clone());
        Api::all(self.client.clone()).create(&PostParams::default(), &namespace).await.unwrap();
        name
    }

    /// Run kubectl as administrator and return its standard output; the test fails when kubectl does.
    pub(crate) fn kubectl(&self, arguments: &[&str]) -> String {
        self.try_kubectl(arguments).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Run kubectl as administrator; `Err` is what it complained of.
    pub(crate) fn try_kubectl(&self, arguments: &[&str]) -> Result<String, String> {
        self.foundation().kubectl.run(arguments).map_err(|error| error.to_string())
    }

    /// `kubectl apply` of `manifests` in `namespace`; `Err` is what it complained of.
    pub(crate) fn try_apply(&self, namespace: &str, manifests: &str) -> Result<String, String> {
        let arguments = ["apply", "--namespace", namespace, "--filename", "-"];
        self.foundation().kubectl.run_with_input(&arguments, manifests).map_err(|error| error.to_string())
    }

    /// `kubectl apply` of `manifests` in `namespace`; the test fails when kubectl does.
    pub(crate) fn apply(&self, namespace: &str, manifests: &str) {
        self.try_apply(namespace, manifests).unwrap_or_else(|error| panic!("{error}\nin\n{manifests}"));
    }

    /// A client with the operator's identity and rules.
    pub(crate) async fn operator_client(&self) -> Client {
        let path = self.control_plane().service_account_kubeconfig(NAMESPACE, SERVICE_ACCOUNT).await.unwrap();
        xtask::control_plane::client(&path).await.unwrap()
    }

    /// The operator of this control plane, for which targets and receivers may be on loopback: the first call starts it, all share it.
    pub(crate) async fn operator(&self) -> &Operator {
        let flags = ["--allow-cidr", "127.0.0.0/8", "--channel-allow-cidr", "127.0.0.0/8"];
        let start = async || self.start_operator(&flags).await;
        self.foundation().operator.get_or_init(start).await
    }

    /// An operator with these flags, stopped when dropped: only on a control plane of the test's own.
    pub(crate) async fn start_operator(&self, flags: &[&str]) -> Operator {
        let program = Path::new(env!("CARGO_BIN_EXE_sslmonitor"));
        let operator = Operator::start(program, self.control_plane(), flags).await;
        operator.unwrap_or_else(|error| panic!("{}", sentence(&error)))
    }

    /// The same, without waiting until it is ready.
    pub(crate) async fn start_unready_operator(&self, flags: &[&str]) -> Operator {
        let program = Path::new(env!("CARGO_BIN_EXE_sslmonitor"));
        let operator = Operator::start_unready(program, self.control_plane(), flags).await;
        operator.unwrap_or_else(|error| panic!("{}", sentence(&error)))
    }

    /// The same, without waiting for anything.
    pub(crate) async fn spawn_operator(&self, flags: &[&str]) -> Operator {
        let program = Path::new(env!("CARGO_BIN_EXE_sslmonitor"));
        let operator = Operator::spawn(program, self.control_plane(), flags).await;
        operator.unwrap_or_else(|error| panic!("{}", sentence(&error)))
    }

    /// Every answered writing request so far.
    pub(crate) fn writes(&self) -> Vec<Write> {
        self.control_plane().writes().unwrap()
    }

    /// Every answered writing request so far that concerned this namespace.
    pub(crate) fn writes_in(&self, namespace: &str) -> Vec<Write> {
        let mut writes = self.writes();
        writes.retain(|write| write.namespace == namespace);
        writes
    }

    /// Every answered writing request of the operator so far.
    pub(crate) fn writes_by_operator(&self) -> Vec<Write> {
        let mut writes = self.writes();
        writes.retain(|write| write.user == OPERATOR_USER);
        writes
    }

    /// The control plane itself.
    pub(crate) fn control_plane(&self) -> &ControlPlane {
        &self.foundation().control_plane
    }

    /// The control plane itself, to break it: only one of the test's own.
    pub(crate) fn control_plane_mut(&mut self) -> &mut ControlPlane {
        match &mut self.owner {
            Owner::Binary(_) => panic!("the shared control plane is not to be broken"),
            Owner::Test(foundation) => &mut foundation.control_plane,
        }
    }

    fn foundation(&self) -> &Foundation {
        match &self.owner {
            Owner::Binary(foundation) => foundation,
            Owner::Test(foundation) => foundation,
        }
    }
}

impl Foundation {
    async fn start() -> Self {
        let binaries = Binaries::find().unwrap_or_else(|error| panic!("{error}"));
        let control_plane = ControlPlane::start(&binaries).await.unwrap_or_else(|error| panic!("{}", sentence(&error)));
        let kubectl = Kubectl::new(&binaries.kubectl, control_plane.kubeconfig());
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        install(&kubectl, root).unwrap_or_else(|error| panic!("{}", sentence(&error)));
        Self { control_plane, kubectl, operator: OnceCell::new() }
    }
}

/// Try `attempt` with growing pauses until it gives a value; after `patience` the test fails with what it said last.
pub(crate) async fn eventually<T>(
    what: &str,
    patience: Duration,
    mut attempt: impl AsyncFnMut() -> Result<T, String>,
) -> T {
    let deadline = Instant::now() + patience;
    let mut pause = Duration::from_millis(20);
    let mut last = "no attempt has ended".to_owned();
    loop {
        match timeout(deadline.saturating_duration_since(Instant::now()), attempt()).await {
            Ok(Ok(value)) => return value,
            Ok(Err(text)) => last = text,
            Err(Elapsed { .. }) => {}
        }
        // An attempt that never waits never elapses.
        assert!(Instant::now() < deadline, "not within {patience:?}: {what}\nlast:\n{last}");
        sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(500));
    }
}

/// Wait until the object `name` satisfies `condition` and return it; after a minute the test fails and shows its YAML.
pub(crate) async fn eventually_object<K>(api: &Api<K>, name: &str, what: &str, condition: impl Fn(&K) -> bool) -> K
where
    K: Clone + Debug + Serialize + DeserializeOwned,
{
    eventually(&format!("{name} {what}"), PATIENCE, async || match api.get(name).await {
        Ok(object) if condition(&object) => Ok(object),
        Ok(object) => Err(serde_saphyr::to_string(&object).unwrap()),
        Err(error) => Err(error.to_string()),
    })
    .await
}

/// The error and its causes.
fn sentence(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Any free port of a loopback address that no other call of this test binary gets. Monitors of a test that has ended go
/// on being checked, and failing ones soon: the server of another test must not come to stand where theirs was.
pub(crate) fn loopback() -> SocketAddr {
    static GIVEN: AtomicU16 = AtomicU16::new(0);
    // 127.0.x.x is the API server's and the operator's own.
    let [high, low] = GIVEN.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    (Ipv4Addr::new(127, 1 + high, low, 1), 0).into()
}
