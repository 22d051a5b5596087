//! The gate before the bytes that start or resume a system (design rules 1, 3 and 4):
//!
//! ```text
//! identity right ─► nonces of all others ─► guard ─► command typed ─► its echo ─► guard ─► RETURN
//! ```
//!
//! A veto at any point takes the door back: nothing was started, the roles are as before.

use std::time::Duration;

use crate::machine::guard::Veto;
use crate::machine::node::Condition;
use crate::machine::package::{Door, Frame, Gate, Wait};
use crate::machine::proof::{NONCE_LIFE, ProofKind};
use crate::machine::setup::{NodeId, PackageId};
use crate::machine::{Event, Machine};
use crate::mutant::Guard;
use crate::script::program::Question;

/// The echo of a typed command is awaited for so long.
const ECHO: Duration = Duration::from_secs(3);

impl Machine {
    /// Whether this text would start or resume a system on that node.
    pub(super) fn starts(&self, n: NodeId, text: &str) -> bool {
        let Some(firmware) = self.firmware(n) else {
            return true;
        };
        let word = |w: &str| firmware.starts.iter().any(|s| s.eq_ignore_ascii_case(w));
        text.split(|c: char| c.is_whitespace() || c.is_control())
            .any(|w| word(w) && Guard::StartWords.stands())
    }

    /// Begins the gate.
    pub(super) fn begin_gate(&mut self, p: PackageId, n: NodeId, text: &str) {
        let bearers = self.nonce_bearers(p, n);
        let person = bearers.iter().copied().find(|n| self.person_at(*n));
        if let Some(other) = person.filter(|_| Guard::GatePerson.stands()) {
            let why = format!(
                "somebody types on the console of {}",
                self.setup.node_name(other)
            );
            let guard = "keyboard";
            return self.close_gate(p, n, &Veto { guard, why });
        }
        let deadline = self.now + NONCE_LIFE;
        for other in bearers
            .into_iter()
            .filter(|_| Guard::GateNonceAsked.stands())
        {
            self.ask_question(other, &Question::Live, "", deadline);
        }
        let wait = Wait::Gate {
            node: n,
            text: text.to_owned(),
            stage: Gate::Nonces,
            deadline,
        };
        self.packages[p].run.wait = wait;
    }

    /// The others whose proof hangs on a live prompt.
    fn nonce_bearers(&self, p: PackageId, n: NodeId) -> Vec<NodeId> {
        let over_console = |other: &NodeId| {
            let kind = self.nodes[*other].proof.as_ref().map(|proof| proof.kind);
            matches!(kind, None | Some(ProofKind::FirmwareReset))
        };
        self.others(p, n).into_iter().filter(over_console).collect()
    }

    fn gate_guard(&self, p: PackageId, n: NodeId, door: Door) -> Result<(), Veto> {
        match door {
            Door::Boot => {
                if !self.nodes[n].making.identified() && Guard::GateIdentity.stands() {
                    let why = "it was not asked who it is just before, or something came between";
                    return Err(Veto {
                        guard: "identity",
                        why: why.to_owned(),
                    });
                }
                if self.nodes[n].typed_at(self.now) && Guard::GateKeyboard.stands() {
                    let why = format!(
                        "somebody types on the console of {}",
                        self.setup.node_name(n)
                    );
                    return Err(Veto {
                        guard: "keyboard",
                        why,
                    });
                }
                self.may_boot_after_intent(p, n)
            }
            Door::Resume => self.may_resume(p, n),
            Door::Fence => Err(Veto {
                guard: "door",
                why: "a fence starts nothing".to_owned(),
            }),
        }
    }

    /// Goes on with the gate when something happened.
    pub(super) fn tick_gate(&mut self, p: PackageId) {
        let Wait::Gate {
            node,
            text,
            stage,
            deadline,
        } = self.packages[p].run.wait.clone()
        else {
            return;
        };
        let Some((door, _)) = self.packages[p].run.door() else {
            return;
        };
        match stage {
            Gate::Nonces => self.gate_nonces(p, node, text, door),
            Gate::Echo => self.gate_echo(p, node, &text, deadline, door),
        }
    }

    fn gate_nonces(&mut self, p: PackageId, n: NodeId, text: String, door: Door) {
        let asked = Guard::GateNonceAsked.stands();
        for other in self.nonce_bearers(p, n).into_iter().filter(|_| asked) {
            if self.nodes[other].asking.is_some() {
                return;
            }
            let live = matches!(self.nodes[other].answer, Some(Ok(())));
            // It was asked at the gate's beginning, with `NONCE_LIFE` to answer.
            if !live && Guard::GateNonceAnswered.stands() {
                let why = format!(
                    "the prompt of {} did not answer just before",
                    self.setup.node_name(other)
                );
                self.kill_proof(other, "its prompt did not answer a nonce");
                return self.close_gate(
                    p,
                    n,
                    &Veto {
                        guard: "nonce",
                        why,
                    },
                );
            }
        }
        if let Err(veto) = self.gate_guard(p, n, door)
            && Guard::GateFirstByte.stands()
        {
            return self.close_gate(p, n, &veto);
        }
        let typed = text.trim_end_matches('\r').to_owned();
        if !self.type_text(n, &typed) {
            let why = "the console is not connected".to_owned();
            return self.close_gate(p, n, &Veto { guard: "link", why });
        }
        let deadline = self.now + ECHO;
        self.packages[p].run.wait = Wait::Gate {
            node: n,
            text,
            stage: Gate::Echo,
            deadline,
        };
    }

    fn gate_echo(
        &mut self,
        p: PackageId,
        n: NodeId,
        text: &str,
        deadline: crate::clock::Moment,
        door: Door,
    ) {
        let typed = text.trim_end_matches('\r');
        let said = self.nodes[n].talk.trim();
        let whole = match self.nodes[n].echo {
            true => said == typed.trim(),
            // Without echo silence is all that can be hoped for, and it is waited out.
            false => said.is_empty() && self.now >= deadline,
        };
        if !whole && self.now < deadline {
            return;
        }
        let judged = if Guard::GateReturn.gone() && whole {
            Ok(())
        } else if whole || Guard::GateEcho.gone() {
            self.gate_guard(p, n, door)
        } else {
            let why = format!("the echo of {typed:?} did not come back as it was typed");
            Err(Veto { guard: "echo", why })
        };
        if let Err(veto) = judged {
            if Guard::GateWipes.stands() {
                self.wipe_line(n);
            }
            return self.close_gate(p, n, &veto);
        }
        self.press_return(p, n, typed, door);
    }

    /// The one byte that all of this is about.
    fn press_return(&mut self, p: PackageId, n: NodeId, typed: &str, door: Door) {
        if Guard::BootKillsProof.stands() {
            self.kill_proof(n, "it is started");
        }
        self.type_text(n, "\r");
        let package = self.setup.packages[p].name.to_string();
        let node = self.setup.node_name(n).to_owned();
        self.event(Event::BootTyped {
            package,
            node,
            text: typed.to_owned(),
        });
        self.nodes[n].making = crate::machine::making::Making::default();
        if door == Door::Boot {
            self.end_siege(n, "it is given the package");
            self.nodes[n].condition = Condition::Starting;
            self.nodes[n].evidence.panic = None;
            self.nodes[n].evidence.resumable = None;
            self.packages[p].run.roles_before = None;
            self.packages[p].leave = None;
        }
        let run = &mut self.packages[p].run;
        for frame in run.frames.iter_mut().rev() {
            if let Frame::Boot { typed, .. } | Frame::Resume { typed, .. } = frame {
                *typed = true;
                break;
            }
        }
        run.pc += 1;
        run.wait = Wait::Ready;
    }

    /// A guard closed the gate: the door is taken back.
    fn close_gate(&mut self, p: PackageId, n: NodeId, veto: &Veto) {
        match self.packages[p].run.door() {
            Some((Door::Boot, _)) => self.boot_refused(p, n, veto),
            Some((Door::Resume, _)) => {
                while let Some(frame) = self.packages[p].run.frames.pop() {
                    if let Frame::Resume { op, .. } = frame {
                        self.packages[p].run.pc = op;
                        break;
                    }
                }
                self.vetoed(p, &format!("resume {}", self.setup.node_name(n)), veto);
            }
            _ => self.hold(p, &veto.why),
        }
    }
}
