//! Many clients of a server under measurement, in one thread on `epoll`: what they send was made beforehand, what
//! they get is compared with what it has to be, and nothing else is done with it.

use crate::frames::{self, Expected};
use crate::program::{PATIENCE, Process, free_port};
use crate::run::Context;
use rustix::event::{
    Timespec,
    epoll::{self, EventData, EventFlags},
};
use std::{
    io::{self, Read, Write},
    net::TcpStream,
    os::fd::OwnedFd,
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

/// Starts a server on a free port and waits until it takes connections; gives its address too.
pub fn start(context: &Context, stdin: Stdio) -> io::Result<(Process, String)> {
    let port = free_port().to_string();
    let process = Process::start(&context.invocation(&[("port", &port)]), stdin, Stdio::null());
    let (address, since) = (format!("127.0.0.1:{port}"), Instant::now());
    while TcpStream::connect(&address).is_err() {
        if since.elapsed() > PATIENCE / 6 {
            return Err(io::Error::other(
                process.finish().fault.unwrap_or_else(|| "it does not listen".into()),
            ));
        }
        thread::sleep(Duration::from_millis(2));
    }
    Ok((process, address))
}

/// Opens so many connections, a few at a time, so that neither side waits for the other.
pub fn open(address: &str, count: usize, more: &str) -> io::Result<Vec<TcpStream>> {
    let mut streams = Vec::with_capacity(count);
    while streams.len() < count {
        let from = streams.len();
        for _ in 0..64.min(count - from) {
            let mut stream = TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(PATIENCE / 4))?;
            frames::ask(&mut stream, address, more)?;
            streams.push(stream);
        }
        for stream in &mut streams[from..] {
            frames::upgraded(stream)?;
        }
    }
    Ok(streams)
}

/// Clients that take part in one poll.
pub struct Pool<'a> {
    pub clients: Vec<Client<'a>>,
    poll: OwnedFd,
    events: Vec<epoll::Event>,
    buffer: Vec<u8>,
}

pub struct Client<'a> {
    stream: TcpStream,
    expected: Expected<'a>,
    /// Bytes of the block of frames that were sent, and that may be.
    sent: u64,
    allowed: u64,
    waits_to_write: bool,
}

impl<'a> Pool<'a> {
    /// All of them expect the same pattern.
    pub fn new(streams: Vec<TcpStream>, pattern: &'a [u8]) -> io::Result<Self> {
        let poll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let mut clients = Vec::with_capacity(streams.len());
        for (index, stream) in streams.into_iter().enumerate() {
            stream.set_nonblocking(true)?;
            epoll::add(&poll, &stream, EventData::new_u64(index as u64), EventFlags::IN)?;
            let expected = Expected::new(pattern);
            clients.push(Client { stream, expected, sent: 0, allowed: 0, waits_to_write: false });
        }
        Ok(Self { clients, poll, events: Vec::with_capacity(1024), buffer: vec![0; 256 << 10] })
    }

    /// Waits at most so long; calls `came` with each client that got bytes, and how many it has by now.
    pub fn turn(
        &mut self,
        wait: Duration,
        block: &[u8],
        mut came: impl FnMut(usize, u64) -> u64,
    ) -> io::Result<()> {
        let wait = Timespec::try_from(wait).ok();
        epoll::wait(&self.poll, rustix::buffer::spare_capacity(&mut self.events), wait.as_ref())?;
        for event in self.events.drain(..) {
            let index = event.data.u64() as usize;
            let client = &mut self.clients[index];
            // One read a turn: a client that floods does not keep the others waiting.
            match client.stream.read(&mut self.buffer) {
                Ok(0) => return Err(io::Error::other("the server ended a connection")),
                Ok(count) => {
                    client.expected.take(&self.buffer[..count])?;
                    client.allowed += came(index, client.expected.count);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
            client.send(block, &self.poll, index)?;
        }
        Ok(())
    }

    /// Lets a client send so many bytes more, and begins at once.
    pub fn allow(&mut self, index: usize, bytes: u64, block: &[u8]) -> io::Result<()> {
        self.clients[index].allowed += bytes;
        self.clients[index].send(block, &self.poll, index)
    }

    /// Forgets what came so far.
    pub fn expect(&mut self, pattern: &'a [u8]) {
        for client in &mut self.clients {
            client.expected = Expected::new(pattern);
        }
    }

    pub fn received(&self) -> u64 {
        self.clients.iter().map(|client| client.expected.count).sum()
    }
}

impl Client<'_> {
    pub fn received(&self) -> u64 {
        self.expected.count
    }

    fn send(&mut self, block: &[u8], poll: &OwnedFd, index: usize) -> io::Result<()> {
        let mut full = false;
        while self.sent < self.allowed && !full {
            let from = (self.sent % block.len() as u64) as usize;
            let until = block.len().min(from + (self.allowed - self.sent) as usize);
            match self.stream.write(&block[from..until]) {
                Ok(count) => self.sent += count as u64,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => full = true,
                Err(error) => return Err(error),
            }
        }
        if full != self.waits_to_write {
            self.waits_to_write = full;
            let flags = if full { EventFlags::IN | EventFlags::OUT } else { EventFlags::IN };
            epoll::modify(poll, &self.stream, EventData::new_u64(index as u64), flags)?;
        }
        Ok(())
    }
}
