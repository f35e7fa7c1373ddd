//! The servers of mail, files, directories, databases, chat and news that the STARTTLS tests run: Debian's.
//!
//! The tests start them as children of their own; installing the packages starts nothing.

use std::{
    fs, io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

/// A program, or one of a directory of versions (`*`), and the package that it is of.
const PROGRAMS: [(&str, &str); 12] = [
    ("/usr/sbin/postfix", "postfix"),
    ("/usr/sbin/dovecot", "dovecot-core"),
    ("/usr/lib/dovecot/imap-login", "dovecot-imapd"),
    ("/usr/lib/dovecot/pop3-login", "dovecot-pop3d"),
    ("/usr/lib/dovecot/lmtp", "dovecot-lmtpd"),
    ("/usr/lib/dovecot/managesieve-login", "dovecot-managesieved"),
    ("/usr/sbin/vsftpd", "vsftpd"),
    ("/usr/sbin/slapd", "slapd"),
    ("/usr/lib/postgresql/*/bin/postgres", "postgresql"),
    ("/usr/sbin/mariadbd", "mariadb-server-core"),
    ("/usr/bin/prosody", "prosody"),
    ("/usr/lib/news/bin/nnrpd", "inn2"),
];

/// What Debian asks before it starts a service that it has installed (invoke-rc.d(8)); 101 is no.
const POLICY: &str = "/usr/sbin/policy-rc.d";
const START_NOTHING: &str = "#!/bin/sh\nexit 101\n";

/// INN's configuration while it is being installed: without a domain, which a machine may not have, its package refuses.
const INN: &str = "domain: news.invalid\npathhost: news.invalid\npathnews: /usr/lib/news\npathdb: /var/lib/news\n\
                   pathetc: /etc/news\npathlog: /var/log/news\npathspool: /var/spool/news\npathrun: /run/news\n\
                   pathtmp: /tmp\nhismethod: hisv6\novmethod: tradindexed\nmta: \"/bin/true\"\n";

/// Why the servers are not there.
#[derive(Debug, thiserror::Error)]
pub enum ServersError {
    /// A file could not be written or read, or a program not started.
    #[error("failed to {0}")]
    Io(&'static str, #[source] io::Error),
    /// apt-get ended with an error, and has said why.
    #[error("{0} failed; the servers need Debian and root")]
    Apt(&'static str),
    /// apt-get did its work, and the programs are not where they should be.
    #[error("the packages are installed, and these lack their programs: {0}")]
    Missing(String),
}

/// The packages whose programs are missing.
pub fn missing() -> Vec<&'static str> {
    PROGRAMS.iter().filter(|(program, _)| find(program).is_none()).map(|(_, package)| *package).collect()
}

/// The path of a program, where `*` stands for the greatest name of its directory.
pub fn find(program: &str) -> Option<PathBuf> {
    let Some((parent, rest)) = program.split_once("/*/") else {
        return Some(PathBuf::from(program)).filter(|path| path.exists());
    };
    let entries = fs::read_dir(parent).ok()?.filter_map(Result::ok);
    entries.map(|entry| entry.path().join(rest)).filter(|path| path.exists()).max()
}

/// Install the packages that are missing; their services are not started.
///
/// # Errors
/// [`ServersError`] when this is no Debian, or not root's to do.
pub fn install() -> Result<(), ServersError> {
    let packages = missing();
    if packages.is_empty() {
        return Ok(());
    }
    println!("installing {}", packages.join(" "));
    let _policy = Policy::hold()?;
    let inn = tempfile::NamedTempFile::new().map_err(|error| ServersError::Io("make a file for INN", error))?;
    fs::write(inn.path(), INN).map_err(|error| ServersError::Io("write a file for INN", error))?;
    apt_get("apt-get update", &["-q", "update"], inn.path())?;
    let options = ["-qy", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300", "install"];
    apt_get("apt-get install", &[&options[..], &packages].concat(), inn.path())?;
    match missing() {
        left if left.is_empty() => Ok(()),
        left => Err(ServersError::Missing(left.join(" "))),
    }
}

fn apt_get(what: &'static str, arguments: &[&str], inn: &Path) -> Result<(), ServersError> {
    let status = Command::new("apt-get")
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .env("INNCONF", inn)
        .status()
        .map_err(|error| ServersError::Io("start apt-get; the servers need Debian", error))?;
    if status.success() { Ok(()) } else { Err(ServersError::Apt(what)) }
}

/// The policy to start nothing, as long as this lives; one that is there already stays.
struct Policy {
    is_ours: bool,
}

// === impl Policy ===

impl Policy {
    fn hold() -> Result<Self, ServersError> {
        let is_ours = !Path::new(POLICY).exists();
        let held = Self { is_ours };
        if is_ours {
            fs::write(POLICY, START_NOTHING)
                .and_then(|()| fs::set_permissions(POLICY, fs::Permissions::from_mode(0o755)))
                .map_err(|error| ServersError::Io("keep services from being started", error))?;
        }
        Ok(held)
    }
}

impl Drop for Policy {
    fn drop(&mut self) {
        if self.is_ours {
            drop(fs::remove_file(POLICY));
        }
    }
}
