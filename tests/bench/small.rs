//! The small things: one message at a time through standard input and output, starting up, and size.

use crate::{
    peer::{self, Script, Wire},
    program::Process,
    run::{Context, Run},
};
use std::{
    fs,
    io::{self, BufRead, BufReader, Write},
    process::{Command, Stdio},
    time::Instant,
};

/// Microseconds from a line written to its answer read.
pub fn converse(context: &Context) -> io::Result<Run> {
    let (address, peer) = peer::serve(Wire::Ws, Script::Echo);
    let url = format!("ws://{address}/");
    let mut process = Process::start(&context.invocation(&[("url", &url)]), Stdio::piped(), Stdio::piped());
    let (mut input, mut output) = (process.stdin(), BufReader::new(process.stdout()));
    let (mut times, mut line) = (Vec::new(), String::new());
    let (mut start, mut cpu) = (Instant::now(), 0.0);
    for turn in 0.. {
        if turn == 100 {
            // It is warm now.
            times.clear();
            (start, cpu) = (Instant::now(), process.cpu());
        } else if turn > 100 && start.elapsed() > context.time {
            break;
        }
        let said = format!("{turn:032}\n");
        let sent = Instant::now();
        input.write_all(said.as_bytes())?;
        line.clear();
        output.read_line(&mut line)?;
        times.push(sent.elapsed().as_secs_f64() * 1e6);
        if line != said {
            return Err(io::Error::other(format!("{line:?} came for {said:?}")));
        }
    }
    let run = Run::of(times.len() as f64, start.elapsed().as_secs_f64(), process.cpu() - cpu);
    let run = run.with_peak(process.peak_kib()).with_times(&mut times);
    drop((input, output, process));
    let _ = peer.join().unwrap();
    Ok(Run { value: run.p50_us.unwrap_or_default(), ..run })
}

/// Milliseconds from start to exit of a program that has nothing to do.
pub fn start_up(context: &Context) -> io::Result<Run> {
    let what = context.invocation(&[]);
    let mut times = Vec::new();
    for _ in 0..40 {
        let start = Instant::now();
        let status = Command::new(&what.path).args(&what.args).stdout(Stdio::null()).status()?;
        times.push(start.elapsed().as_secs_f64() * 1e6);
        if !status.success() {
            return Err(io::Error::other(status.to_string()));
        }
    }
    let run = Run::default().with_times(&mut times);
    Ok(Run { value: run.p50_us.unwrap_or_default() / 1e3, ..run })
}

/// Bytes of the program's file.
pub fn size(context: &Context) -> io::Result<Run> {
    Ok(Run { value: fs::metadata(&context.path)?.len() as f64, ..Run::default() })
}
