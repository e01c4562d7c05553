//! One source, many clients: lines on a server's standard input, each for everybody. Deliveries are counted.

use crate::{
    frames::{self, TEXT},
    load::{self, Pool},
    program::PATIENCE,
    run::{Context, Run},
};
use std::{
    io::{self, Write},
    process::Stdio,
    sync::mpsc::{self, TryRecvError},
    thread,
    time::{Duration, Instant},
};

#[derive(Clone, Copy)]
pub struct FanOut {
    pub clients: usize,
    pub payload: usize,
}

/// A client has its 101 before it is in the room: this is sent until everybody has heard it.
const PROBE: &[u8] = b"are you there\n";
const TURN: Duration = Duration::from_millis(20);

impl FanOut {
    pub fn run(&self, context: &Context) -> io::Result<Run> {
        let count = ((64 << 10) / self.payload).max(4);
        let line = |n| format!("{n:010}{}\n", "x".repeat(self.payload - 10)).into_bytes();
        let lines: Vec<u8> = (0..count).flat_map(line).collect();
        let payloads = lines.chunks(self.payload + 1).map(|line| &line[..self.payload]);
        let block = frames::encode(TEXT, None, payloads);
        let probe = frames::encode(TEXT, None, [&PROBE[..PROBE.len() - 1]].into_iter());
        let (mut process, address) = load::start(context, Stdio::piped())?;
        let mut input = process.stdin();
        let mut pool = Pool::new(load::open(&address, self.clients, "")?, &probe)?;
        let since = Instant::now();
        while pool.clients.iter().any(|client| client.received() == 0) {
            if since.elapsed() > PATIENCE / 6 {
                return Err(io::Error::other("some clients never got anything"));
            }
            input.write_all(PROBE)?;
            pool.turn(TURN, &[], |_, _| 0)?;
        }
        // What is on its way still comes before the first counted line.
        let mut before = 0;
        while before != pool.received() || pool.received() % probe.len() as u64 != 0 {
            before = pool.received();
            thread::sleep(TURN);
            for _ in 0..self.clients {
                pool.turn(Duration::ZERO, &[], |_, _| 0)?;
            }
        }
        pool.expect(&block);

        let (cpu, start, time) = (process.cpu(), Instant::now(), context.time);
        let (tell, told) = mpsc::channel();
        let feeder = thread::spawn(move || -> io::Result<_> {
            let mut blocks = 0;
            while start.elapsed() < time {
                input.write_all(&lines)?;
                blocks += 1;
            }
            let _ = tell.send(blocks);
            // The input stays open until all has come.
            Ok(input)
        });
        let (mut wanted, mut came, mut last) = (None, 0, Instant::now());
        while wanted != Some(came) {
            pool.turn(TURN, &[], |_, _| 0)?;
            let now = pool.received();
            if now != came {
                (came, last) = (now, Instant::now());
            } else if last.elapsed() > PATIENCE / 12 {
                return Err(io::Error::other(format!("{came} bytes came of {wanted:?}")));
            }
            match told.try_recv() {
                Ok(blocks) => wanted = Some((block.len() * self.clients * blocks) as u64),
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => {}
            }
        }
        let seconds = start.elapsed().as_secs_f64();
        let deliveries = (came / block.len() as u64) as f64 * count as f64;
        let run = Run::of(deliveries, seconds, process.cpu() - cpu).with_peak(process.peak_kib());
        drop(feeder.join().unwrap()?);
        Ok(run)
    }
}
