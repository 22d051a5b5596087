//! Orders about nodes out of service: what they would do is said by the cluster's task; given, they are
//! answered when they are on the disk.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use super::desk::{ANSWER, Desk, busy, reply};
use crate::cluster::{Message, OrderSaid};
use crate::control::{Answer, Ask, Given, Refusal};
use crate::machine::input::Upkeep;

impl Desk<'_> {
    /// Puts somebody's order to its cluster, or asks what it would do.
    pub(super) fn out_of_service(&self, ask: Ask, who: String, answer: oneshot::Sender<Given>) {
        match ask {
            Ask::OutOfService {
                cluster,
                node,
                for_ms,
                reason,
                dry_run,
            } => {
                let lasts = Duration::from_millis(for_ms);
                match dry_run {
                    true => self.weigh_out(cluster, node, Some(lasts), answer),
                    false => {
                        let word = Upkeep::OutOfService { lasts, reason };
                        self.go(cluster, node, word, who, answer);
                    }
                }
            }
            Ask::BackInService {
                cluster,
                node,
                dry_run,
            } => match dry_run {
                true => self.weigh_out(cluster, node, None, answer),
                false => self.go(cluster, node, Upkeep::Back, who, answer),
            },
            _ => {}
        }
    }

    fn go(
        &self,
        cluster: String,
        node: String,
        word: Upkeep,
        who: String,
        answer: oneshot::Sender<Given>,
    ) {
        let line = format!("{who} says {word:?} of {cluster}/{node}");
        let (heard, hears) = oneshot::channel();
        let message = Message::Upkeep {
            who: who.clone(),
            word,
            node: Some(node),
            answer: heard,
        };
        self.put(cluster, message, hears, (who, line), answer);
    }

    fn weigh_out(
        &self,
        cluster: String,
        node: String,
        lasts: Option<Duration>,
        answer: oneshot::Sender<Given>,
    ) {
        let mail = match self.mail_of(&cluster) {
            Ok(mail) => mail.clone(),
            Err(refusal) => return reply(answer, refusal),
        };
        let (heard, hears) = oneshot::channel();
        let message = Message::WeighOut {
            node,
            lasts,
            answer: heard,
        };
        tokio::spawn(async move {
            let said = match mail.send(message).await {
                Ok(()) => timeout(ANSWER, hears).await.ok().and_then(Result::ok),
                Err(_) => None,
            };
            let told = match said {
                Some(OrderSaid::Weighed(plan)) => Answer::Weighed {
                    plan: Box::new(plan),
                },
                Some(OrderSaid::NoSuchNode(nodes)) => {
                    let text = format!("{cluster} has no such node; it has {}", nodes.join(", "));
                    Answer::refused(Refusal::Unknown, text)
                }
                _ => busy(),
            };
            reply(answer, told);
        });
    }
}
