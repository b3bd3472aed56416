//! Memory that organizations share, of which none has more than half but for one
//! thing that is larger.
//!
//! Whoever is about to fill some says how much and waits until there is room, in
//! two lines one after the other: first that of its organization, for its part of
//! the half, then everybody's. Both are first come, first served. So an organization
//! that wants all there is waits for itself, and whoever comes after it waits for no
//! more of it than that half. Who wants more than half in one piece keeps everybody
//! behind it waiting until most is free, so no wait should be for long.

use std::sync::Arc;

use runnel_types::OrgId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::shared::Shared;

/// The grain in which memory is given out, in bytes.
const GRAIN: u64 = 1024;

const MIB: u64 = 1024 * 1024;

/// Some memory, shared out.
#[derive(Debug)]
pub struct Memory {
    bytes: u64,
    grains: u32,
    room: Arc<Semaphore>,
    /// What is left of the half, of each organization that has or awaits some.
    halves: Shared<OrgId, Semaphore>,
}

/// Memory that somebody has; dropping it gives it back.
#[derive(Debug)]
pub struct Room {
    _of_all: OwnedSemaphorePermit,
    _of_one: OwnedSemaphorePermit,
}

/// What the bodies of requests may take, all of them together.
#[derive(Debug)]
pub struct BodyMemory {
    /// For their bytes while they arrive.
    pub arriving: Memory,
    /// For their values while they are worked on.
    pub parsed: Memory,
}

impl Default for BodyMemory {
    /// The bytes of six of the largest, and the values of three: of one organization
    /// three and one, or many that are smaller.
    fn default() -> Self {
        Self {
            arriving: Memory::new(64 * MIB),
            parsed: Memory::new(128 * MIB),
        }
    }
}

impl Memory {
    /// So many bytes.
    pub fn new(bytes: u64) -> Self {
        let grains = grains(bytes);
        Self {
            bytes,
            grains,
            room: Arc::new(semaphore(grains)),
            halves: Shared::default(),
        }
    }

    /// How many bytes there are.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How many of them nobody has.
    pub fn free(&self) -> u64 {
        self.room.available_permits() as u64 * GRAIN
    }

    /// Waits for room for `bytes`, or for all that there is if that is less. What is
    /// more than half waits until its organization has nothing else.
    ///
    /// # Cancel safety
    /// Dropping the future leaves both lines.
    pub async fn take(&self, org: OrgId, bytes: u64) -> Room {
        let wanted = grains(bytes).min(self.grains);
        let of_one = self.halves.of(org, || semaphore(self.half()));
        // ORDER: the organization's line first, so that nobody stands in
        // everybody's who has its half already.
        let of_one = taken(of_one, wanted.min(self.half())).await;
        let of_all = taken(Arc::clone(&self.room), wanted).await;
        Room {
            _of_all: of_all,
            _of_one: of_one,
        }
    }

    const fn half(&self) -> u32 {
        self.grains.div_ceil(2)
    }
}

fn grains(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(GRAIN)).unwrap_or(u32::MAX)
}

fn semaphore(grains: u32) -> Semaphore {
    let permits = usize::try_from(grains).unwrap_or(usize::MAX);
    Semaphore::new(permits.min(Semaphore::MAX_PERMITS))
}

async fn taken(of: Arc<Semaphore>, grains: u32) -> OwnedSemaphorePermit {
    let taken = of.acquire_many_owned(grains).await;
    #[expect(clippy::expect_used, reason = "INVARIANT: none is ever closed")]
    taken.expect("the semaphore is open")
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;

    use futures_util::FutureExt;

    use super::*;

    const A: OrgId = OrgId::from_u128(1);
    const B: OrgId = OrgId::from_u128(2);
    const C: OrgId = OrgId::from_u128(3);

    type Asked<'a> = Pin<Box<dyn Future<Output = Room> + 'a>>;

    fn ask(memory: &Memory, org: OrgId, bytes: u64) -> (Asked<'_>, Option<Room>) {
        let mut asked: Asked<'_> = Box::pin(memory.take(org, bytes));
        let had = got(&mut asked);
        (asked, had)
    }

    fn got(asked: &mut Asked<'_>) -> Option<Room> {
        asked.now_or_never()
    }

    #[test]
    fn one_organization_has_half_and_waits_for_itself() {
        let memory = Memory::new(10 * GRAIN);
        let (_, had) = ask(&memory, A, 3 * GRAIN);
        let had = had.unwrap();
        let (mut more, none) = ask(&memory, A, 2 * GRAIN + 1);
        assert!(none.is_none(), "that would be six of ten");
        let (mut least, none) = ask(&memory, A, 1);
        assert!(none.is_none(), "others of its organization came first");
        let (_, others) = ask(&memory, B, 5 * GRAIN);
        let others = others.unwrap();
        assert_eq!(memory.free(), 2 * GRAIN);
        // What is free now belongs to nobody, and both have their turn.
        drop(had);
        let more = got(&mut more).unwrap();
        let least = got(&mut least).unwrap();
        assert_eq!(memory.free(), GRAIN);
        drop((more, least, others));
        assert_eq!(memory.free(), 10 * GRAIN);
    }

    #[test]
    fn what_is_free_goes_to_whoever_came_first() {
        let memory = Memory::new(10 * GRAIN);
        let (_, first) = ask(&memory, A, 5 * GRAIN);
        let (_, second) = ask(&memory, B, 4 * GRAIN);
        let (mut large, none) = ask(&memory, C, 5 * GRAIN);
        assert!(none.is_none());
        let (small, none) = ask(&memory, B, GRAIN);
        assert!(none.is_none(), "it fits, and would keep the larger waiting");
        // Whoever gives up holds nobody up.
        drop(small);
        drop(second);
        let large = got(&mut large).unwrap();
        drop((first, large));
        assert_eq!(memory.free(), 10 * GRAIN);
    }

    #[test]
    fn more_than_half_is_had_by_who_has_nothing_else() {
        let memory = Memory::new(3 * GRAIN);
        let (_, had) = ask(&memory, A, GRAIN);
        let (mut all, none) = ask(&memory, A, 100 * GRAIN);
        assert!(none.is_none());
        drop(had.unwrap());
        let all = got(&mut all).unwrap();
        assert_eq!(memory.free(), 0);
        drop(all);
        let tiny = Memory::new(1);
        assert!(ask(&tiny, A, 1).1.is_some());
    }

    #[test]
    fn who_has_nothing_and_waits_for_nothing_is_forgotten() {
        let memory = Memory::new(4 * GRAIN);
        for org in 10..100 {
            drop(ask(&memory, OrgId::from_u128(org), GRAIN));
        }
        let _had = ask(&memory, A, 2 * GRAIN);
        let _waiting = ask(&memory, A, GRAIN);
        let half = memory.halves.of(B, || semaphore(memory.half()));
        assert_eq!(half.available_permits(), 2);
        drop(half);
        assert_eq!(
            memory.halves.holders(),
            2,
            "what it has, and what it awaits"
        );
    }
}
