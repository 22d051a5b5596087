//! What an order becomes on a console's road: bytes, pauses, a held line, a short talk. Steps are
//! done in their order and nothing is done between them, so a BREAK is never out of order with
//! bytes, and what was typed before it has left before it begins.

use std::collections::VecDeque;
use std::time::Duration;

use super::{BreakKind, Broke, Order};
use crate::config::ConsoleSpec;
use crate::config::console::TalkStep;
use crate::proto::telnet;

use super::codec::Codec;

/// One thing to do on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A talk with what stands between begins: what is said until it ends may not be the node's.
    Talk,
    /// Write these bytes, encoded already.
    Write(Vec<u8>),
    /// Hold the line (true) or let it go (false), on a road that has one.
    Hold(bool),
    /// Do nothing for so long, and hear meanwhile.
    Pause(Duration),
    /// Wait for these bytes of the node, or give the rest of the steps up.
    Await(Vec<u8>, Duration),
    /// Wait until the far end says that it holds the line, or has let it go, or go on without.
    Acknowledge {
        /// Which of the two.
        held: bool,
        /// For how long to wait.
        within: Duration,
    },
    /// The BREAK is done: `None` where the road acknowledges nothing.
    Broke(Broke),
}

/// How long an acknowledgement of RFC 2217 may take before the BREAK goes on without one.
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_secs(2);

/// Which kind of BREAK is sent next. While none was seen to work each BREAK is of the next kind;
/// one that worked is kept.
#[derive(Clone, Debug, Default)]
pub(super) struct Rotation {
    next: usize,
    last: Option<usize>,
    works: Option<usize>,
}

impl Rotation {
    /// The kind of the next BREAK.
    pub(super) fn take<'a>(&mut self, kinds: &'a [BreakKind]) -> &'a BreakKind {
        let at = self.works.unwrap_or(self.next) % kinds.len().max(1);
        self.next = at + 1;
        self.last = Some(at);
        kinds.get(at).unwrap_or(&BreakKind::None)
    }

    /// The last BREAK was seen to work.
    pub(super) fn worked(&mut self) {
        self.works = self.last.or(self.works);
    }
}

/// Appends the steps of `order`, which came to this link.
pub(super) fn steps_of(
    order: &Order,
    spec: &ConsoleSpec,
    codec: &Codec,
    rotation: &mut Rotation,
    steps: &mut VecDeque<Step>,
) {
    match order {
        Order::Type { bytes, .. } => typed(bytes, spec, codec, steps),
        Order::Break { .. } => {
            let kind = rotation.take(&spec.breaks);
            match kind {
                BreakKind::None => {}
                BreakKind::Telnet => steps.push_back(Step::Write(telnet::BREAK.to_vec())),
                BreakKind::Line(span) => codec.held_line(*span, ACKNOWLEDGED_WITHIN, steps),
                BreakKind::Talk(talk) => {
                    let awaits = |step: &TalkStep| matches!(step, TalkStep::Await(..));
                    if talk.iter().any(awaits) {
                        steps.push_back(Step::Talk);
                    }
                    for step in talk {
                        match step {
                            TalkStep::Type(bytes) => typed(bytes, spec, codec, steps),
                            TalkStep::Await(text, within) => {
                                steps.push_back(Step::Await(text.clone(), *within));
                            }
                            TalkStep::Pause(span) => steps.push_back(Step::Pause(*span)),
                        }
                    }
                }
            }
            let sent = kind.is_some();
            let kind = kind.to_string();
            let acknowledged = None;
            steps.push_back(Step::Broke(Broke {
                kind,
                sent,
                acknowledged,
            }));
        }
    }
}

/// Typing, with the line's discipline and its pace.
fn typed(bytes: &[u8], spec: &ConsoleSpec, codec: &Codec, steps: &mut VecDeque<Step>) {
    let mut line = Vec::with_capacity(bytes.len());
    spec.discipline.encode(bytes, &mut line);
    if spec.discipline.pace.is_zero() {
        let mut out = Vec::with_capacity(line.len());
        codec.encode(&line, &mut out);
        return steps.push_back(Step::Write(out));
    }
    for byte in line {
        let mut out = Vec::new();
        codec.encode(&[byte], &mut out);
        steps.push_back(Step::Write(out));
        steps.push_back(Step::Pause(spec.discipline.pace));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_kind_is_tried_until_one_was_seen_to_work() {
        let kinds = [
            BreakKind::Telnet,
            BreakKind::parse("type \"~B\"").unwrap(),
            BreakKind::parse("line 500ms").unwrap(),
        ];
        let mut rotation = Rotation::default();
        let taken = |rotation: &mut Rotation| rotation.take(&kinds).clone();
        assert_eq!(taken(&mut rotation), kinds[0]);
        assert_eq!(taken(&mut rotation), kinds[1]);
        rotation.worked();
        assert_eq!(taken(&mut rotation), kinds[1]);
        assert_eq!(taken(&mut rotation), kinds[1]);
        let mut never = Rotation::default();
        let all: Vec<BreakKind> = (0..4).map(|_| taken(&mut never)).collect();
        assert_eq!(all[3], kinds[0]);
    }

    #[test]
    fn pace_puts_a_pause_behind_every_character() {
        let mut spec = ConsoleSpec::usual("telnet://ts1:1".parse().unwrap());
        spec.discipline.pace = Duration::from_millis(5);
        let codec = Codec::new(&spec.at);
        let mut steps = VecDeque::new();
        let order = Order::Type {
            epoch: 1,
            bytes: b"a\xff".to_vec(),
        };
        steps_of(&order, &spec, &codec, &mut Rotation::default(), &mut steps);
        let pause = || Step::Pause(Duration::from_millis(5));
        let doubled = Step::Write(vec![255, 255]);
        assert_eq!(
            steps,
            [Step::Write(b"a".to_vec()), pause(), doubled, pause()]
        );
    }
}
