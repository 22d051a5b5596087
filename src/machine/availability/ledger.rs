//! From entries of the journal to spells: in each of them a service stood as it did, and somebody
//! watched or nobody.

use serde::{Deserialize, Serialize};

use crate::machine::{Event, Serves};

/// What the journal says of the watch itself, for the monitoring host as a whole. Times are
/// milliseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "watch", rename_all = "snake_case")]
pub enum Watch {
    /// clusterd began to watch. The one before it is known to have watched until then.
    Began { until_ms: Option<u64> },
    /// It stood still since then, and goes on.
    StoodStill { since_ms: u64 },
}

/// Until when somebody is known to have watched: kept in the journal, replaced again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beat {
    /// Milliseconds since 1970.
    pub until_ms: u64,
}

/// How a service stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stand {
    /// Whether it is there.
    pub is: Serves,
    /// The node that has it, as far as is known.
    pub node: Option<String>,
    /// It is down by a person's word.
    pub planned: bool,
    /// Why, for people.
    pub why: String,
}

impl Stand {
    fn unknown(why: &str) -> Stand {
        Stand {
            is: Serves::Unknown,
            node: None,
            planned: false,
            why: why.to_owned(),
        }
    }
}

/// A time in which a service stood in one way. Milliseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spell {
    /// Its beginning.
    pub from_ms: u64,
    /// Its end, no part of it.
    pub to_ms: u64,
    /// How it stood.
    pub stand: Stand,
}

/// Reads the `service` entries of one cluster and of the host, in the order of their writing.
///
/// Time runs forward in it: an entry that is older than what was read before counts from there on.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    spells: Vec<Spell>,
    /// How it stands now, and since when.
    open: Option<(u64, Stand)>,
    /// The host was heard of: without that nobody knows when anybody watched.
    watched: bool,
}

impl Ledger {
    /// An entry of the host.
    pub fn watch(&mut self, at_ms: u64, watch: &Watch) {
        self.watched = true;
        let Some((since, stand)) = self.open.clone() else {
            return;
        };
        match watch {
            Watch::Began { until_ms } => {
                let until = until_ms.unwrap_or(since).min(at_ms);
                self.turn(until, Stand::unknown("nobody watched"));
            }
            Watch::StoodStill { since_ms } => {
                self.turn(
                    (*since_ms).min(at_ms),
                    Stand::unknown("clusterd stood still"),
                );
                self.turn(at_ms, stand);
            }
        }
    }

    /// An event of the cluster; those that tell nothing of its service are passed over.
    pub fn event(&mut self, at_ms: u64, event: &Event) {
        if !self.watched {
            return;
        }
        match event {
            Event::Service {
                is,
                node,
                planned,
                why,
                ago_ms,
                ..
            } => {
                let stand = Stand {
                    is: *is,
                    node: node.clone(),
                    planned: *planned,
                    why: why.clone(),
                };
                self.turn(at_ms.saturating_sub(*ago_ms), stand);
            }
            Event::Unwatched { why } if self.open.is_some() => {
                self.turn(at_ms, Stand::unknown(why));
            }
            _ => {}
        }
    }

    /// All spells to this end: the present, or when the last clusterd is known to have watched.
    pub fn close(mut self, to_ms: u64) -> Vec<Spell> {
        if let Some((since, stand)) = self.open.take() {
            // However short: it is the last that was seen.
            self.spells.push(Spell {
                from_ms: since,
                to_ms: to_ms.max(since),
                stand,
            });
        }
        self.spells
    }

    /// From then on it stands so.
    fn turn(&mut self, at_ms: u64, stand: Stand) {
        let at = match self.open.take() {
            None => at_ms,
            Some((since, before)) => {
                let at = at_ms.max(since);
                if at > since {
                    self.spells.push(Spell {
                        from_ms: since,
                        to_ms: at,
                        stand: before,
                    });
                }
                at
            }
        };
        self.open = Some((at, stand));
    }
}
