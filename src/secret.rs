//! Files that hold a secret: private keys, passwords. Nobody but their owner may read them, and
//! nothing prints them. They stand in the home, or systemd hands them over ([`place`]).

use std::env;
use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;
use zeroize::Zeroizing;

/// The most that is read, bytes: a private key of 16384 bits has 13 KiB.
const LONGEST: u64 = 64 << 10;

/// Begins the name of a secret that systemd hands over (`LoadCredential=` of the unit).
const CREDENTIAL: &str = "credential:";
/// Where systemd says that they are (systemd.exec(5), "Credentials").
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";
/// Where they are while the service runs, for whoever looks from outside of it, as `clusterd check` does.
const OF_THE_SERVICE: &str = "/run/credentials/clusterd.service";

/// Where a secret is that a file of the home names: `secrets/apc`, found from the home directory, or
/// `credential:apc`.
pub fn place(home: &Path, named: &str) -> PathBuf {
    match named.strip_prefix(CREDENTIAL) {
        // A credential's name is no path.
        Some(name) => credentials().join(name.replace('/', "_")),
        None => home.join(named),
    }
}

fn credentials() -> PathBuf {
    env::var_os(CREDENTIALS).map_or_else(|| OF_THE_SERVICE.into(), PathBuf::from)
}

fn is_credential(path: &Path) -> bool {
    path.parent() == Some(&credentials())
}

/// How to mend a secret that systemd should hand over; nothing if it is a file of the home.
pub fn credential_help(path: &Path) -> Option<String> {
    let name = is_credential(path).then(|| path.file_name())??.display();
    Some(format!(
        "the unit hands it over: `systemctl edit clusterd`, and below [Service] LoadCredential={name}:/PATH/OF/THE/FILE; then `systemctl restart clusterd`"
    ))
}

/// What such a file holds. It is wiped when it is dropped.
pub struct Secret(Zeroizing<Vec<u8>>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Why a file gives no secret. What names the file says so itself.
#[derive(Debug, thiserror::Error)]
pub enum SecretFault {
    /// There is none.
    #[error("there is no such file")]
    Absent,
    /// It cannot be opened or read.
    #[error("it cannot be read: {0}")]
    Unreadable(io::Error),
    /// It is a folder, a FIFO, a device.
    #[error("it is not a regular file")]
    NotAFile,
    /// Its mode lets others in.
    #[error("others may read or change it (mode {0:03o})")]
    Open(u32),
    /// It belongs to somebody else, who may read it.
    #[error("it belongs to another user (uid {0})")]
    Foreign(u32),
    /// It is no secret, by its size.
    #[error("it has more than {} KiB", LONGEST >> 10)]
    TooLong,
    /// It should hold one line.
    #[error("it should hold the password alone, in one line of UTF-8 text")]
    NotOneLine,
}

impl SecretFault {
    /// How to mend it.
    pub fn help(&self, path: &Path) -> String {
        if let Some(help) = credential_help(path) {
            return help;
        }
        let path = path.display();
        match self {
            SecretFault::Absent | SecretFault::Unreadable(_) => {
                format!("put it there for the user clusterd runs as, and chmod 600 {path}")
            }
            SecretFault::Open(_) => format!("chmod 600 {path}"),
            SecretFault::Foreign(_) => {
                format!("chown it to the user clusterd runs as, and chmod 600 {path}")
            }
            SecretFault::NotAFile | SecretFault::TooLong | SecretFault::NotOneLine => {
                "name a file that holds the secret and nothing else".to_owned()
            }
        }
    }
}

impl Secret {
    /// Reads it. Only its owner may be able to: this user, or root.
    ///
    /// # Errors
    /// There is none, or it is none any more: others may read it.
    pub fn read(path: &Path) -> Result<Secret, SecretFault> {
        let bytes = read(path, LONGEST + 1).map_err(|fault| match fault {
            SecretFault::Unreadable(error) if error.kind() == io::ErrorKind::NotFound => {
                SecretFault::Absent
            }
            fault => fault,
        })?;
        match bytes.len() as u64 > LONGEST {
            true => Err(SecretFault::TooLong),
            false => Ok(Secret(bytes)),
        }
    }

    /// All of it, as text.
    ///
    /// # Errors
    /// It is no text.
    pub fn text(&self) -> Result<&str, SecretFault> {
        std::str::from_utf8(&self.0).map_err(|_| SecretFault::NotOneLine)
    }

    /// Its one line, without the newline.
    ///
    /// # Errors
    /// It is empty, no text, or more than a line.
    pub fn line(&self) -> Result<&str, SecretFault> {
        let text = self.text()?;
        let line = text.strip_suffix('\n').unwrap_or(text);
        let line = line.strip_suffix('\r').unwrap_or(line);
        match line.is_empty() || line.chars().any(char::is_control) {
            true => Err(SecretFault::NotOneLine),
            false => Ok(line),
        }
    }
}

/// The first `limit` bytes of a file that nobody but its owner, this user or root, may read.
///
/// # Errors
/// It cannot be read, or others may read it too.
pub fn read(path: &Path, limit: u64) -> Result<Zeroizing<Vec<u8>>, SecretFault> {
    // Opening a FIFO would wait for its other end.
    let mut open = OpenOptions::new();
    open.read(true).custom_flags(libc::O_NONBLOCK);
    let file = open.open(path).map_err(SecretFault::Unreadable)?;
    // Of the open file: the name may mean another one a moment later.
    let meta = file.metadata().map_err(SecretFault::Unreadable)?;
    if !meta.is_file() {
        return Err(SecretFault::NotAFile);
    }
    // systemd gives a credential to the service's user by an access list; the group's bits are then
    // the list's mask, and the file is root's.
    let by_list = meta.uid() == 0 && meta.gid() == 0 && is_credential(path);
    let others = if by_list { 0o037 } else { 0o077 };
    if meta.mode() & others != 0 {
        return Err(SecretFault::Open(meta.mode() & 0o777));
    }
    if meta.uid() != geteuid().as_raw() && meta.uid() != 0 {
        return Err(SecretFault::Foreign(meta.uid()));
    }
    // All the room at once: a growing vector would leave copies behind.
    let room = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut bytes = Zeroizing::new(Vec::with_capacity(room));
    file.take(limit)
        .read_to_end(&mut bytes)
        .map_err(SecretFault::Unreadable)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_credential_is_found_where_systemd_says() {
        let home = Path::new("/var/lib/clusterd");
        assert_eq!(place(home, "secrets/apc"), home.join("secrets/apc"));
        assert_eq!(place(home, "/etc/apc"), Path::new("/etc/apc"));
        let folder = Path::new(OF_THE_SERVICE);
        assert_eq!(place(home, "credential:apc"), folder.join("apc"));
        assert_eq!(
            place(home, "credential:../../etc/shadow"),
            folder.join(".._.._etc_shadow")
        );
        let path = place(home, "credential:apc");
        let help = Secret::read(&path).unwrap_err().help(&path);
        assert!(help.contains("LoadCredential=apc:"), "{help}");
    }

    #[test]
    fn a_secret_is_a_file_that_nobody_else_may_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pw");
        let with = |text: &str, mode| {
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            Secret::read(&path)
        };
        for text in ["sesame", "sesame\n", "sesame\r\n"] {
            let secret = with(text, 0o600).unwrap();
            assert_eq!(secret.line().unwrap(), "sesame");
            assert_eq!(format!("{secret:?}"), "Secret(…)");
        }
        for mode in [0o640, 0o604, 0o620, 0o644, 0o666] {
            let fault = with("sesame", mode).unwrap_err();
            assert!(matches!(fault, SecretFault::Open(found) if found == mode));
            assert_eq!(fault.help(&path), format!("chmod 600 {}", path.display()));
        }
        for text in ["", "\n", "a\nb\n", "a\u{1b}"] {
            assert!(with(text, 0o600).unwrap().line().is_err(), "{text:?}");
        }
        assert!(matches!(
            Secret::read(&dir.path().join("nowhere")).unwrap_err(),
            SecretFault::Absent
        ));
        assert!(matches!(
            Secret::read(dir.path()).unwrap_err(),
            SecretFault::NotAFile
        ));
    }
}
