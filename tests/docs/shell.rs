//! One shell that types what a page tells, so that what was set in one block is there in the next one.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    path::PathBuf,
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

/// How long one block may take.
const PATIENCE: Duration = Duration::from_mins(4);

/// A running shell; killed when it is dropped.
pub(crate) struct Shell {
    child: Child,
    stdin: ChildStdin,
    /// What it says when a script has ended: its exit code.
    ended: Receiver<String>,
    directory: PathBuf,
    scripts: usize,
}

/// What came of a script: all that it said, and its exit code; none when the shell itself has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) text: String,
    pub(crate) code: Option<i32>,
}

// === impl Shell ===

impl Shell {
    /// A shell with this environment and working directory that keeps its own files in `directory`.
    pub(crate) fn start(mut command: Command, directory: PathBuf) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (tell, ended) = channel();
        thread::spawn(move || {
            let lines = BufReader::new(stdout).lines().map_while(Result::ok);
            lines.for_each(|line| drop(tell.send(line)));
        });
        Self { child, stdin, ended, directory, scripts: 0 }
    }

    /// Run a script in the shell itself. With `strict` the first command that fails ends the shell.
    pub(crate) fn run(&mut self, script: &str, strict: bool) -> Said {
        self.scripts += 1;
        let [script_path, output] = ["sh", "out"].map(|end| self.directory.join(format!("{}.{end}", self.scripts)));
        fs::write(&script_path, script).unwrap();
        // Otherwise `$?` is that of the script before.
        let before = if strict { "set -e" } else { "(exit ${last:-0})" };
        let line = format!(
            "{before}; . {} >{} 2>&1 </dev/null; last=$?; set +e; echo $last\n",
            script_path.display(),
            output.display()
        );
        self.stdin.write_all(line.as_bytes()).unwrap();
        let code = self.ended.recv_timeout(PATIENCE).ok().map(|code| code.parse().unwrap());
        Said { text: fs::read_to_string(&output).unwrap_or_default(), code }
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn what_one_script_sets_the_next_one_knows_and_a_failure_ends_a_strict_one() {
    let directory = tempfile::tempdir().unwrap();
    let mut shell = Shell::start(Command::new("sh"), directory.path().to_owned());
    let said = |text: &str, code| Said { text: text.to_owned(), code };
    assert_eq!(shell.run("a=1\necho $a >&2\n", true), said("1\n", Some(0)));
    assert_eq!(shell.run("test $a = 2\n", false), said("", Some(1)));
    assert_eq!(shell.run("echo $?\n", false), said("1\n", Some(0)));
    assert_eq!(shell.run("echo before\nfalse\necho after\n", true), said("before\n", None));
}
