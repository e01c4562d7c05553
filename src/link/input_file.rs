//! An input that can be asked what it still holds: a regular file, a pipe, a socket.
//!
//! Where a peer leaves early, the user has to know what was not sent, also of what was never read. A
//! regular file is read by position, so that the offset that it shares with whoever started us moves
//! once, at the end, to where sending stopped: the next command of the shell goes on from there. A pipe is
//! read under a lock that is never held while waiting, so that what was read and what is left add up.

use super::{
    Patient,
    nowait::{self, Call, HERE},
};
use bytes::BytesMut;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{FileType, SeekFrom},
};
use std::{
    fs::File,
    io::{self, Read},
    os::unix::fs::FileExt,
    sync::{
        Arc, Mutex, PoisonError, TryLockError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// Longest time that a look at a pipe waits for a read that blocks, since another process emptied the pipe.
const PATIENCE: Duration = Duration::from_millis(100);

/// Reader of an input.
pub type Input = Box<dyn Read + Send>;

/// A file, pipe or socket that is read by somebody else.
pub struct InputFile {
    file: Arc<File>,
    kind: FileKind,
    /// Position of the reader: the offset in a regular file, of others the bytes read so far.
    at: AtomicU64,
    /// Held while a pipe is read.
    reading: Mutex<()>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum FileKind {
    Regular,
    Pipe,
}

/// Unread rest of an input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rest {
    /// Bytes.
    pub bytes: u64,
    /// It is a lower bound: a pipe or socket is still open, and more may come.
    pub at_least: bool,
}

/// A position in a file that others share.
pub struct Place {
    /// The file.
    pub file: Arc<InputFile>,
    /// Bytes from its begin.
    pub position: u64,
}

impl Place {
    /// Sets the offset that others share to this position: the next reader begins here.
    pub fn leave(&self) {
        self.file.leave_at(self.position);
    }
}

impl InputFile {
    /// Opens a file for reading: gives its reader and, unless it is a terminal or a device, a handle that
    /// tells what it still holds.
    ///
    /// # Errors
    /// Those of looking at it.
    pub fn open(file: File) -> io::Result<(Input, Option<Arc<Self>>)> {
        let (kind, at) = match FileType::from_raw_mode(rustix::fs::fstat(&file)?.st_mode) {
            FileType::RegularFile => (FileKind::Regular, rustix::fs::tell(&file)?),
            FileType::Fifo | FileType::Socket => (FileKind::Pipe, 0),
            _ => return Ok((Box::new(Patient::new(file)), None)),
        };
        let file = Arc::new(file);
        let input = Arc::new(Self { file, kind, at: at.into(), reading: Mutex::default() });
        Ok((Box::new(Reader(Arc::clone(&input))), Some(input)))
    }

    /// Position of the reader; see [`rest`](Self::rest).
    pub fn position(&self) -> u64 {
        self.at.load(Ordering::SeqCst)
    }

    /// True for a regular file, which has a size and an offset.
    pub fn is_regular(&self) -> bool {
        self.kind == FileKind::Regular
    }

    /// The file itself.
    pub(super) fn file(&self) -> &Arc<File> {
        &self.file
    }

    /// Reads into the spare capacity; by another descriptor of the file, where there is one.
    ///
    /// # Errors
    /// The system's; see [`nowait::read`].
    pub(super) fn read(&self, own: Option<&File>, call: Call, into: &mut BytesMut) -> io::Result<usize> {
        let file = own.unwrap_or(&self.file);
        let _reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let position = if self.is_regular() { self.position() } else { HERE };
        let count = nowait::read(file, position, call, into)?;
        self.at.fetch_add(count as u64, Ordering::SeqCst);
        Ok(count)
    }

    /// True for a file that lies in memory, where a read never waits.
    pub(super) fn is_in_memory(&self) -> bool {
        /// The magic numbers of tmpfs and ramfs, see `statfs(2)`.
        #[cfg(target_os = "linux")]
        const IN_MEMORY: [u32; 2] = [0x0102_1994, 0x8584_58F6];
        #[cfg(target_os = "linux")]
        let in_memory =
            rustix::fs::fstatfs(&*self.file).is_ok_and(|facts| IN_MEMORY.contains(&(facts.f_type as u32)));
        #[cfg(not(target_os = "linux"))]
        let in_memory = false;
        self.is_regular() && in_memory
    }

    /// Unread rest behind this position.
    pub fn rest(&self, from: u64) -> Rest {
        let is_regular = self.is_regular();
        let end = if is_regular { self.size() } else { self.piped() };
        let bytes = end.saturating_sub(from);
        Rest { bytes, at_least: !is_regular && !self.is_hung_up() }
    }

    /// Leaves the offset that others share at this position; of a pipe there is none.
    pub fn leave_at(&self, position: u64) {
        if self.is_regular() {
            // If that fails, the process that gave us the file is no worse off than with a pipe.
            let _ = rustix::fs::seek(&*self.file, SeekFrom::Start(position));
        }
    }

    fn size(&self) -> u64 {
        rustix::fs::fstat(&*self.file).map_or(0, |facts| u64::try_from(facts.st_size).unwrap_or(0))
    }

    /// Bytes that were read of a pipe so far, and those that it holds.
    fn piped(&self) -> u64 {
        let start = Instant::now();
        // A reader that waits in the lock, since somebody else took what was there, holds nothing of it.
        let _reading = loop {
            match self.reading.try_lock() {
                Ok(reading) => break Some(reading),
                Err(TryLockError::Poisoned(poisoned)) => break Some(poisoned.into_inner()),
                Err(TryLockError::WouldBlock) if start.elapsed() > PATIENCE => break None,
                Err(TryLockError::WouldBlock) => thread::sleep(Duration::from_micros(50)),
            }
        };
        self.position() + rustix::io::ioctl_fionread(&*self.file).unwrap_or(0)
    }

    fn is_hung_up(&self) -> bool {
        let mut descriptors = [PollFd::new(&*self.file, PollFlags::IN)];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut descriptors, Some(&now)).is_ok() && descriptors[0].revents().contains(PollFlags::HUP)
    }
}

/// Reads it, from one thread.
struct Reader(Arc<InputFile>);

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let input = &*self.0;
        if input.is_regular() {
            let count = input.file.read_at(buffer, input.position())?;
            input.at.fetch_add(count as u64, Ordering::SeqCst);
            return Ok(count);
        }
        loop {
            match poll(&mut [PollFd::new(&*input.file, PollFlags::IN)], None) {
                Err(rustix::io::Errno::INTR) => continue,
                polled => polled?,
            };
            let _reading = input.reading.lock().unwrap_or_else(PoisonError::into_inner);
            match (&*input.file).read(buffer) {
                // It does not block, and somebody else was faster.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => {
                    input.at.fetch_add(*read.as_ref().unwrap_or(&0) as u64, Ordering::SeqCst);
                    return read;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Seek, Write};

    #[test]
    fn a_regular_file_is_read_by_position_and_left_where_sending_stopped() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"head, one\ntwo\n").unwrap();
        file.seek(io::SeekFrom::Start(6)).unwrap();
        let (mut reader, input) = InputFile::open(file.try_clone().unwrap()).unwrap();
        let input = input.unwrap();
        assert_eq!(input.rest(input.position()), Rest { bytes: 8, at_least: false });
        let mut some = [0; 5];
        reader.read_exact(&mut some).unwrap();
        assert_eq!((&some, input.position()), (b"one\nt", 11));
        assert_eq!(file.stream_position().unwrap(), 6, "nobody else notices");
        assert_eq!(input.rest(10).bytes, 4);
        input.leave_at(10);
        let mut rest = String::new();
        file.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "two\n");
    }

    #[test]
    fn what_was_read_of_a_pipe_and_what_it_holds_add_up() {
        let (theirs, mut ours) = io::pipe().unwrap();
        let (mut reader, input) = InputFile::open(File::from(std::os::fd::OwnedFd::from(theirs))).unwrap();
        let input = input.unwrap();
        ours.write_all(b"0123456789").unwrap();
        let mut some = [0; 4];
        reader.read_exact(&mut some).unwrap();
        assert_eq!(input.rest(0), Rest { bytes: 10, at_least: true });
        assert_eq!(input.rest(4), Rest { bytes: 6, at_least: true });
        drop(ours);
        assert_eq!(input.rest(4), Rest { bytes: 6, at_least: false }, "nobody writes to it any more");
        let reading = std::thread::spawn(move || {
            let mut all = Vec::new();
            reader.read_to_end(&mut all).map(|_| all)
        });
        assert_eq!(reading.join().unwrap().unwrap(), b"456789");
        assert_eq!(input.rest(10), Rest::default());
    }

    #[test]
    fn a_device_cannot_be_asked() {
        let (_, input) = InputFile::open(File::open("/dev/null").unwrap()).unwrap();
        assert!(input.is_none());
    }
}
