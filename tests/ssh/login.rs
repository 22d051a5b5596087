//! Who gets in, and what runs there.

use std::fs;
use std::process::Command;

use crate::sshd::{Sshd, down, hear, keygen, login, open, refused, secret, type_line, up};

#[tokio::test]
#[ignore = "needs openssh-server"]
async fn a_key_opens_a_shell_on_a_terminal() {
    let server = Sshd::start(&[]).await;
    let mut spec = server.console("");
    login(&mut spec).command = None;
    let mut console = open(spec);
    let epoch = up(&mut console).await;
    type_line(
        &console,
        epoch,
        "test -t 0 && echo $((40+2)) on $TERM; exit 3",
    );
    hear(&mut console, "42 on vt100").await;
    let why = down(&mut console).await;
    assert!(
        why.ends_with("the shell there ended with exit status 3"),
        "{why}"
    );
}

#[tokio::test]
#[ignore = "needs openssh-server"]
async fn a_command_runs_with_a_terminal_and_without_one() {
    let server = Sshd::start(&[]).await;
    let mut spec = server.console("tty; stty -a");
    let mut console = open(spec.clone());
    up(&mut console).await;
    let said = hear(&mut console, "columns 80").await;
    assert!(
        said.contains("/dev/pts/") && said.contains("rows 24"),
        "{said}"
    );
    login(&mut spec).pty = false;
    login(&mut spec).command = Some("tty >&2; exec cat".to_owned());
    let mut console = open(spec);
    let epoch = up(&mut console).await;
    hear(&mut console, "not a tty\n").await;
    // All bytes go through, both ways, and come back as they went.
    let bytes: Vec<u8> = (0..=255).collect();
    let order = clusterd::console::Order::Type {
        epoch,
        bytes: bytes.clone(),
    };
    console.order(order);
    let mut back = Vec::new();
    while back.len() < bytes.len() {
        match crate::sshd::within(console.next()).await {
            clusterd::console::Said::Bytes { bytes, .. } => back.extend(bytes),
            said => panic!("{said:?}"),
        }
    }
    assert_eq!(back, bytes);
}

#[tokio::test]
#[ignore = "needs openssh-server"]
async fn keys_of_every_kind_log_in() {
    for kind in ["rsa", "ecdsa", "ed25519"] {
        let server = Sshd::start(&[]).await;
        keygen(server.dir.path(), "mine", kind);
        fs::copy(server.path("mine.pub"), server.path("authorized")).unwrap();
        let mut spec = server.console("echo in; exec cat");
        login(&mut spec).key = Some(server.shown("mine"));
        let mut console = open(spec);
        up(&mut console).await;
        hear(&mut console, "in").await;
    }
}

#[tokio::test]
#[ignore = "needs openssh-server"]
async fn a_key_that_does_not_do_is_told_with_what_the_server_takes() {
    let server = Sshd::start(&["PasswordAuthentication yes"]).await;
    keygen(server.dir.path(), "stranger", "ed25519");
    let with = |key: &str| {
        let mut spec = server.console("true");
        login(&mut spec).key = Some(server.shown(key));
        spec
    };
    let why = refused(with("stranger")).await;
    let wanted = format!(
        "login refused by 127.0.0.1:{} for root: tried: key {}; the server takes publickey, password",
        server.port,
        server.shown("stranger")
    );
    assert_eq!(why, wanted);

    let why = refused(with("nowhere")).await;
    assert!(why.contains("(there is no such file; "), "{why}");

    let mode = |octal: &str| {
        let mut command = Command::new("chmod");
        command.arg(octal).arg(server.path("stranger"));
        assert!(command.status().unwrap().success());
    };
    mode("640");
    let why = refused(with("stranger")).await;
    assert!(
        why.contains("others may read or change it (mode 640); chmod 600 "),
        "{why}"
    );
    mode("600");

    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-p", "-P", "", "-N", "sesame", "-f"]);
    assert!(
        command
            .arg(server.path("stranger"))
            .status()
            .unwrap()
            .success()
    );
    let why = refused(with("stranger")).await;
    assert!(
        why.contains("it has a passphrase, which nobody types here"),
        "{why}"
    );

    secret(&server.path("junk"), "no key\n");
    let why = refused(with("junk")).await;
    assert!(why.contains("it is no private key"), "{why}");

    let mut spec = server.console("true");
    login(&mut spec).key = None;
    let why = refused(spec).await;
    assert!(
        why.contains("nothing is said of how to log in; the server takes publickey"),
        "{why}"
    );
}

/// A user of this machine for as long as the test runs, whose password is `sesame`.
struct User(String);

impl User {
    fn new() -> User {
        let name = format!("cd-ssh-{}", std::process::id());
        // `openssl passwd -6 -salt clusterd sesame`
        let hash = "$6$clusterd$rIlb5NVnINftnqZg0M6BpKToP6MwQgwDHRePE1S3U7sNay7sKQmbonExsxYUU3BqsrAFGYyHsUKrfW44SkEvy1";
        let mut command = Command::new("useradd");
        command.args(["-M", "-N", "-d", "/", "-s", "/bin/sh", "-p", hash, &name]);
        assert!(command.status().unwrap().success());
        User(name)
    }
}

impl Drop for User {
    fn drop(&mut self) {
        let _ = Command::new("userdel").args(["-f", &self.0]).status();
    }
}

#[tokio::test]
#[ignore = "needs openssh-server"]
async fn a_password_logs_in_by_both_of_its_ways() {
    let user = User::new();
    for settings in [
        &["PasswordAuthentication yes"][..],
        &["UsePAM yes", "KbdInteractiveAuthentication yes"],
    ] {
        let server = Sshd::start(settings).await;
        let mut spec = server.console("id -un; exec cat");
        spec.at = server.address(&user.0);
        login(&mut spec).key = None;
        login(&mut spec).password_file = Some(server.shown("pw"));
        secret(&server.path("pw"), "sesame\n");
        let mut console = open(spec.clone());
        up(&mut console).await;
        hear(&mut console, &user.0).await;
        drop(console);

        secret(&server.path("pw"), "open-wrong\n");
        let why = refused(spec.clone()).await;
        let tried = format!("tried: password of {}", server.shown("pw"));
        assert!(why.contains(&tried), "{why}");
        assert!(!why.contains("open-wrong"), "{why}");

        fs::write(server.path("pw2"), "sesame").unwrap();
        login(&mut spec).password_file = Some(server.shown("pw2"));
        let why = refused(spec).await;
        assert!(
            why.contains("others may read or change it (mode 644); chmod 600 "),
            "{why}"
        );
    }
}

#[tokio::test]
#[ignore = "needs openssh-server"]
async fn a_server_that_wants_a_key_and_a_password_gets_both() {
    let user = User::new();
    let server = Sshd::start(&[
        "PasswordAuthentication yes",
        "AuthenticationMethods publickey,password",
    ])
    .await;
    let mut spec = server.console("echo in; exec cat");
    spec.at = server.address(&user.0);
    login(&mut spec).password_file = Some(server.shown("pw"));
    secret(&server.path("pw"), "sesame\n");
    let mut console = open(spec);
    up(&mut console).await;
    hear(&mut console, "in").await;
}

#[tokio::test]
#[ignore = "needs openssh-server"]
async fn what_the_server_refuses_is_told() {
    let server = Sshd::start(&["PermitTTY no"]).await;
    let why = refused(server.console("true")).await;
    assert!(
        why.contains("refuses a terminal: write `ssh: { pty: no }`"),
        "{why}"
    );
    let server = Sshd::start(&["MaxSessions 0"]).await;
    let why = refused(server.console("true")).await;
    assert!(why.contains("refuses to open a session"), "{why}");
}
