//! Pairs over links within the process: what arrives at the far ends is counted there.

mod ends;
mod wakes;

use super::*;
use crate::{
    driver::test_links::{Far, lines, over, web_socket},
    link::{InputFile, Port, Streams, Workers},
    observe::{Verbosity, test_stderr::TestStderr},
    plan::AutoSend,
    session::Rules,
    ws::conn::Unsent,
};
use std::{
    io::{self, Read, Seek, Write},
    sync::mpsc,
};
use tokio::{sync::oneshot, task::JoinHandle, time::sleep};
use tokio_tungstenite::tungstenite::Message;

const SECOND: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);

/// The outside of a pair.
struct Outside {
    stop: oneshot::Sender<Fault>,
    reporter: Reporter,
    said: TestStderr,
}

impl Outside {
    fn said(&self) -> String {
        self.reporter.catch_up(Duration::from_secs(10));
        self.said.text()
    }
}

fn setup(rules: Rules) -> (Setup, Outside) {
    let said = TestStderr::default();
    let reporter = Reporter::new(said.clone(), Verbosity::Normal);
    let (stop, stopped) = oneshot::channel();
    let timeout_at = rules.timeout.map(|timeout| Instant::now() + timeout);
    let setup = Setup {
        rules,
        serving: false,
        timeout_at,
        first: Vec::new(),
        auto_send: AutoSend::default(),
        read_ahead: Some(1 << 20),
        seat: None,
        send_only: false,
        stop: Box::pin(async {
            match stopped.await {
                Ok(fault) => fault,
                Err(_) => std::future::pending().await,
            }
        }),
        reporter: reporter.clone(),
    };
    (setup, Outside { stop, reporter, said })
}

fn signal() -> Fault {
    Fault::new(Exit::Terminate, "session", "ended by a signal")
}

/// A bridge from a socket that speaks lines to a WebSocket.
struct TestPair {
    target: Far,
    peer: Far,
    outside: Outside,
    run: JoinHandle<Outcome>,
}

impl TestPair {
    fn new(rules: Rules, rooms: [usize; 2]) -> Self {
        Self::with(rules, rooms, |_| ())
    }

    fn with(rules: Rules, rooms: [usize; 2], change: impl FnOnce(&mut Setup)) -> Self {
        let (a, target) = lines(rooms[0]);
        let (b, peer) = web_socket(rooms[1]);
        let (mut setup, outside) = setup(rules);
        change(&mut setup);
        Self { target, peer, outside, run: tokio::spawn(Pair::new(a, b, setup).run()) }
    }

    async fn ended(self) -> (Outcome, Duration) {
        let start = Instant::now();
        let outcome = self.run.await.unwrap();
        (outcome, start.elapsed())
    }
}

/// A message of a thousand bytes.
fn numbered(number: u64) -> String {
    format!("{number:0>1000}")
}

fn exit(outcome: &Outcome) -> Exit {
    outcome.fault.as_ref().map_or(Exit::Ok, |fault| fault.exit)
}

const LARGE: usize = 1 << 20;

#[tokio::test(start_paused = true)]
async fn a_session_lives_while_its_output_stalls_and_nothing_of_it_is_lost() {
    let mut bridge = TestPair::new(Rules::default(), [1000, LARGE]);
    for number in 0..400 {
        bridge.peer.text(&numbered(number)).await;
    }
    sleep(500 * MS).await;
    bridge.peer.frame(0x89, b"hi").await;
    sleep(400 * MS).await;
    assert_eq!(bridge.peer.frames().await, []);
    sleep(200 * MS).await;
    assert_eq!(bridge.peer.frames().await, [(10, b"hi".to_vec())]);
    // A Close is seen and answered while the output still takes nothing.
    bridge.peer.close(1000).await;
    sleep(10 * MS).await;
    assert_eq!(bridge.peer.frames().await, [(8, 1000_u16.to_be_bytes().to_vec())]);
    let (mut came, mut is_over) = (Vec::new(), false);
    while !is_over {
        sleep(20 * MS).await;
        let (bytes, over) = bridge.target.take(10_000).await;
        came.extend(bytes);
        is_over = over;
    }
    let expected: String = (0..400).map(|number| numbered(number) + "\n").collect();
    assert!(came == expected.as_bytes(), "{} of {} bytes, or another order", came.len(), expected.len());
    let (outcome, _) = bridge.ended().await;
    assert_eq!((exit(&outcome), outcome.complete), (Exit::Ok, true));
    assert_eq!((outcome.carried, outcome.remains.undelivered()), ([(0, 0), (400, 400_000)], (0, 0)));
}

#[tokio::test(start_paused = true)]
async fn what_stays_unread_is_bounded_by_what_is_read_ahead() {
    for (read_ahead, most) in [(None, 900_000), (Some(500_000), 1_400_000)] {
        let mut bridge =
            TestPair::with(Rules::default(), [1000, LARGE], |setup| setup.read_ahead = read_ahead);
        for number in 0..3000 {
            bridge.peer.text(&numbered(number)).await;
        }
        sleep(10 * SECOND).await;
        bridge.outside.stop.send(signal()).unwrap();
        bridge.outside.stop = oneshot::channel().0;
        let (outcome, _) = bridge.ended().await;
        let (messages, bytes) = outcome.carried[1];
        let kept = messages + outcome.remains.undelivered().0;
        assert!(kept * 1000 < most + 300_000, "{read_ahead:?}: {kept} messages were read");
        assert!(bytes < most && outcome.remains.undelivered().0 > 0);
    }
}

#[tokio::test(start_paused = true)]
async fn unsent_is_what_the_peer_did_not_get() {
    for room in [100, 5000, 12_345, 29_000] {
        let mut bridge = TestPair::new(Rules::default(), [LARGE, room]);
        let input: String = (0..40).map(|number| numbered(number) + "\n").collect();
        bridge.target.give(input.as_bytes()).await;
        bridge.target.give(b"not a whole line").await;
        sleep(SECOND).await;
        bridge.peer.close(1000).await;
        sleep(SECOND / 10).await;
        let mut frames = Vec::new();
        for _ in 0..100 {
            frames.extend(bridge.peer.frames().await);
            sleep(MS).await;
        }
        let got = frames.iter().filter(|(opcode, _)| *opcode == 1).count() as u64;
        assert!(got < 40, "the rest does not fit: {got}");
        assert_eq!(frames.last(), Some(&(8, 1000_u16.to_be_bytes().to_vec())), "and then the answer");
        let (outcome, _) = bridge.ended().await;
        assert_eq!(outcome.carried[0], (got, got * 1000), "{room}");
        assert_eq!((outcome.unsent.messages, outcome.unsent.bytes), (40 - got, 16), "{room}");
        assert_eq!((exit(&outcome), outcome.complete), (Exit::Unsent, false));
        assert_eq!((outcome.remains.input.as_str(), outcome.remains.undelivered()), ("the source", (0, 0)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_cannot_be_finished_after_the_peers_close_is_unsent_too() {
    let mut bridge = TestPair::new(Rules::default(), [LARGE, 1500]);
    let input: String = (0..10).map(|number| numbered(number) + "\n").collect();
    bridge.target.give(input.as_bytes()).await;
    sleep(SECOND).await;
    bridge.peer.close(1000).await;
    // It reads nothing at all: one message is in the pipe, one is half in there, eight are with us.
    sleep(60 * SECOND).await;
    let got = bridge.peer.frames().await.len() as u64;
    let (outcome, _) = bridge.ended().await;
    assert_eq!((got, outcome.unsent.messages, outcome.carried[0]), (1, 9, (1, 1000)));
    assert_eq!(exit(&outcome), Exit::Unsent);
}

#[tokio::test(start_paused = true)]
async fn a_relay_counts_what_either_peer_got() {
    let ((a, mut left), (b, mut right)) = (web_socket(2500), web_socket(LARGE));
    let (setup, _outside) = setup(Rules::default());
    let run = tokio::spawn(Pair::new(a, b, setup).run());
    for number in 0..10 {
        right.text(&numbered(number)).await;
    }
    left.text("one").await;
    left.frame(0x89, b"over there?").await;
    sleep(SECOND).await;
    assert_eq!(right.frames().await, [(1, b"one".to_vec()), (9, b"over there?".to_vec())]);
    left.close(4000).await;
    sleep(SECOND).await;
    assert_eq!(right.frames().await, [(8, 4000_u16.to_be_bytes().to_vec())], "it is passed on");
    right.close(4000).await;
    let mut frames = Vec::new();
    for _ in 0..100 {
        frames.extend(left.frames().await);
        sleep(MS).await;
    }
    let got = frames.iter().filter(|(opcode, _)| *opcode == 1).count() as u64;
    assert_eq!((got, frames.last()), (3, Some(&(8, 4000_u16.to_be_bytes().to_vec()))));
    let outcome = run.await.unwrap();
    assert_eq!((exit(&outcome), outcome.carried), (Exit::ClosedByPeer, [(1, 3), (3, 3000)]));
    assert_eq!(outcome.remains.unsent_by_link[1], Unsent { messages: 7, bytes: 7000 });
    assert_eq!(outcome.unsent.messages, 7, "what was read of one and not sent to the other is told");
}

/// Standard input, a file, behind this prefix.
/// A reader, and a share of what is counted.
struct Counted(Box<dyn Read + Send>, #[expect(dead_code, reason = "held until the reader is gone")] Arc<()>);

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

/// A file as standard input, and a count that is one once it was read to its end.
fn file(prefix: &str, content: &str) -> (std::fs::File, Box<dyn Link>, Arc<()>) {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(prefix.as_bytes()).unwrap();
    file.write_all(content.as_bytes()).unwrap();
    file.seek(io::SeekFrom::Start(prefix.len() as u64)).unwrap();
    let (input, input_file) = InputFile::open(file.try_clone().unwrap()).unwrap();
    let readers = Arc::new(());
    let streams = Streams {
        input: Box::new(Counted(input, Arc::clone(&readers))),
        input_file,
        output: Box::new(io::sink()),
        close_output: None,
        output_file: None,
        input_is_terminal: false,
        output_is_terminal: false,
    };
    (file, over(Port::standard(Workers::default(), streams, true)), readers)
}

#[tokio::test]
async fn a_file_is_left_behind_the_last_message_that_the_peer_got() {
    // Rooms that end between messages, amid one, and within the first one; and one for all.
    for (room, all) in [(200, false), (4016, false), (4500, false), (40_000, false), (3_000_000, true)] {
        let content: String = (0..2000).map(|number| numbered(number) + "\n").collect();
        let (mut file, a, _) = file("read before", &content);
        let (b, mut peer) = web_socket(room);
        let (setup, _outside) = setup(Rules { linger: None, ..Rules::default() });
        let run = tokio::spawn(Pair::new(a, b, setup).run());
        let mut frames = Vec::new();
        if all {
            while frames.len() < 2000 {
                frames.extend(peer.frames().await);
                sleep(MS).await;
            }
        }
        while !all && peer.written() < room as u64 {
            sleep(MS).await;
        }
        peer.close(1000).await;
        while frames.last().is_none_or(|(opcode, _)| *opcode != 8) {
            sleep(MS).await;
            frames.extend(peer.frames().await);
        }
        let got = frames.len() as u64 - 1;
        drop(peer);
        let outcome = run.await.unwrap();
        let mut rest = String::new();
        file.read_to_string(&mut rest).unwrap();
        assert_eq!(rest.len() as u64, (2000 - got) * 1001, "{room}: {got} messages");
        let expected = if all { Exit::Ok } else { Exit::Unsent };
        assert_eq!((exit(&outcome), outcome.carried[0].0), (expected, got), "{room}");
    }
}

#[tokio::test]
async fn the_last_line_of_a_file_needs_no_end_to_be_left_there() {
    for (room, rest) in [(10, "three"), (5, "two\nthree"), (17, "")] {
        let (mut file, a, readers) = file("", "one\ntwo\nthree");
        let (b, mut peer) = web_socket(room);
        let (setup, _outside) = setup(Rules { linger: None, ..Rules::default() });
        let run = tokio::spawn(Pair::new(a, b, setup).run());
        // The reader goes with the end that it found; by the next tick the pair has heard of it.
        while peer.written() < room as u64 || Arc::strong_count(&readers) > 1 {
            sleep(MS).await;
        }
        sleep(MS).await;
        peer.close(1000).await;
        let mut frames = Vec::new();
        while frames.last().is_none_or(|(opcode, _)| *opcode != 8) {
            sleep(MS).await;
            frames.extend(peer.frames().await);
        }
        drop(peer);
        let outcome = run.await.unwrap();
        let mut left = String::new();
        file.read_to_string(&mut left).unwrap();
        assert_eq!((left.as_str(), outcome.unsent.messages), (rest, 4 - frames.len() as u64), "{frames:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn round_trips_are_those_of_our_pings() {
    let rules = Rules { ping_interval: Some(10 * SECOND), ..Rules::default() };
    let mut bridge = TestPair::new(rules, [LARGE, LARGE]);
    for delay in [30 * MS, 70 * MS] {
        while bridge.peer.frames().await.is_empty() {
            sleep(MS).await;
        }
        sleep(delay).await;
        bridge.peer.frame(0x8a, b"wsio").await;
        sleep(MS).await;
        // Nobody asked for this one.
        bridge.peer.frame(0x8a, b"wsio").await;
        sleep(MS).await;
    }
    bridge.peer.close(1000).await;
    let (outcome, _) = bridge.ended().await;
    let rtt = outcome.rtt.unwrap();
    assert_eq!(rtt.count, 2);
    assert!(rtt.min >= 30 * MS && rtt.min <= 35 * MS && rtt.max >= 70 * MS && rtt.max <= 75 * MS, "{rtt:?}");
    assert_eq!(rtt.total, rtt.min + rtt.max);
}

#[tokio::test(start_paused = true)]
async fn what_is_said_first_goes_first_and_what_a_filter_drops_is_shown_when_it_was_all() {
    let mut bridge = TestPair::with(Rules::default(), [LARGE, LARGE], |setup| {
        setup.first = vec![Message::text("hello")];
    });
    bridge.target.give(b"then this\n").await;
    sleep(SECOND).await;
    let frames = bridge.peer.frames().await;
    assert_eq!(frames, [(1, b"hello".to_vec()), (1, b"then this".to_vec())]);
    bridge.peer.text("an answer").await;
    bridge.peer.close(1000).await;
    let (outcome, _) = bridge.ended().await;
    assert_eq!((exit(&outcome), outcome.carried), (Exit::Ok, [(2, 14), (1, 9)]));
}

#[tokio::test(start_paused = true)]
async fn who_only_sends_takes_nothing_of_what_comes() {
    let mut bridge = TestPair::with(Rules::default(), [LARGE, LARGE], |setup| setup.send_only = true);
    bridge.target.give(b"a\n").await;
    bridge.peer.text("unwanted").await;
    sleep(SECOND).await;
    assert_eq!(bridge.peer.frames().await, [(1, b"a".to_vec())]);
    bridge.peer.close(1000).await;
    sleep(SECOND).await;
    assert_eq!(bridge.target.all().await, b"");
    assert_eq!(exit(&bridge.ended().await.0), Exit::Ok);
}

/// Takes the first write for ever.
struct Stuck(mpsc::Receiver<()>);

impl Write for Stuck {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = self.0.recv();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Standard output that nobody reads until the sender is dropped, and no input.
fn stuck() -> (mpsc::Sender<()>, Box<dyn Link>) {
    let (go_on, held) = mpsc::channel();
    let streams = Streams {
        input: Box::new(io::empty()),
        input_file: None,
        output: Box::new(Stuck(held)),
        close_output: None,
        output_file: None,
        input_is_terminal: false,
        output_is_terminal: false,
    };
    (go_on, over(Port::standard(Workers::default(), streams, false)))
}
