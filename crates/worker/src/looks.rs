//! When to look for work again that nobody has told of.

use std::time::Duration;

/// How long nobody looks when nothing wakes them. Wake-ups are the rule; this finds
/// leases that ended and what a lost notification would have told.
const POLL: Duration = Duration::from_secs(2);

/// How soon it is looked again when there are more lanes than one claim looks at.
const GO_ON: Duration = Duration::from_millis(20);

/// The longest wait then.
const GO_ON_AT_MOST: Duration = Duration::from_millis(250);

/// The looks that were made one after the other at a part of the lanes, in vain.
#[derive(Debug, Default)]
pub(crate) struct Looks {
    in_vain: u32,
}

impl Looks {
    /// How long until the next look, after one that saw a part of the lanes alone if
    /// it `is_cut`. Where that brought nothing the pause is twice as long each time:
    /// there may be lanes without end, and room for none of them.
    pub(crate) fn next(&mut self, is_cut: bool, has_found: bool) -> Duration {
        if !is_cut || has_found {
            self.in_vain = 0;
        }
        if !is_cut {
            return POLL;
        }
        let pause = GO_ON.saturating_mul(1 << self.in_vain.min(16));
        self.in_vain = self.in_vain.saturating_add(u32::from(!has_found));
        pause.min(GO_ON_AT_MOST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_in_vain_become_rare_until_one_is_not() {
        let mut looks = Looks::default();
        let mut pauses = |is_cut, has_found, times| -> Vec<u128> {
            let next = |_| looks.next(is_cut, has_found).as_millis();
            (0..times).map(next).collect()
        };
        assert_eq!(pauses(true, false, 6), [20, 40, 80, 160, 250, 250]);
        assert_eq!(pauses(true, true, 2), [20, 20]);
        assert_eq!(pauses(true, false, 2), [20, 40]);
        assert_eq!(pauses(false, false, 2), [2000, 2000]);
        assert_eq!(pauses(true, false, 1), [20], "the lanes were all seen");
    }
}
