//! Which keys servers are known by: a file as OpenSSH writes it (sshd(8), SSH_KNOWN_HOSTS FILE
//! FORMAT), with names, patterns, hashed names and `@revoked`. Authorities that sign host keys are
//! not known here: `@cert-authority` lines count for nothing.
//!
//! A server with an unknown key is refused, or believed once where the console says so. A server
//! that is known by another key is always refused, whatever kind the new key is of.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use nix::fcntl::{Flock, FlockArg};
use nix::libc::O_NONBLOCK;
use ring::hmac;
use russh::keys::ssh_key::known_hosts::HostPatterns;
use russh::keys::{HashAlg, PublicKey};

/// The most that such a file may have, bytes.
const LONGEST: u64 = 4 << 20;

/// The file, and the server that is looked for in it.
#[derive(Clone, Debug)]
pub(super) struct KnownHosts {
    file: PathBuf,
    /// `ts1`, or `[ts1]:2222` where the port is another one than SSH's.
    name: String,
    accept_new: bool,
}

/// A key that the file knows the server by.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    line: usize,
    revoked: bool,
    /// `ssh-ed25519` and the like.
    kind: String,
    /// The key, as base64.
    key: String,
}

impl KnownHosts {
    pub(super) fn new(file: &str, host: &str, port: u16, accept_new: bool) -> KnownHosts {
        let host = host.to_ascii_lowercase();
        let name = match port {
            22 => host,
            _ => format!("[{host}]:{port}"),
        };
        KnownHosts {
            file: PathBuf::from(file),
            name,
            accept_new,
        }
    }

    /// The kinds of the keys that the server is known by. It reads the file.
    pub(super) fn kinds(&self) -> Result<Vec<String>, String> {
        let text = self.read().map_err(|error| self.unreadable(&error))?;
        let known = entries(&text, &self.name);
        let kinds = known.into_iter().filter(|entry| !entry.revoked);
        Ok(kinds.map(|entry| entry.kind).collect())
    }

    /// Whether the server is the one it is known as; if not, why it is refused. It reads the file,
    /// and writes a new server to it where that is wanted. `peer` is what the server is called.
    pub(super) fn check(&self, peer: &str, shown: &PublicKey) -> Result<(), String> {
        let text = self.read().map_err(|error| self.unreadable(&error))?;
        if self.judge(&text, peer, shown)? {
            return Ok(());
        }
        if !self.accept_new {
            return Err(self.unknown(peer, shown));
        }
        // Another console of this server may have learnt its key meanwhile.
        self.learn(peer, shown)
    }

    /// Whether `text` knows the server by this key, or, false, does not know it at all.
    fn judge(&self, text: &str, peer: &str, shown: &PublicKey) -> Result<bool, String> {
        let (kind, key) = parts(shown);
        let known = entries(text, &self.name);
        let file = self.file.display();
        let same = |entry: &&Entry| entry.kind == kind && entry.key == key;
        if let Some(entry) = known.iter().filter(|entry| entry.revoked).find(same) {
            return Err(format!(
                "HOST KEY REVOKED: {peer} shows {kind} {}, which line {} of {file} says is no longer to be trusted; nothing was sent there",
                print_of(shown),
                entry.line
            ));
        }
        let known: Vec<&Entry> = known.iter().filter(|entry| !entry.revoked).collect();
        if known.iter().copied().find(same).is_some() {
            return Ok(true);
        }
        let Some(first) = known.first() else {
            return Ok(false);
        };
        let was = PublicKey::from_openssh(&format!("{} {}", first.kind, first.key))
            .map_or_else(|_| "another key".to_owned(), |key| print_of(&key));
        Err(format!(
            "HOST KEY CHANGED: {peer} shows {kind} {}, but line {} of {file} knows it by {} {was}; somebody may stand between, or the server was set up anew; \
             nothing was sent there. Look at the server's own console what its key is; if it is the new one, take that line out and put this in its place: {}",
            print_of(shown),
            first.line,
            first.kind,
            self.line_for(shown)
        ))
    }

    fn unknown(&self, peer: &str, shown: &PublicKey) -> String {
        format!(
            "host key unknown: {peer} shows {} {}; if the server's own console says the same, put this line into {}: {} (or write `accept_new: yes` to believe it the first time)",
            parts(shown).0,
            print_of(shown),
            self.file.display(),
            self.line_for(shown)
        )
    }

    fn unreadable(&self, error: &io::Error) -> String {
        format!("cannot read {}: {error}", self.file.display())
    }

    /// The line that makes the server known.
    fn line_for(&self, key: &PublicKey) -> String {
        let (kind, key) = parts(key);
        format!("{} {kind} {key}", self.name)
    }

    /// What the file says; nothing where there is none.
    fn read(&self) -> io::Result<String> {
        // Opening a FIFO would wait for its other end.
        let mut open = OpenOptions::new();
        open.read(true).custom_flags(O_NONBLOCK);
        match open.open(&self.file) {
            Ok(file) => text_of(&file),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
            Err(error) => Err(error),
        }
    }

    /// Writes the server to the file, unless it stands there by now.
    fn learn(&self, peer: &str, shown: &PublicKey) -> Result<(), String> {
        let path = self.file.display();
        let cannot =
            |error: io::Error| format!("cannot write the host key of {peer} to {path}: {error}");
        let mut open = OpenOptions::new();
        open.read(true).append(true).create(true).mode(0o600);
        open.custom_flags(O_NONBLOCK);
        let file = open.open(&self.file).map_err(cannot)?;
        let file = Flock::lock(file, FlockArg::LockExclusive)
            .map_err(|(_, errno)| cannot(errno.into()))?;
        let text = text_of(&file).map_err(cannot)?;
        if self.judge(&text, peer, shown)? {
            return Ok(());
        }
        let before = if text.is_empty() || text.ends_with('\n') {
            ""
        } else {
            "\n"
        };
        let line = format!("{before}{}\n", self.line_for(shown));
        (&*file).write_all(line.as_bytes()).map_err(cannot)?;
        file.sync_all().map_err(cannot)?;
        let (kind, print) = (parts(shown).0, print_of(shown));
        tracing::warn!(file = %path, "host key of {peer} learnt: {kind} {print}");
        Ok(())
    }
}

fn text_of(file: &File) -> io::Result<String> {
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut bytes = Vec::new();
    file.take(LONGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LONGEST {
        return Err(io::Error::other(format!(
            "it has more than {} MiB",
            LONGEST >> 20
        )));
    }
    // Comments may be of any kind; names and keys are ASCII.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Kind and base64 of a key.
fn parts(key: &PublicKey) -> (String, String) {
    let line = key.to_openssh().unwrap_or_default();
    let mut words = line.split(' ').map(str::to_owned);
    (
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
    )
}

fn print_of(key: &PublicKey) -> String {
    key.fingerprint(HashAlg::Sha256).to_string()
}

/// The lines of `text` that are about the server `name`.
fn entries(text: &str, name: &str) -> Vec<Entry> {
    let lines = text.lines().zip(1..);
    lines
        .filter_map(|(line, number)| {
            let mut words = line.split_ascii_whitespace().peekable();
            let marker = words.next_if(|word| word.starts_with('@'));
            let hosts = words.next().filter(|word| !word.starts_with('#'))?;
            if !matches!(marker, None | Some("@revoked")) || !is_meant(hosts, name) {
                return None;
            }
            Some(Entry {
                line: number,
                revoked: marker.is_some(),
                kind: words.next()?.to_owned(),
                key: words.next()?.to_owned(),
            })
        })
        .collect()
}

/// Whether `hosts`, the names of a line, mean `name`.
fn is_meant(hosts: &str, name: &str) -> bool {
    match hosts.parse() {
        Ok(HostPatterns::HashedName { salt, hash }) => {
            // OpenSSH chose HMAC-SHA-1 for this; it hides names and proves nothing.
            let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &salt);
            hmac::verify(&key, name.as_bytes(), &hash).is_ok()
        }
        Ok(HostPatterns::Patterns(patterns)) => {
            let matches =
                |pattern: &str| glob(pattern.to_ascii_lowercase().as_bytes(), name.as_bytes());
            let (mut meant, mut barred) = (false, false);
            for pattern in &patterns {
                match pattern.strip_prefix('!') {
                    Some(pattern) => barred |= matches(pattern),
                    None => meant |= matches(pattern),
                }
            }
            meant && !barred
        }
        Err(_) => false,
    }
}

/// Whether the pattern, in which `*` means any text and `?` any character, is all of `text`.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut from) = (0, 0);
    let mut star = None;
    while at < text.len() {
        match pattern.get(from) {
            Some(b'*') => {
                star = Some((from, at));
                from += 1;
            }
            Some(&c) if c == b'?' || c == text[at] => {
                at += 1;
                from += 1;
            }
            _ => {
                let Some((back, taken)) = star else {
                    return false;
                };
                star = Some((back, taken + 1));
                (from, at) = (back + 1, taken + 1);
            }
        }
    }
    pattern[from..].iter().all(|&c| c == b'*')
}

#[cfg(test)]
mod tests;
