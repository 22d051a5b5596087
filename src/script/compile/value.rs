//! Whom a step speaks to, and the values in its texts.

use super::scope::{BUILTIN, Kind};
use super::steps::{Builder, Home};
use crate::clock::Span as Elapsed;
use crate::script::ast::{ParamValue, Quoted, QuotedPiece, Word};
use crate::script::diagnostic::Diagnostic;
use crate::script::program::{PatternId, Piece, Role, Text, Value, Who};

impl Builder<'_> {
    /// A role.
    pub fn role(&mut self, name: &Word, home: Home) -> Option<Role> {
        match self.who(name, home)? {
            Who::Role(role) => Some(role),
            Who::Argument(_) => None,
        }
    }

    /// A role or, in a procedure, an argument.
    pub fn who(&mut self, name: &Word, home: Home) -> Option<Who> {
        if let Some(number) = home
            .arguments
            .iter()
            .position(|argument| argument.text == name.text)
        {
            return Some(Who::Argument(number));
        }
        let role = match name.text.as_str() {
            "primary" => Role::Primary,
            "secondary" => Role::Secondary,
            _ => {
                let mut known: Vec<String> = home
                    .arguments
                    .iter()
                    .map(|argument| argument.text.clone())
                    .collect();
                if !home.library {
                    known.extend(["primary".to_owned(), "secondary".to_owned()]);
                }
                let list: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
                let help = crate::script::spelling::nearest(&name.text, &known).map_or_else(
                    || format!("write {}", list.join(" or ")),
                    |near| format!("did you mean `{near}`?"),
                );
                let what = if home.arguments.is_empty() {
                    "role"
                } else {
                    "node"
                };
                let help = if list.is_empty() {
                    "give the procedure an argument: `procedure stop(node)`".to_owned()
                } else {
                    help
                };
                self.fault(
                    Diagnostic::error(name.span, format!("there is no {what} `{}`", name.text))
                        .label("unknown")
                        .help(help),
                );
                return None;
            }
        };
        if home.library {
            let help = home.arguments.first().map_or_else(
                || "give the procedure an argument: `procedure stop(node)`".to_owned(),
                |argument| {
                    format!(
                        "write `{}`; who plays the role is the script's to say",
                        argument.text
                    )
                },
            );
            self.fault(
                Diagnostic::error(
                    name.span,
                    "a library knows no roles, only the arguments of its procedures",
                )
                .help(help),
            );
            return None;
        }
        Some(Who::Role(role))
    }

    /// Arguments must not hide anything.
    pub fn arguments(&mut self, arguments: &[Word]) {
        for (number, argument) in arguments.iter().enumerate() {
            if BUILTIN.contains(&argument.text.as_str()) {
                self.fault(
                    Diagnostic::error(
                        argument.span,
                        format!("`{}` has a meaning already", argument.text),
                    )
                    .help("give the argument another name: `node`"),
                );
            }
            if let Some(first) = arguments[..number]
                .iter()
                .find(|other| other.text == argument.text)
            {
                let first = first.span;
                self.fault(super::load::twice(argument, first));
            }
        }
    }

    /// Patterns by name.
    pub fn pattern_list(&mut self, names: &[Word]) -> Vec<PatternId> {
        names
            .iter()
            .filter_map(|name| self.scope.find(Kind::Pattern, name, self.faults))
            .collect()
    }

    /// A text with its values.
    pub fn text(&mut self, quoted: &Quoted, home: Home) -> Text {
        let mut pieces: Vec<Piece> = Vec::new();
        for piece in &quoted.pieces {
            let piece = match piece {
                QuotedPiece::Literal(text) => Some(Piece::Literal(text.clone())),
                QuotedPiece::Value(name) => self.value(name, home),
            };
            match (pieces.last_mut(), piece) {
                (Some(Piece::Literal(before)), Some(Piece::Literal(text))) => {
                    before.push_str(&text);
                }
                (_, Some(piece)) => pieces.push(piece),
                (_, None) => {}
            }
        }
        Text(pieces)
    }

    fn value(&mut self, name: &Word, home: Home) -> Option<Piece> {
        if let Some(number) = home
            .arguments
            .iter()
            .position(|argument| argument.text == name.text)
        {
            return Some(Piece::Value(Value::Node(Who::Argument(number))));
        }
        let value = match name.text.as_str() {
            "primary" | "secondary" => Value::Node(self.who(name, home)?),
            "cluster" => Value::Cluster,
            "package" => Value::Package,
            "address" => Value::Address,
            "boot_device" => Value::BootDevice,
            "evidence" => Value::Evidence,
            "elapsed" => Value::Elapsed,
            "reason" => Value::Reason,
            "stop" => Value::Stop,
            _ => {
                if let Some(value) = self.scope.param(&name.text) {
                    return Some(Piece::Literal(shown(value)));
                }
                let Some(slot) = self.scope.slot(&name.text) else {
                    self.scope.no_value(name, home.arguments, self.faults);
                    return None;
                };
                self.scope.read_value(&name.text);
                Value::Slot(slot)
            }
        };
        Some(Piece::Value(value))
    }
}

/// A parameter in a text.
fn shown(value: &ParamValue) -> String {
    match value {
        ParamValue::Time(time) => Elapsed(*time).to_string(),
        ParamValue::Count(count) => count.to_string(),
        ParamValue::Text(text) => text.clone(),
    }
}
