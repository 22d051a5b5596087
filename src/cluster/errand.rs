//! What takes its time: probes, commands, power legs. Each ends as one input of the machine.

use std::future::poll_fn;
use std::net::IpAddr;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::asks::{Asker, Asks};
use crate::exec::{self, Outcome, PowerLeg, Switches};
use crate::machine::Input;
use crate::machine::action::PowerOrder;
use crate::machine::input::{PowerState, Ticket};
use crate::probe::Target;

/// Output of a script's command that is kept for the log, in bytes.
const OUTPUT: usize = 4096;

/// How often a power leg is asked whether it is off yet.
const ASKED_EVERY: Duration = Duration::from_secs(1);

/// How often an order is given that is not taken.
const ORDERED_AT_MOST: usize = 3;

/// An address to probe.
#[derive(Clone, Debug)]
pub(super) enum Place {
    /// Known.
    Target(Target),
    /// A host's name or address, to be pinged.
    Host(String),
    /// `host:port`.
    Port(String),
}

/// The errands that are under way; they end with their task.
#[derive(Debug, Default)]
pub(super) struct Errands {
    running: JoinSet<Input>,
    switches: Arc<Switches>,
}

impl Errands {
    /// None yet; whoever asks these switches stands back from them.
    pub(super) fn at(switches: &Arc<Switches>) -> Errands {
        Errands {
            running: JoinSet::new(),
            switches: Arc::clone(switches),
        }
    }

    /// Whether none is under way.
    pub(super) fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    /// The next errand that is done. It is cancel safe.
    pub(super) fn next(&mut self) -> impl Future<Output = Input> {
        // A poll, for every cluster's task keeps room for what it waits with.
        poll_fn(|context| {
            loop {
                match ready!(self.running.poll_join_next(context)) {
                    Some(Ok(input)) => return Poll::Ready(input),
                    Some(Err(err)) => tracing::error!("an errand failed: {err}"),
                    // None is under way: whoever starts one does not wait here.
                    None => return Poll::Pending,
                }
            }
        })
    }

    pub(super) fn probe(&mut self, asks: &Asks, ticket: Ticket, place: Place, within: Duration) {
        let asker = asks.asker();
        self.running.spawn(async move {
            let answered = match probe(asker, place, within).await {
                Ok(answered) => answered,
                Err(why) => {
                    tracing::warn!("a probe could not be made: {why}");
                    false
                }
            };
            Input::ProbeDone { ticket, answered }
        });
    }

    pub(super) fn run(&mut self, ticket: Ticket, argv: Vec<String>, within: Duration) {
        self.running.spawn(async move {
            let done = exec::run(&argv, &[], within, OUTPUT).await;
            let program = argv.first().map_or("", String::as_str);
            tracing::info!("{program}: {} after {:?}", done.outcome, done.took);
            let code = match done.outcome {
                Outcome::Exited(code) => Ok(code),
                other => Err(other.to_string()),
            };
            Input::RunDone { ticket, code }
        });
    }

    pub(super) fn power(
        &mut self,
        ticket: Ticket,
        legs: Vec<PowerLeg>,
        order: PowerOrder,
        within: Duration,
    ) {
        let held = self.switches.hold(&legs);
        self.running.spawn(async move {
            let end = Instant::now() + within;
            let mut asked = JoinSet::new();
            for (index, leg) in legs.iter().cloned().enumerate() {
                asked.spawn(async move {
                    let state = power(&leg, order, end).await;
                    tracing::info!("power leg {leg}, {order:?}: {state:?}");
                    (index, state)
                });
            }
            let silent = || PowerState::Unknown("it could not be asked".to_owned());
            let mut states: Vec<PowerState> = legs.iter().map(|_| silent()).collect();
            while let Some(done) = asked.join_next().await {
                if let Ok((index, state)) = done {
                    states[index] = state;
                }
            }
            drop(held);
            Input::PowerDone {
                ticket,
                legs: states,
            }
        });
    }
}

async fn probe(asker: Asker, place: Place, within: Duration) -> Result<bool, String> {
    let target = match place {
        Place::Target(target) => target,
        Place::Host(host) => Target::Icmp(address(&host, within).await?),
        Place::Port(port) => {
            let found = timeout(within, tokio::net::lookup_host(&port)).await;
            let mut found = found
                .map_err(|_| format!("no address for {port} in time"))?
                .map_err(|err| format!("no address for {port}: {err}"))?;
            Target::Tcp(
                found
                    .next()
                    .ok_or_else(|| format!("no address for {port}"))?,
            )
        }
    };
    asker.once(target, within).await
}

async fn address(host: &str, within: Duration) -> Result<IpAddr, String> {
    if let Ok(address) = host.parse() {
        return Ok(address);
    }
    let found = timeout(within, tokio::net::lookup_host((host, 0))).await;
    let mut found = found
        .map_err(|_| format!("no address for {host} in time"))?
        .map_err(|err| format!("no address for {host}: {err}"))?;
    let first = found
        .next()
        .ok_or_else(|| format!("no address for {host}"))?;
    Ok(first.ip())
}

/// Orders a leg off and asks it until it is off, or only asks it. An order that was not taken
/// makes no proof, whatever the leg says afterwards.
async fn power(leg: &PowerLeg, order: PowerOrder, end: Instant) -> PowerState {
    if order == PowerOrder::Off
        && let Err(why) = order_off(leg, end).await
    {
        return PowerState::Unknown(why);
    }
    loop {
        let state = match timeout_at(end, leg.status()).await {
            Ok(exec::PowerState::On) => PowerState::On,
            Ok(exec::PowerState::Off) => PowerState::Off,
            Ok(exec::PowerState::Unknown(why)) => PowerState::Unknown(why),
            Err(_) => return PowerState::Unknown("it was not asked in time".to_owned()),
        };
        let again = order == PowerOrder::Off && state != PowerState::Off;
        if !again || Instant::now() + ASKED_EVERY >= end {
            return state;
        }
        sleep(ASKED_EVERY).await;
    }
}

/// Somebody else may be logged in at the device just now, or a datagram be lost.
async fn order_off(leg: &PowerLeg, end: Instant) -> Result<(), String> {
    let mut tries = 0;
    loop {
        tries += 1;
        match timeout_at(end, leg.order(exec::PowerOrder::Off)).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(failed)) if tries == ORDERED_AT_MOST || Instant::now() + ASKED_EVERY >= end => {
                return Err(failed.to_string());
            }
            Ok(Err(failed)) => tracing::warn!("power leg {leg}: {failed}; once more"),
            Err(_) => return Err("the order to switch off took too long".to_owned()),
        }
        sleep(ASKED_EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::CommandLeg;

    fn sh(script: &str) -> Vec<String> {
        ["sh", "-c", script].map(str::to_owned).to_vec()
    }

    fn leg(off: &str, status: &str) -> PowerLeg {
        PowerLeg::Command(CommandLeg {
            off: sh(off),
            on: None,
            status: sh(status),
            within: Duration::from_secs(5),
        })
    }

    async fn off(legs: Vec<PowerLeg>) -> Vec<PowerState> {
        let mut errands = Errands::default();
        errands.power(7, legs, PowerOrder::Off, Duration::from_secs(20));
        match errands.next().await {
            Input::PowerDone { ticket: 7, legs } => legs,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn a_leg_is_asked_until_it_is_off() {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().display();
        // The outlet is slow: it says on once after it took the order.
        let slow = leg(
            &format!("touch {at}/ordered"),
            &format!("if test -e {at}/asked; then echo off; else touch {at}/asked; echo on; fi"),
        );
        let states = off(vec![slow, leg("true", "echo OFF")]).await;
        assert_eq!(states, [PowerState::Off, PowerState::Off]);
        assert!(dir.path().join("ordered").exists());
    }

    #[tokio::test]
    async fn an_order_that_was_not_taken_is_no_proof() {
        let states = off(vec![leg("exit 3", "echo off")]).await;
        assert!(matches!(&states[..], [PowerState::Unknown(why)] if why.contains("exit code 3")));
    }

    #[tokio::test]
    async fn an_order_is_given_again_if_it_was_not_taken() {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().display();
        let busy =
            format!("test -e {at}/free || {{ touch {at}/free; exit 1; }}; touch {at}/ordered");
        let states = off(vec![leg(
            &busy,
            &format!("test -e {at}/ordered && echo off"),
        )])
        .await;
        assert_eq!(states, [PowerState::Off]);
    }

    #[tokio::test]
    async fn success_without_an_off_is_no_proof() {
        let mut errands = Errands::default();
        let lies = vec![leg("echo Success", "echo on"), leg("true", "echo off")];
        errands.power(7, lies, PowerOrder::Off, Duration::from_secs(3));
        let legs = vec![PowerState::On, PowerState::Off];
        assert_eq!(errands.next().await, Input::PowerDone { ticket: 7, legs });
    }

    #[tokio::test]
    async fn a_command_ends_with_its_code() {
        let mut errands = Errands::default();
        errands.run(1, sh("exit 4"), Duration::from_secs(5));
        assert_eq!(
            errands.next().await,
            Input::RunDone {
                ticket: 1,
                code: Ok(4)
            }
        );
        errands.run(2, vec!["/no/such".to_owned()], Duration::from_secs(5));
        assert!(matches!(
            errands.next().await,
            Input::RunDone {
                ticket: 2,
                code: Err(_)
            }
        ));
    }
}
