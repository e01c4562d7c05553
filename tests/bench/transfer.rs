//! Clients: how fast a program carries a stream one way, between an end of its own and a WebSocket. Timed from
//! its start to its exit, all input and output included.

use crate::{
    frames::{self, BINARY, Expected, TEXT},
    peer::{self, Script, Seen, Until, Wire},
    program::{Process, scratch},
    run::{Context, Run},
};
use std::{
    fs::{self, File},
    io::{self, Read, Write},
    process::Stdio,
    sync::Arc,
    thread,
};

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Send,
    Receive,
}

/// The end that is no WebSocket.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum End {
    File,
    Pipe,
    /// `/dev/null`: nobody can count what goes there, the exit code alone speaks.
    Null,
    Tcp,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Text messages of 19 to 98 bytes, counted in messages.
    Lines,
    /// Bytes, counted in bytes; received as frames of this size.
    Frames(usize),
    /// One message of this size.
    Whole(usize),
}

#[derive(Clone, Copy)]
pub struct Transfer {
    pub way: Way,
    pub end: End,
    pub content: Content,
    pub wire: Wire,
}

const LINES: usize = 16 << 10;
const BLOCK: usize = 1 << 20;
/// Blocks of an input file: a quarter of a gigabyte of lines, a gigabyte of bytes.
const FILE_BLOCKS: (usize, usize) = (256, 1024);

/// What the program's own end gives or takes, and the same in frames.
struct Blocks {
    plain: Arc<Vec<u8>>,
    framed: Arc<Vec<u8>>,
    head: Vec<u8>,
    /// Units in a block.
    amount: f64,
    until: Until,
}

impl Transfer {
    fn blocks(&self, context: &Context) -> Blocks {
        let plain = if self.content == Content::Lines { frames::lines(LINES) } else { frames::bytes(BLOCK) };
        let (mut head, mut until) = (Vec::new(), Until::Time(context.time));
        if self.end == End::File && self.way == Way::Send {
            let (lines, bytes) = FILE_BLOCKS;
            until = Until::Blocks(if self.content == Content::Lines { lines } else { bytes });
        }
        let framed = match self.content {
            Content::Lines => frames::encode(
                TEXT,
                None,
                plain.split_inclusive(|byte| *byte == b'\n').map(|line| &line[..line.len() - 1]),
            ),
            Content::Frames(size) => frames::encode(BINARY, None, plain.chunks(size)),
            Content::Whole(size) => {
                until = Until::Blocks(size / BLOCK);
                frames::header(BINARY, size, None, &mut head);
                plain.clone()
            }
        };
        let amount = if self.content == Content::Lines { LINES } else { BLOCK } as f64;
        Blocks { plain: Arc::new(plain), framed: Arc::new(framed), head, amount, until }
    }

    pub fn run(&self, context: &Context) -> io::Result<Run> {
        let blocks = self.blocks(context);
        let give = |head: &[u8], block: &Arc<Vec<u8>>| Script::Give {
            head: head.to_vec(),
            block: Arc::clone(block),
            until: blocks.until,
        };
        let take = || Script::Take(Arc::clone(&blocks.plain));
        let sends = self.way == Way::Send;
        let (address, peer) =
            peer::serve(self.wire, if sends { take() } else { give(&blocks.head, &blocks.framed) });
        let bridge = (self.end == End::Tcp)
            .then(|| peer::serve(Wire::Tcp, if sends { give(&[], &blocks.plain) } else { take() }));
        let scheme = match self.wire {
            Wire::Ws => "ws://",
            Wire::Wss => "wss://",
            Wire::Tcp => "",
        };
        let url = format!("{scheme}{address}{}", if scheme.is_empty() { "" } else { "/" });
        let tcp = bridge.as_ref().map_or("", |(address, _)| address);
        let what = context.invocation(&[("url", &url), ("address", &address), ("tcp", tcp)]);
        let stdin =
            if sends && self.end == End::File { self.input_file(&blocks)?.into() } else { Stdio::piped() };
        let stdout = match self.end {
            End::File if !sends => File::create(scratch("output"))?.into(),
            End::Pipe if !sends => Stdio::piped(),
            _ => Stdio::null(),
        };
        let mut process = Process::start(&what, stdin, stdout);
        let feeder = (!sends || self.end != End::File).then(|| process.stdin()).map(|mut stdin| {
            let (plain, until, feeds) =
                (Arc::clone(&blocks.plain), blocks.until, sends && self.end == End::Pipe);
            thread::spawn(move || {
                // A client that only receives keeps an open, silent input, as on a terminal.
                let fed = if feeds { until.give(|| stdin.write_all(&plain)) } else { Ok(0) };
                (fed, (!feeds).then_some(stdin))
            })
        });
        let drained =
            if !sends && self.end == End::Pipe { self.drain(&mut process.stdout(), &blocks)? } else { 0 };
        let used = process.finish();
        if let Some(fault) = used.fault {
            return Err(io::Error::other(fault));
        }
        let seen = peer.join().unwrap()?;
        let other = bridge.map(|(_, peer)| peer.join().unwrap()).transpose()?.unwrap_or_default();
        let fed = feeder.map(|feeder| feeder.join().unwrap().0).transpose()?.unwrap_or_default();
        let given = match blocks.until {
            Until::Blocks(count) => count,
            Until::Time(_) => fed.max(seen.blocks).max(other.blocks),
        };
        self.check(&blocks, given, &seen, drained.max(other.bytes))?;
        let units = given as f64 * blocks.amount;
        Ok(Run::of(units, used.seconds, used.cpu).with_peak(used.peak_kib))
    }

    /// All that was given has to have come.
    fn check(&self, blocks: &Blocks, given: usize, seen: &Seen, out: u64) -> io::Result<()> {
        let whole = (given * blocks.plain.len()) as u64;
        let (came, wanted) = match (self.way, self.end) {
            (Way::Send, _) if self.content == Content::Lines => (seen.messages, (given * LINES) as u64),
            (Way::Send, _) => (seen.bytes, whole),
            (Way::Receive, End::Null) => (0, 0),
            (Way::Receive, End::File) => {
                let (mut file, mut buffer) = (File::open(scratch("output"))?, vec![0; BLOCK]);
                let mut expected = Expected::new(&blocks.plain);
                while let count @ 1.. = file.read(&mut buffer)? {
                    expected.take(&buffer[..count])?;
                }
                fs::remove_file(scratch("output"))?;
                (expected.count, whole)
            }
            (Way::Receive, _) => (out, whole),
        };
        let lost = || io::Error::other(format!("{came} came of {wanted}"));
        (came == wanted).then_some(()).ok_or_else(lost)
    }

    fn drain(&self, output: &mut impl Read, blocks: &Blocks) -> io::Result<u64> {
        let (mut expected, mut buffer) = (Expected::new(&blocks.plain), vec![0; 256 << 10]);
        while let count @ 1.. = output.read(&mut buffer)? {
            expected.take(&buffer[..count])?;
        }
        Ok(expected.count)
    }

    /// Written once and left for the next run.
    fn input_file(&self, blocks: &Blocks) -> io::Result<File> {
        let Until::Blocks(count) = blocks.until else { unreachable!("files have a size") };
        let path = scratch(if self.content == Content::Lines { "lines" } else { "bytes" });
        let size = (count * blocks.plain.len()) as u64;
        if fs::metadata(&path).map_or(0, |data| data.len()) != size {
            let mut file = File::create(&path)?;
            (0..count).try_for_each(|_| file.write_all(&blocks.plain))?;
            file.sync_all()?;
        }
        File::open(path)
    }
}
