//! The closes of both sides of a pair, in words for the log, gathered from what happens to each.
//!
//! What the peer said comes first: a Close that is read counts more than that something could not be
//! written after it.

use crate::{
    close,
    exit::Exit,
    fault::Fault,
    session::{Event, Side, SinkFailure, SourceEnd},
};

/// Words on each side's close as far as they are known.
pub(super) struct Closings {
    /// Codes are for WebSockets: elsewhere the cause says it all.
    web_socket: [bool; 2],
    told: [Option<String>; 2],
    /// Why nothing more could be sent.
    failed: [Option<String>; 2],
}

impl Closings {
    /// Nothing is known yet.
    pub(super) fn new(web_socket: [bool; 2]) -> Self {
        Self { web_socket, told: [None, None], failed: [None, None] }
    }

    /// Keeps what this event tells; the first word stays.
    pub(super) fn note(&mut self, event: &Event) {
        match event {
            Event::Ended { side, how: SourceEnd::Close { described, .. } } => {
                self.tell(*side, described.clone());
            }
            Event::Ended { side, how: SourceEnd::Lost { fault, .. } } => {
                self.tell(*side, self.abnormal(*side, fault));
            }
            Event::SinkFailed { side, how: SinkFailure::Failed(fault) } if fault.exit == Exit::Lost => {
                self.failed[*side] = self.failed[*side].take().or(Some(self.abnormal(*side, fault)));
            }
            _ => {}
        }
    }

    /// We sent it away for this reason, and whatever comes back changes nothing.
    pub(super) fn sent_away(&mut self, side: Side, reason: &str) {
        self.tell(
            side,
            match self.web_socket[side] {
                true => close::describe(Some(close::TRY_AGAIN_LATER), reason),
                false => reason.to_owned(),
            },
        );
    }

    /// Its link tells more than the events did.
    pub(super) fn tell(&mut self, side: Side, words: String) {
        self.told[side].get_or_insert(words);
    }

    /// The words for each side; a side that is no WebSocket falls back on the cause of the verdict.
    pub(super) fn finish(self, fault: Option<&Fault>) -> [Option<String>; 2] {
        let Self { web_socket, told, failed } = self;
        let mut sides = told.into_iter().zip(failed).zip(web_socket);
        [(); 2].map(|()| {
            let ((told, failed), web_socket) = sides.next()?;
            let cause = || fault.filter(|_| !web_socket).map(|fault| fault.cause.clone());
            told.or(failed).or_else(cause)
        })
    }

    fn abnormal(&self, side: Side, fault: &Fault) -> String {
        match self.web_socket[side] {
            true => format!("1006 abnormal: {}", fault.cause),
            false => fault.cause.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed() -> Event {
        let fault = Fault::new(Exit::Lost, "session", "broken pipe");
        Event::SinkFailed { side: Side::A, how: SinkFailure::Failed(fault) }
    }

    #[test]
    fn a_close_that_is_read_counts_more_than_that_nothing_could_be_sent_after_it() {
        let mut closings = Closings::new([true, false]);
        closings.note(&failed());
        let how = SourceEnd::Close {
            code: Some(1000),
            reason: String::new(),
            described: "1000 normal".into(),
            advice: None,
        };
        closings.note(&Event::Ended { side: Side::A, how });
        closings.note(&failed());
        assert_eq!(closings.finish(None), [Some("1000 normal".into()), None]);

        let mut closings = Closings::new([true, false]);
        closings.note(&failed());
        let fault = Fault::new(Exit::Lost, "session", "gone");
        let closed = [Some("1006 abnormal: broken pipe".into()), Some("gone".into())];
        assert_eq!(closings.finish(Some(&fault)), closed);
    }

    #[test]
    fn who_was_sent_away_was_closed_by_us() {
        let mut closings = Closings::new([true, true]);
        closings.sent_away(Side::A, "too slow");
        closings.note(&failed());
        assert_eq!(closings.finish(None)[0].as_deref(), Some("1013 try again later: too slow"));
    }
}
