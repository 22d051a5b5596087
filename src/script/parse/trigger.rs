//! Bodies of states: entry steps, then triggers.

use super::{Node, Reader, Rule, child, has};
use crate::script::ast::{Amount, Step, Trigger, When, Word};
use crate::script::diagnostic::{Diagnostic, Span};
use crate::script::program::{LinkState, OperatorWord, Urgency};

impl Reader<'_> {
    pub(super) fn state_body(&mut self, item: &Node) -> (Vec<Step>, Vec<Trigger>) {
        let mut entry = Vec::new();
        let mut triggers: Vec<Trigger> = Vec::new();
        let mut last_trigger: Option<Span> = None;
        for child in item.clone().into_inner() {
            if child.as_rule() == Rule::trigger {
                last_trigger = Some(self.head(&child));
                triggers.extend(self.trigger(&child));
            } else if let Some(step) = self.step(&child) {
                if let Some(trigger) = last_trigger.take() {
                    self.fault(
                        Diagnostic::error(step.span, "an entry step stands behind a trigger")
                            .also(trigger, "only one step belongs to this trigger")
                            .help("write entry steps before the triggers; put braces around a trigger's steps if there are several"),
                    );
                }
                entry.push(step);
            }
        }
        self.strays(item, "this is no step", STEP_HELP);
        (entry, triggers)
    }

    fn trigger(&mut self, node: &Node) -> Option<Trigger> {
        let span = self.head(node);
        let urgency = if has(node, Rule::k_urgent) {
            Urgency::Urgent
        } else {
            Urgency::Ordinary
        };
        let event = node
            .clone()
            .into_inner()
            .find(|child| !matches!(child.as_rule(), Rule::k_urgent | Rule::then))?;
        let when = self.when(&event);
        let body = match child(node, Rule::then) {
            Some(then) => Some(self.then(&then)),
            None => {
                if when.is_some() {
                    self.missing(
                        span,
                        "nothing follows this trigger",
                        "write `-> STATE`, one step, or several in `{ }` behind it",
                    );
                }
                None
            }
        };
        Some(Trigger {
            when: when?,
            urgency,
            body: body?,
            span,
        })
    }

    fn when(&mut self, event: &Node) -> Option<When> {
        let span = self.span(event);
        match event.as_rule() {
            Rule::on_prints => self.on_prints(event, span),
            Rule::on_ping => self.on_ping(event, span),
            Rule::on_link => self.on_link(event, span),
            Rule::on_operator => self.on_operator(event, span),
            Rule::on_siege => match self.who(event) {
                Some(who) if has(event, Rule::k_answers) => Some(When::SiegeAnswers { who }),
                _ => {
                    self.missing(
                        span,
                        "this trigger is not whole",
                        "write `on siege secondary answers`",
                    );
                    None
                }
            },
            Rule::on_unfenced => {
                let who = self.who(event);
                if who.is_none() {
                    let help = "write `on unfenced secondary`";
                    self.missing(span, "this trigger is not whole", help);
                }
                who.map(|who| When::Unfenced { who })
            }
            Rule::after => self.needed_time(event, span, "after").map(When::After),
            Rule::every => self.needed_time(event, span, "every").map(When::Every),
            _ => self.on_else(event, span),
        }
    }

    fn needed_time(&mut self, event: &Node, span: Span, word: &str) -> Option<Amount> {
        if !has(event, Rule::amount) {
            self.missing(
                span,
                &format!("`{word}` needs a time"),
                &format!("write `{word} 10m`, or the name of a parameter"),
            );
        }
        self.amount(event)
    }

    fn on_prints(&mut self, event: &Node, span: Span) -> Option<When> {
        let who = self.who(event)?;
        let patterns = self.words(event, Rule::name);
        if patterns.is_empty() {
            self.missing(
                span,
                "`prints` needs the names of patterns",
                "write `on primary prints panic, trap -> panicked`",
            );
            return None;
        }
        Some(When::Prints { who, patterns })
    }

    fn on_ping(&mut self, event: &Node, span: Span) -> Option<When> {
        if let Some(who) = self.who(event)
            && who.text != "primary"
        {
            self.fault(
                Diagnostic::error(
                    who.span,
                    "`ping` asks the package's address, which the primary serves",
                )
                .help("write `on ping misses 3 every 5s`"),
            );
        }
        if has(event, Rule::k_answers) {
            return Some(When::PingAnswers);
        }
        if !has(event, Rule::amount) || !has(event, Rule::every) {
            self.missing(
                span,
                "this trigger is not whole",
                "write `on ping misses 3 every 5s -> suspect`, or `on ping answers -> watch`",
            );
            return None;
        }
        let count = self.amount(event);
        let every = self.amount_in(event, Rule::every);
        Some(When::PingMisses {
            count: count?,
            every: every?,
        })
    }

    fn on_link(&mut self, event: &Node, span: Span) -> Option<When> {
        let held = if has(event, Rule::held) {
            Some(self.amount_in(event, Rule::held)?)
        } else {
            None
        };
        let state = if has(event, Rule::k_down) {
            Some(LinkState::Down)
        } else {
            has(event, Rule::k_up).then_some(LinkState::Up)
        };
        let (Some(who), Some(state)) = (self.who(event), state) else {
            self.missing(
                span,
                "this trigger is not whole",
                "write `on link secondary down for 2m`, or `on link secondary up`",
            );
            return None;
        };
        Some(When::Link { who, state, held })
    }

    fn on_operator(&mut self, event: &Node, span: Span) -> Option<When> {
        let name = self.child_word(event, Rule::name);
        let heard = OperatorWord::HEARD;
        let said = name.as_ref().and_then(|name| {
            let said = heard.iter().find(|(word, _)| *word == name.text);
            said.map(|(_, said)| *said)
        });
        if said.is_none() {
            let span = name.map_or(span, |name| name.span);
            let words: Vec<String> = heard.iter().map(|(word, _)| format!("`{word}`")).collect();
            let (last, others) = words.split_last()?;
            let help = format!("there are {} and {last}", others.join(", "));
            self.missing(span, "an operator says nothing like this", &help);
        }
        said.map(When::Operator)
    }

    fn on_else(&mut self, event: &Node, span: Span) -> Option<When> {
        let name: Option<Word> = self.child_word(event, Rule::name);
        match name.as_ref().map(|name| name.text.as_str()) {
            Some("network_loss") => return Some(When::NetworkLoss),
            Some("console_silent") => return Some(When::ConsoleSilent),
            Some(role @ ("primary" | "secondary")) => {
                let help = format!("write `on {role} prints panic, trap -> panicked`");
                self.missing(span, "a trigger on a role waits for what it prints", &help);
            }
            _ => {
                let span = name.map_or(span, |name| name.span);
                let help = "there are `on ROLE prints`, `on ping`, `on link`, `on operator`, `on siege`, `on unfenced`, `on network_loss` and `on console_silent`";
                self.missing(span, "there is no such event", help);
            }
        }
        None
    }
}

/// What a step may be, for the help of a fault.
pub(super) const STEP_HELP: &str = "a step begins with one of these words:\n\
     send, expect, ask, nudge, let, log, alarm, clear, wait, retry, call, run, probe, power,\n\
     live, identity, set, verify, mark, unmarked, opens, reset, break, siege, dark, word, assume,\n\
     fence, boot, resume, survey, done, fail, `->`";

/// Words that a line in a state or procedure may begin with.
pub(super) const STEP_WORDS: [&str; 38] = [
    "send", "expect", "ask", "nudge", "break", "live", "identity", "set", "verify", "mark",
    "unmarked", "opens", "reset", "siege", "dark", "word", "power", "assume", "fence", "boot",
    "resume", "call", "retry", "wait", "survey", "run", "probe", "alarm", "clear", "log", "let",
    "done", "fail", "on", "urgent", "after", "every", "else",
];
