//! A FirmwareReset proof in the making (design rule 2). The pieces have one order:
//!
//! ```text
//! live ─ identity ─ set … set ─ mark ─ reset ─ live ─ unmarked ─ identity ─ verify … verify ─► proof
//! ```
//!
//! A piece out of its order counts for nothing. Whatever is not a step of the running
//! procedure (a foreign byte, a reconnect, a BREAK, a boot text) throws all away.

use std::collections::BTreeSet;

use crate::mutant::Guard;
use crate::script::program::{Firmware, GuardSetting};

/// One piece.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// The prompt answered a nonce.
    Live,
    /// The Host ID is right.
    Identity,
    /// A boot parameter was set and read back.
    Set(String, String),
    /// A boot parameter was read back.
    Verified(String, String),
    /// The random word is defined and answers.
    Mark(String),
    /// The reset was ordered, and a prompt came.
    Reset,
    /// The word is unknown.
    Unmarked,
    /// The boot device was opened: it says nothing about who is stopped.
    Opens,
}

/// How far it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Making {
    live: bool,
    identity: bool,
    set: BTreeSet<String>,
    mark: Option<String>,
    reset: bool,
    live_again: bool,
    unmarked: bool,
    identity_again: bool,
    verified: BTreeSet<String>,
}

impl Making {
    /// Whether nothing has been made yet.
    pub fn is_empty(&self) -> bool {
        *self == Making::default()
    }

    /// The random word, if one was defined.
    pub fn mark(&self) -> Option<&str> {
        self.mark.as_deref()
    }

    /// Whether the prompt and the identity were proved since this making began.
    pub fn identified(&self) -> bool {
        self.live && self.identity
    }

    /// Records a piece; one that comes out of its order counts for nothing.
    pub fn record(&mut self, piece: &Piece, firmware: &Firmware) {
        match piece {
            Piece::Live if self.reset => self.live_again = true,
            Piece::Live => self.live = true,
            Piece::Identity if self.reset => {
                self.identity_again = self.unmarked || Guard::IdentityAfterUnmarked.gone();
            }
            Piece::Identity => self.identity = self.live || Guard::IdentityAfterLive.gone(),
            Piece::Set(name, value) => {
                let identity = self.identity || Guard::SetAfterIdentity.gone();
                let fits = in_guard(firmware, name, value) || Guard::SetInGuard.gone();
                if identity && fits {
                    self.set.insert(name.clone());
                }
            }
            Piece::Mark(word) => {
                if covers(firmware, &self.set) || Guard::MarkAfterSet.gone() {
                    self.mark = Some(word.clone());
                }
            }
            // Without a mark no reset is ordered, and no unknown word can be asked for behind it.
            Piece::Reset => self.reset = true,
            Piece::Unmarked => self.unmarked = self.live_again || Guard::UnmarkedAfterLive.gone(),
            Piece::Opens => {}
            Piece::Verified(name, value) => {
                let identity = self.identity_again || Guard::VerifiedAfterIdentity.gone();
                let fits = in_guard(firmware, name, value) || Guard::VerifiedInGuard.gone();
                if identity && fits {
                    self.verified.insert(name.clone());
                }
            }
        }
    }

    /// Whether the standing guard was set and read back in this making, or read whole.
    pub fn guarded(&self, firmware: &Firmware) -> bool {
        covers(firmware, &self.set) || covers(firmware, &self.verified)
    }

    /// Whether the proof is whole: each piece counted only behind all those before it, so the last
    /// ones stand for all.
    pub fn whole(&self, firmware: &Firmware) -> bool {
        covers(firmware, &self.verified)
    }
}

fn in_guard(firmware: &Firmware, name: &str, value: &str) -> bool {
    let fits = |s: &GuardSetting| s.name == name && s.value == value;
    firmware.guard.iter().any(fits)
}

/// An empty guard covers nothing: a firmware without one cannot be proved.
fn covers(firmware: &Firmware, names: &BTreeSet<String>) -> bool {
    let mut guard = firmware.guard.iter();
    let whole = guard.all(|s| names.contains(&s.name)) || Guard::WholeGuard.gone();
    whole && (!firmware.guard.is_empty() || Guard::EmptyGuard.gone())
}
