//! An echo server and clients that each keep some messages in flight: messages a second, and how long one takes.

use crate::{
    frames::{self, TEXT},
    load::{self, Pool},
    run::{Context, Run},
};
use std::{
    collections::VecDeque,
    io,
    process::Stdio,
    time::{Duration, Instant},
};

#[derive(Clone, Copy)]
pub struct Echo {
    pub clients: usize,
    pub depth: u64,
}

const MASK: [u8; 4] = [0x11, 0x22, 0x33, 0x44];
const PAYLOAD: usize = 64;
/// A masked frame of that payload, and its answer.
const SENT: u64 = PAYLOAD as u64 + 6;
const GOT: u64 = PAYLOAD as u64 + 2;
const WARM_UP: Duration = Duration::from_millis(200);

impl Echo {
    pub fn run(&self, context: &Context) -> io::Result<Run> {
        let plain: Vec<u8> =
            (0..1024).flat_map(|n| format!("{n:0width$}", width = PAYLOAD).into_bytes()).collect();
        let block = frames::encode(TEXT, Some(MASK), plain.chunks(PAYLOAD));
        let answers = frames::encode(TEXT, None, plain.chunks(PAYLOAD));
        let (process, address) = load::start(context, Stdio::null())?;
        let mut pool = Pool::new(load::open(&address, self.clients, "")?, &answers)?;
        // Messages that left together, and when.
        let mut batches = vec![VecDeque::from([(self.depth, Instant::now())]); self.clients];
        let (mut done, mut total, mut times) = (vec![0; self.clients], 0, Vec::new());
        for index in 0..self.clients {
            pool.allow(index, self.depth * SENT, &block)?;
        }
        let (start, mut counted) = (Instant::now(), None);
        loop {
            let elapsed = start.elapsed();
            if counted.is_none() && elapsed > WARM_UP {
                counted = Some((Instant::now(), process.cpu()));
                (total, times) = (0, Vec::with_capacity(1 << 20));
            }
            if elapsed > WARM_UP + context.time {
                break;
            }
            pool.turn(Duration::from_millis(50), &block, |index, received| {
                let came = received / GOT - done[index];
                if came == 0 {
                    return 0;
                }
                done[index] += came;
                total += came;
                let (now, mut left) = (Instant::now(), came);
                while left > 0 {
                    let (count, sent) = &mut batches[index][0];
                    let of_it = left.min(*count);
                    *count -= of_it;
                    left -= of_it;
                    if *count == 0 {
                        times.push((now - *sent).as_secs_f64() * 1e6);
                        batches[index].pop_front();
                    }
                }
                batches[index].push_back((came, now));
                came * SENT
            })?;
        }
        let (start, cpu) = counted.ok_or_else(|| io::Error::other("too short a time"))?;
        let run = Run::of(total as f64, start.elapsed().as_secs_f64(), process.cpu() - cpu);
        Ok(run.with_peak(process.peak_kib()).with_times(&mut times))
    }
}
