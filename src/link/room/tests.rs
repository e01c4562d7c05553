//! Who hears what in a room, and what becomes of those who do not keep up.

use super::*;

fn heard(member: &Member) -> Vec<String> {
    let mut batch = VecDeque::new();
    let mut cx = Context::from_waker(Waker::noop());
    while member.incoming.poll_pop(&mut cx, &mut batch, 9).is_ready() && member.incoming.end().is_none() {}
    batch.iter().map(|message| message.to_text().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn in_a_star_members_speak_with_the_centre_alone() {
    let room = Room::star(Rules::default());
    let (centre, a, b) = (room.centre(), room.join(), room.join());
    a.say(&Message::text("up"));
    centre.say(&Message::text("down"));
    assert_eq!(
        (heard(&centre), heard(&a), heard(&b)),
        (vec!["up".into()], vec!["down".into()], vec!["down".into()])
    );
}

#[tokio::test]
async fn in_a_mesh_all_but_the_speaker_hear() {
    let room = Room::mesh(Rules::default());
    let (centre, a, b) = (room.centre(), room.join(), room.join());
    a.say(&Message::text("x"));
    assert_eq!((heard(&centre), heard(&b)), (vec!["x".to_owned()], vec!["x".to_owned()]));
    assert!(heard(&a).is_empty());
}

#[tokio::test]
async fn who_comes_late_hears_the_last() {
    let room = Room::star(Rules { last: 2, ..Rules::default() });
    let centre = room.centre();
    for text in ["1", "2", "3"] {
        centre.say(&Message::text(text));
    }
    let late = room.join();
    centre.say(&Message::text("4"));
    assert_eq!(heard(&late), ["2", "3", "4"]);
}

#[tokio::test(start_paused = true)]
async fn the_slow_are_dealt_with() {
    let mut cx = Context::from_waker(Waker::noop());
    let say = |centre: &Member| (0..3).for_each(|_| centre.say(&Message::text("12345678901234567890")));

    let room = Room::star(Rules { queue: 100, slow: Slow::Drop, last: 0 });
    let (mut centre, slow) = (room.centre(), room.join());
    say(&centre);
    assert!(!centre.is_held_up() && centre.poll_room(&mut cx).is_ready());
    assert_eq!((heard(&slow).len(), slow.incoming.dropped()), (2, 1));

    let room = Room::star(Rules { queue: 100, slow: Slow::Wait, last: 0 });
    let (mut centre, slow) = (room.centre(), room.join());
    say(&centre);
    tokio::time::advance(Duration::from_secs(3600)).await;
    assert!(centre.is_held_up() && centre.poll_room(&mut cx).is_pending());
    assert_eq!(heard(&slow).len(), 3);
    assert!(centre.poll_room(&mut cx).is_ready());

    let room = Room::star(Rules { queue: 100, slow: Slow::Disconnect, last: 0 });
    let (mut centre, slow, good) = (room.centre(), room.join(), room.join());
    say(&centre);
    heard(&good);
    assert!(centre.poll_room(&mut cx).is_pending());
    tokio::time::advance(Duration::from_secs(29)).await;
    assert!(centre.poll_room(&mut cx).is_pending());
    tokio::time::advance(Duration::from_secs(2)).await;
    assert!(centre.poll_room(&mut cx).is_ready());
    assert!(slow.incoming.is_finished() && !good.incoming.is_finished());
    assert_eq!((slow.incoming.len(), slow.incoming.dropped()), (0, 3), "what it was too slow for");
    let cut = slow.incoming.poll_cut(&mut cx);
    assert_eq!(cut, Poll::Ready(SourceEnd::SentAway { reason: "too slow: behind for 30 s".into() }));
}

#[tokio::test(start_paused = true)]
async fn who_is_sent_away_does_not_hide_somebody_else_who_is_behind() {
    let mut cx = Context::from_waker(Waker::noop());
    let say = |centre: &Member| (0..3).for_each(|_| centre.say(&Message::text("12345678901234567890")));
    let room = Room::star(Rules { queue: 100, slow: Slow::Disconnect, last: 0 });
    let (mut centre, later, slow) = (room.centre(), room.join(), room.join());
    say(&centre);
    heard(&later);
    assert!(centre.poll_room(&mut cx).is_pending());
    tokio::time::advance(Duration::from_secs(20)).await;
    say(&centre);
    assert!(centre.poll_room(&mut cx).is_pending());
    tokio::time::advance(Duration::from_secs(11)).await;
    assert!(centre.poll_room(&mut cx).is_pending(), "one has 19 s left");
    assert!(slow.incoming.is_finished() && !later.incoming.is_finished());
    heard(&later);
    assert!(centre.poll_room(&mut cx).is_ready());
}

#[tokio::test(start_paused = true)]
async fn who_has_caught_up_is_patiently_waited_for_again() {
    let mut cx = Context::from_waker(Waker::noop());
    let room = Room::star(Rules { queue: 100, slow: Slow::Disconnect, last: 0 });
    let (mut centre, slow) = (room.centre(), room.join());
    for _ in 0..3 {
        centre.say(&Message::text("12345678901234567890"));
        centre.say(&Message::text("12345678901234567890"));
        assert!(centre.is_held_up() && centre.poll_room(&mut cx).is_pending());
        heard(&slow);
        tokio::time::advance(Duration::from_secs(60)).await;
    }
    assert!(!slow.incoming.is_finished());
}

#[tokio::test]
async fn who_has_said_nothing_waits_too_for_those_that_another_filled() {
    let mut cx = Context::from_waker(Waker::noop());
    let room = Room::mesh(Rules { queue: 100, ..Rules::default() });
    let (one, mut two, three) = (room.join(), room.join(), room.join());
    one.say(&Message::text("12345678901234567890"));
    one.say(&Message::text("12345678901234567890"));
    heard(&two);
    assert!(two.poll_room(&mut cx).is_ready(), "it only listens");
    assert!(two.is_held_up() && two.poll_room(&mut cx).is_pending());
    heard(&three);
    assert!(two.poll_room(&mut cx).is_ready());
}

#[tokio::test]
async fn who_left_is_not_spoken_to() {
    let mut cx = Context::from_waker(Waker::noop());
    let room = Room::star(Rules::default());
    let centre = room.centre();
    assert!(centre.poll_company(&mut cx).is_pending());
    let member = room.join();
    assert!(centre.poll_company(&mut cx).is_ready());
    drop(member);
    assert!(centre.poll_company(&mut cx).is_pending());
    assert_eq!(room.lock().seats.len(), 1);
}
