//! Side by side with websocat: `cargo bench --bench sides`, or `… sides -- NAME` for some of it.
//!
//! Both clients talk to the same peer, frames written and read by hand on blocking sockets, take the
//! same input through the same kind of pipe, and take turns, so that a noisy machine disturbs both alike.
//! What counts is the ratio of the medians, and on a busy machine that of the processor time (Linux).
//! websocat is looked for in `WEBSOCAT` and on the path; without it only our own figures are shown.
//! `WSIO_BASE=path` lets another build of wsio take its place. `SIDES_ROUNDS=n` is how often each takes its
//! turn (5), and `SIDES_MIN=1` ends with a failure when a ratio is below its floor.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program of its own that prints a table")]

mod peer;

use peer::Script;
use std::{
    env,
    io::{Read, Write},
    process::{Command, ExitCode, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

const LINES: usize = 1_000_000;
const BINARY: usize = 512 << 20;

/// One kind of work, and how each program is asked to do it.
struct Work {
    name: &'static str,
    script: Script,
    input: Arc<Vec<u8>>,
    unit: (&'static str, f64),
    ours: &'static [&'static str],
    theirs: &'static [&'static str],
    /// The ratio that the project holds itself to.
    floor: f64,
}

fn main() -> ExitCode {
    let base = env::var("WSIO_BASE").ok();
    let is_base = base.is_some();
    let websocat = base.unwrap_or_else(|| env::var("WEBSOCAT").unwrap_or_else(|_| "websocat".into()));
    let has_websocat = Command::new(&websocat).arg("--version").stdout(Stdio::null()).status().is_ok();
    if !has_websocat {
        eprintln!("no websocat here (cargo install websocat, or WEBSOCAT=path): nothing to compare with");
    }
    let lines: Vec<u8> = (0..LINES).flat_map(|n| line(n).into_bytes()).collect();
    let works = [
        Work {
            name: "send lines",
            script: Script::Swallow,
            input: Arc::new(lines),
            unit: ("k/s", LINES as f64 / 1e3),
            ours: &["connect", "URL", "--linger", "0", "-q"],
            theirs: &["-t", "-", "URL"],
            floor: 5.0,
        },
        Work {
            name: "receive lines",
            script: Script::Give(
                Arc::new(peer::text_frames((0..LINES).map(line))),
                (0..LINES).map(|n| line(n).len()).sum(),
            ),
            input: Arc::new(Vec::new()),
            unit: ("k/s", LINES as f64 / 1e3),
            ours: &["connect", "URL"],
            theirs: &["-t", "-u", "URL", "-"],
            floor: 5.0,
        },
        Work {
            name: "send binary",
            script: Script::Swallow,
            input: Arc::new(vec![0x5a; BINARY]),
            unit: ("MiB/s", (BINARY >> 20) as f64),
            ours: &["pipe", "-", "URL", "--linger", "0", "-q"],
            theirs: &["-b", "-", "URL"],
            floor: 2.0,
        },
        receive_binary("receive 64 KiB", 64 << 10),
        receive_binary("receive 4 KiB", 4 << 10),
        Work {
            name: "from TCP",
            script: Script::Swallow,
            input: Arc::new(vec![0x5a; BINARY]),
            unit: ("MiB/s", (BINARY >> 20) as f64),
            ours: &["pipe", "TCP", "URL", "--linger", "0", "-q"],
            theirs: &["-b", "TCP", "URL"],
            floor: 1.0,
        },
        Work {
            name: "to TCP",
            ours: &["pipe", "URL", "TCP", "-q"],
            theirs: &["-b", "-u", "URL", "TCP"],
            ..receive_binary("to TCP", 64 << 10)
        },
    ];
    let rounds = env::var("SIDES_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(5);
    let mut met = true;
    let other = if is_base { "base" } else { "websocat" };
    println!("{:14} {:>14} {:>14} {:>8} {:>7} {:>12}", "", "wsio", other, "ratio", "floor", "CPU seconds");
    let wanted = env::args().skip(1).find(|arg| !arg.starts_with('-')).unwrap_or_default();
    for work in works.iter().filter(|work| work.name.contains(&wanted)) {
        let (mut ours, mut theirs, mut cpu) = (Vec::new(), Vec::new(), [0.0; 2]);
        for round in 0..rounds {
            // Whoever goes second finds the machine warm, so they take turns in that too.
            for turn in [round % 2, 1 - round % 2] {
                let before = children_cpu();
                if turn == 0 {
                    ours.push(run(env!("CARGO_BIN_EXE_wsio"), work.ours, work));
                } else if has_websocat {
                    theirs.push(run(&websocat, if is_base { work.ours } else { work.theirs }, work));
                }
                cpu[turn] += children_cpu() - before;
            }
        }
        let rate = |times: &mut Vec<Duration>| {
            times.sort();
            times.get(times.len() / 2).map(|median| work.unit.1 / median.as_secs_f64())
        };
        let (ours, theirs) = (rate(&mut ours).unwrap_or_default(), rate(&mut theirs));
        let shown = |rate: f64| format!("{rate:.0} {}", work.unit.0);
        let ratio = theirs.map(|theirs| ours / theirs);
        met &= ratio.is_none_or(|ratio| ratio >= work.floor);
        println!(
            "{:14} {:>14} {:>14} {:>8} {:>7} {:>5.2} {:>5.2}",
            work.name,
            shown(ours),
            theirs.map_or("-".into(), shown),
            ratio.map_or("-".into(), |ratio| format!("{ratio:.2}")),
            work.floor,
            cpu[0],
            cpu[1]
        );
    }
    if env::var_os("SIDES_MIN").is_some() && !met { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Seconds of processor time that all children used which were waited for.
fn children_cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(13);
    fields.take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

fn receive_binary(name: &'static str, size: usize) -> Work {
    Work {
        name,
        script: Script::Give(Arc::new(peer::binary_frames(size, BINARY)), BINARY),
        input: Arc::new(Vec::new()),
        unit: ("MiB/s", (BINARY >> 20) as f64),
        ours: &["pipe", "URL", "-", "-q"],
        theirs: &["-b", "-u", "URL", "-"],
        floor: 1.0,
    }
}

/// Lines of 20 to 100 bytes.
fn line(n: usize) -> String {
    format!("{n:010} {}\n", "x".repeat(8 + n * 7 % 80))
}

/// One run: how long from start to exit, all input and output included.
fn run(program: &str, args: &[&str], work: &Work) -> Duration {
    let (url, peer) = peer::serve(work.script.clone());
    let bridge = args.contains(&"TCP").then(|| peer::stream(&work.input));
    let tcp = bridge.as_ref().map_or("", |(address, _)| address);
    let start = Instant::now();
    let mut child = Command::new(program)
        .args(args.iter().map(|arg| match *arg {
            "URL" => &url,
            "TCP" => tcp,
            arg => arg,
        }))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    // A bridge takes its input from the TCP peer.
    let input = if bridge.is_some() { Arc::default() } else { Arc::clone(&work.input) };
    let receives = input.is_empty();
    let feeder = thread::spawn(move || {
        // A client that only receives keeps an open, silent input, as on a terminal.
        let failed = input.chunks(256 << 10).find_map(|chunk| stdin.write_all(chunk).err());
        (failed, receives.then_some(stdin))
    });
    let (mut received, mut chunk) = (0, vec![0; 1 << 20]);
    while let Ok(count @ 1..) = stdout.read(&mut chunk) {
        received += count;
    }
    let status = child.wait().unwrap();
    received += bridge.map_or(0, |(_, peer)| peer.join().unwrap());
    let took = start.elapsed();
    let (failed, _) = feeder.join().unwrap();
    let seen = peer.join().unwrap();
    assert!(status.success() && failed.is_none(), "{program} {args:?}: {status}, {failed:?}");
    match &work.script {
        Script::Swallow => {
            assert!(seen >= work.input.len() - LINES, "{program} lost some: {seen} bytes came")
        }
        Script::Give(_, expected) => assert_eq!(received, *expected, "{program}"),
    }
    took
}
