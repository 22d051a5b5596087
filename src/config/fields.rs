//! Keys and values, taken one key at a time: what was never asked for is an unknown key.

use std::collections::BTreeSet;

use super::fault::{Fault, Place, Weight, nearest, shown};
use super::yaml::{Shape, Source, Tree};

/// After so many faults in one file the rest is not told.
pub const MOST_FAULTS: usize = 100;

/// The faults of one file, as they are found.
pub struct Report<'a> {
    file: &'a str,
    source: &'a Source,
    faults: Vec<Fault>,
    hidden: Vec<Place>,
}

impl<'a> Report<'a> {
    /// Nothing wrong yet.
    pub fn new(file: &'a str, source: &'a Source) -> Report<'a> {
        Report {
            file,
            source,
            faults: Vec::new(),
            hidden: Vec::new(),
        }
    }

    /// Notes an error at a value.
    pub fn error(&mut self, at: &Tree, message: impl Into<String>, help: impl Into<String>) {
        self.fault(at, Weight::Error, message.into(), help.into());
    }

    /// Notes something worth a look at a value.
    pub fn warning(&mut self, at: &Tree, message: impl Into<String>, help: impl Into<String>) {
        self.fault(at, Weight::Warning, message.into(), help.into());
    }

    fn fault(&mut self, at: &Tree, weight: Weight, message: String, help: String) {
        if self.faults.len() == MOST_FAULTS {
            let rest = format!("more than {MOST_FAULTS} faults: the others are not shown");
            self.faults.push(Fault::of_file(self.file, rest, None));
        }
        if self.faults.len() > MOST_FAULTS {
            return;
        }
        self.faults.push(Fault {
            file: self.file.to_owned(),
            place: self.source.place(at),
            weight,
            message,
            help: Some(help).filter(|help| !help.is_empty()),
        });
    }

    /// Hides a value from those who are shown the file's lines.
    pub fn hide(&mut self, at: &Tree) {
        self.hidden.extend(self.source.place(at));
    }

    /// What is hidden.
    pub fn hidden(&self) -> &[Place] {
        &self.hidden
    }

    /// Whether anything found so far keeps the file from being used.
    pub fn has_errors(&self) -> bool {
        self.faults.iter().any(|f| f.weight == Weight::Error)
    }

    /// All that was found.
    pub fn into_faults(self) -> Vec<Fault> {
        self.faults
    }
}

/// The keys and values of one map.
pub struct Fields<'t> {
    owner: &'t Tree,
    entries: Vec<(&'t str, &'t Tree, &'t Tree)>,
    /// All keys asked for so far, in the order of asking.
    known: Vec<&'static str>,
}

impl<'t> Fields<'t> {
    /// The fields of `tree`, which must be keys and values. `what` names it: `a node`.
    pub fn open(tree: &'t Tree, what: &str, report: &mut Report<'_>) -> Option<Fields<'t>> {
        Some(Fields {
            owner: tree,
            entries: entries(tree, what, report)?,
            known: Vec::new(),
        })
    }

    /// What is missing is told at `key`, under which these fields stand.
    pub fn under(self, key: &'t Tree) -> Fields<'t> {
        Fields { owner: key, ..self }
    }

    /// The value of a key, if it is there.
    pub fn get(&mut self, key: &'static str) -> Option<&'t Tree> {
        if !self.known.contains(&key) {
            self.known.push(key);
        }
        self.entries
            .iter()
            .find(|(name, _, _)| *name == key)
            .map(|(_, _, value)| *value)
    }

    /// The value of a key that must be there. `mend` says what to write.
    pub fn need(
        &mut self,
        key: &'static str,
        mend: &str,
        report: &mut Report<'_>,
    ) -> Option<&'t Tree> {
        let value = self.get(key);
        if value.is_none() && !self.misspelt(key) {
            report.error(self.owner, format!("`{key}` is missing"), mend);
        }
        value
    }

    /// Whether a key is there that can only be `key`, written wrongly: one fault is enough.
    fn misspelt(&self, key: &str) -> bool {
        self.entries
            .iter()
            .any(|(name, _, _)| nearest(name, [key]) == Some(key))
    }

    /// A key that must be there, its scalar read by `parse`.
    pub fn needed<T>(
        &mut self,
        key: &'static str,
        mend: &str,
        report: &mut Report<'_>,
        parse: impl FnOnce(&str) -> Result<T, Mend>,
    ) -> Option<T> {
        let value = self.need(key, mend, report)?;
        scalar(value, key, report, parse)
    }

    /// A key that may be there, its scalar read by `parse`.
    pub fn maybe<T>(
        &mut self,
        key: &'static str,
        report: &mut Report<'_>,
        parse: impl FnOnce(&str) -> Result<T, Mend>,
    ) -> Option<T> {
        let value = self.get(key)?;
        scalar(value, key, report, parse)
    }

    /// Tells the keys that nobody asked for.
    pub fn close(self, report: &mut Report<'_>) {
        for (name, key, _) in &self.entries {
            if self.known.contains(name) {
                continue;
            }
            let help = match nearest(name, self.known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("keys that may stand here: {}", self.known.join(", ")),
            };
            report.error(key, format!("unknown key {}", shown(name)), help);
        }
    }
}

/// What is wrong with a scalar, and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mend {
    /// What is wrong.
    pub message: String,
    /// The mend.
    pub help: String,
}

impl Mend {
    /// Puts the two together.
    pub fn new(message: impl Into<String>, help: impl Into<String>) -> Mend {
        Mend {
            message: message.into(),
            help: help.into(),
        }
    }
}

/// Reads the scalar `value` of `key`.
pub fn scalar<T>(
    value: &Tree,
    key: &str,
    report: &mut Report<'_>,
    parse: impl FnOnce(&str) -> Result<T, Mend>,
) -> Option<T> {
    let Some(text) = value.text() else {
        report.error(
            value,
            unfit(&format!("`{key}`"), "a single value", value),
            "",
        );
        return None;
    };
    parse(text)
        .map_err(|mend| report.error(value, mend.message, mend.help))
        .ok()
}

/// The entries of a map: key text, key, value. Tells duplicate keys (the first one counts)
/// and keys that are no plain text.
pub fn entries<'t>(
    tree: &'t Tree,
    what: &str,
    report: &mut Report<'_>,
) -> Option<Vec<(&'t str, &'t Tree, &'t Tree)>> {
    let Shape::Map(entries) = &tree.shape else {
        report.error(tree, unfit(what, "keys and values", tree), "");
        return None;
    };
    let mut seen = BTreeSet::new();
    let mut kept = Vec::new();
    for (key, value) in entries {
        match key.text() {
            Some(name) if seen.insert(name) => kept.push((name, key, value)),
            Some(name) => report.error(
                key,
                format!("{} stands here twice", shown(name)),
                "take one of the two out",
            ),
            None => report.error(key, format!("a key cannot be {}", key.kind()), ""),
        }
    }
    Some(kept)
}

/// The items of a list.
pub fn items<'t>(value: &'t Tree, key: &str, report: &mut Report<'_>) -> Option<&'t [Tree]> {
    if let Shape::List(items) = &value.shape {
        return Some(items);
    }
    let message = unfit(&format!("`{key}`"), "a list", value);
    report.error(value, message, "write it in brackets: [ … ]");
    None
}

fn unfit(what: &str, wanted: &str, found: &Tree) -> String {
    match found.shape {
        Shape::Empty => format!("{what} has no value: it wants {wanted}"),
        _ => format!("{what} wants {wanted}, not {}", found.kind()),
    }
}
