//! The situations that were met: a table of fingerprints, sixteen bytes a place, at most three
//! quarters full.

/// Fingerprints, in open addressing. Zero marks a free place.
#[derive(Debug)]
pub(super) struct Seen {
    places: Vec<u128>,
    held: usize,
}

impl Seen {
    pub fn new() -> Seen {
        Seen {
            places: vec![0; 1 << 12],
            held: 0,
        }
    }

    pub fn len(&self) -> usize {
        self.held
    }

    pub fn holds(&self, print: u128) -> bool {
        self.places[self.place(print)] == print
    }

    /// Puts it in; false if it was there.
    pub fn insert(&mut self, print: u128) -> bool {
        let place = self.place(print);
        if self.places[place] == print {
            return false;
        }
        self.places[place] = print;
        self.held += 1;
        if self.held * 4 > self.places.len() * 3 {
            let room = vec![0; self.places.len() * 2];
            for print in std::mem::replace(&mut self.places, room) {
                if print != 0 {
                    let place = self.place(print);
                    self.places[place] = print;
                }
            }
        }
        true
    }

    /// Where it stands, or would.
    fn place(&self, print: u128) -> usize {
        let mask = self.places.len() - 1;
        // Of a fingerprint any bits will do.
        let mut place = print as usize & mask;
        while self.places[place] != 0 && self.places[place] != print {
            place = (place + 1) & mask;
        }
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_in_is_found_and_nothing_else() {
        let mut seen = Seen::new();
        let print = |n: u128| (n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_d6e8_feb8_6659_fd93);
        for n in 0..20_000 {
            assert!(seen.insert(print(n)));
            assert!(!seen.insert(print(n)));
        }
        assert_eq!(seen.len(), 20_000);
        assert!((0..20_000).all(|n| seen.holds(print(n))));
        assert!(!(20_000..40_000).any(|n| seen.holds(print(n))));
    }
}
