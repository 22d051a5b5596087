//! clusterd interrupted at every action of a scene: killed before it, behind it, with its journal entry
//! written or torn, stopped and going on. Each is a scene of its own.
//!
//! ```text
//!   scene ─ played ─► the same deeds, waits as long as they took ─ played ─► N actions
//!                                                       └─ interrupt k, for each k and way ─► a scene
//! ```

use std::time::Duration;

use super::Patience;
use crate::script::diagnostic::Span;
use crate::sim::scene::{Deed, Hold, Opening, Played, Scene, Step};
use crate::sim::world::{Interrupt, Interruption};

/// A clusterd that was killed is started again after so long, as systemd and the init script do.
const BACK: Duration = Duration::from_secs(5);
/// Behind the last deed actions are counted for so long.
const AFTERWARDS: Duration = Duration::from_secs(60);
/// A clusterd that was stopped goes on after so long.
const STOPPED: Duration = Duration::from_secs(300);

/// A scene whose actions are interrupted.
#[derive(Clone, Debug)]
pub struct Interrupted {
    /// What is done, without expectations, and waits as long as they took undisturbed.
    deeds: Scene,
    /// How many actions clusterd performs in it.
    actions: u64,
    /// Which of them are journal entries.
    entries: Vec<u64>,
    patience: Patience,
}

impl Interrupted {
    /// The scene that was `played` to its end from `opening`, counted.
    pub fn new(
        scene: &Scene,
        played: &Played,
        opening: &Opening,
        patience: Patience,
    ) -> Interrupted {
        let deeds = deeds(scene, played);
        let world = opening.clone().play(&deeds).world;
        let before = opening.world().actions();
        let within = |at: &u64| at.checked_sub(before).filter(|at| *at > 0);
        Interrupted {
            deeds,
            actions: world.actions() - before,
            entries: world.entries_at().iter().filter_map(within).collect(),
            patience,
        }
    }

    /// How many actions there are to be interrupted at.
    pub fn actions(&self) -> u64 {
        self.actions
    }

    /// Every interruption. An entry can be written without anybody being told only where one is.
    pub fn strikes(&self) -> Vec<Interruption> {
        let mut strikes = Vec::new();
        for action in 1..=self.actions {
            for how in Interrupt::ALL {
                if how == Interrupt::Written && self.entries.binary_search(&action).is_err() {
                    continue;
                }
                let lasts = match how {
                    Interrupt::Stopped => STOPPED,
                    _ => BACK,
                };
                strikes.push(Interruption { action, how, lasts });
            }
        }
        strikes
    }

    /// The scene with one interruption, and what must hold in the end: before anything is mended, and
    /// when all is whole again.
    pub fn scene(&self, strike: Interruption) -> Scene {
        let mut scene = self.deeds.clone();
        let title = format!("action {}, {}: {}", strike.action, strike.how, scene.title);
        scene.title = title;
        let first = (Span::default(), Step::Do(Deed::Interrupt(strike)));
        scene.steps.insert(0, first);
        let Patience { calm, alone } = self.patience;
        let judged = [
            Step::Pass(alone),
            Step::Until(Hold::ServedOrTold, calm),
            Step::Do(Deed::LetLoose),
            Step::Pass(calm),
            Step::Until(Hold::ServedOrTold, calm),
        ];
        let judged = judged.into_iter().map(|step| (Span::default(), step));
        scene.steps.extend(judged);
        scene
    }
}

/// The deeds of a scene at the distances at which they came when it was played. What was let loose
/// at its end is let loose later.
fn deeds(scene: &Scene, played: &Played) -> Scene {
    let end = played.world.now();
    let mut steps = Vec::new();
    for (at, (_, step)) in scene.steps.iter().enumerate() {
        let Some((began, _)) = played.steps.get(at) else {
            break;
        };
        let ended = played.steps.get(at + 1).map_or(end, |(at, _)| *at);
        match step {
            Step::Do(deed) => steps.push(Step::Do(deed.clone())),
            Step::Pass(_) | Step::Until(..) => steps.push(Step::Pass(ended.since(*began))),
            Step::Mark | Step::Expect(_) => {}
        }
    }
    while steps.last() == Some(&Step::Do(Deed::LetLoose)) {
        steps.pop();
    }
    steps.push(Step::Pass(AFTERWARDS));
    Scene {
        title: scene.title.clone(),
        bench: scene.bench.clone(),
        steps: steps
            .into_iter()
            .map(|step| (Span::default(), step))
            .collect(),
    }
}
