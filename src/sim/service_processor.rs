//! A service processor between a console port and its node: Sun's ALOM or ILOM, as one logged-in
//! session sees it.
//!
//! ```text
//!   port ── typed ──► console ──────────── bytes ──────────► Node
//!                     │    ▲  ◄────────── output ──────────   ▲
//!                  `#.`    `console`, `start /SP/console`     │ BREAK, power
//!                     ▼    │                                  │
//!                     shell (`sc> `, `-> `) ──────────────────┘
//! ```
//!
//! What a shell prints and takes stands in [`alom`] and [`ilom`], with its sources in
//! `docs/firmware.md`. A machine whose kernel has no firmware below it ([`Host::Sun4v`]) answers
//! a BREAK with its kernel's own question (illumos `uts/sun4v/promif/promif_mon.c`).

use crate::clock::Moment;

use super::fault::Shutdown;
use super::node::{Condition, Node, Typist};

mod alom;
mod ilom;

/// At the ok prompt, with nothing to resume.
const PROMPT: Condition = Condition::Prompt { resumable: false };
/// A halted kernel's last line.
const TERMINATED: &str = "Program terminated";
/// A shell's line is cut here.
const LINE: usize = 256;

/// Whose service processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcessorKind {
    /// ALOM: `sc> `.
    Alom,
    /// ILOM of a SPARC machine: `-> `.
    Ilom,
}

/// What a BREAK meets in a running kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host {
    /// The firmware, still in memory: `Type  'go' to resume`, `ok `.
    Sun4u,
    /// No firmware is left: the kernel stops and asks by itself.
    Sun4v,
}

/// A sun4v kernel's own question (`promif_mon.c`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Menu {
    /// Stopped by BREAK.
    Enter,
    /// Halted in order.
    Exit,
}

/// What an order at a shell does, once it is confirmed where that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Break,
    Off,
    ShutDown,
    On,
    Console { force: bool },
}

/// What a processor did to its machine on the word of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ProcessorOrder {
    /// BREAK to its kernel.
    Break,
    /// Switched off, in order or at once.
    Off,
}

/// One session of a service processor, and what it does to its machine.
#[derive(Clone, Debug)]
pub struct ServiceProcessor {
    kind: ProcessorKind,
    host: Host,
    /// At the console, or at the shell.
    console: bool,
    /// Whether this session may write on the console; another one may have taken that right.
    writes: bool,
    /// The first character of an escape, withheld until the next one is known.
    withheld: Option<u8>,
    /// What stands at the shell's prompt.
    line: String,
    /// A confirmation is asked for.
    asked: Option<Order>,
    /// A sun4v kernel asks what to do.
    menu: Option<Menu>,
    /// The service processor itself stands still.
    hung: bool,
    last: Condition,
    out: Vec<u8>,
    /// Who types in the session now.
    typist: Typist,
    /// What it did on the session's word, until somebody asks.
    orders: Vec<ProcessorOrder>,
}

impl ServiceProcessor {
    /// A logged-in session at the console of a machine without power, with the right to write.
    pub fn new(kind: ProcessorKind, host: Host) -> ServiceProcessor {
        ServiceProcessor {
            kind,
            host,
            console: true,
            writes: true,
            withheld: None,
            line: String::new(),
            asked: None,
            menu: None,
            hung: false,
            last: Condition::Off,
            out: Vec::new(),
            typist: Typist::Clusterd,
            orders: Vec::new(),
        }
    }

    /// Whether the session is at the console, not at the shell.
    pub fn at_console(&self) -> bool {
        self.console
    }

    /// Another session takes the console by force: this one only looks on.
    pub fn taken_by_another(&mut self) {
        self.writes = false;
    }

    /// The service processor itself stands still: nothing is answered, nothing passes.
    pub fn hang(&mut self) {
        self.hung = true;
    }

    /// Whether it stands still.
    pub(super) fn hangs(&self) -> bool {
        self.hung
    }

    /// It answers again, and nobody else has its console.
    pub fn mend(&mut self) {
        self.hung = false;
        self.writes = true;
    }

    /// What stands at the shell of such a processor.
    pub(super) fn prompt(kind: ProcessorKind) -> &'static str {
        match kind {
            ProcessorKind::Alom => alom::PROMPT,
            ProcessorKind::Ilom => ilom::PROMPT,
        }
    }

    /// The service processor itself starts anew; the machine notices nothing. The next session
    /// begins at the shell.
    pub fn restart(&mut self) {
        *self = ServiceProcessor {
            console: false,
            last: self.last,
            menu: self.menu,
            ..ServiceProcessor::new(self.kind, self.host)
        };
    }

    /// An alert, which comes wherever the session is.
    pub fn alert(&mut self, text: &str) {
        if self.kind == ProcessorKind::Alom {
            self.say(&format!("\r\nSC Alert: {text}\r\n"));
        }
    }

    /// What it did on the session's word since this was asked last.
    pub(super) fn take_orders(&mut self) -> Vec<ProcessorOrder> {
        std::mem::take(&mut self.orders)
    }

    /// The session's client types, or a person through it.
    pub(super) fn types(&mut self, bytes: &[u8], typist: Typist, node: &mut Node, now: Moment) {
        self.typist = typist;
        for &byte in bytes {
            if self.hung {
                return;
            }
            if self.console {
                self.key_at_console(byte, node, now);
            } else {
                self.key_at_shell(byte, node, now);
            }
        }
    }

    /// Somebody types on another session's console.
    pub(super) fn another_types(&mut self, bytes: &[u8], node: &mut Node, now: Moment) {
        for &byte in bytes {
            match self.menu {
                Some(menu) => self.key_at_menu(menu, byte, node, now),
                None => node.person_types(&[byte], now),
            }
        }
    }

    /// What the session shows of the node's output, with its own words.
    pub(super) fn show(&mut self, output: &[u8], node: &Node) -> Vec<u8> {
        let now_is = node.condition();
        if self.menu == Some(Menu::Enter) && !node.is_frozen() {
            // Somebody let its kernel go on.
            self.menu = None;
        }
        let was = std::mem::replace(&mut self.last, now_is);
        let halted = was == Condition::ShuttingDown && now_is == PROMPT;
        let output = if self.host == Host::Sun4v && halted {
            self.halted(output)
        } else {
            output.to_vec()
        };
        if self.console {
            self.out.extend_from_slice(&output);
        }
        match now_is {
            Condition::Off if was != Condition::Off => {
                self.menu = None;
                self.alert("Host system has shut down.");
            }
            Condition::Post if was != Condition::Post => {
                self.menu = None;
                self.alert("Host System has Reset");
            }
            _ => {}
        }
        let out = std::mem::take(&mut self.out);
        if self.hung { Vec::new() } else { out }
    }

    /// No prompt follows a halt where no firmware is left: the kernel asks.
    fn halted(&mut self, output: &[u8]) -> Vec<u8> {
        self.menu = Some(Menu::Exit);
        let mut text = String::from_utf8_lossy(output).into_owned();
        if let Some(end) = text.find(TERMINATED) {
            text.truncate(end + TERMINATED.len());
        }
        format!("{text}\r\n{}", self.menu_question(Menu::Exit)).into_bytes()
    }

    /// Whether nothing is left to be shown of what it knows and of what its machine does.
    pub(super) fn has_said_all(&self, node: &Node) -> bool {
        self.out.is_empty() && self.last == node.condition()
    }

    fn say(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    fn key_at_console(&mut self, byte: u8, node: &mut Node, now: Moment) {
        match (self.withheld.take(), byte) {
            (Some(b'#'), b'.') => return self.leave_console(),
            (Some(0x1b), b'B') => return self.orders_break(node, now),
            (None, b'#') => return self.withheld = Some(byte),
            (None, 0x1b) if self.kind == ProcessorKind::Ilom => return self.withheld = Some(byte),
            (Some(first), _) => self.hand_on(first, node, now),
            (None, _) => {}
        }
        self.hand_on(byte, node, now);
    }

    fn hand_on(&mut self, byte: u8, node: &mut Node, now: Moment) {
        if !self.writes {
            return;
        }
        match self.menu {
            Some(menu) => self.key_at_menu(menu, byte, node, now),
            None => node.typed(&[byte], self.typist, now),
        }
    }

    fn leave_console(&mut self) {
        self.console = false;
        self.line.clear();
        self.say(match self.kind {
            ProcessorKind::Alom => alom::LEFT,
            ProcessorKind::Ilom => ilom::LEFT,
        });
        self.show_prompt();
    }

    fn key_at_shell(&mut self, byte: u8, node: &mut Node, now: Moment) {
        match byte {
            b'\r' => {
                self.say("\r\n");
                let line = std::mem::take(&mut self.line);
                self.obey(line.trim(), node, now);
            }
            0x03 | 0x15 => {
                self.line.clear();
                self.say("\r\n");
                self.show_prompt();
            }
            0x08 | 0x7f if self.line.pop().is_some() => self.say("\x08 \x08"),
            b' '..=b'~' if self.line.len() < LINE => {
                self.line.push(char::from(byte));
                self.out.push(byte);
            }
            _ => {}
        }
    }

    fn show_prompt(&mut self) {
        self.say(ServiceProcessor::prompt(self.kind));
    }

    fn obey(&mut self, line: &str, node: &mut Node, now: Moment) {
        if let Some(order) = self.asked.take() {
            if matches!(line, "y" | "Y") {
                self.carry_out(order, true, node, now);
            } else {
                self.show_prompt();
            }
            return;
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        match self.kind {
            ProcessorKind::Alom => self.obey_alom(&words, node, now),
            ProcessorKind::Ilom => self.obey_ilom(&words, node, now),
        }
    }

    /// Asks for a `y`, or does it.
    fn order(&mut self, order: Order, sure: bool, question: &str, node: &mut Node, now: Moment) {
        if sure {
            self.carry_out(order, false, node, now);
        } else {
            self.asked = Some(order);
            self.say(question);
        }
    }

    fn carry_out(&mut self, order: Order, confirmed: bool, node: &mut Node, now: Moment) {
        match order {
            Order::Break => self.orders_break(node, now),
            Order::Off => {
                self.orders.push(ProcessorOrder::Off);
                node.power(false, now);
            }
            Order::ShutDown => {
                self.orders.push(ProcessorOrder::Off);
                node.orderly_shutdown(Shutdown::PowerOff, now);
            }
            Order::On => node.power(true, now),
            Order::Console { force } => return self.enter_console(force, confirmed),
        }
        self.show_prompt();
    }

    fn enter_console(&mut self, force: bool, confirmed: bool) {
        match self.kind {
            ProcessorKind::Alom => self.enter_alom_console(force, confirmed),
            ProcessorKind::Ilom => self.enter_ilom_console(force),
        }
    }

    /// The session orders a BREAK.
    fn orders_break(&mut self, node: &mut Node, now: Moment) {
        self.orders.push(ProcessorOrder::Break);
        self.send_break(node, now);
    }

    /// BREAK to the machine. A sun4v kernel stops by itself and asks.
    pub(super) fn send_break(&mut self, node: &mut Node, now: Moment) {
        if self.host == Host::Sun4u {
            return node.send_break(now);
        }
        let heeds = matches!(
            node.condition(),
            Condition::Booting
                | Condition::Running
                | Condition::ShuttingDown
                | Condition::UserlandHung
                | Condition::Panicked
        );
        if heeds && !node.is_frozen() && !node.faults().break_disabled {
            node.freeze(now);
            self.menu = Some(Menu::Enter);
            let question = self.menu_question(Menu::Enter);
            self.kernel_says(&format!(
                "\r\nDebugging requested; hardware watchdog suspended.\r\n\r\n{question}"
            ));
        }
    }

    /// `promif_mon.c`: older kernels have three answers, newer ones four.
    fn menu_question(&self, menu: Menu) -> &'static str {
        match (menu, self.kind) {
            (Menu::Enter, ProcessorKind::Alom) => "c)ontinue, s)ync, r)eset? ",
            (Menu::Enter, ProcessorKind::Ilom) => "c)ontinue, s)ync, r)eboot, h)alt? ",
            (Menu::Exit, _) => "r)eboot, o)k prompt, h)alt? ",
        }
    }

    /// Text of the stopped kernel; it is seen where the session is at the console.
    fn kernel_says(&mut self, text: &str) {
        if self.console {
            self.say(text);
        }
    }

    /// One key is an answer, without RETURN.
    fn key_at_menu(&mut self, menu: Menu, byte: u8, node: &mut Node, now: Moment) {
        let key = char::from(byte);
        if byte.is_ascii_graphic() {
            self.kernel_says(&format!("{key}\r\n"));
        } else if byte == b'\r' {
            self.kernel_says("\r\n");
        }
        match (menu, key) {
            (_, 'h') => node.power(false, now),
            (Menu::Enter, 'c') => node.thaw(now),
            (Menu::Enter, 's') => {
                node.thaw(now);
                node.panic(now);
            }
            (Menu::Enter, 'r') | (Menu::Exit, 'r' | 'o') => {
                node.thaw(now);
                node.press_reset(now);
            }
            _ => {
                if byte.is_ascii_graphic() {
                    self.kernel_says(&format!("invalid option ({key})\r\n"));
                }
                let question = self.menu_question(menu);
                return self.kernel_says(question);
            }
        }
        self.menu = None;
    }
}
