//! Ends over outputs that take nothing, over slow send queues, and over memory that is used up.

use super::*;
use crate::link::{
    budget::Budget,
    room::{self, Room},
};
use std::sync::atomic::Ordering;

/// A peer that has sent more than the target takes, and goes on.
async fn stalled(rules: Rules, change: impl FnOnce(&mut Setup)) -> TestPair {
    let mut bridge = TestPair::with(rules, [2002, LARGE], change);
    for number in 0..20 {
        bridge.peer.text(&numbered(number)).await;
    }
    sleep(100 * MS).await;
    bridge
}

#[tokio::test(start_paused = true)]
async fn a_target_that_takes_nothing_after_a_clean_end_is_23_and_told() {
    let mut bridge = stalled(Rules::default(), |_| ()).await;
    bridge.peer.close(1000).await;
    let start = Instant::now();
    sleep(4 * SECOND).await;
    // One message more is taken, and five seconds begin anew.
    assert_eq!(bridge.target.take(1001).await.0.len(), 1001);
    let outcome = bridge.run.await.unwrap();
    let took = start.elapsed();
    assert!(took >= 9 * SECOND && took <= 9 * SECOND + 100 * MS, "{took:?}");
    let fault = outcome.fault.as_ref().unwrap();
    assert_eq!(fault.exit, Exit::WriteError);
    assert!(fault.cause.contains("the target took nothing for 5 s"), "{fault}");
    let got = bridge.target.all().await.len() as u64;
    assert_eq!(got, 2002, "what its system has");
    assert_eq!(outcome.remains.undelivered(), (17, 17 * 1001));
    assert_eq!((outcome.remains.outputs[Side::A].as_str(), outcome.complete), ("the target", false));
}

#[tokio::test(start_paused = true)]
async fn an_abnormal_end_shows_at_the_target_and_a_clean_one_too() {
    for (code, exits) in [(1000, Exit::Ok), (1011, Exit::ClosedByPeer)] {
        let mut bridge = TestPair::new(Rules::default(), [LARGE, LARGE]);
        bridge.peer.text("all").await;
        bridge.peer.close(code).await;
        sleep(SECOND / 10).await;
        let (came, is_over) = bridge.target.take(usize::MAX).await;
        assert_eq!((came.as_slice(), is_over), (&b"all\n"[..], true));
        assert_eq!(exit(&bridge.ended().await.0), exits);
    }
}

#[tokio::test(start_paused = true)]
async fn a_signal_and_each_deadline_end_a_stalled_session_and_tell_what_was_not_taken() {
    let with = |timeout, idle_timeout| Rules { timeout, idle_timeout, ..Rules::default() };
    let rows = [
        (with(None, None), false, 5, Exit::Terminate),
        (with(None, None), true, 10, Exit::Terminate),
        (with(Some(3 * SECOND), None), false, 8, Exit::Deadline),
        (with(None, Some(3 * SECOND)), false, 8, Exit::Deadline),
    ];
    for (rules, serving, seconds, exits) in rows {
        let talks = rules.idle_timeout.is_none();
        let start = Instant::now();
        let mut bridge = stalled(rules, |setup| setup.serving = serving).await;
        let stop = std::mem::replace(&mut bridge.outside.stop, oneshot::channel().0);
        if exits == Exit::Terminate {
            stop.send(signal()).unwrap();
        }
        for _ in 0..150 {
            sleep(100 * MS).await;
            if talks && !bridge.run.is_finished() {
                bridge.peer.text("still here").await;
            }
        }
        assert!(bridge.run.is_finished(), "{exits:?}");
        let frames = bridge.peer.frames().await;
        let code = if serving || exits == Exit::Terminate { 1001_u16 } else { 1000 };
        assert_eq!(frames.last(), Some(&(8, code.to_be_bytes().to_vec())));
        let outcome = bridge.run.await.unwrap();
        assert!(start.elapsed() >= seconds * SECOND, "the rest of the time is the output's");
        assert_eq!(exit(&outcome), exits);
        let got = bridge.target.all().await.len() as u64;
        assert_eq!(got, 2002);
        let (messages, bytes) = outcome.remains.undelivered();
        assert!(messages >= 18 && bytes >= 18 * 1001, "{:?}", outcome.remains);
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_never_answers_is_left_by_the_time_limit_and_the_close_timeout() {
    let close_timeout = 3 * SECOND;
    for serving in [false, true] {
        for (given, talks) in [(&b""[..], false), (b"hello\n", false), (b"hello\n", true)] {
            let rules = Rules { timeout: Some(2 * SECOND), close_timeout, ..Rules::default() };
            let start = Instant::now();
            let mut bridge = TestPair::with(rules, [LARGE, LARGE], |setup| setup.serving = serving);
            bridge.target.give(given).await;
            for _ in 0..60 {
                sleep(100 * MS).await;
                if talks && !bridge.run.is_finished() {
                    bridge.peer.text("and on").await;
                }
                if bridge.run.is_finished() {
                    break;
                }
            }
            assert!(bridge.run.is_finished(), "{serving} {talks}");
            let took = start.elapsed();
            let bounds = 2 * SECOND + close_timeout;
            assert!(took >= bounds && took <= bounds + 200 * MS, "{serving} {talks}: {took:?}");
            let code = if serving { 1001_u16 } else { 1000 };
            assert_eq!(bridge.peer.frames().await.last(), Some(&(8, code.to_be_bytes().to_vec())));
            assert_eq!(exit(&bridge.run.await.unwrap()), Exit::Deadline);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_is_over_in_the_time_that_a_signal_gives() {
    for (serving, most) in [(false, 5 * SECOND), (true, 10 * SECOND)] {
        // Nothing of ours is taken, our Close neither, and the output takes nothing.
        let mut bridge = TestPair::with(Rules::default(), [100, 100], |setup| setup.serving = serving);
        for number in 0..20 {
            bridge.peer.text(&numbered(number)).await;
        }
        bridge.target.give(&[&[b'x'; 5000][..], b"\n"].concat()).await;
        sleep(SECOND).await;
        let start = Instant::now();
        let stop = std::mem::replace(&mut bridge.outside.stop, oneshot::channel().0);
        stop.send(signal()).unwrap();
        let outcome = bridge.run.await.unwrap();
        let took = start.elapsed();
        assert!(took >= most - 10 * MS && took <= most + 100 * MS, "{serving}: {took:?}");
        assert_eq!((exit(&outcome), outcome.complete), (Exit::Terminate, false));
        assert_eq!(outcome.unsent.messages, 1);
        let closed = outcome.closed[1].clone().unwrap_or_default();
        assert_eq!(closed.contains("--grace"), serving, "{closed}");
    }
}

#[tokio::test(start_paused = true)]
async fn standard_output_is_waited_for_and_that_is_told_once() {
    let ((go_on, a), (b, mut peer)) = (stuck(), web_socket(LARGE));
    let (setup, outside) = setup(Rules::default());
    let run = tokio::spawn(Pair::new(a, b, setup).run());
    for number in 0..3 {
        peer.text(&numbered(number)).await;
    }
    peer.close(1000).await;
    sleep(4 * SECOND).await;
    assert_eq!(peer.frames().await, [(8, 1000_u16.to_be_bytes().to_vec())]);
    assert_eq!(outside.said(), "");
    sleep(3600 * SECOND).await;
    let said = outside.said();
    assert_eq!(
        said,
        "wsio: the session is over, and the target has not taken the rest: 3 messages, 3003 bytes wait for it\n"
    );
    assert!(!run.is_finished());
    drop(go_on);
    let outcome = run.await.unwrap();
    assert_eq!((exit(&outcome), outcome.complete, outcome.carried[1]), (Exit::Ok, true, (3, 3000)));
}

#[tokio::test(start_paused = true)]
async fn a_signal_ends_that_wait_at_once() {
    let ((_held, a), (b, mut peer)) = (stuck(), web_socket(LARGE));
    let (setup, outside) = setup(Rules::default());
    let run = tokio::spawn(Pair::new(a, b, setup).run());
    peer.text("kept").await;
    peer.close(1000).await;
    sleep(60 * SECOND).await;
    let start = Instant::now();
    outside.stop.send(signal()).unwrap();
    let outcome = run.await.unwrap();
    assert!(start.elapsed() <= 100 * MS, "{:?}", start.elapsed());
    assert_eq!((exit(&outcome), outcome.remains.undelivered()), (Exit::Terminate, (1, 5)));
}

#[tokio::test(start_paused = true)]
async fn lingering_and_the_answer_begin_when_the_queue_is_acknowledged() {
    let mut bridge = TestPair::new(Rules::default(), [LARGE, LARGE]);
    bridge.peer.backlog.store(1000, Ordering::SeqCst);
    bridge.target.give(&[&numbered(7), "\n"].concat().into_bytes()).await;
    bridge.target.hang_up().await;
    for left in (0..20).rev() {
        sleep(900 * MS).await;
        let frames = bridge.peer.frames().await;
        assert!(frames.iter().all(|(opcode, _)| *opcode == 1), "it has not got the last of it: {frames:?}");
        bridge.peer.backlog.store(left * 50, Ordering::SeqCst);
    }
    sleep(900 * MS).await;
    assert_eq!(bridge.peer.frames().await, []);
    // From here the Close stands in the queue.
    bridge.peer.backlog.store(8, Ordering::SeqCst);
    sleep(300 * MS).await;
    assert_eq!(bridge.peer.frames().await, [(8, 1000_u16.to_be_bytes().to_vec())]);
    sleep(4 * SECOND).await;
    bridge.peer.backlog.store(0, Ordering::SeqCst);
    let start = Instant::now();
    let (outcome, _) = bridge.ended().await;
    let took = start.elapsed();
    assert!(took >= 4900 * MS && took <= 5200 * MS, "{took:?}");
    assert_eq!(exit(&outcome), Exit::CloseUnanswered);
}

#[tokio::test(start_paused = true)]
async fn a_ping_waits_for_its_queue_and_a_peer_that_is_gone_gets_a_last_word() {
    let rules = || Rules { ping_interval: Some(SECOND), ping_timeout: Some(2 * SECOND), ..Rules::default() };
    let mut bridge = TestPair::new(rules(), [LARGE, LARGE]);
    let input: String = (0..100)
        .map(|number| {
            numbered(number)
                + "
"
        })
        .collect();
    bridge.peer.backlog.store(100_000, Ordering::SeqCst);
    bridge.target.give(input.as_bytes()).await;
    for left in (0..10).rev() {
        sleep(1900 * MS).await;
        assert!(!bridge.run.is_finished());
        bridge.peer.backlog.store(left * 10_000, Ordering::SeqCst);
    }
    let start = Instant::now();
    let mut frames = bridge.peer.frames().await;
    frames.retain(|(opcode, _)| *opcode != 1);
    while !bridge.run.is_finished() {
        sleep(50 * MS).await;
        frames.extend(bridge.peer.frames().await);
    }
    let (outcome, _) = bridge.ended().await;
    assert!(start.elapsed() >= 1900 * MS && start.elapsed() <= 4200 * MS, "{:?}", start.elapsed());
    assert_eq!(exit(&outcome), Exit::Lost);
    let opcodes: Vec<_> = frames.iter().map(|(opcode, _)| *opcode).collect();
    assert_eq!(opcodes, [9, 8], "one ping at a time, and the Close");
    assert_eq!(frames.last().unwrap().1, 1011_u16.to_be_bytes());
}

#[tokio::test(start_paused = true)]
async fn what_a_client_said_counts_after_it_has_left_until_its_output_has_it() {
    let budget = Budget::new(10_000_000);
    let ((a, mut client), (b, mut target)) = (web_socket(LARGE), lines(1000));
    let (mut setup, _outside) = setup(Rules::default());
    (setup.seat, setup.serving) = (Some(budget.seat()), true);
    let run = tokio::spawn(Pair::new(a, b, setup).run());
    for number in 0..400 {
        client.text(&numbered(number)).await;
    }
    sleep(2 * SECOND).await;
    let before = budget.held();
    client.close(1000).await;
    drop(client);
    sleep(2 * SECOND).await;
    assert!(before > 100_000 && budget.held() >= before, "{before}, then {}", budget.held());
    let mut came = 0;
    while came < 400 * 1001 {
        came += target.take(usize::MAX).await.0.len();
        sleep(10 * MS).await;
    }
    drop(target);
    run.await.unwrap();
    assert_eq!(budget.held(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_one_that_holds_most_of_the_memory_is_closed_with_1013() {
    let budget = Budget::new(100_000);
    let mut large = TestPair::with(Rules::default(), [LARGE, LARGE], |setup| {
        (setup.seat, setup.serving) = (Some(budget.seat()), true);
        // What is looked at is put together first.
        setup.rules.filter = Some(Arc::default());
    });
    let mut small = TestPair::with(Rules::default(), [LARGE, LARGE], |setup| {
        (setup.seat, setup.serving) = (Some(budget.seat()), true);
        setup.rules.filter = Some(Arc::default());
    });
    large.peer.frame(0x01, &[b'x'; 60_000]).await;
    small.peer.frame(0x01, &[b'x'; 30_000]).await;
    sleep(SECOND).await;
    assert!((90_000..90_100).contains(&budget.held()), "{}", budget.held());
    assert_eq!((large.peer.frames().await, small.peer.frames().await), (vec![], vec![]));
    small.peer.frame(0x00, &[b'x'; 20_000]).await;
    sleep(SECOND).await;
    let frames = large.peer.frames().await;
    assert!(
        matches!(&frames[..], [(8, payload)] if payload.starts_with(&1013_u16.to_be_bytes())),
        "{frames:?}"
    );
    large.peer.close(1013).await;
    let (outcome, _) = large.ended().await;
    assert_eq!(exit(&outcome), Exit::Unsent);
    assert!((50_000..50_100).contains(&budget.held()), "its share is given back: {}", budget.held());
    // The other one ends its message, and holds nothing.
    small.peer.frame(0x80, b"!").await;
    sleep(SECOND).await;
    assert_eq!((budget.held(), small.target.all().await.len()), (0, 50_002));
    small.peer.close(1000).await;
    assert_eq!(exit(&small.ended().await.0), Exit::Ok);
}

#[tokio::test(start_paused = true)]
async fn what_a_target_leaves_in_its_send_queue_was_not_taken() {
    let mut bridge = TestPair::new(Rules::default(), [LARGE, LARGE]);
    bridge.peer.text("all").await;
    bridge.target.backlog.store(3, Ordering::SeqCst);
    bridge.peer.close(1000).await;
    let (outcome, took) = bridge.ended().await;
    assert!(took >= 5 * SECOND && took <= 6 * SECOND, "{took:?}");
    let fault = outcome.fault.as_ref().unwrap();
    assert!(fault.exit == Exit::WriteError && fault.cause.contains("the target left 3 bytes"), "{fault}");
    assert_eq!((outcome.remains.undelivered(), outcome.complete), ((1, 3), false), "and told once");

    // What it takes while it is waited for was taken.
    let mut bridge = TestPair::new(Rules::default(), [LARGE, LARGE]);
    bridge.peer.text("all").await;
    bridge.target.backlog.store(3, Ordering::SeqCst);
    bridge.peer.close(1000).await;
    sleep(4 * SECOND).await;
    bridge.target.backlog.store(0, Ordering::SeqCst);
    let (outcome, _) = bridge.ended().await;
    assert_eq!((exit(&outcome), outcome.remains.undelivered(), outcome.complete), (Exit::Ok, (0, 0), true));

    // A reset is one failure, told once.
    let mut bridge = TestPair::new(Rules::default(), [1000, LARGE]);
    bridge.peer.text(&numbered(7)).await;
    bridge.peer.text("lost").await;
    bridge.target.backlog.store(1000, Ordering::SeqCst);
    sleep(SECOND).await;
    let backlog = Arc::clone(&bridge.target.backlog);
    drop(std::mem::replace(&mut bridge.target, lines(1).1));
    bridge.peer.close(1001).await;
    let (outcome, _) = bridge.ended().await;
    assert_eq!((exit(&outcome), backlog.load(Ordering::SeqCst)), (Exit::WriteError, 1000));
    assert_eq!(outcome.remains.undelivered(), (2, 1006), "one is half taken, and the queue is lost");
}

#[tokio::test(start_paused = true)]
async fn a_member_of_a_room_that_takes_nothing_is_sent_away_while_it_is_not_read_for() {
    for reads in [true, false] {
        let room = Room::mesh(room::RoomRules { queue: 100_000, ..room::RoomRules::default() });
        let mut speaker = room.join();
        let (b, mut peer) = web_socket(1000);
        let (mut setup, _outside) = setup(Rules { ping_interval: None, ..Rules::default() });
        setup.serving = true;
        let run = tokio::spawn(Pair::new(Box::new(room.join()), b, setup).run());
        sleep(MS).await;
        // More than a WebSocket holds and more than the room keeps for it; it has less than a second.
        for number in 0..600 {
            speaker.say(&Message::text(numbered(number)));
            sleep(MS).await;
            let _ = poll_fn(|cx| Poll::Ready(speaker.poll_room(cx))).await;
        }
        for _ in 0..4 {
            sleep(SECOND).await;
            let _ = poll_fn(|cx| Poll::Ready(speaker.poll_room(cx))).await;
        }
        let mut frames = Vec::new();
        for _ in 0..if reads { 1000 } else { 0 } {
            frames.extend(peer.frames().await);
            sleep(MS).await;
        }
        if reads {
            let last = frames.last().map(|(opcode, payload)| (*opcode, payload[..2].to_vec()));
            assert_eq!(last, Some((8, 1013_u16.to_be_bytes().to_vec())));
            peer.close(1013).await;
        }
        sleep(10 * SECOND).await;
        assert!(run.is_finished(), "it is waited for no longer, whether it reads or not");
        let outcome = run.await.unwrap();
        assert_eq!(exit(&outcome), Exit::Unsent);
        // What its WebSocket had taken goes out before the Close, and is counted on the safe side.
        let got = frames.len() as u64;
        assert!(got < 600 && got + outcome.remains.dropped >= 600, "{got} {:?}", outcome.remains);
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_writer_has_written_meanwhile_is_taken() {
    let (go_on, mut output) = stuck();
    let waker = crate::link::test_waker::TestWaker::new();
    for text in ["one", "two"] {
        output.feed(Message::text(text)).unwrap();
    }
    assert!(output.poll_flush(&mut waker.cx()).is_ready(), "it is handed over");
    assert_eq!((output.undelivered(), output.in_flight()), ((2, 8), 8));
    drop(go_on);
    while output.written() < 8 {
        std::thread::yield_now();
    }
    assert_eq!((output.undelivered(), output.in_flight()), ((0, 0), 0));
}
