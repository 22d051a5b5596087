//! `reload` and SIGHUP: the files are read and checked whole, compared with what is guarded, and only
//! what differs is touched.
//!
//! ```text
//!  reload, SIGHUP ─► reread (a thread) ─► plan ─┬─► same: not touched
//!       any fault: nothing changes              ├─► changed: its task gives way when at rest ─► next task
//!                                               ├─► removed: its task gives way ─► gone
//!                                               └─► added: its task begins
//! ```
//!
//! What waits stands at its ward until its task gives way; a later reload takes its place.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::Daemon;
use super::plan::{Plan, Step, plan};
use super::prepare::Unguarded;
use super::reply::{Asked, How, Order, answer, blank, removal, wish_of};
use super::reread::{Reread, reread};
use super::ward::{Life, Next, Ward, Wish};
use crate::alarm::Subject;
use crate::cluster::{Blueprint, ClusterNow, Handover, Message, Purpose, Yield};
use crate::control::{Answer, Change, ClusterChange, Refusal, ReloadReport};
use crate::probe::Target;
use crate::script::program::Severity;

/// Faults that are told; `check` has them all.
const FAULTS: usize = 100;

/// The alarm of a SIGHUP that changed nothing.
const REFUSED: &str = "reload_refused";

/// The new configuration, or all faults.
type Outcome = Result<Reread, Vec<String>>;

/// The files that are being read, and the signals that want it.
#[derive(Default)]
pub(super) struct Rereading {
    under_way: Option<(Order, JoinHandle<Outcome>)>,
    hangups: Option<mpsc::Receiver<()>>,
    /// A signal came while they were being read.
    again: bool,
}

/// Why the supervisor has a turn.
pub(super) enum Woken {
    Hangup,
    Read(Order, Box<Outcome>),
}

impl Rereading {
    /// It is cancel safe.
    pub(super) async fn next(&mut self) -> Woken {
        let read = async {
            match &mut self.under_way {
                Some((_, task)) => task.await,
                None => std::future::pending().await,
            }
        };
        let hangup = async {
            match &mut self.hangups {
                Some(hangups) => hangups.recv().await,
                None => std::future::pending().await,
            }
        };
        let read = tokio::select! {
            read = read => read,
            Some(()) = hangup => return Woken::Hangup,
        };
        let Some((order, _)) = self.under_way.take() else {
            return std::future::pending().await;
        };
        let read = read.unwrap_or_else(|err| {
            let fault = format!("the files could not be read: {err}; see logs/clusterd.log");
            Err(vec![fault])
        });
        Woken::Read(order, Box::new(read))
    }
}

impl Daemon {
    /// Signals that want a reload come here.
    #[must_use]
    pub fn rereads_on(mut self, hangups: mpsc::Receiver<()>) -> Daemon {
        self.rereading.hangups = Some(hangups);
        self
    }

    /// Begins to read all files again.
    pub(super) fn reload(&mut self, order: Order) {
        if self.rereading.under_way.is_some() {
            self.rereading.again |= order.answer.is_none();
            let text = "another reload is reading the files just now: try it again";
            return order.reply(Answer::refused(Refusal::Busy, text));
        }
        let wards = self.wards.values();
        let sets = wards.map(|ward| Arc::clone(ward.blueprint.patterns()));
        let sets = sets.collect();
        let home = self.home.clone();
        let task = tokio::task::spawn_blocking(move || reread(&home, sets));
        self.rereading.under_way = Some((order, task));
    }

    /// The files were read, or a signal wants it.
    pub(super) async fn reread(&mut self, woken: Woken) {
        let (order, read) = match woken {
            Woken::Hangup => return self.reload(Order::of_signal()),
            Woken::Read(order, read) => (order, read),
        };
        match *read {
            Err(mut faults) => {
                let more = faults.len().saturating_sub(FAULTS);
                faults.truncate(FAULTS);
                if more > 0 {
                    faults.push(format!("and {more} more: clusterd check lists them"));
                }
                let first = faults.first().cloned().unwrap_or_default();
                self.refused_reload(&order, &first);
                order.reply(Answer::Faulty { faults });
            }
            Ok(new) => self.put_into_force(order, new).await,
        }
        if std::mem::take(&mut self.rereading.again) {
            self.reload(Order::of_signal());
        }
    }

    /// Compares, and changes what differs; or nothing, where anything of it cannot be.
    async fn put_into_force(&mut self, order: Order, new: Reread) {
        let now = self.wards.iter();
        let now: BTreeMap<_, _> = now
            .map(|(name, ward)| (name.as_str(), &ward.blueprint))
            .collect();
        let planned = plan(&now, new.blueprints, (&self.settings, &new.settings));
        let tried = match planned {
            Ok(plan) => {
                let tried = self.try_ways_out(&new.settings).await;
                tried.map(|listener| (plan, listener))
            }
            Err(refused) => Err(refused),
        };
        let (mut plan, listener) = match tried {
            Ok(tried) => tried,
            Err(refused) => {
                self.refused_reload(&order, &refused.text);
                return order.reply(Answer::refused(refused.code, refused.text));
            }
        };
        plan.host = self.with_what_waits(&plan.host);
        if order.dry_run {
            return self.tell(order, &plan);
        }
        self.settings = new.settings;
        self.access.send_replace(self.settings.access.clone());
        self.goes_out_by(listener).await;
        self.apply(order, plan).await;
    }

    /// Nothing was changed.
    fn refused_reload(&self, order: &Order, why: &str) {
        if order.dry_run {
            return;
        }
        let who = &order.who;
        tracing::warn!("reload by {who} changed nothing: {why}");
        if order.answer.is_none() {
            let text = format!(
                "SIGHUP changed nothing, what was guarded is guarded as before: {why}; `clusterd check` lists all faults, `clusterd reload` tries it again"
            );
            let alarms = &self.host.alarms;
            alarms.raise(&Subject::host(), Severity::Warning, REFUSED, &text);
        }
    }

    /// Says what would change.
    fn tell(&self, order: Order, plan: &Plan) {
        let report = ReloadReport {
            who: order.who.clone(),
            dry_run: true,
            clusters: Vec::new(),
            host: plan.host.clone(),
            same: plan.same.len(),
        };
        let steps = plan.changed.iter().map(|step| (Change::Changed, step));
        let added = plan.added.iter().map(|step| (Change::Added, step));
        let steps = steps.chain(added).map(|(change, step)| {
            let name = step.blueprint.name();
            self.looked_at(blank(name, change, &step.what), wish_of(step, &order.who))
        });
        let removed = plan.removed.iter().map(|name| {
            let change = blank(name, Change::Removed, &[]);
            self.looked_at(change, removal(&order.who))
        });
        let asked = steps.chain(removed).collect();
        tokio::spawn(answer(order, report, asked));
    }

    fn looked_at(&self, change: ClusterChange, wish: Wish) -> Asked {
        let ward = self.wards.get(&change.cluster);
        let how = match ward.map(Ward::mail) {
            Some(Some(mail)) => How::Looks(mail.clone()),
            None if wish.after.is_empty() => How::Done,
            Some(None) | None => How::Waits,
        };
        Asked { change, wish, how }
    }

    /// Does it: what can be done now is done when this returns, but for tasks that have still to give
    /// way.
    async fn apply(&mut self, order: Order, plan: Plan) {
        let report = ReloadReport {
            who: order.who.clone(),
            dry_run: false,
            clusters: Vec::new(),
            host: plan.host,
            same: plan.same.len(),
        };
        let who = order.who.clone();
        self.refused.clear();
        self.coming.clear();
        for name in &plan.same {
            let ward = self.wards.get_mut(name);
            let Some((ward, _)) = ward.and_then(|ward| ward.next.take().map(|next| (ward, next)))
            else {
                continue;
            };
            if let Some(mail) = ward.mail() {
                // A full box: it gives way for nothing, and begins again as it was.
                let _ = mail.try_send(Message::Stay);
            }
        }
        let mut asked = Vec::new();
        for step in plan.changed {
            let name = step.blueprint.name().to_owned();
            let wish = wish_of(&step, &who);
            let change = blank(&name, Change::Changed, &step.what);
            asked.push(self.next(&name, change, wish, Some(step.blueprint)));
        }
        for name in plan.removed {
            let change = blank(&name, Change::Removed, &[]);
            asked.push(self.next(&name, change, removal(&who), None));
        }
        for step in plan.added {
            asked.push(self.add(step, &who));
        }
        self.watch_witnesses();
        self.settle_alarms();
        self.host.alarms.clear(&Subject::host(), REFUSED);
        for ward in self.wards.values_mut() {
            ward.read_again();
        }
        self.begin_due().await;
        tokio::spawn(answer(order, report, asked));
    }

    /// What a ward is to become.
    fn next(
        &mut self,
        name: &str,
        change: ClusterChange,
        wish: Wish,
        blueprint: Option<Arc<Blueprint>>,
    ) -> Asked {
        let mut how = How::Waits;
        if let Some(ward) = self.wards.get_mut(name) {
            let (done, is_done) = oneshot::channel();
            ward.next = Some(Box::new(Next {
                wish: wish.clone(),
                blueprint,
                asked: false,
                done: Some(done),
            }));
            if matches!(ward.life, Life::GivenUp | Life::Unread(_)) {
                // Nobody guards it, so nothing is under way: it is done now.
                self.done(name);
                how = How::Done;
            } else if let Some(answer) = ask(ward) {
                how = How::Yields(answer, is_done);
            }
        }
        Asked { change, wish, how }
    }

    /// A cluster that was not guarded before.
    fn add(&mut self, step: Step, who: &str) -> Asked {
        let name = step.blueprint.name().to_owned();
        let mut wish = wish_of(&step, who);
        wish.purpose = Purpose::Change(vec!["a new cluster".to_owned()]);
        let mut asked = Asked {
            change: blank(&name, Change::Added, &step.what),
            wish: wish.clone(),
            how: How::Done,
        };
        if step.after.is_empty() {
            self.begins(who, step.blueprint);
            return asked;
        }
        asked.how = How::Waits;
        self.refused.push(Unguarded {
            cluster: name.clone(),
            file: step.blueprint.file.clone(),
            why: wish.text(&name, None),
        });
        let next = Next {
            wish,
            blueprint: Some(step.blueprint),
            asked: false,
            done: None,
        };
        self.coming.insert(name, next);
        asked
    }

    fn begins(&mut self, who: &str, blueprint: Arc<Blueprint>) {
        let name = blueprint.name().to_owned();
        tracing::warn!("reload by {who}: {name} is guarded from now on");
        self.refused.retain(|refused| refused.cluster != name);
        let alarms = &self.host.alarms;
        alarms.clear(&Subject::cluster(&name), "not_guarded");
        self.wards.insert(name, Ward::new(blueprint));
    }

    /// A task has ended because it was asked to, and left this.
    pub(super) async fn gave_way(&mut self, name: &str, left: Box<Handover>) {
        let Some(ward) = self.wards.get_mut(name) else {
            return;
        };
        ward.gave_way(left);
        self.done(name);
        self.begin_due().await;
        self.ask_again();
    }

    /// Nothing is under way in a cluster: what a reload has in store for it comes true.
    fn done(&mut self, name: &str) {
        let Some(ward) = self.wards.get_mut(name) else {
            return;
        };
        let Some(next) = ward.next.take() else {
            // It was taken back: the task begins again as it was.
            return;
        };
        let who = &next.wish.who;
        let alarms = &self.host.alarms;
        match next.blueprint {
            Some(blueprint) => {
                tracing::warn!("reload by {who}: {name} has its new configuration");
                ward.blueprint = blueprint;
                ward.begun = next.done;
                ward.begin_anew();
                alarms.begins_anew(name);
                alarms.clear(&Subject::cluster(name), "task_given_up");
            }
            None => {
                tracing::warn!("reload by {who}: {name} is not guarded any more");
                self.wards.remove(name);
                self.gone(name);
                if let Some(done) = next.done {
                    // Whoever waited may have gone.
                    let _ = done.send(());
                }
            }
        }
        self.watch_witnesses();
        self.settle_alarms();
    }

    /// A cluster is gone: others may have waited for that.
    fn gone(&mut self, name: &str) {
        let nexts = self
            .wards
            .values_mut()
            .filter_map(|ward| ward.next.as_mut());
        for next in nexts {
            next.wish.after.remove(name);
        }
        for next in self.coming.values_mut() {
            next.wish.after.remove(name);
        }
        let coming = std::mem::take(&mut self.coming);
        for (name, next) in coming {
            match next.blueprint {
                Some(blueprint) if next.wish.after.is_empty() => {
                    self.begins(&next.wish.who, blueprint);
                }
                _ => {
                    self.coming.insert(name, next);
                }
            }
        }
    }

    /// Asks those tasks to give way that could not be asked yet.
    pub(super) fn ask_again(&mut self) {
        for ward in self.wards.values_mut() {
            let open = |next: &Next| !next.asked && next.wish.after.is_empty();
            if ward.next.as_deref().is_some_and(open) {
                // Nobody waits for the answer.
                let _ = ask(ward);
            }
        }
    }

    fn watch_witnesses(&mut self) {
        let wards = self.wards.values();
        let witnesses = wards.flat_map(|ward| ward.blueprint.witnesses());
        let witnesses: BTreeSet<Target> = witnesses.copied().collect();
        self.outlook.watch(&witnesses);
    }
}

/// Asks a task to give way; nothing where it does not run, or has too much to read: it is asked again.
fn ask(ward: &mut Ward) -> Option<oneshot::Receiver<ClusterNow>> {
    let mail = ward.mail()?.clone();
    let next = ward.next.as_mut()?;
    if !next.wish.after.is_empty() {
        return None;
    }
    let (answer, answered) = oneshot::channel();
    let wish = Yield {
        who: next.wish.who.clone(),
        purpose: next.wish.purpose.clone(),
        answer,
    };
    mail.try_send(Message::Yield(wish)).ok()?;
    next.asked = true;
    Some(answered)
}
