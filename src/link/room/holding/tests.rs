//! How long those who are slow hold the others up, and who is sent away for it.

use super::{
    super::{Room, RoomRules},
    *,
};
use crate::link::{room::allowance::WINDOW, test_waker::TestWaker};
use std::{collections::VecDeque, task::Waker};
use tokio::time::advance;
use tokio_tungstenite::tungstenite::Message;

const RULES: RoomRules = RoomRules { queue: 100, slow: Slow::Disconnect, last: 0 };

const fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// Fills every queue that has room.
fn fill(speaker: &Member) {
    (0..2).for_each(|_| speaker.say(&Message::text("12345678901234567890")));
}

/// Takes what a member was told; gives how many messages.
fn hear(member: &Member) -> usize {
    let mut batch = VecDeque::new();
    let _ = member.incoming().poll_pop(&mut Context::from_waker(Waker::noop()), &mut batch, 99);
    batch.len()
}

fn is_ready(speaker: &mut Member) -> bool {
    speaker.poll_room(&mut Context::from_waker(Waker::noop())).is_ready()
}

/// Lets this time pass in steps in which the speaker looks, and each of these takes so many bytes a second;
/// gives how long it took until the speaker could go on.
async fn wait(speaker: &mut Member, most: Duration, takers: &mut [(&Member, u64, u64)]) -> Duration {
    let start = Instant::now();
    while !is_ready(speaker) && start.elapsed() < most {
        advance(TICK).await;
        for (member, rate, taken) in takers.iter_mut() {
            *taken += *rate * TICK.as_millis() as u64 / 1000;
            member.incoming().tell_taken(|| *taken);
        }
    }
    start.elapsed()
}

#[tokio::test(start_paused = true)]
async fn one_alone_is_waited_for_by_its_source_and_for_a_second_by_another_member() {
    let room = Room::star(RULES);
    let (mut centre, alone) = (room.centre(), room.join());
    fill(&centre);
    assert!(wait(&mut centre, ms(600_000), &mut []).await >= ms(600_000) && !alone.incoming().was_cut());
    hear(&alone);
    assert!(is_ready(&mut centre));

    let room = Room::mesh(RULES);
    let (mut speaker, alone) = (room.join(), room.join());
    fill(&speaker);
    let held = wait(&mut speaker, ms(60_000), &mut []).await;
    assert!((ms(750)..=ms(1000)).contains(&held) && alone.incoming().was_cut(), "{held:?}");
}

#[tokio::test(start_paused = true)]
async fn one_that_takes_nothing_holds_the_others_up_for_a_second_and_is_sent_away() {
    let mut cx = Context::from_waker(Waker::noop());
    let room = Room::star(RULES);
    let (mut centre, slow, good) = (room.centre(), room.join(), room.join());
    fill(&centre);
    hear(&good);
    let held = wait(&mut centre, ms(60_000), &mut []).await;
    assert!((ms(750)..=ms(1000)).contains(&held), "{held:?}");
    assert!(slow.incoming().is_finished() && !good.incoming().is_finished());
    assert_eq!((slow.incoming().len(), slow.incoming().dropped()), (0, 2), "what it was too slow for");
    assert_eq!(slow.incoming().poll_cut(&mut cx), Poll::Ready(SourceEnd::SentAway { reason: away() }));
    assert!(away().len() <= 123, "it fits a Close");
}

#[tokio::test(start_paused = true)]
async fn slow_ones_share_one_second_in_any_thirty() {
    let room = Room::star(RULES);
    let (mut centre, good) = (room.centre(), room.join());
    let slow: Vec<_> = (0..2).map(|_| room.join()).collect();
    fill(&centre);
    hear(&good);
    let held = wait(&mut centre, ms(60_000), &mut []).await;
    assert!(held <= ms(1050) && slow.iter().all(|slow| slow.incoming().was_cut()), "{held:?}");
    // What is left of it shows what others take, until it is used up too.
    let mut sum = held;
    for _ in 0..20 {
        let another = room.join();
        advance(ms(500)).await;
        fill(&centre);
        hear(&good);
        let held = wait(&mut centre, ms(60_000), &mut []).await;
        assert!(held <= ms(150) && !another.incoming().was_cut(), "it may catch up: {held:?}");
        sum += held;
        let much = Message::binary(vec![0; BURST]);
        centre.say(&much);
        hear(&good);
        assert!(is_ready(&mut centre) && another.incoming().was_cut(), "it has grown as far as it may");
    }
    assert!(sum <= ALLOWED, "{sum:?}");
    let fourth = room.join();
    advance(WINDOW).await;
    fill(&centre);
    hear(&good);
    let held = wait(&mut centre, ms(60_000), &mut []).await;
    assert!((ms(750)..=ms(1000)).contains(&held) && fourth.incoming().was_cut(), "{held:?}");
    assert!(!good.incoming().is_finished());
}

#[tokio::test(start_paused = true)]
async fn a_source_waits_for_those_that_take_64_kib_a_second_and_no_longer() {
    for (rate, waits) in [(70_000, true), (1_000_000, true), (30_000, false)] {
        let room = Room::star(RULES);
        let (mut centre, slow, good) = (room.centre(), room.join(), room.join());
        fill(&centre);
        hear(&good);
        let held = wait(&mut centre, ms(60_000), &mut [(&slow, rate, 5_000_000)]).await;
        assert_eq!((held >= ms(60_000), slow.incoming().was_cut()), (waits, !waits), "{rate}: {held:?}");
        if waits {
            // Now it stops. What it took before is paid for, and no more.
            let held = wait(&mut centre, ms(60_000), &mut []).await;
            assert!(held <= ms(3100) && slow.incoming().was_cut(), "{rate}: {held:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_member_waits_for_those_that_take_only_while_nobody_has_heard_all() {
    let room = Room::mesh(RULES);
    let (mut speaker, slow, good) = (room.join(), room.join(), room.join());
    fill(&speaker);
    let held = wait(&mut speaker, ms(60_000), &mut [(&slow, 200_000, 0), (&good, 200_000, 0)]).await;
    assert!(held >= ms(60_000) && !slow.incoming().was_cut(), "both are full, and take");
    hear(&good);
    let held = wait(&mut speaker, ms(60_000), &mut [(&slow, 200_000, 0)]).await;
    assert!(held <= ALLOWED && !slow.incoming().was_cut(), "nobody waits, and it may catch up: {held:?}");
    speaker.say(&Message::binary(vec![0; BURST]));
    hear(&good);
    assert!(is_ready(&mut speaker) && slow.incoming().was_cut() && !good.incoming().was_cut());
}

#[tokio::test(start_paused = true)]
async fn what_cannot_wait_deals_with_a_full_queue_at_once() {
    let room = Room::mesh(RULES);
    let (mut live, slow, good) = (room.join().speaking_for(Speaker::Live), room.join(), room.join());
    fill(&live);
    hear(&good);
    assert!(is_ready(&mut live) && slow.incoming().was_cut() && !good.incoming().was_cut());
    let room = Room::mesh(RoomRules { slow: Slow::Drop, ..RULES });
    let (mut live, slow) = (room.join().speaking_for(Speaker::Live), room.join());
    (0..2).for_each(|_| fill(&live));
    assert!(is_ready(&mut live) && !slow.incoming().was_cut());
    assert_eq!((hear(&slow), slow.incoming().dropped()), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn who_has_caught_up_is_waited_for_again() {
    let room = Room::star(RULES);
    let (mut centre, slow, good) = (room.centre(), room.join(), room.join());
    for _ in 0..3 {
        fill(&centre);
        hear(&good);
        assert!(centre.is_held_up() && wait(&mut centre, ms(600), &mut []).await >= ms(600));
        hear(&slow);
        assert!(is_ready(&mut centre));
        advance(WINDOW).await;
    }
    assert!(!slow.incoming().is_finished());
}

#[tokio::test(start_paused = true)]
async fn a_speaker_that_leaves_while_it_waits_spends_no_more_of_the_time() {
    let room = Room::mesh(RULES);
    let (mut leaving, mut speaker, slow) = (room.join(), room.join(), room.join());
    fill(&leaving);
    hear(&speaker);
    assert!(wait(&mut leaving, ms(500), &mut []).await >= ms(500));
    drop(leaving);
    advance(ms(10_000)).await;
    assert!(speaker.is_held_up());
    let held = wait(&mut speaker, ms(60_000), &mut []).await;
    assert!((ms(250)..=ms(400)).contains(&held) && slow.incoming().was_cut(), "{held:?}");
}

#[tokio::test(start_paused = true)]
async fn time_and_another_speaker_wake_whoever_is_held_up() {
    let room = Room::mesh(RULES);
    let (mut one, mut two, slow) = (room.join(), room.join(), room.join());
    let wakers = [TestWaker::new(), TestWaker::new()];
    fill(&one);
    hear(&two);
    assert!(one.poll_room(&mut wakers[0].cx()).is_pending());
    assert!(two.is_held_up() && two.poll_room(&mut wakers[1].cx()).is_pending());
    advance(TICK + ms(1)).await;
    assert_eq!([wakers[0].wakes(), wakers[1].wakes()], [1, 1], "by their clocks");
    assert!(wait(&mut one, ms(700), &mut []).await >= ms(700));
    advance(ms(100)).await;
    let _ = [wakers[0].wakes(), wakers[1].wakes()];
    assert!(one.poll_room(&mut wakers[0].cx()).is_ready() && slow.incoming().was_cut());
    assert!(two.poll_room(&mut wakers[1].cx()).is_ready());
}

#[tokio::test]
async fn a_full_member_is_asked_what_its_far_end_took() {
    let room = Room::star(RULES);
    let (mut centre, slow, _good) = (room.centre(), room.join(), room.join());
    let reader = TestWaker::new();
    slow.incoming().tell_taken(|| panic!("nobody asked"));
    fill(&centre);
    assert!(slow.incoming().poll_cut(&mut reader.cx()).is_pending());
    assert!(!is_ready(&mut centre));
    assert!(reader.is_woken(), "so that it looks");
    let mut told = 0;
    (0..2).for_each(|_| {
        slow.incoming().tell_taken(|| {
            told += 1;
            7
        });
    });
    assert_eq!((told, slow.incoming().ask_taken()), (1, Some(7)));
}
