//! Time: instants in microseconds, and the clock that everything asks.
//!
//! Only [`SystemClock`] looks at the machine's clock. Tests hand in a
//! [`ManualClock`] and move it; nothing ever sleeps to reach an expiry.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An instant, in microseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// Makes an instant from microseconds since the Unix epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the Unix epoch.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down.
    pub const fn as_seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// The instant `duration` later; stays at the end of time when past it.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)),
        )
    }

    /// The instant `duration` earlier.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)),
        )
    }

    /// Milliseconds from `earlier` to this instant; 0 when the clock stepped back.
    pub fn millis_since(self, earlier: Self) -> i64 {
        (self.0 - earlier.0).max(0) / 1000
    }

    /// What has passed since `earlier`, to the microsecond; nothing when the clock
    /// stepped back.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The beginning of a day written `2026-04-01`, in UTC, and of the day after.
    pub fn day(text: &str) -> Option<(Self, Self)> {
        let date: jiff::civil::Date = text.parse().ok().filter(|_| text.len() == 10)?;
        // Counted here: jiff's instants end before the last day of 9999, with which
        // people write that something has no end.
        let since = date.duration_since(jiff::civil::Date::constant(1970, 1, 1));
        let begin = Self(i64::try_from(since.as_micros()).ok()?);
        Some((begin, begin.plus(Duration::from_hours(24))))
    }

    /// RFC 3339 in UTC with microseconds and `Z`, as resources show times.
    pub fn to_rfc3339(self) -> String {
        format!("{}Z", self.civil("%Y-%m-%dT%H:%M:%S%.6f"))
    }

    /// RFC 3339 with milliseconds and `+00:00`, as callback payloads show times.
    pub fn to_callback_format(self) -> String {
        format!("{}+00:00", self.civil("%Y-%m-%dT%H:%M:%S%.3f"))
    }

    /// The date of HTTP headers: `Wed, 06 May 2026 10:00:00 GMT`.
    pub fn to_http_date(self) -> String {
        format!("{} GMT", self.civil("%a, %d %b %Y %H:%M:%S"))
    }

    fn civil(self, format: &str) -> String {
        let instant = jiff::Timestamp::from_microsecond(self.0).unwrap_or(jiff::Timestamp::MAX);
        instant.strftime(format).to_string()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_rfc3339())
    }
}

impl std::str::FromStr for Timestamp {
    type Err = jiff::Error;

    /// Reads RFC 3339, with any offset.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let instant: jiff::Timestamp = text.parse()?;
        Ok(Self(instant.as_microsecond()))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_rfc3339())
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// What time it is.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The present instant.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that asks the machine"
    )]
    fn now(&self) -> Timestamp {
        Timestamp(jiff::Timestamp::now().as_microsecond())
    }
}

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that shows `start`.
    pub const fn at(start: Timestamp) -> Self {
        Self(AtomicI64::new(start.0))
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(
            i64::try_from(by.as_micros()).unwrap_or(i64::MAX),
            Ordering::SeqCst,
        );
    }

    /// Sets the clock, backwards too.
    pub fn set(&self, to: Timestamp) {
        self.0.store(to.0, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INSTANT: Timestamp = Timestamp(1_778_061_600_123_456);

    #[test]
    fn formats_are_those_of_the_contract() {
        assert_eq!(INSTANT.to_rfc3339(), "2026-05-06T10:00:00.123456Z");
        assert_eq!(
            INSTANT.to_callback_format(),
            "2026-05-06T10:00:00.123+00:00"
        );
        assert_eq!(INSTANT.to_http_date(), "Wed, 06 May 2026 10:00:00 GMT");
    }

    #[test]
    fn every_day_that_can_be_written_has_a_beginning_and_an_end() {
        const DAY: i64 = 86_400_000_000;
        let begin = |text| Timestamp::day(text).map(|(begin, _)| begin.as_micros());
        assert_eq!(begin("1970-01-01"), Some(0));
        assert_eq!(begin("1969-12-31"), Some(-DAY));
        assert_eq!(begin("2024-02-29"), Some(19_782 * DAY));
        assert_eq!(begin("2026-05-06"), Some(20_579 * DAY));
        for text in ["0000-01-01", "9999-12-30", "9999-12-31"] {
            let (begin, end) = Timestamp::day(text).unwrap();
            assert_eq!(end.as_micros() - begin.as_micros(), DAY, "{text}");
        }
        for text in [
            "2026-02-30",
            "2026-2-1",
            "20260201",
            "2026-13-01",
            "10000-01-01",
        ] {
            assert_eq!(Timestamp::day(text), None, "{text}");
        }
    }

    #[test]
    fn json_round_trips() {
        let json = serde_json::to_string(&INSTANT).unwrap();
        assert_eq!(serde_json::from_str::<Timestamp>(&json).unwrap(), INSTANT);
    }

    #[test]
    fn a_clock_that_stepped_back_yields_no_negative_duration() {
        assert_eq!(
            INSTANT.millis_since(INSTANT.plus(Duration::from_hours(1))),
            0
        );
        let later = INSTANT.plus(Duration::from_micros(1500));
        assert_eq!(later.since(INSTANT), Duration::from_micros(1500));
        assert_eq!(INSTANT.since(later), Duration::ZERO);
    }
}
