//! Generated messages for a WebSocket: heartbeats on a clock, and answers to what it says.
//!
//! Gateways and chats above WebSocket have pings of their own, in ordinary messages. A heartbeat that
//! finds no room is left out rather than queued: late ones are worth nothing. Answers wait, and while too
//! many do, nothing more is heard: a peer that does not read them must not make us keep them.

use crate::{
    link::{HIGH_WATER, Link},
    plan::AutoSend,
};
use std::{
    collections::VecDeque,
    task::{Context, Poll},
};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};
use tokio_tungstenite::tungstenite::Message;

/// Bytes that one answer counts beside its payload.
const OVERHEAD: usize = 64;

/// The heartbeats and answers of one WebSocket.
pub(super) struct AutoSender {
    auto_send: AutoSend,
    clocks: Vec<Interval>,
    answers: VecDeque<Message>,
    answers_bytes: usize,
    /// Messages said, and their payload bytes.
    pub said: (u64, u64),
}

impl AutoSender {
    /// The clocks start now; `None` when there is nothing to say.
    pub(super) fn new(auto_send: &AutoSend) -> Option<Box<Self>> {
        if auto_send.every.is_empty() && auto_send.replies.is_empty() {
            return None;
        }
        let clock = |(every, _): &(std::time::Duration, Message)| {
            let mut clock = interval_at(Instant::now() + *every, *every);
            clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
            clock
        };
        let clocks = auto_send.every.iter().map(clock).collect();
        Some(Box::new(Self {
            auto_send: auto_send.clone(),
            clocks,
            answers: VecDeque::new(),
            answers_bytes: 0,
            said: (0, 0),
        }))
    }

    /// Hears what the peer says.
    pub(super) fn hear(&mut self, message: &Message) {
        let Message::Text(text) = message else { return };
        for (regex, template) in &self.auto_send.replies {
            if let Some(captures) = regex.captures(text) {
                let mut answer = String::new();
                captures.expand(template, &mut answer);
                self.answers_bytes += answer.len() + OVERHEAD;
                self.answers.push_back(Message::text(answer));
            }
        }
    }

    /// Says what is due; pending while so many answers wait for the link that nothing more may be heard.
    ///
    /// A link that takes nothing more finds out by itself.
    pub(super) fn speak(&mut self, cx: &mut Context<'_>, link: &mut dyn Link) -> Poll<()> {
        let mut spoke = false;
        for (clock, (_, message)) in self.clocks.iter_mut().zip(&self.auto_send.every) {
            while clock.poll_tick(cx).is_ready() {
                if has_room(link) {
                    spoke |= say(link, message.clone(), &mut self.said);
                }
            }
        }
        loop {
            while has_room(link)
                && let Some(answer) = self.answers.pop_front()
            {
                self.answers_bytes -= answer.len() + OVERHEAD;
                spoke |= say(link, answer, &mut self.said);
            }
            if !spoke && self.answers.is_empty() {
                return Poll::Ready(());
            }
            let flushed = link.poll_flush(cx);
            if self.answers.is_empty() || !link.is_open() || link.is_away() {
                return Poll::Ready(());
            }
            match flushed {
                Poll::Ready(Ok(())) => {}
                Poll::Pending if self.answers_bytes >= HIGH_WATER => return Poll::Pending,
                _ => return Poll::Ready(()),
            }
        }
    }
}

fn has_room(link: &dyn Link) -> bool {
    link.is_open() && !link.is_away() && link.queued() < HIGH_WATER
}

fn say(link: &mut dyn Link, message: Message, said: &mut (u64, u64)) -> bool {
    said.0 += 1;
    said.1 += message.len() as u64;
    link.send_own(message).is_ok()
}
