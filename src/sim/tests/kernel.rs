//! The operating system: boot, BREAK and `go`, panic, hang, freeze; and who writes to the disk.

use super::{Bench, LOGIN, STOPPED};
use crate::sim::Condition;

#[test]
fn a_boot_ends_at_the_login_prompt_with_the_address_and_the_heartbeat() {
    for mut bench in [Bench::bed(), Bench::suns()] {
        assert!(!bench.ping());
        bench.boot(0);
        assert_eq!(bench.condition(0), Condition::Running);
        assert!(bench.ping() && bench.rig.service_answers(bench.now));
        let name = bench.rig.node(0).spec().name.clone();
        let before = bench.beats(&name);
        bench.pass(1000);
        assert_eq!(bench.beats(&name), before + 10);
        assert_eq!(bench.rig.disk().boot_order(), [&name]);
        assert!(bench.say(0, "\r", 10).ends_with(LOGIN));
    }
}

#[test]
fn kernel_text_comes_behind_the_login_prompt_on_its_line() {
    let mut bench = Bench::bed();
    let shown = bench.say(0, "boot disk\r", 12_000);
    let behind = shown.split(LOGIN).nth(1).unwrap();
    assert!(
        behind.starts_with('[') && behind.contains("Link is up"),
        "{behind:?}"
    );
}

#[test]
fn break_stops_the_kernel_and_go_resumes_it_as_if_nothing_had_happened() {
    let mut bench = Bench::bed();
    bench.boot(0);
    let stopped = "\r\r\n\r\nType  'go' to resume\r\n\r\nok ";
    assert_eq!(bench.press_break(0), stopped);
    assert_eq!(bench.condition(0), STOPPED);
    let before = bench.beats("alpha");
    bench.pass(60_000);
    assert_eq!(bench.beats("alpha"), before);
    assert!(!bench.ping());
    assert_eq!(
        bench.press_break(0),
        "",
        "at the prompt a BREAK does nothing"
    );
    assert_eq!(bench.say(0, "go\r", 200), "go ");
    assert_eq!(bench.beats("alpha"), before + 2);
    assert!(bench.ping());
    assert_eq!(bench.rig.disk().violations(), 0);
}

#[test]
fn a_node_stopped_by_break_alone_that_goes_on_is_a_second_writer() {
    let mut bench = Bench::bed();
    bench.boot(0);
    bench.press_break(0);
    bench.boot(1);
    assert_eq!(bench.rig.disk().violations(), 0);
    let shown = bench.say(0, "go\r", 1000);
    assert!(
        shown.contains("DISK: second writer seen: alpha vs beta"),
        "{shown}"
    );
    assert!(bench.rig.disk().violations() > 0);
    let first = &bench.rig.disk().two_writers()[0];
    assert_eq!(
        (first.node.as_str(), first.other.as_str()),
        ("alpha", "beta")
    );
}

#[test]
fn after_a_reset_go_resumes_nothing() {
    let mut bench = Bench::bed();
    bench.boot(0);
    bench.press_break(0);
    bench.say(0, "reset-all\r", 4000);
    bench.boot(1);
    let shown = bench.say(0, "go\r", 1000);
    assert_eq!(
        shown,
        "go No valid state has been set by load or init-program\r\n\r\nok "
    );
    assert_eq!(bench.rig.disk().violations(), 0);
}

#[test]
fn a_break_is_lost_while_the_firmware_loads_and_where_it_is_disabled() {
    let mut bench = Bench::bed();
    bench.say(0, "boot disk\r", 1000);
    assert_eq!(bench.condition(0), Condition::Loading);
    assert_eq!(bench.press_break(0), "");
    bench.pass(1200);
    assert_eq!(bench.condition(0), Condition::Booting);
    bench.press_break(0);
    assert_eq!(bench.condition(0), STOPPED, "the kernel heeds it");
    bench.say(0, "go\r", 6000);
    bench.rig.node_at(0, bench.now).set_break_enabled(false);
    assert_eq!(bench.press_break(0), "");
    bench.rig.node_at(0, bench.now).set_break_enabled(true);
    bench.say(0, "stopa0\r", 10);
    assert_eq!(bench.press_break(0), "");
    bench.say(0, "stopa1\r", 10);
    bench.rig.node_at(0, bench.now).lose_breaks(2);
    assert_eq!(bench.press_break(0) + &bench.press_break(0), "");
    assert!(bench.press_break(0).ends_with("ok "));
}

#[test]
fn a_panicked_node_answers_ping_and_writes_no_more() {
    let mut bench = Bench::bed();
    bench.boot(0);
    let shown = bench.say(0, "panic\r", 10);
    assert!(
        shown.contains("panic[cpu0]/thread=") && shown.contains("Kernel panic - not syncing: ")
    );
    let before = bench.beats("alpha");
    assert_eq!(bench.say(0, "\r", 60_000), "");
    assert_eq!(
        (bench.condition(0), bench.beats("alpha")),
        (Condition::Panicked, before)
    );
    assert!(bench.ping() && !bench.rig.service_answers(bench.now));
    assert!(bench.press_break(0).ends_with("ok "));
    assert_eq!(bench.say(0, "go\r", 1000), "go ");
    assert_eq!(bench.condition(0), Condition::Panicked);
}

#[test]
fn a_hung_node_answers_nothing_but_a_break() {
    let mut bench = Bench::bed();
    bench.boot(0);
    bench.read(0);
    bench.rig.node_at(0, bench.now).hang();
    let before = bench.beats("alpha");
    assert_eq!(bench.say(0, "\r", 5000), "");
    assert!(!bench.ping());
    assert_eq!(bench.beats("alpha"), before);
    assert!(bench.press_break(0).ends_with("ok "));
    bench.say(0, "go\r", 1000);
    assert_eq!(bench.condition(0), Condition::Hung);
}

#[test]
fn a_node_with_a_hung_userland_answers_ping_and_echoes() {
    let mut bench = Bench::bed();
    bench.boot(0);
    bench.read(0);
    assert_eq!(
        bench.say(0, "hang\r", 10),
        "hang\r\nhanging: ignoring the console\r\n"
    );
    let before = bench.beats("alpha");
    assert_eq!(bench.say(0, "\r", 1000), "\r\n");
    assert!(bench.ping() && !bench.rig.service_answers(bench.now));
    assert_eq!(bench.beats("alpha"), before + 10);
}

#[test]
fn a_deaf_node_goes_on_writing() {
    let mut bench = Bench::bed();
    bench.boot(0);
    bench.read(0);
    bench.rig.node_at(0, bench.now).set_deaf(true);
    let before = bench.beats("alpha");
    assert_eq!(bench.say(0, "\r", 1000), "");
    assert_eq!(bench.press_break(0), "");
    assert_eq!(bench.beats("alpha"), before + 10);
}

#[test]
fn a_frozen_node_meets_the_breaks_sent_to_it_before_it_writes_again() {
    let mut bench = Bench::bed();
    bench.boot(0);
    bench.rig.node_at(0, bench.now).freeze(bench.now);
    assert!(!bench.ping());
    let before = bench.beats("alpha");
    bench.press_break(0);
    bench.boot(1);
    bench.rig.node_at(0, bench.now).thaw(bench.now);
    bench.pass(10_000);
    assert_eq!(
        (bench.condition(0), bench.beats("alpha")),
        (STOPPED, before)
    );
    assert_eq!(bench.rig.disk().violations(), 0);
}

#[test]
fn a_frozen_node_without_a_break_is_a_second_writer_when_it_thaws() {
    let mut bench = Bench::bed();
    bench.boot(0);
    bench.rig.node_at(0, bench.now).freeze(bench.now);
    bench.boot(1);
    bench.rig.node_at(0, bench.now).thaw(bench.now);
    bench.pass(500);
    assert!(bench.rig.disk().violations() > 0);
}
