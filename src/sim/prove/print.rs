//! A situation's fingerprint: 128 bits of all that tells it from another one, times as distances
//! from the present.
//!
//! Two ladders of time are used. [`Ladder::Coarse`] tells two situations apart when a time lies
//! on another step of [`STEPS`]; [`Ladder::Fine`] to the [`TICK`]. Both take what is past for
//! longer than the ladder is long as past.
//!
//! Random numbers of questions are told apart by the order in which they are met, not by their
//! value: two situations that differ in nothing else are alike.
//!
//! With n situations the odds that any two different ones have the same fingerprint are below
//! n²/2¹²⁹: for ten million, one in 10²⁴.

use std::hash::Hasher;

use crate::clock::Moment;

/// What two times may differ by and be told apart on the fine ladder, in microseconds.
pub(super) const TICK: u64 = 10_000;

/// On the fine ladder, what is past for longer than this is past, in microseconds.
const PAST: u64 = 120_000_000;

/// The steps of the coarse ladder, in milliseconds. They hold the ages that the machine's guards
/// look at: 2 s a nonce, 5 s a keyboard, 10 s a login that shows service, 30 s a witness, 60 s a
/// proof, 90 s evidence.
const STEPS: [u64; 12] = [
    0, 1000, 2000, 5000, 10_000, 30_000, 60_000, 90_000, 300_000, 900_000, 1_800_000, 3_600_000,
];

/// How many steps of [`STEPS`] the past has.
const PAST_STEPS: usize = 8;

/// The first random number that the model gives; see [`nonce`].
const NONCES: u32 = 0xe000_0000;

/// The `n`-th random number: eight hexadecimal digits that begin with `e`, the sum of two nine
/// that begin with `1`. No Host ID and no text of the model looks so.
pub(super) fn nonce(n: u32) -> u32 {
    // No two pairs in a row have the same sum.
    NONCES | (n.wrapping_mul(n).wrapping_add(n) & 0x0fff_ffff)
}

/// How finely times are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ladder {
    /// By the steps of the rules.
    Coarse,
    /// By the tick.
    Fine,
}

/// The hasher.
#[derive(Debug)]
pub(super) struct Print {
    lanes: [u64; 2],
    now: u64,
    ladder: Ladder,
    met: Vec<u64>,
}

impl Print {
    pub fn new(now: Moment, ladder: Ladder) -> Print {
        Print {
            lanes: [0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7344],
            now: now.micros(),
            ladder,
            met: Vec::new(),
        }
    }

    /// The fingerprint; never zero.
    pub fn value(&self) -> u128 {
        let [a, b] = self.lanes;
        (u128::from(mix(a, b ^ KEYS[0])) << 64 | u128::from(mix(b, a ^ KEYS[1]))).max(1)
    }

    fn word(&mut self, word: u64) {
        self.lanes[0] = mix(self.lanes[0] ^ word, KEYS[0]);
        self.lanes[1] = mix(self.lanes[1].rotate_left(29) ^ word, KEYS[1]);
    }

    /// The step on which a time lies, the present being zero.
    fn step(&self, at: u64) -> i64 {
        let (distance, past) = (self.now.abs_diff(at), at < self.now);
        let step = match self.ladder {
            Ladder::Fine if past => distance.min(PAST) / TICK,
            Ladder::Fine => distance / TICK,
            Ladder::Coarse => {
                let above = STEPS.iter().position(|step| distance <= step * 1000);
                let step = above.unwrap_or(STEPS.len());
                (if past { step.min(PAST_STEPS) } else { step }) as u64
            }
        };
        let step = i64::try_from(step).unwrap_or(i64::MAX);
        if past { -step } else { step }
    }

    fn plain(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.word(u64::from_le_bytes(word));
        }
    }

    /// The number of a random number among those met so far.
    fn name(&mut self, digits: &[u8]) -> u64 {
        let value = digits.iter().fold(0_u64, |value, digit| {
            value << 4 | u64::from(char::from(*digit).to_digit(16).unwrap_or(0))
        });
        let met = self.met.iter().position(|m| *m == value);
        let place = met.unwrap_or_else(|| {
            self.met.push(value);
            self.met.len() - 1
        });
        place as u64
    }
}

const KEYS: [u64; 2] = [0x9e37_79b9_7f4a_7c15, 0xd6e8_feb8_6659_fd93];

/// Multiplies to 128 bits and folds.
fn mix(a: u64, b: u64) -> u64 {
    let product = u128::from(a ^ 0xa409_3822_299f_31d0) * u128::from(b ^ 0x082e_fa98_ec4e_6c89);
    #[expect(clippy::cast_possible_truncation, reason = "both halves are used")]
    let folded = product as u64 ^ (product >> 64) as u64;
    folded ^ a.rotate_left(17)
}

/// Where the first random number, or sum of two, stands in `bytes`.
fn find_random(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut at = 0;
    while at < bytes.len() {
        let run = bytes[at..].iter().take_while(|b| b.is_ascii_hexdigit());
        let length = run.count();
        match (length, bytes[at]) {
            (8, b'e') | (9, b'1') => return Some((at, length)),
            _ => at += length.max(1),
        }
    }
    None
}

impl Hasher for Print {
    fn write(&mut self, mut bytes: &[u8]) {
        self.word(bytes.len() as u64 ^ 0x5555);
        if bytes.len() >= 8 {
            while let Some((at, length)) = find_random(bytes) {
                self.plain(&bytes[..at]);
                let name = self.name(&bytes[at..at + length]);
                self.word(name ^ 0xaaaa_0000);
                bytes = &bytes[at + length..];
            }
        }
        self.plain(bytes);
    }

    fn write_u8(&mut self, i: u8) {
        self.word(u64::from(i));
    }

    fn write_u32(&mut self, i: u32) {
        self.word(u64::from(i));
    }

    fn write_u64(&mut self, i: u64) {
        self.word(i);
    }

    fn write_usize(&mut self, i: usize) {
        self.word(i as u64);
    }

    fn write_isize(&mut self, i: isize) {
        self.word(i.cast_unsigned() as u64);
    }

    /// A [`Moment`].
    fn write_u128(&mut self, at: u128) {
        let step = self.step(u64::try_from(at).unwrap_or(u64::MAX));
        self.word(step.cast_unsigned() ^ 0x7000_0000_0000_0000);
    }

    fn finish(&self) -> u64 {
        mix(self.lanes[0], self.lanes[1])
    }
}

#[cfg(test)]
mod tests {
    use std::hash::Hash;
    use std::time::Duration;

    use super::*;

    fn print(now: Moment, ladder: Ladder, what: &impl Hash) -> u128 {
        let mut print = Print::new(now, ladder);
        what.hash(&mut print);
        print.value()
    }

    #[test]
    fn only_the_distance_of_a_moment_counts() {
        let (early, late) = (Moment::from_millis(7000), Moment::from_millis(7_007_000));
        let second = Duration::from_secs(1);
        for ladder in [Ladder::Coarse, Ladder::Fine] {
            let at = |now: Moment| print(now, ladder, &(now + second));
            assert_eq!(at(early), at(late));
            assert_ne!(at(early), print(early, ladder, &(early - second)));
            assert_ne!(at(early), print(early, ladder, &(early + second * 7)));
        }
    }

    #[test]
    fn random_numbers_count_by_their_order_alone() {
        let say = |a, b| {
            let (a, b) = (nonce(a), nonce(b));
            let sum = u64::from(a) + u64::from(b);
            format!("hex {a:08x} {b:08x} + u.\r\n{sum:x} \r\nok ")
        };
        let of = |text: String| print(Moment::ZERO, Ladder::Fine, &text);
        assert_eq!(of(say(1, 2)), of(say(300, 301)));
        assert_ne!(of(say(1, 2)), of(say(1, 1)));
        assert_ne!(of("80770001".to_owned()), of("80770002".to_owned()));
    }
}
