//! Hooks that may hold up a boot. The commands are the edge's; whether anything waits for them, for how
//! long, and what their verdicts do stands here and nowhere else.
//!
//! ```text
//!  a person's switchover: weighed ─► hook 1 ─► hook 2 ─► leave ─► weighed again ─► journal ─► stop, fence, boot
//!                                      └─ veto: not done, and the service runs on
//!  boot: guards ─► hook 1 ─► hook 2 ─► leave ─► guards again ─► intent ─► durable ─► guards ─► gate ─► RETURN
//!                    └─ veto: HOLD (1), or this boot has failed (2)
//! ```
//!
//! There is no such thing before a fence. Nothing that is proved lives longer for a hook: the boot
//! begins anew with its first guard, and a proof that died meanwhile has to be made again. A leave then
//! holds, for a while and for one boot command, so that a slow hook and a short proof end.

use std::time::Duration;

use crate::clock::{Moment, Span};
use crate::machine::action::Action;
use crate::machine::input::{Ticket, Verdict};
use crate::machine::package::Wait;
use crate::machine::setup::{GateHook, Gated, HookMay, NodeId, PackageId};
use crate::machine::{Event, Machine};
use crate::script::program::{Op, OperatorWord};

/// The hooks' leave to boot a node holds for so long, and for one boot command.
const LEAVE: Duration = Duration::from_secs(600);

/// So much longer than it says a hook may take: a process that is killed is waited for.
const GRACE: Duration = Duration::from_secs(10);

/// Leave to boot a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Leave {
    node: NodeId,
    /// It was another node that had the package: the hooks before a switchover were asked too.
    moves: bool,
    /// The hooks before a boot were asked.
    boots: bool,
    since: Moment,
}

/// A hook that is asked before the first step of a person's switchover.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Early {
    /// Which of the package's hooks.
    pub gate: usize,
    /// The request that is answered.
    pub ticket: Ticket,
    /// It must have ended by then.
    pub deadline: Moment,
}

impl Machine {
    /// Whether a boot that its guards allow has to wait for a hook; then the wait begins.
    pub(super) fn waits_for_hooks(&mut self, p: PackageId, n: NodeId) -> bool {
        let moves = self.packages[p].moves_to(n);
        let whole = |leave: Leave| leave.boots && (leave.moves || !moves);
        if self.leave(p, n).is_some_and(whole) {
            return false;
        }
        self.ask_hook(p, n, 0)
    }

    /// The leave to boot this node, while it holds.
    fn leave(&self, p: PackageId, n: NodeId) -> Option<Leave> {
        let holds = |leave: &Leave| leave.node == n && self.now.since(leave.since) < LEAVE;
        self.packages[p].leave.filter(holds)
    }

    /// Whether a person's switchover has to wait for a hook before its first step; then the wait begins.
    pub(super) fn order_waits_for_hooks(&mut self, p: PackageId) -> bool {
        self.ask_early(p, 0)
    }

    /// Asks the first hook from number `from` on that stands before this switchover.
    fn ask_early(&mut self, p: PackageId, from: usize) -> bool {
        let primary = self.packages[p].primary;
        let order = self.order_in_force(p);
        let Some(order) = order.filter(|order| order.heard == OperatorWord::Switchover) else {
            return false;
        };
        let (cause, node) = (order.text.clone(), order.node);
        let Some(n) = node.filter(|n| primary != Some(*n)) else {
            return false;
        };
        let gates = self.setup.packages[p].gates.iter().enumerate().skip(from);
        let mut concerned = gates.filter(|(_, gate)| gate.before == Gated::Switchover);
        let Some((at, gate)) = concerned.next().map(|(at, gate)| (at, *gate)) else {
            return false;
        };
        let ticket = self.send_for_hook(p, n, &gate, cause);
        let early = Early {
            gate: at,
            ticket,
            deadline: self.now + gate.within + GRACE,
        };
        let order = self.packages[p].order.as_mut();
        order.expect("it is in force").asks = Some(early);
        true
    }

    /// What a hook says before the first step of a person's switchover.
    pub(super) fn early_says(&mut self, p: PackageId, verdict: &Verdict) {
        let order = self.packages[p].order.as_mut();
        let Some(order) = order.filter(|order| order.end.is_none()) else {
            return;
        };
        let (Some(early), Some(node)) = (order.asks.take(), order.node) else {
            return;
        };
        let hook = self.setup.packages[p].gates[early.gate];
        if *verdict == Verdict::GoOn || hook.may == HookMay::Delay {
            if self.ask_early(p, early.gate + 1) {
                return;
            }
            self.packages[p].leave = Some(Leave {
                node,
                moves: true,
                boots: false,
                since: self.now,
            });
            return self.order_goes_on(p);
        }
        let name = self.setup.node_name(node).to_owned();
        let text = said_by(&hook, &name, verdict);
        self.refused_by_hook(p, format!("switchover to {name}"), &text);
        let text = format!("{text}; nothing was stopped");
        self.end_order(p, Err(text));
    }

    /// Asks the first hook from number `from` on that stands before this boot; false if there is none.
    fn ask_hook(&mut self, p: PackageId, n: NodeId, from: usize) -> bool {
        if self
            .order_in_force(p)
            .is_some_and(|order| order.asks.is_some())
        {
            let why = "a boot has begun before the hooks had answered";
            self.end_order(p, Err(why.to_owned()));
        }
        let asked = self.leave(p, n).is_some_and(|leave| leave.moves);
        let moves = self.packages[p].moves_to(n) && !asked;
        let gates = self.setup.packages[p].gates.iter().enumerate().skip(from);
        let mut concerned = gates.filter(|(_, gate)| gate.before == Gated::Boot || moves);
        let Some((at, gate)) = concerned.next().map(|(at, gate)| (at, *gate)) else {
            return false;
        };
        let cause = self.packages[p].run.evidence.clone();
        let ticket = self.send_for_hook(p, n, &gate, cause);
        self.packages[p].run.wait = Wait::Hook {
            node: n,
            gate: at,
            ticket,
            deadline: self.now + gate.within + GRACE,
        };
        true
    }

    /// The edge is to run it.
    fn send_for_hook(&mut self, p: PackageId, n: NodeId, gate: &GateHook, cause: String) -> Ticket {
        let ticket = self.ticket();
        self.event(Event::HookAwaited {
            package: self.setup.packages[p].name.to_string(),
            node: self.setup.node_name(n).to_owned(),
            on: gate.before.word().to_owned(),
            within_ms: u64::try_from(gate.within.as_millis()).unwrap_or(u64::MAX),
        });
        self.actions.push_back(Action::Hook {
            ticket,
            hook: gate.hook,
            node: n,
            cause,
        });
        ticket
    }

    pub(super) fn hook_done(&mut self, done: Ticket, verdict: &Verdict) {
        for p in 0..self.packages.len() {
            if matches!(self.packages[p].run.wait, Wait::Hook { ticket, .. } if ticket == done) {
                return self.hook_says(p, verdict);
            }
            let asks = self.order_in_force(p).and_then(|order| order.asks);
            if asks.is_some_and(|early| early.ticket == done) {
                return self.early_says(p, verdict);
            }
        }
    }

    /// Its time is over, and the edge has not even said so.
    pub(super) fn hook_is_late(&mut self, p: PackageId) {
        self.hook_says(p, &Verdict::None("no end within its time".to_owned()));
    }

    fn hook_says(&mut self, p: PackageId, verdict: &Verdict) {
        let Wait::Hook { node, gate, .. } = self.packages[p].run.wait else {
            return;
        };
        let hook = self.setup.packages[p].gates[gate];
        let name = self.setup.node_name(node).to_owned();
        let text = said_by(&hook, &name, verdict);
        self.packages[p].run.wait = Wait::Ready;
        match (verdict, hook.may) {
            (Verdict::GoOn, _) | (_, HookMay::Delay) => {
                if !self.ask_hook(p, node, gate + 1) {
                    let moves = self.packages[p].moves_to(node);
                    let earlier = self.leave(p, node).filter(|leave| leave.moves);
                    self.packages[p].leave = Some(Leave {
                        node,
                        moves,
                        boots: true,
                        since: earlier.map_or(self.now, |leave| leave.since),
                    });
                }
            }
            (Verdict::NotHere, HookMay::Veto) => {
                self.refused_by_hook(p, format!("boot {name}"), &text);
                self.not_here(p, node, text);
            }
            (Verdict::No | Verdict::None(_), HookMay::Veto) => {
                self.refused_by_hook(p, format!("boot {name}"), &text);
                self.hold(p, &text);
            }
        }
    }

    fn refused_by_hook(&mut self, p: PackageId, act: String, why: &str) {
        self.event(Event::Veto {
            package: self.setup.packages[p].name.to_string(),
            act,
            guard: "hook".to_owned(),
            why: why.to_owned(),
        });
    }

    /// The boot has failed before it began: the script's `else`, and a failure of that node.
    fn not_here(&mut self, p: PackageId, n: NodeId, why: String) {
        let program = self.program(p);
        let Op::Boot { otherwise, .. } = program.ops[self.packages[p].run.pc] else {
            return self.hold(p, &why);
        };
        let wall = self.wall();
        self.nodes[n].failures.push(wall);
        if self.nodes[n].failures.len() > 64 {
            self.nodes[n].failures.remove(0);
        }
        let package = &mut self.packages[p];
        package.leave = None;
        package.heir = None;
        package.run.pc = otherwise;
        package.run.reason = why;
    }

    /// What a person's switchover waits for, for people.
    pub(super) fn early_text(&self, p: PackageId) -> Option<(String, Moment)> {
        let order = self.order_in_force(p)?;
        let (early, node) = (order.asks?, order.node?);
        let hook = self.setup.packages[p].gates[early.gate];
        let text = format!(
            "the hook {} before the switchover to {}, {} at most",
            hook.before.word(),
            self.setup.node_name(node),
            Span(hook.within)
        );
        Some((text, early.deadline))
    }

    /// How long the hooks before a boot may take yet, for people.
    pub(super) fn hook_text(&self, p: PackageId, n: NodeId, gate: usize) -> String {
        let hook = self.setup.packages[p].gates[gate];
        format!(
            "the hook {} before the boot of {}, {} at most",
            hook.before.word(),
            self.setup.node_name(n),
            Span(hook.within)
        )
    }
}

/// What a hook said, in words.
fn said_by(hook: &GateHook, node: &str, verdict: &Verdict) -> String {
    let said = match verdict {
        Verdict::GoOn => String::new(),
        Verdict::No => "exit code 1: it must not start anywhere".to_owned(),
        Verdict::NotHere => "exit code 2: it must not start there".to_owned(),
        Verdict::None(why) => format!("no verdict, which counts as no: {why}"),
    };
    format!("the hook {} of {node} says {said}", hook.before.word())
}
