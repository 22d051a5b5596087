//! What the journal remembers of clusters whose tasks are to begin. Where that cannot be read no task
//! begins: it would forget people's words and sieges, and write that over what the journal has.

use std::path::Path;
use std::time::Duration;

use tokio::task::{AbortHandle, spawn_blocking};
use tokio::time::timeout;

use super::supervisor::Daemon;
use crate::alarm::Subject;
use crate::machine::memory::Memory;
use crate::script::program::Severity;
use crate::store::{Place, Reader, StoreError};

/// How long the supervisor waits for the journal: longer, and it counts as unreadable.
const MOST: Duration = Duration::from_secs(3);

/// Between two looks into a journal that cannot be read.
const AGAIN: Duration = Duration::from_secs(3);

/// Why what is remembered of a cluster is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unread {
    /// The journal gives nothing just now.
    Journal(String),
    /// It gives what nobody here understands.
    Body(String),
}

/// Of one cluster.
type Known = Result<Memory, Unread>;

/// Looks into the journal that block, one at a time: a disk that hangs takes one thread and no more.
#[derive(Debug, Default)]
pub(super) struct Looks {
    hung: Option<AbortHandle>,
}

impl Looks {
    /// What `look` gives; nothing where it takes longer than `most`, or one before it still does.
    async fn look<T: Send + 'static>(
        &mut self,
        most: Duration,
        look: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        if self.hung.as_ref().is_some_and(|hung| !hung.is_finished()) {
            return None;
        }
        let mut task = spawn_blocking(look);
        if let Ok(found) = timeout(most, &mut task).await {
            return found.ok();
        }
        self.hung = Some(task.abort_handle());
        None
    }
}

impl Daemon {
    /// What the journal remembers of each, with one look into it: at a start they are hundreds.
    pub(super) async fn memories(&mut self, clusters: Vec<String>) -> Vec<(String, Known)> {
        if clusters.is_empty() {
            return Vec::new();
        }
        let (home, names) = (self.home.dir().to_owned(), clusters.clone());
        let place = self.host.journal.place();
        let look = move || remembered(&home, &place, &names);
        let read = self.looks.look(MOST, look).await.unwrap_or_else(|| {
            let silent = "the journal does not answer; look at the disk and the kernel's log";
            let silent = || Err(Unread::Journal(silent.to_owned()));
            clusters.iter().map(|_| silent()).collect()
        });
        clusters.into_iter().zip(read).collect()
    }

    /// Nobody guards a cluster whose memory is not known.
    pub(super) fn unread(&mut self, cluster: &str, unread: Unread) {
        let (why, again) = match unread {
            Unread::Journal(why) => (why, Some(AGAIN)),
            Unread::Body(why) => (mend(cluster, &why), None),
        };
        let why = format!("what the journal remembers of {cluster} cannot be read: {why}");
        let Some(ward) = self.wards.get_mut(cluster) else {
            return;
        };
        let news = ward.unread(why, again);
        let why = ward.unguarded(cluster).unwrap_or_default();
        let text = format!("nobody guards {cluster}, its task does not begin: {why}");
        if news {
            tracing::error!("{text}");
            self.unwatched(cluster, "what is remembered of it cannot be read");
        }
        let alarms = &self.host.alarms;
        alarms.raise(
            &Subject::cluster(cluster),
            Severity::Critical,
            "memory",
            &text,
        );
    }
}

fn mend(cluster: &str, why: &str) -> String {
    format!(
        "{why}; mend its row in table `state` of journal.sqlite, or delete the row and say again what people had said of it (hold, maintenance, out of service): DELETE FROM state WHERE cluster = '{cluster}'"
    )
}

/// In the order of `clusters`. Blocks.
fn remembered(home: &Path, place: &Place, clusters: &[String]) -> Vec<Known> {
    let journal = |err: StoreError| Unread::Journal(err.to_string());
    let known = |reader: &Reader| -> Vec<Known> {
        let of = |cluster: &String| match reader.load_state(cluster) {
            Ok(None) => Ok(Memory::default()),
            Ok(Some(json)) => Memory::read(json).map_err(Unread::Body),
            Err(StoreError::Unreadable { why, .. }) => Err(Unread::Body(why)),
            Err(err) => Err(journal(err)),
        };
        clusters.iter().map(of).collect()
    };
    // Another file in its place remembers nothing of what this one has: asked before and after.
    let read = place.check().and_then(|()| Reader::open(home));
    let read = read.and_then(|reader| {
        let known = known(&reader);
        place.check().map(|()| known)
    });
    read.unwrap_or_else(|err| {
        let why = journal(err);
        clusters.iter().map(|_| Err(why.clone())).collect()
    })
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use super::*;

    #[tokio::test]
    async fn a_look_that_hangs_keeps_nobody_and_no_second_one_hangs_beside_it() {
        let mut looks = Looks::default();
        let (go_on, waits) = sync_channel::<()>(1);
        let short = Duration::from_millis(20);
        let hangs = move || waits.recv().is_ok();
        assert_eq!(looks.look(short, hangs).await, None);
        assert_eq!(looks.look(MOST, || true).await, None, "the first one hangs");
        go_on.send(()).unwrap();
        while !looks.hung.as_ref().unwrap().is_finished() {
            tokio::task::yield_now().await;
        }
        assert_eq!(looks.look(MOST, || true).await, Some(true));
        assert_eq!(looks.look(MOST, || true).await, Some(true));
    }
}
