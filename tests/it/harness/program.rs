//! The whole program in this process, from arguments to a fault, with streams of our own.
//!
//! Only what a process has once is left out: signal handlers (a signal is sent in by hand) and the
//! panic hook. A run goes on in a thread of its own, so that the test that started it can play its peers.

use super::{PATIENCE, eventually};
use std::{
    io::{self, Read, Write},
    sync::{Arc, Mutex, mpsc},
    thread::JoinHandle,
    time::Duration,
};
use tokio::sync::watch;
use wsio::{
    cli::{self, Context, Parsed},
    driver,
    exit::Exit,
    fault::{Fault, Result},
    link::{Stdio, Streams},
    observe::{Reporter, Verbosity},
};

/// The behaviour of standard input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// Gives this, then ends.
    Then(&'static [u8]),
    /// Gives this, then stays open.
    Stays(&'static [u8]),
    /// Gives this, then fails.
    Fails(&'static [u8]),
    /// Gives lines for ever.
    Endless,
}

/// The behaviour of standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Takes everything.
    Takes,
    /// Fails so after this many bytes.
    Fails(usize, io::ErrorKind),
    /// Takes nothing more after this many bytes, as long as the run lasts.
    Stalls(usize),
    /// Takes nothing for this time after this many bytes.
    Pauses(usize, Duration),
}

/// The end of a run.
#[derive(Debug)]
pub struct Ended {
    pub exit: Exit,
    pub fault: Option<Fault>,
    pub out: String,
    pub err: String,
}

/// A run in the making.
pub struct Program {
    pub args: Vec<String>,
    pub input: Input,
    pub output: Output,
}

/// A run.
pub struct Running {
    out: Arc<Mutex<Vec<u8>>>,
    err: Arc<Mutex<Vec<u8>>>,
    stop: watch::Sender<Option<Fault>>,
    /// An input and an output that stand still do so until these are dropped.
    held: [mpsc::Sender<()>; 2],
    thread: JoinHandle<Result<()>>,
}

impl Program {
    /// Starts it.
    pub fn start(self) -> Running {
        let (hold_input, held_input) = mpsc::channel();
        let (hold_output, held_output) = mpsc::channel();
        let (out, err) = (Arc::<Mutex<Vec<u8>>>::default(), Arc::<Mutex<Vec<u8>>>::default());
        let (stop, stopped) = watch::channel(None);
        let input = TestInput { input: self.input, held: held_input };
        let output = TestOutput { into: Arc::clone(&out), output: self.output, held: held_output };
        let (args, said) = (self.args, Shared(Arc::clone(&err)));
        let thread = std::thread::spawn(move || run(args, input, output, said, stopped));
        Running { out, err, stop, held: [hold_input, hold_output], thread }
    }
}

impl Running {
    /// Standard output so far.
    pub fn out(&self) -> String {
        text(&self.out)
    }

    /// Standard error so far.
    pub fn err(&self) -> String {
        text(&self.err)
    }

    /// Waits until it accepts clients, and gives the `HOST:PORT` it listens on.
    pub fn address(&self) -> String {
        let mut address = None;
        eventually("listening on", || {
            let said = text(&self.err);
            let rest = said.split_once("listening on ").map(|(_, rest)| rest.to_owned());
            let url = rest.and_then(|rest| rest.split_once('\n').map(|(url, _)| url.to_owned()));
            address = url.map(|url| url.split('/').nth(2).unwrap().to_owned());
            assert!(address.is_some() || !self.thread.is_finished(), "it has ended: {said}");
            address.is_some()
        });
        address.unwrap()
    }

    /// A signal comes.
    pub fn signal(&self, exit: Exit) {
        self.stop.send_replace(Some(Fault::new(exit, "session", "ended by a signal")));
    }

    /// Waits for its end.
    pub fn wait(self) -> Ended {
        let result = self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        drop(self.held);
        let fault = result.err();
        let exit = fault.as_ref().map_or(Exit::Ok, |fault| fault.exit);
        Ended { exit, fault, out: text(&self.out), err: text(&self.err) }
    }
}

fn text(bytes: &Mutex<Vec<u8>>) -> String {
    String::from_utf8_lossy(&bytes.lock().unwrap()).into_owned()
}

/// Runs it to its end, within bounds.
fn run(
    args: Vec<String>,
    input: TestInput,
    output: TestOutput,
    said: Shared,
    stopped: watch::Receiver<Option<Fault>>,
) -> Result<()> {
    let streams = Streams {
        input: Box::new(input),
        input_file: None,
        close_output: None,
        output: Box::new(output),
        output_file: None,
        input_is_terminal: false,
        output_is_terminal: false,
    };
    let mut nothing = io::empty();
    let mut context = Context { env: &|_| None, stdin: &mut nothing, stdin_is_terminal: false, ask: None };
    let args = ["wsio".to_owned()].into_iter().chain(args).map(Into::into);
    let Parsed::Run(plan) = cli::parse(args, &mut context)? else { panic!("nothing to run") };
    let reporter = Reporter::new(said, Verbosity::Normal);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let result = runtime.block_on(async {
        let run = driver::run(plan, Stdio::new(streams), reporter.clone(), stopped);
        tokio::time::timeout(PATIENCE, run).await.expect("the run ends")
    });
    runtime.shutdown_background();
    reporter.finish(PATIENCE);
    result
}

struct TestInput {
    input: Input,
    /// Never gives anything; lasts as long as the run.
    held: mpsc::Receiver<()>,
}

impl Read for TestInput {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match &mut self.input {
            Input::Then(text) | Input::Stays(text) | Input::Fails(text) if !text.is_empty() => {
                let count = text.len().min(into.len());
                let (now, later) = text.split_at(count);
                into[..count].copy_from_slice(now);
                *text = later;
                Ok(count)
            }
            Input::Then(_) => Ok(0),
            Input::Fails(_) => Err(io::Error::other("the disk is gone")),
            Input::Stays(_) => {
                let _ = self.held.recv();
                Ok(0)
            }
            Input::Endless => {
                into.fill(b'x');
                into[0] = b'\n';
                Ok(into.len())
            }
        }
    }
}

struct TestOutput {
    into: Arc<Mutex<Vec<u8>>>,
    output: Output,
    /// Never gives anything; lasts as long as the run.
    held: mpsc::Receiver<()>,
}

impl Write for TestOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = match self.output {
            Output::Takes => usize::MAX,
            Output::Fails(after, _) | Output::Stalls(after) | Output::Pauses(after, _) => {
                after - self.into.lock().unwrap().len()
            }
        };
        if room == 0 {
            match std::mem::replace(&mut self.output, Output::Takes) {
                Output::Fails(after, kind) => {
                    self.output = Output::Fails(after, kind);
                    return Err(kind.into());
                }
                Output::Stalls(_) => {
                    let _ = self.held.recv();
                }
                Output::Pauses(_, time) => std::thread::sleep(time),
                Output::Takes => {}
            }
            return self.write(bytes);
        }
        self.into.lock().unwrap().write(&bytes[..room.min(bytes.len())])
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
