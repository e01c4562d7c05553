//! The modes in which a row runs: the command line, who dials whom, and what stands at the other side.
//!
//! A row is told from the far end of one WebSocket. Here that end is a server or a client, and its other side is
//! standard input and output, a TCP peer, or a second WebSocket whose peer is polite; `other_end` says what
//! that other side has to see of the end.

use super::{
    Row,
    acts::{Act, Breach, Local, Seen, answers, play},
};
use crate::harness::{
    Ended, Input, Output, PATIENCE, Peer, Program, Running, accept_bounded, eventually, narrow_listener,
};
use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
};
use wsio::{
    cli::{self, Context, Parsed},
    exit::Exit,
    plan::Plan,
    session::{Rules, Side, SideKind},
};

/// A mode; the far end is the peer that the row tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// `connect`: the far end is a server.
    Connect,
    /// `listen --once`: the far end is a client.
    Once,
    /// `listen`: the far end is a client, and the server stays for others.
    Many,
    /// `pipe - ws:`
    PipeTo,
    /// `pipe ws: -`, or `sh:`.
    PipeOut,
    /// `pipe ws-listen: -`, or `sh:`.
    PipeFrom,
    /// `pipe tcp: ws:`.
    Tcp,
    /// `pipe ws-listen: ws:`, where the far end is the server.
    RelayTo,
    /// The same, where the far end is the client.
    RelayFrom,
}

impl Mode {
    pub const ALL: [Self; 9] = [
        Self::Connect,
        Self::Once,
        Self::Many,
        Self::PipeTo,
        Self::PipeOut,
        Self::PipeFrom,
        Self::Tcp,
        Self::RelayTo,
        Self::RelayFrom,
    ];

    /// A client comes to us.
    pub fn serves(self) -> bool {
        matches!(self, Self::Once | Self::Many | Self::PipeFrom | Self::RelayTo | Self::RelayFrom)
    }

    /// The far end is a client.
    fn is_dialled(self) -> bool {
        matches!(self, Self::Once | Self::Many | Self::PipeFrom | Self::RelayFrom)
    }

    pub fn relays(self) -> bool {
        matches!(self, Self::RelayTo | Self::RelayFrom)
    }

    /// The session's side of the far end.
    pub fn far(self) -> Side {
        match self {
            Self::Connect | Self::PipeTo | Self::Tcp | Self::RelayTo => Side::B,
            Self::Once | Self::Many | Self::PipeOut | Self::PipeFrom | Self::RelayFrom => Side::A,
        }
    }

    /// The kinds of both sides.
    pub fn kinds(self, row: &Row) -> [SideKind; 2] {
        let mut kinds = [SideKind::WebSocket; 2];
        kinds[self.far().other()] = match (self, row.local) {
            (Self::RelayTo | Self::RelayFrom, _) => SideKind::WebSocket,
            (Self::Tcp | Self::Many, _) | (_, Local::Command(_)) => SideKind::Stream,
            _ => SideKind::Standard,
        };
        kinds
    }

    /// True when a row has a meaning here.
    pub fn fits(self, row: &Row) -> bool {
        let idle = row.local == Local::Standard(Input::Stays(b""), Output::Takes);
        match self {
            // A command stands behind a server, or as the second of a pipe.
            Self::Connect | Self::PipeTo => !matches!(row.local, Local::Command(_)),
            Self::PipeOut => true,
            // Expectations are of a peer that is dialled.
            Self::Once | Self::PipeFrom => !row.has("--expect-close") && !row.has("--match"),
            // An end without a byte is one of a stream like any other, and its failures are others.
            Self::Tcp => match row.local {
                Local::Standard(Input::Then(bytes), Output::Takes) => !bytes.is_empty(),
                _ => idle,
            },
            // A limit of the run is the server's, and its end of input nobody's.
            Self::Many => {
                let others =
                    ["-n", "-m", "--timeout", "--match", "--expect-close", "--ok-close", "--recv-only"];
                let fails = matches!(
                    row.local,
                    Local::Standard(
                        Input::Stays(b""),
                        Output::Fails(..) | Output::Stalls(_) | Output::Pauses(..)
                    )
                );
                (idle || fails) && !others.iter().any(|option| row.has(option))
            }
            // Nothing ends at the polite peer's side; the messages of both peers count.
            Self::RelayTo => idle,
            // Expectations are of the peer that is dialled, and its messages are the ones that count.
            Self::RelayFrom => {
                idle && !["-n", "--expect-close", "--match"].iter().any(|option| row.has(option))
            }
        }
    }

    /// The words of the command line.
    pub fn args(self, row: &Row, url: &str, tcp: &str) -> Vec<String> {
        let serving = "ws-listen:127.0.0.1:0";
        let command = match row.local {
            Local::Command(script) => Some(script),
            _ => None,
        };
        let b = &command.map_or_else(|| "-".to_owned(), |script| format!("sh:{script}"));
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let options = row.options.split_whitespace().map(str::to_owned);
        let (first, last) = match self {
            Self::Connect => (words(&["connect", url]), vec![]),
            Self::Once => {
                let last = command.map_or(vec![], |script| words(&["--", "sh", "-c", script]));
                (words(&["listen", "127.0.0.1:0", "--once"]), last)
            }
            Self::Many => (words(&["listen", "127.0.0.1:0"]), vec![]),
            Self::PipeTo => (words(&["pipe", "--framing", "lines", "-", url]), vec![]),
            Self::PipeOut => (words(&["pipe", "--framing", "lines", url, b]), vec![]),
            Self::PipeFrom => (words(&["pipe", "--framing", "lines", "--once", serving, b]), vec![]),
            Self::Tcp => (words(&["pipe", "--framing", "lines", tcp, url]), vec![]),
            Self::RelayTo | Self::RelayFrom => (words(&["pipe", "--once", serving, url]), vec![]),
        };
        first.into_iter().chain(options).chain(last).collect()
    }

    /// The rules that its command line means.
    pub fn rules(self, row: &Row) -> Rules {
        let mut nothing = std::io::empty();
        let mut context =
            Context { env: &|_| None, stdin: &mut nothing, stdin_is_terminal: false, ask: None };
        let args = self.args(row, "ws://localhost/", "tcp:localhost:1");
        match cli::parse(["wsio".to_owned()].into_iter().chain(args).map(Into::into), &mut context) {
            Ok(Parsed::Run(Plan::Connect(plan))) => plan.common.rules.clone(),
            Ok(Parsed::Run(Plan::Listen(plan))) => plan.common.rules.clone(),
            Ok(Parsed::Run(Plan::Pipe(plan))) => plan.common.rules.clone(),
            other => panic!("{self:?}, {}: {other:?}", row.name),
        }
    }
}

/// The end of a session as the peer of its other side sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OtherEnd {
    /// Standard output ends, whatever happened.
    Nothing,
    /// A TCP peer sees a reset where what it got is not the whole.
    Tcp { reset: bool },
    /// A WebSocket gets a Close.
    Close(Seen),
}

/// The end of a row as the other side has to see it.
pub fn other_end(row: &Row, mode: Mode) -> OtherEnd {
    let abnormal = matches!(
        row.exit,
        Exit::Lost
            | Exit::Protocol
            | Exit::BadUtf8
            | Exit::TooBig
            | Exit::ClosedByPeer
            | Exit::CloseUnanswered
    ) || row.acts.contains(&Act::Silent);
    match mode {
        Mode::Tcp => OtherEnd::Tcp { reset: abnormal },
        Mode::RelayTo | Mode::RelayFrom => OtherEnd::Close(Some(passed_on(row, mode))),
        Mode::Connect | Mode::Once | Mode::Many | Mode::PipeTo | Mode::PipeOut | Mode::PipeFrom => {
            OtherEnd::Nothing
        }
    }
}

/// The Close that a row's end is for another WebSocket.
pub fn passed_on(row: &Row, mode: Mode) -> (Option<u16>, String) {
    let ends = row.acts.iter().find_map(|act| match *act {
        Act::Closes(code, reason) => Some((code, reason)),
        Act::Breaks(Breach::Large | Breach::LargeInPieces) => Some((Some(1009), "message too big")),
        Act::Breaks(_) | Act::Fin | Act::Rst | Act::Begins => Some((Some(1011), "peer lost")),
        Act::Panics => Some((Some(1011), "internal fault")),
        _ => None,
    });
    let (code, reason) = match (ends, row.exit) {
        (Some(ends), _) => ends,
        (None, Exit::Lost) => (Some(1011), "peer lost"),
        (None, _) => (row.close(mode).flatten(), ""),
    };
    (code, reason.to_owned())
}

/// Everything that was seen of a row.
pub struct Shown {
    pub ended: Ended,
    /// The Close at the far end.
    pub seen: Seen,
    /// Everything that came out at the other side.
    pub out: String,
    pub other_end: OtherEnd,
}

/// Everything that the peer of the other side got so far.
type Got = Arc<Mutex<String>>;

/// Runs the row with real sockets.
pub fn run(row: &Row, mode: Mode) -> Shown {
    // Little is taken without being read.
    let listener = narrow_listener(64 << 10);
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let tcp = format!("tcp:{}", other.local_addr().unwrap());
    let (input, output) = match row.local {
        Local::Standard(..) if mode.relays() || mode == Mode::Tcp => (Input::Fails(b""), Output::Takes),
        Local::Standard(input, output) => (input, output),
        Local::Unsendable(bytes) | Local::Asks(bytes) => (Input::Stays(bytes), Output::Takes),
        Local::CtrlD => panic!("a terminal cannot be had here"),
        Local::Command(_) => (Input::Fails(b""), Output::Takes),
    };
    let running = Program { args: mode.args(row, &url, &tcp), input, output }.start();
    let got = Got::default();
    let polite = other_side(row, mode, &running, &got, other, listener.try_clone().unwrap());
    let peer = match mode.is_dialled() {
        true => Peer::dial_narrow(&running.address(), 64 << 10),
        false => Peer::accept(&listener),
    };
    let shown = || running.out() + &got.lock().unwrap();
    let signal = |exit| {
        eventually("something is written", || !shown().is_empty());
        running.signal(exit);
    };
    let seen = play(&row.acts, peer, signal);
    if mode == Mode::Many {
        serves_another(row, &running);
    }
    let other_end =
        polite.map_or(OtherEnd::Nothing, |polite| polite.join().expect("the other side's peer is well"));
    let ended = running.wait();
    let out = got.lock().unwrap().clone() + &ended.out;
    Shown { ended, seen, out, other_end }
}

/// True when the server stays after the session.
fn stays(row: &Row) -> bool {
    let shared_fails =
        matches!(row.local, Local::Standard(Input::Fails(_), _) | Local::Standard(_, Output::Fails(..)));
    !shared_fails && !row.exit.is_signal()
}

/// The exit of a mode: that of the session, but a server's own where it stays, and where all clients have
/// answered.
pub fn exit(row: &Row, mode: Mode) -> Exit {
    // The rest is still to be written when the server is told to leave, and never is.
    let stalls = matches!(row.local, Local::Standard(_, Output::Stalls(_)));
    let drained = row.exit.is_signal() && !row.acts.contains(&Act::Silent) && !stalls;
    match mode {
        Mode::Many if stays(row) && stalls => Exit::Terminate,
        Mode::Many if stays(row) || drained => Exit::Ok,
        _ => row.exit,
    }
}

/// A server goes on after a session, whose end is logged, and leaves at a signal.
fn serves_another(row: &Row, running: &Running) {
    let closes = |act: &Act| match *act {
        Act::Closes(code, _) => Some(code.unwrap_or(1005)),
        _ => None,
    };
    let code = match (row.acts.iter().find_map(closes), row.exit) {
        (Some(code), _) => code,
        (None, Exit::Lost) => 1006,
        (None, _) if row.acts.contains(&Act::Silent) => 1006,
        (None, _) => row.close(Mode::Many).flatten().unwrap_or(1005),
    };
    let logged = format!(" close {code} ");
    eventually(&logged, || running.err().contains(&logged));
    if stays(row) {
        let mut peer = Peer::dial(&running.address());
        running.signal(Exit::Terminate);
        assert_eq!(answers(&mut peer), Some((Some(1001), String::new())), "the next client");
    }
}

/// Plays the peer of the other side, where it is one of ours.
fn other_side(
    row: &Row,
    mode: Mode,
    running: &Running,
    got: &Got,
    other: TcpListener,
    listener: TcpListener,
) -> Option<JoinHandle<OtherEnd>> {
    let got = Arc::clone(got);
    let input = match row.local {
        Local::Standard(input, _) => input,
        _ => Input::Stays(b""),
    };
    let address = mode.serves().then(|| running.address());
    Some(match mode {
        Mode::Tcp => thread::spawn(move || bytes(accept_bounded(&other), input, &got)),
        Mode::RelayTo => thread::spawn(move || polite(Peer::dial(&address.unwrap()), &got)),
        Mode::RelayFrom => thread::spawn(move || polite(Peer::accept(&listener), &got)),
        Mode::Connect | Mode::Once | Mode::Many | Mode::PipeTo | Mode::PipeOut | Mode::PipeFrom => {
            return None;
        }
    })
}

/// A WebSocket's peer that takes everything, answers pings and echoes our Close.
fn polite(mut peer: Peer, got: &Got) -> OtherEnd {
    while let Some(frame) = peer.next() {
        match frame.opcode {
            8 => {
                let _ = peer.try_send(true, 8, &frame.payload);
                return OtherEnd::Close(Some((frame.code(), frame.reason().to_owned())));
            }
            9 => {
                let _ = peer.try_send(true, 10, &frame.payload);
            }
            _ => *got.lock().unwrap() += &format!("{}\n", frame.text()),
        }
    }
    OtherEnd::Close(None)
}

/// A TCP peer that gives an input and takes everything to the end.
fn bytes(mut stream: TcpStream, input: Input, got: &Got) -> OtherEnd {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    if let Input::Then(bytes) | Input::Stays(bytes) = input {
        stream.write_all(bytes).unwrap();
    }
    if let Input::Then(_) = input {
        stream.shutdown(Shutdown::Write).unwrap();
    }
    let mut chunk = [0; 4096];
    loop {
        match stream.read(&mut chunk) {
            Ok(0) => return OtherEnd::Tcp { reset: false },
            Ok(count) => *got.lock().unwrap() += std::str::from_utf8(&chunk[..count]).unwrap(),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return OtherEnd::Tcp { reset: true },
            Err(error) => panic!("{error}"),
        }
    }
}
