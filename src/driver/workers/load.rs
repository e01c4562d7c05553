//! How busy the threads of a server are, and what follows from it.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt,
    time::Duration,
};
use tokio::runtime::Handle;

/// Part of its time above which a thread is busy.
const BUSY: f64 = 0.9;
/// Part of their time that fewer threads may have to do, for one to be given back.
const SPARE: f64 = 0.6;
/// Part of its time below which a server rests.
const REST: f64 = 0.05;
/// Part of a core that has to be idle for another thread, and below which there is none.
const IDLE_CORE: f64 = 0.7;
const NO_CORE: f64 = 0.1;
/// Part of its time that a thread may wait for a core.
const WAITING: f64 = 0.1;
/// Looks in a row with the same finding before a thread is taken on, or given back.
const GROWS_AFTER: u32 = 2;
const SHRINKS_AFTER: u32 = 10;
/// The same when the threads are in each other's way.
const YIELDS_AFTER: u32 = 2;
/// Looks for which no thread is taken on after that.
const PAUSE: u32 = 100;
/// Ticks of `/proc/stat` a second (USER_HZ, the same on every architecture of ours).
const HERTZ: f64 = 100.0;

/// Asks what one thread did.
#[derive(Default)]
pub(super) struct BusyMeter {
    busy: Duration,
    /// Time that it waited for a core, nanoseconds.
    waited: u64,
    /// `/proc/…/schedstat`, where there is one.
    waits: Option<File>,
}

/// What one thread did since it was last asked: the time it was busy, and of it the time it waited for a core.
#[derive(Clone, Copy)]
pub(super) struct Spent {
    busy: Duration,
    waited: Duration,
}

impl BusyMeter {
    /// Tells from now on how long this thread, which has to be the one that it is for, waits for a core.
    pub(super) fn tells_waits(&mut self) {
        self.waits = File::open("/proc/thread-self/schedstat").ok();
        self.waited = self.waits.as_ref().and_then(waited).unwrap_or_default();
    }

    pub(super) fn read(&mut self, runtime: &Handle) -> Spent {
        let busy = runtime.metrics().worker_total_busy_duration(0);
        let waited = self.waits.as_ref().and_then(waited).unwrap_or_default();
        let spent = Spent {
            busy: busy.saturating_sub(self.busy),
            waited: Duration::from_nanos(waited.saturating_sub(self.waited)),
        };
        (self.busy, self.waited) = (busy, waited);
        spent
    }
}

/// `RAN WAITED SLICES`, in nanoseconds.
fn waited(file: &File) -> Option<u64> {
    let mut text = [0; 64];
    let length = file.read_at(&mut text, 0).ok()?;
    str::from_utf8(&text[..length]).ok()?.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// What the threads in use did in one tick.
#[derive(Default)]
pub(super) struct Reading {
    time: Duration,
    threads: Vec<(Spent, usize)>,
    /// Time that the cores that we may use were idle since the machine was started, seconds; read when it is
    /// needed.
    idle: Option<f64>,
}

impl Reading {
    /// A reading of a tick that took so long, with no thread yet.
    pub(super) fn of_tick(time: Duration) -> Self {
        Self { time, threads: Vec::new(), idle: None }
    }

    /// One more thread, with the number of its active sessions.
    pub(super) fn add(&mut self, spent: Spent, active: usize) {
        self.threads.push((spent, active));
    }

    fn part(&self, time: Duration) -> f64 {
        time.as_secs_f64() / self.time.as_secs_f64().max(1e-6)
    }

    fn busy(&self) -> impl Iterator<Item = f64> {
        self.threads.iter().map(|(spent, _)| self.part(spent.busy))
    }
}

/// Next step of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    Stay,
    /// Nothing goes on any more.
    Rest,
    Grow,
    Shrink,
    /// So many sessions leave this thread.
    Level {
        from: usize,
        sessions: usize,
    },
}

/// What was found in the looks before.
#[derive(Default)]
pub(super) struct LoadHistory {
    full: u32,
    spare: u32,
    crowded: u32,
    pause: u32,
    idle: Option<f64>,
}

impl LoadHistory {
    pub(super) fn decide(&mut self, reading: &Reading, limit: usize) -> Decision {
        let count = reading.threads.len();
        let busy: f64 = reading.busy().sum();
        let all_busy = reading.busy().all(|part| part >= BUSY);
        let waited: f64 = reading.threads.iter().map(|(spent, _)| reading.part(spent.waited)).sum();
        // The cores are asked only where something depends on it.
        let asks = all_busy && count < limit || count > 1;
        let before = std::mem::take(&mut self.idle);
        self.idle = reading.idle.or_else(|| if asks { idle_cores() } else { None });
        let idle = self.idle.zip(before).map(|(now, before)| (now - before) / reading.time.as_secs_f64());

        self.pause = self.pause.saturating_sub(1);
        let may_grow = all_busy && count < limit && self.pause == 0;
        // Where the cores cannot be asked, there is thought to be one.
        let has_core = idle.map_or(self.idle.is_none(), |idle| idle >= IDLE_CORE);
        self.full = if may_grow && has_core { self.full + 1 } else { 0 };
        self.spare = if count > 1 && busy < SPARE * (count - 1) as f64 { self.spare + 1 } else { 0 };
        let is_crowded = waited > WAITING * count as f64 && idle.is_some_and(|idle| idle < NO_CORE);
        self.crowded = if count > 1 && is_crowded { self.crowded + 1 } else { 0 };

        if self.crowded >= YIELDS_AFTER {
            *self = Self { pause: PAUSE, ..Self::default() };
            return Decision::Shrink;
        }
        if self.spare >= SHRINKS_AFTER {
            *self = Self::default();
            return Decision::Shrink;
        }
        if self.full >= GROWS_AFTER {
            *self = Self { idle: self.idle, ..Self::default() };
            return Decision::Grow;
        }
        if count == 1 && busy < REST {
            return Decision::Rest;
        }
        self.level(reading)
    }

    /// A thread that has too much to do beside one that has not gives some of it up.
    fn level(&self, reading: &Reading) -> Decision {
        let parts: Vec<f64> = reading.busy().collect();
        let most = (0..parts.len()).max_by(|a, b| parts[*a].total_cmp(&parts[*b]));
        let least = (0..parts.len()).min_by(|a, b| parts[*a].total_cmp(&parts[*b]));
        match (most, least) {
            (Some(most), Some(least)) if parts[most] >= BUSY && parts[least] < SPARE => {
                let [much, little] = [most, least].map(|index| reading.threads[index].1);
                match much.saturating_sub(little) / 2 {
                    // One that has a flood to carry is left alone with it.
                    0 if much > 1 => Decision::Level { from: most, sessions: 1 },
                    0 => Decision::Stay,
                    sessions => Decision::Level { from: most, sessions },
                }
            }
            _ => Decision::Stay,
        }
    }
}

/// Time that the cores we may run on have been idle, seconds; `None` where the system does not say.
fn idle_cores() -> Option<f64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    let status = fs::read_to_string("/proc/thread-self/status").ok()?;
    let allowed = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    idle_of(&stat, allowed.trim())
}

/// The idle time in `/proc/stat` of the cores in a list such as `0-3,8`.
fn idle_of(stat: &str, allowed: &str) -> Option<f64> {
    let ranges: Vec<(u32, u32)> = allowed
        .split(',')
        .filter_map(|range| {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            Some((first.parse().ok()?, last.parse().ok()?))
        })
        .collect();
    let mut sum = None;
    for line in stat.lines() {
        let mut fields = line.split_ascii_whitespace();
        let core = fields.next().and_then(|name| name.strip_prefix("cpu")).and_then(|core| core.parse().ok());
        let Some(core) = core else { continue };
        if !ranges.iter().any(|(first, last)| (*first..=*last).contains(&core)) {
            continue;
        }
        // user nice system idle iowait
        let idle: f64 = fields.nth(3)?.parse().ok()?;
        let waits: f64 = fields.next().and_then(|waits| waits.parse().ok()).unwrap_or(0.0);
        *sum.get_or_insert(0.0) += (idle + waits) / HERTZ;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tick of 100 ms: percent busy, percent waited and active sessions of each thread; seconds idle so far.
    fn reading(threads: &[(u64, u64, usize)], idle: f64) -> Reading {
        let of = |percent: u64| Duration::from_millis(percent);
        Reading {
            time: Duration::from_millis(100),
            threads: threads
                .iter()
                .map(|(busy, waited, active)| (Spent { busy: of(*busy), waited: of(*waited) }, *active))
                .collect(),
            idle: Some(idle),
        }
    }

    /// The decisions of so many ticks that are alike, the cores being idle for that part of each.
    fn decisions(threads: &[(u64, u64, usize)], idle: f64, limit: usize, ticks: u32) -> Vec<Decision> {
        let mut history = LoadHistory::default();
        (0..ticks)
            .map(|tick| history.decide(&reading(threads, f64::from(tick) * idle * 0.1), limit))
            .collect()
    }

    #[test]
    fn a_busy_server_takes_on_a_thread_where_a_core_is_idle() {
        assert!(decisions(&[(100, 0, 50)], 1.0, 2, 4).contains(&Decision::Grow));
        // Beside a program that has the other core; as many threads as cores; enough time left.
        for (busy, idle, limit) in [(100, 0.2, 2), (100, 1.0, 1), (80, 1.0, 2)] {
            let all = decisions(&[(busy, 0, 50)], idle, limit, 50);
            assert!(all.iter().all(|decision| *decision == Decision::Stay), "{all:?}");
        }
    }

    #[test]
    fn a_burst_is_no_reason() {
        let mut history = LoadHistory::default();
        for tick in 0..20 {
            let busy = if tick % 2 == 0 { 100 } else { 50 };
            let decision = history.decide(&reading(&[(busy, 0, 9)], f64::from(tick) * 0.1), 2);
            assert_eq!(decision, Decision::Stay);
        }
    }

    #[test]
    fn a_thread_is_given_back_when_fewer_have_enough_time_or_others_need_the_core() {
        let idle = decisions(&[(20, 0, 5), (20, 0, 5)], 1.5, 2, SHRINKS_AFTER);
        assert_eq!(idle.last(), Some(&Decision::Shrink));
        let crowded = decisions(&[(100, 40, 5), (100, 40, 5)], 0.0, 2, 5);
        assert!(crowded.contains(&Decision::Shrink));
        // Two threads that have a core each.
        let all = decisions(&[(100, 0, 5), (100, 0, 5)], 0.0, 2, 50);
        assert!(all.iter().all(|decision| *decision == Decision::Stay), "{all:?}");
    }

    #[test]
    fn it_does_not_ask_for_a_thread_again_at_once_after_others_needed_the_core() {
        let mut history = LoadHistory { crowded: YIELDS_AFTER, ..LoadHistory::default() };
        let crowded = reading(&[(100, 40, 5), (100, 40, 5)], 0.0);
        history.idle = Some(0.0);
        assert_eq!(history.decide(&crowded, 2), Decision::Shrink);
        let all: Vec<_> = (1..PAUSE)
            .map(|tick| history.decide(&reading(&[(100, 0, 10)], f64::from(tick) * 0.1), 2))
            .collect();
        assert!(all.iter().all(|decision| *decision == Decision::Stay), "{all:?}");
    }

    #[test]
    fn sessions_are_shared_out_and_a_flood_is_left_alone() {
        let level = |threads: &[(u64, u64, usize)]| decisions(threads, 0.0, 2, 1)[0];
        assert_eq!(level(&[(100, 0, 40), (10, 0, 10)]), Decision::Level { from: 0, sessions: 15 });
        assert_eq!(level(&[(10, 0, 10), (100, 0, 3)]), Decision::Level { from: 1, sessions: 1 });
        assert_eq!(level(&[(10, 0, 10), (100, 0, 1)]), Decision::Stay);
        assert_eq!(level(&[(1, 0, 1)]), Decision::Rest);
    }

    #[test]
    fn cores_are_counted_that_we_may_run_on() {
        let stat = "cpu  1 1 1 900 100\ncpu0 1 1 1 100 0 5\ncpu1 1 1 1 200 50 5\ncpu10 1 1 1 400 0\nintr 5\n";
        assert_eq!(idle_of(stat, "0-1"), Some(3.5));
        assert_eq!(idle_of(stat, "1,10-11"), Some(6.5));
        assert_eq!(idle_of(stat, "7"), None);
    }
}
