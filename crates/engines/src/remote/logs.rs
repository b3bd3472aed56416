//! What a model server prints, as lines of the run's log and as progress.
//!
//! Servers tell their whole output again each time; only the lines that are new
//! go to the log. The bars that Python programs draw (`40%|####`) are read as
//! progress, and stay out of the log.

use runnel_types::LogLevel;

use crate::engine::Reporter;

/// The most characters of one entry in the log; lines are put together up to it.
const ENTRY: usize = 2000;
/// The most entries that one look at the output makes.
const MOST_ENTRIES: usize = 30;

/// How far a server's output was read.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    seen: usize,
}

impl Tail {
    /// Tells what is new in `all`; an unfinished line waits for its end.
    pub(crate) fn read(&mut self, all: &str, reporter: &Reporter) {
        let end = all.rfind('\n').map_or(0, |at| at + 1);
        self.tell(all, end, reporter);
    }

    /// Tells what is new in `all`, to its end.
    pub(crate) fn read_all(&mut self, all: &str, reporter: &Reporter) {
        self.tell(all, all.len(), reporter);
    }

    fn tell(&mut self, all: &str, end: usize, reporter: &Reporter) {
        // A server that began again tells less than before.
        let begin = if end < self.seen { 0 } else { self.seen };
        let Some(fresh) = all.get(begin..end) else {
            return;
        };
        self.seen = end;
        tell_lines(fresh, reporter);
    }
}

/// Writes lines to the log, several to an entry.
pub(crate) fn tell_lines(text: &str, reporter: &Reporter) {
    let mut entries: Vec<String> = Vec::new();
    let mut left_out = 0;
    for line in text.split(['\n', '\r']) {
        let line: String = line.trim_end().chars().take(ENTRY).collect();
        if line.is_empty() {
            continue;
        }
        if let Some(fraction) = bar(&line) {
            reporter.progress(fraction);
            continue;
        }
        let count = entries.len();
        match entries.last_mut() {
            Some(entry) if entry.len() + line.len() < ENTRY => {
                entry.push('\n');
                entry.push_str(&line);
            }
            _ if count < MOST_ENTRIES => entries.push(line),
            _ => left_out += 1,
        }
    }
    for entry in entries {
        reporter.log(LogLevel::Info, entry);
    }
    if left_out > 0 {
        reporter.log(
            LogLevel::Warning,
            format!("{left_out} more lines of the engine were left out"),
        );
    }
}

/// How far the bar of a progress is, where the line is one: `40%|####   | 4/10`.
fn bar(line: &str) -> Option<f64> {
    let (before, _) = line.split_once("%|")?;
    let digits = before.rsplit(|c: char| !c.is_ascii_digit()).next()?;
    let percent: f64 = digits.parse().ok()?;
    (percent <= 100.0).then_some(percent / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Report;
    use crate::remote::stub::told;
    use tokio_util::sync::CancellationToken;

    fn log(text: &str) -> Report {
        Report::Log(LogLevel::Info, text.to_owned())
    }

    #[test]
    fn only_what_is_new_and_whole_goes_to_the_log() {
        let (reporter, mut reports) = Reporter::new(CancellationToken::new());
        let mut tail = Tail::default();
        tail.read("one\ntwo\nthr", &reporter);
        assert_eq!(told(&mut reports), [log("one\ntwo")]);
        tail.read("one\ntwo\nthree\n", &reporter);
        assert_eq!(told(&mut reports), [log("three")]);
        tail.read_all("one\ntwo\nthree\nend", &reporter);
        assert_eq!(told(&mut reports), [log("end")]);
        // Another output than before, and one that is cut within a letter.
        tail.read_all("é", &reporter);
        assert_eq!(told(&mut reports), [log("é")]);
        Tail { seen: 1 }.read_all("éé", &reporter);
        assert_eq!(told(&mut reports), []);
    }

    #[test]
    fn bars_are_progress() {
        let (reporter, mut reports) = Reporter::new(CancellationToken::new());
        tell_lines("begin\n  4%|#  | 1/25\r 40%|###| 10/25 [x]\nend", &reporter);
        let expected = [
            Report::Progress(0.04),
            Report::Progress(0.4),
            log("begin\nend"),
        ];
        assert_eq!(told(&mut reports), expected);
        for line in ["%|", "x%|", "400%|", "40%", ""] {
            assert_eq!(bar(line), None, "{line}");
        }
    }

    #[test]
    fn a_flood_is_cut_and_said_to_be() {
        let (reporter, mut reports) = Reporter::new(CancellationToken::new());
        tell_lines(
            &format!("{}\n", "x".repeat(ENTRY * 2)).repeat(100),
            &reporter,
        );
        let reports = told(&mut reports);
        assert_eq!(reports.len(), MOST_ENTRIES + 1);
        assert!(format!("{:?}", reports[MOST_ENTRIES]).contains("70 more lines"));
    }
}
