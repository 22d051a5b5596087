//! How far a way through a fence's procedure has come with each kind of proof.

use super::flow::Outcome;
use super::times::PROOF_LIVES;
use super::walk::{Node, Taken};
use crate::script::program::{Firmware, GuardSetting, Op, Pc, Piece, Presence, Question, Text};

/// What a way through a fence has proved so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Proof {
    /// One for each firmware block.
    resets: Vec<Reset>,
    besieged: bool,
    dark: bool,
    power: bool,
    word: bool,
    assumed: bool,
    /// Seconds, at the most, since the last step of a FirmwareReset.
    age: u64,
    /// The last step that made void what had been proved.
    pub voided: Option<Pc>,
}

/// How far the FirmwareReset proof has come, for one firmware block.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Reset {
    stage: Stage,
    /// Guard settings that were set, by number.
    set: u64,
    /// Guard settings that were read back at the end.
    verified: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    #[default]
    Nothing,
    Live,
    Known,
    Marked,
    Reset,
    LiveAgain,
    Unmarked,
    KnownAgain,
}

fn whole_seconds(time: std::time::Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

/// What a step adds to a proof, or takes away.
pub fn learn(firmwares: &[Firmware], taken: &Taken, before: &Proof) -> Proof {
    let mut proof = before.clone();
    let typed = matches!(taken.op, Op::Send { .. } | Op::Break { .. });
    if typed {
        // Bytes on the console: whatever was proved is proved no more.
        let resets = vec![Reset::default(); proof.resets.len()];
        return Proof {
            resets,
            besieged: proof.besieged,
            voided: proof.voided,
            ..Proof::default()
        };
    }
    let asked =
        taken.node == Node::Subject && matches!(taken.op, Op::Question { .. } | Op::Reset { .. });
    let whole = proof
        .resets
        .iter()
        .zip(firmwares)
        .any(|(reset, firmware)| reset.whole(&firmware.guard));
    proof.age = if asked || !whole {
        0
    } else {
        proof.age + whole_seconds(taken.op.takes())
    };
    if proof.age > PROOF_LIVES.as_secs() {
        proof.age = 0;
        for (reset, firmware) in proof.resets.iter_mut().zip(firmwares) {
            if reset.whole(&firmware.guard) {
                *reset = Reset::default();
            }
        }
    }
    if taken.node != Node::Subject {
        return proof;
    }
    if taken.outcome == Outcome::Failed {
        if let Op::Question { .. } | Op::Reset { .. } = taken.op {
            proof.resets = vec![Reset::default(); proof.resets.len()];
        }
        return proof;
    }
    if let Op::Question { .. } | Op::Reset { .. } = taken.op {
        // It answered: so it is not dark, not off, and nobody's word for it is true.
        proof = Proof {
            resets: proof.resets,
            besieged: proof.besieged,
            voided: proof.voided,
            ..Proof::default()
        };
    }
    match taken.op {
        Op::Siege { .. } => proof.besieged = true,
        Op::Dark { .. } => proof.dark = proof.besieged,
        Op::PowerOff { .. } => proof.power = true,
        Op::Word { .. } => proof.word = true,
        Op::Assume { .. } => proof.assumed = true,
        Op::Reset { .. } => {
            for reset in &mut proof.resets {
                *reset = if reset.stage == Stage::Marked {
                    Reset {
                        stage: Stage::Reset,
                        ..reset.clone()
                    }
                } else {
                    Reset::default()
                };
            }
        }
        Op::Question { question, .. } => {
            for (reset, firmware) in proof.resets.iter_mut().zip(firmwares) {
                reset.answered(question, &firmware.guard);
            }
        }
        _ => {}
    }
    proof
}

impl Reset {
    fn answered(&mut self, question: &Question, guard: &[GuardSetting]) {
        let all = all_of(guard);
        self.stage = match (question, self.stage) {
            (Question::Live, Stage::Nothing) => Stage::Live,
            (Question::Identity, Stage::Live) => Stage::Known,
            (Question::Mark, Stage::Known) if self.set == all => Stage::Marked,
            (Question::Live, Stage::Reset) => Stage::LiveAgain,
            (Question::Unmarked, Stage::LiveAgain) => Stage::Unmarked,
            (Question::Identity, Stage::Unmarked) => Stage::KnownAgain,
            (Question::Mark, stage) if stage >= Stage::Reset => Stage::Nothing,
            (_, stage) => stage,
        };
        match question {
            Question::Set {
                name,
                value,
                presence,
            } if self.stage >= Stage::Known => {
                match exact(guard, name, value, *presence) {
                    Some(number) => self.set |= 1 << number,
                    // Another value for a setting of the guard: as if nothing had been set.
                    None if guard.iter().any(|setting| setting.name == *name) => {
                        *self = Reset::default();
                    }
                    None => {}
                }
            }
            Question::Verify {
                name,
                value,
                presence,
            } if self.stage == Stage::KnownAgain => {
                if let Some(number) = exact(guard, name, value, *presence) {
                    self.verified |= 1 << number;
                }
            }
            _ => {}
        }
        if self.stage == Stage::Nothing {
            *self = Reset::default();
        }
    }

    fn whole(&self, guard: &[GuardSetting]) -> bool {
        self.stage == Stage::KnownAgain && self.verified == all_of(guard)
    }

    /// The steps that are not there yet, in their order.
    fn missing(&self, guard: &[GuardSetting]) -> Vec<String> {
        let stages = [
            (Stage::Live, "live node"),
            (Stage::Known, "identity node"),
            (Stage::Marked, "mark node"),
            (Stage::Reset, "reset node"),
            (Stage::LiveAgain, "live node"),
            (Stage::Unmarked, "unmarked node"),
            (Stage::KnownAgain, "identity node"),
        ];
        let mut out = Vec::new();
        let settings = |word: &str, mask: u64, out: &mut Vec<String>| {
            for (number, setting) in guard
                .iter()
                .enumerate()
                .filter(|(number, _)| mask & (1 << number) == 0)
            {
                let _ = number;
                let presence = if setting.presence == Presence::WhereItExists {
                    " where it exists"
                } else {
                    ""
                };
                out.push(format!(
                    "{word} node \"{}\" = \"{}\"{presence}",
                    setting.name, setting.value
                ));
            }
        };
        for (stage, step) in stages {
            if stage == Stage::Marked && self.stage < Stage::Marked {
                settings("set", self.set, &mut out);
            }
            if self.stage < stage {
                out.push(step.to_owned());
            }
        }
        settings("verify", self.verified, &mut out);
        out
    }
}

fn all_of(guard: &[GuardSetting]) -> u64 {
    (1u64 << guard.len().min(63)) - 1
}

/// The number of the guard setting that is just this.
fn exact(guard: &[GuardSetting], name: &str, value: &Text, presence: Presence) -> Option<usize> {
    let literal = match value.0.as_slice() {
        [Piece::Literal(literal)] => literal.as_str(),
        [] => "",
        _ => return None,
    };
    guard.iter().take(63).position(|setting| {
        setting.name == name
            && setting.value == literal
            && (presence == Presence::Always || setting.presence == Presence::WhereItExists)
    })
}

impl Proof {
    /// Nothing is proved.
    pub fn nothing(firmwares: &[Firmware]) -> Proof {
        Proof {
            resets: vec![Reset::default(); firmwares.len()],
            ..Proof::default()
        }
    }

    /// Whether something that is proved here is not proved in `after`.
    pub fn lost_in(&self, after: &Proof) -> bool {
        let back = self
            .resets
            .iter()
            .zip(&after.resets)
            .all(|(before, after)| before.stage > after.stage);
        (back && !self.resets.is_empty())
            || (self.power && !after.power)
            || (self.word && !after.word)
            || (self.dark && !after.dark)
            || (self.assumed && !after.assumed)
    }

    /// The whole proofs there are.
    pub fn kinds(&self, firmwares: &[Firmware]) -> Vec<&'static str> {
        let reset = self
            .resets
            .iter()
            .zip(firmwares)
            .any(|(reset, firmware)| reset.whole(&firmware.guard));
        [
            (reset, "FirmwareReset"),
            (self.power, "PowerOff"),
            (self.word, "OperatorWord"),
            (self.dark, "Dark"),
            (self.assumed, "Assumed"),
        ]
        .into_iter()
        .filter_map(|(there, kind)| there.then_some(kind))
        .collect()
    }

    /// What is missing, and the mend.
    pub fn missing(&self, firmwares: &[Firmware], breaks: bool) -> (String, String) {
        if self.besieged {
            let note =
                "to be the proof Dark it lacks, after `siege node`:\ndark node within …".to_owned();
            return (
                note,
                "wait until the node counts as dark: `dark node within 1h`".to_owned(),
            );
        }
        let best = self
            .resets
            .iter()
            .zip(firmwares)
            .max_by_key(|(reset, _)| (*reset).clone());
        let begun = best.filter(|(reset, _)| breaks || reset.stage > Stage::Nothing);
        if let Some((reset, firmware)) = begun {
            let note = format!(
                "to be the proof FirmwareReset it lacks, in this order, after the last `break` or `send`:\n{}",
                reset.missing(&firmware.guard).join("\n")
            );
            return (
                note,
                "add these steps, as `openboot_reset` in lib/openboot.chat has them".to_owned(),
            );
        }
        let note = "a fence ends with one of these proofs:\n\
                    FirmwareReset  live, identity, set …, mark, reset, live, unmarked, identity, verify …\n\
                    PowerOff       power off node within …\n\
                    Dark           siege node, dark node within …\n\
                    OperatorWord   word node within …";
        (
            note.to_owned(),
            "use `openboot_reset` of lib/openboot.chat, or take its steps over".to_owned(),
        )
    }
}
