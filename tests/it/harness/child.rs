//! The program as a child process: killed on drop, its output collected, its end waited for with a bound.

use super::PATIENCE;
use std::{
    ffi::OsStr,
    io::{Read, Write},
    os::fd::OwnedFd,
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// What of a developer's own environment must not reach a test, unless the test sets it.
const ENVIRONMENT: [&str; 12] = [
    "ws_proxy",
    "WS_PROXY",
    "http_proxy",
    "wss_proxy",
    "WSS_PROXY",
    "https_proxy",
    "HTTPS_PROXY",
    "all_proxy",
    "ALL_PROXY",
    "no_proxy",
    "NO_PROXY",
    "SSLKEYLOGFILE",
];

/// A running `wsio`.
pub struct Wsio {
    child: Child,
    stdin: Option<ChildStdin>,
    out: Collected,
    err: Collected,
}

/// How a `wsio` ended.
#[derive(Debug)]
pub struct Done {
    /// The exit status; 128 and the signal's number when one killed it.
    pub code: i32,
    pub out: Vec<u8>,
    pub err: String,
}

impl Done {
    /// Standard output as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.out).unwrap()
    }

    /// Messages and bytes that `--stats` says were sent.
    pub fn sent(&self) -> (u64, u64) {
        let line = self.err.lines().find_map(|line| line.split_once("out: "));
        let (_, line) = line.unwrap_or_else(|| panic!("no --stats:\n{}", self.err));
        let mut numbers = line.split(|byte: char| !byte.is_ascii_digit()).filter(|word| !word.is_empty());
        let mut next = || numbers.next().unwrap().parse().unwrap();
        (next(), next())
    }

    /// The number in front of these words on standard error; 0 where they are not said.
    pub fn told(&self, words: &str) -> u64 {
        let Some(at) = self.err.find(words) else { return 0 };
        let word = self.err[..at].rsplit([' ', '\n']).next().unwrap();
        word.parse().unwrap_or_else(|_| panic!("`{word}` is no number: {}", self.err))
    }
}

struct Collected {
    bytes: Arc<Mutex<Vec<u8>>>,
    thread: Option<JoinHandle<()>>,
}

impl Collected {
    fn new(mut from: impl Read + Send + 'static) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&bytes);
        let thread = thread::spawn(move || {
            let mut chunk = [0; 65536];
            while let Ok(count @ 1..) = from.read(&mut chunk) {
                into.lock().unwrap().extend_from_slice(&chunk[..count]);
            }
        });
        Self { bytes, thread: Some(thread) }
    }

    fn so_far(&self) -> Vec<u8> {
        self.bytes.lock().unwrap().clone()
    }
}

impl Wsio {
    /// Starts it with these arguments and an open standard input.
    pub fn start<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Self {
        Self::spawn(Command::new(env!("CARGO_BIN_EXE_wsio")).args(args))
    }

    /// Runs it to its end without input, with these variables.
    pub fn run_with<S: AsRef<OsStr>>(env: &[(&str, &str)], args: impl IntoIterator<Item = S>) -> Done {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wsio"));
        let mut wsio = Self::spawn(command.envs(env.iter().copied()).args(args));
        wsio.close_stdin();
        wsio.wait()
    }

    /// Starts this command, which is `wsio` in some surroundings.
    pub fn spawn(command: &mut Command) -> Self {
        let mut wsio = Self::joined(command, Stdio::piped(), Stdio::piped());
        let out = wsio.child.stdout.take().unwrap();
        (wsio.stdin, wsio.out) = (wsio.child.stdin.take(), Collected::new(out));
        wsio
    }

    /// Starts it with these arguments, standard input and standard output, of which none is collected.
    pub fn between<S: AsRef<OsStr>>(
        stdin: impl Into<Stdio>,
        stdout: impl Into<Stdio>,
        args: impl IntoIterator<Item = S>,
    ) -> Self {
        Self::joined(Command::new(env!("CARGO_BIN_EXE_wsio")).args(args), stdin, stdout)
    }

    /// Starts it with these arguments and standard input, and collects its output.
    pub fn fed<S: AsRef<OsStr>>(stdin: impl Into<Stdio>, args: impl IntoIterator<Item = S>) -> Self {
        let mut wsio = Self::between(stdin, Stdio::piped(), args);
        wsio.out = Collected::new(wsio.child.stdout.take().unwrap());
        wsio
    }

    fn joined(command: &mut Command, stdin: impl Into<Stdio>, stdout: impl Into<Stdio>) -> Self {
        super::signals_act();
        for name in ENVIRONMENT {
            if !command.get_envs().any(|(given, _)| given == name) {
                command.env_remove(name);
            }
        }
        let command = command.stdin(stdin).stdout(stdout).stderr(Stdio::piped());
        let mut child = command.spawn().expect("wsio starts");
        let err = Collected::new(child.stderr.take().unwrap());
        Self { stdin: None, out: Collected::new(std::io::empty()), err, child }
    }

    /// Starts it with this signal ignored, as `nohup` and a script's `&` do.
    pub fn ignoring<S: AsRef<OsStr>>(signal: &str, args: impl IntoIterator<Item = S>) -> Self {
        let script = format!("trap '' {signal}; exec \"$0\" \"$@\"");
        let mut command = Command::new("/bin/sh");
        Self::spawn(command.args(["-c", &script, env!("CARGO_BIN_EXE_wsio")]).args(args))
    }

    /// Starts it with two sockets as its descriptors 3 and 4, after these commands of a shell.
    ///
    /// A shell moves them there: that takes no unsafe code. Its standard input and output are empty.
    pub fn handed(
        before: &str,
        sockets: [OwnedFd; 2],
        args: impl IntoIterator<Item = impl AsRef<OsStr>>,
    ) -> Self {
        let [third, fourth] = sockets;
        let script = format!("{before}\nexec \"$0\" \"$@\" 3<&0 4<&1 </dev/null >/dev/null");
        let mut command = Command::new("/bin/sh");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_wsio")]).args(args);
        super::signals_act();
        let command = command.stdin(third).stdout(fourth).stderr(Stdio::piped());
        let mut child = command.spawn().expect("a shell starts");
        let err = Collected::new(child.stderr.take().unwrap());
        Self { stdin: None, out: Collected::new(std::io::empty()), err, child }
    }

    /// Runs it with this input to its end.
    pub fn run<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>, input: impl Into<Vec<u8>>) -> Done {
        let mut wsio = Self::start(args);
        let input = input.into();
        let mut stdin = wsio.stdin.take().unwrap();
        let feeder = thread::spawn(move || {
            let _ = stdin.write_all(&input);
        });
        let done = wsio.wait();
        let _ = feeder.join();
        done
    }

    pub fn write(&mut self, bytes: &[u8]) {
        self.stdin.as_mut().expect("standard input is open").write_all(bytes).expect("wsio reads");
    }

    /// Writes what it takes; it may have ended already.
    pub fn write_all(&mut self, bytes: &[u8]) {
        let _ = self.stdin.as_mut().expect("standard input is open").write_all(bytes);
    }

    /// Standard input, to be written by another thread.
    pub fn take_stdin(&mut self) -> ChildStdin {
        self.stdin.take().expect("standard input is open")
    }

    pub fn close_stdin(&mut self) {
        self.stdin = None;
    }

    pub fn pid(&self) -> rustix::process::Pid {
        rustix::process::Pid::from_child(&self.child)
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        rustix::process::kill_process(self.pid(), signal).unwrap();
    }

    pub fn out_so_far(&self) -> Vec<u8> {
        self.out.so_far()
    }

    pub fn err_so_far(&self) -> String {
        String::from_utf8_lossy(&self.err.so_far()).into_owned()
    }

    /// Waits for text on standard error and gives the rest of its line.
    pub fn says(&self, text: &str) -> String {
        let start = Instant::now();
        loop {
            let err = self.err_so_far();
            let rest = err.find(text).map(|at| &err[at + text.len()..]);
            if let Some((line, _)) = rest.and_then(|rest| rest.split_once('\n')) {
                return line.to_owned();
            }
            assert!(start.elapsed() < PATIENCE, "`{text}` was never said:\n{err}");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits for its end, within bounds; standard input stays as it is.
    pub fn wait(mut self) -> Done {
        let start = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(start.elapsed() < PATIENCE, "wsio does not end; it said:\n{}", self.err_so_far());
            thread::sleep(Duration::from_millis(2));
        };
        for collected in [&mut self.out, &mut self.err] {
            collected.thread.take().unwrap().join().unwrap();
        }
        use std::os::unix::process::ExitStatusExt;
        let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
        Done { code, out: self.out.so_far(), err: self.err_so_far() }
    }

    /// Its peak memory so far, KiB.
    #[cfg(target_os = "linux")]
    pub fn peak_kib(&self) -> u64 {
        self.memory("VmHWM")
    }

    /// Its memory now, KiB.
    #[cfg(target_os = "linux")]
    pub fn resident_kib(&self) -> u64 {
        self.memory("VmRSS")
    }

    #[cfg(target_os = "linux")]
    fn memory(&self, field: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with(field)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// How many descriptors it has open.
    #[cfg(target_os = "linux")]
    pub fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap().count()
    }
}

impl Drop for Wsio {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A `wsio` that listens.
pub struct Listening {
    pub wsio: Wsio,
    /// What it says it listens on.
    pub url: String,
}

impl Listening {
    /// Starts it and waits until it accepts.
    pub fn start<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Self {
        Self::of(Wsio::start(args))
    }

    /// The same of one that was started already.
    pub fn of(wsio: Wsio) -> Self {
        let url = wsio.says("listening on ");
        Self { wsio, url }
    }

    /// `HOST:PORT`.
    pub fn address(&self) -> &str {
        let rest = self.url.split_once("://").map_or(self.url.as_str(), |(_, rest)| rest);
        rest.split('/').next().unwrap()
    }
}
