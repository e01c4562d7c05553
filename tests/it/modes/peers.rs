//! The far ends of a run, and what they saw: one line each, so that a difference can be named by a pattern.

use crate::harness::{Frame, Peer, TlsClient, read_head, tls_over};
use std::{
    io::{self, ErrorKind, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    os::{
        fd::OwnedFd,
        unix::net::{UnixListener, UnixStream},
    },
    path::Path,
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
    /// Speaks TLS 1.2 and no newer.
    Old,
    /// A client that stays when it is asked to leave.
    Stays,
    /// A peer of bytes that does not end.
    Lasts,
    /// A client that breaks off in the middle of a frame.
    Breaks,
    /// A client that is followed by another one while it is there.
    Followed,
    /// A client that asks for this path, and for no WebSocket.
    Fetches(&'static str),
    /// A client that asks for nothing.
    Idles,
    /// A client that never ends a long message.
    Holds,
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

    /// The same for the client that follows it.
    fn second(&self) -> Self {
        Self(Arc::clone(&self.0), "second ")
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

/// A client's connection, whose own side can be ended.
trait Connection: Read + Write {
    fn end(&mut self) -> io::Result<()>;
}

impl Connection for TcpStream {
    fn end(&mut self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

impl Connection for TlsClient {
    fn end(&mut self) -> io::Result<()> {
        self.conn.send_close_notify();
        self.flush()
    }
}

/// A listening socket whose connections are served until it is dropped.
pub struct Served {
    pub port: u16,
    gone: Arc<AtomicBool>,
    busy: Arc<AtomicUsize>,
    /// Has it look whether it is over.
    wake: Box<dyn Fn()>,
}

impl Served {
    fn new(serve: impl Fn(TcpStream, usize) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let wake = move || drop(TcpStream::connect(("127.0.0.1", port)));
        Self::serving(port, move || listener.accept().map(|(stream, _)| stream), wake, serve)
    }

    /// Serves what is accepted; a Unix socket's stream goes as one of TCP, which reads and writes alike.
    fn serving(
        port: u16,
        accept: impl Fn() -> io::Result<TcpStream> + Send + 'static,
        wake: impl Fn() + 'static,
        serve: impl Fn(TcpStream, usize) + Send + Sync + 'static,
    ) -> Self {
        let gone = Arc::<AtomicBool>::default();
        let busy = Arc::<AtomicUsize>::default();
        let (over, serve, at_work) = (Arc::clone(&gone), Arc::new(serve), Arc::clone(&busy));
        thread::spawn(move || {
            for number in 0.. {
                let Ok(stream) = accept() else { break };
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
        Self { port, gone, busy, wake: Box::new(wake) }
    }

    /// Waits until all that came has been seen.
    pub fn settle(&self) {
        let start = Instant::now();
        while self.busy.load(Ordering::SeqCst) > 0 && start.elapsed() < Duration::from_secs(2) {
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// A WebSocket server.
    pub fn web_socket(habit: Habit, seen: &Seen) -> Self {
        let seen = seen.clone();
        Self::new(move |stream, number| answer(stream, number, habit, &seen))
    }

    /// A client of a stream server, over TLS where it is `secure`: it says two lines, ends, and takes what comes in a
    /// second.
    pub fn calls(address: &str, secure: bool, habit: Habit, seen: &Seen) {
        let Ok(stream) = dial(address) else { return };
        let socket = stream.try_clone().unwrap();
        let connection = match secure {
            true => tls_over(stream, &[]).map(|tls| Box::new(tls) as Box<dyn Connection>),
            false => Ok(Box::new(stream) as Box<dyn Connection>),
        };
        let Ok(mut stream) = connection else { return };
        if habit == Habit::Followed {
            // It is served once it is answered.
            let _ = stream.write_all(b"zero\n");
            let _ = stream.read(&mut [0; 64]);
            Self::calls(address, secure, Habit::Echo, &seen.second());
        }
        let _ = stream.write_all(b"one\ntwo\n").and_then(|()| stream.end());
        let (start, mut got, mut chunk) = (Instant::now(), Vec::new(), [0; 1024]);
        while let Some(left) = Duration::from_secs(1).checked_sub(start.elapsed()) {
            socket.set_read_timeout(Some(left.max(Duration::from_millis(1)))).unwrap();
            match stream.read(&mut chunk) {
                Ok(count @ 1..) => got.extend_from_slice(&chunk[..count]),
                Err(error)
                    if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof) =>
                {
                    return seen.note(format!("got bytes {} and {}", got.escape_ascii(), error.kind()));
                }
                _ => break,
            }
        }
        seen.note(format!("got bytes {}", got.escape_ascii()));
    }

    /// A peer of bytes: it says two lines, ends, and takes what comes.
    pub fn bytes(habit: Habit, seen: &Seen) -> Self {
        let seen = seen.clone();
        Self::new(move |stream, _| exchange(stream, habit, &seen))
    }

    /// The same on a Unix socket.
    pub fn unix(path: &Path, habit: Habit, seen: &Seen) -> Self {
        let (path, seen) = (path.to_owned(), seen.clone());
        let listener = UnixListener::bind(&path).unwrap();
        let accept = move || listener.accept().map(|(stream, _)| TcpStream::from(OwnedFd::from(stream)));
        let wake = move || drop(UnixStream::connect(&path));
        Self::serving(0, accept, wake, move |stream, _| exchange(stream, habit, &seen))
    }
}

/// Says two lines, ends, and takes what comes.
fn exchange(mut stream: TcpStream, habit: Habit, seen: &Seen) {
    if let Ok(peer) = stream.peer_addr() {
        seen.note(format!("from {}", peer.ip()));
    }
    let _ = stream.write_all(b"one\ntwo\n");
    if habit == Habit::Mute {
        // It takes nothing.
        return thread::sleep(Duration::from_secs(3));
    }
    if habit != Habit::Lasts {
        let _ = stream.shutdown(Shutdown::Write);
    }
    let mut got = Vec::new();
    match stream.read_to_end(&mut got) {
        Ok(_) => seen.note(format!("got bytes {}", got.escape_ascii())),
        Err(error) => seen.note(format!("got bytes {} and {}", got.escape_ascii(), error.kind())),
    }
    if habit == Habit::Lasts {
        thread::sleep(Duration::from_secs(3));
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.gone.store(true, Ordering::SeqCst);
        (self.wake)();
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
        Habit::Greets(text) => say(&mut peer, 1, text.as_bytes()),
        Habit::Closes(code) => say(&mut peer, 8, &[&code.to_be_bytes()[..], b"told"].concat()),
        Habit::Pings => say(&mut peer, 9, b"hey"),
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
                let _ = peer.try_send(true, 8, &[&code.to_be_bytes()[..], b"told"].concat());
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
///
/// The server may end first, as with `--timeout`: a line that it takes no more is left out, and the run is judged
/// by what the client saw until then.
pub fn visit(address: &str, lines: &[&str], habit: Habit, seen: &Seen) {
    if let Habit::Fetches(_) | Habit::Idles | Habit::Stalls = habit {
        return plain(address, habit, seen);
    }
    let Some(mut peer) = tries(address, lines) else { return seen.note("refused".to_owned()) };
    seen.head(&peer.head.clone());
    if !peer.head.starts_with("HTTP/1.1 101 ") {
        return;
    }
    match habit {
        Habit::Closes(code) => say(&mut peer, 8, &[&code.to_be_bytes()[..], b"told"].concat()),
        Habit::Holds => drop(peer.try_send(false, 1, &[b'x'; 60_000])),
        Habit::Breaks => {
            // It is answered, says two bytes of a hundred, and is gone.
            say(&mut peer, 1, b"one");
            peer.stream.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
            peer.next().iter().for_each(|frame| seen.frame(frame));
            let _ = peer.stream.write_all(&[0x81, 0x80 | 100, 0, 0, 0, 0, b'o', b'n']);
            return;
        }
        _ => {
            if habit == Habit::Pings {
                say(&mut peer, 9, b"hey");
            }
            say(&mut peer, 1, b"one");
            say(&mut peer, 1, b"two");
            if let Habit::Greets(text) = habit {
                say(&mut peer, 1, text.as_bytes());
            }
        }
    }
    if habit == Habit::Followed {
        // Once the ping is answered, what was said before is taken.
        say(&mut peer, 9, b"");
        while peer.next().inspect(|frame| seen.frame(frame)).is_some_and(|frame| frame.opcode != 10) {}
        if let Some(mut second) = tries(address, lines) {
            let seen = seen.second();
            seen.head(&second.head.clone());
            say(&mut second, 9, b"");
            while second.next().inspect(|frame| seen.frame(frame)).is_some_and(|frame| frame.opcode != 10) {}
            say(&mut peer, 1, b"three");
            stay(&mut second, habit, &seen);
        }
    }
    stay(&mut peer, habit, seen);
}

/// Sends a whole frame, where the other side still takes one.
fn say(peer: &mut Peer, opcode: u8, payload: &[u8]) {
    let _ = peer.try_send(true, opcode, payload);
}

/// The server may have something to say by itself; one that never stops is closed all the same.
fn stay(peer: &mut Peer, habit: Habit, seen: &Seen) {
    let start = Instant::now();
    let mut closed = matches!(habit, Habit::Closes(_));
    let quiet = matches!(habit, Habit::Keeps | Habit::Mute);
    peer.stream.set_read_timeout(Some(Duration::from_millis(150))).unwrap();
    // A peer that was given up is waited for a second more.
    let long = Duration::from_millis(if habit == Habit::Mute { 1600 } else { 1000 });
    while start.elapsed() < long {
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
                let code = if let Habit::Leaves(code) = habit { code } else { 1000 };
                let _ = peer.try_send(true, 8, &code.to_be_bytes());
            }
            (true, true) if frame.is_none() && (!quiet || peer.stream.peek(&mut [0]).is_ok()) => return,
            _ => {}
        }
    }
}

/// A client without a WebSocket: it asks for a path or for nothing, and tells what is answered in a second.
fn plain(address: &str, habit: Habit, seen: &Seen) {
    let Ok(mut stream) = dial(address) else { return seen.note("refused".to_owned()) };
    stream.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    let host = host(address);
    if let Habit::Fetches(path) = habit {
        let _ = write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    }
    if habit == Habit::Stalls {
        // What stands behind is dialled before it is answered.
        let _ = write!(
            stream,
            "GET / HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        );
    }
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    seen.head(&String::from_utf8_lossy(&answer));
}

/// A connection to an address, or to the path of a Unix socket.
fn dial(address: &str) -> io::Result<TcpStream> {
    match address.starts_with('/') {
        true => UnixStream::connect(address).map(|stream| TcpStream::from(OwnedFd::from(stream))),
        false => TcpStream::connect(address),
    }
}

/// A client that asks for a WebSocket there.
pub fn tries(address: &str, lines: &[&str]) -> Option<Peer> {
    Some(Peer::tries_on(dial(address).ok()?, host(address), lines))
}

fn host(address: &str) -> &str {
    if address.starts_with('/') { "localhost" } else { address }
}
