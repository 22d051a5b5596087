//! Who goes first at a power switch. clusterd's own orders and questions are part of a fence and wait
//! for nobody; what a person asks stands back from them: many a power strip takes one login at a time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::{PowerLeg, PowerState};

/// Legs that are asked for people at once; the next ones wait for their turn.
const AT_ONCE: usize = 8;

/// The devices of all power legs.
#[derive(Debug)]
pub struct Switches {
    /// Those that clusterd itself talks to, and for how many orders and questions.
    held: watch::Sender<BTreeMap<String, usize>>,
    turns: Semaphore,
}

/// clusterd itself talks to some devices. Dropping it is the end of that.
#[derive(Debug)]
pub struct Held {
    of: Arc<Switches>,
    devices: Vec<String>,
}

/// What a leg said to a person's question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegSaid {
    /// What people call the leg.
    pub leg: String,
    /// Its state.
    pub state: PowerState,
    /// How long it took to say so, or to say nothing.
    pub took: Duration,
}

impl Default for Switches {
    fn default() -> Switches {
        Switches {
            held: watch::Sender::default(),
            turns: Semaphore::new(AT_ONCE),
        }
    }
}

impl Switches {
    /// clusterd itself talks to these legs from now on. It waits for nobody: what a person asks of their
    /// devices is broken off.
    pub fn hold(self: &Arc<Self>, legs: &[PowerLeg]) -> Held {
        let devices: Vec<String> = legs.iter().map(PowerLeg::device).collect();
        self.held.send_modify(|held| {
            for device in &devices {
                *held.entry(device.clone()).or_default() += 1;
            }
        });
        Held {
            of: Arc::clone(self),
            devices,
        }
    }

    /// Asks all these legs at once for a person, each for so long at the most; switches nothing. Where
    /// clusterd itself talks to a leg's device, before or meanwhile, its state is unknown. What was
    /// started is killed when this is dropped.
    pub async fn ask(self: &Arc<Self>, legs: &[PowerLeg], most: Duration) -> Vec<LegSaid> {
        let mut asked = JoinSet::new();
        for (place, leg) in legs.iter().cloned().enumerate() {
            let switches = Arc::clone(self);
            asked.spawn(async move { (place, switches.ask_one(&leg, most).await) });
        }
        let silent = |leg: &PowerLeg| LegSaid {
            leg: leg.to_string(),
            state: PowerState::Unknown("it could not be asked".to_owned()),
            took: Duration::ZERO,
        };
        let mut said: Vec<LegSaid> = legs.iter().map(silent).collect();
        while let Some(done) = asked.join_next().await {
            if let Ok((place, answer)) = done {
                said[place] = answer;
            }
        }
        said
    }

    async fn ask_one(&self, leg: &PowerLeg, most: Duration) -> LegSaid {
        let start = Instant::now();
        let answer = async {
            let _turn = self.turns.acquire().await;
            leg.status().await
        };
        let state = tokio::select! {
            biased;
            () = self.is_held(leg.device()) => PowerState::Unknown(
                "clusterd itself switches or asks its device just now; ask again when that is over"
                    .to_owned(),
            ),
            answer = timeout(most, answer) => answer.unwrap_or_else(|_| {
                PowerState::Unknown(format!("no answer within {} s", most.as_secs()))
            }),
        };
        LegSaid {
            leg: leg.to_string(),
            state,
            took: start.elapsed(),
        }
    }

    /// Until clusterd itself talks to this device.
    async fn is_held(&self, device: String) {
        let mut held = self.held.subscribe();
        // Its other end is here.
        let _ = held.wait_for(|held| held.contains_key(&device)).await;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.of.held.send_modify(|held| {
            for device in &self.devices {
                if let Some(count) = held.get_mut(device) {
                    *count -= 1;
                    if *count == 0 {
                        held.remove(device);
                    }
                }
            }
        });
    }
}
