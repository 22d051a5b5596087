//! What stands at the top of a file.

use super::{Node, Reader, Rule, child, children, has};
use crate::script::ast::{
    AmountKind, Claim, Example, File, Firmware, Param, ParamValue, Pattern, Procedure, Setting,
    State, Word,
};
use crate::script::diagnostic::{Diagnostic, Span};
use crate::script::program::{Presence, StateKind};

impl Reader<'_> {
    pub(super) fn file(&mut self, file: Node) -> File {
        let mut out = File::default();
        let mut stray: Option<Span> = None;
        for item in file.into_inner() {
            if item.as_rule() == Rule::stray {
                let span = self.span(&item);
                stray = Some(stray.map_or(span, |first| first.to(span)));
                continue;
            }
            self.stray_item(stray.take());
            self.item(&item, &mut out);
        }
        self.stray_item(stray);
        out
    }

    fn stray_item(&mut self, span: Option<Span>) {
        if let Some(span) = span {
            self.fault(
                Diagnostic::error(span, "this belongs to nothing").label("nothing is open here").help(
                    "a file is made of `script`, `use`, `param`, `pattern`, `firmware`, `state` and `procedure`; \
                     steps stand in states and procedures",
                ),
            );
        }
    }

    fn item(&mut self, item: &Node, out: &mut File) {
        match item.as_rule() {
            Rule::script => self.script(item, out),
            Rule::uses => match self.child_word(item, Rule::name) {
                Some(name) => out.uses.push(name),
                None => {
                    let span = self.span(item);
                    self.missing(
                        span,
                        "`use` needs the name of a library",
                        "write `use openboot` for lib/openboot.chat",
                    );
                }
            },
            Rule::param => self.param(item, out),
            Rule::pattern => self.pattern(item, out),
            Rule::firmware => self.firmware(item, out),
            Rule::state => self.state(item, out),
            Rule::procedure => self.procedure(item, out),
            Rule::later => {
                let span = self.span(item);
                self.fault(
                    Diagnostic::error(span, "`secret` is not in this version")
                        .help("take it out; no step of this version needs a password"),
                );
            }
            _ => {}
        }
    }

    fn script(&mut self, item: &Node, out: &mut File) {
        let span = self.span(item);
        let Some(name) = self.child_word(item, Rule::name) else {
            self.missing(span, "`script` needs a name", "write `script sun_openboot`");
            return;
        };
        if let Some(first) = &out.script {
            let first = first.span;
            self.fault(
                Diagnostic::error(span, "a file has one `script` line")
                    .also(first, "the first one")
                    .help("take one of them out"),
            );
        } else {
            out.script = Some(name);
        }
    }

    /// The name of a definition; it must not be a word of the language.
    fn new_name(&mut self, item: &Node, what: &str, example: &str) -> Option<Word> {
        let Some(name) = self.child_word(item, Rule::name) else {
            let span = self.span(item);
            self.missing(
                span,
                &format!("{what} needs a name"),
                &format!("write `{example}`"),
            );
            return None;
        };
        self.not_reserved(&name, what);
        Some(name)
    }

    /// A name must not be a word of the language.
    pub(super) fn not_reserved(&mut self, name: &Word, what: &str) {
        if is_reserved(&name.text) {
            let message = format!("`{}` is a word of the language", name.text);
            let fault = Diagnostic::error(name.span, message);
            self.fault(fault.help(format!("give {what} another name")));
        }
    }

    fn param(&mut self, item: &Node, out: &mut File) {
        let Some(name) = self.new_name(item, "a parameter", "param ping_every = 5s") else {
            return;
        };
        let read = if let Some(text) = child(item, Rule::text) {
            let text = self.plain(&text);
            Some((ParamValue::Text(text.text), text.span))
        } else if has(item, Rule::amount) {
            match self.amount(item).map(|amount| (amount.kind, amount.span)) {
                Some((AmountKind::Time(time), span)) => Some((ParamValue::Time(time), span)),
                Some((AmountKind::Count(count), span)) => Some((ParamValue::Count(count), span)),
                Some((AmountKind::Named(_), span)) => {
                    self.missing(
                        span,
                        "a parameter's value is written out",
                        "write a time, a number or a text: `5s`, `3`, `\"text\"`",
                    );
                    None
                }
                None => None,
            }
        } else {
            let span = self.span(item);
            self.missing(
                span,
                "this parameter has no value",
                &format!("write `param {} = 5s`, or a number, or a text", name.text),
            );
            None
        };
        match read {
            Some((value, value_span)) => out.params.push(Param {
                name,
                value,
                value_span,
            }),
            None => out.broken.push(name.text),
        }
    }

    fn pattern(&mut self, item: &Node, out: &mut File) {
        let Some(name) = self.new_name(item, "a pattern", "pattern prompt = /^ok $/ quiet 200ms")
        else {
            return;
        };
        let Some(regex) = child(item, Rule::regex) else {
            let span = self.span(item);
            self.missing(
                span,
                "this pattern has no regex",
                &format!("write `pattern {} = /…/`", name.text),
            );
            out.broken.push(name.text);
            return;
        };
        let rule = child(&regex, Rule::regex_body).map(|rule| rule.as_str().replace("\\/", "/"));
        let span = self.span(&regex);
        if !has(&regex, Rule::slash) {
            self.missing(
                span,
                "this regex has no end",
                "close it with `/` on the same line; inside it write `\\/`",
            );
        }
        let regex = Word {
            text: rule.unwrap_or_default(),
            span,
        };
        let quiet = self.amount_in(item, Rule::quiet);
        let examples = children(item, Rule::example)
            .iter()
            .filter_map(|example| self.example(example))
            .collect();
        out.patterns.push(Pattern {
            name,
            regex,
            quiet,
            examples,
        });
    }

    fn example(&mut self, node: &Node) -> Option<Example> {
        let claim = if has(node, Rule::k_like) {
            Claim::Like
        } else {
            Claim::Unlike
        };
        let Some(text) = child(node, Rule::text) else {
            let span = self.span(node);
            self.missing(span, "an example is a text", "write `like \"ok \"`");
            return None;
        };
        Some(Example {
            claim,
            line: self.plain(&text),
        })
    }

    fn firmware(&mut self, item: &Node, out: &mut File) {
        let mut names = self.words(item, Rule::name).into_iter();
        let head = self.head_of_block(item);
        let Some(name) = names.next() else {
            self.missing(
                head,
                "a firmware block needs a name",
                "write `firmware openboot { … }`",
            );
            return;
        };
        let like = names.next();
        if has(item, Rule::k_like) && like.is_none() {
            self.missing(
                head,
                "`like` needs the name of a firmware block",
                "write `firmware openbios like openboot { … }`",
            );
        }
        self.closed(item, head);
        let settings = children(item, Rule::setting)
            .iter()
            .filter_map(|setting| self.setting(setting))
            .collect();
        self.strays(
            item,
            "this is no line of a firmware block",
            "a firmware block has lines like `live \"hex {a} {b} + u.\\r\"`, see the reference",
        );
        out.firmwares.push(Firmware {
            name,
            like,
            settings,
        });
    }

    /// A block as it stands in a firmware: the place before its brace.
    fn head_of_block(&self, item: &Node) -> Span {
        let start = item.as_span().start();
        let last = item
            .clone()
            .into_inner()
            .take_while(|child| child.as_rule() != Rule::open)
            .last();
        let end = last.map_or(start, |child| super::end_of(&child));
        Span::new(self.source, start..end)
    }

    fn setting(&mut self, node: &Node) -> Option<Setting> {
        let keys = [
            Rule::fw_pattern,
            Rule::fw_starts,
            Rule::fw_guard,
            Rule::fw_opens,
            Rule::fw_text,
        ];
        let key = node
            .clone()
            .into_inner()
            .find(|child| keys.contains(&child.as_rule()))?;
        let braces_stand = !matches!(key.as_rule(), Rule::fw_text | Rule::fw_opens);
        let texts = children(node, Rule::text);
        let texts = texts
            .iter()
            .map(|text| {
                if braces_stand {
                    self.plain_quoted(text)
                } else {
                    self.quoted(text)
                }
            })
            .collect();
        let mut clauses = Vec::new();
        for clause in children(node, Rule::clause) {
            let word = self.child_word(&clause, Rule::fw_clause)?;
            match self.child_word(&clause, Rule::name) {
                Some(name) => clauses.push((word, name)),
                None => self.missing(
                    word.span,
                    &format!("`{}` needs the name of a pattern", word.text),
                    "write `shows host_id`",
                ),
            }
        }
        Some(Setting {
            key: self.word(&key),
            texts,
            names: self.words(node, Rule::name),
            clauses,
            presence: presence(node),
        })
    }

    fn state(&mut self, item: &Node, out: &mut File) {
        let start = child(item, Rule::k_start).map(|word| self.span(&word));
        let kind = if has(item, Rule::k_hold) {
            StateKind::Hold
        } else {
            StateKind::Ordinary
        };
        let Some(name) = self.child_word(item, Rule::name) else {
            let span = self.head(item);
            self.missing(
                span,
                "a state needs a name",
                "write `state watch \"the primary serves\"`",
            );
            return;
        };
        let about = child(item, Rule::text).map_or_else(String::new, |text| self.plain(&text).text);
        let (entry, triggers) = self.state_body(item);
        out.states.push(State {
            kind,
            start,
            name,
            about,
            entry,
            triggers,
        });
    }

    fn procedure(&mut self, item: &Node, out: &mut File) {
        let Some(name) =
            self.new_name(item, "a procedure", "procedure stop(node) \"what it does\"")
        else {
            return;
        };
        let arguments = self.arguments(item);
        let about = child(item, Rule::text).map_or_else(String::new, |text| self.plain(&text).text);
        let body = self.steps(item);
        out.procedures.push(Procedure {
            name,
            about,
            arguments,
            body,
        });
    }
}

/// `where it exists`, or always.
pub(super) fn presence(node: &Node) -> Presence {
    if has(node, Rule::where_it_exists) {
        Presence::WhereItExists
    } else {
        Presence::Always
    }
}

/// Whether a name is a word that the grammar keeps for itself.
fn is_reserved(name: &str) -> bool {
    use pest::Parser;
    super::Grammar::parse(Rule::reserved, name)
        .is_ok_and(|mut pairs| pairs.next().is_some_and(|pair| pair.as_str() == name))
        || super::Grammar::parse(Rule::top, name).is_ok()
        || matches!(name, "silence" | "primary" | "secondary")
}
