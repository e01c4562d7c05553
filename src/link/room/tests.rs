//! Who hears what in a room, and what becomes of those who do not keep up.

use super::*;
use crate::{link::test_waker::TestWaker, session::CloseWith};
use std::{task::Waker, time::Duration};

fn heard(member: &Member) -> Vec<String> {
    let mut batch = VecDeque::new();
    let mut cx = Context::from_waker(Waker::noop());
    while member.incoming.poll_pop(&mut cx, &mut batch, 9).is_ready() && member.incoming.end().is_none() {}
    batch.iter().map(|message| message.to_text().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn in_a_star_members_speak_with_the_centre_alone() {
    let room = Room::star(RoomRules::default());
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
    let room = Room::mesh(RoomRules::default());
    let (centre, a, b) = (room.centre(), room.join(), room.join());
    a.say(&Message::text("x"));
    assert_eq!((heard(&centre), heard(&b)), (vec!["x".to_owned()], vec!["x".to_owned()]));
    assert!(heard(&a).is_empty());
}

#[tokio::test]
async fn who_comes_late_hears_the_last() {
    let room = Room::star(RoomRules { last: 2, ..RoomRules::default() });
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

    let room = Room::star(RoomRules { queue: 100, slow: Slow::Drop, last: 0 });
    let (mut centre, slow) = (room.centre(), room.join());
    say(&centre);
    assert!(!centre.is_held_up() && centre.poll_room(&mut cx).is_ready());
    assert_eq!((heard(&slow).len(), slow.incoming.dropped()), (2, 1));

    let room = Room::star(RoomRules { queue: 100, slow: Slow::Wait, last: 0 });
    let (mut centre, slow) = (room.centre(), room.join());
    say(&centre);
    tokio::time::advance(Duration::from_secs(3600)).await;
    assert!(centre.is_held_up() && centre.poll_room(&mut cx).is_pending());
    assert_eq!(heard(&slow).len(), 3);
    assert!(centre.poll_room(&mut cx).is_ready());
}

#[tokio::test]
async fn who_has_said_nothing_waits_too_for_those_that_another_filled() {
    let mut cx = Context::from_waker(Waker::noop());
    let room = Room::mesh(RoomRules { queue: 100, ..RoomRules::default() });
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
    let room = Room::star(RoomRules::default());
    let centre = room.centre();
    assert!(centre.poll_company(&mut cx).is_pending());
    let member = room.join();
    assert!(centre.poll_company(&mut cx).is_ready());
    drop(member);
    assert!(centre.poll_company(&mut cx).is_pending());
    assert_eq!(room.lock().seats.len(), 1);
}

/// Who waits in a room: each member for what it hears.
fn listening(members: &[&Member]) -> Vec<TestWaker> {
    let wakers: Vec<_> = members.iter().map(|_| TestWaker::new()).collect();
    for (member, waker) in members.iter().zip(&wakers) {
        let _ = heard(member);
        assert!(member.incoming.poll_pop(&mut waker.cx(), &mut VecDeque::new(), 9).is_pending());
    }
    wakers
}

fn wakes(wakers: &[TestWaker]) -> Vec<usize> {
    wakers.iter().map(TestWaker::wakes).collect()
}

#[tokio::test]
async fn a_word_wakes_those_who_hear_it_and_nobody_else() {
    let star = Room::star(RoomRules::default());
    let (centre, mut a, b) = (star.centre(), star.join(), star.join());
    a.set_conn(1);
    b.set_conn(2);
    let wakers = listening(&[&centre, &a, &b]);
    let text = Message::text("x");
    a.say(&text);
    assert_eq!(wakes(&wakers), [1, 0, 0]);
    centre.say(&text);
    assert_eq!(wakes(&wakers), [0, 1, 1]);

    let wakers = listening(&[&centre, &a, &b]);
    assert!(centre.say_to(Some(2), &text));
    star.tell_centre(&text);
    assert_eq!(wakes(&wakers), [1, 0, 1]);

    let wakers = listening(&[&centre, &a, &b]);
    a.tell_of(&Message::Ping(Bytes::new()));
    assert_eq!(wakes(&wakers), [0, 0, 0], "nobody asked for records");
    a.speak_in_records(1);
    a.tell_of(&Message::Ping(Bytes::new()));
    assert_eq!(wakes(&wakers), [1, 0, 0]);
    assert!(centre.say_to(Some(1), &Message::Close(None)));
    assert_eq!(wakes(&wakers), [0, 1, 0]);
    centre.send_others_away(&SourceEnd::Absent);
    assert_eq!(wakes(&wakers), [0, 0, 1]);

    let mesh = Room::mesh(RoomRules::default());
    let (a, b, c) = (mesh.join(), mesh.join(), mesh.join());
    let wakers = listening(&[&a, &b, &c]);
    b.say(&text);
    assert_eq!(wakes(&wakers), [1, 0, 1]);
    let wakers = listening(&[&a, &b, &c]);
    drop(c);
    b.leave(SourceEnd::Absent);
    assert_eq!(wakes(&wakers), [0, 1, 1], "who leaves hears the end, and nobody else does");
}

#[tokio::test(start_paused = true)]
async fn whoever_is_held_up_is_woken_by_everything_that_ends_it() {
    let rules = RoomRules { queue: 100, slow: Slow::Disconnect, last: 0 };
    type End = fn(&mut Option<Member>, &Member);
    let ways: [(&str, End); 6] = [
        ("reads", |slow, _| drop(heard(slow.as_ref().unwrap()))),
        ("leaves", |slow, _| slow.as_ref().unwrap().leave(SourceEnd::Absent)),
        ("is dropped", |slow, _| drop(slow.take())),
        ("ends", |slow, _| slow.as_ref().unwrap().incoming.finish(SourceEnd::Absent)),
        ("is cleared", |slow, _| assert_eq!(slow.as_ref().unwrap().incoming.clear(), 2)),
        ("is sent away", |_, other| other.send_others_away(&SourceEnd::Absent)),
    ];
    for (name, end) in ways {
        let room = Room::mesh(rules);
        let (mut speaker, slow, idle) = (room.join(), room.join(), room.join());
        let waker = TestWaker::new();
        (0..2).for_each(|_| speaker.say(&Message::text("12345678901234567890")));
        heard(&idle);
        assert!(speaker.poll_room(&mut waker.cx()).is_pending(), "{name}");
        assert_eq!(waker.wakes(), 0, "{name}");
        let mut slow = Some(slow);
        end(&mut slow, &idle);
        assert_eq!(waker.wakes(), 1, "{name}");
        assert!(speaker.poll_room(&mut waker.cx()).is_ready(), "{name}");
    }
}

#[tokio::test]
async fn company_wakes_the_centre_that_waits_for_it() {
    let room = Room::star(RoomRules::default());
    let (centre, waker) = (room.centre(), TestWaker::new());
    assert!(centre.poll_company(&mut waker.cx()).is_pending());
    centre.say(&Message::text("nobody hears it"));
    assert_eq!(waker.wakes(), 0);
    let member = room.join();
    assert_eq!(waker.wakes(), 1);
    assert!(centre.poll_company(&mut waker.cx()).is_ready());
    // Who has ended is no company, though still in its seat.
    member.incoming.finish(SourceEnd::Absent);
    assert!(centre.poll_company(&mut waker.cx()).is_pending());
    let _later = room.join();
    assert_eq!((waker.wakes(), waker.kept()), (1, 0));
}

#[tokio::test]
async fn a_bridge_that_is_away_or_closed_holds_nobody_up_any_more() {
    type End = fn(&Bridge);
    let ways: [(&str, End); 2] = [("away", |bridge| bridge.set_away(true)), ("closed", Bridge::close)];
    for (name, end) in ways {
        let (room, member) =
            Room::bridged(RoomRules { queue: 100, slow: Slow::Disconnect, last: 0 }, Box::new(|_| None));
        let (bridge, mut speaker, waker) = (member.as_bridge(), room.join(), TestWaker::new());
        (0..2).for_each(|_| speaker.say(&Message::text("12345678901234567890")));
        assert!(speaker.poll_room(&mut waker.cx()).is_pending());
        end(&bridge);
        assert_eq!(waker.wakes(), 1, "{name}");
        assert!(speaker.poll_room(&mut waker.cx()).is_ready(), "{name}");
    }
}

#[tokio::test]
async fn one_is_spoken_to_and_the_others_are_not() {
    let room = Room::star(RoomRules { last: 9, ..RoomRules::default() });
    let (centre, one, two) = (room.centre(), room.join(), room.join());
    one.set_conn(1);
    two.set_conn(2);
    assert!(centre.say_to(Some(2), &Message::text("for two")));
    assert!(!centre.say_to(Some(3), &Message::text("for nobody")));
    assert!(centre.say_to(None, &Message::text("for all")));
    assert!(centre.say_to(Some(2), &Message::Close(None)));
    assert!(!centre.say_to(Some(2), &Message::text("too late")));
    let heard = |member: &super::Member| {
        let mut batch = VecDeque::new();
        let _ = member.incoming().poll_pop(&mut Context::from_waker(Waker::noop()), &mut batch, 9);
        Vec::from(batch)
    };
    assert_eq!(heard(&one), [Message::text("for all")]);
    assert_eq!(heard(&two), [Message::text("for two"), Message::text("for all")]);
    let close = CloseWith { code: None, reason: String::new() };
    assert_eq!(two.incoming().end(), Some(SourceEnd::Asked { close, hangup: true }));
    assert_eq!(heard(&room.join()), [Message::text("for all")], "what was for one is not told later");
}

fn texts(range: std::ops::Range<usize>) -> VecDeque<Item> {
    range.map(|number| Item::from(Message::text(format!("{number}")))).collect()
}

#[tokio::test]
async fn what_the_centre_says_in_one_turn_is_encoded_once_for_all() {
    let room = Room::star(RoomRules { last: 2, ..RoomRules::default() });
    let (centre, mut a, mut b) = (room.centre(), room.join(), room.join());
    let mut items = texts(1..4);
    items.push_back(Message::Ping(Bytes::new()).into());
    assert!(centre.say_together(&mut items).is_some());
    assert_eq!(items, [Message::Ping(Bytes::new())], "that is for none of them");
    assert_eq!((a.incoming.len(), b.incoming.len()), (3, 3));
    assert_eq!(heard(&b), ["1", "2", "3"], "who needs the messages gets them");
    assert_eq!((b.incoming.bytes(), b.take_encoded().is_none()), (0, true));
    let mut items = texts(4..6);
    assert!(centre.say_together(&mut items).is_some() && items.is_empty());
    centre.say(&Message::text("6"));
    let [first, second] = [a.take_encoded().unwrap(), a.take_encoded().unwrap()];
    assert_eq!((first.count(), second.count(), a.has_encoded()), (3, 2, false), "the next is alone");
    assert_eq!(first.frames_at(), first.clone().frames_at());
    assert_eq!(second.frames_at(), b.take_encoded().unwrap().frames_at(), "the same memory for all");
    assert_eq!((heard(&a), heard(&b)), (vec!["6".to_owned()], vec!["6".to_owned()]));
    assert_eq!(heard(&room.join()), ["5", "6"]);
}

#[tokio::test]
async fn what_cannot_go_together_is_said_alone() {
    let room = Room::star(RoomRules::default());
    let (centre, member) = (room.centre(), room.join());
    for mut alone in
        [texts(1..2), VecDeque::from([Message::binary(vec![0; 5000]).into(), texts(1..2)[0].clone()])]
    {
        assert!(centre.say_together(&mut alone).is_none() && !alone.is_empty());
    }
    assert!(member.say_together(&mut texts(1..9)).is_none(), "only the centre speaks to all");
    let small = Room::star(RoomRules { queue: TOGETHER - 1, ..RoomRules::default() });
    assert!(small.centre().say_together(&mut texts(1..9)).is_none(), "a short queue counts each message");
    let unheard = Room::star(RoomRules::default()).centre();
    assert!(unheard.say_together(&mut texts(1..9)).is_some());
    assert_eq!(unheard.unheard(), 8);
}

#[tokio::test]
async fn messages_that_were_encoded_together_are_bounded_and_dropped_as_others_are() {
    let room = Room::star(RoomRules { queue: TOGETHER, slow: Slow::Drop, last: 0 });
    let (centre, member) = (room.centre(), room.join());
    let mut said = 0;
    while member.incoming.dropped() == 0 {
        let mut items = texts(100_000..100_100);
        assert!(centre.say_together(&mut items).is_some());
        said += 100;
        assert!(member.incoming.bytes() < TOGETHER + 100 * 100, "one piece more than the bound");
    }
    assert_eq!((member.incoming.dropped(), member.incoming.len()), (100, said - 100));
    assert_eq!(member.incoming.clear(), said as u64 - 100);
    assert_eq!((member.incoming.len(), member.incoming.bytes()), (0, 0));
}
