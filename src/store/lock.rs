//! One daemon to a home directory: an advisory lock (`flock`) on the directory itself, which cannot be
//! removed under its holder as a file in it can, and one on `clusterd.lock`, which says who has it. The kernel
//! lets go of them when their holder dies, however it dies.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use super::StoreError;

/// The lock file's name in the home directory. It holds the pid of the daemon that has it.
const FILE_NAME: &str = "clusterd.lock";

/// The home directory is ours while this lives.
#[derive(Debug)]
pub(super) struct HomeLock {
    _home: Flock<File>,
    _file: Flock<File>,
}

impl HomeLock {
    pub(super) fn take(home: &Path) -> Result<HomeLock, StoreError> {
        let path = home.join(FILE_NAME);
        let dir = File::open(home).map_err(|err| StoreError::from_io(home, &err))?;
        let dir = lock(dir, home, home, |_| File::open(&path).ok().and_then(holder))?;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(|err| StoreError::from_io(&path, &err))?;
        let mut file = lock(file, &path, home, holder)?;
        // The lock is the file's lock, not its content: the pid is for people, and a full
        // disk that keeps it out is told by the journal itself.
        let pid = format!("{}\n", std::process::id());
        if let Err(err) = file
            .set_len(0)
            .and_then(|()| file.write_all(pid.as_bytes()))
        {
            tracing::warn!("cannot write the pid into {}: {err}", path.display());
        }
        Ok(HomeLock {
            _home: dir,
            _file: file,
        })
    }
}

/// `pid` knows who has it, where it is somebody else's.
fn lock(
    file: File,
    path: &Path,
    home: &Path,
    pid: impl FnOnce(File) -> Option<i32>,
) -> Result<Flock<File>, StoreError> {
    Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(file, errno)| match errno {
        Errno::EWOULDBLOCK => StoreError::InUse {
            home: home.to_owned(),
            pid: pid(file),
        },
        errno => StoreError::CannotOpen {
            path: path.to_owned(),
            why: format!("cannot lock it: {errno}"),
        },
    })
}

fn holder(mut file: File) -> Option<i32> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}
