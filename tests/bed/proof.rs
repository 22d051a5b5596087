//! A fence as the terminal server saw it: what design rule 2 asks for, piece by piece, and what
//! makes it worthless. Written from the rule and from what the consoles say, not from clusterd.

use crate::wire::{Line, Millis, is_boot, typed};

/// How long a proof on a console lives (design rule 3), and a line of grace for the clock.
const PROOF_LIFE: Millis = 61_000;

/// When the last whole proof was complete that still held at `at`, or what was missing.
pub fn standing(lines: &[Line], at: Millis, host_id: &str) -> Result<Millis, String> {
    let mut proof = Proof::new(host_id);
    for line in lines.iter().take_while(|line| line.at <= at) {
        proof.take(line);
    }
    match proof.born {
        Some(born) if at <= born + PROOF_LIFE => Ok(born),
        Some(born) => Err(format!("the proof was {} ms old", at - born)),
        None => Err(format!("no proof: it lacks {:?}", STEPS[proof.next])),
    }
}

/// A step of a proof as it looks on the wire.
#[derive(Clone, Copy, Debug)]
enum Step {
    Nonce,
    HostId,
    Typed(&'static str),
    Mark,
    Reset,
    Unmarked,
    Reads(&'static str, &'static str),
}

struct Proof {
    host_id: String,
    next: usize,
    /// The command of the next step was seen, its answer not yet.
    asked: bool,
    mark: Option<String>,
    born: Option<Millis>,
}

/// In this order (design rule 2).
const STEPS: &[Step] = &[
    Step::Nonce,
    Step::HostId,
    Step::Typed("setenv auto-boot? false"),
    Step::Reads("auto-boot?", "false"),
    Step::Typed("setenv boot-device clusterd-none"),
    Step::Reads("boot-device", "clusterd-none"),
    Step::Mark,
    Step::Reset,
    Step::Nonce,
    Step::Unmarked,
    Step::HostId,
    Step::Reads("auto-boot?", "false"),
    Step::Reads("boot-device", "clusterd-none"),
];

impl Proof {
    fn new(host_id: &str) -> Proof {
        Proof {
            host_id: format!("Host ID: {host_id}"),
            next: 0,
            asked: false,
            mark: None,
            born: None,
        }
    }

    fn take(&mut self, line: &Line) {
        if worthless(line) {
            (self.next, self.asked, self.mark, self.born) = (0, false, None, None);
        }
        if line.remark || self.born.is_some() {
            return;
        }
        let typed = typed(&line.text);
        let made = match STEPS[self.next] {
            Step::Nonce => is_nonce(typed),
            Step::HostId => {
                self.asked |= typed.starts_with("banner");
                self.asked && line.text.contains(&self.host_id)
            }
            Step::Typed(command) => typed == command,
            Step::Mark => self.marks(typed),
            Step::Reset => typed.starts_with("reset-all"),
            Step::Unmarked => {
                let mark = self.mark.clone().unwrap_or_default();
                typed.starts_with(&mark) && typed.ends_with(": undefined word.")
            }
            Step::Reads(name, value) => self.reads(typed, &line.text, name, value),
        };
        if made {
            self.next += 1;
            self.asked = false;
        }
        if self.next == STEPS.len() {
            (self.next, self.born) = (0, Some(line.at));
        }
    }

    /// `printenv NAME`, then `NAME = VALUE`.
    fn reads(&mut self, typed: &str, text: &str, name: &str, value: &str) -> bool {
        if typed.starts_with("printenv ") {
            self.asked = typed == format!("printenv {name}");
            return false;
        }
        let shown = text
            .split_once('=')
            .map(|(name, value)| (name.trim(), value.trim()));
        self.asked && shown == Some((name, value))
    }

    /// `: mk… A B + u. ;`, and then `mk… SUM`: the word is there before the reset.
    fn marks(&mut self, typed: &str) -> bool {
        let words: Vec<&str> = typed.split_whitespace().collect();
        match (words.as_slice(), &self.mark) {
            ([":", word, .., ";"], _) => {
                self.mark = Some((*word).to_owned());
                false
            }
            ([word, sum], Some(mark)) => word == mark && u64::from_str_radix(sum, 16).is_ok(),
            _ => false,
        }
    }
}

/// What makes all steps before it worthless: BREAK (whoever sent it), a new connection, power,
/// a system that loads, runs or goes on.
fn worthless(line: &Line) -> bool {
    if line.remark {
        let text = line.text.as_str();
        return [
            "BREAK from",
            "client ",
            "operator types",
            "node is powered",
            "console cut",
            "thawed",
        ]
        .iter()
        .any(|what| text.starts_with(what));
    }
    let typed = typed(&line.text);
    let text = line.text.as_str();
    is_boot(typed)
        || typed == "go"
        || [
            "Rebooting with command",
            "Loading a.out image",
            "console login: ",
            "Linux version ",
        ]
        .iter()
        .any(|what| text.contains(what))
}

/// `hex A B + u. SUM`, and the sum is right.
fn is_nonce(typed: &str) -> bool {
    let words: Vec<&str> = typed.split_whitespace().collect();
    let number = |word: &str| u64::from_str_radix(word, 16).ok();
    match words.as_slice() {
        ["hex", a, b, "+", "u.", sum, ..] => {
            matches!((number(a), number(b), number(sum)), (Some(a), Some(b), Some(sum)) if a + b == sum)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Wire;

    /// A fence and what may be done to it.
    fn fence(change: impl Fn(&str) -> Option<String>) -> Result<Millis, String> {
        let lines = [
            "-- BREAK from client 10.78.0.9:1",
            "Type  'go' to resume",
            "ok hex 0000000a 00000002 + u. c ",
            "ok banner ",
            "Ethernet address 52:54:0:77:0:a, Host ID: 80770001.",
            "ok setenv auto-boot? false ",
            "auto-boot? =            false",
            "ok printenv auto-boot? ",
            "auto-boot? =            false",
            "ok setenv boot-device clusterd-none ",
            "boot-device =              clusterd-none",
            "ok printenv boot-device ",
            "boot-device =              clusterd-none",
            "ok printenv error-reset-recovery ",
            "error-reset-recovery is not a configuration variable.",
            "ok : mk01 0000000a 00000003 + u. ; ",
            "ok mk01 d ",
            "ok reset-all OpenBIOS for Sparc64",
            "boot isn't unique.",
            "ok hex 00000001 00000002 + u. 3 ",
            "ok mk01 mk01: undefined word.",
            "ok banner ",
            "Ethernet address 52:54:0:77:0:a, Host ID: 80770001.",
            "ok printenv auto-boot? ",
            "auto-boot? =            false",
            "ok printenv boot-device ",
            "boot-device =              clusterd-none",
        ];
        let mut text = String::new();
        for (second, line) in lines.iter().enumerate() {
            if let Some(line) = change(line) {
                text += &format!("00:00:{second:02}.000 {line}\n");
            }
        }
        Wire::parse(&text).proved_at(40_000, "80770001")
    }

    #[test]
    fn a_whole_fence_is_a_proof() {
        assert_eq!(fence(|line| Some(line.to_owned())), Ok(26_000));
    }

    #[test]
    fn a_fence_that_lacks_a_piece_is_none() {
        for lacking in [
            "hex",
            "banner",
            "printenv auto-boot?",
            "printenv boot-device",
            ": mk01",
            "mk01 d",
            "reset-all",
            "mk01 mk01:",
            "Host ID: 80770001",
            "boot-device =",
        ] {
            let proof = fence(|line| (!line.contains(lacking)).then(|| line.to_owned()));
            assert!(proof.is_err(), "without {lacking}: {proof:?}");
        }
    }

    #[test]
    fn wrong_answers_and_what_comes_between_make_it_none() {
        for (line, instead) in [
            (
                "ok hex 00000001 00000002 + u. 3 ",
                "ok hex 00000001 00000002 + u. 4 ",
            ),
            (
                "Ethernet address 52:54:0:77:0:a, Host ID: 80770001.",
                "Host ID: 80770002.",
            ),
            (
                "auto-boot? =            false",
                "auto-boot? =            true",
            ),
            ("ok mk01 mk01: undefined word.", "ok mk01 d "),
            ("boot isn't unique.", "Rebooting with command: boot"),
            ("boot isn't unique.", "-- BREAK from client 10.78.0.9:1"),
        ] {
            let proof = fence(|is| Some(if is == line { instead } else { is }.to_owned()));
            assert!(proof.is_err(), "{instead}: {proof:?}");
        }
    }
}
