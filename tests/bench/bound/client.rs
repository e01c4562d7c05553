//! Clients: frames by hand on one blocking socket, or on one blocking rustls stream.

use crate::dial::open;
use crate::frames::{self, BINARY, CLOSING, MASKED_CLOSE, Reader, TEXT};
use memchr::memchr_iter;
use std::{
    fs::File,
    io::{self, Read, Write},
    os::fd::AsFd,
};

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
/// What is read from standard input in one go.
const CHUNK: usize = 256 << 10;

/// Standard input and output without the locks and buffers of std.
fn input() -> io::Result<File> {
    Ok(io::stdin().as_fd().try_clone_to_owned()?.into())
}

fn output() -> io::Result<File> {
    Ok(io::stdout().as_fd().try_clone_to_owned()?.into())
}

pub fn send(what: &str, url: &str) -> io::Result<()> {
    let mut stream = open(url, "")?;
    let mut input = input()?;
    let (mut chunk, mut filled, mut out) = (vec![0; CHUNK], 0, Vec::with_capacity(2 * CHUNK));
    while let count @ 1.. = input.read(&mut chunk[filled..])? {
        filled += count;
        out.clear();
        let used = if what == "lines" { encode_lines(&chunk[..filled], &mut out) } else { filled };
        if what != "lines" {
            frames::header(BINARY, filled, Some(MASK), &mut out);
            out.extend_from_slice(&chunk[..filled]);
            let at = out.len() - filled;
            frames::apply(MASK, &mut out[at..]);
        }
        stream.write_all(&out)?;
        chunk.copy_within(used..filled, 0);
        filled -= used;
    }
    stream.write_all(MASKED_CLOSE)?;
    stream.flush()?;
    while matches!(stream.read(&mut [0; 4096]), Ok(1..)) {}
    Ok(())
}

fn encode_lines(bytes: &[u8], out: &mut Vec<u8>) -> usize {
    let mut from = 0;
    for end in memchr_iter(b'\n', bytes) {
        let line = &bytes[from..end];
        frames::header(TEXT, line.len(), Some(MASK), out);
        let at = out.len();
        out.extend_from_slice(line);
        frames::apply(MASK, &mut out[at..]);
        from = end + 1;
    }
    from
}

pub fn receive(what: &str, url: &str) -> io::Result<()> {
    let mut stream = open(url, "")?;
    let mut output = output()?;
    let (mut reader, mut out, mut closed) = (Reader::default(), Vec::with_capacity(2 * CHUNK), false);
    while !closed {
        let more = reader.read(&mut stream, |piece| {
            if piece.opcode == CLOSING {
                closed = true;
            } else if what == "lines" {
                out.extend_from_slice(piece.payload);
                if piece.last {
                    out.push(b'\n');
                }
            } else {
                output.write_all(piece.payload)?;
            }
            Ok(())
        })?;
        output.write_all(&out)?;
        out.clear();
        if !more {
            return Ok(());
        }
    }
    stream.write_all(MASKED_CLOSE)?;
    stream.flush()
}

/// A line out, its answer in.
pub fn converse(url: &str) -> io::Result<()> {
    let (mut stream, mut input, mut output) = (open(url, "")?, input()?, output()?);
    let (mut chunk, mut out, mut reader) = (vec![0; 4096], Vec::new(), Reader::default());
    while let count @ 1.. = input.read(&mut chunk)? {
        out.clear();
        encode_lines(&chunk[..count], &mut out);
        stream.write_all(&out)?;
        let mut line = Vec::new();
        while !line.ends_with(b"\n") {
            reader.read(&mut stream, |piece| {
                line.extend_from_slice(piece.payload);
                if piece.last {
                    line.push(b'\n');
                }
                Ok(())
            })?;
        }
        output.write_all(&line)?;
    }
    Ok(())
}
