//! The end of a room for all of its members.

use super::Room;
use crate::session::{CloseWith, SourceEnd};

impl Room {
    /// Closes the session of everybody but the centre, behind what was said before.
    pub fn part(&self, close: &CloseWith) {
        let end = SourceEnd::Asked { close: close.clone(), hangup: true };
        self.lock().seats.iter().filter(|seat| !seat.centre).for_each(|seat| seat.queue.finish(end.clone()));
    }
}
