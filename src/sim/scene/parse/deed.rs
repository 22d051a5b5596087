//! What is done in a scene.

use super::Reader;
use super::rest::{Fault, Rest, wrong};
use crate::machine::input::Verdict;
use crate::script::nearest;
use crate::script::program::OperatorWord;
use crate::sim::fault::Shutdown;
use crate::sim::nvram::NvramFault;
use crate::sim::rig::ConsoleLink;
use crate::sim::scene::words::Word;
use crate::sim::scene::{Deed, MonitorCable, ProcessorWay, Security};
use crate::sim::spec::RebootsFrom;
use crate::sim::wire::BreakWay;
use crate::sim::world::{Interrupt, Interruption, JournalState, LegWay, PingWay};

/// The first words of all lines, for a wrong one's nearest neighbour.
const FIRST_WORDS: &[&str] = &[
    "scene",
    "node",
    "policy",
    "network-loss",
    "console-silent",
    "switches",
    "failures",
    "dark-after",
    "power-legs",
    "processor",
    "hook",
    "stop",
    "times",
    "seed",
    "param",
    "start",
    "mark",
    "panic",
    "hang",
    "hang-userland",
    "freeze",
    "thaw",
    "power",
    "cable",
    "address",
    "break",
    "deaf",
    "hears",
    "lose-breaks",
    "fail-boots",
    "fail-resets",
    "nvram",
    "setenv",
    "reboot",
    "halt",
    "poweroff",
    "reset",
    "type",
    "link",
    "noise",
    "swap",
    "carrier",
    "stray-break",
    "disk-label",
    "disk-path",
    "monitor-cable",
    "operator",
    "kill",
    "interrupt",
    "gateway",
    "witness",
    "restart",
    "reload",
    "loop-boots",
    "fsck",
    "slow",
    "after-panic",
    "reboots-from",
    "spontaneous-reboot",
    "debugger",
    "security",
    "says",
    "flood",
    "split",
    "delay",
    "loss",
    "terminal-server",
    "site",
    "maintenance",
    "out-of-service",
    "person",
    "legs",
    "sp",
    "pings",
    "drop-replies",
    "clock",
    "stand-still",
    "journal",
    "hook-says",
    "let-loose",
    "pass",
    "until",
    "expect",
];

/// The most that one flood pours out, in KiB.
const LARGEST_FLOOD: u32 = 16 * 1024;

impl Reader {
    pub(super) fn deed(&self, first: &Word, rest: &mut Rest<'_>) -> Result<Deed, Fault> {
        let flag = |rest: &mut Rest<'_>, yes, no| rest.choice(&[(yes, true), (no, false)]);
        Ok(match first.text.as_str() {
            "panic" => Deed::Panic(self.node(rest)?),
            "hang" => Deed::Hang(self.node(rest)?),
            "hang-userland" => Deed::HangUserland(self.node(rest)?),
            "freeze" => Deed::Freeze(self.node(rest)?),
            "thaw" => Deed::Thaw(self.node(rest)?),
            "power" => Deed::Power(self.node(rest)?, flag(rest, "on", "off")?),
            "cable" => Deed::Cable(self.node(rest)?, flag(rest, "in", "out")?),
            "address" => Deed::Address(self.node(rest)?, flag(rest, "there", "gone")?),
            "break" => self.breaks(rest)?,
            "deaf" => Deed::Deaf(self.node(rest)?, true),
            "hears" => Deed::Deaf(self.node(rest)?, false),
            "lose-breaks" => Deed::LoseBreaks(self.node(rest)?, rest.number("how many")?),
            "fail-boots" => Deed::FailBoots(self.node(rest)?, rest.number("how many")?),
            "fail-resets" => Deed::FailResets(self.node(rest)?, rest.number("how many")?),
            "nvram" => Deed::Nvram(
                self.node(rest)?,
                rest.choice(&[
                    ("keeps", NvramFault::None),
                    ("forgets", NvramFault::LostAtReset),
                    ("ignores", NvramFault::Ignored),
                ])?,
            ),
            "setenv" => {
                let node = self.node(rest)?;
                let name = rest.next("the variable's name")?.text.clone();
                Deed::Setenv(node, name, rest.next("its value")?.text.clone())
            }
            "reboot" => Deed::Shutdown(self.node(rest)?, Shutdown::Reboot),
            "halt" => Deed::Shutdown(self.node(rest)?, Shutdown::Halt),
            "poweroff" => Deed::Shutdown(self.node(rest)?, Shutdown::PowerOff),
            "reset" => Deed::ErrorReset(self.node(rest)?),
            "type" => {
                let node = self.node(rest)?;
                let text = rest.next("what is typed, in quotes")?.text.clone();
                match unended(rest)? {
                    true => Deed::TypeUnended(node, text),
                    false => Deed::Type(node, text),
                }
            }
            "link" => Deed::Link(
                self.node(rest)?,
                rest.choice(&[
                    ("up", ConsoleLink::Up),
                    ("refused", ConsoleLink::Refused),
                    ("hung", ConsoleLink::Hung),
                ])?,
            ),
            "noise" => Deed::Noise(
                self.node(rest)?,
                rest.share("how many of a thousand bytes")?,
            ),
            "swap" => Deed::Swap(self.node(rest)?, self.node(rest)?),
            "carrier" => Deed::Carrier(self.node(rest)?, flag(rest, "there", "lost")?),
            "stray-break" => Deed::StrayBreak,
            "disk-label" => Deed::DiskLabel(flag(rest, "corrupt", "sound")?),
            "disk-path" => Deed::DiskPath(self.node(rest)?, flag(rest, "dead", "alive")?),
            "monitor-cable" => {
                let which = rest.choice(&[
                    ("service", MonitorCable::Service),
                    ("console", MonitorCable::Console),
                ])?;
                Deed::MonitorCable(which, flag(rest, "in", "out")?)
            }
            "operator" => self.operator(rest)?,
            "kill" => kill(rest)?,
            "restart" => match rest.peek() {
                None => Deed::Restart(true),
                Some(_) => {
                    rest.literal("without")?;
                    rest.literal("journal")?;
                    Deed::Restart(false)
                }
            },
            "reload" => Deed::Reload,
            "let-loose" => Deed::LetLoose,
            "sp" => {
                let there = self.bench.processor.is_some();
                wants(there, first, "service processor", "processor alom")?;
                Deed::Processor(self.node(rest)?, rest.choice(&ProcessorWay::ALL)?)
            }
            "hook-says" => {
                let there = !self.bench.gates.is_empty();
                wants(there, first, "hook", "hook before-boot veto 30s")?;
                hook_says(rest)?
            }
            _ => return self.bent(first, rest),
        })
    }

    /// The deeds that bend things, not break them.
    fn bent(&self, first: &Word, rest: &mut Rest<'_>) -> Result<Deed, Fault> {
        let flag = |rest: &mut Rest<'_>, yes, no| rest.choice(&[(yes, true), (no, false)]);
        Ok(match first.text.as_str() {
            "loop-boots" => Deed::LoopBoots(self.node(rest)?, rest.number("how many")?),
            "fsck" => Deed::DiskCheck(self.node(rest)?, rest.span()?),
            "slow" => Deed::Slow(self.node(rest)?, rest.span()?),
            "after-panic" => Deed::AfterPanic(self.node(rest)?, flag(rest, "reboots", "stays")?),
            "reboots-from" => Deed::RebootsFrom(
                self.node(rest)?,
                rest.choice(&[
                    ("boot-device", RebootsFrom::BootDevice),
                    ("last-device", RebootsFrom::LastDevice),
                ])?,
            ),
            "spontaneous-reboot" => Deed::SpontaneousReboot(self.node(rest)?),
            "debugger" => Deed::Debugger(self.node(rest)?, flag(rest, "loaded", "gone")?),
            "security" => Deed::Security(
                self.node(rest)?,
                rest.choice(&[
                    ("none", Security::None),
                    ("command", Security::Command),
                    ("full", Security::Full),
                ])?,
            ),
            "says" => {
                let node = self.node(rest)?;
                let text = rest.next("what it prints, in quotes")?.text.clone();
                Deed::Says(node, text, !unended(rest)?)
            }
            "flood" => Deed::Flood(
                self.node(rest)?,
                rest.within("how many KiB", 0..=LARGEST_FLOOD)?,
            ),
            "split" => Deed::Split(self.node(rest)?, flag(rest, "on", "off")?),
            "delay" => Deed::Delay(self.node(rest)?, rest.span()?),
            "loss" => Deed::Loss(
                self.node(rest)?,
                rest.share("how many of a thousand bytes")?,
            ),
            "terminal-server" => Deed::TerminalServer(flag(rest, "on", "off")?),
            "site" => Deed::Site(flag(rest, "on", "off")?),
            "maintenance" => self.maintenance(rest)?,
            "out-of-service" => self.out_of_service(rest)?,
            "person" => self.person(rest)?,
            "legs" => {
                // `power-legs 0` says that it is known: so write the random scenes.
                let there = self.said.contains("power-legs");
                wants(there, first, "power leg", "power-legs 1")?;
                let ways = [
                    ("well", LegWay::Well),
                    ("lie-once", LegWay::LieOnce),
                    ("hang", LegWay::Hang),
                    ("unknown", LegWay::Unknown),
                ];
                Deed::Legs(self.node(rest)?, rest.choice(&ways)?)
            }
            "pings" => Deed::Pings(
                match rest.choice(&[("well", 0), ("lost", 1), ("late", 2), ("twice", 3)])? {
                    0 => PingWay::Well,
                    1 => PingWay::Lost(rest.share("how many of a thousand")?),
                    2 => PingWay::Late(rest.span()?),
                    _ => PingWay::Twice,
                },
            ),
            "drop-replies" => Deed::DropReplies(rest.number("how many")?),
            "clock" => {
                let ahead = flag(rest, "ahead", "back")?;
                let word = rest.peek();
                let by = rest.span()?;
                if let Some(word) = word.filter(|_| by.subsec_nanos() > 0) {
                    return Err(wrong(word, "whole seconds"));
                }
                let by = i64::try_from(by.as_secs()).unwrap_or(i64::MAX);
                Deed::Clock(if ahead { by } else { -by })
            }
            "stand-still" => Deed::StandStill(rest.span()?),
            "interrupt" => {
                let action = rest.within("the number of the action", 1..=u64::MAX)?;
                let how = rest.choice(&Interrupt::ALL.map(|how| (how.word(), how)))?;
                rest.literal("for")?;
                let lasts = rest.span()?;
                Deed::Interrupt(Interruption { action, how, lasts })
            }
            "gateway" => Deed::Gateway(flag(rest, "answers", "silent")?),
            "witness" => Deed::Witness(flag(rest, "answers", "silent")?),
            "journal" => {
                match rest.choice(&[("well", 0), ("fails", 1), ("slow", 2), ("torn", 3)])? {
                    0 => Deed::Journal(JournalState::Well),
                    1 => Deed::Journal(JournalState::Fails),
                    2 => Deed::Journal(JournalState::Slow(rest.span()?)),
                    _ => Deed::TearJournal,
                }
            }
            _ => return Err(unknown(first)),
        })
    }

    fn breaks(&self, rest: &mut Rest<'_>) -> Result<Deed, Fault> {
        let node = self.node(rest)?;
        Ok(
            match rest.choice(&[
                ("heeded", 0),
                ("ignored", 1),
                ("straight", 2),
                ("late", 3),
                ("twice", 4),
            ])? {
                0 => Deed::BreakHeeded(node, true),
                1 => Deed::BreakHeeded(node, false),
                2 => Deed::BreakWay(node, BreakWay::Straight),
                3 => Deed::BreakWay(node, BreakWay::Late(rest.span()?)),
                _ => Deed::BreakWay(node, BreakWay::Twice(rest.span()?)),
            },
        )
    }

    fn maintenance(&self, rest: &mut Rest<'_>) -> Result<Deed, Fault> {
        let words = ["for", "ends"];
        let whole = rest
            .peek()
            .is_some_and(|w| words.contains(&w.text.as_str()));
        let node = match whole {
            true => None,
            false => Some(self.node(rest)?),
        };
        Ok(match rest.choice(&[("for", true), ("ends", false)])? {
            true => Deed::Maintenance(node, Some(rest.span()?)),
            false => Deed::Maintenance(node, None),
        })
    }

    fn out_of_service(&self, rest: &mut Rest<'_>) -> Result<Deed, Fault> {
        let node = self.node(rest)?;
        Ok(match rest.choice(&[("for", true), ("back", false)])? {
            true => Deed::OutOfService(node, Some(rest.span()?)),
            false => Deed::OutOfService(node, None),
        })
    }

    fn person(&self, rest: &mut Rest<'_>) -> Result<Deed, Fault> {
        let node = self.node(rest)?;
        Ok(
            match rest.choice(&[("types", 0), ("breaks", 1), ("leaves", 2)])? {
                0 => Deed::PersonTypes(node, rest.next("what is typed, in quotes")?.text.clone()),
                1 => Deed::PersonBreaks(node),
                _ => Deed::PersonLeaves(node),
            },
        )
    }

    fn operator(&self, rest: &mut Rest<'_>) -> Result<Deed, Fault> {
        let word = rest.choice(&[
            ("release", OperatorWord::Release),
            ("adopt", OperatorWord::Adopt),
            ("confirm", OperatorWord::Confirm),
            ("well", OperatorWord::Well),
            ("switchover", OperatorWord::Switchover),
            ("failback", OperatorWord::Failback),
            ("hold", OperatorWord::Hold),
            ("boot", OperatorWord::Boot),
            ("fence", OperatorWord::FenceStandby),
            ("drill", OperatorWord::Drill),
        ])?;
        let node = match (word, rest.peek()) {
            (OperatorWord::Confirm | OperatorWord::Boot | OperatorWord::FenceStandby, _)
            | (OperatorWord::Adopt, Some(_)) => Some(self.node(rest)?),
            _ => None,
        };
        Ok(match word {
            OperatorWord::Release
            | OperatorWord::Adopt
            | OperatorWord::Confirm
            | OperatorWord::Well => Deed::Operator(word, node),
            _ => Deed::Order(word, node, force(rest)?),
        })
    }
}

fn kill(rest: &mut Rest<'_>) -> Result<Deed, Fault> {
    if rest.peek().is_none() {
        return Ok(Deed::Kill(0));
    }
    if rest.choice(&[("after", true), ("at", false)])? {
        let entries = rest.number("how many journal entries")?;
        rest.choice(&[("entries", ()), ("entry", ())])?;
        return Ok(Deed::Kill(entries));
    }
    let actions = rest.number("how many actions")?;
    rest.choice(&[("actions", ()), ("action", ())])?;
    Ok(Deed::KillAt(actions))
}

fn hook_says(rest: &mut Rest<'_>) -> Result<Deed, Fault> {
    let verdict = match rest.choice(&[("well", 0), ("no", 1), ("not-here", 2), ("nothing", 3)])? {
        0 => Verdict::GoOn,
        1 => Verdict::No,
        2 => Verdict::NotHere,
        _ => Verdict::None("it hung".to_owned()),
    };
    rest.literal("after")?;
    Ok(Deed::HookSays(verdict, rest.span()?))
}

/// Whether the line says `force`.
fn force(rest: &mut Rest<'_>) -> Result<bool, Fault> {
    if rest.peek().is_none() {
        return Ok(false);
    }
    rest.literal("force")?;
    Ok(true)
}

/// Whether the line says that no new line follows the text.
fn unended(rest: &mut Rest<'_>) -> Result<bool, Fault> {
    if rest.peek().is_none() {
        return Ok(false);
    }
    rest.literal("unended")?;
    Ok(true)
}

/// A deed wants something that it is done to.
fn wants(there: bool, deed: &Word, what: &str, line: &str) -> Result<(), Fault> {
    if there {
        return Ok(());
    }
    let fault = Fault::error(deed.span, format!("no node of this scene has a {what}"));
    Err(fault.help(format!("say so before the first step: {line}")))
}

fn unknown(word: &Word) -> Fault {
    let known: Vec<String> = FIRST_WORDS.iter().map(|word| (*word).to_owned()).collect();
    let fault = Fault::error(word.span, format!("a scene has no `{}`", word.text));
    match nearest(&word.text, &known) {
        Some(near) => fault.help(format!("did you mean `{near}`?")),
        None => fault.help("docs/scenes.md shows every word"),
    }
}
