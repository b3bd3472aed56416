//! Places that organizations share: whose turn is next goes round among them.
//!
//! A plain semaphore serves whoever came first, so one organization that asks for
//! a thousand things holds up everybody behind it. Here each has a line of its own,
//! the lines take turns, and one may not have more than its share at work. What
//! waits is bounded: whoever finds a line full is told so at once.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use runnel_types::OrgId;
use tokio::sync::oneshot;

/// Places, and who waits for one.
#[derive(Debug, Clone)]
pub struct FairSlots(Arc<Mutex<Lines>>);

/// A place, or one's turn in a line for it; dropping it gives either up.
#[derive(Debug)]
pub(crate) struct Slot {
    lines: FairSlots,
    org: OrgId,
    ticket: u64,
}

/// The most places that one may have: one part of `parts` of the `had` that it has and
/// the `free` that are left, and one at least. Whoever comes after it finds some, as long as few came
/// before; and it is the same whether it is taken at once or one after the other.
pub(crate) fn part_of(free: usize, had: usize, parts: usize) -> usize {
    (free.saturating_add(had) / parts).max(1)
}

/// So many wait already that nobody else may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Full;

/// How many may wait.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    of_one: usize,
    in_all: usize,
}

#[derive(Debug)]
struct Lines {
    free: usize,
    /// The most places of one organization.
    share: usize,
    /// One has no more than one part of so many of what it has and what is free, one
    /// place apart.
    parts: Option<usize>,
    limit: Waiting,
    waiting: usize,
    next_ticket: u64,
    orgs: HashMap<OrgId, Line>,
    /// Those in whose line somebody waits; the first is next, if it may.
    round: VecDeque<OrgId>,
}

#[derive(Debug, Default)]
struct Line {
    at_work: usize,
    waiting: VecDeque<(u64, oneshot::Sender<()>)>,
}

impl FairSlots {
    /// So many places, of which one organization may have all.
    pub fn new(places: usize) -> Self {
        Self(Arc::new(Mutex::new(Lines {
            free: places,
            share: places,
            parts: None,
            limit: Waiting {
                of_one: usize::MAX,
                in_all: usize::MAX,
            },
            waiting: 0,
            next_ticket: 0,
            orgs: HashMap::new(),
            round: VecDeque::new(),
        })))
    }

    /// The same, of which one organization has at most `share`.
    #[must_use]
    pub fn of_one(self, share: usize) -> Self {
        self.lines().share = share;
        self
    }

    /// The same, of which one organization has at most one part of `parts` of what it
    /// has and what is free, one place apart: so a few that keep theirs for long leave
    /// some for others.
    #[must_use]
    pub fn leaving_room(self, parts: usize) -> Self {
        self.lines().parts = Some(parts);
        self
    }

    /// The same, for which at most `of_one` of an organization wait, and `in_all`
    /// of all of them.
    #[must_use]
    pub fn waited_for_by(self, of_one: usize, in_all: usize) -> Self {
        self.lines().limit = Waiting { of_one, in_all };
        self
    }

    /// How many have a place.
    pub fn at_work(&self) -> usize {
        self.lines().orgs.values().map(|line| line.at_work).sum()
    }

    /// How many wait for one.
    pub fn in_line(&self) -> usize {
        self.lines().waiting
    }

    /// Waits for a place.
    ///
    /// # Errors
    /// [`Full`] when too many wait already.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the line.
    pub(crate) async fn take(&self, org: OrgId) -> Result<Slot, Full> {
        // The slot is there before it is had: its drop leaves the line as well.
        let (slot, turn) = self.join(org)?;
        if let Some(turn) = turn {
            // INVARIANT: the sender goes from the line only when it is told.
            let _ = turn.await;
        }
        Ok(slot)
    }

    fn join(&self, org: OrgId) -> Result<(Slot, Option<oneshot::Receiver<()>>), Full> {
        let mut lines = self.lines();
        let ticket = lines.next_ticket;
        let turn = lines.join(org)?;
        let slot = Slot {
            lines: self.clone(),
            org,
            ticket,
        };
        Ok((slot, turn))
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        // Nothing that holds the lock can leave the lines half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lines {
    /// Takes a place, or a turn in the organization's line.
    fn join(&mut self, id: OrgId) -> Result<Option<oneshot::Receiver<()>>, Full> {
        let (at_work, in_line) = self
            .orgs
            .get(&id)
            .map_or((0, 0), |org| (org.at_work, org.waiting.len()));
        // Whoever waits while a place is free has its share at work already.
        let is_free = self.free > 0 && at_work < self.share_now(at_work) && in_line == 0;
        let is_full = in_line >= self.limit.of_one || self.waiting >= self.limit.in_all;
        if !is_free && is_full {
            return Err(Full);
        }
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        let org = self.orgs.entry(id).or_default();
        if is_free {
            org.at_work += 1;
            self.free -= 1;
            return Ok(None);
        }
        let (told, turn) = oneshot::channel();
        org.waiting.push_back((ticket, told));
        self.waiting += 1;
        if in_line == 0 {
            self.round.push_back(id);
        }
        Ok(Some(turn))
    }

    /// The most places that one may have at present that has so many.
    fn share_now(&self, at_work: usize) -> usize {
        let part = self.parts.map(|parts| part_of(self.free, at_work, parts));
        part.map_or(self.share, |part| part.min(self.share))
    }

    /// Gives back a place, or leaves the line.
    fn leave(&mut self, id: OrgId, ticket: u64) {
        let Some(org) = self.orgs.get_mut(&id) else {
            return;
        };
        let in_line = org.waiting.iter().position(|(known, _)| *known == ticket);
        if let Some(at) = in_line {
            org.waiting.remove(at);
            self.waiting -= 1;
            if org.waiting.is_empty() {
                self.round.retain(|known| *known != id);
            }
        } else {
            org.at_work -= 1;
            self.free += 1;
        }
        if org.at_work == 0 && org.waiting.is_empty() {
            self.orgs.remove(&id);
        }
        self.call();
    }

    /// Calls those whose turn it is.
    fn call(&mut self) {
        while self.free > 0 {
            let may = |id: &OrgId| {
                let org = self.orgs.get(id);
                org.is_some_and(|org| org.at_work < self.share_now(org.at_work))
            };
            let next = self.round.iter().position(may);
            let Some(id) = next.and_then(|at| self.round.remove(at)) else {
                return;
            };
            let Some(org) = self.orgs.get_mut(&id) else {
                continue;
            };
            let Some((_, told)) = org.waiting.pop_front() else {
                continue;
            };
            org.at_work += 1;
            self.free -= 1;
            self.waiting -= 1;
            if !org.waiting.is_empty() {
                self.round.push_back(id);
            }
            // Whoever has gone meanwhile gives the place back by its drop.
            let _ = told.send(());
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.lines.lines().leave(self.org, self.ticket);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: OrgId = OrgId::from_u128(1);
    const B: OrgId = OrgId::from_u128(2);

    type Asked = (Slot, Option<oneshot::Receiver<()>>);

    fn ask(slots: &FairSlots, org: OrgId) -> Asked {
        slots.join(org).unwrap()
    }

    fn has_place((_, turn): &mut Asked) -> bool {
        turn.as_mut().is_none_or(|turn| turn.try_recv().is_ok())
    }

    /// Nobody is left in the books.
    fn is_empty(slots: &FairSlots) -> bool {
        let lines = slots.lines();
        lines.orgs.is_empty() && lines.round.is_empty() && lines.waiting == 0
    }

    #[test]
    fn turns_go_round_however_many_one_asks_for() {
        let slots = FairSlots::new(1);
        let first = ask(&slots, A);
        let mut many: Vec<Asked> = (0..100).map(|_| ask(&slots, A)).collect();
        let mut late = [ask(&slots, B), ask(&slots, B)];
        assert!(!has_place(&mut many[0]) && !has_place(&mut late[0]));
        drop(first);
        assert!(has_place(&mut many[0]) && !has_place(&mut late[0]));
        let mut many = many.into_iter();
        drop(many.next());
        assert!(has_place(&mut late[0]), "the second organization is next");
        let [one, mut two] = late;
        drop(one);
        let mut next = many.next().unwrap();
        assert!(has_place(&mut next) && !has_place(&mut two));
        drop(next);
        assert!(has_place(&mut two));
        drop((many, two));
        assert!(is_empty(&slots));
        assert!(has_place(&mut ask(&slots, B)), "the place came back");
    }

    #[test]
    fn nobody_has_more_than_its_share() {
        let slots = FairSlots::new(4).of_one(2);
        let mut asked: Vec<Asked> = (0..3).map(|_| ask(&slots, A)).collect();
        let had: Vec<bool> = asked.iter_mut().map(has_place).collect();
        assert_eq!(had, [true, true, false]);
        let mut others = [ask(&slots, B), ask(&slots, B)];
        assert!(others.iter_mut().all(has_place), "there is room for others");
        drop(others);
        assert!(!has_place(&mut asked[2]), "a free place is not its own");
        asked.remove(0);
        assert!(has_place(&mut asked[1]));
        drop(asked);
        assert!(is_empty(&slots));
        assert_eq!(slots.lines().free, 4);
    }

    #[test]
    fn those_that_keep_their_places_leave_some() {
        let slots = FairSlots::new(24).leaving_room(3);
        let mut asked: Vec<Asked> = Vec::new();
        let mut had = Vec::new();
        for org in 1..=6 {
            let mut all: Vec<Asked> = (0..24)
                .map(|_| ask(&slots, OrgId::from_u128(org)))
                .collect();
            had.push(
                all.iter_mut()
                    .filter_map(|one| has_place(one).then_some(()))
                    .count(),
            );
            asked.append(&mut all);
        }
        assert_eq!(had, [8, 5, 3, 2, 2, 1]);
        assert_eq!(slots.lines().free, 3);
        // What others give back is not taken by one that has its part.
        asked.truncate(24);
        assert_eq!(slots.at_work(), 8);
        drop(asked);
        assert!(is_empty(&slots));
        assert_eq!(slots.lines().free, 24);
    }

    #[test]
    fn a_full_line_is_told_and_other_lines_go_on() {
        let slots = FairSlots::new(1).waited_for_by(2, 3);
        let mut asked = vec![ask(&slots, A), ask(&slots, A), ask(&slots, A)];
        assert_eq!(slots.join(A).map(drop), Err(Full));
        asked.push(ask(&slots, B));
        assert_eq!(slots.join(B).map(drop), Err(Full), "three wait in all");
        // Whoever leaves a line leaves a place in it.
        asked.remove(1);
        asked.push(ask(&slots, B));
        drop(asked);
        assert!(is_empty(&slots));
    }

    #[tokio::test]
    async fn whoever_leaves_when_its_turn_comes_gives_it_on() {
        let slots = FairSlots::new(1);
        let held = slots.take(A).await.unwrap();
        let called = ask(&slots, A);
        let mut next = ask(&slots, B);
        drop(held);
        // It was called and has not heard of it.
        drop(called);
        assert!(has_place(&mut next));
        drop(next);
        assert!(is_empty(&slots));
        drop(slots.take(B).await.unwrap());
        assert_eq!(slots.lines().free, 1);
    }
}
