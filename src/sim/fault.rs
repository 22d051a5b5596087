//! What can go wrong with a node, and what can be done to it from its inside. All happens at the
//! moment given, or holds from then on until it is taken back.

use std::time::Duration;

use crate::clock::Moment;

use super::node::{Node, Phase};
use super::nvram::NvramFault;
use super::spec::{AfterPanic, Flavour, RebootsFrom};
use super::system::Mode;
use super::texts;

/// How an operating system ends in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shutdown {
    /// It starts again.
    Reboot,
    /// It leaves for the ok prompt.
    Halt,
    /// It switches the machine off.
    PowerOff,
}

/// The faults that hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fault of its own")]
pub struct Faults {
    /// Console input and BREAK are ignored; output goes on.
    pub deaf: bool,
    /// The kernel ignores BREAK, over reboots too.
    pub break_disabled: bool,
    /// The node's cable to the service network is out.
    pub cable_out: bool,
    /// The node has another address than the service's.
    pub address_moved: bool,
    /// So many BREAKs to come are lost.
    pub lost_breaks: u32,
    /// So many boots to come fail without a reason.
    pub failing_boots: u32,
    /// So many self tests to come never end.
    pub failing_resets: u32,
    /// So many boots to come end in a panic and a reset half-way.
    pub looping_boots: u32,
    /// The next boot checks its disk for so long first.
    pub disk_check: Duration,
    /// A kernel debugger is loaded: it takes BREAK.
    pub debugger: bool,
    /// Pings are answered so much later.
    pub slow: Duration,
}

impl Node {
    /// The faults that hold now.
    pub fn faults(&self) -> Faults {
        self.faults
    }

    /// The kernel panics. Nothing happens if none runs.
    pub fn panic(&mut self, now: Moment) {
        self.panic_system("test panic", self.local(now));
    }

    /// The whole kernel stands still: no ping, no heartbeat, no answer to RETURN; BREAK works.
    pub fn hang(&mut self) {
        self.set_mode(Mode::Hung);
    }

    /// The userland stands still: ping and the heartbeat go on, no answer to RETURN but its echo.
    pub fn hang_userland(&mut self) {
        self.set_mode(Mode::UserlandHung);
    }

    /// An orderly shutdown, as if ordered over the network.
    pub fn orderly_shutdown(&mut self, how: Shutdown, now: Moment) {
        self.shut_down(how, self.local(now));
    }

    /// The machine resets by itself, as after an error: a Sun then does what
    /// `error-reset-recovery` says (sun4u default: `boot`, past `auto-boot?`), the test bed's
    /// firmware what `auto-boot?` says.
    pub fn error_reset(&mut self, now: Moment) {
        if self.phase == Phase::Off {
            return;
        }
        let local = self.local(now);
        let boots = self.nvram.get("error-reset-recovery") == Some("boot");
        if self.spec.flavour == Flavour::Sun {
            self.say("\r\nRED State Exception\r\n");
            self.say(texts::resetting(Flavour::Sun));
            self.reset(boots.then(|| "boot".to_owned()), local);
            // Any other value than `boot` leaves the machine at its prompt, `auto-boot?` or not.
            self.autoboot = boots;
        } else {
            self.reset(None, local);
        }
    }

    /// The reset button.
    pub fn press_reset(&mut self, now: Moment) {
        if self.phase != Phase::Off {
            self.reset(None, self.local(now));
        }
    }

    /// Whether the kernel heeds BREAK.
    pub fn set_break_enabled(&mut self, enabled: bool) {
        self.faults.break_disabled = !enabled;
    }

    /// Whether console input and BREAK are ignored.
    pub fn set_deaf(&mut self, deaf: bool) {
        self.faults.deaf = deaf;
    }

    /// Whether a booted node has the service address.
    pub fn set_address(&mut self, present: bool) {
        self.faults.address_moved = !present;
    }

    /// Whether its cable to the service network is in.
    pub fn set_service_cable(&mut self, plugged: bool) {
        self.faults.cable_out = !plugged;
    }

    /// How its NVRAM fails from now on.
    pub fn set_nvram_fault(&mut self, fault: NvramFault) {
        self.nvram.fault = fault;
    }

    /// The next `count` boots fail without a reason.
    pub fn fail_boots(&mut self, count: u32) {
        self.faults.failing_boots = count;
    }

    /// The next `count` self tests never end: the machine stands until its next reset or power
    /// cycle, as the test bed's firmware does now and then.
    pub fn fail_resets(&mut self, count: u32) {
        self.faults.failing_resets = count;
    }

    /// The next `count` BREAKs in the operating system are lost.
    pub fn lose_breaks(&mut self, count: u32) {
        self.faults.lost_breaks = count;
    }

    /// The next `count` boots panic half-way and reset the machine.
    pub fn loop_boots(&mut self, count: u32) {
        self.faults.looping_boots = count;
    }

    /// The next boot checks its disk for so long, without a word.
    pub fn check_disk(&mut self, takes: Duration) {
        self.faults.disk_check = takes;
    }

    /// Whether a kernel debugger takes BREAK.
    pub fn set_debugger(&mut self, loaded: bool) {
        self.faults.debugger = loaded;
    }

    /// Its pings are answered so much later.
    pub fn set_slow(&mut self, by: Duration) {
        self.faults.slow = by;
    }

    /// What follows a panic from now on.
    pub fn set_after_panic(&mut self, then: AfterPanic) {
        self.spec.after_panic = then;
        if let Some(system) = &mut self.system {
            system.reboot_after_panic = match then {
                AfterPanic::Stay => None,
                AfterPanic::Reboot(after) => Some(after),
            };
        }
    }

    /// What an OS reboot boots from, from now on.
    pub fn set_reboots_from(&mut self, from: RebootsFrom) {
        self.spec.reboots_from = from;
    }

    /// The operating system reboots by itself, without a word before.
    pub fn reboot_by_itself(&mut self, now: Moment) {
        let runs = self.system.as_ref().is_some_and(|s| s.mode != Mode::Hung);
        if self.phase != Phase::Os || !runs {
            return;
        }
        let local = self.local(now);
        match self.spec.flavour {
            Flavour::Sun => self.reboot_as_sun(local),
            Flavour::OpenBios => self.reset(None, local),
        }
    }

    /// The running kernel prints a line, or a text that no new line ends.
    pub fn print(&mut self, text: &str, ended: bool) {
        let lives =
            |system: &&super::system::System| !matches!(system.mode, Mode::Hung | Mode::Panicked);
        if self.phase == Phase::Os
            && self.system.as_ref().is_some_and(|s| lives(&s))
            && !self.is_frozen()
        {
            let end = if ended { "\r\n" } else { "" };
            self.say(&format!("\r\n{text}{end}"));
        }
    }

    /// The running kernel prints so many KiB.
    pub fn flood(&mut self, size: u32, now: Moment) {
        let local = self.local(now);
        if self.phase == Phase::Os
            && let Some(system) = &self.system
            && system.mode == Mode::Up
            && !self.is_frozen()
        {
            let text = texts::flood(u64::from(size), system.uptime(local));
            self.say(&text);
        }
    }

    fn set_mode(&mut self, mode: Mode) {
        if let Some(system) = self.system.as_mut().filter(|_| self.phase == Phase::Os)
            && system.mode != Mode::Panicked
        {
            system.mode = mode;
        }
    }
}
