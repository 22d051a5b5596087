//! What a cluster would do if something happened now: a copy of its machine is played with on a thread
//! of its own, and nothing of it leaves. The cluster's task gives the copy, and goes on.

use tokio::sync::oneshot;
use tokio::time::timeout;

use super::desk::{ANSWER, Desk, busy, reply};
use crate::cluster::Message;
use crate::control::{Answer, Ask, EmulatedStep, Given, Refusal};
use crate::machine::Machine;
use crate::sim::emulate::{Emulated, Happening, emulate};

impl Desk<'_> {
    /// Answers what would happen.
    pub(super) fn emulate(&self, ask: Ask, answer: oneshot::Sender<Given>) {
        let Ask::Emulate {
            cluster,
            event,
            console,
        } = ask
        else {
            return;
        };
        let mail = match self.mail_of(&cluster) {
            Ok(mail) => mail.clone(),
            Err(refusal) => return reply(answer, refusal),
        };
        let clock = self.host.clock;
        tokio::spawn(async move {
            let (give, given) = oneshot::channel();
            let copied = async {
                mail.send(Message::Copy(give)).await.ok()?;
                given.await.ok()
            };
            let Some(machine) = timeout(ANSWER, copied).await.ok().flatten() else {
                return reply(answer, busy());
            };
            let now = clock.now();
            let played = tokio::task::spawn_blocking(move || {
                let happening = meant(&machine, &event, console.as_deref())?;
                emulate(*machine, &happening, now)
            });
            reply(
                answer,
                match played.await {
                    Ok(Ok(emulated)) => said(emulated),
                    Ok(Err(why)) => Answer::refused(Refusal::NotNow, why),
                    Err(_) => Answer::refused(Refusal::NotNow, "it could not be played to its end"),
                },
            );
        });
    }
}

/// What is to happen, by its name, or a line on a console.
fn meant(machine: &Machine, event: &str, console: Option<&str>) -> Result<Happening, String> {
    if let Some(console) = console {
        let setup = machine.setup();
        let mut nodes = setup.nodes.iter();
        let node = nodes.position(|node| node.name.as_str() == console);
        let node = node.ok_or_else(|| format!("there is no node {console}"))?;
        let text = event.to_owned();
        return Ok(Happening::Line { node, text });
    }
    let known = Happening::NAMED.iter();
    let found = known.clone().find(|(name, _)| *name == event);
    found.map(|(_, meant)| meant.clone()).ok_or_else(|| {
        let names: Vec<&str> = known.map(|(name, _)| *name).collect();
        format!("there is no event {event}: {}", names.join(", "))
    })
}

fn said(emulated: Emulated) -> Answer {
    let steps = emulated.steps.into_iter();
    Answer::Emulated {
        assumed: emulated.assumed,
        steps: steps
            .map(|(at, text)| EmulatedStep {
                at_ms: u64::try_from(at.as_millis()).unwrap_or(u64::MAX),
                text,
            })
            .collect(),
        end: emulated.end,
    }
}
