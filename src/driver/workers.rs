//! The threads of a server: one at first, another one while those there are have too much to do.
//!
//! Each thread has a runtime of its own, and a client's task with its sockets belongs to one thread at a time, so
//! that no readiness crosses threads: a shared queue costs a server of many clients more than the second core gives
//! it. The first thread is that of the run, which accepts.
//!
//! While anything goes on, the threads are looked at ten times a second. Another one is taken on when all are busy
//! and a core is idle: beside programs that need the core, a second thread waits for its turn, and so do its
//! clients. Clients that are busy then share out over the threads: a task that is to go ends where it is, and its
//! session goes on in a task elsewhere. A thread that is not needed any more is left by all that move on it.

mod load;

use crate::stream::enter_thread;
use load::{BusyMeter, Decision};
use std::{
    any::Any,
    cell::Cell,
    io, mem,
    panic::catch_unwind,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
        mpsc,
    },
    task::{Context, Poll},
    thread,
    time::Duration,
};
use tokio::{
    runtime::{Builder, Handle, Runtime},
    sync::{Notify, oneshot},
    task::{JoinError, JoinSet},
    time::{Instant, sleep},
};

/// Time between two looks at the threads.
const TICK: Duration = Duration::from_millis(100);

/// Time that a thread of a runtime waits for work.
const FOR_GOOD: Duration = Duration::from_secs(1 << 30);

/// The threads that serve; clones share them.
#[derive(Clone)]
pub struct ServerThreads(Arc<Pool>);

struct Pool {
    /// Most threads that there may be.
    limit: usize,
    /// The threads are looked at.
    is_awake: AtomicBool,
    wake: Notify,
    /// Number of the present tick, from which a session tells that it is active in it.
    tick: AtomicUsize,
    /// The first one is the run's; empty before the first client.
    threads: Mutex<Threads>,
}

#[derive(Default)]
struct Threads {
    all: Vec<ServerThread>,
    /// So many of them, the first ones, get clients.
    in_use: usize,
}

struct ServerThread {
    handle: Handle,
    seat: Arc<ThreadSeat>,
    meter: BusyMeter,
    /// Sessions that were active in the last tick, and those that came since.
    load: usize,
    /// Dropped, it ends the thread; the first one has none.
    _stop: Option<oneshot::Sender<()>>,
    /// Closed when the thread has ended.
    ended: mpsc::Receiver<()>,
}

/// The part of a thread that its sessions share.
#[derive(Default)]
struct ThreadSeat {
    /// Sessions that are to leave.
    leaving: AtomicUsize,
    /// Sessions that were active since the last look.
    active: AtomicUsize,
}

/// A client's session.
pub(super) type Session<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Outcome of the task of a session.
pub(super) enum Turn<T> {
    /// The session is over.
    Over(T),
    /// It goes on in another thread: to be spawned again.
    Moves(Session<T>),
}

/// The task of a session in one thread.
struct Stay<T> {
    session: Option<Session<T>>,
    pool: Arc<Pool>,
    seat: Arc<ThreadSeat>,
    /// The last tick in which it was active.
    tick: usize,
}

impl ServerThreads {
    /// Up to so many threads.
    pub fn new(limit: usize) -> Self {
        Self(Arc::new(Pool {
            limit: limit.max(1),
            is_awake: AtomicBool::new(limit <= 1),
            wake: Notify::new(),
            tick: AtomicUsize::new(0),
            threads: Mutex::default(),
        }))
    }

    /// Up to as many as the machine, the process's affinity and its control group give it cores.
    pub fn for_this_machine() -> Self {
        Self::new(thread::available_parallelism().map_or(1, usize::from))
    }

    /// Runs a session, new or on its way, in the thread that has least to do.
    pub(super) fn spawn<T: Send + 'static>(&self, session: Session<T>, into: &mut JoinSet<Turn<T>>) {
        let mut threads = self.0.threads();
        threads.begin();
        let in_use = threads.in_use;
        let Some(worker) = threads.all[..in_use].iter_mut().min_by_key(|worker| worker.load) else { return };
        worker.load += 1;
        let stay = Stay {
            session: Some(session),
            pool: Arc::clone(&self.0),
            seat: Arc::clone(&worker.seat),
            tick: usize::MAX,
        };
        into.spawn_on(stay, &worker.handle);
    }

    /// The outcome of a session whose task ended; one that is on its way goes on elsewhere.
    pub(super) fn go_on<T: Send + 'static>(
        &self,
        ended: Result<Turn<T>, JoinError>,
        into: &mut JoinSet<Turn<T>>,
    ) -> Option<Result<T, JoinError>> {
        match ended {
            Ok(Turn::Over(outcome)) => Some(Ok(outcome)),
            Ok(Turn::Moves(session)) => {
                self.spawn(session, into);
                None
            }
            Err(error) => Some(Err(error)),
        }
    }

    /// Looks after the threads while anything goes on; never ends.
    pub(super) async fn balance(&self) {
        let pool = &*self.0;
        if pool.limit == 1 {
            return std::future::pending().await;
        }
        pool.threads().begin();
        loop {
            pool.wake.notified().await;
            let mut history = load::LoadHistory::default();
            pool.threads().measure();
            loop {
                let begun = Instant::now();
                sleep(TICK).await;
                let mut threads = pool.threads();
                pool.tick.fetch_add(1, Relaxed);
                let reading = threads.read(begun.elapsed());
                match history.decide(&reading, pool.limit) {
                    Decision::Stay => {}
                    Decision::Rest => break,
                    Decision::Grow => threads.grow(),
                    Decision::Shrink => threads.shrink(),
                    Decision::Level { from, sessions } => {
                        threads.all[from].seat.leaving.store(sessions, Relaxed);
                    }
                }
            }
            pool.is_awake.store(false, Relaxed);
        }
    }

    /// Ends the threads and drops what is left in them, within that time.
    pub fn stop(&self, within: Duration) {
        let threads = mem::take(&mut *self.0.threads());
        let until = std::time::Instant::now() + within;
        let ended: Vec<_> = threads.all.into_iter().map(|ServerThread { ended, .. }| ended).collect();
        for ended in ended.iter().skip(1) {
            let _ = ended.recv_timeout(until.saturating_duration_since(std::time::Instant::now()));
        }
    }
}

impl Pool {
    fn threads(&self) -> MutexGuard<'_, Threads> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Threads {
    /// Makes the run's own thread the first one.
    fn begin(&mut self) {
        if self.all.is_empty() {
            self.all.push(ServerThread::new(Handle::current(), None, mpsc::channel().1));
            self.in_use = 1;
        }
    }

    fn measure(&mut self) {
        let in_use = self.in_use;
        for worker in &mut self.all[..in_use] {
            worker.meter.read(&worker.handle);
        }
    }

    /// What each thread in use did since it was last asked.
    fn read(&mut self, time: Duration) -> load::Reading {
        let in_use = self.in_use;
        let mut reading = load::Reading::of_tick(time);
        for worker in &mut self.all[..in_use] {
            worker.load = worker.seat.active.swap(0, Relaxed);
            worker.seat.leaving.store(0, Relaxed);
            reading.add(worker.meter.read(&worker.handle), worker.load);
        }
        // Sessions still move on in those that are out of use.
        for worker in &self.all[in_use..] {
            worker.seat.leaving.store(usize::MAX, Relaxed);
        }
        reading
    }

    /// Takes on another thread, and has a fair part of the active sessions go there.
    fn grow(&mut self) {
        if self.in_use == self.all.len() {
            if let [only] = &mut self.all[..] {
                only.meter.tells_waits();
            }
            // The system may have none to give; it is asked again.
            let Some(worker) = start(self.in_use) else { return };
            self.all.push(worker);
        }
        let new = &mut self.all[self.in_use];
        new.seat.leaving.store(0, Relaxed);
        new.load = 0;
        new.meter.read(&new.handle);
        for worker in &self.all[..self.in_use] {
            worker.seat.leaving.store(worker.load / (self.in_use + 1), Relaxed);
        }
        self.in_use += 1;
    }

    /// Gives the last thread back: its sessions leave as they become active.
    fn shrink(&mut self) {
        self.in_use -= 1;
        self.all[self.in_use].seat.leaving.store(usize::MAX, Relaxed);
    }
}

impl ServerThread {
    fn new(handle: Handle, stop: Option<oneshot::Sender<()>>, ended: mpsc::Receiver<()>) -> Self {
        Self { handle, seat: Arc::default(), meter: BusyMeter::default(), load: 0, _stop: stop, ended }
    }
}

thread_local! {
    static IS_STARTING: Cell<bool> = const { Cell::new(false) };
}

/// A runtime is being started in this thread: a panic is the system's refusal of what it needs, and no bug.
pub fn is_starting() -> bool {
    IS_STARTING.get()
}

/// A runtime for one thread.
///
/// # Errors
/// The system's, when it has no thread or no descriptor to give.
pub fn runtime() -> io::Result<Runtime> {
    let start = || {
        let runtime = Builder::new_current_thread().enable_all().thread_keep_alive(FOR_GOOD).build()?;
        // One thread for short calls that block is there from the start and stays: without it, one that cannot be
        // started later would be waited for in vain.
        runtime.spawn_blocking(|| ());
        Ok(runtime)
    };
    // The runtime panics where it gets no thread, or no descriptors for its signals.
    IS_STARTING.set(true);
    let runtime = catch_unwind(start);
    IS_STARTING.set(false);
    runtime.unwrap_or_else(|panic| Err(refusal(&*panic)))
}

/// The system's error in the words of the runtime's panic: `… Os { code: 24, …`, `… (os error 11)`.
fn refusal(panic: &(dyn Any + Send)) -> io::Error {
    let words = panic.downcast_ref::<String>().map_or("the runtime has no words for it", String::as_str);
    let number = ["code: ", "os error "].into_iter().find_map(|before| words.split_once(before)).and_then(
        |(_, rest)| {
            rest.split(|end: char| !end.is_ascii_digit()).next().and_then(|digits| digits.parse().ok())
        },
    );
    number.map_or_else(|| io::Error::other(words.to_owned()), io::Error::from_raw_os_error)
}

/// Starts a thread with its runtime; `None` when the system has none to give.
fn start(number: usize) -> Option<ServerThread> {
    let runtime = runtime().ok()?;
    let handle = runtime.handle().clone();
    let (stop, stopped) = oneshot::channel::<()>();
    let (sender, ended) = mpsc::channel();
    let (ready, is_ready) = mpsc::channel();
    let body = move || {
        enter_thread(number);
        let mut meter = BusyMeter::default();
        meter.tells_waits();
        let _ = ready.send(meter);
        let _ = runtime.block_on(stopped);
        // What is left goes first; a call that blocks is not waited for.
        runtime.shutdown_background();
        drop(sender);
    };
    thread::Builder::new().name(format!("clients {number}")).spawn(body).ok()?;
    let mut worker = ServerThread::new(handle, Some(stop), ended);
    worker.meter = is_ready.recv().ok()?;
    Some(worker)
}

impl ThreadSeat {
    /// Takes one of the orders to leave.
    fn leaves(&self) -> bool {
        self.leaving.load(Relaxed) > 0
            && self.leaving.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok()
    }
}

impl<T> Future for Stay<T> {
    type Output = Turn<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Turn<T>> {
        let this = &mut *self;
        if !this.pool.is_awake.load(Relaxed) && !this.pool.is_awake.swap(true, Relaxed) {
            this.pool.wake.notify_one();
        }
        let tick = this.pool.tick.load(Relaxed);
        if tick != this.tick {
            this.tick = tick;
            this.seat.active.fetch_add(1, Relaxed);
        }
        if this.seat.leaves()
            && let Some(session) = this.session.take()
        {
            return Poll::Ready(Turn::Moves(session));
        }
        match &mut this.session {
            Some(session) => session.as_mut().poll(cx).map(Turn::Over),
            // It was given away, and this task is over.
            None => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::io::Errno;
    use std::thread::ThreadId;
    use tokio::sync::mpsc::{self, Receiver};

    /// Long enough for any machine.
    const PATIENCE: Duration = Duration::from_secs(20);

    /// Asks a session in which thread it is.
    type Question = oneshot::Sender<ThreadId>;

    #[test]
    fn a_panic_of_a_runtime_that_starts_is_the_systems_error() {
        let refused = |errno: Errno, panics: fn(io::Error)| {
            let panic = catch_unwind(|| panics(errno.into())).unwrap_err();
            refusal(&*panic).raw_os_error() == Some(errno.raw_os_error())
        };
        // As the runtime says it.
        assert!(refused(Errno::MFILE, |error| panic!("failed to create UnixStream: {error:?}")));
        assert!(refused(Errno::AGAIN, |error| panic!("OS can't spawn worker thread: {error}")));
        assert_eq!(refusal(&"text").to_string(), "the runtime has no words for it");
        assert_eq!(refusal(&"code: none".to_owned()).to_string(), "code: none");
    }

    /// Answers until nobody asks any more.
    async fn answers(mut asked: Receiver<Question>) {
        while let Some(reply) = asked.recv().await {
            let _ = reply.send(thread::current().id());
        }
    }

    /// The threads in which the sessions are, once those that are to move have moved.
    async fn places(
        sessions: &[mpsc::Sender<Question>],
        workers: &ServerThreads,
        tasks: &mut JoinSet<Turn<()>>,
    ) -> Vec<ThreadId> {
        let mut places = Vec::new();
        for session in sessions {
            let (question, mut answer) = oneshot::channel();
            session.send(question).await.unwrap();
            let place = loop {
                tokio::select! {
                    place = &mut answer => break place.unwrap(),
                    Some(ended) = tasks.join_next() => assert!(workers.go_on(ended, tasks).is_none()),
                    () = sleep(PATIENCE) => panic!("it does not answer"),
                }
            };
            places.push(place);
        }
        places
    }

    #[tokio::test]
    async fn sessions_share_out_over_the_threads_and_come_back() {
        let (workers, mut tasks) = (ServerThreads::new(2), JoinSet::new());
        let sessions: Vec<_> = (0..4)
            .map(|_| {
                let (session, asked) = mpsc::channel(1);
                workers.spawn(Box::pin(answers(asked)), &mut tasks);
                session
            })
            .collect();
        let here = thread::current().id();
        assert_eq!(places(&sessions, &workers, &mut tasks).await, [here; 4]);
        workers.0.threads().grow();
        let shared = places(&sessions, &workers, &mut tasks).await;
        assert_eq!(shared.iter().filter(|place| **place == here).count(), 2, "{shared:?}");
        // Without an order nothing moves.
        assert_eq!(places(&sessions, &workers, &mut tasks).await, shared);
        workers.0.threads().shrink();
        assert_eq!(places(&sessions, &workers, &mut tasks).await, [here; 4]);
        // The same thread is there for the next time.
        workers.0.threads().grow();
        assert_eq!(workers.0.threads().all.len(), 2);
        workers.stop(PATIENCE);
    }

    #[tokio::test]
    async fn what_is_left_in_a_thread_is_dropped_when_it_ends() {
        let (workers, mut tasks) = (ServerThreads::new(2), JoinSet::new());
        workers.0.threads().begin();
        workers.0.threads().grow();
        workers.0.threads().all[0].load = 1;
        let kept = Arc::new(());
        let held = Arc::clone(&kept);
        let (started, is_started) = oneshot::channel();
        workers.spawn(
            Box::pin(async move {
                let _held = held;
                started.send(thread::current().id()).unwrap();
                std::future::pending::<()>().await;
            }),
            &mut tasks,
        );
        assert_ne!(is_started.await.unwrap(), thread::current().id());
        workers.stop(PATIENCE);
        assert_eq!(Arc::strong_count(&kept), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_with_nothing_to_do_is_not_looked_at() {
        let (workers, mut tasks) = (ServerThreads::new(2), JoinSet::<Turn<()>>::new());
        workers.spawn(Box::pin(std::future::pending()), &mut tasks);
        let looks = async {
            let _ = tokio::time::timeout(Duration::from_secs(3600), workers.balance()).await;
        };
        looks.await;
        let ticks = workers.0.tick.load(Relaxed);
        assert!((1..10).contains(&ticks), "{ticks} looks in an hour");
        assert!(!workers.0.is_awake.load(Relaxed));
    }
}
