//! Hooks that may hold up a boot: what waits, what is made again, what is refused. That a fence never
//! waits is the type's: there is no such hook.

use std::time::Duration;

use clusterd::clock::Moment;
use clusterd::machine::Event;
use clusterd::machine::input::Verdict;
use clusterd::machine::setup::{GateHook, Gated, HookMay};
use clusterd::script::program::OperatorWord;
use clusterd::sim::World;

use crate::bench::*;

const MINUTE: Duration = Duration::from_secs(60);

fn gate(before: Gated, may: HookMay, within: Duration) -> GateHook {
    GateHook {
        hook: 0,
        before,
        may,
        within,
    }
}

/// Alpha serves, both guards are read, and this hook stands before boots.
fn with(gates: &[GateHook]) -> World {
    let bench = Bench {
        gates: gates.to_vec(),
        ..Bench::default()
    };
    bench.proven()
}

fn said(world: &World, since: Moment, what: impl Fn(&Event) -> bool) -> Vec<Moment> {
    let events = world.events().iter();
    let events = events.filter(|(at, event)| *at >= since && what(event));
    events.map(|(at, _)| *at).collect()
}

fn asked(event: &Event) -> bool {
    matches!(event, Event::HookAwaited { .. })
}

fn proved_alpha(event: &Event) -> bool {
    matches!(event, Event::Proved { node, .. } if node == "alpha")
}

fn fences_alpha(event: &Event) -> bool {
    matches!(event, Event::FenceBegan { node, .. } if node == "alpha")
}

#[test]
fn a_boot_waits_for_the_hook_and_the_fence_does_not() {
    let mut world = with(&[gate(Gated::Switchover, HookMay::Delay, MINUTE)]);
    world
        .hooks
        .push_back((Duration::from_secs(20), Verdict::GoOn));
    let since = world.now();
    panic_node(&mut world, ALPHA);
    serves(&mut world, BETA);
    let (fence, proof) = (
        said(&world, since, fences_alpha)[0],
        said(&world, since, proved_alpha)[0],
    );
    let waits = said(&world, since, asked);
    assert_eq!(waits.len(), 1, "{}", world.timeline());
    assert!(fence < proof && proof <= waits[0]);
    let typed = said(&world, since, |event| {
        matches!(event, Event::BootTyped { .. })
    });
    assert!(typed[0] >= waits[0] + Duration::from_secs(20));
    proved_before_boot(&world, ALPHA, BETA, since);
    judge(&mut world);
}

/// The proof of a firmware reset lives a minute: it is made again, the hook is not asked again, and the
/// boot follows.
#[test]
fn a_proof_that_died_while_a_hook_ran_is_made_again() {
    let mut world = with(&[gate(Gated::Boot, HookMay::Veto, 3 * MINUTE)]);
    world.hooks.push_back((2 * MINUTE, Verdict::GoOn));
    let since = world.now();
    panic_node(&mut world, ALPHA);
    serves(&mut world, BETA);
    let proofs = said(&world, since, proved_alpha);
    let waits = said(&world, since, asked);
    let typed = said(&world, since, |event| {
        matches!(event, Event::BootTyped { .. })
    });
    assert_eq!((proofs.len(), waits.len()), (2, 1), "{}", world.timeline());
    assert!(proofs[1] >= waits[0] + 2 * MINUTE, "{}", world.timeline());
    assert!(typed[0].since(proofs[1]) < MINUTE);
    let died = said(&world, since, |event| {
        matches!(event, Event::ProofDied { .. })
    });
    assert!(died[0] < proofs[1]);
    judge(&mut world);
}

/// While a boot waits, its primary comes back to life and serves: no boot.
#[test]
fn a_node_that_wakes_while_a_hook_runs_is_not_booted_beside() {
    let mut world = with(&[gate(Gated::Boot, HookMay::Delay, 3 * MINUTE)]);
    world.hooks.push_back((2 * MINUTE, Verdict::GoOn));
    let since = world.now();
    panic_node(&mut world, ALPHA);
    let waits = world.until(LONG, |w| !said(w, since, asked).is_empty());
    assert!(waits, "{}", world.timeline());
    let now = world.now();
    world.rig.operator_types(ALPHA, b"boot disk\r", now);
    world.pass(10 * MINUTE);
    judge(&mut world);
    let ours = |event: &Event| matches!(event, Event::BootTyped { node, .. } if node == "beta");
    let typed = said(&world, since, ours);
    let proofs = said(&world, now, proved_alpha);
    // Either alpha serves again, or it was proved stopped anew before beta was booted.
    assert!(
        typed.is_empty() || proofs.iter().any(|proof| *proof < typed[0]),
        "{}",
        world.timeline()
    );
}

#[test]
fn a_no_is_hold_and_release_asks_again() {
    for no in [Verdict::No, Verdict::None("it hung".to_owned())] {
        let mut world = with(&[gate(Gated::Boot, HookMay::Veto, MINUTE)]);
        world.hooks.push_back((Duration::from_secs(1), no));
        let since = world.now();
        panic_node(&mut world, ALPHA);
        alarmed(&mut world, "hold", since);
        world.pass(10 * MINUTE);
        assert_eq!(boot_commands(&world, since), 0);
        let hold = world.machine().held_for(0).unwrap_or_default().to_owned();
        assert!(hold.contains("the hook before_boot of beta says"), "{hold}");
        world.operator(OperatorWord::Release, None);
        let up = world.until(LONG, |w| w.state() == "watch" && w.machine().rests(0));
        assert!(up, "{}", world.timeline());
        assert!(said(&world, since, asked).len() >= 2);
        judge(&mut world);
    }
}

/// Exit code 2: not there. The script goes where it goes when a boot fails: the old primary is fenced
/// again and started in its place.
#[test]
fn not_here_is_a_boot_that_failed_and_the_other_node_is_tried() {
    let mut world = with(&[gate(Gated::Boot, HookMay::Veto, MINUTE)]);
    world
        .hooks
        .push_back((Duration::from_secs(1), Verdict::NotHere));
    let since = world.now();
    panic_node(&mut world, ALPHA);
    serves(&mut world, ALPHA);
    assert_eq!(boot_commands(&world, since), 1);
    assert_eq!(said(&world, since, asked).len(), 2, "{}", world.timeline());
    judge(&mut world);
}

#[test]
fn who_may_only_delay_refuses_nothing() {
    for verdict in [
        Verdict::No,
        Verdict::NotHere,
        Verdict::None("it hung".to_owned()),
    ] {
        let mut world = with(&[gate(Gated::Boot, HookMay::Delay, MINUTE)]);
        world.hooks.push_back((Duration::from_secs(5), verdict));
        panic_node(&mut world, ALPHA);
        serves(&mut world, BETA);
        judge(&mut world);
    }
}

/// Every wait has an end, also where the edge never answers.
#[test]
fn a_hook_of_which_nothing_is_heard_ends_at_its_time() {
    let forever = Duration::from_secs(1_000_000);
    let mut world = with(&[gate(Gated::Boot, HookMay::Delay, MINUTE)]);
    world.hooks.push_back((forever, Verdict::GoOn));
    let since = world.now();
    panic_node(&mut world, ALPHA);
    serves(&mut world, BETA);
    assert!(world.now().since(since) < 10 * MINUTE);

    let mut world = with(&[gate(Gated::Boot, HookMay::Veto, MINUTE)]);
    world.hooks.push_back((forever, Verdict::GoOn));
    let since = world.now();
    panic_node(&mut world, ALPHA);
    alarmed(&mut world, "hold", since);
    assert_eq!(boot_commands(&world, since), 0);
}

/// A hook before switchovers is not asked when the same node starts again; one after the other is asked.
#[test]
fn a_restart_in_place_is_no_switchover() {
    let both = [
        gate(Gated::Boot, HookMay::Delay, MINUTE),
        gate(Gated::Switchover, HookMay::Delay, MINUTE),
    ];
    let mut world = with(&both);
    let since = world.now();
    panic_node(&mut world, ALPHA);
    serves(&mut world, BETA);
    let on = |word: &'static str| move |event: &Event| matches!(event, Event::HookAwaited { on, .. } if on == word);
    assert_eq!(said(&world, since, on("before_boot")).len(), 1);
    assert_eq!(said(&world, since, on("before_switchover")).len(), 1);
}
