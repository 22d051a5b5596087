//! Simulated machines whose consoles are reached through an SSH server: the whole of a takeover.

use std::fmt::Write as _;
use std::fs;

use tokio::runtime::Builder;

use crate::daemon_support::{Home, Pair, stdout, until};
use crate::sshd::Sshd;

/// A home that reaches each machine's telnet port by a command on the server. The bytes of
/// telnet's BREAK go through like any others.
fn home_behind(server: &Sshd, pair: &Pair) -> Home {
    let home = Home::of(pair);
    for file in ["user", "known_hosts"] {
        fs::copy(server.path(file), home.path(file)).unwrap();
    }
    let file = home.path("clist/pair.yaml");
    let mut text = fs::read_to_string(&file).unwrap();
    for console in pair.sim.consoles() {
        let mut behind = String::new();
        write!(
            behind,
            "{{ at: {}, break: 'type \"\\xff\\xf3\"', ssh: {{ key: user, pty: no, command: \"socat - TCP:{console}\" }} }}",
            serde_json::to_string(&server.address("root").to_string()).unwrap()
        )
        .unwrap();
        let direct = format!("\"telnet://{console}\"");
        assert!(text.contains(&direct));
        text = text.replace(&direct, &behind);
    }
    fs::write(file, text).unwrap();
    home
}

#[test]
#[ignore = "needs openssh-server and socat"]
fn a_panic_behind_ssh_ends_on_the_other_node() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let server = runtime.block_on(Sshd::start(&["MaxStartups 100"]));
    let pair = Pair::running();
    let home = home_behind(&server, &pair);
    let check = home.clusterd(&["check"]);
    assert!(check.status.success(), "{}", stdout(&check));
    let mut daemon = home.run();
    daemon.line("primary is alpha, secondary is beta");
    daemon.line("state watch");
    pair.sim.panic(0);
    daemon.line("alpha: proved stopped (firmware reset)");
    daemon.line("given to beta, unconfirmed");
    daemon.line("beta is up");
    daemon.line("state watch");
    assert_eq!(pair.boots(), ["alpha", "beta"]);
    pair.never_two_writers();
    let said = || home.read("logs/pair/alpha.console");
    until("the BREAK", || said().contains("BREAK sent").then_some(()));
    // A line of the private key's middle.
    let key = home.read("user");
    let secret = key.lines().nth(2).unwrap();
    home.tells_nobody(&[secret], &["user"]);
    assert!(daemon.stop().success());
}

/// What the files of a console behind SSH lack is told before anything is guarded.
#[test]
#[ignore = "needs openssh-server"]
fn check_tells_of_keys_that_do_not_do() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let server = runtime.block_on(Sshd::start(&[]));
    let pair = Pair::at_prompt();
    let home = home_behind(&server, &pair);
    fs::remove_file(home.path("known_hosts")).unwrap();
    let said = |home: &Home| stdout(&home.clusterd(&["check"]));
    let text = said(&home);
    assert!(text.contains("ssh-keyscan -p "), "{text}");
    assert!(home.clusterd(&["check"]).status.success(), "{text}");
    let mode = |mode| {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(home.path("user"), fs::Permissions::from_mode(mode)).unwrap();
    };
    mode(0o644);
    let text = said(&home);
    assert!(
        text.contains("others may read or change it (mode 644)"),
        "{text}"
    );
    assert!(text.contains("chmod 600 "), "{text}");
    mode(0o600);
    fs::write(home.path("user"), "no key").unwrap();
    let text = said(&home);
    assert!(text.contains("it is no private key"), "{text}");
    fs::remove_file(home.path("user")).unwrap();
    let text = said(&home);
    assert!(text.contains("there is no such file"), "{text}");
    assert!(!home.clusterd(&["check"]).status.success());
}
