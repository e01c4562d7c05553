//! An output that takes nothing while the peer goes on sending: every session ends, with its own code, and
//! what was not delivered is told.
//!
//! Messages are numbered lines, so that what a late reader finds can be held against what is told.

mod clean;
mod unanswered;

use crate::harness::{Done, Peer, Wsio, accept_bounded, narrow_listener, serve};
use rustix::process::Signal;
use std::{
    fs,
    io::{PipeReader, Read},
    os::unix::net::UnixListener,
    path::PathBuf,
    sync::mpsc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};
use tempfile::TempDir;

const LINE: usize = 1000;

/// Message `number`.
pub fn message(number: usize) -> String {
    format!("{number:08}{}", ".".repeat(LINE - 8))
}

/// The whole lines in what an output was given; each has to be the next one.
#[track_caller]
pub fn lines(bytes: &[u8]) -> usize {
    let mut count = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n")) {
        assert!(line[..line.len() - 1] == *message(count).as_bytes(), "line {count} is another");
        count += 1;
    }
    count
}

/// A server that sends lines without end, reads to our Close and answers it.
fn floods() -> (String, JoinHandle<Option<u16>>) {
    serve(|mut peer| {
        peer.stream.set_write_timeout(Some(Duration::from_millis(200))).unwrap();
        let mut reading = peer.reader();
        let (tell, told) = mpsc::channel();
        let reader = thread::spawn(move || {
            let frame = reading.until_close();
            let _ = tell.send(());
            frame
        });
        let mut frames = Vec::new();
        for number in 0.. {
            let payload = message(number);
            frames.extend_from_slice(&[0x81, 126, (LINE >> 8) as u8, LINE as u8]);
            frames.extend_from_slice(payload.as_bytes());
            // Whole or not at all where it can be; after the Close came, only what is half sent.
            while !frames.is_empty() {
                match std::io::Write::write(&mut peer.stream, &frames) {
                    Ok(count) => drop(frames.drain(..count)),
                    Err(_) if told.try_recv().is_ok() => return close(reader, peer, false),
                    Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                    Err(_) => return close(reader, peer, false),
                }
            }
            if told.try_recv().is_ok() {
                return close(reader, peer, true);
            }
        }
        None
    })
}

fn close(reader: JoinHandle<Option<crate::harness::Frame>>, mut peer: Peer, answers: bool) -> Option<u16> {
    let frame = reader.join().unwrap()?;
    if answers {
        let _ = peer.try_send(true, 8, &frame.payload);
    }
    frame.code()
}

/// Something that takes nothing, and is read when everything is over.
pub enum Stalled {
    Pipe(Option<PipeReader>),
    Child { folder: TempDir, go: PathBuf, out: PathBuf },
    Socket(JoinHandle<Box<dyn Read + Send>>),
}

/// Which one, by its name.
pub const STALLS: [&str; 4] = ["standard output", "child", "tcp:", "unix:"];

impl Stalled {
    /// Starts `wsio` between the URL and such an output.
    pub fn start(stall: &str, args: &[&str], url: &str) -> (Wsio, Self) {
        let piped = |target: &str| {
            let fixed = ["pipe", "--out", "lines", url, target];
            Wsio::start(fixed.iter().chain(args))
        };
        match stall {
            "standard output" => {
                let (reader, writer) = std::io::pipe().unwrap();
                let args: Vec<_> = ["connect", url].iter().chain(args).map(ToString::to_string).collect();
                let wsio = Wsio::between(std::process::Stdio::null(), writer, args);
                (wsio, Self::Pipe(Some(reader)))
            }
            "child" => {
                let folder = tempfile::tempdir().unwrap();
                let (go, out) = (folder.path().join("go"), folder.path().join("out"));
                let wait = format!("sh:while [ ! -e {} ]; do sleep 0.05; done", go.display());
                let wsio = piped(&format!("{wait}; exec cat > {}", out.display()));
                (wsio, Self::Child { folder, go, out })
            }
            "tcp:" => {
                let listener = narrow_listener(4096);
                let target = format!("tcp:{}", listener.local_addr().unwrap());
                let accepted =
                    thread::spawn(move || -> Box<dyn Read + Send> { Box::new(accept_bounded(&listener)) });
                (piped(&target), Self::Socket(accepted))
            }
            "unix:" => {
                let folder = tempfile::tempdir().unwrap();
                let path = folder.path().join("socket");
                let listener = UnixListener::bind(&path).unwrap();
                let accepted = thread::spawn(move || -> Box<dyn Read + Send> {
                    let _folder = folder;
                    Box::new(listener.accept().unwrap().0)
                });
                (piped(&format!("unix:{}", path.display())), Self::Socket(accepted))
            }
            other => panic!("{other}"),
        }
    }

    /// Lets it read on, if it is one that can be read while `wsio` runs; gives everything that it gets.
    pub fn resume(self) -> Vec<u8> {
        let mut bytes = Vec::new();
        match self {
            Self::Pipe(reader) => drop(reader.unwrap().read_to_end(&mut bytes).unwrap()),
            Self::Child { folder, go, out } => {
                fs::write(go, "").unwrap();
                let (mut size, mut since) = (0, Instant::now());
                // It ends with its input, which nobody tells us of.
                while since.elapsed() < Duration::from_millis(500) {
                    thread::sleep(Duration::from_millis(20));
                    let now = fs::metadata(&out).map_or(0, |file| file.len());
                    if now != size {
                        (size, since) = (now, Instant::now());
                    }
                }
                bytes = fs::read(out).unwrap_or_default();
                drop(folder);
            }
            Self::Socket(accepted) => {
                let mut stream = accepted.join().unwrap();
                let mut chunk = [0; 65536];
                // A reset is an end too.
                while let Ok(count @ 1..) = stream.read(&mut chunk) {
                    bytes.extend_from_slice(&chunk[..count]);
                }
            }
        }
        bytes
    }
}

/// Messages that `--stats` says came in.
pub fn received(done: &Done) -> usize {
    let line =
        done.err.lines().find_map(|line| line.split_once("in: ")).unwrap_or_else(|| panic!("{}", done.err)).1;
    line.split(' ').next().unwrap().parse().unwrap()
}

/// What is told holds against what a late reader finds: together they are what came.
#[track_caller]
fn is_told(name: &str, done: &Done, found: &[u8]) {
    let (found, told) = (lines(found), last_told(done));
    assert!(told > 0, "{name}: what was not delivered is told: {}", done.err);
    if name.starts_with("child") {
        // It is ended by us, with what its pipe holds.
        return assert!(found + told <= received(done), "{name}: {found} found: {}", done.err);
    }
    assert_eq!(found + told, received(done), "{name}: {found} found, {told} told: {}", done.err);
}

/// Messages of the line that says what an output has not taken.
fn last_told(done: &Done) -> usize {
    let line = done.err.lines().find(|line| line.contains(" bytes not taken"));
    let line = line.unwrap_or_else(|| panic!("nothing is told: {}", done.err));
    let words = line.split(" messages, ").next().unwrap();
    words.rsplit(' ').next().unwrap().parse().unwrap()
}

/// Bounds are generous: what they have to tell from is for ever.
const BOUND: Duration = Duration::from_secs(12);

/// Does this with each of them at the same time: most of them wait.
pub fn at_once<const N: usize>(stalls: [&'static str; N], act: impl Fn(&'static str) + Sync) {
    let act = &act;
    thread::scope(|scope| stalls.map(|stall| drop(scope.spawn(move || act(stall)))));
}

#[test]
fn each_signal_ends_it_and_what_is_missing_is_told() {
    at_once(STALLS, |stall| {
        for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
            let name = format!("{stall} × {code}");
            let (url, peer) = floods();
            let (wsio, output) = Stalled::start(stall, &["--stats", "--close-timeout", "1s", "-v"], &url);
            wsio.says("connected to ");
            thread::sleep(Duration::from_millis(500));
            let since = Instant::now();
            wsio.signal(signal);
            let done = wsio.wait();
            assert!(since.elapsed() < BOUND, "{name} {:?}", since.elapsed());
            assert_eq!(done.code, code, "{name} {}", done.err);
            let found = output.resume();
            is_told(&name, &done, &found);
            assert!(matches!(peer.join().unwrap(), Some(1001) | None), "{name}");
        }
    });
}

#[test]
fn time_limits_end_it_and_what_is_missing_is_told() {
    at_once(STALLS, |stall| {
        for limit in ["--timeout", "--idle-timeout"] {
            let name = format!("{stall} × {limit}");
            let (url, _peer) = floods();
            let args = ["--stats", "--close-timeout", "1s", "--read-ahead", "64k", limit, "1500ms"];
            let since = Instant::now();
            let (wsio, output) = Stalled::start(stall, &args, &url);
            let done = wsio.wait();
            assert!(since.elapsed() < BOUND, "{name} {:?}", since.elapsed());
            assert_eq!(done.code, 28, "{name} {}", done.err);
            let found = output.resume();
            is_told(&name, &done, &found);
        }
    });
}

#[test]
fn the_second_signal_ends_it_at_once_under_a_flood() {
    at_once(STALLS, |stall| {
        for (second, code) in [(Signal::INT, 143), (Signal::TERM, 143)] {
            let (url, _peer) = floods();
            let (wsio, output) = Stalled::start(stall, &["--close-timeout", "10m", "-v"], &url);
            wsio.says("connected to ");
            thread::sleep(Duration::from_millis(300));
            wsio.signal(Signal::TERM);
            thread::sleep(Duration::from_millis(200));
            let since = Instant::now();
            wsio.signal(second);
            let done = wsio.wait();
            assert!(since.elapsed() < Duration::from_secs(5), "{stall} {:?}", since.elapsed());
            assert!(done.code == code || done.code == 130, "{stall} {} {}", done.code, done.err);
            lines(&output.resume());
        }
    });
}
