//! A password and its like: one line of a file that nobody else may read.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;

/// The longest secret, in bytes: tokens of cloud interfaces are the longest.
const LONGEST: usize = 4096;

/// A secret. Nothing prints it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

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
    /// How to mend it.
    pub fn help(&self) -> String {
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
        let unreadable = |why| SecretFault::Unreadable {
            path: path.to_owned(),
            why,
        };
        // Opening a FIFO would wait for its other end.
        let mut open = OpenOptions::new();
        open.read(true).custom_flags(libc::O_NONBLOCK);
        let file = open.open(path).map_err(unreadable)?;
        // Of the open file: the name may mean another one a moment later.
        let meta = file.metadata().map_err(unreadable)?;
        if !meta.is_file() {
            return Err(SecretFault::NotAFile(path.to_owned()));
        }
        if meta.mode() & 0o077 != 0 {
            return Err(SecretFault::Open {
                path: path.to_owned(),
                mode: meta.mode() & 0o777,
            });
        }
        if meta.uid() != geteuid().as_raw() && meta.uid() != 0 {
            return Err(SecretFault::Foreign {
                path: path.to_owned(),
                owner: meta.uid(),
            });
        }
        let mut bytes = Vec::new();
        let limit = u64::try_from(LONGEST + 2).unwrap_or(u64::MAX);
        file.take(limit)
            .read_to_end(&mut bytes)
            .map_err(unreadable)?;
        line(&bytes).map(Secret).map_err(|why| SecretFault::Unfit {
            path: path.to_owned(),
            why,
        })
    }

    /// The secret itself.
    pub(super) fn line(&self) -> &str {
        &self.0
    }

    /// The text without the secret in it.
    pub(super) fn hide(&self, text: &str) -> String {
        text.replace(&self.0, "***")
    }
}

/// The one line of the file. What a fence agent would not get as it is, is refused: the
/// agents' library takes blanks from the end of a line, and quotes from around a value.
fn line(bytes: &[u8]) -> Result<String, &'static str> {
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
        _ => Ok(line.to_owned()),
    }
}
