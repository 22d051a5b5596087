//! The terminal server's transcript of a node, and what it proves. Nothing here asks clusterd.
//!
//! A transcript has lines with the time of their first byte. At a prompt that first byte is the
//! prompt's own, so the time of a typed line is that of the prompt it was typed at: earlier than
//! the typing. Where a boot must not come before something, that makes the check stricter.

use std::path::Path;

use crate::proof;

/// Milliseconds of the day, and on past midnight.
pub type Millis = u64;

/// All that a node said, and what was done to its console.
#[derive(Clone, Debug)]
pub struct Wire {
    lines: Vec<Line>,
}

#[derive(Clone, Debug)]
pub struct Line {
    pub at: Millis,
    pub text: String,
    /// The terminal server's own remark, not the node's text.
    pub remark: bool,
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

    pub fn parse(text: &str) -> Wire {
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
        proof::standing(&self.lines, at, host_id)
    }

    /// Whether the node's power was switched on.
    pub fn was_switched_on(&self) -> bool {
        self.lines
            .iter()
            .any(|line| line.remark && line.text == "node is powered on")
    }

    /// Whether the firmware died, which is QEMU's fault: its last words, or silence since it was
    /// told to reset or to boot, or since the kernel began to start.
    pub fn firmware_hung(&self) -> bool {
        let says = |text| self.says(text);
        if says("Unhandled Exception") || says("Stopping execution") || self.kernel_hung() {
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

    /// Whether the last kernel that began to start came neither to its login prompt nor to a panic,
    /// and has said nothing for a minute: under QEMU it now and then stops with "Happy Meal out of
    /// receive descriptors", and only echoes then.
    fn kernel_hung(&self) -> bool {
        let text = |line: &&Line| !line.remark && !line.text.trim().is_empty();
        let begun = self
            .lines
            .iter()
            .rposition(|line| !line.remark && line.text.contains("PROMLIB: Sun IEEE"));
        let Some(begun) = begun else {
            return false;
        };
        let since = &self.lines[begun..];
        let ends = ["login:", "panic", "No valid state has been set"];
        let ended = |line: &Line| {
            let switched = line.remark && line.text.starts_with("node is powered");
            let told = !line.remark && ends.iter().any(|end| line.text.contains(end));
            let prompt = line.text.split_whitespace().next() == Some("ok");
            switched || told || prompt && !line.remark
        };
        let last = since.iter().rev().find(text).map_or(0, |line| line.at);
        let end = since.last().map_or(0, |line| line.at);
        !since.iter().any(ended) && end > last + 60_000
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
pub fn typed(text: &str) -> &str {
    let mut text = text.trim();
    while let Some(rest) = text.strip_prefix("ok ") {
        text = rest.trim_start();
    }
    text
}

pub fn is_boot(typed: &str) -> bool {
    (typed == "boot" || typed.starts_with("boot ")) && !typed.contains("isn't unique")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_that_stops_while_it_starts_has_hung() {
        let start = "00:00:01.000 [    0.004] PROMLIB: Sun IEEE Boot Prom\n00:00:04.000 [    2.827974] hme eth0: packet dropped.\n";
        let hung = |rest: &str| Wire::parse(&format!("{start}{rest}")).firmware_hung();
        assert!(hung("00:01:30.000 \n"));
        assert!(!hung("00:00:30.000 \n"));
        assert!(!hung(
            "00:00:05.000 service console login: \n00:01:30.000 \n"
        ));
        assert!(!hung("00:00:05.000 ok \n00:01:30.000 \n"));
        assert!(!hung(
            "00:00:05.000 -- node is powered off\n00:01:30.000 \n"
        ));
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
