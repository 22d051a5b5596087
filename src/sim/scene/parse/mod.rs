//! Lines to a [`Scene`]: the cluster first, then the steps.

mod deed;
mod hold;
mod rest;

use std::time::Duration;

use super::words::{Line, Word, lines};
use super::{Bench, BenchNode, BenchProcessor, PATIENCE, Scene, Start, Step, VERSION};
use crate::machine::setup::{Cap, DataPolicy, GateHook, Gated, HookMay, LegPolicy};
use crate::script::diagnostic::{Diagnostic, Sources, Span};
use crate::sim::service_processor::{Host, ProcessorKind};
use crate::sim::spec::Times;
use crate::sim::world::StopWay;

use rest::{Fault, Rest, wrong};

/// The most lines of a scene.
const LONGEST: usize = 5000;

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
            "hook" => bench.gates.push(hook(bench.gates.len(), rest)?),
            "power-legs" => bench.power_legs = rest.number("how many power legs a node has")?,
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

fn eight_digits(rest: &mut Rest<'_>) -> Result<u32, Fault> {
    let word = rest.next("a Host ID, eight hex digits")?;
    u32::from_str_radix(&word.text, 16)
        .ok()
        .filter(|_| word.text.len() == 8)
        .ok_or_else(|| wrong(word, "a Host ID, eight hex digits: 80770001"))
}
