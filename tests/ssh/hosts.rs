//! Which servers are believed, and what old ones speak.

use std::fs;
use std::time::Instant;

use crate::sshd::{Sshd, hear, keygen, login, open, refused, up};

#[tokio::test]
#[ignore = "needs openssh-server"]
async fn an_unknown_server_is_refused_and_known_once_its_line_is_written() {
    let server = Sshd::start(&[]).await;
    fs::remove_file(server.path("known_hosts")).unwrap();
    let spec = server.console("echo in; exec cat");
    let why = refused(spec.clone()).await;
    assert!(why.starts_with("host key unknown: 127.0.0.1:"), "{why}");
    let print = std::process::Command::new("ssh-keygen")
        .args(["-lf"])
        .arg(server.path("host.pub"))
        .output();
    let print = String::from_utf8(print.unwrap().stdout).unwrap();
    let print = print.split(' ').nth(1).unwrap();
    assert!(
        print.starts_with("SHA256:") && why.contains(print),
        "{why} {print}"
    );
    // The line is taken from the words as an operator takes it.
    let (_, line) = why.split_once("known_hosts: ").unwrap();
    let (line, _) = line.split_once(" (or write `accept_new: yes`").unwrap();
    fs::write(server.path("known_hosts"), format!("{line}\n")).unwrap();
    let mut console = open(spec);
    up(&mut console).await;
    hear(&mut console, "in").await;
}

#[tokio::test]
#[ignore = "needs openssh-server"]
async fn a_new_server_is_believed_once_where_that_is_configured() {
    let mut server = Sshd::start(&[]).await;
    fs::remove_file(server.path("known_hosts")).unwrap();
    let mut spec = server.console("echo in; exec cat");
    login(&mut spec).accept_new = true;
    // Several ports of one terminal server come up together: its key is written once.
    let mut consoles: Vec<_> = (0..4).map(|_| open(spec.clone())).collect();
    for console in &mut consoles {
        up(console).await;
    }
    drop(consoles);
    let known = fs::read_to_string(server.path("known_hosts")).unwrap();
    assert_eq!(known.lines().count(), 1, "{known}");
    let key = server.public("host");
    let key: Vec<&str> = key.split(' ').take(2).collect();
    assert_eq!(
        known,
        format!("[127.0.0.1]:{} {}\n", server.port, key.join(" "))
    );

    // Another key, of the same kind and of another one, is never believed.
    for kind in ["ed25519", "ecdsa"] {
        for file in ["host", "host.pub"] {
            fs::remove_file(server.path(file)).unwrap();
        }
        keygen(server.dir.path(), "host", kind);
        server.start_again(&[]).await;
        let why = refused(spec.clone()).await;
        assert!(why.starts_with("HOST KEY CHANGED: 127.0.0.1:"), "{why}");
        let after = fs::read_to_string(server.path("known_hosts")).unwrap();
        assert_eq!(after, known);
    }
}

/// OpenSSH's server drops connections at random once ten are not logged in: nobody is dropped.
#[tokio::test]
#[ignore = "needs openssh-server"]
async fn the_consoles_of_a_server_that_comes_back_log_in_a_few_at_a_time() {
    let server = Sshd::start(&[]).await;
    let spec = server.console("echo in; exec cat");
    let begun = Instant::now();
    let mut console = open(spec.clone());
    up(&mut console).await;
    println!("one console came up in {:?}", begun.elapsed());
    let begun = Instant::now();
    let mut consoles: Vec<_> = (0..40).map(|_| open(spec.clone())).collect();
    for console in &mut consoles {
        up(console).await;
    }
    println!("40 consoles came up in {:?}", begun.elapsed());
}

/// A server with several keys is asked for the one that is known.
#[tokio::test]
#[ignore = "needs openssh-server"]
async fn the_known_one_of_several_keys_is_asked_for() {
    let mut server = Sshd::start(&[]).await;
    keygen(server.dir.path(), "host2", "rsa");
    let second = format!("HostKey {}", server.shown("host2"));
    server.start_again(&[&second]).await;
    server.known_by("host2");
    let mut console = open(server.console("echo in; exec cat"));
    up(&mut console).await;
    hear(&mut console, "in").await;
}

#[tokio::test]
#[ignore = "needs openssh-server"]
async fn old_algorithms_are_spoken_where_the_console_says_so() {
    for (old, kind, offered) in [
        (
            "KexAlgorithms diffie-hellman-group14-sha1",
            "key exchange",
            "diffie-hellman-group14-sha1",
        ),
        (
            "KexAlgorithms diffie-hellman-group1-sha1",
            "key exchange",
            "diffie-hellman-group1-sha1",
        ),
        ("Ciphers aes128-cbc", "cipher", "aes128-cbc"),
        ("Ciphers 3des-cbc", "cipher", "3des-cbc"),
        ("MACs hmac-sha1\nCiphers aes128-ctr", "MAC", "hmac-sha1"),
        ("HostKeyAlgorithms ssh-rsa", "kind of host key", "ssh-rsa"),
    ] {
        let mut server = Sshd::start(&[]).await;
        keygen(server.dir.path(), "host2", "rsa");
        let key = format!("HostKey {}", server.shown("host2"));
        server.start_again(&[old, &key]).await;
        let known = format!(
            "[127.0.0.1]:{port} {}[127.0.0.1]:{port} {}",
            server.public("host"),
            server.public("host2"),
            port = server.port
        );
        fs::write(server.path("known_hosts"), known).unwrap();
        let mut spec = server.console("echo in; exec cat");
        let why = refused(spec.clone()).await;
        let wanted = format!(
            "offers no {kind} that is used here: for an old server try `ssh: {{ legacy: yes }}`; it offers {offered}"
        );
        assert!(why.contains(&wanted), "{why}");
        login(&mut spec).legacy = true;
        let mut console = open(spec);
        up(&mut console).await;
        hear(&mut console, "in").await;
    }
}

/// Servers older than RFC 8332 take RSA keys of users with SHA-1 only.
#[tokio::test]
#[ignore = "needs openssh-server"]
async fn an_old_server_takes_an_rsa_key_with_sha1() {
    let server = Sshd::start(&["PubkeyAcceptedAlgorithms ssh-rsa"]).await;
    keygen(server.dir.path(), "mine", "rsa");
    fs::copy(server.path("mine.pub"), server.path("authorized")).unwrap();
    let mut spec = server.console("echo in; exec cat");
    login(&mut spec).key = Some(server.shown("mine"));
    let why = refused(spec.clone()).await;
    assert!(why.contains("tried: key "), "{why}");
    login(&mut spec).legacy = true;
    let mut console = open(spec);
    up(&mut console).await;
    hear(&mut console, "in").await;
}
