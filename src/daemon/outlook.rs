//! What all clusters have in common, as this host sees it: its gateway, all witnesses, and how many
//! clusters are dark. It asks; what comes of the answers `machine/outlook.rs` decides.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use super::ward::Ward;
use crate::alarm::{Alarms, Subject};
use crate::clock::Moment;
use crate::cluster::{Asker, Asks, Told};
use crate::config::Gateway;
use crate::machine::Cause;
use crate::machine::outlook::{self, HostState};
use crate::probe::Target;
use crate::script::program::Severity;

/// How often the common path is asked.
const EVERY: Duration = Duration::from_secs(1);

/// How often the default route is looked up.
const LOOKED_UP: Duration = Duration::from_secs(60);

/// The kernel's table of IPv4 routes.
const ROUTES: &str = "/proc/net/route";

/// The host's view over all its clusters.
pub(super) struct Outlook {
    asker: Asker,
    /// The gateway of this host, and the key of its pings.
    gateway: Option<(IpAddr, u64)>,
    /// Where the default route has led since: it takes the other one's place when it answers.
    next: Option<(IpAddr, u64)>,
    /// When the default route was looked up, where the settings want that.
    looked_up: Option<Moment>,
    /// The keys of the witnesses' pings.
    witnesses: BTreeMap<Target, u64>,
    seen: outlook::Outlook,
}

impl Outlook {
    /// Begins to ask the gateway and these witnesses.
    pub(super) fn new(
        asks: &Asks,
        gateway: Gateway,
        witnesses: &BTreeSet<Target>,
        now: Moment,
    ) -> Outlook {
        let mut outlook = Outlook {
            asker: asks.asker(),
            gateway: None,
            next: None,
            looked_up: (gateway == Gateway::Auto).then_some(now),
            witnesses: BTreeMap::new(),
            seen: outlook::Outlook::default(),
        };
        let gateway = match gateway {
            Gateway::None => None,
            Gateway::At(address) => Some(address),
            Gateway::Auto => default_gateway().map(IpAddr::V4),
        };
        match gateway {
            Some(address) => outlook.follow(address),
            None => tracing::info!("no gateway of this host is watched"),
        }
        outlook.watch(witnesses);
        outlook
    }

    /// The gateway is this one now. The first is it at once (and says something when it has answered); another one
    /// when it answers.
    fn follow(&mut self, address: IpAddr) {
        let is = |held: Option<(IpAddr, u64)>| held.is_some_and(|(held, _)| held == address);
        if is(self.next) {
            return;
        }
        if let Some((_, key)) = self.next.take() {
            self.asker.unwatch(key);
        }
        if is(self.gateway) {
            return;
        }
        let Some(key) = self.ask(Target::Icmp(address)) else {
            return;
        };
        match self.gateway {
            None => self.trust(address, key),
            Some((before, _)) => {
                tracing::info!("the default route leads to {address} now, and not to {before}");
                self.next = Some((address, key));
            }
        }
    }

    fn trust(&mut self, address: IpAddr, key: u64) {
        tracing::info!("the gateway of this host is {address}");
        if let Some((_, before)) = self.gateway.replace((address, key)) {
            self.asker.unwatch(before);
            self.seen.forget(before);
        }
        self.seen.ask_gateway(key);
    }

    /// Looks up the default route now and then. One that is gone takes no gateway away: a cable that is pulled
    /// may look like that.
    fn look_up(&mut self, now: Moment) {
        let due = |at: Moment| now.since(at) >= LOOKED_UP;
        if !self.looked_up.is_some_and(due) {
            return;
        }
        self.looked_up = Some(now);
        if let Some(address) = default_gateway() {
            self.follow(IpAddr::V4(address));
        }
    }

    /// From now on these witnesses are asked; what those that stay have said still counts.
    pub(super) fn watch(&mut self, witnesses: &BTreeSet<Target>) {
        let known: BTreeSet<Target> = self.witnesses.keys().copied().collect();
        for gone in known.difference(witnesses) {
            if let Some(key) = self.witnesses.remove(gone) {
                self.asker.unwatch(key);
                self.seen.forget(key);
            }
        }
        for new in witnesses.difference(&known) {
            if let Some(key) = self.ask(*new) {
                self.witnesses.insert(*new, key);
                self.seen.ask(key);
            }
        }
    }

    fn ask(&mut self, target: Target) -> Option<u64> {
        match self.asker.watch(target, EVERY) {
            Ok(key) => Some(key),
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
        {
            if let Some((address, _)) = self.next.take_if(|(_, next)| next == key) {
                self.trust(address, *key);
            }
            self.seen.heard(*key, now);
        }
    }

    /// Looks at all clusters that can be dark, says what is unusual about them, and gives what each is to know.
    pub(super) fn look(
        &mut self,
        wards: &BTreeMap<String, Ward>,
        alarms: &Alarms,
        now: Moment,
    ) -> HostState {
        self.look_up(now);
        let clusters = wards
            .iter()
            .filter(|(_, ward)| ward.can_be_dark())
            .map(|(name, ward)| (name.as_str(), ward.pulse.dark_since()));
        let clusters: Vec<_> = clusters.collect();
        let (state, verdict) = self.seen.look(&clusters, now);
        match verdict.text() {
            None => alarms.clear(&Subject::host(), "many_dark"),
            Some(text) => {
                alarms.raise(&Subject::host(), Severity::Critical, "many_dark", &text);
            }
        }
        tell_trouble(wards, alarms);
        state
    }
}

/// One critical alarm for trouble of this host, however many clusters it holds: each of them only warns.
/// Many dark at once have an alarm of their own.
fn tell_trouble(wards: &BTreeMap<String, Ward>, alarms: &Alarms) {
    let mut held = 0;
    let mut causes: BTreeMap<Cause, String> = BTreeMap::new();
    for ward in wards.values() {
        let mut trouble = ward.trouble();
        trouble.retain(|(cause, _)| *cause != Cause::ManyDark);
        held += usize::from(!trouble.is_empty());
        for (cause, why) in trouble {
            causes.entry(cause).or_insert(why);
        }
    }
    if causes.is_empty() {
        return alarms.clear(&Subject::host(), "impaired");
    }
    let whys: Vec<String> = causes.into_values().collect();
    let text = format!(
        "monitor impaired: {}; takeovers of {held} of {} clusters are held",
        whys.join("; "),
        wards.len(),
    );
    alarms.raise(&Subject::host(), Severity::Critical, "impaired", &text);
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
            .field("seen", &self.seen)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The default route leads elsewhere: until the other gateway answers, the first one is it, and its silence counts.
    #[tokio::test]
    async fn another_gateway_counts_when_it_answers() {
        let at = |seconds: u64| Moment::from_millis(seconds * 1000);
        let (asks, _router) = Asks::start(Duration::from_millis(500));
        let address = |last: u8| IpAddr::V4(Ipv4Addr::new(127, 0, 0, last));
        let mut outlook = Outlook::new(&asks, Gateway::At(address(1)), &BTreeSet::new(), at(0));
        let Some((_, first)) = outlook.gateway else {
            return eprintln!("skipped: this process may not ping");
        };
        let silent = |outlook: &mut Outlook, now| outlook.seen.look(&[], now).0.gateway_silent;
        let answers = |key| Told::Answer {
            key,
            answered: true,
        };
        assert!(!silent(&mut outlook, at(99)), "it has never answered");
        outlook.heard(&answers(first), at(100));
        outlook.follow(address(2));
        let (_, second) = outlook.next.expect("the other one is asked");
        assert!(silent(&mut outlook, at(113)), "the first one counts");
        outlook.follow(address(1));
        assert_eq!(outlook.next, None, "the route leads back");
        outlook.heard(&answers(second), at(114));
        assert!(silent(&mut outlook, at(114)), "nobody asks that one now");

        outlook.follow(address(2));
        let (_, third) = outlook.next.expect("the other one is asked");
        outlook.follow(address(2));
        assert_eq!(outlook.next, Some((address(2), third)), "it is asked once");
        outlook.heard(&answers(third), at(120));
        assert_eq!(
            (outlook.gateway, outlook.next),
            (Some((address(2), third)), None)
        );
        assert!(!silent(&mut outlook, at(121)));
        outlook.heard(&answers(first), at(132));
        assert!(
            silent(&mut outlook, at(133)),
            "the first one says nothing now"
        );
    }

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
}
