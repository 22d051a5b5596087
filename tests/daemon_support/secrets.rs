//! Whether a secret stands anywhere that it must not be: in a file of the home, in what commands say,
//! in the command line or the environment of a process.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use super::{Home, stderr, stdout};

/// Between two looks at all processes: a command lives longer.
const LOOK: Duration = Duration::from_millis(2);

impl Home {
    /// No file of the home has one of the secrets but those of `own`, which hold them or are a
    /// test's; and no command says one.
    pub fn tells_nobody(&self, secrets: &[&str], own: &[&str]) {
        let own: Vec<PathBuf> = own.iter().map(|path| self.path(path)).collect();
        let mut read = 0;
        each_file(self.dir.path(), &mut |path| {
            if own.iter().any(|own| path.starts_with(own)) {
                return;
            }
            // Sockets are none to read.
            let Ok(bytes) = fs::read(path) else { return };
            read += 1;
            none_of(secrets, &path.display().to_string(), &bytes);
        });
        assert!(read > 3, "the home has files");
        for args in [
            &["status"][..],
            &["status", "--json"],
            &["alarms"],
            &["alarms", "--json"],
            &["check"],
        ] {
            let output = self.clusterd(args);
            let said = stdout(&output) + &stderr(&output);
            none_of(secrets, &args.join(" "), said.as_bytes());
        }
    }
}

fn each_file(folder: &Path, look: &mut impl FnMut(&Path)) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => each_file(&path, look),
            false => look(&path),
        }
    }
}

fn none_of(secrets: &[&str], place: &str, bytes: &[u8]) {
    for secret in secrets {
        assert!(!holds(bytes, secret), "{place} has the secret {secret}");
    }
}

fn holds(bytes: &[u8], secret: &str) -> bool {
    bytes
        .windows(secret.len())
        .any(|window| window == secret.as_bytes())
}

/// Looks at every process of this machine, again and again, until it is asked what it saw.
pub struct Lookout {
    over: Arc<AtomicBool>,
    seen: Arc<Mutex<BTreeSet<String>>>,
    looker: JoinHandle<u64>,
}

impl Lookout {
    /// For these secrets.
    pub fn keeps(secrets: &[&str]) -> Lookout {
        let secrets: Vec<String> = secrets.iter().map(|&secret| secret.to_owned()).collect();
        let over = Arc::new(AtomicBool::new(false));
        let seen = Arc::new(Mutex::new(BTreeSet::new()));
        let (ends, sees) = (Arc::clone(&over), Arc::clone(&seen));
        let looker = std::thread::spawn(move || {
            let mut looks = 0;
            while !ends.load(Ordering::Relaxed) {
                looks += 1;
                look(&secrets, &sees);
                std::thread::park_timeout(LOOK);
            }
            looks
        });
        Lookout { over, seen, looker }
    }

    /// Nobody had one of them.
    pub fn saw_none(self) {
        self.over.store(true, Ordering::Relaxed);
        let looks = self.looker.join().unwrap();
        assert!(looks > 10, "it looked {looks} times");
        let seen = self.seen.lock().unwrap();
        assert!(seen.is_empty(), "{seen:?}");
    }
}

fn look(secrets: &[String], seen: &Mutex<BTreeSet<String>>) {
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let process = entry.path();
        for file in ["cmdline", "environ"] {
            // It may have ended meanwhile.
            let Ok(bytes) = fs::read(process.join(file)) else {
                continue;
            };
            if secrets.iter().any(|secret| holds(&bytes, secret)) {
                let text = String::from_utf8_lossy(&bytes).replace('\0', " ");
                seen.lock().unwrap().insert(format!("{file}: {text}"));
            }
        }
    }
}
