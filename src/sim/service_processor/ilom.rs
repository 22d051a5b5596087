//! ILOM's shell on a SPARC machine. Sources: the ILOM 3.0 and 3.2 guides, powerman's `ilom` test
//! peer and device file, conman's `sun-ilom.exp`, published sessions of T-series machines.
//! `docs/firmware.md` says which text is whose.

use crate::clock::Moment;

use super::{Order, ServiceProcessor};
use crate::sim::node::{Condition, Node};

pub(super) const PROMPT: &str = "-> ";
pub(super) const LEFT: &str = "\r\nSerial console stopped.\r\n\r\n";

impl ServiceProcessor {
    pub(super) fn obey_ilom(&mut self, words: &[&str], node: &mut Node, now: Moment) {
        let has = |option: &str| words.contains(&option);
        let (sure, force) = (has("-script"), has("-force"));
        let rest: Vec<&str> = words
            .iter()
            .copied()
            .filter(|word| !word.starts_with('-'))
            .collect();
        let off = node.condition() == Condition::Off;
        match rest.as_slice() {
            [] => self.show_prompt(),
            ["start", console @ ("/SP/console" | "/HOST/console")] => {
                let question = format!("Are you sure you want to start {console} (y/n)? ");
                self.order(Order::Console { force }, sure, &question, node, now);
            }
            ["start", "/SYS" | "/System"] if !off => {
                self.answer("start: Target already started");
            }
            ["start", system @ ("/SYS" | "/System")] => {
                let question = format!("Are you sure you want to start {system} (y/n)? ");
                if sure {
                    self.say(&format!("Starting {system}\r\n\r\n"));
                }
                self.order(Order::On, sure, &question, node, now);
            }
            ["stop", "/SYS" | "/System"] if off => self.answer("stop: Target already stopped"),
            ["stop", system @ ("/SYS" | "/System")] => {
                let order = if force { Order::Off } else { Order::ShutDown };
                let question = format!("Are you sure you want to stop {system} (y/n)? ");
                if sure {
                    let how = if force { " immediately" } else { "" };
                    self.say(&format!("Stopping {system}{how}\r\n\r\n"));
                }
                self.order(order, sure, &question, node, now);
            }
            ["set", "/HOST", "send_break_action=break"] => {
                self.say("Set 'send_break_action' to 'break'\r\n\r\n");
                self.carry_out(Order::Break, true, node, now);
            }
            // Read with `state=reset_nvram` only (ILOM 3.2 and 5.1 guides): here it does nothing.
            ["set", "/HOST/bootmode", ..] => self.answer("Set 'script'"),
            ["show", "/SYS" | "/System", ..] | ["show", "properties", "/SYS" | "/System"] => {
                let state = if off { "Off" } else { "On" };
                self.answer(&format!(
                    "\r\n  /SYS\r\n    Properties:\r\n        power_state = {state}\r\n"
                ));
            }
            [command @ ("show" | "set" | "start" | "stop"), target, ..] => {
                self.answer(&format!("{command}: Invalid target {target}"));
            }
            _ => {
                let line = words.join(" ");
                self.answer(&format!(
                    "Invalid command '{line}' - type help for a list of commands."
                ));
            }
        }
    }

    fn answer(&mut self, text: &str) {
        self.say(&format!("{text}\r\n\r\n"));
        self.show_prompt();
    }

    pub(super) fn enter_ilom_console(&mut self, force: bool) {
        if !self.writes && !force {
            return self.answer("Serial console is in use");
        }
        self.writes = true;
        self.console = true;
        self.say("Serial console started.  To stop, type #.\r\n\r\n");
    }
}
