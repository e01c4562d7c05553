//! Listening: one listener over every socket that an address stands for.
//!
//! A bare port means both loopback addresses, a name may have several, so a [`Listener`] holds a few
//! sockets and takes turns among them. Accepting only accepts: whatever a client may delay is the
//! business of its own task.

use super::{
    BindOptions, Dialed, ListenAddr,
    bind::{self, Socket, unfit},
};
use crate::{fault::Result, os_error};
use std::{
    fs::File,
    future::poll_fn,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};
use tokio::{
    net::TcpListener,
    time::{Instant, sleep_until},
};

/// Pause of accepting after an error, such as a lack of descriptors: the longest that a client waits once
/// there are some again.
const PAUSE: Duration = Duration::from_millis(20);
/// Bound sockets, ready to accept.
pub struct Listener {
    sockets: Vec<Socket>,
    /// Index of the socket that is asked first next time.
    turn: usize,
    /// No accepting before this moment.
    resume: Option<Instant>,
    spare: Spare,
    /// Nothing but the addresses tells which sockets we were given.
    inherited: bool,
}

/// A descriptor that is kept for the time when all others are used up: a client that comes then is told so in
/// its place, where it would wait for an answer that nobody can give.
#[derive(Clone, Default)]
struct Spare(Arc<Mutex<SparePlace>>);

#[derive(Default)]
enum SparePlace {
    /// Nothing could be opened to keep it.
    #[default]
    Lost,
    Kept(#[allow(dead_code, reason = "it is only there")] File),
    /// A client stands there.
    Taken,
}

/// Holds the place of the spare descriptor; dropped after what stands there, it keeps the next one.
pub struct OnSpare(Spare);

impl Listener {
    /// Binds and listens, or takes over what listens already.
    ///
    /// # Errors
    /// Exit 116 with the address that could not be had.
    pub async fn bind(address: &ListenAddr, options: &BindOptions) -> Result<Listener> {
        let tcp = |sockets: Vec<TcpListener>| {
            let sockets: io::Result<_> = sockets.into_iter().map(Socket::tcp).collect();
            sockets.map_err(|error| unfit(address, &os_error::words(&error)))
        };
        let (sockets, inherited) = match address {
            ListenAddr::Loopback(port) => (tcp(bind::loopback(*port)?)?, false),
            ListenAddr::Host(host, port) => (tcp(bind::host(host, *port).await?)?, false),
            ListenAddr::Unix(path) => {
                let socket = super::unix::UnixSocket::bind(path, options.mode)?;
                (vec![Socket::Unix(socket)], false)
            }
            ListenAddr::Descriptor(_) | ListenAddr::Systemd => {
                (super::inherited::listeners(address, &options.activation)?, true)
            }
        };
        Ok(Self { sockets, turn: 0, resume: None, spare: Spare::kept(), inherited })
    }

    /// The next client of any socket, in turn; cancel-safe.
    ///
    /// An error is worth a note; the listener goes on, so call again. A shortage of descriptors pauses
    /// it for 20 ms. Clients that left before they were accepted are passed over.
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
                    // The pause is for any other error: asking again at once would spin.
                    self.resume = Some(Instant::now() + PAUSE);
                    return Err(error);
                }
                Ok(dialed) => {
                    self.spare.keep();
                    return Ok(dialed);
                }
            }
        }
    }

    /// The next client in place of the spare descriptor, when all others are used up: it can be told so and no
    /// more. None while another one stands there.
    pub fn accept_on_spare(&mut self) -> Option<(Dialed, OnSpare)> {
        let place = self.spare.take()?;
        match self.poll_accept(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(dialed)) => Some((dialed, place)),
            _ => None,
        }
    }

    /// Every address bound: `127.0.0.1:43211`, `[::1]:43211`, `unix:/path`.
    pub fn addresses(&self) -> Vec<String> {
        let name = |socket: &Socket| match socket {
            Socket::Tcp(_, address) => address.to_string(),
            Socket::Unix(socket) => socket.name(),
        };
        self.sockets.iter().map(name).collect()
    }

    /// The addresses that people have to be told.
    ///
    /// One is enough for sockets we bound: they share their port, and the first is the one that every
    /// program can use.
    pub fn announced(&self) -> Vec<String> {
        let mut addresses = self.addresses();
        addresses.truncate(if self.inherited { usize::MAX } else { 1 });
        addresses
    }

    /// True when there are TCP sockets and only this machine can reach them.
    pub fn is_loopback(&self) -> bool {
        let mut addresses = self.tcp().peekable();
        addresses.peek().is_some() && addresses.all(is_near)
    }

    /// True when other machines may reach one of the TCP sockets.
    pub fn is_public(&self) -> bool {
        self.tcp().any(|address| !is_near(address))
    }

    /// The address of each TCP socket.
    fn tcp(&self) -> impl Iterator<Item = SocketAddr> {
        self.sockets.iter().filter_map(|socket| match socket {
            Socket::Tcp(_, address) => Some(*address),
            Socket::Unix(_) => None,
        })
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

impl Spare {
    fn kept() -> Self {
        let spare = Self::default();
        spare.keep();
        spare
    }

    /// Keeps one again, if it was lost.
    fn keep(&self) {
        let mut place = self.lock();
        if let SparePlace::Lost = *place {
            *place = File::open("/dev/null").map_or(SparePlace::Lost, SparePlace::Kept);
        }
    }

    /// Gives it away; closed, it is free.
    fn take(&self) -> Option<OnSpare> {
        self.keep();
        let mut place = self.lock();
        if !matches!(*place, SparePlace::Kept(_)) {
            return None;
        }
        *place = SparePlace::Taken;
        drop(place);
        Some(OnSpare(self.clone()))
    }

    fn lock(&self) -> MutexGuard<'_, SparePlace> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for OnSpare {
    fn drop(&mut self) {
        *self.0.lock() = SparePlace::Lost;
        self.0.keep();
    }
}

fn is_near(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

/// True when the error belongs to one client that left early, not to the listener.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{exit::Exit, net::bind::Bind};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpStream,
        time::timeout,
    };

    const SOON: Duration = Duration::from_secs(10);

    async fn bind(address: &ListenAddr) -> Result<Listener> {
        Listener::bind(address, &BindOptions::default()).await
    }

    #[tokio::test]
    async fn a_bare_port_is_both_loopbacks_on_one_port() {
        let mut listener = bind(&ListenAddr::Loopback(0)).await.unwrap();
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
        let first = bind(&ListenAddr::Host("127.0.0.1".into(), 0)).await.unwrap();
        let port = first.addresses()[0].parse::<SocketAddr>().unwrap().port();
        for address in [ListenAddr::Loopback(port), ListenAddr::Host("127.0.0.1".into(), port)] {
            let fault = bind(&address).await.err().unwrap();
            assert_eq!((fault.exit, fault.phase), (Exit::Bind, "listen"));
            assert_eq!(fault.cause, format!("127.0.0.1:{port}: address already in use"));
            assert!(fault.hint.is_some());
        }
    }

    #[tokio::test]
    async fn a_foreign_address_says_so() {
        let fault = bind(&ListenAddr::Host("192.0.2.1".into(), 0)).await.err().unwrap();
        assert!(fault.cause.contains("address not available"), "{fault}");
    }

    #[tokio::test]
    async fn sockets_take_turns() {
        let sockets: Vec<TcpListener> =
            (0..2).map(|_| Bind::bind("127.0.0.1:0".parse().unwrap()).unwrap()).collect();
        let addresses: Vec<SocketAddr> = sockets.iter().map(|socket| socket.local_addr().unwrap()).collect();
        let sockets = sockets.into_iter().map(|socket| Socket::tcp(socket).unwrap()).collect();
        let mut listener =
            Listener { sockets, turn: 0, resume: None, spare: Spare::kept(), inherited: false };
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
    async fn one_at_a_time_stands_in_place_of_the_spare_descriptor() {
        let mut listener = bind(&ListenAddr::Host("127.0.0.1".into(), 0)).await.unwrap();
        let address = listener.addresses()[0].clone();
        assert!(listener.accept_on_spare().is_none(), "nobody is there");
        let _clients =
            [TcpStream::connect(&address).await.unwrap(), TcpStream::connect(&address).await.unwrap()];
        let mut one = None;
        while one.is_none() {
            tokio::time::sleep(Duration::from_millis(1)).await;
            one = listener.accept_on_spare();
        }
        assert!(listener.accept_on_spare().is_none(), "its place is taken");
        drop(one);
        assert!(listener.accept_on_spare().is_some());
    }

    #[tokio::test]
    async fn accept_may_be_cancelled() {
        let mut listener = bind(&ListenAddr::Host("127.0.0.1".into(), 0)).await.unwrap();
        assert!(timeout(Duration::from_millis(10), listener.accept()).await.is_err());
        let _client = TcpStream::connect(&listener.addresses()[0]).await.unwrap();
        timeout(SOON, listener.accept()).await.unwrap().unwrap();
    }
}
