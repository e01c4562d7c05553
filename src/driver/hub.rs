//! The hub: standard input and output as the centre of a room.
//!
//! What comes in goes to every client, what they say goes out. Standard input is read only while
//! somebody is there to hear it. On a terminal the centre is a prompt, which is there from the start.

use super::{outcome::not_taken, run::Run};
use crate::{
    endpoint::{self, Opened, Opening, Role},
    exit::Exit,
    fault::{Fault, Result},
    framing::{
        self, LINES,
        jsonl::{Addressed, RECORD_LINES, Records},
        record::{Tally, What},
    },
    link::{
        HIGH_WATER, Item, Link, Place, is_control,
        room::{self, Layout, Member, Room},
    },
    observe::{Reporter, Seldom},
    session::{CloseWith, SinkFailure, SourceEnd},
    units::counted,
};
use std::{
    collections::VecDeque,
    future::{Future, poll_fn},
    sync::Arc,
    task::{Context, Poll, Waker, ready},
};
use tokio::sync::{mpsc, watch};
use tokio_tungstenite::tungstenite::Message;

/// A handle to the task that owns the standard streams.
pub(super) struct Hub {
    room: Arc<Room>,
    phase: watch::Sender<Phase>,
    finished: watch::Receiver<bool>,
    /// Standard output gets JSON records, each made where its connection is known.
    records: bool,
    /// Standard output is for a person, who has to see which client spoke.
    layout: Option<Layout>,
}

/// The life of the task, which only goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    /// Clients come and go.
    Serves,
    /// Nobody comes any more: the rest is written out.
    Drains,
    /// It is over, whatever standard output has not taken.
    CutOff,
}

/// Payload bytes that are said in one turn: so little that those who hear it take it while it is in a near cache, and do
/// not each fill the send buffer of the system before the next one has anything.
const TURN: usize = 64 * 1024;

struct Task {
    link: Box<dyn Link>,
    member: Member,
    /// Standard input is records, each of which may be for one client.
    records: Option<Records>,
    /// Somebody types it, and may do so while nobody is there.
    typed: bool,
    /// The note was written that the typed message waits for the next client.
    said_alone: bool,
    reporter: Reporter,
    /// Records for clients that are not here.
    absent: Seldom,
    /// Read from standard input, the first one not yet said.
    input: VecDeque<Item>,
    output: VecDeque<Message>,
    input_ended: bool,
    broken: mpsc::Sender<Fault>,
}

impl Hub {
    /// Takes the standard streams; a failure of theirs is sent to `broken`.
    pub(super) fn start(run: &Run, room: Arc<Room>, broken: mpsc::Sender<Fault>) -> Result<Self> {
        let standard = endpoint::parse("-", &Opening::new(Role::B))?;
        let records = run.context.tells_events();
        let reads_records = run.context.framings.input.name() == RECORD_LINES.name();
        let opening = Opening {
            input: reads_records.then_some(RECORD_LINES),
            output: records.then_some(LINES),
            ..Opening::new(Role::B)
        };
        let prompt = run.context.stdio.prompt("every line goes to all clients");
        let typed = prompt.is_some();
        let (link, layout): (Box<dyn Link>, _) = match prompt {
            Some(prompt) => {
                let layout = prompt.layout();
                (Box::new(prompt), layout)
            }
            None => {
                let mut open = standard.open(&run.context, opening);
                // Opening the standard streams never waits.
                let Poll::Ready(opened) = open.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
                    unreachable!("the standard streams are there");
                };
                let Opened::Link(opened) = opened? else {
                    unreachable!("the standard streams do not listen")
                };
                (opened.link, run.context.stdio.names_clients().then(|| Arc::new(named) as Layout))
            }
        };
        let (finish, finished) = watch::channel(false);
        let (phase, mut drains) = watch::channel(Phase::Serves);
        let mut cut_off = drains.clone();
        let mut task = Task {
            link,
            member: room.centre(),
            records: reads_records.then(|| Records::new(run.context.common.max_message)),
            typed,
            said_alone: false,
            reporter: run.context.reporter.clone(),
            absent: Seldom::default(),
            input: VecDeque::new(),
            output: VecDeque::new(),
            input_ended: false,
            broken,
        };
        tokio::spawn(async move {
            let mut leaving = Box::pin(async move {
                let _ = drains.wait_for(|phase| *phase >= Phase::Drains).await;
            });
            let mut cut_off = Box::pin(async move {
                // A server that is gone without a word takes its hub along.
                if cut_off.wait_for(|phase| *phase == Phase::CutOff).await.is_err() {
                    std::future::pending::<()>().await;
                }
            });
            let mut left = false;
            poll_fn(|cx| {
                if !left && leaving.as_mut().poll(cx).is_ready() {
                    left = true;
                    task.member.leave(SourceEnd::Absent);
                }
                if cut_off.as_mut().poll(cx).is_ready() {
                    task.tell_undelivered(cx);
                    return Poll::Ready(());
                }
                task.poll(cx)
            })
            .await;
            // There is no one receiver: of a file that was read, everything that was said is used up.
            let unsaid = task.input.len() as u64;
            let data = task.input.iter().filter(|item| item.data().is_some()).count() as u64;
            let lost = if task.typed { data + task.link.rest().messages } else { data };
            if lost > 0 {
                let unsaid = counted(lost, "message");
                task.reporter.note(&format!("{}: {unsaid} read and sent to no client", task.link.input()));
            }
            task.link.place(unsaid).iter().for_each(Place::leave);
            finish.send_replace(true);
        });
        Ok(Self { room, phase, finished, records, layout })
    }

    /// A link for one more client, with its number.
    pub(super) fn join(&self, conn: u64) -> Box<dyn Link> {
        let mut member = self.room.join();
        member.set_conn(conn);
        if self.records {
            member.speak_in_records(conn);
        } else if let Some(layout) = &self.layout {
            member.speak_laid_out(conn, Arc::clone(layout));
        }
        Box::new(member)
    }

    /// Tells standard output, if it takes such things, that a session is over.
    pub(super) fn tell_end(&self, conn: u64, tally: &Tally) {
        if self.records {
            self.room.tell_centre(&room::record(conn, None, What::End(tally)));
        }
    }

    /// Writes out what the clients said.
    pub(super) async fn finish(&self) {
        self.ends(Phase::Drains).await;
    }

    /// Gives up what standard output has not taken, and tells how much that is.
    pub(super) async fn cut_off(&self) {
        self.ends(Phase::CutOff).await;
    }

    async fn ends(&self, phase: Phase) {
        self.phase.send_replace(phase);
        let _ = self.finished.clone().wait_for(|finished| *finished).await;
    }
}

/// A message as one line of a log, behind the number of the client that sent it.
fn named(conn: u64, message: &Message) -> Option<Message> {
    if is_control(message) {
        return None;
    }
    let mut line = format!("#{conn} < ").into_bytes();
    for byte in framing::payload(message) {
        line.push(byte);
        if byte == b'\n' {
            line.extend(b"  ");
        }
    }
    Some(Message::binary(line))
}

impl Task {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Poll::Ready(failure) = self.link.poll_broken(cx) {
            return self.fail(failure);
        }
        let _ = self.poll_input(cx);
        match self.poll_output(cx) {
            Poll::Ready(Err(failure)) => self.fail(failure),
            Poll::Ready(Ok(())) => Poll::Ready(()),
            Poll::Pending => Poll::Pending,
        }
    }

    fn poll_output(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SinkFailure>> {
        loop {
            while let Some(message) = self.output.pop_front() {
                if self.link.queued() >= HIGH_WATER
                    && let Poll::Pending = self.link.poll_flush(cx)?
                {
                    self.output.push_front(message);
                    return Poll::Pending;
                }
                self.link.feed(message)?;
            }
            match self.member.incoming().poll_pop(cx, &mut self.output, 1024) {
                Poll::Pending => {
                    ready!(self.link.poll_flush(cx))?;
                    return Poll::Pending;
                }
                Poll::Ready(()) if self.output.is_empty() => {
                    return self.link.poll_shut(cx);
                }
                Poll::Ready(()) => {}
            }
        }
    }

    /// Tells the user what standard output has not taken of what the clients said.
    fn tell_undelivered(&mut self, cx: &mut Context<'_>) {
        let _ = self.member.incoming().poll_pop(cx, &mut self.output, usize::MAX);
        let (mut messages, mut bytes) = self.link.undelivered();
        for message in self.output.iter().filter(|message| !is_control(message)) {
            messages += 1;
            bytes += framing::payload(message).len() as u64;
        }
        if let Some(undelivered) = not_taken(&self.link.output(false).0, (messages, bytes)) {
            self.reporter.note(&undelivered);
        }
    }

    fn poll_input(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut said = 0;
        loop {
            while !self.input.is_empty() {
                if said >= TURN {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                if self.member.poll_company(cx).is_pending() {
                    ready!(self.poll_alone());
                    continue;
                }
                self.said_alone = false;
                if self.member.is_held_up() {
                    ready!(self.member.poll_room(cx));
                }
                if !self.typed
                    && self.records.is_none()
                    && let Some(bytes) = self.member.say_together(&mut self.input)
                {
                    said += bytes;
                    continue;
                }
                let Some(Item::Message(message)) = self.input.pop_front() else { continue };
                said += message.len();
                if let Err(fault) = self.say(&message) {
                    self.input_ended = true;
                    self.input.clear();
                    self.breaks(fault);
                }
            }
            if self.input_ended {
                return Poll::Ready(());
            }
            if !self.typed {
                ready!(self.member.poll_company(cx));
            }
            self.link.settle(0);
            ready!(self.link.poll_receive(cx, &mut self.input));
            if self.input.is_empty() {
                self.input_ended = true;
                if let Some(SourceEnd::Failed(fault) | SourceEnd::Refused(fault)) = self.link.end() {
                    self.breaks(fault);
                }
            }
        }
    }

    /// Says that nobody hears what was typed; a message waits for the next client, anything else is for those
    /// who are here.
    fn poll_alone(&mut self) -> Poll<()> {
        let waits = self.input.front().is_some_and(|item| item.data().is_some());
        if self.typed && !(waits && self.said_alone) {
            let what = if waits { ": what is typed waits for the next one" } else { "" };
            self.reporter.note(&format!("no client is here{what}"));
        }
        self.said_alone |= waits;
        if !waits {
            self.input.pop_front();
            return Poll::Ready(());
        }
        Poll::Pending
    }

    fn say(&mut self, message: &Message) -> Result<()> {
        if self.typed {
            self.member.say_to(None, message);
            return Ok(());
        }
        let Some(records) = &mut self.records else {
            self.member.say(message);
            return Ok(());
        };
        match records.read(framing::payload(message)) {
            None => Ok(()),
            Some(Ok(Addressed { conn, message })) => {
                if !self.member.say_to(conn, &message) {
                    let conn = conn.unwrap_or_default();
                    self.absent.one(Some(&self.reporter), |count| {
                        let records = counted(count, "record");
                        format!("no client #{conn} is here: dropped {records} for clients that are not here")
                    });
                }
                Ok(())
            }
            Some(Err(bad)) => Err(bad.fault("standard input")),
        }
    }

    fn fail(&mut self, failure: SinkFailure) -> Poll<()> {
        let (SinkFailure::ReaderLeft(fault) | SinkFailure::Failed(fault) | SinkFailure::Refused(fault)) =
            failure;
        self.breaks(fault);
        self.member.leave(SourceEnd::Absent);
        Poll::Ready(())
    }

    /// The server ends with this fault, and its clients are told at once.
    fn breaks(&self, fault: Fault) {
        let (code, reason) = match fault.exit {
            Exit::BadInput => (1000, ""),
            Exit::ReaderLeft => (1001, ""),
            Exit::ReadError => (1011, "input failed"),
            _ => (1011, "output failed"),
        };
        let close = CloseWith { code: Some(code), reason: reason.to_owned() };
        self.member.send_others_away(&SourceEnd::Asked { close, hangup: true });
        let _ = self.broken.try_send(fault);
    }
}
