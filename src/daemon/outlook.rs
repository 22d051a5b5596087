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

/// The kernel's table of IPv4 routes.
const ROUTES: &str = "/proc/net/route";

/// The host's view over all its clusters.
pub(super) struct Outlook {
    asker: Asker,
    /// The keys of the witnesses' pings.
    witnesses: BTreeMap<Target, u64>,
    seen: outlook::Outlook,
}

impl Outlook {
    /// Begins to ask the gateway and these witnesses.
    pub(super) fn new(asks: &Asks, gateway: Gateway, witnesses: &BTreeSet<Target>) -> Outlook {
        let mut outlook = Outlook {
            asker: asks.asker(),
            witnesses: BTreeMap::new(),
            seen: outlook::Outlook::default(),
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
        if let Some(key) = gateway.and_then(|address| outlook.ask(Target::Icmp(address))) {
            outlook.seen.ask_gateway(key);
        }
        outlook.watch(witnesses);
        outlook
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
