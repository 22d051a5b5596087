//! Who else than the home's owner and root may do what: `access:` in `clusterd.yaml`.

use super::fields::{Fields, Mend, Report};
use super::yaml::{Shape, Tree};

/// Something that a person may be allowed to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// See the status, look on at consoles.
    Watch,
    /// Write on consoles, send BREAK.
    Write,
    /// Ask power legs for their state.
    Power,
    /// Say an operator's words: `confirm`, `adopt`, `release` and their like.
    Operate,
}

impl Right {
    /// Its key.
    pub fn word(self) -> &'static str {
        match self {
            Right::Watch => "watch",
            Right::Write => "write",
            Right::Power => "power",
            Right::Operate => "operate",
        }
    }
}

/// A user, or all members of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whom {
    /// `alice`.
    User(String),
    /// `@ops`.
    Group(String),
}

/// The table. An empty one leaves all to the owner and root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// Who may watch. Whoever may do anything else may watch too.
    pub watch: Vec<Whom>,
    /// Who may write.
    pub write: Vec<Whom>,
    /// Who may ask power legs for their state.
    pub power: Vec<Whom>,
    /// Who may say an operator's words.
    pub operate: Vec<Whom>,
}

impl Access {
    /// Whether one of whom `is` holds has this right.
    pub fn allows(&self, right: Right, is: impl Fn(&Whom) -> bool) -> bool {
        let any = |list: &[Whom]| list.iter().any(&is);
        match right {
            Right::Watch => [&self.watch, &self.write, &self.power, &self.operate]
                .iter()
                .any(|list| any(list)),
            Right::Write => any(&self.write),
            Right::Power => any(&self.power),
            Right::Operate => any(&self.operate),
        }
    }
}

/// Reads the table.
pub(super) fn read(tree: &Tree, report: &mut Report<'_>) -> Access {
    let mut access = Access::default();
    let Some(mut fields) = Fields::open(tree, "`access`", report) else {
        return access;
    };
    for (key, place) in [
        ("watch", &mut access.watch),
        ("write", &mut access.write),
        ("power", &mut access.power),
        ("operate", &mut access.operate),
    ] {
        let Some(value) = fields.get(key) else {
            continue;
        };
        let one = std::slice::from_ref(value);
        let list = match &value.shape {
            Shape::List(list) => list.as_slice(),
            _ => one,
        };
        for entry in list {
            match entry.text().map(whom) {
                Some(Ok(whom)) => place.push(whom),
                Some(Err(mend)) => report.error(entry, mend.message, mend.help),
                None => report.error(entry, "this is no name", HOW),
            }
        }
    }
    fields.close(report);
    access
}

const HOW: &str = "write users and groups: [alice, \"@ops\"]";

fn whom(text: &str) -> Result<Whom, Mend> {
    let (group, name) = match text.strip_prefix('@') {
        Some(name) => (true, name),
        None => (false, text),
    };
    let name = account(name).map_err(|mend| Mend::new(mend.message, HOW))?;
    Ok(if group {
        Whom::Group(name)
    } else {
        Whom::User(name)
    })
}

/// The name of a user or a group: what `useradd` and directory services let through.
pub(super) fn account(name: &str) -> Result<String, Mend> {
    let plain = |c: char| c.is_alphanumeric() || "._-$\\+".contains(c);
    if name.is_empty() || name.len() > 64 || name.starts_with('-') || !name.chars().all(plain) {
        if name.is_empty() {
            let message = "the name of a user or a group is missing";
            return Err(Mend::new(message, "write it as `id` prints it"));
        }
        let message = format!(
            "{} is no name of a user or a group",
            super::fault::shown(name)
        );
        return Err(Mend::new(message, "write it as `id` prints it"));
    }
    Ok(name.to_owned())
}
