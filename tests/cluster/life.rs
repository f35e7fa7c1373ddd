//! The main job: an applied monitor gets the served certificate into its status, and nothing else happens.

use std::{
    fs,
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

use futures::StreamExt;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::{ListParams, WatchEvent, WatchParams};
use ssl_monitor_operator::api::{SslMonitor, SslMonitorStatus};
use tokio::{sync::oneshot, task::JoinHandle};
use xtask::farm::{Issued, Leaf, pem};

use crate::{
    stage::{PATIENCE, Stage, VALID, serve, states, unseen},
    support::{OPERATOR_USER, eventually},
};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a control plane: cargo xtask test"]
async fn a_monitor_says_progressing_then_the_result_and_our_own_writes_cause_no_other_check() {
    let stage = Stage::new().await;
    let server = serve(&stage.authority.issue(&Leaf::new(["main.test"]))).await;
    let versions = Versions::of_main(&stage).await;
    stage.cluster.apply(&stage.namespace, &stage.manifest("main", "main.test", server.address()).to_string());
    let wait = ["wait", "--for=condition=CertificateValid", "sslmonitor/main", "--timeout=60s"];
    let waited = stage.cluster.kubectl(&[&wait[..], &["--namespace", &stage.namespace]].concat());
    assert_eq!(waited, "sslmonitor.sslmonitor.io/main condition met\n");
    let monitor = stage.monitors.get("main").await.unwrap();
    let events = stage.events(&monitor, &["Normal Valid"]).await;
    stage.pass().await;

    let versions = versions.until(&stage.monitors.get("main").await.unwrap()).await;
    let [created, first, last] =
        versions.try_into().unwrap_or_else(|all| panic!("other versions than three: {all:#?}"));
    assert_eq!(created.status, Some(unseen()));
    let first = first.status.unwrap();
    let told = first.conditions.iter().map(|c| format!("{}={}/{}: {}", c.type_, c.status, c.reason, c.message));
    let expected = [
        ("Ready", "Unknown"),
        ("Reconciling", "True"),
        ("Reachable", "Unknown"),
        ("CertificateValid", "Unknown"),
        ("CertificateExpiring", "Unknown"),
    ];
    let expected =
        expected.map(|(kind, status)| format!("{kind}={status}/Progressing: the first check has not ended yet"));
    assert_eq!(told.collect::<Vec<_>>(), expected);
    assert!(first.conditions.iter().all(|condition| condition.observed_generation == Some(1)), "{first:?}");
    let rest = SslMonitorStatus { conditions: Vec::new(), ..first };
    let summary = Some("Progressing".to_owned());
    let port = Some(server.address().port().into());
    assert_eq!(rest, SslMonitorStatus { observed_generation: Some(1), summary, port, ..SslMonitorStatus::default() });
    assert_eq!(last, monitor);
    assert_eq!(states(&last), VALID);

    server.idle().await;
    assert_eq!(server.accepted(), 1);
    let status = stage.status_write();
    let expected = [stage.admin_write("create", 201), status.clone(), status, stage.event_write()];
    assert_eq!(stage.writes(), expected);
    assert_eq!(stage.log().await, ["main INFO Valid"]);
    let valid = find(&last, "CertificateValid");
    assert_eq!(events[0].note.as_ref(), Some(&valid.message));
    assert_eq!(events[0].reporting_controller.as_deref(), Some("sslmonitor.io/operator"));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a control plane: cargo xtask test"]
async fn no_connection_is_made_before_the_first_status_is_written() {
    let stage = Stage::new().await;
    let (cluster, namespace) = (&stage.cluster, &stage.namespace);
    let server = serve(&stage.authority.issue(&Leaf::new(["main.test"]))).await;
    cluster.apply(namespace, &refusing_status_writes(namespace));
    let mut idle = stage.manifest("idle", "idle.test", server.address());
    idle["spec"]["enabled"] = false.into();
    cluster.apply(namespace, &idle.to_string());
    let patch = "--patch={\"status\":{\"summary\":\"x\"}}";
    let try_it = ["patch", "sslmonitor", "idle", "--subresource=status", "--type=merge", "--dry-run=server", patch];
    eventually("status writes are refused", PATIENCE, async || {
        match cluster.try_kubectl(&[&try_it[..], &["--namespace", namespace]].concat()) {
            Err(error) if error.contains("not now") => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;

    cluster.apply(namespace, &stage.manifest("main", "main.test", server.address()).to_string());
    eventually("two status writes of the operator are refused", PATIENCE, async || {
        let mut writes = stage.writes();
        writes.retain(|write| write.user == OPERATOR_USER && write.name == "main");
        if writes.len() >= 2 && writes.iter().all(|write| write.code == 422) {
            Ok(())
        } else {
            Err(format!("{writes:?}"))
        }
    })
    .await;
    assert_eq!(stage.monitors.get("main").await.unwrap().status, Some(unseen()));
    assert_eq!(server.accepted(), 0);

    cluster.kubectl(&["delete", "validatingadmissionpolicybinding", &format!("refuse-{namespace}")]);
    assert_eq!(states(&stage.settled("main").await), VALID);
    assert_eq!(server.accepted(), 1);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a control plane: cargo xtask test"]
async fn the_status_says_what_openssl_says_of_the_served_file() {
    let stage = Stage::new().await;
    let leaf = Leaf::new(["main.test", "www.main.test"]).expires_in_days(89).rsa();
    let mut params = leaf.params();
    params.distinguished_name.push(rcgen::DnType::OrganizationName, "Stage, Inc.");
    params.distinguished_name.push(rcgen::DnType::CountryName, "DE");
    let issued = stage.authority.issue_from(&params, &leaf.key());
    let server = serve(&issued).await;
    let monitor = stage.watch(&server).await;
    let status = monitor.status.unwrap();
    let certificate = status.certificate.unwrap();

    let pem = pem(&issued.chain[..1]);
    let line = |option: &[&str], prefix: &str| {
        let said = openssl(&[&["x509", "-noout"], option].concat(), &pem);
        said.trim_end().strip_prefix(prefix).unwrap_or_else(|| panic!("{said}")).to_owned()
    };
    let common_name = |option| {
        let said = line(&[option, "-nameopt", "sep_multiline,sname,esc_2253"], &format!("{}=\n", &option[1..]));
        let name = said.lines().find_map(|line| line.trim().strip_prefix("CN=").map(str::to_owned));
        name.unwrap_or_else(|| panic!("{said}"))
    };
    assert_eq!(certificate.issuer, Some(common_name("-issuer")));
    assert_eq!(certificate.subject, Some(common_name("-subject")));
    assert_eq!(certificate.issuer_dn, Some(line(&["-issuer", "-nameopt", "RFC2253"], "issuer=")));
    assert_eq!(certificate.subject_dn, Some(line(&["-subject", "-nameopt", "RFC2253"], "subject=")));
    let time = |option, prefix| -> Timestamp {
        line(&[option, "-dateopt", "iso_8601"], prefix).replace(' ', "T").parse().unwrap()
    };
    let until = time("-enddate", "notAfter=");
    assert_eq!(certificate.valid_from.unwrap().0, time("-startdate", "notBefore="));
    assert_eq!(certificate.valid_to.unwrap().0, until);
    assert_eq!(certificate.serial_number, Some(line(&["-serial"], "serial=")));
    let fingerprint = line(&["-fingerprint", "-sha256"], "sha256 Fingerprint=");
    assert_eq!(certificate.fingerprint, Some(format!("SHA256:{fingerprint}")));
    let names = line(&["-ext", "subjectAltName"], "X509v3 Subject Alternative Name: \n    DNS:");
    assert_eq!(certificate.sans, names.split(", DNS:").collect::<Vec<_>>());

    let seconds = until.as_second() - status.last_checked_at.unwrap().0.as_second();
    assert_eq!(certificate.days_until_expiry.map(i64::from), Some(seconds.div_euclid(86_400)));
    assert_eq!(certificate.days_until_expiry, Some(89));
    for (days, answer) in [(89, "Certificate will not expire"), (90, "Certificate will expire")] {
        let seconds = (days * 86_400).to_string();
        assert_eq!(openssl(&["x509", "-noout", "-checkend", &seconds], &pem), format!("{answer}\n"));
    }
    assert!(certificate.is_valid);
    assert!(openssl_verifies(&stage, &issued), "openssl finds a fault");
    assert_eq!((certificate.san_count, certificate.chain_length, certificate.key_bits), (Some(2), Some(2), Some(2048)));
}

fn find<'a>(monitor: &'a SslMonitor, kind: &str) -> &'a Condition {
    let mut conditions = monitor.status.iter().flat_map(|status| &status.conditions);
    conditions.find(|condition| condition.type_ == kind).unwrap()
}

/// Every version of the monitor `main`, from its creation on.
struct Versions {
    task: JoinHandle<Vec<SslMonitor>>,
    last: oneshot::Sender<String>,
}

impl Versions {
    async fn of_main(stage: &Stage) -> Self {
        let monitors = stage.monitors.clone();
        let start = monitors.list(&ListParams::default()).await.unwrap().metadata.resource_version.unwrap();
        let (last, mut stop) = oneshot::channel::<String>();
        let task = tokio::spawn(async move {
            let parameters = WatchParams::default().fields("metadata.name=main");
            let mut events = monitors.watch(&parameters, &start).await.unwrap().boxed();
            let (mut versions, mut wanted) = (Vec::<SslMonitor>::new(), None);
            loop {
                let seen = versions.last().and_then(|version| version.metadata.resource_version.clone());
                if wanted.is_some() && wanted == seen {
                    return versions;
                }
                tokio::select! {
                    version = &mut stop, if wanted.is_none() => wanted = Some(version.unwrap()),
                    event = events.next() => match event.unwrap().unwrap() {
                        WatchEvent::Added(version) | WatchEvent::Modified(version) => versions.push(version),
                        other => panic!("{other:?}"),
                    },
                }
            }
        });
        Self { task, last }
    }

    /// All of them up to this one.
    async fn until(self, last: &SslMonitor) -> Vec<SslMonitor> {
        self.last.send(last.metadata.resource_version.clone().unwrap()).unwrap();
        tokio::time::timeout(PATIENCE, self.task).await.unwrap().unwrap()
    }
}

/// A policy under which nobody may write a status in this namespace.
fn refusing_status_writes(namespace: &str) -> String {
    format!(
        "apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {{name: refuse-{namespace}}}
spec:
  matchConstraints:
    namespaceSelector: {{matchLabels: {{kubernetes.io/metadata.name: {namespace}}}}}
    resourceRules:
    - {{apiGroups: [sslmonitor.io], apiVersions: [v1], operations: [UPDATE], resources: [sslmonitors/status]}}
  validations: [{{expression: \"false\", message: not now}}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {{name: refuse-{namespace}}}
spec: {{policyName: refuse-{namespace}, validationActions: [Deny]}}
"
    )
}

/// Run openssl and return what it says; `x509 -checkend` tells by its exit code too, so that is not looked at.
fn openssl(arguments: &[&str], input: &str) -> String {
    let command = Command::new("openssl").args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut process = command.expect("these tests compare with openssl: install it");
    process.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    String::from_utf8(process.wait_with_output().unwrap().stdout).unwrap()
}

fn openssl_verifies(stage: &Stage, issued: &Issued) -> bool {
    let file = |name: &str, text: String| {
        let path = stage.cluster.control_plane().directory().join(format!("{}-{name}.pem", stage.namespace));
        fs::write(&path, text).unwrap();
        path
    };
    let [root, others, leaf] = [
        file("root", stage.authority.root_pem()),
        file("others", pem(&issued.chain[1..])),
        file("leaf", pem(&issued.chain[..1])),
    ];
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let trust = ["-CAfile", &text(&root), "-untrusted", &text(&others)].map(str::to_owned);
    let arguments = ["verify", "-purpose", "sslserver", "-verify_hostname", "main.test"].map(str::to_owned);
    let arguments: Vec<String> = arguments.into_iter().chain(trust).chain([text(&leaf)]).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    openssl(&arguments, "") == format!("{}: OK\n", leaf.display())
}
