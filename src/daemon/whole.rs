//! What is shown of one cluster alone: the last lines of its consoles, and its boots beside those that the
//! journal has.

use std::sync::Weak;
use std::time::SystemTime;

use super::{desk, events};
use crate::cluster::{ClusterNow, Message, Sender};
use crate::control::{BootReport, EventLine};
use crate::store::{EntryKind, Journal, Start, Wanted};

/// Boots that are looked at, the newest ones.
const BOOTS: u32 = 40;

/// Asks a cluster's task, and the journal.
pub(super) async fn ask(
    mail: &Sender<Message>,
    cluster: &str,
    journal: Weak<Journal>,
) -> Option<ClusterNow> {
    let mut now = desk::ask_by(mail, Message::Whole).await?;
    let wanted = Wanted {
        cluster: Some(cluster.to_owned()),
        kinds: vec![EntryKind::Boot],
        from: Start::Newest,
        limit: BOOTS,
    };
    let found = match journal.upgrade() {
        Some(journal) => events::read(journal, wanted).await,
        None => return Some(now),
    };
    match found {
        Ok(page) => {
            let lines: Vec<EventLine> = page.found.into_iter().map(EventLine::from).collect();
            let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            let now_ms = since.map_or(0, |since| since.as_millis());
            let now_ms = u64::try_from(now_ms).unwrap_or(u64::MAX);
            BootReport::compare(&mut now.boots, &lines, now_ms);
        }
        // The rest is good without them.
        Err(err) => tracing::warn!("{cluster}: the journal's boots cannot be read: {err}"),
    }
    Some(now)
}
