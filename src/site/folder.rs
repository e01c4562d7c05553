//! Opening a file below a folder, and never one outside of it.
//!
//! The kernel decides where it can: Linux's `openat2` with RESOLVE_BENEATH follows symbolic links as long
//! as they stay below the folder, with no moment between the check and the use. A link that is absolute
//! but leads back in is resolved by name and then opened without following any. Elsewhere, and where a
//! sandbox lacks the call, the path is resolved and compared, which holds against everybody but those who
//! can change the folder meanwhile.
//!
//! A look comes before the opening: a FIFO is never opened, for that alone would wake its writer up.

use rustix::fs::OFlags;
use std::{
    fs::{self, File, Metadata},
    io,
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

/// A file or folder that was found at a path.
pub(super) enum FoundEntry {
    /// A regular file, open.
    File(File, Metadata),
    /// A folder.
    Folder,
}

/// Opens what stands at `path`, which holds no `..`, below the folder.
///
/// # Errors
/// `NotFound` for what is not there, leads out, or is neither file nor folder; others as they come.
pub(super) fn open(folder: &Path, path: &str) -> io::Result<FoundEntry> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let found = beneath::open(folder, path).unwrap_or_else(|| compared(folder, path));
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let found = compared(folder, path);
    // std has no stable kind for a link that leads to itself.
    found.map_err(|error| match error.raw_os_error() {
        Some(errno) if errno == rustix::io::Errno::LOOP.raw_os_error() => {
            io::Error::new(io::ErrorKind::NotFound, "it leads to itself")
        }
        _ => error,
    })
}

/// Resolves, compares, then opens.
fn compared(folder: &Path, path: &str) -> io::Result<FoundEntry> {
    let real = folder.join(resolved(folder, path)?);
    let look = fs::symlink_metadata(&real)?;
    if look.is_dir() {
        return Ok(FoundEntry::Folder);
    }
    regular(&look)?;
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let flags = i32::try_from(flags.bits()).unwrap_or_default();
    file(File::options().read(true).custom_flags(flags).open(&real)?)
}

/// The path below the folder without any link in it.
fn resolved(folder: &Path, path: &str) -> io::Result<std::path::PathBuf> {
    let real = fs::canonicalize(folder.join(path))?;
    let outside = |_| io::Error::new(io::ErrorKind::NotFound, "it leads out of the folder");
    real.strip_prefix(fs::canonicalize(folder)?).map(Path::to_owned).map_err(outside)
}

fn file(file: File) -> io::Result<FoundEntry> {
    let metadata = file.metadata()?;
    regular(&metadata)?;
    Ok(FoundEntry::File(file, metadata))
}

fn regular(metadata: &Metadata) -> io::Result<()> {
    match metadata.is_file() {
        true => Ok(()),
        false => Err(io::Error::new(io::ErrorKind::NotFound, "it is not a regular file")),
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod beneath {
    use super::{FoundEntry, file, regular, resolved};
    use rustix::{
        fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2},
        io::Errno,
    };
    use std::{
        fs::File,
        io,
        os::fd::{AsFd, OwnedFd},
        path::Path,
    };

    /// Attempts to open a path that is moved meanwhile.
    const TRIES: usize = 8;

    /// As [`super::open`]; `None` where the system call is missing.
    pub(super) fn open(folder: &Path, path: &str) -> Option<io::Result<FoundEntry>> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let below = match openat(CWD, folder, flags, Mode::empty()) {
            Ok(below) => below,
            Err(errno) => return Some(Err(errno.into())),
        };
        let stay = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        match look_and_open(&below, Path::new(path), stay) {
            Ok(found) => Some(found),
            Err(Errno::NOSYS | Errno::PERM) => None,
            // Only a link can lead out, and an absolute one may lead in again.
            Err(Errno::XDEV) => Some(
                resolved(folder, path)
                    .and_then(|path| look_and_open(&below, &path, stay | ResolveFlags::NO_SYMLINKS)?),
            ),
            Err(errno) => Some(Err(errno.into())),
        }
    }

    fn look_and_open(
        below: &OwnedFd,
        path: &Path,
        stay: ResolveFlags,
    ) -> Result<io::Result<FoundEntry>, Errno> {
        let look = File::from(one(below, path, OFlags::PATH, stay)?);
        let metadata = match look.metadata() {
            Ok(metadata) if metadata.is_dir() => return Ok(Ok(FoundEntry::Folder)),
            Ok(metadata) => metadata,
            Err(error) => return Ok(Err(error)),
        };
        if let Err(error) = regular(&metadata) {
            return Ok(Err(error));
        }
        // Should it have become a FIFO since, the opening does not wait.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
        Ok(file(File::from(one(below, path, flags, stay)?)))
    }

    fn one(below: &OwnedFd, path: &Path, flags: OFlags, stay: ResolveFlags) -> Result<OwnedFd, Errno> {
        let once = || openat2(below.as_fd(), path, flags | OFlags::CLOEXEC, Mode::empty(), stay);
        let mut opened = once();
        for _ in 1..TRIES {
            if !matches!(opened, Err(Errno::AGAIN | Errno::INTR)) {
                break;
            }
            opened = once();
        }
        opened
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{io::Read, os::unix::fs::symlink};

    type Way = fn(&Path, &str) -> io::Result<FoundEntry>;

    /// Both have to judge alike.
    const WAYS: [(&str, Way); 2] = [("open", open), ("compared", compared)];

    fn told(found: io::Result<FoundEntry>) -> String {
        match found {
            Ok(FoundEntry::File(mut file, metadata)) => {
                let mut text = String::new();
                file.read_to_string(&mut text).unwrap();
                assert_eq!(metadata.len(), text.len() as u64);
                text
            }
            Ok(FoundEntry::Folder) => "folder".into(),
            Err(error) => format!("{:?}", error.kind()),
        }
    }

    #[test]
    fn links_stay_inside_and_only_files_are_opened() {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("secret"), "secret").unwrap();
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("site");
        fs::create_dir_all(folder.join("sub/deep")).unwrap();
        // A folder whose name begins with this folder's.
        fs::create_dir(home.path().join("site-secret")).unwrap();
        fs::write(home.path().join("site-secret/x"), "secret").unwrap();
        fs::write(folder.join("a"), "A").unwrap();
        fs::write(folder.join("sub/b"), "B").unwrap();
        symlink("sub/b", folder.join("relative")).unwrap();
        symlink(folder.join("sub/b"), folder.join("absolute")).unwrap();
        symlink("../a", folder.join("sub/up")).unwrap();
        symlink(folder.join("sub"), folder.join("linked")).unwrap();
        symlink(outside.path().join("secret"), folder.join("out")).unwrap();
        symlink(outside.path(), folder.join("outside")).unwrap();
        symlink("../site-secret/x", folder.join("sibling")).unwrap();
        symlink("../../../../../../../../etc/passwd", folder.join("sub/passwd")).unwrap();
        symlink("/proc/self/cwd/Cargo.toml", folder.join("magic")).unwrap();
        symlink("nothing", folder.join("dangling")).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            folder.join("fifo"),
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RWXU,
            0,
        )
        .unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(folder.join("socket")).unwrap();
        // The folder itself may be a link: the user named it.
        let linked = home.path().join("linked");
        symlink(&folder, &linked).unwrap();
        for (path, expected) in [
            ("a", "A"),
            ("sub/b", "B"),
            ("sub", "folder"),
            ("sub/deep", "folder"),
            ("relative", "B"),
            ("absolute", "B"),
            ("sub/up", "A"),
            ("linked/b", "B"),
            ("linked", "folder"),
            ("out", "NotFound"),
            ("outside", "NotFound"),
            ("outside/secret", "NotFound"),
            ("sibling", "NotFound"),
            ("sub/passwd", "NotFound"),
            ("magic", "NotFound"),
            ("dangling", "NotFound"),
            ("nothing", "NotFound"),
            ("fifo", "NotFound"),
            ("socket", "NotFound"),
            ("a/index.html", "NotADirectory"),
        ] {
            for (way, open) in WAYS {
                for folder in [&folder, &linked] {
                    assert_eq!(told(open(folder, path)), expected, "{path} by {way}");
                }
            }
        }
    }

    #[test]
    fn a_link_that_leads_to_itself_is_not_there() {
        let home = tempfile::tempdir().unwrap();
        symlink("loop", home.path().join("loop")).unwrap();
        assert_eq!(told(open(home.path(), "loop")), "NotFound");
        assert!(compared(home.path(), "loop").is_err());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_fifos_writer_is_not_woken_up() {
        let home = tempfile::tempdir().unwrap();
        let fifo = home.path().join("fifo");
        let mode = rustix::fs::Mode::RWXU;
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        let (opened, is_opened) = std::sync::mpsc::channel();
        let path = fifo.clone();
        let writer = std::thread::spawn(move || {
            let _writing = File::options().write(true).open(path);
            let _ = opened.send(());
        });
        for (_, open) in WAYS {
            assert_eq!(told(open(home.path(), "fifo")), "NotFound");
        }
        assert!(is_opened.recv_timeout(std::time::Duration::from_millis(50)).is_err());
        drop(File::open(&fifo).unwrap());
        writer.join().unwrap();
    }
}
