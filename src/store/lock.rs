//! One daemon to a home directory: an advisory lock (`flock`) on `clusterd.lock`, which
//! the kernel lets go of when its holder dies, however it dies.

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
    _file: Flock<File>,
}

impl HomeLock {
    pub(super) fn take(home: &Path) -> Result<HomeLock, StoreError> {
        let path = home.join(FILE_NAME);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(|err| StoreError::from_io(&path, &err))?;
        let mut file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(file) => file,
            Err((file, Errno::EWOULDBLOCK)) => {
                return Err(StoreError::InUse {
                    home: home.to_owned(),
                    pid: holder(file),
                });
            }
            Err((_, errno)) => {
                return Err(StoreError::CannotOpen {
                    path,
                    why: format!("cannot lock it: {errno}"),
                });
            }
        };
        // The lock is the file's lock, not its content: the pid is for people, and a full
        // disk that keeps it out is told by the journal itself.
        let pid = format!("{}\n", std::process::id());
        if let Err(err) = file
            .set_len(0)
            .and_then(|()| file.write_all(pid.as_bytes()))
        {
            tracing::warn!("cannot write the pid into {}: {err}", path.display());
        }
        Ok(HomeLock { _file: file })
    }
}

fn holder(mut file: File) -> Option<i32> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}
