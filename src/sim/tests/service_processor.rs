//! A service processor's session: the console and its escape, the shell's line, confirmations.

use std::time::Duration;

use crate::clock::Moment;
use crate::sim::{Condition, Host, NodeSpec, ProcessorKind, Rig, ServiceProcessor, Times};

struct Session {
    rig: Rig,
    now: Moment,
}

impl Session {
    fn new(kind: ProcessorKind, host: Host) -> Session {
        let mut rig = Rig::new([NodeSpec::sun("alpha", 0x8077_0001).with_times(Times::BED)]);
        rig.attach_processor(0, ServiceProcessor::new(kind, host));
        let mut session = Session {
            rig,
            now: Moment::ZERO,
        };
        session
            .rig
            .node_at(0, Moment::ZERO)
            .set_variable("auto-boot?", "false");
        session.rig.power(0, true, Moment::ZERO);
        session.pass(4);
        assert!(session.heard().ends_with("{0} ok "));
        session
    }

    fn pass(&mut self, seconds: u64) {
        self.now = self.now + Duration::from_secs(seconds);
        self.rig.advance(self.now);
    }

    fn heard(&mut self) -> String {
        String::from_utf8_lossy(&self.rig.read(0)).into_owned()
    }

    /// Types, and says what came.
    fn says(&mut self, typed: &str) -> String {
        self.rig.type_to(0, typed.as_bytes(), self.now);
        self.heard()
    }

    fn boots(&mut self) {
        self.says("boot disk\r");
        self.pass(10);
        assert_eq!(self.rig.node(0).condition(), Condition::Running);
        self.heard();
    }
}

#[test]
fn the_console_passes_all_but_the_escape() {
    let mut session = Session::new(ProcessorKind::Alom, Host::Sun4u);
    assert_eq!(session.says("1 2 + u.\r"), "1 2 + u.\r\n3 \r\n{0} ok ");
    assert_eq!(session.says("#"), "");
    assert_eq!(session.says("x"), "#x", "a lone # goes on to the machine");
    session.says("\u{15}");
    assert_eq!(session.says("#."), "\r\nsc> ");
    assert_eq!(session.says("1 2 + u.\r").lines().count(), 3);
    assert_eq!(
        session.says("console\r"),
        "console\r\nEnter #. to return to ALOM.\r\n"
    );
    assert!(session.says("\r").ends_with("{0} ok "));
}

#[test]
fn the_shell_edits_its_line_and_asks_before_it_acts() {
    let mut session = Session::new(ProcessorKind::Alom, Host::Sun4u);
    session.says("#.");
    assert!(session.says("shoq\x08wplatform\r").contains("Running"));
    assert!(session.says("foo\r").contains("Invalid command"));
    assert!(session.says("poweroff -f\r").ends_with("[y/n]? "));
    assert!(session.says("n\r").ends_with("sc> "));
    assert_ne!(session.rig.node(0).condition(), Condition::Off);
    session.says("poweroff -f\ry\r");
    assert_eq!(session.rig.node(0).condition(), Condition::Off);
    assert!(session.says("showplatform\r").contains("Standby"));
    session.says("poweron\r");
    assert_eq!(session.rig.node(0).condition(), Condition::Post);
}

#[test]
fn a_break_through_alom_stops_a_sun4u_kernel_and_go_resumes_it() {
    let mut session = Session::new(ProcessorKind::Alom, Host::Sun4u);
    session.boots();
    session.says("#.");
    session.says("break -y\r");
    let resumable = Condition::Prompt { resumable: true };
    assert_eq!(session.rig.node(0).condition(), resumable);
    session.says("console\r");
    session.says("go\r");
    assert_eq!(session.rig.node(0).condition(), Condition::Running);
}

#[test]
fn a_break_through_ilom_stops_a_sun4v_kernel_which_takes_single_keys() {
    let through_the_shell = "#.set /HOST send_break_action=break\rstart -script /SP/console\r";
    for order in [through_the_shell, "\x1bB"] {
        let mut session = Session::new(ProcessorKind::Ilom, Host::Sun4v);
        session.boots();
        session.says(order);
        assert!(session.rig.node(0).is_frozen());
        session.says("\r");
        assert!(session.says("x").contains("invalid option (x)"));
        assert!(
            session
                .says("\r")
                .ends_with("c)ontinue, s)ync, r)eboot, h)alt? ")
        );
        session.says("c");
        assert!(session.rig.node(0).serves());
    }
}

#[test]
fn a_console_that_another_has_is_read_only_until_it_is_forced() {
    let mut session = Session::new(ProcessorKind::Ilom, Host::Sun4v);
    let now = session.now;
    let processor = session.rig.processor_at(0, now).expect("attached");
    processor.taken_by_another();
    assert_eq!(session.says("1 2 + u.\r"), "");
    assert!(session.says("#.").ends_with("-> "));
    assert!(
        session
            .says("start -script /SP/console\r")
            .contains("Serial console is in use")
    );
    assert!(
        session
            .says("start -force /SP/console\r")
            .ends_with("(y/n)? ")
    );
    assert!(session.says("y\r").contains("Serial console started."));
    assert!(session.says("1 2 + u.\r").contains('3'));
}

#[test]
fn an_alert_comes_wherever_the_session_is() {
    let mut session = Session::new(ProcessorKind::Alom, Host::Sun4u);
    session.says("#.");
    assert!(
        session
            .says("poweroff -fy\r")
            .contains("\r\nSC Alert: Host system has shut down.\r\n")
    );
    session.says("poweron\r");
    session.says("console\r");
    session.pass(4);
    assert!(session.heard().ends_with("{0} ok "));
    let alert = "SC Alert: Host System has Reset";
    assert!(session.says("reset-all\r").contains(alert));
}
