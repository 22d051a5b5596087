//! Consoles: a byte stream to a node, with BREAK as an operation of its own.
//!
//! ```text
//!                 ┌──────────────────── link task ────────────────────┐
//!  Order ──► orders (bounded, one epoch) ──► codec ──► wire ──► terminal server
//!  Said  ◄── inbox  (bounded, drops oldest) ◄─ codec ◄─ wire ◄──┘
//! ```
//!
//! [`Console::open`] spawns the link task, which dials, reconnects with backoff, and never waits
//! for whoever reads. Bytes and BREAK travel in one queue, in their order. Each link has an epoch;
//! an [`Order`] carries the epoch it was meant for, and one meant for another link is dropped. When
//! a link ends its socket is reset, not closed, so what the kernel still held for the old link dies
//! with it and cannot arrive beside what the next link is told.
//!
//! A further kind of console is one more variant of [`Address`] and one more way for `wire::dial`
//! to make a stream: a serial port (BREAK as a held line), SSH, and a command on a PTY belong there;
//! or one more codec over an old way, as RFC 2217 is over TCP.

mod aside;
mod backoff;
mod codec;
mod dialing;
mod exec;
mod inbox;
mod keeper;
mod link;
mod orders;
mod pulse;
mod remote_line;
mod serial;
mod settings;
mod ssh;
mod steps;
mod transcript;
mod waiting;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::config::ConsoleSpec;
pub use crate::config::console::{Address, Asked, BadAddress, BreakKind};

pub use dialing::Dialing;
pub use orders::{Order, Placed};
pub use settings::LinkSettings;
pub use ssh::check_key;
pub use transcript::{Transcript, TranscriptSettings, Turn};

/// What a console has to say, in the order in which it happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// A link is there. Epochs begin at 1 and grow; a link that came and went while nobody read
    /// may be left out.
    Up {
        /// The number of the new link.
        epoch: u64,
    },
    /// The link is lost, or an attempt to make one failed for another reason than the last.
    Down {
        /// The number of the last link, 0 if there was none yet.
        epoch: u64,
        /// Why, in words for an operator.
        why: String,
    },
    /// The node said this.
    Bytes {
        /// The link it came over.
        epoch: u64,
        /// What it said, without the transport's own bytes; never empty.
        bytes: Vec<u8>,
    },
    /// What stands between said this, while a BREAK was a talk with it: a service processor. It is
    /// shown and written down, and says nothing of the node.
    Aside {
        /// The link it came over.
        epoch: u64,
        /// What it said; never empty.
        bytes: Vec<u8>,
    },
    /// The node said more than was read in time: this is where `lost` bytes, the oldest, are missing.
    Gap {
        /// The link they came over.
        epoch: u64,
        /// How many bytes.
        lost: u64,
    },
    /// The line behind the terminal server has a carrier, or has lost it: a machine that lost its
    /// power drops it. It supports other evidence and proves nothing (design rule 7).
    Carrier {
        /// The link that told it.
        epoch: u64,
        /// Whether it is there.
        present: bool,
    },
    /// A BREAK that was ordered is over.
    Broke {
        /// The link it went over.
        epoch: u64,
        /// How it went.
        broke: Broke,
    },
}

/// How a BREAK went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broke {
    /// Its kind, as an operator writes it.
    pub kind: String,
    /// Whether it was sent: not where the console has none, or where a talk was not answered.
    pub sent: bool,
    /// Whether the far end acknowledged it; `None` where the road cannot.
    pub acknowledged: Option<bool>,
}

/// An open console. Dropping it closes the link; what was ordered and not yet written is dropped too.
#[derive(Debug)]
pub struct Console {
    spec: Arc<ConsoleSpec>,
    settings: Arc<LinkSettings>,
    shared: Arc<keeper::Shared>,
    task: JoinHandle<()>,
}

impl Console {
    /// Opens the console at `address`, all else as usual there, and keeps it open.
    pub fn open(address: Address, settings: LinkSettings) -> Console {
        Console::of(ConsoleSpec::usual(address), settings)
    }

    /// Opens a console and keeps it open, from now on and for as long as it lives.
    /// It must be called within a tokio runtime.
    pub fn of(spec: ConsoleSpec, settings: LinkSettings) -> Console {
        Console::told_at(Arc::new(spec), settings, Arc::default())
    }

    /// The same for one of several consoles with one reader: `said` is notified of each thing said
    /// by any of them, and [`Console::take`] finds it.
    pub fn told_at(spec: Arc<ConsoleSpec>, settings: LinkSettings, said: Arc<Notify>) -> Console {
        let settings = settings.shared();
        let shared = Arc::new(keeper::Shared::new(&settings, said));
        let run = keeper::run(
            Arc::clone(&spec),
            Arc::clone(&settings),
            Arc::clone(&shared),
        );
        let task = tokio::spawn(run);
        Console {
            spec,
            settings,
            shared,
            task,
        }
    }

    /// Where the console is.
    pub fn address(&self) -> &Address {
        &self.spec.at
    }

    /// Whether it is the console that this would open.
    pub fn is(&self, spec: &ConsoleSpec, settings: &LinkSettings) -> bool {
        *self.spec == *spec && *self.settings == *settings
    }

    /// A connection that is dead, in what [`Address::asked`] asks for, counts as lost after so long;
    /// none where nothing is asked.
    pub fn lost_after(&self) -> Option<Duration> {
        let settings = &self.settings;
        match self.spec.at {
            // The server is asked after the one and waited for as long as the other.
            Address::Ssh { .. } => Some(settings.keepalive_idle + settings.user_timeout),
            _ => (self.spec.at.asked() != Asked::Nobody).then(|| settings.lost_after()),
        }
    }

    /// Waits for the next thing said. It is cancel safe: nothing is lost when the future is dropped.
    pub async fn next(&mut self) -> Said {
        self.shared.next().await
    }

    /// The next thing said, if it is there already.
    pub fn take(&mut self) -> Option<Said> {
        self.shared.take()
    }

    /// Puts an order in the queue, without waiting. If its epoch is not the present link's it is
    /// dropped, now or when its turn comes. If the queue is full the link goes down and says so: half
    /// of a command is worse than none.
    pub fn order(&self, order: Order) -> Placed {
        self.shared.order(order)
    }

    /// Something was decided for the link of this epoch, and comes too late to be sent: nothing more is
    /// sent on it, and it ends.
    pub fn too_late(&self, epoch: u64) {
        self.shared.too_late(epoch);
    }

    /// The last BREAK was seen to work: those that follow are of its kind.
    pub fn break_worked(&self) {
        self.shared.break_worked();
    }

    /// Orders dropped so far: meant for another link, or BREAK where the transport has none.
    pub fn dropped_orders(&self) -> u64 {
        self.shared.dropped_orders()
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[cfg(test)]
mod tests;
