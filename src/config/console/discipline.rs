//! Line discipline: what a console's line does to bytes, and what it can stand.

use std::time::Duration;

use super::serial::Parity;

/// How bytes are typed and read on a console.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Discipline {
    /// Only seven bits of what is read count; the eighth is taken away.
    pub seven_bits: bool,
    /// A parity bit that we add as the eighth bit of what is typed, where the road is a byte
    /// stream to a line that wants it. A serial port or RFC 2217 has its own (`?parity=even`).
    pub parity: Parity,
    /// What a typed RETURN is.
    pub newline: Newline,
    /// Between two typed characters; none: as fast as the road takes them. Old UARTs lose
    /// characters that come in one burst.
    pub pace: Duration,
    /// Whether the far end repeats what is typed. Without it what was typed cannot be told from
    /// its answer, so a boot command is not read back before its RETURN.
    pub echo: bool,
}

/// What a typed RETURN is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Newline {
    /// A bare CR: firmware and serial terminals.
    Cr,
    /// A bare LF.
    Lf,
    /// CR LF: counts twice at most firmware prompts.
    CrLf,
}

impl Newline {
    /// Its bytes.
    pub fn bytes(self) -> &'static [u8] {
        match self {
            Newline::Cr => b"\r",
            Newline::Lf => b"\n",
            Newline::CrLf => b"\r\n",
        }
    }
}

impl Default for Discipline {
    fn default() -> Discipline {
        Discipline {
            seven_bits: false,
            parity: Parity::None,
            newline: Newline::Cr,
            pace: Duration::ZERO,
            echo: true,
        }
    }
}

impl Discipline {
    /// Appends `typed` as it goes to the line.
    pub fn encode(&self, typed: &[u8], out: &mut Vec<u8>) {
        if self.newline == Newline::Cr && self.parity == Parity::None {
            return out.extend_from_slice(typed);
        }
        let start = out.len();
        for &byte in typed {
            match byte {
                b'\r' => out.extend_from_slice(self.newline.bytes()),
                byte => out.push(byte),
            }
        }
        for byte in &mut out[start..] {
            let odd = (*byte & 0x7f).count_ones() % 2 == 1;
            let bit = match self.parity {
                Parity::None => continue,
                Parity::Even => odd,
                Parity::Odd => !odd,
            };
            *byte = *byte & 0x7f | u8::from(bit) << 7;
        }
    }

    /// Takes from `bytes`, as they were read, what is not part of the characters.
    pub fn decode(&self, bytes: &mut [u8]) {
        if self.seven_bits || self.parity != Parity::None {
            for byte in bytes {
                *byte &= 0x7f;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(discipline: &Discipline, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        discipline.encode(bytes, &mut out);
        out
    }

    #[test]
    fn what_is_typed_is_as_the_line_wants_it() {
        let usual = Discipline::default();
        assert_eq!(typed(&usual, b"boot\r"), b"boot\r");
        let newline = Newline::CrLf;
        assert_eq!(typed(&Discipline { newline, ..usual }, b"a\r"), b"a\r\n");
        let parity = Parity::Even;
        let even = Discipline { parity, ..usual };
        assert_eq!(typed(&even, b"AC"), [0x41, 0xc3]);
        let mut read = typed(&even, b"ok ");
        even.decode(&mut read);
        assert_eq!(read, b"ok ");
        let parity = Parity::Odd;
        assert_eq!(typed(&Discipline { parity, ..usual }, b"AC"), [0xc1, 0x43]);
    }
}
