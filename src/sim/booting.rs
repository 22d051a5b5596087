//! From reset to kernel: self test, autoboot, `boot` and its failures, loading.

use crate::clock::Moment;

use super::disk::SharedDisk;
use super::firmware::Firmware;
use super::node::{Node, Phase, Step};
use super::spec::{AfterPanic, Flavour};
use super::system::{OsStep, System};
use super::texts;

impl Node {
    /// A reset: memory, kernel and Forth words are gone. `then` is evaluated after the self test,
    /// past `auto-boot?` (openboot `do-reboot`).
    pub(super) fn reset(&mut self, then: Option<String>, local: Moment) {
        self.phase = Phase::Post;
        self.system = None;
        (self.loaded, self.halted) = (false, false);
        self.firmware = Firmware::new(&self.spec);
        self.nvram.reload();
        self.reboot_command = then;
        self.autoboot = true;
        self.step = Some((local + self.spec.times.post, Step::PostEnds));
        self.say(texts::post_begins(self.spec.flavour));
    }

    pub(super) fn firmware_step(&mut self, step: Step, local: Moment, disk: &SharedDisk) {
        match step {
            Step::PostEnds => self.post_ends(local),
            Step::OpenDisk => self.open_disk(local, disk),
            Step::LoadEnds => self.load_ends(local),
            Step::ReadDevice { number, found } => {
                let opens = found && disk.fault_for(&self.spec.name).is_none();
                let answer = format!("{:x} ", number + u64::from(opens));
                self.say(&answer);
                let prompt = self.firmware.after_order(&answer);
                self.say(&prompt);
            }
        }
    }

    fn post_ends(&mut self, local: Moment) {
        if self.faults.failing_resets > 0 {
            self.faults.failing_resets -= 1;
            return self.say(texts::post_fails(self.spec.flavour));
        }
        let text = texts::post_ends(&self.spec);
        self.say(&text);
        if let Some(command) = self.reboot_command.take() {
            self.say(&format!("Rebooting with command: {command}\r\n"));
            let arguments = command.strip_prefix("boot").unwrap_or("").trim().to_owned();
            self.boot(&arguments, local);
        } else if self.autoboot && self.nvram.is_true("auto-boot?") {
            self.boot("", local);
        } else {
            self.back_to_prompt("");
        }
    }

    /// `boot ARGUMENTS`, typed or evaluated by the firmware itself.
    pub(super) fn boot(&mut self, arguments: &str, local: Moment) {
        if self.loaded {
            self.say(texts::resetting(self.spec.flavour));
            let command = format!("boot {arguments}").trim_end().to_owned();
            self.reset(Some(command), local);
            return;
        }
        let found = match self.spec.flavour {
            Flavour::OpenBios => self.find_device_on_bed(arguments),
            Flavour::Sun => self.find_device_on_sun(arguments),
        };
        if found {
            self.phase = Phase::Loading;
            self.step = Some((local, Step::OpenDisk));
        } else {
            self.back_to_prompt(texts::no_such_device(self.spec.flavour));
        }
    }

    /// `OpenBIOS`: a named device is tried silently, those of `boot-device` aloud (recorded).
    fn find_device_on_bed(&mut self, arguments: &str) -> bool {
        if let Some(device) = arguments.split_whitespace().next() {
            return self.leads_to_disk(device);
        }
        let devices = self.nvram.get("boot-device").unwrap_or("").to_owned();
        devices.split_whitespace().any(|device| {
            self.say(&format!("Trying {device}...\r\n"));
            self.leads_to_disk(device)
        })
    }

    /// `OpenBoot`: a first word that is an alias or a path is the device, all else belongs to the
    /// boot file; of a list the first that opens is taken, or the last (`parse-boot-command` and
    /// `(default-device)` in openboot `bootparm.fth`).
    fn find_device_on_sun(&mut self, arguments: &str) -> bool {
        let first = arguments.split_whitespace().next().unwrap_or("");
        let named = first.starts_with('/') || self.leads_to_disk(first);
        let (device, file) = if named {
            (first.to_owned(), arguments[first.len()..].trim_start())
        } else {
            (self.default_device(), arguments)
        };
        let found = self.leads_to_disk(&device);
        let path = if found { texts::SUN_DISK } else { &device };
        let line = format!("Boot device: {path}  File and args: {file}\r\n");
        self.say(&line);
        found
    }

    fn default_device(&self) -> String {
        let variable = if self.nvram.is_true("diag-switch?") {
            "diag-device"
        } else {
            "boot-device"
        };
        let devices = self.nvram.get(variable).unwrap_or("");
        let mut words = devices.split_whitespace();
        let opened = words.clone().find(|device| self.leads_to_disk(device));
        opened
            .or_else(|| words.next_back())
            .unwrap_or("")
            .to_owned()
    }

    pub(super) fn leads_to_disk(&self, device: &str) -> bool {
        let alias = device.split(':').next().unwrap_or("");
        alias == self.spec.disk_alias || device == texts::SUN_DISK
    }

    fn open_disk(&mut self, local: Moment, disk: &SharedDisk) {
        let flavour = self.spec.flavour;
        if let Some(fault) = disk.fault_for(&self.spec.name) {
            self.back_to_prompt(&texts::disk_fault(flavour, fault));
        } else if self.faults.failing_boots > 0 {
            self.faults.failing_boots -= 1;
            // OpenBoot has opened the device by then; the next `boot` resets first.
            self.loaded = flavour == Flavour::Sun;
            self.back_to_prompt(texts::boot_failed(flavour));
        } else {
            self.say(texts::load_begins(flavour));
            self.step = Some((local + self.spec.times.load, Step::LoadEnds));
        }
    }

    fn load_ends(&mut self, local: Moment) {
        self.say(texts::load_ends(self.spec.flavour));
        self.loaded = true;
        self.phase = Phase::Os;
        let reboot = match self.spec.after_panic {
            AfterPanic::Stay => None,
            AfterPanic::Reboot(after) => Some(after),
        };
        let mut system = System::new(&self.spec, local, reboot);
        let check = std::mem::take(&mut self.faults.disk_check);
        if !check.is_zero() {
            system.check_disk(check, &self.spec);
        }
        if self.faults.looping_boots > 0 {
            self.faults.looping_boots -= 1;
            system.plan(self.spec.times.boot / 2, OsStep::Dies);
        }
        self.system = Some(system);
    }
}
