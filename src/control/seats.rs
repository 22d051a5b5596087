//! Places that are given out one by one, no user too many: what one user's clients hold, stuck or
//! not, keeps nobody else out, and root least of all.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Its user number.
const ROOT: u32 = 0;

/// The places.
#[derive(Debug)]
pub(super) struct Seats {
    all: usize,
    taken: Mutex<BTreeMap<u32, usize>>,
}

/// One of them. Dropping it gives it back.
#[derive(Debug)]
pub(super) struct Seat {
    of: Arc<Seats>,
    uid: u32,
}

/// Why there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// All are taken that are not kept for root.
    All,
    /// This user has as many as one user may have.
    Yours(usize),
}

impl Seats {
    /// So many places.
    pub(super) fn new(all: usize) -> Arc<Seats> {
        Arc::new(Seats {
            all,
            taken: Mutex::default(),
        })
    }

    /// A place for this user. One user has half of them at the most, and an eighth is kept for root,
    /// who may have all.
    pub(super) fn take(self: &Arc<Self>, uid: u32) -> Result<Seat, Full> {
        let mut taken = self.taken();
        let all: usize = taken.values().sum();
        let own = taken.get(&uid).copied().unwrap_or(0);
        let (most, share) = match uid {
            ROOT => (self.all, self.all),
            _ => (self.all - self.all / 8, self.all / 2),
        };
        if all >= most {
            return Err(Full::All);
        }
        if own >= share {
            return Err(Full::Yours(share));
        }
        taken.insert(uid, own + 1);
        Ok(Seat {
            of: Arc::clone(self),
            uid,
        })
    }

    fn taken(&self) -> MutexGuard<'_, BTreeMap<u32, usize>> {
        // Nothing that is done under the lock can leave it half done.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.of.taken();
        if let Some(own) = taken.get_mut(&self.uid) {
            *own -= 1;
            if *own == 0 {
                taken.remove(&self.uid);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_user_takes_all_seats_and_root_always_finds_one() {
        let seats = Seats::new(32);
        let alice: Vec<Seat> = (0..16).map(|_| seats.take(1000).unwrap()).collect();
        assert_eq!(seats.take(1000).unwrap_err(), Full::Yours(16));
        let bob: Vec<Seat> = (0..12).map(|_| seats.take(1001).unwrap()).collect();
        assert_eq!(seats.take(1001).unwrap_err(), Full::All);
        assert_eq!(seats.take(1002).unwrap_err(), Full::All);
        let root: Vec<Seat> = (0..4).map(|_| seats.take(ROOT).unwrap()).collect();
        assert_eq!(seats.take(ROOT).unwrap_err(), Full::All);
        drop((alice, bob, root));
        assert!(seats.taken().is_empty());
        let all: Vec<Seat> = (0..32).map(|_| seats.take(ROOT).unwrap()).collect();
        assert!(seats.take(ROOT).is_err());
        drop(all);
    }
}
