//! How a serial line is set: `?speed=9600&parity=even` behind an address.

use std::fmt;

/// The settings of a serial line, here or at the far end of RFC 2217.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LineSettings {
    /// Bits a second.
    pub speed: u32,
    /// Data bits of a character: 5 to 8.
    pub bits: u8,
    /// The parity bit.
    pub parity: Parity,
    /// Stop bits: 1 or 2.
    pub stop: u8,
    /// How either end holds the other back.
    pub flow: Flow,
}

/// The parity bit of a character.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Parity {
    /// There is none.
    None,
    /// The ones of character and parity bit are even.
    Even,
    /// They are odd.
    Odd,
}

/// Flow control.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Flow {
    /// None: a console that is told to wait says nothing when it panics.
    None,
    /// XON and XOFF in the stream.
    Software,
    /// RTS and CTS.
    Hardware,
}

/// A SPARC console's usual line (`ttya-mode` 9600,8,n,1,-).
impl Default for LineSettings {
    fn default() -> LineSettings {
        LineSettings {
            speed: 9600,
            bits: 8,
            parity: Parity::None,
            stop: 1,
            flow: Flow::None,
        }
    }
}

/// Reads `speed=9600&parity=even`; what is not said has its default. The error says what would do.
pub(super) fn settings_of(query: &str) -> Result<LineSettings, String> {
    let mut line = LineSettings::default();
    for part in query.split('&').filter(|part| !part.is_empty()) {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        let wrong = |wanted: &str| format!("{key} {value:?} will not do: write {wanted}");
        match key {
            "speed" => {
                line.speed = match value.parse() {
                    Ok(speed @ 50..=4_000_000) => speed,
                    _ => return Err(wrong("speed=9600, a number from 50 to 4000000")),
                }
            }
            "bits" => {
                line.bits = match value.parse() {
                    Ok(bits @ 5..=8) => bits,
                    _ => return Err(wrong("bits=8 or bits=7")),
                }
            }
            "stop" => {
                line.stop = match value.parse() {
                    Ok(stop @ 1..=2) => stop,
                    _ => return Err(wrong("stop=1 or stop=2")),
                }
            }
            "parity" => {
                line.parity = match value {
                    "none" => Parity::None,
                    "even" => Parity::Even,
                    "odd" => Parity::Odd,
                    _ => return Err(wrong("parity=none, parity=even or parity=odd")),
                }
            }
            "flow" => {
                line.flow = match value {
                    "none" => Flow::None,
                    "software" => Flow::Software,
                    "hardware" => Flow::Hardware,
                    _ => return Err(wrong("flow=none, flow=software or flow=hardware")),
                }
            }
            _ => {
                return Err(format!(
                    "unknown setting {key:?}: speed, bits, parity, stop and flow may stand there"
                ));
            }
        }
    }
    Ok(line)
}

/// `?speed=115200&flow=hardware`: what differs from the default, or nothing.
impl fmt::Display for LineSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let usual = LineSettings::default();
        let mut parts = Vec::new();
        if self.speed != usual.speed {
            parts.push(format!("speed={}", self.speed));
        }
        if self.bits != usual.bits {
            parts.push(format!("bits={}", self.bits));
        }
        match self.parity {
            Parity::None => {}
            Parity::Even => parts.push("parity=even".to_owned()),
            Parity::Odd => parts.push("parity=odd".to_owned()),
        }
        if self.stop != usual.stop {
            parts.push(format!("stop={}", self.stop));
        }
        match self.flow {
            Flow::None => {}
            Flow::Software => parts.push("flow=software".to_owned()),
            Flow::Hardware => parts.push("flow=hardware".to_owned()),
        }
        if parts.is_empty() {
            return Ok(());
        }
        write!(f, "?{}", parts.join("&"))
    }
}
