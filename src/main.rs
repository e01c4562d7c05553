//! The process: its arguments, environment and standard streams go in, an exit code comes out.
//!
//! The only file that touches what a process has once. Standard input and output are handed down
//! unbuffered; the links batch by themselves.

use std::{
    fs::File,
    io::{self, IsTerminal, Write},
    os::fd::AsFd,
    process::ExitCode,
};
use wsio::{
    app,
    driver::Ignored,
    exit::Exit,
    fault::Fault,
    link::{InputFile, OutputFile, Patient, Streams, closing},
    os_error,
    term::{self, Terminal},
};

/// The allocator of the static build: musl's costs more than all else that a received line does.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    wsio::child::raise_descriptors();
    // A question for a passphrase handles SIGINT already.
    let ignored = Ignored::read();
    let exit = match streams() {
        Ok((streams, terminal)) => app::run(app::Given {
            args: std::env::args_os().collect(),
            env: |name| std::env::var_os(name).map(|value| wsio::os_text::text(&value).into_owned()),
            // A question is only asked where it can be seen.
            ask: io::stderr().is_terminal().then_some(term::ask),
            streams,
            stderr: Box::new(io::stderr()),
            terminal,
            stderr_size: io::stderr().is_terminal().then_some(stderr_size),
            output_is_terminal: io::stdout().is_terminal(),
            input_size: input_size().unwrap_or(None),
            ignored,
        }),
        Err(error) => {
            let _ = writeln!(io::stderr(), "wsio: {}", unusable(&error));
            Exit::Internal
        }
    };
    ExitCode::from(exit.code())
}

/// The fault about standard streams that cannot be used.
fn unusable(error: &io::Error) -> Fault {
    let cause = format!("cannot use standard input and output: {}", os_error::words(error));
    let fault = Fault::new(Exit::Internal, "start", cause);
    match os_error::is_exhausted(error) {
        true => fault.hint("raise the limit on open files (ulimit -n)"),
        false => fault,
    }
}

fn streams() -> io::Result<(Streams, Option<Terminal>)> {
    let (stdin, stdout) = (io::stdin(), io::stdout());
    let input = File::from(stdin.as_fd().try_clone_to_owned()?);
    let output = File::from(stdout.as_fd().try_clone_to_owned()?);
    enlarge_pipe(&input);
    enlarge_pipe(&output);
    let terminal = match stdin.is_terminal() && stdout.is_terminal() {
        true => Some(Terminal { input: input.try_clone()?, output: output.try_clone()? }),
        false => None,
    };
    let (reader, input_file) = InputFile::open(input)?;
    let streams = Streams {
        input_is_terminal: stdin.is_terminal(),
        output_is_terminal: stdout.is_terminal(),
        output_file: OutputFile::of(&output)?,
        close_output: Some(closing(&output)?),
        input: reader,
        input_file,
        output: Box::new(Patient::new(output)),
    };
    Ok((streams, terminal))
}

fn stderr_size() -> (u16, u16) {
    match rustix::termios::tcgetwinsize(io::stderr()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col, size.ws_row),
        _ => (80, 24),
    }
}

/// Bytes that standard input has left to give; `None` when it is no regular file.
fn input_size() -> io::Result<Option<u64>> {
    let input = io::stdin();
    let facts = rustix::fs::fstat(&input)?;
    if rustix::fs::FileType::from_raw_mode(facts.st_mode) != rustix::fs::FileType::RegularFile {
        return Ok(None);
    }
    let size = u64::try_from(facts.st_size).unwrap_or(0);
    Ok(Some(size.saturating_sub(rustix::fs::tell(&input)?)))
}

/// A larger pipe means fewer system calls and wake-ups; a refusal costs nothing.
fn enlarge_pipe(pipe: &File) {
    #[cfg(target_os = "linux")]
    let _ = rustix::pipe::fcntl_setpipe_size(pipe, 1024 * 1024);
    #[cfg(not(target_os = "linux"))]
    let _ = pipe;
}
