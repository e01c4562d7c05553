//! The programs under measurement: where each is found, how it is started, and what it used. Everything is read
//! from `/proc`, so that a process of ours and a peer's are measured alike.

use rustix::process::{Pid, WaitId, WaitIdOptions, kill_process, waitid};
use std::{
    env,
    fs::{self, File},
    net::TcpListener,
    path::PathBuf,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// No run takes longer.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Contenders, in the order of the columns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Who {
    Wsio,
    /// Another build of wsio.
    Base,
    /// websocat 1.
    W1,
    /// websocat 4.
    W4,
    Socat,
    /// Our own loops, by hand, on one thread.
    Bound,
    /// The same on one thread a core.
    Cores,
}

impl Who {
    pub const ALL: [Self; 7] =
        [Self::Wsio, Self::Base, Self::W1, Self::W4, Self::Socat, Self::Bound, Self::Cores];

    pub fn name(self) -> &'static str {
        match self {
            Self::Wsio => "wsio",
            Self::Base => "base",
            Self::W1 => "websocat 1",
            Self::W4 => "websocat 4",
            Self::Socat => "socat",
            Self::Bound => "bound",
            Self::Cores => "bound, a thread a core",
        }
    }

    /// As `--only` has it.
    pub fn short(self) -> &'static str {
        match self {
            Self::W1 => "w1",
            Self::W4 => "w4",
            Self::Cores => "cores",
            other => other.name(),
        }
    }

    pub fn is_peer(self) -> bool {
        matches!(self, Self::W1 | Self::W4 | Self::Socat)
    }

    pub fn is_bound(self) -> bool {
        matches!(self, Self::Bound | Self::Cores)
    }

    /// Where the program is: an environment variable names it, or it is on the path.
    pub fn find(self) -> Option<PathBuf> {
        let named =
            |variable: &str, or: &str| PathBuf::from(env::var_os(variable).unwrap_or_else(|| or.into()));
        let (path, flag, says) = match self {
            Self::Wsio => return Some(env!("CARGO_BIN_EXE_wsio").into()),
            Self::Base => return env::var_os("WSIO_BASE").map(Into::into),
            Self::Bound | Self::Cores => return env::current_exe().ok(),
            Self::W1 => (named("WSIO_BENCH_W1", "websocat"), "--version", "websocat 1."),
            Self::W4 => (named("WSIO_BENCH_W4", "websocat4"), "--version", "websocat 4."),
            Self::Socat => (named("WSIO_BENCH_SOCAT", "socat"), "-V", "socat"),
        };
        let folders = env::split_paths(&env::var_os("PATH")?).collect::<Vec<_>>();
        let path = folders.iter().map(|folder| folder.join(&path)).find(|path| path.is_file())?;
        let output = Command::new(&path).arg(flag).output().ok()?;
        String::from_utf8_lossy(&output.stdout).contains(says).then_some(path)
    }
}

/// A program and its arguments.
pub struct Invocation {
    pub path: PathBuf,
    pub args: Vec<String>,
}

/// The certificate that every client is told to trust.
pub const CERT: &str = "cert.pem";

/// A place for files of a run: below the target folder, never a file system in memory.
pub fn scratch(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A program that runs; it is killed after [`PATIENCE`], and when it is dropped.
pub struct Process {
    child: Child,
    pid: Pid,
    started: Instant,
    peak: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
    watch: Option<JoinHandle<()>>,
}

/// What a process took from start to exit.
pub struct Used {
    pub seconds: f64,
    pub cpu: f64,
    pub peak_kib: u64,
    /// Nothing when it exited with 0, otherwise how it ended and what it said.
    pub fault: Option<String>,
}

impl Process {
    pub fn start(what: &Invocation, stdin: Stdio, stdout: Stdio) -> Self {
        let said = File::create(scratch("stderr")).unwrap();
        let started = Instant::now();
        let child = Command::new(&what.path)
            .args(&what.args)
            .stdin(stdin)
            .stdout(stdout)
            .stderr(said)
            .env("SSL_CERT_FILE", scratch(CERT))
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", what.path.display()));
        let pid = Pid::from_child(&child);
        let (peak, over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let watch = {
            let (id, peak, over) = (child.id(), Arc::clone(&peak), Arc::clone(&over));
            thread::spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    peak.fetch_max(memory(id, "VmHWM:"), Ordering::Relaxed);
                    if started.elapsed() > PATIENCE {
                        // It is not waited for before this thread is joined: the number is still its own.
                        let _ = kill_process(pid, rustix::process::Signal::KILL);
                    }
                    thread::sleep(Duration::from_millis(10));
                }
            })
        };
        Self { child, pid, started, peak, over, watch: Some(watch) }
    }

    pub fn stdin(&mut self) -> ChildStdin {
        self.child.stdin.take().unwrap()
    }

    pub fn stdout(&mut self) -> ChildStdout {
        self.child.stdout.take().unwrap()
    }

    /// Seconds of processor time so far, user and system, all threads.
    pub fn cpu(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap_or_default();
        let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11);
        fields.take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
    }

    pub fn resident_kib(&self) -> u64 {
        memory(self.child.id(), "VmRSS:")
    }

    pub fn peak_kib(&self) -> u64 {
        self.peak.fetch_max(memory(self.child.id(), "VmHWM:"), Ordering::Relaxed);
        self.peak.load(Ordering::Relaxed)
    }

    /// Waits until it exits by itself.
    pub fn finish(mut self) -> Used {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while waitid(WaitId::Pid(self.pid), options).is_err_and(|error| error == rustix::io::Errno::INTR) {}
        let seconds = self.started.elapsed().as_secs_f64();
        // A process that nobody waited for yet still tells its times.
        let cpu = self.cpu();
        let status = self.end(false);
        let said = || fs::read_to_string(scratch("stderr")).unwrap_or_default();
        let begin = |text: String| {
            text.lines().skip_while(|line| line.is_empty()).take(3).collect::<Vec<_>>().join(" / ")
        };
        let fault = (!status.success()).then(|| format!("{status}: {}", begin(said())));
        Used { seconds, cpu, peak_kib: self.peak.load(Ordering::Relaxed), fault }
    }

    fn end(&mut self, kill: bool) -> std::process::ExitStatus {
        self.over.store(true, Ordering::Relaxed);
        if let Some(watch) = self.watch.take() {
            watch.join().unwrap();
        }
        if kill {
            let _ = self.child.kill();
        }
        self.child.wait().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.watch.is_some() {
            self.end(true);
        }
    }
}

/// A line of `/proc/PID/status` in KiB; 0 once the process is gone.
fn memory(pid: u32, line: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let found = status.lines().find_map(|text| text.strip_prefix(line));
    found.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
