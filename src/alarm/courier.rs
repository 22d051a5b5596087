//! A route's courier: one message after the other, again and again while the other side does not take it.
//!
//! The messages of one alarm keep their order. What the other side refuses steps back behind the messages
//! of other alarms: if it takes those, the message was at fault, and is given up after a few tries; if it
//! takes none, the route is, and everything waits.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::{Duration, SystemTime};

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::sleep;

use super::message::{Letter, Message, at, millis};
use super::post::QUEUE;
use super::transport::{Carrier, Trouble, host_name};
use crate::caught::caught;
use crate::config::route::Route;

/// What the other side refused so often, while it took others, is given up.
const REFUSED: u32 = 3;

/// No message is tried more often.
const TRIES: u32 = 1000;

/// What came of a message.
pub(super) struct Came {
    pub letter: Letter,
    pub outcome: Outcome,
}

/// How it went.
pub(super) enum Outcome {
    /// The other side took it.
    Delivered,
    /// The other side took the message of a test.
    TestDelivered,
    /// It did not, and will be asked again.
    Failing { since_ms: u64, why: String },
    /// It will not be asked again.
    GivenUp(String),
}

/// Somebody tries the route.
#[derive(Debug)]
pub(super) struct Test {
    pub message: Message,
    pub answer: oneshot::Sender<Result<String, String>>,
}

/// What a courier works with.
pub(super) struct Ways {
    /// The route; a reload may change it.
    pub route: watch::Receiver<Route>,
    /// The home directory, from which files are taken.
    pub home: PathBuf,
    pub letters: mpsc::Receiver<Letter>,
    pub tests: mpsc::Receiver<Test>,
    pub reports: mpsc::Sender<Came>,
}

/// Carries letters until nobody writes any. What waits when its route is changed goes by the new one.
pub(super) async fn run(ways: Ways) {
    let Ways {
        route: mut routes,
        home,
        mut letters,
        mut tests,
        reports,
    } = ways;
    let host = host_name();
    let route = routes.borrow_and_update().clone();
    let mut courier = Courier {
        pause: route.pause,
        carrier: Carrier::new(&route, &home, &host),
        route,
        reports,
        queue: VecDeque::new(),
        failing_since: None,
        delivered: 0,
    };
    let mut rest = Duration::ZERO;
    loop {
        while courier.queue.len() < QUEUE
            && let Ok(letter) = letters.try_recv()
        {
            courier.take(letter);
        }
        if courier.queue.is_empty() {
            tokio::select! {
                letter = letters.recv() => match letter {
                    Some(letter) => courier.take(letter),
                    None => return,
                },
                Some(test) = tests.recv() => courier.test(test).await,
                Ok(()) = routes.changed() => {
                    let route = routes.borrow_and_update().clone();
                    courier.goes_by(route, &home, &host);
                }
            }
            continue;
        }
        tokio::select! {
            biased;
            Some(test) = tests.recv() => {
                courier.test(test).await;
                // Where it arrives the others need not wait.
                if courier.failing_since.is_none() {
                    rest = Duration::ZERO;
                }
            }
            Ok(()) = routes.changed() => {
                let route = routes.borrow_and_update().clone();
                courier.goes_by(route, &home, &host);
                rest = Duration::ZERO;
            }
            () = sleep(rest) => rest = courier.first().await,
        }
    }
}

/// A message that waits.
struct Waiting {
    letter: Letter,
    tries: u32,
    refused: u32,
    /// How many others had been delivered when it was refused first.
    delivered_then: u64,
}

struct Courier {
    route: Route,
    carrier: Carrier,
    reports: mpsc::Sender<Came>,
    queue: VecDeque<Waiting>,
    failing_since: Option<SystemTime>,
    pause: Duration,
    delivered: u64,
}

impl Courier {
    fn take(&mut self, letter: Letter) {
        self.queue.push_back(Waiting {
            letter,
            tries: 0,
            refused: 0,
            delivered_then: 0,
        });
    }

    /// The route was changed: what waits is tried anew.
    fn goes_by(&mut self, route: Route, home: &Path, host: &str) {
        self.carrier = Carrier::new(&route, home, host);
        self.pause = route.pause;
        self.route = route;
        for waiting in &mut self.queue {
            waiting.tries = 0;
            waiting.refused = 0;
        }
    }

    /// Tries the first message; gives the pause before the next try.
    async fn first(&mut self) -> Duration {
        let Some(mut waiting) = self.queue.pop_front() else {
            return Duration::ZERO;
        };
        match self.carry(&waiting.letter.message, waiting.letter.id).await {
            Ok(_) => {
                self.well();
                self.delivered += 1;
                self.report(waiting.letter, Outcome::Delivered).await;
                Duration::ZERO
            }
            Err(trouble) => {
                waiting.tries += 1;
                self.trouble(waiting, trouble).await
            }
        }
    }

    /// Tries once. A panic there is a try that failed: the courier goes on, and the message waits.
    async fn carry(&self, message: &Message, id: u64) -> Result<String, Trouble> {
        let tried = pin!(self.carrier.carry(message, id));
        caught(tried).await.unwrap_or_else(|panic| {
            tracing::error!("route {}: a try panicked: {panic}", self.route.name);
            let why = format!("a try failed by a fault of clusterd's own: {panic}");
            Err(Trouble::Unreachable(why))
        })
    }

    async fn trouble(&mut self, mut waiting: Waiting, trouble: Trouble) -> Duration {
        let why = trouble.to_string();
        let refused = matches!(trouble, Trouble::Refused(_));
        if refused {
            if waiting.refused == 0 {
                waiting.delivered_then = self.delivered;
            }
            waiting.refused += 1;
        }
        let age = SystemTime::now().duration_since(at(waiting.letter.message.at_ms));
        let old = age.unwrap_or_default() >= self.route.give_up;
        let its_fault = waiting.refused >= REFUSED && self.delivered > waiting.delivered_then;
        let since = *self.failing_since.get_or_insert_with(SystemTime::now);
        let rest = self.pause;
        self.pause = (self.pause * 2).min(self.route.pause_max);
        if old || its_fault || waiting.tries >= TRIES {
            let text = format!("{why}, after {} tries", waiting.tries);
            self.report(waiting.letter, Outcome::GivenUp(text)).await;
            return rest;
        }
        let since_ms = millis(since);
        let letter = waiting.letter.clone();
        self.report(letter, Outcome::Failing { since_ms, why })
            .await;
        if refused {
            self.step_back(waiting);
        } else {
            self.queue.push_front(waiting);
        }
        rest
    }

    /// Puts a message behind those of other alarms, and the later ones of its own alarm behind it.
    fn step_back(&mut self, waiting: Waiting) {
        let about = |one: &Waiting| {
            let alarm = &one.letter.message.alarm;
            (
                alarm.cluster.clone(),
                alarm.package.clone(),
                alarm.code.clone(),
            )
        };
        let its_own = about(&waiting);
        let (later, others): (VecDeque<Waiting>, VecDeque<Waiting>) =
            self.queue.drain(..).partition(|one| about(one) == its_own);
        self.queue = others;
        self.queue.push_back(waiting);
        self.queue.extend(later);
    }

    async fn test(&mut self, test: Test) {
        let Test { message, answer } = test;
        let id = millis(SystemTime::now());
        let came = self.carry(&message, id).await;
        if came.is_ok() {
            self.well();
            let route = self.route.name.clone();
            let letter = Letter { id, route, message };
            self.report(letter, Outcome::TestDelivered).await;
        }
        // Whoever asked may have gone.
        let _ = answer.send(came.map_err(|trouble| trouble.to_string()));
    }

    fn well(&mut self) {
        self.failing_since = None;
        self.pause = self.route.pause;
    }

    async fn report(&self, letter: Letter, outcome: Outcome) {
        // An error means that the daemon ends.
        let _ = self.reports.send(Came { letter, outcome }).await;
    }
}
