//! The hub: standard input to every client, every client's messages to standard output.
//!
//! Each client has a bounded queue. A full one holds the input up for at most 30 s; a client that is
//! still not reading then is closed with 1013, so that one stalled client never stops the others for
//! good. Standard input is read only while somebody is there to hear it.

use super::Run;
use crate::{
    endpoint::{self, Opened, Opening, Role},
    fault::{Fault, Result},
    link::{Channel, HIGH_WATER, Link, Queue},
    session::{SinkFailure, SourceEnd},
};
use std::{
    collections::VecDeque,
    future::{Future, poll_fn},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, Waker, ready},
    time::Duration,
};
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, Sleep, sleep_until},
};
use tokio_tungstenite::tungstenite::Message;

/// Bytes that may wait for one client.
const QUEUE: usize = 1024 * 1024;
/// How long a full queue may hold the input up.
const PATIENCE: Duration = Duration::from_secs(30);

/// A handle to the task that owns the standard streams.
pub(super) struct Hub {
    out: Queue,
    clients: Arc<Mutex<Clients>>,
    finished: watch::Receiver<bool>,
}

#[derive(Default)]
struct Clients {
    queues: Vec<Queue>,
    /// The task, when it waits for a client.
    waiting: Option<Waker>,
}

struct Task {
    link: Link,
    out: Queue,
    clients: Arc<Mutex<Clients>>,
    /// Read from standard input, the first one not yet given to everybody.
    input: VecDeque<Message>,
    output: VecDeque<Message>,
    input_ended: bool,
    patience: Pin<Box<Sleep>>,
    impatient: bool,
    broken: mpsc::Sender<Fault>,
}

impl Hub {
    /// Takes the standard streams; a failure of theirs is sent to `broken`.
    pub(super) fn start(run: &Run, broken: mpsc::Sender<Fault>) -> Result<Self> {
        let standard = endpoint::parse("-", &Opening::new(Role::B))?;
        let mut open = standard.open(&run.reach, Opening::new(Role::B));
        // Opening the standard streams never waits.
        let Poll::Ready(opened) = open.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
            unreachable!("the standard streams are there");
        };
        drop(open);
        let Opened::Link(opened) = opened? else { unreachable!("the standard streams do not listen") };
        let (out, clients) = (Queue::default(), Arc::default());
        let (finish, finished) = watch::channel(false);
        let mut task = Task {
            link: opened.link,
            out: out.clone(),
            clients: Arc::clone(&clients),
            input: VecDeque::new(),
            output: VecDeque::new(),
            input_ended: false,
            patience: Box::pin(sleep_until(Instant::now())),
            impatient: false,
            broken,
        };
        tokio::spawn(async move {
            poll_fn(|cx| task.poll(cx)).await;
            finish.send_replace(true);
        });
        Ok(Self { out, clients, finished })
    }

    /// A link for one more client.
    pub(super) fn join(&self) -> Link {
        let incoming = Queue::default();
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        clients.queues.push(incoming.clone());
        if let Some(task) = clients.waiting.take() {
            task.wake();
        }
        Link::Channel(Channel { incoming: Some(incoming), outgoing: Some(self.out.clone()), own: false })
    }

    /// Writes out what the clients said.
    pub(super) async fn finish(&self) {
        self.out.finish(SourceEnd::Absent);
        let _ = self.finished.clone().wait_for(|finished| *finished).await;
    }
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
            match self.out.poll_pop(cx, &mut self.output, 1024) {
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

    fn poll_input(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let queues = ready!(self.poll_clients(cx));
            while let Some(message) = self.input.front() {
                ready!(poll_everybody(cx, &queues, &mut self.patience, &mut self.impatient));
                queues.iter().for_each(|queue| queue.push(message.clone()));
                self.input.pop_front();
            }
            if self.input_ended {
                return Poll::Ready(());
            }
            ready!(self.link.poll_receive(cx, &mut self.input));
            if self.input.is_empty() {
                self.input_ended = true;
                if let Some(SourceEnd::Failed(fault) | SourceEnd::Refused(fault)) = self.link.end() {
                    let _ = self.broken.try_send(fault);
                }
            }
        }
    }

    /// Those who listen; pending while nobody does.
    fn poll_clients(&self, cx: &mut Context<'_>) -> Poll<Vec<Queue>> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        clients.queues.retain(|queue| !queue.is_finished());
        if clients.queues.is_empty() {
            clients.waiting = Some(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(clients.queues.clone())
    }

    fn fail(&mut self, failure: SinkFailure) -> Poll<()> {
        let (SinkFailure::ReaderLeft(fault) | SinkFailure::Failed(fault)) = failure;
        let _ = self.broken.try_send(fault);
        self.out.finish(SourceEnd::Absent);
        Poll::Ready(())
    }
}

/// Ready when every queue has room, or those without have been given up.
fn poll_everybody(
    cx: &mut Context<'_>,
    queues: &[Queue],
    patience: &mut Pin<Box<Sleep>>,
    impatient: &mut bool,
) -> Poll<()> {
    let full: Vec<_> = queues.iter().filter(|queue| queue.poll_room(cx, QUEUE).is_pending()).collect();
    if full.is_empty() {
        *impatient = false;
        return Poll::Ready(());
    }
    if !*impatient {
        *impatient = true;
        patience.as_mut().reset(Instant::now() + PATIENCE);
    }
    ready!(patience.as_mut().poll(cx));
    *impatient = false;
    for queue in full {
        let reason = "too slow: its queue was full for 30 s";
        queue.finish(SourceEnd::Close {
            code: Some(1013),
            reason: reason.into(),
            described: format!("1013 try again later: {reason}"),
        });
    }
    Poll::Ready(())
}
