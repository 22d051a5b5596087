//! Lines to a [`Scene`]: the cluster first, then the steps.

use std::time::Duration;

use super::words::{Line, Word, lines};
use super::{
    Bench, BenchNode, Deed, Hold, MonitorCable, NodeIs, PATIENCE, Scene, Start, Step, VERSION,
};
use crate::machine::setup::{Cap, DataPolicy, LegPolicy};
use crate::script::diagnostic::{Diagnostic, Sources, Span};
use crate::script::nearest;
use crate::script::program::OperatorWord;
use crate::sim::fault::Shutdown;
use crate::sim::nvram::NvramFault;
use crate::sim::rig::ConsoleLink;
use crate::sim::spec::Times;

/// The most lines of a scene.
const LONGEST: usize = 5000;

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
    "restart",
    "let-loose",
    "pass",
    "until",
    "expect",
];

/// Reads a scene. `path` is how people know the text.
///
/// # Errors
/// All that is wrong with it.
pub fn parse(path: &str, text: &str, sources: &mut Sources) -> Result<Scene, Vec<Diagnostic>> {
    let source = sources.add(path, text);
    let mut faults = Vec::new();
    let lines = lines(source, text, &mut faults);
    if lines.len() > LONGEST {
        let span = Span::new(source, 0..0);
        return Err(vec![Diagnostic::error(
            span,
            format!("a scene has at most {LONGEST} lines"),
        )]);
    }
    let mut reader = Reader {
        bench: Bench::default(),
        title: None,
        steps: Vec::new(),
    };
    for line in &lines {
        if let Err(fault) = reader.line(line) {
            faults.push(*fault.0);
        }
    }
    if reader.title.is_none() && faults.is_empty() {
        let span = Span::new(source, 0..0);
        let fault = Diagnostic::error(span, "this is no scene: its first line is missing");
        faults.push(fault.help(format!("begin with: scene {VERSION} \"what it shows\"")));
    }
    if faults.is_empty() {
        Ok(Scene {
            title: reader.title.unwrap_or_default(),
            bench: reader.bench,
            steps: reader.steps,
        })
    } else {
        Err(faults)
    }
}

impl Default for Bench {
    fn default() -> Bench {
        let hour = Duration::from_secs(3600);
        Bench {
            nodes: Vec::new(),
            policy: DataPolicy::Adaptability,
            network_loss: LegPolicy::Alarm,
            console_silent: LegPolicy::Alarm,
            switches: Cap {
                max: 6,
                within: hour,
            },
            failures: Cap {
                max: 100,
                within: hour,
            },
            dark_after: Duration::from_secs(60),
            power_legs: 0,
            times: Times::BED,
            seed: 1,
            params: Vec::new(),
            start: Start::Adopted,
        }
    }
}

/// What is wrong with a line. In a box, for it is far larger than what is read.
struct Fault(Box<Diagnostic>);

impl Fault {
    fn error(span: Span, message: impl Into<String>) -> Fault {
        Fault(Box::new(Diagnostic::error(span, message)))
    }

    fn help(self, help: impl Into<String>) -> Fault {
        Fault(Box::new(self.0.help(help)))
    }

    fn note(self, note: impl Into<String>) -> Fault {
        Fault(Box::new(self.0.note(note)))
    }
}

struct Reader {
    bench: Bench,
    title: Option<String>,
    steps: Vec<(Span, Step)>,
}

/// The words of one line that are still to be read.
struct Rest<'a> {
    words: std::slice::Iter<'a, Word>,
    line: Span,
    last: Span,
}

impl<'a> Rest<'a> {
    fn next(&mut self, wanted: &str) -> Result<&'a Word, Fault> {
        let word = self
            .words
            .next()
            .ok_or_else(|| Fault::error(self.last.after(), format!("{wanted} is missing here")))?;
        self.last = word.span;
        Ok(word)
    }

    fn peek(&self) -> Option<&'a Word> {
        self.words.clone().next()
    }

    fn end(mut self) -> Result<(), Fault> {
        match self.words.next() {
            None => Ok(()),
            Some(word) => Err(Fault::error(word.span, "this is too much on the line")),
        }
    }

    fn number<T: std::str::FromStr>(&mut self, wanted: &str) -> Result<T, Fault> {
        let word = self.next(wanted)?;
        word.text.parse().map_err(|_| wrong(word, wanted))
    }

    fn span(&mut self) -> Result<Duration, Fault> {
        let word = self.next("a time")?;
        humantime::parse_duration(&word.text).map_err(|_| wrong(word, "a time as 90s, 5m or 2h"))
    }

    /// One of some words, each with what it means.
    fn choice<T: Clone>(&mut self, choices: &[(&str, T)]) -> Result<T, Fault> {
        let all: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        let wanted = all.join(", ");
        let word = self.next(&wanted)?;
        let found = choices.iter().find(|(name, _)| *name == word.text);
        found
            .map(|(_, meant)| meant.clone())
            .ok_or_else(|| wrong(word, &wanted))
    }

    fn literal(&mut self, wanted: &str) -> Result<(), Fault> {
        self.choice(&[(wanted, ())])
    }
}

fn wrong(word: &Word, wanted: &str) -> Fault {
    Fault::error(word.span, format!("`{}` will not do here", word.text))
        .help(format!("write {wanted}"))
}

impl Reader {
    fn line(&mut self, line: &Line) -> Result<(), Fault> {
        let mut rest = Rest {
            words: line.words.iter(),
            line: line.span,
            last: line.span,
        };
        let first = rest.next("a word")?;
        if self.title.is_none() && first.text != "scene" {
            let fault = Fault::error(first.span, "a scene begins with its version and title");
            return Err(fault.help(format!("write: scene {VERSION} \"what it shows\"")));
        }
        if self.header(first, &mut rest)? {
            return rest.end();
        }
        let step = self.step(first, &mut rest)?;
        self.steps.push((rest.line, step));
        rest.end()
    }

    /// Takes a line about the cluster; false for any other.
    fn header(&mut self, first: &Word, rest: &mut Rest<'_>) -> Result<bool, Fault> {
        let bench = &mut self.bench;
        match first.text.as_str() {
            "scene" if self.title.is_some() => {
                return Err(Fault::error(first.span, "a file holds one scene"));
            }
            "scene" => {
                let version = rest.next("the version")?;
                if version.text != VERSION.to_string() {
                    let fault = Fault::error(
                        version.span,
                        format!(
                            "scenes of version {} are not read by this clusterd",
                            version.text
                        ),
                    );
                    return Err(fault.help(format!("write: scene {VERSION} \"what it shows\"")));
                }
                self.title = Some(rest.next("a title in quotes")?.text.clone());
            }
            "node" => {
                let name = rest.next("the node's name")?;
                if bench.nodes.iter().any(|node| node.name == name.text) {
                    return Err(Fault::error(
                        name.span,
                        format!("there is a node {} already", name.text),
                    ));
                }
                let platform =
                    rest.choice(&[("openbios", "openbios"), ("openboot", "openboot")])?;
                let host_id = eight_digits(rest)?;
                let meant = match rest.peek() {
                    Some(_) => {
                        rest.literal("meant")?;
                        Some(eight_digits(rest)?)
                    }
                    None => None,
                };
                bench.nodes.push(BenchNode {
                    name: name.text.clone(),
                    platform: platform.to_owned(),
                    host_id,
                    meant,
                });
            }
            "policy" => {
                bench.policy = rest.choice(&[
                    ("integrity", DataPolicy::Integrity),
                    ("adaptability", DataPolicy::Adaptability),
                    ("availability", DataPolicy::Availability),
                ])?;
            }
            "network-loss" => bench.network_loss = leg(rest)?,
            "console-silent" => bench.console_silent = leg(rest)?,
            "switches" => bench.switches = cap(rest)?,
            "failures" => bench.failures = cap(rest)?,
            "dark-after" => bench.dark_after = rest.span()?,
            "power-legs" => bench.power_legs = rest.number("how many power legs a node has")?,
            "times" => {
                bench.times = rest.choice(&[
                    ("bed", Times::BED),
                    ("quick", Times::QUICK),
                    ("real", Times::REAL),
                ])?;
            }
            "seed" => bench.seed = rest.number("a number")?,
            "param" => {
                let name = rest.next("the parameter's name")?.text.clone();
                bench
                    .params
                    .push((name, rest.next("its value")?.text.clone()));
            }
            "start" => {
                bench.start = rest.choice(&[
                    ("at-prompts", Start::AtPrompts),
                    ("adopted", Start::Adopted),
                    ("proven", Start::Proven),
                ])?;
            }
            _ => return Ok(false),
        }
        if self.steps.is_empty() {
            Ok(true)
        } else {
            Err(Fault::error(
                first.span,
                "the cluster is said before the first step",
            ))
        }
    }

    fn step(&self, first: &Word, rest: &mut Rest<'_>) -> Result<Step, Fault> {
        Ok(match first.text.as_str() {
            "mark" => Step::Mark,
            "pass" => Step::Pass(rest.span()?),
            "until" => {
                let hold = self.hold(rest)?;
                let limit = match rest.peek() {
                    Some(_) => {
                        rest.literal("within")?;
                        rest.span()?
                    }
                    None => PATIENCE,
                };
                Step::Until(hold, limit)
            }
            "expect" => Step::Expect(self.hold(rest)?),
            _ => Step::Do(self.deed(first, rest)?),
        })
    }

    fn node(&self, rest: &mut Rest<'_>) -> Result<usize, Fault> {
        let word = rest.next("a node")?;
        self.node_named(word)
    }

    fn node_named(&self, word: &Word) -> Result<usize, Fault> {
        let known: Vec<String> = self
            .bench
            .nodes
            .iter()
            .map(|node| node.name.clone())
            .collect();
        let found = known.iter().position(|name| *name == word.text);
        found.ok_or_else(|| {
            let fault = Fault::error(word.span, format!("there is no node {}", word.text));
            fault.help(match known.as_slice() {
                [] => "say who there is first: node alpha openbios 80770001".to_owned(),
                known => format!("the nodes are {}", known.join(", ")),
            })
        })
    }

    fn deed(&self, first: &Word, rest: &mut Rest<'_>) -> Result<Deed, Fault> {
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
            "break" => Deed::BreakHeeded(self.node(rest)?, flag(rest, "heeded", "ignored")?),
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
            "type" => Deed::Type(
                self.node(rest)?,
                rest.next("what is typed, in quotes")?.text.clone(),
            ),
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
                rest.number("how many of a thousand bytes")?,
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
            "kill" => match rest.peek() {
                None => Deed::Kill(0),
                Some(_) => {
                    rest.literal("after")?;
                    let entries = rest.number("how many journal entries")?;
                    rest.choice(&[("entries", ()), ("entry", ())])?;
                    Deed::Kill(entries)
                }
            },
            "restart" => match rest.peek() {
                None => Deed::Restart(true),
                Some(_) => {
                    rest.literal("without")?;
                    rest.literal("journal")?;
                    Deed::Restart(false)
                }
            },
            "let-loose" => Deed::LetLoose,
            _ => return Err(unknown(first)),
        })
    }

    fn operator(&self, rest: &mut Rest<'_>) -> Result<Deed, Fault> {
        let word = rest.choice(&[
            ("release", OperatorWord::Release),
            ("adopt", OperatorWord::Adopt),
            ("switchover", OperatorWord::Switchover),
            ("confirm", OperatorWord::Confirm),
            ("well", OperatorWord::Well),
        ])?;
        let node = match (word, rest.peek()) {
            (OperatorWord::Confirm, _) | (OperatorWord::Adopt, Some(_)) => Some(self.node(rest)?),
            _ => None,
        };
        Ok(Deed::Operator(word, node))
    }

    fn hold(&self, rest: &mut Rest<'_>) -> Result<Hold, Fault> {
        let word = rest.next("what must hold")?;
        Ok(match word.text.as_str() {
            "not" => Hold::Not(Box::new(self.hold(rest)?)),
            "state" => Hold::State(rest.next("the state's name")?.text.clone()),
            "siege" => Hold::Siege(self.node(rest)?),
            "proof" => Hold::Proof(self.node(rest)?),
            "guard" => Hold::Guard(self.node(rest)?),
            "alarm" => Hold::Alarm(rest.next("the alarm's code")?.text.clone()),
            "open" => Hold::Open(rest.next("the alarm's code")?.text.clone()),
            "boots" => {
                let mut nodes = Vec::new();
                while rest.peek().is_some_and(|word| word.text != "within") {
                    nodes.push(self.node(rest)?);
                }
                Hold::Boots(nodes)
            }
            "boot-commands" => Hold::BootCommands(rest.number("how many")?),
            "breaks" => {
                let node = self.node(rest)?;
                rest.literal("at-least")?;
                Hold::Breaks(node, rest.number("how many")?)
            }
            "hands-off" => Hold::HandsOff,
            "served-or-told" => Hold::ServedOrTold,
            "proved" => {
                let fenced = self.node(rest)?;
                rest.literal("before")?;
                Hold::Proved(fenced, self.node(rest)?)
            }
            "said" => Hold::Said(rest.next("the text, in quotes")?.text.clone()),
            _ => {
                let node = self.node_named(word).map_err(|fault| {
                    fault.note("what may stand here: not, state, siege, proof, guard, alarm, open, boots, boot-commands, breaks, hands-off, proved, said, or a node and what it does")
                })?;
                match rest.choice(&[("serves", true), ("is", false)])? {
                    true => Hold::Serves(node),
                    false => Hold::Is(
                        node,
                        rest.choice(&[
                            ("running", NodeIs::Running),
                            ("off", NodeIs::Off),
                            ("at-prompt", NodeIs::AtPrompt),
                            ("stopped", NodeIs::Stopped),
                            ("starting", NodeIs::Starting),
                            ("panicked", NodeIs::Panicked),
                            ("hung", NodeIs::Hung),
                        ])?,
                    ),
                }
            }
        })
    }
}

fn unknown(word: &Word) -> Fault {
    let known: Vec<String> = FIRST_WORDS.iter().map(|word| (*word).to_owned()).collect();
    let fault = Fault::error(word.span, format!("a scene has no `{}`", word.text));
    match nearest(&word.text, &known) {
        Some(near) => fault.help(format!("did you mean `{near}`?")),
        None => fault.help("docs/scenes.md shows every word"),
    }
}

fn leg(rest: &mut Rest<'_>) -> Result<LegPolicy, Fault> {
    if rest.choice(&[("alarm", true), ("switch", false)])? {
        return Ok(LegPolicy::Alarm);
    }
    rest.literal("after")?;
    Ok(LegPolicy::SwitchAfter(rest.span()?))
}

fn cap(rest: &mut Rest<'_>) -> Result<Cap, Fault> {
    let max = rest.number("how many")?;
    rest.literal("within")?;
    let within = rest.span()?;
    Ok(Cap { max, within })
}

fn eight_digits(rest: &mut Rest<'_>) -> Result<u32, Fault> {
    let word = rest.next("a Host ID, eight hex digits")?;
    u32::from_str_radix(&word.text, 16)
        .ok()
        .filter(|_| word.text.len() == 8)
        .ok_or_else(|| wrong(word, "a Host ID, eight hex digits: 80770001"))
}
