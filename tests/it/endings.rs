//! The endings matrix as data: each row runs through the pure session and, with real sockets, through
//! the whole program in this process.

use crate::{
    harness::{Ended, Input, Peer, Program, serve},
    session::{Robot, fault},
};
use std::{io::ErrorKind, net::Shutdown, thread::sleep, time::Duration};
use wsio::{
    cli::{self, Context, Parsed},
    exit::Exit,
    plan::Plan,
    session::{Event, Left, Rules, SideKind, SinkFailure, SourceEnd},
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
    output_fails: Option<(usize, ErrorKind)>,
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
    Some(World { input, output_fails: None, signal: None, peer, seen, out })
}

fn eof(empty: bool, hangup: bool) -> Event {
    Event::Ended { side: 0, how: SourceEnd::Eof { empty, hangup } }
}

fn closed(code: Option<u16>) -> Event {
    let how = SourceEnd::Close { code, reason: String::new(), described: format!("{code:?}") };
    Event::Ended { side: 1, how }
}

fn lost(exit: Exit, answer: Option<u16>) -> Event {
    Event::Ended { side: 1, how: SourceEnd::Lost { fault: fault(exit), answer } }
}

fn received(messages: u64) -> Event {
    Event::Received { side: 1, messages }
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

fn rows() -> Vec<Row> {
    use Exit as E;
    use Input::{Fails, Stays, Then};
    vec![
        Row {
            name: "input ended before a single byte: receive only, until the peer closes",
            args: &[],
            events: || vec![eof(true, false), received(1), closed(Some(1000))],
            answers: true,
            world: world(
                Then(""),
                |peer| {
                    sleep(Duration::from_millis(150));
                    closing(peer, 1000, "")
                },
                Some(Some(1000)),
                "one\n",
            ),
            asked: None,
            exit: E::Ok,
        },
        Row {
            name: "input ended after data: flush, linger, Close 1000",
            args: &["--linger", "100ms"],
            events: || vec![received(1), eof(false, false)],
            answers: true,
            world: world(Then("a\nb"), echo, Some(Some(1000)), "a\nb\n"),
            asked: Some(1000),
            exit: E::Ok,
        },
        Row {
            name: "Ctrl-D at a terminal: Close 1000 without lingering",
            args: &["--linger", "inf"],
            events: || vec![eof(false, true)],
            answers: true,
            world: None,
            asked: Some(1000),
            exit: E::Ok,
        },
        Row {
            name: "-n reached: Close 1000, nothing more is printed",
            args: &["-n", "1"],
            events: || vec![received(1), Event::CountReached { side: 1 }],
            answers: true,
            world: world(
                Stays("a\n"),
                |mut peer| {
                    (0..3).for_each(|_| peer.text("one"));
                    polite(peer)
                },
                Some(Some(1000)),
                "one\n",
            ),
            asked: Some(1000),
            exit: E::Ok,
        },
        Row {
            name: "-n not reached: 1",
            args: &["-n", "2"],
            events: || vec![received(1), closed(Some(1000))],
            answers: true,
            world: world(Stays(""), |peer| closing(peer, 1000, ""), Some(Some(1000)), "one\n"),
            asked: None,
            exit: E::Expectation,
        },
        Row {
            name: "peer's Close 1000",
            args: &[],
            events: || vec![received(1), closed(Some(1000))],
            answers: true,
            world: world(Stays(""), |peer| closing(peer, 1000, "bye"), Some(Some(1000)), "one\n"),
            asked: None,
            exit: E::Ok,
        },
        Row {
            name: "peer's Close 1001",
            args: &[],
            events: || vec![closed(Some(1001))],
            answers: true,
            world: world(Stays(""), |peer| closing(peer, 1001, ""), Some(Some(1001)), "one\n"),
            asked: None,
            exit: E::Ok,
        },
        Row {
            name: "peer's Close without a code",
            args: &[],
            events: || vec![closed(None)],
            answers: true,
            world: world(
                Stays(""),
                |mut peer| {
                    peer.send(true, 8, b"");
                    peer.until_close().map(|frame| frame.code())
                },
                Some(None),
                "",
            ),
            asked: None,
            exit: E::Ok,
        },
        Row {
            name: "peer's Close 1000 with input left unsent: 55",
            args: &[],
            events: || {
                vec![
                    closed(Some(1000)),
                    Event::Unsent { side: 0, left: Left { messages: 1, ..Left::default() } },
                ]
            },
            answers: true,
            // More than any socket buffers, and a peer that reads none of it before its Close.
            world: world(
                Input::Endless,
                |mut peer| {
                    sleep(Duration::from_millis(300));
                    peer.close(1000, "");
                    peer.until_close().map(|frame| frame.code())
                },
                Some(Some(1000)),
                "",
            ),
            asked: None,
            exit: E::Unsent,
        },
        Row {
            name: "peer's Close with another code: 115",
            args: &[],
            events: || vec![received(1), closed(Some(1011))],
            answers: true,
            world: world(Stays(""), |peer| closing(peer, 1011, "disk full"), Some(Some(1011)), "one\n"),
            asked: None,
            exit: E::ClosedByPeer,
        },
        Row {
            name: "peer's Close with a code of --ok-close",
            args: &["--ok-close", "1008,4000-4999"],
            events: || vec![closed(Some(4321))],
            answers: true,
            world: world(Stays(""), |peer| closing(peer, 4321, ""), Some(Some(4321)), "one\n"),
            asked: None,
            exit: E::Ok,
        },
        Row {
            name: "FIN without a Close: 56",
            args: &[],
            events: || vec![received(1), lost(E::Lost, None)],
            answers: false,
            world: world(
                Stays(""),
                |peer| {
                    after_one(peer, |mut peer| {
                        peer.stream.shutdown(Shutdown::Write).unwrap();
                        peer.until_close().map(|frame| frame.code())
                    })
                },
                None,
                "one\n",
            ),
            asked: None,
            exit: E::Lost,
        },
        Row {
            name: "FIN in the middle of a message: 56, the whole ones are delivered",
            args: &[],
            events: || vec![received(1), lost(E::Lost, None)],
            answers: false,
            world: world(
                Stays(""),
                |peer| {
                    after_one(peer, |mut peer| {
                        peer.raw(&[0x81, 100, b'h', b'a', b'l', b'f']);
                        peer.stream.shutdown(Shutdown::Write).unwrap();
                        peer.until_close().map(|frame| frame.code())
                    })
                },
                None,
                "one\n",
            ),
            asked: None,
            exit: E::Lost,
        },
        Row {
            name: "RST: 56",
            args: &[],
            events: || vec![lost(E::Lost, None)],
            answers: false,
            world: world(
                Stays(""),
                |peer| {
                    after_one(peer, |peer| {
                        sleep(Duration::from_millis(100));
                        peer.reset();
                        None
                    })
                },
                None,
                "one\n",
            ),
            asked: None,
            exit: E::Lost,
        },
        Row {
            name: "a ping stays unanswered: 1011 tried, 56",
            args: &["--ping-interval", "50ms", "--ping-timeout", "100ms"],
            events: || vec![],
            answers: false,
            world: world(
                Stays(""),
                |mut peer| peer.until_close().map(|frame| frame.code()),
                Some(Some(1011)),
                "",
            ),
            asked: Some(1011),
            exit: E::Lost,
        },
        Row {
            name: "stdout's reader left: 1001, 141, silent",
            args: &[],
            events: || {
                let how = SinkFailure::ReaderLeft(fault(E::ReaderLeft));
                vec![received(1), Event::SinkFailed { side: 0, how }]
            },
            answers: true,
            world: Some(World {
                input: Stays(""),
                output_fails: Some((0, ErrorKind::BrokenPipe)),
                signal: None,
                peer: |peer| after_one(peer, polite),
                seen: Some(Some(1001)),
                out: "",
            }),
            asked: Some(1001),
            exit: E::ReaderLeft,
        },
        Row {
            name: "stdout fails: 1011, 23",
            args: &[],
            events: || {
                let how = SinkFailure::Failed(fault(E::WriteError));
                vec![received(1), Event::SinkFailed { side: 0, how }]
            },
            answers: true,
            world: Some(World {
                input: Stays(""),
                output_fails: Some((0, ErrorKind::StorageFull)),
                signal: None,
                peer: |peer| after_one(peer, polite),
                seen: Some(Some(1011)),
                out: "",
            }),
            asked: Some(1011),
            exit: E::WriteError,
        },
        Row {
            name: "stdin fails: what was read is sent, 1011, 26",
            args: &[],
            events: || vec![Event::Ended { side: 0, how: SourceEnd::Failed(fault(E::ReadError)) }],
            answers: true,
            world: world(
                Fails("a\n"),
                |mut peer| {
                    assert_eq!(peer.message().unwrap(), b"a");
                    polite(peer)
                },
                Some(Some(1011)),
                "",
            ),
            asked: Some(1011),
            exit: E::ReadError,
        },
        signal_row("SIGINT: 1001, 130", E::Interrupt, || {
            vec![received(1), Event::Signal(fault(Exit::Interrupt))]
        }),
        signal_row("SIGTERM: 1001, 143", E::Terminate, || {
            vec![received(1), Event::Signal(fault(Exit::Terminate))]
        }),
        signal_row("SIGHUP: 1001, 129", E::Hangup, || vec![received(1), Event::Signal(fault(Exit::Hangup))]),
        Row {
            name: "--timeout: 1000, 28",
            args: &["--timeout", "200ms"],
            events: || vec![],
            answers: true,
            world: world(Stays(""), |peer| after_one(peer, polite), Some(Some(1000)), "one\n"),
            asked: Some(1000),
            exit: E::Deadline,
        },
        Row {
            name: "--timeout with -n unmet: 1",
            args: &["--timeout", "200ms", "-n", "2"],
            events: || vec![received(1)],
            answers: true,
            world: world(Stays(""), |peer| after_one(peer, polite), Some(Some(1000)), "one\n"),
            asked: Some(1000),
            exit: E::Expectation,
        },
        Row {
            name: "--idle-timeout: 1000, 28",
            args: &["--idle-timeout", "200ms"],
            events: || vec![received(1)],
            answers: true,
            world: world(Stays("a\n"), |peer| after_one(peer, polite), Some(Some(1000)), "one\n"),
            asked: Some(1000),
            exit: E::Deadline,
        },
        Row {
            name: "our Close is never answered: 114",
            args: &["--linger", "50ms", "--close-timeout", "200ms"],
            events: || vec![eof(false, false)],
            answers: false,
            world: world(
                Then("a\n"),
                |mut peer| {
                    let seen = peer.until_close().map(|frame| frame.code());
                    sleep(Duration::from_millis(800));
                    seen
                },
                Some(Some(1000)),
                "",
            ),
            asked: Some(1000),
            exit: E::CloseUnanswered,
        },
        Row {
            name: "messages between our Close and its answer are delivered",
            args: &["--linger", "50ms"],
            events: || vec![eof(false, false), received(1)],
            answers: true,
            world: world(
                Then("a\n"),
                |mut peer| {
                    let close = peer.until_close()?;
                    sleep(Duration::from_millis(100));
                    peer.text("late");
                    peer.send(true, 8, &close.payload);
                    Some(close.code())
                },
                Some(Some(1000)),
                "late\n",
            ),
            asked: Some(1000),
            exit: E::Ok,
        },
        Row {
            name: "peer breaks the protocol: 1002, 111",
            args: &[],
            events: || vec![received(1), lost(E::Protocol, Some(1002))],
            answers: true,
            world: world(
                Stays(""),
                |peer| {
                    after_one(peer, |mut peer| {
                        peer.raw(&[0x83, 0]);
                        polite(peer)
                    })
                },
                Some(Some(1002)),
                "one\n",
            ),
            asked: Some(1002),
            exit: E::Protocol,
        },
        Row {
            name: "a masked frame from a server: 1002, 111",
            args: &[],
            events: || vec![lost(E::Protocol, Some(1002))],
            answers: true,
            world: world(
                Stays(""),
                |mut peer| {
                    peer.raw(&[0x81, 0x81, 1, 2, 3, 4, b'x' ^ 1]);
                    polite(peer)
                },
                Some(Some(1002)),
                "",
            ),
            asked: Some(1002),
            exit: E::Protocol,
        },
        Row {
            name: "a Close code that may not be sent: 1002, 111",
            args: &[],
            events: || vec![lost(E::Protocol, Some(1002))],
            answers: true,
            world: world(
                Stays(""),
                |mut peer| {
                    peer.close(1006, "");
                    peer.until_close().map(|frame| frame.code())
                },
                Some(Some(1002)),
                "",
            ),
            asked: Some(1002),
            exit: E::Protocol,
        },
        Row {
            name: "text that is not UTF-8: 1007, 112",
            args: &[],
            events: || vec![lost(E::BadUtf8, Some(1007))],
            answers: true,
            world: world(
                Stays(""),
                |peer| {
                    after_one(peer, |mut peer| {
                        peer.send(true, 1, &[0xff, 0xfe]);
                        polite(peer)
                    })
                },
                Some(Some(1007)),
                "one\n",
            ),
            asked: Some(1007),
            exit: E::BadUtf8,
        },
        Row {
            name: "a message over the limit: 1009, 113, nothing of it is delivered",
            args: &["--max-message", "1k"],
            events: || vec![lost(E::TooBig, Some(1009))],
            answers: true,
            world: world(
                Stays(""),
                |peer| {
                    after_one(peer, |mut peer| {
                        peer.send(true, 2, &[b'x'; 1025]);
                        polite(peer)
                    })
                },
                Some(Some(1009)),
                "one\n",
            ),
            asked: Some(1009),
            exit: E::TooBig,
        },
        Row {
            name: "input that is not UTF-8 in text mode: earlier lines are sent, 1000, 65",
            args: &["--max-message", "4"],
            events: || vec![Event::Ended { side: 0, how: SourceEnd::Refused(fault(E::BadInput)) }],
            answers: true,
            world: world(
                Then("a\nlonger than the limit\nb\n"),
                |mut peer| {
                    assert_eq!(peer.message().unwrap(), b"a");
                    polite(peer)
                },
                Some(Some(1000)),
                "",
            ),
            asked: Some(1000),
            exit: E::BadInput,
        },
        Row {
            name: "a panic is contained: 1011, 70",
            args: &[],
            events: || vec![Event::Panicked],
            answers: true,
            world: None,
            asked: Some(1011),
            exit: E::Internal,
        },
        Row {
            name: "--close says what we close with",
            args: &["--linger", "50ms", "--close", "4000:done"],
            events: || vec![received(1), eof(false, false)],
            answers: true,
            world: world(Then("a\n"), echo, Some(Some(4000)), "a\n"),
            asked: Some(4000),
            exit: E::Ok,
        },
    ]
}

fn signal_row(name: &'static str, exit: Exit, events: fn() -> Vec<Event>) -> Row {
    Row {
        name,
        args: &[],
        events,
        answers: true,
        world: Some(World {
            input: Input::Stays(""),
            output_fails: None,
            signal: Some(exit),
            peer: |peer| after_one(peer, polite),
            seen: Some(Some(1001)),
            out: "one\n",
        }),
        asked: Some(1001),
        exit,
    }
}

/// The rules that these arguments mean.
fn rules(args: &[&str]) -> Rules {
    let mut nothing = std::io::empty();
    let mut context = Context { env: &|_| None, stdin: &mut nothing, stdin_is_terminal: false, ask: None };
    let args = ["wsio", "connect"].iter().chain(args).chain(&["ws://localhost/"]).map(Into::into);
    match cli::parse(args, &mut context) {
        Ok(Parsed::Run(Plan::Connect(plan))) => plan.common.rules,
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
        let program =
            Program { args, input: world.input, output_fails: world.output_fails, signal: world.signal };
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
        let program = Program { args, input: Input::Stays(""), output_fails: None, signal: None };
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
