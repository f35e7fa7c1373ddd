//! PostgreSQL and MariaDB (mysql).

use std::path::Path;

use ssl_monitor_operator::probe::StartTls;
use xtask::{servers, supervise::Launch};

use crate::support::{Scene, run, unavailable};

/// PostgreSQL does not run as root.
const AS_POSTGRES: [&str; 3] = ["--reuid=postgres", "--regid=postgres", "--clear-groups"];

fn postgresql(scene: &mut Scene, name: &str, options: &[String]) -> u16 {
    let port = scene.port();
    let server = servers::find("/usr/lib/postgresql/*/bin/postgres").unwrap();
    let initdb = server.with_file_name("initdb");
    scene.directory(name);
    scene.give(name, "postgres");
    let data = scene.path(&format!("{name}/data"));
    let make = [initdb.to_str().unwrap(), "-D", &data, "-A", "trust", "--no-sync", "--no-instructions"];
    run("setpriv", &[&AS_POSTGRES[..], &make].concat());
    let launch = Launch::new(name, Path::new("/usr/bin/setpriv"))
        .args(AS_POSTGRES)
        .arg(server)
        .args(["-D", &data, "-c", "unix_socket_directories=", "-c", "fsync=off"])
        .args(["-c".to_owned(), format!("listen_addresses={}", scene.address)])
        .args(["-c".to_owned(), format!("port={port}")])
        .args(options);
    scene.start(launch, &[port]);
    port
}

#[tokio::test]
#[ignore = "needs servers of many protocols: cargo xtask test"]
async fn postgresql_gives_its_certificate() {
    let mut scene = Scene::new("postgresql");
    scene.give("key.pem", "postgres");
    let (chain, key) = (scene.path("chain.pem"), scene.path("key.pem"));
    let tls = format!("--ssl=on --ssl_cert_file={chain} --ssl_key_file={key}");
    let port = postgresql(&mut scene, "tls", &tls.split(' ').map(ToOwned::to_owned).collect::<Vec<_>>());
    assert_eq!(scene.look(StartTls::Postgresql, port).await, scene.valid());

    let plain = postgresql(&mut scene, "plain", &[]);
    let absent = unavailable("the server does not offer STARTTLS (it answered SSLRequest with N)");
    assert_eq!(scene.look(StartTls::Postgresql, plain).await, absent);
}

fn mariadb(scene: &mut Scene, name: &str, options: &[String]) -> u16 {
    let port = scene.port();
    let data = scene.directory(&format!("{name}/data"));
    let launch = Launch::new(name, Path::new("/usr/sbin/mariadbd"))
        // Without tables of users and without InnoDB there is nothing to make first.
        .args(["--no-defaults", "--user=root", "--skip-grant-tables", "--skip-innodb", "--default-storage-engine=Aria"])
        .args([format!("--datadir={data}"), format!("--socket={data}/socket"), format!("--pid-file={data}/pid")])
        .args([format!("--bind-address={}", scene.address), format!("--port={port}")])
        .args(options);
    scene.start(launch, &[port]);
    port
}

#[tokio::test]
#[ignore = "needs servers of many protocols: cargo xtask test"]
async fn mariadb_gives_its_certificate() {
    let mut scene = Scene::new("mariadb");
    let files = [("--ssl-cert", "chain.pem"), ("--ssl-key", "key.pem")];
    let tls = files.map(|(option, file)| format!("{option}={}", scene.path(file)));
    let port = mariadb(&mut scene, "tls", &tls);
    assert_eq!(scene.look(StartTls::Mysql, port).await, scene.valid());

    let plain = mariadb(&mut scene, "plain", &["--skip-ssl".to_owned()]);
    let absent = unavailable("the server does not offer STARTTLS among its capabilities (CLIENT_SSL)");
    assert_eq!(scene.look(StartTls::Mysql, plain).await, absent);
}
