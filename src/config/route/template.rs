//! The text of a webhook as an operator writes it: JSON, with `{placeholders}` inside its strings.
//! They are filled into the parsed strings, not into the text: nothing that a console said can
//! break out of its string.

use serde_json::Value;

use crate::config::fault::nearest;
use crate::config::fields::Mend;

/// What may stand in braces.
pub const PLACEHOLDERS: [&str; 14] = [
    "kind",
    "severity",
    "cluster",
    "package",
    "name",
    "code",
    "text",
    "first",
    "last",
    "count",
    "host",
    "id",
    "subject",
    "acknowledged",
];

/// JSON with placeholders in its strings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Value);

impl Template {
    /// Reads one.
    ///
    /// # Errors
    /// It is no JSON, or a placeholder is unknown.
    pub fn parse(text: &str) -> Result<Template, Mend> {
        let value: Value = serde_json::from_str(text).map_err(|error| {
            Mend::new(
                format!("the template is no JSON: {error}"),
                "write it in single quotes: '{\"text\": \"{severity} {name}: {text}\"}'",
            )
        })?;
        check(&value)?;
        Ok(Template(value))
    }

    /// The JSON with every placeholder replaced by what `value` says of it.
    pub fn fill(&self, value: &dyn Fn(&str) -> String) -> Value {
        filled(&self.0, value)
    }
}

fn check(value: &Value) -> Result<(), Mend> {
    match value {
        Value::String(text) => pieces(text).into_iter().try_for_each(|piece| match piece {
            Piece::Name(name) if !PLACEHOLDERS.contains(&name) => Err(unknown(name)),
            Piece::Open => Err(Mend::new(
                "a `{` in the template's strings is not closed",
                "a brace that shall be printed is written twice: {{",
            )),
            _ => Ok(()),
        }),
        Value::Array(items) => items.iter().try_for_each(check),
        Value::Object(fields) => fields.values().try_for_each(check),
        _ => Ok(()),
    }
}

fn unknown(name: &str) -> Mend {
    let help = match nearest(name, PLACEHOLDERS) {
        Some(near) => format!("did you mean {{{near}}}?"),
        None => format!("there are {{{}}}", PLACEHOLDERS.join("}, {")),
    };
    let shown = name.escape_debug();
    Mend::new(format!("{{{shown}}} is no placeholder"), help)
}

fn filled(template: &Value, value: &dyn Fn(&str) -> String) -> Value {
    match template {
        Value::String(text) => Value::String(
            pieces(text)
                .into_iter()
                .map(|piece| match piece {
                    Piece::Text(text) => text.to_owned(),
                    Piece::Name(name) => value(name),
                    Piece::Open => String::new(),
                })
                .collect(),
        ),
        Value::Array(items) => items.iter().map(|item| filled(item, value)).collect(),
        Value::Object(fields) => {
            let fields = fields.iter();
            Value::Object(
                fields
                    .map(|(key, field)| (key.clone(), filled(field, value)))
                    .collect(),
            )
        }
        other => other.clone(),
    }
}

/// A part of a string.
enum Piece<'t> {
    Text(&'t str),
    Name(&'t str),
    /// A brace that nothing closes.
    Open,
}

fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, brace) = rest.split_at(at);
        pieces.push(Piece::Text(before));
        // `{{` and `}}` are a brace each; a lonely `}` is itself.
        let double = brace.starts_with("{{") || brace.starts_with("}}");
        if double || brace.starts_with('}') {
            pieces.push(Piece::Text(&brace[..1]));
            rest = &brace[if double { 2 } else { 1 }..];
            continue;
        }
        match brace.find('}') {
            Some(end) => {
                pieces.push(Piece::Name(&brace[1..end]));
                rest = &brace[end + 1..];
            }
            None => {
                pieces.push(Piece::Open);
                return pieces;
            }
        }
    }
    pieces.push(Piece::Text(rest));
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_filled_in_stays_inside_its_string() {
        let text =
            r#"{"text": "{{{severity}}} {name}: {text}", "tags": ["{code}", 7], "on": true}"#;
        let template = Template::parse(text).unwrap();
        let said = template.fill(&|name| match name {
            "text" => "\", \"on\": false, \"{code}".to_owned(),
            other => other.to_uppercase(),
        });
        assert_eq!(
            said,
            serde_json::json!({
                "text": "{SEVERITY} NAME: \", \"on\": false, \"{code}",
                "tags": ["CODE", 7],
                "on": true
            })
        );
    }

    #[test]
    fn faults_say_what_to_write() {
        for (text, message, help) in [
            ("{", "the template is no JSON", "single quotes"),
            (
                r#"["{severty}"]"#,
                "{severty} is no placeholder",
                "{severity}",
            ),
            (r#"["{"]"#, "is not closed", "{{"),
        ] {
            let mend = Template::parse(text).unwrap_err();
            assert!(mend.message.contains(message), "{mend:?}");
            assert!(mend.help.contains(help), "{mend:?}");
        }
    }
}
