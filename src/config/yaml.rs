//! YAML text as a [`Tree`] that keeps every scalar as it was written (`host_id: 80770001`
//! is text, not a number), keeps duplicate keys, and knows where each value stands.
//!
//! Values are numbered in the order in which they are read. The parser tells a place only
//! with an error, so [`Source::place`] reads the text once more and stops, on purpose, at
//! the value asked for. Faults are rare and files small, so this costs nothing in practice.

use std::cell::{Cell, RefCell};
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, Visitor};

use super::fault::Place;

/// A file may not hold more values than this, aliases counted each time they are used.
pub const MOST_VALUES: usize = 50_000;

/// The number of a value in its file.
pub type Id = usize;

/// One value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    /// Its number, for [`Source::place`].
    pub id: Id,
    /// What it is.
    pub shape: Shape,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Nothing stands there (`key:` alone, `~`, `null`).
    Empty,
    /// A scalar, as written, without its quotes.
    Text(String),
    /// A list.
    List(Vec<Tree>),
    /// Keys and values in the order of the file, duplicates included.
    Map(Vec<(Tree, Tree)>),
}

impl Tree {
    /// The scalar's text.
    pub fn text(&self) -> Option<&str> {
        match &self.shape {
            Shape::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The value that stands under `path`: keys, and numbers from 0 for items of a list.
    pub fn find(&self, path: &[&str]) -> Option<&Tree> {
        let Some((first, rest)) = path.split_first() else {
            return Some(self);
        };
        let value = match &self.shape {
            Shape::Map(entries) => entries
                .iter()
                .find(|(key, _)| key.text() == Some(first))
                .map(|(_, value)| value),
            Shape::List(items) => first.parse().ok().and_then(|n: usize| items.get(n)),
            Shape::Empty | Shape::Text(_) => None,
        };
        value?.find(rest)
    }

    /// The key with this text, as a value with a place.
    pub fn find_key(&self, name: &str) -> Option<&Tree> {
        match &self.shape {
            Shape::Map(entries) => entries
                .iter()
                .map(|(key, _)| key)
                .find(|key| key.text() == Some(name)),
            _ => None,
        }
    }

    /// What it is, in a word, for messages.
    pub fn kind(&self) -> &'static str {
        match self.shape {
            Shape::Empty => "nothing",
            Shape::Text(_) => "a single value",
            Shape::List(_) => "a list",
            Shape::Map(_) => "keys and values",
        }
    }
}

/// A parsed text and what is needed to find places in it again.
#[derive(Clone, Debug)]
pub struct Source {
    text: String,
    scalars: Vec<bool>,
}

/// Why a text is no YAML for us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotYaml {
    /// Where the parser stopped.
    pub place: Option<Place>,
    /// What it said.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl Source {
    /// Reads `text`.
    pub fn read(text: &str) -> Result<(Source, Tree), NotYaml> {
        let shapes = Walk::new(&[], None);
        shapes.run(text).map_err(|error| explain(text, &error))?;
        let source = Source {
            text: text.to_owned(),
            scalars: shapes.scalars.into_inner(),
        };
        let tree = Walk::new(&source.scalars, None)
            .run(text)
            .map_err(|error| explain(text, &error))?;
        Ok((source, tree))
    }

    /// Where a value of this text stands.
    pub fn place(&self, value: &Tree) -> Option<Place> {
        let walk = Walk::new(&self.scalars, Some(value.id));
        let location = walk.run(&self.text).err()?.location()?;
        let (line, column) = (location.line(), location.column());
        let shown = self.text.lines().nth(line.saturating_sub(1)).unwrap_or("");
        let rest: String = shown.chars().skip(column.saturating_sub(1)).collect();
        Some(Place {
            line,
            column,
            length: token_length(&rest, value.text()),
        })
    }
}

/// How many characters the value takes that begins where `rest` of a line does.
fn token_length(rest: &str, text: Option<&str>) -> usize {
    let length = match (text, rest.chars().next()) {
        (Some(text), _) if rest.starts_with(text) => text.chars().count(),
        (Some(_), Some(quote @ ('"' | '\''))) => {
            rest.chars().skip(1).take_while(|&c| c != quote).count() + 2
        }
        _ => 1,
    };
    length.max(1)
}

/// Puts the parser's words into an operator's.
fn explain(text: &str, error: &serde_yaml::Error) -> NotYaml {
    let place = error.location().map(|location| Place {
        line: location.line(),
        column: location.column(),
        length: 1,
    });
    let full = error.to_string();
    let message = match place {
        Some(_) => without_places(&full),
        None => full,
    };
    let line = place
        .and_then(|place| text.lines().nth(place.line - 1))
        .unwrap_or("");
    let indent: String = line.chars().take_while(|c| c.is_whitespace()).collect();
    let help = if indent.contains('\t') {
        Some("YAML takes no tabs for indentation: use spaces".to_owned())
    } else if message.contains("more than one document") {
        Some("one cluster a file: take the `---` out".to_owned())
    } else {
        None
    };
    NotYaml {
        place,
        message,
        help,
    }
}

/// The parser's message without ` at line 3 column 7`, which stands beside it already, and
/// without the path of keys in front of our own words.
fn without_places(message: &str) -> String {
    let mut parts = message.split(" at line ");
    let mut out = parts.next().unwrap_or("").to_owned();
    for part in parts {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_digit());
        let rest = rest.strip_prefix(" column ").unwrap_or(rest);
        out.push_str(rest.trim_start_matches(|c: char| c.is_ascii_digit()));
    }
    match out.find(OURS) {
        Some(at) => out[at..].to_owned(),
        None => out,
    }
}

/// How our own errors begin.
const OURS: &str = "no file may ";

/// One reading of a text, from its first value to its last or to the one to stop at.
struct Walk<'a> {
    /// Which values are scalars, as the first reading found: those are read as text.
    known: &'a [bool],
    stop_at: Option<Id>,
    count: Cell<usize>,
    scalars: RefCell<Vec<bool>>,
}

impl<'a> Walk<'a> {
    fn new(known: &'a [bool], stop_at: Option<Id>) -> Walk<'a> {
        Walk {
            known,
            stop_at,
            count: Cell::new(0),
            scalars: RefCell::new(Vec::new()),
        }
    }

    fn run(&self, text: &str) -> Result<Tree, serde_yaml::Error> {
        Value(self).deserialize(serde_yaml::Deserializer::from_str(text))
    }

    fn begin<E: de::Error>(&self, scalar: bool) -> Result<Id, E> {
        let id = self.count.get();
        if self.stop_at == Some(id) {
            return Err(E::custom("here"));
        }
        if id >= MOST_VALUES {
            return Err(E::custom(format!(
                "{OURS}hold more than {MOST_VALUES} values"
            )));
        }
        self.count.set(id + 1);
        self.scalars.borrow_mut().push(scalar);
        Ok(id)
    }
}

/// Reads one value of a walk.
#[derive(Clone, Copy)]
struct Value<'w>(&'w Walk<'w>);

impl Value<'_> {
    fn scalar<E: de::Error>(self, text: impl fmt::Display) -> Result<Tree, E> {
        Ok(Tree {
            id: self.0.begin(true)?,
            shape: Shape::Text(text.to_string()),
        })
    }
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = Tree;

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<Tree, D::Error> {
        if self.0.known.get(self.0.count.get()) == Some(&true) {
            input.deserialize_str(self)
        } else {
            input.deserialize_any(self)
        }
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a plain value, a list or keys and values, without tags")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Tree, E> {
        Ok(Tree {
            id: self.0.begin(false)?,
            shape: Shape::Empty,
        })
    }

    fn visit_none<E: de::Error>(self) -> Result<Tree, E> {
        self.visit_unit()
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Tree, E> {
        self.scalar(value)
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Tree, E> {
        self.scalar(value)
    }

    fn visit_i128<E: de::Error>(self, value: i128) -> Result<Tree, E> {
        self.scalar(value)
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Tree, E> {
        self.scalar(value)
    }

    fn visit_u128<E: de::Error>(self, value: u128) -> Result<Tree, E> {
        self.scalar(value)
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Tree, E> {
        self.scalar(value)
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Tree, E> {
        self.scalar(value)
    }

    fn visit_enum<A: EnumAccess<'de>>(self, _: A) -> Result<Tree, A::Error> {
        Err(de::Error::custom(format!("{OURS}hold tags, `!name`")))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Tree, A::Error> {
        let id = self.0.begin(false)?;
        let mut items = Vec::new();
        while let Some(item) = list.next_element_seed(self)? {
            items.push(item);
        }
        Ok(Tree {
            id,
            shape: Shape::List(items),
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let id = self.0.begin(false)?;
        let mut entries = Vec::new();
        while let Some(key) = map.next_key_seed(self)? {
            entries.push((key, map.next_value_seed(self)?));
        }
        Ok(Tree {
            id,
            shape: Shape::Map(entries),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Source, Tree) {
        Source::read(text).unwrap()
    }

    #[test]
    fn scalars_stay_as_they_were_written() {
        for written in [
            "80770001", "80e10001", "00000012", "0x1f", "1_000", "1.50", "true",
        ] {
            let (_, tree) = read(&format!("a: {{ b: {written} }}"));
            assert_eq!(tree.find(&["a", "b"]).unwrap().text(), Some(written));
        }
        assert_eq!(read("a: ~").1.find(&["a"]).unwrap().shape, Shape::Empty);
        assert_eq!(
            read("a: \"x y\"").1.find(&["a"]).unwrap().text(),
            Some("x y")
        );
    }

    #[test]
    fn every_value_knows_its_place() {
        let text = "a:\n  - x\n  - { k: 'v w', é: z }\nb: switch after\n";
        let (source, tree) = read(text);
        let Shape::List(items) = &tree.find(&["a"]).unwrap().shape else {
            panic!("no list")
        };
        let at = |value: &Tree| source.place(value).map(|p| (p.line, p.column, p.length));
        assert_eq!(at(&items[0]), Some((2, 5, 1)));
        assert_eq!(at(items[1].find(&["k"]).unwrap()), Some((3, 10, 5)));
        assert_eq!(at(items[1].find(&["é"]).unwrap()), Some((3, 20, 1)));
        assert_eq!(at(tree.find(&["b"]).unwrap()), Some((4, 4, 12)));
    }

    #[test]
    fn duplicate_keys_are_kept() {
        let Shape::Map(entries) = read("a: 1\na: 2\n").1.shape else {
            panic!("no map")
        };
        assert_eq!(entries.len(), 2);
    }

    #[test]
    fn hostile_texts_end_in_an_error() {
        let bomb = format!(
            "a: &a [x,x,x,x,x,x,x,x,x,x]\n{}",
            (1..10)
                .map(|n| {
                    let last = char::from(b'a' + n - 1);
                    let name = char::from(b'a' + n);
                    let uses = vec![format!("*{last}"); 10].join(",");
                    format!("{name}: &{name} [{uses}]\n")
                })
                .collect::<String>()
        );
        let deep = "[".repeat(500);
        for text in [
            bomb.as_str(),
            deep.as_str(),
            "a: *nobody",
            "a: !tag 1",
            "a: \"",
            "\ta: 1",
        ] {
            assert!(Source::read(text).is_err(), "{text}");
        }
    }
}
