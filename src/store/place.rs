//! Whether the journal's files are still those that were opened.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::StoreError;

/// The files that the writer opened, and where they stood then. In WAL mode an entry is in the `-wal` file
/// first: without its name it is gone with the process.
#[derive(Debug)]
pub struct Place {
    path: PathBuf,
    wal_path: PathBuf,
    file: FileIdentity,
    /// Of a connection that is open: SQLite takes the file away with the last one.
    wal: Mutex<Option<FileIdentity>>,
}

impl Place {
    pub(super) fn of(path: &Path) -> Result<Place, StoreError> {
        let mut wal_path = path.to_owned().into_os_string();
        wal_path.push("-wal");
        let place = Place {
            path: path.to_owned(),
            wal_path: wal_path.into(),
            file: FileIdentity::of(path)?,
            wal: Mutex::default(),
        };
        place.opened();
        Ok(place)
    }

    /// A connection was opened.
    pub(super) fn opened(&self) {
        let wal = FileIdentity::of(&self.wal_path).ok();
        *self.wal.lock().unwrap_or_else(PoisonError::into_inner) = wal;
    }

    /// It is to be closed.
    pub(super) fn closes(&self) {
        *self.wal.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Whether they stand there still. Blocks.
    ///
    /// # Errors
    /// One of them was removed or replaced.
    pub fn check(&self) -> Result<(), StoreError> {
        let stands = |path: &Path, opened: FileIdentity| {
            if FileIdentity::of(path).ok() == Some(opened) {
                return Ok(());
            }
            let path = path.to_owned();
            Err(StoreError::Gone { path })
        };
        stands(&self.path, self.file)?;
        let wal = *self.wal.lock().unwrap_or_else(PoisonError::into_inner);
        wal.map_or(Ok(()), |wal| stands(&self.wal_path, wal))
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
