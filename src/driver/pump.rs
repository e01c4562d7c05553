//! A pump: carries one direction of a pair.
//!
//! It takes what is ready from its source, feeds it all to its sink, and flushes when the source has
//! nothing more, so that latency is one message and throughput is many messages a system call. It is
//! polled, never awaited: nothing is lost when the pair turns to something else. A sink that takes nothing
//! stops the source, but a WebSocket is read ahead of it (`ahead`).

use super::{ahead::Ahead, auto_sender::AutoSender, survey::Survey};
use crate::{
    close,
    expect::Filter,
    lent,
    link::{HIGH_WATER, ITEMS, Item, Link, room::compact},
    session::{Event, Side, SideKind, SinkFailure, SourceEnd},
};
use std::{
    collections::VecDeque,
    mem::{replace, swap, take},
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

/// A sink that is never empty gets so much more before it is waited for until it is: only then it is known what
/// of it was sent. Bytes, and time.
const REFILL: u64 = 4 * 1024 * 1024;
const REFILL_TIME: Duration = Duration::from_millis(20);
/// Batches carried before the other direction gets its turn.
const ROUNDS: usize = 8;
/// Pieces that were encoded for many and are handed over in one turn.
const TURN: usize = 64;
/// Messages kept to be shown when none of them was wanted.
const RECENT: usize = 3;

/// The state of one direction.
pub(super) struct Pump {
    /// The side of its source.
    side: Side,
    /// Read, and not fed yet.
    waiting: VecDeque<Item>,
    waiting_bytes: u64,
    waiting_count: usize,
    /// Messages that the source gave just now.
    fresh: VecDeque<Item>,
    /// Decides how far is read ahead of a sink that takes nothing.
    ahead: Ahead,
    /// Messages still wanted from this source.
    wanted: Option<u64>,
    /// Filter that the messages of this source have to pass.
    filter: Option<Arc<Filter>>,
    /// The last ones that were not.
    unwanted: VecDeque<Message>,
    /// It was polled before.
    has_begun: bool,
    /// The source is not read any more.
    stopped: bool,
    /// Messages of the source are dropped.
    discarding: bool,
    ended: bool,
    delivered: bool,
    sink_failed: bool,
    /// Data messages and payload bytes dropped because the sink failed.
    dropped: (u64, u64),
    blocked: bool,
    /// Pings, pongs and a Close of the source are for the sink.
    passes_control: bool,
    /// Messages are handed over whole, since others are said to the same sink between them.
    pub is_whole: bool,
    /// Both sides are WebSockets: a ping of the one is answered by the other.
    relays: bool,
    /// Generated messages for the source: heartbeats and answers.
    pub auto_sender: Option<Box<AutoSender>>,
    /// Data messages and payload bytes handed to the sink.
    pub count: (u64, u64),
    /// Of these messages, those that the sink has passed on.
    flushed: u64,
    /// The last one has begun, in pieces, and not ended.
    is_amid: bool,
    /// When the sink was found full, and how many payload bytes it had been handed; none since it was empty.
    full: Option<(Instant, u64)>,
}

impl Pump {
    /// A pump from that side that carries at most `wanted` messages, and only those that pass the filter.
    pub(super) fn new(side: Side, wanted: Option<u64>, filter: Option<Arc<Filter>>, ahead: Ahead) -> Self {
        Self {
            side,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            waiting_count: 0,
            fresh: VecDeque::new(),
            ahead,
            wanted,
            filter,
            unwanted: VecDeque::new(),
            has_begun: false,
            stopped: false,
            discarding: false,
            ended: false,
            delivered: false,
            sink_failed: false,
            dropped: (0, 0),
            blocked: false,
            passes_control: false,
            is_whole: false,
            relays: false,
            auto_sender: None,
            count: (0, 0),
            flushed: 0,
            is_amid: false,
            full: None,
        }
    }

    /// Carries these before anything from the source.
    pub(super) fn preload(&mut self, first: impl IntoIterator<Item = Message>) {
        self.fresh.extend(first.into_iter().map(Item::from));
        self.queue_fresh(Survey::of(&self.fresh).bytes);
    }

    /// Reads nothing more; what was read is delivered.
    pub(super) fn stop(&mut self) {
        self.stopped = true;
    }

    /// True when the sink holds the pump up, so that its source is not read.
    pub(super) fn is_blocked(&self) -> bool {
        self.blocked && !self.sink_failed
    }

    /// Messages that were read and not handed over.
    pub(super) fn messages(&self) -> u64 {
        Survey::of(&self.waiting).messages
    }

    /// Payload bytes that were read and not handed over.
    pub(super) fn waiting(&self) -> u64 {
        self.waiting_bytes
    }

    /// Drops everything from here on; gives how many messages and payload bytes had been read, and were
    /// not handed over or were dropped.
    pub(super) fn abandon(&mut self) -> (u64, u64) {
        self.stopped = true;
        self.sink_failed = true;
        self.drop_waiting();
        take(&mut self.dropped)
    }

    /// Goes on reading and drops what comes.
    pub(super) fn discard(&mut self) {
        self.discarding = true;
    }

    /// True once everything was read, fed and flushed.
    pub(super) fn is_delivered(&self) -> bool {
        self.delivered
    }

    /// Bytes that the pump holds for a sink that takes nothing.
    pub(super) fn held(&self) -> usize {
        self.ahead.held(self.waiting_bytes, self.waiting_count)
    }

    /// Carries what it can; pending when nothing more can happen now. `may_grow` tells whether more may be
    /// read ahead.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut dyn Link,
        sink: &mut dyn Link,
        may_grow: bool,
        events: &mut Vec<Event>,
    ) -> Poll<()> {
        lent::lend(&ITEMS, &mut self.fresh);
        let polled = self.poll_rounds(cx, source, sink, may_grow, events);
        if self.fresh.is_empty() && self.waiting.is_empty() {
            lent::give_back(&ITEMS, &mut self.fresh);
            lent::give_back(&ITEMS, &mut self.waiting);
        }
        polled
    }

    fn poll_rounds(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut dyn Link,
        sink: &mut dyn Link,
        may_grow: bool,
        events: &mut Vec<Event>,
    ) -> Poll<()> {
        self.begin(source, sink);
        for _ in 0..ROUNDS {
            let auto_sender = self.auto_sender.as_mut();
            let behind = auto_sender.is_some_and(|auto_sender| auto_sender.speak(cx, source).is_pending());
            let fed = match self.poll_feed(cx, sink, events) {
                Poll::Ready(()) => self.poll_encoded(cx, source, sink, events),
                Poll::Pending => Poll::Pending,
            };
            let is_fed = fed.is_ready();
            if is_fed {
                self.block(false, events);
            }
            if fed == Poll::Ready(true) {
                continue;
            }
            if self.ended || (self.stopped && !self.must_listen(source)) {
                if is_fed {
                    ready!(self.poll_deliver(cx, sink, events));
                }
                return Poll::Pending;
            }
            source.settle((self.count.0 - self.flushed) as usize + self.waiting_count);
            if !is_fed {
                if !sink.is_open() {
                    return Poll::Pending;
                }
                let reads_on = self.reads_ahead(cx, source, sink, events) && may_grow;
                self.block(!reads_on, events);
                if !reads_on {
                    return Poll::Pending;
                }
            }
            if self.waiting.is_empty() && self.fresh.capacity() == 0 {
                swap(&mut self.fresh, &mut self.waiting);
            }
            if behind || source.poll_receive(cx, &mut self.fresh).is_pending() {
                if is_fed {
                    ready!(self.poll_flush(cx, sink, events));
                    self.catch_up(events);
                    if self.stopped {
                        self.deliver(events);
                    }
                }
                return Poll::Pending;
            }
            if self.fresh.is_empty() {
                self.ended = true;
                let end = source.end().unwrap_or(SourceEnd::Absent);
                self.pass_close(&end);
                events.push(Event::Ended { side: self.side, how: Box::new(end) });
            } else {
                let bytes = self.arrived(cx, source, sink, events);
                self.queue_fresh(bytes);
            }
        }
        // Not done, but the other direction must not wait for ever.
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Agrees with both ends on what is handed over, in which form.
    fn begin(&mut self, source: &mut dyn Link, sink: &dyn Link) {
        if !replace(&mut self.has_begun, true) {
            self.relays = source.is_web_socket() && sink.is_web_socket();
            self.passes_control = self.relays
                || match (source.kind(), sink.kind()) {
                    (SideKind::WebSocket, _) => sink.wants_events(),
                    (_, SideKind::WebSocket) => true,
                    _ => false,
                };
        }
        let is_tapped = self.filter.is_some() || self.auto_sender.is_some();
        source.give_pieces(!is_tapped && !self.is_whole && sink.takes_pieces());
        source.give_runs(!is_tapped && self.wanted.is_none() && sink.takes_runs());
    }

    /// Returns whether the source is read although the sink takes nothing: only then are its pings answered.
    fn reads_ahead(
        &mut self,
        cx: &mut Context<'_>,
        source: &dyn Link,
        sink: &dyn Link,
        events: &mut Vec<Event>,
    ) -> bool {
        if !source.is_web_socket() || self.sink_failed {
            return false;
        }
        let arrived = self.count.1 + self.waiting_bytes;
        let delivered = self.count.1.saturating_sub(sink.in_flight());
        let was_held = self.ahead.is_held();
        let reads = self.ahead.poll(cx, arrived, delivered, self.waiting_bytes, self.waiting_count);
        if self.ahead.is_held() != was_held {
            events.push(Event::Held { side: self.side, held: !was_held });
        }
        reads
    }

    /// The sink has taken everything, and the source has nothing more.
    fn catch_up(&mut self, events: &mut Vec<Event>) {
        if self.ahead.caught_up() {
            events.push(Event::Held { side: self.side, held: false });
        }
    }

    /// Hands messages that were encoded for many from the source to a sink that takes them so; pending while it
    /// is full. Ready with true when this turn is over, and more may be there.
    fn poll_encoded(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut dyn Link,
        sink: &mut dyn Link,
        events: &mut Vec<Event>,
    ) -> Poll<bool> {
        let needs_each = self.filter.is_some() || self.wanted.is_some() || self.auto_sender.is_some();
        let takes_none = self.discarding || self.sink_failed || self.stopped || self.ended;
        if needs_each || takes_none || !source.has_encoded() {
            return Poll::Ready(false);
        }
        for _ in 0..TURN {
            if sink.queued() >= HIGH_WATER && self.poll_flush(cx, sink, events).is_pending() {
                return if source.has_encoded() { Poll::Pending } else { Poll::Ready(false) };
            }
            if self.sink_failed || !sink.takes_encoded() {
                return Poll::Ready(false);
            }
            let Some(encoded) = source.take_encoded() else { return Poll::Ready(false) };
            events.push(Event::Received { side: self.side, messages: encoded.count() as u64 });
            self.count.0 += encoded.count() as u64;
            self.count.1 += encoded.bytes() as u64;
            if let Err(failure) = sink.feed_encoded(&encoded) {
                self.fail(failure, events);
            }
        }
        Poll::Ready(true)
    }

    /// Puts what came behind what waits; so many payload bytes.
    fn queue_fresh(&mut self, bytes: u64) {
        self.waiting_bytes += bytes;
        self.waiting_count += self.fresh.iter().map(Item::count).sum::<usize>();
        match self.waiting.is_empty() {
            true => swap(&mut self.waiting, &mut self.fresh),
            false => {
                // It waits long, and would keep all of the buffer that it was read into.
                for item in &mut self.fresh {
                    match item {
                        Item::Message(message) => *message = compact(message),
                        Item::Run(run) => **run = run.compact(),
                        Item::Piece(_) | Item::Event(_) => {}
                    }
                }
                self.waiting.append(&mut self.fresh);
            }
        }
    }

    /// The peer's Close as a message, for a sink that has a form for it.
    fn pass_close(&mut self, end: &SourceEnd) {
        let SourceEnd::Close { code, reason, .. } = end else { return };
        // Between two WebSockets it is the session that closes.
        if self.passes_control && !self.relays && !self.discarding && !self.sink_failed {
            self.waiting.push_back(Message::Close(close::frame(*code, reason)).into());
            self.waiting_count += 1;
        }
    }

    /// A WebSocket is read until its Close even when its messages are no longer wanted.
    fn must_listen(&mut self, source: &dyn Link) -> bool {
        let listens = source.kind() == SideKind::WebSocket;
        self.discarding |= listens && self.stopped;
        listens
    }

    /// Gives the payload bytes of what is to be handed on.
    fn arrived(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut dyn Link,
        sink: &dyn Link,
        events: &mut Vec<Event>,
    ) -> u64 {
        let survey = Survey::of(&self.fresh);
        if survey.ended > 0 {
            events.push(Event::Received { side: self.side, messages: survey.ended });
        }
        // A pong for the other side's ping tells nothing of how long ours took.
        let answers = |message: &Message| match (message, source.conn()) {
            (Message::Pong(payload), Some(conn)) if self.relays => conn.is_own(payload),
            (message, _) => message.is_pong(),
        };
        if survey.others && self.fresh.iter().filter_map(Item::message).any(answers) {
            events.push(Event::Ponged { side: self.side });
        }
        if let Some(auto_sender) = &mut self.auto_sender {
            self.fresh.iter().filter_map(Item::message).for_each(|message| auto_sender.hear(message));
        }
        if self.relays && survey.others {
            self.relay(cx, source, sink);
        }
        if self.sink_failed {
            self.dropped.0 += survey.messages;
            self.dropped.1 += survey.bytes;
        }
        if !self.discarding && !self.sink_failed && self.filter.is_none() && self.wanted.is_none() {
            return survey.bytes;
        }
        if self.discarding || self.sink_failed {
            // Only data messages are dropped: a relay passes control frames on, so a ping is answered.
            let relays = self.relays;
            self.fresh.retain(|item| relays && item.volume().is_none());
        }
        if let Some(filter) = self.filter.clone() {
            self.sift(&filter, events);
        }
        self.count_down(events);
        Survey::of(&self.fresh).bytes
    }

    /// Drops what comes after the last wanted message. However long the sink takes for it, it is here.
    fn count_down(&mut self, events: &mut Vec<Event>) {
        let Some(wanted) = &mut self.wanted else { return };
        let data = Survey::of(&self.fresh).ended;
        if data < *wanted {
            *wanted -= data;
            return;
        }
        let mut left = *wanted;
        self.fresh.retain(|item| {
            let kept = left > 0;
            left = left.saturating_sub(if kept { item.ended() } else { 0 });
            kept
        });
        self.wanted = None;
        self.discarding = true;
        events.push(Event::CountReached { side: self.side });
    }

    /// Pings and pongs go on to the other side; while nobody is there to answer, we do.
    fn relay(&mut self, cx: &mut Context<'_>, source: &mut dyn Link, sink: &dyn Link) {
        let nobody = self.sink_failed || sink.is_away() || !sink.is_open();
        let Some(conn) = source.conn() else { return };
        self.fresh.retain(|item| match item {
            Item::Message(Message::Pong(payload)) => !nobody && !conn.is_own(payload),
            Item::Message(Message::Ping(payload)) if nobody => {
                conn.queue_pong(payload.clone());
                let _: Poll<_> = conn.poll_flush(cx);
                false
            }
            // A WebSocket has no form for it.
            Item::Event(_) => false,
            Item::Message(_) | Item::Piece(_) | Item::Run(_) => true,
        });
    }

    fn sift(&mut self, filter: &Filter, events: &mut Vec<Event>) {
        let (mut matched, unwanted) = (0, &mut self.unwanted);
        self.fresh.retain(|item| {
            let Some(message) = item.data() else { return true };
            let admitted = filter.admits(message);
            if admitted {
                matched += 1;
            } else {
                unwanted.truncate(RECENT - 1);
                unwanted.push_front(message.clone());
            }
            admitted
        });
        if matched > 0 {
            events.push(Event::Matched { messages: matched });
        }
    }

    /// The last messages that did not pass the filter, in their order.
    pub(super) fn unwanted(&self) -> impl Iterator<Item = &Message> {
        self.unwanted.iter().rev()
    }

    fn poll_feed(&mut self, cx: &mut Context<'_>, sink: &mut dyn Link, events: &mut Vec<Event>) -> Poll<()> {
        // Only a flush or its own source ends a sink, and neither happens between two messages.
        let mut takes = sink.is_open() || self.sink_failed;
        while let Some(item) = self.waiting.pop_front() {
            let volume = item.volume();
            let control = volume.is_none();
            if control && !self.passes_control {
                self.waiting_count -= 1;
                continue;
            }
            if !takes {
                // Its Close is here, behind what is still to be delivered: this waits to be told unsent.
                self.waiting.push_front(item);
                return Poll::Pending;
            }
            if sink.queued() >= HIGH_WATER || self.full.is_some() && self.is_flush_due() {
                match sink.poll_flush(cx) {
                    Poll::Ready(Ok(())) => {
                        self.flushed();
                        takes = sink.is_open() || self.sink_failed;
                    }
                    Poll::Ready(Err(failure)) => {
                        self.waiting.push_front(item);
                        self.fail(failure, events);
                        return Poll::Ready(());
                    }
                    Poll::Pending => {
                        self.full.get_or_insert_with(|| (Instant::now(), self.count.1));
                        self.waiting.push_front(item);
                        return Poll::Pending;
                    }
                }
            }
            let (messages, bytes) = volume.unwrap_or_default();
            self.waiting_bytes -= bytes;
            self.waiting_count -= item.count();
            let fed = match item {
                Item::Message(message) => sink.feed(message),
                Item::Piece(piece) => {
                    self.is_amid = !piece.is_last;
                    sink.feed_piece(piece)
                }
                Item::Run(run) => sink.feed_run(*run),
                Item::Event(record) => {
                    sink.event(&record);
                    continue;
                }
            };
            let counted = if fed.is_ok() { &mut self.count } else { &mut self.dropped };
            counted.0 += messages;
            counted.1 += bytes;
            if let Err(failure) = fed {
                self.fail(failure, events);
                return Poll::Ready(());
            }
        }
        Poll::Ready(())
    }

    /// Returns whether a sink that was full, and was given more since, is to be emptied first.
    fn is_flush_due(&self) -> bool {
        self.full.is_some_and(|(since, at)| self.count.1 - at >= REFILL || since.elapsed() >= REFILL_TIME)
    }

    /// The sink has passed on all that it was handed.
    fn flushed(&mut self) {
        self.flushed = self.count.0 - u64::from(self.is_amid);
        self.full = None;
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>, sink: &mut dyn Link, events: &mut Vec<Event>) -> Poll<()> {
        if self.sink_failed {
            return Poll::Ready(());
        }
        match ready!(sink.poll_flush(cx)) {
            Ok(()) => self.flushed(),
            Err(failure) => self.fail(failure, events),
        }
        Poll::Ready(())
    }

    fn poll_deliver(
        &mut self,
        cx: &mut Context<'_>,
        sink: &mut dyn Link,
        events: &mut Vec<Event>,
    ) -> Poll<()> {
        ready!(self.poll_flush(cx, sink, events));
        self.deliver(events);
        Poll::Ready(())
    }

    /// Tells once that the sink has passed on everything.
    fn deliver(&mut self, events: &mut Vec<Event>) {
        if !replace(&mut self.delivered, true) {
            events.push(Event::Delivered { side: self.side.other() });
        }
    }

    fn drop_waiting(&mut self) {
        self.dropped.0 += Survey::of(&self.waiting).messages;
        self.waiting.clear();
        self.waiting_count = 0;
        self.dropped.1 += take(&mut self.waiting_bytes);
    }

    fn fail(&mut self, failure: SinkFailure, events: &mut Vec<Event>) {
        if !self.sink_failed {
            self.sink_failed = true;
            self.drop_waiting();
            events.push(Event::SinkFailed { side: self.side.other(), how: Box::new(failure) });
        }
    }

    fn block(&mut self, blocked: bool, events: &mut Vec<Event>) {
        if self.blocked != blocked {
            self.blocked = blocked;
            events.push(Event::Blocked { side: self.side, blocked });
        }
    }
}

#[cfg(test)]
mod tests;
