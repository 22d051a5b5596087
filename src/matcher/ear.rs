//! One console's place in its stream, and what it reports from there.
//!
//! Positions count cleaned bytes since the link began; indices are into `heard`. A match shows
//! in the DFA with the byte after it; at the end of a chunk the ear peeks. `floor` and `reported`
//! see to it that nothing is told twice: an end at or before `floor` is past, and a pattern
//! whose last reported end lies behind `floor` had its turn in this line.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use regex_automata::hybrid::LazyStateID;

use super::clean::{Cleaner, Piece};
use super::echo::Echo;
use super::pattern::End;
use super::set::{PatternSet, States};
use super::{Heard, Hit, LINE_LIMIT, OVERLAP, SILENCE, latin1, latin1_owned};
use crate::clock::Moment;

/// By how much the room for the line grows, bytes.
const STEP: usize = 64;

/// Listens to one console. Memory is bounded: some 5 KiB and eight bytes a pattern, and less than 1 KiB
/// where lines are of a usual length.
#[derive(Clone, Debug)]
pub struct Ear {
    set: Arc<PatternSet>,
    wants_text: bool,
    cleaner: Cleaner,
    echo: Echo,
    /// The line so far, and the byte before it.
    pub(super) heard: Vec<u8>,
    /// Where in `heard` the line begins, or the piece of a line longer than [`LINE_LIMIT`].
    line: usize,
    /// Cleaned bytes since the link began.
    total: u64,
    /// The DFA's state after the line so far, and the generation of states it belongs to.
    state: Option<(LazyStateID, usize)>,
    floor: u64,
    /// Patterns of which a match was reported or waits, and its end, as far as it lies behind `floor`.
    reported: Vec<(usize, u64)>,
    /// Patterns that matched in this line and are reported at its end.
    waiting: Vec<usize>,
    /// Patterns that match at the very end and are reported if nothing more comes.
    provisional: Vec<usize>,
    last_text: Moment,
}

impl Ear {
    /// An ear that has heard nothing yet.
    pub fn new(set: Arc<PatternSet>) -> Ear {
        Ear {
            wants_text: true,
            cleaner: Cleaner::default(),
            echo: Echo::default(),
            heard: Vec::new(),
            line: 0,
            total: 0,
            state: None,
            floor: 0,
            reported: Vec::new(),
            waiting: Vec::new(),
            provisional: Vec::new(),
            last_text: Moment::ZERO,
            set,
        }
    }

    /// A new link: nothing of the last remains, positions count from zero again.
    pub fn reset(&mut self) {
        let wants_text = self.wants_text;
        *self = Ear::new(Arc::clone(&self.set));
        self.wants_text = wants_text;
    }

    /// Shall [`Heard::Text`] be given? It is, until this says no.
    pub fn set_text(&mut self, wanted: bool) {
        self.wants_text = wanted;
    }

    /// We typed `bytes`: their echo will be tagged.
    pub fn sent(&mut self, bytes: &[u8]) {
        self.echo.sent(bytes);
    }

    /// Feeds `hasher` with all that tells this ear from another one of the same set: the line so
    /// far, what waits for its end or for silence, and the echo that is due.
    pub fn tell_apart<H: Hasher>(&self, hasher: &mut H) {
        (self.wants_text, &self.cleaner, &self.heard[self.line..]).hash(hasher);
        self.echo.tell_apart(self.position(self.line), hasher);
        (&self.waiting, &self.provisional).hash(hasher);
        if self.poll_timeout().is_some() {
            self.last_text.hash(hasher);
        }
        for (pattern, end) in &self.reported {
            if *end > self.floor {
                (pattern, end - self.floor).hash(hasher);
            }
        }
    }

    /// `bytes` came at `now`. What they mean is appended to `out`. A prompt that was provisional
    /// is none any more, however long ago it came: call [`Ear::handle_timeout`] when it is due.
    pub fn hear(&mut self, bytes: &[u8], now: Moment, out: &mut Vec<Heard>) {
        let set = Arc::clone(&self.set);
        let before = self.total;
        let mut report = Report {
            set: &set,
            states: set.states(),
            text: Vec::with_capacity(if self.wants_text { bytes.len() } else { 0 }),
            out,
        };
        let mut state = self.place(&mut report.states);
        let mut rest = bytes;
        while let Some(piece) = self.cleaner.next(&mut rest) {
            state = match piece {
                Piece::Plain(plain) => self.plain(plain, state, &mut report),
                Piece::Newline => self.newline(state, &mut report),
            };
        }
        report.give_text(0);
        self.state = Some((state, report.states.generation()));
        if self.total != before {
            self.last_text = now;
            self.provisional.clear();
            self.peek(state, &mut report);
        }
    }

    /// When [`Ear::handle_timeout`] has something to say, if nothing comes until then.
    pub fn poll_timeout(&self) -> Option<Moment> {
        let prompts = self.provisional.iter().map(|&p| self.silence_ends(p));
        let line = (!self.waiting.is_empty()).then_some(self.last_text + SILENCE);
        prompts.chain(line).min()
    }

    /// It is `now`, and nothing more came.
    pub fn handle_timeout(&mut self, now: Moment, out: &mut Vec<Heard>) {
        if self.poll_timeout().is_none_or(|due| due > now) {
            return;
        }
        let set = Arc::clone(&self.set);
        let mut report = Report {
            set: &set,
            states: set.states(),
            text: Vec::new(),
            out,
        };
        if self.last_text + SILENCE <= now {
            self.end_waiting(&mut report);
        }
        let mut due = std::mem::take(&mut self.provisional);
        due.sort_unstable_by_key(|&p| (self.silence_ends(p), p));
        for pattern in due {
            if self.silence_ends(pattern) > now {
                self.provisional.push(pattern);
            } else {
                self.report(pattern, self.heard.len(), &mut report);
            }
        }
    }

    /// When silence has lasted long enough for `pattern`.
    fn silence_ends(&self, pattern: usize) -> Moment {
        self.last_text
            + match self.set.end(pattern) {
                End::Prompt(quiet) => quiet,
                End::Plain | End::Boundary | End::Line => SILENCE,
            }
    }

    /// The state after the line so far. If the states were thrown away meanwhile (another
    /// console filled the cache), the line is read again, silently.
    fn place(&self, states: &mut States<'_>) -> LazyStateID {
        if let Some((state, generation)) = self.state
            && generation == states.generation()
        {
            return state;
        }
        let before = self.line.checked_sub(1).map_or(b'\n', |at| self.heard[at]);
        let mut state = states.start(before);
        let mut at = self.line;
        while at < self.heard.len() {
            let (reached, read) = states.run(state, &self.heard[at..]);
            state = reached;
            at += read;
        }
        state
    }

    /// Bytes of one line.
    fn plain(
        &mut self,
        mut bytes: &[u8],
        mut state: LazyStateID,
        report: &mut Report<'_>,
    ) -> LazyStateID {
        while !bytes.is_empty() {
            let room = LINE_LIMIT - (self.heard.len() - self.line);
            let (taken, left) = bytes.split_at(room.min(bytes.len()));
            bytes = left;
            let from = self.heard.len();
            self.echo.hear(taken, self.total);
            self.make_room(taken.len());
            self.heard.extend_from_slice(taken);
            self.total += count(taken);
            if self.wants_text {
                report.text.extend_from_slice(taken);
            }
            state = self.step(from, state, report);
            if taken.len() == room {
                state = self.cut(report);
            }
        }
        state
    }

    /// A console at rest keeps little: doubling would leave half of it unused.
    fn make_room(&mut self, more: usize) {
        let length = self.heard.len() + more;
        if self.heard.capacity() < length {
            let wanted = length.next_multiple_of(STEP);
            self.heard.reserve_exact(wanted - self.heard.len());
        }
    }

    /// Runs the DFA over `heard[at..]`.
    fn step(
        &mut self,
        mut at: usize,
        mut state: LazyStateID,
        report: &mut Report<'_>,
    ) -> LazyStateID {
        while at < self.heard.len() {
            let (reached, read) = report.states.run(state, &self.heard[at..]);
            state = reached;
            at += read;
            if state.is_match() {
                self.matched(state, at - 1, Shown::Late, report);
            }
        }
        state
    }

    /// A newline ends the line.
    fn newline(&mut self, state: LazyStateID, report: &mut Report<'_>) -> LazyStateID {
        self.echo.hear(b"\n", self.total);
        let (state, _) = report.states.run(state, b"\n");
        if state.is_match() {
            self.matched(state, self.heard.len(), Shown::Late, report);
        }
        self.end_waiting(report);
        self.make_room(1);
        self.heard.push(b'\n');
        self.total += 1;
        if self.wants_text {
            report.text.push(b'\n');
        }
        self.floor = self.total;
        self.reported.clear();
        self.line = self.heard.len();
        self.forget();
        state
    }

    /// The line has become too long: go on as if it had begun [`OVERLAP`] bytes ago. Ends up to
    /// the last byte but one were seen; of the very last, the next byte tells.
    fn cut(&mut self, report: &mut Report<'_>) -> LazyStateID {
        self.end_waiting(report);
        self.floor = self.total - 1;
        self.line = self.heard.len() - OVERLAP;
        self.forget();
        self.place_anew(&mut report.states)
    }

    fn place_anew(&mut self, states: &mut States<'_>) -> LazyStateID {
        self.state = None;
        self.place(states)
    }

    /// Drops what lies before the line, but for the byte that tells how the line begins.
    fn forget(&mut self) {
        if self.line > 1 {
            self.heard.drain(..self.line - 1);
            self.line = 1;
        }
        self.echo.forget(self.position(self.line));
    }

    /// Patterns match that end at `heard[end]`. All that do not ask for the byte after it were
    /// seen there, whether a chunk ended or not: so they come first.
    fn matched(&mut self, state: LazyStateID, end: usize, shown: Shown, report: &mut Report<'_>) {
        let position = self.position(end);
        let mut fresh: Vec<(bool, usize)> = Vec::new();
        for pattern in report.states.matches(state) {
            let kind = self.set.end(pattern);
            match (kind, shown) {
                (End::Prompt(_), Shown::Late) | (End::Line, Shown::Peeked) => continue,
                (End::Prompt(_), Shown::Peeked) => {
                    self.provisional.push(pattern);
                    continue;
                }
                _ => {}
            }
            if self.had_its_turn(pattern) {
                continue;
            }
            if kind == End::Boundary && matches!(shown, Shown::Peeked) {
                self.provisional.push(pattern);
            } else {
                fresh.push((kind != End::Plain, pattern));
            }
        }
        fresh.sort_unstable();
        for (_, pattern) in fresh {
            if self.set.waits_for_line(pattern) {
                self.has_its_turn(pattern, position);
                self.waiting.push(pattern);
            } else {
                self.report(pattern, end, report);
            }
        }
    }

    fn had_its_turn(&self, pattern: usize) -> bool {
        let mut reported = self.reported.iter();
        reported.any(|&(of, end)| of == pattern && end > self.floor)
    }

    fn has_its_turn(&mut self, pattern: usize, end: u64) {
        let floor = self.floor;
        self.reported
            .retain(|&(of, end)| of != pattern && end > floor);
        self.reported.push((pattern, end));
    }

    /// What matches at the very end, should nothing more come?
    fn peek(&mut self, state: LazyStateID, report: &mut Report<'_>) {
        let ahead = report.states.peek(state);
        if ahead.is_match() {
            self.matched(ahead, self.heard.len(), Shown::Peeked, report);
        }
    }

    /// The line is over, or long silent: captures grow no more.
    fn end_waiting(&mut self, report: &mut Report<'_>) {
        if self.waiting.is_empty() {
            return;
        }
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.sort_unstable();
        let mut hits: Vec<Hit> = waiting
            .drain(..)
            .map(|pattern| self.hit(pattern, self.heard.len(), report.set))
            .collect();
        hits.sort_by_key(|hit| (hit.end, hit.pattern));
        report.give_text(0);
        report.out.extend(hits.into_iter().map(Heard::Match));
        self.waiting = waiting;
    }

    fn report(&mut self, pattern: usize, end: usize, report: &mut Report<'_>) {
        self.has_its_turn(pattern, self.position(end));
        let hit = self.hit(pattern, end, report.set);
        report.give_text(self.heard.len() - end);
        report.out.push(Heard::Match(hit));
    }

    /// The match of `pattern` that ends in `heard` at `end` or, if it waited, before.
    fn hit(&self, pattern: usize, end: usize, set: &PatternSet) -> Hit {
        let start = self.position(0);
        let floor = usize::try_from(self.floor.saturating_sub(start)).unwrap_or(usize::MAX);
        let caught = set.captures(pattern, &self.heard, (self.line, end), floor);
        let (matched, captures) = caught.unwrap_or((end, Vec::new()));
        let position = self.position(matched);
        Hit {
            pattern,
            captures,
            line: latin1(&self.heard[self.line..end]),
            end: position,
            echo: self.echo.holds(position - 1),
        }
    }

    /// The position of `heard[index]`.
    fn position(&self, index: usize) -> u64 {
        self.total - count(&self.heard[index..])
    }
}

/// How a match came to be seen.
#[derive(Clone, Copy)]
enum Shown {
    /// With the byte after it.
    Late,
    /// At the end of what was heard so far.
    Peeked,
}

/// Where an ear writes to.
struct Report<'a> {
    set: &'a PatternSet,
    states: States<'a>,
    /// Text not given yet.
    text: Vec<u8>,
    out: &'a mut Vec<Heard>,
}

impl Report<'_> {
    /// Gives the text but for its last `but` bytes.
    fn give_text(&mut self, but: usize) {
        let kept = self.text.split_off(self.text.len().saturating_sub(but));
        let due = std::mem::replace(&mut self.text, kept);
        if !due.is_empty() {
            self.out.push(Heard::Text(latin1_owned(due)));
        }
    }
}

fn count(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
