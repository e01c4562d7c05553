//! How a pair lets go of a side: what is left of its input is counted, then its link is released.
//!
//! Messages of a side that the other one did not send are told once, when nothing more can go. A half-written message
//! counts as sent until its link is gone, and as unsent after all when it was not finished.

use super::Pair;
use crate::{
    link::{Channel, Place, room::Member},
    net::Parting,
    session::{Event, Left, Side},
    ws::conn::Unsent,
};
use std::mem::replace;

impl Pair {
    pub(super) fn release(&mut self, side: Side, parting: Parting, events: &mut Vec<Event>) {
        if parting.by.is_none() && self.sides[side].releasing.is_some() {
            return;
        }
        self.settle(side.other(), events);
        if !self.sides[side].settled && self.links[side].is_input() {
            self.sides[side].released_then = Some(parting);
            return;
        }
        self.remains.dropped += self.links[side].dropped();
        if let Some(member) = self.links[side].as_kind::<Member>() {
            self.remains.unheard += member.unheard();
            self.remains.unsent += member.incoming().clear();
        }
        if let Some(farewell) = self.links[side].farewell() {
            self.closings.tell(side, farewell);
        }
        self.compressed[side] = self.links[side].conn().and_then(|conn| conn.volumes()).unwrap_or_default();
        let link = replace(&mut self.links[side], Box::new(Channel::null()));
        self.sides[side].pending_close = None;
        self.sides[side].ping = false;
        self.sides[side].releasing = Some(link.release(parting));
    }

    /// Nothing more goes from this side to the other: counts what of it is left, once.
    pub(super) fn settle(&mut self, from: Side, events: &mut Vec<Event>) {
        if replace(&mut self.sides[from].settled, true) {
            return;
        }
        let (messages, bytes) = self.pumps[from].abandon();
        self.links[from.other()].abandon();
        let mut unsent = self.links[from.other()].unsent();
        let all = messages + unsent.messages;
        // This place takes a half-written message for unsent, the sums below take it for sent; `unfinished`
        // corrects both when it was not finished.
        self.sides[from].place_unfinished = self.links[from].place(all);
        let finishing = self.links[from.other()].finishing();
        unsent.messages -= finishing.messages;
        unsent.bytes = unsent.bytes.saturating_sub(finishing.bytes);
        self.remains.unsent_by_link[from] = unsent;
        let all = messages + unsent.messages;
        let doubt = self.links[from.other()].doubt();
        if !doubt.is_none() {
            events.push(Event::InDoubt { side: from, doubt });
        }
        let is_relay = self.web_socket == [true, true];
        match self.links[from].as_kind::<Member>() {
            Some(member) if member.incoming().was_cut() => self.remains.dropped += all,
            Some(_) => self.remains.unsent += all,
            None if self.links[from].has_rest() => {
                self.sides[from].is_input = true;
                self.remains.input = self.links[from].input();
                let rest = self.links[from].rest();
                self.links[from].place(all).iter().for_each(Place::leave);
                let left = Left { messages: all + rest.messages, ..rest };
                events.push(Event::Unsent { side: from, left });
            }
            None if is_relay => {
                self.sides[from].is_input = true;
                self.remains.input = "the other WebSocket".to_owned();
                let left = Left { messages: all, ..Left::default() };
                events.push(Event::Unsent { side: from, left });
            }
            None => {
                let (kept, kept_bytes) = self.links[from.other()].undelivered();
                let not_taken = (messages + kept, bytes + kept_bytes);
                if !self.links[from.other()].is_web_socket() && not_taken != (0, 0) {
                    self.remains.kept[from] = (messages, bytes);
                    self.remains.did_not_take(from.other(), not_taken);
                }
            }
        }
        if let Some(parting) = self.sides[from].released_then.take() {
            self.release(from, parting, events);
        }
    }

    /// The message that was being finished was not: it counts as unsent after all.
    pub(super) fn unfinished(&mut self, from: Side, unsent: Unsent, events: &mut Vec<Event>) {
        let place = self.sides[from].place_unfinished.take();
        if unsent.messages == 0 {
            return;
        }
        self.remains.unsent_by_link[from] += unsent;
        place.iter().for_each(Place::leave);
        if self.sides[from].is_input {
            let left = Left { messages: unsent.messages, ..Left::default() };
            events.push(Event::Unsent { side: from, left });
        }
    }
}
