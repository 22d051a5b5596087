//! Asking power legs for a person: their state and nothing else, in a task of its own, behind whatever
//! clusterd itself has to say to their devices.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::desk::{Desk, reply};
use crate::control::{Answer, Given, LegReport, LegState, POWER_STATUS, PowerReport, Refusal};
use crate::exec::{LegSaid, PowerLeg, PowerState, Switches};

impl Desk<'_> {
    /// Asks the power legs of a node; it is answered in time.
    pub(super) fn power_status(
        &self,
        cluster: &str,
        node: &str,
        who: String,
        answer: oneshot::Sender<Given>,
    ) {
        let legs = match self.legs_of(cluster, node) {
            Ok(legs) => legs.to_vec(),
            Err(refusal) => return reply(answer, refusal),
        };
        let node = format!("{cluster}/{node}");
        let switches = Arc::clone(&self.host.switches);
        tokio::spawn(async move {
            let report = power_report(node, &legs, &switches, POWER_STATUS).await;
            let node = &report.node;
            for said in &report.legs {
                let (leg, state, why) = (&said.leg, said.state, said.why.as_deref());
                let why = why.unwrap_or_default();
                tracing::info!("power leg {leg} of {node}, asked for {who}: {state:?} {why}");
            }
            let report = Box::new(report);
            reply(answer, Answer::PowerStatus { report });
        });
    }

    /// Also where the cluster's task does not run: a person has to know then, too.
    fn legs_of(&self, cluster: &str, node: &str) -> Result<&[PowerLeg], Answer> {
        let blueprint = &self.ward_of(cluster)?.blueprint;
        let Some(legs) = blueprint.legs_of(node) else {
            let nodes = blueprint.setup.nodes.iter();
            let nodes: Vec<&str> = nodes.map(|node| node.name.as_str()).collect();
            let text = format!("{cluster} has no such node; it has {}", nodes.join(", "));
            return Err(Answer::refused(Refusal::Unknown, text));
        };
        if legs.is_empty() {
            let text =
                format!("{cluster}/{node} has no power leg: clist/ names none under `power`");
            return Err(Answer::refused(Refusal::Unknown, text));
        }
        Ok(legs)
    }
}

/// What the legs of `node` say within `most`; nothing is switched.
pub async fn power_report(
    node: String,
    legs: &[PowerLeg],
    switches: &Arc<Switches>,
    most: Duration,
) -> PowerReport {
    let said = switches.ask(legs, most).await;
    PowerReport::new(node, said.into_iter().map(leg_report).collect())
}

fn leg_report(said: LegSaid) -> LegReport {
    let (state, why) = match said.state {
        PowerState::On => (LegState::On, None),
        PowerState::Off => (LegState::Off, None),
        PowerState::Unknown(why) => (LegState::Unknown, Some(why)),
    };
    LegReport {
        leg: said.leg,
        state,
        why,
        took_millis: u64::try_from(said.took.as_millis()).unwrap_or(u64::MAX),
    }
}
