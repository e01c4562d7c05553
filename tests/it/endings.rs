//! The endings matrix as data: each row runs through the pure session and, with real sockets, through
//! the whole program in this process.

mod outputs;
mod rows;

use crate::{
    harness::{Ended, Input, Output, Peer, Program, serve},
    session::{Robot, fault},
};
use rows::rows;
use std::time::Duration;
use wsio::{
    cli::{self, Context, Parsed},
    exit::Exit,
    plan::Plan,
    session::{Event, Rules, Side, SideKind, SourceEnd},
};

/// One row: an event of the matrix at `connect`, and what has to follow.
struct Row {
    name: &'static str,
    args: &'static [&'static str],
    /// What happens, to the pure session: side 0 is standard, side 1 the WebSocket.
    events: fn() -> Vec<Event>,
    /// The peer answers our Close.
    answers: bool,
    /// What happens, to the program; `None` where it takes a terminal or a bug.
    world: Option<World>,
    /// The Close that the session asks for.
    asked: Option<u16>,
    exit: Exit,
}

struct World {
    input: Input,
    output: fn() -> Output,
    signal: Option<Exit>,
    /// What the peer does; gives the code of the Close it sees.
    peer: fn(Peer) -> Option<Option<u16>>,
    /// The Close that the peer sees; `None` is none.
    seen: Option<Option<u16>>,
    out: &'static str,
}

const fn world(
    input: Input,
    peer: fn(Peer) -> Option<Option<u16>>,
    seen: Option<Option<u16>>,
    out: &'static str,
) -> Option<World> {
    Some(World { input, output: || Output::Takes, signal: None, peer, seen, out })
}

fn eof(empty: bool, hangup: bool) -> Event {
    Event::Ended { side: Side::A, how: SourceEnd::Eof { empty, hangup } }
}

fn closed(code: Option<u16>) -> Event {
    let how = SourceEnd::Close { code, reason: String::new(), described: format!("{code:?}"), advice: None };
    Event::Ended { side: Side::B, how }
}

fn lost(exit: Exit, answer: Option<u16>) -> Event {
    Event::Ended { side: Side::B, how: SourceEnd::Lost { fault: fault(exit), answer } }
}

fn received(messages: u64) -> Event {
    Event::Received { side: Side::B, messages }
}

/// Sees the Close and echoes it.
fn polite(mut peer: Peer) -> Option<Option<u16>> {
    peer.answer_close().map(|frame| frame.code())
}

/// Echoes every message until the Close.
fn echo(mut peer: Peer) -> Option<Option<u16>> {
    while let Some(frame) = peer.next() {
        match frame.opcode {
            1 | 2 => peer.send(true, frame.opcode, &frame.payload),
            8 => {
                peer.send(true, 8, &frame.payload);
                return Some(frame.code());
            }
            _ => {}
        }
    }
    None
}

/// Says one thing, then does as `then` says.
fn after_one(mut peer: Peer, then: fn(Peer) -> Option<Option<u16>>) -> Option<Option<u16>> {
    peer.text("one");
    then(peer)
}

fn closing(mut peer: Peer, code: u16, reason: &str) -> Option<Option<u16>> {
    peer.text("one");
    peer.close(code, reason);
    peer.until_close().map(|frame| frame.code())
}

/// The rules that these arguments mean.
fn rules(args: &[&str]) -> Rules {
    let mut nothing = std::io::empty();
    let mut context = Context { env: &|_| None, stdin: &mut nothing, stdin_is_terminal: false, ask: None };
    let args = ["wsio", "connect"].iter().chain(args).chain(&["ws://localhost/"]).map(Into::into);
    match cli::parse(args, &mut context) {
        Ok(Parsed::Run(Plan::Connect(plan))) => plan.common.rules.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_pure_session_keeps_the_matrix() {
    for row in rows() {
        let mut robot = Robot::new(rules(row.args), [SideKind::Standard, SideKind::WebSocket], row.answers);
        for event in (row.events)() {
            robot.happens(event);
        }
        let took = robot.run_out();
        assert_eq!(robot.exit(), row.exit, "{}", row.name);
        assert_eq!(robot.closes[1].first().copied().flatten(), row.asked, "{}", row.name);
        assert!(took <= Duration::from_secs(12), "{} takes {took:?}", row.name);
    }
}

#[test]
fn the_program_keeps_the_matrix() {
    for row in rows() {
        let Some(world) = row.world else { continue };
        let (url, peer) = serve(world.peer);
        let args = ["connect", &url].iter().chain(row.args).map(|arg| (*arg).to_owned()).collect();
        let program = Program { args, input: world.input, output: (world.output)(), signal: world.signal };
        let Ended { exit, fault, out, err } = program.run();
        let seen = peer.join().unwrap_or_else(|_| panic!("{}: the peer's script failed", row.name));
        assert_eq!(exit, row.exit, "{}: {fault:?} {err}", row.name);
        assert_eq!(seen, world.seen, "{}", row.name);
        assert_eq!(out, world.out, "{}", row.name);
    }
}

#[test]
fn faults_name_what_happened() {
    let fault = |args: &[&str], peer: fn(Peer) -> Option<Option<u16>>| {
        let (url, _peer) = serve(peer);
        let args = ["connect", &url].iter().chain(args).map(|arg| (*arg).to_owned()).collect();
        let program = Program { args, input: Input::Stays(""), output: Output::Takes, signal: None };
        program.run().fault.unwrap().to_string()
    };
    let closed = fault(&[], |peer| closing(peer, 1011, "disk full"));
    assert!(closed.contains("1011 internal error: disk full"), "{closed}");
    let cut = fault(&[], |mut peer| {
        peer.raw(&[0x81, 100, b'h', b'a', b'l', b'f']);
        None
    });
    assert!(cut.contains("6 bytes into a message"), "{cut}");
    let big = fault(&["--max-message", "1k"], |mut peer| {
        peer.send(true, 2, &[0; 2000]);
        polite(peer)
    });
    assert!(big.contains("2000 bytes") && big.contains("--max-message"), "{big}");
}
