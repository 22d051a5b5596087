//! What clusterd does: each line that it ends, each BREAK, each event, each boot command.

use std::time::Duration;

use super::{Intent, Truth, Watch};
use crate::clock::{Moment, Span};
use crate::machine::proof::ProofKind;
use crate::machine::{Event, Machine};
use crate::script::program::OperatorWord;
use crate::sim::excuse::Excuse;
use crate::sim::node::{Condition, Node};
use crate::sim::rules::Rule;

/// A conversation with one prompt takes no longer than this.
const CONVERSATION: Duration = Duration::from_secs(900);
/// An answer may be on its way for so long when cables are crossed: no question waits longer.
const ON_ITS_WAY: Duration = Duration::from_secs(10);
/// What a person types so shortly before a boot command could not be seen.
const UNSEEN: Duration = Duration::from_secs(10);

impl Watch {
    /// clusterd types, and no person has the console's pen unless `person` says so.
    pub fn types(
        &mut self,
        port: usize,
        bytes: &[u8],
        person: bool,
        machine: &Machine,
        rig: &dyn Truth,
        at: Moment,
    ) {
        if person {
            let what = format!(
                "typed under the hands of a person: {:?}",
                String::from_utf8_lossy(bytes)
            );
            return self.breaks_rule(at, Rule::UnderHands, what);
        }
        if self.in_maintenance(port, at) && !self.siege_writes(port, bytes) {
            let what = format!("typed: {:?}", String::from_utf8_lossy(bytes));
            self.breaks_rule(at, Rule::Maintenance, what);
        }
        if self.nodes[port].out && bytes.iter().any(|byte| !byte.is_ascii_control()) {
            let what = format!("typed: {:?}", String::from_utf8_lossy(bytes));
            self.breaks_rule(at, Rule::OutOfService, what);
        }
        for &byte in bytes {
            match byte {
                b'\r' | b'\n' => {
                    let line = std::mem::take(&mut self.nodes[port].line);
                    self.enters(port, line.trim(), machine, rig, at);
                }
                0x03 | 0x15 => self.nodes[port].line.clear(),
                byte if self.nodes[port].line.len() < 256 => {
                    self.nodes[port].line.push(char::from(byte));
                }
                _ => {}
            }
        }
        let line = self.nodes[port].line.trim_start();
        if line.split(' ').next() == Some("boot") {
            let line = line.to_owned();
            self.looks_for_proofs(port, &line, machine, at);
        }
    }

    pub(super) fn in_maintenance(&self, port: usize, at: Moment) -> bool {
        let until = self.maintained.max(self.nodes[port].maintained);
        // A restart counts whole seconds.
        until.is_some_and(|until| at + Duration::from_secs(2) < until)
    }

    /// Whether this is no more than a siege types: it kills a line, and presses RETURN.
    fn siege_writes(&self, port: usize, bytes: &[u8]) -> bool {
        self.nodes[port].siege && bytes.iter().all(u8::is_ascii_control)
    }

    /// Maintenance begins or is over.
    fn maintained(&mut self, name: &str, until: Option<Moment>, rig: &dyn Truth) {
        match rig.find(name) {
            Some(n) => self.nodes[n].maintained = until,
            None => self.maintained = until,
        }
    }

    fn out_of_service(&mut self, name: &str, out: bool, rig: &dyn Truth) {
        if let Some(n) = rig.find(name) {
            self.nodes[n].out = out;
        }
    }

    /// clusterd ends a line with RETURN.
    fn enters(&mut self, port: usize, line: &str, machine: &Machine, rig: &dyn Truth, at: Moment) {
        let first = line.split_whitespace().next().unwrap_or("");
        let node = rig.node_of(port);
        // `go` changes nothing: a machine that was stopped by mistake goes on.
        if matches!(first, "setenv" | "reset-all" | "boot") {
            let identified = self.nodes[port].identified;
            let lately = identified.filter(|then| at.since(*then) < CONVERSATION);
            // A guard that is set unasked on the right machine harms nobody.
            if lately.is_none() && first != "setenv" {
                let what = format!("{line:?} was typed, and its Host ID had not been asked");
                self.breaks_rule(at, Rule::Stranger, what);
            }
            let crossed_since =
                |then: Moment| self.swapped_at.is_some_and(|s| s + ON_ITS_WAY > then);
            if node != port && !lately.is_some_and(crossed_since) {
                let what = format!(
                    "{line:?} was typed to {}, which is not the node meant",
                    rig.node(node).spec().name
                );
                self.breaks_rule(at, Rule::Stranger, what);
            }
        }
        let durable = self.nodes[port].intent;
        let journalled = match first {
            "reset-all" => durable == Some(Intent::Stop),
            "boot" => durable == Some(Intent::Boot),
            // Who was to be stopped and is another machine is told to go on.
            "go" => matches!(durable, Some(Intent::Resume | Intent::Stop)),
            // The standing guard is set before there is anything to be done.
            _ => true,
        };
        if !journalled {
            let what = format!("{line:?} was typed, and no intent of it was durable");
            self.breaks_rule(at, Rule::JournalFirst, what);
        }
        if matches!(first, "reset-all" | "boot" | "go") {
            self.looks_whether_held(line, at);
        }
        if first != "boot" {
            return;
        }
        self.acts("a node was booted", at);
        self.looks_for_proofs(port, line, machine, at);
    }

    /// Every other node must be proved stopped, from the first byte of a boot command on.
    fn looks_for_proofs(&mut self, port: usize, line: &str, machine: &Machine, at: Moment) {
        let snapshot = machine.snapshot(at);
        let unproved = snapshot
            .nodes
            .iter()
            .enumerate()
            .find(|(n, node)| *n != port && node.proof.is_none() && !machine.is_out(*n));
        if let Some((_, other)) = unproved {
            let what = format!(
                "{line:?} was typed without a living proof for {}",
                other.node
            );
            self.breaks_rule(at, Rule::NoProof, what);
        }
    }

    /// clusterd sends a BREAK.
    pub fn sends_break(&mut self, port: usize, person: bool, at: Moment) {
        if person {
            self.nodes[port].break_of_person = true;
            return;
        }
        if self.in_maintenance(port, at) && !self.nodes[port].siege {
            self.breaks_rule(at, Rule::Maintenance, "a BREAK was sent".to_owned());
        }
        if self.nodes[port].out {
            self.breaks_rule(at, Rule::OutOfService, "a BREAK was sent".to_owned());
        }
        let known = &self.nodes[port];
        if known.intent != Some(Intent::Stop) && !known.siege {
            let what = "a BREAK was sent, and no intent of it was durable".to_owned();
            self.breaks_rule(at, Rule::JournalFirst, what);
        }
        if !self.nodes[port].siege {
            self.looks_whether_held("a BREAK", at);
        }
        self.acts("a BREAK was sent", at);
    }

    /// clusterd orders a power leg to switch a node off.
    pub fn orders_off(&mut self, node: usize, at: Moment) {
        let told = "a power leg was told to switch it off";
        self.looks_whether_touched(node, told, at);
        if self.nodes[node].intent != Some(Intent::Stop) {
            let what = format!("{told}, and no intent of it was durable");
            self.breaks_rule(at, Rule::JournalFirst, what);
        }
        self.looks_whether_held("an order to switch off", at);
        self.acts("a power leg was told to switch a node off", at);
    }

    /// A node in maintenance or out of service is left alone.
    fn looks_whether_touched(&mut self, node: usize, told: &str, at: Moment) {
        if self.in_maintenance(node, at) {
            self.breaks_rule(at, Rule::Maintenance, told.to_owned());
        }
        if self.nodes[node].out {
            self.breaks_rule(at, Rule::OutOfService, told.to_owned());
        }
    }

    /// clusterd runs the `stop:` of the cluster file for a node.
    pub fn runs_stop(&mut self, node: usize, at: Moment) {
        self.looks_whether_touched(node, "`stop:` was run for it", at);
        self.looks_whether_held("`stop:`", at);
        self.acts("`stop:` was run for a node", at);
    }

    /// Nothing is stopped or started while a person says `hold`.
    fn looks_whether_held(&mut self, what: &str, at: Moment) {
        if self.held {
            let what = format!("{what} was given, and a person's HOLD is in force");
            self.breaks_rule(at, Rule::Held, what);
        }
    }

    /// clusterd does something to a node that it had better have a reason for.
    pub(super) fn acts(&mut self, what: &str, at: Moment) {
        if self.nodes_suffered == Some(false) {
            let what = format!("{what}, and nothing had happened but on the monitor's side");
            self.breaks_rule(at, Rule::OwnTrouble, what);
        }
    }

    /// clusterd says that something happened.
    pub fn hears(&mut self, event: &Event, rig: &dyn Truth, at: Moment) {
        let number = |name: &str| rig.find(name);
        match event {
            Event::State { .. } => self.told_here = false,
            Event::LinkDown { node, .. } => {
                // Whoever answers on the next link is to be asked who it is.
                if let Some(n) = number(node) {
                    self.nodes[n].identified = None;
                }
            }
            Event::PersonBreak { node, .. } => {
                if let Some(n) = number(node) {
                    self.nodes[n].break_of_person = false;
                }
            }
            Event::Piece { node, text } if text.starts_with("Host ID") => {
                if let Some(n) = number(node) {
                    self.nodes[n].identified = Some(at);
                }
            }
            Event::Proved { node, kind, .. } => {
                if let Some(n) = number(node) {
                    self.proved(n, *kind, rig, at);
                }
            }
            Event::Maintenance { name, lasts_ms, .. } => {
                let until = at + Duration::from_millis(*lasts_ms);
                self.maintained(name, Some(until), rig);
            }
            Event::MaintenanceEnded { name, .. } => self.maintained(name, None, rig),
            Event::OutOfService { node, .. } => self.out_of_service(node, true, rig),
            Event::OutOfServiceOver { node } | Event::InService { node, .. } => {
                self.out_of_service(node, false, rig);
            }
            Event::OrderEnded {
                what, good: true, ..
            } => self.held |= what == OperatorWord::Hold.word(),
            Event::BootTyped { node, .. } => self.booted(node, rig, at),
            _ => {}
        }
    }

    fn proved(&mut self, n: usize, kind: ProofKind, rig: &dyn Truth, at: Moment) {
        self.sees_hands(rig, at);
        if kind == ProofKind::FirmwareReset {
            self.keep_what_was_answered_for(n, rig);
        }
        let node = rig.node(n);
        self.nodes[n].dark = match kind {
            ProofKind::Dark => {
                let (cut_off, late) = (rig.cut_off(n, at), rig.delays_breaks(n));
                Excuse::of(node, cut_off, late, self.pings_lost, self.policy)
            }
            // What shows life is no person's word any more.
            ProofKind::OperatorWord if could_write(node) && self.nodes[n].confirmed => {
                Some(Excuse::WrongWord)
            }
            _ => None,
        };
        if kind == ProofKind::FirmwareReset {
            self.nodes[n].by_hand = None;
            self.nodes[n].guard_changed = false;
        }
    }

    /// What a node wrote while a person or the policy answered for it may be found on the disk long after.
    fn keep_what_was_answered_for(&mut self, n: usize, rig: &dyn Truth) {
        let known = &self.nodes[n];
        if !known.is_a_persons() && known.dark.is_none() {
            return;
        }
        let name = &rig.node(n).spec().name;
        let boots = rig.disk().boots().iter().rev();
        let last = boots.into_iter().find(|boot| boot.node == *name);
        self.answered_for.extend(last.map(|boot| boot.number));
    }

    /// A boot command left.
    fn booted(&mut self, booted: &str, rig: &dyn Truth, at: Moment) {
        self.sees_hands(rig, at);
        // Whoever its cable leads to starts: that this is the node meant is asked where the line is typed,
        // and whether another one could go on is asked once more when a system comes up.
        let meant = rig.find(booted);
        let starts = meant.map(|port| rig.node_of(port));
        if let Some(n) = meant.filter(|n| Some(*n) != starts) {
            // A person crossed the cables since its Host ID was right: what it still can do is of that hand.
            self.nodes[n].by_hand = Some(at);
        }
        if let Some(n) = starts {
            self.keep_what_was_answered_for(n, rig);
            self.nodes[n].by_hand = None;
            self.nodes[n].dark = None;
        }
        for n in 0..self.nodes.len() {
            let node = rig.node(n);
            if Some(n) == starts || node.spec().name == booted || !could_write(node) {
                continue;
            }
            let unseen = |hand: Moment| at.since(hand) < UNSEEN;
            // A self test is silent, and this one would end at the prompt but for what a person changed.
            let boots_itself = self.nodes[n].guard_changed && node.condition() == Condition::Post;
            if self.nodes[n].by_hand.is_some_and(unseen) || boots_itself {
                continue;
            }
            if self.nodes[n].out {
                // What it writes from now on is of that word.
                self.nodes[n].dark.get_or_insert(Excuse::SaidToBeOff);
            }
            if let Some(excuse) = self.nodes[n].dark {
                self.excused.push(excuse);
                continue;
            }
            let what = format!(
                "{booted} is booted while {} is {}",
                node.spec().name,
                node.condition()
            );
            self.breaks_rule(at, Rule::BootBesideLife, what);
        }
        if self
            .booted_last
            .as_deref()
            .is_some_and(|last| last != booted)
        {
            self.moves.push(at);
            let within = |moved: &&Moment| at.since(**moved) <= self.cap.within;
            let moves = self.moves.iter().filter(within).count();
            if moves > usize::try_from(self.cap.max).unwrap_or(usize::MAX) && !self.forgot_switches
            {
                let what = format!("{moves} switches within {}", Span(self.cap.within));
                self.breaks_rule(at, Rule::Cap, what);
            }
        }
        self.booted_last = Some(booted.to_owned());
    }
}

/// Whether a machine writes to the disk, or would after a `go` or by itself.
fn could_write(node: &Node) -> bool {
    match node.condition() {
        Condition::Off | Condition::Prompt { resumable: false } => false,
        Condition::Post => node.will_boot(),
        _ => true,
    }
}
