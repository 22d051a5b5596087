//! Text of a script with its values put in.

use crate::clock::Span;
use crate::machine::Machine;
use crate::machine::setup::{NodeId, PackageId};
use crate::script::program::{Piece, Text, Value};

/// A value from a console is cut here: text from a console is data.
const VALUE_LIMIT: usize = 400;

impl Machine {
    /// The cluster file's `stop:` for this node, in words; empty where there is none.
    pub(super) fn stop_command(&self, p: PackageId, n: NodeId) -> Vec<String> {
        let setup = &self.setup.packages[p];
        let words = setup.stop.iter().flatten().map(|word| {
            word.replace("{node}", self.setup.node_name(n))
                .replace("{address}", &setup.address)
                .replace("{cluster}", self.setup.cluster.as_str())
                .replace("{package}", setup.name.as_str())
        });
        words.collect()
    }

    /// The text, with its values as they are now.
    pub(super) fn text(&self, p: PackageId, text: &Text) -> String {
        let setup = &self.setup.packages[p];
        let package = &self.packages[p];
        let mut out = String::new();
        for piece in &text.0 {
            match piece {
                Piece::Literal(text) => out.push_str(text),
                Piece::Value(value) => match value {
                    Value::Node(who) => {
                        out.push_str(self.who(p, *who).map_or("?", |n| self.setup.node_name(n)));
                    }
                    Value::Cluster => out.push_str(self.setup.cluster.as_str()),
                    Value::Package => out.push_str(setup.name.as_str()),
                    Value::Address => out.push_str(&setup.address),
                    Value::BootDevice => out.push_str(&setup.boot_device),
                    Value::Evidence => {
                        let primary = package.primary.map(|n| self.evidence_text(p, n));
                        out.push_str(&primary.unwrap_or_default());
                    }
                    Value::Elapsed => {
                        let began = package.run.trouble.unwrap_or(self.now);
                        out.push_str(&Span(self.now.since(began)).to_string());
                    }
                    Value::Reason => out.push_str(&package.run.reason),
                    Value::Stop => {
                        let primary = package.primary.map(|n| self.stop_command(p, n));
                        out.push_str(&primary.unwrap_or_default().join(" "));
                    }
                    Value::Slot(slot) => {
                        let value = package.run.slots.get(*slot).map_or("", String::as_str);
                        out.extend(value.chars().filter(|c| !c.is_control()).take(VALUE_LIMIT));
                    }
                },
            }
        }
        out
    }
}
