//! Files of known servers: what they say of a name, and what is written to them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::*;

const ED: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
const ED_OTHER: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA6rWI3G1sz07DnfFlrouTcysQlj2P+jpNSOEWD9OJ3X";
const ECDSA: &str = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBNtqXFJtN3NRsBQgdkzYbNZGyjWqmwXcTJdkLsTYIG5y";

/// `example.com`, as OpenSSH hashed it.
const HASHED: &str = "|1|O33ESRMWPVkMYIwJ1Uw+n877jTo=|nuuC5vEqXlEZ/8BXQR7m619W6Ak=";

fn key(line: &str) -> PublicKey {
    PublicKey::from_openssh(line).unwrap()
}

fn with(text: &str, host: &str, port: u16) -> Result<(), String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("known_hosts");
    fs::write(&path, text).unwrap();
    let known = KnownHosts::new(path.to_str().unwrap(), host, port, false);
    known.check("the server", &key(ED))
}

#[test]
fn a_server_is_known_by_name_pattern_and_hash() {
    for (text, host, port) in [
        (format!("ts1 {ED}\n"), "ts1", 22),
        (format!("ts1,10.0.0.1 {ED} a comment\n"), "10.0.0.1", 22),
        (format!("# no\n\n  TS1\t{ED}"), "Ts1", 22),
        (format!("[ts1]:2222 {ED}\n"), "ts1", 2222),
        (format!("[fe80::1]:2222 {ED}\n"), "fe80::1", 2222),
        (
            format!("ts?.example.com,!ts3.* {ED}"),
            "ts1.example.com",
            22,
        ),
        (format!("* {ED}"), "anything", 2222),
        (format!("{HASHED} {ED}"), "example.com", 22),
        (format!("ts1 {ECDSA}\nts1 {ED}\n"), "ts1", 22),
        (
            format!("@cert-authority ts1 {ED_OTHER}\nts1 {ED}\n"),
            "ts1",
            22,
        ),
    ] {
        assert_eq!(with(&text, host, port), Ok(()), "{text}");
    }
}

#[test]
fn an_unknown_server_is_refused_with_the_line_that_makes_it_known() {
    for (text, host, port) in [
        (String::new(), "ts1", 22),
        (format!("#ts1 {ED}\n"), "ts1", 22),
        (format!("ts1 {ED}\n"), "ts1", 2222),
        (format!("[ts1]:2222 {ED}\n"), "ts1", 22),
        (format!("ts?,!ts3 {ED}"), "ts3", 22),
        (format!("@cert-authority ts1 {ED}\n"), "ts1", 22),
        (format!("{HASHED} {ED}"), "example.org", 22),
        (format!("|1|x {ED}\nts1 ssh-ed25519\nts1\n"), "ts1", 22),
    ] {
        let why = with(&text, host, port).unwrap_err();
        assert!(why.starts_with("host key unknown: "), "{text}: {why}");
        assert!(why.contains("SHA256:"), "{why}");
        let name = match port {
            22 => host.to_owned(),
            _ => format!("[{host}]:{port}"),
        };
        assert!(why.contains(&format!(": {name} {ED} ")), "{why}");
    }
}

#[test]
fn a_changed_key_is_refused_whatever_else_is_configured() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("known_hosts");
    for other in [ED_OTHER, ECDSA, "ssh-dss AAAAB3NzaC1kc3MAAACBA"] {
        let text = format!("# ours\nts1 {other}\n");
        fs::write(&path, &text).unwrap();
        for accept_new in [false, true] {
            let known = KnownHosts::new(path.to_str().unwrap(), "ts1", 22, accept_new);
            let why = known.check("the server", &key(ED)).unwrap_err();
            assert!(why.starts_with("HOST KEY CHANGED: "), "{why}");
            assert!(why.contains("line 2 of"), "{why}");
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
}

#[test]
fn a_revoked_key_is_refused_though_it_is_known() {
    let why = with(&format!("ts1 {ED}\n@revoked * {ED}\n"), "ts1", 22).unwrap_err();
    assert!(why.starts_with("HOST KEY REVOKED: "), "{why}");
}

#[test]
fn a_new_server_is_written_once_where_that_is_wanted() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("known_hosts");
    let known = KnownHosts::new(path.to_str().unwrap(), "ts1", 2222, true);
    for _ in 0..2 {
        assert_eq!(known.check("the server", &key(ED)), Ok(()));
    }
    assert_eq!(known.kinds().unwrap(), ["ssh-ed25519"]);
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        format!("[ts1]:2222 {ED}\n")
    );
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    // A file without a newline at its end.
    fs::write(&path, format!("ts2 {ED}")).unwrap();
    assert_eq!(known.check("the server", &key(ED)), Ok(()));
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        format!("ts2 {ED}\n[ts1]:2222 {ED}\n")
    );
}

#[test]
fn globs_match_all_of_a_name() {
    for (pattern, text, wanted) in [
        ("*", "", true),
        ("a*c", "abbc", true),
        ("a*b*c", "aXbYbZc", true),
        ("a*c", "abcd", false),
        ("?", "", false),
        ("??", "ab", true),
        ("ts1", "ts11", false),
        ("[*]:2222", "[ts1]:2222", true),
    ] {
        assert_eq!(
            glob(pattern.as_bytes(), text.as_bytes()),
            wanted,
            "{pattern} {text}"
        );
    }
}

#[test]
fn what_is_no_file_is_refused_and_not_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let fifo = dir.path().join("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    for path in [fifo.as_path(), dir.path()] {
        for accept_new in [false, true] {
            let hosts = KnownHosts::new(path.to_str().unwrap(), "ts1", 22, accept_new);
            let why = hosts.kinds().unwrap_err();
            assert!(why.contains("it is not a regular file"), "{why}");
        }
    }
}
