//! The home directory: its files as the pure parts see them, and a look at all that they
//! name before anything is guarded.
//!
//! ```text
//!   disk ─► Home ─► config::load ─► clusters ─┬─► inspect ─► Inspected ─► check, run
//!                   script::compile ─► scripts ┘
//! ```

mod hooks;
mod inspect;
pub mod power;
mod programs;
mod routes;
pub mod scripts;
mod secrets;

pub use inspect::{Inspected, Programs, inspect};

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use crate::config::Files;

/// A home directory.
#[derive(Clone, Debug)]
pub struct Home {
    dir: PathBuf,
}

impl Home {
    /// Takes a directory.
    ///
    /// # Errors
    /// It is not there or cannot be read; why, in a person's words.
    pub fn open(dir: &Path) -> Result<Home, String> {
        let said = |error: &io::Error| format!("home directory {}: {error}", dir.display());
        let dir = fs::canonicalize(dir).map_err(|error| said(&error))?;
        fs::read_dir(&dir).map_err(|error| said(&error))?;
        Ok(Home { dir })
    }

    /// Its absolute path.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The absolute path of something in it.
    pub fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        self.dir.join(path)
    }
}

impl Files for Home {
    fn list(&self, folder: &str) -> Result<Vec<String>, String> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.path(folder)).map_err(|e| plain(&e))? {
            let entry = entry.map_err(|e| plain(&e))?;
            if entry.path().is_dir() {
                continue;
            }
            match entry.file_name().into_string() {
                Ok(name) => names.push(name),
                Err(name) => {
                    return Err(format!("the file name {} is not UTF-8", name.display()));
                }
            }
        }
        names.sort();
        Ok(names)
    }

    fn read(&self, path: &str, limit: usize) -> Result<Option<Vec<u8>>, String> {
        let path = self.path(path);
        match fs::metadata(&path) {
            Ok(meta) if meta.is_file() => {}
            // Opening a FIFO would wait for its other end.
            Ok(_) => return Err("not a regular file".to_owned()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(plain(&error)),
        }
        let file = File::open(&path).map_err(|e| plain(&e))?;
        let mut bytes = Vec::new();
        let limit = u64::try_from(limit).unwrap_or(u64::MAX);
        file.take(limit)
            .read_to_end(&mut bytes)
            .map_err(|e| plain(&e))?;
        Ok(Some(bytes))
    }

    fn exists(&self, path: &str) -> bool {
        self.path(path).is_file()
    }
}

/// An error without the number that only programmers know.
fn plain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such folder".to_owned(),
        io::ErrorKind::PermissionDenied => "this user may not read it".to_owned(),
        _ => error.to_string(),
    }
}
