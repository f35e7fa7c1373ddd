//! What a page is played on: an API server with what stands in for nodes, and a shell with the programs that readers have.

use std::{
    env, fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    runtime::Runtime,
    sync::{OnceCell, Semaphore, SemaphorePermit},
};
use xtask::{
    checkers::{Checker, prometheus_definitions},
    control_plane::{Binaries, ControlPlane},
};

use crate::{
    kubelet::Kubelet,
    page::ROOT,
    shell::Shell,
    world::{self, World},
};

/// Where everything runs that outlives a page.
pub(crate) static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());
/// How many control planes for single pages run at once: each takes a core while it starts.
static PLACES: Semaphore = Semaphore::const_new(2);
/// The cluster that pages share for which the operator is installed already.
static SHARED: OnceCell<Arc<Ground>> = OnceCell::const_new();
/// What of the repository a page may use.
const OF_THE_REPOSITORY: [&str; 3] = ["charts", "crds", "deploy"];
/// How the operator is installed before such a page.
const INSTALL: &str = "helm install sslmonitor charts/ssl-monitor-operator --namespace sslmonitor-system --create-namespace\n\
                       kubectl --namespace sslmonitor-system rollout status deployment/sslmonitor\n";

/// A cluster.
struct Ground {
    kubelet: Kubelet,
    control_plane: Arc<ControlPlane>,
    _place: Option<SemaphorePermit<'static>>,
}

/// What one page has of it: a namespace and a directory of its own.
pub(crate) struct Stage {
    ground: Arc<Ground>,
    directory: PathBuf,
    namespace: String,
}

// === impl Ground ===

impl Ground {
    async fn start(place: Option<SemaphorePermit<'static>>) -> Arc<Self> {
        World::shared().await;
        let binaries = Binaries::find().unwrap_or_else(|error| panic!("{error}"));
        let control_plane = ControlPlane::start(&binaries).await.unwrap_or_else(|error| panic!("{error}"));
        let control_plane = Arc::new(control_plane);
        let kubelet = Kubelet::start(Arc::clone(&control_plane)).await;
        Arc::new(Self { kubelet, control_plane, _place: place })
    }
}

// === impl Stage ===

impl Stage {
    /// A cluster with nothing of ours in it, for one page alone.
    pub(crate) async fn empty() -> Self {
        let place = PLACES.acquire().await.unwrap();
        Self::on(Ground::start(Some(place)).await, "default").await
    }

    /// A cluster that knows the kinds of the Prometheus Operator.
    pub(crate) async fn beside_prometheus() -> Self {
        let stage = Self::empty().await;
        for file in prometheus_definitions().unwrap_or_else(|error| panic!("{error}")) {
            let file = file.display();
            let wait = "kubectl wait --for=condition=Established --timeout=60s";
            let wait = format!("kubectl wait --for=create --timeout=60s -f {file}\n{wait} -f {file}\n");
            stage.typed(&format!("kubectl apply --server-side -f {file}\n{wait}")).await;
        }
        stage
    }

    /// A namespace of its own where the operator is at work, as the chart installs it.
    pub(crate) async fn installed() -> Self {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let ground = SHARED.get_or_init(async || {
            let stage = Self::on(Ground::start(None).await, "default").await;
            stage.typed(INSTALL).await;
            stage.ground
        });
        let namespace = format!("page-{:02}", MADE.fetch_add(1, Ordering::Relaxed));
        let stage = Self::on(Arc::clone(ground.await), &namespace).await;
        stage.typed(&format!("kubectl create namespace {namespace}\n")).await;
        stage
    }

    async fn on(ground: Arc<Ground>, namespace: &str) -> Self {
        let directory = ground.control_plane.directory().join(format!("stage-{namespace}"));
        let stage = Self { ground, directory, namespace: namespace.to_owned() };
        stage.furnish(&World::shared().await.files);
        stage.typed(&format!("kubectl config set-context --current --namespace={namespace}\n")).await;
        stage
    }

    /// Type something that has to go well.
    async fn typed(&self, script: &str) {
        let (mut shell, script) = (self.shell().await, script.to_owned());
        let said = tokio::task::spawn_blocking(move || shell.run(&script, true)).await.unwrap();
        assert_eq!(said.code, Some(0), "{}", said.text);
    }

    /// A shell in the working directory.
    pub(crate) async fn shell(&self) -> Shell {
        let (world, home) = (World::shared().await, self.directory.join("home"));
        let path = [
            self.directory.join("bin"),
            home.join(".local/bin"),
            "/usr/local/bin".into(),
            "/usr/bin".into(),
            "/bin".into(),
        ];
        let mut command = Command::new("sh");
        command
            .env_clear()
            .env("PATH", env::join_paths(path).unwrap())
            .env("HOME", &home)
            .env("LANG", "C.UTF-8")
            .env("KUBECONFIG", self.directory.join("kubeconfig"))
            .env("SSL_CERT_FILE", &world.roots)
            .env("SSLMONITOR_RESOLVER", world.resolver.to_string())
            .env("SSLMONITOR_ALLOW_CIDR", "127.0.0.0/8")
            .env("SSLMONITOR_CHANNEL_ALLOW_CIDR", "127.0.0.0/8")
            .current_dir(self.work());
        Shell::start(command, self.directory.join("scripts"))
    }

    /// The working directory of the shell: a clone of the repository, as far as pages go, with what readers have besides.
    pub(crate) fn work(&self) -> PathBuf {
        self.directory.join("work")
    }

    /// A script of a page as it is typed here.
    pub(crate) fn from_page(text: &str) -> String {
        world::from_page(text)
    }

    /// What came of it as a page shows it: with addresses, directory and namespace as readers have them.
    pub(crate) fn to_page(&self, text: &str) -> String {
        let text = text.replace(&self.work().display().to_string(), ".").replace(&self.namespace, "default");
        world::to_page(&text)
    }

    /// What the operator said last.
    pub(crate) fn log(&self) -> String {
        self.ground.kubelet.log()
    }

    fn furnish(&self, files: &[(&str, String)]) {
        for name in ["bin", "home/.local/bin", "scripts", "work"] {
            fs::create_dir_all(self.directory.join(name)).unwrap();
        }
        fs::copy(self.ground.control_plane.kubeconfig(), self.directory.join("kubeconfig")).unwrap();
        let found = |checker: Checker| checker.find().unwrap_or_else(|error| panic!("{error}"));
        let sslmonitor = PathBuf::from(env!("CARGO_BIN_EXE_sslmonitor"));
        let programs = [
            ("bin/kubectl", Binaries::find().unwrap().kubectl),
            ("bin/helm", found(Checker::Helm)),
            ("bin/promtool", found(Checker::Promtool)),
            ("bin/sslmonitor", sslmonitor.clone()),
            // As docs/install.md says.
            ("home/.local/bin/kubectl-sslmonitor", sslmonitor),
        ];
        for (name, program) in programs {
            symlink(program, self.directory.join(name)).unwrap();
        }
        for name in OF_THE_REPOSITORY {
            copy(&Path::new(ROOT).join(name), &self.work().join(name));
        }
        for (name, text) in files {
            fs::write(self.work().join(name), text).unwrap();
        }
    }
}

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir_all(to).unwrap();
        fs::read_dir(from)
            .unwrap()
            .map(Result::unwrap)
            .for_each(|entry| copy(&entry.path(), &to.join(entry.file_name())));
    } else {
        fs::copy(from, to).unwrap();
    }
}
