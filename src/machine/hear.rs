//! What a console's words mean: matches become facts about the node, and are offered to
//! the script that runs on it.

use std::time::Duration;

use crate::machine::action::{Action, EntryKind};
use crate::machine::alarm_code;
use crate::machine::making::Making;
use crate::machine::node::{Condition, Node};
use crate::machine::package::{Door, Package, Wait};
use crate::machine::proof::ProofKind;
use crate::machine::setup::NodeId;
use crate::machine::{Event, Machine};
use crate::matcher::{Heard, Hit};
use crate::mutant::Guard;
use crate::script::program::{Firmware, Severity};

/// `Type  'go' to resume` so soon after our BREAK is its work.
const BREAK_WORKS: Duration = Duration::from_secs(5);

impl Machine {
    /// Console output of the present link.
    pub(super) fn hear(&mut self, n: NodeId, epoch: u64, heard: Vec<Heard>) {
        if self.nodes[n].epoch() != Some(epoch) && Guard::HearEpoch.stands() {
            return;
        }
        let foreign = !self.nodes[n].owed(self.now) && !self.expected(n);
        self.nodes[n].heard = Some(self.now);
        self.nodes[n].heard_ever = Some(self.now);
        self.wakes(n, "its console says something");
        self.sign_of_life(n, foreign);
        let text: String = heard
            .iter()
            .filter_map(|h| match h {
                Heard::Text(text) => Some(text.as_str()),
                Heard::Match(_) => None,
            })
            .collect();
        if foreign && self.nodes[n].condition == Condition::Prompt && !text.trim().is_empty() {
            self.somebody_types(n, &text);
        }
        self.take_findings(n, heard);
    }

    /// Findings that silence alone made: no byte came, so no sign of life.
    pub(super) fn hear_quiet(&mut self, n: NodeId, epoch: u64, heard: Vec<Heard>) {
        if self.nodes[n].epoch() == Some(epoch) || Guard::QuietEpoch.gone() {
            self.take_findings(n, heard);
        }
    }

    fn take_findings(&mut self, n: NodeId, heard: Vec<Heard>) {
        for item in heard {
            match item {
                Heard::Text(text) if self.reads(n) => self.nodes[n].keep_talk(&text),
                Heard::Match(hit) if !hit.echo || Guard::EchoTagged.gone() => self.hit(n, &hit),
                Heard::Text(_) | Heard::Match(_) => {}
            }
        }
    }

    /// Whether what this node says is read: as the answer to an open question, or as the echo that
    /// the gate waits for.
    fn reads(&self, n: NodeId) -> bool {
        let gate = |p: &Package| matches!(&p.run.wait, Wait::Gate { node, .. } if *node == n);
        self.nodes[n].asking.is_some() || self.packages.iter().any(gate)
    }

    /// Whether the script waits for this console just now: what comes is its answer.
    fn expected(&self, n: NodeId) -> bool {
        self.packages.iter().any(|p| match &p.run.wait {
            Wait::Expect { node, .. } | Wait::Reset { node, .. } | Wait::Gate { node, .. } => {
                *node == n
            }
            _ => false,
        })
    }

    /// A person said that it is stopped, and it says something.
    fn void_word(&mut self, n: NodeId) {
        if let Some(word) = self.nodes[n].word.take() {
            let node = self.setup.node_name(n).to_owned();
            let kind = ProofKind::OperatorWord;
            let who = word.who;
            let why =
                format!("the console shows life, and the word counts no more that {who} gave");
            self.event(Event::ProofDied { node, kind, why });
        }
    }

    /// What any byte does: rules 3 and 7.
    fn sign_of_life(&mut self, n: NodeId, foreign: bool) {
        if Guard::LifeVoidsWord.stands() {
            self.void_word(n);
        }
        let kind = self.nodes[n].proof.as_ref().map(|proof| proof.kind);
        match kind {
            Some(ProofKind::FirmwareReset | ProofKind::Assumed)
                if foreign && Guard::LifeVoidsReset.stands() =>
            {
                self.kill_proof(
                    n,
                    "the console said something that answers no question of ours",
                );
            }
            Some(ProofKind::PowerOff | ProofKind::OperatorWord | ProofKind::Dark)
                if Guard::LifeVoidsPower.stands() =>
            {
                self.kill_proof(n, "the console shows life");
            }
            _ => {}
        }
        if foreign && !self.nodes[n].making.is_empty() && Guard::LifeVoidsMaking.stands() {
            self.nodes[n].making = Making::default();
        }
        let answered = self.nodes[n].siege.as_mut().is_some_and(|siege| {
            let first = !siege.answered;
            siege.answered = true;
            first
        });
        if answered
            && Guard::SiegeTold.stands()
            && let Some(p) = self.package_of(n)
        {
            let node = self.setup.node_name(n).to_owned();
            let text = format!("{node}, taken for stopped and under siege, shows life");
            self.alarm(p, Severity::Critical, alarm_code::SIEGE_ANSWERED, text);
        }
    }

    fn somebody_types(&mut self, n: NodeId, text: &str) {
        let now = self.now;
        // Whom we know is named already.
        if !self.nodes[n].typed_at(now) && self.nodes[n].pen.is_none() {
            let node = self.setup.node_name(n).to_owned();
            self.event(Event::Keyboard {
                node,
                text: text.trim().chars().take(80).collect(),
            });
        }
        if Guard::KeyboardSeen.stands() {
            self.nodes[n].keyboard = Some(now);
        }
        self.nodes[n].settled &= Guard::TextUnsettles.gone();
        // What they left unfinished must not be run by a RETURN of ours.
        self.nodes[n].dirty |= Guard::KeyboardDirties.stands();
    }

    fn hit(&mut self, n: NodeId, hit: &Hit) {
        let Some(firmware) = self.firmware(n) else {
            return;
        };
        let node = &mut self.nodes[n];
        if node.asking.is_some() {
            node.shown.push((hit.pattern, hit.captures.clone()));
            if node.shown.len() > 64 {
                node.shown.remove(0);
            }
        }
        let heard = self.nodes[n].heard;
        let stale = heard.is_none_or(|at| at < self.nodes[n].spoke);
        if stale && Guard::StaleMatch.stands() {
            // It ended before our last send: it answers nothing, and is known already or stale.
            return;
        }
        self.learn(n, hit, &firmware);
        if hit.pattern == firmware.prompt {
            self.prompt_shows(n, &firmware);
        }
        if let Some(p) = self.package_of(n) {
            self.offer(p, n, hit);
        }
    }

    /// A match as a fact about the node.
    fn learn(&mut self, n: NodeId, hit: &Hit, firmware: &Firmware) {
        let now = self.now;
        let pattern = hit.pattern;
        let ours = self.door_on(n);
        let line: String = hit.line.trim().chars().take(120).collect();
        let node = &mut self.nodes[n];
        let first_panic =
            firmware.panic.contains(&pattern) && node.condition != Condition::Panicked;
        let mut note = None;
        let mut disproved = false;
        if pattern == firmware.prompt || pattern == firmware.banner {
            node.loads = false;
        } else if firmware.booting.contains(&pattern) || firmware.login.contains(&pattern) {
            node.loads = true;
        }
        if pattern == firmware.prompt {
            if node.condition != Condition::Prompt {
                note = Some("firmware prompt".to_owned());
                node.evidence.prompt_since = Some(now);
            }
            node.condition = Condition::Prompt;
            node.evidence.prompt = Some(now);
            node.evidence.silent_since = None;
        } else if firmware.login.contains(&pattern) {
            if node.condition != Condition::Running {
                note = Some(format!("login prompt: {line}"));
            }
            node.condition = Condition::Running;
            node.evidence.login = Some(now);
            node.evidence.silent_since = None;
            node.settled &= Guard::LoginUnsettles.gone();
            // What a login prompt disproves must not come back with a new link or a restart.
            disproved = node.evidence.panic.is_some();
            node.evidence.panic = node.evidence.panic.filter(|_| Guard::PanicPast.gone());
        } else if firmware.panic.contains(&pattern) {
            note = Some(format!("panic: {line}"));
            node.condition = Condition::Panicked;
            node.evidence.panic = Some(now);
            node.settled &= Guard::PanicUnsettles.gone();
        } else if pattern == firmware.resumable {
            note = Some("stopped by BREAK, the kernel intact".to_owned());
            node.evidence.resumable = Some(now);
            node.settled &= Guard::StopUnsettles.gone();
            let ours = |(at, _)| now.since(at) <= BREAK_WORKS;
            if node.broke.is_some_and(ours) || Guard::BreakWorks.gone() {
                node.break_worked = true;
                self.actions.push_back(Action::BreakWorked { node: n });
            }
        } else if pattern == firmware.banner && ours.is_none() && node.asking.is_none() {
            note = Some("the machine starts: banner".to_owned());
            node.condition = Condition::Starting;
            node.evidence.starting = Some(now);
        } else if firmware.booting.contains(&pattern) {
            if node.condition != Condition::Starting {
                note = Some(format!("a system is being loaded: {line}"));
            }
            node.condition = Condition::Starting;
            node.evidence.starting = Some(now);
            node.settled &= Guard::BootingUnsettles.gone();
            if Guard::BootingVoids.stands() {
                node.making = Making::default();
            }
        }
        if let Some(text) = note {
            node.evidence.last = Some((now, text.clone()));
            let name = self.setup.node_name(n).to_owned();
            self.event(Event::Evidence { node: name, text });
        }
        if firmware.booting.contains(&pattern) && ours != Some(Door::Boot) {
            self.foreign_boot(n);
        }
        let runs = pattern == firmware.resumable
            || [&firmware.login, &firmware.panic, &firmware.booting]
                .iter()
                .any(|patterns| patterns.contains(&pattern));
        if runs && Guard::SystemVoids.stands() {
            self.kill_proof(
                n,
                "its console shows a system, not the prompt it was proved at",
            );
        }
        if disproved && Guard::PanicPastJournal.stands() {
            self.journal(
                EntryKind::Evidence,
                Some(n),
                "login prompt: the panic is past, or was none".to_owned(),
            );
        }
        if first_panic && Guard::PanicJournal.stands() {
            // A kill of clusterd must not make the panic forgotten.
            self.journal(EntryKind::Evidence, Some(n), format!("panic: {line}"));
        }
    }

    /// A boot that clusterd did not type: what was read of the guard before it says nothing now.
    fn foreign_boot(&mut self, n: NodeId) {
        let ours = self.runs_by_our_boot(n) || Guard::ForeignBoot.gone();
        if self.nodes[n].guard_read && !ours {
            self.nodes[n].guard_read = false;
            let node = self.setup.node_name(n).to_owned();
            let why = "the node is booted, and not by clusterd".to_owned();
            self.journal(EntryKind::Guard, Some(n), format!("guard unknown: {why}"));
            self.event(Event::GuardLost { node, why });
            if let Some(p) = self.package_of(n) {
                self.note_unknown_guard(p, n);
            }
        }
    }

    /// Late boot text of a node that we booted ourselves and that has the package.
    fn runs_by_our_boot(&self, n: NodeId) -> bool {
        self.packages.iter().any(|p| {
            p.primary == Some(n) && self.nodes[n].condition == Condition::Starting && !p.confirmed
        })
    }

    /// The door that is open on a node.
    pub(super) fn door_on(&self, n: NodeId) -> Option<Door> {
        let doors = self.packages.iter().filter_map(|p| p.run.door());
        doors
            .filter(|(_, node)| *node == n)
            .map(|(door, _)| door)
            .next()
    }

    /// RETURN was not answered: by neither a login nor a prompt.
    pub(super) fn unanswered(&mut self, n: NodeId, since: crate::clock::Moment) {
        let now = self.now;
        let node = &mut self.nodes[n];
        let newer = node.link_since().is_none_or(|up| up > since);
        if newer && Guard::UnansweredLink.stands() {
            return;
        }
        // What it says is lost, perhaps: somebody may start it there, and a BREAK leave it resumable.
        node.settled &= Guard::SilenceUnsettles.gone();
        node.evidence.unanswered = Some(now);
        node.evidence.silent_since.get_or_insert(since);
        if node.heard.is_none_or(|at| at < since) && node.condition != Condition::Panicked {
            node.condition = Condition::Silent;
        }
        let text = "RETURN is not answered".to_owned();
        let first = node
            .evidence
            .last
            .as_ref()
            .is_none_or(|(_, last)| *last != text);
        node.evidence.last = Some((now, text.clone()));
        if first {
            let name = self.setup.node_name(n).to_owned();
            self.event(Event::Evidence { node: name, text });
        }
    }

    /// What is held against a node, for people.
    pub(super) fn evidence_text(&self, p: usize, n: NodeId) -> String {
        let evidence = &self.nodes[n].evidence;
        let recent = |at| Node::fresh(at, Duration::from_secs(600), self.now);
        let mut parts = Vec::new();
        if recent(evidence.panic) {
            parts.push("a panic was printed".to_owned());
        }
        if evidence.resumable.is_some() {
            parts.push("stopped by BREAK".to_owned());
        }
        if evidence.prompt.is_some() && self.nodes[n].condition == Condition::Prompt {
            parts.push("it stands at its firmware prompt".to_owned());
        }
        if evidence.silent_since.is_some() && recent(evidence.unanswered) {
            parts.push("RETURN is not answered".to_owned());
        }
        let package = &self.packages[p];
        if package.primary == Some(n) && package.misses > 0 {
            parts.push(match package.misses {
                1 => "1 ping missed".to_owned(),
                misses => format!("{misses} pings missed"),
            });
        }
        if self.nodes[n].epoch().is_none() {
            parts.push("its console is not connected".to_owned());
        }
        if parts.is_empty() {
            parts.push("nothing is held against it".to_owned());
        }
        parts.join(", ")
    }
}
