//! A password and its like: one line of a file that nobody else may read.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::secret;

/// The longest secret, in bytes: tokens of cloud interfaces are the longest.
const LONGEST: usize = 4096;

/// A secret. Nothing prints it, and it is wiped when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Why a file gives no secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretFault {
    /// It cannot be opened or read.
    #[error("the secret {} cannot be read: {why}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        why: io::Error,
    },
    /// It is a folder, a FIFO, a device.
    #[error("the secret {} is not a regular file", .0.display())]
    NotAFile(PathBuf),
    /// Its mode lets others in.
    #[error("others may read or change the secret {} (mode {mode:03o})", .path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It belongs to somebody else, who may read it.
    #[error("the secret {} belongs to another user (uid {owner})", .path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
    },
    /// What it holds is no line that a program gets as it is.
    #[error("the secret {} {why}", .path.display())]
    Unfit {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: &'static str,
    },
}

impl SecretFault {
    /// The same of `path`, in the words of a power leg's secret.
    fn of(path: &Path, fault: secret::SecretFault) -> SecretFault {
        use secret::SecretFault as Of;
        let path = path.to_owned();
        match fault {
            Of::Unreadable(why) => SecretFault::Unreadable { path, why },
            Of::NotAFile => SecretFault::NotAFile(path),
            Of::Open(mode) => SecretFault::Open { path, mode },
            Of::Foreign(owner) => SecretFault::Foreign { path, owner },
            // What is read is held against the line that a power leg wants, not against these.
            Of::Absent | Of::TooLong | Of::NotOneLine => SecretFault::Unfit {
                path,
                why: "is no secret",
            },
        }
    }

    fn path(&self) -> &Path {
        match self {
            SecretFault::NotAFile(path)
            | SecretFault::Unreadable { path, .. }
            | SecretFault::Open { path, .. }
            | SecretFault::Foreign { path, .. }
            | SecretFault::Unfit { path, .. } => path,
        }
    }

    /// How to mend it.
    pub fn help(&self) -> String {
        if let Some(help) = secret::credential_help(self.path()) {
            return help;
        }
        match self {
            SecretFault::Unreadable { .. } => {
                "write the secret alone into it, as the daemon's user, and `chmod 600` it"
                    .to_owned()
            }
            SecretFault::NotAFile(_) => "name a file that holds the secret alone".to_owned(),
            SecretFault::Open { path, .. } => format!("chmod 600 {}", path.display()),
            SecretFault::Foreign { path, .. } => {
                format!(
                    "chown it to the daemon's user, and chmod 600 {}",
                    path.display()
                )
            }
            SecretFault::Unfit { .. } => "one line, the secret and nothing else".to_owned(),
        }
    }
}

impl Secret {
    /// Reads it. Only its owner may be able to: this user, or root.
    ///
    /// # Errors
    /// There is none, or it is none any more: others may read it.
    pub fn read(path: &Path) -> Result<Secret, SecretFault> {
        let limit = u64::try_from(LONGEST + 2).unwrap_or(u64::MAX);
        let bytes = secret::read(path, limit).map_err(|fault| SecretFault::of(path, fault))?;
        let unfit = |why| SecretFault::Unfit {
            path: path.to_owned(),
            why,
        };
        let line = line(&bytes).map_err(unfit)?;
        Ok(Secret(Zeroizing::new(line.to_owned())))
    }

    /// The secret itself.
    pub(super) fn line(&self) -> &str {
        &self.0
    }

    /// The text without the secret in it.
    pub(super) fn hide(&self, text: &str) -> String {
        text.replace(self.line(), "***")
    }
}

/// The one line of the file. What a fence agent would not get as it is, is refused: the
/// agents' library takes blanks from the end of a line, and quotes from around a value.
fn line(bytes: &[u8]) -> Result<&str, &'static str> {
    let text = std::str::from_utf8(bytes).map_err(|_| "is not UTF-8")?;
    let line = text.strip_suffix('\n').unwrap_or(text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    match line {
        "" => Err("is empty"),
        _ if line.len() > LONGEST => Err("is too long"),
        _ if line.contains('\n') => Err("has more than one line"),
        _ if line.chars().any(char::is_control) => Err("has a control character"),
        _ if line.trim_end() != line => Err("has a blank at its end, which gets lost on its way"),
        _ if line.len() > 1 && line.starts_with('"') && line.ends_with('"') => {
            Err("stands in quotes, which get lost on their way")
        }
        _ => Ok(line),
    }
}
