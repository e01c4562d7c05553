//! Servers: an echo on level-triggered `epoll`, and a fan-out whose lines are encoded once for all clients. With
//! several threads each has its own listening socket on the same port and never touches another's clients.

use crate::frames::{self, CLOSE, CLOSING, Parser, TEXT};
use memchr::memchr_iter;
use rustix::{
    event::epoll::{self, EventData, EventFlags},
    net::{AddressFamily, SocketType, bind, listen, socket, sockopt},
};
use std::{
    collections::HashMap,
    io::{self, Read, Write},
    net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream},
    os::fd::{AsFd, OwnedFd},
    sync::{Arc, Mutex, mpsc},
    thread,
};

/// A listening socket of which there may be several on a port.
fn listener(port: u16) -> io::Result<TcpListener> {
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    sockopt::set_socket_reuseport(&socket, true)?;
    bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, port))?;
    listen(&socket, 1024)?;
    Ok(socket.into())
}

pub fn echo(port: u16, threads: usize) -> io::Result<()> {
    let listeners = (0..threads).map(|_| listener(port)).collect::<io::Result<Vec<_>>>()?;
    thread::scope(|scope| {
        for listener in &listeners {
            scope.spawn(move || echo_loop(listener).unwrap());
        }
    });
    Ok(())
}

struct Client {
    stream: TcpStream,
    parser: Parser,
    /// Bytes of a message, or of a header, that is not whole.
    half: Vec<u8>,
    message: Vec<u8>,
    /// Bytes that did not fit into the socket; nothing is read meanwhile.
    unsent: Vec<u8>,
}

fn echo_loop(listener: &TcpListener) -> io::Result<()> {
    let poll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    epoll::add(&poll, listener, EventData::new_u64(0), EventFlags::IN)?;
    let (mut clients, mut next) = (HashMap::new(), 1);
    let mut events = Vec::with_capacity(1024);
    let (mut buffer, mut out) = (vec![0; 256 << 10], Vec::with_capacity(512 << 10));
    loop {
        epoll::wait(&poll, rustix::buffer::spare_capacity(&mut events), None)?;
        for event in events.drain(..) {
            let id = event.data.u64();
            if id == 0 {
                let (mut stream, _) = listener.accept()?;
                if frames::accept(&mut stream).is_err() {
                    continue;
                }
                stream.set_nodelay(true)?;
                stream.set_nonblocking(true)?;
                epoll::add(&poll, &stream, EventData::new_u64(next), EventFlags::IN)?;
                let client = Client {
                    stream,
                    parser: Parser::default(),
                    half: Vec::new(),
                    message: Vec::new(),
                    unsent: Vec::new(),
                };
                clients.insert(next, client);
                next += 1;
            } else if let Some(client) = clients.get_mut(&id)
                && !client.turn(&poll, id, &mut buffer, &mut out).unwrap_or(false)
            {
                clients.remove(&id);
            }
        }
    }
}

impl Client {
    /// One readiness; `false` when the client is gone.
    fn turn(&mut self, poll: &OwnedFd, id: u64, buffer: &mut [u8], out: &mut Vec<u8>) -> io::Result<bool> {
        if !self.unsent.is_empty() {
            let count = self.stream.write(&self.unsent)?;
            self.unsent.drain(..count);
            if self.unsent.is_empty() {
                self.unsent = Vec::new();
                epoll::modify(poll, &self.stream, EventData::new_u64(id), EventFlags::IN)?;
            }
            return Ok(true);
        }
        let half = self.half.len();
        buffer[..half].copy_from_slice(&self.half);
        let count = self.stream.read(&mut buffer[half..])?;
        let (mut closed, message) = (count == 0, &mut self.message);
        out.clear();
        let used = self.parser.parse(&buffer[..half + count], |piece| {
            closed |= piece.opcode == CLOSING;
            let into = if piece.last && message.is_empty() {
                frames::header(0x80 | piece.opcode, piece.payload.len(), None, out);
                &mut *out
            } else {
                &mut *message
            };
            let at = into.len();
            into.extend_from_slice(piece.payload);
            frames::apply(piece.mask, &mut into[at..]);
            if piece.last && !message.is_empty() {
                frames::header(0x80 | piece.opcode, message.len(), None, out);
                out.append(message);
                *message = Vec::new();
            }
            Ok(())
        })?;
        self.half.clear();
        self.half.extend_from_slice(&buffer[used..half + count]);
        let written = match self.stream.write(out) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            written => written?,
        };
        if written < out.len() {
            self.unsent.extend_from_slice(&out[written..]);
            epoll::modify(poll, &self.stream, EventData::new_u64(id), EventFlags::OUT)?;
        }
        Ok(!closed)
    }
}

/// Each chunk of standard input is encoded once, and written to one client after the other. The sockets block: a
/// client that does not keep up holds the others up, as in a queue of one chunk.
pub fn fan_out(port: u16, threads: usize) -> io::Result<()> {
    let listener = listener(port)?;
    let rooms: Vec<_> = (0..threads).map(|_| Arc::new(Mutex::new(Vec::<TcpStream>::new()))).collect();
    let accepting = rooms.clone();
    thread::spawn(move || {
        for room in accepting.iter().cycle() {
            let (mut stream, _) = listener.accept().unwrap();
            if frames::accept(&mut stream).is_ok() {
                stream.set_nodelay(true).unwrap();
                room.lock().unwrap().push(stream);
            }
        }
    });
    let mut input = std::fs::File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let (mut chunk, mut filled) = (vec![0; 256 << 10], 0);
    let mut encode = move || -> io::Result<Option<Vec<u8>>> {
        let count = input.read(&mut chunk[filled..])?;
        filled += count;
        let (mut from, mut out) = (0, Vec::with_capacity(2 * filled));
        for end in memchr_iter(b'\n', &chunk[..filled]) {
            frames::header(TEXT, end - from, None, &mut out);
            out.extend_from_slice(&chunk[from..end]);
            from = end + 1;
        }
        chunk.copy_within(from..filled, 0);
        filled -= from;
        Ok((count > 0).then_some(out))
    };
    let give = |room: &Mutex<Vec<TcpStream>>, out: &[u8]| {
        room.lock().unwrap().retain_mut(|client| client.write_all(out).is_ok());
    };
    if threads == 1 {
        while let Some(out) = encode()? {
            give(&rooms[0], &out);
        }
    } else {
        thread::scope(|scope| -> io::Result<()> {
            let queues: Vec<_> = (rooms.iter())
                .map(|room| {
                    let (queue, chunks) = mpsc::sync_channel::<Arc<Vec<u8>>>(4);
                    scope.spawn(move || chunks.iter().for_each(|out| give(room, &out)));
                    queue
                })
                .collect();
            while let Some(out) = encode()? {
                let out = Arc::new(out);
                for queue in &queues {
                    let _ = queue.send(Arc::clone(&out));
                }
            }
            Ok(())
        })?;
    }
    for room in &rooms {
        give(room, CLOSE);
    }
    Ok(())
}
