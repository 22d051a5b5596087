//! What the data policy accepts, as a closed list: why a node that clusterd took for stopped could
//! write all the same. `docs/safety.md` has the trace of each. Under `integrity` there is none but a
//! person's word.

use crate::machine::setup::DataPolicy;
use crate::sim::node::{Condition, Node};

/// Why a node was dark, and yet not stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Excuse {
    /// The whole machine stood still, or its self test did, and may go on one day.
    StandsStill,
    /// Its kernel stood still, and no BREAK came through to it.
    HungPastBreak,
    /// It hears nothing, and what it says or answers is cut off: it writes on.
    Deaf,
    /// Its kernel heeds no BREAK, or gets it far too late, and its userland answers nothing, and its network
    /// is cut off.
    HeedsNoBreak,
    /// What it says comes far too late or not at all, and its network is cut off.
    ConsoleCutOff,
    /// A person gave their word that it was stopped, and it was not.
    WrongWord,
    /// A person gave their word that it was out of service, without power or without its storage; and it
    /// was not, or got them back and had said nothing yet.
    SaidToBeOff,
}

impl Excuse {
    /// All of them.
    pub const ALL: [Excuse; 7] = [
        Excuse::StandsStill,
        Excuse::HungPastBreak,
        Excuse::Deaf,
        Excuse::HeedsNoBreak,
        Excuse::ConsoleCutOff,
        Excuse::WrongWord,
        Excuse::SaidToBeOff,
    ];

    /// Its word in a scene, behind `accepted`.
    pub fn word(self) -> &'static str {
        match self {
            Excuse::StandsStill => "stands-still",
            Excuse::HungPastBreak => "hung-past-break",
            Excuse::Deaf => "deaf",
            Excuse::HeedsNoBreak => "heeds-no-break",
            Excuse::ConsoleCutOff => "console-cut-off",
            Excuse::WrongWord => "wrong-word",
            Excuse::SaidToBeOff => "said-to-be-off",
        }
    }

    /// The excuse of a node that is dark now, by what is really wrong with it. `cut_off`: its console
    /// loses or delays what it says. `late`: BREAKs come to it later. `pings_lost`: what its address answers is lost on its way here.
    pub(super) fn of(
        node: &Node,
        cut_off: bool,
        late: bool,
        pings_lost: bool,
        policy: DataPolicy,
    ) -> Option<Excuse> {
        if policy == DataPolicy::Integrity {
            return None;
        }
        let faults = node.faults();
        if node.is_frozen() || node.hangs_in_self_test() {
            return Some(Excuse::StandsStill);
        }
        // Each of these needs a second fault to be dark: its address is silent too.
        if node.answers_ping() && !pings_lost {
            return None;
        }
        if faults.deaf {
            Some(Excuse::Deaf)
        } else if cut_off {
            Some(Excuse::ConsoleCutOff)
        } else if node.condition() == Condition::Hung {
            Some(Excuse::HungPastBreak)
        } else if faults.break_disabled || faults.lost_breaks > 0 || late {
            Some(Excuse::HeedsNoBreak)
        } else {
            None
        }
    }
}

impl std::fmt::Display for Excuse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Excuse::StandsStill => "the machine stood still, and may go on one day",
            Excuse::HungPastBreak => "its kernel stood still, and no BREAK came through",
            Excuse::Deaf => "deaf, its network cut off, and it writes on",
            Excuse::HeedsNoBreak => {
                "it heeds no BREAK, or gets it too late, its network is cut off, and it writes on"
            }
            Excuse::ConsoleCutOff => {
                "its console and its network are both cut off, and it writes on"
            }
            Excuse::WrongWord => "a person said that it was stopped, and it was not",
            Excuse::SaidToBeOff => {
                "a person said that it was out of service, and it has said nothing to the contrary"
            }
        })
    }
}
