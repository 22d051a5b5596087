//! Steps.

use super::item::presence;
use super::{Node, Reader, Rule, child, children, has};
use crate::script::ast::{Amount, Asked, Quoted, QuotedPiece, Setter, Step, StepKind, Word};
use crate::script::diagnostic::Span;

impl Reader<'_> {
    /// Reads a node if it is a step; what is missing in it is told.
    pub(super) fn step(&mut self, node: &Node) -> Option<Step> {
        let span = self.head(node);
        let kind = match node.as_rule() {
            Rule::goto => self.goto(node, span),
            Rule::send => self.send(node, span),
            Rule::break_ => self.whom(node, span).map(|who| StepKind::Break { who }),
            Rule::siege => self.whom(node, span).map(|who| StepKind::Siege { who }),
            Rule::expect => self.expect(node, span),
            Rule::nudge => self.nudge(node, span),
            Rule::question => self.question(node, span),
            Rule::setting_step => self.setting_step(node, span),
            Rule::power => self.power(node, span),
            Rule::assume => self.assume(node, span),
            Rule::door => self.door(node, span),
            Rule::call => self.call(node, span),
            Rule::retry => self.retry(node, span),
            Rule::wait => self.wait(node, span),
            Rule::survey => {
                let help = "write `survey within 30s { one_runs -> …  all_wait -> …  two_live -> …  silent -> …  unclear -> … }`";
                self.bounded(node, span, help)
                    .map(|(within, arms)| StepKind::Survey { within, arms })
            }
            Rule::run => self.run(node, span),
            Rule::probe => self.probe(node, span),
            Rule::alarm => self.alarm(node, span),
            Rule::clear => self.clear(node, span),
            Rule::log => self
                .text(
                    node,
                    span,
                    "`log` needs a text",
                    "write `log \"what happened\"`",
                )
                .map(StepKind::Log),
            Rule::let_ => self.let_(node, span),
            Rule::done => Some(StepKind::Done),
            Rule::fail => self
                .text(
                    node,
                    span,
                    "`fail` says why",
                    "write `fail \"it came back to its prompt\"`",
                )
                .map(StepKind::Fail),
            Rule::ssh => {
                self.missing(
                    span,
                    "`ssh` is not in this version",
                    "`run` a local command that does it",
                );
                None
            }
            _ => return None,
        };
        kind.map(|kind| Step { kind, span })
    }

    fn goto(&mut self, node: &Node, span: Span) -> Option<StepKind> {
        let inner = node.clone().into_inner().next();
        match inner.as_ref().map(Node::as_rule) {
            Some(Rule::done) => Some(StepKind::Done),
            Some(Rule::fail) => self.step(inner.as_ref()?).map(|step| step.kind),
            Some(_) => Some(StepKind::Goto(self.word(inner.as_ref()?))),
            None => {
                self.missing(
                    span,
                    "`->` leads nowhere",
                    "write the name of a state, or in a procedure `done` or `fail \"why\"`",
                );
                None
            }
        }
    }

    pub(super) fn whom(&mut self, node: &Node, span: Span) -> Option<Word> {
        let who = self.who(node);
        if who.is_none() {
            let word = node
                .as_str()
                .split_whitespace()
                .next()
                .unwrap_or_default()
                .to_owned();
            self.missing(
                span,
                &format!("`{word}` does not say to whom"),
                "name a role, `primary` or `secondary`, or in a procedure its argument",
            );
        }
        who
    }

    pub(super) fn within(&mut self, node: &Node, span: Span) -> Option<Amount> {
        if !has(node, Rule::within) {
            self.missing(
                span,
                "this wait has no end",
                "write `within 10s` behind it: every wait is bounded",
            );
            return None;
        }
        self.amount_in(node, Rule::within)
    }

    pub(super) fn text(
        &mut self,
        node: &Node,
        span: Span,
        message: &str,
        help: &str,
    ) -> Option<Quoted> {
        let text = child(node, Rule::text);
        if text.is_none() {
            self.missing(span, message, help);
        }
        text.map(|text| self.quoted(&text))
    }

    fn send(&mut self, node: &Node, span: Span) -> Option<StepKind> {
        let who = self.whom(node, span);
        let text = self.text(
            node,
            span,
            "`send` needs a text",
            "write `send primary \"\\r\"`",
        );
        Some(StepKind::Send {
            who: who?,
            text: text?,
        })
    }

    /// `ask primary within 10s { … }`; also `ask primary { …  silence 10s -> … }`.
    fn expect(&mut self, node: &Node, span: Span) -> Option<StepKind> {
        let who = self.whom(node, span);
        let help = "write `{ login -> …  prompt -> …  silence -> … }` with the names of patterns";
        let silence = child(node, Rule::arms).and_then(|arms| {
            children(&arms, Rule::arm)
                .iter()
                .find_map(|arm| child(arm, Rule::arm_time))
        });
        let within = match silence {
            Some(time) if !has(node, Rule::within) => time
                .into_inner()
                .next()
                .and_then(|time| self.read_amount(&time)),
            Some(time) => {
                let at = self.span(&time);
                self.missing(
                    at,
                    "the time of this wait is written twice",
                    "leave one of them out",
                );
                None
            }
            None => self.within(node, span),
        };
        let arms = self.arms_after(node, span, help, within.is_some());
        Some(StepKind::Expect {
            who: who?,
            within: within?,
            arms: arms?,
            ask: has(node, Rule::k_ask),
        })
    }

    fn nudge(&mut self, node: &Node, span: Span) -> Option<StepKind> {
        let help = "write `nudge primary \"\\r\" expecting login within 10s else -> suspect`";
        let who = self.whom(node, span);
        let text = self.text(node, span, "`nudge` needs a text", help);
        let patterns = child(node, Rule::expecting)
            .map_or_else(Vec::new, |list| self.words(&list, Rule::name));
        if patterns.is_empty() {
            self.missing(span, "`nudge` does not say what it expects", help);
            return None;
        }
        let within = self.within(node, span);
        let otherwise = self.branch(node, Rule::otherwise);
        Some(StepKind::Nudge {
            who: who?,
            text: text?,
            patterns,
            within: within?,
            otherwise,
        })
    }

    fn question(&mut self, node: &Node, span: Span) -> Option<StepKind> {
        let asked = match node.clone().into_inner().next()?.as_rule() {
            Rule::k_live => Asked::Live,
            Rule::k_identity => Asked::Identity,
            Rule::k_mark => Asked::Mark,
            Rule::k_unmarked => Asked::Unmarked,
            Rule::k_opens => Asked::Opens,
            Rule::k_reset => Asked::Reset,
            Rule::k_dark => Asked::Dark,
            _ => Asked::Word,
        };
        let who = self.whom(node, span);
        let within = self.within(node, span);
        Some(StepKind::Question {
            who: who?,
            asked,
            within: within?,
        })
    }

    fn setting_step(&mut self, node: &Node, span: Span) -> Option<StepKind> {
        let setter = if has(node, Rule::k_set) {
            Setter::Set
        } else {
            Setter::Verify
        };
        let who = self.whom(node, span);
        let texts = children(node, Rule::text);
        let ([name, value], true) = (texts.as_slice(), has(node, Rule::equals)) else {
            self.missing(
                span,
                "a boot parameter and its value are needed here",
                "write `set node \"auto-boot?\" = \"false\" within 10s`",
            );
            return None;
        };
        let (name, value) = (self.plain_quoted(name), self.quoted(value));
        let within = self.within(node, span);
        Some(StepKind::Setting {
            who: who?,
            setter,
            name,
            value,
            presence: presence(node),
            within: within?,
        })
    }

    /// A text in which a brace is a brace.
    pub(super) fn plain_quoted(&mut self, node: &Node) -> Quoted {
        let word = self.plain(node);
        Quoted {
            pieces: vec![QuotedPiece::Literal(word.text)],
            span: word.span,
        }
    }
}
