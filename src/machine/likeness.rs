//! What tells two machines apart: for explorers, which must know a situation again when they meet
//! it on another way (`sim/prove`).
//!
//! Left out is what the cluster's files say, which is the same for both, and what cannot change what the machine will do: texts that are only shown to people,
//! the numbers of tickets (an answer is awaited or it is not), the stock of random numbers, what
//! a console said before our last question, and the clock itself: moments hash as moments, and
//! the hasher looks at how far they are away. Where the order of two moments decides something
//! even when both are long past, the order is hashed too.
//!
//! Every field is named, so that a new one does not compile before it was thought about here.

use std::hash::{Hash, Hasher};

use crate::clock::Moment;
use crate::machine::Machine;
use crate::machine::input::Ticket;
use crate::machine::node::{Evidence, Identity, Link, Node, Siege};
use crate::machine::package::{Package, Run, Wait};
use crate::machine::setup::NodeId;

/// More misses in a row than any script counts.
const MISSES: u32 = 16;

impl Machine {
    /// Feeds `hasher` with all that tells this machine from another one of the same cluster.
    pub fn tell_apart<H: Hasher>(&self, hasher: &mut H) {
        let Machine {
            setup: _,
            firmwares: _,
            nodes,
            packages,
            host,
            upkept,
            outs,
            nonces: _,
            tickets: _,
            actions,
            wall_zero: _,
            now: _,
            asked_nonces: _,
        } = self;
        actions.len().hash(hasher);
        for (n, node) in nodes.iter().enumerate() {
            let gate = |p: &Package| matches!(p.run.wait, Wait::Gate { node, .. } if node == n);
            let listens = node.asking.is_some() || packages.iter().any(gate);
            self.tell_node_apart(node, listens, hasher);
            self.lost_from(n).hash(hasher);
        }
        for package in packages {
            self.tell_package_apart(package, hasher);
            tell_run_apart(&package.run, hasher);
        }
        host.hash(hasher);
        upkept.tell_apart(hasher);
        outs.tell_apart(hasher);
    }

    /// Whether the answer to this request is still awaited.
    pub fn awaits(&self, wanted: Ticket) -> bool {
        let package = self.packages.iter().any(|package| match package.run.wait {
            Wait::Durable { ticket, .. }
            | Wait::Probe { ticket, .. }
            | Wait::Run { ticket, .. }
            | Wait::Hook { ticket, .. }
            | Wait::Power { ticket, .. } => ticket == wanted,
            _ => false,
        });
        let early = self.packages.iter().any(|package| {
            let asks = package.order.as_deref().filter(|order| order.end.is_none());
            asks.and_then(|order| order.asks)
                .is_some_and(|early| early.ticket == wanted)
        });
        let siege = |node: &Node| node.siege.as_ref().and_then(|siege| siege.awaits);
        let siege = self.nodes.iter().any(|node| siege(node) == Some(wanted));
        let out = self.outs.tickets().any(|ticket| ticket == wanted);
        package || early || siege || out || self.upkept.awaits(wanted)
    }

    /// The random word that was defined on a node for the proof in the making.
    pub fn mark(&self, n: NodeId) -> Option<&str> {
        self.nodes[n].making.mark()
    }

    fn tell_node_apart<H: Hasher>(&self, node: &Node, listens: bool, hasher: &mut H) {
        let Node {
            link,
            heard,
            heard_ever,
            condition,
            evidence,
            identity,
            host_id,
            unseen: _,
            proof,
            making,
            guard_read,
            guard_last: _,
            break_worked,
            broke,
            settled,
            loads,
            siege,
            echo: _,
            carrier,
            keyboard,
            pen,
            asking,
            answer,
            owed_until,
            returned,
            spoke,
            talk,
            shown,
            line,
            dirty,
            mark_sum: _,
            word,
            failures,
            unfenced_failure,
            fence_tried,
            watched_since,
            maintenance,
            out,
        } = node;
        match link {
            Link::Up { epoch: _, since } => (true, since).hash(hasher),
            Link::Down { since, why: _ } => (false, since).hash(hasher),
        }
        (heard, heard_ever.is_some(), condition).hash(hasher);
        tell_evidence_apart(evidence, broke.map(|(at, _)| at), hasher);
        match identity {
            Identity::Unknown => 0_u8.hash(hasher),
            Identity::Right(_) => 1_u8.hash(hasher),
            Identity::Wrong(_) => 2_u8.hash(hasher),
        }
        (host_id, proof, making, guard_read, break_worked).hash(hasher);
        (broke.map(|(at, _)| at), settled, loads).hash(hasher);
        let siege = siege.as_ref().map(|siege| {
            let Siege {
                since: _,
                next,
                answered,
                awaits,
            } = siege;
            (next, answered, awaits.is_some())
        });
        (siege, carrier, pen, asking).hash(hasher);
        keyboard.filter(|_| node.typed_at(self.now)).hash(hasher);
        answer.as_ref().map(Result::is_ok).hash(hasher);
        owed_until.filter(|end| *end >= self.now).hash(hasher);
        (returned, spoke, line, dirty).hash(hasher);
        (
            heard.is_some_and(|at| at >= *spoke),
            *returned == Some(*spoke),
        )
            .hash(hasher);
        if listens {
            (talk, shown).hash(hasher);
        }
        word.as_ref().map(|word| word.at).hash(hasher);
        let caps = self.setup.packages.iter().map(|p| p.failures.max);
        self.tell_wall_apart(failures, caps.max().unwrap_or(0), hasher);
        (unfenced_failure, watched_since, maintenance, out).hash(hasher);
        fence_tried.filter(|_| *unfenced_failure).hash(hasher);
    }

    fn tell_package_apart<H: Hasher>(&self, package: &Package, hasher: &mut H) {
        let Package {
            primary,
            secondary,
            known,
            had,
            bound,
            confirmed,
            heir,
            hold,
            switches,
            restarts,
            awaited,
            misses,
            answered,
            missing_since,
            lost,
            told,
            adopting,
            leave,
            ordered,
            order,
            held,
            drill,
            run: _,
        } = package;
        let order = order.as_deref().filter(|order| order.end.is_none());
        let order = order.map(|order| {
            let begun = order.awaits.is_none();
            let asks = order.asks.map(|early| (early.gate, early.deadline));
            (
                asks,
                order.heard,
                order.node,
                order.demand.force,
                begun,
                order.proved,
            )
        });
        (
            order,
            held.is_some(),
            drill.as_ref().map(|drill| drill.good),
        )
            .hash(hasher);
        (primary, secondary, known, had, bound, confirmed, heir).hash(hasher);
        (hold.is_some(), misses.min(&MISSES), answered).hash(hasher);
        (missing_since, lost, told, adopting, leave, ordered, awaited).hash(hasher);
        let caps = self.setup.packages.iter().map(|p| p.switches.max);
        let cap = caps.max().unwrap_or(0);
        self.tell_wall_apart(switches, cap, hasher);
        self.tell_wall_apart(restarts, cap, hasher);
        for node in &self.nodes {
            (node.evidence.prompt_since < *answered).hash(hasher);
        }
    }

    /// Wall-clock seconds, as moments of the driver's clock: of what is counted up to a cap, the
    /// latest as many as that.
    fn tell_wall_apart<H: Hasher>(&self, times: &[u64], cap: u32, hasher: &mut H) {
        let counted = usize::try_from(cap).unwrap_or(usize::MAX).max(1);
        let latest = &times[times.len().saturating_sub(counted)..];
        latest.len().hash(hasher);
        let wall = self.wall();
        for time in latest {
            let age = std::time::Duration::from_secs(wall.saturating_sub(*time));
            (self.now - age).hash(hasher);
        }
    }
}

fn tell_run_apart<H: Hasher>(run: &Run, hasher: &mut H) {
    let Run {
        state,
        entered,
        pc,
        frames,
        wait,
        slots,
        reason: _,
        evidence: _,
        trouble: _,
        due,
        answered,
        pending,
        cause: _,
        hops,
        haste,
        roles_before,
        stuck,
    } = run;
    (state, entered, pc, frames, slots).hash(hasher);
    (due, answered, pending, hops, haste, roles_before, stuck).hash(hasher);
    std::mem::discriminant(wait).hash(hasher);
    match wait {
        Wait::Durable { ticket: _, then } => then.hash(hasher),
        Wait::Probe {
            ticket: _,
            deadline,
            answers,
            silent,
        } => (deadline, answers, silent).hash(hasher),
        Wait::Run {
            ticket: _,
            deadline,
        } => deadline.hash(hasher),
        Wait::Power {
            ticket: _,
            node,
            order,
            deadline,
        } => (node, order, deadline).hash(hasher),
        Wait::Hook {
            node,
            gate,
            ticket: _,
            deadline,
        } => (node, gate, deadline).hash(hasher),
        other => other.hash(hasher),
    }
}

fn tell_evidence_apart<H: Hasher>(evidence: &Evidence, broke: Option<Moment>, hasher: &mut H) {
    let Evidence {
        panic,
        prompt: _,
        prompt_since,
        nonce,
        login,
        resumable,
        starting,
        unanswered,
        silent_since,
        last: _,
    } = evidence;
    (panic.is_some(), resumable.is_some(), prompt_since, nonce).hash(hasher);
    (login, unanswered, silent_since, starting.is_some()).hash(hasher);
    (panic >= login, starting > resumable, *resumable >= broke).hash(hasher);
}
