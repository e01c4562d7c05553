//! The sockets that an address to listen on stands for, and why one could not be bound.
//!
//! The same for streams and datagrams: a bare port is both loopback addresses, a name is all of its
//! addresses, and port 0 is one free port that they share.

use super::{Dialed, ListenAddr, resolve::is_localhost, unix::UnixSocket};
use crate::{
    exit::Exit,
    fault::{Fault, Result},
    os_error,
    stream::{Roaming, tune},
};
use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    task::{Context, Poll},
};
use tokio::net::{TcpListener, TcpSocket, lookup_host};

/// Most further tries to find a port that is free on both loopback addresses.
const TRIES: usize = 8;

/// Clients that may wait to be accepted.
const BACKLOG: u32 = 1024;

/// A kind of socket that can be bound.
pub(super) trait Bind: Sized {
    /// Binds one socket.
    fn bind(at: SocketAddr) -> io::Result<Self>;
    /// The address that it is bound to.
    fn local(&self) -> io::Result<SocketAddr>;
}

/// A bound socket.
pub(super) enum Socket {
    /// With the address that it is bound to.
    Tcp(TcpListener, SocketAddr),
    Unix(UnixSocket),
}

/// Sockets, or the address that failed and why.
type Bound<S> = std::result::Result<Vec<S>, (SocketAddr, io::Error)>;

/// Both loopback addresses on one port; fails with [`Exit::Bind`].
pub(super) fn loopback<S: Bind>(port: u16) -> Result<Vec<S>> {
    both(port).map_err(|(at, error)| unbound(at, &error))
}

/// Every address of a host on one port; fails with [`Exit::Bind`].
pub(super) async fn host<S: Bind>(host: &str, port: u16) -> Result<Vec<S>> {
    if is_localhost(host) {
        return loopback(port);
    }
    let found = lookup_host((host, port)).await.map_err(|error| {
        Fault::new(Exit::Bind, "listen", format!("cannot find the address of {host}: {error}"))
    })?;
    every(found.collect()).map_err(|(at, error)| unbound(at, &error))
}

/// 127.0.0.1 and, where there is IPv6, ::1 on the same port.
fn both<S: Bind>(port: u16) -> Bound<S> {
    let mut tries = 0;
    loop {
        let v4 = one::<S>((Ipv4Addr::LOCALHOST, port).into())?;
        let taken = v4.local().map_or(port, |address| address.port());
        match one((Ipv6Addr::LOCALHOST, taken).into()) {
            Ok(v6) => return Ok(vec![v4, v6]),
            Err((_, error)) if no_family(&error) => return Ok(vec![v4]),
            // A free IPv4 port may be taken on ::1: try another one.
            Err((_, error)) if port == 0 && error.kind() == io::ErrorKind::AddrInUse && tries < TRIES => {
                tries += 1
            }
            Err(failure) => return Err(failure),
        }
    }
}

/// Every address of a name, all with the port that the first one got.
fn every<S: Bind>(addresses: Vec<SocketAddr>) -> Bound<S> {
    let mut sockets: Vec<S> = Vec::new();
    let mut seen = Vec::new();
    let mut missing = None;
    for mut address in addresses {
        if seen.contains(&address) {
            continue;
        }
        seen.push(address);
        if let Some(Ok(first)) = sockets.first().map(Bind::local) {
            address.set_port(first.port());
        }
        match one(address) {
            Ok(socket) => sockets.push(socket),
            Err((at, error)) if no_family(&error) => missing = Some((at, error)),
            Err(failure) => return Err(failure),
        }
    }
    match missing {
        Some(failure) if sockets.is_empty() => Err(failure),
        _ if sockets.is_empty() => Err((
            (Ipv4Addr::UNSPECIFIED, 0).into(),
            io::Error::new(io::ErrorKind::NotFound, "the name has no address"),
        )),
        _ => Ok(sockets),
    }
}

fn one<S: Bind>(address: SocketAddr) -> std::result::Result<S, (SocketAddr, io::Error)> {
    S::bind(address).map_err(|error| (address, error))
}

/// True when the error says that the machine lacks this family or address.
fn no_family(error: &io::Error) -> bool {
    if error.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error()) {
        return true;
    }
    matches!(error.kind(), io::ErrorKind::AddrNotAvailable | io::ErrorKind::Unsupported)
}

fn unbound(at: SocketAddr, error: &io::Error) -> Fault {
    let fault = Fault::new(Exit::Bind, "listen", format!("{at}: {}", os_error::words(error)));
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            fault.hint("stop the program that has the port, take another port, or 0 for a free one")
        }
        io::ErrorKind::PermissionDenied if at.port() < 1024 => {
            fault.hint("take a port of 1024 or above; lower ones need privileges")
        }
        io::ErrorKind::AddrNotAvailable => {
            fault.hint("take an address of this machine, or 0.0.0.0 for every interface")
        }
        _ => fault,
    }
}

/// An address that this kind of socket cannot have.
pub(super) fn unfit(address: &ListenAddr, why: &str) -> Fault {
    Fault::new(Exit::Bind, "listen", format!("{address}: {why}"))
}

impl Socket {
    /// A bound socket of TCP, whose address is asked for once.
    pub(super) fn tcp(socket: TcpListener) -> io::Result<Self> {
        socket.local_addr().map(|address| Self::Tcp(socket, address))
    }

    /// The next client.
    pub(super) fn poll_accept(&self, context: &mut Context<'_>) -> Poll<io::Result<Dialed>> {
        match self {
            Socket::Tcp(socket, _) => socket.poll_accept(context).map_ok(|(stream, peer)| {
                tune(&stream);
                Dialed { stream: Box::pin(Roaming::new(stream)), peer: peer.to_string() }
            }),
            Socket::Unix(socket) => socket.poll_accept(context),
        }
    }
}

impl Bind for TcpListener {
    fn bind(at: SocketAddr) -> io::Result<Self> {
        let socket = if at.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        // A restarted server must not wait for its old connections' TIME_WAIT.
        socket.set_reuseaddr(true)?;
        socket.bind(at)?;
        socket.listen(BACKLOG)
    }

    fn local(&self) -> io::Result<SocketAddr> {
        self.local_addr()
    }
}
