//! A descriptor we were given, read and written as if it blocked and were always ours to read.
//!
//! Whoever started us may have set `O_NONBLOCK` on it (a parent written in Node does), and a terminal
//! belongs to the foreground job: reading it from the background would stop the whole process, its
//! network side included. Both are waited out here, on the stream's own thread.
//!
//! A blocking write to a pipe returns when all of it is taken, which for a reader that stalls is never, and
//! nobody can tell then how much was. So pipes and sockets are written as far as they take it at once.

use rustix::{
    event::{PollFd, PollFlags, poll},
    io::Errno,
    process::getpgrp,
    termios::tcgetpgrp,
};
use std::{
    fs::File,
    io::{self, IsTerminal, Read, Write},
    thread,
    time::Duration,
};

/// Interval at which a background job looks whether it is in the foreground now.
const GLANCE: Duration = Duration::from_millis(100);

/// A file, pipe, socket or terminal that is waited for.
pub struct Patient {
    file: File,
    is_terminal: bool,
    /// It can be written as far as it takes something at once.
    in_steps: bool,
}

impl Patient {
    /// Takes the descriptor over.
    pub fn new(file: File) -> Self {
        Self { is_terminal: file.is_terminal(), in_steps: cfg!(target_os = "linux"), file }
    }

    fn wait(&self, flags: PollFlags) -> io::Result<()> {
        loop {
            match poll(&mut [PollFd::new(&self.file, flags)], None) {
                Err(Errno::INTR) => {}
                other => return other.map(drop).map_err(io::Error::from),
            }
        }
    }

    /// Writes what is taken at once; `None` where the system has no such write.
    #[cfg(target_os = "linux")]
    fn write_step(&mut self, bytes: &[u8]) -> Option<io::Result<usize>> {
        use rustix::io::{ReadWriteFlags, pwritev2};
        // The position that stands for the descriptor's own.
        match pwritev2(&self.file, &[io::IoSlice::new(bytes)], u64::MAX, ReadWriteFlags::NOWAIT) {
            // A terminal, a regular file, an older system.
            Err(Errno::OPNOTSUPP | Errno::INVAL | Errno::NOSYS | Errno::SPIPE) => {
                self.in_steps = false;
                None
            }
            written => Some(written.map_err(io::Error::from)),
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn write_step(&mut self, _: &[u8]) -> Option<io::Result<usize>> {
        None
    }

    fn in_background(&self) -> bool {
        self.is_terminal && tcgetpgrp(&self.file).is_ok_and(|foreground| foreground != getpgrp())
    }
}

impl Read for Patient {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.is_terminal {
                // A read that waits when the job is sent to the background would stop it too.
                self.wait(PollFlags::IN)?;
                if self.in_background() {
                    thread::sleep(GLANCE);
                    continue;
                }
            }
            match self.file.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.wait(PollFlags::IN)?,
                read => return read,
            }
        }
    }
}

impl Write for Patient {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            let step = if self.in_steps { self.write_step(bytes) } else { None };
            match step.unwrap_or_else(|| self.file.write(bytes)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.wait(PollFlags::OUT)?,
                written => return written,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::{fd::OwnedFd, unix::net::UnixStream};

    #[test]
    fn descriptors_that_do_not_block_are_waited_for() {
        let pair = || {
            let (ours, theirs) = UnixStream::pair().unwrap();
            ours.set_nonblocking(true).unwrap();
            (Patient::new(File::from(OwnedFd::from(ours))), theirs)
        };
        let content: Vec<u8> = (0..3_000_000u32).map(|n| n as u8).collect();
        let (mut ours, mut theirs) = pair();
        let reader = thread::spawn(move || {
            thread::sleep(Duration::from_millis(50));
            let mut all = Vec::new();
            theirs.read_to_end(&mut all).map(|_| all)
        });
        ours.write_all(&content).unwrap();
        drop(ours);
        assert!(reader.join().unwrap().unwrap() == content);

        let (mut ours, mut theirs) = pair();
        let writer = thread::spawn(move || {
            thread::sleep(Duration::from_millis(50));
            theirs.write_all(b"late")
        });
        let mut all = String::new();
        ours.read_to_string(&mut all).unwrap();
        assert_eq!(all, "late");
        writer.join().unwrap().unwrap();
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_pipe_is_written_as_far_as_it_takes_something() {
        let (mut theirs, ours) = io::pipe().unwrap();
        let mut ours = Patient::new(File::from(OwnedFd::from(ours)));
        let content = vec![7; 1 << 20];
        let step = ours.write(&content).unwrap();
        assert!((1..content.len()).contains(&step), "{step}");
        let reader = thread::spawn(move || {
            let mut all = Vec::new();
            theirs.read_to_end(&mut all).map(|_| all.len())
        });
        ours.write_all(&content[step..]).unwrap();
        drop(ours);
        assert_eq!(reader.join().unwrap().unwrap(), content.len());
    }
}
