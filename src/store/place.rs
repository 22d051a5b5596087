//! Whether the journal's file is still the one that was opened.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::StoreError;

/// The file that the writer opened, and where it stood then.
#[derive(Clone, Debug)]
pub struct Place {
    path: PathBuf,
    file: FileIdentity,
}

impl Place {
    pub(super) fn of(path: &Path) -> Result<Place, StoreError> {
        Ok(Place {
            path: path.to_owned(),
            file: FileIdentity::of(path)?,
        })
    }

    /// Whether it stands there still. Blocks.
    ///
    /// # Errors
    /// It was removed or replaced.
    pub fn check(&self) -> Result<(), StoreError> {
        if FileIdentity::of(&self.path).ok() == Some(self.file) {
            return Ok(());
        }
        Err(StoreError::Gone {
            path: self.path.clone(),
        })
    }
}

/// Device and inode: the file that was opened, whatever stands at its path now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileIdentity {
    device: u64,
    inode: u64,
}

impl FileIdentity {
    fn of(path: &Path) -> Result<FileIdentity, StoreError> {
        let meta = fs::metadata(path).map_err(|err| StoreError::from_io(path, &err))?;
        Ok(FileIdentity {
            device: meta.dev(),
            inode: meta.ino(),
        })
    }
}
