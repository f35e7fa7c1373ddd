//! The image at work: with nothing but its files, as its user, with a root that cannot be written.

use std::{
    fs,
    io::Write as _,
    net::SocketAddr,
    path::Path,
    process::{Command, Output, Stdio},
};

use serde_json::Value;
use tokio::runtime::Runtime;
use xtask::{
    control_plane::{Binaries, ControlPlane},
    farm::{Authority, Leaf, ServerOptions, TlsServer},
    image::Arch,
    install::{NAMESPACE, SERVICE_ACCOUNT, install},
    kubectl::Kubectl,
    operator::Operator,
};

use crate::{ROOT, VERSION, archs, container::Container};

/// Where a kubelet puts what tells a pod who it is.
const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// Run to its end; what was said on standard output, and the exit code.
fn said(command: &mut Command, stdin: &str) -> (String, Option<i32>) {
    let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = spawned.unwrap_or_else(|error| panic!("{error}; {command:?}"));
    child.stdin.take().unwrap().write_all(stdin.as_bytes()).unwrap();
    let Output { stdout, status, .. } = child.wait_with_output().unwrap();
    (String::from_utf8(stdout).unwrap(), status.code())
}

/// A server on loopback, and the root of its certificate.
fn served(runtime: &Runtime) -> (TlsServer, String) {
    let authority = Authority::new("Farm");
    let issued = authority.issue(&Leaf::new(["a.test"]));
    let start = TlsServer::start(SocketAddr::from(([127, 0, 0, 1], 0)), issued, ServerOptions::default());
    (runtime.block_on(start).unwrap(), authority.root_pem())
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

/// A manifest of a monitor of that server.
fn manifest(server: &TlsServer) -> String {
    let port = server.address().port();
    format!(
        "apiVersion: sslmonitor.io/v1\nkind: SslMonitor\nmetadata: {{name: a}}\n\
         spec: {{domain: a.test, port: {port}, address: 127.0.0.1}}\n"
    )
}

/// Reason and status of the condition `CertificateValid` that `check` finds in the image.
fn verdict(container: &Container, environment: &[(&str, &str)], server: &TlsServer) -> (String, Option<i32>) {
    let mut command = container.command(environment);
    command.args(["check", "--allow-cidr", "127.0.0.0/8", "-o", "json", "-f", "-"]);
    let (stdout, code) = said(&mut command, &manifest(server));
    let checked: Value = serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error} in {stdout:?}"));
    let conditions = checked["status"]["conditions"].as_array().unwrap().iter();
    let valid = conditions.filter(|condition| condition["type"] == "CertificateValid").collect::<Vec<_>>();
    (valid[0]["reason"].as_str().unwrap().to_owned(), code)
}

#[test]
#[ignore = "needs the image: cargo xtask image"]
fn every_binary_of_the_image_tells_its_version() {
    for arch in archs() {
        let container = Container::new(arch);
        let mut command = match arch {
            Arch::Amd64 => container.command(&[]),
            // As root: the emulator reads the program, and no root is changed for it.
            Arch::Arm64 => {
                let mut emulated = Command::new("qemu-aarch64-static");
                emulated.arg(container.root().join("sslmonitor"));
                emulated
            }
        };
        assert_eq!(said(command.arg("--version"), ""), (format!("sslmonitor {VERSION}\n"), Some(0)), "{arch:?}");
    }
}

#[test]
#[ignore = "needs the image: cargo xtask image"]
fn without_mounted_roots_the_built_in_ones_decide_and_mounted_ones_stand_for_them() {
    if !archs().contains(&Arch::Amd64) {
        return;
    }
    let runtime = runtime();
    let (server, root) = served(&runtime);
    let bare = Container::new(Arch::Amd64);
    assert_eq!(verdict(&bare, &[], &server), ("UnknownIssuer".to_owned(), Some(1)));
    // A usual place, where they are found without a word.
    let usual = Container::new(Arch::Amd64);
    usual.mount("/etc/ssl/certs/ca-certificates.crt", &root);
    assert_eq!(verdict(&usual, &[], &server), ("Valid".to_owned(), Some(0)));
    let named = Container::new(Arch::Amd64);
    named.mount("/roots/corporate.pem", &root);
    let variable = [("SSL_CERT_FILE", "/roots/corporate.pem")];
    assert_eq!(verdict(&named, &variable, &server), ("Valid".to_owned(), Some(0)));
    assert_eq!(server.accepted(), 3);
}

#[test]
#[ignore = "needs the image: cargo xtask image"]
fn the_operator_of_the_image_serves_a_cluster_as_a_pod_would() {
    if !archs().contains(&Arch::Amd64) {
        return;
    }
    let runtime = runtime();
    let (server, root) = served(&runtime);
    runtime.block_on(async {
        let binaries = Binaries::find().unwrap();
        let control_plane = ControlPlane::start(&binaries).await.unwrap();
        let kubectl = Kubectl::new(&binaries.kubectl, control_plane.kubeconfig());
        install(&kubectl, Path::new(ROOT)).unwrap();
        kubectl.run_with_input(&["apply", "--namespace", NAMESPACE, "-f", "-"], &manifest(&server)).unwrap();

        let container = Container::new(Arch::Amd64);
        be_the_account(&container, &control_plane).await;
        container.mount("/roots/ca.crt", &root);
        container.mount("/etc/resolv.conf", "nameserver 127.0.0.1\noptions ndots:1\n");
        let port = control_plane.port().unwrap().to_string();
        let environment = [
            ("KUBERNETES_SERVICE_HOST", "127.0.0.1"),
            ("KUBERNETES_SERVICE_PORT", port.as_str()),
            ("SSL_CERT_FILE", "/roots/ca.crt"),
        ];
        let program = container.program(&environment);
        let flags = ["--allow-cidr", "127.0.0.0/8", "--leader-elect"];
        let operator = Operator::start(&program, &control_plane, &flags).await;
        let operator = operator.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(operator.get("/livez").await.unwrap().0, 200);
        let wait =
            ["wait", "--for=condition=CertificateValid", "sslmonitor/a", "--timeout=60s", "--namespace", NAMESPACE];
        kubectl.run(&wait).unwrap_or_else(|error| panic!("{error}\n{}", operator.log()));
        // In the pod's own namespace, which nothing but the mounted file says.
        let holder = "--output=jsonpath={.spec.holderIdentity}";
        let lease = ["get", "lease", "sslmonitor", "--namespace", NAMESPACE, holder];
        assert_ne!(kubectl.run(&lease).unwrap_or_else(|error| panic!("{error}\n{}", operator.log())), "");
        let process = fs::read_to_string(format!("/proc/{}/status", operator.pid().unwrap())).unwrap();
        let line = |name: &str| process.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
        assert_eq!(line("Uid:").split_whitespace().collect::<Vec<_>>(), ["65532"; 4]);
        assert_eq!(
            (line("Groups:"), line("CapEff:"), line("NoNewPrivs:")),
            (String::new(), "0".repeat(16), "1".to_owned())
        );
        let (status, log) = operator.stop().await;
        assert_eq!(status.and_then(|status| status.code()), Some(0), "{log}");
        let starting: Value = serde_json::from_str(log.lines().next().unwrap()).unwrap();
        let roots = (&starting["system_roots"], &starting["roots_from"]);
        assert_eq!(roots, (&1.into(), &"the system's certificate store".into()), "{starting}");
    });
}

/// Mount what a kubelet would mount of the operator's ServiceAccount.
async fn be_the_account(container: &Container, control_plane: &ControlPlane) {
    let path = control_plane.service_account_kubeconfig(NAMESPACE, SERVICE_ACCOUNT).await.unwrap();
    let kubeconfig: Value = serde_saphyr::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let authority = kubeconfig["clusters"][0]["cluster"]["certificate-authority"].as_str().unwrap();
    let token = kubeconfig["users"][0]["user"]["token"].as_str().unwrap();
    container.mount(&format!("{ACCOUNT}/ca.crt"), &fs::read_to_string(authority).unwrap());
    container.mount(&format!("{ACCOUNT}/token"), token);
    container.mount(&format!("{ACCOUNT}/namespace"), NAMESPACE);
}
