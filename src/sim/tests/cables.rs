//! The bench: ports, cables, noise, and the same bytes every time.

use std::time::Duration;

use super::{Bench, LOGIN};
use crate::sim::{ConsoleLink, Flavour, NodeSpec};

#[test]
fn cables_and_ports_can_be_cut_and_crossed() {
    let mut bench = Bench::bed();
    bench.boot(0);
    bench.rig.node_at(0, bench.now).set_service_cable(false);
    assert!(!bench.ping());
    bench.rig.node_at(0, bench.now).set_service_cable(true);
    bench.rig.set_service_cable(false, bench.now);
    assert!(!bench.ping() && !bench.rig.witness_answers());
    bench.rig.set_service_cable(true, bench.now);
    bench.rig.node_at(0, bench.now).set_address(false);
    assert!(!bench.ping());
    bench.rig.node_at(0, bench.now).set_address(true);
    assert!(bench.ping());

    bench.read(0);
    bench.rig.set_link(0, ConsoleLink::Hung, bench.now);
    assert!(bench.rig.link_up(0));
    assert_eq!(bench.say(0, "\r", 10), "");
    bench.rig.set_link(0, ConsoleLink::Refused, bench.now);
    assert!(!bench.rig.link_up(0));
    bench.rig.set_link(0, ConsoleLink::Up, bench.now);
    bench.rig.swap_cables(0, 1, bench.now);
    assert_eq!(bench.say(0, "\r", 10), " \r\nok ");
    assert!(bench.say(1, "\r", 10).ends_with(LOGIN));
    bench.rig.set_console_cable(false, bench.now);
    assert!(!bench.rig.link_up(0) && !bench.rig.link_up(1));
    assert_eq!(bench.say(1, "\r", 10), "");
}

#[test]
fn noise_on_a_line_spoils_some_bytes_and_the_same_ones_each_time() {
    let run = |per_thousand| {
        let mut bench = Bench::bed();
        bench.rig.set_noise(0, per_thousand, bench.now);
        bench.rig.type_to(0, b"banner\r", bench.now);
        bench.rig.read(0)
    };
    let (clean, noisy) = (run(0), run(50));
    let wrong = clean.iter().zip(&noisy).filter(|(a, b)| a != b).count();
    assert!(
        (1..clean.len() / 5).contains(&wrong),
        "{wrong} of {}",
        clean.len()
    );
    assert_eq!(run(50), noisy);
}

#[test]
fn a_stray_break_reaches_every_node_and_is_nobodys_in_the_transcript() {
    let mut bench = Bench::bed();
    bench.boot(0);
    bench.read(0);
    let since = bench.now;
    bench.rig.break_everything(bench.now);
    assert!(bench.read(0).contains("Type  'go' to resume"));
    assert_eq!(bench.read(1), "");
    assert_eq!(bench.rig.transcript(0).breaks(since), 0);
    bench.say(0, "go\r", 10);
    bench.press_break(0);
    assert_eq!(bench.rig.transcript(0).breaks(since), 1);
    assert_eq!(bench.rig.transcript(0).typed(since), "go\r");
    assert!(bench.rig.transcript(0).output(since).ends_with("ok "));
}

#[test]
fn both_booted_at_once_are_two_writers() {
    let mut bench = Bench::bed();
    bench.rig.type_to(0, b"boot disk\r", bench.now);
    bench.rig.type_to(1, b"boot disk\r", bench.now);
    bench.pass(8000);
    assert!(bench.rig.disk().violations() > 2);
}

#[test]
fn the_same_calls_give_the_same_bytes_whatever_the_steps_between() {
    let spec = NodeSpec {
        chatter: Some(Duration::from_millis(700)),
        ..NodeSpec::openbios("alpha", 0x8077_0001)
    };
    let run = |step: u64| {
        let mut bench = Bench::new([spec.clone(), NodeSpec::sun("beta", 0x8323_4568)]);
        bench.rig.type_to(0, b"boot disk\r", bench.now);
        for _ in 0..60_000 / step {
            bench.pass(step);
        }
        (bench.read(0), bench.rig.disk().clone())
    };
    let (text, disk) = run(10);
    assert!(text.matches('[').count() > 60, "{text}");
    assert_eq!(run(1000), (text, disk));
}

#[test]
fn flood_prints_what_looks_like_prompts_and_panics() {
    let mut bench = Bench::bed();
    bench.boot(0);
    let shown = bench.say(0, "flood 20\r", 10);
    assert!(shown.len() > 20 * 1024 && shown.ends_with(LOGIN));
    for odd in [
        "\r\nok\r\n",
        "\r\nok \r\n",
        "panic in the sky",
        "\r\nlogin:\r\n",
    ] {
        assert!(shown.contains(odd), "{odd:?}");
    }
    assert_eq!(bench.rig.node(0).spec().flavour, Flavour::OpenBios);
}
