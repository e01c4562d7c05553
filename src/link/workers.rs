//! Threads that wait for their work: hired before anything is given away that only they can have.
//!
//! A system may have no thread to give. `std::thread::spawn` panics then, and the streams that went into its
//! closure are lost with it. So threads are hired first, all that are needed, and a refusal changes nothing.

use std::{io, sync::mpsc, thread};

type Work = Box<dyn FnOnce() + Send>;

/// A thread that waits; dropping it unused ends the thread.
pub struct Worker(mpsc::Sender<Work>);

/// So many threads, or none.
///
/// # Errors
/// The system's, when it has no thread to give.
pub fn hire<const COUNT: usize>() -> io::Result<[Worker; COUNT]> {
    let mut workers = Vec::with_capacity(COUNT);
    for _ in 0..COUNT {
        workers.push(hire_one()?);
    }
    workers.try_into().map_err(|_| io::ErrorKind::OutOfMemory.into())
}

/// One thread.
///
/// # Errors
/// The system's, when it has no thread to give.
pub(super) fn hire_one() -> io::Result<Worker> {
    if let Some(error) = shortage() {
        return Err(error);
    }
    let (sender, work) = mpsc::channel::<Work>();
    thread::Builder::new().spawn(move || {
        if let Ok(work) = work.recv() {
            work();
        }
    })?;
    Ok(Worker(sender))
}

impl Worker {
    /// Has the thread do this.
    pub fn run(self, work: impl FnOnce() + Send + 'static) {
        // It is there: it waits until this is dropped.
        let _ = self.0.send(Box::new(work));
    }
}

#[cfg(not(test))]
fn shortage() -> Option<io::Error> {
    None
}

#[cfg(test)]
use tests::shortage;

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    thread_local! {
        /// How many threads this test may still hire; no limit when there is none.
        static LEFT: Cell<Option<usize>> = const { Cell::new(None) };
    }

    pub(super) fn shortage() -> Option<io::Error> {
        match LEFT.get() {
            Some(0) => Some(io::Error::from_raw_os_error(rustix::io::Errno::AGAIN.raw_os_error())),
            left => {
                LEFT.set(left.map(|left| left - 1));
                None
            }
        }
    }

    #[test]
    fn all_are_hired_or_none_and_later_it_goes_again() {
        LEFT.set(Some(2));
        let error = hire::<3>().err().expect("two are no three");
        assert!(crate::os_error::cannot_start(&error), "{error}");
        LEFT.set(None);
        let (report, done) = mpsc::channel();
        for worker in hire::<3>().unwrap() {
            let report = report.clone();
            worker.run(move || report.send(thread::current().id()).unwrap());
        }
        drop(report);
        assert_eq!(done.iter().collect::<std::collections::HashSet<_>>().len(), 3);
    }
}
