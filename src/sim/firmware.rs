//! The ok prompt: the line editor, and the words that act on the machine.

use std::hash::{Hash, Hasher};

use super::forth::{Forth, Source, Step};
use super::nvram::{Nvram, Refused};
use super::spec::{Flavour, NodeSpec};
use super::texts;

/// The test bed's firmware cuts an input line here (recorded).
const BED_LINE: usize = 80;

/// `OpenBoot`'s own input buffer is longer than anything a person types.
const SUN_LINE: usize = 256;

/// The password of a simulated machine's `security-mode`.
const PASSWORD: &str = "sesame";

const READ: &str = "200 alloc-mem over if dup 200 \" read\" 5 pick $call-method else 0 then";
const CLOSE: &str = "swap 200 free-mem swap ?dup if close-dev then 200 = 1 and ";

const CTRL_C: u8 = 3;
const BACKSPACE: u8 = 8;
const CTRL_U: u8 = 0x15;
const DELETE: u8 = 0x7f;

/// What an input line asks of the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// `boot ARGS`, the arguments as typed.
    Boot(String),
    Go,
    Sync,
    ResetAll,
    PowerOff,
    /// Read this device, and print the number, or one more if that went well.
    ReadDevice(String, u64),
}

/// The words that act on the machine or show what it is.
const WORDS: [&str; 14] = [
    "banner",
    ".version",
    "printenv",
    "setenv",
    "set-default",
    "set-defaults",
    "boot",
    "go",
    "sync",
    "reset-all",
    "reset",
    "power-off",
    "devalias",
    "probe-scsi",
];

fn acts_on_machine(word: &str) -> bool {
    WORDS.contains(&word)
}

/// The prompt's state: the line being typed, and Forth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Firmware {
    flavour: Flavour,
    prompt: &'static str,
    line: Vec<u8>,
    forth: Forth,
    /// A line that waits for the password, and what was typed of it.
    locked: Option<(String, String)>,
    /// The device that is open.
    device: Option<String>,
}

impl Firmware {
    /// As after a reset.
    pub fn new(spec: &NodeSpec) -> Firmware {
        Firmware {
            flavour: spec.flavour,
            prompt: texts::prompt(spec),
            line: Vec::new(),
            forth: Forth::new(spec.flavour),
            locked: None,
            device: None,
        }
    }

    /// Feeds `hasher` with the line being typed and what is left of earlier ones. Of the words that
    /// were defined only `mark` is asked for again: every other name was random too.
    pub fn tell_apart<H: Hasher>(&self, mark: Option<&str>, hasher: &mut H) {
        (&self.line, &self.locked, &self.device).hash(hasher);
        self.forth.tell_apart(mark, hasher);
    }

    /// Whether nothing is typed on its line, nor a password asked for.
    pub fn line_is_empty(&self) -> bool {
        self.line.is_empty() && self.locked.is_none()
    }

    /// The prompt, as it is printed at a line start. What was typed before is forgotten.
    pub fn prompt(&mut self) -> &'static str {
        self.line.clear();
        self.locked = None;
        self.prompt
    }

    /// Takes one typed byte; echo and answers go to `out`. An order is the caller's to do; if it
    /// leaves the node at the prompt, the caller prints what [`Firmware::after_order`] says.
    pub fn key(
        &mut self,
        byte: u8,
        spec: &NodeSpec,
        nvram: &mut Nvram,
        out: &mut String,
    ) -> Option<Order> {
        if self.locked.is_some() {
            return self.password_key(byte, spec, nvram, out);
        }
        match byte {
            b'\r' | b'\n' => return self.entered(spec, nvram, out),
            BACKSPACE | DELETE => self.rub_out(1, out),
            // Sun: kills the line (openboot line editor); the test bed ignores it (recorded).
            CTRL_U if self.flavour == Flavour::Sun => self.rub_out(self.line.len(), out),
            CTRL_C if self.flavour == Flavour::OpenBios => {
                out.push_str("\r\n");
                out.push_str(self.prompt());
            }
            b'\t' | b' '..=b'~' => {
                let limit = match self.flavour {
                    Flavour::Sun => SUN_LINE,
                    Flavour::OpenBios => BED_LINE,
                };
                if self.line.len() < limit {
                    let shown = if byte == b'\t' { b' ' } else { byte };
                    self.line.push(shown);
                    out.push(char::from(shown));
                }
            }
            _ => {}
        }
        None
    }

    fn rub_out(&mut self, count: usize, out: &mut String) {
        for _ in 0..count {
            if self.line.pop().is_some() {
                out.push_str("\x08 \x08");
            }
        }
    }

    fn entered(&mut self, spec: &NodeSpec, nvram: &mut Nvram, out: &mut String) -> Option<Order> {
        let line = String::from_utf8(std::mem::take(&mut self.line)).unwrap_or_default();
        // OpenBIOS echoes RETURN as a blank, OpenBoot as a new line.
        out.push_str(match self.flavour {
            Flavour::OpenBios => " ",
            Flavour::Sun => "\r\n",
        });
        if spec.flavour == Flavour::Sun && wants_password(&line, nvram) {
            out.push_str("Firmware Password: ");
            self.locked = Some((line, String::new()));
            return None;
        }
        self.run_line(&line, spec, nvram, out)
    }

    /// A byte of the password, which is not echoed.
    fn password_key(
        &mut self,
        byte: u8,
        spec: &NodeSpec,
        nvram: &mut Nvram,
        out: &mut String,
    ) -> Option<Order> {
        if !matches!(byte, b'\r' | b'\n') {
            if let Some((_, typed)) = self.locked.as_mut().filter(|(_, typed)| typed.len() < 64) {
                typed.push(char::from(byte));
            }
            return None;
        }
        let (line, typed) = self.locked.take()?;
        out.push_str("\r\n");
        if typed == PASSWORD {
            return self.run_line(&line, spec, nvram, out);
        }
        out.push_str("Sorry.  Waiting 10 seconds.\r\n");
        out.push_str(&self.after_order("\n"));
        None
    }

    fn run_line(
        &mut self,
        line: &str,
        spec: &NodeSpec,
        nvram: &mut Nvram,
        out: &mut String,
    ) -> Option<Order> {
        let mut answer = String::new();
        let order = self.interpret(line, spec, nvram, &mut answer);
        out.push_str(&answer);
        if order.is_none() {
            out.push_str(&self.after_order(&answer));
        }
        order
    }

    /// The new prompt behind `answer`, which was printed since RETURN. `OpenBIOS` always begins a
    /// line for it, `OpenBoot` only where the cursor is not at a line start.
    pub fn after_order(&mut self, answer: &str) -> String {
        let at_start = answer.is_empty() || answer.ends_with('\n');
        let new_line = match self.flavour {
            Flavour::Sun if at_start => "",
            _ => "\r\n",
        };
        format!("{new_line}{}", self.prompt())
    }

    /// Takes a line that opens a device or reads a block of it; nothing is printed. With the line that
    /// closes it, this is all that is known of devices, texts and conditions here.
    fn opens(&mut self, line: &str) -> bool {
        let device = line.strip_prefix("hex \" ");
        if let Some(device) = device.and_then(|rest| rest.strip_suffix("\" open-dev")) {
            self.device = Some(device.to_owned());
            return true;
        }
        line == READ
    }

    /// The line that closes it again, and tells how it went.
    fn closes(&mut self, line: &str) -> Option<Order> {
        let rest = line.strip_prefix(CLOSE)?;
        let number = u64::from_str_radix(rest.strip_suffix(" + u.")?, 16).ok()?;
        let device = self.device.take().unwrap_or_default();
        Some(Order::ReadDevice(device, number))
    }

    fn interpret(
        &mut self,
        line: &str,
        spec: &NodeSpec,
        nvram: &mut Nvram,
        out: &mut String,
    ) -> Option<Order> {
        if self.opens(line) {
            return None;
        }
        if let Some(order) = self.closes(line) {
            return Some(order);
        }
        let mut source = Source::new(line);
        self.forth.begin_line();
        loop {
            let done = match self.forth.step(&mut source, &acts_on_machine, out) {
                Ok(Step::End) => return None,
                Ok(Step::Done) => Ok(None),
                Ok(Step::Machine(word)) => act(&word, &mut source, spec, nvram, out),
                Err(abort) => Err(abort.text(self.flavour)),
            };
            match done {
                Ok(None) => {}
                Ok(order) => return order,
                Err(complaint) => {
                    out.push_str(&complaint);
                    self.forth.recover();
                    return None;
                }
            }
        }
    }
}

/// Whether `security-mode` keeps this line from whoever does not know the password: `command` lets
/// `go` and a bare `boot` through, `full` only `go` (`OpenBoot` 3.x command reference, chapter 3).
fn wants_password(line: &str, nvram: &Nvram) -> bool {
    let line = line.trim();
    match nvram.get("security-mode") {
        Some("command") => !matches!(line, "" | "go" | "boot"),
        Some("full") => !matches!(line, "" | "go"),
        _ => false,
    }
}

/// Does one word that acts on the machine; `Err` is a complaint that ends the line.
fn act(
    word: &str,
    source: &mut Source<'_>,
    spec: &NodeSpec,
    nvram: &mut Nvram,
    out: &mut String,
) -> Result<Option<Order>, String> {
    match word {
        "banner" => out.extend([&texts::banner(spec), "\r\n"]),
        ".version" => out.push_str(texts::version(spec.flavour)),
        "printenv" => match source.word() {
            Some(name) => show(name, spec.flavour, nvram, out),
            None => show_all(nvram, out),
        },
        "setenv" => return set(source, spec.flavour, nvram, out).map(|()| None),
        "boot" => return Ok(Some(Order::Boot(source.line().to_owned()))),
        "go" => return Ok(Some(Order::Go)),
        "sync" => return Ok(Some(Order::Sync)),
        "reset-all" | "reset" => return Ok(Some(Order::ResetAll)),
        "power-off" => return Ok(Some(Order::PowerOff)),
        "set-defaults" => {
            nvram.restore_defaults(&spec.disk_alias);
            if spec.flavour == Flavour::Sun {
                out.push_str("Setting NVRAM parameters to default values.\r\n");
            }
        }
        "set-default" => {
            let name = source.word().unwrap_or("");
            let fresh = Nvram::new(spec.flavour, &spec.disk_alias);
            match fresh.get(name) {
                Some(value) => nvram.set(name, value).unwrap_or_default(),
                None => return Err(unknown(name, spec.flavour)),
            }
        }
        "devalias" => {
            source.line();
            if spec.flavour == Flavour::Sun {
                let line = format!("{:<24}{}\r\n", spec.disk_alias, texts::SUN_DISK);
                out.push_str(&line);
            }
        }
        // The remaining words have no effect worth simulating.
        _ => {}
    }
    Ok(None)
}

fn show(name: &str, flavour: Flavour, nvram: &Nvram, out: &mut String) {
    let shown = match nvram.get(name) {
        Some(value) => variable(name, value, flavour),
        None => unknown(name, flavour),
    };
    out.push_str(&shown);
}

fn show_all(nvram: &Nvram, out: &mut String) {
    out.push_str("Variable Name           Value\r\n\r\n");
    for (name, value) in nvram.all() {
        let line = format!("{name:<24}{value}\r\n");
        out.push_str(&line);
    }
}

fn set(
    source: &mut Source<'_>,
    flavour: Flavour,
    nvram: &mut Nvram,
    out: &mut String,
) -> Result<(), String> {
    let name = source.word().unwrap_or("");
    let value = source.line();
    if flavour == Flavour::Sun && (name.is_empty() || value.is_empty()) {
        return Err("Usage: setenv option-name value\r\n".to_owned());
    }
    match (nvram.set(name, value), flavour) {
        (Ok(()), _) => {
            out.push_str(&variable(name, value, flavour));
            Ok(())
        }
        (Err(Refused::Unknown), _) => Err(unknown(name, flavour)),
        (Err(Refused::BadValue), Flavour::Sun) => {
            Err("Invalid value; previous value retained.\r\n".to_owned())
        }
        (Err(Refused::BadValue), Flavour::OpenBios) => Err("Invalid value. Aborted.".to_owned()),
    }
}

/// `NAME = VALUE` as `printenv NAME` and `setenv` show it: the value in column 24 on a Sun
/// (openboot `ui-cvars.fth`), 24 columns behind `= ` less the name on the test bed (`prom.fth`).
fn variable(name: &str, value: &str, flavour: Flavour) -> String {
    match flavour {
        Flavour::Sun => format!("{:<24}{value}\r\n", format!("{name} =")),
        Flavour::OpenBios => {
            let blanks = 24usize.saturating_sub(name.len());
            format!("\r\n{name} = {:blanks$}{value}", "")
        }
    }
}

fn unknown(name: &str, flavour: Flavour) -> String {
    match flavour {
        Flavour::Sun => format!("Unknown option: {name}\r\n"),
        Flavour::OpenBios => format!("\r\n{name} is not a configuration variable."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn talk(spec: &NodeSpec, typed: &str) -> (String, Option<Order>) {
        let mut firmware = Firmware::new(spec);
        let mut nvram = Nvram::new(spec.flavour, &spec.disk_alias);
        let (mut out, mut order) = (String::new(), None);
        for byte in typed.bytes() {
            order = firmware.key(byte, spec, &mut nvram, &mut out).or(order);
        }
        (out, order)
    }

    fn sun(typed: &str) -> String {
        talk(&NodeSpec::sun("ca1", 0x8323_4567), typed).0
    }

    #[test]
    fn a_sun_answers_on_new_lines_with_its_cpu_in_the_prompt() {
        for (typed, answer) in [
            ("\r", "\r\n{0} ok "),
            ("1 2 + u.\r", "1 2 + u.\r\n3 \r\n{0} ok "),
            ("xyz\r", "xyz\r\nxyz ?\r\n{0} ok "),
            (
                "printenv auto-boot?\r",
                "printenv auto-boot?\r\nauto-boot? =            true\r\n{0} ok ",
            ),
            (
                "setenv auto-boot? false\r",
                "setenv auto-boot? false\r\nauto-boot? =            false\r\n{0} ok ",
            ),
            ("xy\x15\r", "xy\x08 \x08\x08 \x08\r\n{0} ok "),
            (
                "setenv nosuch 1\r",
                "setenv nosuch 1\r\nUnknown option: nosuch\r\n{0} ok ",
            ),
        ] {
            assert_eq!(sun(typed), answer, "{typed:?}");
        }
    }

    #[test]
    fn a_sun_with_one_cpu_says_ok_alone() {
        let spec = NodeSpec {
            cpus: 1,
            ..NodeSpec::sun("ca1", 0x8323_4567)
        };
        assert_eq!(talk(&spec, "\r").0, "\r\nok ");
    }

    #[test]
    fn orders_come_with_their_arguments_and_without_a_prompt() {
        let spec = NodeSpec::openbios("alpha", 0x8077_0001);
        let (out, order) = talk(&spec, "boot disk -s \r");
        assert_eq!(order, Some(Order::Boot("disk -s".to_owned())));
        assert_eq!(out, "boot disk -s  ");
        assert_eq!(talk(&spec, ": b reset-all ; b\r").1, Some(Order::ResetAll));
    }
}
