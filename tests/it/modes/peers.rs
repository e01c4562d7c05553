//! The far ends of a run, and what they saw: one line each, so that a difference can be named by a pattern.

use crate::harness::{Frame, Peer, read_head};
use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// What a WebSocket peer does; it echoes messages, answers pings and Closes unless it says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Habit {
    Echo,
    /// Says this once open.
    Greets(&'static str),
    /// Closes with this code once open.
    Closes(u16),
    /// Echoes one message and closes with this code.
    Leaves(u16),
    /// Answers the first requests with this status.
    Refuses(u16, usize),
    /// Sends the first request on to `/next`.
    Redirects,
    /// Never answers a request.
    Stalls,
    /// Never answers a Close.
    Keeps,
    /// Answers nothing, neither messages nor pings.
    Mute,
    /// Pings once open, and echoes.
    Pings,
    /// Hangs up after the first message of its first connection.
    Drops,
    /// Is not there.
    Absent,
    /// Speaks TLS; is a `wsio` of its own, which sees nothing.
    Secure,
    /// The same, and wants a certificate.
    Strict,
}

/// What was seen, in order.
#[derive(Clone, Default)]
pub struct Seen(Arc<Mutex<Vec<String>>>, &'static str);

impl Seen {
    pub fn note(&self, line: String) {
        self.0.lock().unwrap().push(format!("{}{line}", self.1));
    }

    /// The same for what a client sees.
    pub fn client(&self) -> Self {
        Self(Arc::clone(&self.0), "client ")
    }

    pub fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    fn head(&self, head: &str) {
        head.lines().filter(|line| !line.is_empty()).for_each(|line| self.note(format!("head {line}")));
    }

    fn frame(&self, frame: &Frame) {
        let payload = |from: usize| frame.payload.get(from..).unwrap_or_default().escape_ascii().to_string();
        self.note(match frame.opcode {
            0 => format!("got more {}", payload(0)),
            1 => format!("got text {}", payload(0)),
            2 => format!("got binary {}", payload(0)),
            8 => format!("got close {:?} {}", frame.code().unwrap_or(1005), payload(2)),
            9 => format!("got ping {}", payload(0)),
            _ => format!("got pong {}", payload(0)),
        });
    }
}

/// A listening socket whose connections are served until it is dropped.
pub struct Served {
    pub port: u16,
    gone: Arc<AtomicBool>,
    busy: Arc<AtomicUsize>,
}

impl Served {
    fn new(serve: impl Fn(TcpStream, usize) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let gone = Arc::<AtomicBool>::default();
        let busy = Arc::<AtomicUsize>::default();
        let (over, serve, at_work) = (Arc::clone(&gone), Arc::new(serve), Arc::clone(&busy));
        thread::spawn(move || {
            for (number, stream) in listener.incoming().flatten().enumerate() {
                if over.load(Ordering::SeqCst) {
                    break;
                }
                stream.set_read_timeout(Some(crate::harness::PATIENCE)).unwrap();
                let (serve, at_work) = (Arc::clone(&serve), Arc::clone(&at_work));
                at_work.fetch_add(1, Ordering::SeqCst);
                thread::spawn(move || {
                    serve(stream, number);
                    at_work.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self { port, gone, busy }
    }

    /// Waits until all that came has been seen.
    pub fn settle(&self) {
        let start = Instant::now();
        while self.busy.load(Ordering::SeqCst) > 0 && start.elapsed() < Duration::from_secs(2) {
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// A WebSocket server.
    pub fn web_socket(habit: Habit, seen: &Seen) -> Self {
        let seen = seen.clone();
        Self::new(move |stream, number| answer(stream, number, habit, &seen))
    }

    /// A client of a stream server.
    pub fn calls(address: &str, seen: &Seen) {
        let Ok(mut stream) = TcpStream::connect(address) else { return };
        stream.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
        let _ = stream.write_all(b"one\ntwo\n").and_then(|()| stream.shutdown(Shutdown::Write));
        let mut got = Vec::new();
        let _ = stream.read_to_end(&mut got);
        seen.note(format!("got bytes {}", got.escape_ascii()));
    }

    /// A peer of bytes: it says two lines, ends, and takes what comes.
    pub fn bytes(seen: &Seen) -> Self {
        let seen = seen.clone();
        Self::new(move |mut stream, _| {
            let _ = stream.write_all(b"one\ntwo\n").and_then(|()| stream.shutdown(Shutdown::Write));
            let mut got = Vec::new();
            let _ = stream.read_to_end(&mut got);
            seen.note(format!("got bytes {}", got.escape_ascii()));
        })
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.gone.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn answer(mut stream: TcpStream, number: usize, habit: Habit, seen: &Seen) {
    seen.note(format!("from {}", stream.peer_addr().unwrap().ip()));
    let head = read_head(&mut stream);
    seen.head(&head);
    let refusal = match habit {
        Habit::Stalls => {
            let _ = stream.read_to_end(&mut Vec::new());
            return;
        }
        Habit::Redirects if number == 0 => "302 Found\r\nLocation: /next",
        Habit::Refuses(503, times) if number < times => "503 Service Unavailable",
        Habit::Refuses(_, times) if number < times => "404 Not Found\r\nX-Kind: none",
        _ if !head.starts_with("GET ") => "405 Method Not Allowed",
        _ => "",
    };
    if !refusal.is_empty() {
        let _ = write!(stream, "HTTP/1.1 {refusal}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        return;
    }
    let Some(mut peer) = Peer::answers(stream, head) else { return };
    match habit {
        Habit::Greets(text) => peer.text(text),
        Habit::Closes(code) => peer.close(code, "told"),
        Habit::Pings => peer.send(true, 9, b"hey"),
        _ => {}
    }
    converse(&mut peer, habit, number, seen);
}

fn converse(peer: &mut Peer, habit: Habit, number: usize, seen: &Seen) {
    while let Some(frame) = peer.next() {
        seen.frame(&frame);
        let answered = match frame.opcode {
            8 if habit == Habit::Keeps => Ok(()),
            8 if matches!(habit, Habit::Closes(_) | Habit::Leaves(_)) => return,
            8 => {
                let _ = peer.try_send(true, 8, &frame.payload);
                return;
            }
            _ if habit == Habit::Mute => Ok(()),
            9 => peer.try_send(true, 10, &frame.payload),
            0..=2 if habit == Habit::Drops && number == 0 => return,
            opcode @ 0..=2 if let Habit::Leaves(code) = habit => {
                let _ = peer.try_send(frame.fin, opcode, &frame.payload);
                peer.close(code, "told");
                continue;
            }
            opcode @ 0..=2 => peer.try_send(frame.fin, opcode, &frame.payload),
            _ => Ok(()),
        };
        if answered.is_err() {
            return;
        }
    }
}

/// A client of a server under test: says two lines, stays for a while, closes, and takes what comes.
pub fn visit(address: &str, lines: &[&str], habit: Habit, seen: &Seen) {
    let Some(mut peer) = Peer::tries(address, "/", lines) else { return seen.note("refused".to_owned()) };
    seen.head(&peer.head.clone());
    if !peer.head.starts_with("HTTP/1.1 101 ") {
        return;
    }
    if let Habit::Closes(code) = habit {
        peer.close(code, "told");
    } else {
        if habit == Habit::Pings {
            peer.send(true, 9, b"hey");
        }
        peer.text("one");
        peer.text("two");
        if let Habit::Greets(text) = habit {
            peer.text(text);
        }
    }
    // The server may have something to say by itself; one that never stops is closed all the same.
    let start = Instant::now();
    let mut closed = matches!(habit, Habit::Closes(_));
    let quiet = habit == Habit::Keeps || habit == Habit::Mute;
    peer.stream.set_read_timeout(Some(Duration::from_millis(150))).unwrap();
    while start.elapsed() < Duration::from_secs(1) {
        let frame = peer.next();
        if let Some(frame) = &frame {
            seen.frame(frame);
            match frame.opcode {
                8 if habit != Habit::Keeps => {
                    let _ = peer.try_send(true, 8, &frame.payload);
                    return;
                }
                9 if !quiet => drop(peer.try_send(true, 10, &frame.payload)),
                _ => {}
            }
        }
        match (frame.is_none() || start.elapsed() > Duration::from_millis(150), closed || quiet) {
            (true, false) => {
                closed = true;
                let _ = peer.try_send(true, 8, &1000u16.to_be_bytes());
            }
            (true, true) if frame.is_none() => return,
            _ => {}
        }
    }
}
