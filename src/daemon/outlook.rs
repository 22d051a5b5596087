//! What all clusters have in common, as this host sees it: its gateway, all witnesses, and how many
//! clusters are dark. What comes of it is told to every cluster's machine ([`HostFact`]).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use super::many_dark::{ManyDark, Path, Verdict};
use super::ward::Ward;
use crate::alarm::{Alarms, Subject};
use crate::clock::Moment;
use crate::cluster::{Asker, Asks, Told};
use crate::config::Gateway;
use crate::machine::input::{CommonPath, HostFact};
use crate::probe::Target;
use crate::script::program::Severity;

/// How often the common path is asked.
const EVERY: Duration = Duration::from_secs(1);

/// A gateway that has answered, and not for so long, is silent.
const SILENT: Duration = Duration::from_secs(12);

/// Whoever answered within this before the trouble began can vouch for the path.
const KNOWN: Duration = Duration::from_secs(600);

/// How long those who can vouch may take to answer.
const ANSWER: Duration = Duration::from_secs(3);

/// The kernel's table of IPv4 routes.
const ROUTES: &str = "/proc/net/route";

/// The host's view over all its clusters.
pub(super) struct Outlook {
    asker: Asker,
    /// The key of the gateway's pings.
    gateway: Option<u64>,
    /// Who is asked, and when they answered last.
    answers: BTreeMap<u64, Option<Moment>>,
    /// The keys of the witnesses' pings.
    witnesses: BTreeMap<Target, u64>,
    dark: ManyDark,
}

/// What every machine of the host is to know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct HostState {
    pub gateway_silent: bool,
    pub many_dark: Option<(u32, u32, CommonPath)>,
}

impl HostState {
    /// What a machine that knows `told` is to be told.
    pub(super) fn news(self, told: HostState) -> Vec<HostFact> {
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

impl Outlook {
    /// Begins to ask the gateway and these witnesses.
    pub(super) fn new(asks: &Asks, gateway: Gateway, witnesses: &BTreeSet<Target>) -> Outlook {
        let mut outlook = Outlook {
            asker: asks.asker(),
            gateway: None,
            answers: BTreeMap::new(),
            witnesses: BTreeMap::new(),
            dark: ManyDark::default(),
        };
        let gateway = match gateway {
            Gateway::None => None,
            Gateway::At(address) => Some(address),
            Gateway::Auto => default_gateway().map(IpAddr::V4),
        };
        match gateway {
            Some(address) => tracing::info!("the gateway of this host is {address}"),
            None => tracing::info!("no gateway of this host is watched"),
        }
        outlook.gateway = gateway.and_then(|address| outlook.ask(Target::Icmp(address)));
        outlook.watch(witnesses);
        outlook
    }

    /// From now on these witnesses are asked; what those that stay have said still counts.
    pub(super) fn watch(&mut self, witnesses: &BTreeSet<Target>) {
        let known: BTreeSet<Target> = self.witnesses.keys().copied().collect();
        for gone in known.difference(witnesses) {
            if let Some(key) = self.witnesses.remove(gone) {
                self.asker.unwatch(key);
                self.answers.remove(&key);
            }
        }
        for new in witnesses.difference(&known) {
            if let Some(key) = self.ask(*new) {
                self.witnesses.insert(*new, key);
            }
        }
    }

    fn ask(&mut self, target: Target) -> Option<u64> {
        match self.asker.watch(target, EVERY) {
            Ok(key) => {
                self.answers.insert(key, None);
                Some(key)
            }
            Err(why) => {
                tracing::warn!("{target} cannot be asked about the common path: {why}");
                None
            }
        }
    }

    /// The next answer. It is cancel safe.
    pub(super) async fn next(&mut self) -> Told {
        self.asker.next().await
    }

    /// Keeps an answer.
    pub(super) fn heard(&mut self, told: &Told, now: Moment) {
        if let Told::Answer { key, answered } = told
            && *answered
            && let Some(last) = self.answers.get_mut(key)
        {
            *last = Some(now);
        }
    }

    /// Looks at all clusters, says what is unusual about them, and gives what each is to know.
    pub(super) fn look(
        &mut self,
        wards: &BTreeMap<String, Ward>,
        alarms: &Alarms,
        now: Moment,
    ) -> HostState {
        let answers = &self.answers;
        let clusters = wards
            .iter()
            .map(|(name, ward)| (name.as_str(), ward.dark_since()));
        let clusters: Vec<_> = clusters.collect();
        let verdict = self
            .dark
            .look(now, &clusters, |since| path(answers, since, now));
        say(verdict, alarms);
        let many_dark = match verdict {
            Verdict::Many { dark, of, path } => Some((number(dark), number(of), path)),
            Verdict::Few | Verdict::NotOurs { .. } => None,
        };
        let seen = self
            .gateway
            .and_then(|key| self.answers.get(&key).copied()?);
        HostState {
            gateway_silent: seen.is_some_and(|at| now.since(at) > SILENT),
            many_dark,
        }
    }
}

fn say(verdict: Verdict, alarms: &Alarms) {
    let text = match verdict {
        Verdict::Few => return alarms.clear(&Subject::host(), "many_dark"),
        Verdict::Many { dark, of, .. } => format!(
            "{dark} of {of} clusters went dark at once; every takeover is held until it is known that the fault is not on this side"
        ),
        Verdict::NotOurs { dark } => format!(
            "{dark} clusters are dark that went dark at once; gateway and witnesses answer, so takeovers go on"
        ),
    };
    alarms.raise(&Subject::host(), Severity::Critical, "many_dark", &text);
}

/// What those who can vouch have said since `since`.
fn path(answers: &BTreeMap<u64, Option<Moment>>, since: Moment, now: Moment) -> Path {
    let known = answers.values().flatten();
    let known = known.filter(|at| **at + KNOWN >= since);
    let mut known = known.peekable();
    if known.peek().is_none() {
        return Path::Not(CommonPath::Unknown);
    }
    if known.all(|at| *at > since) {
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

/// The gateway of the default route.
fn default_gateway() -> Option<Ipv4Addr> {
    match fs::read_to_string(ROUTES) {
        Ok(table) => gateway_of(&table),
        Err(why) => {
            tracing::warn!("cannot read {ROUTES}: {why}");
            None
        }
    }
}

/// The gateway of the default route with the least metric: `Destination` and `Mask` are zero, flag
/// `RTF_GATEWAY` (2) is set; addresses are in the byte order of the host (proc(5), `route(8)`).
fn gateway_of(table: &str) -> Option<Ipv4Addr> {
    let routes = table.lines().skip(1).filter_map(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let hex = |column: usize| u32::from_str_radix(columns.get(column)?, 16).ok();
        let metric: u32 = columns.get(6)?.parse().ok()?;
        let default = hex(1)? == 0 && hex(7)? == 0 && hex(3)? & 2 != 0;
        let gateway = Ipv4Addr::from(hex(2)?.to_ne_bytes());
        default.then_some((metric, gateway))
    });
    routes.min().map(|(_, gateway)| gateway)
}

impl std::fmt::Debug for Outlook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outlook")
            .field("dark", &self.dark)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_routes_are_read() {
        let table = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
             eth0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n\
             eth1\t00000000\t010011AC\t0003\t0\t0\t100\t00000000\t0\t0\t0\n\
             eth0\t00000000\t0101A8C0\t0003\t0\t0\t50\t00000000\t0\t0\t0\n";
        if cfg!(target_endian = "little") {
            assert_eq!(gateway_of(table), Some(Ipv4Addr::new(192, 168, 1, 1)));
        }
        assert_eq!(gateway_of("Iface\n"), None);
    }

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
