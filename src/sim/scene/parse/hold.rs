//! What must hold.

use super::Reader;
use super::rest::{Fault, Rest};
use crate::sim::excuse::Excuse;
use crate::sim::scene::{Hold, NodeIs};

impl Reader {
    pub(super) fn hold(&self, rest: &mut Rest<'_>) -> Result<Hold, Fault> {
        if rest.peek().is_none_or(|word| word.text != "not") {
            return self.plain_hold(rest);
        }
        rest.literal("not")?;
        if let Some(again) = rest.peek().filter(|word| word.text == "not") {
            let fault = Fault::error(again.span, "this turns round what was turned round");
            return Err(fault.help("write one `not`, or none"));
        }
        Ok(Hold::Not(Box::new(self.plain_hold(rest)?)))
    }

    /// One that is not turned round.
    fn plain_hold(&self, rest: &mut Rest<'_>) -> Result<Hold, Fault> {
        let word = rest.next("what must hold")?;
        Ok(match word.text.as_str() {
            "state" => Hold::State(rest.next("the state's name")?.text.clone()),
            "siege" => Hold::Siege(self.node(rest)?),
            "proof" => Hold::Proof(self.node(rest)?),
            "guard" => Hold::Guard(self.node(rest)?),
            "alarm" => Hold::Alarm(rest.next("the alarm's code")?.text.clone()),
            "open" => Hold::Open(rest.next("the alarm's code")?.text.clone()),
            "boots" => {
                let mut nodes = Vec::new();
                while rest.peek().is_some_and(|word| word.text != "within") {
                    nodes.push(self.node(rest)?);
                }
                Hold::Boots(nodes)
            }
            "boot-commands" => Hold::BootCommands(rest.number("how many")?),
            "breaks" => {
                let node = self.node(rest)?;
                rest.literal("at-least")?;
                Hold::Breaks(node, rest.number("how many")?)
            }
            "hands-off" => Hold::HandsOff,
            "served-or-told" => Hold::ServedOrTold,
            "proved" => {
                let fenced = self.node(rest)?;
                rest.literal("before")?;
                Hold::Proved(fenced, self.node(rest)?)
            }
            "accepted" => Hold::Accepted(rest.choice(&Excuse::ALL.map(|one| (one.word(), one)))?),
            "said" => Hold::Said(rest.next("the text, in quotes")?.text.clone()),
            _ => {
                let node = self.node_named(word).map_err(|fault| {
                    fault.note("what may stand here: not, state, siege, proof, guard, alarm, open, boots, boot-commands, breaks, hands-off, served-or-told, proved, accepted, said, or a node and what it does")
                })?;
                match rest.choice(&[("serves", true), ("is", false)])? {
                    true => Hold::Serves(node),
                    false => Hold::Is(
                        node,
                        rest.choice(&[
                            ("running", NodeIs::Running),
                            ("off", NodeIs::Off),
                            ("at-prompt", NodeIs::AtPrompt),
                            ("stopped", NodeIs::Stopped),
                            ("starting", NodeIs::Starting),
                            ("panicked", NodeIs::Panicked),
                            ("hung", NodeIs::Hung),
                            ("in-debugger", NodeIs::InDebugger),
                        ])?,
                    ),
                }
            }
        })
    }
}
