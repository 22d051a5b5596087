//! What all clusters of a host have in common, as the host sees it: its gateway, all witnesses, and how
//! many clusters are dark. What comes of it is told to every cluster's machine ([`HostFact`]).
//!
//! Pure: who answered when is told to it. The daemon asks real addresses, the simulator its own.

use std::collections::BTreeMap;
use std::time::Duration;

use super::input::{CommonPath, HostFact};
use super::many_dark::{ManyDark, Path, Verdict};
use crate::clock::Moment;
use crate::mutant::Guard;

/// A gateway that has answered, and not for so long, is silent.
const SILENT: Duration = Duration::from_secs(12);

/// Whoever answered within this before the trouble began can vouch for the path.
const KNOWN: Duration = Duration::from_secs(600);

/// How long those who can vouch may take to answer.
const ANSWER: Duration = Duration::from_secs(3);

/// The host's view over all its clusters.
#[derive(Clone, Debug, Default)]
pub struct Outlook {
    /// The key of the gateway.
    gateway: Option<u64>,
    /// Who is asked, and when they answered last.
    answers: BTreeMap<u64, Option<Moment>>,
    dark: ManyDark,
}

impl Outlook {
    /// This one is asked from now on: a witness.
    pub fn ask(&mut self, key: u64) {
        self.answers.insert(key, None);
    }

    /// This one is asked from now on: the host's gateway.
    pub fn ask_gateway(&mut self, key: u64) {
        self.ask(key);
        self.gateway = Some(key);
    }

    /// This one is not asked any more.
    pub fn forget(&mut self, key: u64) {
        self.answers.remove(&key);
    }

    /// One of those who are asked has answered.
    pub fn heard(&mut self, key: u64, now: Moment) {
        if let Some(last) = self.answers.get_mut(&key) {
            *last = Some(now);
        }
    }

    /// Looks at every cluster: its name, and since when it is dark, if it is. Gives what each is to know,
    /// and what is unusual about them all.
    pub fn look(
        &mut self,
        clusters: &[(&str, Option<Moment>)],
        now: Moment,
    ) -> (HostState, Verdict) {
        let answers = &self.answers;
        let verdict = self
            .dark
            .look(now, clusters, |since| path(answers, since, now));
        let many_dark = match verdict {
            Verdict::Many { dark, of, path } => Some((number(dark), number(of), path)),
            Verdict::Few | Verdict::NotOurs { .. } => None,
        };
        let seen = self
            .gateway
            .and_then(|key| self.answers.get(&key).copied()?);
        let silent = |at| now.since(at) > SILENT || Guard::GatewayTime.gone();
        let gateway_silent = seen.map_or(Guard::GatewaySeen.gone(), silent);
        let state = HostState {
            gateway_silent,
            many_dark,
        };
        (state, verdict)
    }
}

/// What every machine of the host is to know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HostState {
    /// The host's own gateway is silent.
    pub gateway_silent: bool,
    /// So many of so many clusters are dark, and what the common path says.
    pub many_dark: Option<(u32, u32, CommonPath)>,
}

impl HostState {
    /// What a machine that knows `told` is to be told.
    pub fn news(self, told: HostState) -> Vec<HostFact> {
        let mut news = Vec::new();
        if self.gateway_silent != told.gateway_silent {
            news.push(if self.gateway_silent {
                HostFact::GatewaySilent
            } else {
                HostFact::GatewayAnswers
            });
        }
        if self.many_dark != told.many_dark {
            news.push(match self.many_dark {
                Some((dark, of, path)) => HostFact::ManyDark { dark, of, path },
                None => HostFact::FewDark,
            });
        }
        news
    }
}

/// What those who can vouch have said since `since`.
fn path(answers: &BTreeMap<u64, Option<Moment>>, since: Moment, now: Moment) -> Path {
    let known = answers.values().flatten();
    let known = known.filter(|at| **at + KNOWN >= since || Guard::VouchKnown.gone());
    let mut known: Vec<&Moment> = known.collect();
    if known.is_empty() {
        return Path::Not(CommonPath::Unknown);
    }
    if Guard::VouchAll.gone() {
        known.retain(|at| **at > since);
    }
    if known.iter().all(|at| **at > since) && !known.is_empty() {
        return Path::Answers;
    }
    Path::Not(if now.since(since) <= ANSWER {
        CommonPath::Asked
    } else {
        CommonPath::Silent
    })
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_those_who_answered_before_can_vouch() {
        let at = |seconds: u64| Moment::from_millis(seconds * 1000);
        let (since, now) = (at(1000), at(1002));
        let says = |answers: &[Option<u64>]| {
            let keyed = answers.iter().zip(0..);
            let answers = keyed.map(|(answer, key)| (key, answer.map(at))).collect();
            path(&answers, since, now)
        };
        let not = Path::Not;
        assert_eq!(says(&[]), not(CommonPath::Unknown));
        assert_eq!(says(&[None, Some(200)]), not(CommonPath::Unknown));
        assert_eq!(says(&[Some(999), None]), not(CommonPath::Asked));
        assert_eq!(says(&[Some(1001), Some(999)]), not(CommonPath::Asked));
        assert_eq!(says(&[Some(1001), None, Some(200)]), Path::Answers);
        let answers = BTreeMap::from([(1, Some(at(999)))]);
        let later = path(&answers, since, at(1004));
        assert_eq!(later, not(CommonPath::Silent));
    }

    #[test]
    fn a_machine_is_told_only_what_is_new() {
        let calm = HostState::default();
        let dark = HostState {
            gateway_silent: true,
            many_dark: Some((3, 4, CommonPath::Asked)),
        };
        assert_eq!(calm.news(calm), []);
        assert_eq!(
            calm.news(dark),
            [HostFact::GatewayAnswers, HostFact::FewDark]
        );
        assert_eq!(dark.news(calm).len(), 2);
    }
}
