//! OpenLDAP's slapd (ldap).

use std::path::Path;

use ssl_monitor_operator::probe::StartTls;
use xtask::supervise::Launch;

use crate::support::{Scene, unavailable};

fn slapd(scene: &mut Scene, name: &str, tls: &str) -> u16 {
    let port = scene.port();
    let file = scene.file(&format!("{name}.conf"), &format!("pidfile {{dir}}/{name}.pid\n{tls}"));
    let url = format!("ldap://{}:{port}", scene.address);
    // With -d it stays in the foreground.
    let launch = Launch::new(name, Path::new("/usr/sbin/slapd")).args(["-d", "0", "-f", &file, "-h", &url]);
    scene.start(launch, &[port]);
    port
}

#[tokio::test]
#[ignore = "needs servers of many protocols: cargo xtask test"]
async fn slapd_gives_its_certificate() {
    let mut scene = Scene::new("slapd");
    let tls = "TLSCertificateFile {dir}/chain.pem\nTLSCertificateKeyFile {dir}/key.pem\n";
    let port = slapd(&mut scene, "tls", tls);
    assert_eq!(scene.look(StartTls::Ldap, port).await, scene.valid());

    let plain = slapd(&mut scene, "plain", "");
    let detail = "the server refuses StartTLS: resultCode 2 (protocolError): unsupported extended operation";
    assert_eq!(scene.look(StartTls::Ldap, plain).await, unavailable(detail));
}
