//! When the monitor doubts itself (design rule 8): *monitor impaired*. Every takeover is held until
//! it is well again, or a named person says that it is.
//!
//! ```text
//!  journal, clock, standstill, pings, witnesses, gateway, many dark at once
//!       └─► doubts, each with its cause, since when ─┬─► impaired: alarm, no fence of a primary, no boot
//!           an operator's `well` ────────────────────┘
//! ```

use std::time::Duration;

use crate::clock::{Moment, Span};
use crate::machine::action::EntryKind;
use crate::machine::alarm_code;
use crate::machine::input::{CommonPath, HostFact};
use crate::machine::memory::{Memory, WellMemory};
use crate::machine::node::Condition;
use crate::machine::package::Package;
use crate::machine::persons_word::PersonsWord;
use crate::machine::setup::PackageId;
use crate::machine::{Event, Machine};
use crate::mutant::Guard;
use crate::script::program::Severity;

/// All witnesses silent for so long: the monitor doubts itself.
const WITNESS_SILENCE: Duration = Duration::from_secs(12);
/// After a jump of the clock, a standstill or lost replies, the monitor doubts itself for so long.
const DOUBT: Duration = Duration::from_secs(30);
/// An operator's word that the monitor is well counts for so long.
const WELL_LIFE: Duration = Duration::from_secs(1800);
/// After a reload or a restart a doubt that still stands has come back by then: the slowest are witnesses
/// that are silent.
const BACK_AGAIN: Duration = Duration::from_secs(30);

/// Why the monitor may doubt itself: a closed list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// The journal cannot be written, or does not answer.
    Journal,
    /// clusterd, or its whole host, stood still.
    Standstill,
    /// The host's wall clock was set, or jumped.
    Clock,
    /// Replies to pings were lost in our own socket.
    Drops,
    /// Pings cannot be sent.
    Pings,
    /// No witness answers.
    Witnesses,
    /// The host's own gateway does not answer, and the cluster has no witness.
    Gateway,
    /// More than half of all clusters went dark at once.
    ManyDark,
}

impl Cause {
    /// Whether it is trouble of this host, and so of all its clusters: the host has an alarm of its own about it.
    pub fn is_of_host(self) -> bool {
        self != Cause::Witnesses
    }

    /// In one word, as `status --json` has it.
    pub fn word(self) -> &'static str {
        match self {
            Cause::Journal => "journal",
            Cause::Standstill => "standstill",
            Cause::Clock => "clock",
            Cause::Drops => "ping_drops",
            Cause::Pings => "no_pings",
            Cause::Witnesses => "witnesses",
            Cause::Gateway => "gateway",
            Cause::ManyDark => "many_dark",
        }
    }
}

/// Those that last as long as what they are about; the others end by themselves, or with a new machine.
const LASTING: [Cause; 4] = [
    Cause::Pings,
    Cause::Witnesses,
    Cause::Gateway,
    Cause::ManyDark,
];

/// One reason for doubt.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Doubt {
    /// What kind.
    pub cause: Cause,
    /// In words.
    pub why: String,
    /// Since when.
    pub since: Moment,
}

/// A named person's word that the monitor is well in spite of these doubts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WellWord {
    /// Who, in spite of what, and until when it counts.
    pub word: PersonsWord,
    /// What they knew of: a doubt of another kind holds everything again.
    pub causes: Vec<Cause>,
    /// One that was remembered waits so long for the doubts that it covers.
    awaits: Moment,
}

/// What the machine knows about its own host.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Host {
    /// When each witness answered last.
    pub witnesses: Vec<Option<Moment>>,
    /// Since when witnesses can be heard: the machine began, or clusterd stood still until then.
    hears_since: Moment,
    /// By how much the wall clock was set since the machine began, milliseconds.
    pub jumped: i64,
    journal: Option<String>,
    ping_trouble: bool,
    gateway_silent: bool,
    many_dark: Option<(u32, u32, CommonPath)>,
    /// Doubts that end by themselves, and when.
    passing: Vec<(Cause, String, Moment)>,
    /// What stands against the monitor now.
    pub doubts: Vec<Doubt>,
    /// Who says that it is well all the same.
    pub word: Option<Box<WellWord>>,
    /// Why takeovers are held: the doubts that nobody's word covers.
    pub impaired: Option<String>,
}

impl Host {
    pub(super) fn new(witnesses: usize, began: Moment) -> Host {
        Host {
            witnesses: vec![None; witnesses],
            hears_since: began,
            jumped: 0,
            journal: None,
            ping_trouble: false,
            gateway_silent: false,
            many_dark: None,
            passing: Vec::new(),
            doubts: Vec::new(),
            word: None,
            impaired: None,
        }
    }

    /// Everything that stands against the monitor at `now`.
    fn present(&self, now: Moment) -> Vec<(Cause, String)> {
        let mut present = Vec::new();
        if let Some(why) = &self.journal
            && Guard::DoubtJournal.stands()
        {
            let why = format!("the journal cannot be written: {why}");
            present.push((Cause::Journal, why));
        }
        let passing = self.passing.iter().filter(|(.., end)| now < *end);
        present.extend(passing.map(|(cause, why, _)| (*cause, why.clone())));
        if self.ping_trouble && Guard::DoubtPings.stands() {
            let why = "pings cannot be sent from this host".to_owned();
            present.push((Cause::Pings, why));
        }
        let after = match Guard::DoubtWitnessTime.stands() {
            true => WITNESS_SILENCE,
            false => Duration::ZERO,
        };
        let silent = |seen: &Option<Moment>| now.since(self.unheard_since(*seen)) > after;
        if self.witnesses.is_empty() || Guard::DoubtGatewayAlone.gone() {
            if self.gateway_silent && Guard::DoubtGateway.stands() {
                let why = "this host's own gateway does not answer any more: the fault may be on this side";
                present.push((Cause::Gateway, why.to_owned()));
            }
        } else if self.witnesses.iter().all(silent) && Guard::DoubtWitnesses.stands() {
            let why = "no witness answers: the fault may be on this side".to_owned();
            present.push((Cause::Witnesses, why));
        }
        if let Some((dark, of, path)) = self.many_dark
            && Guard::DoubtManyDark.stands()
        {
            let path = path.words();
            let why = format!("{dark} of {of} clusters went dark at once, and {path}");
            present.push((Cause::ManyDark, why));
        }
        present
    }

    /// clusterd stood still until now: nobody could be heard meanwhile, and so no witness was silent. What a
    /// witness vouched for is no newer by that.
    pub(super) fn stood_still(&mut self, now: Moment) {
        self.hears_since = now;
    }

    /// Since when a witness that answered then is silent.
    fn unheard_since(&self, seen: Option<Moment>) -> Moment {
        seen.map_or(self.hears_since, |at| at.max(self.hears_since))
    }

    /// A doubt that ends by itself; a new one of its kind begins its time again.
    fn doubt(&mut self, cause: Cause, why: String, now: Moment) {
        self.passing.retain(|(known, ..)| *known != cause);
        let counts = match cause {
            Cause::Drops => Guard::DoubtDrops.stands(),
            Cause::Clock => Guard::DoubtClock.stands(),
            _ => Guard::DoubtStandstill.stands(),
        };
        if counts {
            self.passing.push((cause, why, now + DOUBT));
        }
    }

    /// When time alone changes a doubt.
    pub(super) fn timeout(&self, now: Moment) -> Option<Moment> {
        let passing = self.passing.iter().map(|(.., end)| *end);
        let word = self.word.iter().map(|word| word.word.until);
        let awaits = self.word.iter().map(|word| word.awaits);
        let word = word.chain(awaits.filter(|at| *at > now));
        let seen = self.witnesses.iter().map(|seen| self.unheard_since(*seen));
        let silent = seen.map(|at| at + WITNESS_SILENCE + Duration::from_millis(1));
        let silent = silent.filter(|at| *at > now);
        passing.chain(word).chain(silent).min()
    }
}

impl CommonPath {
    fn words(self) -> &'static str {
        match self {
            CommonPath::Asked => "the common path is being asked",
            CommonPath::Silent => "the common path (gateway, witnesses) does not answer either",
            CommonPath::Unknown => {
                "there is no gateway or witness that could vouch for the common path"
            }
        }
    }
}

impl Machine {
    /// The journal failed, or is well again.
    pub(super) fn journal_is(&mut self, trouble: Option<String>) {
        if let Some(why) = &trouble {
            self.event(Event::JournalFailed { why: why.clone() });
        }
        self.host.journal = trouble;
    }

    pub(super) fn host_fact(&mut self, fact: HostFact) {
        let now = self.now;
        match fact {
            HostFact::SocketDrops(count) => {
                let why = format!("{count} ping replies were lost in our own socket");
                self.host.doubt(Cause::Drops, why, now);
            }
            HostFact::ClockJump { millis } => {
                let way = if millis < 0 { "back" } else { "ahead" };
                let by = Span(Duration::from_millis(millis.unsigned_abs()));
                let why = format!("the clock of this host jumped {way} by {by}");
                self.host.doubt(Cause::Clock, why, now);
                self.clock_jumped(millis);
            }
            HostFact::Standstill { millis, counted } => {
                let span = Span(Duration::from_millis(millis));
                let why = format!("clusterd stood still for {span}");
                self.host.doubt(Cause::Standstill, why.clone(), now);
                self.slept(Duration::from_millis(millis.saturating_sub(counted)));
                self.stood_still(Duration::from_millis(counted), &why);
            }
            HostFact::PingsLate { millis } => {
                let late = Span(Duration::from_millis(millis));
                let why = format!(
                    "pings left {late} late: clusterd stood still, or its host is overloaded"
                );
                let known = |(cause, ..): &(Cause, String, Moment)| *cause == Cause::Standstill;
                if !self.host.passing.iter().any(known) {
                    self.host.doubt(Cause::Standstill, why, now);
                }
            }
            HostFact::PingTrouble => self.host.ping_trouble = true,
            HostFact::PingWell => self.host.ping_trouble = false,
            HostFact::GatewaySilent => self.host.gateway_silent = true,
            HostFact::GatewayAnswers => self.host.gateway_silent = false,
            HostFact::ManyDark { dark, of, path } => self.host.many_dark = Some((dark, of, path)),
            HostFact::FewDark => self.host.many_dark = None,
        }
    }

    /// Looks through all that stands against the monitor, and says what has changed.
    pub(super) fn judge_host(&mut self) {
        let now = self.now;
        self.host.passing.retain(|(.., end)| now < *end);
        let before = std::mem::take(&mut self.host.doubts);
        let since = |cause: Cause| before.iter().find(|d| d.cause == cause).map(|d| d.since);
        let present = self.host.present(now).into_iter();
        let doubts = present.map(|(cause, why)| Doubt {
            cause,
            why,
            since: since(cause).unwrap_or(now),
        });
        self.host.doubts = doubts.collect();
        self.end_well_word();
        let covered = |doubt: &&Doubt| {
            let word = self.host.word.as_ref();
            let knew = |word: &WellWord| word.causes.contains(&doubt.cause);
            !word.is_some_and(|word| knew(word) || Guard::WellKnown.gone())
        };
        let held: Vec<&Doubt> = self.host.doubts.iter().filter(covered).collect();
        let whys: Vec<&str> = held.iter().map(|doubt| doubt.why.as_str()).collect();
        let why = (!whys.is_empty()).then(|| whys.join("; "));
        let shared = held.iter().all(|doubt| doubt.cause.is_of_host());
        self.say_impaired(why, shared && Guard::ImpairedShared.stands());
    }

    /// What of this host's own trouble holds takeovers here: the host tells of it for all its clusters.
    pub fn trouble_of_host(&self) -> impl Iterator<Item = &Doubt> {
        let covered = |doubt: &Doubt| {
            let word = self.host.word.as_ref();
            word.is_some_and(|word| word.causes.contains(&doubt.cause))
        };
        let doubts = self.host.doubts.iter();
        doubts.filter(move |doubt| doubt.cause.is_of_host() && !covered(doubt))
    }

    /// `shared`: the host has an alarm of its own about all of it. Two hundred clusters that say the same
    /// wake nobody faster than one host.
    fn say_impaired(&mut self, why: Option<String>, shared: bool) {
        if why == self.host.impaired {
            return;
        }
        let (severity, see) = match shared {
            true => (
                Severity::Warning,
                "; it is this host's trouble, see the alarms of @host",
            ),
            false => (Severity::Critical, ""),
        };
        let was = std::mem::replace(&mut self.host.impaired, why.clone());
        for package in 0..self.packages.len() {
            match &why {
                Some(why) => self.alarm(
                    package,
                    severity,
                    alarm_code::IMPAIRED,
                    format!("monitor impaired: {why}; every takeover is held{see}"),
                ),
                None => self.clear(package, alarm_code::IMPAIRED),
            }
        }
        match (why, &self.host.word) {
            (Some(why), _) => self.event(Event::Impaired { why }),
            (None, None) if was.is_some() => {
                self.event(Event::Well);
                self.look_again();
            }
            (None, Some(word)) if was.is_some() => {
                let who = word.word.who.clone();
                let why = was.unwrap_or_default();
                self.event(Event::Overruled { who, why });
                self.look_again();
            }
            (None, _) => {}
        }
    }

    /// An operator says that the monitor is well (`confirm CLUSTER well`). The journal is not theirs
    /// to vouch for: nothing is begun before its intent is on the disk.
    pub(super) fn monitor_is_well(&mut self, who: &str) {
        let vouched = self.host.doubts.iter();
        let journal = |cause| cause == Cause::Journal && Guard::WellJournal.stands();
        let vouched = vouched.filter(|doubt| !journal(doubt.cause));
        let causes: Vec<Cause> = vouched.clone().map(|doubt| doubt.cause).collect();
        let whys: Vec<&str> = vouched.map(|doubt| doubt.why.as_str()).collect();
        let whys = whys.join("; ");
        if causes.is_empty() {
            let text = match self.host.doubts.first() {
                None => "the monitor is not in doubt about itself: nothing is done".to_owned(),
                Some(doubt) => format!(
                    "nobody can vouch for the journal ({}): mend it; until then takeovers are held",
                    doubt.why
                ),
            };
            for p in 0..self.packages.len() {
                let package = self.setup.packages[p].name.to_string();
                let text = text.clone();
                self.event(Event::Unheard { package, text });
            }
            return;
        }
        let life = Span(WELL_LIFE);
        let text = format!("{who} says that the monitor is well, for {life}, in spite of: {whys}");
        let (now, wall) = (self.now, self.wall_now());
        let said = (who.to_owned(), whys);
        self.host.word = Some(Box::new(WellWord {
            word: PersonsWord::given(said, wall, WELL_LIFE, (now, WELL_LIFE)),
            causes,
            awaits: now,
        }));
        // With the word in force: the memory beside the entry has it.
        self.journal(EntryKind::Word, None, text);
        self.say_overruled();
    }

    /// The standing alarm of a word that the monitor is well.
    fn say_overruled(&mut self) {
        let Some(word) = self.host.word.as_ref().map(|word| &word.word) else {
            return;
        };
        let text = format!(
            "{} says that the monitor is well, for {}; takeovers are not held in spite of: {}",
            word.who,
            word.left(self.now),
            word.reason
        );
        for package in 0..self.packages.len() {
            self.alarm(
                package,
                Severity::Warning,
                alarm_code::OVERRULED,
                text.clone(),
            );
        }
    }

    /// A word that the monitor is well ends with its time, and with the last doubt it covers.
    fn end_well_word(&mut self) {
        let Some(word) = self.host.word.as_deref() else {
            return;
        };
        let covers = |doubt: &Doubt| word.causes.contains(&doubt.cause);
        let late = self.now >= word.word.until && Guard::WellLife.stands();
        let none = !self.host.doubts.iter().any(covers) && Guard::WellPast.stands();
        let past = none && self.now >= word.awaits;
        if late || past {
            let why = if late { "its time" } else { "what it is about" };
            let text = format!(
                "the word of {} that the monitor is well ends: {why} is over",
                word.word.who
            );
            self.host.word = None;
            self.clear_overruled();
            // A machine that begins later must not go by a word that has ended.
            self.journal(EntryKind::Result, None, text);
        }
    }

    fn clear_overruled(&mut self) {
        for package in 0..self.packages.len() {
            self.clear(package, alarm_code::OVERRULED);
        }
    }

    /// What is to be remembered of a word that the monitor is well. Doubts that end by themselves are no
    /// part of it: a later one of their kind is another one.
    pub(super) fn remembered_well(&self) -> Option<WellMemory> {
        let word = self.host.word.as_deref()?;
        let lasting = LASTING.iter().filter(|cause| word.causes.contains(cause));
        Some(WellMemory {
            word: word.word.remembered(self.now, self.wall_now()),
            causes: lasting.map(|cause| cause.word().to_owned()).collect(),
        })
    }

    /// A word that the monitor is well goes on, if it still counts, and waits for the doubts that it covers;
    /// else its alarm is over, whatever became of that word.
    pub(super) fn restore_well(&mut self, memory: &Memory) {
        let Some(known) = &memory.well else {
            return self.clear_overruled();
        };
        let now = self.now;
        let word = PersonsWord::restored(&known.word, WELL_LIFE, now, self.wall_now());
        let covered = |cause: &Cause| known.causes.iter().any(|word| word == cause.word());
        let causes: Vec<Cause> = LASTING.into_iter().filter(covered).collect();
        if now >= word.until || causes.is_empty() {
            return self.clear_overruled();
        }
        let awaits = now + BACK_AGAIN;
        self.host.word = Some(Box::new(WellWord {
            word,
            causes,
            awaits,
        }));
        self.say_overruled();
    }

    /// Whether a person vouches for this host's own side now.
    pub(super) fn vouched_for(&self) -> bool {
        self.host.word.is_some()
    }

    /// Since when the cluster is dark for this host: the address of its package does not answer,
    /// and the console of its primary has said nothing since. One that printed a panic before it fell silent
    /// has said why: the way to it was there. The host counts over all clusters.
    pub fn lost_since(&self) -> Option<Moment> {
        (0..self.packages.len())
            .filter_map(|p| self.package_lost_since(p))
            .min()
    }

    /// Whether the cluster can be dark at all: one of its packages is known, and so is where it runs. Others
    /// are none of those that were well.
    pub fn can_be_lost(&self) -> bool {
        self.packages.iter().any(Package::primary_is_known)
    }

    fn package_lost_since(&self, p: PackageId) -> Option<Moment> {
        let package = &self.packages[p];
        let missed = package.misses >= 2 || Guard::LostMisses.gone();
        let since = package.missing_since.filter(|_| missed)?;
        let primary = &self.nodes[package.primary.filter(|_| package.known)?];
        let spoke = primary.epoch().is_some() && primary.heard.is_some_and(|at| at > since);
        let panicked = primary.epoch().is_some() && primary.condition == Condition::Panicked;
        let spoke = spoke && Guard::LostSpoke.stands();
        let panicked = panicked && Guard::LostPanicked.stands();
        (!spoke && !panicked).then_some(since)
    }
}
