//! One direction alone, polled by hand with a waker that counts.

use super::*;
use crate::{
    driver::test_links::{Far, lines, web_socket},
    exit::Exit,
    link::{
        room::{Room, RoomRules},
        test_waker::TestWaker,
    },
};
use std::{task::Waker, time::Duration};
use tokio::{task::coop::unconstrained, time::advance};

/// A pump from a WebSocket to an output of which `room` bytes may be untaken.
struct Carried {
    pump: Pump,
    source: Box<dyn Link>,
    sink: Box<dyn Link>,
    peer: Far,
    target: Far,
    waker: TestWaker,
    may_grow: bool,
}

impl Carried {
    fn new(read_ahead: Option<usize>, room: usize) -> Self {
        let ((source, peer), (sink, target)) = (web_socket(1 << 20), lines(room));
        let pump = Pump::new(Side::A, None, None, Ahead::new(read_ahead));
        Self { pump, source, sink, peer, target, waker: TestWaker::new(), may_grow: true }
    }

    /// Polls until nothing more can happen; gives what it told.
    async fn poll(&mut self) -> Vec<Event> {
        unconstrained(std::future::poll_fn(|_| {
            let mut told = Vec::new();
            loop {
                self.waker.wakes();
                let mut cx = self.waker.cx();
                let polled =
                    self.pump.poll(&mut cx, &mut *self.source, &mut *self.sink, self.may_grow, &mut told);
                assert!(polled.is_pending());
                if !self.waker.is_woken() {
                    return Poll::Ready(told);
                }
            }
        }))
        .await
    }

    /// Numbered messages of a thousand bytes, from this number on.
    async fn gives(&mut self, numbers: std::ops::Range<u64>) {
        for number in numbers {
            self.peer.text(&line(number)).await;
        }
    }

    /// More than a sink holds before it makes one wait.
    async fn stalls(read_ahead: Option<usize>) -> Self {
        let mut carried = Self::new(read_ahead, 1000);
        carried.gives(0..600).await;
        let mut told = Vec::new();
        loop {
            let more = carried.poll().await;
            if more.is_empty() {
                break;
            }
            told.extend(more);
        }
        assert!(told.contains(&Event::Blocked { side: Side::A, blocked: true }), "{told:?}");
        assert!(carried.pump.is_blocked() && !told.iter().any(|told| matches!(told, Event::Held { .. })));
        carried
    }

    async fn pongs(&mut self) -> usize {
        let Self { source, waker, .. } = self;
        let flush = std::future::poll_fn(|_| Poll::Ready(source.poll_flush(&mut waker.cx())));
        assert!(unconstrained(flush).await.is_ready());
        self.peer.frames().await.iter().filter(|(opcode, _)| *opcode == 10).count()
    }
}

fn line(number: u64) -> String {
    format!("{number:0>1000}")
}

const TEN: Duration = Duration::from_millis(10);

#[tokio::test(start_paused = true)]
async fn what_waits_a_second_for_its_output_lets_more_be_read_and_pings_be_answered() {
    let mut carried = Carried::stalls(Some(1 << 20)).await;
    carried.peer.frame(0x89, b"hi").await;
    carried.waker.wakes();
    advance(Duration::from_millis(990)).await;
    assert!(!carried.waker.is_woken());
    carried.poll().await;
    assert_eq!(carried.pongs().await, 0, "a moment is no stall");
    advance(2 * TEN).await;
    assert!(carried.waker.is_woken(), "the clock of that wakes the pump");
    let told = carried.poll().await;
    assert!(
        told.contains(&Event::Held { side: Side::A, held: true })
            && told.contains(&Event::Blocked { side: Side::A, blocked: false }),
        "{told:?}"
    );
    assert_eq!(carried.pongs().await, 1);
    carried.gives(600..700).await;
    assert!(carried.waker.is_woken(), "and what comes is waited for");
    carried.poll().await;
    assert!(carried.pump.held() > 100_000, "{}", carried.pump.held());

    // Once the output takes again, everything comes, in order.
    let (mut came, mut told) = (Vec::new(), Vec::new());
    loop {
        let (bytes, _) = carried.target.take(777).await;
        if bytes.is_empty() {
            break;
        }
        came.extend(bytes);
        // The last thousand bytes are in the pipe already.
        let is_waiting = came.len() + 1000 < 700 * 1001;
        assert!(carried.waker.is_woken() || !is_waiting, "room in the output wakes the pump");
        told.extend(carried.poll().await);
    }
    let expected: String = (0..700).map(|number| line(number) + "\n").collect();
    assert!(came == expected.as_bytes(), "{} of {} bytes, or another order", came.len(), expected.len());
    assert_eq!(
        told.iter().filter(|told| **told == Event::Held { side: Side::A, held: false }).count(),
        1,
        "{told:?}"
    );
    assert_eq!((carried.pump.count, carried.pump.held()), ((700, 700_000), 0));
}

#[tokio::test(start_paused = true)]
async fn no_more_is_read_ahead_than_the_bound_and_one_batch() {
    let mut carried = Carried::stalls(Some(600_000)).await;
    advance(Duration::from_secs(2)).await;
    carried.gives(600..2000).await;
    let told = carried.poll().await;
    assert_eq!(
        told.iter().rfind(|told| matches!(told, Event::Blocked { .. })),
        Some(&Event::Blocked { side: Side::A, blocked: true })
    );
    assert!(told.contains(&Event::Held { side: Side::A, held: true }) && carried.pump.is_blocked());
    let held = carried.pump.held();
    assert!((600_000..600_000 + 300_000).contains(&held), "{held}");
    // Nothing more comes of it with time.
    advance(Duration::from_secs(60)).await;
    carried.poll().await;
    assert_eq!(carried.pump.held(), held);
    carried.peer.frame(0x89, b"hi").await;
    carried.poll().await;
    assert_eq!(carried.pongs().await, 0);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_read_ahead_where_it_is_off_or_memory_is_short() {
    for is_off in [true, false] {
        let mut carried = Carried::stalls((!is_off).then_some(1 << 20)).await;
        carried.may_grow = is_off;
        carried.peer.frame(0x89, b"hi").await;
        let before = carried.pump.messages();
        advance(Duration::from_secs(2)).await;
        let told = carried.poll().await;
        assert_eq!(told, [Event::Held { side: Side::A, held: true }], "it is told all the same");
        assert_eq!((carried.pongs().await, carried.pump.messages()), (0, before));
        assert!(carried.pump.is_blocked());
        if !is_off {
            carried.may_grow = true;
            carried.poll().await;
            assert_eq!(carried.pongs().await, 1, "once there is memory again");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_input_that_is_no_web_socket_stays_where_it_is() {
    let mut pump = Pump::new(Side::A, None, None, Ahead::new(Some(usize::MAX)));
    let ((mut source, mut input), (mut sink, _peer)) = (lines(1), web_socket(1000));
    let all: String = (0..3000).map(|number| line(number) + "\n").collect();
    assert_eq!(input.give(all.as_bytes()).await, all.len());
    let waker = TestWaker::new();
    let mut told = Vec::new();
    for _ in 0..100 {
        let mut cx = waker.cx();
        let poll = std::future::poll_fn(|_| {
            Poll::Ready(pump.poll(&mut cx, &mut *source, &mut *sink, true, &mut told))
        });
        assert!(unconstrained(poll).await.is_pending());
        advance(Duration::from_secs(1)).await;
    }
    let read = pump.count.0 + pump.messages();
    assert!(read < 2000, "{read} of 3000 were read for a peer that takes nothing");
    assert!(pump.is_blocked() && !told.iter().any(|told| matches!(told, Event::Held { .. })));
}

#[tokio::test(start_paused = true)]
async fn what_was_read_and_not_delivered_is_told_once() {
    let mut carried = Carried::stalls(Some(1 << 20)).await;
    let (messages, bytes) = (carried.pump.messages(), carried.pump.waiting());
    assert!(messages > 0 && bytes == messages * 1000);
    let (read, all) = (carried.pump.count.0 + messages, 600);
    assert!(read > 260 && read < all, "{read}");
    assert_eq!(carried.pump.abandon(), (messages, bytes));
    assert_eq!((carried.pump.abandon(), carried.pump.messages(), carried.pump.waiting()), ((0, 0), 0, 0));
    // What comes after that is dropped and counted, and still listened to.
    carried.peer.text("late").await;
    carried.peer.frame(0x89, b"hi").await;
    carried.poll().await;
    let late = all - read + 1;
    assert_eq!((carried.pongs().await, carried.pump.abandon()), (1, (late, (late - 1) * 1000 + 4)));
    assert!(carried.pump.is_delivered() || !carried.pump.is_blocked());
}

#[tokio::test(start_paused = true)]
async fn an_output_that_fails_is_told_once_and_what_waits_is_dropped() {
    let mut carried = Carried::stalls(None).await;
    let Carried { target, .. } = &mut carried;
    drop(std::mem::replace(target, lines(1).1));
    assert!(carried.waker.is_woken());
    let told = carried.poll().await;
    let failed = |told: &&Event| {
        matches!(told, Event::SinkFailed { side: Side::B, how }
            if matches!(&**how, SinkFailure::ReaderLeft(fault) if fault.exit == Exit::WriteError))
    };
    assert_eq!(told.iter().filter(failed).count(), 1, "{told:?}");
    assert_eq!((carried.pump.messages(), carried.pump.is_blocked()), (0, false));
    carried.peer.close(1000).await;
    let told = carried.poll().await;
    assert!(
        matches!(&told[..], [Event::Ended { side: Side::A, how }, Event::Delivered { side: Side::B }]
            if matches!(**how, SourceEnd::Close { .. })),
        "{told:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_pump_that_was_stopped_delivers_what_it_has_and_reads_its_peer_to_the_end() {
    let mut carried = Carried::new(None, 1 << 20);
    carried.gives(0..3).await;
    carried.pump.stop();
    assert_eq!(
        carried.poll().await,
        [Event::Received { side: Side::A, messages: 3 }, Event::Delivered { side: Side::B }]
    );
    carried.peer.frame(0x89, b"hi").await;
    carried.peer.close(4000).await;
    assert!(carried.waker.is_woken());
    let told = carried.poll().await;
    assert!(
        matches!(&told[..], [Event::Ended { side: Side::A, how }]
            if matches!(**how, SourceEnd::Close { code: Some(4000), .. })),
        "{told:?}"
    );
    assert_eq!(carried.pongs().await, 1);
    assert_eq!(carried.target.all().await, b"", "it is stopped: what came is dropped");
}

#[tokio::test(start_paused = true)]
async fn as_many_as_are_wanted_and_not_one_more() {
    let mut carried = Carried::new(None, 1 << 20);
    carried.pump.wanted = Some(2);
    carried.gives(0..5).await;
    let told = carried.poll().await;
    assert_eq!(told, [Event::Received { side: Side::A, messages: 5 }, Event::CountReached { side: Side::A }]);
    carried.gives(5..7).await;
    assert_eq!(carried.poll().await, [Event::Received { side: Side::A, messages: 2 }]);
    let expected = line(0) + "\n" + &line(1) + "\n";
    assert_eq!(carried.target.all().await, expected.as_bytes());
    assert_eq!((carried.pump.count, carried.pump.waiting()), ((2, 2000), 0));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_fed_to_a_peer_that_has_closed_and_all_of_it_waits_to_be_told() {
    let mut pump = Pump::new(Side::A, None, None, Ahead::new(None));
    let ((mut source, mut input), (mut sink, mut peer)) = (lines(1), web_socket(1 << 20));
    peer.close(1000).await;
    let (waker, mut batch, mut told) = (TestWaker::new(), VecDeque::new(), Vec::new());
    let close = std::future::poll_fn(|_| Poll::Ready(sink.poll_receive(&mut waker.cx(), &mut batch)));
    assert!(unconstrained(close).await.is_ready());
    input.give(b"a\nb\nc\n").await;
    let poll = std::future::poll_fn(|_| {
        Poll::Ready(pump.poll(&mut waker.cx(), &mut *source, &mut *sink, true, &mut told))
    });
    assert!(unconstrained(poll).await.is_pending());
    assert_eq!((pump.count, pump.abandon()), ((0, 0), (3, 3)), "{told:?}");
    let frames = peer.frames().await;
    assert!(frames.iter().all(|(opcode, _)| *opcode == 8), "{frames:?}");
}

#[tokio::test(start_paused = true)]
async fn an_output_that_is_merely_slow_is_read_ahead_of_too() {
    let mut carried = Carried::new(Some(1 << 20), 1000);
    carried.gives(0..282).await;
    while !carried.poll().await.is_empty() {}
    assert!(carried.pump.is_blocked() && carried.pump.waiting() < 24_000, "{}", carried.pump.waiting());
    let mut told = Vec::new();
    for number in 282..322 {
        // Of 282 kB, ten a second are taken; as much comes.
        advance(100 * TEN / 10).await;
        carried.target.take(1001).await;
        carried.gives(number..number + 1).await;
        told.extend(carried.poll().await);
    }
    assert!(
        told.contains(&Event::Held { side: Side::A, held: true }),
        "what was read has waited for more than a second: {told:?}"
    );
    carried.peer.frame(0x89, b"hi").await;
    carried.poll().await;
    assert_eq!(carried.pongs().await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_flood_is_carried_to_its_end_once_it_is_woken() {
    let mut carried = Carried::new(None, 1 << 23);
    carried.gives(0..5000).await;
    carried.poll().await;
    assert_eq!(carried.pump.count, (5000, 5_000_000));
    assert_eq!(carried.target.all().await.len(), 5000 * 1001);
}

#[tokio::test(start_paused = true)]
async fn more_is_read_once_what_was_read_has_waited_a_second() {
    let mut cx = Context::from_waker(Waker::noop());
    let mut ahead = Ahead::new(Some(1000));
    assert!(!ahead.poll(&mut cx, 500, 0, 100, 1));
    tokio::time::advance(Duration::from_millis(900)).await;
    assert!(!ahead.poll(&mut cx, 500, 499, 100, 1));
    tokio::time::advance(Duration::from_millis(200)).await;
    assert!(ahead.poll(&mut cx, 500, 499, 100, 1), "however slowly it is taken");
    assert!(!ahead.poll(&mut cx, 1500, 499, 936, 1), "the bound counts a little for each message");
    assert!(ahead.poll(&mut cx, 1500, 600, 935, 1));
    assert!(ahead.caught_up() && !ahead.caught_up() && !ahead.is_held());
}

#[tokio::test(start_paused = true)]
async fn an_output_that_keeps_up_is_never_read_ahead_of() {
    let mut cx = Context::from_waker(Waker::noop());
    let mut ahead = Ahead::new(Some(usize::MAX));
    for step in 1..100 {
        assert!(!ahead.poll(&mut cx, 500 * step, 500 * (step - 1), 100, 1));
        tokio::time::advance(Duration::from_millis(900)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn off_is_off() {
    let mut cx = Context::from_waker(Waker::noop());
    let mut ahead = Ahead::new(None);
    ahead.poll(&mut cx, 500, 0, 100, 1);
    tokio::time::advance(Duration::from_secs(60)).await;
    assert!(!ahead.poll(&mut cx, 500, 0, 100, 1) && ahead.is_held());
}

#[tokio::test(start_paused = true)]
async fn what_was_encoded_for_many_keeps_its_place_and_waits_for_room() {
    let room = Room::star(RoomRules::default());
    let (centre, mut source) = (room.centre(), Box::new(room.join()) as Box<dyn Link>);
    let (mut sink, mut peer) = web_socket(1000);
    let (waker, mut told) = (TestWaker::new(), Vec::new());
    let mut pump = Pump::new(Side::A, None, None, Ahead::new(None));
    let mut numbers = 0..2000;
    while !numbers.is_empty() {
        let mut items: VecDeque<Item> =
            numbers.by_ref().take(40).map(|number| Message::text(line(number)).into()).collect();
        assert!(centre.say_together(&mut items).is_some() && items.is_empty());
        centre.say(&Message::text("alone"));
    }
    let mut came = Vec::new();
    while came.len() < 2050 {
        let poll = std::future::poll_fn(|_| {
            Poll::Ready(pump.poll(&mut waker.cx(), &mut *source, &mut *sink, true, &mut told))
        });
        assert!(unconstrained(poll).await.is_pending());
        assert!(sink.queued() <= HIGH_WATER + (64 << 10), "{}", sink.queued());
        came.extend(peer.frames().await);
    }
    let mut expected = Vec::new();
    for number in 0..2000 {
        expected.push((1, line(number).into_bytes()));
        if number % 40 == 39 {
            expected.push((1, b"alone".to_vec()));
        }
    }
    assert!(came == expected, "in order");
    assert_eq!(pump.count, (2050, 2_000_000 + 50 * 5));
    assert!(told.contains(&Event::Blocked { side: Side::A, blocked: true }) && !pump.is_blocked());
    let received: u64 = told
        .iter()
        .map(|told| match told {
            Event::Received { messages, .. } => *messages,
            _ => 0,
        })
        .sum();
    assert_eq!(received, 2050);
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_is_never_empty_is_emptied_now_and_then() {
    // It takes 8 KiB at a time, and the source gives more than that.
    let mut carried = Carried::new(None, 8 << 10);
    let mut number = 0;
    for _ in 0..200 {
        carried.gives(number..number + 40).await;
        number += 40;
        carried.poll().await;
        carried.target.take(16 << 10).await;
        advance(TEN / 10).await;
    }
    let Pump { count, flushed, .. } = &carried.pump;
    assert!(*flushed > 0, "of {count:?} messages none was known to be sent");
    assert!((count.0 - flushed) * 1000 < REFILL + 2 * HIGH_WATER as u64, "{count:?} {flushed}");
}
