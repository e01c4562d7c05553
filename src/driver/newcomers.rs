//! Clients that are not in yet, and who goes when there are too many of them.
//!
//! A client that connects and says nothing costs a descriptor and a little memory for as long as it likes, up
//! to its deadline. So there is a bound on how many may be on their way in, apart from `--max-connections`,
//! and a newcomer always finds a place: the oldest one loses its own, first those that have not sent a byte. Who
//! is honest sends its request at once, and is in long before its turn to go comes. Half of the places are for
//! those who were not heard yet: beside a crowd that drips, a newcomer would have no time for its first byte.

use crate::net::Heard;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{sync::oneshot, time::Instant};

/// Time within which the first byte of an honest client arrives.
const TIME: Duration = Duration::from_millis(200);

/// Everybody who is on the way in.
pub(super) struct Newcomers {
    most: usize,
    /// Silent newcomers that are left alone while there are others to evict.
    kept: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    next: u64,
    /// Those that were silent when they were looked at last, the oldest first.
    silent: BTreeMap<u64, Place>,
    /// Those that have sent something.
    spoke: BTreeMap<u64, Place>,
}

struct Place {
    since: Instant,
    heard: Arc<Heard>,
    evict: oneshot::Sender<()>,
}

/// One of them; dropping it is being in, or gone.
pub(super) struct Newcomer {
    number: u64,
    all: Arc<Newcomers>,
    heard: Arc<Heard>,
    evicted: oneshot::Receiver<()>,
}

impl Newcomers {
    /// Room for so many.
    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, kept: most / 2, state: Mutex::default() })
    }

    /// Those who have so many places together with others that are not here; nobody goes but when that is asked.
    pub(super) fn among(places: usize) -> Arc<Self> {
        Arc::new(Self { most: usize::MAX, kept: places / 2, state: Mutex::default() })
    }

    /// One more, for whom the oldest goes when there is no room; `heard` tells how much it has sent.
    /// The flag that comes with it tells whether somebody had to go.
    pub(super) fn enter(self: &Arc<Self>, heard: Arc<Heard>) -> (Newcomer, bool) {
        let mut state = self.lock();
        let evicts = state.silent.len() + state.spoke.len() >= self.most && state.evict(true, self.kept);
        let (evict, evicted) = oneshot::channel();
        let number = state.next;
        state.next += 1;
        state.silent.insert(number, Place { since: Instant::now(), heard: Arc::clone(&heard), evict });
        drop(state);
        (Newcomer { number, all: Arc::clone(self), heard, evicted }, evicts)
    }

    /// Has the oldest go, first those that have not sent a byte; false when there is none.
    pub(super) fn evict(&self) -> bool {
        self.lock().evict(true, self.kept)
    }

    /// Has the oldest one go that has not sent a byte, and had time to; false when there is none.
    pub(super) fn evict_silent(&self) -> bool {
        let mut state = self.lock();
        state.sort();
        let had_time = |place: &Place| place.since.elapsed() > TIME;
        state.silent.first_entry().is_some_and(|first| had_time(first.get())) && state.evict(false, 0)
    }

    /// True when a newcomer is here that may be evicted.
    pub(super) fn has_any(&self) -> bool {
        let state = self.lock();
        state.silent.values().chain(state.spoke.values()).any(|place| !place.heard.enough())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Has the oldest go: of the silent ones when there are that many of them, else of the others.
    fn evict(&mut self, any: bool, many: usize) -> bool {
        self.sort();
        let from = match any && !self.spoke.is_empty() && self.silent.len() < many.max(1) {
            true => &mut self.spoke,
            false => &mut self.silent,
        };
        from.pop_first().is_some_and(|(_, place)| place.evict.send(()).is_ok())
    }

    /// Moves the oldest that have sent something meanwhile to `spoke`.
    fn sort(&mut self) {
        while self.silent.first_entry().is_some_and(|first| first.get().heard.anything()) {
            self.spoke.extend(self.silent.pop_first());
        }
        // A client that has begun in earnest leaves the list, so it is not evicted.
        while self.spoke.first_entry().is_some_and(|first| first.get().heard.enough()) {
            self.spoke.pop_first();
        }
    }
}

impl Newcomer {
    /// It has sent something.
    pub(super) fn spoke(&self) {
        self.heard.more(1);
    }

    /// Waits until it has to go.
    pub(super) async fn evicted(&mut self) {
        if (&mut self.evicted).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Newcomer {
    fn drop(&mut self) {
        let mut state = self.all.lock();
        if state.silent.remove(&self.number).is_none() {
            state.spoke.remove(&self.number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enter(all: &Arc<Newcomers>) -> Newcomer {
        all.enter(Arc::default()).0
    }

    fn is_evicted(newcomer: &mut Newcomer) -> bool {
        newcomer.evicted.try_recv().is_ok()
    }

    #[test]
    fn the_oldest_silent_one_goes_first_and_then_the_oldest() {
        let all = Newcomers::new(3);
        let (mut one, mut two, mut three) = (enter(&all), enter(&all), enter(&all));
        one.spoke();
        let mut four = enter(&all);
        assert!(is_evicted(&mut two) && !is_evicted(&mut one) && !is_evicted(&mut three));
        three.spoke();
        four.spoke();
        let five = enter(&all);
        assert!(is_evicted(&mut one) && !is_evicted(&mut three) && !is_evicted(&mut four));
        five.spoke();
        assert!(all.has_any() && !all.evict_silent() && all.evict());
        assert!(is_evicted(&mut three));
        four.heard.begun();
        five.heard.begun();
        assert!(!all.has_any() && !all.evict());
        assert!(!is_evicted(&mut four), "who has begun in earnest stays");
    }

    #[test]
    fn beside_a_crowd_that_drips_a_newcomer_has_time_for_its_first_byte() {
        let all = Newcomers::new(100);
        let crowd: Vec<_> = (0..100).map(|_| enter(&all)).collect();
        crowd.iter().for_each(Newcomer::spoke);
        let mut honest = enter(&all);
        let mut later: Vec<_> = (0..49).map(|_| enter(&all)).collect();
        assert!(!is_evicted(&mut honest) && !later.iter_mut().any(is_evicted));
        let _one_more = enter(&all);
        assert!(is_evicted(&mut honest), "now it is its turn");
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_one_has_time_for_its_first_byte_when_descriptors_are_used_up() {
        let all = Newcomers::new(10);
        let (mut silent, mut spoke) = (enter(&all), enter(&all));
        spoke.spoke();
        assert!(!all.evict_silent());
        tokio::time::advance(2 * TIME).await;
        assert!(all.evict_silent() && is_evicted(&mut silent));
        assert!(!all.evict_silent() && !is_evicted(&mut spoke));
    }

    #[test]
    fn among_others_that_stay_half_of_the_places_are_for_those_that_were_not_heard_yet() {
        let all = Newcomers::among(10);
        let mut here: Vec<_> = (0..10).map(|_| enter(&all)).collect();
        here.iter().take(6).for_each(Newcomer::spoke);
        assert!(all.evict() && is_evicted(&mut here[0]), "four are silent, and an older one drips");
        here.push(enter(&all));
        assert!(all.evict() && is_evicted(&mut here[6]), "five are silent");
    }

    #[test]
    fn who_is_in_or_gone_takes_no_place() {
        let all = Newcomers::new(2);
        let mut stays = enter(&all);
        for _ in 0..1000 {
            let (newcomer, evicts) = all.enter(Arc::default());
            newcomer.spoke();
            assert!(!evicts);
        }
        let state = all.lock();
        assert_eq!((state.silent.len(), state.spoke.len()), (1, 0));
        drop(state);
        assert!(!is_evicted(&mut stays));
    }
}
