//! A look at items: how much data is among them.

use crate::link::Item;
use std::collections::VecDeque;

/// A look at some items.
pub(super) struct Survey {
    /// Data messages that begin and that end there, and their payload bytes.
    pub messages: u64,
    pub ended: u64,
    pub bytes: u64,
    /// There are others: control frames or events.
    pub others: bool,
}

impl Survey {
    pub(super) fn of(items: &VecDeque<Item>) -> Self {
        let mut survey = Self { messages: 0, ended: 0, bytes: 0, others: false };
        for item in items {
            survey.ended += item.ended();
            match item.volume() {
                Some((messages, bytes)) => {
                    survey.messages += messages;
                    survey.bytes += bytes;
                }
                None => survey.others = true,
            }
        }
        survey
    }
}
