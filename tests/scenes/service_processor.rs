//! Consoles behind service processors: ALOM and ILOM, with the shipped scripts.

use std::time::Duration;

use clusterd::clock::Moment;
use clusterd::machine::memory::Memory;
use clusterd::machine::setup::DataPolicy;
use clusterd::sim::{
    Condition, ConsoleLink, Host, ProcessorKind, Rig, ServiceProcessor, Shutdown, World,
};

use crate::bench::*;

/// A pair of Suns with their consoles behind service processors.
#[derive(Clone, Copy)]
struct Pair {
    kind: ProcessorKind,
    host: Host,
    power_legs: usize,
    policy: DataPolicy,
}

const ALOM_SUN4U: Pair = Pair {
    kind: ProcessorKind::Alom,
    host: Host::Sun4u,
    power_legs: 0,
    policy: DataPolicy::Adaptability,
};

const ALOM_SUN4V: Pair = Pair {
    host: Host::Sun4v,
    ..ALOM_SUN4U
};

const ILOM_SUN4V: Pair = Pair {
    kind: ProcessorKind::Ilom,
    ..ALOM_SUN4V
};

const PAIRS: [Pair; 3] = [ALOM_SUN4U, ALOM_SUN4V, ILOM_SUN4V];

impl Pair {
    /// What orders a BREAK, a power-off, and the console by force.
    fn orders(&self) -> [&'static str; 3] {
        match self.kind {
            ProcessorKind::Alom => ["break -y\r", "poweroff -fy\r", "console -f\r"],
            ProcessorKind::Ilom => [
                "set /HOST send_break_action=break\r",
                "stop -script -force /SYS\r",
                "start -force -script /SP/console\r",
            ],
        }
    }

    fn bench(&self) -> Bench {
        Bench {
            script: match self.kind {
                ProcessorKind::Alom => "chat-scripts/sun-alom.chat",
                ProcessorKind::Ilom => "chat-scripts/sun-ilom.chat",
            },
            sun: true,
            power_legs: self.power_legs,
            policy: self.policy,
            ..Bench::default()
        }
    }

    fn attach(&self, rig: &mut Rig) {
        for n in [ALPHA, BETA] {
            rig.attach_processor(n, ServiceProcessor::new(self.kind, self.host));
        }
    }

    /// Alpha runs, and its guard stands as after a switchover there and back.
    fn alpha_runs(&self) -> World {
        let at = Moment::from_millis;
        let prepare = |rig: &mut Rig| {
            self.attach(rig);
            for n in [ALPHA, BETA] {
                let node = rig.node_at(n, at(5000));
                node.set_variable("boot-device", "clusterd-none");
                node.set_variable("error-reset-recovery", "none");
            }
            rig.operator_types(ALPHA, b"boot disk\r", at(5000));
            rig.advance(at(15_000));
            assert_eq!(rig.node(ALPHA).condition(), Condition::Running);
            rig.read(ALPHA);
        };
        let mut world = self.bench().world(prepare, Memory::default());
        reach(&mut world, "watch");
        world.pass(Duration::from_secs(1));
        world
    }
}

fn processor(world: &mut World, n: usize) -> &mut ServiceProcessor {
    let now = world.now();
    let processor = world.rig.processor_at(n, now);
    processor.expect("it was attached")
}

/// What was typed to a node's service processor and to the node, in its order.
#[track_caller]
fn typed_in_order(world: &World, n: usize, since: Moment, lines: &[&str]) {
    let typed = world.rig.transcript(n).typed(since);
    let mut rest = typed.as_str();
    for line in lines {
        let Some(at) = rest.find(line) else {
            panic!("{line:?} is missing in its order: {typed:?}");
        };
        rest = &rest[at + line.len()..];
    }
}

/// A hung kernel: nothing of it answers, whatever the road.
fn hang(world: &mut World, n: usize) {
    let now = world.now();
    world.rig.node_at(n, now).hang();
}

#[test]
fn sp_a_panicked_primary_is_fenced_through_its_service_processor() {
    for pair in PAIRS {
        let mut world = pair.alpha_runs();
        let since = world.now();
        panic_node(&mut world, ALPHA);
        serves(&mut world, BETA);
        proved_before_boot(&world, ALPHA, BETA, since);
        let [order, _, console] = pair.orders();
        typed_in_order(&world, ALPHA, since, &["#.", order, console]);
        assert_eq!(breaks(&world, ALPHA, since), 0, "BREAK has its own road");
        judge(&mut world);
        let_loose(&mut world);
    }
}

#[test]
fn sp_a_hung_sun4u_is_broken_through_alom_and_fenced() {
    let mut world = ALOM_SUN4U.alpha_runs();
    let since = world.now();
    hang(&mut world, ALPHA);
    serves(&mut world, BETA);
    proved_before_boot(&world, ALPHA, BETA, since);
    let typed = world.rig.transcript(ALPHA).typed(since);
    assert!(typed.contains("break -y\r"), "{typed:?}");
    assert!(!typed.contains("poweroff"), "{typed:?}");
    let_loose(&mut world);
}

#[test]
fn sp_a_sun4v_machine_is_switched_off_and_on_and_then_proved() {
    for (pair, hung) in [
        (ALOM_SUN4V, true),
        (ALOM_SUN4V, false),
        (ILOM_SUN4V, true),
        (ILOM_SUN4V, false),
    ] {
        let mut world = pair.alpha_runs();
        let since = world.now();
        if hung {
            hang(&mut world, ALPHA);
        } else {
            let node = world.rig.node_at(ALPHA, since);
            node.hang_userland();
            node.set_service_cable(false);
        }
        serves(&mut world, BETA);
        proved_before_boot(&world, ALPHA, BETA, since);
        let [order, off, console] = pair.orders();
        typed_in_order(&world, ALPHA, since, &[order, off, console]);
        let_loose(&mut world);
    }
}

#[test]
fn sp_a_person_holds_the_console_and_the_fence_takes_it() {
    for pair in PAIRS {
        let [_, _, console] = pair.orders();
        let mut world = pair.alpha_runs();
        let since = world.now();
        processor(&mut world, ALPHA).taken_by_another();
        world.pass(Duration::from_secs(300));
        hands_off(&world, since);
        alarmed(&mut world, "console_silent", since);
        let typed = world.rig.transcript(ALPHA).typed(since);
        assert!(
            !typed.contains(console),
            "nobody is thrown out while the service answers: {typed:?}"
        );
        let since = world.now();
        panic_node(&mut world, ALPHA);
        serves(&mut world, BETA);
        proved_before_boot(&world, ALPHA, BETA, since);
        typed_in_order(&world, ALPHA, since, &[console]);
        let_loose(&mut world);
    }
}

#[test]
fn sp_a_console_left_at_its_sc_is_put_back() {
    for (pair, n) in PAIRS.iter().flat_map(|pair| [(pair, ALPHA), (pair, BETA)]) {
        let mut world = pair.alpha_runs();
        let since = world.now();
        world.rig.type_to(n, b"#.", since);
        assert!(!processor(&mut world, n).at_console());
        let back = world.until(LONG, |w| {
            let now = w.now();
            w.rig.processor_at(n, now).is_some_and(|p| p.at_console())
        });
        assert!(back, "{}", world.timeline());
        world.pass(Duration::from_secs(120));
        assert_eq!(world.state(), "watch", "{}", world.timeline());
        hands_off(&world, since);
    }
}

#[test]
fn sp_the_sc_restarts_at_rest_and_in_a_takeover() {
    let waits = [0, 20_000, 44_000, 45_000, 45_400, 47_000, 49_000, 53_000];
    for (pair, wait) in PAIRS.iter().flat_map(|pair| waits.map(|wait| (pair, wait))) {
        let mut world = pair.alpha_runs();
        let since = world.now();
        if wait > 0 {
            hang(&mut world, ALPHA);
            world.pass(Duration::from_millis(wait));
        }
        let now = world.now();
        processor(&mut world, ALPHA).restart();
        world.rig.set_link(ALPHA, ConsoleLink::Refused, now);
        world.pass(Duration::from_secs(90));
        let now = world.now();
        world.rig.set_link(ALPHA, ConsoleLink::Up, now);
        if wait > 0 {
            serves(&mut world, BETA);
            judge(&mut world);
        } else {
            world.pass(Duration::from_secs(180));
            reach(&mut world, "watch");
            hands_off(&world, since);
            assert!(
                processor(&mut world, ALPHA).at_console(),
                "{}",
                world.timeline()
            );
        }
        let_loose(&mut world);
    }
}

#[test]
fn sp_alerts_in_the_midst_of_anything_move_nothing_and_stop_nothing() {
    let mut world = ALOM_SUN4U.alpha_runs();
    let since = world.now();
    for n in [ALPHA, BETA, ALPHA] {
        processor(&mut world, n).alert("SC Login: User admin Logged on.");
        world.pass(Duration::from_secs(70));
    }
    assert_eq!(world.state(), "watch", "{}", world.timeline());
    hands_off(&world, since);
    hang(&mut world, ALPHA);
    // One alert each 7 s, so that some of them meet the fence and the boot.
    let moved = (0..200).any(|_| {
        processor(&mut world, ALPHA).alert("SC Login: User admin Logged on.");
        world.pass(Duration::from_secs(7));
        world.rig.node(BETA).serves()
    });
    assert!(moved, "{}", world.timeline());
    serves(&mut world, BETA);
    let_loose(&mut world);
}

#[test]
fn sp_a_machine_that_is_off_is_not_switched_on_behind_anybodys_back() {
    for (pair, power_legs) in PAIRS.into_iter().flat_map(|pair| [(pair, 0), (pair, 1)]) {
        let mut world = Pair { power_legs, ..pair }.alpha_runs();
        let now = world.now();
        world.rig.power(ALPHA, false, now);
        if power_legs == 1 {
            serves(&mut world, BETA);
        } else {
            reach(&mut world, "held");
            world.pass(Duration::from_secs(600));
            assert!(!world.rig.node(BETA).serves());
        }
        assert_eq!(world.rig.node(ALPHA).condition(), Condition::Off);
        assert!(
            processor(&mut world, ALPHA).at_console(),
            "{}",
            world.timeline()
        );
        let_loose(&mut world);
    }
}

#[test]
fn sp_nothing_is_typed_at_the_question_of_a_stopped_sun4v_kernel() {
    let mut world = ALOM_SUN4V.alpha_runs();
    let since = world.now();
    // Somebody else's BREAK, through the SC.
    world.rig.type_to(ALPHA, b"#.", since);
    world.pass(Duration::from_millis(100));
    let now = world.now();
    world.rig.type_to(ALPHA, b"break -y\rconsole\r", now);
    reach(&mut world, "at_menu");
    let since = world.now();
    world.pass(Duration::from_secs(30));
    let typed = world.rig.transcript(ALPHA).typed(since);
    assert_eq!(typed.trim(), "", "the kernel takes single keys");
    // A person lets it go on.
    let now = world.now();
    world.rig.type_to(ALPHA, b"c", now);
    reach(&mut world, "watch");
    assert!(world.rig.node(ALPHA).serves());
    let_loose(&mut world);
}

#[test]
fn sp_a_sun4v_kernel_left_stopped_is_fenced() {
    let mut world = ALOM_SUN4V.alpha_runs();
    let now = world.now();
    world.rig.type_to(ALPHA, b"#.break -y\rconsole\r", now);
    let since = world.now();
    serves(&mut world, BETA);
    proved_before_boot(&world, ALPHA, BETA, since);
    let typed = world.rig.transcript(ALPHA).typed(since);
    assert!(typed.contains("poweroff -fy\r"), "{typed:?}");
    let_loose(&mut world);
}

#[test]
fn sp_an_intruder_is_stopped_through_its_sc() {
    for pair in PAIRS {
        let mut world = pair.alpha_runs();
        let since = world.now();
        world.rig.operator_types(BETA, b"boot disk\r", since);
        alarmed(&mut world, "standby_boots", since);
        assert!(
            world.until(LONG, |w| w.alarmed("standby_stopped", since)),
            "{}",
            world.timeline()
        );
        reach(&mut world, "watch");
        assert!(world.rig.node(ALPHA).serves());
        assert_eq!(
            world.rig.node(BETA).condition(),
            Condition::Prompt { resumable: false }
        );
        let_loose(&mut world);
    }
}

#[test]
fn sp_a_halted_sun4v_primary_is_started_again_from_its_ok_prompt() {
    for pair in [ALOM_SUN4V, ILOM_SUN4V] {
        let mut world = pair.alpha_runs();
        let since = world.now();
        let node = world.rig.node_at(ALPHA, since);
        node.orderly_shutdown(Shutdown::Halt, since);
        reach(&mut world, "planned");
        serves(&mut world, ALPHA);
        assert!(world.now().since(since) >= Duration::from_secs(600));
        assert_eq!(boots(&world).last().map(String::as_str), Some("alpha"));
        let_loose(&mut world);
    }
}

#[test]
fn sp_a_node_behind_a_bmc_is_proved_off_by_its_power_leg_alone() {
    for power_legs in [0, 1] {
        let bench = Bench {
            script: "tests/scenes/bmc.chat",
            power_legs,
            ..Bench::default()
        };
        let mut world = bench.alpha_runs();
        panic_node(&mut world, ALPHA);
        if power_legs == 1 {
            serves(&mut world, BETA);
            assert_eq!(world.rig.node(ALPHA).condition(), Condition::Off);
            let timeline = world.timeline();
            assert!(timeline.contains("it has power"), "{timeline}");
        } else {
            reach(&mut world, "helpless");
            assert!(!world.rig.node(BETA).serves());
        }
        let_loose(&mut world);
    }
}

#[test]
fn sp_a_machine_is_dark_only_where_its_service_processor_is_too() {
    for (pair, dead) in PAIRS
        .into_iter()
        .flat_map(|pair| [(pair, false), (pair, true)])
    {
        let policy = DataPolicy::Availability;
        let mut world = Pair { policy, ..pair }.alpha_runs();
        let now = world.now();
        world.rig.power(ALPHA, false, now);
        if dead {
            processor(&mut world, ALPHA).hang();
            serves(&mut world, BETA);
            assert!(world.machine().snapshot(world.now()).nodes[ALPHA].siege);
        } else {
            reach(&mut world, "held");
            world.pass(Duration::from_secs(300));
            assert!(!world.rig.node(BETA).serves(), "{}", world.timeline());
        }
    }
}
