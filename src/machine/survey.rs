//! Who runs, who waits (design rules 13 and 14): RETURN on every console, a nonce and the
//! Host ID at every prompt. Types nothing that changes anything.

use std::time::Duration;

use crate::clock::Moment;
use crate::machine::action::EntryKind;
use crate::machine::alarm_code;
use crate::machine::node::{Condition, Identity, Node};
use crate::machine::package::Wait;
use crate::machine::setup::{NodeId, PackageId};
use crate::machine::{Event, Machine};
use crate::mutant::Guard;
use crate::script::program::{Op, PatternId, Question, Severity};

/// RETURN is repeated after so long.
const AGAIN: Duration = Duration::from_secs(6);
/// A console that is not connected yet is waited for.
const LINK: Duration = Duration::from_secs(15);
/// A node that starts is waited for beyond the survey's own time, as long as the script waits for a login; where
/// it waits for none, up to this.
const STARTING: Duration = Duration::from_secs(1800);
/// A node that said something so recently is busy.
const BUSY: Duration = Duration::from_secs(60);

/// A survey under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Survey {
    began: Moment,
    deadline: Moment,
    looks: Vec<(NodeId, Look)>,
    /// It was said that it waits for a person.
    told: bool,
}

/// How far it is with one node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Look {
    Begin,
    Returned { at: Moment, tries: u32 },
    Live,
    Identity,
    Found(Finding),
}

/// What a node is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Finding {
    Login,
    Prompt,
    Silent,
    NoLink,
    Maintained,
    Unclear(String),
}

/// What the survey says.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    OneRuns(NodeId, &'static str),
    AllWait(NodeId, String),
    TwoLive,
    Silent,
    Unclear(String),
}

impl Survey {
    /// A survey of these nodes.
    pub fn new(nodes: &[NodeId], began: Moment, deadline: Moment) -> Survey {
        let looks = nodes.iter().map(|n| (*n, Look::Begin)).collect();
        Survey {
            began,
            deadline,
            looks,
            told: false,
        }
    }

    /// Whether it still has to hear of this node.
    pub fn lacks(&self, n: NodeId) -> bool {
        let open = |(node, look): &(NodeId, Look)| *node == n && !matches!(look, Look::Found(_));
        self.looks.iter().any(open)
    }

    /// Takes `span` out of its time.
    pub fn prolong(&mut self, span: Duration) {
        self.began = self.began + span;
        self.deadline = self.deadline + span;
        for (_, look) in &mut self.looks {
            if let Look::Returned { at, .. } = look {
                *at = *at + span;
            }
        }
    }

    /// When it wants to go on at the latest.
    pub fn timeout(&self, now: Moment) -> Moment {
        let next = self.looks.iter().filter_map(|(_, look)| match look {
            Look::Returned { at, .. } => Some(*at + AGAIN),
            // A person at its console keeps it there for longer.
            Look::Begin => Some(self.began + LINK).filter(|at| *at > now),
            _ => None,
        });
        next.min().map_or(self.deadline, |at| at.min(self.deadline))
    }
}

impl Machine {
    /// Goes on with a survey.
    pub(super) fn progress_survey(&mut self, p: PackageId, mut survey: Survey) {
        let awaited = self.awaited(p, &survey);
        let starts = self.starts_still(p, &survey) || awaited.is_some();
        let over = self.now >= survey.deadline && !starts;
        for (n, look) in &mut survey.looks {
            let patient = awaited == Some(*n);
            *look = self.look(*n, look.clone(), survey.began, (over, patient));
        }
        let found = survey
            .looks
            .iter()
            .all(|(_, look)| matches!(look, Look::Found(_)));
        let package = &self.packages[p];
        let address_known = package.misses > 0 || package.answered.is_some() || over;
        if !found || !address_known {
            if self.now >= survey.deadline {
                self.note_awaited(p, awaited);
                survey.deadline = self.now + AGAIN;
            }
            // Rule 16: it pauses visibly.
            let person = self.person_in_survey(p, &survey);
            let news = person.filter(|_| !survey.told);
            survey.told = person.is_some();
            self.packages[p].run.wait = Wait::Survey(Box::new(survey));
            if let Some(n) = news {
                self.alarm_person(p, n);
            }
            return;
        }
        let outcome = self.conclude(p, &survey);
        self.answer_survey(p, outcome);
    }

    /// The node that was given the package before clusterd was started, and was not seen to serve:
    /// it may be in the middle of a long start without a word. It has the time of its boot once
    /// more before its silence counts; a person's word ends that.
    fn awaited(&self, p: PackageId, survey: &Survey) -> Option<NodeId> {
        let package = &self.packages[p];
        let n = package.primary.filter(|n| !self.word_lives(*n))?;
        let since = package.awaited?;
        let other_runs =
            |(other, look): &(NodeId, Look)| *other != n && *look == Look::Found(Finding::Login);
        let may_start = matches!(
            self.nodes[n].condition,
            Condition::Unknown | Condition::Silent | Condition::Starting
        );
        let waits = may_start && package.adopting.is_none() && !package.confirmed;
        let in_time = self.now.since(since) < self.login_limit(p).unwrap_or_default();
        (waits && in_time && !survey.looks.iter().any(other_runs)).then_some(n)
    }

    /// How long a node that starts may take to its login prompt, by the script: its longest wait for one. One that is
    /// no longer than a node's that is busy is a question.
    fn login_limit(&self, p: PackageId) -> Option<Duration> {
        let program = &self.setup.packages[p].program;
        let login = |pattern: &PatternId| {
            let mut firmwares = program.firmwares.iter();
            firmwares.any(|firmware| firmware.login.contains(pattern))
        };
        let waits = program.ops.iter().filter_map(|op| match op {
            Op::Expect { within, arms, .. } => {
                let mut patterns = arms.iter().flat_map(|arm| &arm.patterns);
                patterns.any(login).then_some(*within)
            }
            _ => None,
        });
        waits.filter(|within| *within > BUSY).max()
    }

    fn note_awaited(&mut self, p: PackageId, awaited: Option<NodeId>) {
        let Some((n, since)) = awaited.zip(self.packages[p].awaited) else {
            return;
        };
        let limit = self.login_limit(p).unwrap_or_default();
        let left = limit.saturating_sub(self.now.since(since));
        let name = self.setup.node_name(n);
        let text = format!(
            "{name} was being booted when clusterd was started, and says nothing: it has {} more to come up before it counts as lost",
            crate::clock::Span(Duration::from_secs(left.as_secs()))
        );
        self.alarm(p, Severity::Warning, alarm_code::AWAITED, text);
    }

    /// A node that loads or boots is not hurried.
    fn starts_still(&self, p: PackageId, survey: &Survey) -> bool {
        let busy = |n: &NodeId| {
            let node = &self.nodes[*n];
            node.condition == Condition::Starting && Node::fresh(node.heard, BUSY, self.now)
        };
        let nodes = &self.setup.packages[p].nodes;
        let busy = nodes.iter().any(busy) && Guard::SurveyStarting.stands();
        busy && self.now.since(survey.began) < self.login_limit(p).unwrap_or(STARTING)
    }

    fn look(
        &mut self,
        n: NodeId,
        look: Look,
        began: Moment,
        (over, patient): (bool, bool),
    ) -> Look {
        let now = self.now;
        if self.nodes[n].epoch().is_none() && !matches!(look, Look::Found(_)) {
            let lost = over || now.since(began) >= LINK;
            return if lost {
                Look::Found(Finding::NoLink)
            } else {
                Look::Begin
            };
        }
        let kept = self.in_maintenance(n) && Guard::SurveyMaintained.stands();
        let kept = kept || self.put_out(n);
        if kept && !matches!(look, Look::Found(_)) {
            return Look::Found(Finding::Maintained);
        }
        let person = self.person_at(n) && Guard::SurveyPerson.stands();
        if person && !matches!(look, Look::Found(_)) {
            // Rule 16: it is asked from the beginning when they have left.
            return Look::Begin;
        }
        match look {
            Look::Begin => {
                self.nodes[n].identity = Identity::Unknown;
                self.type_text(n, "\r");
                Look::Returned { at: now, tries: 1 }
            }
            Look::Returned { at, tries } => self.look_returned(n, at, tries, (over, patient)),
            Look::Live => match self.nodes[n].answer.take() {
                Some(Ok(())) => {
                    self.ask_question(n, &Question::Identity, "", now + Duration::from_secs(10));
                    Look::Identity
                }
                Some(Err(_)) if Guard::SurveyLive.gone() => Look::Found(Finding::Prompt),
                Some(Err(why)) => Look::Found(Finding::Unclear(why)),
                None => Look::Live,
            },
            Look::Identity => match self.nodes[n].answer.take() {
                Some(Ok(())) => Look::Found(Finding::Prompt),
                Some(Err(_)) if Guard::SurveyIdentity.gone() => Look::Found(Finding::Prompt),
                Some(Err(why)) => Look::Found(Finding::Unclear(why)),
                None => Look::Identity,
            },
            found @ Look::Found(_) => found,
        }
    }

    fn look_returned(
        &mut self,
        n: NodeId,
        at: Moment,
        tries: u32,
        (over, patient): (bool, bool),
    ) -> Look {
        let now = self.now;
        let evidence = &self.nodes[n].evidence;
        let since = |seen: Option<Moment>| seen.is_some_and(|seen| seen >= at);
        let stale = evidence.login.is_some() && Guard::SurveyLogin.gone();
        if since(evidence.login) || stale {
            return Look::Found(Finding::Login);
        }
        if since(evidence.prompt) && self.nodes[n].condition == Condition::Prompt {
            self.ask_question(n, &Question::Live, "", now + Duration::from_secs(10));
            return Look::Live;
        }
        if now.since(at) < AGAIN {
            // At the end of its time: what was typed just now says nothing either way.
            return match over {
                true => Look::Found(Finding::Silent),
                false => Look::Returned { at, tries },
            };
        }
        let busy = self.nodes[n].condition == Condition::Starting
            && Node::fresh(self.nodes[n].heard, BUSY, now);
        if (tries >= 2 && !busy && !patient) || over {
            self.unanswered(n, at);
            return Look::Found(Finding::Silent);
        }
        self.type_text(n, "\r");
        Look::Returned {
            at: now,
            tries: tries + 1,
        }
    }

    fn conclude(&self, p: PackageId, survey: &Survey) -> Outcome {
        let package = &self.packages[p];
        let name = |n: NodeId| self.setup.node_name(n);
        let found = |n: &NodeId| {
            survey
                .looks
                .iter()
                .find(|(node, _)| node == n)
                .map(|(_, look)| look.clone())
        };
        let finding = |n: &NodeId| match found(n) {
            Some(Look::Found(finding)) => finding,
            _ => Finding::Silent,
        };
        let nodes = &self.in_service(p);
        for n in nodes {
            if let Identity::Wrong(why) = &self.nodes[*n].identity
                && Guard::SurveyWrong.stands()
            {
                return Outcome::Unclear(format!("the console of {} shows {why}", name(*n)));
            }
        }
        let logins: Vec<NodeId> = nodes
            .iter()
            .copied()
            .filter(|n| finding(n) == Finding::Login)
            .collect();
        let prompt = |n: &NodeId| finding(n) == Finding::Prompt;
        let known = package.primary.filter(|_| package.known);
        let address = package.misses == 0 && package.answered.is_some();
        match (logins.as_slice(), known) {
            ([_, _, ..], Some(_)) => Outcome::TwoLive,
            ([first, _, ..], None) if Guard::SurveyTwo.gone() => {
                Outcome::OneRuns(*first, "adopted")
            }
            ([_, _, ..], None) => Outcome::Unclear(
                "several nodes show a login prompt, and no journal says who has the package"
                    .to_owned(),
            ),
            ([runs], Some(primary)) if *runs == primary => {
                Outcome::OneRuns(*runs, "journal and console agree")
            }
            ([runs], known) => {
                let others_wait = nodes.iter().filter(|n| *n != runs).all(prompt);
                let others_wait = others_wait || Guard::SurveyMovedOthers.gone();
                let address = address || Guard::SurveyMovedAddress.gone();
                let how = if known.is_some() {
                    "moved by hand"
                } else {
                    "adopted"
                };
                match (address, others_wait) {
                    (true, true) => Outcome::OneRuns(*runs, how),
                    (false, _) => Outcome::Unclear(format!(
                        "{} shows a login prompt, but the service address does not answer",
                        name(*runs)
                    )),
                    (_, false) => Outcome::Unclear(format!(
                        "{} shows a login prompt, but not all others stand at a live prompt",
                        name(*runs)
                    )),
                }
            }
            ([], known) => self.conclude_none_runs(p, known, &finding),
        }
    }

    fn conclude_none_runs(
        &self,
        p: PackageId,
        known: Option<NodeId>,
        finding: &dyn Fn(&NodeId) -> Finding,
    ) -> Outcome {
        let package = &self.packages[p];
        let nodes = &self.in_service(p);
        let name = |n: NodeId| self.setup.node_name(n);
        let all_wait = nodes.iter().all(|n| finding(n) == Finding::Prompt);
        let waits = known.filter(|n| finding(n) == Finding::Prompt);
        if package.misses == 0 && package.answered.is_some() {
            if all_wait && Guard::SurveyAllAddress.stands() {
                return Outcome::Unclear("all nodes stand at their prompts, but the service address answers: swapped, or somebody else has it".to_owned());
            }
            if let Some(primary) = waits.filter(|_| Guard::SurveyPrimaryAddress.stands()) {
                return Outcome::Unclear(format!(
                    "{} stands at its prompt, but the service address answers: moved by hand to a node whose console is silent?",
                    name(primary)
                ));
            }
        }
        if let Some(adoption) = package.adopting {
            let first = adoption
                .primary
                .or(known)
                .or_else(|| nodes.first().copied());
            return match first {
                Some(n) if all_wait || Guard::SurveyAdoptAll.gone() => {
                    match self.may_switch_to(p, n) {
                        Err(veto) if package.known => {
                            Outcome::Unclear(format!("adopt of {} refused by {veto}", name(n)))
                        }
                        _ => Outcome::AllWait(n, "an operator said so".to_owned()),
                    }
                }
                _ => Outcome::Unclear("not all nodes stand at a live prompt".to_owned()),
            };
        }
        let known = known.or(package.primary.filter(|_| Guard::SurveyJournal.gone()));
        let Some(primary) = known else {
            let waits: Vec<String> = nodes
                .iter()
                .map(|n| format!("{}: {}", name(*n), finding(n).words()))
                .collect();
            return Outcome::Unclear(format!(
                "no journal says who has the package ({})",
                waits.join(", ")
            ));
        };
        let waits = |n: &NodeId| finding(n) == Finding::Prompt;
        let heir = package.heir.filter(waits);
        let heir = heir.filter(|_| all_wait || Guard::SurveyHeir.gone());
        let mut given_up = None;
        for (n, how) in [
            (heir, "a takeover was under way"),
            (Some(primary).filter(waits), "the journal says so"),
        ] {
            let Some(n) = n else { continue };
            match self.may_switch_to(p, n) {
                Ok(()) => {
                    return Outcome::AllWait(n, given_up.unwrap_or_else(|| how.to_owned()));
                }
                Err(veto) => given_up = Some(format!("not {}, by {veto}", name(n))),
            }
        }
        // Nobody was started since it was another one's: that one goes on.
        if let (Some(had), Some(how)) = (package.had.filter(waits), given_up) {
            return Outcome::AllWait(had, how);
        }
        match finding(&primary) {
            Finding::Prompt => Outcome::AllWait(primary, "the journal says so".to_owned()),
            Finding::Unclear(why) => Outcome::Unclear(format!("{}: {why}", name(primary))),
            Finding::NoLink if Guard::SurveyLink.stands() => {
                Outcome::Unclear(format!("the console of {} is not connected", name(primary)))
            }
            Finding::Maintained => Outcome::Unclear(format!("{} is in maintenance", name(primary))),
            Finding::Silent | Finding::Login | Finding::NoLink => Outcome::Silent,
        }
    }

    fn answer_survey(&mut self, p: PackageId, outcome: Outcome) {
        let program = self.program(p);
        let Op::Survey {
            one_runs,
            all_wait,
            two_live,
            silent,
            unclear,
            ..
        } = program.ops[self.packages[p].run.pc]
        else {
            return;
        };
        if self.packages[p].awaited.take().is_some() {
            self.clear(p, alarm_code::AWAITED);
        }
        match outcome {
            Outcome::OneRuns(n, how) => {
                let package = &mut self.packages[p];
                let over = package.end_takeover();
                package.adopting = None;
                if !self.bind(p, n, how) && over && Guard::RunsJournal.stands() {
                    // That a takeover is over must not be forgotten by a kill.
                    let name = self.setup.node_name(n);
                    let text = format!("{} runs on {name}", self.setup.packages[p].name);
                    self.journal(EntryKind::Role, Some(n), text);
                }
                self.end_siege(n, "it has the package");
                self.packages[p].confirmed = true;
                for n in self.in_service(p) {
                    self.note_unknown_guard(p, n);
                }
                self.go(p, Some(one_runs));
            }
            Outcome::AllWait(n, how) => {
                self.packages[p].will_go_to(n);
                self.bind(p, n, &how);
                let adopts = self.packages[p].adopting.take().is_some();
                if !adopts && self.waits_put_away(p) {
                    return;
                }
                if adopts {
                    self.end_held(p, "`adopt`");
                }
                self.go(p, Some(all_wait));
            }
            Outcome::TwoLive => {
                let primary = self.packages[p].primary.unwrap_or_default();
                self.bind(p, primary, "the journal says so");
                self.go(p, Some(two_live));
            }
            Outcome::Silent => {
                let primary = self.packages[p].primary.unwrap_or_default();
                self.bind(p, primary, "the journal says so");
                self.go(p, Some(silent));
            }
            Outcome::Unclear(why) => {
                self.packages[p].run.reason = why;
                self.packages[p].adopting = None;
                self.go(p, Some(unclear));
            }
        }
    }

    /// Binds the roles to nodes; says whether that is news, which the journal has then.
    fn bind(&mut self, p: PackageId, primary: NodeId, how: &str) -> bool {
        let secondary = self.next_after(p, Some(primary));
        let package = &mut self.packages[p];
        let changed = !package.known || !package.bound || package.primary != Some(primary);
        package.primary = Some(primary);
        package.secondary = secondary;
        package.known = true;
        package.bound = true;
        if !changed {
            return false;
        }
        let name = |n: Option<NodeId>| n.map_or("nobody", |n| self.setup.node_name(n)).to_owned();
        let (primary_name, secondary) = (name(Some(primary)), name(secondary));
        let text = format!("primary is {primary_name}, secondary is {secondary} ({how})");
        let package = self.setup.packages[p].name.to_string();
        self.event(Event::Roles {
            package,
            primary: primary_name,
            secondary,
            how: how.to_owned(),
        });
        self.journal(EntryKind::Role, Some(primary), text);
        true
    }

    /// Rule 5: a guard never read is an alarm, and stands in `status`.
    pub(super) fn note_unknown_guard(&mut self, p: PackageId, n: NodeId) {
        if !self.nodes[n].guard_read {
            self.packages[p].told.guard = true;
            self.tell_unknown_guards(p);
        }
    }

    /// The alarm of guards that are not known, once there was one: it ends when all are.
    pub(super) fn tell_unknown_guards(&mut self, p: PackageId) {
        if !self.packages[p].told.guard {
            return;
        }
        let nodes = self.setup.packages[p].nodes.iter();
        let unknown = nodes.filter(|n| !self.nodes[**n].guard_read);
        let names: Vec<&str> = unknown.map(|n| self.setup.node_name(*n)).collect();
        let text = match names.as_slice() {
            [] => {
                self.packages[p].told.guard = false;
                return self.clear(p, alarm_code::GUARD_UNKNOWN);
            }
            [one] => format!("the standing guard of {one} is not known"),
            several => format!(
                "the standing guards of {} are not known",
                several.join(" and ")
            ),
        };
        let text = format!("{text}: power-loss takeover is not possible until it is read back");
        self.alarm(p, Severity::Warning, alarm_code::GUARD_UNKNOWN, text);
    }
}

impl Finding {
    fn words(&self) -> &str {
        match self {
            Finding::Login => "login prompt",
            Finding::Prompt => "firmware prompt",
            Finding::Silent => "silent",
            Finding::NoLink => "console not connected",
            Finding::Maintained => "in maintenance, not asked",
            Finding::Unclear(why) => why,
        }
    }
}
