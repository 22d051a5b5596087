//! A [`Scene`] as a text that [`super::parse`] reads back.

use std::fmt::Write as _;
use std::time::Duration;

use super::{Bench, Deed, Hold, MonitorCable, NodeIs, Scene, Start, Step, VERSION};
use crate::machine::input::Verdict;
use crate::machine::setup::{DataPolicy, HookMay, LegPolicy};
use crate::script::diagnostic::Span;
use crate::script::program::OperatorWord;
use crate::sim::fault::Shutdown;
use crate::sim::nvram::NvramFault;
use crate::sim::rig::ConsoleLink;
use crate::sim::service_processor::{Host, ProcessorKind};
use crate::sim::spec::{RebootsFrom, Times};
use crate::sim::wire::BreakWay;
use crate::sim::world::{JournalState, LegWay, PingWay, StopWay};

/// The scene as a text.
pub fn write(scene: &Scene) -> String {
    let mut text = format!(
        "scene {VERSION} \"{}\"\n",
        scene.title.replace(['"', '\n'], "'")
    );
    head(scene, &mut text);
    text.push('\n');
    for (_, step) in &scene.steps {
        let line = step_line(step, &scene.bench);
        let _ = writeln!(text, "{line}");
    }
    text
}

fn head(scene: &Scene, text: &mut String) {
    let bench = &scene.bench;
    let usual = Bench::default();
    for node in &bench.nodes {
        let _ = write!(
            text,
            "node {} {} {:08x}",
            node.name, node.platform, node.host_id
        );
        if let Some(meant) = node.meant {
            let _ = write!(text, " meant {meant:08x}");
        }
        text.push('\n');
    }
    let policy = match bench.policy {
        DataPolicy::Integrity => "integrity",
        DataPolicy::Adaptability => "adaptability",
        DataPolicy::Availability => "availability",
    };
    let start = match bench.start {
        Start::AtPrompts => "at-prompts",
        Start::Adopted => "adopted",
        Start::Proven => "proven",
    };
    let _ = writeln!(text, "policy {policy}");
    for (key, leg) in [
        ("network-loss", bench.network_loss),
        ("console-silent", bench.console_silent),
    ] {
        if let LegPolicy::SwitchAfter(after) = leg {
            let _ = writeln!(text, "{key} switch after {}", span(after));
        }
    }
    for (key, cap, usual) in [
        ("switches", bench.switches, usual.switches),
        ("failures", bench.failures, usual.failures),
    ] {
        if cap != usual {
            let _ = writeln!(text, "{key} {} within {}", cap.max, span(cap.within));
        }
    }
    if bench.dark_after != usual.dark_after {
        let _ = writeln!(text, "dark-after {}", span(bench.dark_after));
    }
    let legs = |(_, step): &(Span, Step)| matches!(step, Step::Do(Deed::Legs(..)));
    // Where something happens to legs that nobody has, that is no oversight.
    if bench.power_legs > 0 || scene.steps.iter().any(legs) {
        let _ = writeln!(text, "power-legs {}", bench.power_legs);
    }
    if let Some(processor) = bench.processor {
        let kind = match processor.kind {
            ProcessorKind::Alom => "alom",
            ProcessorKind::Ilom => "ilom",
        };
        let host = match processor.host {
            Host::Sun4u => "sun4u",
            Host::Sun4v => "sun4v",
        };
        let _ = writeln!(text, "processor {kind} {host}");
    }
    for gate in &bench.gates {
        let before = gate.before.word().replace('_', "-");
        let may = match gate.may {
            HookMay::Delay => "delay",
            HookMay::Veto => "veto",
        };
        let _ = writeln!(text, "hook {before} {may} {}", span(gate.within));
    }
    if bench.stop != usual.stop {
        let _ = writeln!(text, "stop {}", bench.stop.map_or("none", StopWay::word));
    }
    for (name, times) in [("quick", Times::QUICK), ("real", Times::REAL)] {
        if bench.times == times {
            let _ = writeln!(text, "times {name}");
        }
    }
    for (name, value) in &bench.params {
        let _ = writeln!(text, "param {} {}", bare(name), word(value));
    }
    let _ = writeln!(text, "seed {}\nstart {start}", bench.seed);
}

fn hook_says(verdict: &Verdict, after: Duration) -> String {
    let says = match verdict {
        Verdict::GoOn => "well",
        Verdict::No => "no",
        Verdict::NotHere => "not-here",
        Verdict::None(_) => "nothing",
    };
    format!("hook-says {says} after {}", span(after))
}

/// A text as one word of a line. One with a quote in it stands in no quotes, nor has it blanks.
fn word(text: &str) -> String {
    match text.contains('"') {
        true => text.to_owned(),
        false => format!("\"{text}\""),
    }
}

/// The same, in quotes only where it must be.
fn bare(text: &str) -> String {
    let parts = |c: char| c.is_whitespace() || c == '#';
    match text.is_empty() || text.contains(parts) {
        true => word(text),
        false => text.to_owned(),
    }
}

/// One word, whatever units it takes.
fn span(span: Duration) -> String {
    humantime::format_duration(span)
        .to_string()
        .replace(' ', "")
}

fn step_line(step: &Step, bench: &Bench) -> String {
    match step {
        Step::Mark => "mark".to_owned(),
        Step::Do(deed) => deed_line(deed, bench),
        Step::Pass(time) => format!("pass {}", span(*time)),
        Step::Until(hold, limit) => {
            format!("until {} within {}", hold_line(hold, bench), span(*limit))
        }
        Step::Expect(hold) => format!("expect {}", hold_line(hold, bench)),
    }
}

fn name(node: usize, bench: &Bench) -> &str {
    bench.nodes.get(node).map_or("?", |node| node.name.as_str())
}

fn deed_line(deed: &Deed, bench: &Bench) -> String {
    let of = |node: &usize| name(*node, bench);
    let either = |yes: bool, a: &'static str, b: &'static str| if yes { a } else { b };
    match deed {
        Deed::Panic(n) => format!("panic {}", of(n)),
        Deed::Hang(n) => format!("hang {}", of(n)),
        Deed::HangUserland(n) => format!("hang-userland {}", of(n)),
        Deed::Freeze(n) => format!("freeze {}", of(n)),
        Deed::Thaw(n) => format!("thaw {}", of(n)),
        Deed::Power(n, on) => format!("power {} {}", of(n), either(*on, "on", "off")),
        Deed::Cable(n, plugged) => format!("cable {} {}", of(n), either(*plugged, "in", "out")),
        Deed::Address(n, there) => format!("address {} {}", of(n), either(*there, "there", "gone")),
        Deed::BreakHeeded(n, yes) => {
            format!("break {} {}", of(n), either(*yes, "heeded", "ignored"))
        }
        Deed::Deaf(n, deaf) => format!("{} {}", either(*deaf, "deaf", "hears"), of(n)),
        Deed::LoseBreaks(n, count) => format!("lose-breaks {} {count}", of(n)),
        Deed::FailBoots(n, count) => format!("fail-boots {} {count}", of(n)),
        Deed::FailResets(n, count) => format!("fail-resets {} {count}", of(n)),
        Deed::Nvram(n, fault) => {
            let how = match fault {
                NvramFault::None => "keeps",
                NvramFault::LostAtReset => "forgets",
                NvramFault::Ignored => "ignores",
            };
            format!("nvram {} {how}", of(n))
        }
        Deed::Setenv(n, key, value) => format!("setenv {} {} {}", of(n), bare(key), word(value)),
        Deed::Shutdown(n, how) => {
            let word = match how {
                Shutdown::Reboot => "reboot",
                Shutdown::Halt => "halt",
                Shutdown::PowerOff => "poweroff",
            };
            format!("{word} {}", of(n))
        }
        Deed::ErrorReset(n) => format!("reset {}", of(n)),
        Deed::Type(n, line) => format!("type {} {}", of(n), word(line)),
        Deed::Link(n, link) => {
            let how = match link {
                ConsoleLink::Up => "up",
                ConsoleLink::Refused => "refused",
                ConsoleLink::Hung => "hung",
            };
            format!("link {} {how}", of(n))
        }
        Deed::Noise(n, share) => format!("noise {} {share}", of(n)),
        Deed::Swap(a, b) => format!("swap {} {}", of(a), of(b)),
        Deed::Carrier(n, present) => {
            format!("carrier {} {}", of(n), either(*present, "there", "lost"))
        }
        Deed::StrayBreak => "stray-break".to_owned(),
        Deed::DiskLabel(corrupt) => format!("disk-label {}", either(*corrupt, "corrupt", "sound")),
        Deed::DiskPath(n, dead) => {
            format!("disk-path {} {}", of(n), either(*dead, "dead", "alive"))
        }
        Deed::MonitorCable(which, plugged) => {
            let which = match which {
                MonitorCable::Service => "service",
                MonitorCable::Console => "console",
            };
            format!("monitor-cable {which} {}", either(*plugged, "in", "out"))
        }
        Deed::Operator(word, node) => operator_line(*word, node.map(|n| name(n, bench))),
        Deed::Order(word, node, force) => {
            let line = operator_line(*word, node.map(|n| name(n, bench)));
            format!("{line}{}", either(*force, " force", ""))
        }
        Deed::Kill(0) => "kill".to_owned(),
        Deed::Kill(entries) => format!("kill after {entries} entries"),
        Deed::Restart(keep) => either(*keep, "restart", "restart without journal").to_owned(),
        Deed::Reload => "reload".to_owned(),
        Deed::LetLoose => "let-loose".to_owned(),
        _ => more_deeds(deed, bench),
    }
}

/// The deeds that bend things, not break them.
fn more_deeds(deed: &Deed, bench: &Bench) -> String {
    let of = |node: &usize| name(*node, bench);
    let either = |yes: bool, a: &'static str, b: &'static str| if yes { a } else { b };
    match deed {
        Deed::LoopBoots(n, count) => format!("loop-boots {} {count}", of(n)),
        Deed::DiskCheck(n, takes) => format!("fsck {} {}", of(n), span(*takes)),
        Deed::Slow(n, by) => format!("slow {} {}", of(n), span(*by)),
        Deed::AfterPanic(n, reboots) => {
            format!(
                "after-panic {} {}",
                of(n),
                either(*reboots, "reboots", "stays")
            )
        }
        Deed::RebootsFrom(n, from) => {
            let from = match from {
                RebootsFrom::BootDevice => "boot-device",
                RebootsFrom::LastDevice => "last-device",
            };
            format!("reboots-from {} {from}", of(n))
        }
        Deed::SpontaneousReboot(n) => format!("spontaneous-reboot {}", of(n)),
        Deed::Debugger(n, loaded) => {
            format!("debugger {} {}", of(n), either(*loaded, "loaded", "gone"))
        }
        Deed::Security(n, mode) => format!("security {} {}", of(n), mode.word()),
        Deed::Says(n, text, ended) => {
            let end = either(*ended, "", " unended");
            format!("says {} {}{end}", of(n), word(text))
        }
        Deed::Flood(n, size) => format!("flood {} {size}", of(n)),
        Deed::TypeUnended(n, text) => format!("type {} {} unended", of(n), word(text)),
        Deed::Split(n, split) => format!("split {} {}", of(n), either(*split, "on", "off")),
        Deed::Delay(n, by) => format!("delay {} {}", of(n), span(*by)),
        Deed::Loss(n, share) => format!("loss {} {share}", of(n)),
        Deed::BreakWay(n, way) => {
            let way = match way {
                BreakWay::Straight => "straight".to_owned(),
                BreakWay::Late(by) => format!("late {}", span(*by)),
                BreakWay::Twice(after) => format!("twice {}", span(*after)),
            };
            format!("break {} {way}", of(n))
        }
        Deed::TerminalServer(on) => format!("terminal-server {}", either(*on, "on", "off")),
        Deed::Site(on) => format!("site {}", either(*on, "on", "off")),
        Deed::Maintenance(node, lasts) => {
            let node = node.map_or(String::new(), |n| format!("{} ", of(&n)));
            let lasts = lasts.map_or("ends".to_owned(), |lasts| format!("for {}", span(lasts)));
            format!("maintenance {node}{lasts}")
        }
        Deed::OutOfService(n, lasts) => {
            let lasts = lasts.map_or("back".to_owned(), |lasts| format!("for {}", span(lasts)));
            format!("out-of-service {} {lasts}", of(n))
        }
        Deed::PersonTypes(n, line) => format!("person {} types {}", of(n), word(line)),
        Deed::PersonBreaks(n) => format!("person {} breaks", of(n)),
        Deed::PersonLeaves(n) => format!("person {} leaves", of(n)),
        Deed::Legs(n, way) => {
            let way = match way {
                LegWay::Well => "well",
                LegWay::LieOnce => "lie-once",
                LegWay::Hang => "hang",
                LegWay::Unknown => "unknown",
            };
            format!("legs {} {way}", of(n))
        }
        Deed::Pings(way) => match way {
            PingWay::Well => "pings well".to_owned(),
            PingWay::Lost(share) => format!("pings lost {share}"),
            PingWay::Late(by) => format!("pings late {}", span(*by)),
            PingWay::Twice => "pings twice".to_owned(),
        },
        Deed::DropReplies(count) => format!("drop-replies {count}"),
        Deed::Clock(by) => {
            let span = span(Duration::from_secs(by.unsigned_abs()));
            format!("clock {} {span}", either(*by < 0, "back", "ahead"))
        }
        Deed::StandStill(time) => format!("stand-still {}", span(*time)),
        Deed::KillAt(actions) => format!("kill at {actions} actions"),
        Deed::Interrupt(i) => {
            let lasts = span(i.lasts);
            format!("interrupt {} {} for {lasts}", i.action, i.how.word())
        }
        Deed::Gateway(yes) => format!("gateway {}", either(*yes, "answers", "silent")),
        Deed::Witness(yes) => format!("witness {}", either(*yes, "answers", "silent")),
        Deed::Journal(state) => match state {
            JournalState::Well => "journal well".to_owned(),
            JournalState::Fails => "journal fails".to_owned(),
            JournalState::Slow(takes) => format!("journal slow {}", span(*takes)),
        },
        Deed::TearJournal => "journal torn".to_owned(),
        Deed::Processor(n, way) => format!("sp {} {}", of(n), way.word()),
        Deed::HookSays(verdict, after) => hook_says(verdict, *after),
        _ => String::new(),
    }
}

fn operator_line(word: OperatorWord, node: Option<&str>) -> String {
    let word = word.word();
    match node {
        Some(node) => format!("operator {word} {node}"),
        None => format!("operator {word}"),
    }
}

fn hold_line(hold: &Hold, bench: &Bench) -> String {
    let of = |node: &usize| name(*node, bench);
    match hold {
        Hold::Not(hold) => format!("not {}", hold_line(hold, bench)),
        Hold::State(name) => format!("state {}", bare(name)),
        Hold::Serves(n) => format!("{} serves", of(n)),
        Hold::Is(n, what) => {
            let what = match what {
                NodeIs::Running => "running",
                NodeIs::Off => "off",
                NodeIs::AtPrompt => "at-prompt",
                NodeIs::Stopped => "stopped",
                NodeIs::Starting => "starting",
                NodeIs::Panicked => "panicked",
                NodeIs::Hung => "hung",
                NodeIs::InDebugger => "in-debugger",
            };
            format!("{} is {what}", of(n))
        }
        Hold::Siege(n) => format!("siege {}", of(n)),
        Hold::Proof(n) => format!("proof {}", of(n)),
        Hold::Guard(n) => format!("guard {}", of(n)),
        Hold::Alarm(code) => format!("alarm {}", bare(code)),
        Hold::Open(code) => format!("open {}", bare(code)),
        Hold::ServedOrTold => "served-or-told".to_owned(),
        Hold::Boots(nodes) => {
            let names: Vec<&str> = nodes.iter().map(of).collect();
            format!("boots {}", names.join(" "))
        }
        Hold::BootCommands(count) => format!("boot-commands {count}"),
        Hold::Breaks(n, least) => format!("breaks {} at-least {least}", of(n)),
        Hold::HandsOff => "hands-off".to_owned(),
        Hold::Proved(a, b) => format!("proved {} before {}", of(a), of(b)),
        Hold::Accepted(excuse) => format!("accepted {}", excuse.word()),
        Hold::Said(text) => format!("said {}", word(text)),
    }
}
