//! Runs a program on a file that a stranger sent, under limits.
//!
//! The formats of video are too many and too large for this process: programs
//! read them, each run in a process of its own that can take down nothing but
//! itself. No shell is involved; the environment is empty; the working folder
//! is a fresh one that goes when the run ends; CPU time, memory, the sizes of
//! files and the number of open ones are limited by the kernel, the time on the
//! wall and the length of what is printed by [`run`]. When any of it is
//! exceeded, the whole process group is killed.
//!
//! The limits are set by util-linux's `prlimit`, which puts them on itself and
//! then becomes the program: they hold before its first instruction. Setting
//! them from here would need unsafe code between fork and exec, or leave the
//! program without limits for a moment.

use std::fs::File;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

/// A program, and the Debian package that has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Program {
    /// The name of the executable.
    pub name: &'static str,
    /// The package to install where it is missing.
    pub package: &'static str,
}

/// What sets the limits.
const PRLIMIT: Program = Program {
    name: "prlimit",
    package: "util-linux",
};

/// The folders in which programs are looked for, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Programs {
    folders: Vec<PathBuf>,
}

impl Default for Programs {
    /// The folders of every Unix, and Homebrew's.
    fn default() -> Self {
        Self::in_folders(["/usr/local/bin", "/usr/bin", "/bin", "/opt/homebrew/bin"])
    }
}

impl Programs {
    /// Programs from these folders and no others.
    pub fn in_folders<P: Into<PathBuf>>(folders: impl IntoIterator<Item = P>) -> Self {
        Self {
            folders: folders.into_iter().map(Into::into).collect(),
        }
    }

    /// The path of a program.
    ///
    /// # Errors
    /// [`RunError::Missing`] when no folder has it.
    pub fn find(&self, program: Program) -> Result<PathBuf, RunError> {
        self.folders
            .iter()
            .map(|folder| folder.join(program.name))
            .find(|path| path.is_file())
            .ok_or(RunError::Missing(program))
    }
}

/// What a run may use up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Time on the wall.
    pub wall: Duration,
    /// CPU time of each process, in seconds.
    pub cpu_seconds: u64,
    /// Address space of each process, in bytes.
    pub memory_bytes: u64,
    /// The longest file that may be written, in bytes.
    pub file_bytes: u64,
    /// The most bytes on standard output.
    pub output_bytes: u64,
}

impl Default for Limits {
    /// 20 s on the wall, 15 s of CPU, 1.5 GiB, 512 MiB a file, 64 MiB printed.
    fn default() -> Self {
        Self {
            wall: Duration::from_secs(20),
            cpu_seconds: 15,
            memory_bytes: 1536 << 20,
            file_bytes: 512 << 20,
            output_bytes: 64 << 20,
        }
    }
}

/// Bytes of what a program complains that are kept.
const COMPLAINT_BYTES: u64 = 4096;

/// How a run ended.
#[derive(Debug)]
pub struct Output {
    /// What was printed.
    pub stdout: Vec<u8>,
    /// The beginning of what was complained.
    pub stderr: Vec<u8>,
    /// The exit status.
    pub status: ExitStatus,
}

impl Output {
    /// The last line of the complaints: printable characters, at most 160.
    pub fn complaint(&self) -> String {
        let text = String::from_utf8_lossy(&self.stderr);
        let last = text.lines().rev().find(|line| !line.trim().is_empty());
        let printable = |c: &char| c.is_ascii_graphic() || *c == ' ';
        last.unwrap_or_default()
            .trim()
            .chars()
            .filter(printable)
            .take(160)
            .collect()
    }
}

/// Why a run came to no end of its own.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The program is not installed.
    #[error("{} is not installed; install the package {}", .0.name, .0.package)]
    Missing(Program),
    /// It did not end in time, and was killed.
    #[error("{program} was killed after {seconds} s")]
    TimedOut {
        /// The program's name.
        program: &'static str,
        /// The limit.
        seconds: u64,
    },
    /// It printed too much, and was killed.
    #[error("{program} was killed after it had printed {bytes} bytes")]
    TooMuchOutput {
        /// The program's name.
        program: &'static str,
        /// The limit.
        bytes: u64,
    },
    /// It could not be started, or not be followed.
    #[error("{program} could not be run")]
    Io {
        /// The program's name.
        program: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Runs a program in `folder` until it ends, whatever its exit status.
///
/// `input` is its standard input; a program that wants a file to seek in can
/// open `/dev/stdin`, which is that file.
///
/// # Errors
/// Those of [`RunError`]; what was printed until then is lost.
pub fn run(
    programs: &Programs,
    program: Program,
    arguments: &[&str],
    input: Option<File>,
    folder: &Path,
    limits: &Limits,
) -> Result<Output, RunError> {
    let failed = |source| RunError::Io {
        program: program.name,
        source,
    };
    let path = programs.find(program)?;
    let mut command = Command::new(programs.find(PRLIMIT)?);
    command
        .arg(format!("--cpu={0}:{0}", limits.cpu_seconds))
        .arg(format!("--as={0}:{0}", limits.memory_bytes))
        .arg(format!("--fsize={0}:{0}", limits.file_bytes))
        .args(["--nofile=64:64", "--core=0:0", "--"])
        .arg(path)
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("LC_ALL", "C")
        .env("HOME", folder)
        .env("TMPDIR", folder)
        .stdin(input.map_or_else(Stdio::null, Stdio::from))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // A group of its own, so that what it starts can be killed with it.
        .process_group(0);
    let child = command.spawn().map_err(failed)?;
    Running { child }.follow(program.name, limits)
}

/// A process that is killed with its group, and waited for, on every path.
struct Running {
    child: Child,
}

/// What the threads around a process have to tell.
enum Event {
    Ended,
    Overflowed,
}

impl Running {
    fn follow(mut self, program: &'static str, limits: &Limits) -> Result<Output, RunError> {
        let failed = |source| RunError::Io { program, source };
        let pid = Pid::from_child(&self.child);
        let (tell, events) = mpsc::channel();
        let stdout = self.child.stdout.take();
        let stderr = self.child.stderr.take();
        let most = limits.output_bytes;
        thread::scope(|scope| {
            let overflowed = tell.clone();
            let printed = scope.spawn(move || {
                let mut bytes = Vec::new();
                let Some(mut pipe) = stdout else {
                    return Ok(bytes);
                };
                let read = pipe.by_ref().take(most + 1).read_to_end(&mut bytes);
                if bytes.len() as u64 > most {
                    // Nobody listens any more when the time was over first.
                    let _ = overflowed.send(Event::Overflowed);
                }
                read.map(|_| bytes)
            });
            let complained = scope.spawn(move || {
                let mut bytes = Vec::new();
                let Some(mut pipe) = stderr else {
                    return bytes;
                };
                // What cannot be read of a complaint is not worth an error; the
                // rest is drained, so that the program does not block on it.
                let _ = pipe.by_ref().take(COMPLAINT_BYTES).read_to_end(&mut bytes);
                let _ = std::io::copy(&mut pipe, &mut std::io::sink());
                bytes
            });
            let ended = scope.spawn(move || {
                // NOWAIT leaves the process to be reaped: until then its id,
                // and that of its group, can be of no other.
                let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
                while let Err(rustix::io::Errno::INTR) = waitid(WaitId::Pid(pid), options) {}
                let _ = tell.send(Event::Ended);
            });
            let event = events.recv_timeout(limits.wall);
            // Also when it ended by itself: what it started may still hold the
            // pipes open. A group that is gone is no error.
            let _ = kill_process_group(pid, Signal::KILL);
            // ORDER: reaped only when nobody waits for its id any more.
            let _ = ended.join();
            let status = self.child.wait().map_err(failed)?;
            let stdout = printed.join().unwrap_or_else(|_| Ok(Vec::new()));
            let stderr = complained.join().unwrap_or_default();
            match event {
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    Err(RunError::TimedOut {
                        program,
                        seconds: limits.wall.as_secs(),
                    })
                }
                Ok(Event::Overflowed) => Err(RunError::TooMuchOutput {
                    program,
                    bytes: most,
                }),
                Ok(Event::Ended) => {
                    let stdout = stdout.map_err(failed)?;
                    if stdout.len() as u64 > most {
                        return Err(RunError::TooMuchOutput {
                            program,
                            bytes: most,
                        });
                    }
                    Ok(Output {
                        stdout,
                        stderr,
                        status,
                    })
                }
            }
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // `wait` has been called on every path but a panic; then this ends what
        // would be left behind. Both fail when there is nothing left.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, Write};
    use std::time::Instant;

    use super::*;

    const SH: Program = Program {
        name: "sh",
        package: "dash",
    };

    fn shell(script: &str, input: Option<File>, limits: Limits) -> Result<Output, RunError> {
        let folder = tempfile::tempdir().unwrap();
        let arguments = ["-c", script];
        run(
            &Programs::default(),
            SH,
            &arguments,
            input,
            folder.path(),
            &limits,
        )
    }

    fn quick() -> Limits {
        Limits {
            wall: Duration::from_millis(400),
            ..Limits::default()
        }
    }

    #[test]
    fn output_complaints_and_status_come_back() {
        let done = shell("echo out; echo err >&2; exit 3", None, Limits::default()).unwrap();
        assert_eq!(done.stdout, b"out\n");
        assert_eq!(
            (done.complaint(), done.status.code()),
            ("err".to_owned(), Some(3))
        );
    }

    #[test]
    fn the_input_is_a_file_that_can_be_opened_again() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"0123456789").unwrap();
        file.rewind().unwrap();
        let done = shell("tail -c 3 /dev/stdin", Some(file), Limits::default());
        // The environment is empty, so the shell has its own idea of a path.
        assert_eq!(done.unwrap().stdout, b"789");
    }

    #[test]
    fn nothing_of_the_environment_is_passed_on() {
        let done = shell(
            "echo $CARGO_MANIFEST_DIR$USER; pwd; echo $HOME",
            None,
            quick(),
        )
        .unwrap();
        let text = String::from_utf8(done.stdout).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "");
        assert_eq!(lines[1], lines[2]);
    }

    #[test]
    fn a_run_that_does_not_end_is_killed_with_all_that_it_started() {
        let started = Instant::now();
        for script in [
            "sleep 30",
            "sleep 30 & sleep 30 & wait",
            "trap '' TERM; sleep 30 | sleep 30",
        ] {
            let ended = shell(script, None, quick());
            assert!(matches!(ended, Err(RunError::TimedOut { .. })), "{ended:?}");
        }
        assert!(started.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn what_is_left_in_the_background_does_not_keep_the_run_open() {
        let started = Instant::now();
        let done = shell("sleep 30 & echo done", None, Limits::default()).unwrap();
        assert_eq!(done.stdout, b"done\n");
        assert!(started.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn each_limit_ends_a_run() {
        let endless = "while :; do echo 0123456789012345678901234567890123456789; done";
        let little = Limits {
            output_bytes: 10_000,
            ..Limits::default()
        };
        let ended = shell(endless, None, little);
        assert!(matches!(
            ended,
            Err(RunError::TooMuchOutput { bytes: 10_000, .. })
        ));

        let busy = Limits {
            cpu_seconds: 1,
            ..Limits::default()
        };
        let ended = shell("while :; do :; done", None, busy).unwrap();
        assert!(!ended.status.success());

        let small = Limits {
            file_bytes: 1 << 10,
            ..Limits::default()
        };
        let ended = shell("head -c 100000 /dev/zero >file; wc -c <file", None, small).unwrap();
        assert_eq!(String::from_utf8_lossy(&ended.stdout).trim(), "1024");

        let tight = Limits {
            memory_bytes: 64 << 20,
            ..Limits::default()
        };
        let greedy = "x=0123456789abcdef; while :; do x=$x$x; done";
        let ended = shell(greedy, None, tight).unwrap();
        assert!(!ended.status.success());
    }

    #[test]
    fn a_missing_program_is_named_with_its_package() {
        let nothing = Programs::in_folders(["/nonexistent"]);
        let folder = tempfile::tempdir().unwrap();
        let refused = run(&nothing, SH, &[], None, folder.path(), &quick()).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "sh is not installed; install the package dash"
        );
    }

    #[test]
    fn a_complaint_is_short_and_printable() {
        let noisy = "printf 'first\\n\\033[31mlast \\001\\377%0200d\\n\\n' 7 >&2";
        let done = shell(noisy, None, Limits::default()).unwrap();
        let complaint = done.complaint();
        assert!(complaint.starts_with("[31mlast 0000"), "{complaint}");
        assert!(complaint.len() <= 160);
    }
}
