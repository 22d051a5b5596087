//! ALOM's shell. Sources: the ALOM 1.5 help, the ALOM CMT guide (819-3250), the fence agent
//! `fence_alom`, published logs of T1000 and T2000. `docs/firmware.md` says which text is whose, and
//! which are in no source.

use crate::clock::Moment;

use super::{Order, ServiceProcessor};
use crate::sim::node::{Condition, Node};

pub(super) const PROMPT: &str = "sc> ";
pub(super) const LEFT: &str = "\r\n";

const CONSOLE: &str = "Enter #. to return to ALOM.\r\n";

impl ServiceProcessor {
    pub(super) fn obey_alom(&mut self, words: &[&str], node: &mut Node, now: Moment) {
        let Some((command, options)) = words.split_first() else {
            return self.show_prompt();
        };
        // `-f -y` and `-fy` are the same (ALOM guide 817-5481, "Entering Command Options").
        let has = |option: char| {
            let mut given = options.iter().filter_map(|o| o.strip_prefix('-'));
            given.any(|letters| letters.contains(option))
        };
        match *command {
            "console" => self.carry_out(Order::Console { force: has('f') }, false, node, now),
            "break" => {
                let question = "Are you sure you want to send a break to the system [y/n]? ";
                self.order(Order::Break, has('y'), question, node, now);
            }
            "poweroff" => {
                let order = if has('f') {
                    Order::Off
                } else {
                    Order::ShutDown
                };
                let question = "Are you sure you want to power off the system [y/n]? ";
                self.order(order, has('y'), question, node, now);
            }
            "poweron" => self.carry_out(Order::On, false, node, now),
            // It works for one start, and which starts heed it differs: here none does.
            "bootmode" => self.show_prompt(),
            "showplatform" => {
                let state = match node.condition() {
                    Condition::Off => "OS Standby",
                    _ => "Running",
                };
                self.say(&format!(
                    "SUNW,Sun-Fire-T200\r\n\r\nDomain Status\r\n------ ------\r\nS0     {state}\r\n"
                ));
                self.show_prompt();
            }
            _ => {
                self.say("Invalid command.  Type 'help' for list of commands.\r\n");
                self.show_prompt();
            }
        }
    }

    /// With `-f` the right to write is taken from whoever has it, after a question.
    pub(super) fn enter_alom_console(&mut self, force: bool, confirmed: bool) {
        if !self.writes && force && !confirmed {
            self.asked = Some(Order::Console { force });
            return self.say(
                "Somebody else has write permission to this console.\r\n\
                 Would you like to continue? [y/n] ",
            );
        }
        self.writes |= force;
        if !self.writes {
            self.say("Console session already in use. [view mode]\r\n");
        }
        self.console = true;
        self.say(CONSOLE);
    }
}
