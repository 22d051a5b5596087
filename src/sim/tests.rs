//! Scenes on a bench of two simulated nodes: something is done to them, and what was seen is said.

use std::time::Duration;

use super::{
    AfterPanic, Condition, ConsoleLink, Flavour, NodeSpec, NvramFault, RebootsFrom, Rig, Shutdown,
    Times,
};
use crate::clock::Moment;

const LOGIN: &str = "service console login: ";

/// Two nodes, alpha on port 0 and beta on port 1, and the time.
struct Bench {
    rig: Rig,
    now: Moment,
}

impl Bench {
    fn new(specs: [NodeSpec; 2]) -> Bench {
        let mut rig = Rig::new(specs);
        for node in 0..2 {
            let guarded = rig.node_at(node, Moment::ZERO);
            guarded.set_variable("auto-boot?", "false");
            guarded.set_variable("boot-device", "clusterd-none");
            rig.power(node, true, Moment::ZERO);
        }
        let now = Moment::ZERO;
        let mut bench = Bench { rig, now };
        bench.pass(4000);
        bench.rig.read(0);
        bench.rig.read(1);
        bench
    }

    fn bed() -> Bench {
        Bench::new([
            NodeSpec::openbios("alpha", 0x8077_0001),
            NodeSpec::openbios("beta", 0x8077_0002),
        ])
    }

    fn suns() -> Bench {
        let sun = |name, id| NodeSpec::sun(name, id).with_times(Times::BED);
        Bench::new([sun("ca1", 0x8323_4567), sun("ca2", 0x8323_4568)])
    }

    fn pass(&mut self, millis: u64) {
        self.now = self.now + Duration::from_millis(millis);
        self.rig.advance(self.now);
    }

    /// Types, lets `millis` pass, and gives what came back.
    fn say(&mut self, port: usize, typed: &str, millis: u64) -> String {
        self.rig.type_to(port, typed.as_bytes(), self.now);
        self.pass(millis);
        self.read(port)
    }

    fn press_break(&mut self, port: usize) -> String {
        self.rig.send_break(port, self.now);
        self.read(port)
    }

    fn read(&mut self, port: usize) -> String {
        String::from_utf8(self.rig.read(port)).unwrap()
    }

    fn boot(&mut self, port: usize) {
        let shown = self.say(port, "boot disk\r", 12_000);
        assert!(shown.contains(LOGIN), "{shown}");
    }

    fn condition(&self, node: usize) -> Condition {
        self.rig.node(node).condition()
    }

    fn beats(&self, name: &str) -> u64 {
        self.rig.disk().beat(name).map_or(0, |beat| beat.count)
    }

    fn ping(&mut self) -> bool {
        self.rig.address_answers(self.now)
    }
}

const AT_PROMPT: Condition = Condition::Prompt { resumable: false };
const STOPPED: Condition = Condition::Prompt { resumable: true };

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
fn boot_behind_a_break_or_a_halt_resets_first() {
    let mut bench = Bench::bed();
    bench.boot(0);
    bench.press_break(0);
    let shown = bench.say(0, "boot disk\r", 12_000);
    assert!(
        shown.starts_with("boot disk \r\nResetting ...\r\nOpenBIOS for Sparc64"),
        "{shown}"
    );
    assert!(shown.contains("information\r\nRebooting with command: boot disk\r\nNot a Linux"));
    let shown = bench.say(0, "halt\r", 1000);
    assert!(
        shown.ends_with("reboot: System halted\r\n\r\nProgram terminated\r\n\r\nok "),
        "{shown}"
    );
    assert_eq!(
        bench.say(0, "go\r", 10),
        "go \r\nProgram terminated\r\n\r\nok "
    );
    let shown = bench.say(0, "boot\r", 4000);
    let refused = "Rebooting with command: boot\r\nTrying clusterd-none...\r\n\
                   No valid state has been set by load or init-program\r\n\r\nok ";
    assert!(shown.ends_with(refused), "{shown}");
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
fn after_a_panic_the_bed_reads_auto_boot_and_a_sun_does_not() {
    let mut bench = Bench::bed();
    bench.boot(0);
    bench.say(0, "panic3\r", 10);
    let shown = bench.say(0, "panic\r", 8000);
    assert!(
        shown.contains("Rebooting in 3 seconds..\r\n\r\nRebooting\r\nOpenBIOS"),
        "{shown}"
    );
    assert_eq!(bench.condition(0), AT_PROMPT);

    let mut bench = Bench::suns();
    bench.boot(0);
    bench.rig.node_at(0, bench.now).panic(bench.now);
    bench.pass(10_000);
    let shown = bench.read(0);
    assert!(
        shown.contains("\r\n\rpanic[cpu0]/thread=30001a2b3c0: test panic\r\n"),
        "{shown}"
    );
    assert!(shown.contains("syncing file systems... done\r\n"));
    assert!(shown.contains("rebooting...\r\nResetting ... \r\n"));
    let refused = "Rebooting with command: boot\r\nBoot device: clusterd-none  File and args: \r\n\
                   \r\nCan't locate boot device\r\n{0} ok ";
    assert!(shown.ends_with(refused), "{shown}");
}

#[test]
fn a_sun_that_reboots_from_its_last_device_passes_the_whole_guard() {
    let spec = NodeSpec {
        reboots_from: RebootsFrom::LastDevice,
        after_panic: AfterPanic::Reboot(Duration::from_secs(1)),
        ..NodeSpec::sun("ca1", 0x8323_4567)
    };
    let mut bench = Bench::new([spec, NodeSpec::sun("ca2", 0x8323_4568)]);
    bench.boot(0);
    bench.rig.node_at(0, bench.now).panic(bench.now);
    bench.pass(12_000);
    assert!(
        bench
            .read(0)
            .contains("Rebooting with command: boot disk\r\n")
    );
    assert_eq!(bench.rig.disk().boot_order(), ["ca1", "ca1"]);
}

#[test]
fn an_error_reset_boots_a_sun_unless_told_otherwise() {
    let mut bench = Bench::suns();
    bench.say(0, "setenv boot-device disk\r", 10);
    bench.rig.node_at(0, bench.now).error_reset(bench.now);
    bench.pass(10_000);
    assert_eq!(
        bench.condition(0),
        Condition::Running,
        "past auto-boot? false"
    );
    bench.press_break(0);
    bench.say(0, "setenv error-reset-recovery none\r", 10);
    bench.rig.node_at(0, bench.now).error_reset(bench.now);
    bench.pass(10_000);
    assert_eq!(bench.condition(0), AT_PROMPT);
}

#[test]
fn sync_on_a_sun_writes_to_the_disk_and_reboots() {
    let mut bench = Bench::suns();
    bench.boot(0);
    assert_eq!(bench.press_break(0), "\r\nType  'go' to resume\r\n{0} ok ");
    let before = bench.beats("ca1");
    let shown = bench.say(0, "sync\r", 8000);
    assert!(shown.contains("sync initiated") && shown.contains("Rebooting with command: boot"));
    assert_eq!(bench.beats("ca1"), before + 1);
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

#[test]
fn power_takes_everything_but_the_nvram() {
    let mut bench = Bench::bed();
    bench.say(0, ": mk1 1 . ;\r", 10);
    bench.say(0, "setenv boot-device clusterd-none2\r", 10);
    bench.rig.power(0, false, bench.now);
    assert_eq!(bench.condition(0), Condition::Off);
    assert_eq!(bench.say(0, "\r", 1000), "");
    bench.rig.power(0, true, bench.now);
    assert_eq!(bench.condition(0), Condition::Post);
    bench.pass(3000);
    assert!(bench.read(0).ends_with("\r\nok "));
    assert!(bench.say(0, "mk1\r", 10).contains("undefined word"));
    assert!(
        bench
            .say(0, "printenv boot-device\r", 10)
            .contains("clusterd-none2")
    );
}

#[test]
fn auto_boot_is_honoured_at_power_on_and_reset() {
    for mut bench in [Bench::bed(), Bench::suns()] {
        bench.say(0, "setenv auto-boot? true\r", 10);
        bench.say(0, "setenv boot-device disk\r", 10);
        bench.say(0, "reset-all\r", 9000);
        assert_eq!(bench.condition(0), Condition::Running);
        bench.rig.power(0, false, bench.now);
        bench.rig.power(0, true, bench.now);
        bench.pass(9000);
        assert_eq!(bench.condition(0), Condition::Running);
    }
}

#[test]
fn lost_nvram_writes_show_after_the_reset() {
    let mut bench = Bench::bed();
    bench
        .rig
        .node_at(0, bench.now)
        .set_nvram_fault(NvramFault::LostAtReset);
    bench.say(0, "setenv auto-boot? true\r", 10);
    assert!(bench.say(0, "printenv auto-boot?\r", 10).contains("true"));
    bench.say(0, "reset-all\r", 9000);
    assert!(bench.say(0, "printenv auto-boot?\r", 10).contains("false"));
}

#[test]
fn orderly_ends_of_both_systems_are_told_apart() {
    let mut bench = Bench::suns();
    bench.boot(0);
    bench
        .rig
        .node_at(0, bench.now)
        .orderly_shutdown(Shutdown::Halt, bench.now);
    bench.pass(1000);
    let shown = bench.read(0);
    assert!(
        shown.ends_with("syncing file systems... done\r\nProgram terminated\r\n{0} ok "),
        "{shown}"
    );
    bench.say(0, "boot disk\r", 12_000);
    let shown = bench.say(0, "reboot\r", 6000);
    assert!(shown.contains("syncing file systems... done\r\nrebooting...\r\nResetting ... \r\n"));
    assert!(
        shown.ends_with("Can't locate boot device\r\n{0} ok "),
        "{shown}"
    );
    bench.say(0, "boot disk\r", 12_000);
    bench.say(0, "poweroff\r", 1000);
    assert_eq!(bench.condition(0), Condition::Off);

    let mut bench = Bench::bed();
    bench.boot(0);
    let shown = bench.say(0, "reboot\r", 5000);
    assert!(shown.contains("Synchronizing SCSI cache\r\n["), "{shown}");
    assert!(
        shown.contains("reboot: Restarting system\r\n\r\nRebooting\r\nOpenBIOS"),
        "{shown}"
    );
    assert_eq!(bench.condition(0), AT_PROMPT);
}

#[test]
fn a_bad_disk_and_a_failing_boot_lead_back_to_the_prompt() {
    for (mut bench, corrupt, dead) in [
        (
            Bench::bed(),
            "Not a bootable FCode image\r\n",
            "Can't read ELF header\r\n",
        ),
        (
            Bench::suns(),
            "Bad magic number in disk label\r\n",
            "Can't open boot device\r\n",
        ),
    ] {
        let name = bench.rig.node(0).spec().name.clone();
        bench.rig.disk_at(bench.now).set_label_corrupt(true);
        let shown = bench.say(0, "boot disk\r", 100);
        assert!(shown.contains(corrupt) && shown.ends_with("ok "), "{shown}");
        bench.rig.disk_at(bench.now).set_label_corrupt(false);
        bench.rig.disk_at(bench.now).set_path_dead(&name, true);
        let shown = bench.say(0, "boot disk\r", 100);
        assert!(shown.contains(dead) && shown.ends_with("ok "), "{shown}");
        bench.rig.disk_at(bench.now).set_path_dead(&name, false);
        bench.rig.node_at(0, bench.now).fail_boots(1);
        let shown = bench.say(0, "boot disk\r", 100);
        assert!(shown.ends_with("ok "), "{shown}");
        assert_eq!(bench.condition(0), AT_PROMPT);
        bench.boot(0);
    }
}

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
    assert!(text.matches("[").count() > 60, "{text}");
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
