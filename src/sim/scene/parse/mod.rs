//! Lines to a [`Scene`]: the cluster first, then the steps.

mod deed;
mod fit;
mod hold;
mod rest;

use std::collections::BTreeSet;
use std::time::Duration;

use super::words::{Line, Word, lines};
use super::{Bench, BenchNode, BenchProcessor, PATIENCE, Scene, Start, Step, VERSION};
use crate::machine::setup::{Cap, DataPolicy, GateHook, Gated, HookMay, LegPolicy};
use crate::name::NodeName;
use crate::script::diagnostic::{Diagnostic, Sources, Span};
use crate::sim::service_processor::{Host, ProcessorKind};
use crate::sim::spec::Times;
use crate::sim::world::StopWay;

pub use fit::{misfits, param_place};
use rest::{Fault, Rest, wrong};

/// The most lines of a scene.
const LONGEST: usize = 5000;

/// The lines about the cluster that are said once at the most.
const ONCE: &[&str] = &[
    "policy",
    "network-loss",
    "console-silent",
    "switches",
    "failures",
    "dark-after",
    "power-legs",
    "processor",
    "stop",
    "times",
    "seed",
    "start",
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
        let fault = Diagnostic::error(span, format!("a scene has at most {LONGEST} lines"));
        return Err(vec![fault.help("make several of it")]);
    }
    let mut reader = Reader {
        bench: Bench::default(),
        title: None,
        said: BTreeSet::new(),
        steps: Vec::new(),
    };
    for line in &lines {
        if let Err(fault) = reader.line(line) {
            faults.push(*fault.0);
        }
        // What follows is no scene of ours.
        if reader.title.is_none() {
            break;
        }
    }
    if reader.title.is_none() && faults.is_empty() {
        let span = Span::new(source, 0..0);
        let fault = Diagnostic::error(span, "this is no scene: its first line is missing");
        faults.push(fault.help(format!("begin with: scene {VERSION} \"what it shows\"")));
    }
    if reader.bench.nodes.len() < 2 && faults.is_empty() {
        let mut nodes = lines.iter().filter(|line| line.words[0].text == "node");
        let line = nodes.next_back().or(lines.first());
        let span = line.map_or_else(|| Span::new(source, 0..0), |line| line.span);
        let fault = Diagnostic::error(span, "a scene wants two nodes at least");
        faults.push(fault.help("put a line below it: node beta openbios 80770002"));
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
            processor: None,
            gates: Vec::new(),
            stop: Some(StopWay::Halts),
            times: Times::BED,
            seed: 1,
            params: Vec::new(),
            start: Start::Adopted,
        }
    }
}

struct Reader {
    bench: Bench,
    title: Option<String>,
    /// The lines about the cluster that were said.
    said: BTreeSet<String>,
    steps: Vec<(Span, Step)>,
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
        self.once(first)?;
        let bench = &mut self.bench;
        match first.text.as_str() {
            "scene" if self.title.is_some() => {
                let fault = Fault::error(first.span, "a file holds one scene");
                return Err(fault.help("put the other one into a file of its own"));
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
                let node = node(bench, rest)?;
                bench.nodes.push(node);
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
            "hook" => bench.gates.push(hook(bench.gates.len(), rest)?),
            "power-legs" => {
                bench.power_legs = rest.within("how many power legs a node has", 0..=16)?;
            }
            "processor" => bench.processor = Some(processor(rest)?),
            "stop" => {
                let ways = StopWay::ALL.iter().map(|(word, way)| (*word, Some(*way)));
                let ways: Vec<_> = ways.chain([("none", None)]).collect();
                bench.stop = rest.choice(&ways)?;
            }
            "times" => {
                bench.times = rest.choice(&[
                    ("bed", Times::BED),
                    ("quick", Times::QUICK),
                    ("real", Times::REAL),
                ])?;
            }
            "seed" => bench.seed = rest.number("a number")?,
            "param" => {
                let name = rest.next("the parameter's name")?;
                if bench.params.iter().any(|(known, _)| *known == name.text) {
                    return Err(twice(name));
                }
                let value = rest.next("its value")?.text.clone();
                bench.params.push((name.text.clone(), value));
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
            let fault = Fault::error(first.span, "the cluster is said before the first step");
            Err(fault.help("put this line further up"))
        }
    }

    /// What a cluster has one of is said once.
    fn once(&mut self, first: &Word) -> Result<(), Fault> {
        let word = first.text.as_str();
        if !ONCE.contains(&word) || self.said.insert(word.to_owned()) {
            return Ok(());
        }
        Err(twice(first))
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
}

fn leg(rest: &mut Rest<'_>) -> Result<LegPolicy, Fault> {
    if rest.choice(&[("alarm", true), ("switch", false)])? {
        return Ok(LegPolicy::Alarm);
    }
    rest.literal("after")?;
    Ok(LegPolicy::SwitchAfter(rest.span()?))
}

fn processor(rest: &mut Rest<'_>) -> Result<BenchProcessor, Fault> {
    let kinds = [("alom", ProcessorKind::Alom), ("ilom", ProcessorKind::Ilom)];
    let kind = rest.choice(&kinds)?;
    let host = match rest.peek() {
        Some(_) => rest.choice(&[("sun4u", Host::Sun4u), ("sun4v", Host::Sun4v)])?,
        None if kind == ProcessorKind::Ilom => Host::Sun4v,
        None => Host::Sun4u,
    };
    Ok(BenchProcessor { kind, host })
}

fn hook(number: usize, rest: &mut Rest<'_>) -> Result<GateHook, Fault> {
    let before = [
        ("before-boot", Gated::Boot),
        ("before-switchover", Gated::Switchover),
    ];
    Ok(GateHook {
        hook: number,
        before: rest.choice(&before)?,
        may: rest.choice(&[("delay", HookMay::Delay), ("veto", HookMay::Veto)])?,
        within: rest.span()?,
    })
}

fn cap(rest: &mut Rest<'_>) -> Result<Cap, Fault> {
    let max = rest.number("how many")?;
    rest.literal("within")?;
    let within = rest.span()?;
    Ok(Cap { max, within })
}

/// A machine.
fn node(bench: &Bench, rest: &mut Rest<'_>) -> Result<BenchNode, Fault> {
    let name = rest.next("the node's name")?;
    if NodeName::new(&name.text).is_err() {
        let fault = Fault::error(name.span, format!("`{}` is no name", name.text));
        return Err(fault
            .help("use 1 to 40 of a-z, 0-9, `-`, `_`, beginning with a letter or digit: alpha"));
    }
    if bench.nodes.iter().any(|node| node.name == name.text) {
        let fault = Fault::error(name.span, format!("there is a node {} already", name.text));
        return Err(fault.help("give this one another name"));
    }
    let platform = rest.choice(&[("openbios", "openbios"), ("openboot", "openboot")])?;
    let host_id = host_id(rest, bench.nodes.iter().map(|node| node.host_id))?;
    let meant = match rest.peek() {
        Some(_) => {
            rest.literal("meant")?;
            let others = bench.nodes.iter().filter_map(|node| node.meant);
            Some(self::host_id(rest, others)?)
        }
        None => None,
    };
    Ok(BenchNode {
        name: name.text.clone(),
        platform: platform.to_owned(),
        host_id,
        meant,
    })
}

/// A Host ID that no other machine has, as a cluster file takes it.
fn host_id(rest: &mut Rest<'_>, mut others: impl Iterator<Item = u32>) -> Result<u32, Fault> {
    let word = rest.next("a Host ID, eight hex digits")?;
    let digits = word.text.len() == 8 && word.text.chars().all(|c| c.is_ascii_hexdigit());
    let id = u32::from_str_radix(&word.text, 16).ok().filter(|_| digits);
    let id = id.ok_or_else(|| wrong(word, "a Host ID, eight hex digits: 80770001"))?;
    if id == 0 || id == u32::MAX {
        let why = format!("Host ID {} tells no machine from another", word.text);
        return Err(Fault::error(word.span, why).help("write another one: 80770001"));
    }
    if others.any(|other| other == id) {
        let why = format!("another node has the Host ID {} already", word.text);
        return Err(Fault::error(word.span, why).help("every machine has one of its own"));
    }
    Ok(id)
}

fn twice(word: &Word) -> Fault {
    let fault = Fault::error(word.span, format!("`{}` was said before", word.text));
    fault.help("take one of the two lines out")
}
