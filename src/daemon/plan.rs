//! What a reload is to do: the clusters as they are guarded now and as the files want them. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::cluster::Blueprint;
use crate::config::Settings;
use crate::control::Refusal;

/// What differs.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Clusters to be guarded from now on.
    pub added: Vec<Step>,
    /// Clusters with another configuration.
    pub changed: Vec<Step>,
    /// Clusters that are gone.
    pub removed: Vec<String>,
    /// Clusters that are not touched.
    pub same: Vec<String>,
    /// What differs in the host's own settings.
    pub host: Vec<String>,
}

/// A cluster that gets a configuration.
#[derive(Debug)]
pub(super) struct Step {
    pub blueprint: Arc<Blueprint>,
    /// What differs.
    pub what: Vec<String>,
    /// Clusters that have to be gone before: they have what this one gets.
    pub after: BTreeSet<String>,
}

/// Why nothing is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub code: Refusal,
    pub text: String,
}

/// Compares `now` with `new`, and the host's settings with theirs.
///
/// # Errors
/// Something differs that cannot be changed while clusterd runs, or at once.
pub(super) fn plan(
    now: &BTreeMap<&str, &Arc<Blueprint>>,
    new: Vec<Arc<Blueprint>>,
    settings: (&Settings, &Settings),
) -> Result<Plan, Refused> {
    let mut plan = Plan {
        host: host(settings.0, settings.1)?,
        ..Plan::default()
    };
    let names: BTreeSet<String> = new.iter().map(|plan| plan.name().to_owned()).collect();
    let gone = now.keys().filter(|name| !names.contains(**name));
    plan.removed = gone.map(|name| (*name).to_owned()).collect();
    let holders = holders(now);
    for blueprint in new {
        let name = blueprint.name().to_owned();
        let before = now.get(name.as_str());
        let what = before.map(|before| before.difference(&blueprint));
        if what.as_ref().is_some_and(Vec::is_empty) {
            plan.same.push(name);
            continue;
        }
        let after = waits_for(&blueprint, &holders, &plan.removed)?;
        let step = Step {
            blueprint,
            what: what.unwrap_or_default(),
            after,
        };
        match before {
            Some(_) => plan.changed.push(step),
            None => plan.added.push(step),
        }
    }
    Ok(plan)
}

/// Who has what nobody else may have.
fn holders(now: &BTreeMap<&str, &Arc<Blueprint>>) -> BTreeMap<String, String> {
    let mut holders = BTreeMap::new();
    for (name, blueprint) in now {
        for claim in blueprint.claims() {
            holders.insert(claim, (*name).to_owned());
        }
    }
    holders
}

/// Two machines on one console, or that boot the same node, would each believe their own proofs: what
/// another cluster has is taken only when that cluster is gone.
fn waits_for(
    blueprint: &Blueprint,
    holders: &BTreeMap<String, String>,
    removed: &[String],
) -> Result<BTreeSet<String>, Refused> {
    let name = blueprint.name();
    let mut after = BTreeSet::new();
    for claim in blueprint.claims() {
        let Some(holder) = holders.get(&claim).filter(|holder| *holder != name) else {
            continue;
        };
        if !removed.contains(holder) {
            let text = format!(
                "{}: {name} is to get the {claim}, which cluster {holder} still has: nothing was changed. \
                 Take it out of {holder} first, reload, and give it to {name} with a second reload",
                blueprint.file
            );
            let code = Refusal::InUse;
            return Err(Refused { code, text });
        }
        after.insert(holder.clone());
    }
    Ok(after)
}

/// What differs in the host's settings and can be changed now.
fn host(now: &Settings, new: &Settings) -> Result<Vec<String>, Refused> {
    let fixed = [
        ("control_socket", now.control_socket != new.control_socket),
        ("control_group", now.control_group != new.control_group),
        ("log", now.log != new.log),
        ("activity", now.activity != new.activity),
        ("transcript", now.transcript != new.transcript),
        ("journal", now.journal != new.journal),
        ("ping", now.ping != new.ping),
    ];
    let fixed: Vec<&str> = fixed
        .iter()
        .filter_map(|(key, differs)| differs.then_some(*key))
        .collect();
    if !fixed.is_empty() {
        let text = format!(
            "clusterd.yaml: `{}` cannot be changed while clusterd runs: nothing was changed. Restart clusterd, \
             or take it back and reload",
            fixed.join("`, `")
        );
        let code = Refusal::NeedsRestart;
        return Err(Refused { code, text });
    }
    let live = [
        ("access", now.access != new.access),
        ("console", now.console != new.console),
        ("keyboard_idle", now.keyboard_idle != new.keyboard_idle),
    ];
    let live = live.iter().filter(|(_, differs)| *differs);
    let mut all: Vec<String> = live.map(|(key, _)| (*key).to_owned()).collect();
    all.extend(roads(now, new));
    Ok(all)
}

/// What differs in the ways out of this host.
fn roads(now: &Settings, new: &Settings) -> Vec<String> {
    let of = |settings: &Settings, name: &str| {
        let mut routes = settings.routes.iter();
        routes.position(|route| route.name == name)
    };
    let mut all = Vec::new();
    for route in &now.routes {
        match of(new, &route.name) {
            None => all.push(gone(&route.name)),
            Some(at) if new.routes[at] != *route => {
                all.push(format!(
                    "route {} is changed, what waits for it goes by the new one",
                    route.name
                ));
            }
            Some(_) => {}
        }
    }
    for route in new
        .routes
        .iter()
        .filter(|route| of(now, &route.name).is_none())
    {
        all.push(format!(
            "route {} is new, it is told what is open",
            route.name
        ));
    }
    let differs = |what: &str, before: bool, after: bool| match (before, after) {
        (false, _) => format!("{what} is new"),
        (true, false) => format!("{what} is gone"),
        (true, true) => format!("{what} is changed"),
    };
    if now.heartbeat != new.heartbeat {
        let (before, after) = (now.heartbeat.is_some(), new.heartbeat.is_some());
        all.push(differs("heartbeat", before, after));
    }
    if now.metrics != new.metrics {
        let (before, after) = (now.metrics.is_some(), new.metrics.is_some());
        let listens = new.metrics.map(|to| format!(", at {}", to.listen));
        all.push(differs("metrics", before, after) + &listens.unwrap_or_default());
    }
    all
}

/// The line of a route that is gone.
pub(super) fn gone(route: &str) -> String {
    format!("route {route} is gone")
}
