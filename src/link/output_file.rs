//! An output that is written in place: a pipe, a socket, `/dev/null`.
//!
//! Each takes what it can at once, so that the task which has the bytes writes them itself; a wake-up of
//! another thread would cost more than the write. A regular file may wait for its disk and is none of these.

use super::{
    nowait::{self, Call},
    readiness::Readiness,
};
use rustix::fs::{FileType, fstat, major, minor};
use std::{
    fs::File,
    io::{self, IoSlice},
    sync::Arc,
    task::{Context, Poll},
};

/// A pipe, a socket or `/dev/null`.
pub struct OutputFile {
    file: Arc<File>,
    readiness: Readiness,
    call: Call,
    /// Somebody reads it, and may leave.
    has_reader: bool,
}

impl OutputFile {
    /// Another descriptor of the file; `None` for what has to be written on a thread.
    ///
    /// # Errors
    /// Those of looking at it; when the system has no more descriptors.
    pub fn of(file: &File) -> io::Result<Option<Self>> {
        let facts = fstat(file)?;
        let has_reader = match FileType::from_raw_mode(facts.st_mode) {
            FileType::Fifo | FileType::Socket => true,
            FileType::CharacterDevice if is_null(facts.st_rdev) => false,
            _ => return Ok(None),
        };
        let file = Arc::new(file.try_clone()?);
        let readiness = Readiness::writing(Arc::clone(&file));
        Ok(Some(Self { file, readiness, call: Call::NoWait, has_reader }))
    }

    /// Any file, as if it could be written in place.
    #[cfg(test)]
    pub(super) fn over(file: File) -> Self {
        let file = Arc::new(file);
        let readiness = Readiness::writing(Arc::clone(&file));
        Self { file, readiness, call: Call::NoWait, has_reader: false }
    }

    /// Writes what it takes; `Unsupported` where that has to be done on a thread.
    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        loop {
            let Self { file, readiness, call, .. } = self;
            match readiness.poll_write(cx, || nowait::write(file, *call, slices)) {
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Unsupported => {
                    match nowait::reopen(&self.file, true) {
                        Ok(own) if self.has_reader && self.call == Call::NoWait => self.uses(own),
                        _ => return Poll::Ready(Err(error)),
                    }
                }
                written => return written,
            }
        }
    }

    /// Ready when the reader has left, though nothing is written.
    pub(super) fn poll_left(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.has_reader { self.readiness.poll_left(cx) } else { Poll::Pending }
    }

    fn uses(&mut self, own: File) {
        self.file = Arc::new(own);
        self.readiness = Readiness::writing(Arc::clone(&self.file));
        self.call = Call::Plain;
    }
}

fn is_null(device: rustix::fs::Dev) -> bool {
    cfg!(target_os = "linux") && (major(device), minor(device)) == (1, 3)
}
