//! Questions that only a live firmware prompt can answer, and how an answer is judged:
//! the echo of what was typed, then exactly what the question wants, then the prompt.
//! Anything else is no answer yet, and at the end of its time none at all.

use crate::clock::Moment;
use crate::machine::making::Piece;
use crate::machine::node::Node;
use crate::mutant::Guard;
use crate::script::program::{Firmware, Presence};

/// An open question.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Asking {
    /// What is asked.
    pub ask: Ask,
    /// When it is given up.
    pub deadline: Moment,
    /// What was typed last, without its RETURN.
    pub typed: String,
    /// The answer that a nonce wants.
    pub sum: Option<String>,
}

/// The steps that questions consist of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Ask {
    /// A sum.
    Live,
    /// The Host ID.
    Identity,
    /// A boot parameter: is it there at all?
    Exists { name: String, value: String },
    /// A boot parameter is being set.
    Setting {
        name: String,
        value: String,
        presence: Presence,
    },
    /// A boot parameter is read back. `set`: after it was set.
    Reading {
        name: String,
        value: String,
        presence: Presence,
        set: bool,
    },
    /// The random word is being defined.
    Marking { word: String },
    /// The random word must answer.
    Marked { word: String },
    /// The random word must be unknown.
    Unmarked { word: String },
    /// A device must open and be read: the lines of that, and what was said to earlier ones. It is
    /// asked again once: OpenBIOS under QEMU fails a read now and then, as it does a boot.
    Opens {
        device: String,
        line: usize,
        before: String,
        again: bool,
    },
}

/// What became of a question when a prompt showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Not answered yet.
    NotYet,
    /// Answered rightly: a piece of a proof.
    Answered(Piece),
    /// Answered rightly; this is asked next.
    Next(Ask),
    /// A Host ID was shown where none is known.
    Learnt(String),
    /// Answered, and the answer is wrong.
    Wrong(String),
}

/// Fills a firmware template.
pub fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut text = template.to_owned();
    for (name, value) in values {
        text = text.replace(&format!("{{{name}}}"), value);
    }
    text
}

/// The sum of a nonce as the prompt answers it: 64-bit cells, hexadecimal.
pub fn sum(a: u32, b: u32) -> String {
    format!("{:x}", u64::from(a) + u64::from(b))
}

/// What stands behind the echo of what was typed, without the closing prompt.
/// `None` while the echo has not come whole.
fn body<'a>(talk: &'a str, typed: &str, echo: bool) -> Option<&'a str> {
    let start = match talk.find(typed) {
        Some(at) => at + typed.len(),
        // A console without echo says nothing of ours: all of it is the answer.
        None if !echo || Guard::AnswerEcho.gone() => 0,
        None => return None,
    };
    let rest = &talk[start..];
    let prompt = rest.rfind('\n')?;
    Some(&rest[..prompt])
}

fn lines(body: &str) -> Vec<&str> {
    body.lines()
        .map(str::trim)
        .filter(|l| !l.is_empty())
        .collect()
}

impl Asking {
    /// Judges what was said since the question was typed; called when a prompt shows.
    pub fn judge(&self, node: &Node, firmware: &Firmware) -> Verdict {
        let Some(body) = body(&node.talk, &self.typed, node.echo) else {
            return Verdict::NotYet;
        };
        let said = lines(body);
        match &self.ask {
            Ask::Live if self.answers_sum(&said) => Verdict::Answered(Piece::Live),
            Ask::Marking { word } if said.is_empty() && Guard::MarkAnswers.gone() => {
                Verdict::Answered(Piece::Mark(word.clone()))
            }
            Ask::Marking { word } if said.is_empty() => {
                Verdict::Next(Ask::Marked { word: word.clone() })
            }
            Ask::Marked { word } if self.answers_sum(&said) => {
                Verdict::Answered(Piece::Mark(word.clone()))
            }
            Ask::Live | Ask::Marking { .. } | Ask::Marked { .. } => Verdict::NotYet,
            Ask::Opens {
                device,
                line,
                before,
                again,
            } => {
                let before = [&[before.as_str()], said.as_slice()].concat();
                self.judge_opens(firmware, (device, *line, *again), &before)
            }
            Ask::Unmarked { word } => Self::judge_unmarked(node, firmware, word, &said),
            Ask::Identity => Self::judge_identity(node, firmware),
            Ask::Exists { name, value } => Self::judge_exists(node, firmware, name, value, &said),
            Ask::Setting { name, value, .. } if Guard::SetReadBack.gone() => {
                Verdict::Answered(Piece::Set(name.clone(), value.clone()))
            }
            Ask::Setting {
                name,
                value,
                presence,
            } => Verdict::Next(Ask::Reading {
                name: name.clone(),
                value: value.clone(),
                presence: *presence,
                set: true,
            }),
            Ask::Reading {
                name,
                value,
                presence,
                set,
            } => Self::judge_reading(node, firmware, (name, value), *presence, *set, &said),
        }
    }

    fn answers_sum(&self, said: &[&str]) -> bool {
        let Some(sum) = &self.sum else { return false };
        let right = |line: &&str| line == sum || Guard::AnswerSum.gone();
        match said {
            [only] => right(only),
            many => Guard::AnswerOnly.gone() && many.iter().any(|line| line == sum),
        }
    }

    /// A driver may say something before the sum.
    fn judge_opens(
        &self,
        firmware: &Firmware,
        (device, line, again): (&str, usize, bool),
        said: &[&str],
    ) -> Verdict {
        let told = |said: &[&str]| {
            let said: Vec<&str> = said
                .iter()
                .copied()
                .filter(|said| !said.is_empty())
                .collect();
            said.join("; ")
        };
        let ask = |line: usize, before: String, again: bool| {
            let device = device.to_owned();
            Verdict::Next(Ask::Opens {
                device,
                line,
                before,
                again,
            })
        };
        if line + 1 < firmware.opens.len() {
            return ask(line + 1, told(said), again);
        }
        match said {
            [.., last] if self.sum.as_deref() == Some(last) => Verdict::Answered(Piece::Opens),
            [_, ..] if !again => ask(0, String::new(), true),
            [before @ .., _] => {
                let before = told(before);
                let because = if before.is_empty() { "" } else { ": " };
                Verdict::Wrong(format!("{device} cannot be read{because}{before}"))
            }
            [] => Verdict::NotYet,
        }
    }

    fn judge_unmarked(node: &Node, firmware: &Firmware, word: &str, said: &[&str]) -> Verdict {
        let unknown = node.shown.iter().any(|(p, _)| *p == firmware.unknown);
        let unknown = unknown || Guard::UnmarkedUnknown.gone();
        let names = |only: &str| only.contains(word) || Guard::UnmarkedWord.gone();
        match said {
            [only] if unknown && names(only) => Verdict::Answered(Piece::Unmarked),
            [only] if !only.is_empty() && only.chars().all(|c| c.is_ascii_hexdigit()) => {
                Verdict::Wrong(format!(
                    "the word {word} is still known: the machine was not reset"
                ))
            }
            _ => Verdict::NotYet,
        }
    }

    fn judge_identity(node: &Node, firmware: &Firmware) -> Verdict {
        let ids: Vec<&str> = node
            .shown
            .iter()
            .filter(|(p, _)| *p == firmware.host_id)
            .flat_map(|(_, captures)| captures.iter())
            .filter(|(name, _)| name == "id")
            .map(|(_, id)| id.as_str())
            .collect();
        match (ids.as_slice(), node.host_id.as_deref()) {
            ([], _) => Verdict::NotYet,
            ([id], _) if *id == "ffffffff" && Guard::IdentityAllOnes.stands() => {
                Verdict::Wrong("the Host ID is all ones: the NVRAM is empty".to_owned())
            }
            ([.., id], Some(right)) if *id == right && Guard::IdentityOnce.gone() => {
                Verdict::Answered(Piece::Identity)
            }
            ([_], Some(_)) if Guard::IdentityRight.gone() => Verdict::Answered(Piece::Identity),
            ([id], Some(right)) if *id == right => Verdict::Answered(Piece::Identity),
            ([id], Some(right)) => Verdict::Wrong(format!("Host ID {id}, where {right} belongs")),
            ([id], None) => Verdict::Learnt((*id).to_owned()),
            _ => Verdict::Wrong("two banners in answer to one question".to_owned()),
        }
    }

    fn judge_exists(
        node: &Node,
        firmware: &Firmware,
        name: &str,
        value: &str,
        said: &[&str],
    ) -> Verdict {
        if said.len() != 1 && Guard::ExistsOnly.stands() {
            return Verdict::NotYet;
        }
        if node.shown.iter().any(|(p, _)| *p == firmware.absent) {
            return Verdict::Answered(Piece::Set(name.to_owned(), value.to_owned()));
        }
        if shown_value(node, firmware, name).is_some() {
            return Verdict::Next(Ask::Setting {
                name: name.to_owned(),
                value: value.to_owned(),
                presence: Presence::Always,
            });
        }
        Verdict::NotYet
    }

    fn judge_reading(
        node: &Node,
        firmware: &Firmware,
        (name, value): (&str, &str),
        presence: Presence,
        set: bool,
        said: &[&str],
    ) -> Verdict {
        if said.len() != 1 && Guard::ReadOnly.stands() {
            return Verdict::NotYet;
        }
        let absent = node.shown.iter().any(|(p, _)| *p == firmware.absent);
        let good = || {
            let (name, value) = (name.to_owned(), value.to_owned());
            Verdict::Answered(if set {
                Piece::Set(name, value)
            } else {
                Piece::Verified(name, value)
            })
        };
        match shown_value(node, firmware, name) {
            Some(is) if is == value || Guard::ReadValue.gone() => good(),
            Some(is) => Verdict::Wrong(format!("{name} reads {is:?}, not {value:?}")),
            None if absent && presence == Presence::WhereItExists => good(),
            None if absent && Guard::ReadPresence.gone() => good(),
            None if absent => Verdict::Wrong(format!("{name} does not exist")),
            None => Verdict::NotYet,
        }
    }
}

fn shown_value(node: &Node, firmware: &Firmware, name: &str) -> Option<String> {
    let mut values = node
        .shown
        .iter()
        .filter(|(p, _)| *p == firmware.shows)
        .filter(|(_, captures)| {
            let named = captures.iter().any(|(n, v)| n == "name" && v == name);
            named || Guard::ReadName.gone()
        })
        .flat_map(|(_, captures)| captures.iter())
        .filter(|(n, _)| n == "value")
        .map(|(_, v)| v.trim().to_owned());
    let first = values.next()?;
    (values.next().is_none() || Guard::ReadOnce.gone()).then_some(first)
}
