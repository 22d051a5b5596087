//! What happened, as one closed, typed list: the activity log, the journal, `status` and
//! all later faces are fed from it. Text for people is made here and nowhere else.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Span;
use crate::machine::boot_course::{BootReached, FsckVerdict, in_a_line};
use crate::machine::proof::ProofKind;
use crate::machine::serves::Serves;
use crate::machine::setup::Gated;

/// One thing that happened in a cluster. Nodes, packages and states are named, so that an
/// event stands by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A state was entered.
    State {
        package: String,
        state: String,
        about: String,
        cause: String,
        place: String,
    },
    /// The engine bound the roles.
    Roles {
        package: String,
        primary: String,
        secondary: String,
        how: String,
    },
    /// A console was connected.
    LinkUp { node: String },
    /// A console was lost.
    LinkDown { node: String, why: String },
    /// Console output was lost in our own queue.
    Gap { node: String, lost: u64 },
    /// Something was seen that counts for or against a node.
    Evidence { node: String, text: String },
    /// The line behind a console got or lost its carrier.
    Carrier { node: String, present: bool },
    /// Text was typed on a console.
    Typed { node: String, text: String },
    /// BREAK was sent; `count` in a row.
    Break { node: String, count: u32 },
    /// A piece of a proof was made.
    Piece { node: String, text: String },
    /// A question of a proof was not answered as it must be.
    Unanswered { node: String, text: String },
    /// A fence began.
    FenceBegan {
        package: String,
        node: String,
        procedure: String,
        evidence: String,
    },
    /// A node is proved stopped.
    Proved {
        node: String,
        kind: ProofKind,
        took_ms: u64,
    },
    /// One way to stop a node failed.
    FenceFailed {
        node: String,
        procedure: String,
        why: String,
    },
    /// A proof died.
    ProofDied {
        node: String,
        kind: ProofKind,
        why: String,
    },
    /// A boot began: the package belongs to the node, unconfirmed.
    BootBegan { package: String, node: String },
    /// The return key was pressed on the boot command.
    BootTyped {
        package: String,
        node: String,
        text: String,
    },
    /// The new primary serves.
    BootDone {
        package: String,
        node: String,
        took_ms: u64,
    },
    /// It does not.
    BootFailed {
        package: String,
        node: String,
        why: String,
    },
    /// A node was resumed after a stray BREAK.
    Resumed { package: String, node: String },
    /// A guard of the engine said no.
    Veto {
        package: String,
        act: String,
        guard: String,
        why: String,
    },
    /// The standing guard was read back.
    GuardRead { node: String },
    /// The standing guard is not known any more, or not as it should be.
    GuardLost { node: String, why: String },
    /// A siege began.
    SiegeBegan { node: String },
    /// A siege ended.
    SiegeEnded { node: String, why: String },
    /// Somebody types on a console.
    Keyboard { node: String, text: String },
    /// A person looks at a console, or may type there.
    Attached {
        node: String,
        who: String,
        how: String,
    },
    /// They do not any more.
    Detached { node: String, who: String },
    /// A person types on a console: the script leaves it to them.
    PenTaken { node: String, who: String },
    /// They do not any more.
    PenLeft {
        node: String,
        who: String,
        why: String,
    },
    /// A person sent a BREAK.
    PersonBreak { node: String, who: String },
    /// A person ordered a BREAK behind several that wait already: it is one with them.
    PersonBreakMerged { node: String, who: String },
    /// The monitor doubts itself: no takeover until it is well.
    Impaired { why: String },
    /// A person says that the monitor is well in spite of that.
    Overruled { who: String, why: String },
    /// The monitor is well again.
    Well,
    /// The journal cannot be written.
    JournalFailed { why: String },
    /// A person said something.
    Operator { who: String, text: String },
    /// A person ordered something, and it begins.
    Ordered { who: String, what: String },
    /// A person ordered something, and it is refused.
    OrderRefused {
        who: String,
        what: String,
        why: String,
    },
    /// An order is over.
    OrderEnded {
        package: String,
        what: String,
        good: bool,
        text: String,
    },
    /// A person's word that the script does not wait for now.
    Unheard { package: String, text: String },
    /// A Host ID was learnt.
    HostIdLearnt { node: String, id: String },
    /// A cluster or a node is in maintenance from now on, for so long.
    Maintenance {
        name: String,
        who: String,
        reason: String,
        lasts_ms: u64,
    },
    /// It is not any more.
    MaintenanceEnded { name: String, why: String },
    /// A node is out of service by somebody's word, for so long.
    OutOfService {
        node: String,
        who: String,
        reason: String,
        lasts_ms: u64,
    },
    /// The time of that is over; the node counts as running.
    OutOfServiceOver { node: String },
    /// The node is a node like any other again.
    InService { node: String, why: String },
    /// A boot, or a person's switchover, waits for a hook.
    HookAwaited {
        package: String,
        node: String,
        on: String,
        within_ms: u64,
    },
    /// A hook, or its recovery, has run.
    Hook {
        package: String,
        on: String,
        command: String,
        outcome: String,
        took_ms: u64,
        attempt: u32,
        said: Vec<String>,
    },
    /// A script's own words.
    Log { package: String, text: String },
    /// A reload's new configuration of this cluster waits.
    Waits {
        who: String,
        what: String,
        until: String,
    },
    /// A new configuration is taken; the script begins anew, as after a restart.
    Reconfigured { who: String, what: String },
    /// The cluster is not guarded any more.
    Removed { who: String, left: Vec<String> },
    /// Whether the service is there, since so long ago; `planned`: it went by a person's word.
    Service {
        package: String,
        is: Serves,
        node: Option<String>,
        planned: bool,
        why: String,
        ago_ms: u64,
    },
    /// Nobody looks at the cluster any more.
    Unwatched { why: String },
    /// A boot is over: when each of its steps was reached, and why it failed, if it did.
    Booted {
        node: String,
        steps: Vec<BootReached>,
        fsck: Option<FsckVerdict>,
        took_ms: u64,
        failed: Option<String>,
    },
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::State {
                package,
                state,
                about,
                cause,
                place,
            } => {
                write!(
                    f,
                    "{package}: state {state} ({about}), because {cause} [{place}]"
                )
            }
            Event::Roles {
                package,
                primary,
                secondary,
                how,
            } => write!(
                f,
                "{package}: primary is {primary}, secondary is {secondary} ({how})"
            ),
            Event::LinkUp { .. }
            | Event::LinkDown { .. }
            | Event::Carrier { .. }
            | Event::Gap { .. } => self.fmt_link(f),
            Event::Evidence { node, text } | Event::Unanswered { node, text } => {
                write!(f, "{node}: {text}")
            }
            Event::Typed { node, text } => write!(f, "{node}: typed {text:?}"),
            Event::Break { node, count: 1 } => write!(f, "{node}: BREAK sent"),
            Event::Break { node, count } => {
                write!(f, "{node}: BREAK sent, number {count} in a row")
            }
            Event::Piece { node, text } => write!(f, "{node}: proof step: {text}"),
            Event::ProofDied { node, kind, why } => {
                write!(f, "{node}: the proof ({kind}) died: {why}")
            }
            Event::BootBegan { package, node } => {
                write!(f, "{package}: given to {node}, unconfirmed; booting it")
            }
            Event::BootTyped { node, text, .. } => {
                write!(f, "{node}: boot command given: {text:?}")
            }
            Event::Resumed { package, node } => write!(f, "{package}: {node} told to go on"),
            Event::FenceBegan { .. }
            | Event::Proved { .. }
            | Event::FenceFailed { .. }
            | Event::BootDone { .. }
            | Event::BootFailed { .. }
            | Event::Veto { .. } => self.fmt_door(f),
            Event::GuardRead { node } => write!(f, "{node}: standing guard read back, it holds"),
            Event::GuardLost { node, why } => write!(f, "{node}: standing guard unknown: {why}"),
            Event::SiegeBegan { node } => write!(f, "{node}: under siege: BREAK without end"),
            Event::SiegeEnded { node, why } => write!(f, "{node}: siege ended: {why}"),
            Event::Keyboard { node, text } => write!(f, "{node}: somebody types: {text:?}"),
            Event::Attached { .. }
            | Event::Detached { .. }
            | Event::PenTaken { .. }
            | Event::PenLeft { .. }
            | Event::PersonBreak { .. }
            | Event::PersonBreakMerged { .. } => self.fmt_person(f),
            Event::Impaired { .. } | Event::Overruled { .. } | Event::Well => self.fmt_doubt(f),
            Event::JournalFailed { why } => write!(f, "journal cannot be written: {why}"),
            Event::Operator { who, text } => write!(f, "operator {who}: {text}"),
            Event::Maintenance { .. }
            | Event::MaintenanceEnded { .. }
            | Event::OutOfService { .. }
            | Event::OutOfServiceOver { .. }
            | Event::InService { .. } => self.fmt_upkeep(f),
            Event::HostIdLearnt { node, id } => write!(f, "{node}: Host ID {id} learnt"),
            Event::Log { package, text } | Event::Unheard { package, text } => {
                write!(f, "{package}: {text}")
            }
            Event::Waits { .. } | Event::Reconfigured { .. } | Event::Removed { .. } => {
                self.fmt_reload(f)
            }
            Event::Service { .. } => self.fmt_service(f),
            Event::Unwatched { why } => write!(f, "not watched any more: {why}"),
            Event::Booted {
                node,
                steps,
                fsck,
                took_ms,
                failed,
            } => {
                let took = Span(Duration::from_millis(*took_ms));
                let steps = in_a_line(steps, *fsck);
                match failed {
                    None => write!(f, "{node}: booted in {took}: {steps}"),
                    Some(why) => write!(f, "{node}: its boot ended after {took}, {why}: {steps}"),
                }
            }
            Event::HookAwaited { .. } | Event::Hook { .. } => self.fmt_hook(f),
            _ => self.fmt_order(f),
        }
    }
}

impl Event {
    /// The consoles' links.
    fn fmt_link(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::LinkUp { node } => write!(f, "{node}: console connected"),
            Event::LinkDown { node, why } => write!(f, "{node}: console lost: {why}"),
            Event::Carrier { node, present } => {
                let what = match present {
                    true => "has a carrier again",
                    false => {
                        "lost its carrier: the machine may be without power, which this does not prove"
                    }
                };
                write!(f, "{node}: the line {what}")
            }
            Event::Gap { node, lost } => {
                write!(
                    f,
                    "{node}: {lost} bytes of console output dropped: too much at once"
                )
            }
            _ => Ok(()),
        }
    }

    /// People at consoles.
    fn fmt_person(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::Attached { node, who, how } => {
                write!(f, "{node}: {who} is at its console: {how}")
            }
            Event::Detached { node, who } => write!(f, "{node}: {who} has left its console"),
            Event::PenTaken { node, who } => {
                write!(
                    f,
                    "{node}: {who} types; the script leaves this console to them"
                )
            }
            Event::PenLeft { node, who, why } => {
                write!(
                    f,
                    "{node}: {who} types no more ({why}); the script asks again"
                )
            }
            Event::PersonBreak { node, who } => write!(f, "{node}: BREAK sent by {who}"),
            Event::PersonBreakMerged { node, who } => write!(
                f,
                "{node}: BREAK ordered by {who}: a BREAK is already waiting, this one is one with it"
            ),
            _ => Ok(()),
        }
    }

    /// The monitor's doubt about itself.
    fn fmt_doubt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::Impaired { why } => write!(f, "monitor impaired: {why}; every takeover is held"),
            Event::Overruled { who, why } => write!(
                f,
                "{who} says that the monitor is well, takeovers are not held any more in spite of: {why}"
            ),
            Event::Well => write!(f, "monitor well again"),
            _ => Ok(()),
        }
    }

    /// Orders.
    fn fmt_order(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::Ordered { who, what } => write!(f, "{who} orders: {what}"),
            Event::OrderRefused { who, what, why } => {
                write!(f, "{who} orders: {what}: REFUSED, nothing is done: {why}")
            }
            Event::OrderEnded {
                package,
                what,
                good,
                text,
            } => {
                let how = if *good { "done" } else { "NOT DONE" };
                write!(f, "{package}: {what} {how}: {text}")
            }
            _ => Ok(()),
        }
    }

    /// Maintenance, and nodes out of service.
    fn fmt_upkeep(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::Maintenance {
                name,
                who,
                reason,
                lasts_ms,
            } => write!(
                f,
                "{name}: in maintenance by {who} for {}: {reason}; nothing is written there and nothing is done by itself",
                Span(Duration::from_millis(*lasts_ms))
            ),
            Event::MaintenanceEnded { name, why } => {
                write!(f, "{name}: the maintenance is over: {why}")
            }
            Event::OutOfService {
                node,
                who,
                reason,
                lasts_ms,
            } => write!(
                f,
                "{node}: out of service by {who} for {}: {reason}; it counts as stopped until it shows life",
                Span(Duration::from_millis(*lasts_ms))
            ),
            Event::OutOfServiceOver { node } => write!(
                f,
                "{node}: its time out of service is over: it counts as running"
            ),
            Event::InService { node, why } => {
                write!(f, "{node}: not out of service any more: {why}")
            }
            _ => Ok(()),
        }
    }

    /// What hooks do.
    fn fmt_hook(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::HookAwaited {
                package,
                node,
                on,
                within_ms,
            } => {
                let within = Span(Duration::from_millis(*within_ms));
                let what = match on == Gated::Switchover.word() {
                    true => "switchover to",
                    false => "boot of",
                };
                write!(
                    f,
                    "{package}: the {what} {node} waits for the hook {on}, {within} at most"
                )
            }
            Event::Hook {
                package,
                on,
                command,
                outcome,
                took_ms,
                attempt,
                said,
            } => {
                let took = Span(Duration::from_millis(*took_ms));
                write!(f, "{package}: hook {on}: {command}: {outcome} after {took}")?;
                if *attempt > 1 {
                    write!(f, ", try {attempt}")?;
                }
                if !said.is_empty() {
                    write!(f, "; it said: {}", said.join(" | "))?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Whether whoever follows an order wants to see it.
    pub fn is_of_a_course(&self) -> bool {
        !matches!(
            self,
            Event::Typed { .. }
                | Event::Break { .. }
                | Event::Keyboard { .. }
                | Event::Attached { .. }
                | Event::Detached { .. }
                | Event::Operator { .. }
                | Event::Ordered { .. }
                | Event::OrderEnded { .. }
        )
    }

    /// What a reload does.
    fn fmt_reload(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::Waits { who, what, until } => write!(
                f,
                "reload by {who}: the new configuration ({what}) waits until {until}"
            ),
            Event::Reconfigured { who, what } => write!(
                f,
                "reload by {who}: the new configuration ({what}) is taken, the script begins anew"
            ),
            Event::Removed { who, left } => write!(
                f,
                "reload by {who}: not guarded any more; {}",
                left.join("; ")
            ),
            _ => Ok(()),
        }
    }

    /// Whether the service is there.
    fn fmt_service(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Event::Service {
            package,
            is,
            node,
            planned,
            why,
            ago_ms,
        } = self
        else {
            return Ok(());
        };
        write!(f, "{package}: service {is}")?;
        if let (Some(node), Serves::Up | Serves::Degraded) = (node, is) {
            write!(f, " on {node}")?;
        }
        if *planned {
            write!(f, ", as planned")?;
        }
        // What is seen at once needs no time.
        if *ago_ms >= 1000 {
            let ago = Span(Duration::from_millis(ago_ms / 1000 * 1000));
            write!(f, ", since {ago} ago")?;
        }
        match why.as_str() {
            "" => Ok(()),
            why => write!(f, " ({why})"),
        }
    }

    /// What the doors and their guards say.
    fn fmt_door(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let took = |ms: &u64| Span(Duration::from_millis(*ms)).to_string();
        match self {
            Event::FenceBegan {
                package,
                node,
                procedure,
                evidence,
            } => write!(
                f,
                "{package}: stopping {node} for good with {procedure} (evidence: {evidence})"
            ),
            Event::Proved {
                node,
                kind,
                took_ms,
            } => {
                write!(f, "{node}: proved stopped ({kind}) after {}", took(took_ms))
            }
            Event::FenceFailed {
                node,
                procedure,
                why,
            } => {
                write!(f, "{node}: {procedure} made no proof: {why}")
            }
            Event::BootFailed { package, node, why } => {
                write!(f, "{package}: {node} did not start: {why}")
            }
            Event::BootDone {
                package,
                node,
                took_ms,
            } => {
                write!(f, "{package}: {node} is up after {}", took(took_ms))
            }
            Event::Veto {
                package,
                act,
                guard,
                why,
            } => {
                write!(f, "{package}: {act} refused by guard {guard:?}: {why}")
            }
            _ => Ok(()),
        }
    }
}
