//! The patterns of a script, compiled into one lazy DFA that all its consoles share.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use regex_automata::Input;
use regex_automata::hybrid::LazyStateID;
use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::meta;
use regex_automata::util::start;
use regex_automata::{Anchored, MatchKind};
use regex_syntax::hir::Hir;

use super::pattern::{self, End, PatternFault};
use super::{PatternDef, latin1};

/// How much memory the states of one set may take, in bytes; full, it is emptied and filled
/// again. Twenty patterns on a kernel's boot log need some 70 KiB.
const CACHE: usize = 1 << 20;
/// The most memory that the automaton of a whole set may take, in bytes.
const SET_SIZE: usize = 8 << 20;

/// Patterns compiled for matching. Share it: `Arc<PatternSet>`.
pub struct PatternSet {
    defs: Vec<PatternDef>,
    compiled: Vec<Compiled>,
    dfa: DFA,
    cache: Mutex<Cache>,
}

/// The sets that were compiled so far. Whoever listens for the same patterns gets the same set, with
/// all states that others have built in it: a set takes 150 to 300 KiB, whether one console listens or
/// a thousand.
#[derive(Debug, Default)]
pub struct PatternSets(Vec<Arc<PatternSet>>);

impl PatternSets {
    /// With these, which are in use already.
    pub fn known(sets: impl IntoIterator<Item = Arc<PatternSet>>) -> PatternSets {
        let mut known: Vec<Arc<PatternSet>> = Vec::new();
        for set in sets {
            if !known.iter().any(|other| Arc::ptr_eq(other, &set)) {
                known.push(set);
            }
        }
        PatternSets(known)
    }

    /// The set of these patterns, compiled now if it is not there yet.
    ///
    /// # Errors
    /// As [`PatternSet::new`].
    pub fn of(&mut self, defs: &[PatternDef]) -> Result<Arc<PatternSet>, PatternError> {
        if let Some(known) = self.0.iter().find(|set| set.defs == defs) {
            return Ok(Arc::clone(known));
        }
        let set = Arc::new(PatternSet::new(defs)?);
        self.0.push(Arc::clone(&set));
        Ok(set)
    }
}

/// What is known of one pattern beside its share in the DFA.
struct Compiled {
    end: End,
    /// For patterns with named groups: what finds them.
    captures: Option<meta::Regex>,
    /// Its captures may grow with the bytes that follow.
    open: bool,
}

/// A set that could not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// One of its patterns is at fault.
    #[error("pattern {name}: {fault}")]
    Pattern {
        /// Index into the definitions.
        pattern: usize,
        /// Its name.
        name: String,
        /// What is wrong with it.
        fault: PatternFault,
    },
    /// Each is good, but together they are too large.
    #[error("the patterns together are too large: {0}")]
    TooLarge(String),
}

/// What a match caught: its end in the bytes that were searched, and its named groups.
pub(super) type Caught = (usize, Vec<(String, String)>);

impl PatternSet {
    /// Compiles `defs`.
    ///
    /// # Errors
    /// Names the first pattern that [`super::check_pattern`] would refuse.
    pub fn new(defs: &[PatternDef]) -> Result<PatternSet, PatternError> {
        PatternSet::with_cache(defs, CACHE)
    }

    /// The same with another limit, in bytes, for what is kept of the DFA.
    pub(super) fn with_cache(
        defs: &[PatternDef],
        cache: usize,
    ) -> Result<PatternSet, PatternError> {
        let mut compiled = Vec::with_capacity(defs.len());
        let mut hirs = Vec::with_capacity(defs.len());
        for (pattern, def) in defs.iter().enumerate() {
            let fault = |fault| PatternError::Pattern {
                pattern,
                name: def.name.clone(),
                fault,
            };
            let read = pattern::read(&def.regex, def.quiet).map_err(fault)?;
            let captures = read.captures.then(|| capturing(&read.hir)).transpose();
            compiled.push(Compiled {
                end: read.end,
                open: read.open && read.captures,
                captures: captures.map_err(fault)?,
            });
            hirs.push(read.hir);
        }
        let nfa = pattern::compiler(SET_SIZE)
            .build_many_from_hir(&hirs)
            .map_err(|fault| PatternError::TooLarge(fault.to_string()))?;
        let config = DFA::config()
            .match_kind(MatchKind::All)
            .cache_capacity(cache)
            .skip_cache_capacity_check(true);
        let dfa = DFA::builder()
            .configure(config)
            .build_from_nfa(nfa)
            .map_err(|fault| PatternError::TooLarge(fault.to_string()))?;
        Ok(PatternSet {
            defs: defs.to_vec(),
            compiled,
            cache: Mutex::new(dfa.create_cache()),
            dfa,
        })
    }

    /// The patterns, in the order of the indices in [`super::Hit::pattern`].
    pub fn defs(&self) -> &[PatternDef] {
        &self.defs
    }

    pub(super) fn end(&self, pattern: usize) -> End {
        self.compiled[pattern].end
    }

    /// Is the pattern reported at the line's end only, so that its captures are whole?
    pub(super) fn waits_for_line(&self, pattern: usize) -> bool {
        self.compiled[pattern].open
    }

    /// The states that were built so far, for one console at a time: it holds them for a chunk.
    pub(super) fn states(&self) -> States<'_> {
        let cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        States {
            dfa: &self.dfa,
            cache,
        }
    }

    /// What the named groups of `pattern` caught in `heard[from..to]`, in the first match that
    /// ends behind `floor`. The bytes around are seen by `^`, `\b` and `$`.
    pub(super) fn captures(
        &self,
        pattern: usize,
        heard: &[u8],
        (from, to): (usize, usize),
        floor: usize,
    ) -> Option<Caught> {
        let regex = self.compiled[pattern].captures.as_ref()?;
        let mut groups = regex.create_captures();
        let mut from = from;
        loop {
            regex.search_captures(&Input::new(heard).span(from..to), &mut groups);
            let found = groups.get_match()?;
            if found.end() > floor {
                break;
            }
            from = found.end();
        }
        let names = groups.group_info().pattern_names(groups.pattern()?);
        let caught = names
            .zip(groups.iter())
            .filter_map(|(name, span)| Some((name?.to_owned(), latin1(&heard[span?.range()]))));
        Some((groups.get_match()?.end(), caught.collect()))
    }
}

impl fmt::Debug for PatternSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PatternSet").field(&self.defs).finish()
    }
}

fn capturing(hir: &Hir) -> Result<meta::Regex, PatternFault> {
    meta::Regex::builder()
        .configure(meta::Config::new().utf8_empty(false))
        .build_from_hir(hir)
        .map_err(|_| PatternFault::TooLarge)
}

/// The lazy DFA at work: the states of a set, locked.
pub(super) struct States<'a> {
    dfa: &'a DFA,
    cache: MutexGuard<'a, Cache>,
}

/// Stands for every `expect` on the DFA: it fails only where a limit on emptying the cache, a
/// quit byte or an anchored search was asked for.
const CANNOT_FAIL: &str = "the DFA has neither quit bytes nor a limit on emptying its cache";

impl States<'_> {
    /// State ids are good for as long as this number is the same.
    pub(super) fn generation(&self) -> usize {
        self.cache.clear_count()
    }

    /// The state after `before`, the byte before a line or before the rest of a long one.
    pub(super) fn start(&mut self, before: u8) -> LazyStateID {
        let config = start::Config::new()
            .anchored(Anchored::No)
            .look_behind(Some(before));
        self.dfa
            .start_state(&mut self.cache, &config)
            .expect(CANNOT_FAIL)
    }

    /// Reads `bytes` until a match shows, which it does with the byte after the match; returns
    /// the state and how many bytes were read.
    pub(super) fn run(&mut self, mut state: LazyStateID, bytes: &[u8]) -> (LazyStateID, usize) {
        let mut at = 0;
        while at < bytes.len() {
            if !state.is_tagged() {
                let (reached, read) = self.run_known(state, &bytes[at..]);
                state = reached;
                at += read;
            }
            let Some(&byte) = bytes.get(at) else { break };
            state = self
                .dfa
                .next_state(&mut self.cache, state, byte)
                .expect(CANNOT_FAIL);
            at += 1;
            if state.is_match() {
                break;
            }
        }
        (state, at)
    }

    /// Goes on over states that were built before and are not of interest: the hot loop.
    fn run_known(&self, mut state: LazyStateID, bytes: &[u8]) -> (LazyStateID, usize) {
        let (dfa, cache): (&DFA, &Cache) = (self.dfa, &self.cache);
        for (at, &byte) in bytes.iter().enumerate() {
            let next = dfa.next_state_untagged(cache, state, byte);
            if next.is_tagged() {
                return (state, at);
            }
            state = next;
        }
        (state, bytes.len())
    }

    /// The patterns that match in `state`, in no order.
    pub(super) fn matches(&self, state: LazyStateID) -> impl Iterator<Item = usize> + '_ {
        let count = if state.is_match() {
            self.dfa.match_len(&self.cache, state)
        } else {
            0
        };
        (0..count).map(move |i| self.dfa.match_pattern(&self.cache, state, i).as_usize())
    }

    /// The state if nothing more came: its matches are those that end here. May make other ids
    /// bad, see [`States::generation`].
    pub(super) fn peek(&mut self, state: LazyStateID) -> LazyStateID {
        self.dfa
            .next_eoi_state(&mut self.cache, state)
            .expect(CANNOT_FAIL)
    }
}
