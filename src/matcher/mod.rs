//! Console bytes -> matches.

/// What an ear finds in a console's output.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Heard {
    /// Cleaned text, in order.
    Text(String),
    /// A pattern was found.
    Match(Hit),
}

/// A pattern found.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Hit {
    /// Index of the pattern.
    pub pattern: usize,
    /// Its captures.
    pub captures: Vec<(String, String)>,
    /// The line it stands in.
    pub line: String,
    /// Where it ends, in cleaned bytes since the link came up.
    pub end: u64,
    /// Whether it is an echo of what we typed.
    pub echo: bool,
}
