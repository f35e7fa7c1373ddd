//! The part of INN that readers talk to (nntp).

use std::path::Path;

use ssl_monitor_operator::probe::StartTls;
use xtask::supervise::Launch;

use crate::support::{Scene, unavailable};

/// Start an nnrpd with this in its configuration.
fn nnrpd(scene: &mut Scene, name: &str, tls: &str) -> u16 {
    let port = scene.port();
    let paths = ["pathdb", "pathetc", "pathlog", "pathspool", "pathrun", "pathtmp"];
    let paths: String = paths.map(|path| format!("{path}: {{dir}}/{name}\n")).concat();
    let text = format!(
        "domain: a.test\npathhost: news.a.test\npathnews: /usr/lib/news\nmta: /bin/true\nhismethod: hisv6\n\
         ovmethod: tradindexed\n{paths}{tls}"
    );
    let configuration = scene.file(&format!("{name}/inn.conf"), &text);
    // A server with two empty groups and no article.
    for (file, text) in [
        ("active", "control 0 1 n\njunk 0 1 n\n"),
        ("newsgroups", ""),
        ("history", ""),
        ("tradspool.map", ""),
        ("overview/group.index", ""),
        ("storage.conf", "method tradspool {\n newsgroups: *\n class: 0\n}\n"),
        ("readers.conf", "auth all { hosts: * default: <any> }\naccess all { users: * newsgroups: * }\n"),
    ] {
        scene.file(&format!("{name}/{file}"), text);
    }
    scene.directory(&format!("{name}/articles"));
    scene.give(name, "news");
    let (address, number) = (scene.address.to_string(), port.to_string());
    let launch = Launch::new(name, Path::new("/usr/lib/news/bin/nnrpd"))
        .args(["-D", "-f", "-4", &address, "-p", &number])
        .env("INNCONF", configuration);
    scene.start(launch, &[port]);
    port
}

#[tokio::test]
#[ignore = "needs servers of many protocols: cargo xtask test"]
async fn inn_gives_its_certificate() {
    let mut scene = Scene::new("inn");
    scene.give("key.pem", "news");
    let port = nnrpd(&mut scene, "tls", "tlscertfile: {dir}/chain.pem\ntlskeyfile: {dir}/key.pem\n");
    assert_eq!(scene.look(StartTls::Nntp, port).await, scene.valid());

    let plain = nnrpd(&mut scene, "plain", "");
    let refused = unavailable("the server refuses STARTTLS: 580 Error initializing TLS");
    assert_eq!(scene.look(StartTls::Nntp, plain).await, refused);
}
