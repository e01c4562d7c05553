//! The table: one line, one ending.
//!
//! A line reads: name, other side, what happens, options => the Close that the far end sees, exit code, output.
//! Behind it stand differences by mode, where the contract has one, and words that the user has to be told.

use super::{
    Row,
    acts::{
        Act::{self, *},
        Breach::*,
        IDLE, LINE, LINES,
        Local::{Asks, Command, CtrlD, Unsendable},
        ONE, PAUSES, STALLS, UNREAD, fails, input, pauses, then,
    },
    modes::Mode,
};
use crate::harness::Input;
use std::io::ErrorKind;
use wsio::exit::Exit;

/// An input that gives lines for ever.
const ENDLESS: super::Local = input(Input::Endless);

/// The option that bounds the end of a stalled session.
const SOON: &str = "--close-timeout 1s";

macro_rules! table {
    ($($name:literal: $local:expr, $acts:expr, $options:expr => $close:expr, $exit:ident, $out:expr $(, $more:ident($value:expr))*;)*) => {
        vec![$(row($name, $local, &$acts, $options, $close, Exit::$exit, $out)$(.$more($value))*),*]
    };
}

/// The Close of a row: none, one without a code, one with a code.
const NONE: Option<Option<u16>> = None;
const BARE: Option<Option<u16>> = Some(None);

const fn code(code: u16) -> Option<Option<u16>> {
    Some(Some(code))
}

fn row(
    name: &'static str,
    local: super::Local,
    acts: &[Act],
    options: &'static str,
    close: Option<Option<u16>>,
    exit: Exit,
    out: &[&str],
) -> Row {
    let out = out.iter().map(|line| format!("{line}\n")).collect();
    let acts = acts.to_vec();
    Row { name, local, acts, options, close, exit, out, serving: None, reason: None, says: &[], only: &[] }
}

impl Row {
    fn serving(self, code: u16) -> Self {
        Self { serving: Some(code), ..self }
    }

    fn reason(self, reason: &'static str) -> Self {
        Self { reason: Some(reason), ..self }
    }

    fn says(self, says: &'static [&'static str]) -> Self {
        Self { says, ..self }
    }

    fn only(self, only: &'static [Mode]) -> Self {
        Self { only, ..self }
    }
}

pub fn rows() -> Vec<Row> {
    let mut rows = local_ends();
    rows.extend(peers_close());
    rows.extend(losses());
    rows.extend(breaches());
    rows.extend(outputs());
    rows
}

/// The local end of input, signals, limits, and our own Close.
fn local_ends() -> Vec<Row> {
    table! {
        "input ended before a single byte": then(b""), [Rests(150), Says, Closes(Some(1000), "")], "" => code(1000), Ok, &[ONE];
        "input is not asked for": UNREAD, [Reads("hi"), Says, Answers], "--send hi -n 1" => code(1000), Ok, &[ONE];
        "input is never read": UNREAD, [Says, Closes(Some(1000), "")], "--recv-only" => code(1000), Ok, &[ONE];
        "input ended after data": then(b"a\nb"), [Echoes], "--linger 100ms" => code(1000), Ok, &["a", "b"];
        "input ended after data, and nothing comes back": then(b"a\n"), [Reads("a"), Answers], "--linger 50ms" => code(1000), Ok, &[], says(&["--linger 10s"]);
        "Ctrl-D at a terminal": CtrlD, [Answers], "--linger inf" => code(1000), Ok, &[];
        "-n reached, nothing more is printed": input(Input::Stays(b"a\n")), [Says, Says, Says, Answers], "-n 1" => code(1000), Ok, &[ONE];
        "-n reached with input left unsent": ENDLESS, [Says, Answers], "-n 1" => code(1000), Ok, &[ONE];
        "-n not reached": IDLE, [Says, Closes(Some(1000), "")], "-n 2" => code(1000), Expectation, &[ONE], says(&["expected 2 messages, got 1"]);
        "--match never met": IDLE, [Says, Closes(Some(1000), "")], "--match two" => code(1000), Expectation, &[];
        "--for over": IDLE, [Says, Answers], "--for 1500ms" => code(1000), Ok, &[ONE];
        "stdin fails, what was read is sent": input(Input::Fails(b"a\n")), [Reads("a"), Answers], "" => code(1011), ReadError, &[], says(&["the disk is gone"]);
        "a line too large, earlier ones are sent": Unsendable(b"a\nlonger than the limit\nb\n"), [Reads("a"), Answers], "--max-message 4" => code(1000), BadInput, &[];
        "a line that is not UTF-8, earlier ones are sent": Unsendable(b"a\n\xff\nb\n"), [Reads("a"), Answers], "" => code(1000), BadInput, &[], says(&["UTF-8"]);
        "SIGINT": IDLE, [Says, Signal(Exit::Interrupt), Answers], "" => code(1001), Interrupt, &[ONE];
        "SIGTERM": IDLE, [Says, Signal(Exit::Terminate), Answers], "" => code(1001), Terminate, &[ONE];
        "SIGHUP": IDLE, [Says, Signal(Exit::Hangup), Answers], "" => code(1001), Hangup, &[ONE];
        "a signal, and the peer does not answer": IDLE, [Says, Signal(Exit::Terminate), Silent], "--close-timeout 300ms" => code(1001), Terminate, &[ONE];
        "--timeout": IDLE, [Says, Answers], "--timeout 3s" => code(1000), Deadline, &[ONE], serving(1001);
        "--timeout with -n unmet": IDLE, [Says, Answers], "--timeout 3s -n 2" => code(1000), Expectation, &[ONE], serving(1001);
        "--idle-timeout": IDLE, [Says, Answers], "--idle-timeout 1500ms" => code(1000), Deadline, &[ONE], serving(1001);
        "--idle-timeout after we said something": input(Input::Stays(b"a\n")), [Says, Reads("a"), Answers], "--idle-timeout 1500ms" => code(1000), Deadline, &[ONE], serving(1001);
        "our Close is never answered": then(b"a\n"), [Silent], "--linger 50ms --close-timeout 200ms" => code(1000), CloseUnanswered, &[];
        "our Close is ignored, and the peer talks on": then(b"a\n"), [TalksOn], "--linger 50ms --close-timeout 300ms" => code(1000), CloseUnanswered, &[];
        "our Close is answered with another code": then(b"a\n"), [Says, AnswersWith(4000, "not that way")], "--linger 50ms" => code(1000), ClosedByPeer, &[ONE];
        "a message between our Close and its answer": then(b"a\n"), [AnswersLate], "--linger 50ms" => code(1000), Ok, &[ONE];
        "--close says what we close with": then(b"a\n"), [Echoes], "--linger 50ms --close 4000:done" => code(4000), Ok, &["a"], reason("done");
        "--close none": then(b"a\n"), [Echoes], "--linger 50ms --close none" => BARE, Ok, &["a"];
        "a record of the input closes": Asks(b"{\"type\":\"close\",\"code\":4001,\"reason\":\"done\"}\n"), [Answers], "--in jsonl --linger 50ms" => code(4001), Ok, &[], reason("done");
        "a byte endpoint ends before a single byte": then(b""), [Answers], "--linger 50ms" => code(1000), Ok, &[], only(&[Mode::Tcp]);
        "standard input of many ends, and they stay": then(b"a\n"), [Reads("a"), Rests(300), Says, Closes(Some(1000), "")], "" => code(1000), Ok, &[ONE], only(&[Mode::Many]);
        "standard input of many fails": input(Input::Fails(b"a\n")), [Reads("a"), Answers], "" => code(1011), ReadError, &[], only(&[Mode::Many]);
        "a panic is contained": IDLE, [Says, Panics], "" => code(1011), Internal, &[ONE];
        "a command exits 0": Command("echo one"), [Reads(ONE), Answers], "" => code(1000), Ok, &[];
        "a command exits 3, its output comes first": Command("echo one; exit 3"), [Reads(ONE), Answers], "" => code(1011), Command, &[], reason("exit 3");
        "a command dies of a signal": Command("echo one; kill -USR1 $$"), [Reads(ONE), Answers], "" => code(1011), Command, &[], reason("signal USR1");
    }
}

/// The peer closes.
fn peers_close() -> Vec<Row> {
    table! {
        "peer's Close 1000": IDLE, [Says, Closes(Some(1000), "bye")], "" => code(1000), Ok, &[ONE];
        "peer's Close 1001": IDLE, [Closes(Some(1001), "")], "" => code(1001), Ok, &[];
        "peer's Close without a code": IDLE, [Closes(None, "")], "" => BARE, Ok, &[];
        "peer's Close 1000 with input left unsent": ENDLESS, [Clogs, Closes(Some(1000), "")], "" => code(1000), Unsent, &[], says(&["left unsent"]);
        "peer's Close that was expected, with input left unsent": ENDLESS, [Clogs, Closes(Some(1000), "")], "--expect-close 1000" => code(1000), Ok, &[];
        "peer's Close with an error code, with input left unsent": ENDLESS, [Clogs, Closes(Some(1011), "")], "" => code(1011), ClosedByPeer, &[];
        "peer's Close with another code": IDLE, [Says, Closes(Some(1011), "disk full")], "" => code(1011), ClosedByPeer, &[ONE], says(&["1011 internal error: disk full"]);
        "peer's Close with a code of its own": IDLE, [Says, Closes(Some(4321), "that was all")], "" => code(4321), ClosedByPeer, &[ONE], says(&["4321", "that was all"]);
        "peer's Close with a code of --ok-close": IDLE, [Says, Closes(Some(4321), "")], "--ok-close 1008,4000-4999" => code(4321), Ok, &[ONE];
        "peer's Close with a code of --expect-close": IDLE, [Says, Closes(Some(4321), "")], "--expect-close 4321" => code(4321), Ok, &[ONE];
        "peer's Close with another code than --expect-close": IDLE, [Says, Closes(Some(1000), "")], "--expect-close 4321" => code(1000), Expectation, &[ONE], says(&["4321"]);
        "--expect-close, and we close first": IDLE, [Says, Answers], "--expect-close 4321 --timeout 3s" => code(1000), Expectation, &[ONE], serving(1001);
    }
}

/// The connection is lost.
fn losses() -> Vec<Row> {
    table! {
        "FIN without a Close": IDLE, [Says, Fin], "" => NONE, Lost, &[ONE];
        "FIN in the middle of a message, whole ones are delivered": IDLE, [Says, Begins, Fin], "" => NONE, Lost, &[ONE], says(&["6 bytes into a message"]);
        "FIN instead of an answer to our Close": then(b"a\n"), [FinInstead], "--linger 50ms" => code(1000), CloseUnanswered, &[];
        "FIN while we linger": then(b"a\n"), [Reads("a"), Fin], "--linger inf" => NONE, Lost, &[];
        "RST": IDLE, [Says, Rst], "" => NONE, Lost, &[ONE];
        "a ping stays unanswered": IDLE, [Says, Silent], "--ping-interval 100ms --ping-timeout 700ms" => code(1011), Lost, &[ONE], says(&["no pong"]);
        "a frame that has begun and does not go on": IDLE, [Says, Begins, Silent], "--ping-interval off --ping-timeout 200ms" => code(1011), Lost, &[ONE], says(&["a frame had begun"]);
        "FIN with -n unmet": IDLE, [Says, Fin], "-n 2" => NONE, Lost, &[ONE];
    }
}

/// The peer breaks a rule.
fn breaches() -> Vec<Row> {
    table! {
        "a reserved opcode": IDLE, [Says, Breaks(Opcode)], "" => code(1002), Protocol, &[ONE];
        "a reserved bit": IDLE, [Says, Breaks(Bit)], "" => code(1002), Protocol, &[ONE];
        "a frame masked wrongly": IDLE, [Says, Breaks(Masking)], "" => code(1002), Protocol, &[ONE];
        "a control frame too long": IDLE, [Says, Breaks(LongPing)], "" => code(1002), Protocol, &[ONE];
        "a control frame in fragments": IDLE, [Says, Breaks(CutPing)], "" => code(1002), Protocol, &[ONE];
        "a continuation of nothing": IDLE, [Says, Breaks(Continuation)], "" => code(1002), Protocol, &[ONE];
        "a message amid another": IDLE, [Says, Breaks(Amid)], "" => code(1002), Protocol, &[ONE];
        "a Close with half a code": IDLE, [Says, Breaks(HalfCode)], "" => code(1002), Protocol, &[ONE];
        "a Close code that may not be sent": IDLE, [Says, Breaks(Code(1006))], "" => code(1002), Protocol, &[ONE];
        "a Close code below all": IDLE, [Says, Breaks(Code(999))], "" => code(1002), Protocol, &[ONE];
        "text that is not UTF-8": IDLE, [Says, Breaks(Text)], "" => code(1007), BadUtf8, &[ONE];
        "text cut within a character": IDLE, [Says, Breaks(CutText)], "" => code(1007), BadUtf8, &[ONE];
        "a Close reason that is not UTF-8": IDLE, [Says, Breaks(Reason)], "" => code(1007), BadUtf8, &[ONE];
        "a message over the limit, nothing of it is delivered": IDLE, [Says, Breaks(Large)], "--max-message 1k" => code(1009), TooBig, &[ONE], says(&["1025 bytes", "--max-message"]);
        "fragments over the limit": IDLE, [Says, Breaks(LargeInPieces)], "--max-message 1k" => code(1009), TooBig, &[ONE], says(&["--max-message"]);
    }
}

/// Standard output fails, stalls or is slow.
fn outputs() -> Vec<Row> {
    table! {
        "stdout's reader left": fails(ErrorKind::BrokenPipe), [Says, Answers], "" => code(1001), ReaderLeft, &[];
        "stdout fails": fails(ErrorKind::StorageFull), [Says, Answers], "" => code(1011), WriteError, &[];
        "a signal while stdout stalls": STALLS, [SaysMuch, Signal(Exit::Terminate), TalksUntilClose], SOON => code(1001), Terminate, &[];
        "--timeout while stdout stalls": STALLS, [SaysMuch, TalksUntilClose], "-m 3s --close-timeout 1s" => code(1000), Deadline, &[], serving(1001);
        "--idle-timeout while stdout stalls": STALLS, [SaysMuch, Answers], "--idle-timeout 1500ms --close-timeout 1s" => code(1000), Deadline, &[], serving(1001);
        "--timeout while stdout stalls after a clean end": STALLS, [SaysMuch, Closes(Some(1000), "")], "-m 3s" => code(1000), Deadline, &[];
        "a signal while stdout stalls after a clean end": STALLS, [SaysMuch, Closes(Some(1000), ""), Signal(Exit::Interrupt)], "" => code(1000), Interrupt, &[];
        "stdout pauses after the peer's Close": PAUSES, [SaysMuch, Closes(Some(1000), "")], "--close-timeout 200ms" => code(1000), Ok, &[LINE; LINES];
        "stdout pauses after the end of input": pauses(Input::Then(b"a\n")), [SaysMuch, Answers], "--close-timeout 200ms --linger 50ms" => code(1000), Ok, &[LINE; LINES];
        "stdout pauses after -n": PAUSES, [SaysMuch, Answers], "--close-timeout 200ms -n 10" => code(1000), Ok, &[LINE; LINES];
    }
}
