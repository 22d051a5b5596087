//! A story of faults that ends in a broken rule, told again as a timeline that a person can read.

use super::fault;
use super::search::{Search, Story};
use super::world::World;
use crate::clock::Moment;
use crate::sim::rules::Broken;

/// A story, told.
#[derive(Clone, Debug)]
pub struct Told {
    /// What happened: seconds since the beginning, and what.
    pub lines: Vec<(f64, String)>,
    /// The rule that was broken in the end.
    pub broken: Option<Broken>,
    /// How many faults it took.
    pub faults: usize,
    /// How long it took, in seconds.
    pub took: f64,
}

impl Search {
    /// Tells a story.
    pub fn tell(&self, story: &Story) -> Told {
        let mut world = self.root.clone();
        let began = world.now;
        world.story = Some(Vec::new());
        for (steps, fault) in &story.faults {
            pass(&mut world, *steps);
            fault::strike(self.model(), &mut world, *fault);
        }
        pass(&mut world, story.rest);
        let seconds = |at: Moment| at.since(began).as_secs_f64();
        let said = world.story.take().unwrap_or_default();
        Told {
            lines: said
                .into_iter()
                .map(|(at, text)| (seconds(at), text))
                .collect(),
            broken: world.broken().cloned(),
            faults: story.faults.len(),
            took: seconds(world.now),
        }
    }
}

fn pass(world: &mut World, steps: u32) {
    for _ in 0..steps {
        world.step();
    }
}
