//! Certificates and servers by OpenSSL, which makes and speaks what nobody should any more.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
};

use rustls::pki_types::{CertificateDer, pem::PemObject as _};

/// A root and authorities of several kinds below it, in a folder that goes with this.
pub(crate) struct OpenSsl {
    folder: PathBuf,
    count: AtomicUsize,
}

/// A certificate with its key and the certificates to send with it, in files.
pub(crate) struct Files {
    pub stem: PathBuf,
    pub issuer: Option<PathBuf>,
}

/// `openssl s_server`, until this is dropped.
pub(crate) struct Running {
    pub address: SocketAddr,
    pub leaf: Option<Vec<u8>>,
    child: Child,
}

pub(crate) const RSA: &str = "-algorithm RSA -pkeyopt rsa_keygen_bits:2048";
pub(crate) const P256: &str = "-algorithm EC -pkeyopt ec_paramgen_curve:P-256";

/// Everything that OpenSSL can do, however weak.
pub(crate) const ALL: &str = "-cipher ALL:COMPLEMENTOFALL:!aNULL:@SECLEVEL=0";

// === impl Files ===

impl Files {
    /// Serve this leaf and its issuer.
    pub(crate) fn serve(&self, arguments: &str) -> Running {
        let (certificate, key) = (self.stem.with_extension("pem"), self.stem.with_extension("key"));
        let leaf = CertificateDer::from_pem_file(&certificate).unwrap().to_vec();
        let mut paths = vec![("-cert", certificate.as_path()), ("-key", key.as_path())];
        paths.extend(self.issuer.as_deref().map(|path| ("-cert_chain", path)));
        serve(arguments, &paths, Some(leaf))
    }
}

// === impl OpenSsl ===

impl OpenSsl {
    pub(crate) fn build() -> Self {
        let folder = std::env::temp_dir().join(format!("sslmonitor-servers-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("empty.cnf"), "[req]\ndistinguished_name=dn\n[dn]\n").unwrap();
        let built = Self { folder, count: AtomicUsize::new(0) };
        built.authority("root", P256, None, "");
        built.authority("int", P256, Some("root"), "");
        built.authority("rsa", RSA, Some("root"), "");
        built
    }

    /// An authority of this name and kind of key, signed by another or by itself.
    pub(crate) fn authority(&self, name: &str, key: &str, issuer: Option<&str>, more: &str) {
        let stem = self.folder.join(name);
        run("genpkey", key, &[("-out", &stem.with_extension("key"))]);
        let ca = "-x509 -days 30 -subj /CN=CA -addext basicConstraints=critical,CA:TRUE -addext keyUsage=keyCertSign";
        let ca = ca.replace("/CN=CA", &format!("/CN=OpenSSL-{name}"));
        self.request(&stem, issuer, &format!("{ca} {more}"));
    }

    /// A leaf for `a.test` with this kind of key, issued by that authority; `more` is for `openssl req`.
    pub(crate) fn issue(&self, key: &str, issuer: &str, more: &str) -> Files {
        self.issue_as("-subj /CN=a.test -addext subjectAltName=DNS:a.test", key, issuer, more)
    }

    /// A leaf with nothing but what `more` says.
    pub(crate) fn issue_as(&self, subject: &str, key: &str, issuer: &str, more: &str) -> Files {
        let stem = self.folder.join(format!("leaf-{}", self.count.fetch_add(1, Ordering::Relaxed)));
        let out = stem.with_extension("key");
        match key.strip_prefix("dsa ") {
            Some(bits) => run("dsaparam", &format!("-genkey {bits}"), &[("-out", &out)]),
            None => run("genpkey", key, &[("-out", &out)]),
        }
        self.request(&stem, Some(issuer), &format!("-x509 -days 20 {subject} {more}"));
        Files { stem, issuer: Some(self.folder.join(issuer).with_extension("pem")) }
    }

    /// A leaf of version 1, which has no extensions.
    pub(crate) fn issue_v1(&self) -> Files {
        let files = self.issue(RSA, "int", "");
        let [key, request, out] = ["key", "csr", "pem"].map(|extension| files.stem.with_extension(extension));
        let config = self.folder.join("empty.cnf");
        run("req", "-new -subj /CN=a.test", &[("-key", &key), ("-out", &request), ("-config", &config)]);
        let (ca, ca_key) = (self.folder.join("int.pem"), self.folder.join("int.key"));
        run("x509", "-req -days 20", &[("-in", &request), ("-out", &out), ("-CA", &ca), ("-CAkey", &ca_key)]);
        files
    }

    fn request(&self, stem: &Path, issuer: Option<&str>, arguments: &str) {
        let (key, out, config) =
            (stem.with_extension("key"), stem.with_extension("pem"), self.folder.join("empty.cnf"));
        let mut files = vec![("-key", key.as_path()), ("-out", out.as_path()), ("-config", config.as_path())];
        let issuer = issuer.map(|issuer| self.folder.join(issuer));
        let (ca, ca_key) =
            (issuer.as_ref().map(|path| path.with_extension("pem")), issuer.map(|path| path.with_extension("key")));
        files.extend(ca.as_deref().map(|path| ("-CA", path)));
        files.extend(ca_key.as_deref().map(|path| ("-CAkey", path)));
        run("req", arguments, &files);
    }

    pub(crate) fn root(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_file(self.folder.join("root.pem")).unwrap()
    }

    /// An OCSP answer for this leaf, `V` for valid or `R` for revoked.
    pub(crate) fn staple(&self, files: &Files, state: char) -> PathBuf {
        let [request, index, answer] = ["req", "idx", "ocsp"].map(|extension| files.stem.with_extension(extension));
        let certificate = files.stem.with_extension("pem");
        let (issuer, key) = (self.folder.join("int.pem"), self.folder.join("int.key"));
        let serial =
            Command::new("openssl").args(["x509", "-noout", "-serial", "-in"]).arg(&certificate).output().unwrap();
        let serial = String::from_utf8(serial.stdout).unwrap().trim().replace("serial=", "");
        let revoked = if state == 'R' { "250101000000Z" } else { "" };
        fs::write(&index, format!("{state}\t401231000000Z\t{revoked}\t{serial}\tunknown\t/CN=a.test\n")).unwrap();
        run("ocsp", "-no_nonce", &[("-issuer", &issuer), ("-cert", &certificate), ("-reqout", &request)]);
        let files = [
            ("-index", index.as_path()),
            ("-CA", &issuer),
            ("-rsigner", &issuer),
            ("-rkey", &key),
            ("-reqin", &request),
            ("-respout", &answer),
        ];
        run("ocsp", "-ndays 1", &files);
        answer
    }
}

impl Drop for OpenSsl {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn command(name: &str, arguments: &str, files: &[(&str, &Path)]) -> Command {
    let mut command = Command::new("openssl");
    command.arg(name);
    for (flag, path) in files {
        command.arg(flag).arg(path);
    }
    command.args(arguments.split_whitespace());
    command.stdin(Stdio::null());
    command
}

/// Run to the end.
fn run(name: &str, arguments: &str, files: &[(&str, &Path)]) {
    let output = command(name, arguments, files).output().expect("openssl is installed");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {name} {arguments}: {told}");
}

/// Start a server and wait for it to listen.
pub(crate) fn serve(arguments: &str, files: &[(&str, &Path)], leaf: Option<Vec<u8>>) -> Running {
    let mut command = command("s_server", &format!("-accept 127.0.0.1:0 {arguments}"), files);
    // A server whose input ends stops.
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let address = loop {
        let mut line = String::new();
        assert!(lines.read_line(&mut line).unwrap() > 0, "openssl s_server {arguments} did not start");
        if let Some(address) = line.trim().strip_prefix("ACCEPT ") {
            break address.parse().unwrap();
        }
    };
    // Nobody may stop it by not listening.
    std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
    Running { address, leaf, child }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
