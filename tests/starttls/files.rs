//! vsftpd (ftp).

use std::path::Path;

use ssl_monitor_operator::probe::StartTls;
use xtask::supervise::Launch;

use crate::support::{Scene, unavailable};

fn vsftpd(scene: &mut Scene, name: &str, tls: &str) -> u16 {
    let port = scene.port();
    scene.directory("empty");
    let file = scene.file(
        &format!("{name}.conf"),
        &format!(
            "listen=YES\nlisten_address={{address}}\nlisten_port={port}\nbackground=NO\nanonymous_enable=YES\n\
             secure_chroot_dir={{dir}}/empty\nseccomp_sandbox=NO\n{tls}"
        ),
    );
    scene.start(Launch::new(name, Path::new("/usr/sbin/vsftpd")).arg(file), &[port]);
    port
}

#[tokio::test]
#[ignore = "needs servers of many protocols: cargo xtask test"]
async fn vsftpd_gives_its_certificate() {
    let mut scene = Scene::new("vsftpd");
    let tls = "ssl_enable=YES\nrsa_cert_file={dir}/chain.pem\nrsa_private_key_file={dir}/key.pem\n";
    let port = vsftpd(&mut scene, "tls", tls);
    assert_eq!(scene.look(StartTls::Ftp, port).await, scene.valid());

    let plain = vsftpd(&mut scene, "plain", "");
    let refused = unavailable("the server refuses AUTH TLS: 530 Please login with USER and PASS.");
    assert_eq!(scene.look(StartTls::Ftp, plain).await, refused);
}
