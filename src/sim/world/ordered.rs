//! Orders of people, and the command that stops a system in good order.

use std::time::Duration;

use super::World;
use crate::machine::input::{Demand, Input, Ticket};
use crate::script::program::OperatorWord;
use crate::sim::fault::Shutdown;
use crate::sim::node::Condition;

/// A command that gets through answers after so long.
const ANSWERS: Duration = Duration::from_millis(500);

/// A command that does not get through gives up after so long.
const GIVES_UP: Duration = Duration::from_secs(10);

/// What the cluster file's `stop:` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StopWay {
    /// It halts the system, and says so.
    Halts,
    /// It switches the machine off.
    PowersOff,
    /// It restarts the system: somebody wrote the wrong command.
    Reboots,
    /// It halts the system, and is cut off by that.
    CutOff,
    /// It says that it failed, and does nothing.
    Fails,
    /// It says that all is well, and does nothing.
    Lies,
    /// It never ends.
    Hangs,
}

impl StopWay {
    /// Each with its word in a scene.
    pub const ALL: &[(&str, StopWay)] = &[
        ("halts", StopWay::Halts),
        ("powers-off", StopWay::PowersOff),
        ("reboots", StopWay::Reboots),
        ("cut-off", StopWay::CutOff),
        ("fails", StopWay::Fails),
        ("lies", StopWay::Lies),
        ("hangs", StopWay::Hangs),
    ];

    /// Its word in a scene.
    pub fn word(self) -> &'static str {
        let found = StopWay::ALL.iter().find(|(_, way)| *way == self);
        found.map_or("", |(word, _)| word)
    }
}

impl World {
    /// A person orders something.
    pub fn order(&mut self, word: OperatorWord, node: Option<usize>, force: bool) {
        let demand = Demand {
            who: "op".to_owned(),
            word,
            node,
            reason: None,
            force,
        };
        self.tell(Input::Demand(demand));
    }

    /// A command of clusterd's, on the simulated host: it knows `stop NODE` and no other.
    pub(super) fn run_command(&mut self, ticket: Ticket, argv: &[String]) {
        let now = self.now;
        let node = match argv {
            [program, node] if program == "stop" => {
                (0..self.rig.len()).find(|n| self.rig.node(*n).spec().name == *node)
            }
            _ => None,
        };
        let Some(node) = node else {
            let code = Err("the simulated host runs no such command".to_owned());
            return self.ends(ticket, ANSWERS, code);
        };
        self.watch.runs_stop(node, now);
        // It goes over the service network, as a ping does.
        let reached =
            self.rig.node(node).condition() == Condition::Running && self.rig.address_answers(now);
        if !reached {
            return self.ends(ticket, GIVES_UP, Ok(255));
        }
        let how = match self.stop_way {
            StopWay::Halts | StopWay::CutOff => Some(Shutdown::Halt),
            StopWay::PowersOff => Some(Shutdown::PowerOff),
            StopWay::Reboots => Some(Shutdown::Reboot),
            StopWay::Fails | StopWay::Lies | StopWay::Hangs => None,
        };
        if let Some(how) = how {
            self.rig.node_at(node, now).orderly_shutdown(how, now);
        }
        match self.stop_way {
            StopWay::Hangs => {}
            StopWay::CutOff => self.ends(ticket, ANSWERS, Ok(255)),
            StopWay::Fails => self.ends(ticket, ANSWERS, Ok(1)),
            _ => self.ends(ticket, ANSWERS, Ok(0)),
        }
    }

    fn ends(&mut self, ticket: Ticket, after: Duration, code: Result<i32, String>) {
        let done = Input::RunDone { ticket, code };
        self.results.push_back((self.now + after, done));
    }
}
