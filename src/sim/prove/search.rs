//! The exploration: level by level, a level being how many faults have struck.
//!
//! ```text
//!   chain 0 ──s──s──s──s──s──s──s──┐ (a situation met before: the chain ends)
//!               │     │
//!               │     └ fault ─► chain 2 ──s──s──┐
//!               └ fault ─► chain 1 ──s──s──s──s──┐
//! ```
//!
//! Between faults the small world has one way only: a chain. It ends where it meets a situation
//! that another chain has met, or closes upon itself. At every situation that a chain of level k is
//! the first to meet, every fault that can strike there begins a chain of level k + 1. So, when
//! level k is complete, every placement of up to k faults was tried, but for placements whose
//! beginnings lead to like situations (`print.rs` says what is alike).
//!
//! Of a situation only its fingerprint is kept, of a chain where it began and how far it went: the
//! worlds at which faults strike next are made again by walking the tree of chains (`walk.rs`).
//! What comes out depends on nothing but the model and the limits: batches are joined in their
//! order, whoever has worked on them.

use std::collections::{BTreeMap, BTreeSet};

use super::fault::{self, Fault};
use super::judge;
use super::model::{Model, NoModel};
use super::print::Ladder;
use super::seen::Seen;
use super::walk::Walk;
use super::world::World;

/// A chain that has not ended after so many steps is given up, and counted.
const LONGEST: u32 = 20_000;

/// The most jobs of a batch.
const BATCH: usize = 128;

/// How far to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most faults in one story.
    pub faults: usize,
    /// The most situations.
    pub states: usize,
}

/// A chain, as it is remembered.
#[derive(Clone, Debug)]
pub(super) struct Chain {
    /// The chain it branched off, after how many steps of it, and by which fault.
    pub from: Option<(u32, u32, Fault)>,
    /// The steps of it after which a situation was new: ranges, the end not included.
    pub fresh: Vec<(u32, u32)>,
    /// Chains that branch off, in the order of their places.
    pub branches: Vec<u32>,
    /// Steps from the beginning of the story to its own.
    pub depth: u32,
}

/// A world at a situation where faults strike next: a piece of work.
#[derive(Debug)]
pub struct Job {
    chain: u32,
    at: u32,
    pub(super) world: World,
}

/// What a job found: chains that met anything new.
#[derive(Debug)]
pub struct Found {
    chain: u32,
    at: u32,
    ways: Vec<Way>,
}

/// A chain, as it was found.
#[derive(Debug)]
struct Way {
    fault: Fault,
    fresh: Vec<(u32, u128)>,
    broken_at: Option<u32>,
    endless: bool,
    met: u8,
}

/// A story that ends in a broken rule: faults, each after so many steps since the last one, and
/// how many steps follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Story {
    pub(super) faults: Vec<(u32, Fault)>,
    pub(super) rest: u32,
}

/// The exploration of one model.
#[derive(Debug)]
pub struct Search {
    model: Model,
    limits: Limits,
    pub(super) root: World,
    seen: Seen,
    pub(super) chains: Vec<Chain>,
    /// The first chain of every level.
    levels: Vec<usize>,
    walk: Option<Walk>,
    /// Situations of this level at which faults have struck, at which they can, and those that were
    /// met on the levels before.
    struck: usize,
    places: usize,
    before: usize,
    deepest: u32,
    endless: usize,
    /// The first way that was given up.
    given_up: Option<Story>,
    met: u8,
    complete: Option<usize>,
    /// A level is complete that has met nothing new.
    exhausted: bool,
    over: bool,
    story: Option<Story>,
}

/// How far an exploration has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Situations met.
    pub states: usize,
    /// Steps of the longest way that led to a new situation.
    pub depth: u32,
    /// How many faults the ways have that are being walked.
    pub level: usize,
    /// All placements of up to so many faults were tried.
    pub complete: Option<usize>,
    /// Situations at which the faults of this level have struck.
    pub struck: usize,
    /// Situations at which they can.
    pub places: usize,
    /// Ways that were given up, because they were too long.
    pub endless: usize,
    /// Faults lead to no situation any more that was not met: more of them would not either.
    pub exhausted: bool,
    /// It began adopted: the script did not take the package there and back.
    pub adopted: bool,
}

impl Search {
    /// Begins: without a fault first.
    ///
    /// # Errors
    /// The script does not take over a healthy cluster.
    pub fn new(model: Model, limits: Limits) -> Result<Search, NoModel> {
        let root = model.begin()?;
        let mut search = Search {
            model,
            limits,
            root,
            seen: Seen::new(),
            chains: Vec::new(),
            levels: vec![0],
            walk: None,
            struck: 0,
            places: 0,
            before: 0,
            deepest: 0,
            endless: 0,
            given_up: None,
            met: 0,
            complete: None,
            exhausted: false,
            over: false,
            story: None,
        };
        let way = search.run(search.root.clone(), None, &mut BTreeMap::new(), 0);
        search.take_way(None, &way);
        search.level_ends();
        Ok(search)
    }

    /// The model.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// How far it is.
    pub fn progress(&self) -> Progress {
        Progress {
            states: self.seen.len(),
            depth: self.deepest,
            level: self.levels.len() - 1,
            complete: self.complete,
            struck: self.struck,
            places: self.places,
            endless: self.endless,
            exhausted: self.exhausted,
            adopted: self.root.adopted,
        }
    }

    /// The shortest story of a broken rule, if there is one: the fewest faults, then the fewest
    /// steps among those found at once.
    pub fn story(&self) -> Option<&Story> {
        self.story.as_ref()
    }

    /// The first way that was given up.
    pub fn given_up(&self) -> Option<&Story> {
        self.given_up.as_ref()
    }

    /// The exceptions that were met, in words: what the policy accepts.
    pub fn exceptions(&self) -> Vec<String> {
        judge::exceptions(self.met)
    }

    /// The next pieces of work; none: the exploration is over. Jobs of one batch do not know of
    /// each other, so that little is handed out at once as long as little is known.
    pub fn batch(&mut self) -> Vec<Job> {
        let count = (self.chains.len() / 8).clamp(2, BATCH);
        let mut jobs = Vec::new();
        while !self.over && jobs.is_empty() {
            let Some(mut walk) = self.walk.take() else {
                break;
            };
            walk.fill(self, &self.model, count, &mut jobs);
            self.walk = Some(walk);
            if jobs.is_empty() {
                self.level_ends();
            }
        }
        jobs
    }

    /// Does a piece of work. It changes nothing here, so that many can be done at once.
    pub fn explore(&self, job: &Job) -> Found {
        let mut local = BTreeMap::new();
        let mut ahead = job.world.clone();
        ahead.step();
        let between = fault::between(&self.model, &job.world);
        let within = fault::within(ahead.chances);
        let ways = between
            .into_iter()
            .chain(within)
            .enumerate()
            .map(|(n, fault)| {
                let mut world = job.world.clone();
                fault::strike(&self.model, &mut world, fault);
                self.run(world, Some(fault), &mut local, n)
            });
        let fits = |way: &Way| !way.fresh.is_empty() || way.broken_at.is_some();
        Found {
            chain: job.chain,
            at: job.at,
            ways: ways.filter(fits).collect(),
        }
    }

    /// Runs a chain to its end. `local`: which chain of this job met a situation first.
    fn run(
        &self,
        mut world: World,
        fault: Option<Fault>,
        local: &mut BTreeMap<u128, usize>,
        own: usize,
    ) -> Way {
        let mut way = Way {
            // The chain without a fault has none; the place is never read.
            fault: fault.unwrap_or(Fault::StrayBreak),
            fresh: Vec::new(),
            broken_at: None,
            endless: false,
            met: 0,
        };
        let mut again: BTreeSet<u128> = BTreeSet::new();
        for step in 0..LONGEST {
            way.met = world.met();
            if world.broken().is_some() {
                way.broken_at = Some(step);
                return way;
            }
            let print = world.print(Ladder::Coarse);
            match local.get(&print) {
                // Its own again: only a time may differ, and the end is yet to come.
                Some(first) if *first == own => {
                    if !again.insert(world.print(Ladder::Fine)) {
                        return way;
                    }
                }
                Some(_) => return way,
                None if self.seen.holds(print) => return way,
                None => {
                    local.insert(print, own);
                    way.fresh.push((step, print));
                }
            }
            world.step();
        }
        way.endless = true;
        way
    }

    /// Joins what was found, in the order of the jobs.
    pub fn join(&mut self, found: Vec<Found>) {
        self.struck += found.len();
        for Found { chain, at, ways } in found {
            for way in ways {
                self.take_way(Some((chain, at)), &way);
            }
        }
        if self.story.is_some() || self.seen.len() >= self.limits.states {
            self.over = true;
        }
    }

    fn take_way(&mut self, from: Option<(u32, u32)>, way: &Way) {
        let depth = from.map_or(0, |(chain, at)| self.chains[chain as usize].depth + at);
        let from = from.map(|(chain, at)| (chain, at, way.fault));
        if let Some(step) = way.broken_at {
            let story = self.story_of(from, step);
            let steps =
                |story: &Story| story.faults.iter().map(|(n, _)| n).sum::<u32>() + story.rest;
            if self
                .story
                .as_ref()
                .is_none_or(|best| steps(&story) < steps(best))
            {
                self.story = Some(story);
            }
        }
        let mut fresh: Vec<(u32, u32)> = Vec::new();
        for (step, print) in &way.fresh {
            // An earlier job of the same batch was here first.
            if !self.seen.insert(*print) {
                break;
            }
            match fresh.last_mut() {
                Some((_, end)) if *end == *step => *end += 1,
                _ => fresh.push((*step, step + 1)),
            }
        }
        if way.endless {
            self.endless += 1;
            if self.given_up.is_none() {
                self.given_up = Some(self.story_of(from, LONGEST));
            }
        }
        self.met |= way.met;
        let Some((_, end)) = fresh.last() else {
            return;
        };
        self.deepest = self.deepest.max(depth + end);
        let number = u32::try_from(self.chains.len()).expect("fewer chains than situations");
        if let Some((parent, ..)) = from {
            self.chains[parent as usize].branches.push(number);
        }
        self.chains.push(Chain {
            from,
            fresh,
            branches: Vec::new(),
            depth,
        });
    }

    fn story_of(&self, from: Option<(u32, u32, Fault)>, rest: u32) -> Story {
        let mut faults = Vec::new();
        let mut from = from;
        while let Some((chain, at, fault)) = from {
            faults.push((at, fault));
            from = self.chains[chain as usize].from;
        }
        faults.reverse();
        Story { faults, rest }
    }

    /// A level is complete: on to the next, if there is one.
    fn level_ends(&mut self) {
        let level = self.levels.len() - 1;
        let first = self.levels[level];
        self.complete = Some(level);
        self.exhausted = first == self.chains.len();
        self.walk = None;
        if self.story.is_some()
            || level >= self.limits.faults
            || self.exhausted
            || self.seen.len() >= self.limits.states
        {
            self.over = true;
            return;
        }
        self.levels.push(self.chains.len());
        self.struck = 0;
        self.places = self.seen.len() - self.before;
        self.before = self.seen.len();
        self.walk = Some(Walk::new(level, self.root.clone()));
    }
}

impl Job {
    pub(super) fn new(chain: u32, at: u32, world: World) -> Job {
        Job { chain, at, world }
    }
}
