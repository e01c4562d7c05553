//! The time of the last message, and the pings that wait for their pong.

use bytes::Bytes;
use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Pings that are remembered; a peer need not answer every one (RFC 6455 section 5.5.3).
const PINGS: usize = 64;

/// The course of a conversation, shared by the two who take part in it.
pub(super) struct Talk(Mutex<TalkState>);

struct TalkState {
    last: Instant,
    number: u64,
    pings: VecDeque<(Bytes, Instant)>,
}

impl Talk {
    pub(super) fn new(now: Instant) -> Self {
        Self(Mutex::new(TalkState { last: now, number: 0, pings: VecDeque::new() }))
    }

    /// A message was sent.
    pub(super) fn sent(&self, now: Instant) {
        self.lock().last = now;
    }

    /// Takes note of a message that has just come; gives the time since the one before.
    pub(super) fn silence(&self, now: Instant) -> Duration {
        let last = std::mem::replace(&mut self.lock().last, now);
        now.saturating_duration_since(last)
    }

    /// Takes note of a ping; gives its payload, which tells it from others when none was chosen.
    pub(super) fn pinged(&self, payload: Option<Bytes>, now: Instant) -> Bytes {
        let mut state = self.lock();
        state.number += 1;
        let payload = payload.unwrap_or_else(|| format!("ping {}", state.number).into());
        state.pings.push_back((payload.clone(), now));
        if state.pings.len() > PINGS {
            state.pings.pop_front();
        }
        payload
    }

    /// Round-trip time, when a pong answers a ping that was asked for. That ping and older ones are given up
    /// then; with `many` peers they stay, since each peer answers.
    pub(super) fn ponged(&self, payload: &[u8], many: bool, now: Instant) -> Option<Duration> {
        let mut state = self.lock();
        let at = state.pings.iter().position(|(sent, _)| sent == payload)?;
        if many {
            return state.pings.get(at).map(|(_, sent)| now.saturating_duration_since(*sent));
        }
        let (_, sent) = state.pings.drain(..=at).next_back()?;
        Some(now.saturating_duration_since(sent))
    }

    fn lock(&self) -> MutexGuard<'_, TalkState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pong_answers_its_ping_and_gives_up_older_ones() {
        let start = Instant::now();
        let talk = Talk::new(start);
        let later = |seconds| start + Duration::from_secs(seconds);
        let first = talk.pinged(None, start);
        let second = talk.pinged(None, later(1));
        let third = talk.pinged(Some("x".into()), later(2));
        assert_ne!(first, second);
        assert_eq!(talk.ponged(b"wsio", false, later(3)), None);
        assert_eq!(talk.ponged(&second, false, later(3)), Some(Duration::from_secs(2)));
        assert_eq!(talk.ponged(&first, false, later(3)), None);
        assert_eq!(talk.ponged(&third, false, later(3)), Some(Duration::from_secs(1)));
    }

    #[test]
    fn pings_without_answer_are_bounded() {
        let talk = Talk::new(Instant::now());
        let first = talk.pinged(None, Instant::now());
        (0..PINGS).for_each(|_| drop(talk.pinged(None, Instant::now())));
        assert_eq!(talk.ponged(&first, false, Instant::now()), None);
    }
}
