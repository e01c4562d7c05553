//! The whole program in this process, from arguments to a fault, with streams of our own.
//!
//! Only what a process has once is left out: signal handlers (a signal is sent in by hand) and the
//! panic hook.

use std::{
    io::{self, Read, Write},
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};
use tokio::sync::watch;
use wsio::{
    cli::{self, Context, Parsed},
    driver,
    exit::Exit,
    fault::Fault,
    link::{Stdio, Streams},
    observe::{Reporter, Verbosity},
};

/// What standard input does.
pub enum Input {
    /// Gives this, then ends.
    Then(&'static str),
    /// Gives this, then stays open.
    Stays(&'static str),
    /// Gives this, then fails.
    Fails(&'static str),
    /// Gives lines for ever.
    Endless,
}

/// What standard output does.
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

/// How a run ended.
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
    /// A signal that comes when this file appears on standard output.
    pub signal: Option<Exit>,
}

impl Program {
    /// Runs it to its end.
    pub fn run(self) -> Ended {
        let (hold, held) = mpsc::channel();
        let (hold_output, held_output) = mpsc::channel();
        let input = TestInput { input: self.input, held };
        let out = Arc::new(Mutex::new(Vec::new()));
        let err = Arc::new(Mutex::new(Vec::new()));
        let output = TestOutput { into: Arc::clone(&out), output: self.output, held: held_output };
        let streams = Streams {
            input: Box::new(input),
            input_file: None,
            close_output: None,
            output: Box::new(output),
            output_gone: None,
            input_is_terminal: false,
            output_is_terminal: false,
        };
        let mut nothing = io::empty();
        let mut context =
            Context { env: &|_| None, stdin: &mut nothing, stdin_is_terminal: false, ask: None };
        let args = ["wsio".to_owned()].into_iter().chain(self.args).map(Into::into);
        let result = cli::parse(args, &mut context).and_then(|parsed| {
            let Parsed::Run(plan) = parsed else { panic!("nothing to run") };
            let reporter = Reporter::new(Shared(Arc::clone(&err)), Verbosity::Normal);
            let said = reporter.clone();
            let runtime =
                tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
            let result = runtime.block_on(async {
                let (stop, stopped) = watch::channel(None);
                if let Some(exit) = self.signal {
                    let out = Arc::clone(&out);
                    tokio::spawn(async move {
                        while out.lock().unwrap().is_empty() {
                            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
                        }
                        stop.send_replace(Some(Fault::new(exit, "session", "ended by a signal")));
                        std::future::pending::<()>().await
                    });
                } else {
                    tokio::spawn(async move {
                        let _stop = stop;
                        std::future::pending::<()>().await
                    });
                }
                let run = driver::run(plan, Stdio::new(streams), reporter, stopped);
                tokio::time::timeout(super::PATIENCE, run).await.expect("the run ends")
            });
            runtime.shutdown_background();
            said.finish(super::PATIENCE);
            result
        });
        drop((hold, hold_output));
        let text = |bytes: &Mutex<Vec<u8>>| String::from_utf8_lossy(&bytes.lock().unwrap()).into_owned();
        let fault = result.err();
        let exit = fault.as_ref().map_or(Exit::Ok, |fault| fault.exit);
        Ended { exit, fault, out: text(&out), err: text(&err) }
    }
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
                into[..count].copy_from_slice(now.as_bytes());
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
