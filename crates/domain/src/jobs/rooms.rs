//! How much a worker has room for, of each pool and of each lane.

use std::collections::HashMap;

use crate::slots::part_of;

/// What a job keeps busy while it is worked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pool {
    /// The cores: a model that runs in this process.
    Cores,
    /// An engine elsewhere, which is waited for.
    Engines,
    /// The servers that inputs name by URL, which are waited for before an engine
    /// has anything to do.
    Fetches,
    /// Receivers of callbacks.
    Callbacks,
    /// Whatever else there is to do.
    Chores,
}

/// How much a worker has room for. Who claims takes from it, and gives back when
/// a job has ended.
#[derive(Debug, Clone)]
pub struct Rooms {
    in_all: usize,
    pools: HashMap<Pool, usize>,
    /// The most of one lane in a pool, so that a slow model leaves room for others.
    lane: usize,
    /// In some pools a lane may have no more than one part of so many of what it has and
    /// what is free.
    parts: HashMap<Pool, usize>,
    in_hand: HashMap<String, usize>,
}

impl Rooms {
    /// Room for so many jobs, whatever they are.
    pub fn any(places: usize) -> Self {
        Self {
            in_all: places,
            pools: HashMap::new(),
            lane: usize::MAX,
            parts: HashMap::new(),
            in_hand: HashMap::new(),
        }
    }

    /// Room for so many of each pool, and of them at most `lane` of one lane.
    pub fn of(pools: impl IntoIterator<Item = (Pool, usize)>, lane: usize) -> Self {
        Self {
            pools: pools.into_iter().collect(),
            lane,
            ..Self::any(usize::MAX)
        }
    }

    /// The same, but of `pool` no lane may have more than one part of `parts` of what it
    /// has and what is free, one place apart: a few that are slow take a pool between
    /// them otherwise.
    #[must_use]
    pub fn leaving_room(mut self, pool: Pool, parts: usize) -> Self {
        self.parts.insert(pool, parts);
        self
    }

    /// Whether there is any for one of `pools`.
    pub(super) fn has_any(&self, pools: &[Pool]) -> bool {
        let free = |pool| self.pools.get(pool).is_none_or(|free| *free > 0);
        self.in_all > 0 && pools.iter().any(free)
    }

    /// How many jobs of a lane are in hand.
    pub(crate) fn in_hand(&self, lane: &str) -> usize {
        self.in_hand.get(lane).copied().unwrap_or(0)
    }

    pub(super) fn places(&self, pool: Pool, lane: &str) -> usize {
        let in_hand = self.in_hand(lane);
        let mut free = self.pools.get(&pool).copied().unwrap_or(usize::MAX);
        if let Some(parts) = self.parts.get(&pool) {
            free = free.min(part_of(free, in_hand, *parts).saturating_sub(in_hand));
        }
        self.in_all.min(free).min(self.lane.saturating_sub(in_hand))
    }

    /// Takes the place of a job.
    pub fn take(&mut self, pool: Pool, lane: &str) {
        self.in_all = self.in_all.saturating_sub(1);
        if let Some(free) = self.pools.get_mut(&pool) {
            *free = free.saturating_sub(1);
        }
        match self.in_hand.get_mut(lane) {
            Some(in_hand) => *in_hand += 1,
            None => {
                self.in_hand.insert(lane.to_owned(), 1);
            }
        }
    }

    /// Gives back the place of a job that has ended.
    pub fn give_back(&mut self, pool: Pool, lane: &str) {
        self.in_all = self.in_all.saturating_add(1);
        if let Some(free) = self.pools.get_mut(&pool) {
            *free += 1;
        }
        if let Some(in_hand) = self.in_hand.get_mut(lane) {
            *in_hand -= 1;
            if *in_hand == 0 {
                self.in_hand.remove(lane);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn greedy_lanes_leave_a_part_for_whoever_comes() {
        let mut rooms = Rooms::of([(Pool::Callbacks, 1024)], 128).leaving_room(Pool::Callbacks, 4);
        let greedy: Vec<String> = (0..25).map(|number| format!("slow {number}")).collect();
        for _ in 0..20 {
            for lane in &greedy {
                for _ in 0..rooms.places(Pool::Callbacks, lane) {
                    rooms.take(Pool::Callbacks, lane);
                }
            }
        }
        assert!(rooms.in_hand("slow 24") > 0, "each has some");
        assert!(rooms.places(Pool::Callbacks, "new") > 0);
        // What ends is not taken again by those that have more than their part.
        for _ in 0..64 {
            rooms.give_back(Pool::Callbacks, "slow 0");
        }
        assert_eq!(rooms.places(Pool::Callbacks, "slow 0"), 0);
        assert!(rooms.places(Pool::Callbacks, "new") > 10);
    }

    #[test]
    fn one_pool_is_shared_and_another_is_not() {
        let pools = [(Pool::Fetches, 24), (Pool::Engines, 24)];
        let mut rooms = Rooms::of(pools, 48).leaving_room(Pool::Fetches, 3);
        assert_eq!(rooms.places(Pool::Engines, "a"), 24);
        let mut had = Vec::new();
        for lane in ["a", "b", "c", "d", "e"] {
            // All at once, as a claim does.
            for _ in 0..rooms.places(Pool::Fetches, lane) {
                rooms.take(Pool::Fetches, lane);
            }
            assert_eq!(rooms.places(Pool::Fetches, lane), 0, "that was its part");
            had.push(rooms.in_hand(lane));
        }
        assert_eq!(had, [8, 5, 3, 2, 2], "there is some for the next");
    }

    #[test]
    fn one_lane_alone_has_its_limit() {
        let mut rooms = Rooms::of([(Pool::Callbacks, 512)], 128).leaving_room(Pool::Callbacks, 4);
        assert_eq!(rooms.places(Pool::Callbacks, "a"), 128);
        for _ in 0..128 {
            rooms.take(Pool::Callbacks, "a");
        }
        assert_eq!(rooms.places(Pool::Callbacks, "a"), 0);
        let mut last = Rooms::of([(Pool::Callbacks, 1)], 128).leaving_room(Pool::Callbacks, 4);
        assert_eq!(last.places(Pool::Callbacks, "a"), 1);
        last.take(Pool::Callbacks, "a");
        assert_eq!(last.places(Pool::Callbacks, "b"), 0);
    }
}
