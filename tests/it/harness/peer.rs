//! A WebSocket peer written by hand: it can send any bytes, stall, reset, and see what came.
//!
//! Deliberately not the protocol library that `wsio` uses, so that its faults cannot hide here.

use super::PATIENCE;
use base64::{Engine, prelude::BASE64_STANDARD};
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};
use sha1::{Digest, Sha1};
use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// One frame (RFC 6455 section 5.2), unmasked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub fin: bool,
    /// With permessage-deflate: the message is compressed.
    pub rsv1: bool,
    pub opcode: u8,
    pub payload: Vec<u8>,
}

impl Frame {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.payload).unwrap()
    }

    /// The code of a Close frame.
    pub fn code(&self) -> Option<u16> {
        assert_eq!(self.opcode, 8, "{self:?} is not a Close");
        self.payload.get(..2).map(|code| u16::from_be_bytes([code[0], code[1]]))
    }

    /// The reason of a Close frame.
    pub fn reason(&self) -> &str {
        std::str::from_utf8(self.payload.get(2..).unwrap_or_default()).unwrap()
    }
}

/// One side of an open WebSocket.
pub struct Peer {
    pub stream: TcpStream,
    client: bool,
    /// The head of the request or of the answer.
    pub head: String,
}

impl Peer {
    /// Accepts and upgrades the next connection.
    pub fn accept(listener: &TcpListener) -> Self {
        Self::accept_with(listener, &[])
    }

    /// Accepts with further header lines in the answer.
    pub fn accept_with(listener: &TcpListener, lines: &[&str]) -> Self {
        Self::accept_and(listener, lines, &[])
    }

    /// Accepts with further header lines in the answer, and these bytes in one write with it.
    pub fn accept_and(listener: &TcpListener, lines: &[&str], behind: &[u8]) -> Self {
        let next = || {
            let mut stream = accept_bounded(listener);
            let head = read_head(&mut stream);
            (stream, head)
        };
        let (mut stream, mut head) = next();
        if !head.to_ascii_lowercase().contains("websocket") {
            // A port that another test found free a moment ago may be called there for something else, once.
            (stream, head) = next();
        }
        let answer = upgrading(&head, lines).expect("the request has a key");
        stream.write_all(&[answer.as_bytes(), behind].concat()).unwrap();
        Self { stream, client: false, head }
    }

    /// Upgrades a connection whose request was read; `None` when it is no upgrade, or nobody is there.
    pub fn answers(mut stream: TcpStream, head: String) -> Option<Self> {
        stream.write_all(upgrading(&head, &[])?.as_bytes()).ok()?;
        Some(Self { stream, client: false, head })
    }

    /// Asks on a connection, whatever is answered. A line may be another Host.
    pub fn tries_on(stream: TcpStream, host: &str, lines: &[&str]) -> Self {
        let host = lines.iter().find_map(|line| line.strip_prefix("Host: ")).unwrap_or(host);
        let more: Vec<_> = lines.iter().copied().filter(|line| !line.starts_with("Host: ")).collect();
        Self::asks(stream, "/", host, &more)
    }

    /// Connects to `HOST:PORT`, path `/`.
    pub fn dial(address: &str) -> Self {
        Self::dial_with(address, "/", &[])
    }

    /// Connects with a path and further header lines.
    pub fn dial_with(address: &str, path: &str, lines: &[&str]) -> Self {
        Self::dial_to(address, path, address, lines)
    }

    /// Connects with another Host than the address.
    pub fn dial_to(address: &str, path: &str, host: &str, lines: &[&str]) -> Self {
        Self::upgrade(TcpStream::connect(address).unwrap(), path, host, lines)
    }

    /// Connects with a receive buffer of about so many bytes, so that little is taken without being read.
    pub fn dial_narrow(address: &str, buffer: usize) -> Self {
        let socket =
            rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None)
                .unwrap();
        sockopt::set_socket_recv_buffer_size(&socket, buffer).unwrap();
        rustix::net::connect(&socket, &address.parse::<SocketAddr>().unwrap()).unwrap();
        Self::upgrade(socket.into(), "/", address, &[])
    }

    fn upgrade(stream: TcpStream, path: &str, host: &str, lines: &[&str]) -> Self {
        let peer = Self::asks(stream, path, host, lines);
        assert!(peer.head.starts_with("HTTP/1.1 101 "), "{}", peer.head);
        peer
    }

    fn asks(mut stream: TcpStream, path: &str, host: &str, lines: &[&str]) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let more: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{more}\r\n"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let head = read_head(&mut stream);
        Self { stream, client: true, head }
    }

    /// A second handle of the server's side, to read while the first one writes.
    pub fn reader(&self) -> Self {
        Self { stream: self.stream.try_clone().unwrap(), client: self.client, head: String::new() }
    }

    pub fn try_send(&mut self, fin: bool, opcode: u8, payload: &[u8]) -> io::Result<()> {
        self.try_send_first(u8::from(fin) << 7 | opcode, payload)
    }

    /// Sends a frame with this first byte: FIN, the reserved bits and the opcode.
    pub fn try_send_first(&mut self, first: u8, payload: &[u8]) -> io::Result<()> {
        let mask = if self.client { 0x80 } else { 0 };
        let mut bytes = vec![first];
        match payload.len() {
            length @ 0..126 => bytes.push(mask | length as u8),
            length @ 126..65536 => {
                bytes.push(mask | 126);
                bytes.extend_from_slice(&(length as u16).to_be_bytes());
            }
            length => {
                bytes.push(mask | 127);
                bytes.extend_from_slice(&(length as u64).to_be_bytes());
            }
        }
        if self.client {
            // A mask of zeros leaves the payload as it is.
            bytes.extend_from_slice(&[0; 4]);
        }
        bytes.extend_from_slice(payload);
        self.stream.write_all(&bytes)
    }

    /// Sends a frame masked as only the other side may: unmasked by a client, masked by a server.
    pub fn send_masked_wrongly(&mut self, fin: bool, opcode: u8, payload: &[u8]) {
        Self { client: !self.client, ..self.reader() }.send(fin, opcode, payload);
    }

    /// Begins a text frame of 100 bytes, of which six come with its head, in either role.
    pub fn begin(&mut self) {
        self.raw(if self.client { b"\x81\xe4\0\0\0\0" } else { b"\x81\x64half" });
    }

    /// Sends a ping and reads up to its pong: what was sent before was read.
    pub fn is_heard(&mut self) {
        self.send(true, 9, b"");
        assert!(std::iter::from_fn(|| self.next()).any(|frame| frame.opcode == 10), "no pong");
    }

    /// Reads nothing until nothing more comes, since all buffers are full.
    pub fn clog(&mut self) {
        let (mut before, mut since) = (0, Instant::now());
        super::eventually("full buffers", || {
            let count = rustix::io::ioctl_fionread(&self.stream).unwrap();
            if count != before {
                (before, since) = (count, Instant::now());
            }
            count > 0 && since.elapsed() > Duration::from_millis(200)
        });
    }

    pub fn send(&mut self, fin: bool, opcode: u8, payload: &[u8]) {
        self.try_send(fin, opcode, payload).unwrap();
    }

    pub fn text(&mut self, text: &str) {
        self.send(true, 1, text.as_bytes());
    }

    pub fn close(&mut self, code: u16, reason: &str) {
        self.send(true, 8, &[&code.to_be_bytes(), reason.as_bytes()].concat());
    }

    pub fn raw(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// The next frame; `None` at the end of the stream, however it came.
    pub fn next(&mut self) -> Option<Frame> {
        let mut head = [0; 2];
        self.stream.read_exact(&mut head).ok()?;
        let length = match head[1] & 0x7f {
            126 => self.bytes(2)?.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)),
            127 => self.bytes(8)?.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)),
            length => usize::from(length),
        };
        let mask = if head[1] & 0x80 == 0 { vec![0; 4] } else { self.bytes(4)? };
        assert_eq!(head[1] & 0x80 == 0, self.client, "clients mask, servers do not");
        let mut payload = self.bytes(length)?;
        payload.iter_mut().enumerate().for_each(|(index, byte)| *byte ^= mask[index % 4]);
        let (fin, rsv1) = (head[0] & 0x80 != 0, head[0] & 0x40 != 0);
        Some(Frame { fin, rsv1, opcode: head[0] & 0x0f, payload })
    }

    /// The next whole data message; control frames are passed over.
    pub fn message(&mut self) -> Option<Vec<u8>> {
        let mut message = Vec::new();
        loop {
            let frame = self.next()?;
            match frame.opcode {
                0..=2 => message.extend_from_slice(&frame.payload),
                8 => return None,
                _ => continue,
            }
            if frame.fin {
                return Some(message);
            }
        }
    }

    /// Reads up to the Close and answers nothing; `None` when the stream ends without one.
    pub fn until_close(&mut self) -> Option<Frame> {
        std::iter::from_fn(|| self.next()).find(|frame| frame.opcode == 8)
    }

    /// Waits for the other side's Close and echoes it.
    pub fn answer_close(&mut self) -> Option<Frame> {
        let frame = self.until_close()?;
        let _ = self.try_send(true, 8, &frame.payload);
        Some(frame)
    }

    /// Resets the connection: the kernel sends RST.
    pub fn reset(self) {
        sockopt::set_socket_linger(&self.stream, Some(Duration::ZERO)).unwrap();
    }

    fn bytes(&mut self, count: usize) -> Option<Vec<u8>> {
        let mut bytes = vec![0; count];
        self.stream.read_exact(&mut bytes).ok()?;
        Some(bytes)
    }
}

/// The answer to a request for a WebSocket, with further lines; `None` when it is none.
fn upgrading(head: &str, lines: &[&str]) -> Option<String> {
    let key = field(head, "sec-websocket-key")?;
    let accept = BASE64_STANDARD.encode(Sha1::digest(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11")));
    let more: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    Some(format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n{more}\r\n"
    ))
}

/// Serves one connection with a script; gives the URL to connect to.
pub fn serve<T: Send + 'static>(script: impl FnOnce(Peer) -> T + Send + 'static) -> (String, JoinHandle<T>) {
    serve_many(move |listener| script(Peer::accept(listener)))
}

/// Serves a listening socket with a script.
pub fn serve_many<T: Send + 'static>(
    script: impl FnOnce(&TcpListener) -> T + Send + 'static,
) -> (String, JoinHandle<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    (url, thread::spawn(move || script(&listener)))
}

/// Serves one connection that takes about so many bytes without being read.
pub fn serve_narrow<T: Send + 'static>(
    buffer: usize,
    script: impl FnOnce(Peer) -> T + Send + 'static,
) -> (String, JoinHandle<T>) {
    let listener = narrow_listener(buffer);
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    (url, thread::spawn(move || script(Peer::accept(&listener))))
}

/// A listener whose connections take about so many bytes without being read.
pub fn narrow_listener(buffer: usize) -> TcpListener {
    let socket =
        rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None)
            .unwrap();
    // Accepted sockets inherit it, and the window is told from it.
    sockopt::set_socket_recv_buffer_size(&socket, buffer).unwrap();
    rustix::net::bind(&socket, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
    rustix::net::listen(&socket, 16).unwrap();
    socket.into()
}

/// The next connection, or a panic that a test can show.
pub fn accept_bounded(listener: &TcpListener) -> TcpStream {
    listener.set_nonblocking(true).unwrap();
    let mut accepted = None;
    super::eventually("a connection", || {
        accepted = listener.accept().ok();
        accepted.is_some()
    });
    let (stream, _) = accepted.unwrap();
    stream.set_nonblocking(false).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// A request's or an answer's head, up to and with the empty line.
pub fn read_head(stream: &mut TcpStream) -> String {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => break,
        }
    }
    String::from_utf8_lossy(&head).into_owned()
}

/// The value of a header field.
pub fn field(head: &str, name: &str) -> Option<String> {
    let lines = head.lines().filter_map(|line| line.split_once(':'));
    lines
        .into_iter()
        .find(|(other, _)| other.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim().to_owned())
}
