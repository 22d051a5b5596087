//! Steps that do more than talk on a console: power, doors, calls, waits, programs, alarms.

use super::{Node, Reader, Rule, child, children, has};
use crate::script::ast::{Asked, Door, Probed, Quoted, StepKind, Word};
use crate::script::diagnostic::Span;
use crate::script::program::Severity;

impl Reader<'_> {
    pub(super) fn power(&mut self, node: &Node, span: Span) -> Option<StepKind> {
        let help = "write `power off node within 30s`, or `power status node within 30s { on -> …  off -> …  unknown -> … }`";
        let off = has(node, Rule::k_off);
        if !off && !has(node, Rule::k_status) {
            self.missing(span, "`power` knows `off` and `status`", help);
            return None;
        }
        let who = self.whom(node, span);
        if off {
            let within = self.within(node, span);
            return Some(StepKind::Question {
                who: who?,
                asked: Asked::PowerOff,
                within: within?,
            });
        }
        let (within, arms) = self.bounded(node, span, help)?;
        Some(StepKind::PowerStatus {
            who: who?,
            within,
            arms,
        })
    }

    pub(super) fn assume(&mut self, node: &Node, span: Span) -> Option<StepKind> {
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

    pub(super) fn door(&mut self, node: &Node, span: Span) -> Option<StepKind> {
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

    pub(super) fn call(&mut self, node: &Node, span: Span) -> Option<StepKind> {
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

    pub(super) fn retry(&mut self, node: &Node, span: Span) -> Option<StepKind> {
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

    pub(super) fn wait(&mut self, node: &Node, span: Span) -> Option<StepKind> {
        if let Some(link) = child(node, Rule::wait_link) {
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

    pub(super) fn run(&mut self, node: &Node, span: Span) -> Option<StepKind> {
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
        let (within, arms) = self.bounded(node, span, help)?;
        Some(StepKind::Run { argv, within, arms })
    }

    pub(super) fn probe(&mut self, node: &Node, span: Span) -> Option<StepKind> {
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
            return None;
        };
        let (within, arms) = self.bounded(node, span, help)?;
        Some(StepKind::Probe {
            probed: probed?,
            within,
            arms,
        })
    }

    pub(super) fn alarm(&mut self, node: &Node, span: Span) -> Option<StepKind> {
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

    pub(super) fn clear(&mut self, node: &Node, span: Span) -> Option<StepKind> {
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

    pub(super) fn let_(&mut self, node: &Node, span: Span) -> Option<StepKind> {
        let help = "write `let device = \"{boot_device}\"`";
        let name = self.child_word(node, Rule::name);
        match &name {
            Some(name) => self.not_reserved(name, "the value"),
            None => self.missing(span, "`let` needs a name", help),
        }
        let value = self.text(node, span, "`let` needs a value", help);
        Some(StepKind::Let {
            name: name?,
            value: value?,
        })
    }
}
