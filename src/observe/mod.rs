//! Reports of what happened: the lines on stderr, and what may be shown in them.
//!
//! What is said passes one place, where it loses its secrets and whatever a terminal would act on.
//!
//! stderr may be closed, or a pipe that nobody reads: saying something never fails, never panics and
//! never waits. A thread of its own writes; what does not fit its bounded queue is counted and dropped.
//! The same thread draws the bar of `--progress`.

mod bar;
mod meter;

pub use bar::TerminalSize;
pub use meter::Meter;

mod redact;
mod scrub;
mod secret_name;
mod seldom;
mod tap;
#[cfg(test)]
pub(crate) mod test_stderr;

pub use redact::{HIDDEN, Redactor};
pub use seldom::Seldom;
pub use tap::{Tap, Taps};

use bar::{FRAME, ProgressScreen};

use crate::{
    exit::Exit,
    fault::{Fault, printable},
};
use std::{
    io::{self, Write},
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

/// Longest wait in all for the lines to be written.
const LATEST: Duration = Duration::from_secs(5);
/// Interval between two looks during that wait.
const TICK: Duration = Duration::from_millis(1);
/// Lines that may wait for the thread.
const WAITING: usize = 1024;

/// Amount of detail on stderr.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// `-q`: faults only.
    Quiet,
    /// Faults, notes, life-cycle lines of servers.
    #[default]
    Normal,
    /// `-v`: how the connection came about.
    Verbose,
    /// `-vv`: every frame.
    Frames,
}

/// Writes lines to stderr; clones share it.
#[derive(Clone)]
pub struct Reporter {
    verbosity: Verbosity,
    meter: Option<Arc<Meter>>,
    /// Prefix of the connection whose opening is told of: `#3 `, or nothing.
    whose: String,
    to: Arc<Outlet>,
}

struct Outlet {
    lines: SyncSender<LogEntry>,
    /// Progress of the writing thread.
    turn: Arc<WriteTurn>,
    redactor: RwLock<Redactor>,
    lost: AtomicU64,
}

enum LogEntry {
    Text(String),
    /// Everything before this was written.
    Mark(SyncSender<()>),
    /// The same, and the progress is not shown any more.
    End(SyncSender<()>),
    /// From here on, the progress is shown: drawn on a terminal of that size.
    Meter(Arc<Meter>, Option<TerminalSize>),
}

impl Reporter {
    /// A reporter that writes to `to`.
    pub fn new(to: impl Write + Send + 'static, verbosity: Verbosity) -> Self {
        let (lines, waiting) = sync_channel(WAITING);
        let turn = Arc::new(WriteTurn::default());
        let to = TurnedWriter { to, turn: Arc::clone(&turn) };
        let outlet = Arc::new(Outlet { lines, turn, redactor: RwLock::default(), lost: AtomicU64::new(0) });
        let lost = Arc::downgrade(&outlet);
        // Without a thread, nothing can be said; nobody waits for it.
        let _ = thread::Builder::new().spawn(move || {
            let lost = || lost.upgrade().map_or(0, |outlet| outlet.lost.swap(0, Ordering::Relaxed));
            write_on(to, &waiting, lost);
        });
        Self { verbosity, meter: None, whose: String::new(), to: outlet }
    }

    /// Waits until everything said so far is written, but for no single write longer than that.
    pub fn catch_up(&self, within: Duration) {
        self.wait(LogEntry::Mark, within);
    }

    /// Waits as [`catch_up`](Self::catch_up) does; nothing is drawn from then on.
    pub fn finish(&self, within: Duration) {
        self.wait(LogEntry::End, within);
    }

    /// A thread that has not had its turn yet, as on a busy machine, is no standard error that nobody reads.
    fn wait(&self, line: fn(SyncSender<()>) -> LogEntry, within: Duration) {
        let latest = Instant::now() + LATEST;
        let (mark, marked) = sync_channel(1);
        let mut line = Some(line(mark));
        let mut stuck = None;
        while Instant::now() < latest {
            match line.take().map(|line| self.to.lines.try_send(line)) {
                Some(Err(TrySendError::Full(back))) => {
                    line = Some(back);
                    thread::sleep(TICK);
                }
                Some(Err(TrySendError::Disconnected(_))) => return,
                Some(Ok(())) | None => match marked.recv_timeout(TICK) {
                    Err(RecvTimeoutError::Timeout) => {}
                    Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
                },
            }
            stuck = match (self.to.turn.write(), stuck) {
                (Some(write), Some((same, since))) if write == same && since + within <= Instant::now() => {
                    return;
                }
                (Some(write), Some((same, since))) if write == same => Some((same, since)),
                (write, _) => write.map(|write| (write, Instant::now())),
            };
        }
    }

    /// The same sink with another verbosity.
    #[must_use]
    pub fn with(&self, verbosity: Verbosity) -> Self {
        Self { verbosity, ..self.clone() }
    }

    /// The same sink, which shows a meter too: as a bar on a terminal of that size, and its summary.
    #[must_use]
    pub fn metered(&self, meter: Meter, size: Option<TerminalSize>) -> Self {
        let meter = Arc::new(meter);
        let _ = self.to.lines.try_send(LogEntry::Meter(Arc::clone(&meter), size));
        Self { meter: Some(meter), ..self.clone() }
    }

    /// The meter of the run's progress, when that is shown.
    pub fn meter(&self) -> Option<&Arc<Meter>> {
        self.meter.as_ref()
    }

    /// A reporter that says nothing but faults.
    #[must_use]
    pub fn silent(&self) -> Self {
        Self { meter: None, ..self.with(Verbosity::Quiet) }
    }

    /// Tells why something failed.
    pub fn fault(&self, fault: &Fault) {
        // Nobody is there to read it after a hangup; ssh hangs up on its ProxyCommand at every normal end.
        let hung_up = fault.exit == Exit::Hangup && self.verbosity < Verbosity::Verbose;
        if !fault.is_silent() && !hung_up {
            self.write(&format!("wsio: {}\n", self.redactor().fault(fault)));
        }
    }

    /// Tells something the user did not ask for and should know.
    pub fn note(&self, text: &str) {
        if self.verbosity >= Verbosity::Normal {
            self.write(&format!("wsio: {}\n", self.safe(text)));
        }
    }

    /// Tells what was asked for, however quiet it is otherwise.
    pub fn tell(&self, lines: &[String]) {
        lines.iter().for_each(|line| self.write(&format!("{}\n", self.safe(line))));
    }

    /// Tells a step in the life of a server or a connection.
    pub fn life(&self, text: &str) {
        if self.verbosity >= Verbosity::Normal {
            self.write(&format!("{}\n", self.safe(text)));
        }
    }

    /// Passes on a line of a child's standard error.
    pub fn child(&self, conn: u64, line: &str) {
        self.write(&format!("#{conn} | {}\n", self.safe(line)));
    }

    /// True when lines of `-v` are written.
    pub fn is_verbose(&self) -> bool {
        self.verbosity >= Verbosity::Verbose
    }

    /// Tells how a connection came about, with `-v`.
    pub fn verbose(&self, text: &str) {
        if self.verbosity >= Verbosity::Verbose {
            self.write(&format!("* {}{}\n", self.whose, self.safe(text)));
        }
    }

    /// The same for one client of a server: what is told with `-v` has its number.
    #[must_use]
    pub fn of(&self, conn: Option<u64>) -> Self {
        Self { whose: conn.map_or_else(String::new, |conn| format!("#{conn} ")), ..self.clone() }
    }

    /// True when lines of this verbosity are written.
    pub fn says(&self, verbosity: Verbosity) -> bool {
        self.verbosity >= verbosity
    }

    /// Tells what went over a connection: a line of a head with `-v`, a frame with `-vv`.
    ///
    /// The caller looks first whether that is wanted: see [`says`](Self::says).
    pub fn wire(&self, line: &str) {
        self.write(&format!("{}\n", self.safe(line)));
    }

    /// Hides what this redactor hides, from now on and in whatever is told by clones too.
    pub fn hide(&self, redactor: &Redactor) {
        self.to.redactor.write().unwrap_or_else(PoisonError::into_inner).join(redactor);
    }

    /// The redactor of everything that is told.
    pub fn redactor(&self) -> Redactor {
        self.to.redactor.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Without secrets, and without anything that a terminal would act on.
    fn safe(&self, text: &str) -> String {
        printable(&self.to.redactor.read().unwrap_or_else(PoisonError::into_inner).shown(text))
    }

    fn write(&self, text: &str) {
        if self.to.lines.try_send(LogEntry::Text(text.to_owned())).is_err() {
            self.to.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The reporter of a connection, and the prefix of its lines.
#[derive(Clone)]
pub struct LogScope {
    /// Takes the lines.
    pub reporter: Reporter,
    /// Takes the secrets out.
    pub redactor: Redactor,
    /// Begins each line: such as `#3 ` or `#3 B`, empty when there is only one connection.
    pub prefix: String,
}

impl LogScope {
    /// The prefix of a connection: its number in a server and its side, when both sides are WebSockets.
    pub fn prefix(conn: Option<u64>, side: Option<char>) -> String {
        let number = conn.map_or_else(String::new, |conn| format!("#{conn} "));
        side.into_iter().fold(number, |number, side| number + &side.to_string())
    }
}

/// Number of the write under way: odd while there is one, and different for each.
#[derive(Default)]
struct WriteTurn(AtomicU64);

impl WriteTurn {
    fn write(&self) -> Option<u64> {
        Some(self.0.load(Ordering::Relaxed)).filter(|turn| turn % 2 == 1)
    }
}

/// A sink whose writes can be followed.
struct TurnedWriter<W> {
    to: W,
    turn: Arc<WriteTurn>,
}

impl<W: Write> Write for TurnedWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.turn.0.fetch_add(1, Ordering::Relaxed);
        let written = self.to.write(bytes);
        self.turn.0.fetch_add(1, Ordering::Relaxed);
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// Writes lines until nobody can say anything any more.
fn write_on(to: impl Write + Send + 'static, lines: &Receiver<LogEntry>, lost: impl Fn() -> u64) {
    let mut screen = ProgressScreen::new(to);
    loop {
        let line = match screen.is_live() {
            true => lines.recv_timeout(FRAME),
            false => lines.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        // A summary comes before what is said after the end.
        screen.refresh();
        match line {
            Ok(LogEntry::Text(text)) => screen.write(&text),
            Ok(LogEntry::Mark(mark)) => drop(mark.send(())),
            Ok(LogEntry::End(mark)) => {
                screen.clear();
                let _ = mark.send(());
            }
            Ok(LogEntry::Meter(meter, size)) => screen.follow(meter, size),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return screen.clear(),
        }
        match lost() {
            0 => {}
            count => {
                screen.write(&format!("wsio: {count} lines are missing here: standard error was not read\n"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{test_stderr::TestStderr, *};
    use std::sync::{Mutex, mpsc};

    /// Takes nothing before it is let.
    struct Slow(mpsc::Receiver<()>, Arc<Mutex<String>>);

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            self.1.lock().unwrap().push_str(std::str::from_utf8(bytes).unwrap());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn whoever_hung_up_is_told_of_it_when_they_asked_for_more() {
        for (verbosity, exit, told) in [
            (Verbosity::Normal, Exit::Hangup, false),
            (Verbosity::Verbose, Exit::Hangup, true),
            (Verbosity::Quiet, Exit::Terminate, true),
            (Verbosity::Frames, Exit::ReaderLeft, false),
        ] {
            let shown = TestStderr::default();
            let reporter = Reporter::new(shown.clone(), verbosity);
            reporter.fault(&Fault::new(exit, "session", "it is over"));
            reporter.finish(Duration::from_secs(10));
            let expected = if told { "wsio: session: it is over\n" } else { "" };
            assert_eq!(shown.text(), expected, "{verbosity:?} {exit:?}");
        }
    }

    #[test]
    fn a_bar_is_gone_at_the_end_and_not_before() {
        let shown = TestStderr::default();
        let meter = Meter::new(None, false);
        meter.expect(0, 200);
        let reporter = Reporter::new(shown.clone(), Verbosity::Normal).metered(meter, Some(|| (80, 24)));
        reporter.meter().unwrap().begin(0, false);
        reporter.meter().unwrap().pass(0, 100);
        let start = Instant::now();
        while !shown.text().contains("50%") {
            assert!(start.elapsed() < Duration::from_secs(20), "nothing is drawn");
            thread::sleep(Duration::from_millis(5));
        }
        reporter.catch_up(Duration::from_secs(10));
        assert!(!shown.text().ends_with("\x1b[2K"), "a line does not end it");
        reporter.finish(Duration::from_secs(10));
        assert!(shown.text().ends_with("\x1b[2K"), "{:?}", shown.text());
    }

    /// Takes its time for each write.
    struct Late(TestStderr);

    impl Write for Late {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            thread::sleep(Duration::from_millis(20));
            self.0.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_stderr_that_is_merely_slow_gets_everything() {
        let shown = TestStderr::default();
        let reporter = Reporter::new(Late(shown.clone()), Verbosity::Normal);
        (0..20).for_each(|number| reporter.life(&format!("line {number}")));
        reporter.finish(Duration::from_millis(200));
        assert!(shown.text().ends_with("line 19\n"), "{:?}", shown.text());
    }

    #[test]
    fn a_stderr_that_is_not_read_holds_nobody_up() {
        let (let_go, held) = mpsc::channel();
        let shown = Arc::new(Mutex::new(String::new()));
        let reporter = Reporter::new(Slow(held, Arc::clone(&shown)), Verbosity::Normal);
        for number in 0..WAITING + 100 {
            reporter.life(&format!("line {number}"));
        }
        reporter.finish(Duration::from_millis(10));
        assert_eq!(*shown.lock().unwrap(), "");
        drop(let_go);
        reporter.finish(Duration::from_secs(10));
        let shown = shown.lock().unwrap().clone();
        assert!(shown.starts_with("line 0\n"), "{shown}");
        let missing = shown.lines().find_map(|line| {
            line.strip_prefix("wsio: ")?.strip_suffix(" lines are missing here: standard error was not read")
        });
        let missing: usize = missing.unwrap().parse().unwrap();
        assert_eq!(shown.matches("line ").count(), WAITING + 100 - missing);
    }
}
