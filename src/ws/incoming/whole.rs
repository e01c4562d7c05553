//! Data messages that lie whole in what was read, in one frame each: cut out where they lie, short ones as runs.

use super::{Incoming, Received, message};
use crate::{
    framing::Run,
    ws::{
        frame::{BINARY, FIN, TEXT, apply_mask, glance},
        read_error::ReadError,
        utf8::is_utf8,
        watch::{FrameSender, SeenFrame},
    },
};
use bytes::{Buf, Bytes};
use std::{array, ops::Range};

/// A client's payload below this is copied: one that is kept somewhere must not keep all that was read with it,
/// of every client of its thread. Bytes.
const COPIED: usize = 4 * 1024;

impl Incoming {
    /// The data message that is next and whole, if there is one, in one frame; with those behind it where they make a
    /// run.
    #[inline]
    pub(super) fn whole(&mut self) -> Option<Result<Received, ReadError>> {
        let seen = glance(&self.input)?;
        let is_text = match seen.first {
            first if first == FIN | TEXT => true,
            first if first == FIN | BINARY => false,
            _ => return None,
        };
        let fits = seen.length <= (self.input.len() - seen.head).min(self.max) as u64;
        if !fits || seen.is_masked != self.is_masked || !seen.is_minimal || self.message.is_some() {
            return None;
        }
        let (head, length) = (seen.head, seen.length as usize);
        if self.gives_runs
            && length <= Run::LONGEST
            && glance(&self.input[head + length..]).is_some_and(|next| next.first == seen.first)
            && let Some(run) = self.run(seen.first)
        {
            return Some(Ok(Received::Run(run)));
        }
        if self.is_masked {
            let (header, payload) = self.input.split_at_mut(head);
            let mask = array::from_fn(|index| header[head - 4 + index]);
            apply_mask(&mut payload[..length], mask, 0);
        }
        if let Some(watch) = &mut self.watch {
            let payload = &self.input[head..head + length];
            watch.frame(&SeenFrame::new(FrameSender::In, seen.first, seen.is_masked, seen.length, payload));
        }
        if let Some(inflating) = &mut self.inflating {
            inflating.count(seen.length, seen.length);
        }
        let payload = if self.is_masked && length < COPIED {
            let payload = Bytes::copy_from_slice(&self.input[head..head + length]);
            self.input.advance(head + length);
            payload
        } else {
            self.input.advance(head);
            self.input.split_to(length).freeze()
        };
        Some(message(payload, is_text).map(Received::Message))
    }

    /// The short messages that are next and whole, in frames that begin so, if they are more than one and in order.
    /// [`whole`](Self::whole) tells the fault of the one behind them.
    fn run(&mut self, first: u8) -> Option<Run> {
        let is_text = first == FIN | TEXT;
        let begin = &self.input[..self.input.len().min(Run::BLOCK)];
        let most = self.max.min(Run::LONGEST) as u64;
        // Masked payloads are copied, since a client's payload must not keep all that was read with it.
        let mut unmasked = Vec::with_capacity(if self.is_masked { begin.len() } else { 0 });
        let (mut spans, mut at) = (Vec::<Range<u32>>::new(), 0);
        while spans.len() < Run::MESSAGES
            && let Some(seen) = glance(&begin[at..])
            && (seen.first, seen.is_masked, seen.is_minimal) == (first, self.is_masked, true)
            && seen.length <= ((begin.len() - at - seen.head) as u64).min(most)
        {
            let (from, length) = (at + seen.head, seen.length as usize);
            let (mut span, mut payload) = (from..from + length, &begin[from..from + length]);
            if self.is_masked {
                span = unmasked.len()..unmasked.len() + length;
                unmasked.extend_from_slice(payload);
                apply_mask(&mut unmasked[span.clone()], array::from_fn(|index| begin[from - 4 + index]), 0);
                payload = &unmasked[span.clone()];
            }
            if is_text && !is_utf8(payload) {
                break;
            }
            spans.push(span.start as u32..span.end as u32);
            at = from + length;
        }
        if spans.len() < 2 {
            return None;
        }
        let read = self.input.split_to(at).freeze();
        unmasked.shrink_to_fit();
        spans.shrink_to_fit();
        Some(Run::new(is_text, if self.is_masked { unmasked.into() } else { read }, spans))
    }
}
