//! Unix sockets to listen on, and the file each of them leaves in the file system.
//!
//! A server that was killed leaves its file behind and the next one could not bind, so a file that
//! nobody answers at is removed first. Nothing else is ever removed, neither before nor after.

use super::{Dialed, words::words};
use crate::{
    exit::Exit,
    fault::{Fault, Result},
};
use std::{
    fs, io,
    os::unix::fs::{FileTypeExt, MetadataExt},
    path::{Path, PathBuf},
    task::{Context, Poll},
};
use tokio::net::UnixListener;

/// A bound Unix socket; its file goes with it.
pub(super) struct UnixSocket {
    socket: UnixListener,
    path: PathBuf,
    /// Device and inode of the file we made.
    identity: Option<(u64, u64)>,
}

impl UnixSocket {
    /// Binds; a file of a dead server is replaced, anything else that is there is a fault.
    pub(super) fn bind(path: &Path) -> Result<Self> {
        let fault = |why: &str| Fault::new(Exit::Bind, "listen", format!("unix:{}: {why}", path.display()));
        if let Ok(metadata) = fs::symlink_metadata(path) {
            if !metadata.file_type().is_socket() {
                return Err(fault("the file exists and is not a socket")
                    .hint("name another path, or remove the file"));
            }
            match std::os::unix::net::UnixStream::connect(path) {
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                    fs::remove_file(path).map_err(|error| fault(&words(&error)))?;
                }
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                    return Err(fault(&words(&error)));
                }
                _ => return Err(fault("another server listens there").hint("stop it, or name another path")),
            }
        }
        let socket = UnixListener::bind(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                fault("the directory does not exist").hint("make it, or name another path")
            }
            _ => fault(&words(&error)),
        })?;
        Ok(Self { socket, identity: identity(path), path: path.to_owned() })
    }

    /// `unix:/path`.
    pub(super) fn name(&self) -> String {
        format!("unix:{}", self.path.display())
    }

    /// The next client; it has no name of its own, so the peer is the socket's.
    pub(super) fn poll_accept(&self, context: &mut Context<'_>) -> Poll<io::Result<Dialed>> {
        self.socket
            .poll_accept(context)
            .map_ok(|(stream, _)| Dialed { stream: Box::pin(stream), peer: self.name() })
    }
}

impl Drop for UnixSocket {
    fn drop(&mut self) {
        // Another server may have put its own file there meanwhile.
        if self.identity.is_some() && identity(&self.path) == self.identity {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::symlink_metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{ListenAddr, Listener, dial_unix};

    #[tokio::test]
    async fn dials_accepts_and_removes_its_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.sock");
        let mut listener = Listener::bind(&ListenAddr::Unix(path.clone())).await.unwrap();
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
        let live = UnixSocket::bind(&path).unwrap();
        let fault = UnixSocket::bind(&path).err().unwrap();
        assert_eq!(fault.exit, Exit::Bind);
        assert!(fault.cause.contains("another server"), "{fault}");
        drop(live);
    }

    #[tokio::test]
    async fn other_files_are_never_touched() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.txt");
        fs::write(&path, "precious").unwrap();
        assert!(UnixSocket::bind(&path).err().unwrap().cause.contains("not a socket"));
        assert_eq!(fs::read(&path).unwrap(), b"precious");

        let socket = directory.path().join("b.sock");
        let listening = UnixSocket::bind(&socket).unwrap();
        fs::remove_file(&socket).unwrap();
        fs::write(&socket, "someone else's").unwrap();
        drop(listening);
        assert!(socket.exists());
    }
}
