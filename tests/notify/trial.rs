//! `sslmonitor notify test`, by the real binary, against receivers on loopback.

use std::fs;

use serde_json::{Value, json};
use ssl_monitor_operator::notify::ChannelKind;
use xtask::farm::{Authority, Leaf};

use crate::{
    binary::{Said, sslmonitor},
    receiver::{Answer, Receiver},
};

/// In every secret, and in every answer.
const TOKEN: &str = "T0pSecret";
/// What lets messages go to loopback, in the clear.
pub(crate) const ALLOWED: [&str; 3] = ["--channel-allow-cidr", "127.0.0.0/8", "--allow-http-channels"];

fn ok() -> Answer {
    Answer::status("200 OK", "", "ok")
}

/// A channel of this type; `spec` are the other fields of its spec.
pub(crate) fn channel(name: &str, type_: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: sslmonitor.io/v1\nkind: NotificationChannel\nmetadata: {{name: {name}}}\n\
         spec: {{type: {type_}, {spec}}}\n"
    )
}

fn webhook(name: &str, address: &str) -> String {
    channel(name, "webhook", &format!("address: \"{address}\""))
}

/// A Secret with these texts, which the operator may use.
pub(crate) fn secret(name: &str, values: &[(&str, &str)]) -> String {
    let values: serde_json::Map<String, Value> =
        values.iter().map(|(key, value)| ((*key).to_owned(), Value::from(*value))).collect();
    let labels = json!({"sslmonitor.io/allowed": "true"});
    let metadata = json!({"name": name, "labels": labels});
    format!("---\n{}\n", json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": values}))
}

/// Run `sslmonitor notify test` on manifests, while receivers answer.
pub(crate) async fn trial(arguments: &[&str], manifests: &str) -> Said {
    let line: Vec<String> = ["notify", "test", "-f", "-"].iter().chain(arguments).map(ToString::to_string).collect();
    let manifests = manifests.to_owned();
    let run = move || sslmonitor(&line.iter().map(String::as_str).collect::<Vec<_>>(), &manifests);
    let said = tokio::task::spawn_blocking(run).await.unwrap();
    Said { stdout: timeless(&said.stdout), ..said }
}

/// The text with every time at the end of a line as `0ms`.
fn timeless(text: &str) -> String {
    let digits = |line: &str| {
        line.strip_suffix("ms").map(|line| line.trim_end_matches(|it: char| it.is_ascii_digit()).to_owned())
    };
    text.lines().map(|line| digits(line).map_or_else(|| line.to_owned(), |rest| rest + "0ms") + "\n").collect()
}

fn body(request: &str) -> Value {
    serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap()
}

#[tokio::test]
async fn each_channel_gets_one_message_and_says_what_came_back() {
    let (hook, slack) = (Receiver::start(ok()).await, Receiver::start(ok()).await);
    let manifests = [
        webhook("hook", &hook.http("/in")),
        channel("slack", "slack", "secretRef: {name: slack}"),
        secret("slack", &[("address", &slack.http("/services/T0/B0"))]),
    ];
    let said = trial(&[&ALLOWED[..], &["--cluster-name", "prod"]].concat(), &manifests.concat()).await;
    let table = "CHANNEL   TYPE      RESULT      CODE   TIME\n\
                 hook      webhook   Delivered   -      0ms\n\
                 slack     slack     Delivered   -      0ms\n";
    assert_eq!(said, Said { stdout: table.to_owned(), stderr: String::new(), code: Some(0) });
    let told = body(&hook.only_request());
    assert_eq!((&told["kind"], &told["level"]), (&json!("test"), &json!("info")));
    assert_eq!(told["title"], "test of the NotificationChannel default/hook");
    assert_eq!(told["monitor"]["cluster"], "prod");
    assert_eq!(body(&slack.only_request())["text"], "🔔 Test: test of the NotificationChannel default/slack");
}

#[tokio::test]
async fn a_second_trial_is_no_repetition_of_the_first() {
    let hook = Receiver::start(ok()).await;
    let manifest = webhook("hook", &hook.http("/"));
    for _ in 0..2 {
        assert_eq!(trial(&ALLOWED, &manifest).await.code, Some(0));
    }
    let requests = hook.seen().requests;
    let ids: Vec<Value> = requests.iter().map(|request| body(request)["id"].clone()).collect();
    assert_eq!(ids.len(), 2);
    assert_ne!(ids[0], ids[1]);
}

#[tokio::test]
async fn what_went_wrong_is_said_with_what_to_do() {
    let gone = Receiver::start(Answer::status("404 Not Found", "", "")).await;
    let busy = Receiver::start(Answer::status("429 Too Many", "retry-after: 30\r\n", "")).await;
    let strange = Receiver::start_tls(ok(), Authority::new("Other").issue(&Leaf::new(["127.0.0.1"]))).await;
    let fine = Receiver::start(ok()).await;
    let manifests = [
        webhook("gone", &gone.http("/")),
        webhook("busy", &busy.http("/")),
        webhook("strange", &strange.https("/")),
        webhook("fine", &fine.http("/")),
    ];
    let said = trial(&ALLOWED, &manifests.concat()).await;
    let table = "CHANNEL   TYPE      RESULT        CODE   TIME\n\
                 gone      webhook   Rejected      404    0ms\n\
                 busy      webhook   RateLimited   429    0ms\n\
                 strange   webhook   NotTrusted    -      0ms\n\
                 fine      webhook   Delivered     -      0ms\n";
    let notes = "gone: the receiver refused it; check address and token\n\
                 busy: the receiver wants fewer messages; try again in 30 s\n\
                 strange: the receiver's certificate is not trusted; give its authority as ca.crt\n";
    assert_eq!(said, Said { stdout: table.to_owned(), stderr: notes.to_owned(), code: Some(1) });
    assert_eq!((fine.seen().requests.len(), strange.seen().requests.len()), (1, 0));
}

#[tokio::test]
async fn a_receiver_with_a_certificate_of_its_own_authority_is_trusted_by_the_secret() {
    let authority = Authority::new("Own");
    let hook = Receiver::start_tls(ok(), authority.issue(&Leaf::new(["127.0.0.1"]))).await;
    let spec = format!("address: \"{}\", certSecretRef: {{name: tls}}", hook.https("/"));
    let manifests = [channel("hook", "webhook", &spec), secret("tls", &[("ca.crt", &authority.root_pem())])].concat();
    let said = trial(&ALLOWED[..2], &manifests).await;
    assert_eq!((said.stderr.as_str(), said.code), ("", Some(0)), "{said:?}");
    assert_eq!(hook.seen().requests.len(), 1);
}

#[tokio::test]
async fn where_messages_may_not_go_nothing_is_sent_and_the_way_out_is_shown() {
    let hook = Receiver::start(ok()).await;
    let manifest = webhook("hook", &hook.http("/"));
    let said = trial(&["--allow-http-channels"], &manifest).await;
    let table = "CHANNEL   TYPE      RESULT          CODE   TIME\nhook      webhook   AddressDenied   -      0ms\n";
    let note = "hook: the receiver's address is one that may not be dialled; allow it with --channel-allow-cidr\n";
    assert_eq!(said, Said { stdout: table.to_owned(), stderr: note.to_owned(), code: Some(1) });
    let said = trial(&ALLOWED[..2], &manifest).await;
    let table = "CHANNEL   TYPE      RESULT        CODE   TIME\nhook      webhook   InvalidSpec   -      -\n";
    let note =
        "hook: address: it begins with http://, where everybody on the way reads along; begin it with https://\n";
    assert_eq!(said, Said { stdout: table.to_owned(), stderr: note.to_owned(), code: Some(1) });
    let denied = [&ALLOWED[..], &["--deny-cidr", "127.0.0.1/32"]].concat();
    assert_eq!(trial(&denied, &manifest).await.code, Some(1));
    assert_eq!(hook.seen().connections, 0);
}

#[tokio::test]
async fn a_channel_that_cannot_be_used_is_not_tried_and_says_why() {
    let hook = Receiver::start(ok()).await;
    let address = format!("address: \"{}\"", hook.http("/"));
    let manifests = [
        channel("lacking", "slack", "secretRef: {name: nowhere}"),
        channel("shut", "slack", "secretRef: {name: shut}"),
        "---\napiVersion: v1\nkind: Secret\nmetadata: {name: shut}\nstringData: {address: \"https://a.test\"}\n"
            .to_owned(),
        channel("empty", "telegram", "channel: \"1\", secretRef: {name: empty}"),
        secret("empty", &[("other", "x")]),
        channel("still", "webhook", &format!("{address}, suspend: true")),
    ];
    let said = trial(&ALLOWED, &manifests.concat()).await;
    let table = "CHANNEL   TYPE       RESULT             CODE   TIME\n\
                 lacking   slack      SecretNotFound     -      -\n\
                 shut      slack      SecretNotAllowed   -      -\n\
                 empty     telegram   SecretInvalid      -      -\n\
                 still     webhook    Suspended          -      -\n";
    let notes = "lacking: Secret nowhere is not in the input: give its manifest with -f, too\n\
                 shut: Secret shut may not be used: it lacks the label sslmonitor.io/allowed: \"true\"\n\
                 empty: key token of Secret empty: it is missing; give the bot's token\n\
                 still: spec.suspend is true: nothing is sent; set it to false to send\n";
    assert_eq!(said, Said { stdout: table.to_owned(), stderr: notes.to_owned(), code: Some(1) });
    assert_eq!(hook.seen().connections, 0);
}

#[tokio::test]
async fn secrets_and_channels_of_other_namespaces_are_others() {
    let (shop, blog) = (Receiver::start(ok()).await, Receiver::start(ok()).await);
    let in_namespace = |manifest: String, namespace: &str| {
        let json = format!("\"metadata\":{{\"namespace\":\"{namespace}\",");
        manifest
            .replace("metadata: {", &format!("metadata: {{namespace: {namespace}, "))
            .replace("\"metadata\":{", &json)
    };
    let slack = |namespace: &str, receiver: &Receiver| {
        let secret = secret("hook", &[("address", &receiver.http("/"))]);
        in_namespace(channel("ops", "slack", "secretRef: {name: hook}") + &secret, namespace)
    };
    let manifests = slack("shop", &shop) + &slack("blog", &blog);
    let said = trial(&ALLOWED, &manifests).await;
    let table = "CHANNEL    TYPE    RESULT      CODE   TIME\n\
                 shop/ops   slack   Delivered   -      0ms\n\
                 blog/ops   slack   Delivered   -      0ms\n";
    assert_eq!(said, Said { stdout: table.to_owned(), stderr: String::new(), code: Some(0) });
    assert_eq!(body(&shop.only_request())["text"], "🔔 Test: test of the NotificationChannel shop/ops");
    let one = trial(&[&ALLOWED[..], &["--channel", "blog/ops"]].concat(), &manifests).await;
    assert_eq!((one.stdout.lines().count(), one.code), (2, Some(0)), "{one:?}");
    assert_eq!((shop.seen().requests.len(), blog.seen().requests.len()), (1, 2));
}

#[tokio::test]
async fn only_the_channels_that_are_asked_for_are_tried() {
    let (hook, other) = (Receiver::start(ok()).await, Receiver::start(ok()).await);
    let manifests = webhook("hook", &hook.http("/")) + &webhook("other", &other.http("/"));
    let said = trial(&[&ALLOWED[..], &["--channel", "hook"]].concat(), &manifests).await;
    let table = "CHANNEL   TYPE      RESULT      CODE   TIME\nhook      webhook   Delivered   -      0ms\n";
    assert_eq!(said, Said { stdout: table.to_owned(), stderr: String::new(), code: Some(0) });
    let said = trial(&[&ALLOWED[..], &["--channel", "hook", "--channel", "nobody"]].concat(), &manifests).await;
    let error = "error: --channel nobody: no NotificationChannel of the input has this name; there are hook, other\n";
    assert_eq!(said, Said { stdout: String::new(), stderr: error.to_owned(), code: Some(2) });
    assert_eq!((hook.seen().requests.len(), other.seen().requests.len()), (1, 0));
}

#[tokio::test]
async fn a_bad_document_is_named_and_the_others_are_tried() {
    let hook = Receiver::start(ok()).await;
    let manifests = [
        webhook("hook", &hook.http("/")),
        channel("odd", "pager", "address: \"https://a.test\""),
        channel("chatty", "webhook", "address: \"https://a.test\", colour: red"),
        "---\nkind: NotificationChannel\napiVersion: sslmonitor.io/v1\nspec: {type: webhook, address: \"https://a.test\"}\nmetadata: {}\n".to_owned(),
        "---\nkind: notificationchannel\n".to_owned(),
        "---\na: [\n".to_owned(),
        "---\napiVersion: sslmonitor.io/v1\nkind: SslMonitor\nmetadata: {name: m}\nspec: {domain: \"not one\"}\n".to_owned(),
    ];
    let said = trial(&ALLOWED, &manifests.concat()).await;
    let table = "CHANNEL   TYPE      RESULT      CODE   TIME\nhook      webhook   Delivered   -      0ms\n";
    assert_eq!((said.stdout.as_str(), said.code), (table, Some(2)));
    let types = "webhook, cloudevents, slack, discord, teams, googlechat, mattermost, telegram, pagerduty, opsgenie, alertmanager, email";
    let fields = "address, certSecretRef, channel, minSeverity, reminderInterval, secretRef, suspend, template, timeout, type, username";
    let place = |document: usize| format!("error: standard input, document {document}: ");
    assert_eq!(
        said.complaints(),
        [
            format!("{}spec.type: must be one of {types}, found \"pager\"", place(2)),
            format!("{}spec.colour: is an unknown field; known here: {fields}", place(3)),
            format!("{}metadata.name: is required", place(4)),
            format!("{}apiVersion: must be sslmonitor.io/v1, found \"\"", place(5)),
            format!("{}kind: must be NotificationChannel, found \"notificationchannel\"", place(5)),
            format!("{}is not valid YAML: line 24: unclosed bracket '['", place(6)),
        ]
    );
    assert_eq!(hook.seen().requests.len(), 1);
}

#[tokio::test]
async fn nothing_to_try_is_wrong_input() {
    for (manifests, error) in [
        ("", "error: standard input: holds no NotificationChannel\n"),
        (&*secret("s", &[]), "error: standard input: holds no NotificationChannel\n"),
        ("---\na: 1\n", "error: standard input, document 1: is no Kubernetes object: it has no kind\n"),
    ] {
        let said = trial(&ALLOWED, manifests).await;
        assert_eq!(said, Said { stdout: String::new(), stderr: error.to_owned(), code: Some(2) });
    }
    let said = sslmonitor(&["notify", "test"], "");
    assert!(said.stderr.contains("--file <FILE|DIR|->"), "{said:?}");
    assert_eq!((said.stdout.as_str(), said.code), ("", Some(2)));
}

#[tokio::test]
async fn a_directory_of_files_is_read() {
    let hook = Receiver::start(ok()).await;
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("b.yaml"), channel("ops", "slack", "secretRef: {name: hook}")).unwrap();
    fs::write(directory.path().join("a.yml"), secret("hook", &[("address", &hook.http("/"))])).unwrap();
    fs::write(directory.path().join("notes.txt"), "a: [").unwrap();
    let path = directory.path().to_str().unwrap().to_owned();
    let run = move || sslmonitor(&[&["notify", "test", "-f", &path], &ALLOWED[..]].concat(), "");
    let said = tokio::task::spawn_blocking(run).await.unwrap();
    assert_eq!((said.stderr.as_str(), said.code), ("", Some(0)), "{said:?}");
    assert_eq!(hook.seen().requests.len(), 1);
}

#[tokio::test]
async fn programs_get_json() {
    let (hook, gone) = (Receiver::start(ok()).await, Receiver::start(Answer::status("410 Gone", "", "")).await);
    let manifests = webhook("hook", &hook.http("/")) + &webhook("gone", &gone.http("/"));
    let said = trial(&[&ALLOWED[..], &["-o", "json"]].concat(), &manifests).await;
    assert_eq!((said.stderr.as_str(), said.code), ("", Some(1)));
    let mut rows: Value = serde_json::from_str(&said.stdout).unwrap();
    for row in rows.as_array_mut().unwrap() {
        assert!(row["milliseconds"].take().as_u64().is_some_and(|millis| millis < 10_000), "{row}");
    }
    let expected = json!([
        {"channel": "hook", "type": "webhook", "result": "Delivered", "delivered": true, "code": null, "milliseconds": null, "message": null},
        {"channel": "gone", "type": "webhook", "result": "Rejected", "delivered": false, "code": 410, "milliseconds": null,
         "message": "the receiver refused it; check address and token"},
    ]);
    assert_eq!(rows, expected);
}

/// Channels whose Secrets cannot be used, and Secrets that cannot even be read.
fn useless() -> String {
    let bad = [
        json!({"address": format!("https://{TOKEN}@a.test")}),
        json!({"address": format!("ftp://{TOKEN}.test")}),
        json!({"address": format!("https://a.test/{TOKEN}\n{TOKEN}")}),
        json!({"address": "https://a.test", "headers": TOKEN}),
        json!({"address": "https://a.test", "proxy": format!("socks5://{TOKEN}@a.test")}),
        json!({"address": "https://a.test", "token": {"x": TOKEN}}),
        json!({"address": "https://a.test", "username": TOKEN}),
    ];
    let manifest = |(index, values): (usize, Value)| {
        let name = format!("bad-{index}");
        let metadata = json!({"name": name, "labels": {"sslmonitor.io/allowed": "true"}});
        let object = json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": values});
        channel(&name, "webhook", &format!("secretRef: {{name: {name}}}")) + &format!("---\n{object}\n")
    };
    let unreadable = [format!("data: {{token: \"{TOKEN}!\"}}"), format!("stringData: {{token: [{TOKEN}}}")];
    let secret = |data: String| format!("---\napiVersion: v1\nkind: Secret\nmetadata: {{name: x}}\n{data}\n");
    bad.into_iter().enumerate().map(manifest).chain(unreadable.into_iter().map(secret)).collect()
}

#[tokio::test]
async fn no_output_has_a_secret() {
    let answer = |status: &str| {
        let header = format!("location: https://{TOKEN}.test/{TOKEN}\r\nretry-after: {TOKEN}\r\n");
        Answer::status(&format!("{status} {TOKEN}"), &header, &format!("{{\"ok\":false,\"error\":\"{TOKEN}\"}}"))
    };
    let (mut receivers, mut manifests) = (Vec::new(), String::new());
    for kind in ChannelKind::ALL.into_iter().filter(|kind| *kind != ChannelKind::Email) {
        for (index, status) in ["200 OK", "302 Found", "400 Bad", "429 Slow", "500 No"].into_iter().enumerate() {
            let receiver = Receiver::start(answer(status)).await;
            let (name, token) = (format!("{kind}-{index}"), TOKEN);
            let address = receiver.http(&format!("/{TOKEN}?key={TOKEN}"));
            let values = [
                ("address", &*address),
                ("token", token),
                ("username", token),
                ("password", token),
                ("headers", &format!("X-Key: {TOKEN}")),
            ];
            manifests += &channel(&name, kind.name(), &format!("channel: ops, secretRef: {{name: {name}}}"));
            manifests += &secret(&name, &values);
            receivers.push(receiver);
        }
    }
    manifests += &useless();
    for format in ["table", "json"] {
        let said = trial(&[&ALLOWED[..], &["-o", format]].concat(), &manifests).await;
        assert_eq!(said.code, Some(2), "{}", said.stderr);
        let shown = format!("{}{}", said.stdout, said.stderr);
        assert!(shown.contains("bad-5") && shown.contains("pagerduty-4"), "{shown}");
        assert_eq!(shown.lines().find(|line| line.contains(TOKEN)), None);
    }
    let told = receivers.iter().filter(|receiver| receiver.seen().requests.iter().any(|it| it.contains(TOKEN)));
    assert_eq!(told.count(), receivers.len(), "each is to be told it, or this test says nothing");
}
