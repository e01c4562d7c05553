//! Memory for what a peer sends, which may be refused.
//!
//! Most allocations of a program end it when they fail, and they are everywhere: connections, tasks,
//! lines of a log. They are also small. What a peer can make large is asked for here instead: it is
//! refused while there is still enough for everything else, so that it costs that peer alone. Where the
//! system gives more than it has and kills whom it likes, nothing is ever refused; then the limit on what
//! all sessions hold is what keeps it from that.

use std::hint::black_box;

/// Up to this much is given without a look at what is left: it is bounded by the number of connections.
/// Bytes.
pub(super) const FREE: usize = 64 * 1024;
/// Memory that must be left. Above glibc's largest threshold for memory maps, so asking for it costs two
/// system calls and moves no threshold. Bytes.
const SPARE: usize = 40 << 20;

/// Returns whether there is memory for so many bytes, and enough left for allocations that cannot be refused.
pub(super) fn has_spare(bytes: usize) -> bool {
    let mut spare = Vec::<u8>::new();
    let is_there = bytes.checked_add(SPARE).is_some_and(|wanted| spare.try_reserve_exact(wanted).is_ok());
    // Otherwise a compiler may take it for given.
    black_box(&spare);
    is_there
}

/// Makes room for `more` bytes, and for twice of what is there or for `first`, but for `most` at most unless
/// more is needed; `None` when there is no memory.
pub(super) fn grow(bytes: &mut Vec<u8>, more: usize, first: usize, most: usize) -> Option<()> {
    let needed = bytes.len().checked_add(more)?;
    let wanted = needed.max(bytes.len().saturating_mul(2).max(first).min(most));
    if wanted > FREE && !has_spare(wanted) {
        return None;
    }
    bytes.try_reserve_exact(wanted - bytes.len()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_any_address_space_has_is_refused() {
        assert!(!has_spare(isize::MAX as usize - SPARE) && !has_spare(usize::MAX));
        assert_eq!(grow(&mut Vec::new(), isize::MAX as usize - SPARE, 0, usize::MAX), None);
        assert_eq!(grow(&mut vec![0], usize::MAX, 0, 0), None);
    }

    #[test]
    fn room_is_what_is_needed_or_twice_of_what_is_there() {
        for (length, more, first, most, expected) in [
            (0, 10, 0, 100, 10),
            (0, 10, 64, 100, 64),
            (0, 10, 64, 20, 20),
            (0, 10, 64, 5, 10),
            (100, 1, 64, 1000, 200),
            (100, 1, 64, 150, 150),
            (FREE, 1, 64, usize::MAX, 2 * FREE),
        ] {
            let mut bytes = vec![0; length];
            assert_eq!(grow(&mut bytes, more, first, most), Some(()));
            assert_eq!(bytes.capacity(), expected);
        }
    }
}
