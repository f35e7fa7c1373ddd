//! Postfix (smtp) and Dovecot (imap, pop3, lmtp, sieve).

use std::{path::Path, process::Command};

use ssl_monitor_operator::probe::{FailureReason, StartTls};
use xtask::supervise::Launch;

use crate::support::{Scene, failed, run, unavailable};

/// Start a Postfix with one port that offers TLS and one that does not.
fn postfix(scene: &mut Scene) -> (u16, u16) {
    let (port, plain) = (scene.port(), scene.port());
    scene.directory("spool");
    scene.directory("data");
    scene.give("data", "postfix");
    scene.file(
        "main.cf",
        "compatibility_level = 3.6\nqueue_directory = {dir}/spool\ndata_directory = {dir}/data\n\
         meta_directory = /etc/postfix\ndaemon_directory = /usr/lib/postfix/sbin\nshlib_directory = /usr/lib/postfix\n\
         command_directory = /usr/sbin\nmyhostname = mail.a.test\nmaillog_file_prefixes = /dev\n\
         maillog_file = /dev/stdout\nsmtpd_relay_restrictions = reject\n\
         smtpd_tls_chain_files = {dir}/key.pem, {dir}/chain.pem\n",
    );
    scene.file(
        "master.cf",
        &format!(
            "{{address}}:{port} inet n - n - - smtpd -o smtpd_tls_security_level=may\n\
             {{address}}:{plain} inet n - n - - smtpd\n\
             tlsmgr unix - - n 1000? 1 tlsmgr\nanvil unix - - n - 1 anvil\nproxymap unix - - n - - proxymap\n\
             rewrite unix - - n - - trivial-rewrite\npostlog unix-dgram n - n - 1 postlogd\n"
        ),
    );
    let home = scene.path("");
    // This makes the directories of the queue. Postfix' own way to start would put a shell between us and the server.
    run("/usr/sbin/postfix", &["-c", &home, "check"]);
    let launch = Launch::new("postfix", Path::new("/usr/lib/postfix/sbin/master")).args(["-c", &home, "-d"]);
    scene.start(launch, &[port, plain]);
    (port, plain)
}

#[tokio::test]
#[ignore = "needs servers of many protocols: cargo xtask test"]
async fn postfix_gives_its_certificate() {
    let mut scene = Scene::new("postfix");
    let (port, plain) = postfix(&mut scene);
    assert_eq!(scene.look(StartTls::Smtp, port).await, scene.valid());
    let absent = unavailable("the server does not offer STARTTLS in its answer to EHLO");
    assert_eq!(scene.look(StartTls::Smtp, plain).await, absent);
    // An FTP client would read the same greeting.
    let refused = unavailable("the server refuses AUTH TLS: 503 5.5.1 Error: authentication not enabled");
    assert_eq!(scene.look(StartTls::Ftp, port).await, refused);
    check_by_command_line(&scene, port);
}

/// The whole way once.
fn check_by_command_line(scene: &Scene, port: u16) {
    let output = Command::new(env!("CARGO_BIN_EXE_sslmonitor"))
        .args(["check", "a.test", "--starttls", "smtp", "--connect-to", &format!("{}:{port}", scene.address)])
        .args(["--ca-file", &scene.path("root.pem"), "--no-system-roots", "--allow-cidr", "127.0.0.0/8"])
        .env_clear()
        .output()
        .unwrap();
    let (stdout, stderr) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    let row: Vec<&str> = stdout.lines().nth(1).unwrap_or_default().split_whitespace().take(2).collect();
    assert_eq!((row, stderr.as_str(), output.status.code()), (vec!["a.test:25", "Valid"], "", Some(0)));
}

/// The ports of a Dovecot: imap, pop3, lmtp and sieve.
const PROTOCOLS: [StartTls; 4] = [StartTls::Imap, StartTls::Pop3, StartTls::Lmtp, StartTls::Sieve];

/// Start a Dovecot of this name that gives TLS (`yes`) or not (`no`).
fn dovecot(scene: &mut Scene, name: &str, ssl: &str) -> [u16; 4] {
    let ports = [scene.port(), scene.port(), scene.port(), scene.port()];
    let [imap, pop3, lmtp, sieve] = ports;
    let listener = |service: &str, listener: &str, port: u16| {
        format!("service {service} {{\n inet_listener {listener} {{\n  port = {port}\n }}\n}}\n")
    };
    let text = [
        format!("base_dir = {{dir}}/{name}/run\nstate_dir = {{dir}}/{name}/state\nssl = {ssl}\n"),
        "log_path = /dev/stderr\nprotocols = imap pop3 lmtp sieve\nlisten = {address}\n\
         ssl_cert = <{dir}/chain.pem\nssl_key = <{dir}/key.pem\n\
         passdb {\n driver = static\n args = nopassword\n}\n"
            .to_owned(),
        listener("imap-login", "imap", imap) + &listener("imap-login", "imaps", 0),
        listener("pop3-login", "pop3", pop3) + &listener("pop3-login", "pop3s", 0),
        listener("lmtp", "lmtp", lmtp) + &listener("managesieve-login", "sieve", sieve),
    ];
    let file = scene.file(&format!("{name}/dovecot.conf"), &text.concat());
    scene.start(Launch::new(name, Path::new("/usr/sbin/dovecot")).args(["-F", "-c", &file]), &ports);
    ports
}

#[tokio::test]
#[ignore = "needs servers of many protocols: cargo xtask test"]
async fn dovecot_gives_its_certificate_in_four_protocols() {
    let mut scene = Scene::new("dovecot");
    let ports = dovecot(&mut scene, "tls", "yes");
    for (protocol, port) in PROTOCOLS.into_iter().zip(ports) {
        assert_eq!(scene.look(protocol, port).await, scene.valid(), "{protocol:?}");
    }

    let plain = dovecot(&mut scene, "plain", "no");
    let details = [
        "the server does not offer STARTTLS among its capabilities",
        "the server refuses STLS: -ERR TLS support isn't enabled.",
        "the server does not offer STARTTLS in its answer to LHLO",
        "the server does not offer STARTTLS among its capabilities",
    ];
    for ((protocol, port), detail) in PROTOCOLS.into_iter().zip(plain).zip(details) {
        assert_eq!(scene.look(protocol, port).await, unavailable(detail), "{protocol:?}");
    }

    let mistaken = "what answered is not SMTP but POP3: +OK Dovecot (Debian) ready.";
    assert_eq!(scene.look(StartTls::Smtp, ports[1]).await, failed(FailureReason::StartTlsFailed, mistaken));
}
