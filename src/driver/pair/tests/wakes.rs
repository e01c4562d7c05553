//! A pair that waits is woken by everything that it waits for: polled by hand, with a waker that counts.

use super::*;
use crate::link::{budget::Budget, test_waker::TestWaker};
use std::sync::atomic::Ordering;
use tokio::{task::coop::unconstrained, time::advance};

struct Polled {
    pair: Box<Pair>,
    waker: TestWaker,
    target: Far,
    peer: Far,
    outside: Outside,
}

impl Polled {
    async fn new(rules: Rules, rooms: [usize; 2], change: impl FnOnce(&mut Setup)) -> Self {
        let (a, target) = lines(rooms[0]);
        let (b, peer) = web_socket(rooms[1]);
        let (mut setup, outside) = setup(rules);
        change(&mut setup);
        let mut polled =
            Self { pair: Pair::new(a, b, setup), waker: TestWaker::new(), target, peer, outside };
        assert!(polled.settles().await.is_none());
        polled
    }

    /// Polls as often as it is woken, once at least; gives the verdict when it is over.
    async fn settles(&mut self) -> Option<Option<Fault>> {
        let Self { pair, waker, .. } = self;
        unconstrained(poll_fn(|_| {
            for _ in 0..10_000 {
                waker.wakes();
                if let Poll::Ready(fault) = pair.poll(&mut waker.cx()) {
                    return Poll::Ready(Some(fault));
                }
                if !waker.is_woken() {
                    return Poll::Ready(None);
                }
            }
            panic!("it wakes itself for ever");
        }))
        .await
    }

    /// It was woken by what happened before; polls.
    async fn woken(&mut self, by: &str) -> Option<Option<Fault>> {
        assert!(self.waker.is_woken(), "{by} does not wake the pair");
        self.settles().await
    }

    /// Time passes up to this; it does nothing until then, but for setting its clock anew, and sleeps not longer.
    async fn sleeps(&mut self, time: Duration, by: &str) -> Option<Option<Fault>> {
        advance(time - MS).await;
        if self.waker.is_woken() {
            assert!(self.settles().await.is_none());
            assert_eq!(self.peer.frames().await, [], "before {by}");
        }
        advance(2 * MS).await;
        self.woken(by).await
    }
}

#[tokio::test(start_paused = true)]
async fn what_comes_from_either_side_wakes_it_and_nothing_else_does() {
    let mut polled = Polled::new(Rules::default(), [LARGE, LARGE], |_| ()).await;
    polled.peer.text("down").await;
    assert!(polled.woken("a message").await.is_none());
    assert_eq!(polled.target.all().await, b"down\n");
    polled.target.give(b"up\n").await;
    assert!(polled.woken("a line").await.is_none());
    assert_eq!(polled.peer.frames().await, [(1, b"up".to_vec())]);
    polled.peer.frame(0x89, b"hi").await;
    assert!(polled.woken("a ping").await.is_none());
    assert_eq!(polled.peer.frames().await, [(10, b"hi".to_vec())]);
    advance(SECOND).await;
    assert!(!polled.waker.is_woken(), "nothing happens");
    polled.peer.close(1000).await;
    polled.woken("a Close").await;
    assert_eq!(polled.peer.frames().await, [(8, 1000_u16.to_be_bytes().to_vec())]);
}

#[tokio::test(start_paused = true)]
async fn room_at_either_side_wakes_it() {
    let mut polled = Polled::new(Rules::default(), [1000, 1000], |_| ()).await;
    for number in 0..3 {
        polled.peer.text(&numbered(number)).await;
        let line = numbered(number) + "\n";
        polled.target.give(line.as_bytes()).await;
    }
    assert!(polled.woken("either").await.is_none());
    for _ in 0..4 {
        assert_eq!(polled.target.take(500).await.0.len(), 500);
        assert!(polled.woken("room in the output").await.is_none());
        assert_eq!(polled.peer.take(500).await.0.len(), 500);
        assert!(polled.woken("room in the WebSocket").await.is_none());
    }
    assert_eq!((polled.target.all().await.len(), polled.peer.all().await.len()), (1000, 1000));
    assert!(polled.woken("room in either").await.is_none());
    assert_eq!((polled.target.all().await.len(), polled.peer.all().await.len()), (3, 12));
}

#[tokio::test(start_paused = true)]
async fn each_clock_wakes_it_in_time() {
    let rules = Rules { ping_interval: Some(7 * SECOND), ping_timeout: Some(3 * SECOND), ..Rules::default() };
    let mut polled = Polled::new(rules, [LARGE, LARGE], |_| ()).await;
    assert!(polled.sleeps(7 * SECOND, "the ping").await.is_none());
    assert_eq!(polled.peer.frames().await, [(9, b"wsio".to_vec())]);
    // What comes puts the next clock off.
    advance(2 * SECOND).await;
    polled.peer.frame(0x8a, b"wsio").await;
    assert!(polled.woken("the pong").await.is_none());
    assert!(polled.sleeps(7 * SECOND, "the next ping").await.is_none());
    assert_eq!(polled.peer.frames().await, [(9, b"wsio".to_vec())]);
    polled.sleeps(3 * SECOND - MS, "a pong that stays away").await;
    assert_eq!(polled.peer.frames().await, [(8, 1011_u16.to_be_bytes().to_vec())]);

    let rules = Rules { timeout: Some(9 * SECOND), ping_interval: None, ..Rules::default() };
    let mut polled = Polled::new(rules, [LARGE, LARGE], |_| ()).await;
    polled.sleeps(9 * SECOND, "--timeout").await;
    assert_eq!(polled.peer.frames().await, [(8, 1000_u16.to_be_bytes().to_vec())]);

    let rules = Rules { ping_interval: None, ..Rules::default() };
    let mut polled = Polled::new(rules, [LARGE, LARGE], |_| ()).await;
    polled.target.give(b"all\n").await;
    polled.target.hang_up().await;
    assert!(polled.woken("the end of the input").await.is_none());
    assert_eq!(polled.peer.frames().await, [(1, b"all".to_vec())]);
    polled.sleeps(SECOND, "--linger").await;
    assert_eq!(polled.peer.frames().await, [(8, 1000_u16.to_be_bytes().to_vec())]);
    assert!(polled.sleeps(5 * SECOND - MS, "--close-timeout").await.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_send_queue_that_is_waited_for_is_looked_at_without_being_told() {
    let rules = Rules { ping_interval: None, ..Rules::default() };
    let mut polled = Polled::new(rules, [LARGE, LARGE], |_| ()).await;
    polled.peer.backlog.store(4, Ordering::SeqCst);
    polled.target.give(b"all\n").await;
    polled.target.hang_up().await;
    assert!(polled.woken("the end of the input").await.is_none());
    // Most queues are acknowledged at once: the first looks come soon.
    for time in [1, 2, 4, 8, 16, 32].into_iter().chain([50; 14]) {
        assert!(polled.sleeps(time * MS, "a look at the queue").await.is_none());
        polled.settles().await;
    }
    polled.peer.backlog.store(0, Ordering::SeqCst);
    advance(60 * MS).await;
    assert!(polled.woken("the last look").await.is_none());
    advance(900 * MS).await;
    assert!(!polled.waker.is_woken(), "it is looked at no longer");
}

#[tokio::test(start_paused = true)]
async fn a_stop_and_the_end_of_a_release_wake_it() {
    let mut polled = Polled::new(Rules::default(), [LARGE, LARGE], |_| ()).await;
    let stop = std::mem::replace(&mut polled.outside.stop, oneshot::channel().0);
    stop.send(signal()).unwrap();
    assert!(polled.woken("a signal").await.is_none());
    assert_eq!(polled.peer.frames().await, [(8, 1001_u16.to_be_bytes().to_vec())]);
    polled.peer.close(1001).await;
    polled.settles().await;
    polled.peer.hang_up().await;
    polled.target.hang_up().await;
    let verdict = polled.woken("the far end's end").await;
    assert_eq!(verdict.flatten().map(|fault| fault.exit), Some(Exit::Terminate));
}

#[tokio::test(start_paused = true)]
async fn too_much_memory_in_another_session_wakes_it() {
    let budget = Budget::new(1000);
    let (seat, other) = (budget.seat(), budget.seat());
    let mut polled = Polled::new(Rules::default(), [LARGE, LARGE], |setup| {
        setup.seat = Some(seat);
        // What is looked at is put together first.
        setup.rules.filter = Some(Arc::default());
    })
    .await;
    polled.peer.frame(0x01, &[b'x'; 600]).await;
    assert!(polled.woken("a part of a message").await.is_none());
    other.hold(500);
    polled.woken("memory that is used up").await;
    let frames = polled.peer.frames().await;
    assert!(
        matches!(&frames[..], [(8, payload)] if payload.starts_with(&1013_u16.to_be_bytes())),
        "{frames:?}"
    );
}
