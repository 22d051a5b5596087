//! The operating system booted on a node: its clock, what it is going to do, its terminal.

use std::collections::VecDeque;
use std::hash::{Hash, Hasher};
use std::time::Duration;

use crate::clock::Moment;

use super::fault::Shutdown;
use super::spec::{Flavour, NodeSpec};
use super::texts;

/// A typed line is cut here, as by the kernel's terminal driver.
const LINE: usize = 255;

/// How the operating system fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Mode {
    Booting,
    Up,
    ShuttingDown,
    Panicked,
    /// All of it stands still; only a BREAK gets through to the firmware.
    Hung,
    /// The kernel lives, and with it ping, echo and the heartbeat; nothing answers.
    UserlandHung,
}

/// Something that the operating system does by itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum OsStep {
    Say(String),
    /// A kernel line; Linux puts the uptime before it.
    Kernel(String),
    Mount,
    Login,
    Chatter,
    Beat,
    /// A write that is no heartbeat: a panicking Solaris syncs its file systems.
    Sync,
    Gone(Shutdown),
    /// It panics while it boots.
    Dies,
}

/// What the terminal makes of a typed byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Typed {
    Nothing,
    Line(String),
}

/// One boot's operating system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct System {
    /// The local moment at which its uptime would be zero, had it never been stopped.
    origin: Moment,
    paused: Option<Moment>,
    pub mode: Mode,
    agenda: VecDeque<(Duration, OsStep)>,
    next_beat: Option<Duration>,
    heartbeat: Duration,
    /// The number of this boot, once the disk is mounted.
    pub boot: Option<u32>,
    pub network: bool,
    pub break_enabled: bool,
    pub reboot_after_panic: Option<Duration>,
    pub shell: bool,
    line: Vec<u8>,
    /// Uptime of the last complaint about the disk.
    pub complained: Option<Duration>,
}

impl System {
    /// A kernel that begins at the local moment `origin`.
    pub fn new(spec: &NodeSpec, origin: Moment, reboot_after_panic: Option<Duration>) -> System {
        let mut agenda: VecDeque<(Duration, OsStep)> = texts::kernel(spec)
            .into_iter()
            .map(|(share, line)| (spec.times.boot * share / 1000, OsStep::Kernel(line)))
            .collect();
        agenda.push_back((spec.times.boot * 97 / 100, OsStep::Mount));
        agenda.push_back((spec.times.boot, OsStep::Login));
        System {
            origin,
            paused: None,
            mode: Mode::Booting,
            agenda,
            next_beat: None,
            heartbeat: spec.heartbeat.max(Duration::from_millis(1)),
            boot: None,
            network: false,
            break_enabled: true,
            reboot_after_panic,
            shell: false,
            line: Vec::new(),
            complained: None,
        }
    }

    /// The disk is checked for so long before it is mounted, without a word.
    pub fn check_disk(&mut self, takes: Duration, spec: &NodeSpec) {
        let from = spec.times.boot * 6 / 10;
        for (at, _) in self.agenda.iter_mut().filter(|(at, _)| *at >= from) {
            *at += takes;
        }
        let text = match spec.flavour {
            Flavour::Sun => "The / file system (/dev/rdsk/c0t0d0s0) is being checked.\r\n",
            Flavour::OpenBios => "/dev/sda: recovering journal\r\n",
        };
        self.plan(from, OsStep::Say(text.to_owned()));
    }

    pub fn uptime(&self, local: Moment) -> Duration {
        self.paused.unwrap_or(local).since(self.origin)
    }

    /// BREAK: its clock stands still.
    pub fn pause(&mut self, local: Moment) {
        self.paused.get_or_insert(local);
    }

    /// `go`: it goes on as if nothing had happened.
    pub fn resume(&mut self, local: Moment) {
        if let Some(since) = self.paused.take() {
            self.origin = self.origin + local.since(since);
        }
    }

    /// The local moment of its next step.
    pub fn next(&self) -> Option<Moment> {
        if self.paused.is_some() || self.mode == Mode::Hung {
            return None;
        }
        let step = self.agenda.front().map(|(at, _)| *at);
        let due = match (step, self.next_beat) {
            (Some(step), Some(beat)) => step.min(beat),
            (step, beat) => step.or(beat)?,
        };
        Some(self.origin + due)
    }

    /// The local moment of its next step that is no heartbeat.
    pub fn next_but_beats(&self) -> Option<Moment> {
        if self.paused.is_some() || self.mode == Mode::Hung {
            return None;
        }
        self.agenda.front().map(|(at, _)| self.origin + *at)
    }

    /// Takes all heartbeats that are due at `local` and come before any other step: how many, and
    /// the local moment of the last.
    pub fn take_beats(&mut self, local: Moment) -> Option<(u64, Moment)> {
        if self.paused.is_some() || self.mode == Mode::Hung {
            return None;
        }
        let first = self.next_beat.filter(|at| self.origin + *at <= local)?;
        let planned = self.agenda.front().map_or(Duration::MAX, |(at, _)| *at);
        // A moment is a whole microsecond: what is due within it is due.
        let end = planned.min(local.since(self.origin) + Duration::from_micros(1));
        let span = end
            .checked_sub(first)?
            .checked_sub(Duration::from_nanos(1))?;
        let more = u32::try_from(span.as_nanos() / self.heartbeat.as_nanos()).unwrap_or(u32::MAX);
        let last = first + self.heartbeat * more;
        self.next_beat = Some(last + self.heartbeat);
        Some((u64::from(more) + 1, self.origin + last))
    }

    /// Takes the step that is due at `local`.
    pub fn take_due(&mut self, local: Moment) -> Option<OsStep> {
        if self.next()? > local {
            return None;
        }
        let beat = self.next_beat.unwrap_or(Duration::MAX);
        if self.agenda.front().is_some_and(|(at, _)| *at <= beat) {
            return self.agenda.pop_front().map(|(_, step)| step);
        }
        self.next_beat = Some(beat + self.heartbeat);
        Some(OsStep::Beat)
    }

    /// Puts a step on the agenda, behind what is due before it.
    pub fn plan(&mut self, at: Duration, step: OsStep) {
        let behind = self.agenda.partition_point(|(due, _)| *due <= at);
        self.agenda.insert(behind, (at, step));
    }

    /// The disk is mounted: heartbeats begin at once.
    pub fn mounted(&mut self, boot: u32, local: Moment) {
        self.boot = Some(boot);
        self.next_beat = Some(self.uptime(local));
    }

    /// It panics: nothing that was planned will happen.
    pub fn panicked(&mut self) {
        self.mode = Mode::Panicked;
        self.agenda.clear();
        self.next_beat = None;
    }

    /// It begins to shut down in order.
    pub fn shut_down(&mut self, how: Shutdown, spec: &NodeSpec, local: Moment) {
        self.mode = Mode::ShuttingDown;
        self.agenda.clear();
        let (now, end) = (self.uptime(local), self.uptime(local) + spec.times.shutdown);
        let middle = now + spec.times.shutdown / 2;
        let mut say = |at, step| self.agenda.push_back((at, step));
        match spec.flavour {
            Flavour::OpenBios => {
                let kernel = |line: &str| OsStep::Kernel(format!("{line}\r\n"));
                say(middle, kernel("sd 0:0:0:0: [sda] Synchronizing SCSI cache"));
                match how {
                    Shutdown::Reboot => say(end, kernel("reboot: Restarting system")),
                    Shutdown::Halt => say(end, kernel("reboot: System halted")),
                    Shutdown::PowerOff => {
                        say(end, kernel("sd 0:0:0:0: [sda] Stopping disk"));
                        say(end, kernel("reboot: Power down"));
                    }
                }
            }
            Flavour::Sun => {
                let level = match how {
                    Shutdown::Reboot => 6,
                    Shutdown::Halt => 0,
                    Shutdown::PowerOff => 5,
                };
                let text = format!(
                    "\r\nINIT: New run level: {level}\r\n\
                     The system is coming down.  Please wait.\r\n"
                );
                say(now, OsStep::Say(text));
                let down = "System services are now being stopped.\r\nThe system is down.\r\n";
                say(middle, OsStep::Say(down.to_owned()));
                say(
                    end,
                    OsStep::Say("syncing file systems... done\r\n".to_owned()),
                );
                if how == Shutdown::Reboot {
                    say(end, OsStep::Say("rebooting...\r\n".to_owned()));
                }
            }
        }
        say(end, OsStep::Gone(how));
    }

    /// A byte arrives at the terminal: canonical mode, with echo.
    pub fn key(&mut self, byte: u8, out: &mut String) -> Typed {
        match self.mode {
            Mode::Booting | Mode::Panicked | Mode::Hung => return Typed::Nothing,
            Mode::Up | Mode::UserlandHung | Mode::ShuttingDown => {}
        }
        match byte {
            b'\r' | b'\n' => {
                out.push_str("\r\n");
                let line = std::mem::take(&mut self.line);
                if self.mode == Mode::Up {
                    return Typed::Line(String::from_utf8_lossy(&line).into_owned());
                }
            }
            8 | 0x7f => self.rub_out(1, out),
            0x15 => self.rub_out(self.line.len(), out),
            b' '..=b'~' if self.line.len() < LINE => {
                self.line.push(byte);
                out.push(char::from(byte));
            }
            _ => {}
        }
        Typed::Nothing
    }

    fn rub_out(&mut self, count: usize, out: &mut String) {
        for _ in 0..count {
            if self.line.pop().is_some() {
                out.push_str("\x08 \x08");
            }
        }
    }

    /// Feeds `hasher` with all that tells it from another system of the same node. Its agenda is
    /// told as it lies on the world's clock, at `now` there; heartbeats are not told.
    pub fn tell_apart<H: Hasher>(&self, local: Moment, now: Moment, hasher: &mut H) {
        let uptime = self.uptime(local);
        (self.mode, self.paused.is_some(), self.boot.is_some()).hash(hasher);
        (self.network, self.break_enabled, self.shell).hash(hasher);
        (self.reboot_after_panic, &self.line, self.agenda.len()).hash(hasher);
        for (at, step) in &self.agenda {
            (now + at.saturating_sub(uptime), step).hash(hasher);
        }
    }

    /// What it prints when it waits for a line.
    pub fn prompt(&self, spec: &NodeSpec) -> String {
        if self.shell {
            "# ".to_owned()
        } else {
            format!("\r\n{} console login: ", spec.host)
        }
    }
}
