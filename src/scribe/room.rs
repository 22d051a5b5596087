//! The room that all transcripts of the home may take on the disk. Old ones (`NODE.console.1`, …) go
//! when there is too little, the one not written for the longest time first; present ones never.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// The files are not looked through more often than this.
const LOOK: Duration = Duration::from_secs(10);

/// Nor more often than this where looking changed nothing.
const LOOK_IN_VAIN: Duration = Duration::from_secs(300);

/// A watch over the transcripts below `logs/`.
pub(super) struct Room {
    logs: PathBuf,
    /// Bytes that all of them may take.
    total: u64,
    /// Bytes that are to stay free on the disk.
    free: Option<u64>,
    /// Bytes that they take, as far as is known; none before the first look.
    taken: Option<u64>,
    next_look: Option<Instant>,
    /// What was said last, so that it is said once.
    said: String,
}

struct Old {
    written: SystemTime,
    path: PathBuf,
    size: u64,
}

impl Room {
    pub(super) fn new(logs: PathBuf, total: u64, free: Option<u64>) -> Room {
        Room {
            logs,
            total,
            free,
            taken: None,
            next_look: None,
            said: String::new(),
        }
    }

    /// The transcripts have grown by so many bytes; `trouble` says that one of the logs cannot be
    /// written. Removes what must go. Gives what is to be said of it in the log.
    pub(super) fn keep(&mut self, grown: u64, trouble: bool, now: Instant) -> Option<String> {
        let taken = self.taken.map(|taken| taken.saturating_add(grown));
        self.taken = taken;
        let scarce = self.free.is_some() && (grown > 0 || trouble);
        let wanted = taken.is_none_or(|taken| taken > self.total) || scarce;
        if !wanted || self.next_look.is_some_and(|next| now < next) {
            return None;
        }
        let (words, vain) = self.look();
        self.next_look = Some(now + if vain { LOOK_IN_VAIN } else { LOOK });
        if words == self.said {
            return None;
        }
        self.said.clone_from(&words);
        Some(words).filter(|words| !words.is_empty())
    }

    /// Looks through all transcripts, and removes what must go. Says so, and whether there is too
    /// little room still.
    fn look(&mut self) -> (String, bool) {
        let (mut taken, mut old) = (0, Vec::new());
        for folder in entries(&self.logs) {
            for file in entries(&folder) {
                look_at(&file, &mut taken, &mut old);
            }
        }
        old.sort_by(|one, other| (one.written, &one.path).cmp(&(other.written, &other.path)));
        let mut short = self
            .free
            .map_or(0, |free| free.saturating_sub(free_bytes(&self.logs)));
        let mut gone = 0;
        for file in old {
            if taken <= self.total && short == 0 {
                break;
            }
            if fs::remove_file(&file.path).is_ok() {
                taken -= file.size;
                short = short.saturating_sub(file.size);
                gone += 1;
            }
        }
        self.taken = Some(taken);
        let vain = taken > self.total || short > 0;
        let words = match gone {
            0 if vain => "the transcripts want more room than `transcript` in clusterd.yaml gives \
                          them, and no old one is left that could go"
                .to_owned(),
            0 => String::new(),
            n => format!(
                "{n} old transcripts were removed to make room (`transcript` in clusterd.yaml)"
            ),
        };
        (words, vain)
    }
}

/// Counts a file if it is a transcript, and notes it if it is an old one.
fn look_at(path: &Path, taken: &mut u64, old: &mut Vec<Old>) {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let Some((_, ending)) = name.rsplit_once(".console") else {
        return;
    };
    let number = ending.strip_prefix('.');
    let is_old = number.is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
    let Ok(metadata) = fs::symlink_metadata(path) else {
        return;
    };
    if !metadata.is_file() || !(ending.is_empty() || is_old) {
        return;
    }
    *taken += metadata.len();
    if is_old {
        old.push(Old {
            written: metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH),
            path: path.to_owned(),
            size: metadata.len(),
        });
    }
}

/// What a folder holds; nothing if it is none.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    entries.flatten().map(|entry| entry.path()).collect()
}

/// Bytes that an ordinary user may still write on the disk of `path`; all if nobody knows.
fn free_bytes(path: &Path) -> u64 {
    match nix::sys::statvfs::statvfs(path) {
        Ok(disk) => disk.blocks_available().saturating_mul(disk.fragment_size()),
        Err(_) => u64::MAX,
    }
}
