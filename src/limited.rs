//! Whole files, and no more of them than a limit allows.
//!
//! A value that is read from a file is kept in memory, and a name can stand for something without an end:
//! a device such as `/dev/zero`, or a pipe of a program that never stops. A device is refused by what it
//! is, everything else as soon as it gives more than the limit. Pipes (`<(…)` and FIFOs) are read once, to
//! their end.

use std::{
    fs::{File, Metadata},
    io::{self, IsTerminal, Read},
    os::unix::fs::FileTypeExt,
    path::Path,
};

/// Bytes that are asked for at first; after that as many as there are.
const FIRST: usize = 8 * 1024;

/// Why a file was not read.
#[derive(Debug)]
pub enum Unread {
    /// The system's error.
    Io(io::Error),
    /// It is a device that gives bytes for ever.
    Endless,
    /// It holds more than the limit.
    TooLong,
}

impl From<io::Error> for Unread {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// The content of a file of at most `limit` bytes.
///
/// # Errors
/// See [`Unread`]; not more than the limit was kept in memory.
pub fn read(path: &Path, limit: usize) -> Result<Vec<u8>, Unread> {
    let mut file = File::open(path)?;
    let facts = file.metadata()?;
    if facts.file_type().is_char_device() && !file.is_terminal() {
        // An empty one, such as /dev/null, has an end.
        return match file.read(&mut [0])? {
            0 => Ok(Vec::new()),
            _ => Err(Unread::Endless),
        };
    }
    if facts.is_file() && facts.len() > limit as u64 {
        return Err(Unread::TooLong);
    }
    read_from(&mut file, limit)
}

/// Reads all that `from` gives until its end, at most `limit` bytes.
///
/// # Errors
/// Its own, and [`Unread::TooLong`] one byte beyond the limit.
pub fn read_from(from: &mut dyn Read, limit: usize) -> Result<Vec<u8>, Unread> {
    let mut bytes = Vec::new();
    let mut from = from.take((limit as u64).saturating_add(1));
    loop {
        // Doubles what there is, but never asks for more memory than the limit needs.
        let room = bytes.len().max(FIRST).min((limit + 1).saturating_sub(bytes.len()));
        bytes.reserve_exact(room);
        let read = from.by_ref().take(room as u64).read_to_end(&mut bytes)?;
        if bytes.len() > limit {
            return Err(Unread::TooLong);
        }
        if read < room {
            return Ok(bytes);
        }
    }
}

/// True when a file is a device that gives bytes for ever; nothing else is read to find out.
pub fn is_endless(path: &Path) -> bool {
    let is_device = |facts: &Metadata| facts.file_type().is_char_device();
    path.metadata().is_ok_and(|facts| is_device(&facts)) && matches!(read(path, 0), Err(Unread::Endless))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_file_may_be_as_long_as_the_limit() {
        for length in [0, 1, FIRST - 1, FIRST, FIRST + 1, 3 * FIRST, 5 * FIRST + 7] {
            let content: Vec<u8> = (0..length).map(|at| at as u8).collect();
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(&content).unwrap();
            for limit in [length, length + 1, length + FIRST] {
                assert_eq!(read(file.path(), limit).unwrap(), content, "{length} {limit}");
                assert_eq!(read_from(&mut &content[..], limit).unwrap(), content, "{length} {limit}");
            }
            for limit in [0, length / 2, length.saturating_sub(1)].into_iter().filter(|limit| *limit < length)
            {
                assert!(matches!(read(file.path(), limit), Err(Unread::TooLong)), "{length} {limit}");
                assert!(
                    matches!(read_from(&mut &content[..], limit), Err(Unread::TooLong)),
                    "{length} {limit}"
                );
            }
        }
        assert!(matches!(read(Path::new("/no/such/file"), 9), Err(Unread::Io(_))));
        assert!(matches!(read(Path::new("/"), 9), Err(Unread::Io(_))));
    }

    /// Counts what is asked of it, and never ends.
    struct Endless(usize);

    impl Read for Endless {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            self.0 += into.len();
            Ok(into.len())
        }
    }

    #[test]
    fn what_never_ends_is_left_at_the_limit() {
        for limit in [0, 1, FIRST, 100_000] {
            let mut endless = Endless(0);
            assert!(matches!(read_from(&mut endless, limit), Err(Unread::TooLong)));
            assert_eq!(endless.0, limit + 1);
        }
    }

    #[test]
    fn memory_grows_to_the_limit_and_no_further() {
        let content = vec![7; 100_000];
        let bytes = read_from(&mut &content[..], 100_000).unwrap();
        assert!(bytes.capacity() <= 100_001, "{}", bytes.capacity());
    }

    #[test]
    fn devices_are_told_by_what_they_are() {
        for device in ["/dev/zero", "/dev/urandom"] {
            assert!(matches!(read(Path::new(device), usize::MAX - 1), Err(Unread::Endless)), "{device}");
            assert!(is_endless(Path::new(device)), "{device}");
        }
        assert!(read(Path::new("/dev/null"), 0).unwrap().is_empty());
        for path in ["/dev/null", "/no/such/file", "/"] {
            assert!(!is_endless(Path::new(path)), "{path}");
        }
    }

    #[test]
    fn pipes_are_read_to_their_end_and_not_beyond_the_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fifo");
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        for (length, limit, fits) in [(300_000, 300_000, true), (300_000, 299_999, false)] {
            let writer = std::thread::spawn({
                let path = path.clone();
                // Nobody reads the rest of what is too long.
                move || drop(std::fs::write(path, vec![5; length]))
            });
            let read = read(&path, limit);
            assert_eq!(read.is_ok_and(|bytes| bytes.len() == length), fits);
            writer.join().unwrap();
        }
    }
}
