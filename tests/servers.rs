//! Servers that sites put before their consoles, each as it comes from Debian: telnetd, conserver's
//! own port, a unix socket of socat's. `cargo test --test servers -- --ignored` runs it where they are.

use std::fs;
use std::os::fd::OwnedFd;
use std::time::Duration;

use console_support::{Server, Talk, free_port, node, within};
use tokio::net::TcpListener;
use tokio::process::Command;

mod console_support;

/// telnetd as inetd starts it, with the connection as its standard input and output. It hands BREAK
/// to the program behind it as the quit character of its terminal, and answers it with a Synch.
#[tokio::test]
#[ignore = "needs inetutils-telnetd"]
async fn telnetd_is_understood_and_understands_our_break() {
    let dir = tempfile::tempdir().unwrap();
    let script = dir.path().join("login");
    let text = "stty raw -echo\necho ready\nexec cat -v\n";
    fs::write(&script, text).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("telnet://{}", listener.local_addr().unwrap());
    let mut talk = Talk::open(&address);
    let (stream, _) = within(listener.accept()).await.unwrap();
    let stream = stream.into_std().unwrap();
    stream.set_nonblocking(false).unwrap();
    let stream = OwnedFd::from(stream);
    let mut telnetd = Command::new("/usr/sbin/telnetd");
    telnetd
        .arg("-E")
        .arg(format!("/bin/bash {}", script.display()))
        .stdin(stream.try_clone().unwrap())
        .stdout(stream)
        .kill_on_drop(true);
    let mut telnetd = telnetd.spawn().expect("telnetd is installed");
    talk.hear("ready").await;
    for round in 0..3 {
        talk.type_in(format!("boot disk {round}\r"));
        talk.hear(format!("boot disk {round}^M")).await;
        assert!(talk.send_break().await.sent);
        talk.type_in("\r");
        talk.hear(r"^\^M").await;
    }
    assert!(
        !talk.heard.contains(&0xf2),
        "the data mark of its Synch is no text"
    );
    drop(talk);
    within(telnetd.wait()).await.unwrap();
}

/// What conserver's client says to conserver, said over `tcp://`: the master's port names the port
/// of the group that has the console, and that one attaches; `^Ec;` lets it speak.
#[tokio::test]
#[ignore = "needs conserver-server"]
async fn conservers_own_port_attaches_and_breaks() {
    let sim = node().await;
    let dir = tempfile::tempdir().unwrap();
    let console = format!(
        "console ca1 {{ type host; host 127.0.0.1; port {}; protocol telnet; }}",
        sim.consoles()[0].port()
    );
    let lines = [
        "config * { sslrequired no; }",
        "default * { logfile /dev/null; rw *; master localhost; }",
        "access * { trusted 127.0.0.1; }",
        &console,
    ];
    fs::write(dir.path().join("conserver.cf"), lines.join("\n") + "\n").unwrap();
    fs::write(dir.path().join("passwd"), "").unwrap();
    let (port, group) = (free_port().await.to_string(), free_port().await.to_string());
    let mut conserver = Command::new("conserver");
    conserver
        .current_dir(dir.path())
        .args(["-C", "conserver.cf", "-P", "passwd", "-M", "127.0.0.1"])
        .args(["-p", &port, "-b", &group]);
    let _conserver = Server::start(&mut conserver);
    let mut master = Talk::open(&format!("tcp://127.0.0.1:{port}"));
    master.hear("ok\r\n").await;
    master.type_in("login root\r\n");
    master.hear("ok\r\n").await;
    master.type_in("call ca1\r\n");
    master.hear(&group).await;
    let address = format!("tcp://127.0.0.1:{group}");
    let mut talk = Talk::breaking(&address, r#"type "\x05cl0" await "[halt sent]" 5s"#);
    talk.hear("ok\r\n").await;
    talk.type_in("login root\r\n");
    talk.hear("ok\r\n").await;
    talk.type_in("call ca1\r\n");
    talk.hear("[attached]").await;
    talk.type_in("\x05c;");
    talk.hear("[connected]").await;
    talk.type_in("\r");
    talk.hear("ok ").await;
    talk.type_in("boot disk\r");
    talk.hear("login: ").await;
    assert!(talk.send_break().await.sent);
    talk.hear("ok ").await;
}

#[tokio::test]
#[ignore = "needs socat"]
async fn a_node_behind_a_unix_socket_is_booted_and_the_socket_may_come_and_go() {
    let sim = node().await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ca1.sock");
    let mut talk = Talk::open(&format!("unix:{}", path.display()));
    assert_eq!(
        talk.down().await,
        format!("no socket at {}", path.display())
    );
    for command in ["boot disk\r", "root\r"] {
        let mut socat = Command::new("socat");
        socat
            .arg(format!("unix-listen:{},unlink-early", path.display()))
            .arg(format!("tcp:{}", sim.consoles()[0]));
        let socat = Server::start(&mut socat);
        talk.up().await;
        talk.type_in("\r");
        let prompt = if command == "root\r" {
            "login: "
        } else {
            "ok "
        };
        talk.hear(prompt).await;
        talk.type_in(command);
        if prompt == "ok " {
            talk.hear("login: ").await;
        }
        assert!(!talk.send_break().await.sent, "a socket has none");
        drop(socat);
        talk.down().await;
    }
}

/// A console that nobody serves costs little: the attempts are not more than the waits allow.
#[tokio::test]
async fn an_absent_server_is_told_once() {
    let port = free_port().await;
    let mut talk = Talk::open(&format!("tcp://127.0.0.1:{port}"));
    let why = talk.down().await;
    assert_eq!(why, format!("connection refused by 127.0.0.1:{port}"));
    let again = tokio::time::timeout(Duration::from_millis(500), talk.down()).await;
    assert!(again.is_err(), "{:?}", talk.lost);
}
