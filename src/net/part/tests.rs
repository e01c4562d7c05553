//! Parting over real sockets: what the far end got, and by what it saw the end.

use super::*;
use crate::{
    net::proxy::Prefixed,
    stream::tune,
    tls::{Acceptor, ClientTls, Connector, Identity, ServerTls},
};
use bytes::Bytes;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, duplex},
    net::{TcpSocket, TcpStream, UnixStream},
    task::JoinHandle,
    time::{sleep, timeout},
};

/// Far more than any of these tests takes; what is late fails.
const LONG: Duration = Duration::from_secs(20);
/// Whatever waits so long in a test waits for nothing.
const NEVER: Duration = LONG.saturating_mul(10);
/// Nothing is left but by what the test is about.
const PATIENT: Parting = Parting { by: None, stall: NEVER, cut: false };
/// Nobody is waited for long who has taken everything.
const QUICK: PartTimes = PartTimes { linger: Duration::from_millis(50), window: NEVER };

/// More than a far end's system takes by itself, bytes.
const SOME: usize = 200 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum StreamKind {
    Tcp,
    Unix,
    Tls,
    TlsOverUnix,
}

const KINDS: [StreamKind; 4] = [StreamKind::Tcp, StreamKind::Unix, StreamKind::Tls, StreamKind::TlsOverUnix];

/// Both ends of a TCP connection; the far one has a small receive buffer.
async fn tcp() -> (TcpStream, TcpStream) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(16 * 1024).unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (near, listener.accept().await.unwrap().0)
}

/// A connection within TLS.
async fn tls(near: Stream, far: Stream, serves: bool) -> (Stream, Stream) {
    let options = ServerTls { identity: Identity::SelfSigned, client_ca: None, pass: None };
    let acceptor = Acceptor::new(&options, None, None).unwrap();
    let connector = Connector::new(&ClientTls { insecure: true, ..ClientTls::default() }).unwrap();
    if serves {
        let (near, far) = tokio::join!(acceptor.accept(near), connector.connect(far, "localhost"));
        (near.unwrap(), far.unwrap().0)
    } else {
        let (near, far) = tokio::join!(connector.connect(near, "localhost"), acceptor.accept(far));
        (near.unwrap().0, far.unwrap())
    }
}

/// Our end, below a layer as a proxy leaves it, and the far end.
async fn pair(kind: StreamKind) -> (Stream, Stream) {
    let (near, far): (Stream, Stream) = match kind {
        StreamKind::Tcp | StreamKind::Tls => {
            let (near, far) = tcp().await;
            (Box::pin(near), Box::pin(far))
        }
        StreamKind::Unix | StreamKind::TlsOverUnix => {
            let (near, far) = UnixStream::pair().unwrap();
            (Box::pin(near), Box::pin(far))
        }
    };
    let near: Stream = Box::pin(Prefixed::new(Bytes::new(), near));
    match kind {
        StreamKind::Tcp | StreamKind::Unix => (near, far),
        _ => tls(near, far, kind == StreamKind::Tls).await,
    }
}

fn pattern(from: usize, length: usize) -> Vec<u8> {
    (from..from + length).map(|at| (at % 251) as u8).collect()
}

/// Writes until nothing more is taken; gives how much was.
async fn fill(stream: &mut Stream) -> usize {
    fill_to(stream, usize::MAX).await
}

async fn fill_to(stream: &mut Stream, most: usize) -> usize {
    let mut written = 0;
    while written < most
        && let Ok(count) = timeout(Duration::from_millis(50), stream.write(&pattern(written, 8192))).await
    {
        written += count.unwrap();
    }
    written
}

/// What a far end got, and the error that it came to, if it was not the stream's own end.
type Got = (usize, Option<io::ErrorKind>);

/// Reads so much at a time, with a pause before each, and checks every byte.
fn reader(mut stream: Stream, at_once: usize, pause: Duration) -> JoinHandle<Got> {
    tokio::spawn(async move {
        let (mut total, mut buffer) = (0, vec![0; at_once]);
        loop {
            sleep(pause).await;
            match stream.read(&mut buffer).await {
                Ok(0) => return (total, None),
                Ok(count) => {
                    assert_eq!(buffer[..count], pattern(total, count), "at {total}");
                    total += count;
                }
                Err(error) => return (total, Some(error.kind())),
            }
        }
    })
}

async fn got(reader: JoinHandle<Got>) -> Got {
    timeout(LONG, reader).await.unwrap().unwrap()
}

/// Parts, and does not wait for ever; gives what was discarded and how long it took.
async fn left(stream: &mut Stream, parting: Parting, times: PartTimes) -> (u64, Duration) {
    let begun = Instant::now();
    let discarded = timeout(LONG, leave(stream, parting, times)).await.unwrap();
    (discarded, begun.elapsed())
}

/// Parts and drops.
async fn gone(mut stream: Stream, parting: Parting, times: PartTimes) -> (u64, Duration) {
    left(&mut stream, parting, times).await
}

#[tokio::test]
async fn shuts_then_reads_until_the_peer_is_done() {
    let (ours, mut theirs) = duplex(64);
    let mut ours: Stream = Box::pin(ours);
    let peer = tokio::spawn(async move {
        let mut all = Vec::new();
        theirs.read_to_end(&mut all).await.unwrap();
        // More than the pipe holds: it is only taken by someone who reads.
        theirs.write_all(&[1; 1000]).await.unwrap();
        all
    });
    ours.write_all(b"last").await.unwrap();
    assert_eq!(ours.backlog(), None);
    assert_eq!(part(&mut ours, Parting::within(Duration::from_secs(5))).await, 1000);
    assert_eq!(peer.await.unwrap(), b"last");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_stays_is_left_after_the_time() {
    let (ours, _theirs) = duplex(64);
    let mut ours: Stream = Box::pin(ours);
    let start = Instant::now();
    part(&mut ours, PATIENT).await;
    assert_eq!(start.elapsed(), LINGER);
    let start = Instant::now();
    part(&mut ours, Parting::within(Duration::from_millis(50))).await;
    assert_eq!(start.elapsed(), Duration::from_millis(50));
}

#[cfg(any(target_os = "linux", target_vendor = "apple"))]
#[tokio::test]
async fn the_backlog_is_what_the_far_end_did_not_take() {
    for kind in KINDS {
        let (mut near, far) = pair(kind).await;
        let empty = async {
            while near.backlog() != Some(0) {
                sleep(Duration::from_millis(1)).await;
            }
        };
        assert!(timeout(LONG, empty).await.is_ok(), "{kind:?}: nothing was written");
        let written = fill(&mut near).await;
        let backlog = near.backlog().unwrap();
        assert!(backlog > written as u64 / 2, "{kind:?}: {backlog} of {written}");
        if kind == StreamKind::Tcp {
            assert!(backlog < written as u64, "what the far end's system has taken does not count");
        }
        let is_encrypted = matches!(kind, StreamKind::Tls | StreamKind::TlsOverUnix);
        assert_eq!(near.beneath().held > 0, is_encrypted, "{kind:?}: TLS holds what the socket did not take");
        let reader = reader(far, 65536, Duration::ZERO);
        timeout(LONG, near.flush()).await.unwrap().unwrap();
        assert_eq!(near.beneath().held, 0, "{kind:?}");
        let taken = async {
            while near.backlog() != Some(0) {
                sleep(Duration::from_millis(1)).await;
            }
        };
        assert!(timeout(LONG, taken).await.is_ok(), "{kind:?}: all is read");
        near.shutdown().await.unwrap();
        assert_eq!(got(reader).await, (written, None), "{kind:?}");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn what_a_far_end_takes_is_what_its_program_reads_and_not_what_its_system_still_buffers() {
    for kind in KINDS.into_iter().filter(|kind| matches!(kind, StreamKind::Tcp | StreamKind::Tls)) {
        let (mut near, far) = pair(kind).await;
        let written = fill(&mut near).await;
        let (taken, backlog) = (near.taken().unwrap(), near.backlog().unwrap());
        // Probes of the closed window leave meanwhile, and its system takes what still fits.
        sleep(Duration::from_secs(1)).await;
        assert_eq!(
            near.taken(),
            Some(taken),
            "{kind:?}: nobody reads, backlog {backlog}, {:?}",
            near.backlog()
        );
        let reader = reader(far, 65536, Duration::ZERO);
        timeout(LONG, near.flush()).await.unwrap().unwrap();
        let all = async {
            while near.taken().unwrap() < written as u64 {
                sleep(Duration::from_millis(1)).await;
            }
        };
        assert!(timeout(LONG, all).await.is_ok(), "{kind:?}: all is read");
        near.shutdown().await.unwrap();
        assert_eq!(got(reader).await, (written, None), "{kind:?}");
    }
}

#[tokio::test]
async fn a_slow_reader_is_waited_for_and_gets_everything() {
    for kind in KINDS {
        for ends in [false, true] {
            let (mut near, mut far) = pair(kind).await;
            // Megabytes once, over more time than either clock has; less where only the layers differ.
            let (most, clocks) = match (kind, ends) {
                (StreamKind::Tcp, true) => (usize::MAX, Duration::from_millis(800)),
                _ => (SOME, NEVER),
            };
            let written = fill_to(&mut near, most).await;
            // It has said all and still reads, or it speaks: a socket that is closed meanwhile would be reset.
            if ends {
                far.shutdown().await.unwrap();
            } else {
                far.write_all(&[0; 1000]).await.unwrap();
            }
            let reader = reader(far, 8192, Duration::from_millis(3));
            let parting = Parting { stall: clocks, ..PATIENT };
            let (discarded, took) = left(&mut near, parting, PartTimes { window: clocks, ..QUICK }).await;
            assert_eq!(near.backlog().unwrap_or(0), 0, "{kind:?} {ends}: it is left with nothing on its way");
            drop(near);
            assert_eq!(got(reader).await, (written, None), "{kind:?} {ends}");
            assert!(
                took > if clocks < NEVER { clocks } else { QUICK.linger * 2 },
                "{kind:?} {ends}: {took:?} for {written}"
            );
            assert_eq!(discarded, if ends { 0 } else { 1000 }, "{kind:?} {ends}");
        }
    }
}

#[tokio::test]
async fn a_reader_that_stands_still_is_left_after_the_stall() {
    let stall = Duration::from_millis(100);
    for kind in KINDS {
        for cut in [false, true] {
            let (mut near, _far) = pair(kind).await;
            fill(&mut near).await;
            let (_, took) = left(&mut near, Parting { by: None, stall, cut }, QUICK).await;
            assert!(took >= stall, "{kind:?}");
            assert_ne!(near.backlog(), Some(0), "{kind:?}");
        }
    }
}

#[tokio::test]
async fn what_comes_renews_the_stall_and_not_the_time_for_taking() {
    let (mut near, mut far) = pair(StreamKind::Tcp).await;
    fill(&mut near).await;
    let talker = tokio::spawn(async move {
        while far.write_all(b"still here").await.is_ok() {
            sleep(Duration::from_millis(5)).await;
        }
    });
    // On busy cores the talker may be silent for many times its five milliseconds.
    let times = PartTimes { window: Duration::from_secs(3), ..QUICK };
    let parting = Parting { by: None, stall: Duration::from_secs(1), cut: false };
    let (discarded, took) = gone(near, parting, times).await;
    assert!(discarded > 100 && took >= times.window, "{discarded} in {took:?}");
    timeout(LONG, talker).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_reader_that_takes_too_little_is_left() {
    let (mut near, far) = pair(StreamKind::Tcp).await;
    let written = fill(&mut near).await;
    let reader = reader(far, 256, Duration::from_millis(10));
    let times = PartTimes { window: Duration::from_millis(200), ..QUICK };
    let (_, took) = left(&mut near, PATIENT, times).await;
    assert!(took >= times.window);
    assert!(near.backlog().is_none_or(|left| left > written as u64 / 2), "it took a little");
    reader.abort();
}

#[tokio::test]
async fn the_moment_is_absolute() {
    for kind in KINDS {
        for cut in [false, true] {
            let (mut near, mut far) = pair(kind).await;
            fill(&mut near).await;
            // Bytes keep coming, as many as are taken.
            let talker = tokio::spawn(async move { while far.write_all(&[0; 65536]).await.is_ok() {} });
            let begun = Instant::now();
            let by = Some(begun + Duration::from_millis(100));
            let (discarded, _) = gone(near, Parting { by, cut, ..PATIENT }, QUICK).await;
            assert!(Some(Instant::now()) >= by && discarded > 0, "{kind:?}");
            timeout(LONG, talker).await.unwrap().unwrap();
        }
    }
}

#[tokio::test]
async fn a_moment_that_is_over_still_ends_the_stream() {
    for kind in KINDS {
        let (near, far) = pair(kind).await;
        let parting = Parting { by: Some(Instant::now()), ..PATIENT };
        gone(near, parting, PartTimes { linger: NEVER, window: NEVER }).await;
        assert_eq!(got(reader(far, 64, Duration::ZERO)).await, (0, None), "{kind:?}");
    }
}

#[tokio::test]
async fn a_cut_stream_is_seen_to_be_cut_after_all_of_it() {
    for kind in KINDS {
        for ends in [false, true] {
            let (mut near, mut far) = pair(kind).await;
            let written = fill_to(&mut near, SOME).await;
            match ends {
                true => far.shutdown().await.unwrap(),
                false => far.write_all(&[0; 1000]).await.unwrap(),
            }
            let reader = reader(far, 8192, Duration::from_millis(5));
            // It ends by what it sees while the socket is still open.
            let times = PartTimes { linger: NEVER, window: NEVER };
            gone(near, Parting { cut: true, ..PATIENT }, times).await;
            let error = match kind {
                StreamKind::Tcp => Some(io::ErrorKind::ConnectionReset),
                StreamKind::Unix => None,
                StreamKind::Tls | StreamKind::TlsOverUnix => Some(io::ErrorKind::UnexpectedEof),
            };
            assert_eq!(got(reader).await, (written, error), "{kind:?} {ends}");
        }
    }
}

#[tokio::test]
async fn a_far_end_that_is_gone_is_not_waited_for() {
    for kind in KINDS {
        for ended in [false, true] {
            for cut in [false, true] {
                let (mut near, mut far) = pair(kind).await;
                fill(&mut near).await;
                if ended {
                    // Reading goes on to say end of file, whatever comes after it.
                    far.shutdown().await.unwrap();
                    while near.read(&mut [0; 64]).await.unwrap() > 0 {}
                }
                let leaving = tokio::spawn(async move {
                    left(&mut near, Parting { cut, ..PATIENT }, QUICK).await;
                    near.backlog()
                });
                if let Some(SocketRef::Tcp(socket)) = far.beneath().socket {
                    socket.set_zero_linger().unwrap();
                }
                drop(far);
                let backlog = timeout(LONG / 2, leaving).await.unwrap().unwrap();
                if kind == StreamKind::Tcp {
                    assert_ne!(backlog, Some(0), "what it did not take is still counted");
                }
            }
        }
    }
}

/// What a socket takes of a stream that the far end does not read, bytes of the send queue.
async fn queued(near: TcpStream) -> u64 {
    let mut near: Stream = Box::pin(near);
    fill(&mut near).await;
    near.backlog().unwrap()
}

#[cfg(any(target_os = "linux", target_vendor = "apple"))]
#[tokio::test]
async fn what_waits_to_be_sent_is_kept_small() {
    let (near, _far) = tcp().await;
    let untouched = queued(near).await;
    let (near, _far) = tcp().await;
    tune(&near);
    let tuned = queued(near).await;
    assert!(tuned < 512 * 1024 && tuned * 2 < untouched, "{tuned} of {untouched}");
}
