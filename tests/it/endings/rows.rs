//! The rows of the endings matrix at `connect`.

use super::{Row, World, after_one, closed, closing, echo, eof, lost, polite, received, world};
use crate::{
    harness::{Input, Output, Peer},
    session::fault,
};
use std::{io::ErrorKind, net::Shutdown, thread::sleep, time::Duration};
use wsio::{
    exit::Exit,
    session::{Event, Left, Side, SinkFailure, SourceEnd, Within},
};

/// A message that was taken and not sent.
fn left() -> Event {
    Event::Unsent { side: Side::A, left: Left { messages: 1, ..Left::default() } }
}

/// Closes with 1000 before it reads anything.
fn closes_unread(mut peer: Peer) -> Option<Option<u16>> {
    sleep(Duration::from_millis(300));
    peer.close(1000, "");
    peer.until_close().map(|frame| frame.code())
}

pub fn rows() -> Vec<Row> {
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
            events: || vec![received(1), Event::CountReached { side: Side::B }],
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
            events: || vec![closed(Some(1000)), left()],
            answers: true,
            // More than any socket buffers, and a peer that reads none of it before its Close.
            world: world(Input::Endless, closes_unread, Some(Some(1000)), ""),
            asked: None,
            exit: E::Unsent,
        },
        Row {
            name: "peer's Close that was expected, with input left unsent: 0",
            args: &["--expect-close", "1000"],
            events: || vec![closed(Some(1000)), left()],
            answers: true,
            world: world(Input::Endless, closes_unread, Some(Some(1000)), ""),
            asked: None,
            exit: E::Ok,
        },
        Row {
            name: "peer's Close with an error code, with input left unsent: 115",
            args: &[],
            events: || vec![closed(Some(1011)), left()],
            answers: true,
            world: world(
                Input::Endless,
                |mut peer| {
                    sleep(Duration::from_millis(100));
                    peer.close(1011, "");
                    peer.until_close().map(|frame| frame.code())
                },
                Some(Some(1011)),
                "",
            ),
            asked: None,
            exit: E::ClosedByPeer,
        },
        Row {
            name: "-n reached with input left unsent: 0",
            args: &["-n", "1"],
            events: || vec![received(1), Event::CountReached { side: Side::B }, left()],
            answers: true,
            world: world(Input::Endless, |peer| after_one(peer, polite), Some(Some(1000)), "one\n"),
            asked: Some(1000),
            exit: E::Ok,
        },
        Row {
            name: "a frame that has begun and does not go on: 1011, 56",
            args: &["--ping-interval", "off", "--ping-timeout", "200ms"],
            events: || {
                let within = Within { message: true, frame: true };
                vec![received(1), Event::Heard { side: Side::B, bytes: 20, within }]
            },
            answers: false,
            world: world(
                Stays(""),
                |peer| {
                    after_one(peer, |mut peer| {
                        peer.raw(&[0x81, 100, b'h', b'a', b'l', b'f']);
                        peer.until_close().map(|frame| frame.code())
                    })
                },
                Some(Some(1011)),
                "one\n",
            ),
            asked: Some(1011),
            exit: E::Lost,
        },
        Row {
            name: "a peer that ignores our Close and goes on talking: 114",
            args: &["--linger", "50ms", "--close-timeout", "300ms"],
            events: || vec![eof(false, false), received(1)],
            answers: false,
            world: world(
                Then("a\n"),
                |mut peer| {
                    let seen = peer.until_close().map(|frame| frame.code());
                    while peer.try_send(true, 9, b"still here").is_ok() {
                        sleep(Duration::from_millis(20));
                    }
                    seen
                },
                Some(Some(1000)),
                "",
            ),
            asked: Some(1000),
            exit: E::CloseUnanswered,
        },
        Row {
            name: "our Close is answered with another code: 115",
            args: &["--linger", "50ms"],
            events: || vec![received(1), eof(false, true), closed(Some(4000))],
            answers: false,
            world: world(
                Then("a\n"),
                |peer| {
                    after_one(peer, |mut peer| {
                        let seen = peer.until_close().map(|frame| frame.code());
                        peer.close(4000, "not that way");
                        seen
                    })
                },
                Some(Some(1000)),
                "one\n",
            ),
            asked: Some(1000),
            exit: E::ClosedByPeer,
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
                vec![received(1), Event::SinkFailed { side: Side::A, how }]
            },
            answers: true,
            world: Some(World {
                input: Stays(""),
                output: || Output::Fails(0, ErrorKind::BrokenPipe),
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
                vec![received(1), Event::SinkFailed { side: Side::A, how }]
            },
            answers: true,
            world: Some(World {
                input: Stays(""),
                output: || Output::Fails(0, ErrorKind::StorageFull),
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
            events: || vec![Event::Ended { side: Side::A, how: SourceEnd::Failed(fault(E::ReadError)) }],
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
            events: || vec![Event::Ended { side: Side::A, how: SourceEnd::Refused(fault(E::BadInput)) }],
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
            output: || Output::Takes,
            signal: Some(exit),
            peer: |peer| after_one(peer, polite),
            seen: Some(Some(1001)),
            out: "one\n",
        }),
        asked: Some(1001),
        exit,
    }
}
