//! Steps.

use super::item::presence;
use super::trigger::STEP_WORDS;
use super::{Node, Reader, Rule, child, children, has};
use crate::script::ast::{
    Amount, Arm, Asked, Door, Probed, Quoted, QuotedPiece, Setter, Step, StepKind, Word,
};
use crate::script::diagnostic::{Diagnostic, Span};
use crate::script::program::Severity;

impl Reader<'_> {
    /// The steps of a procedure or a block; a trigger has no place in them.
    pub(super) fn steps(&mut self, node: &Node) -> Vec<Step> {
        let mut out = Vec::new();
        for child in node.clone().into_inner() {
            if child.as_rule() == Rule::trigger {
                let span = self.head(&child);
                self.fault(
                    Diagnostic::error(span, "a trigger has no place here").help(
                        "triggers stand in states, behind the entry steps, outside all braces",
                    ),
                );
            } else {
                out.extend(self.step(&child));
            }
        }
        self.strays(node, STEP_WORDS);
        out
    }

    /// Tells what is written between the steps and belongs to none. Where a step before it
    /// was found wanting, that fault has told of it already.
    pub(super) fn strays(&mut self, node: &Node, help: &str) {
        let mut open: Option<Span> = None;
        let mut told = false;
        let mut found = Vec::new();
        for child in node.clone().into_inner() {
            let span = self.span(&child);
            if child.as_rule() == Rule::stray {
                open = Some(open.map_or(span, |first| first.to(span)));
                continue;
            }
            if let Some(stray) = open.take().filter(|_| !told) {
                found.push(stray);
            }
            told = self.faults.iter().any(|fault| {
                let at = fault.primary.0;
                at.source == span.source && at.start >= span.start && at.end <= span.end
            });
        }
        found.extend(open.filter(|_| !told));
        for span in found {
            self.fault(Diagnostic::error(span, "this is no step").help(help));
        }
    }

    /// What follows a trigger, an arm or an `else`.
    pub(super) fn then(&mut self, then: &Node) -> Vec<Step> {
        match then.clone().into_inner().next() {
            Some(block) if block.as_rule() == Rule::block => self.block(&block),
            Some(step) => self.step(&step).into_iter().collect(),
            None => Vec::new(),
        }
    }

    fn block(&mut self, block: &Node) -> Vec<Step> {
        let open =
            child(block, Rule::open).map_or_else(|| self.span(block), |open| self.span(&open));
        self.closed(block, open);
        self.steps(block)
    }

    /// A block must have its closing brace.
    pub(super) fn closed(&mut self, block: &Node, at: Span) {
        if has(block, Rule::open) && !has(block, Rule::close) {
            self.missing(
                at,
                "this brace is never closed",
                "write `}` where the block ends",
            );
        } else if !has(block, Rule::open) {
            self.missing(at, "a block in braces is missing here", "write `{ … }`");
        }
    }

    /// `else …` or `refused …`.
    fn branch(&mut self, node: &Node, rule: Rule) -> Option<Vec<Step>> {
        let branch = child(node, rule)?;
        let Some(then) = child(&branch, Rule::then) else {
            let span = self.span(&branch);
            let word = branch
                .as_str()
                .split_whitespace()
                .next()
                .unwrap_or_default()
                .to_owned();
            self.missing(
                span,
                &format!("nothing follows `{word}`"),
                &format!("write `{word} -> STATE`"),
            );
            return None;
        };
        Some(self.then(&then))
    }

    fn arms(&mut self, node: &Node, step: Span, help: &str) -> Option<Vec<Arm>> {
        let Some(arms) = child(node, Rule::arms) else {
            self.missing(step, "nothing says what happens then", help);
            return None;
        };
        let open = child(&arms, Rule::open).map_or(step, |open| self.span(&open));
        self.closed(&arms, open);
        let out = children(&arms, Rule::arm)
            .iter()
            .filter_map(|arm| self.arm(arm))
            .collect();
        self.strays(&arms, help);
        Some(out)
    }

    fn arm(&mut self, node: &Node) -> Option<Arm> {
        let span = self.head(node);
        let mut labels = Vec::new();
        for label in children(node, Rule::label) {
            if let Some(word) = label.into_inner().next() {
                labels.push(self.word(&word));
            }
        }
        let mut keep = Vec::new();
        if let Some(list) = child(node, Rule::keep) {
            for kept in children(&list, Rule::kept) {
                let names = self.words(&kept, Rule::name);
                let group = names.first()?.clone();
                let name = names.last()?.clone();
                keep.push((group, name));
            }
            if keep.is_empty() {
                self.missing(
                    span,
                    "`keep` needs the name of a group",
                    "write `shows keep value -> …`, or `shows keep value as device -> …`",
                );
            }
        }
        let Some(then) = child(node, Rule::then) else {
            self.missing(
                span,
                "nothing follows this arm",
                "write `-> STATE`, `-> done`, one step, or several in `{ }` behind it",
            );
            return None;
        };
        Some(Arm {
            labels,
            keep,
            then: self.then(&then),
            span,
        })
    }

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
                let (within, arms) = (self.within(node, span), self.arms(node, span, help));
                within
                    .zip(arms)
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

    fn whom(&mut self, node: &Node, span: Span) -> Option<Word> {
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

    fn within(&mut self, node: &Node, span: Span) -> Option<Amount> {
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

    fn text(&mut self, node: &Node, span: Span, message: &str, help: &str) -> Option<Quoted> {
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
        let arms = self.arms(node, span, help);
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

    fn power(&mut self, node: &Node, span: Span) -> Option<StepKind> {
        let help = "write `power off node within 30s`, or `power status node within 30s { on -> …  off -> …  unknown -> … }`";
        let off = has(node, Rule::k_off);
        if !off && !has(node, Rule::k_status) {
            self.missing(span, "`power` knows `off` and `status`", help);
            return None;
        }
        let (who, within) = (self.whom(node, span), self.within(node, span));
        if off {
            return Some(StepKind::Question {
                who: who?,
                asked: Asked::PowerOff,
                within: within?,
            });
        }
        let arms = self.arms(node, span, help);
        Some(StepKind::PowerStatus {
            who: who?,
            within: within?,
            arms: arms?,
        })
    }

    fn assume(&mut self, node: &Node, span: Span) -> Option<StepKind> {
        let help = "write `assume stopped node because \"who says so and why\"`";
        if !has(node, Rule::k_stopped) || !has(node, Rule::k_because) {
            self.missing(span, "this assumption is not whole", help);
            return None;
        }
        let who = self.whom(node, span);
        let because = self.text(node, span, "an assumption needs a reason", help);
        Some(StepKind::Assume {
            who: who?,
            because: because?,
        })
    }

    fn door(&mut self, node: &Node, span: Span) -> Option<StepKind> {
        let (door, example) = match node.clone().into_inner().next()?.as_rule() {
            Rule::k_fence => (
                Door::Fence,
                "fence primary with openboot_reset else -> fence_failed",
            ),
            Rule::k_boot => (
                Door::Boot,
                "boot secondary with openboot_boot else -> boot_failed",
            ),
            _ => (
                Door::Resume,
                "resume primary with openboot_go else -> stopped",
            ),
        };
        let who = self.whom(node, span);
        let procedures =
            child(node, Rule::with).map_or_else(Vec::new, |with| self.words(&with, Rule::name));
        if procedures.is_empty() {
            self.missing(
                span,
                &format!("`{}` needs a procedure", door.word()),
                &format!("write `{example}`"),
            );
        }
        let refused = self.branch(node, Rule::refused);
        let otherwise = self.branch(node, Rule::otherwise);
        if procedures.is_empty() {
            return None;
        }
        Some(StepKind::Door {
            door,
            who: who?,
            procedures,
            refused,
            otherwise,
        })
    }

    fn call(&mut self, node: &Node, span: Span) -> Option<StepKind> {
        let Some(procedure) = self.child_word(node, Rule::name) else {
            self.missing(
                span,
                "`call` needs a procedure",
                "write `call openboot_stop(node)`",
            );
            return None;
        };
        let arguments = self.arguments(node);
        let otherwise = self.branch(node, Rule::otherwise);
        Some(StepKind::Call {
            procedure,
            arguments,
            otherwise,
        })
    }

    /// `(node, other)`.
    pub(super) fn arguments(&mut self, node: &Node) -> Vec<Word> {
        let Some(list) = child(node, Rule::arguments) else {
            return Vec::new();
        };
        let mut out = Vec::new();
        for child in list.into_inner() {
            if child.as_rule() == Rule::who {
                out.extend(self.child_word(&child, Rule::name));
            } else {
                let span = self.span(&child);
                self.missing(
                    span,
                    "only nodes are handed to a procedure",
                    "write their names, with commas between them: `stop(node)`",
                );
            }
        }
        out
    }

    fn retry(&mut self, node: &Node, span: Span) -> Option<StepKind> {
        let help = "write `retry 20 every 500ms { … }`: every retry has a count and a pace";
        let count = has(node, Rule::amount);
        if !count || !has(node, Rule::every) {
            let message = if count {
                "this retry has no pace"
            } else {
                "this retry has no count"
            };
            self.missing(span, message, help);
        }
        let (count, every) = (self.amount(node), self.amount_in(node, Rule::every));
        let Some(block) = child(node, Rule::block) else {
            self.missing(span, "this retry has no steps", help);
            return None;
        };
        let body = self.block(&block);
        Some(StepKind::Retry {
            count: count?,
            every: every?,
            body,
        })
    }

    fn wait(&mut self, node: &Node, span: Span) -> Option<StepKind> {
        if let Some(link) = child(node, Rule::wait_link) {
            let span = self.head(&link);
            let (who, within) = (self.whom(&link, span), self.within(&link, span));
            let otherwise = self.branch(&link, Rule::otherwise);
            return Some(StepKind::WaitLink {
                who: who?,
                within: within?,
                otherwise,
            });
        }
        if !has(node, Rule::amount) {
            self.missing(span, "`wait` needs a time", "write `wait 10s`");
        }
        self.amount(node).map(StepKind::Wait)
    }

    fn run(&mut self, node: &Node, span: Span) -> Option<StepKind> {
        let help =
            "write `run \"/usr/local/bin/ask\" \"{primary}\" within 30s { 0 -> …  else -> … }`";
        let argv: Vec<Quoted> = children(node, Rule::text)
            .iter()
            .map(|text| self.quoted(text))
            .collect();
        if argv.is_empty() {
            self.missing(span, "`run` needs a program", help);
            return None;
        }
        let (within, arms) = (self.within(node, span), self.arms(node, span, help));
        Some(StepKind::Run {
            argv,
            within: within?,
            arms: arms?,
        })
    }

    fn probe(&mut self, node: &Node, span: Span) -> Option<StepKind> {
        let help = "write `probe ping \"{address}\" within 5s { answers -> …  silent -> … }`; there are `ping`, `tcp` and `service`";
        let probed = if has(node, Rule::k_service) {
            Some(Probed::Service)
        } else if has(node, Rule::k_ping) {
            self.text(node, span, "`probe ping` needs an address", help)
                .map(Probed::Ping)
        } else if has(node, Rule::k_tcp) {
            self.text(node, span, "`probe tcp` needs an address", help)
                .map(Probed::Tcp)
        } else {
            self.missing(span, "`probe` does not say how", help);
            None
        };
        let (within, arms) = (self.within(node, span), self.arms(node, span, help));
        Some(StepKind::Probe {
            probed: probed?,
            within: within?,
            arms: arms?,
        })
    }

    fn alarm(&mut self, node: &Node, span: Span) -> Option<StepKind> {
        let help = "write `alarm critical stopped \"{primary} stopped: {evidence}\"`: how bad, a code, a text";
        let severity = child(node, Rule::severity).map(|word| match word.as_str() {
            "notice" => Severity::Notice,
            "warning" => Severity::Warning,
            _ => Severity::Critical,
        });
        let code = self.child_word(node, Rule::name);
        let text = child(node, Rule::text).map(|text| self.quoted(&text));
        let (Some(severity), Some(code), Some(text)) = (severity, code, text) else {
            self.missing(span, "this alarm is not whole", help);
            return None;
        };
        Some(StepKind::Alarm {
            severity,
            code,
            text,
        })
    }

    fn clear(&mut self, node: &Node, span: Span) -> Option<StepKind> {
        let code = self.child_word(node, Rule::name);
        if code.is_none() {
            self.missing(
                span,
                "`clear` needs the code of an alarm",
                "write `clear standby_console`",
            );
        }
        code.map(|code| StepKind::Clear { code })
    }

    fn let_(&mut self, node: &Node, span: Span) -> Option<StepKind> {
        let help = "write `let device = \"{boot_device}\"`";
        let name = self.child_word(node, Rule::name);
        if name.is_none() {
            self.missing(span, "`let` needs a name", help);
        }
        let value = self.text(node, span, "`let` needs a value", help);
        Some(StepKind::Let {
            name: name?,
            value: value?,
        })
    }
}
