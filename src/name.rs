//! Names as operators write them, checked once where they enter.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a name was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is no {kind} name: use 1 to 40 of a-z, 0-9, '-', '_', beginning with a letter or digit"
)]
pub struct BadName {
    /// What was to be named: `cluster`, `node`, `package`.
    pub kind: &'static str,
    /// The text as it was written.
    pub text: String,
}

fn check(kind: &'static str, text: &str) -> Result<String, BadName> {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let first = text.chars().next().is_some_and(good);
    let rest = text.chars().all(|c| good(c) || c == '-' || c == '_');
    if first && rest && text.len() <= 40 {
        Ok(text.to_owned())
    } else {
        Err(BadName {
            kind,
            text: text.to_owned(),
        })
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(String);

        impl $type {
            /// Checks `text` and makes a name of it.
            ///
            /// # Errors
            ///
            /// [`BadName`] for anything but 1 to 40 of `a-z`, `0-9`, `-` and `_`.
            pub fn new(text: &str) -> Result<$type, BadName> {
                check($kind, text).map($type)
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl TryFrom<String> for $type {
            type Error = BadName;

            fn try_from(text: String) -> Result<$type, BadName> {
                $type::new(&text)
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> String {
                name.0
            }
        }
    };
}

name!(
    /// The name of a cluster, unique on a monitoring host.
    ClusterName,
    "cluster"
);
name!(
    /// The name of a node, unique in its cluster.
    NodeName,
    "node"
);
name!(
    /// The name of a package, unique in its cluster.
    PackageName,
    "package"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain() {
        assert_eq!(NodeName::new("ca-1").unwrap().as_str(), "ca-1");
        for bad in ["", "-a", "A", "a/b", "a b", "..", &"x".repeat(41)] {
            assert!(NodeName::new(bad).is_err(), "{bad:?}");
        }
    }
}
