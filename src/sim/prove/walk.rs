//! Walks the tree of chains again and stops at every situation where the faults of the next level
//! strike. One world a level is held, so that memory does not grow with what is found.

use super::fault;
use super::model::Model;
use super::search::{Chain, Job, Search};
use super::world::World;

/// Where the walk is.
#[derive(Debug)]
pub(super) struct Walk {
    /// The level at whose chains it stops.
    level: usize,
    way: Vec<Place>,
}

/// On one chain.
#[derive(Debug)]
struct Place {
    chain: u32,
    /// Steps of the chain so far.
    step: u32,
    /// The next branch, or above the last level the next of the `fresh` ranges.
    next: usize,
    /// The next step that it may stop after.
    upcoming: u32,
    world: World,
}

impl Walk {
    pub fn new(level: usize, root: World) -> Walk {
        let place = Place {
            chain: 0,
            step: 0,
            next: 0,
            upcoming: 0,
            world: root,
        };
        Walk {
            level,
            way: vec![place],
        }
    }

    /// Goes on until `jobs` holds `count`, or the walk is at its end.
    pub fn fill(&mut self, search: &Search, model: &Model, count: usize, jobs: &mut Vec<Job>) {
        while jobs.len() < count {
            let depth = self.way.len().saturating_sub(1);
            let Some(place) = self.way.last_mut() else {
                return;
            };
            let chain = &search.chains[place.chain as usize];
            let below = if depth == self.level {
                place.stop(chain).map(|at| {
                    jobs.push(Job::new(place.chain, at, place.world.clone()));
                    None
                })
            } else {
                place.branch(search, chain, model).map(Some)
            };
            match below {
                Some(Some(below)) => self.way.push(below),
                Some(None) => {}
                None => {
                    self.way.pop();
                }
            }
        }
    }
}

impl Place {
    fn go_to(&mut self, step: u32) {
        while self.step < step {
            self.world.step();
            self.step += 1;
        }
    }

    /// To the next situation that this chain was the first to meet.
    fn stop(&mut self, chain: &Chain) -> Option<u32> {
        loop {
            let (first, end) = *chain.fresh.get(self.next)?;
            let at = first.max(self.upcoming);
            if at < end {
                self.upcoming = at + 1;
                self.go_to(at);
                return Some(at);
            }
            self.next += 1;
        }
    }

    /// To the next chain that branches off and has something below it.
    fn branch(&mut self, search: &Search, chain: &Chain, model: &Model) -> Option<Place> {
        let number = *chain.branches.get(self.next)?;
        self.next += 1;
        let (_, at, fault) = search.chains[number as usize].from?;
        self.go_to(at);
        let mut world = self.world.clone();
        fault::strike(model, &mut world, fault);
        Some(Place {
            chain: number,
            step: 0,
            next: 0,
            upcoming: 0,
            world,
        })
    }
}
