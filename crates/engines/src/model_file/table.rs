//! Reads a table key by key, and notes everything that is wrong with it.

use std::cell::RefCell;
use std::ops::RangeInclusive;
use std::time::Duration;

use runnel_types::words;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::mistake::Mistakes;
use super::values::{Placed, integer, kind_of, number};

/// A table that is being read.
pub(super) struct Reader<'t, 'i> {
    /// The table.
    pub(super) table: &'t DeTable<'i>,
    /// How it is called in messages.
    pub(super) path: String,
    /// Where it begins, for what is missing in it.
    pub(super) at: usize,
    /// The keys that were asked for: those that there are.
    known: RefCell<Vec<&'static str>>,
}

impl<'t, 'i> Reader<'t, 'i> {
    pub(super) fn new(table: &'t DeTable<'i>, path: impl Into<String>, at: usize) -> Self {
        Self {
            table,
            path: path.into(),
            at,
            known: RefCell::default(),
        }
    }

    /// The value of a table that is nothing but a table.
    pub(super) fn of(
        value: &'t Placed<'i>,
        path: impl Into<String>,
        at: usize,
        mistakes: &mut Mistakes,
    ) -> Option<Self> {
        let path = path.into();
        match value.get_ref() {
            DeValue::Table(table) => Some(Self::new(table, path, at)),
            other => {
                let message = format!("{path} must be a table, not {}", kind_of(other));
                mistakes.note(value.span().start, message);
                None
            }
        }
    }

    /// The value of `key`, when it is there.
    pub(super) fn get(&self, key: &'static str) -> Option<&'t Placed<'i>> {
        self.known.borrow_mut().push(key);
        self.table.get(key)
    }

    /// Notes that `key`, which is there, is wrong.
    pub(super) fn refuse(&self, key: &str, message: &str, mistakes: &mut Mistakes) {
        let at = self
            .table
            .get(key)
            .map_or(self.at, |value| value.span().start);
        mistakes.note(at, format!("{}.{key} {message}", self.path));
    }

    fn expect<T>(
        &self,
        key: &'static str,
        wanted: &str,
        mistakes: &mut Mistakes,
        read: impl Fn(&'t DeValue<'i>) -> Option<T>,
    ) -> Option<T> {
        let value = self.get(key)?.get_ref();
        let found = read(value);
        if found.is_none() {
            self.refuse(
                key,
                &format!("must be {wanted}, not {}", told(value)),
                mistakes,
            );
        }
        found
    }

    /// A text of 1 to `most` characters.
    pub(super) fn text(
        &self,
        key: &'static str,
        most: usize,
        mistakes: &mut Mistakes,
    ) -> Option<String> {
        let wanted = format!("a text of 1 to {most} characters");
        self.expect(key, &wanted, mistakes, |value| {
            let text = value.as_str()?;
            (1..=most)
                .contains(&text.chars().count())
                .then(|| text.to_owned())
        })
    }

    /// True or false; false when it is not there.
    pub(super) fn flag(&self, key: &'static str, mistakes: &mut Mistakes) -> bool {
        self.expect(key, "true or false", mistakes, DeValue::as_bool)
            .unwrap_or_default()
    }

    /// A whole number in `range`.
    pub(super) fn integer(
        &self,
        key: &'static str,
        range: RangeInclusive<u32>,
        mistakes: &mut Mistakes,
    ) -> Option<u32> {
        let wanted = format!("a whole number from {} to {}", range.start(), range.end());
        self.expect(key, &wanted, mistakes, |value| {
            let number = integer(value.as_integer()?)?;
            u32::try_from(number).ok().filter(|it| range.contains(it))
        })
    }

    /// A number.
    pub(super) fn number(&self, key: &'static str, mistakes: &mut Mistakes) -> Option<f64> {
        self.expect(key, "a number", mistakes, number)
    }

    /// A length of time of 1 s to `most`.
    pub(super) fn duration(
        &self,
        key: &'static str,
        most: Duration,
        mistakes: &mut Mistakes,
    ) -> Option<Duration> {
        let wanted = format!(
            "seconds, or a text such as \"90s\", \"5m\" or \"2h\", of 1 s to {} h",
            most.as_secs() / 3600
        );
        self.expect(key, &wanted, mistakes, |value| {
            let seconds = match value {
                DeValue::Integer(number) => u64::try_from(integer(number)?).ok()?,
                DeValue::String(text) => seconds(text)?,
                _ => return None,
            };
            let length = Duration::from_secs(seconds);
            (seconds > 0 && length <= most).then_some(length)
        })
    }

    /// A list.
    pub(super) fn list(
        &self,
        key: &'static str,
        of: &str,
        mistakes: &mut Mistakes,
    ) -> Option<&'t [Placed<'i>]> {
        self.expect(key, &format!("a list of {of}"), mistakes, |value| {
            value.as_array().map(|items| &**items)
        })
    }

    /// The entries of keys that nobody asked for, in the order of the file.
    pub(super) fn others(&self) -> Vec<(&'t Spanned<DeString<'i>>, &'t Placed<'i>)> {
        let known = self.known.borrow();
        let mut others: Vec<_> = self
            .table
            .iter()
            .filter(|(key, _)| !known.contains(&key.get_ref().as_ref()))
            .collect();
        others.sort_by_key(|(key, _)| key.span().start);
        others
    }

    /// Refuses the keys that nobody asked for, naming the nearest known one.
    pub(super) fn refuse_others(&self, mistakes: &mut Mistakes) {
        for (key, _) in self.others() {
            let message = self.unknown(key.get_ref());
            mistakes.note(key.span().start, message);
        }
    }

    /// The known key that `key`, which is none, was most likely meant to be.
    pub(super) fn nearest(&self, key: &str) -> Option<&'static str> {
        let known = self.known.borrow();
        let nearest = words::nearest(&known, key)?;
        // Engines have settings called input and output, which are no slips.
        (nearest != key && !matches!(nearest, "inputs" | "outputs")).then_some(nearest)
    }

    fn unknown(&self, key: &str) -> String {
        let known = self.known.borrow();
        let shown = words::shortened(key);
        let path = &self.path;
        match words::nearest(&known, key) {
            Some(nearest) => format!("{path} has no key {shown:?}; did you mean {nearest:?}?"),
            None => format!(
                "{path} has no key {shown:?}; its keys are {}",
                words::listed(&known)
            ),
        }
    }
}

/// What a value is, and the value itself where that helps.
fn told(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("{:?}", words::shortened(text)),
        DeValue::Integer(number) => words::shortened(&number.to_string()),
        DeValue::Float(number) => words::shortened(number.as_str()),
        other => kind_of(other).to_owned(),
    }
}

fn seconds(text: &str) -> Option<u64> {
    let unit = text.chars().last()?;
    let number: u64 = text.strip_suffix(unit)?.trim_end().parse().ok()?;
    let factor = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        _ => return None,
    };
    number.checked_mul(factor)
}
