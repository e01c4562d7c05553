//! A row as the pure session hears of it: its acts as events, and the robot's world.
//!
//! The events are told in the order in which the row's acts stand, the local end's before them; what time brings
//! about by itself (an answer to our Close, a ping without a pong) is the robot's.

use super::{
    Row,
    acts::{Act, Breach, LINES, Local},
    modes::Mode,
};
use crate::{
    harness::{Input, Output},
    session::{Robot, World, fault},
};
use std::{io::ErrorKind, time::Duration};
use wsio::{
    exit::Exit,
    session::{CloseWith, Event, Left, Rules, Side, SinkFailure, SourceEnd, Within},
};

/// An output that pauses takes nothing for so long here, where time costs nothing.
pub const HOUR: Duration = Duration::from_secs(3600);

/// One step of a row in the pure session.
#[derive(Clone, Debug)]
pub enum Moment {
    /// Something happens.
    Event(Event),
    /// Bytes of the peer come.
    Heard(u64, Within),
    /// Time passes until we ask for a Close of the far side.
    OurClose,
}

/// The row as steps.
pub fn moments(row: &Row, mode: Mode, rules: &Rules) -> Vec<Moment> {
    let (far, local) = (mode.far(), mode.far().other());
    let mut moments: Vec<_> = local_end(row, mode, local).into_iter().map(Moment::Event).collect();
    let mut received = 0;
    let mut says = |moments: &mut Vec<Moment>, messages: usize| {
        let event = |event| Moment::Event(event);
        moments.push(event(Event::Received { side: far, messages: messages as u64 }));
        if let Local::Standard(_, Output::Fails(_, kind)) = row.local {
            let how = match kind {
                ErrorKind::BrokenPipe => SinkFailure::ReaderLeft(fault(Exit::ReaderLeft)),
                _ => SinkFailure::Failed(fault(Exit::WriteError)),
            };
            moments.push(event(Event::SinkFailed { side: local, how: Box::new(how) }));
        }
        let before = received;
        received += messages as u64;
        if rules.count.is_some_and(|count| before < count && count <= received) {
            moments.push(event(Event::CountReached { side: far }));
        }
    };
    for act in &row.acts {
        match *act {
            Act::Says => says(&mut moments, 1),
            Act::SaysMuch => says(&mut moments, LINES),
            Act::Echoes => says(&mut moments, row.lines()),
            Act::Begins => moments.push(Moment::Heard(6, Within { message: true, frame: true })),
            Act::Breaks(breach) => moments.push(Moment::Event(lost(far, breach.fault(), breach.answer()))),
            Act::Closes(code, reason) => moments.push(Moment::Event(closed(far, code, reason))),
            Act::Fin | Act::Rst => moments.push(Moment::Event(lost(far, Exit::Lost, None))),
            Act::AnswersWith(code, reason) => {
                moments.extend([Moment::OurClose, Moment::Event(closed(far, Some(code), reason))]);
            }
            Act::FinInstead => {
                moments.extend([Moment::OurClose, Moment::Event(lost(far, Exit::Lost, None))]);
            }
            Act::AnswersLate => {
                moments.push(Moment::OurClose);
                says(&mut moments, 1);
                moments.push(Moment::Event(closed(far, row.close(mode).flatten(), "")));
            }
            Act::Signal(exit) => moments.push(Moment::Event(Event::Signal(Box::new(fault(exit))))),
            Act::Panics => moments.push(Moment::Event(Event::Panicked)),
            Act::TalksOn => moments.extend([Moment::OurClose, Moment::Heard(12, Within::default())]),
            Act::TalksUntilClose => says(&mut moments, 1),
            Act::Reads(_) | Act::Rests(_) | Act::Clogs | Act::Answers | Act::Silent => {}
        }
    }
    if matches!(row.local, Local::Standard(Input::Endless, _)) {
        let left = Left { messages: 1, ..Left::default() };
        moments.push(Moment::Event(Event::Unsent { side: local, left }));
    }
    moments
}

fn closed(side: Side, code: Option<u16>, reason: &str) -> Event {
    let (reason, described) = (reason.to_owned(), format!("{code:?}"));
    Event::Ended { side, how: Box::new(SourceEnd::Close { code, reason, described, advice: None }) }
}

fn lost(side: Side, exit: Exit, answer: Option<u16>) -> Event {
    Event::Ended { side, how: Box::new(SourceEnd::Lost { fault: fault(exit), answer }) }
}

/// The end of the input, if it has one.
fn local_end(row: &Row, mode: Mode, side: Side) -> Option<Event> {
    let eof = |empty: bool, hangup: bool| SourceEnd::Eof { empty, hangup };
    let how = match row.local {
        _ if row.is_unread() => SourceEnd::Absent,
        // A server's standard input has no end for its clients, and its failure is the server's.
        Local::Standard(..) if mode == Mode::Many => return None,
        Local::Asks(_) => {
            let reason = row.reason.unwrap_or_default().to_owned();
            SourceEnd::Asked { close: CloseWith { code: row.close(mode).flatten(), reason }, hangup: false }
        }
        Local::Unsendable(_) => SourceEnd::Refused(fault(Exit::BadInput)),
        Local::Standard(Input::Then(bytes), _) => eof(bytes.is_empty(), false),
        Local::Standard(Input::Fails(_), _) => SourceEnd::Failed(fault(Exit::ReadError)),
        Local::Standard(Input::Stays(_) | Input::Endless, _) => return None,
        Local::CtrlD => eof(false, true),
        Local::Command(_) if row.exit == Exit::Ok => eof(false, true),
        Local::Command(_) => {
            SourceEnd::Exited { fault: fault(Exit::Command), reason: row.reason.unwrap_or_default().into() }
        }
    };
    Some(Event::Ended { side, how: Box::new(how) })
}

/// The robot's world: whether the peer answers our Close, and when an output takes what it is given.
pub fn world(row: &Row, mode: Mode) -> World {
    let answers = |act: &Act| {
        matches!(act, Act::Answers | Act::Echoes | Act::Breaks(_) | Act::TalksUntilClose | Act::Panics)
    };
    let mut world = World::quick(true);
    world.answers[mode.far()] = row.acts.iter().any(answers).then_some(Duration::ZERO);
    world.pongs[mode.far().other()] = true;
    let delivery = match row.local {
        Local::Standard(_, Output::Stalls(_)) => None,
        Local::Standard(_, Output::Pauses(..)) => Some(HOUR),
        _ => Some(Duration::ZERO),
    };
    world.delivery[mode.far().other()] = delivery;
    world
}

/// Has it all happen; gives how long it took.
pub fn run(robot: &mut Robot, moments: Vec<Moment>, far: Side) -> Duration {
    for moment in moments {
        match moment {
            Moment::Event(event) => robot.happens(event),
            Moment::Heard(bytes, within) => robot.hears(far, bytes, within),
            Moment::OurClose => robot.wait_for_close(far),
        }
    }
    robot.ends();
    robot.age()
}

impl Breach {
    /// The fault that it is.
    fn fault(self) -> Exit {
        match self {
            Self::Text | Self::CutText | Self::Reason => Exit::BadUtf8,
            Self::Large | Self::LargeInPieces => Exit::TooBig,
            _ => Exit::Protocol,
        }
    }

    /// The Close that the reader of frames wants for it.
    fn answer(self) -> Option<u16> {
        Some(match self.fault() {
            Exit::BadUtf8 => 1007,
            Exit::TooBig => 1009,
            _ => 1002,
        })
    }
}
