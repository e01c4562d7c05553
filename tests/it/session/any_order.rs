//! Every order of events ends: random ones, in worlds where everything may be late or never happen.

use super::{
    Robot, fault,
    robot::{Path, World},
};
use proptest::prelude::*;
use std::time::Duration;
use wsio::{
    exit::Exit,
    session::{DrainTimeout, Event, Rules, Side, SideKind, SinkFailure, SourceEnd, Within},
};

fn kind() -> impl Strategy<Value = SideKind> {
    prop_oneof![
        Just(SideKind::WebSocket),
        Just(SideKind::Standard),
        Just(SideKind::Subject),
        Just(SideKind::Stream),
        Just(SideKind::Datagrams)
    ]
}

fn source_end() -> impl Strategy<Value = SourceEnd> {
    let code =
        prop_oneof![Just(None), Just(Some(1000)), Just(Some(1001)), Just(Some(1011)), Just(Some(4000))];
    let exits = prop_oneof![
        Just((Exit::Lost, None)),
        Just((Exit::Protocol, Some(1002))),
        Just((Exit::TooBig, Some(1009)))
    ];
    prop_oneof![
        Just(SourceEnd::Absent),
        (any::<bool>(), any::<bool>()).prop_map(|(empty, hangup)| SourceEnd::Eof { empty, hangup }),
        code.prop_map(|code| SourceEnd::Close {
            code,
            reason: "why".into(),
            described: "described".into(),
            advice: None
        }),
        exits.prop_map(|(exit, answer)| SourceEnd::Lost { fault: fault(exit), answer }),
        Just(SourceEnd::Failed(fault(Exit::ReadError))),
        Just(SourceEnd::Refused(fault(Exit::BadInput))),
        Just(SourceEnd::SentAway { reason: "too slow".into() }),
    ]
}

/// Whether a link of that kind can tell such a thing.
fn is_possible(event: &Event, kinds: [SideKind; 2]) -> bool {
    match event {
        Event::Ended { side, how } => match &**how {
            SourceEnd::Close { .. } => kinds[*side] == SideKind::WebSocket,
            SourceEnd::Lost { answer, .. } => match kinds[*side] {
                SideKind::WebSocket => true,
                SideKind::Datagrams => answer.is_none(),
                _ => false,
            },
            _ => kinds[*side] != SideKind::WebSocket,
        },
        Event::Heard { side, .. } | Event::Wrote { side, .. } | Event::Overflowed { side } => {
            kinds[*side] == SideKind::WebSocket
        }
        Event::SinkFailed { side, how } if matches!(**how, SinkFailure::Refused(_)) => {
            kinds[*side] == SideKind::Subject
        }
        _ => true,
    }
}

#[derive(Clone, Debug)]
enum Step {
    Happens(Event),
    Waits(u64),
}

fn side() -> impl Strategy<Value = Side> + Clone {
    prop::sample::select(&Side::BOTH[..])
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (side(), 1..3u64).prop_map(|(side, messages)| Step::Happens(Event::Received { side, messages })),
        2 => (side(), any::<bool>(), any::<bool>(), 0..100_000u64).prop_map(|(side, message, frame, bytes)| {
            Step::Happens(Event::Heard { side, bytes, within: Within { message, frame } })
        }),
        1 => (side(), 0..100_000u64).prop_map(|(side, bytes)| Step::Happens(Event::Wrote { side, bytes })),
        2 => (side(), source_end()).prop_map(|(side, how)| Step::Happens(Event::Ended { side, how: Box::new(how) })),
        1 => side().prop_map(|side| {
            let how = SinkFailure::ReaderLeft(fault(Exit::ReaderLeft));
            Step::Happens(Event::SinkFailed { side, how: Box::new(how) })
        }),
        1 => side().prop_map(|side| {
            let how = SinkFailure::Failed(fault(Exit::WriteError));
            Step::Happens(Event::SinkFailed { side, how: Box::new(how) })
        }),
        1 => side().prop_map(|side| {
            let how = SinkFailure::Refused(fault(Exit::BadInput));
            Step::Happens(Event::SinkFailed { side, how: Box::new(how) })
        }),
        1 => side().prop_map(|side| Step::Happens(Event::CountReached { side })),
        1 => (side(), any::<bool>()).prop_map(|(side, blocked)| Step::Happens(Event::Blocked { side, blocked })),
        1 => (side()).prop_map(|side| Step::Happens(Event::Took { side })),
        1 => (side(), any::<bool>()).prop_map(|(side, held)| Step::Happens(Event::Held { side, held })),
        1 => (side()).prop_map(|side| Step::Happens(Event::Overflowed { side })),
        1 => Just(Step::Happens(Event::Unmet(Box::new(fault(Exit::Expectation))))),
        1 => Just(Step::Happens(Event::Panicked)),
        6 => (0..30_000u64).prop_map(Step::Waits),
    ]
}

/// What takes time: nothing, a little, more than some clocks, or for ever.
fn delay() -> impl Strategy<Value = Option<Duration>> {
    prop_oneof![
        4 => Just(Some(Duration::ZERO)),
        2 => Just(Some(Duration::from_millis(30))),
        2 => Just(Some(Duration::from_secs(2))),
        1 => Just(Some(Duration::from_secs(7))),
        1 => Just(None),
    ]
}

fn path() -> impl Strategy<Value = Path> {
    prop_oneof![2 => Just(Path::Free), 1 => Just(Path::Still), 1 => (1..100_000u64).prop_map(Path::Rate)]
}

fn world() -> impl Strategy<Value = World> {
    let crosses = prop_oneof![3 => Just(None), 1 => Just(Some(None)), 1 => Just(Some(Some(4000)))];
    let both = || [delay(), delay()];
    (both(), crosses, any::<bool>(), both(), both(), both(), both(), [path(), path()]).prop_map(
        |(answers, crosses, swallows_pings, delivery, close, shut, release, path)| World {
            answers,
            crosses,
            pongs: [false; 2],
            swallows_pings,
            delivery,
            close,
            shut,
            release,
            untaken: [0; 2],
            path,
        },
    )
}

fn drain_timeout() -> impl Strategy<Value = DrainTimeout> {
    prop_oneof![Just(DrainTimeout::Never), Just(DrainTimeout::CloseTimeout)]
}

/// Whatever begins in it, the world goes on: a driver and its outputs do what they were asked in the end.
fn never_for_ever(world: World) -> World {
    let sooner = |delays: [Option<Duration>; 2]| delays.map(|delay| delay.or(Some(Duration::from_secs(3))));
    World {
        delivery: sooner(world.delivery),
        shut: sooner(world.shut),
        release: sooner(world.release),
        ..world
    }
}

fn live(robot: &mut Robot, steps: Vec<Step>) {
    for step in steps {
        if robot.is_over() {
            return;
        }
        match step {
            Step::Happens(event) if is_possible(&event, robot.kinds) => robot.happens(event),
            Step::Happens(_) => {}
            Step::Waits(time) => robot.wait(Duration::from_millis(time)),
        }
    }
}

fn robot(
    rules: Rules,
    kinds: [SideKind; 2],
    serving: bool,
    world: World,
    drain_timeout: [DrainTimeout; 2],
) -> Robot {
    let mut robot = Robot::with(rules, kinds, serving, world);
    for side in Side::BOTH {
        robot.session.output(side, format!("output {side:?}"), drain_timeout[side]);
    }
    robot
}

/// What a session that is cut off may take beyond its time.
const MOMENT: Duration = Duration::from_millis(50);

proptest! {
    #![proptest_config(ProptestConfig { cases: 10000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever happens in whatever order, and however late its parts come: one Close a side, none after
    /// the release, no deadline missed (the robot checks these), and after a signal it is over in the time
    /// that the mode gives.
    #[test]
    fn every_order_of_events_ends(
        kinds in [kind(), kind()],
        serving in any::<bool>(),
        world in world(),
        drain_timeout in [drain_timeout(), drain_timeout()],
        steps in prop::collection::vec(step(), 0..12),
    ) {
        let mut robot = robot(Rules::default(), kinds, serving, world, drain_timeout);
        live(&mut robot, steps);
        robot.happens(Event::Signal(Box::new(fault(Exit::Interrupt))));
        let took = robot.ends();
        let rules = Rules::default();
        let within = if serving { rules.grace } else { rules.close_timeout };
        prop_assert!(took <= within + MOMENT, "it took {took:?}");
    }

    /// The time limit of the whole is absolute, whatever is under way.
    #[test]
    fn no_order_of_events_outlives_the_time_limit(
        kinds in [kind(), kind()],
        serving in any::<bool>(),
        world in world(),
        drain_timeout in [drain_timeout(), drain_timeout()],
        steps in prop::collection::vec(step(), 0..12),
    ) {
        let rules = Rules { timeout: Some(Duration::from_secs(20)), ..Rules::default() };
        let mut robot = robot(rules.clone(), kinds, serving, world, drain_timeout);
        live(&mut robot, steps);
        robot.ends();
        let most = rules.timeout.unwrap_or_default() + rules.close_timeout + MOMENT;
        prop_assert!(robot.age() <= most, "it took {:?}", robot.age());
    }

    /// Ends that come from the inside or from nowhere need no signal: once a WebSocket's session has begun
    /// to end, it is over when all clocks are, though the peer says nothing and takes nothing any more.
    #[test]
    fn silent_and_internal_ends_come_to_their_end(
        other in kind(),
        serving in any::<bool>(),
        world in world(),
        drain_timeout in [drain_timeout(), drain_timeout()],
        steps in prop::collection::vec(step(), 0..8),
        end in ending(),
    ) {
        let kinds = [other, SideKind::WebSocket];
        let world = never_for_ever(world);
        let mut robot = robot(Rules::default(), kinds, serving, world.clone(), drain_timeout);
        live(&mut robot, steps);
        let queue: u64 = robot.queues().into_iter().sum();
        for side in Side::BOTH {
            robot.happens(Event::Blocked { side, blocked: false });
        }
        if !robot.is_over() && is_possible(&end, kinds) {
            robot.happens(end);
            let took = robot.ends();
            let within = silent_end(&Rules::default(), &world) + slow_queue(queue);
            prop_assert!(took <= within, "it took {took:?} of {within:?}, {queue} bytes in the queues");
        }
    }

    /// A reader that left and a panic are given a moment, whatever stalls.
    #[test]
    fn what_ends_at_once_does(
        other in kind().prop_filter("no bytes", |kind| *kind != SideKind::WebSocket),
        serving in any::<bool>(),
        world in world(),
        drain_timeout in [drain_timeout(), drain_timeout()],
        steps in prop::collection::vec(quiet_step(), 0..8),
        panics in any::<bool>(),
    ) {
        let mut robot = robot(Rules::default(), [other, SideKind::WebSocket], serving, world, drain_timeout);
        live(&mut robot, steps);
        if robot.is_over() || robot.fault().is_some() {
            // Nobody answered a ping.
            return Ok(());
        }
        let (event, most) = match panics {
            true => (Event::Panicked, Duration::from_secs(1)),
            false => {
                let how = SinkFailure::ReaderLeft(fault(Exit::ReaderLeft));
                (Event::SinkFailed { side: Side::A, how: Box::new(how) }, Duration::from_millis(100))
            }
        };
        robot.happens(event);
        let took = robot.ends();
        prop_assert!(took <= most + MOMENT, "it took {took:?}");
    }

    /// The first fault is the verdict, whatever comes after it.
    #[test]
    fn the_first_fault_wins(world in world(), steps in prop::collection::vec(step(), 0..12)) {
        let kinds = [SideKind::Standard, SideKind::WebSocket];
        let mut robot = Robot::with(Rules::default(), kinds, false, world);
        robot.happens(Event::Ended { side: Side::A, how: Box::new(SourceEnd::Failed(fault(Exit::ReadError))) });
        live(&mut robot, steps);
        robot.happens(Event::Signal(Box::new(fault(Exit::Interrupt))));
        robot.ends();
        prop_assert_eq!(robot.exit(), Exit::ReadError);
    }
}

/// The longest end of a session whose peer is silent: the silence that only a ping finds, each output of the
/// world at its slowest, and the clocks of the linger and of the Close, one after another.
fn silent_end(rules: &Rules, world: &World) -> Duration {
    let slowest = |delays: [Option<Duration>; 2]| delays.into_iter().flatten().max().unwrap_or_default();
    let silence: Duration = [rules.ping_interval, rules.ping_timeout].into_iter().flatten().sum();
    let outputs: Duration = [world.delivery, world.shut, world.release].map(slowest).into_iter().sum();
    silence + outputs + rules.linger.unwrap_or_default() + rules.close_timeout + MOMENT
}

/// The time that a slow queue has, whose peer takes at least 16 KiB in 30 s.
fn slow_queue(queue: u64) -> Duration {
    Duration::from_secs(30) * u32::try_from(queue / (16 * 1024)).unwrap_or(u32::MAX)
}

/// What begins an end where one side is a WebSocket, side 1.
fn ending() -> impl Strategy<Value = Event> {
    let data = (any::<bool>()).prop_map(|hangup| SourceEnd::Eof { empty: false, hangup });
    let local = prop_oneof![
        data,
        Just(SourceEnd::Failed(fault(Exit::ReadError))),
        Just(SourceEnd::Refused(fault(Exit::BadInput))),
        Just(SourceEnd::SentAway { reason: "too slow".into() }),
    ];
    let remote = source_end()
        .prop_filter("of a WebSocket", |how| matches!(how, SourceEnd::Close { .. } | SourceEnd::Lost { .. }));
    prop_oneof![
        local.prop_map(|how| Event::Ended { side: Side::A, how: Box::new(how) }),
        remote.prop_map(|how| Event::Ended { side: Side::B, how: Box::new(how) }),
        Just(Event::SinkFailed {
            side: Side::A,
            how: Box::new(SinkFailure::ReaderLeft(fault(Exit::ReaderLeft)))
        }),
        Just(Event::SinkFailed {
            side: Side::A,
            how: Box::new(SinkFailure::Failed(fault(Exit::WriteError)))
        }),
        Just(Event::SinkFailed { side: Side::B, how: Box::new(SinkFailure::Failed(fault(Exit::Lost))) }),
        Just(Event::CountReached { side: Side::B }),
        Just(Event::Overflowed { side: Side::B }),
        Just(Event::Unmet(Box::new(fault(Exit::Expectation)))),
        Just(Event::Panicked),
    ]
}

/// What begins no end.
fn quiet_step() -> impl Strategy<Value = Step> {
    step().prop_filter("an end", |step| {
        !matches!(
            step,
            Step::Happens(
                Event::Ended { .. }
                    | Event::SinkFailed { .. }
                    | Event::CountReached { .. }
                    | Event::Overflowed { .. }
                    | Event::Unmet(_)
                    | Event::Panicked
            )
        )
    })
}
