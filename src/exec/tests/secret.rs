//! Files that hold a secret.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::exec::{Secret, SecretFault};

/// A file with this text and mode.
pub(super) fn file(folder: &Path, text: &str, mode: u32) -> PathBuf {
    let path = folder.join("pw");
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    path
}

#[test]
fn a_secret_is_one_line_that_nobody_else_may_read() {
    let dir = tempfile::tempdir().unwrap();
    for text in ["sesame", "sesame\n", "sesame\r\n"] {
        let secret = Secret::read(&file(dir.path(), text, 0o600)).unwrap();
        assert_eq!(secret.line(), "sesame");
        assert_eq!(format!("{secret:?}"), "Secret(…)");
        assert_eq!(
            secret.hide("'password=sesame' is wrong"),
            "'password=***' is wrong"
        );
    }
    assert!(Secret::read(&file(dir.path(), "x", 0o400)).is_ok());
    for mode in [0o640, 0o604, 0o620, 0o602, 0o644, 0o666] {
        let fault = Secret::read(&file(dir.path(), "sesame", mode)).unwrap_err();
        assert!(matches!(fault, SecretFault::Open { mode: found, .. } if found == mode));
        assert!(fault.help().starts_with("chmod 600 "), "{}", fault.help());
    }
}

#[test]
fn what_is_no_secret_is_told_without_its_text() {
    let dir = tempfile::tempdir().unwrap();
    let long = "sesame".repeat(1000);
    for (text, why) in [
        ("", "is empty"),
        ("\n", "is empty"),
        ("sesame\nother\n", "has more than one line"),
        ("sesame\u{1b}", "has a control character"),
        (
            "sesame \n",
            "has a blank at its end, which gets lost on its way",
        ),
        (
            "\"sesame\"",
            "stands in quotes, which get lost on their way",
        ),
        (long.as_str(), "is too long"),
    ] {
        let fault = Secret::read(&file(dir.path(), text, 0o600)).unwrap_err();
        let said = fault.to_string();
        assert!(said.ends_with(why) && !said.contains("sesame"), "{said}");
    }
    let absent = Secret::read(&dir.path().join("nowhere")).unwrap_err();
    assert!(matches!(absent, SecretFault::Unreadable { .. }));
    assert!(matches!(
        Secret::read(dir.path()).unwrap_err(),
        SecretFault::NotAFile(_)
    ));
    let fifo = dir.path().join("fifo");
    mkfifo(&fifo, Mode::from_bits_truncate(0o600)).unwrap();
    assert!(matches!(
        Secret::read(&fifo).unwrap_err(),
        SecretFault::NotAFile(_)
    ));
}
