//! The guards: what a script may not do, whatever it says. Each veto has a name and a
//! reason, which stand in the log.

use std::fmt;
use std::time::Duration;

use crate::clock::Span;
use crate::machine::leg::Leg;
use crate::machine::node::{Condition, Identity, Node};
use crate::machine::setup::{Cap, NodeId, PackageId};
use crate::machine::{Machine, WITNESS_LIFE};
use crate::mutant::Guard;

/// Evidence for a fence must be newer than this.
const FRESH: Duration = Duration::from_secs(90);
/// Another console must have shown that the primary serves within this (rule 14).
const SERVES: Duration = Duration::from_secs(10);

/// Why something is not allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Veto {
    /// The guard's name.
    pub guard: &'static str,
    /// Why.
    pub why: String,
}

/// `guard cap: 4 switches within 1 h are enough`.
impl fmt::Display for Veto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "guard {}: {}", self.guard, self.why)
    }
}

fn veto<T>(guard: &'static str, why: impl Into<String>) -> Result<T, Veto> {
    Err(Veto {
        guard,
        why: why.into(),
    })
}

impl Machine {
    /// May this node be stopped for good? `Ok` is the evidence (rules 6, 7, 10 and 14).
    pub(super) fn may_fence(&self, p: PackageId, n: NodeId) -> Result<String, Veto> {
        let package = &self.packages[p];
        if !package.bound && Guard::FenceRoles.stands() {
            return veto(
                "roles",
                "the consoles have not said yet who has the package",
            );
        }
        if let Identity::Wrong(why) = &self.nodes[n].identity
            && Guard::FenceIdentity.stands()
        {
            return veto("identity", format!("its console shows {why}"));
        }
        let name = |n: NodeId| self.setup.node_name(n);
        if self.in_maintenance(n) && Guard::FenceMaintained.stands() {
            return veto("maintenance", format!("{} is in maintenance", name(n)));
        }
        let beside = self.maintained_beside(p, n);
        if let Some(other) = beside.filter(|_| package.primary == Some(n))
            && Guard::FenceBesideMaintained.stands()
        {
            let why = format!(
                "{} is in maintenance, and nothing could be started instead",
                name(other)
            );
            return veto("maintenance", why);
        }
        if let Some(why) = self.kept_for_want_of_an_heir(p, n) {
            return veto("out_of_service", why);
        }
        let text = self.evidence_text(p, n);
        if self.word_lives(n) {
            return Ok("an operator's word".to_owned());
        }
        if package.primary == Some(n) {
            self.may_fence_primary(p, n)
                .map(|why| format!("{text}; {why}"))
        } else {
            self.may_fence_standby(p, n)
                .map(|why| format!("{text}; {why}"))
        }
    }

    fn may_fence_primary(&self, p: PackageId, n: NodeId) -> Result<&'static str, Veto> {
        let package = &self.packages[p];
        if Node::fresh(package.ordered, FRESH, self.now) && self.ordered_by_force(p) {
            return Ok("ordered by an operator");
        }
        if self.swapped(p, n) && Guard::FenceSwapped.stands() {
            return veto(
                "swapped",
                "a prompt on the primary while its address answers: swapped or moved",
            );
        }
        let evidence = &self.nodes[n].evidence;
        let fresh = |at| Node::fresh(at, FRESH, self.now);
        let nonce = fresh(evidence.nonce) || Guard::FencePromptNonce.gone();
        if self.nodes[n].condition == Condition::Prompt && nonce {
            return Ok("it stands at its live prompt");
        }
        let unanswered = fresh(evidence.unanswered) || Guard::FenceSilenceFresh.gone();
        let silent = evidence.silent_since.is_some() && unanswered;
        let in_vain = !package.confirmed || Guard::FenceStartUnconfirmed.gone();
        if self.nodes[n].condition == Condition::Starting && in_vain {
            return Ok("it was being started and did not come up");
        }
        if (silent || Guard::FencePanicUnanswered.gone()) && self.panicked(n) {
            return Ok("a panic, and RETURN is not answered");
        }
        if silent && (package.misses >= 2 || Guard::FenceBothLegs.gone()) {
            if !self.our_side_lives(p, n) && Guard::FencePath.stands() {
                return veto(
                    "path",
                    "both legs are silent, but so is all else: the fault may be on this side",
                );
            }
            return Ok("both legs are silent");
        }
        if self.leg_due(p, Leg::Network) {
            return Ok("network_loss is due");
        }
        if self.leg_due(p, Leg::Console) {
            return Ok("console_silent is due");
        }
        if Guard::FenceEvidence.gone() {
            return Ok("nothing");
        }
        veto(
            "evidence",
            "one leg's silence, or a mere suspicion, moves nothing",
        )
    }

    fn may_fence_standby(&self, p: PackageId, n: NodeId) -> Result<&'static str, Veto> {
        let evidence = &self.nodes[n].evidence;
        match self.nodes[n].condition {
            Condition::Prompt => Ok("it stands at its prompt"),
            Condition::Unknown | Condition::Silent => {
                let primary = self.packages[p].primary;
                let swapped = primary.is_some_and(|primary| self.swapped(p, primary));
                if swapped && Guard::FenceStandbySwapped.stands() {
                    return veto(
                        "swapped",
                        "the primary waits at its prompt and the service address answers: it may be this node that serves",
                    );
                }
                Ok("it is no primary and says nothing")
            }
            Condition::Running | Condition::Starting | Condition::Panicked => {
                let Some(primary) = self.packages[p].primary else {
                    return veto("roles", "nobody is known to have the package");
                };
                if self.nodes[n].siege.is_some() {
                    return Ok("it is under siege and shows life");
                }
                let serves = Node::fresh(self.nodes[primary].evidence.login, SERVES, self.now);
                let primary_waits = self.nodes[primary].condition == Condition::Prompt;
                if serves || Guard::FenceIntruder.gone() {
                    Ok("another console shows that the primary serves")
                } else if primary_waits
                    && (evidence.panic.is_some() || Guard::FenceIntruderPanicked.gone())
                {
                    Ok("it has panicked, and the primary waits at its prompt")
                } else {
                    veto(
                        "swapped",
                        "it runs or starts, and the primary's console does not show that it serves",
                    )
                }
            }
        }
    }

    /// May this node be given the package? Checked before the intent, when it is durable,
    /// before the first byte and before RETURN (rules 1, 8, 9 and 10).
    pub(super) fn may_boot(&self, p: PackageId, n: NodeId) -> Result<(), Veto> {
        let package = &self.packages[p];
        let name = |n: NodeId| self.setup.node_name(n);
        if let Some(why) = &self.host.impaired
            && Guard::BootImpaired.stands()
        {
            return veto("impaired", why.clone());
        }
        if let Some(held) = package.held.as_ref()
            && Guard::BootPutAway.stands()
        {
            let why = format!(
                "{} put the package away: `boot`, `switchover` or `release` ends that",
                held.who
            );
            return veto("put_away", why);
        }
        for other in self.others(p, n) {
            if !self.proved(other) && Guard::BootProof.stands() {
                return veto(
                    "proof",
                    format!("no living proof that {} is stopped", name(other)),
                );
            }
        }
        if self.in_maintenance(n) && Guard::BootMaintained.stands() {
            return veto("maintenance", format!("{} is in maintenance", name(n)));
        }
        if self.put_out(n) && Guard::OutBoot.stands() {
            return veto("out_of_service", format!("{} is out of service", name(n)));
        }
        if self.nodes[n].epoch().is_none() && Guard::BootLink.stands() {
            return veto(
                "link",
                format!("the console of {} is not connected", name(n)),
            );
        }
        if let Identity::Wrong(why) = &self.nodes[n].identity
            && Guard::BootIdentity.stands()
        {
            return veto(
                "identity",
                format!("the console of {} shows {why}", name(n)),
            );
        }
        let runs = matches!(
            self.nodes[n].condition,
            Condition::Running | Condition::Panicked
        );
        if runs && Guard::BootCondition.stands() {
            return veto(
                "condition",
                format!("{} is {}", name(n), self.nodes[n].condition.word()),
            );
        }
        self.may_switch_to(p, n)?;
        let cap = self.setup.packages[p].switches;
        let restarts = self.count(&package.restarts, cap);
        let enough = restarts >= cap.max && !package.moves_to(n);
        if enough && Guard::BootRestarts.stands() {
            return veto(
                "restarts",
                format!("it was started {restarts} times within the window, that is enough"),
            );
        }
        Ok(())
    }

    /// Where a start of this node is a switch: may the package go there, as far as it was moved and the
    /// node failed before (rule 10)?
    pub(super) fn may_switch_to(&self, p: PackageId, n: NodeId) -> Result<(), Veto> {
        if !self.packages[p].moves_to(n) {
            return Ok(());
        }
        let (setup, node) = (&self.setup.packages[p], &self.nodes[n]);
        let name = self.setup.node_name(n);
        let switches = self.count(&self.packages[p].switches, setup.switches);
        if switches >= setup.switches.max && Guard::BootCap.stands() {
            return veto(
                "cap",
                format!(
                    "{} switches within {} are enough",
                    setup.switches.max,
                    Span(setup.switches.within)
                ),
            );
        }
        if node.unfenced_failure && Guard::BootUnfenced.stands() {
            return veto(
                "failed",
                format!("{name} failed and was not fully fenced since"),
            );
        }
        let failures = self.count(&node.failures, setup.failures);
        if failures >= setup.failures.max && Guard::BootFailures.stands() {
            return veto(
                "failures",
                format!(
                    "{name} failed {} times within the window",
                    setup.failures.max
                ),
            );
        }
        Ok(())
    }

    /// May this node be told to go on (rule 12)? The others were fenced, and stand at their
    /// prompts; their nonces are asked by the gate.
    pub(super) fn may_resume(&self, p: PackageId, n: NodeId) -> Result<(), Veto> {
        let package = &self.packages[p];
        let other = package.primary != Some(n) && Guard::ResumePrimary.stands();
        if other || (!package.confirmed && Guard::ResumeConfirmed.stands()) {
            return veto("roles", "only the confirmed primary is told to go on");
        }
        if let Some(why) = &self.host.impaired
            && Guard::ResumeImpaired.stands()
        {
            return veto("impaired", why.clone());
        }
        let evidence = &self.nodes[n].evidence;
        let stopped = evidence.resumable;
        if stopped.is_none() && Guard::ResumeStopped.stands() {
            return veto("resumable", "it does not say that it was stopped by BREAK");
        }
        if self.panicked(n) && Guard::ResumePanic.stands() {
            return veto("panic", "it has panicked");
        }
        if evidence.starting > stopped && Guard::ResumeAnew.stands() {
            return veto("resumable", "it has started anew since");
        }
        let late = stopped.map(|at| at + Duration::from_secs(1));
        if package.misses == 0 && package.answered > late && Guard::ResumeSwapped.stands() {
            return veto(
                "swapped",
                "its address answers while its console shows a prompt",
            );
        }
        for other in self.others(p, n) {
            let node = &self.nodes[other];
            let stands = node.settled && node.condition == Condition::Prompt;
            if !stands && !self.proved(other) && Guard::ResumeOthers.stands() {
                let other = self.setup.node_name(other);
                let why =
                    format!("{other} was not fenced since it ran last, was silent or typed at");
                return veto("proof", why);
            }
        }
        Ok(())
    }

    /// A panic was printed, and no login prompt since.
    pub(super) fn panicked(&self, n: NodeId) -> bool {
        self.nodes[n].evidence.panic.is_some()
    }

    /// A prompt on the primary while its address answers (rule 14).
    fn swapped(&self, p: PackageId, n: NodeId) -> bool {
        let package = &self.packages[p];
        let evidence = &self.nodes[n].evidence;
        let prompt = evidence
            .prompt_since
            .filter(|_| self.nodes[n].condition == Condition::Prompt);
        let known_stop = evidence.panic.is_some() || evidence.resumable.is_some();
        match (prompt, package.answered) {
            (Some(prompt), Some(answered)) => {
                !known_stop && package.misses == 0 && answered > prompt + Duration::from_secs(1)
            }
            _ => false,
        }
    }

    /// Whether anything shows that this host's own cables carry: a witness, another console of the
    /// same terminal server, or an operator's word.
    fn our_side_lives(&self, p: PackageId, n: NodeId) -> bool {
        let server = &self.setup.nodes[n].server;
        let vouches = |other: &NodeId| {
            let same = self.setup.nodes[*other].server == *server;
            let fresh = Node::fresh(self.nodes[*other].heard, WITNESS_LIFE, self.now);
            (same || Guard::VouchServer.gone()) && (fresh || Guard::VouchFresh.gone())
        };
        self.vouched_for()
            || self.witness_answers(WITNESS_LIFE)
            || self.others(p, n).iter().any(vouches)
    }

    /// Whether an operator's word about the node lives.
    pub(super) fn word_lives(&self, n: NodeId) -> bool {
        let word = self.nodes[n].word.as_ref().map(|w| w.at);
        let lives = Node::fresh(word, crate::machine::proof::WORD_LIFE, self.now);
        lives || (word.is_some() && Guard::WordLife.gone())
    }

    /// How many of these wall-clock seconds lie in the window.
    pub(super) fn count(&self, times: &[u64], cap: Cap) -> u32 {
        let wall = self.wall();
        let inside = |at: &&u64| wall.saturating_sub(**at) <= cap.within.as_secs();
        u32::try_from(times.iter().filter(inside).count()).unwrap_or(u32::MAX)
    }
}
