//! A container as a kubelet would make one of the image, without an engine: its files alone as a root that cannot be written, its
//! user, its entrypoint, no environment, no privilege to gain. What a pod mounts is put there before.

use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf, process::Command};

use tempfile::TempDir;
use xtask::image::Arch;

use crate::layout::{Image, image};

/// Makes the root, its first argument, unwritable in a mount namespace of its own, and becomes what the others say: nothing is
/// between a signal and the program.
const ENTER: &str = r#"
mount --bind "$1" "$1"
mount -o remount,bind,ro,nosuid,nodev "$1"
shift
exec /usr/bin/env --ignore-environment "$@"
"#;

/// The files of an image, and what is mounted beside them.
pub(crate) struct Container {
    image: Image,
    directory: TempDir,
}

// === impl Container ===

impl Container {
    pub(crate) fn new(arch: Arch) -> Self {
        let (image, directory) = (image(arch), tempfile::tempdir().unwrap());
        // The user of the image goes through here.
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        image.extract(&directory.path().join("root"));
        Self { image, directory }
    }

    /// Where its root is.
    pub(crate) fn root(&self) -> PathBuf {
        self.directory.path().join("root")
    }

    /// Mount a file, readable by all.
    pub(crate) fn mount(&self, path: &str, content: &str) {
        let path = self.root().join(path.trim_start_matches('/'));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
    }

    /// The entrypoint with this environment; arguments are to be added.
    pub(crate) fn command(&self, environment: &[(&str, &str)]) -> Command {
        let mut command = Command::new("unshare");
        command.args(["--mount", "/bin/sh", "-euc", ENTER, "enter"]).args(self.words(environment));
        command
    }

    /// A program that does what [`Container::command`] does, for those who start programs by their path.
    pub(crate) fn program(&self, environment: &[(&str, &str)]) -> PathBuf {
        let path = self.directory.path().join("program");
        let quoted = |word: &String| format!("'{word}'");
        let words = self.words(environment).iter().map(quoted).collect::<Vec<_>>().join(" ");
        let script = format!("#!/bin/sh\nexec unshare --mount /bin/sh -euc '{ENTER}' enter {words} \"$@\"\n");
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    /// The arguments of [`ENTER`], with nothing for a shell to mistake in them.
    fn words(&self, environment: &[(&str, &str)]) -> Vec<String> {
        let config = &self.image.config["config"];
        let entrypoint = config["Entrypoint"].as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned());
        let root = self.root().to_str().unwrap().to_owned();
        let user = format!("--userspec={}", config["User"].as_str().unwrap());
        let change = ["/usr/bin/setpriv", "--no-new-privs", "/usr/sbin/chroot", &user, "--groups=", &root];
        let variables = environment.iter().map(|(name, value)| format!("{name}={value}"));
        let head = [root.clone()].into_iter().chain(variables);
        head.chain(change.map(str::to_owned)).chain(entrypoint).collect()
    }
}
