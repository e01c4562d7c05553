//! A script as a link: what it says is the source, what the peer says is for it to judge.
//!
//! The engine is pure; this gives it messages and the time, and its words to the pump. It is shared
//! with whoever wants to know afterwards how it went, and locked by one task alone while it runs.

use super::{BATCH, HIGH_WATER, Item, Link};
use crate::{
    fault::Fault,
    observe::Reporter,
    script::{Case, Engine, Limits, Script},
    session::{Instant, SideKind, SinkFailure, SourceEnd},
    ws::conn::KEEPALIVE,
};
use std::{
    collections::VecDeque,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};
use tokio::time::{Sleep, sleep_until};
use tokio_tungstenite::tungstenite::Message;

/// One run of a script against a WebSocket.
pub struct ScriptLink {
    run: ScriptRun,
    /// A failure is the server's: it closes with 1011.
    serving: bool,
    reporter: Reporter,
    /// Stands before what is told of a client.
    name: String,
    end: Option<SourceEnd>,
    /// The failure was told.
    told: bool,
    clock: Pin<Box<Sleep>>,
    /// The one task that waits for the script to say something, to have room or to fail.
    waiting: Option<Waker>,
}

/// A handle to a run, for its verdict.
#[derive(Clone)]
pub struct ScriptRun(Arc<Mutex<Engine>>);

impl ScriptRun {
    /// Sets when the whole run is over.
    pub fn limit(&self, until: Option<Instant>) {
        self.lock().limit(until);
    }

    /// The verdict of a session that ended with `fault`.
    pub fn conclude(&self, fault: Option<Fault>) -> Option<Fault> {
        self.lock().conclude(fault, Instant::now())
    }

    /// Outcome of each expectation.
    pub fn cases(&self) -> Vec<Case> {
        self.lock().cases()
    }

    fn lock(&self) -> MutexGuard<'_, Engine> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ScriptLink {
    /// A run that begins when the link is joined to another; `conn` is the client's number in a server.
    pub fn new(script: Arc<Script>, limits: Limits, conn: Option<u64>, reporter: Reporter) -> Self {
        Self {
            run: ScriptRun(Arc::new(Mutex::new(Engine::new(script, limits)))),
            serving: conn.is_some(),
            name: conn.map_or_else(String::new, |conn| format!("#{conn} ")),
            reporter,
            end: None,
            told: false,
            clock: Box::pin(sleep_until(Instant::now())),
            waiting: None,
        }
    }

    /// A handle to the run.
    pub fn run(&self) -> ScriptRun {
        self.run.clone()
    }

    /// Lets the engine go on, and passes on what it has to tell.
    fn advance(&mut self, change: impl FnOnce(&mut Engine, Instant)) {
        let mut engine = self.run.lock();
        let was_full = engine.waiting_bytes() >= HIGH_WATER;
        change(&mut engine, Instant::now());
        for note in engine.notes() {
            self.reporter.verbose(&format!("{}{note}", self.name));
        }
        let has_room = was_full && engine.waiting_bytes() < HIGH_WATER;
        drop(engine);
        if has_room {
            self.wake();
        }
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waiting.take() {
            waker.wake();
        }
    }

    /// Sets the clock; true when the deadline is over already.
    fn poll_clock(&mut self, cx: &mut Context<'_>, deadline: Option<Instant>) -> bool {
        let Some(deadline) = deadline else { return false };
        if self.clock.deadline() != deadline {
            self.clock.as_mut().reset(deadline);
        }
        self.clock.as_mut().poll(cx).is_ready()
    }

    fn source_end(&mut self, engine: &Engine) -> SourceEnd {
        match (engine.failure(), engine.closing()) {
            (Some(fault), _) => {
                self.told = true;
                match self.serving {
                    true => SourceEnd::Exited { fault: fault.clone(), reason: "script failed".to_owned() },
                    false => SourceEnd::Refused(fault.clone()),
                }
            }
            (None, Some(close)) => SourceEnd::Asked { close: close.clone(), hangup: true },
            (None, None) => SourceEnd::Eof { empty: false, hangup: true },
        }
    }

    /// The answer to a ping that the script did not send.
    fn is_keepalive(&self, message: &Message) -> bool {
        matches!(message, Message::Pong(payload) if payload == KEEPALIVE && !self.run.lock().has_pinged(payload))
    }
}

impl Link for ScriptLink {
    fn poll_receive(&mut self, cx: &mut Context<'_>, batch: &mut VecDeque<Item>) -> Poll<()> {
        loop {
            if self.end.is_some() {
                return Poll::Ready(());
            }
            self.advance(Engine::tick);
            let run = self.run.clone();
            let mut engine = run.lock();
            let before = batch.len();
            batch.extend(std::iter::from_fn(|| engine.send()).take(BATCH).map(Item::from));
            if batch.len() > before {
                return Poll::Ready(());
            }
            if engine.has_said_all() {
                self.end = Some(self.source_end(&engine));
                continue;
            }
            let deadline = engine.deadline();
            drop(engine);
            if !self.poll_clock(cx, deadline) {
                self.waiting = Some(cx.waker().clone());
                return Poll::Pending;
            }
        }
    }

    fn end(&self) -> Option<SourceEnd> {
        self.end.clone()
    }

    fn queued(&self) -> usize {
        self.run.lock().waiting_bytes()
    }

    fn feed(&mut self, message: Message) -> Result<(), SinkFailure> {
        if self.is_keepalive(&message) {
            return Ok(());
        }
        self.advance(|engine, now| match message {
            Message::Close(frame) => {
                let (code, reason) = frame.map(|frame| (frame.code.into(), frame.reason)).unzip();
                engine.closed(code, reason.as_deref().unwrap_or_default(), now);
            }
            message => engine.received(message, now),
        });
        self.wake();
        Ok(())
    }

    fn poll_broken(&mut self, cx: &mut Context<'_>) -> Poll<SinkFailure> {
        if self.end.is_none() || self.told {
            return Poll::Pending;
        }
        loop {
            self.advance(Engine::tick);
            let run = self.run.clone();
            let engine = run.lock();
            if let Some(fault) = engine.failure() {
                self.told = true;
                return Poll::Ready(SinkFailure::Failed(fault.clone()));
            }
            let deadline = engine.deadline();
            drop(engine);
            if !self.poll_clock(cx, deadline) {
                // A message of the peer can make the script fail too: its arrival wakes this task.
                self.waiting = Some(cx.waker().clone());
                return Poll::Pending;
            }
        }
    }

    fn kind(&self) -> SideKind {
        SideKind::Stream
    }

    fn wants_events(&self) -> bool {
        true
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SinkFailure>> {
        if self.queued() < HIGH_WATER {
            return Poll::Ready(Ok(()));
        }
        self.waiting = Some(cx.waker().clone());
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{link::test_waker::TestWaker, observe::Verbosity, script::Loader, session::CloseWith};
    use std::{path::Path, time::Duration};
    use tokio::time::advance;
    use tokio_tungstenite::tungstenite::protocol::CloseFrame;

    fn script(text: &str) -> ScriptLink {
        let mut loader = Loader { read: &mut |_| Err("no file".to_owned()), env: &|_| None };
        let script = Script::parse(Path::new("t.wsio"), text, &mut loader).unwrap();
        let limits = Limits {
            wait: Some(Duration::from_secs(10)),
            max_message: 1 << 20,
            close: CloseWith::default(),
            ok_close: Vec::new(),
        };
        ScriptLink::new(Arc::new(script), limits, None, Reporter::new(std::io::sink(), Verbosity::Quiet))
    }

    /// What it says now; `None` while it waits.
    fn says(link: &mut ScriptLink, waker: &TestWaker) -> Option<Vec<Item>> {
        let mut batch = VecDeque::new();
        link.poll_receive(&mut waker.cx(), &mut batch).is_ready().then(|| batch.into())
    }

    fn close(code: u16) -> Message {
        Message::Close(Some(CloseFrame { code: code.into(), reason: Default::default() }))
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_expected_wakes_who_waits_for_the_answer() {
        let (mut link, waker) = (script("> a\n< b\n> c\n"), TestWaker::new());
        assert_eq!(says(&mut link, &waker), Some(vec![Message::text("a").into()]));
        assert_eq!((says(&mut link, &waker), waker.wakes()), (None, 0));
        // The answer to a ping of ours that the script did not ask for.
        link.feed(Message::Pong(KEEPALIVE.into())).unwrap();
        assert_eq!((waker.wakes(), says(&mut link, &waker)), (0, None));
        link.feed(Message::text("b")).unwrap();
        assert_eq!(waker.wakes(), 1);
        assert_eq!(says(&mut link, &waker), Some(vec![Message::text("c").into()]));
        assert_eq!((says(&mut link, &waker), link.end().is_some()), (Some(vec![]), true));
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_come_in_time_wakes_it_with_the_failure() {
        let (mut link, waker) = (script("within 2s\n< b\n"), TestWaker::new());
        assert_eq!(says(&mut link, &waker), None);
        advance(Duration::from_millis(1900)).await;
        assert_eq!((waker.wakes(), says(&mut link, &waker)), (0, None));
        advance(Duration::from_millis(101)).await;
        assert!(waker.is_woken());
        assert_eq!(says(&mut link, &waker), Some(vec![]));
        assert!(matches!(link.end(), Some(SourceEnd::Refused(_))), "{:?}", link.end());
        assert!(link.poll_broken(&mut waker.cx()).is_pending(), "it is told once");
    }

    #[tokio::test(start_paused = true)]
    async fn a_close_that_comes_too_early_wakes_it_with_the_failure() {
        let (mut link, waker) = (script("< b\n"), TestWaker::new());
        assert_eq!(says(&mut link, &waker), None);
        link.feed(close(1000)).unwrap();
        assert!(waker.is_woken());
        assert_eq!(says(&mut link, &waker), Some(vec![]));
        assert!(matches!(link.end(), Some(SourceEnd::Refused(_))));
    }

    #[tokio::test(start_paused = true)]
    async fn a_sleeping_script_takes_up_to_its_bound_and_wakes_who_waits_for_room() {
        let (mut link, waker) = (script("sleep 1s\n<? {\"a\":1}\n< b\n"), TestWaker::new());
        assert_eq!(says(&mut link, &waker), None);
        link.feed(Message::binary(vec![0; HIGH_WATER / 2])).unwrap();
        waker.wakes();
        assert!(link.poll_flush(&mut waker.cx()).is_ready());
        link.feed(Message::binary(vec![0; HIGH_WATER / 2])).unwrap();
        assert!(link.queued() >= HIGH_WATER && link.poll_flush(&mut waker.cx()).is_pending());
        waker.wakes();
        advance(Duration::from_millis(1001)).await;
        assert!(waker.is_woken(), "the sleep is over");
        // What waited was nothing that was expected.
        assert_eq!(says(&mut link, &waker), Some(vec![]));
        assert!(waker.is_woken(), "it has room");
        assert!(link.queued() == 0 && link.poll_flush(&mut waker.cx()).is_ready());
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_behind_its_last_word_wakes_who_watches_it() {
        for (late, fails) in [(Some(close(4000)), true), (Some(close(4001)), false), (None, true)] {
            let (mut link, waker) = (script("> a\n>close 1000\n< close 4001\n"), TestWaker::new());
            assert_eq!(says(&mut link, &waker), Some(vec![Message::text("a").into()]));
            assert_eq!(says(&mut link, &waker), Some(vec![]));
            assert!(matches!(link.end(), Some(SourceEnd::Asked { .. })));
            assert!(link.poll_broken(&mut waker.cx()).is_pending());
            assert_eq!(waker.wakes(), 0);
            match late {
                Some(message) => link.feed(message).unwrap(),
                None => advance(Duration::from_millis(10_001)).await,
            }
            assert!(waker.is_woken());
            assert_eq!(link.poll_broken(&mut waker.cx()).is_ready(), fails);
            assert!(link.poll_broken(&mut waker.cx()).is_pending(), "it is told once");
        }
    }
}
