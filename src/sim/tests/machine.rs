//! The machine around it: power, reset, NVRAM, reboots, orderly ends, boots that fail.

use std::time::Duration;

use super::{AT_PROMPT, Bench};
use crate::sim::{AfterPanic, Condition, NodeSpec, NvramFault, RebootsFrom, Shutdown};

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
fn a_self_test_that_never_ends_is_ended_by_the_power_switch() {
    let mut bench = Bench::bed();
    bench.rig.node_at(0, bench.now).fail_resets(1);
    let shown = bench.say(0, "reset-all\r", 60_000);
    assert!(shown.ends_with("Stopping execution\r\n"), "{shown}");
    assert_eq!(bench.say(0, "\r", 100) + &bench.press_break(0), "");
    assert_eq!(bench.condition(0), Condition::Post);
    bench.rig.power(0, false, bench.now);
    bench.rig.power(0, true, bench.now);
    bench.pass(3000);
    assert_eq!(bench.condition(0), AT_PROMPT);
}
