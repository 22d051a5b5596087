//! How much of the time a service was there: hours up, degraded, down and unknown, outages, switchovers,
//! and the numbers that follow from them. Read out of the journal's `service` entries alone.

mod ledger;

use serde::{Deserialize, Serialize};

use crate::machine::Serves;

pub use ledger::{Beat, Ledger, Spell, Stand, Watch};

/// Nines that are counted at the most.
const NINES: u32 = 9;

/// How available a cluster's service was. Times are milliseconds since 1970, spans milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Availability {
    /// The beginning of what was asked for.
    pub from_ms: u64,
    /// Its end.
    pub to_ms: u64,
    /// The journal tells of the service from here on.
    pub told_from_ms: Option<u64>,
    /// It was there, and another node was ready to take over.
    pub up_ms: u64,
    /// It was there, and nothing would have taken over.
    pub degraded_ms: u64,
    /// It was not there, by a person's word.
    pub down_planned_ms: u64,
    /// It was not there.
    pub down_unplanned_ms: u64,
    /// Nobody watched, or the monitor doubted itself.
    pub unknown_ms: u64,
    /// Outages without a person's word that began in this time.
    pub failures: u32,
    /// Mean time between failures: of being there, for each failure.
    pub between_failures_ms: Option<u64>,
    /// Mean time to repair: of unplanned outage, for each failure.
    pub to_repair_ms: Option<u64>,
    /// Of the time that is known: there, in millionths, rounded down.
    pub available_ppm: Option<u32>,
    /// The same, if what was planned counts as there.
    pub available_but_planned_ppm: Option<u32>,
    /// The same, if all that is unknown counts as down.
    pub available_at_least_ppm: Option<u32>,
    /// Whole nines of `available_ppm`; none where it was never down.
    pub nines: Option<u32>,
    /// The outages, the oldest first.
    pub outages: Vec<Outage>,
    /// The service moved to another node: the oldest first.
    pub switchovers: Vec<Move>,
}

/// A time in which the service was not there. What was unknown in the middle of it belongs to it, and is
/// not counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outage {
    /// Its beginning.
    pub from_ms: u64,
    /// When the service was there again, or nobody knew.
    pub to_ms: u64,
    /// How long it is known to have been down.
    pub down_ms: u64,
    /// All of it was by a person's word.
    pub planned: bool,
    /// It began before the time that was asked for.
    pub began_before: bool,
    /// It goes on at the end, or nobody knows how it ended.
    pub open: bool,
    /// Who had the service before.
    pub from: Option<String>,
    /// Who had it afterwards.
    pub to: Option<String>,
    /// What was seen first.
    pub why: String,
}

/// The service moved to another node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    /// When it was there again.
    pub at_ms: u64,
    /// From this node.
    pub from: String,
    /// To this one.
    pub to: String,
    /// For how long it was down; nothing where nobody saw that.
    pub took_ms: Option<u64>,
    /// By a person's word.
    pub planned: bool,
}

impl Availability {
    /// Of these spells, from then to then.
    pub fn of(spells: &[Spell], from_ms: u64, to_ms: u64) -> Availability {
        let mut found = Availability {
            from_ms,
            to_ms,
            told_from_ms: spells.first().map(|spell| spell.from_ms),
            ..Availability::default()
        };
        let mut reading = Reading::default();
        for spell in spells {
            let (from, to) = (spell.from_ms.max(from_ms), spell.to_ms.min(to_ms));
            let moment = spell.from_ms == spell.to_ms;
            if from < to || (moment && from == to) {
                found.add(&spell.stand, to - from);
                reading.spell(&spell.stand, from, to, spell.from_ms < from_ms);
            } else if spell.to_ms <= from_ms {
                reading.before(&spell.stand);
            }
        }
        reading.end();
        found.outages = reading.outages;
        found.switchovers = reading.moves;
        found.reckon();
        found
    }

    /// What is known, and how much of it.
    pub fn watched_ms(&self) -> u64 {
        self.up_ms + self.degraded_ms + self.down_planned_ms + self.down_unplanned_ms
    }

    fn add(&mut self, stand: &Stand, span: u64) {
        let sum = match stand.is {
            Serves::Up => &mut self.up_ms,
            Serves::Degraded => &mut self.degraded_ms,
            Serves::Down if stand.planned => &mut self.down_planned_ms,
            Serves::Down => &mut self.down_unplanned_ms,
            // All that is not something else is unknown.
            Serves::Unknown => return,
        };
        *sum += span;
    }

    fn reckon(&mut self) {
        let all = self.to_ms.saturating_sub(self.from_ms);
        let watched = self.watched_ms();
        self.unknown_ms = all.saturating_sub(watched);
        let there = self.up_ms + self.degraded_ms;
        let failures = self.outages.iter();
        let failures = failures.filter(|outage| !outage.planned && !outage.began_before);
        self.failures = u32::try_from(failures.count()).unwrap_or(u32::MAX);
        if self.failures > 0 {
            let failures = u64::from(self.failures);
            self.between_failures_ms = Some(there / failures);
            self.to_repair_ms = Some(self.down_unplanned_ms / failures);
        }
        self.available_ppm = ppm(there, watched);
        self.available_but_planned_ppm = ppm(there + self.down_planned_ms, watched);
        self.available_at_least_ppm = ppm(there, all).filter(|_| watched > 0);
        self.nines = nines(watched - there, watched);
    }
}

/// So many millionths, rounded down.
fn ppm(part: u64, whole: u64) -> Option<u32> {
    let millionths = (u128::from(part) * 1_000_000).checked_div(u128::from(whole))?;
    u32::try_from(millionths).ok()
}

/// The nines that begin the share of what was not lost.
fn nines(lost: u64, whole: u64) -> Option<u32> {
    if lost == 0 {
        return None;
    }
    let within = |nines: &u32| u128::from(lost) * 10u128.pow(*nines) <= u128::from(whole);
    Some((1..=NINES).take_while(within).last().unwrap_or(0))
}

/// Finds outages and moves in a row of spells.
#[derive(Default)]
struct Reading {
    outages: Vec<Outage>,
    moves: Vec<Move>,
    /// The node that was last seen to serve.
    node: Option<String>,
    /// The last outage is not known to be over.
    open: bool,
}

impl Reading {
    /// A spell that ended before the time that is looked at.
    fn before(&mut self, stand: &Stand) {
        if matches!(stand.is, Serves::Up | Serves::Degraded) {
            self.node.clone_from(&stand.node);
        }
    }

    fn spell(&mut self, stand: &Stand, from_ms: u64, to_ms: u64, began_before: bool) {
        match stand.is {
            Serves::Unknown => {}
            Serves::Down => self.down(stand, from_ms, to_ms, began_before),
            Serves::Up | Serves::Degraded => self.there(stand.node.as_deref(), from_ms),
        }
    }

    fn down(&mut self, stand: &Stand, from_ms: u64, to_ms: u64, began_before: bool) {
        if self.open
            && let Some(outage) = self.outages.last_mut()
        {
            outage.to_ms = to_ms;
            outage.down_ms += to_ms - from_ms;
            outage.planned &= stand.planned;
            return;
        }
        self.open = true;
        self.outages.push(Outage {
            from_ms,
            to_ms,
            down_ms: to_ms - from_ms,
            planned: stand.planned,
            began_before,
            open: true,
            from: self.node.clone(),
            to: None,
            why: stand.why.clone(),
        });
    }

    fn there(&mut self, node: Option<&str>, from_ms: u64) {
        let outage = self.outages.last_mut().filter(|_| self.open);
        let (mut took_ms, mut planned) = (None, false);
        if let Some(outage) = outage {
            outage.open = false;
            outage.to = node.map(str::to_owned);
            (took_ms, planned) = (Some(outage.down_ms), outage.planned);
        }
        self.open = false;
        let Some(node) = node else {
            return;
        };
        if let Some(from) = self.node.replace(node.to_owned())
            && from != node
        {
            self.moves.push(Move {
                at_ms: from_ms,
                from,
                to: node.to_owned(),
                took_ms,
                planned,
            });
        }
    }

    fn end(&mut self) {
        // Nothing came of it that anybody saw.
        if let Some(outage) = self.outages.last_mut() {
            outage.open = self.open;
        }
    }
}

#[cfg(test)]
mod tests;
