//! One source, many clients: `cargo bench --bench fanout`.
//!
//! `wsio listen` reads lines from us and hands each to every client; the clients only count bytes, all
//! in one thread, so that the figures are the server's as far as two cores allow. `WSIO_BASE=path` lets
//! another build of wsio take turns with this one: what counts is the ratio of the medians.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program of its own that prints a table")]

use std::{
    env, fs,
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const ROUNDS: usize = 3;
/// No run takes longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// One kind of work.
struct Work {
    name: &'static str,
    clients: usize,
    messages: usize,
    payload: usize,
    /// The next message leaves when all have the one before.
    one_at_a_time: bool,
}

/// What one run took.
#[derive(Clone, Copy)]
struct Took {
    seconds: f64,
    /// Of the server, user and system.
    cpu: f64,
}

const WORKS: [Work; 5] = [
    Work { name: "100 clients", clients: 100, messages: 20_000, payload: 100, one_at_a_time: false },
    Work { name: "1000 clients", clients: 1000, messages: 2_000, payload: 100, one_at_a_time: false },
    Work { name: "100, singly", clients: 100, messages: 2_000, payload: 100, one_at_a_time: true },
    Work { name: "1000, singly", clients: 1000, messages: 200, payload: 100, one_at_a_time: true },
    Work { name: "100 × 64 KiB", clients: 100, messages: 200, payload: 64 << 10, one_at_a_time: false },
];

fn main() {
    let base = env::var("WSIO_BASE").ok();
    println!(
        "{:14} {:>12} {:>12} {:>12} {:>12} {:>7}",
        "", "thousand/s", "CPU µs each", "base", "base", "ratio"
    );
    for work in &WORKS {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            ours.push(run(env!("CARGO_BIN_EXE_wsio"), work));
            theirs.extend(base.as_ref().map(|base| run(base, work)));
        }
        let deliveries = (work.clients * work.messages) as f64;
        let median = |mut of: Vec<f64>| {
            of.sort_by(f64::total_cmp);
            of.get(of.len() / 2).copied()
        };
        let rate = |took: &[Took]| median(took.iter().map(|took| deliveries / took.seconds / 1e3).collect());
        let cpu = |took: &[Took]| median(took.iter().map(|took| took.cpu / deliveries * 1e6).collect());
        let shown = |number: Option<f64>| number.map_or("-".to_owned(), |number| format!("{number:.2}"));
        let ratio = rate(&theirs).and_then(|theirs| rate(&ours).map(|ours| ours / theirs));
        println!(
            "{:14} {:>12} {:>12} {:>12} {:>12} {:>7}",
            work.name,
            shown(rate(&ours)),
            shown(cpu(&ours)),
            shown(rate(&theirs)),
            shown(cpu(&theirs)),
            shown(ratio)
        );
    }
}

fn run(program: &str, work: &Work) -> Took {
    let (mut server, mut input, address, opened) = listen(program);
    let header = if work.payload < 126 {
        2
    } else if work.payload < 65536 {
        4
    } else {
        10
    };
    let each = ((header + work.payload) * work.clients) as u64;
    let counted = Arc::new(AtomicU64::new(0));
    let clients = clients(&address, work.clients, &counted);
    // A client has its 101 before it is in the room.
    for _ in 0..work.clients {
        opened.recv_timeout(PATIENCE).expect("all clients are in the room");
    }
    let wait_for = |bytes: u64| {
        let start = Instant::now();
        while counted.load(Ordering::Relaxed) < bytes {
            assert!(start.elapsed() < PATIENCE, "{program}: some messages never came");
            thread::sleep(Duration::from_micros(50));
        }
    };
    let mut line = vec![b'x'; work.payload];
    line.push(b'\n');
    let before = cpu(server.id());
    let start = Instant::now();
    if work.one_at_a_time {
        for sent in 1..=work.messages {
            input.write_all(&line).unwrap();
            wait_for(each * sent as u64);
        }
    } else {
        let lines = line.repeat((256 << 10) / line.len().min(256 << 10));
        let mut left = work.messages * line.len();
        while left > 0 {
            let piece = left.min(lines.len());
            input.write_all(&lines[..piece]).unwrap();
            left -= piece;
        }
        wait_for(each * work.messages as u64);
    }
    let took = Took { seconds: start.elapsed().as_secs_f64(), cpu: cpu(server.id()) - before };
    server.kill().unwrap();
    server.wait().unwrap();
    clients.join().unwrap();
    took
}

/// A server on a free port; gives its standard input, `HOST:PORT`, and a word for each client that is in.
fn listen(program: &str) -> (Child, ChildStdin, String, mpsc::Receiver<()>) {
    let mut server = Command::new(program)
        .args(["listen", "127.0.0.1:0", "--max-connections", "2000"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    let mut said = BufReader::new(server.stderr.take().unwrap());
    let mut line = String::new();
    let address = loop {
        line.clear();
        assert!(said.read_line(&mut line).unwrap() > 0, "{program} does not listen");
        if let Some((_, url)) = line.split_once("listening on ws://") {
            break url.trim().trim_end_matches('/').to_owned();
        }
    };
    let (open, opened) = mpsc::channel();
    thread::spawn(move || {
        for line in said.lines().map_while(Result::ok) {
            if line.contains(" open ") {
                let _ = open.send(());
            }
        }
    });
    let input = server.stdin.take().unwrap();
    (server, input, address, opened)
}

/// Clients in one thread that count what comes; they end with the server.
fn clients(address: &str, count: usize, counted: &Arc<AtomicU64>) -> thread::JoinHandle<()> {
    let (address, counted) = (address.to_owned(), Arc::clone(counted));
    let (ready, all_ready) = mpsc::channel();
    let thread = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut tasks = tokio::task::JoinSet::new();
            for _ in 0..count {
                let mut stream = upgraded(&address).await;
                let counted = Arc::clone(&counted);
                tasks.spawn(async move {
                    let mut buffer = vec![0; 64 << 10];
                    while let Ok(count @ 1..) = stream.read(&mut buffer).await {
                        counted.fetch_add(count as u64, Ordering::Relaxed);
                    }
                });
            }
            ready.send(()).unwrap();
            while tasks.join_next().await.is_some() {}
        });
    });
    all_ready.recv_timeout(PATIENCE).expect("all clients are let in");
    thread
}

async fn upgraded(address: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "GET / HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&head));
    stream
}

/// Seconds of processor time that a process has used.
fn cpu(process: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11);
    fields.take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}
