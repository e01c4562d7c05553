//! Listening: one listener over every socket that an address stands for.
//!
//! A bare port means both loopback addresses, a name may have several, so a [`Listener`] holds a few
//! sockets and takes turns among them. Accepting only accepts: whatever a client may delay is the
//! business of its own task.

use super::{
    Dialed, ListenAddr,
    words::{is_exhausted, words},
};
use crate::{
    exit::Exit,
    fault::{Fault, Result},
};
use std::{
    future::poll_fn,
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpSocket, lookup_host},
    time::{Instant, sleep_until},
};

/// How long accepting pauses when descriptors are used up.
const PAUSE: Duration = Duration::from_millis(100);
/// How often a free port is looked for that both loopback addresses have.
const TRIES: usize = 8;
/// Clients that may wait to be accepted.
const BACKLOG: u32 = 1024;

/// Bound sockets, ready to accept.
pub struct Listener {
    sockets: Vec<Socket>,
    /// Which socket is asked first next time.
    turn: usize,
    /// No accepting before this moment.
    resume: Option<Instant>,
}

enum Socket {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(super::unix::UnixSocket),
}

impl Listener {
    /// Binds and listens; fails with [`Exit::Bind`].
    pub async fn bind(address: &ListenAddr) -> Result<Listener> {
        let sockets = match address {
            ListenAddr::Loopback(port) => loopback(*port),
            ListenAddr::Host(host, port) => {
                let found = lookup_host((host.as_str(), *port)).await.map_err(|error| {
                    Fault::new(Exit::Bind, "listen", format!("cannot find the address of {host}: {error}"))
                })?;
                every(found.collect())
            }
            #[cfg(unix)]
            ListenAddr::Unix(path) => {
                return super::unix::UnixSocket::bind(path).map(Socket::Unix).map(Self::over_one);
            }
            #[cfg(not(unix))]
            ListenAddr::Unix(_) => {
                return Err(Fault::new(Exit::Bind, "listen", "this system has no Unix sockets"));
            }
        };
        match sockets {
            Ok(sockets) => Ok(Self::over(sockets.into_iter().map(Socket::Tcp).collect())),
            Err((at, error)) => Err(unbound(at, &error)),
        }
    }

    /// The next client of any socket, in turn; cancel-safe.
    ///
    /// An error is worth a note; the listener goes on, so call again. A shortage of descriptors pauses
    /// it for 100 ms. Clients that left before they were accepted are passed over.
    pub async fn accept(&mut self) -> io::Result<Dialed> {
        if let Some(moment) = self.resume {
            sleep_until(moment).await;
            self.resume = None;
        }
        loop {
            let accepted = poll_fn(|context| self.poll_accept(context)).await;
            match accepted {
                Err(error) if is_passing(&error) => {}
                Err(error) => {
                    // Whatever it is, asking again at once would spin.
                    self.resume = Some(Instant::now() + PAUSE);
                    return Err(if is_exhausted(&error) { io::Error::other(words(&error)) } else { error });
                }
                Ok(dialed) => return Ok(dialed),
            }
        }
    }

    /// Every address bound: `127.0.0.1:43211`, `[::1]:43211`, `unix:/path`.
    pub fn addresses(&self) -> Vec<String> {
        let name = |socket: &Socket| match socket {
            Socket::Tcp(socket) => {
                socket.local_addr().map_or_else(|_| "?".to_owned(), |address| address.to_string())
            }
            #[cfg(unix)]
            Socket::Unix(socket) => socket.name(),
        };
        self.sockets.iter().map(name).collect()
    }

    /// Whether only this machine can reach it, by TCP.
    pub fn is_loopback(&self) -> bool {
        self.reach().all(|address| address.is_some_and(|address| address.ip().to_canonical().is_loopback()))
    }

    /// Whether other machines may reach it.
    pub fn is_public(&self) -> bool {
        self.reach().any(|address| address.is_some_and(|address| !address.ip().to_canonical().is_loopback()))
    }

    /// The TCP address of each socket; `None` for a Unix socket.
    fn reach(&self) -> impl Iterator<Item = Option<SocketAddr>> {
        self.sockets.iter().map(|socket| match socket {
            Socket::Tcp(socket) => socket.local_addr().ok(),
            #[cfg(unix)]
            Socket::Unix(_) => None,
        })
    }

    fn over(sockets: Vec<Socket>) -> Self {
        Self { sockets, turn: 0, resume: None }
    }

    #[cfg(unix)]
    fn over_one(socket: Socket) -> Self {
        Self::over(vec![socket])
    }

    fn poll_accept(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Dialed>> {
        for offset in 0..self.sockets.len() {
            let index = (self.turn + offset) % self.sockets.len();
            if let Poll::Ready(accepted) = self.sockets[index].poll_accept(context) {
                self.turn = index + 1;
                return Poll::Ready(accepted);
            }
        }
        Poll::Pending
    }
}

impl Socket {
    fn poll_accept(&self, context: &mut Context<'_>) -> Poll<io::Result<Dialed>> {
        match self {
            Socket::Tcp(socket) => socket.poll_accept(context).map_ok(|(stream, peer)| {
                // Without it small messages wait for the peer's delayed ACK.
                let _ = stream.set_nodelay(true);
                Dialed { stream: Box::pin(stream), peer: peer.to_string() }
            }),
            #[cfg(unix)]
            Socket::Unix(socket) => socket.poll_accept(context),
        }
    }
}

/// Sockets, or the address that failed and why.
type Bound = std::result::Result<Vec<TcpListener>, (SocketAddr, io::Error)>;

/// 127.0.0.1 and, where there is IPv6, ::1 on the same port.
fn loopback(port: u16) -> Bound {
    let mut tries = 0;
    loop {
        let v4 = tcp((Ipv4Addr::LOCALHOST, port).into())?;
        let taken = v4.local_addr().map_or(port, |address| address.port());
        match tcp((Ipv6Addr::LOCALHOST, taken).into()) {
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
fn every(addresses: Vec<SocketAddr>) -> Bound {
    let mut sockets: Vec<TcpListener> = Vec::new();
    let mut seen = Vec::new();
    let mut missing = None;
    for mut address in addresses {
        if seen.contains(&address) {
            continue;
        }
        seen.push(address);
        if let Some(Ok(first)) = sockets.first().map(TcpListener::local_addr) {
            address.set_port(first.port());
        }
        match tcp(address) {
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

fn tcp(address: SocketAddr) -> std::result::Result<TcpListener, (SocketAddr, io::Error)> {
    let open = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        // A restarted server must not wait for its old connections' TIME_WAIT. On Windows the same
        // option would let two servers share a port.
        #[cfg(unix)]
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    open().map_err(|error| (address, error))
}

/// Whether the error says that the machine lacks this family or address.
fn no_family(error: &io::Error) -> bool {
    #[cfg(unix)]
    if error.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error()) {
        return true;
    }
    matches!(error.kind(), io::ErrorKind::AddrNotAvailable | io::ErrorKind::Unsupported)
}

/// Whether the error belongs to one client that left early, not to the listener.
fn is_passing(error: &io::Error) -> bool {
    use io::ErrorKind::{
        ConnectionAborted, ConnectionReset, HostUnreachable, Interrupted, NetworkDown, NetworkUnreachable,
    };
    matches!(
        error.kind(),
        ConnectionAborted
            | ConnectionReset
            | Interrupted
            | HostUnreachable
            | NetworkDown
            | NetworkUnreachable
    )
}

fn unbound(at: SocketAddr, error: &io::Error) -> Fault {
    let fault = Fault::new(Exit::Bind, "listen", format!("{at}: {}", words(error)));
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

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpStream,
        time::timeout,
    };

    const SOON: Duration = Duration::from_secs(10);

    #[tokio::test]
    async fn a_bare_port_is_both_loopbacks_on_one_port() {
        let mut listener = Listener::bind(&ListenAddr::Loopback(0)).await.unwrap();
        let addresses = listener.addresses();
        let ports: Vec<u16> = addresses
            .iter()
            .map(|text| text.parse::<SocketAddr>().unwrap())
            .map(|address| address.port())
            .collect();
        assert!(ports.iter().all(|port| *port == ports[0] && *port != 0), "{addresses:?}");
        assert!(addresses[0].starts_with("127.0.0.1:"));
        for address in &addresses {
            let mut client = TcpStream::connect(address).await.unwrap();
            let mut dialed = timeout(SOON, listener.accept()).await.unwrap().unwrap();
            assert_eq!(dialed.peer, client.local_addr().unwrap().to_string());
            client.write_all(b"x").await.unwrap();
            assert_eq!(dialed.stream.read_u8().await.unwrap(), b'x');
        }
    }

    #[tokio::test]
    async fn a_port_in_use_says_so() {
        let first = Listener::bind(&ListenAddr::Host("127.0.0.1".into(), 0)).await.unwrap();
        let port = first.addresses()[0].parse::<SocketAddr>().unwrap().port();
        for address in [ListenAddr::Loopback(port), ListenAddr::Host("127.0.0.1".into(), port)] {
            let fault = Listener::bind(&address).await.err().unwrap();
            assert_eq!((fault.exit, fault.phase), (Exit::Bind, "listen"));
            assert_eq!(fault.cause, format!("127.0.0.1:{port}: address already in use"));
            assert!(fault.hint.is_some());
        }
    }

    #[tokio::test]
    async fn a_foreign_address_says_so() {
        let fault = Listener::bind(&ListenAddr::Host("192.0.2.1".into(), 0)).await.err().unwrap();
        assert!(fault.cause.contains("address not available"), "{fault}");
    }

    #[tokio::test]
    async fn sockets_take_turns() {
        let sockets: Vec<TcpListener> =
            (0..2).map(|_| tcp("127.0.0.1:0".parse().unwrap()).unwrap()).collect();
        let addresses: Vec<SocketAddr> = sockets.iter().map(|socket| socket.local_addr().unwrap()).collect();
        let mut listener = Listener::over(sockets.into_iter().map(Socket::Tcp).collect());
        let mut clients = Vec::new();
        for address in [addresses[0], addresses[0], addresses[0], addresses[1]] {
            clients.push(TcpStream::connect(address).await.unwrap());
        }
        // All four wait; the lone client of the second socket comes second, not last.
        tokio::time::sleep(Duration::from_millis(50)).await;
        let lone = clients[3].local_addr().unwrap().to_string();
        let first = timeout(SOON, listener.accept()).await.unwrap().unwrap().peer;
        let second = timeout(SOON, listener.accept()).await.unwrap().unwrap().peer;
        assert!(first == lone || second == lone);
    }

    #[tokio::test]
    async fn accept_may_be_cancelled() {
        let mut listener = Listener::bind(&ListenAddr::Host("127.0.0.1".into(), 0)).await.unwrap();
        assert!(timeout(Duration::from_millis(10), listener.accept()).await.is_err());
        let _client = TcpStream::connect(&listener.addresses()[0]).await.unwrap();
        timeout(SOON, listener.accept()).await.unwrap().unwrap();
    }
}
