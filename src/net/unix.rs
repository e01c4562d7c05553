//! Unix sockets to listen on, and the file each of them leaves in the file system.
//!
//! A server that was killed leaves its file behind and the next one could not bind, so a file of ours
//! that nobody answers at is removed first. Nothing else is ever removed, neither before nor after.
//!
//! The file never has wider permissions than asked for: the socket gets them before it gets its name
//! (Linux takes a socket's own mode, less the umask, for the file), what the umask took is given back
//! through a handle that follows no link, and only then does it listen.

use super::Dialed;
use crate::{
    exit::Exit,
    fault::{Fault, Result},
    os_error,
    stream::Roaming,
};
use rustix::{
    fs::{FlockOperation, Mode, OFlags, flock},
    io::Errno,
    net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType},
};
use std::{
    fs, io,
    os::{
        fd::OwnedFd,
        unix::fs::{FileTypeExt, MetadataExt},
    },
    path::{Path, PathBuf},
    task::{Context, Poll},
    thread,
    time::Duration,
};
use tokio::net::{UnixListener, UnixSocket as Unbound};

/// Clients that may wait to be accepted.
const BACKLOG: u32 = 1024;
/// Longest wait for another server that starts in the same folder, in steps of 10 ms.
const STEPS: usize = 50;

/// A bound Unix socket; its file goes with it when we made it.
pub(super) struct UnixSocket {
    socket: UnixListener,
    /// Empty for an inherited socket without a name.
    path: PathBuf,
    /// Device and inode of the file we made.
    identity: Option<(u64, u64)>,
}

impl UnixSocket {
    /// Binds; a file of a dead server of ours is replaced, anything else that is there is a fault.
    pub(super) fn bind(path: &Path, mode: Option<u32>) -> Result<Self> {
        // Until it listens, a socket looks dead: of two that start at once, one must not remove the other's.
        let _alone = alone(path);
        make_room(path)?;
        let fault = |error: &io::Error| match error.kind() {
            io::ErrorKind::NotFound => {
                unbound(path, "the directory does not exist").hint("make it, or name another path")
            }
            _ => unbound(path, &os_error::words(error)),
        };
        let socket = Unbound::new_stream().map_err(|error| fault(&error))?;
        if let Some(mode) = mode {
            // Not every system takes the mode here, so it is also set below, still before anyone can connect.
            let _ = rustix::fs::fchmod(&socket, Mode::from_raw_mode(mode as _));
        }
        socket.bind(path).map_err(|error| fault(&error))?;
        let mut bound = Bound { path: Some(path), identity: identity(path) };
        if let Some(mode) = mode {
            permit(path, bound.identity, mode).map_err(|error| {
                unbound(path, &format!("cannot set its permissions: {}", os_error::words(&error)))
            })?;
        }
        let socket = socket.listen(BACKLOG).map_err(|error| fault(&error))?;
        bound.path = None;
        Ok(Self { socket, identity: bound.identity, path: path.to_owned() })
    }

    /// Takes over a socket that our parent bound: its file is not ours to remove.
    pub(super) fn inherited(socket: OwnedFd) -> io::Result<Self> {
        let socket = std::os::unix::net::UnixListener::from(socket);
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        let path = address.as_pathname().map(Path::to_owned).unwrap_or_default();
        Ok(Self { socket: UnixListener::from_std(socket)?, path, identity: None })
    }

    /// `unix:/path`.
    pub(super) fn name(&self) -> String {
        format!("unix:{}", self.path.display())
    }

    /// The next client; it has no name of its own, so the peer is the socket's.
    pub(super) fn poll_accept(&self, context: &mut Context<'_>) -> Poll<io::Result<Dialed>> {
        self.socket
            .poll_accept(context)
            .map_ok(|(stream, _)| Dialed { stream: Box::pin(Roaming::new(stream)), peer: self.name() })
    }
}

impl Drop for UnixSocket {
    fn drop(&mut self) {
        remove_own(&self.path, self.identity);
    }
}

/// The file of a socket that may not come to listen.
struct Bound<'a> {
    path: Option<&'a Path>,
    identity: Option<(u64, u64)>,
}

impl Drop for Bound<'_> {
    fn drop(&mut self) {
        if let Some(path) = self.path {
            remove_own(path, self.identity);
        }
    }
}

/// Removes the file unless another server has put its own there meanwhile.
fn remove_own(path: &Path, own: Option<(u64, u64)>) {
    if own.is_some() && identity(path) == own {
        let _ = fs::remove_file(path);
    }
}

/// Removes the file of a dead server of ours; anything else that is there is a fault.
fn make_room(path: &Path) -> Result<()> {
    let Ok(found) = fs::symlink_metadata(path) else { return Ok(()) };
    if !found.file_type().is_socket() {
        return Err(unbound(path, "the file exists and is not a socket")
            .hint("name another path, or remove the file"));
    }
    match probe(path) {
        Err(Errno::CONNREFUSED) if found.uid() == rustix::process::geteuid().as_raw() => {
            fs::remove_file(path).map_err(|error| unbound(path, &os_error::words(&error)))
        }
        Err(Errno::CONNREFUSED) => Err(unbound(path, "a dead socket of another user is in the way")
            .hint("remove it, or name another path")),
        Err(Errno::ACCESS) => Err(unbound(path, &os_error::words(&Errno::ACCESS.into()))),
        _ => Err(unbound(path, "another server listens there").hint("stop it, or name another path")),
    }
}

/// Connects and hangs up at once, without waiting for a server that accepts nobody.
fn probe(path: &Path) -> std::result::Result<(), Errno> {
    // Apple's systems set close-on-exec in a call of its own.
    #[cfg(not(target_vendor = "apple"))]
    let flags = SocketFlags::CLOEXEC;
    #[cfg(target_vendor = "apple")]
    let flags = SocketFlags::empty();
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::CLOEXEC)?;
    rustix::io::ioctl_fionbio(&socket, true)?;
    rustix::net::connect(&socket, &SocketAddrUnix::new(path)?)
}

/// Holds others off who start in the same folder; without a lock it has to go on alone.
fn alone(path: &Path) -> Option<OwnedFd> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = rustix::fs::open(folder, flags, Mode::empty()).ok()?;
    for _ in 0..STEPS {
        match flock(&folder, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => thread::sleep(Duration::from_millis(10)),
            other => return other.ok().map(|()| folder),
        }
    }
    None
}

/// Gives the file of our socket these permissions, whatever the umask.
#[cfg(target_os = "linux")]
fn permit(path: &Path, own: Option<(u64, u64)>, mode: u32) -> io::Result<()> {
    use std::os::fd::AsRawFd;
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = fs::File::from(rustix::fs::open(path, flags, Mode::empty())?);
    let found = file.metadata()?;
    if Some((found.dev(), found.ino())) != own {
        return Err(io::Error::other("another file has taken its place"));
    }
    if found.mode() & 0o7777 == mode {
        return Ok(());
    }
    // A handle made with O_PATH is changed through its name in /proc.
    let name = format!("/proc/self/fd/{}", file.as_raw_fd());
    Ok(rustix::fs::chmod(name, Mode::from_raw_mode(mode))?)
}

/// Gives the file of our socket these permissions, whatever the umask.
#[cfg(not(target_os = "linux"))]
fn permit(path: &Path, _: Option<(u64, u64)>, mode: u32) -> io::Result<()> {
    use rustix::fs::{AtFlags, CWD, chmodat};
    Ok(chmodat(CWD, path, Mode::from_raw_mode(mode as _), AtFlags::SYMLINK_NOFOLLOW)?)
}

fn unbound(path: &Path, why: &str) -> Fault {
    Fault::new(Exit::Bind, "listen", format!("unix:{}: {why}", path.display()))
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::symlink_metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{BindOptions, ListenAddr, Listener, dial_unix};

    #[tokio::test]
    async fn dials_accepts_and_removes_its_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.sock");
        let mut listener =
            Listener::bind(&ListenAddr::Unix(path.clone()), &BindOptions::default()).await.unwrap();
        let dialed = dial_unix(&path).await.unwrap();
        assert_eq!(dialed.peer, format!("unix:{}", path.display()));
        let accepted = listener.accept().await.unwrap();
        assert_eq!(accepted.peer, dialed.peer);
        assert_eq!(listener.addresses(), [dialed.peer]);
        drop(listener);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_stale_file_is_replaced_and_a_live_one_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let live = UnixSocket::bind(&path, None).unwrap();
        let fault = UnixSocket::bind(&path, None).err().unwrap();
        assert_eq!(fault.exit, Exit::Bind);
        assert!(fault.cause.contains("another server"), "{fault}");
        drop(live);
    }

    #[tokio::test]
    async fn other_files_are_never_touched() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.txt");
        fs::write(&path, "precious").unwrap();
        assert!(UnixSocket::bind(&path, None).err().unwrap().cause.contains("not a socket"));
        assert_eq!(fs::read(&path).unwrap(), b"precious");

        let socket = directory.path().join("b.sock");
        let listening = UnixSocket::bind(&socket, None).unwrap();
        fs::remove_file(&socket).unwrap();
        fs::write(&socket, "someone else's").unwrap();
        drop(listening);
        assert!(socket.exists());
    }

    #[tokio::test]
    async fn the_file_has_the_permissions_that_were_asked_for() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.sock");
        for mode in [0o600, 0o660, 0o666, 0o777, 0o622] {
            let socket = UnixSocket::bind(&path, Some(mode)).unwrap();
            assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, mode);
            drop(socket);
            assert!(!path.exists());
        }
    }

    #[tokio::test]
    async fn a_dead_socket_of_another_user_stays() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        // Only root can give a file away.
        if std::os::unix::fs::chown(&path, Some(65534), None).is_ok() {
            assert!(UnixSocket::bind(&path, None).err().unwrap().cause.contains("another user"));
            assert!(path.exists());
        }
    }

    #[tokio::test]
    async fn a_server_that_accepts_nobody_is_alive() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.sock");
        let full = Unbound::new_stream().unwrap();
        full.bind(&path).unwrap();
        let _full = full.listen(1).unwrap();
        let _waiting: Vec<_> = (0..4).map(|_| probe(&path)).collect();
        assert!(UnixSocket::bind(&path, None).err().unwrap().cause.contains("another server"));
    }

    #[tokio::test]
    async fn of_many_that_start_at_once_one_gets_a_dead_ones_place() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.sock");
        let runtime = tokio::runtime::Handle::current();
        for _ in 0..50 {
            drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
            let start = std::sync::Barrier::new(4);
            let bound: Vec<_> = thread::scope(|scope| {
                let one = || {
                    let _entered = runtime.enter();
                    start.wait();
                    UnixSocket::bind(&path, Some(0o600))
                };
                let threads: Vec<_> = (0..4).map(|_| scope.spawn(one)).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            assert_eq!(bound.iter().filter(|bound| bound.is_ok()).count(), 1);
            assert_eq!(probe(&path), Ok(()), "the one that got it is reached there");
        }
    }

    #[tokio::test]
    async fn an_inherited_sockets_file_stays() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.sock");
        let theirs = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let socket = UnixSocket::inherited(theirs.into()).unwrap();
        assert_eq!(socket.name(), format!("unix:{}", path.display()));
        drop(socket);
        assert!(path.exists());
    }
}
