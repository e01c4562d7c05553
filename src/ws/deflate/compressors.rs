//! The compressors of all connections: a few, each with the connection that spoke last.
//!
//! A compressor takes 290 KiB, most of it the window that later messages may refer to and the tables to find
//! something there. Nothing has to be referred to (RFC 7692 section 7.1.1), so a connection may begin without a
//! window at any piece of any message, and one that says nothing needs no compressor. There are so many that a few
//! busy connections always keep their own; among more, the one that was silent longest loses its window, and its
//! next message is as long as if it were its first.

use flate2::{Compress, Compression};
use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, Ordering},
};

/// zlib's scale. On text, level 3 comes within a tenth of the size that the default, 6, gives, in half the
/// time; level 1 takes a third of its time, and gives a third more.
const LEVEL: u32 = 3;
/// Compressors that are kept; 18 MiB at most.
const MOST: usize = 64;

/// Those of the process.
pub(super) static COMPRESSORS: Compressors = Compressors::new();

/// Compressors that are not at work.
pub(super) struct Compressors {
    next: AtomicU64,
    /// The one that was used last stands last.
    kept: Mutex<Vec<Kept>>,
}

struct Kept {
    /// The connection whose messages it may refer to; `None` when it is as new.
    owner: Option<u64>,
    window_bits: u8,
    compressor: Box<Compress>,
}

impl Compressors {
    pub(super) const fn new() -> Self {
        Self { next: AtomicU64::new(0), kept: Mutex::new(Vec::new()) }
    }

    /// A number for one more connection.
    pub(super) fn enter(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// The compressor of a connection, or one without a window.
    pub(super) fn take(&self, owner: u64, window_bits: u8) -> Box<Compress> {
        let mut kept = self.lock();
        let own = kept.iter().position(|kept| kept.owner == Some(owner));
        let fits = |kept: &Kept| kept.owner.is_none() && kept.window_bits == window_bits;
        let found = own.or_else(|| kept.iter().position(fits));
        let found = found.or_else(|| (kept.len() >= MOST).then_some(0)).map(|at| kept.remove(at));
        drop(kept);
        match found {
            Some(own) if own.owner == Some(owner) => own.compressor,
            Some(mut found) if found.window_bits == window_bits => {
                if found.owner.is_some() {
                    found.compressor.reset();
                }
                found.compressor
            }
            _ => Box::new(Compress::new_with_window_bits(Compression::new(LEVEL), false, window_bits)),
        }
    }

    /// Keeps a compressor for its connection, or as new for any.
    pub(super) fn keep(&self, owner: Option<u64>, window_bits: u8, mut compressor: Box<Compress>) {
        if owner.is_none() {
            compressor.reset();
        }
        let mut kept = self.lock();
        let lost = (kept.len() >= MOST).then(|| kept.remove(0));
        kept.push(Kept { owner, window_bits, compressor });
        drop(kept);
        drop(lost);
    }

    /// Forgets what a connection's next message might refer to; its compressor is as new, for any.
    pub(super) fn forget(&self, owner: u64) {
        if let Some(Kept { window_bits, compressor, .. }) = self.remove(owner) {
            self.keep(None, window_bits, compressor);
        }
    }

    /// Lets go of a connection's compressor.
    pub(super) fn leave(&self, owner: u64) {
        drop(self.remove(owner));
    }

    fn remove(&self, owner: u64) -> Option<Kept> {
        let mut kept = self.lock();
        let at = kept.iter().position(|kept| kept.owner == Some(owner))?;
        Some(kept.remove(at))
    }

    /// True when there is one with the window of this connection.
    #[cfg(test)]
    pub(super) fn has(&self, owner: u64) -> bool {
        self.lock().iter().any(|kept| kept.owner == Some(owner))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_connections_the_one_that_was_silent_longest_loses_its_window() {
        let all = Compressors::new();
        let use_one = |owner| all.keep(Some(owner), 15, all.take(owner, 15));
        let owners: Vec<u64> = (0..=MOST as u64).map(|_| all.enter()).collect();
        owners[..MOST].iter().for_each(|owner| use_one(*owner));
        assert!(owners[..MOST].iter().all(|owner| all.has(*owner)));
        use_one(owners[0]);
        use_one(owners[MOST]);
        let left: Vec<_> = owners.iter().filter(|owner| !all.has(**owner)).collect();
        assert_eq!(left, [&owners[1]]);
        all.leave(owners[0]);
        assert!(!all.has(owners[0]));
    }

    #[test]
    fn a_compressor_without_an_owner_goes_to_whoever_has_its_window_size() {
        let all = Compressors::new();
        let made = all.take(1, 15);
        let place = std::ptr::from_ref(&*made);
        all.keep(None, 15, made);
        assert!(!std::ptr::eq(place, &*all.take(2, 9)), "another window");
        let taken = all.take(3, 15);
        assert!(std::ptr::eq(place, &*taken));
        all.keep(Some(3), 15, taken);
        all.forget(3);
        assert!(!all.has(3));
        assert!(std::ptr::eq(place, &*all.take(4, 15)), "one that is forgotten is made anew, not made again");
    }
}
