//! Two queues as a link within the process.

use super::Queue;
use crate::session::SourceEnd;

/// Two in-process queues; the same one twice is an echo.
pub struct Channel {
    /// What the source gives; `None` gives nothing, without an end.
    pub incoming: Option<Queue>,
    /// Where the sink puts; `None` swallows everything.
    pub outgoing: Option<Queue>,
}

impl Drop for Channel {
    /// Whoever feeds a queue that nobody reads any more has to know.
    fn drop(&mut self) {
        if let Some(queue) = &self.incoming {
            queue.finish(SourceEnd::Absent);
        }
    }
}
