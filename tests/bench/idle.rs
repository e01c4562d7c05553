//! What a server keeps for clients that are there and say nothing, and how fast it lets them in.

use crate::{
    dial::{self, Stream},
    frames::{self, BINARY, MASKED_CLOSE, Reader, TEXT},
    load,
    run::{Context, Run},
};
use flate2::{Compress, Compression, FlushCompress};
use std::{
    io::{self, Read, Write},
    net::TcpStream,
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Before {
    Nothing,
    /// A message of so many bytes each, sent back.
    Message(usize),
    /// So many rounds of as many clients that came and went.
    Churn(usize),
    /// TLS, and nothing else.
    Tls,
    /// A compressed message, sent back.
    Compressed,
}

#[derive(Clone, Copy)]
pub struct Idle {
    pub clients: usize,
    pub before: Before,
    /// Clients let in per second are what is wanted, not bytes for each.
    pub accepting: bool,
}

const OFFER: &str = "Sec-WebSocket-Extensions: permessage-deflate\r\n";

impl Idle {
    pub fn run(&self, context: &Context) -> io::Result<Run> {
        let (process, address) = load::start(context, Stdio::null())?;
        let empty = settled(&process);
        if let Before::Churn(rounds) = self.before {
            for _ in 0..rounds {
                leave(load::open(&address, self.clients, "")?)?;
            }
        }
        let deflated = deflated();
        let (start, cpu) = (Instant::now(), process.cpu());
        let (mut plain, mut tls) = (Vec::new(), Vec::new());
        if self.before == Before::Tls {
            let url = format!("wss://{address}/");
            tls = (0..self.clients).map(|_| dial::open(&url, "")).collect::<io::Result<Vec<_>>>()?;
        } else {
            plain = load::open(
                &address,
                self.clients,
                if self.before == Before::Compressed { OFFER } else { "" },
            )?;
        }
        let (seconds, cpu) = (start.elapsed().as_secs_f64(), process.cpu() - cpu);
        match self.before {
            Before::Message(size) => plain.iter().try_for_each(|stream| exchange(stream, size))?,
            Before::Compressed => plain.iter_mut().try_for_each(|stream| compressed(stream, &deflated))?,
            _ => {}
        }
        let run = Run::of(self.clients as f64, seconds, cpu);
        let each = (settled(&process) - empty) * 1024.0 / self.clients as f64;
        let run = if self.accepting { run } else { Run { value: each, ..run } };
        hold(&plain, &tls);
        Ok(run.with_peak(process.peak_kib()))
    }
}

/// The connections are open until here.
fn hold(_: &[TcpStream], _: &[Box<dyn Stream>]) {}

/// Memory in KiB once it does not change any more.
fn settled(process: &crate::program::Process) -> f64 {
    let (mut last, mut same, since) = (0, 0, Instant::now());
    while same < 4 && since.elapsed() < Duration::from_secs(4) {
        thread::sleep(Duration::from_millis(100));
        let now = process.resident_kib();
        same = if now == last { same + 1 } else { 0 };
        last = now;
    }
    last as f64
}

/// The server closes first, as a polite client lets it.
fn leave(mut streams: Vec<TcpStream>) -> io::Result<()> {
    for stream in &mut streams {
        stream.write_all(MASKED_CLOSE)?;
    }
    for stream in &mut streams {
        while matches!(stream.read(&mut [0; 64]), Ok(1..)) {}
    }
    Ok(())
}

fn exchange(stream: &TcpStream, size: usize) -> io::Result<()> {
    let mut frame = Vec::with_capacity(size + 14);
    frames::header(BINARY, size, Some([0; 4]), &mut frame);
    frame.resize(frame.len() + size, b'x');
    thread::scope(|scope| {
        let sender = scope.spawn(|| { stream }.write_all(&frame));
        let (mut reader, mut came) = (Reader::default(), 0);
        while came < size {
            let more = reader.read(&mut { stream }, |piece| {
                came += piece.payload.len();
                Ok(())
            })?;
            if !more {
                return Err(io::Error::other("the server ended a connection"));
            }
        }
        sender.join().unwrap()
    })
}

/// A text that is worth compressing, as a frame of permessage-deflate masked with zero.
fn deflated() -> Vec<u8> {
    let text = frames::lines(64);
    let mut payload = Vec::with_capacity(text.len());
    Compress::new(Compression::default(), false)
        .compress_vec(&text, &mut payload, FlushCompress::Sync)
        .unwrap();
    // RFC 7692 section 7.2.1: the empty block at the end is left out.
    payload.truncate(payload.len() - 4);
    frames::encode(TEXT | 0x40, Some([0; 4]), [&*payload].into_iter())
}

fn compressed(stream: &mut TcpStream, message: &[u8]) -> io::Result<()> {
    stream.write_all(message)?;
    let (mut reader, mut whole) = (Reader::default(), false);
    while !whole {
        let more = reader.read(stream, |piece| {
            whole |= piece.last;
            Ok(())
        })?;
        if !more {
            return Err(io::Error::other("the server ended a connection"));
        }
    }
    Ok(())
}
