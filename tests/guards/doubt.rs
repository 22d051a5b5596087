//! The monitor doubts itself, and stands still (rules 8, 9, 10): each trouble of its own is a doubt,
//! a person may say otherwise, and no time counts that nobody watched.

use std::time::Duration;

use clusterd::clock::Moment;
use clusterd::machine::input::{CommonPath, HostFact, Input};
use clusterd::machine::many_dark::Verdict;
use clusterd::machine::outlook::{HostState, Outlook};
use clusterd::script::program::OperatorWord;

use crate::desk::*;

const MANY: HostFact = HostFact::ManyDark {
    dark: 3,
    of: 4,
    path: CommonPath::Silent,
};

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn fact(d: &mut Desk, fact: HostFact) {
    d.tell(Input::Host(fact));
}

/// clusterd stood still; so much of it counts for what waits.
fn stands_still(d: &mut Desk, counted: u64) {
    let counted = counted * 1000;
    let millis = counted.max(9000);
    fact(d, HostFact::Standstill { millis, counted });
}

fn causes(d: &Desk) -> Vec<String> {
    let doubts = d.machine.snapshot(d.now).doubts;
    doubts.into_iter().map(|doubt| doubt.cause).collect()
}

fn impaired(d: &Desk) -> bool {
    d.machine.snapshot(d.now).impaired.is_some()
}

#[test]
fn each_trouble_of_this_host_is_a_doubt() {
    let standstill = HostFact::Standstill {
        millis: 9000,
        counted: 0,
    };
    for (doubt, cause) in [
        (HostFact::SocketDrops(7), "ping_drops"),
        (HostFact::ClockJump { millis: -90_000 }, "clock"),
        (standstill, "standstill"),
        (HostFact::PingsLate { millis: 8000 }, "standstill"),
        (HostFact::PingTrouble, "no_pings"),
        (MANY, "many_dark"),
    ] {
        let mut d = desk("    -> good");
        d.pass(secs(2));
        assert!(causes(&d).is_empty(), "{}", d.story());
        fact(&mut d, doubt);
        assert_eq!(causes(&d), [cause]);
        assert!(impaired(&d), "{}", d.story());
        assert!(d.alarms.contains(&"impaired".to_owned()), "{}", d.story());
        assert!(d.critical.is_empty(), "the host says so: {:?}", d.critical);
    }
}

#[test]
fn a_journal_that_cannot_be_written_is_a_doubt_for_which_nobody_can_vouch() {
    let mut d = desk("    -> good");
    let why = "disk full".to_owned();
    d.tell(Input::JournalFailed { why });
    assert_eq!(causes(&d), ["journal"]);
    d.order(OperatorWord::Well, None);
    assert!(impaired(&d), "{}", d.story());
}

#[test]
fn witnesses_say_more_than_the_gateway() {
    let mut d = desk("    -> good");
    fact(&mut d, HostFact::GatewaySilent);
    assert!(causes(&d).is_empty(), "a witness answers\n{}", d.story());
    d.witness = false;
    d.pass(secs(20));
    assert_eq!(causes(&d), ["witnesses"]);
    assert_eq!(d.critical, ["impaired"], "this cluster's own trouble");
    let plan = Plan {
        witnesses: 0,
        ..Plan::default()
    };
    let mut d = plan.ready("    -> good");
    fact(&mut d, HostFact::GatewaySilent);
    assert_eq!(causes(&d), ["gateway"]);
    fact(&mut d, HostFact::GatewayAnswers);
    assert!(causes(&d).is_empty(), "{}", d.story());
}

#[test]
fn a_word_covers_what_was_known_for_half_an_hour_and_while_it_lasts() {
    let vouched = || {
        let mut d = desk("    -> good");
        fact(&mut d, MANY);
        d.order(OperatorWord::Well, None);
        assert!(!impaired(&d), "{}", d.story());
        d
    };
    let mut d = vouched();
    fact(&mut d, HostFact::PingTrouble);
    assert!(impaired(&d), "of this they did not know\n{}", d.story());
    let mut d = vouched();
    d.pass(secs(1801));
    assert!(impaired(&d), "half an hour is over\n{}", d.story());
    let mut d = vouched();
    fact(&mut d, HostFact::FewDark);
    fact(&mut d, MANY);
    assert!(impaired(&d), "another one\n{}", d.story());
}

/// The alarm of the word has ended.
fn over(d: &Desk) -> bool {
    d.cleared.contains(&"overruled".to_owned())
}

/// A new machine begins with the word, and waits for the doubts that it covers to come back.
#[test]
fn a_word_outlives_a_reload_and_a_restart() {
    let vouched = || {
        let mut d = desk("    -> good");
        d.witness = false;
        d.pass(secs(20));
        assert!(impaired(&d), "{}", d.story());
        d.order(OperatorWord::Well, None);
        d.pass(secs(600));
        assert!(!impaired(&d), "{}", d.story());
        d.alarms.clear();
        d.cleared.clear();
        d
    };
    let begins_anew = |d: &mut Desk, away: Duration| d.restart(away, WALL_ZERO);
    let mut d = vouched();
    begins_anew(&mut d, Duration::ZERO);
    assert_eq!(d.alarms, ["overruled"], "it is said again");
    let left = |d: &Desk| d.machine.snapshot(d.now).overruled.map(|word| word.left_ms);
    assert!(
        left(&d).is_some_and(|left| left <= 1_200_000),
        "{:?}",
        left(&d)
    );
    d.pass(secs(60));
    assert_eq!(causes(&d), ["witnesses"]);
    assert!(!impaired(&d), "{}", d.story());
    d.pass(secs(1200));
    assert!(
        impaired(&d) && left(&d).is_none(),
        "its time is over\n{}",
        d.story()
    );
    assert!(over(&d), "{}", d.story());

    // What it covers does not come back: it ends.
    let mut d = vouched();
    d.witness = true;
    begins_anew(&mut d, Duration::ZERO);
    d.pass(secs(40));
    assert!(left(&d).is_none() && over(&d));
    d.witness = false;
    d.pass(secs(20));
    assert!(impaired(&d), "another one\n{}", d.story());

    // Nor does one that has ended come back.
    let mut d = vouched();
    d.witness = true;
    d.pass(secs(5));
    d.sync();
    begins_anew(&mut d, Duration::ZERO);
    d.witness = false;
    d.pass(secs(20));
    assert!(impaired(&d), "another one\n{}", d.story());

    // Its time was over before clusterd was started again: its alarm does not stay.
    let mut d = vouched();
    begins_anew(&mut d, secs(1300));
    assert!(left(&d).is_none() && over(&d), "{}", d.story());
}

/// A clock that jumps once more is another doubt: of it nobody has said anything.
#[test]
fn a_word_about_what_ends_by_itself_is_over_with_a_new_machine() {
    let mut d = desk("    -> good");
    d.doubts();
    d.order(OperatorWord::Well, None);
    assert!(!impaired(&d), "{}", d.story());
    d.sync();
    d.cleared.clear();
    d.restart(Duration::ZERO, WALL_ZERO);
    assert!(over(&d), "{}", d.story());
    d.doubts();
    assert!(impaired(&d), "{}", d.story());
}

#[test]
fn a_cluster_is_dark_when_nothing_of_its_primary_is_heard() {
    let misses = |d: &mut Desk| {
        let answered = false;
        d.tell(Input::Address {
            package: 0,
            answered,
        });
    };
    let mut d = desk("    -> good");
    misses(&mut d);
    assert_eq!(d.machine.lost_since(), None, "one ping");
    misses(&mut d);
    assert_eq!(d.machine.lost_since(), Some(d.now), "{}", d.story());
    d.address = false;
    d.pass(secs(1));
    d.says(ALPHA, "something\r\n");
    assert_eq!(d.machine.lost_since(), None, "its console speaks");
    let mut d = desk("    -> good");
    d.says(ALPHA, "\r\npanic[cpu0]/thread=1: x\r\n");
    d.address = false;
    d.pass(secs(20));
    assert_eq!(d.machine.lost_since(), None, "it said why");
}

fn at(seconds: u64) -> Moment {
    Moment::from_millis(seconds * 1000)
}

/// Clusters that are dark since these seconds, or not; what the host makes of them.
fn look(outlook: &mut Outlook, now: u64, since: &[Option<u64>]) -> (HostState, Verdict) {
    let names = ["a", "b", "c", "d", "e"];
    let named = names.iter().zip(since);
    let clusters: Vec<_> = named.map(|(n, since)| (*n, since.map(at))).collect();
    outlook.look(&clusters, at(now))
}

#[test]
fn a_gateway_is_silent_when_it_has_answered_and_does_not_for_a_while() {
    let mut outlook = Outlook::default();
    outlook.ask_gateway(1);
    assert!(
        !look(&mut outlook, 100, &[]).0.gateway_silent,
        "it never did"
    );
    outlook.heard(1, at(100));
    assert!(!look(&mut outlook, 105, &[]).0.gateway_silent);
    assert!(look(&mut outlook, 113, &[]).0.gateway_silent);
}

#[test]
fn all_who_answered_lately_vouch_for_the_path_and_nobody_else() {
    let most = [Some(1000), Some(1000), Some(1000), None];
    let mut outlook = Outlook::default();
    for key in [1, 2, 3] {
        outlook.ask(key);
    }
    outlook.heard(1, at(998));
    outlook.heard(2, at(999));
    outlook.heard(3, at(10));
    let (state, _) = look(&mut outlook, 1001, &most);
    assert_eq!(state.many_dark, Some((3, 4, CommonPath::Asked)));
    outlook.heard(1, at(1002));
    let (_, verdict) = look(&mut outlook, 1003, &most);
    assert!(matches!(verdict, Verdict::Many { .. }), "one of two");
    outlook.heard(2, at(1004));
    let (state, verdict) = look(&mut outlook, 1005, &most);
    assert_eq!(verdict, Verdict::NotOurs { dark: 3 }, "all who can");
    assert_eq!(state.many_dark, None);
    let (_, verdict) = look(&mut outlook, 1010, &most);
    assert_eq!(verdict, Verdict::NotOurs { dark: 3 }, "and it stays so");
}

#[test]
fn most_of_those_that_were_well_at_once_are_many() {
    let says = |now, since: &[Option<u64>]| look(&mut Outlook::default(), now, since).1;
    let few = Verdict::Few;
    let half = [Some(100), Some(130), None, None];
    assert_eq!(says(140, &half), few, "half of them");
    let two = [Some(100), Some(100)];
    assert_eq!(says(110, &two), few, "two clusters");
    let slowly = [Some(100), Some(200), Some(300), None, None];
    assert_eq!(says(310, &slowly), few, "one after the other");
    let old = [Some(10), Some(10), Some(300), Some(300), None];
    let most = says(310, &old);
    assert!(matches!(most, Verdict::Many { dark: 2, of: 3, .. }));
    let mut outlook = Outlook::default();
    let most = [Some(100), Some(100), Some(100), None];
    assert_ne!(look(&mut outlook, 110, &most).1, few);
    let back = [Some(100), None, None, None];
    assert_eq!(look(&mut outlook, 120, &back).1, few, "they are back");
}

#[test]
fn a_proof_does_not_outlive_a_standstill() {
    let mut d = desk(
        "
    fence secondary with openboot_reset refused -> vetoed else -> bad
    wait 50s",
    );
    d.act();
    d.reach("the proof", |d| d.proved(BETA));
    stands_still(&mut d, 9);
    assert!(!d.proved(BETA), "{}", d.story());
}

#[test]
fn a_takeover_is_broken_off_by_a_standstill() {
    let mut d = desk(
        "
    fence primary with openboot_reset refused -> vetoed else -> bad
    boot secondary with openboot_boot refused -> vetoed else -> bad
    -> good",
    );
    d.slow_entry = Some("boot it");
    d.act();
    d.reach("the intent", |d| !d.unsynced.is_empty());
    stands_still(&mut d, 9);
    d.sync();
    d.pass(secs(25));
    assert!(!d.is_in("vetoed"), "{}", d.story());
    d.pass(secs(60));
    assert!(!d.typed(BETA, "boot disk"), "{}", d.story());
}

#[test]
fn the_time_of_a_standstill_does_not_count() {
    let mut d = desk("    wait 30s\n    -> good");
    d.act();
    d.address = false;
    d.pass(secs(11));
    let lost = d.machine.lost_since().expect("two pings missed");
    stands_still(&mut d, 60);
    assert_eq!(d.machine.lost_since(), Some(lost + secs(60)));
    d.pass(secs(30));
    assert!(d.is_in("act"), "{}", d.story());
    d.pass(secs(60));
    assert!(d.is_in("good"), "{}", d.story());

    let mut d = desk(
        "
    call looks(secondary) else -> bad
    -> good
procedure looks(node) \"asks\"
    live node within 5s",
    );
    d.consoles[BETA].shows = Shows::Nothing;
    d.act();
    d.pass(secs(1));
    stands_still(&mut d, 60);
    d.pass(secs(20));
    assert!(d.is_in("act"), "{}", d.story());
}

#[test]
fn nobody_is_silent_while_clusterd_stands_still() {
    let mut d = desk("    -> good");
    d.pass(secs(30));
    d.witness = false;
    d.now = d.now + secs(60);
    stands_still(&mut d, 60);
    assert_eq!(causes(&d), ["standstill"], "{}", d.story());
    d.pass(secs(11));
    assert_eq!(causes(&d), ["standstill"], "{}", d.story());
    d.pass(secs(3));
    assert_eq!(causes(&d), ["standstill", "witnesses"], "{}", d.story());
}

#[test]
fn a_standstill_begins_the_darkness_again() {
    let mut d = desk(
        "
    fence secondary with darkness refused -> vetoed else -> bad
    -> good",
    );
    d.consoles[BETA].shows = Shows::Nothing;
    d.act();
    d.pass(secs(20));
    stands_still(&mut d, 0);
    d.pass(secs(45));
    assert!(d.is_in("act"), "{}", d.story());
    d.comes_to("good");
}

#[test]
fn the_cap_on_restarts_is_kept() {
    for (before, state) in [(vec![999_990], "vetoed"), (Vec::new(), "good")] {
        let plan = Plan {
            memory: remembered(|package, _| package.restarts.clone_from(&before)),
            shows: [Shows::Prompt, Shows::Prompt],
            address: false,
            switches: 1,
            ..Plan::default()
        };
        let mut d = plan.ready(
            "
    fence secondary with openboot_reset refused -> bad else -> bad
    boot primary with openboot_boot refused -> vetoed else -> bad
    -> good",
        );
        d.act();
        d.comes_to(state);
    }
}

#[test]
fn a_fence_does_not_go_on_while_the_monitor_doubts_itself() {
    let plan = Plan {
        legs: 1,
        ..Plan::default()
    };
    let mut d = plan.ready(
        "
    fence primary with openboot_reset, cut_power refused -> vetoed else -> bad
    -> good",
    );
    d.consoles[ALPHA].shows = Shows::Nothing;
    d.act();
    d.reach("the first BREAK", |d| d.consoles[ALPHA].breaks > 0);
    fact(&mut d, MANY);
    d.pass(secs(60));
    assert!(d.power.is_empty(), "{}", d.story());
    assert!(d.is_in("vetoed"), "{}", d.story());
}
