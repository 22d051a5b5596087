//! The terminal server's transcript of a node, and what it proves. Nothing here asks clusterd.
//!
//! A transcript has lines with the time of their first byte. At a prompt that first byte is the
//! prompt's own, so the time of a typed line is that of the prompt it was typed at: earlier than
//! the typing. Where a boot must not come before something, that makes the check stricter.

use std::path::Path;

/// Milliseconds of the day, and on past midnight.
type Millis = u64;

/// How long a proof on a console lives (design rule 3), and a line of grace for the clock.
const PROOF_LIFE: Millis = 61_000;

/// All that a node said, and what was done to its console.
#[derive(Clone, Debug)]
pub struct Wire {
    lines: Vec<Line>,
}

#[derive(Clone, Debug)]
struct Line {
    at: Millis,
    text: String,
    /// The terminal server's own remark, not the node's text.
    remark: bool,
}

/// A boot command whose echo stands on the wire.
#[derive(Clone, Debug)]
pub struct Boot {
    /// When the prompt was shown at which it was typed.
    pub at: Millis,
    /// What was typed.
    pub text: String,
}

impl Wire {
    pub fn read(path: &Path) -> Wire {
        let bytes = std::fs::read(path).unwrap_or_default();
        Wire::parse(&String::from_utf8_lossy(&bytes))
    }

    fn parse(text: &str) -> Wire {
        let (mut lines, mut days, mut last) = (Vec::new(), 0, 0);
        for line in text.lines() {
            let Some((time, text)) = line.split_at_checked(12) else {
                continue;
            };
            let Some(of_day) = millis(time) else { continue };
            // A relay's lines are in order: much earlier means the next day.
            if of_day + 43_200_000 < last {
                days += 1;
            }
            last = of_day;
            let text = text.strip_prefix(' ').unwrap_or(text);
            let remark = text.strip_prefix("-- ");
            lines.push(Line {
                at: of_day + days * 86_400_000,
                text: remark.unwrap_or(text).to_owned(),
                remark: remark.is_some(),
            });
        }
        Wire { lines }
    }

    /// How many lines there are now: a mark for [`Wire::since`].
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// What came after a mark.
    pub fn since(&self, mark: usize) -> Wire {
        let lines = self.lines.get(mark..).unwrap_or_default().to_vec();
        Wire { lines }
    }

    /// The last lines, for people.
    pub fn tail(&self, count: usize) -> String {
        let from = self.lines.len().saturating_sub(count);
        let lines: Vec<&str> = self.lines[from..]
            .iter()
            .map(|line| line.text.as_str())
            .collect();
        lines.join("\n")
    }

    /// Whether the node said this.
    pub fn says(&self, text: &str) -> bool {
        self.lines
            .iter()
            .any(|line| !line.remark && line.text.contains(text))
    }

    /// When clusterd's BREAKs came.
    pub fn breaks(&self) -> Vec<Millis> {
        let broken = |line: &&Line| line.remark && line.text.starts_with("BREAK from client");
        self.lines
            .iter()
            .filter(broken)
            .map(|line| line.at)
            .collect()
    }

    /// Boot commands that no operator typed.
    pub fn boots_by_client(&self) -> Vec<Boot> {
        let mut boots = Vec::new();
        let mut operator: Option<String> = None;
        for line in &self.lines {
            if line.remark {
                if let Some(typed) = line.text.strip_prefix("operator types '") {
                    operator = Some(
                        typed
                            .trim_end_matches('\'')
                            .trim_end_matches("\\r")
                            .to_owned(),
                    );
                }
                continue;
            }
            let typed = typed(&line.text);
            if operator
                .as_deref()
                .is_some_and(|by_hand| !by_hand.is_empty() && typed.starts_with(by_hand))
            {
                operator = None;
                continue;
            }
            if is_boot(typed) {
                boots.push(Boot {
                    at: line.at,
                    text: typed.to_owned(),
                });
            }
        }
        boots
    }

    /// When the last whole proof was complete that still held at `at`, or what was missing: nonce,
    /// Host ID, the guard set and read back, the mark, reset, nonce, mark unknown, Host ID, and
    /// all read back, in this order, with nothing between that makes them worthless.
    pub fn proved_at(&self, at: Millis, host_id: &str) -> Result<Millis, String> {
        let mut proof = Proof::new(host_id);
        for line in self.lines.iter().take_while(|line| line.at <= at) {
            proof.take(line);
        }
        match proof.born {
            Some(born) if at <= born + PROOF_LIFE => Ok(born),
            Some(born) => Err(format!("the proof was {} ms old", at - born)),
            None => Err(format!(
                "no proof: it got as far as {:?}",
                STEPS[proof.next]
            )),
        }
    }

    /// Whether the firmware died, which is QEMU's fault: its last words, or silence since it was
    /// told to reset or to boot.
    pub fn firmware_hung(&self) -> bool {
        if self.says("Unhandled Exception") || self.says("Stopping execution") {
            return true;
        }
        let Some(last) = self
            .lines
            .iter()
            .rev()
            .find(|line| !line.remark && !line.text.trim().is_empty())
        else {
            return false;
        };
        let end = self.lines.last().map_or(0, |line| line.at);
        let starts = [
            "reset-all",
            "Resetting ...",
            "OpenBIOS for Sparc64",
            "kernel cmdline",
            "CPUs: ",
            "UUID: ",
            "isn't unique.",
        ];
        let starting =
            starts.iter().any(|text| last.text.contains(text)) || is_boot(typed(&last.text));
        starting && end > last.at + 30_000
    }
}

/// `23:14:24.530`
fn millis(time: &str) -> Option<Millis> {
    let (clock, fraction) = time.split_once('.')?;
    let seconds = clock
        .split(':')
        .try_fold(0, |sum, part| Some(sum * 60 + part.parse::<u64>().ok()?))?;
    Some(seconds * 1000 + fraction.parse::<u64>().ok()?)
}

/// What was typed at the prompt, with whatever was answered on the same line.
fn typed(text: &str) -> &str {
    let mut text = text.trim();
    while let Some(rest) = text.strip_prefix("ok ") {
        text = rest.trim_start();
    }
    text
}

fn is_boot(typed: &str) -> bool {
    (typed == "boot" || typed.starts_with("boot ")) && !typed.contains("isn't unique")
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

    #[test]
    fn boots_typed_by_hand_are_not_the_clients() {
        let text = "00:00:01.000 -- operator types 'boot disk\\r'\n00:00:01.001 boot disk Not a Linux kernel image\n\
                    00:00:02.000 ok boot disk Not a Linux kernel image\n00:00:03.000 boot isn't unique.\n";
        let boots = Wire::parse(text).boots_by_client();
        assert_eq!(boots.len(), 1);
        assert_eq!(boots[0].at, 2000);
    }
}
