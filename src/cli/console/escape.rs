//! The escape sequence, as conserver has it: two characters, then a command. What is none goes
//! to the console as it was typed.

use std::fmt;

/// What can be said, for `--help`.
pub(super) const HELP: &str = "\
Said to clusterd itself, after the escape sequence (^Ec, that is Control-E and c):
  .     leave                        a     take the pen, if nobody has it
  ?     this list                    f     take the pen by force
  l0    send BREAK                   j     write beside whoever has the pen
  w     who is here                  s     look on, put down the pen
  n     a mark into the transcript   r     the last screenful again
  v     the version                  \\ooo  send the character of that octal code";

/// The two characters that begin a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Prefix(u8, u8);

impl Prefix {
    /// Reads `^Ec`, `\005c`, `@.`.
    pub(super) fn parse(text: &str) -> Result<Prefix, String> {
        let mut rest = text;
        let (Some(first), Some(second), "") = (take(&mut rest), take(&mut rest), rest) else {
            return Err(
                "write two characters; ^X stands for Control-X, \\ooo for an octal code: ^Ec"
                    .to_owned(),
            );
        };
        Ok(Prefix(first, second))
    }
}

fn take(rest: &mut &str) -> Option<u8> {
    let bytes = rest.as_bytes();
    let (byte, length) = match bytes {
        [b'^', b'?', ..] => (0x7f, 2),
        [b'^', c @ (b'@'..=b'_' | b'a'..=b'z'), ..] => (c.to_ascii_uppercase() & 0x1f, 2),
        [b'\\', digits @ ..] if digits.len() >= 3 => {
            let digits = std::str::from_utf8(&digits[..3]).ok()?;
            (u8::from_str_radix(digits, 8).ok()?, 4)
        }
        [c, ..] if c.is_ascii() => (*c, 1),
        _ => return None,
    };
    *rest = rest.get(length..)?;
    Some(byte)
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in [self.0, self.1] {
            match byte {
                0x7f => f.write_str("^?")?,
                0..0x20 => write!(f, "^{}", char::from(byte | 0x40))?,
                _ => write!(f, "{}", char::from(byte))?,
            }
        }
        Ok(())
    }
}

/// What a key means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// Bytes for the console.
    Bytes(Vec<u8>),
    /// Something for clusterd itself.
    Command(Command),
}

/// What can be said to clusterd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    Leave,
    Help,
    Break,
    Breaks,
    Who,
    Mark,
    Write,
    Force,
    Join,
    Spy,
    Replay,
    Version,
    Nothing,
    Unknown(u8),
}

/// How far an escape sequence has come.
#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Plain,
    First,
    Second,
    Line,
    Octal(Vec<u8>),
}

/// Tells commands from keys.
#[derive(Clone, Debug)]
pub(super) struct Escape {
    prefix: Prefix,
    state: State,
}

impl Escape {
    pub(super) fn new(prefix: Prefix) -> Escape {
        let state = State::Plain;
        Escape { prefix, state }
    }

    /// These keys were pressed. `rest` is what was not looked at: a mark's text follows its
    /// command.
    pub(super) fn press<'k>(&mut self, keys: &'k [u8]) -> (Vec<Said>, &'k [u8]) {
        let mut said = Vec::new();
        let mut plain = Vec::new();
        for (at, &key) in keys.iter().enumerate() {
            let command = self.key(key, &mut plain);
            if let Some(command) = command {
                if !plain.is_empty() {
                    said.push(Said::Bytes(std::mem::take(&mut plain)));
                }
                said.push(Said::Command(command));
                if command == Command::Mark {
                    return (said, &keys[at + 1..]);
                }
            }
        }
        if !plain.is_empty() {
            said.push(Said::Bytes(plain));
        }
        (said, &[])
    }

    fn key(&mut self, key: u8, plain: &mut Vec<u8>) -> Option<Command> {
        match std::mem::replace(&mut self.state, State::Plain) {
            State::Plain if key == self.prefix.0 => self.state = State::First,
            State::Plain => plain.push(key),
            State::First if key == self.prefix.1 => self.state = State::Second,
            State::First => {
                plain.push(self.prefix.0);
                if key == self.prefix.0 {
                    self.state = State::First;
                } else {
                    plain.push(key);
                }
            }
            State::Second => return self.command(key),
            State::Line => {
                return Some(match key {
                    b'0' => Command::Break,
                    b'?' => Command::Breaks,
                    other => Command::Unknown(other),
                });
            }
            State::Octal(mut digits) => {
                if !(b'0'..=b'7').contains(&key) {
                    return Some(Command::Unknown(key));
                }
                digits.push(key);
                if digits.len() < 3 {
                    self.state = State::Octal(digits);
                } else {
                    let value = digits
                        .iter()
                        .fold(0_u32, |sum, d| sum * 8 + u32::from(d - b'0'));
                    match u8::try_from(value) {
                        Ok(byte) => plain.push(byte),
                        Err(_) => return Some(Command::Unknown(key)),
                    }
                }
            }
        }
        None
    }

    fn command(&mut self, key: u8) -> Option<Command> {
        Some(match key {
            b'.' => Command::Leave,
            b'?' => Command::Help,
            b'w' => Command::Who,
            b'n' => Command::Mark,
            b'a' => Command::Write,
            b'f' => Command::Force,
            b'j' => Command::Join,
            b's' => Command::Spy,
            b'r' | b'p' => Command::Replay,
            b'v' => Command::Version,
            b'\r' | b'\n' => Command::Nothing,
            b'l' => {
                self.state = State::Line;
                return None;
            }
            b'\\' => {
                self.state = State::Octal(Vec::new());
                return None;
            }
            other => Command::Unknown(other),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(prefix: &str, keys: &[u8]) -> Vec<Said> {
        Escape::new(Prefix::parse(prefix).unwrap()).press(keys).0
    }

    fn bytes(text: &[u8]) -> Said {
        Said::Bytes(text.to_vec())
    }

    #[test]
    fn commands_are_told_from_keys_wherever_the_keys_are_cut() {
        let keys = b"boot\x05cl0 d\x05x\x05\x05c?\x05c\\101\x05cz\x05c.";
        let expected = [
            bytes(b"boot"),
            Said::Command(Command::Break),
            bytes(b" d\x05x\x05"),
            Said::Command(Command::Help),
            bytes(b"A"),
            Said::Command(Command::Unknown(b'z')),
            Said::Command(Command::Leave),
        ];
        assert_eq!(press("^Ec", keys), expected);
        let mut escape = Escape::new(Prefix::parse("^Ec").unwrap());
        let said: Vec<Said> = keys
            .iter()
            .flat_map(|key| escape.press(&[*key]).0)
            .collect();
        let commands = |said: &[Said]| -> Vec<Said> {
            let is = |said: &&Said| matches!(said, Said::Command(_));
            said.iter().filter(is).cloned().collect()
        };
        assert_eq!(commands(&said), commands(&expected));
    }

    #[test]
    fn the_prefix_is_two_characters_as_conserver_writes_them() {
        for (text, first, second) in [
            ("^Ec", 5, b'c'),
            ("\\005c", 5, b'c'),
            ("^[^[", 27, 27),
            ("@.", b'@', b'.'),
            ("^?x", 127, b'x'),
        ] {
            assert_eq!(Prefix::parse(text), Ok(Prefix(first, second)), "{text}");
        }
        assert_eq!(Prefix::parse("\\005c").unwrap().to_string(), "^Ec");
        for bad in ["", "^E", "abc", "\\9c", "ä."] {
            assert!(Prefix::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(
            press("~~", b"ls\x05c.~~."),
            [bytes(b"ls\x05c."), Said::Command(Command::Leave)]
        );
    }

    #[test]
    fn the_text_of_a_mark_is_left_to_whoever_asks_for_it() {
        let mut escape = Escape::new(Prefix::parse("^Ec").unwrap());
        let (said, rest) = escape.press(b"x\x05cnticket 4711\r");
        assert_eq!(said, [bytes(b"x"), Said::Command(Command::Mark)]);
        assert_eq!(rest, b"ticket 4711\r");
    }
}
