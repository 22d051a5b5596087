//! One simulated machine: power, firmware, console and what runs on it, in virtual time.
//!
//! A node does nothing by itself between calls: [`Node::advance`] does all that is due until a
//! moment, the other calls happen at the moment given to them, which must not lie before the last
//! one. [`Rig`](super::Rig) keeps a whole set of nodes in step.

use std::collections::VecDeque;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::time::Duration;

use crate::clock::Moment;

use super::disk::SharedDisk;
use super::fault::Faults;
use super::firmware::{Firmware, Order};
use super::nvram::Nvram;
use super::spec::{Flavour, NodeSpec};
use super::system::{Mode, System};
use super::texts;

/// Typed bytes that a frozen node keeps.
const HELD: usize = 64 * 1024;

/// Frozen nodes that keep the same so far are alike to an explorer.
const HELD_ALIKE: usize = 16;

/// Console output kept until it is taken; the oldest is lost first.
const OUTPUT: usize = 8 << 20;

/// An answer to a ping that comes later than this is none.
const PING_WAITS: Duration = Duration::from_secs(1);

/// What a node is doing, for tests and people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Without power.
    Off,
    /// Between power-on or reset and the end of its self test.
    Post,
    /// At the ok prompt.
    Prompt {
        /// A stopped kernel would go on after `go`.
        resumable: bool,
    },
    /// The firmware loads the boot image; a BREAK is lost.
    Loading,
    /// The kernel has begun, no login yet.
    Booting,
    /// The service runs.
    Running,
    /// An orderly shutdown is on its way.
    ShuttingDown,
    /// The kernel has panicked and stays.
    Panicked,
    /// A kernel debugger has the machine; its kernel goes on when it says so.
    Debugger,
    /// The kernel stands still.
    Hung,
    /// The kernel lives, its userland does not.
    UserlandHung,
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Condition::Off => "off",
            Condition::Post => "in its self test",
            Condition::Prompt { resumable: false } => "at its prompt",
            Condition::Prompt { resumable: true } => "stopped by BREAK, its kernel intact",
            Condition::Loading => "loading its boot image",
            Condition::Booting => "booting",
            Condition::Running => "running",
            Condition::ShuttingDown => "shutting down",
            Condition::Panicked => "panicked",
            Condition::Debugger => "in its kernel debugger",
            Condition::Hung => "hung",
            Condition::UserlandHung => "hung in its userland",
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Phase {
    Off,
    Post,
    Prompt,
    Loading,
    Os,
    /// The kernel debugger waits for a line.
    Debugger,
}

/// What the firmware does by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Step {
    PostEnds,
    OpenDisk,
    LoadEnds,
    ReadDevice { number: u64, found: bool },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Input {
    Byte(u8, Typist),
    Break,
}

/// Whose keys they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Typist {
    Clusterd,
    Person,
}

/// One machine.
#[derive(Clone, Debug)]
pub struct Node {
    pub(super) spec: NodeSpec,
    pub(super) phase: Phase,
    pub(super) nvram: Nvram,
    pub(super) firmware: Firmware,
    pub(super) system: Option<System>,
    /// The firmware's next step, with its local moment.
    pub(super) step: Option<(Moment, Step)>,
    /// What the firmware evaluates after the reset that it is in, past `auto-boot?`.
    pub(super) reboot_command: Option<String>,
    /// Whether the reset that it is in may end in an autoboot.
    pub(super) autoboot: bool,
    /// Something was loaded since the reset: the next `boot` resets first (openboot
    /// `already-go?`; `ran` in the test bed's `prom.fth`).
    pub(super) loaded: bool,
    /// The operating system has left for the prompt in order.
    pub(super) halted: bool,
    pub(super) faults: Faults,
    pub(super) rng: fastrand::Rng,
    /// What was typed to the kernel debugger.
    pub(super) debugger_line: String,
    /// A person had a hand in what stands on the input line.
    line_of_person: bool,
    /// How often a line of a person's started a system here, or let one go on.
    started_by_hand: u32,
    out: VecDeque<u8>,
    /// How long it stood frozen so far: its own clock is behind by this much.
    skew: Duration,
    frozen: Option<Moment>,
    held: Vec<Input>,
}

impl Node {
    /// A node that is powered off.
    pub fn new(spec: NodeSpec) -> Node {
        Node {
            phase: Phase::Off,
            nvram: Nvram::new(spec.flavour, &spec.disk_alias),
            firmware: Firmware::new(&spec),
            system: None,
            step: None,
            reboot_command: None,
            autoboot: true,
            loaded: false,
            halted: false,
            faults: Faults::default(),
            rng: fastrand::Rng::with_seed(spec.seed),
            debugger_line: String::new(),
            line_of_person: false,
            started_by_hand: 0,
            out: VecDeque::new(),
            skew: Duration::ZERO,
            frozen: None,
            held: Vec::new(),
            spec,
        }
    }

    /// What it was made from.
    pub fn spec(&self) -> &NodeSpec {
        &self.spec
    }

    /// Its power switch. Everything but the NVRAM is lost without power.
    pub fn power(&mut self, on: bool, now: Moment) {
        match (on, self.phase) {
            (true, Phase::Off) => self.reset(None, self.local(now)),
            (true, _) => {}
            (false, _) => {
                drop(self.thaw_silently(now));
                self.switch_off();
            }
        }
    }

    /// Stops the machine dead; it keeps what is sent to it, a BREAK too (as the test bed does).
    pub fn freeze(&mut self, now: Moment) {
        if self.phase != Phase::Off {
            self.frozen.get_or_insert(now);
        }
    }

    /// Lets a frozen machine go on: what was sent to it meanwhile meets it before anything else.
    pub fn thaw(&mut self, now: Moment) {
        let held = self.thaw_silently(now);
        let local = self.local(now);
        for input in held {
            self.take_input(input, local);
        }
    }

    /// Bytes arrive at its serial line.
    pub fn type_bytes(&mut self, bytes: &[u8], now: Moment) {
        self.typed(bytes, Typist::Clusterd, now);
    }

    /// Bytes of a person arrive there.
    pub fn person_types(&mut self, bytes: &[u8], now: Moment) {
        self.typed(bytes, Typist::Person, now);
    }

    pub(super) fn typed(&mut self, bytes: &[u8], typist: Typist, now: Moment) {
        let local = self.local(now);
        for &byte in bytes {
            self.input(Input::Byte(byte, typist), local);
        }
    }

    /// How often a line of a person's started a system here, or let one go on.
    pub fn started_by_hand(&self) -> u32 {
        self.started_by_hand
    }

    /// A system starts or goes on with what stands on the input line.
    pub(super) fn starts(&mut self) {
        self.started_by_hand += u32::from(self.line_of_person);
    }

    /// A BREAK arrives at its serial line.
    pub fn send_break(&mut self, now: Moment) {
        self.input(Input::Break, self.local(now));
    }

    /// Does all that is due until `now`, in its order.
    pub fn advance(&mut self, now: Moment, disk: &mut SharedDisk) {
        while let Some(due) = self.poll_timeout().filter(|due| *due <= now) {
            let local = self.local(due);
            match self.step.take_if(|(at, _)| *at <= local) {
                Some((_, step)) => self.firmware_step(step, local, disk),
                None => self.system_step(local, due, disk),
            }
        }
    }

    /// The moment at which something will happen by itself.
    pub fn poll_timeout(&self) -> Option<Moment> {
        if self.frozen.is_some() {
            return None;
        }
        let own = self.step.map(|(at, _)| at);
        let system = self.system.as_ref().and_then(System::next);
        let local = match (own, system) {
            (Some(own), Some(system)) => own.min(system),
            (own, system) => own.or(system)?,
        };
        Some(local + self.skew)
    }

    /// The same, but for heartbeats of which nobody else notices anything.
    pub(super) fn next_noticed(&self, disk: &SharedDisk) -> Option<Moment> {
        match &self.system {
            Some(system) if self.step.is_none() && self.beats_unnoticed(system, disk) => {
                if self.frozen.is_some() {
                    return None;
                }
                system.next_but_beats().map(|at| at + self.skew)
            }
            _ => self.poll_timeout(),
        }
    }

    /// Writes, together, the heartbeats that are due at `now` before anything else happens here,
    /// where nobody else notices any of them. False where there is none to write in this way.
    pub(super) fn beat_unnoticed(&mut self, now: Moment, disk: &mut SharedDisk) -> bool {
        if self.frozen.is_some() || self.step.is_some() {
            return false;
        }
        let local = self.local(now);
        let unnoticed = |system: &System| self.beats_unnoticed(system, disk);
        if !self.system.as_ref().is_some_and(unnoticed) {
            return false;
        }
        let Some(system) = &mut self.system else {
            return false;
        };
        let (Some(boot), Some((count, last))) = (system.boot, system.take_beats(local)) else {
            return false;
        };
        disk.write_unnoticed(&self.spec.name, boot, count, last + self.skew);
        true
    }

    fn beats_unnoticed(&self, system: &System, disk: &SharedDisk) -> bool {
        let boot = system.boot;
        boot.is_some_and(|boot| disk.takes_unnoticed(&self.spec.name, boot))
    }

    /// Whether it wrote to its serial line since [`Node::take_output`] was called last.
    pub(super) fn has_output(&self) -> bool {
        !self.out.is_empty()
    }

    /// What it wrote to its serial line since the last call.
    pub fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out).into()
    }

    /// Whether the service address answers ping from here. A panicked node's does, as tried on the
    /// test bed; a node at its prompt, hung, frozen or off does not.
    pub fn answers_ping(&self) -> bool {
        let system = self.system.as_ref().filter(|_| self.phase == Phase::Os);
        let network = system.is_some_and(|s| s.network && s.mode != Mode::Hung);
        let network = network && self.faults.slow < PING_WAITS;
        network && self.frozen.is_none() && !self.faults.cable_out && !self.faults.address_moved
    }

    /// Whether somebody is logged in on its console: RETURN is answered by a shell, which is neither a
    /// login prompt nor the firmware's.
    pub fn shows_a_shell(&self) -> bool {
        self.system.as_ref().is_some_and(|system| system.shell)
    }

    /// Whether its userland is alive: a TCP service on it would answer.
    pub fn serves(&self) -> bool {
        self.frozen.is_none() && self.condition() == Condition::Running
    }

    /// What it is doing; a frozen node is in the condition in which it was frozen.
    pub fn condition(&self) -> Condition {
        match self.phase {
            Phase::Off => Condition::Off,
            Phase::Post => Condition::Post,
            Phase::Loading => Condition::Loading,
            Phase::Debugger => Condition::Debugger,
            Phase::Prompt => Condition::Prompt {
                resumable: self.system.is_some(),
            },
            Phase::Os => match self.system.as_ref().map(|system| system.mode) {
                Some(Mode::Booting) | None => Condition::Booting,
                Some(Mode::Up) => Condition::Running,
                Some(Mode::ShuttingDown) => Condition::ShuttingDown,
                Some(Mode::Panicked) => Condition::Panicked,
                Some(Mode::Hung) => Condition::Hung,
                Some(Mode::UserlandHung) => Condition::UserlandHung,
            },
        }
    }

    /// Whether it was frozen and not thawed.
    pub fn is_frozen(&self) -> bool {
        self.frozen.is_some()
    }

    /// Whether its self test never ends. A reset or a power cycle would end it.
    pub(super) fn hangs_in_self_test(&self) -> bool {
        self.phase == Phase::Post && self.step.is_none()
    }

    /// Whether its system has mounted the shared disk and would write to it now.
    pub(super) fn writes(&self) -> bool {
        let live = |system: &System| {
            let goes_on = !matches!(system.mode, Mode::Hung | Mode::Panicked);
            system.boot.is_some() && goes_on
        };
        let system = self.system.as_ref().filter(|_| self.phase == Phase::Os);
        self.frozen.is_none() && system.is_some_and(live)
    }

    /// Whether a system that has mounted the disk runs here, or would go on if it were told to.
    pub(super) fn holds_the_disk(&self) -> bool {
        let mounted = self
            .system
            .as_ref()
            .is_some_and(|system| system.boot.is_some());
        mounted && !matches!(self.condition(), Condition::Panicked)
    }

    /// Whether the reset that it is in ends in a boot from the disk.
    pub(super) fn will_boot(&self) -> bool {
        match &self.reboot_command {
            Some(command) => {
                let device = command.split_whitespace().nth(1);
                device.map_or_else(
                    || self.boots_by_default(),
                    |device| self.leads_to_disk(device),
                )
            }
            None => self.autoboot && self.nvram.is_true("auto-boot?") && self.boots_by_default(),
        }
    }

    fn boots_by_default(&self) -> bool {
        let devices = self.nvram.get("boot-device").unwrap_or("");
        devices
            .split_whitespace()
            .any(|device| self.leads_to_disk(device))
    }

    /// The value of a configuration variable as `printenv` would show it.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.nvram.get(name)
    }

    /// Sets a configuration variable past the firmware.
    pub fn set_variable(&mut self, name: &str, value: &str) {
        self.nvram.force(name, value);
    }

    /// Feeds `hasher` with all that tells this node from another one of the same spec at `now`.
    /// Its own moments are told as they lie on the world's clock.
    pub(super) fn tell_apart<H: Hasher>(&self, now: Moment, mark: Option<&str>, hasher: &mut H) {
        let local = self.local(now);
        let outside = |at: Moment| now + at.since(local) - local.since(at);
        (self.phase, self.autoboot, self.loaded, self.halted).hash(hasher);
        self.step.map(|(at, step)| (outside(at), step)).hash(hasher);
        (&self.reboot_command, self.faults, &self.debugger_line).hash(hasher);
        self.line_of_person.hash(hasher);
        // What was sent first meets it first when it thaws; the rest is more of the same.
        let held = &self.held[..self.held.len().min(HELD_ALIKE)];
        (self.frozen.is_some(), held, &self.out).hash(hasher);
        self.nvram.tell_apart(hasher);
        self.firmware.tell_apart(mark, hasher);
        if let Some(system) = &self.system {
            system.tell_apart(local, now, hasher);
        }
    }

    pub(super) fn say(&mut self, text: &str) {
        self.out.extend(text.as_bytes());
        let excess = self.out.len().saturating_sub(OUTPUT);
        self.out.drain(..excess);
    }

    /// The node's own clock at `now`; it stands still while the node is frozen.
    pub(super) fn local(&self, now: Moment) -> Moment {
        self.frozen.unwrap_or(now) - self.skew
    }

    /// A new prompt at a line start.
    pub(super) fn show_prompt(&mut self) {
        self.phase = Phase::Prompt;
        let prompt = self.firmware.prompt();
        self.say(prompt);
    }

    /// The prompt again, after an order whose answer is `answer`.
    pub(super) fn back_to_prompt(&mut self, answer: &str) {
        self.phase = Phase::Prompt;
        self.say(answer);
        let rest = self.firmware.after_order(answer);
        self.say(&rest);
    }

    pub(super) fn switch_off(&mut self) {
        self.phase = Phase::Off;
        (self.system, self.step, self.reboot_command) = (None, None, None);
    }

    fn thaw_silently(&mut self, now: Moment) -> Vec<Input> {
        if let Some(since) = self.frozen.take() {
            self.skew += now.since(since);
        }
        std::mem::take(&mut self.held)
    }

    fn input(&mut self, input: Input, local: Moment) {
        if self.faults.deaf || self.phase == Phase::Off {
            return;
        }
        if self.frozen.is_none() {
            self.take_input(input, local);
        } else if self.held.len() < HELD {
            self.held.push(input);
        }
    }

    /// Bytes that arrive while the firmware tests or loads are lost, like a BREAK.
    fn take_input(&mut self, input: Input, local: Moment) {
        match (input, self.phase) {
            (Input::Byte(byte, typist), Phase::Prompt) => {
                self.line_of_person |= typist == Typist::Person;
                self.key_at_prompt(byte, local);
                self.line_of_person &= !self.firmware.line_is_empty();
            }
            (Input::Byte(byte, _), Phase::Os) => self.key_in_system(byte, local),
            (Input::Byte(byte, typist), Phase::Debugger) => {
                self.line_of_person |= typist == Typist::Person;
                self.key_in_debugger(byte, local);
                self.line_of_person &= !self.debugger_line.is_empty();
            }
            (Input::Break, Phase::Os) => self.stop_system(local),
            _ => {}
        }
    }

    fn key_at_prompt(&mut self, byte: u8, local: Moment) {
        let mut echo = String::new();
        let (spec, nvram) = (&self.spec, &mut self.nvram);
        let order = self.firmware.key(byte, spec, nvram, &mut echo);
        self.say(&echo);
        let resumes = matches!(order, Some(Order::Go | Order::Sync)) && self.system.is_some();
        if resumes || matches!(order, Some(Order::Boot(_))) {
            self.starts();
        }
        match order {
            None => {}
            Some(Order::Boot(arguments)) => self.boot(&arguments, local),
            Some(Order::Go) => self.resume_system(local),
            Some(Order::Sync) => self.sync_system(local),
            Some(Order::PowerOff) => self.switch_off(),
            Some(Order::ReadDevice(device, number)) => {
                let found = self.leads_to_disk(&device);
                self.step = Some((local, Step::ReadDevice { number, found }));
            }
            Some(Order::ResetAll) => {
                if self.spec.flavour == Flavour::Sun {
                    self.say(texts::resetting(Flavour::Sun));
                }
                self.reset(None, local);
            }
        }
    }
}
