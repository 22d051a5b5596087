//! What the journal remembers of clusters whose tasks are to begin.

use std::path::Path;

use super::supervisor::Daemon;
use crate::alarm::Subject;
use crate::machine::memory::Memory;
use crate::script::program::Severity;
use crate::store::Reader;

impl Daemon {
    /// What the journal remembers of each, with one look into it: at a start they are hundreds. What
    /// cannot be read is not known: consoles win.
    pub(super) async fn memories(&self, clusters: Vec<String>) -> Vec<(String, Memory)> {
        if clusters.is_empty() {
            return Vec::new();
        }
        let (home, names) = (self.home.dir().to_owned(), clusters.clone());
        let read = tokio::task::spawn_blocking(move || remembered(&home, &names)).await;
        let read = read.unwrap_or_else(|err| {
            let failed = || Err(err.to_string());
            clusters.iter().map(|_| failed()).collect()
        });
        let known = |(cluster, memory): (String, Result<Memory, String>)| {
            let memory = memory.unwrap_or_else(|why| {
                self.unread(&cluster, &why);
                Memory::default()
            });
            (cluster, memory)
        };
        clusters.into_iter().zip(read).map(known).collect()
    }

    fn unread(&self, cluster: &str, why: &str) {
        let text = format!(
            "what the journal remembers of {cluster} cannot be read, its consoles are asked anew: {why}"
        );
        let subject = Subject::cluster(cluster);
        let alarms = &self.host.alarms;
        alarms.raise(&subject, Severity::Warning, "memory", &text);
    }
}

/// In the order of `clusters`. Blocks.
fn remembered(home: &Path, clusters: &[String]) -> Vec<Result<Memory, String>> {
    let reader = Reader::open(home).map_err(|err| err.to_string());
    let of = |cluster: &String| {
        let reader = reader.as_ref().map_err(String::clone)?;
        let state = reader.load_state(cluster);
        match state.map_err(|err| err.to_string())? {
            None => Ok(Memory::default()),
            Some(json) => serde_json::from_value(json).map_err(|err| err.to_string()),
        }
    };
    clusters.iter().map(of).collect()
}
