//! Child processes: one a session, in a process group of its own, never left behind.
//!
//! A child is two pipes, or a terminal, and an exit status. Its group is told to leave in steps when the
//! session is over: end of input, TERM a second later (and the hang-up of its terminal), KILL two
//! seconds after that.

mod find;
pub mod ignored;
mod inherit;
mod limit;
mod processes;
mod terminal;

pub use find::find;
pub use limit::{descriptors, raise_descriptors};
pub use processes::reap;
pub use terminal::Manner;

use processes::Group;
use terminal::{TerminalInput, TerminalOutput};

use std::{
    ffi::OsString,
    io::{self, IoSlice},
    os::unix::process::{CommandExt, ExitStatusExt},
    pin::Pin,
    process::{Command, ExitStatus, Stdio},
    task::{Context, Poll, Waker, ready},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    process::{ChildStderr, ChildStdin, ChildStdout},
    time::{Instant, Sleep, sleep, sleep_until, timeout},
};

/// From end of input to TERM.
const PATIENCE: Duration = Duration::from_secs(1);
/// From TERM to KILL.
const GRACE: Duration = Duration::from_secs(2);
/// Longest silence of the output after the child is gone, when something it left behind holds it open.
const LEFTOVER: Duration = Duration::from_millis(250);
/// Bytes read at once of what nobody wants any more.
const WASTE: usize = 8 * 1024;
/// Reads in one poll before others get their turn.
const ROUNDS: usize = 16;

/// systemd's words about descriptors that no child inherits.
const ACTIVATION: [&str; 3] = ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"];

/// The program to start, with its arguments and environment.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// The program and its arguments; never empty.
    pub words: Vec<OsString>,
    /// Variables set beside the inherited ones.
    pub env: Vec<(&'static str, String)>,
    /// Variables that are taken away.
    pub unset: Vec<&'static str>,
    /// The place where its standard error goes.
    pub errors: Errors,
    /// Its three streams are a terminal, which leads a session of its own; `errors` has no say then.
    pub terminal: Option<Manner>,
    /// [`Child::hang_up`] sends SIGHUP.
    pub hangup: bool,
}

/// Treatment of a child's standard error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Errors {
    /// It is ours.
    #[default]
    Inherit,
    /// It is read by us, line by line.
    Read,
    /// It goes where standard output goes.
    Output,
}

/// A running child.
pub struct Child {
    stdin: Option<Input>,
    stdout: Option<ChildOutput>,
    /// Nothing more comes from there; a terminal is kept all the same, as it would hang up on the child.
    heard_all: bool,
    stderr: Option<ChildStderr>,
    /// Bytes it said when nobody was there for them any more.
    late: u64,
    group: Group,
    hangup: bool,
    exit: Pin<Box<dyn Future<Output = io::Result<ExitStatus>> + Send>>,
    status: Option<ExitStatus>,
    leftover: Pin<Box<Sleep>>,
    /// Bytes that it did not take, since it reads no more.
    refused: u64,
}

enum Input {
    Pipe(ChildStdin),
    Terminal(TerminalInput),
}

enum ChildOutput {
    Own(ChildStdout),
    /// Standard output and error in one pipe.
    Shared(tokio::net::unix::pipe::Receiver),
    Terminal(TerminalOutput),
}

impl Child {
    /// Starts it.
    ///
    /// # Errors
    /// Those of the system: no such program, no permission, no more processes.
    pub fn spawn(recipe: &Recipe) -> io::Result<Self> {
        let (program, arguments) = recipe.words.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        let mut command = Command::new(program);
        command.args(arguments);
        for name in recipe.unset.iter().chain(&ACTIVATION) {
            command.env_remove(name);
        }
        command.envs(recipe.env.iter().map(|(name, value)| (name, value)));
        let (stdin, stdout) = match recipe.terminal {
            Some(manner) => on_terminal(&mut command, manner)?,
            None => (None, on_pipes(&mut command, recipe.errors)?),
        };
        if recipe.hangup {
            ignored::hang_ups_act();
        }
        inherit::prepare(&mut command, recipe.terminal.is_some());
        let (mut child, awaited) = processes::start(&mut command.into())?;
        let id = child.id().and_then(|id| rustix::process::Pid::from_raw(id.cast_signed()));
        Ok(Self {
            stdin: stdin.or_else(|| child.stdin.take().map(Input::Pipe)),
            stdout: stdout.or_else(|| child.stdout.take().map(ChildOutput::Own)),
            stderr: child.stderr.take(),
            heard_all: false,
            late: 0,
            group: Group { leader: id.ok_or(io::ErrorKind::NotFound)?, session: recipe.terminal.is_some() },
            hangup: recipe.hangup,
            exit: Box::pin(async move {
                let _awaited = awaited;
                child.wait().await
            }),
            status: None,
            leftover: Box::pin(sleep(LEFTOVER)),
            refused: 0,
        })
    }

    /// Its standard error, when it is to be read.
    pub fn take_errors(&mut self) -> Option<impl AsyncRead + Send + Unpin + use<>> {
        self.stderr.take()
    }

    /// Bytes of its output; ready with none when it has left and said everything.
    ///
    /// # Errors
    /// Those of the pipe.
    pub fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if let Some(stdout) = self.stdout.as_mut().filter(|_| !self.heard_all) {
            let before = buffer.filled().len();
            match stdout.poll_read(cx, buffer) {
                Poll::Ready(Ok(())) if buffer.filled().len() > before => {
                    self.leftover.as_mut().reset(Instant::now() + LEFTOVER);
                    return Poll::Ready(Ok(()));
                }
                Poll::Ready(Ok(())) => self.heard_all = true,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {}
            }
        }
        ready!(self.poll_exit(cx));
        if self.stdout.is_some() && !self.heard_all {
            ready!(self.leftover.as_mut().poll(cx));
            self.stdout = None;
        }
        Poll::Ready(Ok(()))
    }

    /// Hands it input; what a child that reads no more does not take is dropped.
    pub fn poll_write(&mut self, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<usize> {
        let all = slices.iter().map(|slice| slice.len()).sum();
        let written = match &mut self.stdin {
            Some(Input::Pipe(stdin)) => ready!(Pin::new(stdin).poll_write_vectored(cx, slices)),
            Some(Input::Terminal(input)) => ready!(input.poll_write(cx, slices)),
            None => Ok(0),
        };
        match written {
            Ok(written @ 1..) => Poll::Ready(written),
            _ => {
                self.stdin = None;
                self.refused += all as u64;
                Poll::Ready(all)
            }
        }
    }

    /// Ready when it can have everything that was written.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(Input::Terminal(input)) = &mut self.stdin
            && ready!(input.poll_flush(cx)).is_err()
        {
            self.stdin = None;
        }
        Poll::Ready(())
    }

    /// Ends its input.
    pub fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(Input::Terminal(input)) = &mut self.stdin {
            // There is nobody left to tell if it fails.
            let _ = ready!(input.poll_end(cx));
        }
        if let (Some(Input::Pipe(pipe)), Some(_)) = (&self.stdin, self.status) {
            // It left with this in the pipe.
            self.refused += rustix::io::ioctl_fionread(pipe).unwrap_or(0);
        }
        self.stdin = None;
        Poll::Ready(())
    }

    /// Bytes that were written to it and that it did not take, as far as that is known.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// The child's exit status, once it was waited for.
    pub fn status(&self) -> Option<ExitStatus> {
        self.status
    }

    /// Reads and drops what it says when nobody is there for it any more; ready at the end of that.
    pub fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.stdout.as_mut().map_or(Poll::Ready(()), |stdout| stdout.poll_drop(cx, &mut self.late))
    }

    /// Tells it, and everything it started, that the session ended abnormally: SIGHUP, if the recipe says so.
    ///
    /// Goes ahead of the steps of [`Child::release`].
    pub fn hang_up(&self) {
        if self.hangup {
            self.group.tell(rustix::process::Signal::HUP);
        }
    }

    /// Sees it off: end of input, TERM, KILL, each to everything it started; `at_once` hurries.
    ///
    /// Returns the bytes that it said too late, of its own accord.
    pub async fn release(mut self, at_once: bool) -> u64 {
        // A terminal that does not take the end now does not get it.
        let _ = self.poll_end(&mut Context::from_waker(Waker::noop()));
        self.stdin = None;
        let (patience, grace) =
            if at_once { (Duration::ZERO, Duration::from_millis(50)) } else { (PATIENCE, GRACE) };
        let gone = self.is_gone_within(patience).await;
        let _ = self.poll_late(&mut Context::from_waker(Waker::noop()));
        let late = self.late;
        if let Some(ChildOutput::Terminal(_)) = &self.stdout {
            // Without us, the terminal hangs up on whoever still has it.
            self.stdout = None;
        }
        if gone {
            return late;
        }
        self.group.tell(rustix::process::Signal::TERM);
        if self.is_gone_within(grace).await {
            return late;
        }
        self.group.tell(rustix::process::Signal::KILL);
        // A killed process is reaped as soon as the system lets go of it.
        self.is_gone_within(grace).await;
        late
    }

    /// Waits until the child and everything it started are gone; false when that takes longer than `time`.
    /// Their output is dropped meanwhile, so that it holds none of them up.
    async fn is_gone_within(&mut self, time: Duration) -> bool {
        let mut stdout = self.stdout.take();
        let mut late = self.late;
        let swallow = async {
            if let Some(stdout) = &mut stdout {
                std::future::poll_fn(|cx| stdout.poll_drop(cx, &mut late)).await;
            }
            std::future::pending().await
        };
        let gone = tokio::select! {
            gone = self.leaves_within(time) => gone,
            () = swallow => false,
        };
        (self.stdout, self.late) = (stdout, late);
        gone
    }

    async fn leaves_within(&mut self, time: Duration) -> bool {
        let until = Instant::now() + time;
        if self.status.is_none()
            && timeout(time, std::future::poll_fn(|cx| self.poll_exit(cx))).await.is_err()
        {
            return false;
        }
        let mut pause = Duration::from_millis(1);
        while !self.group.is_gone() {
            if Instant::now() >= until {
                return false;
            }
            sleep_until(until.min(Instant::now() + pause)).await;
            pause = (pause * 2).min(Duration::from_millis(50));
        }
        true
    }

    fn poll_exit(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.status.is_none() {
            let status = ready!(self.exit.as_mut().poll(cx));
            // Waiting for a child of ours cannot fail; if it does, there is none to wait for.
            self.status = Some(status.unwrap_or_default());
            self.leftover.as_mut().reset(Instant::now() + LEFTOVER);
        }
        Poll::Ready(())
    }
}

impl ChildOutput {
    /// Bytes of it; none at its end.
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Own(stdout) => Pin::new(stdout).poll_read(cx, buffer),
            Self::Shared(stdout) => Pin::new(stdout).poll_read(cx, buffer),
            Self::Terminal(output) => output.poll_read(cx, buffer),
        }
    }

    /// Reads and drops what there is, so that the child is not held up; ready at the end.
    fn poll_drop(&mut self, cx: &mut Context<'_>, count: &mut u64) -> Poll<()> {
        let mut waste = [0; WASTE];
        for _ in 0..ROUNDS {
            let mut buffer = ReadBuf::new(&mut waste);
            let read = ready!(self.poll_read(cx, &mut buffer));
            if read.is_err() || buffer.filled().is_empty() {
                return Poll::Ready(());
            }
            // Output of a terminal is for a person, and ends in prompts and farewells: it is not counted.
            if !matches!(self, Self::Terminal(_)) {
                *count += buffer.filled().len() as u64;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// Its three streams: a terminal.
fn on_terminal(command: &mut Command, manner: Manner) -> io::Result<(Option<Input>, Option<ChildOutput>)> {
    let (input, output, theirs) = terminal::create(manner)
        .map_err(|error| io::Error::new(error.kind(), format!("no terminal for it: {error}")))?;
    command.stdin(theirs.try_clone()?).stdout(theirs.try_clone()?).stderr(theirs);
    Ok((Some(Input::Terminal(input)), Some(ChildOutput::Terminal(output))))
}

/// Its streams: pipes, in a process group of its own. What is not returned comes with the child.
fn on_pipes(command: &mut Command, errors: Errors) -> io::Result<Option<ChildOutput>> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
    match errors {
        Errors::Inherit => {}
        Errors::Read => {
            command.stderr(Stdio::piped());
        }
        Errors::Output => {
            let (reader, writer) = io::pipe()?;
            command.stdout(writer.try_clone()?).stderr(writer);
            return Ok(Some(ChildOutput::Shared(tokio::net::unix::pipe::Receiver::from_owned_fd(
                reader.into(),
            )?)));
        }
    }
    Ok(None)
}

/// An exit status in words: `exit 7` or `signal KILL`; `None` for success.
pub fn words(status: ExitStatus) -> Option<String> {
    match (status.code(), status.signal()) {
        (Some(0), _) => None,
        (Some(code), _) => Some(format!("exit {code}")),
        (None, Some(number)) => Some(format!("signal {}", signal_name(number))),
        (None, None) => Some("an unknown end".to_owned()),
    }
}

fn signal_name(number: i32) -> String {
    use rustix::process::Signal;
    let known = [
        (Signal::HUP, "HUP"),
        (Signal::INT, "INT"),
        (Signal::QUIT, "QUIT"),
        (Signal::ILL, "ILL"),
        (Signal::TRAP, "TRAP"),
        (Signal::ABORT, "ABRT"),
        (Signal::BUS, "BUS"),
        (Signal::FPE, "FPE"),
        (Signal::KILL, "KILL"),
        (Signal::USR1, "USR1"),
        (Signal::SEGV, "SEGV"),
        (Signal::USR2, "USR2"),
        (Signal::PIPE, "PIPE"),
        (Signal::ALARM, "ALRM"),
        (Signal::TERM, "TERM"),
        (Signal::XCPU, "XCPU"),
        (Signal::XFSZ, "XFSZ"),
        (Signal::SYS, "SYS"),
    ];
    let found = known.iter().find(|(signal, _)| signal.as_raw() == number);
    found.map_or_else(|| number.to_string(), |(_, name)| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;

    /// Runs a line of shell that says on standard output what it was told.
    fn shell(line: &str, hangup: bool) -> Child {
        let recipe = Recipe {
            words: ["/bin/sh", "-c", line].map(OsString::from).into(),
            env: Vec::new(),
            unset: Vec::new(),
            errors: Errors::Inherit,
            terminal: None,
            hangup,
        };
        Child::spawn(&recipe).unwrap()
    }

    async fn says(child: &mut Child) -> String {
        let mut bytes = [0; 256];
        let mut buffer = ReadBuf::new(&mut bytes);
        let read = poll_fn(|cx| child.poll_read(cx, &mut buffer));
        timeout(Duration::from_secs(20), read).await.expect("it says nothing").unwrap();
        String::from_utf8_lossy(buffer.filled()).into_owned()
    }

    const TOLD: &str = "trap 'echo HUP; exit 3' HUP; echo ready; read line; echo end; sleep 60 & wait";

    #[tokio::test]
    async fn a_child_is_hung_up_on_beside_the_end_of_its_input() {
        let mut child = shell(TOLD, true);
        assert_eq!(says(&mut child).await, "ready\n");
        poll_fn(|cx| child.poll_end(cx)).await;
        assert_eq!(says(&mut child).await, "end\n");
        child.hang_up();
        assert_eq!(says(&mut child).await, "HUP\n");
        assert_eq!(says(&mut child).await, "");
        assert_eq!(child.status().and_then(words).as_deref(), Some("exit 3"));
        child.release(true).await;
    }

    #[tokio::test]
    async fn a_hang_up_reaches_everything_it_started() {
        let mut child = shell("(trap 'echo below; exit' HUP; echo ready; sleep 60 & wait) & wait", true);
        assert_eq!(says(&mut child).await, "ready\n");
        child.hang_up();
        assert_eq!(says(&mut child).await, "below\n");
        child.release(true).await;
    }

    #[tokio::test]
    async fn nobody_is_hung_up_on_unasked() {
        let mut child = shell(TOLD, false);
        assert_eq!(says(&mut child).await, "ready\n");
        child.hang_up();
        poll_fn(|cx| child.poll_end(cx)).await;
        // A signal comes ahead of the end of input that was told after it.
        assert_eq!(says(&mut child).await, "end\n");
        child.release(true).await;
    }

    #[test]
    fn a_status_has_words() {
        let of = |raw| words(ExitStatus::from_raw(raw));
        assert_eq!(of(0), None);
        assert_eq!(of(7 << 8).as_deref(), Some("exit 7"));
        assert_eq!(of(9).as_deref(), Some("signal KILL"));
        assert_eq!(of(11 | 0x80).as_deref(), Some("signal SEGV"));
    }
}
