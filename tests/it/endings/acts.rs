//! The vocabulary of the table: everything that can end a session, as data.
//!
//! A row names acts, and everything else follows from them: `play` does them on a real socket, in either
//! role, and `events` says what the pure session hears of them. So no row says in code what a peer does.

use crate::harness::{Frame, Input, Output, Peer};
use std::{io::ErrorKind, net::Shutdown, thread, time::Duration};
use wsio::exit::Exit;

/// The message that a peer says before it ends something.
pub const ONE: &str = "one";
/// Lines of which an output that stalls takes the first.
pub const LINE: &str = "0123456789";
/// As many of them come.
pub const LINES: usize = 10;
/// An output that pauses takes nothing for so long, and then everything.
pub const PAUSE: Duration = Duration::from_secs(1);
/// Once a peer has seen our Close, it is this much too late to say anything before it.
const MOMENT: Duration = Duration::from_millis(100);

/// Something that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// The peer says [`ONE`].
    Says,
    /// The peer says [`LINES`] lines.
    SaysMuch,
    /// The peer reads a message, which has to be this.
    Reads(&'static str),
    /// The peer does nothing for so many milliseconds.
    Rests(u64),
    /// The peer reads nothing until all buffers between are full.
    Clogs,
    /// The peer begins a frame and does not go on.
    Begins,
    /// The peer breaks a rule.
    Breaks(Breach),
    /// The peer closes with this code, or none, and this reason, and reads the answer.
    Closes(Option<u16>, &'static str),
    /// The peer ends its TCP stream without a Close.
    Fin,
    /// The peer resets the TCP connection, once what it said was read.
    Rst,
    /// The peer sends back every message, and at last our Close.
    Echoes,
    /// The peer echoes our Close.
    Answers,
    /// The peer answers our Close with another one.
    AnswersWith(u16, &'static str),
    /// The peer says [`ONE`] after our Close, and echoes it then.
    AnswersLate,
    /// The peer reads our Close and ends its TCP stream without one.
    FinInstead,
    /// The peer reads our Close and does nothing, until the connection ends.
    Silent,
    /// The peer reads our Close and goes on with pings, until the connection ends.
    TalksOn,
    /// The peer says lines until our Close comes, and echoes it.
    TalksUntilClose,
    /// A signal comes, once something of what the peer said was written.
    Signal(Exit),
    /// The session's own code panics.
    Panics,
}

/// A rule of RFC 6455 or of ours that a peer breaks; it answers our Close then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breach {
    /// An opcode that is reserved.
    Opcode,
    /// A reserved bit that no extension gives a meaning.
    Bit,
    /// A server masks, a client does not.
    Masking,
    /// A ping of 126 bytes.
    LongPing,
    /// A ping in fragments.
    CutPing,
    /// A continuation of nothing.
    Continuation,
    /// A message amid another one.
    Amid,
    /// A Close with half a code.
    HalfCode,
    /// A Close with a code that may not be sent.
    Code(u16),
    /// Text that is not UTF-8.
    Text,
    /// Text that is cut within a character, in two fragments.
    CutText,
    /// The reason of a Close that is not UTF-8.
    Reason,
    /// A message of 1025 bytes: one more than 1k.
    Large,
    /// The same in two fragments.
    LargeInPieces,
}

/// The other side of the WebSocket, which the program joins to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Local {
    /// Standard input and output.
    Standard(Input, Output),
    /// Standard input that gives this, some of which cannot be sent, and stays.
    Unsendable(&'static [u8]),
    /// Standard input that gives this, a record that closes, and stays.
    Asks(&'static [u8]),
    /// Standard input and output that are a terminal, at which somebody types Ctrl-D.
    CtrlD,
    /// A command for the shell.
    Command(&'static str),
}

/// An input that gives nothing and stays.
pub const IDLE: Local = input(Input::Stays(b""));
/// An input that fails when it is read at all.
pub const UNREAD: Local = input(Input::Fails(b""));

pub const fn input(input: Input) -> Local {
    Local::Standard(input, Output::Takes)
}

pub const fn then(bytes: &'static [u8]) -> Local {
    input(Input::Then(bytes))
}

pub const fn fails(kind: ErrorKind) -> Local {
    Local::Standard(Input::Stays(b""), Output::Fails(0, kind))
}

/// An output that takes the first line and nothing more.
pub const STALLS: Local = Local::Standard(Input::Stays(b""), Output::Stalls(LINE.len() + 1));
/// An output that takes the first line, and the rest a while later.
pub const PAUSES: Local = pauses(Input::Stays(b""));

pub const fn pauses(input: Input) -> Local {
    Local::Standard(input, Output::Pauses(LINE.len() + 1, PAUSE))
}

/// A Close as a peer sees it.
pub type Seen = Option<(Option<u16>, String)>;

fn seen(frame: Option<Frame>) -> Seen {
    frame.map(|frame| (frame.code(), frame.reason().to_owned()))
}

/// Reads up to the Close and echoes it.
pub fn answers(peer: &mut Peer) -> Seen {
    seen(peer.answer_close())
}

/// Plays the acts of a row in their order; gives the Close that the peer sees. `signal` sends a signal.
pub fn play(acts: &[Act], mut peer: Peer, signal: impl Fn(Exit)) -> Seen {
    let mut close = None;
    for act in acts {
        if *act == Act::Rst {
            peer.is_heard();
            peer.reset();
            return None;
        }
        close = close.or(does(*act, &mut peer, &signal));
    }
    close.expect("one act reads up to our Close")
}

/// Does one act; gives what the peer sees of our Close if the act waits for it.
fn does(act: Act, peer: &mut Peer, signal: &impl Fn(Exit)) -> Option<Seen> {
    match act {
        Act::Says => peer.text(ONE),
        Act::SaysMuch => (0..LINES).for_each(|_| peer.text(LINE)),
        Act::Reads(text) => assert_eq!(peer.message().as_deref(), Some(text.as_bytes())),
        Act::Rests(millis) => thread::sleep(Duration::from_millis(millis)),
        Act::Clogs => peer.clog(),
        Act::Begins => peer.begin(),
        Act::Breaks(breach) => {
            breaks(breach, peer);
            return Some(answers(peer));
        }
        Act::Closes(code, reason) => {
            peer.send(true, 8, &close(code, reason));
            return Some(seen(peer.until_close()));
        }
        Act::Fin => {
            peer.stream.shutdown(Shutdown::Write).unwrap();
            return Some(seen(peer.until_close()));
        }
        Act::Echoes => {
            while let Some(frame) = peer.next() {
                match frame.opcode {
                    1 | 2 => peer.send(true, frame.opcode, &frame.payload),
                    8 => {
                        peer.send(true, 8, &frame.payload);
                        return Some(seen(Some(frame)));
                    }
                    _ => {}
                }
            }
            return Some(None);
        }
        Act::Answers => return Some(answers(peer)),
        Act::AnswersWith(code, reason) => {
            let frame = peer.until_close();
            peer.close(code, reason);
            return Some(seen(frame));
        }
        Act::AnswersLate => {
            let frame = peer.until_close();
            thread::sleep(MOMENT);
            peer.text(ONE);
            let payload = frame.as_ref().map(|frame| frame.payload.clone()).unwrap_or_default();
            peer.send(true, 8, &payload);
            return Some(seen(frame));
        }
        Act::FinInstead => {
            let frame = peer.until_close();
            peer.stream.shutdown(Shutdown::Write).unwrap();
            return Some(seen(frame));
        }
        Act::Silent => {
            let frame = peer.until_close();
            while peer.next().is_some() {}
            return Some(seen(frame));
        }
        Act::TalksOn => {
            let frame = peer.until_close();
            while peer.try_send(true, 9, b"still here").is_ok() {
                thread::sleep(MOMENT / 5);
            }
            return Some(seen(frame));
        }
        Act::TalksUntilClose => {
            let mut reader = peer.reader();
            let reading = thread::spawn(move || reader.until_close());
            while !reading.is_finished() && peer.try_send(true, 1, LINE.as_bytes()).is_ok() {
                thread::sleep(MOMENT / 20);
            }
            let frame = reading.join().unwrap();
            let payload = frame.as_ref().map(|frame| frame.payload.clone()).unwrap_or_default();
            let _ = peer.try_send(true, 8, &payload);
            return Some(seen(frame));
        }
        Act::Signal(exit) => signal(exit),
        Act::Rst | Act::Panics => unreachable!("{act:?} is no act of an open socket"),
    }
    None
}

fn close(code: Option<u16>, reason: &str) -> Vec<u8> {
    let code = code.map(u16::to_be_bytes);
    [code.as_ref().map_or(&[][..], |code| code), reason.as_bytes()].concat()
}

fn breaks(breach: Breach, peer: &mut Peer) {
    match breach {
        Breach::Opcode => peer.send(true, 3, b""),
        Breach::Bit => peer.try_send_first(0xc1, b"x").unwrap(),
        Breach::Masking => peer.send_masked_wrongly(true, 1, b"x"),
        Breach::LongPing => peer.send(true, 9, &[b'x'; 126]),
        Breach::CutPing => peer.send(false, 9, b"x"),
        Breach::Continuation => peer.send(true, 0, b"x"),
        Breach::Amid => {
            peer.send(false, 1, b"x");
            peer.send(true, 1, b"y");
        }
        Breach::HalfCode => peer.send(true, 8, &[3]),
        Breach::Code(code) => peer.close(code, ""),
        Breach::Text => peer.send(true, 1, &[0xff, 0xfe]),
        Breach::CutText => {
            peer.send(false, 1, &[0xe2]);
            peer.send(true, 0, &[0x82]);
        }
        Breach::Reason => peer.send(true, 8, &[3, 232, 0xff]),
        Breach::Large => peer.send(true, 2, &[b'x'; 1025]),
        Breach::LargeInPieces => {
            peer.send(false, 2, &[b'x'; 1000]);
            peer.send(true, 0, &[b'x'; 25]);
        }
    }
}
