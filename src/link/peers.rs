//! The peers of a UDP server: who sends from one address is one of them.
//!
//! UDP has no connections, so they are made here: the first datagram from an address seats a [`Peer`],
//! later ones go to its bounded queue, and it leaves when its session drops it. Whoever serves has to
//! keep calling [`accept`](Peers::accept): it is what reads the sockets for everybody.

use super::Queue;
use crate::{
    net::{Heard, Udp},
    observe::{Reporter, Seldom},
    units::counted,
};
use bytes::Bytes;
use std::{
    collections::HashMap,
    future::{Future, poll_fn},
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{io::ReadBuf, net::UdpSocket, time::Instant};
use tokio_tungstenite::tungstenite::Message;

/// Bytes that may wait for one peer's session; what comes beyond is dropped and counted.
const QUEUE: usize = 256 * 1024;
/// No datagram is longer.
pub(super) const LONGEST: usize = 64 * 1024;
/// Shortest time between two notes that new peers are turned away.
const PAUSE: Duration = Duration::from_secs(10);

/// The sockets of a UDP server and everybody who is seated there.
pub struct Peers {
    sockets: Vec<Arc<UdpSocket>>,
    /// The address of each.
    addresses: Vec<SocketAddr>,
    inherited: bool,
    /// Index of the socket that is read first next time.
    turn: usize,
    seats: Seats,
    buffer: Box<[u8]>,
    /// Datagrams of new peers that were dropped since it was last said.
    turned_away: u64,
    /// The same, since the start.
    not_let_in: u64,
    /// Reporter that is told when a session does not keep up with its peer.
    reporter: Option<Reporter>,
    slow: Seldom,
    told_at: Option<Instant>,
}

/// The queue of each peer, by the socket it came to and its address; and whether it sent more than once.
type Seated = HashMap<(usize, SocketAddr), (Queue, Arc<Heard>)>;
type Seats = Arc<Mutex<Seated>>;

/// Somebody who sends datagrams from one address.
pub struct Peer {
    socket: Arc<UdpSocket>,
    key: (usize, SocketAddr),
    seats: Seats,
    /// Datagrams that came and were not taken yet.
    queue: Queue,
    /// It sent a second datagram: one alone may have any address as its sender.
    heard: Arc<Heard>,
    /// The socket is full.
    writable: Option<Pin<Box<dyn Future<Output = io::Result<()>> + Send>>>,
}

impl Peers {
    /// A server on these sockets; nobody is seated yet.
    pub fn new(udp: Udp) -> Self {
        Self {
            sockets: udp.sockets.into_iter().map(Arc::new).collect(),
            addresses: udp.addresses,
            inherited: udp.inherited,
            turn: 0,
            seats: Seats::default(),
            buffer: vec![0; LONGEST].into(),
            turned_away: 0,
            not_let_in: 0,
            reporter: None,
            slow: Seldom::default(),
            told_at: None,
        }
    }

    /// The same server, which tells what it drops.
    #[must_use]
    pub fn reported_by(self, reporter: Reporter) -> Self {
        Self { reporter: Some(reporter), ..self }
    }

    /// Number of datagrams of new peers that were dropped.
    pub fn not_let_in(&self) -> u64 {
        self.not_let_in
    }

    /// The addresses that people have to be told: sockets that we bound share one port.
    pub fn announced(&self) -> Vec<String> {
        let shown = if self.inherited { self.addresses.len() } else { 1 };
        self.addresses.iter().take(shown).map(SocketAddr::to_string).collect()
    }

    /// The next new peer, whose first datagram waits for it; cancel-safe.
    ///
    /// While `closed` says why, new peers are turned away; every 10 s at most an error says how many
    /// datagrams that were. An error is worth a note; call again.
    pub async fn accept(&mut self, closed: Option<&str>) -> io::Result<Peer> {
        poll_fn(|cx| self.poll_accept(cx, closed)).await
    }

    fn poll_accept(&mut self, cx: &mut Context<'_>, closed: Option<&str>) -> Poll<io::Result<Peer>> {
        let count = self.sockets.len();
        let mut silent = 0;
        while silent < count {
            let index = self.turn % count;
            let mut buffer = ReadBuf::new(&mut self.buffer);
            match self.sockets[index].poll_recv_from(cx, &mut buffer) {
                Poll::Pending => {
                    silent += 1;
                    self.turn = index + 1;
                }
                Poll::Ready(Ok(from)) => {
                    silent = 0;
                    let payload = Bytes::copy_from_slice(buffer.filled());
                    if let Some(peer) = self.deliver((index, from), payload, closed.is_some()) {
                        return Poll::Ready(Ok(peer));
                    }
                    if let Some(told) = self.tell(closed) {
                        return Poll::Ready(Err(io::Error::other(told)));
                    }
                }
                // Some systems tell here that an earlier datagram of ours was refused: its peer will be idle.
                Poll::Ready(Err(error)) if is_passing(&error) => silent = 0,
                Poll::Ready(Err(error)) => {
                    self.turn = index + 1;
                    return Poll::Ready(Err(error));
                }
            }
        }
        Poll::Pending
    }

    /// Puts a datagram where it belongs; gives the peer when it is a new one that may come in.
    fn deliver(&mut self, key: (usize, SocketAddr), payload: Bytes, closed: bool) -> Option<Peer> {
        let mut seats = lock(&self.seats);
        if let Some((queue, heard)) = seats.get(&key) {
            heard.begun();
            if queue.bytes() + payload.len() > QUEUE {
                queue.count_dropped();
                self.slow.one(self.reporter.as_ref(), |count| {
                    format!(
                        "dropped {} from {} and others like it: what they are joined to does not keep up",
                        counted(count, "datagram"),
                        key.1
                    )
                });
            } else {
                queue.push(Message::Binary(payload));
            }
            return None;
        }
        if closed {
            self.turned_away += 1;
            self.not_let_in += 1;
            return None;
        }
        let queue = Queue::default();
        queue.push(Message::Binary(payload));
        let heard = Arc::<Heard>::default();
        seats.insert(key, (queue.clone(), Arc::clone(&heard)));
        let (socket, seats) = (Arc::clone(&self.sockets[key.0]), Arc::clone(&self.seats));
        Some(Peer { socket, key, seats, queue, heard, writable: None })
    }

    /// Note on the new peers that were turned away, when one is due.
    fn tell(&mut self, closed: Option<&str>) -> Option<String> {
        let due = self.told_at.is_none_or(|at| at.elapsed() >= PAUSE);
        let (why, count) = (closed?, self.turned_away);
        if count == 0 || !due {
            return None;
        }
        self.turned_away = 0;
        self.told_at = Some(Instant::now());
        Some(format!("dropped {} of new peers: {why}", counted(count, "datagram")))
    }
}

impl Peer {
    /// Address that it sends from.
    pub fn address(&self) -> SocketAddr {
        self.key.1
    }

    /// Shared record of whether it has sent a second datagram.
    pub fn heard(&self) -> Arc<Heard> {
        Arc::clone(&self.heard)
    }

    /// Number of datagrams that came and were not taken yet.
    pub fn waiting(&self) -> u64 {
        self.queue.len() as u64
    }

    /// Datagrams that came and were not taken yet.
    pub(super) fn queue(&self) -> &Queue {
        &self.queue
    }

    /// Sends it one datagram.
    ///
    /// The socket is everybody's, and a poll of tokio's knows one waker a direction: whoever finds it
    /// full waits with a future of its own.
    pub(super) fn poll_send(&mut self, cx: &mut Context<'_>, payload: &[u8]) -> Poll<io::Result<()>> {
        loop {
            if let Some(writable) = &mut self.writable {
                ready!(writable.as_mut().poll(cx))?;
                self.writable = None;
            }
            match self.socket.try_send_to(payload, self.key.1) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let socket = Arc::clone(&self.socket);
                    self.writable = Some(Box::pin(async move { socket.writable().await }));
                }
                sent => return Poll::Ready(sent.map(drop)),
            }
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        lock(&self.seats).remove(&self.key);
    }
}

fn lock(seats: &Seats) -> MutexGuard<'_, Seated> {
    seats.lock().unwrap_or_else(PoisonError::into_inner)
}

fn is_passing(error: &io::Error) -> bool {
    use io::ErrorKind::{
        ConnectionRefused, ConnectionReset, HostUnreachable, Interrupted, NetworkUnreachable,
    };
    matches!(
        error.kind(),
        ConnectionRefused | ConnectionReset | HostUnreachable | Interrupted | NetworkUnreachable
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        link::test_waker::TestWaker,
        net::{BindOptions, ListenAddr, bind_udp},
    };

    async fn peers() -> (Peers, SocketAddr) {
        let udp = bind_udp(&ListenAddr::Host("127.0.0.1".into(), 0), &BindOptions::default()).await.unwrap();
        let address = udp.sockets[0].local_addr().unwrap();
        (Peers::new(udp), address)
    }

    async fn soon<T>(what: impl Future<Output = T>) -> T {
        tokio::time::timeout(Duration::from_secs(30), what).await.unwrap()
    }

    /// Delivers what has arrived; nobody new is expected.
    async fn settle(peers: &mut Peers) {
        assert!(tokio::time::timeout(Duration::from_millis(100), peers.accept(None)).await.is_err());
    }

    #[tokio::test]
    async fn each_address_is_a_peer_once() {
        let (mut peers, at) = peers().await;
        let clients =
            [UdpSocket::bind("127.0.0.1:0").await.unwrap(), UdpSocket::bind("127.0.0.1:0").await.unwrap()];
        let mut seated = Vec::new();
        for client in &clients {
            client.send_to(b"first", at).await.unwrap();
            let peer = soon(peers.accept(None)).await.unwrap();
            assert_eq!(peer.address(), client.local_addr().unwrap());
            seated.push(peer);
        }
        clients[0].send_to(b"second", at).await.unwrap();
        settle(&mut peers).await;
        let waiting = |peer: &Peer| {
            let mut batch = Default::default();
            let _ = peer.queue.poll_pop(&mut Context::from_waker(std::task::Waker::noop()), &mut batch, 9);
            batch.into_iter().map(Message::into_data).collect::<Vec<_>>()
        };
        assert_eq!(waiting(&seated[0]), ["first", "second"]);
        assert_eq!(waiting(&seated[1]), ["first"]);
        poll_fn(|cx| seated[1].poll_send(cx, b"to you")).await.unwrap();
        let mut buffer = [0; 64];
        let (count, from) = soon(clients[1].recv_from(&mut buffer)).await.unwrap();
        assert_eq!((&buffer[..count], from), (&b"to you"[..], at));
        // Whoever left is somebody new when it comes back.
        seated.clear();
        clients[0].send_to(b"again", at).await.unwrap();
        assert_eq!(waiting(&soon(peers.accept(None)).await.unwrap()), ["again"]);
    }

    #[tokio::test]
    async fn a_full_queue_drops_and_counts() {
        let (mut peers, at) = peers().await;
        let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        client.send_to(&[0; 1000], at).await.unwrap();
        let peer = soon(peers.accept(None)).await.unwrap();
        for _ in 0..1000 {
            peers.deliver(peer.key, Bytes::from_static(&[0; 1000]), false);
        }
        assert!(peer.queue.bytes() <= QUEUE + 1064);
        let kept = peer.queue.bytes() as u64 / 1064;
        assert_eq!(kept + peer.queue.dropped(), 1001);
    }

    #[tokio::test]
    async fn new_peers_are_turned_away_with_one_word_for_many() {
        let (mut peers, at) = peers().await;
        let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        client.send_to(b"in", at).await.unwrap();
        let error = soon(peers.accept(Some("full"))).await.err().unwrap();
        assert_eq!(error.to_string(), "dropped 1 datagram of new peers: full");
        for _ in 0..5 {
            client.send_to(b"in", at).await.unwrap();
        }
        let again = tokio::time::timeout(Duration::from_millis(100), peers.accept(Some("full"))).await;
        assert!(again.is_err(), "not again so soon");
        client.send_to(b"in", at).await.unwrap();
        assert_eq!(soon(peers.accept(None)).await.unwrap().address(), client.local_addr().unwrap());
    }

    /// Waits until the system has woken it.
    async fn woken(waker: &TestWaker) {
        soon(async {
            while !waker.is_woken() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
        .await;
    }

    fn pop(peer: &Peer, waker: &TestWaker) -> Option<usize> {
        let mut batch = Default::default();
        peer.queue.poll_pop(&mut waker.cx(), &mut batch, 9).is_ready().then_some(batch.len())
    }

    #[tokio::test]
    async fn whoever_serves_is_woken_by_the_socket_and_a_peer_by_what_is_its_own() {
        let (mut peers, at) = peers().await;
        let serves = TestWaker::new();
        let clients =
            [UdpSocket::bind("127.0.0.1:0").await.unwrap(), UdpSocket::bind("127.0.0.1:0").await.unwrap()];
        let mut seated = Vec::new();
        for client in &clients {
            assert!(peers.poll_accept(&mut serves.cx(), None).is_pending());
            client.send_to(b"first", at).await.unwrap();
            woken(&serves).await;
            let Poll::Ready(Ok(peer)) = peers.poll_accept(&mut serves.cx(), None) else { panic!("nobody") };
            seated.push(peer);
        }
        let wakers = [TestWaker::new(), TestWaker::new()];
        for (peer, waker) in seated.iter().zip(&wakers) {
            assert_eq!((pop(peer, waker), pop(peer, waker)), (Some(1), None));
        }
        assert!(peers.poll_accept(&mut serves.cx(), None).is_pending());
        clients[1].send_to(b"second", at).await.unwrap();
        woken(&serves).await;
        assert!(peers.poll_accept(&mut serves.cx(), None).is_pending());
        assert_eq!((wakers[0].wakes(), wakers[1].wakes()), (0, 1));
        assert_eq!((pop(&seated[0], &wakers[0]), pop(&seated[1], &wakers[1])), (None, Some(1)));
        // Those who are seated are served while new ones are turned away.
        let key = seated[0].key;
        assert!(peers.deliver(key, Bytes::from_static(b"third"), true).is_none());
        assert_eq!((wakers[0].wakes(), peers.turned_away), (1, 0));
    }

    #[tokio::test]
    async fn what_is_dropped_wakes_nobody() {
        let (mut peers, at) = peers().await;
        let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        client.send_to(&[0; QUEUE / 8], at).await.unwrap();
        let peer = soon(peers.accept(None)).await.unwrap();
        for _ in 0..7 {
            peers.deliver(peer.key, Bytes::from_static(&[0; QUEUE / 8]), false);
        }
        let waker = TestWaker::new();
        assert!(peer.queue.poll_cut(&mut waker.cx()).is_pending());
        let dropped = peer.queue.dropped();
        peers.deliver(peer.key, Bytes::from_static(&[0; QUEUE / 8]), false);
        assert_eq!((waker.wakes(), peer.queue.dropped()), (0, dropped + 1));
        assert_eq!(pop(&peer, &waker), Some(8 - dropped as usize));
        peers.deliver(peer.key, Bytes::from_static(b"fits again"), false);
        assert_eq!((waker.wakes(), peer.queue.dropped()), (1, dropped + 1));
    }
}
