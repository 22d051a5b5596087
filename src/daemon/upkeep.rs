//! Orders about maintenance: each is put to its cluster, and answered when it is on the disk.

use std::time::Duration;

use tokio::sync::oneshot;

use super::desk::Desk;
use crate::cluster::Message;
use crate::control::{Ask, Given};
use crate::machine::input::Upkeep;

impl Desk<'_> {
    /// Puts somebody's order to its cluster.
    pub(super) fn upkeep(&self, ask: Ask, who: String, answer: oneshot::Sender<Given>) {
        let Some((cluster, node, word)) = meant(ask) else {
            return;
        };
        let about = node.as_deref().unwrap_or("");
        let line = format!("{who} says {word:?} to {cluster} {about}");
        let (heard, hears) = oneshot::channel();
        let message = Message::Upkeep {
            who: who.clone(),
            word,
            node,
            answer: heard,
        };
        self.put(cluster, message, hears, (who, line), answer);
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
