//! As much Forth as a watchdog can meet at an ok prompt: numbers in any base, arithmetic, stack
//! words, definitions. Cells have 64 bits, as on sun4u. What acts on the machine (`boot`,
//! `setenv`, …) is not here but in `firmware`.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

use super::spec::Flavour;

/// Steps that one input line may take: a definition that calls another twice, sixty times over,
/// must not stop the simulation.
const FUEL: u32 = 20_000;

/// Cells on the stack at most.
const STACK: usize = 1024;

/// A line of input as the interpreter eats it.
#[derive(Clone, Debug)]
pub(super) struct Source<'a> {
    rest: &'a str,
}

impl<'a> Source<'a> {
    pub fn new(line: &'a str) -> Source<'a> {
        Source { rest: line }
    }

    /// The next word, or `None` at the end of the line.
    pub fn word(&mut self) -> Option<&'a str> {
        let text = self.rest.trim_start_matches(is_blank);
        let end = text.find(is_blank).unwrap_or(text.len());
        let (word, rest) = text.split_at(end);
        self.rest = rest;
        (!word.is_empty()).then_some(word)
    }

    /// All that is left, without the blanks around it.
    pub fn line(&mut self) -> &'a str {
        std::mem::take(&mut self.rest).trim_matches(is_blank)
    }

    /// The text up to `end`, which is eaten too; the blank in front belongs to the word before.
    fn until(&mut self, end: char) -> &'a str {
        let text = self.rest.strip_prefix(' ').unwrap_or(self.rest);
        let (text, rest) = text.split_once(end).unwrap_or((text, ""));
        self.rest = rest;
        text
    }
}

fn is_blank(c: char) -> bool {
    c == ' ' || c == '\t'
}

/// What ends the interpretation of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Abort {
    Undefined(String),
    Underflow,
    TooMuch,
}

impl Abort {
    /// The firmware's words for it.
    pub fn text(&self, flavour: Flavour) -> String {
        match (flavour, self) {
            (Flavour::Sun, Abort::Undefined(word)) => format!("{word} ?"),
            (Flavour::Sun, Abort::Underflow) => "Stack Underflow".to_owned(),
            (Flavour::Sun, Abort::TooMuch) => "Stack Overflow".to_owned(),
            (Flavour::OpenBios, Abort::Undefined(word)) => format!("{word}: undefined word."),
            (Flavour::OpenBios, Abort::Underflow) => " Stack Underflow.".to_owned(),
            (Flavour::OpenBios, Abort::TooMuch) => " Stack Overflow.".to_owned(),
        }
    }
}

/// What a step of the interpreter came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The line is at its end.
    End,
    /// A word was interpreted or compiled.
    Done,
    /// A word that acts on the machine: the caller's to do.
    Machine(String),
}

/// A part of a definition.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Code {
    Number(i64),
    Primitive(String),
    Machine(String),
    Text(String),
    Call(usize),
}

/// Interpreter, dictionary and stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Forth {
    flavour: Flavour,
    base: u32,
    stack: Vec<i64>,
    names: BTreeMap<String, usize>,
    definitions: Vec<Vec<Code>>,
    building: Option<(String, Vec<Code>)>,
    fuel: u32,
}

impl Forth {
    /// As after a reset: base sixteen, no words but its own.
    pub fn new(flavour: Flavour) -> Forth {
        Forth {
            flavour,
            base: 16,
            stack: Vec::new(),
            names: BTreeMap::new(),
            definitions: Vec::new(),
            building: None,
            fuel: FUEL,
        }
    }

    /// Feeds `hasher` with base, depth of the stack, and whether `mark` is defined.
    pub fn tell_apart<H: Hasher>(&self, mark: Option<&str>, hasher: &mut H) {
        let marked = mark.is_some_and(|word| self.names.contains_key(word));
        (self.base, self.stack.len(), self.building.is_some(), marked).hash(hasher);
    }

    /// To be called before the first step of a line.
    pub fn begin_line(&mut self) {
        self.fuel = FUEL;
    }

    /// Takes one word off `source`. `machine` knows the words that act on the machine.
    pub fn step(
        &mut self,
        source: &mut Source<'_>,
        machine: &dyn Fn(&str) -> bool,
        out: &mut String,
    ) -> Result<Step, Abort> {
        let Some(typed) = source.word() else {
            return Ok(Step::End);
        };
        let word = typed.to_ascii_lowercase();
        if comment(&word, source) {
            return Ok(Step::Done);
        }
        if word == ":" && self.building.is_none() {
            let name = source.word().unwrap_or("").to_ascii_lowercase();
            if self.names.contains_key(&name) {
                out.extend([name.as_str(), " isn't unique.\r\n"]);
            }
            self.building = Some((name, Vec::new()));
            return Ok(Step::Done);
        }
        if word == ";" {
            self.define();
            return Ok(Step::Done);
        }
        let code = self.compile(typed, &word, source, machine)?;
        match &mut self.building {
            Some((_, body)) => {
                body.push(code);
                Ok(Step::Done)
            }
            None => self.execute(code, out),
        }
    }

    /// What an error does besides its message. `OpenBIOS` goes on compiling (recorded on the test
    /// bed); Sun's Forth interprets again.
    pub fn recover(&mut self) {
        self.stack.clear();
        if self.flavour == Flavour::Sun {
            self.building = None;
        }
    }

    fn define(&mut self) {
        if let Some((name, body)) = self.building.take() {
            self.definitions.push(body);
            self.names.insert(name, self.definitions.len() - 1);
        }
    }

    fn compile(
        &self,
        typed: &str,
        word: &str,
        source: &mut Source<'_>,
        machine: &dyn Fn(&str) -> bool,
    ) -> Result<Code, Abort> {
        if word == ".\"" {
            return Ok(Code::Text(source.until('"').to_owned()));
        }
        if let Some(&index) = self.names.get(word) {
            return Ok(Code::Call(index));
        }
        if PRIMITIVES.contains(&word) {
            return Ok(Code::Primitive(word.to_owned()));
        }
        if machine(word) {
            return Ok(Code::Machine(word.to_owned()));
        }
        let number = number(word, self.base).map(Code::Number);
        number.ok_or_else(|| Abort::Undefined(typed.to_owned()))
    }

    fn execute(&mut self, code: Code, out: &mut String) -> Result<Step, Abort> {
        self.fuel = self.fuel.checked_sub(1).ok_or(Abort::TooMuch)?;
        match code {
            Code::Number(value) => self.push(value)?,
            Code::Text(text) => out.push_str(&text),
            Code::Primitive(word) => self.primitive(&word, out)?,
            Code::Machine(word) => return Ok(Step::Machine(word)),
            Code::Call(index) => {
                let body = self.definitions[index].clone();
                for code in body {
                    // A word that acts on the machine ends the definition: none returns.
                    if let Step::Machine(word) = self.execute(code, out)? {
                        return Ok(Step::Machine(word));
                    }
                }
            }
        }
        Ok(Step::Done)
    }

    fn primitive(&mut self, word: &str, out: &mut String) -> Result<(), Abort> {
        match word {
            "hex" => self.base = 16,
            "decimal" => self.base = 10,
            "noop" => {}
            "cr" => out.push_str("\r\n"),
            "space" => out.push(' '),
            "clear" => self.stack.clear(),
            ".s" => self.show_stack(out),
            "u." => {
                let cell = self.pop(out)?;
                let digits = unsigned(cell.cast_unsigned(), self.base);
                out.extend([digits.as_str(), " "]);
            }
            "." => {
                let cell = self.pop(out)?;
                let sign = if cell < 0 { "-" } else { "" };
                let digits = unsigned(cell.unsigned_abs(), self.base);
                out.extend([sign, &digits, " "]);
            }
            "emit" => {
                let cell = self.pop(&mut String::new())?;
                out.push(char::from(u8::try_from(cell & 0x7f).unwrap_or(b'?')));
            }
            "dup" | "drop" | "swap" | "over" => self.shuffle(word)?,
            _ => self.arithmetic(word)?,
        }
        Ok(())
    }

    fn shuffle(&mut self, word: &str) -> Result<(), Abort> {
        let needed = if matches!(word, "swap" | "over") {
            2
        } else {
            1
        };
        let top = self.stack.len();
        if top < needed {
            return Err(Abort::Underflow);
        }
        match word {
            "dup" => self.push(self.stack[top - 1]),
            "over" => self.push(self.stack[top - 2]),
            "swap" => {
                self.stack.swap(top - 1, top - 2);
                Ok(())
            }
            _ => {
                self.stack.truncate(top - 1);
                Ok(())
            }
        }
    }

    fn arithmetic(&mut self, word: &str) -> Result<(), Abort> {
        let b = self.stack.pop().ok_or(Abort::Underflow)?;
        let a = self.stack.pop().ok_or(Abort::Underflow)?;
        let result = match word {
            "+" => a.wrapping_add(b),
            "-" => a.wrapping_sub(b),
            "*" => a.wrapping_mul(b),
            "/" => a.checked_div_euclid(b).unwrap_or(0),
            "mod" => a.checked_rem_euclid(b).unwrap_or(0),
            "and" => a & b,
            "or" => a | b,
            "xor" => a ^ b,
            _ => unreachable!("every primitive has its arm"),
        };
        self.push(result)
    }

    fn show_stack(&self, out: &mut String) {
        match self.flavour {
            Flavour::OpenBios => {
                let depth = format!("<{}> ", self.stack.len());
                out.push_str(&depth);
                self.show_cells(out);
                out.push_str("\r\n");
            }
            Flavour::Sun if self.stack.is_empty() => out.push_str("Empty "),
            Flavour::Sun => self.show_cells(out),
        }
    }

    fn show_cells(&self, out: &mut String) {
        for cell in &self.stack {
            out.push_str(&unsigned(cell.cast_unsigned(), self.base));
            out.push(' ');
        }
    }

    fn push(&mut self, cell: i64) -> Result<(), Abort> {
        if self.stack.len() >= STACK {
            return Err(Abort::TooMuch);
        }
        self.stack.push(cell);
        Ok(())
    }

    /// For the printing words: `OpenBIOS` prints what lies below the stack, a nought, and complains
    /// after that (recorded on the test bed).
    fn pop(&mut self, out: &mut String) -> Result<i64, Abort> {
        self.stack.pop().ok_or_else(|| {
            if self.flavour == Flavour::OpenBios {
                out.push_str("0 ");
            }
            Abort::Underflow
        })
    }
}

/// Eats a comment, if `word` begins one.
fn comment(word: &str, source: &mut Source<'_>) -> bool {
    match word {
        "\\" => _ = source.line(),
        "(" => _ = source.until(')'),
        _ => return false,
    }
    true
}

const PRIMITIVES: [&str; 22] = [
    "hex", "decimal", "noop", "cr", "space", "clear", ".s", "u.", ".", "emit", "dup", "drop",
    "swap", "over", "+", "-", "*", "/", "mod", "and", "or", "xor",
];

/// A number in `base`, kept to 64 bits as the firmware does.
fn number(word: &str, base: u32) -> Option<i64> {
    let digits = word.strip_prefix('-').unwrap_or(word);
    if digits.is_empty() {
        return None;
    }
    let mut value = 0u64;
    for c in digits.chars() {
        let digit = u64::from(c.to_digit(base)?);
        value = value.wrapping_mul(u64::from(base)).wrapping_add(digit);
    }
    let value = value.cast_signed();
    Some(if digits.len() < word.len() {
        value.wrapping_neg()
    } else {
        value
    })
}

fn unsigned(value: u64, base: u32) -> String {
    if base == 16 {
        format!("{value:x}")
    } else {
        value.to_string()
    }
}

#[cfg(test)]
mod tests;
