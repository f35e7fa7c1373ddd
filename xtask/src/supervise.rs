//! Child processes that never outlive us, however we end.
//!
//! Each child runs below a small shell that holds the reading end of a pipe. When the writing end closes, because we
//! stopped the child, dropped it, returned from `main` without dropping it (statics) or were killed, the shell ends the
//! child: SIGTERM, then SIGKILL. The shell that is the last one out also takes the temporary directory away.

use std::{
    ffi::{OsStr, OsString},
    fs, io,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

/// The shell above each child; its arguments are: directory, name, seconds of grace, program, arguments.
///
/// `ended` says that the child is gone, so that no other process that got its number is ever signalled. `rmdir` succeeds
/// only for the last one out.
const SCRIPT: &str = r#"
root=$1 mine=$1/running/$2 left=$(($3 * 10))
shift 3
exec 3<&0 </dev/null
"$@" 3<&- &
child=$!
echo "$child" >"$mine/pid"
(
  read -r _ <&3
  [ -e "$mine/ended" ] || kill -TERM "$child"
  while [ ! -e "$mine/ended" ] && [ "$left" -gt 0 ]; do sleep 0.1; left=$((left - 1)); done
  [ -e "$mine/ended" ] || kill -KILL "$child"
  while [ ! -e "$mine/ended" ] && [ "$left" -gt -20 ]; do sleep 0.1; left=$((left - 1)); done
  rm -rf "$mine"
  rmdir "$root/running" && rm -rf "$root"
) 2>/dev/null &
wait "$child"
status=$?
true >"$mine/ended"
exit "$status"
"#;

/// What is waited beyond the grace for a killed child to be gone.
const KILL_SLACK: Duration = Duration::from_secs(3);
/// How often a child's end is looked for.
const POLL: Duration = Duration::from_millis(20);

/// A program to run below a supervising shell.
#[derive(Debug)]
pub struct Launch {
    name: String,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    without: Vec<&'static str>,
    grace: u32,
}

/// A running child; stopped when dropped.
#[derive(Debug)]
pub struct Supervised {
    name: String,
    shell: Child,
    work: PathBuf,
    log: PathBuf,
    patience: Duration,
    ended: Option<ExitStatus>,
}

// === impl Launch ===

impl Launch {
    /// `program`, known as `name` (which must be unique in its directory), without arguments; 5 s of grace after SIGTERM.
    pub fn new(name: impl Into<String>, program: &Path) -> Self {
        let arguments = vec![program.as_os_str().to_owned()];
        Self { name: name.into(), arguments, environment: Vec::new(), without: Vec::new(), grace: 5 }
    }

    /// Add an argument.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    /// Add arguments.
    #[must_use]
    pub fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.arguments.extend(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        self
    }

    /// Set an environment variable.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.environment.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Do not hand an environment variable on.
    #[must_use]
    pub fn env_remove(mut self, name: &'static str) -> Self {
        self.without.push(name);
        self
    }

    /// How many seconds the child has between SIGTERM and SIGKILL.
    #[must_use]
    pub fn grace(mut self, seconds: u32) -> Self {
        self.grace = seconds;
        self
    }

    /// Start it. Its output goes to `<directory>/<name>.log`; `directory` must be one of our own temporary directories:
    /// it is removed after the last child that was started in it has ended and its handle is gone.
    ///
    /// # Errors
    /// When the directory cannot be written or `sh` cannot be started. A program that cannot be executed is not an
    /// error here: its shell ends at once with exit code 126 or 127 and says so in the log.
    pub fn start(self, directory: &Path) -> io::Result<Supervised> {
        let work = directory.join("running").join(&self.name);
        fs::create_dir_all(&work)?;
        let log = directory.join(format!("{}.log", self.name));
        let output = fs::File::create(&log)?;
        let mut command = Command::new("/bin/sh");
        command.arg("-c").arg(SCRIPT).arg("sh").arg(directory).arg(&self.name).arg(self.grace.to_string());
        command.args(&self.arguments).envs(self.environment);
        self.without.iter().for_each(|name| {
            command.env_remove(name);
        });
        // A process group of its own: Ctrl-C in our terminal is for us, and we stop the children in our order.
        command.stdin(Stdio::piped()).stdout(output.try_clone()?).stderr(output).process_group(0);
        let shell = command.spawn()?;
        let patience = Duration::from_secs(self.grace.into()) + KILL_SLACK;
        Ok(Supervised { name: self.name, shell, work, log, patience, ended: None })
    }
}

// === impl Supervised ===

impl Supervised {
    /// The name it was launched by.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where its output goes.
    pub fn log_path(&self) -> &Path {
        &self.log
    }

    /// All output so far.
    pub fn log(&self) -> String {
        fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// The last `lines` lines of the output.
    pub fn log_tail(&self, lines: usize) -> String {
        let log = self.log();
        let all: Vec<&str> = log.lines().collect();
        all[all.len().saturating_sub(lines)..].join("\n")
    }

    /// The process number of the program itself (not of its shell); `None` when it has not been started within a second.
    pub fn pid(&self) -> Option<u32> {
        let deadline = Instant::now() + Duration::from_secs(1);
        loop {
            let text = fs::read_to_string(self.work.join("pid")).unwrap_or_default();
            match text.trim().parse() {
                Ok(pid) => return Some(pid),
                Err(_) if Instant::now() > deadline => return None,
                Err(_) => thread::sleep(POLL),
            }
        }
    }

    /// Its exit status when it has ended; a child that was ended by signal N has exit code 128 + N.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            self.ended = self.shell.try_wait().ok().flatten();
        }
        self.ended
    }

    /// End it: SIGTERM, SIGKILL when the grace is over. Returns the exit status, or `None` when it would not even die.
    pub fn stop(&mut self) -> Option<ExitStatus> {
        drop(self.shell.stdin.take());
        let deadline = Instant::now() + self.patience;
        while self.ended().is_none() && Instant::now() < deadline {
            thread::sleep(POLL);
        }
        self.ended
    }

    /// Send a signal by its name without `SIG`, for example `KILL`, to the program itself, if it is still running.
    ///
    /// # Errors
    /// When `kill` cannot be run or refuses.
    pub fn signal(&mut self, signal: &str) -> io::Result<()> {
        let (None, Some(pid)) = (self.ended(), self.pid()) else { return Ok(()) };
        let status = Command::new("kill").arg(format!("-{signal}")).arg(pid.to_string()).status()?;
        if status.success() { Ok(()) } else { Err(io::Error::other(format!("kill -{signal} {pid}: {status}"))) }
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        self.stop();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn directory() -> PathBuf {
        tempfile::Builder::new().prefix("xtask-supervise-").tempdir().unwrap().keep()
    }

    fn shell(name: &str, script: &str) -> Launch {
        Launch::new(name, Path::new("/bin/sh")).arg("-c").arg(script)
    }

    fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !condition() {
            assert!(Instant::now() < deadline, "{what}");
            thread::sleep(POLL);
        }
    }

    fn is_running(pid: u32) -> bool {
        Command::new("kill").arg("-0").arg(pid.to_string()).stderr(Stdio::null()).status().unwrap().success()
    }

    #[test]
    fn a_child_that_ends_by_itself_hands_its_exit_code_and_output_on() {
        let directory = directory();
        let mut child = shell("short", "echo out; echo err >&2; exit 7").start(&directory).unwrap();
        wait_until("the child ends", || child.ended().is_some());
        assert_eq!((child.ended().unwrap().code(), child.log().as_str()), (Some(7), "out\nerr\n"));
        drop(child);
        wait_until("the directory is removed", || !directory.exists());
    }

    #[test]
    fn stopping_sends_sigterm_and_returns_what_the_child_makes_of_it() {
        let mut child =
            shell("polite", "trap 'exit 3' TERM; echo ready; while :; do sleep 0.1; done").start(&directory()).unwrap();
        wait_until("the child is ready", || child.log() == "ready\n");
        assert_eq!(child.stop().unwrap().code(), Some(3));
    }

    #[test]
    fn a_child_that_ignores_sigterm_is_killed_after_its_grace() {
        let script = "trap '' TERM; echo ready; while :; do sleep 0.1; done";
        let mut child = shell("stubborn", script).grace(1).start(&directory()).unwrap();
        wait_until("the child is ready", || child.log() == "ready\n");
        assert_eq!(child.stop().unwrap().code(), Some(128 + 9));
    }

    #[test]
    fn a_child_ends_when_its_parent_is_killed_and_takes_the_directory_along() {
        let directory = directory();
        // The parent here is another shell, which holds the pipe and is killed without a chance to clean up.
        fs::create_dir_all(directory.join("running/orphan")).unwrap();
        let parent = format!(
            "sh -c 'echo $$ >{0}/holder; exec sleep 600' | /bin/sh -c \"$0\" sh {0} orphan 5 /bin/sleep 600",
            directory.display()
        );
        let mut parent = Command::new("/bin/sh")
            .arg("-c")
            .arg(parent)
            .arg(SCRIPT)
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap();
        let read = |name: &str| fs::read_to_string(directory.join(name)).ok().and_then(|text| text.trim().parse().ok());
        wait_until("both run", || read("holder").is_some() && read("running/orphan/pid").is_some());
        let (holder, child): (u32, u32) = (read("holder").unwrap(), read("running/orphan/pid").unwrap());
        assert!(is_running(child));
        Command::new("kill").arg("-KILL").arg(holder.to_string()).status().unwrap();
        wait_until("the child has ended", || !is_running(child));
        wait_until("the directory is removed", || !directory.exists());
        parent.wait().unwrap();
    }

    #[test]
    fn the_directory_stays_until_the_last_child_is_gone() {
        let directory = directory();
        let mut first = shell("first", "sleep 600").start(&directory).unwrap();
        let second = shell("second", "sleep 600").start(&directory).unwrap();
        assert!(second.pid().is_some());
        let own = directory.join("running/first");
        first.stop();
        wait_until("the first one's own directory is removed", || !own.exists());
        assert!(directory.exists());
        drop(second);
        wait_until("the directory is removed", || !directory.exists());
    }
}
