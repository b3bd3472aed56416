//! When a failed attempt is followed by the next one.

use std::time::Duration;

/// Pauses after the first attempt, the second, …; SPEC: runs.md, "Callbacks".
const PAUSES: [Duration; 7] = [
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_mins(2),
    Duration::from_mins(10),
    Duration::from_hours(1),
    Duration::from_hours(6),
    Duration::from_hours(17),
];

/// Attempts after which a delivery is given up.
pub(super) const MAX_ATTEMPTS: u32 = PAUSES.len() as u32 + 1;

/// The pause after attempt `number` (from 1), or `None` after the last one.
/// `random` stretches it by up to a tenth, so that deliveries that failed
/// together do not come back together.
pub(super) fn pause_after(number: u32, random: u8) -> Option<Duration> {
    let pause = PAUSES.get(number.checked_sub(1)? as usize)?;
    Some(*pause + *pause / 10 * u32::from(random) / 255)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_attempts_spread_over_about_a_day() {
        let total: Duration = (1..MAX_ATTEMPTS)
            .filter_map(|number| pause_after(number, 0))
            .sum();
        assert_eq!(total.as_secs(), 5 + 30 + 120 + 600 + 3600 + 21_600 + 61_200);
        assert_eq!(pause_after(MAX_ATTEMPTS, 0), None);
        assert_eq!(pause_after(0, 0), None);
    }

    #[test]
    fn jitter_stretches_by_a_tenth_at_most() {
        for number in 1..MAX_ATTEMPTS {
            let least = pause_after(number, 0).unwrap();
            let most = pause_after(number, 255).unwrap();
            assert!(least < most && most <= least + least / 10, "{number}");
        }
    }
}
