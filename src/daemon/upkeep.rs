//! Orders about maintenance: each is put to its cluster, and answered when it is on the disk.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use super::desk::{ANSWER, Desk, busy, reply, told};
use crate::cluster::Message;
use crate::control::{Ask, Given};
use crate::machine::input::Upkeep;

impl Desk<'_> {
    /// Puts somebody's order to its cluster.
    pub(super) fn upkeep(&self, ask: Ask, who: String, answer: oneshot::Sender<Given>) {
        let Some((cluster, node, word)) = meant(ask) else {
            return;
        };
        let mail = match self.mail_of(&cluster) {
            Ok(mail) => mail.clone(),
            Err(refusal) => return reply(answer, refusal),
        };
        let about = node.as_deref().unwrap_or("");
        tracing::warn!("{who} says {word:?} to {cluster} {about}");
        tokio::spawn(async move {
            let (heard, hears) = oneshot::channel();
            let message = Message::Upkeep {
                who: who.clone(),
                word,
                node,
                answer: heard,
            };
            let said = match mail.send(message).await {
                Ok(()) => timeout(ANSWER, hears).await,
                Err(_) => return reply(answer, busy()),
            };
            reply(answer, told(said.ok().and_then(Result::ok), who, &cluster));
        });
    }
}

/// Cluster, node and order of a request.
fn meant(ask: Ask) -> Option<(String, Option<String>, Upkeep)> {
    Some(match ask {
        Ask::Maintain {
            cluster,
            node,
            for_ms,
            reason,
        } => {
            let lasts = Duration::from_millis(for_ms);
            (cluster, node, Upkeep::Maintain { lasts, reason })
        }
        Ask::EndMaintenance { cluster, node } => (cluster, node, Upkeep::EndMaintenance),
        _ => return None,
    })
}
