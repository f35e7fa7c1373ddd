//! From the formats of others to manifests.
#![allow(clippy::unwrap_used)]

use serde_json::json;

use super::*;

/// What is made of a text: manifests, warnings and errors.
fn import(text: &str, args: &ImportArgs) -> (Vec<Value>, Vec<String>, Vec<String>) {
    let mut imported = Imported::default();
    imported.take_all("in", text.as_bytes(), args);
    let told = |errors: &[InputError]| errors.iter().map(ToString::to_string).collect();
    (imported.manifests.clone(), told(&imported.warnings), told(&imported.errors))
}

fn manifest(metadata: &Value, spec: &Value) -> Value {
    json!({"apiVersion": "sslmonitor.io/v1", "kind": "SslMonitor", "metadata": metadata, "spec": spec})
}

#[test]
fn a_list_becomes_a_monitor_a_line_and_every_problem_is_named() {
    let text = "# shop\na.test\nhttps://B.test:8443/x # the second\n\nhttp://c.test\na.test:443\n*.d.test\n";
    let (manifests, warnings, errors) = import(text, &ImportArgs::default());
    let expected = [
        manifest(&json!({"name": "a.test"}), &json!({"domain": "a.test"})),
        manifest(&json!({"name": "b.test-8443"}), &json!({"domain": "b.test", "port": 8443})),
    ];
    assert_eq!(manifests, expected);
    assert_eq!(warnings, ["in, line 6: a.test port 443 is left out: it is there already (in, line 2)"]);
    assert_eq!(
        errors,
        [
            "in, line 5: http://c.test: http:// has no certificate; name the https:// address",
            "in, line 7: *.d.test: domain must be a host name without scheme, port or path, for example api.example.com",
        ]
    );
}

#[test]
fn two_targets_do_not_get_one_name() {
    let (manifests, warnings, errors) = import("a.test:8443\na.test-8443\n", &ImportArgs::default());
    assert_eq!((manifests.len(), warnings.len()), (1, 0));
    assert_eq!(
        errors,
        [
            "in, line 2: a.test-8443 port 443 would have the name a.test-8443, which a.test port 8443 has already (in, line 1); make its \
          manifest by hand"
        ]
    );
}

#[test]
fn a_probe_becomes_a_monitor_for_each_of_its_targets() {
    let text = "
apiVersion: monitoring.coreos.com/v1
kind: Probe
metadata: {name: web, namespace: shop, labels: {release: prometheus}}
spec:
  jobName: tls
  interval: 30s
  scrapeTimeout: 5s
  module: http_2xx
  prober: {url: blackbox:9115}
  params:
    - {name: hostname, values: [www.a.test]}
    - {name: debug, values: ['true']}
  targets:
    staticConfig:
      static: [https://a.test/health, 'b.test:8443', 'icmp://c.test']
      labels: {team: web, note: two words}
      relabelingConfigs: [{action: drop}]
";
    let (manifests, warnings, errors) = import(text, &ImportArgs::default());
    let with = |name: &str, mut spec: Value| {
        spec["interval"] = "1m".into();
        spec["timeout"] = "5s".into();
        spec["tls"] = json!({"serverName": "www.a.test"});
        manifest(&json!({"name": name, "namespace": "shop", "labels": {"team": "web"}}), &spec)
    };
    let expected =
        [with("a.test", json!({"domain": "a.test"})), with("b.test-8443", json!({"domain": "b.test", "port": 8443}))];
    assert_eq!(manifests, expected);
    let place = "in, document 1, Probe web";
    assert_eq!(
        warnings,
        [
            format!("{place}: interval 30s becomes 1m, the nearest that is allowed"),
            format!(
                "{place}: module http_2xx: its settings are not in a Probe; where it has a CA, a client certificate, a server name or \
                 STARTTLS, set the fields of spec.tls"
            ),
            format!("{place}: parameter debug is left out: there is nothing like it"),
            format!("{place}: label note is left out: Kubernetes does not take note=\"two words\""),
            format!("{place}: relabelingConfigs are left out: where they change targets, correct the domains"),
        ]
    );
    assert_eq!(
        errors,
        [format!("{place}: icmp://c.test: icmp:// is none of https://, tls:// and ssl://; write DOMAIN:PORT")]
    );
}

#[test]
fn a_probe_without_static_targets_is_named() {
    let probe = |targets: Value| json!({"kind": "Probe", "metadata": {"name": "web"}, "spec": {"targets": targets}});
    let list = json!({"kind": "ProbeList", "items": [probe(json!({"ingress": {}})), probe(json!({}))]});
    let (manifests, _, errors) = import(&list.to_string(), &ImportArgs::default());
    assert_eq!(manifests, [json!(null); 0]);
    assert_eq!(
        errors,
        [
            "in, document 1, item 1, Probe web: takes its targets from Ingresses: list their hosts instead",
            "in, document 1, item 2, Probe web: has no targets in spec.targets.staticConfig.static",
        ]
    );
}

#[test]
fn a_hosted_monitor_is_taken_over_field_by_field() {
    let hosted = json!({
        "id": "ssl_1", "domain": "a.test", "port": 8443, "alert_days": 14, "enabled": false, "service_id": "svc_1",
        "notification_channels": ["ch_1", {"id": "ch_2"}, "ch_3"], "last_checked_at": "2026-01-01T00:00:00Z",
        "certificate": {"is_valid": true}, "created_at": "2025-01-01T00:00:00Z", "region": "eu",
    });
    let pair = |id: &str, name: &str| (id.to_owned(), name.to_owned());
    let args = ImportArgs {
        channel: vec![pair("ch_1", "slack"), pair("ch_2", "pagerduty")],
        service: vec![pair("svc_1", "web")],
        ..ImportArgs::default()
    };
    let spec = json!({
        "domain": "a.test", "port": 8443, "alertDays": 14, "enabled": false, "serviceRef": {"name": "web"},
        "notificationChannels": [{"name": "slack"}, {"name": "pagerduty"}],
    });
    let expected = vec![manifest(&json!({"name": "a.test-8443"}), &spec)];
    let page = json!({"total": 1, "ssl_monitors": [hosted]});
    for (text, place) in [
        (hosted.to_string(), "in, document 1"),
        (json!([hosted]).to_string(), "in, document 1, item 1"),
        (page.to_string(), "in, document 1, item 1"),
    ] {
        let (manifests, warnings, errors) = import(&text, &args);
        assert_eq!((&manifests, &errors), (&expected, &Vec::new()), "{text}");
        assert_eq!(
            warnings,
            [
                format!(
                    "{place}: notification channel ch_3 is left out: say which NotificationChannel it stands for with --channel ch_3=NAME"
                ),
                format!("{place}: region is left out: there is nothing like it"),
            ]
        );
    }
}

#[test]
fn what_breaks_a_rule_is_refused_by_its_field() {
    let hosted = json!([{"domain": "a.test", "alert_days": 0}, {"domain": "b.test", "port": 0}, {"domain": "c.test", "enabled": "yes"}]);
    let (manifests, _, errors) = import(&hosted.to_string(), &ImportArgs::default());
    assert_eq!(manifests, [json!(null); 0]);
    assert_eq!(errors.len(), 3, "{errors:?}");
    assert!(errors[0].starts_with("in, document 1, item 1: spec.alertDays"), "{errors:?}");
    assert_eq!(errors[1], "in, document 1, item 2: port must be a number from 1 to 65535, not 0");
    assert!(errors[2].starts_with("in, document 1, item 3: spec.enabled"), "{errors:?}");
}

#[test]
fn what_is_nothing_of_this_is_said_so() {
    for (text, expected) in [
        ("# nothing\n", "in: holds no domain"),
        (
            "kind: Service\n",
            "in, document 1: is a Service: what can be imported are Probes, JSON of a hosted monitor, and lists of domains",
        ),
        ("kind: SslMonitor\n", "in, document 1: is an SslMonitor already: apply it as it is"),
        ("{\"a\": 1}", "in, document 1: is neither a Probe nor a hosted monitor with a domain, nor a list of either"),
    ] {
        let (manifests, warnings, errors) = import(text, &ImportArgs::default());
        assert_eq!((manifests.len(), warnings.len(), errors), (0, 0, vec![expected.to_owned()]), "{text}");
    }
}
