//! What is in doubt, for how long, and what becomes of it: over several losses, with a peer that answers
//! pings or does not, and with wakers that count, since one that does nothing hides a lost wake-up.

use super::{
    far::{Arrived, Count, FarEnd, text},
    *,
};
use crate::ws::conn::KEEPALIVE;
use tokio::task::coop::unconstrained;

const CONFIRMED: Confirming =
    Confirming { pings: true, timeout: Some(Duration::from_secs(20)), resend: false };
const RESENT: Confirming = Confirming { resend: true, ..CONFIRMED };
const SECOND: Duration = Duration::from_secs(1);

/// Feeds a message and lets it go out.
async fn say(link: &mut Renewing, text: &str) {
    link.feed(Message::text(text)).unwrap();
    flush(link);
}

fn flush(link: &mut Renewing) -> bool {
    link.poll_flush(&mut Context::from_waker(Waker::noop())).is_ready()
}

/// Lets the link read what is there; what it passes on.
fn receive(link: &mut Renewing) -> VecDeque<Item> {
    let mut batch = VecDeque::new();
    while link.end().is_none()
        && link.poll_receive(&mut Context::from_waker(Waker::noop()), &mut batch).is_ready()
    {}
    batch
}

#[tokio::test(start_paused = true)]
async fn the_pong_to_a_ping_behind_the_data_is_the_proof_and_nothing_else_is() {
    let next = Next::default();
    let (mut link, theirs) = next.confirmed(4, CONFIRMED);
    let mut far = FarEnd::all(theirs);
    say(&mut link, "proved").await;
    assert_eq!(far[0].answer().await, [text("proved")]);
    assert!(receive(&mut link).is_empty(), "that pong is nobody else's");
    say(&mut link, "one").await;
    let Some(Arrived::Ping(ping)) = far[0].came().pop() else { panic!("no ping") };
    say(&mut link, "three").await;
    far[0].send(0x81, b"talk").await;
    far[0].pong(b"").await;
    far[0].pong(KEEPALIVE).await;
    far[0].pong(b"wsio#99").await;
    receive(&mut link);
    drop(far.remove(0));
    renew(&mut link).await;
    assert_eq!(next.losses.lock().unwrap().pop(), Some(doubt(2, 8)));

    // A pong that was asked for on the connection before is no proof on this one.
    say(&mut link, "on the second").await;
    far[0].pong(&ping).await;
    receive(&mut link);
    far[0].stream.write_all(RESTART).await.unwrap();
    renew(&mut link).await;
    assert_eq!(next.losses.lock().unwrap().pop(), Some(doubt(1, 13)));

    // A pong confirms what was asked about before its ping, and not what came after.
    say(&mut link, "a").await;
    tokio::time::advance(SECOND).await;
    say(&mut link, "bb").await;
    let pings: Vec<_> = far[1].came().into_iter().filter(|came| matches!(came, Arrived::Ping(_))).collect();
    let [_, Arrived::Ping(second)] = &pings[..] else { panic!("{pings:?}") };
    say(&mut link, "ccc").await;
    far[1].pong(second).await;
    receive(&mut link);
    drop(far.remove(1));
    renew(&mut link).await;
    assert_eq!(next.losses.lock().unwrap().pop(), Some(doubt(1, 3)));
    assert_eq!(link.doubt(), doubt(4, 24), "what was in doubt at losses adds up");
    assert_eq!(link.unsent(), Unsent::default());
}

#[tokio::test(start_paused = true)]
async fn while_anything_is_in_doubt_a_ping_goes_every_second() {
    let (mut link, theirs) = Next::default().confirmed(1, CONFIRMED);
    let mut far = FarEnd::all(theirs);
    let (count, waker) = Count::new();
    link.feed(Message::text("x")).unwrap();
    for round in 0..4 {
        assert!(link.poll_flush(&mut Context::from_waker(&waker)).is_ready());
        let pings = far[0].came().iter().filter(|came| matches!(came, Arrived::Ping(_))).count();
        assert_eq!(pings, 1, "round {round}");
        count.take();
        tokio::time::sleep(SECOND).await;
        assert!(count.take() > 0, "the feeder is woken for it");
    }
    assert!(link.poll_flush(&mut Context::from_waker(&waker)).is_ready());
    far[0].answer().await;
    receive(&mut link);
    flush(&mut link);
    tokio::time::sleep(3 * SECOND).await;
    flush(&mut link);
    assert!(far[0].came().is_empty(), "nothing is in doubt");
}

/// Feeds messages of so many bytes until the link holds them back; how many.
fn fill(link: &mut Renewing, length: usize, cx: &mut Context<'_>) -> usize {
    for count in 0..100_000 {
        if link.queued() >= HIGH_WATER && link.poll_flush(cx).is_pending() {
            return count;
        }
        link.feed(Message::binary(vec![7; length])).unwrap();
    }
    panic!("nothing holds it back");
}

#[tokio::test(start_paused = true)]
async fn input_waits_while_the_window_is_full_and_a_pong_wakes_the_feeder() {
    unconstrained(async {
        for length in [0, 1000, 70_000] {
            let (mut link, theirs) = Next::default().confirmed(1, CONFIRMED);
            let mut far = FarEnd::all(theirs);
            let (count, waker) = Count::new();
            fill(&mut link, length, &mut Context::from_waker(&waker));
            let came = far[0].came();
            let data = came.iter().filter(|came| matches!(came, Arrived::Data(_))).count();
            let weight = data * (length + 64);
            assert!(weight <= 1 << 20 && weight > (1 << 20) - 2 * (length + 64), "{data} of {length}");
            let pings: Vec<_> = came.into_iter().filter(|came| matches!(came, Arrived::Ping(_))).collect();
            assert!((8..=32).contains(&pings.len()), "{} pings for {data} of {length}", pings.len());
            count.take();
            // A later one confirms the earlier ones too.
            let Arrived::Ping(half) = &pings[pings.len() / 2] else { unreachable!() };
            far[0].pong(half).await;
            assert_eq!(count.take(), 0);
            receive(&mut link);
            assert!(count.take() > 0, "the pong wakes the feeder");
            let _ = link.poll_flush(&mut Context::from_waker(&waker));
            assert!(!far[0].data().is_empty(), "there is room again");
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn one_message_may_always_be_in_doubt_and_its_ping_stands_behind_all_of_it() {
    unconstrained(async {
        let (mut link, theirs) = Next::default().confirmed(1, CONFIRMED);
        let mut far = FarEnd::all(theirs);
        link.feed(Message::binary(vec![7; 3 << 20])).unwrap();
        link.feed(Message::text("behind it")).unwrap();
        let mut came = Vec::new();
        for _ in 0..100 {
            assert!(!flush(&mut link), "the second one waits");
            came.extend(far[0].came());
        }
        assert!(matches!(came.last(), Some(Arrived::Ping(_))), "{}", came.len());
        let bytes: usize =
            came.iter().map(|came| if let Arrived::Data(data) = came { data.len() } else { 0 }).sum();
        assert_eq!(
            (bytes, came.iter().filter(|came| matches!(came, Arrived::Ping(_))).count()),
            (3 << 20, 1)
        );
        let Some(Arrived::Ping(ping)) = came.last() else { unreachable!() };
        far[0].pong(ping).await;
        receive(&mut link);
        assert!(flush(&mut link));
        assert_eq!(far[0].data(), [b"behind it"]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_renewed_connection_wakes_the_feeder() {
    let next = Next::default();
    let (mut link, theirs) = next.confirmed(2, CONFIRMED);
    let mut far = FarEnd::all(theirs);
    let kept = next.conns.lock().unwrap().pop_front().unwrap();
    let (count, waker) = Count::new();
    drop(far.remove(0));
    assert!(receive(&mut link).is_empty() && link.is_away());
    link.feed(Message::text("x")).unwrap();
    assert!(link.poll_flush(&mut Context::from_waker(&waker)).is_pending());
    count.take();
    next.conns.lock().unwrap().push_back(kept);
    assert_eq!(receive(&mut link).len(), 1);
    assert!(count.take() > 0);
    assert!(link.poll_flush(&mut Context::from_waker(&waker)).is_ready());
    assert_eq!(far[0].data(), [b"x"]);
}

#[tokio::test(start_paused = true)]
async fn where_pongs_stay_away_or_carry_something_else_the_window_is_given_up_and_said_so() {
    unconstrained(async {
        for other in [false, true] {
            let next = Next::default();
            let (mut link, theirs) = next.confirmed(3, CONFIRMED);
            let mut far = FarEnd::all(theirs);
            let (feeds, feeder) = Count::new();
            let (reads, reader) = Count::new();
            let (mut batch, mut reading) = (VecDeque::new(), Context::from_waker(&reader));
            assert!(link.poll_receive(&mut reading, &mut batch).is_pending());
            let fed = fill(&mut link, 1000, &mut Context::from_waker(&feeder));
            assert!(reads.take() > 0, "whoever receives keeps the clock");
            far[0].came();
            if other {
                far[0].pong(b"something else").await;
            }
            while link.poll_receive(&mut reading, &mut batch).is_ready() {}
            reads.take();
            tokio::time::sleep(19 * SECOND).await;
            assert!(link.poll_receive(&mut reading, &mut batch).is_pending());
            assert_eq!((*next.unconfirmed.lock().unwrap(), reads.take()), (0, 0));
            feeds.take();
            tokio::time::sleep(SECOND).await;
            assert!(reads.take() > 0);
            assert!(link.poll_receive(&mut reading, &mut batch).is_pending());
            assert_eq!(*next.unconfirmed.lock().unwrap(), 1, "it is said");
            assert!(feeds.take() > 0, "and input goes on");
            let mut came = far[0].data().len();
            for _ in 0..4000 {
                link.feed(Message::binary(vec![7; 1000])).unwrap();
                flush(&mut link);
                came += far[0].data().len();
            }
            assert!(came > 4000, "nothing is held back");
            drop(far.remove(0));
            renew(&mut link).await;
            let all = fed as u64 + 4000;
            assert_eq!(*next.losses.lock().unwrap(), [doubt(all, all * 1000)], "all of it is in doubt");

            // The next connection has a window again.
            fill(&mut link, 1000, &mut Context::from_waker(&feeder));
            let came = far[0].came();
            assert!(came.iter().any(|came| matches!(came, Arrived::Ping(_))), "it is asked for again");
            let data = came.iter().filter(|came| matches!(came, Arrived::Data(_))).count();
            assert!(data * 1064 <= 1024 * 1024 + 1064, "{data} messages are in doubt");
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_pong_that_nobody_looks_for_did_not_stay_away() {
    unconstrained(async {
        let next = Next::default();
        let (mut link, theirs) = next.confirmed(1, CONFIRMED);
        let mut far = FarEnd::all(theirs);
        let mut cx = Context::from_waker(Waker::noop());
        receive(&mut link);
        fill(&mut link, 1000, &mut cx);
        receive(&mut link);
        far[0].send(0x81, b"talk").await;
        let mut batch = VecDeque::new();
        assert!(link.poll_receive(&mut cx, &mut batch).is_ready());
        // Our own output takes nothing for a while.
        tokio::time::sleep(60 * SECOND).await;
        receive(&mut link);
        assert_eq!(*next.unconfirmed.lock().unwrap(), 0);
        tokio::time::sleep(20 * SECOND).await;
        receive(&mut link);
        assert_eq!(*next.unconfirmed.lock().unwrap(), 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn without_pings_nothing_is_held_back_and_everything_is_in_doubt() {
    let next = Next { first: vec![Message::text("login")], ..Next::default() };
    let (mut link, theirs) = next.link(2);
    let mut far = FarEnd::all(theirs);
    for text in ["login", "one", "two"] {
        say(&mut link, text).await;
    }
    assert_eq!(far[0].came(), [text("login"), text("one"), text("two")]);
    drop(far.remove(0));
    renew(&mut link).await;
    assert_eq!(*next.losses.lock().unwrap(), [doubt(2, 6)], "every connection is sent the login anew");
}

#[tokio::test(start_paused = true)]
async fn half_a_message_is_sent_whole_on_the_next_connection_and_is_not_in_doubt() {
    unconstrained(async {
        let next = Next::default();
        let (mut link, theirs) = next.confirmed(2, CONFIRMED);
        let mut far = FarEnd::all(theirs);
        let (ours, narrow) = tokio::io::duplex(1000);
        link.conn = Some(Box::new(Conn::new(Box::pin(ours), &[], Part::Server, 1 << 24)));
        far[0] = FarEnd { stream: narrow, bytes: Vec::new() };
        for length in [100, 300, 5000, 20] {
            link.feed(Message::binary(vec![length as u8; length])).unwrap();
        }
        assert!(!flush(&mut link), "1000 bytes are taken");
        assert_eq!(far[0].data().len(), 2);
        far[0].stream.write_all(RESTART).await.unwrap();
        renew(&mut link).await;
        assert!(flush(&mut link));
        assert_eq!(*next.losses.lock().unwrap(), [doubt(2, 400)]);
        let lengths: Vec<_> = far[1].data().iter().map(Vec::len).collect();
        assert_eq!(lengths, [5000, 20]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_is_said_by_itself_is_sent_and_never_in_doubt() {
    let next = Next::default();
    let (mut link, theirs) = next.confirmed(3, RESENT);
    let mut far = FarEnd::all(theirs);
    link.send_own(Message::text("beat")).unwrap();
    say(&mut link, "input").await;
    link.send_own(Message::text("beat")).unwrap();
    assert!(flush(&mut link));
    assert_eq!(far[0].data().len(), 3);
    drop(far.remove(0));
    renew(&mut link).await;
    assert_eq!(*next.losses.lock().unwrap(), [doubt(1, 5)]);
    assert!(flush(&mut link));
    assert_eq!(far[0].data(), [b"input"], "a heartbeat of then is no use now");
}

#[tokio::test(start_paused = true)]
async fn what_was_in_doubt_is_sent_again_in_order_behind_what_goes_first_until_a_pong() {
    let next = Next { first: vec![Message::text("login")], ..Next::default() };
    let (mut link, theirs) = next.confirmed(5, RESENT);
    let mut far = FarEnd::all(theirs);
    for line in ["login", "1", "2"] {
        say(&mut link, line).await;
    }
    far[0].answer().await;
    receive(&mut link);
    for line in ["3", "4"] {
        say(&mut link, line).await;
    }
    drop(far.remove(0));
    renew(&mut link).await;
    // What is fed while it is lost waits behind it.
    say(&mut link, "5").await;
    assert_eq!(far[0].data(), [b"login".as_slice(), b"3", b"4", b"5"], "1 and 2 are confirmed");
    drop(far.remove(0));
    renew(&mut link).await;
    assert!(flush(&mut link));
    assert_eq!(link.doubt(), doubt(3, 3));
    assert_eq!(far[0].answer().await.len(), 4);
    receive(&mut link);
    assert!(flush(&mut link));
    far[0].answer().await;
    receive(&mut link);
    assert_eq!(link.doubt(), Doubt::default());
    say(&mut link, "6").await;
    drop(far.remove(0));
    renew(&mut link).await;
    assert!(flush(&mut link));
    assert_eq!(far[0].data(), [b"login".as_slice(), b"6"]);
    let losses = next.losses.lock().unwrap().clone();
    assert_eq!(losses, [doubt(2, 2), doubt(3, 3), doubt(1, 1)]);
    far[0].send(0x88, b"\x03\xe8").await;
}

#[tokio::test(start_paused = true)]
async fn our_close_waits_until_nothing_is_in_doubt_when_that_would_be_sent_again() {
    let next = Next::default();
    let (mut link, theirs) = next.confirmed(2, RESENT);
    let mut far = FarEnd::all(theirs);
    say(&mut link, "1").await;
    far[0].answer().await;
    receive(&mut link);
    say(&mut link, "2").await;
    link.queue_close(Some(1000), "");
    assert!(!flush(&mut link), "2 is in doubt");
    assert!(!far[0].came().contains(&Arrived::Close));
    drop(far.remove(0));
    renew(&mut link).await;
    assert!(!flush(&mut link));
    let came = far[0].answer().await;
    assert_eq!(came, [text("2")]);
    receive(&mut link);
    assert!(flush(&mut link));
    assert_eq!(far[0].came(), [Arrived::Close]);
    far[0].send(0x88, b"\x03\xe8").await;
    receive(&mut link);
    assert!(matches!(link.end(), Some(SourceEnd::Close { .. })));
    assert_eq!(link.doubt(), Doubt::default());
}

#[tokio::test(start_paused = true)]
async fn a_close_while_it_is_away_waits_for_what_is_still_to_be_sent() {
    for confirming in [UNCONFIRMED, CONFIRMED, RESENT] {
        for waiting in [true, false] {
            let next = Next::default();
            let (mut link, theirs) = next.confirmed(2, confirming);
            let mut far = FarEnd::all(theirs);
            let kept = next.conns.lock().unwrap().pop_front().unwrap();
            drop(far.remove(0));
            receive(&mut link);
            if waiting {
                link.feed(Message::text("waits")).unwrap();
            }
            link.queue_close(Some(1000), "");
            if !waiting {
                assert!(matches!(link.end(), Some(SourceEnd::Lost { .. })));
                continue;
            }
            assert!(link.is_away() && !flush(&mut link));
            next.conns.lock().unwrap().push_back(kept);
            receive(&mut link);
            flush(&mut link);
            let mut came = far[0].answer().await;
            receive(&mut link);
            assert!(flush(&mut link));
            came.extend(far[0].answer().await);
            assert_eq!(came, [text("waits"), Arrived::Close]);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_ping_goes_ahead_of_our_close_and_the_answer_counts_only_where_no_pong_ever_came() {
    for confirming in [CONFIRMED, RESENT] {
        for (ponged, answers, left) in
            [(false, true, 0), (false, false, 1), (true, true, 1), (true, false, 1)]
        {
            let next = Next::default();
            let (mut link, theirs) = next.confirmed(1, confirming);
            let mut far = FarEnd::all(theirs);
            if ponged {
                say(&mut link, "before").await;
                far[0].answer().await;
                receive(&mut link);
            }
            say(&mut link, "last").await;
            link.queue_close(Some(1000), "");
            let closed = flush(&mut link);
            assert_eq!(closed, !confirming.resend);
            if !closed {
                if ponged {
                    continue;
                }
                tokio::time::sleep(2 * SECOND).await;
                assert!(flush(&mut link), "a peer that never ponged is closed with all the same");
            }
            let came = far[0].came();
            assert!(matches!(came[..], [.., Arrived::Ping(_), Arrived::Close]), "{came:?}");
            match answers {
                true => far[0].send(0x88, b"\x03\xe8").await,
                false => drop(far),
            }
            receive(&mut link);
            assert_eq!(link.doubt().messages, left, "ponged {ponged}, answers {answers}");
            assert!(next.losses.lock().unwrap().is_empty(), "it is not opened again");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_clean_close_that_is_no_end_what_is_in_doubt_is_told_and_counts_only_when_it_is_sent_again() {
    for (confirming, code, left) in [(CONFIRMED, 1001, 0), (CONFIRMED, 1012, 1), (RESENT, 1001, 1)] {
        let next = Next::default();
        let (mut link, theirs) = next.confirmed(2, confirming);
        let mut far = FarEnd::all(theirs);
        say(&mut link, "written").await;
        far[0].send(0x88, &u16::to_be_bytes(code)).await;
        renew(&mut link).await;
        assert_eq!(*next.losses.lock().unwrap(), [doubt(1, 7)]);
        assert_eq!(link.doubt().messages, left, "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_clean_close_of_the_peer_is_judged_by_what_was_written() {
    for confirming in [CONFIRMED, RESENT] {
        let next = Next { final_close: true, ..Next::default() };
        let (mut link, theirs) = next.confirmed(2, confirming);
        let mut far = FarEnd::all(theirs);
        say(&mut link, "before").await;
        far[0].answer().await;
        receive(&mut link);
        say(&mut link, "written").await;
        far[0].send(0x88, b"\x03\xe8").await;
        receive(&mut link);
        assert!(matches!(link.end(), Some(SourceEnd::Close { code: Some(1000), .. })));
        assert_eq!((link.doubt(), link.unsent()), (Doubt::default(), Unsent::default()));
        link.queue_close(Some(1000), "");
        assert!(flush(&mut link));
        assert_eq!(far[0].came().last(), Some(&Arrived::Close));
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_confirms_nothing_ends_resending() {
    unconstrained(async {
        // With the window full it is over at once; what is in doubt stays so.
        let next = Next::default();
        let (mut link, theirs) = next.confirmed(2, RESENT);
        let mut far = FarEnd::all(theirs);
        fill(&mut link, 1000, &mut Context::from_waker(Waker::noop()));
        receive(&mut link);
        tokio::time::sleep(20 * SECOND).await;
        receive(&mut link);
        let Some(SourceEnd::Lost { fault, answer: Some(1011) }) = link.end() else {
            panic!("{:?}", link.end())
        };
        assert_eq!(fault.exit, Exit::Lost);
        assert!(fault.cause.contains("no pong for 20 s"), "{fault}");
        assert_eq!(link.doubt().messages, far[0].data().len() as u64);

        // So are ten connections in a row that confirm nothing of what was sent again.
        let next = Next::default();
        let (mut link, theirs) = next.confirmed(14, RESENT);
        let mut far = FarEnd::all(theirs);
        say(&mut link, "x").await;
        let mut lost = 0;
        while link.end().is_none() {
            assert!(flush(&mut link));
            assert_eq!(far[0].data(), [b"x"]);
            drop(far.remove(0));
            receive(&mut link);
            lost += 1;
            // One pong in between begins the count anew.
            if lost == 3 {
                assert!(flush(&mut link));
                far[0].answer().await;
                receive(&mut link);
                say(&mut link, "x").await;
            }
        }
        assert_eq!(lost, 3 + 11);
        let Some(SourceEnd::Lost { fault, .. }) = link.end() else { panic!() };
        assert!(fault.exit == Exit::Lost && fault.cause.contains("10 connections in a row"), "{fault}");
        assert_eq!(link.doubt(), doubt(1, 1));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_moved_adds_up_over_connections() {
    let (mut link, theirs) = Next::default().link(3);
    let mut far = FarEnd::all(theirs);
    let mut moved = Moved::default();
    for _ in 0..2 {
        say(&mut link, "1234").await;
        far[0].send(0x81, b"123").await;
        receive(&mut link);
        let (now, _) = link.progress();
        // A frame of a server's, and one that a client masks.
        assert_eq!((now.sent - moved.sent, now.received - moved.received), (6, 9));
        moved = now;
        drop(far.remove(0));
        renew(&mut link).await;
        assert_eq!(link.progress().0, moved, "a new connection takes nothing back");
    }
}
