//! Datagrams as a link: one datagram is one message, an empty one too.
//!
//! There is no end of stream: nothing is sent to say goodbye, and a peer of ours that is silent for long
//! is taken for gone. What does not fit a datagram is refused and never cut.

use super::{BATCH, Item, Link, peers::LONGEST, peers::Peer};
use crate::{
    exit::Exit,
    fault::Fault,
    framing::{self, Kind},
    net::{self, LARGEST_DATAGRAM},
    observe::{Reporter, Seldom},
    os_error,
    session::{Left, SideKind, SinkFailure, SourceEnd},
    units::{brief, counted},
};
use bytes::Bytes;
use std::{
    collections::VecDeque,
    future::Future,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    io::{Interest, ReadBuf},
    net::UdpSocket,
    time::{Instant, Sleep, sleep},
};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

/// Bytes that one datagram counts beside its payload, so that empty ones are bounded too.
const OVERHEAD: usize = 64;

/// Rules by which datagrams become messages.
#[derive(Clone, Copy, Debug)]
pub struct DatagramRules {
    /// The frame type they are sent as.
    pub kind: Kind,
    /// Bound on one message, bytes.
    pub max_message: usize,
    /// A peer that neither sent nor got one for so long is gone; `None` waits for ever.
    pub idle: Option<Duration>,
}

/// A way to one peer.
pub struct Datagrams {
    way: Way,
    /// Its name in faults.
    name: String,
    rules: DatagramRules,
    out: VecDeque<Bytes>,
    out_bytes: usize,
    /// A message that cannot be sent; told once everything before it is.
    unfit: Option<Fault>,
    failed: bool,
    end: Option<SourceEnd>,
    farewell: Option<String>,
    /// Number of datagrams that came.
    heard: u64,
    /// Messages that the system had no room for, or that came behind one that could not be sent.
    dropped: u64,
    /// Reporter that is told when the system has no room.
    reporter: Option<Reporter>,
    full: Seldom,
    /// Time of the last datagram, either way.
    last: Instant,
    clock: Pin<Box<Sleep>>,
}

/// Ready with what the system learnt of the way, such as that nobody listens.
type Trouble = Pin<Box<dyn Future<Output = io::Result<io::Error>> + Send>>;

enum Way {
    /// A socket of our own.
    Client { socket: Arc<UdpSocket>, at: SocketAddr, buffer: Box<[u8]>, trouble: Trouble },
    /// A place at a server's.
    Seat(Peer),
}

impl Datagrams {
    /// A socket connected to `at`.
    pub fn client(socket: UdpSocket, at: SocketAddr, name: String, rules: DatagramRules) -> Self {
        let socket = Arc::new(socket);
        let watched = Arc::clone(&socket);
        // An error makes a socket neither readable nor, for whoever only waits to read, anything else.
        let trouble = Box::pin(async move {
            let ask = || watched.take_error()?.ok_or_else(|| io::ErrorKind::WouldBlock.into());
            watched.async_io(Interest::ERROR, ask).await
        });
        Self::new(Way::Client { socket, at, buffer: vec![0; LONGEST].into(), trouble }, name, rules)
    }

    /// One of a server's peers.
    pub fn peer(peer: Peer, name: String, rules: DatagramRules) -> Self {
        Self::new(Way::Seat(peer), name, rules)
    }

    fn new(way: Way, name: String, rules: DatagramRules) -> Self {
        Self {
            way,
            name,
            rules,
            out: VecDeque::new(),
            out_bytes: 0,
            unfit: None,
            failed: false,
            end: None,
            farewell: None,
            heard: 0,
            dropped: 0,
            reporter: None,
            full: Seldom::default(),
            last: Instant::now(),
            clock: Box::pin(sleep(rules.idle.unwrap_or_default())),
        }
    }

    /// The same way, which tells what it drops.
    #[must_use]
    pub fn reported_by(self, reporter: Reporter) -> Self {
        Self { reporter: Some(reporter), ..self }
    }

    /// Takes away what came and was not taken in; counts it.
    fn unread(&mut self) -> u64 {
        let Way::Seat(peer) = &self.way else { return 0 };
        let mut waiting = VecDeque::new();
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let _ = peer.queue().poll_pop(&mut cx, &mut waiting, usize::MAX);
        waiting.len() as u64
    }

    fn receive(&mut self, cx: &mut Context<'_>, batch: &mut VecDeque<Item>) {
        let mut came = VecDeque::new();
        let mut lost = None;
        match &mut self.way {
            Way::Seat(peer) => {
                let _ = peer.queue().poll_pop(cx, &mut came, BATCH);
            }
            Way::Client { socket, buffer, trouble, .. } => {
                while came.len() < BATCH {
                    let mut buffer = ReadBuf::new(buffer);
                    match socket.poll_recv(cx, &mut buffer) {
                        Poll::Pending => break,
                        Poll::Ready(Ok(())) => {
                            came.push_back(Message::Binary(Bytes::copy_from_slice(buffer.filled())));
                        }
                        Poll::Ready(Err(error)) => {
                            lost = Some(error);
                            break;
                        }
                    }
                }
                if lost.is_none()
                    && let Poll::Ready(found) = trouble.as_mut().poll(cx)
                {
                    lost = Some(found.unwrap_or_else(|error| error));
                }
            }
        }
        for message in came {
            self.heard += 1;
            self.last = Instant::now();
            match self.validate(message.into_data()) {
                Ok(message) => batch.push_back(message.into()),
                Err(fault) => {
                    self.end = Some(SourceEnd::Refused(fault));
                    return;
                }
            }
        }
        if let Some(error) = lost {
            self.end = Some(SourceEnd::Lost { fault: self.lost(&error), answer: None });
        }
    }

    fn validate(&self, payload: Bytes) -> Result<Message, Fault> {
        let bad = |cause: String, hint| {
            let cause = format!("{}: datagram {} {cause}", self.name, self.heard);
            Err(Fault::new(Exit::BadInput, "input", cause).hint(hint))
        };
        if payload.len() > self.rules.max_message {
            let cause = format!("is longer than {} bytes", self.rules.max_message);
            return bad(cause, "raise the limit with --max-message");
        }
        match self.rules.kind {
            Kind::Binary => Ok(Message::Binary(payload)),
            Kind::Text => match Utf8Bytes::try_from(payload) {
                Ok(text) => Ok(Message::Text(text)),
                Err(error) => {
                    let byte = error.valid_up_to() + 1;
                    bad(format!("is not UTF-8 (byte {byte})"), "send datagrams as binary: leave --text out")
                }
            },
        }
    }

    /// Ready when the peer was silent, and we to it, for too long.
    fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(idle) = self.rules.idle else { return Poll::Pending };
        loop {
            ready!(self.clock.as_mut().poll(cx));
            let over = self.last + idle;
            if over <= Instant::now() {
                break;
            }
            self.clock.as_mut().reset(over);
        }
        self.farewell = Some(format!("no datagram for {}", brief(idle)));
        self.end = Some(SourceEnd::Eof { empty: false, hangup: true });
        Poll::Ready(())
    }

    fn has_no_room(&mut self) {
        self.dropped += 1;
        self.full.one(self.reporter.as_ref(), |count| {
            let what = counted(count, "datagram");
            format!("{}: the system has no room for more: dropped {what}", self.name)
        });
    }

    fn fail(&mut self, fault: Fault) -> SinkFailure {
        self.failed = true;
        self.dropped += (self.out.len() as u64).saturating_sub(1);
        self.out.clear();
        self.out_bytes = 0;
        SinkFailure::Failed(fault)
    }

    fn too_big(&self, length: usize) -> Fault {
        let cause = format!("{}: a message of {length} bytes does not fit a datagram", self.name);
        Fault::new(Exit::BadInput, "session", cause)
            .hint(format!("send at most {LARGEST_DATAGRAM} bytes a message, or use tcp:"))
    }

    /// The way is broken. Whoever was never heard of was probably never there.
    fn lost(&self, error: &io::Error) -> Fault {
        let (exit, phase) =
            if self.heard == 0 { (Exit::Refused, "connect") } else { (Exit::Lost, "session") };
        let at = match &self.way {
            Way::Client { at, .. } => *at,
            Way::Seat(peer) => peer.address(),
        };
        let name =
            if self.name.ends_with(&at.to_string()) { String::new() } else { format!("{}: ", self.name) };
        let fault = Fault::new(exit, phase, format!("{name}{at}: {}", os_error::words(error)));
        match error.kind() {
            io::ErrorKind::ConnectionRefused => {
                fault.hint(format!("check that a server listens on UDP {at}"))
            }
            _ => fault,
        }
    }
}

impl Link for Datagrams {
    fn poll_receive(&mut self, cx: &mut Context<'_>, batch: &mut VecDeque<Item>) -> Poll<()> {
        if self.end.is_some() {
            return Poll::Ready(());
        }
        let had = batch.len();
        self.receive(cx, batch);
        if batch.len() > had || self.end.is_some() {
            return Poll::Ready(());
        }
        self.poll_idle(cx)
    }

    fn end(&self) -> Option<SourceEnd> {
        self.end.clone()
    }

    fn queued(&self) -> usize {
        self.out_bytes
    }

    fn feed(&mut self, message: Message) -> Result<(), SinkFailure> {
        let payload = framing::payload(&message);
        if self.failed || self.unfit.is_some() {
            self.dropped += 1;
            return Ok(());
        }
        if payload.len() > LARGEST_DATAGRAM {
            self.unfit = Some(self.too_big(payload.len()));
            return Ok(());
        }
        self.out_bytes += payload.len() + OVERHEAD;
        self.out.push_back(payload);
        Ok(())
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SinkFailure>> {
        while let Some(payload) = self.out.front() {
            let sent = ready!(match &mut self.way {
                Way::Client { socket, .. } => socket.poll_send(cx, payload).map_ok(drop),
                Way::Seat(peer) => peer.poll_send(cx, payload),
            });
            let fault = match sent {
                Ok(()) => None,
                Err(error) if net::is_too_big(&error) => Some(self.too_big(payload.len())),
                Err(error) if net::is_full(&error) => {
                    self.has_no_room();
                    None
                }
                Err(error) => Some(self.lost(&error)),
            };
            if let Some(fault) = fault {
                return Poll::Ready(Err(self.fail(fault)));
            }
            self.last = Instant::now();
            if let Some(payload) = self.out.pop_front() {
                self.out_bytes -= payload.len() + OVERHEAD;
            }
        }
        match self.unfit.take() {
            Some(fault) => Poll::Ready(Err(self.fail(fault))),
            None => Poll::Ready(Ok(())),
        }
    }

    fn dropped(&self) -> u64 {
        match &self.way {
            Way::Seat(peer) => peer.queue().dropped() + self.dropped,
            Way::Client { .. } => self.dropped,
        }
    }

    fn farewell(&self) -> Option<String> {
        self.farewell.clone()
    }

    fn kind(&self) -> SideKind {
        SideKind::Datagrams
    }

    fn poll_shut(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SinkFailure>> {
        self.poll_flush(cx)
    }

    fn has_rest(&self) -> bool {
        true
    }

    fn rest(&mut self) -> Left {
        Left { messages: self.unread(), ..Left::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        link::{Peers, test_waker::TestWaker},
        net::{BindOptions, ListenAddr, bind_udp},
        observe::{Verbosity, test_stderr::TestStderr},
    };
    use std::future::poll_fn;

    const RULES: DatagramRules =
        DatagramRules { kind: Kind::Binary, max_message: 100, idle: Some(Duration::from_secs(60)) };

    fn at(peers: &Peers) -> SocketAddr {
        peers.announced()[0].parse().unwrap()
    }

    /// A peer that sent these datagrams.
    async fn peer(sent: &[&[u8]], rules: DatagramRules) -> (Datagrams, Peers, std::net::UdpSocket) {
        let udp = bind_udp(&ListenAddr::Host("127.0.0.1".into(), 0), &BindOptions::default()).await.unwrap();
        let at = udp.sockets[0].local_addr().unwrap();
        let (mut peers, client) = (Peers::new(udp), std::net::UdpSocket::bind("127.0.0.1:0").unwrap());
        let mut seated = None;
        for payload in sent {
            client.send_to(payload, at).unwrap();
            seated = tokio::select! {
                biased;
                accepted = peers.accept(None) => Some(accepted.unwrap()),
                () = async {
                    for _ in 0..20 { tokio::task::yield_now().await }
                }, if seated.is_some() => seated,
            };
        }
        (Datagrams::peer(seated.unwrap(), "#1".into(), rules), peers, client)
    }

    async fn receive(link: &mut Datagrams) -> Vec<Item> {
        let mut batch = VecDeque::new();
        poll_fn(|cx| link.poll_receive(cx, &mut batch)).await;
        batch.into()
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_is_gone_after_a_minute_without_a_datagram_either_way() {
        let (mut link, _peers, _client) = peer(&[b"one", b""], RULES).await;
        let start = Instant::now();
        assert_eq!(receive(&mut link).await, [Message::binary("one"), Message::binary("")]);
        tokio::time::sleep(Duration::from_secs(50)).await;
        link.feed(Message::text("answer")).unwrap();
        poll_fn(|cx| link.poll_flush(cx)).await.unwrap();
        assert!(receive(&mut link).await.is_empty());
        assert_eq!(start.elapsed().as_secs(), 110);
        assert_eq!(link.end(), Some(SourceEnd::Eof { empty: false, hangup: true }));
        assert_eq!(link.farewell().as_deref(), Some("no datagram for 60 s"));
    }

    #[tokio::test]
    async fn what_is_no_text_or_too_long_is_refused_behind_what_came_before() {
        let text = DatagramRules { kind: Kind::Text, ..RULES };
        for (bad, rules, cause) in [
            (&b"ab\xff"[..], text, "#1: datagram 2 is not UTF-8 (byte 3)"),
            (&[b'x'; 101][..], text, "#1: datagram 2 is longer than 100 bytes"),
        ] {
            let (mut link, _peers, _client) = peer(&[b"fine", bad, b"later"], rules).await;
            let mut seen = receive(&mut link).await;
            while link.end().is_none() {
                seen.extend(receive(&mut link).await);
            }
            assert_eq!(seen, [Message::text("fine")]);
            let Some(SourceEnd::Refused(fault)) = link.end() else { panic!("{:?}", link.end()) };
            assert_eq!((fault.exit, fault.cause.as_str()), (Exit::BadInput, cause));
        }
    }

    #[tokio::test]
    async fn what_fits_no_datagram_fails_behind_what_does() {
        let (mut link, _peers, client) = peer(&[b"hello"], RULES).await;
        link.feed(Message::binary("fits")).unwrap();
        link.feed(Message::binary(vec![0; LARGEST_DATAGRAM + 1])).unwrap();
        link.feed(Message::binary("never")).unwrap();
        let Err(SinkFailure::Failed(fault)) = poll_fn(|cx| link.poll_flush(cx)).await else { panic!() };
        assert_eq!(fault.exit, Exit::BadInput);
        assert!(fault.cause.contains("65508 bytes"), "{fault}");
        let mut buffer = [0; 64];
        assert_eq!(client.recv(&mut buffer).unwrap(), 4);
        client.set_nonblocking(true).unwrap();
        assert!(client.recv(&mut buffer).is_err(), "nothing after it");
        assert_eq!((link.queued(), poll_fn(|cx| link.poll_flush(cx)).await), (0, Ok(())));
        assert_eq!(link.dropped(), 1, "what came behind it");
    }

    #[tokio::test]
    async fn what_the_system_has_no_room_for_is_said_at_once_and_counted() {
        let (link, _peers, _client) = peer(&[b"hello"], RULES).await;
        let shown = TestStderr::default();
        let reporter = Reporter::new(shown.clone(), Verbosity::Normal);
        let mut link = link.reported_by(reporter.clone());
        (0..3).for_each(|_| link.has_no_room());
        reporter.finish(Duration::from_secs(10));
        assert_eq!(link.dropped(), 3);
        assert_eq!(shown.text(), "wsio: #1: the system has no room for more: dropped 1 datagram\n");
    }

    /// Waits until the system has woken it.
    async fn woken(waker: &TestWaker) {
        let start = std::time::Instant::now();
        while !waker.is_woken() {
            assert!(start.elapsed() < Duration::from_secs(30), "it was not woken");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    fn poll(link: &mut Datagrams, waker: &TestWaker) -> Option<usize> {
        let mut batch = VecDeque::new();
        link.poll_receive(&mut waker.cx(), &mut batch).is_ready().then_some(batch.len())
    }

    #[tokio::test]
    async fn a_client_is_woken_by_what_comes_and_by_the_word_that_nobody_listens() {
        let server = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let at = server.local_addr().unwrap();
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.connect(at).await.unwrap();
        let rules = DatagramRules { idle: None, ..RULES };
        let (mut link, waker) = (Datagrams::client(socket, at, format!("udp:{at}"), rules), TestWaker::new());
        assert_eq!(poll(&mut link, &waker), None);
        link.feed(Message::binary("question")).unwrap();
        assert_eq!(link.queued(), 8 + OVERHEAD);
        assert_eq!(poll_fn(|cx| link.poll_flush(cx)).await, Ok(()));
        assert_eq!(link.queued(), 0);
        let (mut buffer, waits) = ([0; 64], TestWaker::new());
        let (count, from) = server.recv_from(&mut buffer).unwrap();
        assert_eq!(&buffer[..count], b"question");
        assert_eq!(poll(&mut link, &waits), None);
        server.send_to(b"answer", from).unwrap();
        woken(&waits).await;
        assert_eq!(poll(&mut link, &waits), Some(1));

        drop(server);
        assert_eq!(poll(&mut link, &waits), None);
        waits.wakes();
        link.feed(Message::binary("nobody hears it")).unwrap();
        let _ = poll_fn(|cx| link.poll_flush(cx)).await;
        woken(&waits).await;
        assert_eq!(poll(&mut link, &waits), Some(0));
        let Some(SourceEnd::Lost { fault, .. }) = link.end() else { panic!("{:?}", link.end()) };
        assert_eq!((fault.exit, fault.phase), (Exit::Lost, "session"), "{fault}");
    }

    #[tokio::test(start_paused = true)]
    async fn silence_wakes_it_and_what_comes_or_goes_puts_that_off() {
        let (mut link, mut peers, client) = peer(&[b"one"], RULES).await;
        let waker = TestWaker::new();
        assert_eq!((poll(&mut link, &waker), poll(&mut link, &waker)), (Some(1), None));
        tokio::time::advance(Duration::from_secs(50)).await;
        client.send_to(b"two", at(&peers)).unwrap();
        let start = std::time::Instant::now();
        while !waker.is_woken() {
            assert!(start.elapsed() < Duration::from_secs(30), "it was not woken");
            let _ = tokio::time::timeout(Duration::from_millis(1), peers.accept(None)).await;
        }
        assert_eq!((poll(&mut link, &waker), poll(&mut link, &waker)), (Some(1), None));
        tokio::time::advance(Duration::from_secs(55)).await;
        // The clock that was set first is over, and set anew.
        let _ = waker.wakes();
        assert_eq!((poll(&mut link, &waker), link.end()), (None, None));
        tokio::time::advance(Duration::from_secs(6)).await;
        assert!(waker.is_woken());
        assert_eq!(poll(&mut link, &waker), Some(0));
        assert!(link.end().is_some() && link.farewell().is_some());
    }
}
