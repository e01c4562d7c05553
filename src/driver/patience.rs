//! A side that nobody is there for any more: how long it is waited for.

use super::pair::Pair;
use crate::session::Event;
use std::task::{Context, Poll};

impl Pair {
    /// Tells the session when a sink holds up what a peer that is gone has sent; what it says itself is
    /// dropped, so that it goes on taking.
    pub(super) fn poll_patience(&mut self, cx: &mut Context<'_>, side: usize, events: &mut Vec<Event>) {
        if self.legs[side].abandoned {
            let _: Poll<_> = self.links[side].poll_late(cx);
        }
        let leg = &mut self.legs[side];
        let holds_up = leg.abandoned && leg.ask.is_none() && self.pumps[1 - side].is_blocked();
        if holds_up && !leg.weary && self.links[side].poll_weary(cx).is_ready() {
            leg.weary = true;
            events.push(Event::Weary { side });
        }
    }

    /// Whether a sink may go on taking what is left for it: one that nobody listens to and that takes
    /// nothing is given up.
    pub(super) fn waits_for(&mut self, cx: &mut Context<'_>, side: usize) -> bool {
        if !self.legs[side].abandoned || self.links[side].poll_weary(cx).is_pending() {
            return true;
        }
        let left = self.pumps[1 - side].waiting() + self.links[side].drop_output();
        self.untaken += left as u64;
        self.pumps[1 - side].abandon();
        false
    }
}
