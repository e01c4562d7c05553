//! The other side of a client under measurement: one connection on a blocking socket, which gives frames that were
//! made beforehand, or takes and checks what comes.

use super::frames::{self, CLOSE, CLOSING, Expected, Piece, Reader};
use super::program::PATIENCE;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustls::{ServerConfig, ServerConnection, StreamOwned, pki_types::PrivateKeyDer};
use std::{
    io::{self, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, LazyLock},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// How much is given: whole blocks, for a time or in a number.
#[derive(Clone, Copy)]
pub enum Until {
    Time(Duration),
    Blocks(usize),
}

impl Until {
    /// Calls `give` for each block; gives how many there were.
    pub fn give(self, mut give: impl FnMut() -> io::Result<()>) -> io::Result<usize> {
        let (start, mut blocks) = (Instant::now(), 0);
        while match self {
            Self::Time(time) => start.elapsed() < time,
            Self::Blocks(count) => blocks < count,
        } {
            give()?;
            blocks += 1;
        }
        Ok(blocks)
    }
}

/// What the peer does once a client is there.
#[derive(Clone)]
pub enum Script {
    /// Takes everything; gives nothing.
    Take(Arc<Vec<u8>>),
    /// Sends a head, then this block again and again, then what ends it.
    Give { head: Vec<u8>, block: Arc<Vec<u8>>, until: Until },
    /// Sends each message back.
    Echo,
}

/// What the stream is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    Ws,
    Wss,
    Tcp,
}

/// What the peer saw.
#[derive(Default, Debug)]
pub struct Seen {
    pub messages: u64,
    pub bytes: u64,
    pub blocks: usize,
}

/// Serves one client; gives the address, `HOST:PORT`.
pub fn serve(wire: Wire, script: Script) -> (String, JoinHandle<io::Result<Seen>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let thread = thread::spawn(move || {
        let patience = Timespec::try_from(PATIENCE / 4).ok();
        if poll(&mut [PollFd::new(&listener, PollFlags::IN)], patience.as_ref())? == 0 {
            return Err(io::Error::other("nobody came"));
        }
        let (stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        match wire {
            Wire::Tcp => bytes(stream, script),
            Wire::Ws => websocket(stream, script),
            Wire::Wss => {
                let tls = ServerConnection::new(Arc::clone(&IDENTITY.config)).map_err(io::Error::other)?;
                websocket(StreamOwned::new(tls, stream), script)
            }
        }
    });
    (address, thread)
}

fn websocket(mut stream: impl Read + Write, script: Script) -> io::Result<Seen> {
    frames::accept(&mut stream)?;
    let mut seen = Seen::default();
    match script {
        Script::Take(pattern) => {
            let (mut expected, mut reader, mut closed) = (Expected::new(&pattern), Reader::default(), false);
            while !closed {
                let more = reader.read(&mut stream, |piece| {
                    match piece.opcode {
                        CLOSING => closed = true,
                        0..CLOSING => {
                            expected.take_masked(piece.payload, piece.mask)?;
                            if piece.last {
                                seen.messages += 1;
                                expected.skip_newline();
                            }
                        }
                        _ => {}
                    }
                    Ok(())
                })?;
                if !more {
                    break;
                }
            }
            seen.bytes = expected.count;
            stream.write_all(CLOSE)?;
            stream.flush()?;
        }
        Script::Give { head, block, until } => {
            stream.write_all(&head)?;
            seen.blocks = until.give(|| stream.write_all(&block))?;
            stream.write_all(CLOSE)?;
            stream.flush()?;
            // The server ends the connection once the client's Close is there; how it ends is not judged here.
            let mut reader = Reader::default();
            let until_close = |piece: Piece<'_>| match piece.opcode {
                CLOSING => Err(io::ErrorKind::ConnectionAborted.into()),
                _ => Ok(()),
            };
            while reader.read(&mut stream, until_close).unwrap_or(false) {}
        }
        Script::Echo => echo(&mut stream)?,
    }
    Ok(seen)
}

/// Short messages, one at a time.
fn echo(stream: &mut (impl Read + Write)) -> io::Result<()> {
    let (mut reader, mut message, mut out, mut closed) = (Reader::default(), Vec::new(), Vec::new(), false);
    while !closed {
        let more = reader.read(stream, |piece| {
            closed |= piece.opcode == CLOSING;
            let at = message.len();
            message.extend_from_slice(piece.payload);
            frames::apply(piece.mask, &mut message[at..]);
            if piece.last {
                frames::header(0x80 | piece.opcode, message.len(), None, &mut out);
                out.append(&mut message);
            }
            Ok(())
        })?;
        stream.write_all(&out)?;
        stream.flush()?;
        out.clear();
        if !more {
            break;
        }
    }
    Ok(())
}

fn bytes(mut stream: TcpStream, script: Script) -> io::Result<Seen> {
    let mut seen = Seen::default();
    match script {
        Script::Take(pattern) => {
            let (mut expected, mut buffer) = (Expected::new(&pattern), vec![0; 256 << 10]);
            while let count @ 1.. = stream.read(&mut buffer)? {
                expected.take(&buffer[..count])?;
            }
            seen.bytes = expected.count;
        }
        Script::Give { head, block, until } => {
            stream.write_all(&head)?;
            seen.blocks = until.give(|| stream.write_all(&block))?;
            stream.shutdown(Shutdown::Write)?;
            while matches!(stream.read(&mut [0; 4096]), Ok(1..)) {}
        }
        Script::Echo => return Err(io::Error::other("no echo of bytes")),
    }
    Ok(seen)
}

/// The certificate of all TLS servers here, which clients are told to trust.
pub struct Identity {
    pub cert_pem: String,
    pub key_pem: String,
    config: Arc<ServerConfig>,
}

pub static IDENTITY: LazyLock<Identity> = LazyLock::new(|| {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    Identity { cert_pem: cert.pem(), key_pem: signing_key.serialize_pem(), config: Arc::new(config) }
});
