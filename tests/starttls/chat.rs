//! Prosody (xmpp-client, xmpp-server).

use std::path::Path;

use ssl_monitor_operator::probe::StartTls;
use xtask::supervise::Launch;

use crate::support::{Scene, unavailable};

/// Start a Prosody with these modules; its ports for clients and for servers.
fn prosody(scene: &mut Scene, name: &str, modules: &str) -> [u16; 2] {
    let ports = [scene.port(), scene.port()];
    let [clients, servers] = ports;
    scene.directory(&format!("{name}/data"));
    let file = scene.file(
        &format!("{name}/prosody.cfg.lua"),
        &format!(
            "run_as_root = true\ndaemonize = false\npidfile = '{{dir}}/{name}/pid'\ndata_path = '{{dir}}/{name}/data'\n\
             log = {{ {{ levels = {{ min = 'info' }}; to = 'console' }} }}\nmodules_enabled = {{ {modules} }}\n\
             interfaces = {{ '{{address}}' }}\nc2s_ports = {{ {clients} }}\ns2s_ports = {{ {servers} }}\n\
             c2s_direct_tls_ports = {{}}\ns2s_direct_tls_ports = {{}}\nhttp_ports = {{}}\nhttps_ports = {{}}\n\
             c2s_require_encryption = false\ns2s_require_encryption = false\n\
             VirtualHost 'a.test'\n ssl = {{ certificate = '{{dir}}/chain.pem'; key = '{{dir}}/key.pem' }}\n"
        ),
    );
    scene.start(Launch::new(name, Path::new("/usr/bin/prosody")).args(["--config", &file, "-F"]), &ports);
    ports
}

#[tokio::test]
#[ignore = "needs servers of many protocols: cargo xtask test"]
async fn prosody_gives_its_certificate_to_clients_and_servers() {
    let mut scene = Scene::new("prosody");
    let [clients, servers] = prosody(&mut scene, "tls", "'tls'; 'saslauth'");
    for (protocol, port) in [(StartTls::XmppClient, clients), (StartTls::XmppServer, servers)] {
        assert_eq!(scene.look(protocol, port).await, scene.valid(), "{protocol:?}");
        let unknown = unavailable("the server refuses the stream: host-unknown");
        assert_eq!(scene.look_for("b.test", protocol, port).await, unknown, "{protocol:?}");
    }

    let [clients, servers] = prosody(&mut scene, "plain", "'saslauth'; 'dialback'");
    for (protocol, port) in [(StartTls::XmppClient, clients), (StartTls::XmppServer, servers)] {
        let absent = unavailable("the server does not offer STARTTLS among its stream features");
        assert_eq!(scene.look(protocol, port).await, absent, "{protocol:?}");
    }
}
