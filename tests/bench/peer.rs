//! The neutral peer: a WebSocket server of bare frames on one blocking socket.

use base64::{Engine, prelude::BASE64_STANDARD};
use sha1::{Digest, Sha1};
use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::Arc,
    thread::{self, JoinHandle},
};

/// What the peer does once a client is there.
#[derive(Clone)]
pub enum Script {
    /// Takes everything; gives nothing.
    Swallow,
    /// Sends these bytes, which are frames, and a Close; the client gives out so many bytes.
    Give(Arc<Vec<u8>>, usize),
}

/// Serves one client; the thread gives how many payload bytes came.
pub fn serve(script: Script) -> (String, JoinHandle<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let thread = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        upgrade(&mut stream);
        if let Script::Give(frames, _) = script {
            stream.write_all(&frames).unwrap();
            stream.write_all(b"\x88\x02\x03\xe8").unwrap();
        }
        swallow(stream)
    });
    (url, thread)
}

/// A TCP server of one client that gives it these bytes and takes what it says; the thread gives how many bytes
/// came.
pub fn stream(input: &Arc<Vec<u8>>) -> (String, JoinHandle<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("tcp:{}", listener.local_addr().unwrap());
    let input = Arc::clone(input);
    let thread = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(&input).unwrap();
        if !input.is_empty() {
            stream.shutdown(Shutdown::Write).unwrap();
        }
        let (mut total, mut buffer) = (0, vec![0; 1 << 20]);
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            total += count;
        }
        total
    });
    (address, thread)
}

/// Text frames, unmasked, a line each, without its newline.
pub fn text_frames(lines: impl Iterator<Item = String>) -> Vec<u8> {
    let mut frames = Vec::new();
    for line in lines {
        let payload = line.trim_end_matches('\n').as_bytes();
        assert!(payload.len() < 126, "short lines only");
        frames.extend_from_slice(&[0x81, payload.len() as u8]);
        frames.extend_from_slice(payload);
    }
    frames
}

/// Binary frames of one size, so many bytes of payload in all.
pub fn binary_frames(size: usize, total: usize) -> Vec<u8> {
    let head = match size {
        126..65536 => [&[0x82, 126], &(size as u16).to_be_bytes()[..]].concat(),
        _ => [&[0x82, 127], &(size as u64).to_be_bytes()[..]].concat(),
    };
    [head, vec![0x5a; size]].concat().repeat(total / size)
}

fn upgrade(stream: &mut TcpStream) {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let field = |line: &str| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("sec-websocket-key").then(|| value.trim().to_owned())
    };
    let key = head.lines().find_map(field).unwrap();
    let accept = BASE64_STANDARD.encode(Sha1::digest(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11")));
    write!(
        stream,
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    )
    .unwrap();
}

/// Reads frames up to the Close, answers it, and gives the payload bytes of data frames.
fn swallow(mut stream: TcpStream) -> usize {
    let (mut buffer, mut filled, mut total) = (vec![0; 1 << 20], 0, 0);
    // What is left of a payload that began in an earlier read.
    let mut left = 0;
    loop {
        let count = match stream.read(&mut buffer[filled..]) {
            Ok(count @ 1..) => count,
            _ => return total,
        };
        filled += count;
        let mut at = 0;
        loop {
            let here = left.min(filled - at);
            at += here;
            left -= here;
            let Some((opcode, head, length)) = header(&buffer[at..filled]).filter(|_| left == 0) else {
                break;
            };
            if opcode == 8 {
                let _ = stream.write_all(b"\x88\x02\x03\xe8");
                let _ = stream.shutdown(std::net::Shutdown::Write);
                let _ = std::io::copy(&mut stream, &mut std::io::sink());
                return total;
            }
            if opcode < 8 {
                total += length;
            }
            at += head;
            left = length;
        }
        buffer.copy_within(at..filled, 0);
        filled -= at;
    }
}

/// Opcode, length of the header and of the payload; `None` while the header is not whole.
fn header(bytes: &[u8]) -> Option<(u8, usize, usize)> {
    let (first, second) = (*bytes.first()?, *bytes.get(1)?);
    let number = |bytes: &[u8]| bytes.iter().fold(0, |number, byte| number << 8 | usize::from(*byte));
    let (head, length) = match second & 0x7f {
        126 => (4, number(bytes.get(2..4)?)),
        127 => (10, number(bytes.get(2..10)?)),
        length => (2, usize::from(length)),
    };
    let head = head + if second & 0x80 == 0 { 0 } else { 4 };
    (bytes.len() >= head).then_some((first & 0x0f, head, length))
}
