//! Hooks at work: which run when, one run after the other, and what came of them.
//!
//! ```text
//!  Action::Hook (a boot waits) ─► run at once ───────────────────┐
//!  events ─► moments ─► queue ─► run beside, one at a time ──────┴─► News: each run, then its verdict
//! ```
//!
//! A hook that holds up a boot does not stand behind others. The others wait for one another, so that
//! what was before comes before, and no flood of events starts a flood of processes. The rule what may
//! wait for what is the machine's (`machine/hook.rs`).

mod moments;
mod tries;

use std::collections::{BTreeSet, VecDeque};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};

use super::message::ClusterNow;
use super::task::Guard;
use crate::clock::{Moment, Span};
use crate::config::{Cluster, Hook, May, Package, Point};
use crate::control::{ClusterReport, Standing};
use crate::home::power::program;
use crate::machine::Event;
use crate::machine::input::{Input, Ticket, Verdict};
use crate::machine::setup::NodeId;
use crate::name::PackageName;
use crate::script::program::Severity;
use moments::{Happens, Moments};
pub(super) use tries::{News, Run};

/// Hooks of one cluster that may wait to run beside.
const QUEUE: usize = 64;
/// News that may wait for the task.
const NEWS: usize = 32;
/// Between two looks at how the cluster stands.
const LOOK: Duration = Duration::from_secs(2);
/// The alarm of a hook that failed.
const FAILED: &str = "hook";

/// One hook that is to run.
#[derive(Debug)]
struct Job {
    number: usize,
    hook: Arc<Hook>,
    env: Vec<(String, String)>,
    ticket: Option<Ticket>,
}

/// The hooks of one cluster.
#[derive(Debug)]
pub(super) struct Hooks {
    all: Vec<Arc<Hook>>,
    moments: Moments,
    next_look: Moment,
    waiting: VecDeque<Job>,
    beside: JoinSet<()>,
    before: JoinSet<()>,
    /// The run that a boot waits for, and its name.
    awaited: Option<(AbortHandle, Ticket, Point)>,
    /// What runs beside.
    present: Option<Point>,
    news: (mpsc::Sender<News>, mpsc::Receiver<News>),
    /// Hooks whose last run failed.
    failed: BTreeSet<usize>,
}

/// All hooks that concern a package: the cluster's, then its own.
pub(super) fn all<'c>(
    cluster: &'c Cluster,
    package: &'c Package,
) -> impl Iterator<Item = &'c Hook> {
    cluster.hooks.iter().chain(&package.hooks)
}

/// The same, with programs as they can be started from anywhere.
pub(super) fn of(cluster: &Cluster, name: &PackageName, home: &Path) -> Vec<Arc<Hook>> {
    let Some(package) = cluster.packages.get(name) else {
        return Vec::new();
    };
    let placed = |argv: &[String]| {
        let mut argv = argv.to_vec();
        if let Some(first) = argv.first_mut() {
            *first = program(first, home);
        }
        argv
    };
    let hooks = all(cluster, package).map(|hook| {
        Arc::new(Hook {
            run: placed(&hook.run),
            recover: hook.recover.as_deref().map(placed),
            ..hook.clone()
        })
    });
    super::setup::exactly(hooks)
}

impl Hooks {
    pub fn new(hooks: &[Arc<Hook>]) -> Hooks {
        Hooks {
            all: hooks.to_vec(),
            moments: Moments::default(),
            next_look: Moment::ZERO,
            waiting: VecDeque::new(),
            beside: JoinSet::new(),
            before: JoinSet::new(),
            awaited: None,
            present: None,
            news: mpsc::channel(NEWS),
            failed: BTreeSet::new(),
        }
    }

    /// What runs or waits, if anything.
    pub fn under_way(&self) -> Option<Point> {
        let awaited = self.awaited.as_ref().map(|(_, _, on)| *on);
        awaited.or(self.present)
    }

    /// The next news. It is cancel safe.
    pub async fn next(&mut self) -> News {
        match self.news.1.recv().await {
            Some(news) => news,
            None => std::future::pending().await,
        }
    }

    /// Starts the next hook of the queue, if none runs beside.
    fn go_on(&mut self) {
        while self.beside.try_join_next().is_some() {}
        if self.present.is_some() {
            return;
        }
        let Some(job) = self.waiting.pop_front() else {
            return;
        };
        self.present = Some(job.hook.on);
        let news = self.news.0.clone();
        self.beside.spawn(tries::beside(job, news));
    }
}

impl Guard {
    /// A boot waits for this hook.
    pub(super) fn ask_hook(&mut self, ticket: Ticket, number: usize, node: NodeId, cause: String) {
        if let Some((earlier, ..)) = self.hooks.awaited.take() {
            // Nobody waits for it any more, and two of a kind would be in each other's way.
            earlier.abort();
        }
        while self.hooks.before.try_join_next().is_some() {}
        let Some(hook) = self.hooks.all.get(number).map(Arc::clone) else {
            let verdict = Verdict::None("there is no such hook".to_owned());
            return self.inputs.push_back(Input::HookDone { ticket, verdict });
        };
        let happens = Happens {
            on: hook.on,
            node: self.names.get(node).map(ToString::to_string),
            cause,
            result: "",
        };
        let job = Job {
            number,
            env: self.hook_env(&happens),
            ticket: Some(ticket),
            hook: Arc::clone(&hook),
        };
        let news = self.hooks.news.0.clone();
        let run = self.hooks.before.spawn(tries::awaited(job, news));
        self.hooks.awaited = Some((run, ticket, hook.on));
    }

    /// Something happened: what runs beside it?
    pub(super) fn run_hooks_beside(&mut self, event: &Event) {
        if self.hooks.all.is_empty() {
            return;
        }
        for happens in self.hooks.moments.of(event) {
            self.happens(&happens);
        }
    }

    /// What has begun or ended and is no event; a turn of the loop comes with it, or soon after.
    pub(super) fn look_for_hooks(&mut self, now: Moment) {
        if self.hooks.all.is_empty() {
            return;
        }
        self.look_at_standing(now);
        // A cluster has one package.
        let held = self.machine.held_for(0);
        if let Some(happens) = self.hooks.moments.hold(held) {
            self.happens(&happens);
        }
    }

    /// Whether a standby is there. A look takes the whole state together: only where a hook wants to know.
    fn look_at_standing(&mut self, now: Moment) {
        let wants = |hook: &Arc<Hook>| matches!(hook.on, Point::Degraded | Point::Repaired);
        if now < self.hooks.next_look || !self.hooks.all.iter().any(wants) {
            return;
        }
        self.hooks.next_look = now + LOOK;
        let ClusterNow {
            snapshot, consoles, ..
        } = self.now(now);
        let standing = Standing::of(&ClusterReport {
            cluster: self.blueprint.name().to_owned(),
            file: String::new(),
            not_guarded: None,
            snapshot: Some(snapshot),
            consoles,
            boots: Vec::new(),
            reload: None,
            standing: Standing::default(),
        });
        if let Some(happens) = self.hooks.moments.standing(&standing, now) {
            self.happens(&happens);
        }
    }

    fn happens(&mut self, happens: &Happens) {
        let concerned: Vec<usize> = self
            .hooks
            .all
            .iter()
            .enumerate()
            .filter(|(_, hook)| hook.on == happens.on && hook.may == May::Nothing)
            .map(|(number, _)| number)
            .collect();
        for number in concerned {
            if self.hooks.waiting.len() >= QUEUE {
                let on = happens.on;
                let text = format!(
                    "{QUEUE} hooks wait already: one on {on} was left out; the log says which of them hangs"
                );
                let subject = self.subject(0);
                let alarms = &self.host.alarms;
                alarms.raise(&subject, Severity::Warning, FAILED, &text);
                continue;
            }
            let job = Job {
                number,
                env: self.hook_env(happens),
                ticket: None,
                hook: Arc::clone(&self.hooks.all[number]),
            };
            self.hooks.waiting.push_back(job);
        }
        self.hooks.go_on();
    }

    /// What a hook is told. Nothing of it is a secret.
    fn hook_env(&self, happens: &Happens) -> Vec<(String, String)> {
        let package = self.blueprint.setup.packages.first();
        let package = package.map_or("", |package| package.name.as_str());
        let node = happens.node.as_deref().unwrap_or_default();
        let all = [
            ("CLUSTER", self.blueprint.name()),
            ("PACKAGE", package),
            ("NODE", node),
            ("EVENT", happens.on.word()),
            ("CAUSE", &happens.cause),
            ("RESULT", happens.result),
        ];
        // A NUL would keep the command from being started at all.
        let plain = |text: &str| text.replace('\0', "");
        all.iter()
            .map(|(name, value)| (format!("CLUSTERD_{name}"), plain(value)))
            .collect()
    }

    /// A run has ended, or all runs of a hook.
    pub(super) fn hook_news(&mut self, news: News, now: Moment) {
        match news {
            News::Ran(run) => self.hook_ran(run),
            News::Done {
                number,
                ticket,
                verdict,
            } => {
                let good = verdict == Verdict::GoOn;
                if good && self.hooks.failed.remove(&number) && self.hooks.failed.is_empty() {
                    self.host.alarms.clear(&self.subject(0), FAILED);
                }
                match ticket {
                    Some(ticket) => {
                        let ours =
                            |(_, wanted, _): &(AbortHandle, Ticket, Point)| *wanted == ticket;
                        self.hooks.awaited.take_if(|awaited| ours(awaited));
                        self.feed(Input::HookDone { ticket, verdict }, now);
                    }
                    None => {
                        self.hooks.present = None;
                        self.hooks.go_on();
                    }
                }
            }
        }
    }

    fn hook_ran(&mut self, run: Run) {
        let package = self.blueprint.setup.packages.first();
        let package = package.map_or("", |package| package.name.as_str());
        let Run {
            number,
            on,
            command,
            outcome,
            good,
            took,
            attempt,
            said,
        } = run;
        self.tally.hook_ran(on.word(), good);
        if !good {
            self.hooks.failed.insert(number);
            let mut text = format!("hook {on}: {command}: {outcome} after {}", Span(took));
            if let Some(last) = said.last() {
                text = format!("{text}; it said: {last}");
            }
            let subject = self.subject(0);
            let alarms = &self.host.alarms;
            alarms.raise(&subject, Severity::Warning, FAILED, &text);
        }
        self.event(Event::Hook {
            package: package.to_owned(),
            on: on.word().to_owned(),
            command,
            outcome,
            took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            attempt,
            said,
        });
    }
}
