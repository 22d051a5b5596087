//! A node with a kernel on it: what the kernel does, BREAK and `go`, the login prompt's test
//! commands, panic and shutdown.

use std::time::Duration;

use crate::clock::Moment;

use super::disk::{SharedDisk, Write};
use super::fault::Shutdown;
use super::node::{Node, Phase};
use super::spec::{Flavour, RebootsFrom};
use super::system::{Mode, OsStep, Typed};
use super::texts;

/// Between two complaints about the disk (`init.c` of the test bed).
const COMPLAINTS: Duration = Duration::from_secs(5);

/// A flood longer than this (KiB) is cut.
const FLOOD: u64 = 4096;

impl Node {
    /// Does the kernel's step that is due at the local moment, `now` to the rest of the world.
    pub(super) fn system_step(&mut self, local: Moment, now: Moment, disk: &mut SharedDisk) {
        let Some(system) = &mut self.system else {
            return;
        };
        let (uptime, step) = (system.uptime(local), system.take_due(local));
        match step {
            None => {}
            Some(OsStep::Say(text)) => self.say(&text),
            Some(OsStep::Kernel(text)) => self.kernel_says(&text, uptime),
            Some(OsStep::Mount) => self.mount(local, now, disk),
            Some(OsStep::Login) => self.login(uptime),
            Some(OsStep::Chatter) => self.chatter(uptime),
            Some(OsStep::Beat | OsStep::Sync) => self.write(uptime, now, disk),
            Some(OsStep::Gone(how)) => self.leave(how, local),
            Some(OsStep::Dies) => self.die_booting(local),
        }
    }

    fn kernel_says(&mut self, text: &str, uptime: Duration) {
        if self.spec.flavour == Flavour::OpenBios {
            self.say(&texts::stamp(uptime));
        }
        self.say(text);
    }

    fn mount(&mut self, local: Moment, now: Moment, disk: &mut SharedDisk) {
        let mounted = disk.mount(&self.spec.name, now);
        let text = texts::mounted(&self.spec, mounted.as_ref());
        self.say(&text);
        let system = self.system.as_mut().expect("only a system mounts");
        system.network = true;
        if let Some(boot) = mounted {
            system.mounted(boot.number, local);
        }
    }

    fn login(&mut self, uptime: Duration) {
        let ready = texts::ready(&self.spec);
        let link = texts::LINK_UP.to_owned();
        let system = self.system.as_mut().expect("only a system logs in");
        system.mode = Mode::Up;
        // The link comes up behind the login prompt, on the same line (recorded on the test bed).
        system.plan(uptime + self.spec.times.boot / 2, OsStep::Kernel(link));
        let prompt = system.prompt(&self.spec);
        self.say(&format!("{ready}{prompt}"));
        self.plan_chatter(uptime);
    }

    fn plan_chatter(&mut self, uptime: Duration) {
        let Some(mean) = self.spec.chatter else {
            return;
        };
        let pause = mean
            .mul_f64(0.5 + self.rng.f64())
            .max(Duration::from_millis(1));
        if let Some(system) = &mut self.system {
            system.plan(uptime + pause, OsStep::Chatter);
        }
    }

    fn chatter(&mut self, uptime: Duration) {
        let line = texts::CHATTER[self.rng.usize(..texts::CHATTER.len())];
        self.kernel_says(line, uptime);
        self.plan_chatter(uptime);
    }

    fn write(&mut self, uptime: Duration, now: Moment, disk: &mut SharedDisk) {
        let name = self.spec.name.as_str();
        let system = self.system.as_mut().expect("only a system writes");
        let Some(boot) = system.boot else { return };
        let complaint = match disk.write(name, boot, now) {
            Write::Done => return,
            Write::SecondWriter(other) => format!("second writer seen: {name} vs {other}"),
            Write::Failed => "/dev/sda: Input/output error".to_owned(),
        };
        if system
            .complained
            .is_none_or(|last| uptime > last + COMPLAINTS)
        {
            system.complained = Some(uptime);
            self.say(&format!("\r\nDISK: {complaint}\r\n"));
        }
    }

    /// The operating system's orderly end.
    fn leave(&mut self, how: Shutdown, local: Moment) {
        let flavour = self.spec.flavour;
        match (how, flavour) {
            (Shutdown::PowerOff, _) => self.switch_off(),
            (Shutdown::Halt, _) => {
                self.system = None;
                self.halted = true;
                self.say(texts::terminated(flavour));
                self.show_prompt();
            }
            // The test bed's firmware resets, and then reads `auto-boot?` (`prom.fth`).
            (Shutdown::Reboot, Flavour::OpenBios) => {
                self.say("\r\nRebooting\r\n");
                self.reset(None, local);
            }
            (Shutdown::Reboot, Flavour::Sun) => self.reboot_as_sun(local),
        }
    }

    /// A Sun's OS reboot: past `auto-boot?`.
    pub(super) fn reboot_as_sun(&mut self, local: Moment) {
        let command = match self.spec.reboots_from {
            RebootsFrom::BootDevice => "boot".to_owned(),
            RebootsFrom::LastDevice => format!("boot {}", self.spec.disk_alias),
        };
        self.say(texts::resetting(Flavour::Sun));
        self.reset(Some(command), local);
    }

    /// BREAK: the kernel stops where it is, intact, and the firmware prompts.
    pub(super) fn stop_system(&mut self, local: Moment) {
        if self.faults.lost_breaks > 0 {
            self.faults.lost_breaks -= 1;
            return;
        }
        let Some(system) = &mut self.system else {
            return;
        };
        if self.faults.break_disabled || !system.break_enabled {
            return;
        }
        system.pause(local);
        if self.faults.debugger {
            self.phase = Phase::Debugger;
            return self.say(texts::DEBUGGER);
        }
        let text = texts::stopped(self.spec.flavour);
        self.say(&text);
        self.show_prompt();
    }

    /// The kernel debugger's own line: `:c` lets the kernel go on, `$q` leaves for the firmware.
    pub(super) fn key_in_debugger(&mut self, byte: u8, local: Moment) {
        match byte {
            b'\r' | b'\n' => {
                let line = std::mem::take(&mut self.debugger_line);
                self.say("\r\n");
                match line.trim() {
                    ":c" => {
                        self.starts();
                        return self.resume_system(local);
                    }
                    "$q" => {
                        let text = texts::stopped(self.spec.flavour);
                        self.say(&text);
                        return self.show_prompt();
                    }
                    "" => {}
                    other => {
                        let word = other.split_whitespace().next().unwrap_or("");
                        self.say(&format!(
                            "kmdb: invalid command '{word}': unknown symbol name\r\n"
                        ));
                    }
                }
                self.say(texts::DEBUGGER_PROMPT);
            }
            b' '..=b'~' if self.debugger_line.len() < 255 => {
                self.debugger_line.push(char::from(byte));
                self.say(&char::from(byte).to_string());
            }
            _ => {}
        }
    }

    /// A boot that ends in a panic, and in a reset 2 s later.
    fn die_booting(&mut self, local: Moment) {
        if let Some(system) = &mut self.system {
            system.reboot_after_panic = Some(Duration::from_secs(2));
        }
        self.panic_system("cannot mount root", local);
    }

    /// `go`.
    pub(super) fn resume_system(&mut self, local: Moment) {
        if let Some(system) = &mut self.system {
            system.resume(local);
            self.phase = Phase::Os;
        } else {
            let answer = texts::nothing_to_resume(self.spec.flavour, self.halted);
            self.back_to_prompt(answer);
        }
    }

    /// `sync`: on a Sun the stopped kernel panics, writes its buffers to the disk, and reboots.
    /// On the test bed it does nothing (recorded).
    pub(super) fn sync_system(&mut self, local: Moment) {
        if self.spec.flavour == Flavour::Sun && self.system.is_some() {
            self.resume_system(local);
            self.panic_system("sync initiated", local);
        } else {
            self.back_to_prompt("");
        }
    }

    pub(super) fn panic_system(&mut self, reason: &str, local: Moment) {
        let Some(system) = self.system.as_mut().filter(|_| self.phase == Phase::Os) else {
            return;
        };
        system.panicked();
        let (uptime, reboots) = (system.uptime(local), system.reboot_after_panic);
        if self.spec.flavour == Flavour::Sun {
            system.plan(uptime, OsStep::Sync);
        }
        if let Some(after) = reboots {
            let last_words = texts::after_dump(self.spec.flavour);
            system.plan(uptime + after, OsStep::Say(last_words.to_owned()));
            system.plan(uptime + after, OsStep::Gone(Shutdown::Reboot));
        }
        let text = texts::panic(self.spec.flavour, reason, uptime, reboots);
        self.say(&text);
    }

    pub(super) fn key_in_system(&mut self, byte: u8, local: Moment) {
        let Some(system) = &mut self.system else {
            return;
        };
        let mut echo = String::new();
        let typed = system.key(byte, &mut echo);
        self.say(&echo);
        if let Typed::Line(line) = typed {
            self.command(&line, local);
        }
    }

    /// A line at the login prompt: the test bed's test commands (`init.c` there).
    fn command(&mut self, line: &str, local: Moment) {
        let Some(system) = &mut self.system else {
            return;
        };
        let uptime = system.uptime(local);
        let answer = match line {
            "" => String::new(),
            "panic" => return self.panic_system("sysrq triggered crash", local),
            "halt" => return self.shut_down(Shutdown::Halt, local),
            "reboot" => return self.shut_down(Shutdown::Reboot, local),
            "poweroff" => return self.shut_down(Shutdown::PowerOff, local),
            "hang" => {
                system.mode = Mode::UserlandHung;
                return self.say("hanging: ignoring the console\r\n");
            }
            "root" if !system.shell => {
                system.shell = true;
                String::new()
            }
            "exit" => {
                system.shell = false;
                String::new()
            }
            "panic0" => {
                system.reboot_after_panic = None;
                String::new()
            }
            "panic3" => {
                system.reboot_after_panic = Some(Duration::from_secs(3));
                String::new()
            }
            "stopa0" => {
                system.break_enabled = false;
                "BREAK disabled\r\n".to_owned()
            }
            "stopa1" => {
                system.break_enabled = true;
                "BREAK enabled\r\n".to_owned()
            }
            "uptime" => format!("up {:.1} s\r\n", uptime.as_secs_f64()),
            flood if flood.starts_with("flood") => {
                let size = flood.split_whitespace().nth(1).unwrap_or("16");
                texts::flood(size.parse().unwrap_or(0).min(FLOOD), uptime)
            }
            other if system.shell => format!("{other}: not found\r\n"),
            _ => "Login incorrect\r\n".to_owned(),
        };
        let prompt = system.prompt(&self.spec);
        self.say(&format!("{answer}{prompt}"));
    }

    pub(super) fn shut_down(&mut self, how: Shutdown, local: Moment) {
        if let Some(system) = self.system.as_mut().filter(|_| self.phase == Phase::Os) {
            system.shut_down(how, &self.spec, local);
        }
    }
}
