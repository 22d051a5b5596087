//! The doors `fence`, `boot` and `resume`: guard, intent, durability, guard again,
//! procedure, end. No other part of the machine lets a script stop or start a node.

use std::time::Duration;

use crate::machine::action::EntryKind;
use crate::machine::alarm_code;
use crate::machine::guard::Veto;
use crate::machine::making::Making;
use crate::machine::node::{Condition, Identity, KEYBOARD_QUIET};
use crate::machine::package::{AfterDurable, Frame, Wait};
use crate::machine::proof::{Proof, ProofKind, RESET_LIFE};
use crate::machine::setup::{NodeId, PackageId};
use crate::machine::{Event, Machine};
use crate::mutant::Guard;
use crate::script::program::{Op, OperatorWord, Pc, Question, Severity};

/// A prompt that showed has so long to answer a nonce before a fence.
const PROMPT_ANSWERS: Duration = Duration::from_secs(5);

impl Machine {
    /// `fence WHO with …`.
    pub(super) fn begin_fence(&mut self, p: PackageId, n: NodeId) {
        self.nodes[n].fence_tried = Some(self.now);
        let lasting = |proof: &Proof| {
            // A node that was switched off may have been switched on again behind a dead
            // console: the order is given again.
            let life = match proof.kind {
                ProofKind::Dark => None,
                _ => Some(proof.life().unwrap_or(RESET_LIFE)),
            };
            let young = |life| self.now.since(proof.born) * 2 < life;
            life.is_none_or(|life| young(life) || Guard::FenceYoung.gone())
        };
        if self.proved(n) && self.nodes[n].proof.as_ref().is_some_and(lasting) {
            self.order_proved(p, n);
            self.packages[p].run.pc += 1;
            return;
        }
        let takeover = self.packages[p].primary == Some(n);
        if takeover && self.host.impaired.is_some() && Guard::FenceImpaired.stands() {
            return self.wait_until_well(p);
        }
        let prompt = self.nodes[n].condition == Condition::Prompt;
        if prompt && self.nodes[n].epoch().is_some() && Guard::FenceNonce.stands() {
            // A bare prompt is a suspicion; only a nonce makes it evidence.
            let deadline = self.now + PROMPT_ANSWERS;
            self.ask_question(n, &Question::Live, "", deadline);
            self.packages[p].run.wait = Wait::Suspicion { node: n };
            return;
        }
        self.intend_fence(p, n);
    }

    /// The suspicion was judged: guard, then the intent.
    pub(super) fn intend_fence(&mut self, p: PackageId, n: NodeId) {
        let takeover = self.packages[p].primary == Some(n);
        match self.may_fence(p, n) {
            Err(veto) => {
                // What a besieged node said is taken up; its next word is another one.
                if let Some(siege) = &mut self.nodes[n].siege {
                    siege.answered = false;
                }
                self.vetoed(p, &format!("fence {}", self.setup.node_name(n)), &veto);
            }
            Ok(evidence) => {
                let package = &mut self.packages[p];
                package.run.evidence.clone_from(&evidence);
                let order = package.order.as_deref().filter(|o| o.end.is_none());
                let moves = order.is_none_or(|o| o.heard != OperatorWord::FencePrimary);
                if takeover && moves && package.heir.is_none() && Guard::FenceHeir.stands() {
                    package.heir = package.secondary;
                }
                let name = self.setup.node_name(n);
                let text = format!("stop {name} for good (evidence: {evidence})");
                let ticket = self.journal(EntryKind::Intent, Some(n), text);
                self.packages[p].run.wait = Wait::Durable {
                    ticket,
                    then: AfterDurable::Fence { node: n },
                };
                if Guard::JournalFence.gone() {
                    self.durable(ticket);
                }
            }
        }
    }

    /// The intent is durable: decide again, then let the first procedure talk.
    pub(super) fn fence_durable(&mut self, p: PackageId, n: NodeId) {
        let takeover = self.packages[p].primary == Some(n);
        if takeover && self.host.impaired.is_some() && Guard::FenceImpairedAgain.stands() {
            return self.wait_until_well(p);
        }
        if let Err(veto) = self.may_fence(p, n)
            && Guard::FenceAgain.stands()
        {
            return self.vetoed(p, &format!("fence {}", self.setup.node_name(n)), &veto);
        }
        if takeover && self.packages[p].confirmed && self.packages[p].ordered.is_none() {
            let wall = self.wall();
            let node = &self.nodes[n];
            let recent = |last: &u64| wall.saturating_sub(*last) < 600;
            let counted = node.unfenced_failure && node.failures.last().is_some_and(recent);
            if !counted && Guard::FenceCounts.stands() {
                self.nodes[n].failures.push(wall);
                if self.nodes[n].failures.len() > 64 {
                    self.nodes[n].failures.remove(0);
                }
            }
            self.nodes[n].unfenced_failure |= Guard::FenceUnfences.stands();
        }
        if let Some(siege) = &mut self.nodes[n].siege {
            siege.answered = false;
        }
        let op = self.packages[p].run.pc;
        let frame = Frame::Fence {
            node: n,
            op,
            next: 0,
            procedure: 0,
            began: self.now,
        };
        self.packages[p].run.frames.push(frame);
        self.next_fence_procedure(p);
    }

    /// Lets the next procedure of the fence try; at the end of the list the fence has failed.
    fn next_fence_procedure(&mut self, p: PackageId) {
        let program = self.program(p);
        let run = &mut self.packages[p].run;
        let Some(Frame::Fence {
            node,
            op,
            next,
            procedure,
            ..
        }) = run.frames.last_mut()
        else {
            return;
        };
        let (n, op) = (*node, *op);
        let Op::Fence {
            procedures,
            otherwise,
            ..
        } = &program.ops[op]
        else {
            return;
        };
        if let Some(id) = procedures.get(*next) {
            *procedure = *id;
            *next += 1;
            run.pc = program.procedures[*id].entry;
            run.wait = Wait::Ready;
            if Guard::FenceVoidsMaking.stands() {
                self.nodes[n].making = Making::default();
            }
            if Guard::FenceVoidsProof.stands() {
                self.kill_proof(n, "a new fence begins");
            }
            let event = Event::FenceBegan {
                package: self.setup.packages[p].name.to_string(),
                node: self.setup.node_name(n).to_owned(),
                procedure: program.procedures[*id].name.clone(),
                evidence: self.packages[p].run.evidence.clone(),
            };
            self.event(event);
        } else {
            run.frames.pop();
            run.pc = *otherwise;
            run.wait = Wait::Ready;
            let text = format!(
                "{} could not be proved stopped: {}",
                self.setup.node_name(n),
                self.packages[p].run.reason
            );
            self.journal(EntryKind::Result, Some(n), text.clone());
            self.order_problem(p, &text);
            self.packages[p].run.reason = text;
        }
    }

    /// A procedure of a fence ended in `done`: is there a proof?
    pub(super) fn end_fence(&mut self, p: PackageId) {
        let Some(Frame::Fence {
            node, op, began, ..
        }) = self.packages[p].run.frames.last().cloned()
        else {
            return;
        };
        if !self.proved(node) && Guard::FenceProved.stands() {
            return self.fence_failed(
                p,
                "it ended, but a piece of the proof is missing or was voided",
            );
        }
        let kind = self.nodes[node]
            .proof
            .as_ref()
            .map_or(ProofKind::Assumed, |proof| proof.kind);
        let took_ms = u64::try_from(self.now.since(began).as_millis()).unwrap_or(u64::MAX);
        self.order_proved(p, node);
        let name = self.setup.node_name(node).to_owned();
        self.event(Event::Proved {
            node: name.clone(),
            kind,
            took_ms,
        });
        self.journal(
            EntryKind::Result,
            Some(node),
            format!("{name} is proved stopped ({kind})"),
        );
        let run = &mut self.packages[p].run;
        run.frames.pop();
        run.pc = op + 1;
    }

    /// A procedure of a fence failed.
    pub(super) fn fence_failed(&mut self, p: PackageId, why: &str) {
        let program = self.program(p);
        let Some(Frame::Fence {
            node, procedure, ..
        }) = self.packages[p].run.frames.last().cloned()
        else {
            return;
        };
        let event = Event::FenceFailed {
            node: self.setup.node_name(node).to_owned(),
            procedure: program.procedures[procedure].name.clone(),
            why: why.to_owned(),
        };
        self.event(event);
        why.clone_into(&mut self.packages[p].run.reason);
        match self.may_go_on_fencing(p) {
            Ok(()) => self.next_fence_procedure(p),
            Err((op, veto)) => {
                let run = &mut self.packages[p].run;
                run.frames.pop();
                run.pc = op;
                let name = self.setup.node_name(node).to_owned();
                self.journal(
                    EntryKind::Result,
                    Some(node),
                    format!("{name} is not fenced any further: {}", veto.why),
                );
                self.vetoed(p, &format!("fence {name}"), &veto);
            }
        }
    }

    /// Whether what was held against the node still is, before the next procedure of a fence:
    /// that may be the one that switches it off.
    fn may_go_on_fencing(&self, p: PackageId) -> Result<(), (Pc, Veto)> {
        let Some(Frame::Fence {
            node, op, began, ..
        }) = self.packages[p].run.frames.last()
        else {
            return Ok(());
        };
        let (n, op) = (*node, *op);
        if let Identity::Wrong(why) = &self.nodes[n].identity
            && Guard::FenceOnIdentity.stands()
        {
            let why = format!("its console shows {why}");
            let guard = "identity";
            return Err((op, Veto { guard, why }));
        }
        if self.packages[p].primary == Some(n)
            && let Some(why) = &self.host.impaired
            && Guard::FenceOnImpaired.stands()
        {
            let why = why.clone();
            let guard = "impaired";
            return Err((op, Veto { guard, why }));
        }
        let answers = self.nodes[n].condition == Condition::Running
            && self.nodes[n].evidence.login.is_some_and(|at| at > *began);
        let answers = answers && Guard::FenceOnEvidence.stands();
        if answers && self.packages[p].primary == Some(n) && self.may_fence(p, n).is_err() {
            let why = "its login prompt answered meanwhile".to_owned();
            let guard = "evidence";
            return Err((op, Veto { guard, why }));
        }
        Ok(())
    }

    /// `boot WHO with …`.
    pub(super) fn begin_boot(&mut self, p: PackageId, n: NodeId) {
        if self.host.impaired.is_some() && Guard::BootWaits.stands() {
            return self.wait_until_well(p);
        }
        if Guard::BootQuiet.stands() && self.waits_for_quiet(p, n) {
            return;
        }
        if let Err(veto) = self.may_boot(p, n)
            && Guard::BootFirst.stands()
        {
            return self.vetoed(p, &format!("boot {}", self.setup.node_name(n)), &veto);
        }
        if self.waits_for_hooks(p, n) {
            return;
        }
        let wall = self.wall();
        self.packages[p].give_to(n, wall);
        let name = self.setup.node_name(n);
        let text = format!(
            "{} belongs to {name}, unconfirmed; boot it",
            self.setup.packages[p].name
        );
        let ticket = self.journal(EntryKind::Intent, Some(n), text);
        self.packages[p].run.wait = Wait::Durable {
            ticket,
            then: AfterDurable::Boot { node: n },
        };
        if Guard::JournalBoot.gone() {
            self.durable(ticket);
        }
    }

    /// The boot intent is durable: decide again, then let the procedure talk.
    pub(super) fn boot_durable(&mut self, p: PackageId, n: NodeId) {
        if self.packages[p].run.roles_before.is_some()
            && let Err(veto) = self.may_boot_after_intent(p, n)
            && Guard::BootAgain.stands()
        {
            return self.boot_refused(p, n, &veto);
        }
        let program = self.program(p);
        let op = self.packages[p].run.pc;
        let Op::Boot { procedure, .. } = program.ops[op] else {
            return;
        };
        if Guard::BootAsksAnew.stands() {
            self.nodes[n].making = Making::default();
        }
        self.event(Event::BootBegan {
            package: self.setup.packages[p].name.to_string(),
            node: self.setup.node_name(n).to_owned(),
        });
        let run = &mut self.packages[p].run;
        run.frames.push(Frame::Boot {
            node: n,
            op,
            began: self.now,
            typed: false,
        });
        run.pc = program.procedures[procedure].entry;
        run.wait = Wait::Ready;
    }

    /// The guards of a boot once more, after its own intent was counted.
    pub(super) fn may_boot_after_intent(&self, p: PackageId, n: NodeId) -> Result<(), Veto> {
        let mut as_before = self.clone();
        let package = &mut as_before.packages[p];
        if let Some(before) = package.run.roles_before {
            package.take_back(before);
        }
        as_before.may_boot(p, n)
    }

    /// No RETURN was pressed: the roles are what they were.
    pub(super) fn boot_refused(&mut self, p: PackageId, n: NodeId, veto: &Veto) {
        let program = self.program(p);
        let package = &mut self.packages[p];
        while let Some(frame) = package.run.frames.pop() {
            if let Frame::Boot { op, .. } = frame {
                package.run.pc = op;
                break;
            }
        }
        let before = package.run.roles_before.take();
        let before = before.filter(|_| Guard::BootRolesBack.stands());
        if let Some(before) = before {
            package.take_back(before);
        }
        debug_assert!(matches!(program.ops[package.run.pc], Op::Boot { .. }));
        let name = self.setup.node_name(n).to_owned();
        self.journal(
            EntryKind::Result,
            Some(n),
            format!("{name} was not booted: {}", veto.why),
        );
        if veto.guard == "keyboard" && self.waits_for_quiet(p, n) {
            return;
        }
        self.vetoed(p, &format!("boot {name}"), veto);
    }

    /// The boot procedure ended in `done`.
    pub(super) fn end_boot(&mut self, p: PackageId) {
        let Some(Frame::Boot {
            node,
            op,
            began,
            typed,
        }) = self.packages[p].run.frames.last().cloned()
        else {
            return;
        };
        if !typed && Guard::BootTyped.stands() {
            return self.boot_failed(p, "its procedure never gave the boot command");
        }
        let package = &mut self.packages[p];
        package.confirmed = true;
        package.heir = None;
        package.ordered = None;
        package.run.roles_before = None;
        package.run.frames.pop();
        package.run.pc = op + 1;
        let took_ms = u64::try_from(self.now.since(began).as_millis()).unwrap_or(u64::MAX);
        let name = self.setup.node_name(node).to_owned();
        let package = self.setup.packages[p].name.to_string();
        self.journal(
            EntryKind::Result,
            Some(node),
            format!("{package} runs on {name}"),
        );
        self.event(Event::BootDone {
            package,
            node: name,
            took_ms,
        });
    }

    /// The boot procedure failed.
    pub(super) fn boot_failed(&mut self, p: PackageId, why: &str) {
        let program = self.program(p);
        let Some(Frame::Boot { node, op, .. }) = self.packages[p].run.frames.pop() else {
            return;
        };
        let Op::Boot { otherwise, .. } = program.ops[op] else {
            return;
        };
        let wall = self.wall();
        if Guard::BootFailureCounts.stands() {
            self.nodes[node].failures.push(wall);
        }
        self.nodes[node].unfenced_failure |= Guard::BootFailureUnfences.stands();
        let package = &mut self.packages[p];
        package.heir = None;
        package.leave = None;
        package.run.roles_before = None;
        package.run.pc = otherwise;
        package.run.wait = Wait::Ready;
        why.clone_into(&mut package.run.reason);
        let name = self.setup.node_name(node).to_owned();
        self.journal(
            EntryKind::Result,
            Some(node),
            format!("{name} did not start: {why}"),
        );
        self.order_problem(p, &format!("{name} did not start: {why}"));
        let package = self.setup.packages[p].name.to_string();
        self.event(Event::BootFailed {
            package,
            node: name,
            why: why.to_owned(),
        });
    }

    /// `resume WHO with …`.
    pub(super) fn begin_resume(&mut self, p: PackageId, n: NodeId) {
        if let Err(veto) = self.may_resume(p, n)
            && Guard::ResumeFirst.stands()
        {
            return self.vetoed(p, &format!("resume {}", self.setup.node_name(n)), &veto);
        }
        let text = format!("tell {} to go on", self.setup.node_name(n));
        let ticket = self.journal(EntryKind::Intent, Some(n), text);
        self.packages[p].run.wait = Wait::Durable {
            ticket,
            then: AfterDurable::Resume { node: n },
        };
        if Guard::JournalResume.gone() {
            self.durable(ticket);
        }
    }

    /// The intent is durable: decide again, then let the procedure talk.
    pub(super) fn resume_durable(&mut self, p: PackageId, n: NodeId) {
        if let Err(veto) = self.may_resume(p, n)
            && Guard::ResumeAgain.stands()
        {
            return self.vetoed(p, &format!("resume {}", self.setup.node_name(n)), &veto);
        }
        let program = self.program(p);
        let op = self.packages[p].run.pc;
        let Op::Resume { procedure, .. } = program.ops[op] else {
            return;
        };
        self.nodes[n].making = Making::default();
        let run = &mut self.packages[p].run;
        run.frames.push(Frame::Resume {
            node: n,
            op,
            typed: false,
        });
        run.pc = program.procedures[procedure].entry;
        run.wait = Wait::Ready;
    }

    /// The resume procedure ended, well or not.
    pub(super) fn end_resume(&mut self, p: PackageId, result: Result<(), String>) {
        let program = self.program(p);
        let Some(Frame::Resume { node, op, typed }) = self.packages[p].run.frames.pop() else {
            return;
        };
        let Op::Resume { otherwise, .. } = program.ops[op] else {
            return;
        };
        let good = result.is_ok() && (typed || Guard::ResumeTyped.gone());
        let run = &mut self.packages[p].run;
        run.pc = if good { op + 1 } else { otherwise };
        run.wait = Wait::Ready;
        if let Err(why) = result {
            run.reason = why;
        }
        if good {
            let package = self.setup.packages[p].name.to_string();
            let node = self.setup.node_name(node).to_owned();
            self.event(Event::Resumed { package, node });
        }
    }

    /// A guard said no: the script's answer, or HOLD.
    pub(super) fn vetoed(&mut self, p: PackageId, act: &str, veto: &Veto) {
        let program = self.program(p);
        self.event(Event::Veto {
            package: self.setup.packages[p].name.to_string(),
            act: act.to_owned(),
            guard: veto.guard.to_owned(),
            why: veto.why.clone(),
        });
        let run = &mut self.packages[p].run;
        run.reason = format!("{act} refused by {veto}");
        let why = run.reason.clone();
        self.order_problem(p, &why);
        let run = &mut self.packages[p].run;
        let refused: Option<Pc> = match &program.ops[run.pc] {
            Op::Fence { refused, .. } | Op::Boot { refused, .. } | Op::Resume { refused, .. } => {
                *refused
            }
            _ => None,
        };
        match refused {
            Some(pc) => {
                run.pc = pc;
                run.wait = Wait::Ready;
            }
            None => {
                let why = run.reason.clone();
                self.hold(p, &why);
            }
        }
    }

    /// The engine's own HOLD: nothing moves until an operator says `release`.
    pub(super) fn hold(&mut self, p: PackageId, why: &str) {
        self.stand_still(p, why);
        self.end_order(p, Err(format!("HOLD: {why}")));
        let text = format!("{} is in HOLD: {why}", self.setup.packages[p].name);
        self.alarm(p, Severity::Critical, alarm_code::HOLD, text);
    }

    /// What is under way ends, and nothing is begun.
    pub(super) fn stand_still(&mut self, p: PackageId, why: &str) {
        self.abandon(p);
        let package = &mut self.packages[p];
        package.ordered = None;
        package.adopting = None;
        package.leave = None;
        package.run.frames.clear();
        package.run.wait = Wait::Idle;
        package.run.stuck = Guard::HoldStuck.stands();
        package.hold = Some(why.to_owned());
        if Guard::HoldJournal.stands() {
            self.journal(EntryKind::Hold, None, why.to_owned());
        }
    }

    /// Rule 16: whoever types at the prompt of this node comes first; the op is run again
    /// when the keyboard has been quiet for a while.
    fn waits_for_quiet(&mut self, p: PackageId, n: NodeId) -> bool {
        let node = &self.nodes[n];
        let Some(typed) = node.keyboard.filter(|_| node.typed_at(self.now)) else {
            return false;
        };
        if node.condition != Condition::Prompt {
            return false;
        }
        let run = &mut self.packages[p].run;
        run.wait = Wait::Sleep {
            until: typed + KEYBOARD_QUIET,
            then: run.pc,
        };
        true
    }

    /// Every takeover is held while the monitor doubts itself.
    pub(super) fn wait_until_well(&mut self, p: PackageId) {
        self.packages[p].run.wait = Wait::Impaired;
    }

    /// The monitor is well again, or a person says so: scripts that waited for it look again from
    /// the start. HOLD stays HOLD.
    pub(super) fn look_again(&mut self) {
        let cause = "takeovers are not held any more: look again";
        for p in 0..self.packages.len() {
            if self.packages[p].run.wait != Wait::Impaired {
                continue;
            }
            if self.packages[p].hold.is_some() {
                let state = self.packages[p].run.state;
                self.enter(p, state, cause);
            } else {
                self.start_script(p, cause);
            }
        }
    }
}
