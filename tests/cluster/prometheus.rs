//! What a real Prometheus makes of the operator's metrics: every query of the dashboard that is shipped finds what it is for, and so do those
//! that were made for other exporters.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::SocketAddr,
    time::Duration,
};

use aws_lc_rs::digest::{SHA256, digest};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use xtask::{
    checkers::Checker,
    farm::{Answer as StapledAnswer, AnswerStatus, Issued, Leaf, TlsServer},
    supervise::Launch,
};

use crate::{
    alerts::{FLAGS, alerting, ok},
    endpoints::{Dns, pair},
    peer::{Peer, directory, free_ports},
    queries::queries,
    receiver::{Answer, Receiver},
    scene::{DOMAIN, Scene},
    support::{Cluster, Operator, eventually, loopback},
};

const PATIENCE: Duration = Duration::from_mins(1);
/// The monitors of [`Watched`].
const ALL: [&str; 7] = ["expired", "expiring", "pair", "refused", "revoked", "unexpected", "valid"];
/// Those that have a certificate.
const SEEN: [&str; 6] = ["expired", "expiring", "pair", "revoked", "unexpected", "valid"];

/// A namespace in which everything that there is to see is to be seen.
struct Watched {
    prometheus: Peer,
    _operator: Operator,
    /// In the order in which they were started; the first is that of `valid`.
    servers: Vec<TlsServer>,
    /// The certificate of `valid`.
    valid: Vec<u8>,
    _receivers: Vec<Receiver>,
    _dns: Dns,
}

/// The labels of a series, and its value.
type Series = (BTreeMap<String, String>, f64);

// === impl Watched ===

impl Watched {
    /// One in which a monitor of each kind has been checked, and channels have been told, or were not reached, or did not want to
    /// know. Prometheus was there before, so that it saw everything happen.
    async fn start(cluster: &Cluster, flags: &[&str]) -> Self {
        let scene = Scene::new(cluster).await;
        let (one, other, dns) = pair(expiring(&scene), scene.valid()).await;
        let resolver = dns.address.to_string();
        let operator = cluster.start_operator(&[&FLAGS[..], &["--resolver", &resolver], flags].concat()).await;
        let prometheus = prometheus(operator.admin_address()).await;
        holds(&prometheus, "sslmonitor_build_info").await;

        let mut receivers = Vec::new();
        for (name, answer) in [("told", ok()), ("broken", status("503 Unavailable")), ("unwilling", status("400 No"))] {
            receivers.push(Receiver::start(answer).await);
            scene.webhook(name, receivers.last().unwrap()).await;
        }
        let (valid, revoked) = (scene.valid(), scene.valid());
        let der = valid.chain[0].to_vec();
        let answer = AnswerStatus::Revoked { at: Timestamp::now(), reason: Some(1) };
        let staple = scene.authority.answer(&revoked.chain[0], &StapledAnswer::new(answer));
        let another = format!("SHA256:{}", ["00"; 32].join(":"));
        let fingerprints = json!({"expect": {"fingerprints": [another]}});
        let channels = alerting(&["told", "broken", "unwilling"]);
        let mut servers = Vec::new();
        for (name, issued, more) in [
            ("valid", valid, json!({})),
            ("expiring", expiring(&scene), json!({})),
            ("expired", scene.expired(), channels),
            ("revoked", revoked.stapled(staple), json!({})),
            ("unexpected", scene.valid(), fingerprints),
        ] {
            servers.push(scene.serve(issued).await);
            scene.monitor(name, servers.last().unwrap().address(), more).await;
        }
        scene.monitor("pair", one.address(), json!({"address": null})).await;
        scene.monitor("refused", SocketAddr::new(loopback().ip(), 9), json!({})).await;
        servers.extend([one, other]);
        for name in ALL {
            scene.settled(name).await;
        }
        Self { prometheus, _operator: operator, servers, valid: der, _receivers: receivers, _dns: dns }
    }

    /// Wait until a query finds series with just these values of a label.
    async fn shows(&self, expression: &str, label: &str, expected: &[&str]) {
        let expected: BTreeSet<String> = expected.iter().map(|&value| value.to_owned()).collect();
        eventually(&format!("{expression} finds {expected:?}"), PATIENCE, async || {
            let found = find(&self.prometheus, expression).await?;
            let values: BTreeSet<String> = found.iter().filter_map(|(labels, _)| labels.get(label).cloned()).collect();
            if values == expected { Ok(()) } else { Err(format!("{found:?}")) }
        })
        .await;
    }
}

/// A certificate of ninety days that has ten left.
fn expiring(scene: &Scene<'_>) -> Issued {
    let (now, day) = (Timestamp::now(), SignedDuration::from_hours(24));
    scene.authority.issue(&Leaf::new([DOMAIN]).valid(now - day * 80, now + day * 10))
}

fn status(line: &str) -> Answer {
    Answer::status(line, "", "")
}

/// A Prometheus that scrapes this address every second.
async fn prometheus(target: SocketAddr) -> Peer {
    let (directory, [port, _]) = (directory(), free_ports());
    let config = directory.join("prometheus.yml");
    let job = json!({"job_name": "sslmonitor", "honor_labels": true, "static_configs": [{"targets": [target]}]});
    fs::write(&config, json!({"global": {"scrape_interval": "1s"}, "scrape_configs": [job]}).to_string()).unwrap();
    let program = Checker::Prometheus.find().unwrap_or_else(|error| panic!("{error}"));
    let launch = Launch::new("prometheus", &program)
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.tsdb.path={}", directory.join("data").display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"));
    Peer::start(launch, &directory, port, "/-/ready").await
}

/// What a query finds now; `Err` is what Prometheus complains of.
async fn find(prometheus: &Peer, expression: &str) -> Result<Vec<Series>, String> {
    let encoded = expression.bytes().fold(String::new(), |text, byte| text + &format!("%{byte:02X}"));
    let answer = prometheus.json(&format!("/api/v1/query?query={encoded}")).await;
    let Some(found) = answer["data"]["result"].as_array() else { return Err(answer.to_string()) };
    let series = |found: &Value| {
        let labels = serde_json::from_value(found["metric"].clone()).unwrap();
        (labels, found["value"][1].as_str().unwrap().parse().unwrap())
    };
    Ok(found.iter().map(series).collect())
}

/// Wait until a query finds anything, and return that.
async fn holds(prometheus: &Peer, expression: &str) -> Vec<Series> {
    eventually(&format!("{expression} finds something"), PATIENCE, async || match find(prometheus, expression).await {
        Ok(found) if found.is_empty() => Err("nothing".to_owned()),
        found => found,
    })
    .await
}

/// The one query of the panel with this title.
fn of_panel(title: &str) -> String {
    let all: Vec<_> = queries().into_iter().filter(|query| query.panel == title).collect();
    assert_eq!(all.len(), 1, "{title}");
    all[0].expression.clone()
}

#[tokio::test]
#[ignore = "needs a control plane and Prometheus: cargo xtask test"]
async fn every_query_of_the_dashboard_finds_what_it_is_for() {
    let cluster = Cluster::start().await;
    let watched = Watched::start(&cluster, &[]).await;
    for query in queries() {
        // What is there in any case would hide that there is nothing else.
        holds(&watched.prometheus, &query.expression.replace(" or vector(0)", "")).await;
    }

    for (panel, label, expected) in [
        ("What expires next", "name", SEEN.as_slice()),
        ("Chains that end next", "name", &SEEN),
        ("Invalid by reason", "type", &["Expired", "Revoked"]),
        ("Invalid certificates", "name", &["expired", "revoked"]),
        ("Cannot be reached", "name", &["refused"]),
        ("Another certificate than expected", "name", &["unexpected"]),
        ("Addresses that differ", "name", &["pair"]),
        ("Attempts to deliver", "result", &["delivered", "failed", "refused"]),
        ("Version", "version", &[env!("CARGO_PKG_VERSION")]),
    ] {
        watched.shows(&of_panel(panel), label, expected).await;
    }
    for (panel, expected) in
        [("Monitors", 7.0), ("Valid", 4.0), ("Expiring", 2.0), ("Invalid", 2.0), ("Unreachable", 1.0), ("Revoked", 1.0)]
    {
        eventually(&format!("{panel} shows {expected}"), PATIENCE, async || {
            let found = find(&watched.prometheus, &of_panel(panel)).await?;
            if found == [(BTreeMap::new(), expected)] { Ok(()) } else { Err(format!("{found:?}")) }
        })
        .await;
    }
}

#[tokio::test]
#[ignore = "needs a control plane and Prometheus: cargo xtask test"]
async fn rules_that_were_made_for_other_exporters_find_what_they_are_for() {
    let cluster = Cluster::start().await;
    let watched = Watched::start(&cluster, &["--compat-metrics", "blackbox,ssl-exporter"]).await;
    let good = ["expiring", "pair", "unexpected", "valid"];
    let bad = ["expired", "refused", "revoked"];
    let days_left = "round((last_over_time(probe_ssl_earliest_cert_expiry[10m]) - time()) / 86400, 0.1)";
    for (expression, found) in [
        ("probe_success == 0", bad.as_slice()),
        ("probe_success == 1", &good),
        ("avg_over_time(probe_duration_seconds[1m]) > 60", &[]),
        ("probe_ip_protocol == 4", &ALL),
        (&format!("0 <= {days_left} < 20"), &["expiring", "pair"]),
        (&format!("{days_left} < 0"), &["expired"]),
        ("probe_ssl_last_chain_expiry_timestamp_seconds - time() < 86400 * 20", &["expired", "expiring", "pair"]),
        (r#"probe_ssl_last_chain_info{subjectalternative="web.scene.test"}"#, &SEEN),
        (r#"probe_tls_version_info{version="TLS 1.3"}"#, &SEEN),
        (r#"probe_tls_cipher_info{cipher=~"TLS_.*"}"#, &SEEN),
        ("ssl_probe_success == 0", &bad),
        (r#"ssl_prober{prober="tcp"}"#, &ALL),
        (r#"ssl_tls_version_info{version="TLS 1.3"}"#, &SEEN),
        ("ssl_cert_not_after - time() < 0", &["expired"]),
        (r#"ssl_cert_not_before{dnsnames=~".*,web.scene.test,.*"}"#, &SEEN),
        (r#"ssl_verified_cert_not_after{chain_no="0"} - time() < 86400 * 20"#, &["expired", "expiring", "pair"]),
        ("ssl_ocsp_response_stapled == 1", &["revoked"]),
        ("ssl_ocsp_response_status == 1", &["revoked"]),
        ("time() - ssl_ocsp_response_revoked_at < 86400", &["revoked"]),
    ] {
        watched.shows(expression, "name", found).await;
    }

    // The target is the instance, as if it had been probed by itself.
    let port = watched.servers[0].address().port();
    let targets = format!(r#"probe_success{{instance=~"web.scene.test:({port}|9)"}}"#);
    watched.shows(&targets, "name", &["refused", "valid"]).await;
    let fingerprint = digest(&SHA256, &watched.valid);
    let hex = fingerprint.as_ref().iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    watched.shows(r#"probe_ssl_last_chain_info{name="valid"}"#, "fingerprint_sha256", &[&hex]).await;
}
