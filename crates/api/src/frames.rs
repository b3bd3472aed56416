//! Tells what is sent of answers over HTTP/2 from what only keeps a connection up.
//!
//! Pings are answered, windows widened and settings noted without any request,
//! and whoever asks for no more than that does nothing. Sizes do not tell them
//! apart: a hundred answers to pings leave in one write, and the sign of life of
//! a stream of events is shorter than two of them.

/// The length of what stands before the payload of a frame (RFC 9113, 4.1).
const HEAD: usize = 9;

/// The types of the frames that answers are made of: DATA, HEADERS, CONTINUATION
/// (RFC 9113, 6).
const OF_ANSWERS: [u8; 3] = [0, 1, 9];

/// The frames that are sent on a connection.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    /// The head of the next frame, as far as it was sent.
    head: [u8; HEAD],
    head_sent: usize,
    /// How much of a frame's payload is still to be sent.
    left: usize,
    is_answer: bool,
}

impl Frames {
    /// Follows bytes that were sent, from wherever in a frame the last ones ended;
    /// says whether any of them are of an answer.
    pub(crate) fn carry_answer(&mut self, mut bytes: &[u8]) -> bool {
        let mut found = false;
        while !bytes.is_empty() {
            let within = if self.left == 0 {
                HEAD - self.head_sent
            } else {
                self.left
            };
            let (part, rest) = bytes.split_at(within.min(bytes.len()));
            bytes = rest;
            if self.left == 0 {
                self.head[self.head_sent..][..part.len()].copy_from_slice(part);
                self.head_sent += part.len();
                if self.head_sent < HEAD {
                    break;
                }
                self.head_sent = 0;
                let [high, middle, low, kind, ..] = self.head;
                self.left = u32::from_be_bytes([0, high, middle, low]) as usize;
                self.is_answer = OF_ANSWERS.contains(&kind);
            } else {
                self.left -= part.len();
            }
            found |= self.is_answer;
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADERS: u8 = 1;
    const DATA: u8 = 0;
    const SETTINGS: u8 = 4;
    const PING: u8 = 6;

    fn frame(kind: u8, length: usize) -> Vec<u8> {
        let mut frame = vec![0, (length >> 8) as u8, length as u8, kind, 0, 0, 0, 0, 1];
        frame.resize(HEAD + length, 0xff);
        frame
    }

    #[test]
    fn frames_of_answers_are_told_from_others_wherever_they_are_cut() {
        let kinds = [
            (SETTINGS, 0),
            (PING, 8),
            (HEADERS, 300),
            (PING, 8),
            (DATA, 0),
            (SETTINGS, 6),
            (DATA, 70),
            (PING, 8),
        ];
        // Which bytes a sender of one at a time is told are of an answer: all of a
        // frame's from the last of its head on.
        let (mut bytes, mut is_answer) = (Vec::new(), Vec::new());
        for (kind, length) in kinds {
            let frame = frame(kind, length);
            let of_answer = matches!(kind, HEADERS | DATA);
            is_answer.extend((0..frame.len()).map(|at| of_answer && at >= HEAD - 1));
            bytes.extend(frame);
        }
        for first in 0..=bytes.len() {
            let mut frames = Frames::default();
            for part in [0..first, first..bytes.len()] {
                let expected = is_answer[part.clone()].contains(&true);
                let found = frames.carry_answer(&bytes[part.clone()]);
                assert_eq!(found, expected, "{part:?} of {}", bytes.len());
            }
        }
        let mut frames = Frames::default();
        let alone: Vec<bool> = bytes
            .iter()
            .map(|byte| frames.carry_answer(&[*byte]))
            .collect();
        assert_eq!(alone, is_answer);
    }
}
