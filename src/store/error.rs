//! What can be wrong with the journal, told so that somebody can mend it.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

/// Why the journal could not be opened, written or read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// A second daemon on one home directory.
    #[error("another clusterd{} uses the home directory {}; stop it first, or give this one another home", by(*.pid), .home.display())]
    InUse {
        /// The home directory.
        home: PathBuf,
        /// The other's process number, if its lock file tells it.
        pid: Option<i32>,
    },
    /// The file was written by a newer clusterd.
    #[error("the journal {} has schema {found}, this clusterd knows schemas up to {known}; run the newer clusterd, or move the file away and start without a journal (consoles win)", .path.display())]
    NewerSchema {
        /// The journal.
        path: PathBuf,
        /// The schema it has.
        found: i64,
        /// The newest schema known here.
        known: i64,
    },
    /// An SQLite file, but not one of ours.
    #[error("{} is an SQLite file, but no clusterd journal; move it away", .path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The file is damaged.
    #[error("the journal {} is damaged ({why}); keep a copy, then restore it from a backup, or move it and its -wal and -shm files away and start without a journal (consoles win, roles are asked for anew)", .path.display())]
    Corrupt {
        /// The journal.
        path: PathBuf,
        /// What SQLite found.
        why: String,
    },
    /// No space left.
    #[error("no space left for the journal {}; free some space on its file system", .path.display())]
    Full {
        /// The journal.
        path: PathBuf,
    },
    /// The file or its file system may not be written.
    #[error("the journal {} is read-only ({why}); mount its file system writable, or mend its owner and mode", .path.display())]
    ReadOnly {
        /// The journal.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
    /// Somebody else holds a write transaction for seconds.
    #[error("the journal {} is locked by another program (sqlite3 with an open transaction?); close it", .path.display())]
    Busy {
        /// The journal.
        path: PathBuf,
    },
    /// The file, or its `-wal` file, was removed or replaced while the daemon had it open.
    #[error("the journal {} was removed or replaced under the running clusterd; put it back, or restart clusterd to begin a new one", .path.display())]
    Gone {
        /// The journal.
        path: PathBuf,
    },
    /// A file that cannot be opened at all.
    #[error("cannot open {}: {why}", .path.display())]
    CannotOpen {
        /// The journal or the lock file.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
    /// The disk failed.
    #[error("input or output failed on the journal {}: {why}; look at the disk and the kernel's log", .path.display())]
    Io {
        /// The journal.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
    /// A row that this clusterd did not write so.
    #[error("entry {id} of the journal {} cannot be read: {why}", .path.display())]
    Unreadable {
        /// The journal.
        path: PathBuf,
        /// The row's `id`; zero for a row of `state`.
        id: i64,
        /// What is wrong with it.
        why: String,
    },
    /// An entry too large to keep.
    #[error("a journal entry of {bytes} bytes is too large, the limit is {limit}")]
    TooLarge {
        /// Size of its JSON text.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// Whatever else SQLite says.
    #[error("the journal {} failed: {why}", .path.display())]
    Sqlite {
        /// The journal.
        path: PathBuf,
        /// What SQLite said.
        why: String,
    },
    /// The writer thread has ended.
    #[error("the journal is closed")]
    Stopped,
}

fn by(pid: Option<i32>) -> String {
    pid.map_or_else(String::new, |pid| format!(" (pid {pid})"))
}

impl StoreError {
    /// What SQLite's error means for the file at `path`.
    pub(super) fn from_sqlite(path: &Path, err: &rusqlite::Error) -> StoreError {
        let path = path.to_owned();
        let why = err.to_string();
        match err.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => StoreError::Full { path },
            Some(ErrorCode::ReadOnly) => StoreError::ReadOnly { path, why },
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                StoreError::Corrupt { path, why }
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy { path },
            Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                StoreError::CannotOpen { path, why }
            }
            Some(ErrorCode::SystemIoFailure) => StoreError::Io { path, why },
            _ => StoreError::Sqlite { path, why },
        }
    }

    /// What the system's error means for the file at `path`.
    pub(super) fn from_io(path: &Path, err: &io::Error) -> StoreError {
        let path = path.to_owned();
        let why = err.to_string();
        match err.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Full { path },
            io::ErrorKind::ReadOnlyFilesystem => StoreError::ReadOnly { path, why },
            io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied => {
                StoreError::CannotOpen { path, why }
            }
            _ => StoreError::Io { path, why },
        }
    }

    /// Whether the connection that gave this error is better thrown away.
    pub(super) fn spoils_connection(&self) -> bool {
        !matches!(
            self,
            StoreError::Busy { .. } | StoreError::Full { .. } | StoreError::Gone { .. }
        )
    }
}
