//! Commands on a terminal of their own as consoles: small ones first, then the real programs that
//! sites reach consoles with. `cargo test --test exec -- --ignored` runs those where they are.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use clusterd::console::{Dialing, LinkSettings};
use console_support::{Server, Talk, free_port, node, quick, within};
use tokio::net::UdpSocket;
use tokio::process::Command;

mod console_support;

/// `exec:` of a shell script.
fn script(text: &str) -> String {
    assert!(!text.contains('\''));
    format!("exec:/bin/sh -c '{text}'")
}

/// Waits until what `look` asks for is so.
async fn until(mut look: impl FnMut() -> bool) {
    within(async {
        while !look() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

fn lives(pid: &str) -> bool {
    Path::new("/proc").join(pid).exists()
}

#[tokio::test]
async fn all_bytes_go_through_a_command_and_nothing_is_repeated_but_by_it() {
    let mut talk = Talk::open("exec:cat");
    talk.up().await;
    let all: Vec<u8> = (0..=255)
        .chain(*b"\r\n\r\r\0\x03\x04\x11\x13\x1cok \xff")
        .collect();
    talk.type_in(&all);
    assert_eq!(talk.bytes(all.len()).await, all);
    talk.type_in("the end");
    talk.hear("the end").await;
    assert_eq!(talk.heard.len(), all.len() + 7, "no echo beside cat's own");
}

#[tokio::test]
async fn a_command_finds_a_terminal_and_a_small_environment() {
    let mut talk = Talk::open(&script("tty; stty size; stty -a; env; echo end; cat"));
    talk.up().await;
    talk.hear("/dev/pts/").await;
    talk.hear("24 80").await;
    talk.hear("-echo ").await;
    talk.hear("end\n").await;
    let said = String::from_utf8_lossy(&talk.heard).into_owned();
    let mut names: Vec<&str> = said
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, _)| name)
        .filter(|name| name.chars().all(|c| c.is_ascii_uppercase()))
        .collect();
    // PWD is the shell's own.
    names.retain(|name| !["PWD", "OLDPWD", "SHLVL"].contains(name));
    names.sort_unstable();
    assert_eq!(names, ["HOME", "LANG", "PATH", "TERM"], "{said}");
    assert!(
        said.contains("\nLANG=C\n") && said.contains("\nTERM=dumb\n"),
        "{said}"
    );
}

#[tokio::test]
async fn the_end_of_a_command_is_told_with_its_last_words() {
    let mut talk = Talk::open(&script(
        "echo Connecting; echo \"no \\\"route\\\"\" >&2; exit 3",
    ));
    let why = talk.down().await;
    assert_eq!(
        why,
        "sh ended with exit code 3; last it said \"no \\\"route\\\"\""
    );
    assert_eq!(talk.heard, b"Connecting\nno \"route\"\n");
    let mut silent = Talk::open("exec:false");
    assert_eq!(
        silent.down().await,
        "false ended with exit code 1; it said nothing"
    );
    let mut killed = Talk::open(&script("kill -9 $$"));
    assert_eq!(
        killed.down().await,
        "sh was killed by signal 9; it said nothing"
    );
    let mut mute = Talk::open(&script("exec <&- >&- 2>&-; sleep 1000"));
    assert_eq!(mute.down().await, "sh closed its terminal; it said nothing");
}

#[tokio::test]
async fn a_command_that_cannot_start_is_told_in_words() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("ipmitool");
    let shown = missing.display();
    let mut talk = Talk::open(&format!("exec:{shown} sol activate"));
    assert_eq!(
        talk.down().await,
        format!("cannot start {shown}: there is no such program")
    );
    fs::write(&missing, "#!/bin/sh\necho here\ncat\n").unwrap();
    let why = talk.down().await;
    assert_eq!(
        why,
        format!("cannot start {shown}: this user may not execute it")
    );
    fs::set_permissions(&missing, fs::Permissions::from_mode(0o755)).unwrap();
    talk.up().await;
    talk.hear("here").await;
}

#[tokio::test]
async fn a_command_that_ends_is_started_again() {
    let mut talk = Talk::open(&script("echo ready; read line; exit 0"));
    for round in 1..=3 {
        assert_eq!(talk.up().await, round);
        talk.hear("ready").await;
        talk.type_in("\n");
        let why = talk.down().await;
        assert_eq!(why, "sh ended with exit code 0; last it said \"ready\"");
    }
}

/// A hundred OpenSSH clients at one server at once would be thrown out by it.
#[tokio::test]
async fn commands_are_started_a_few_at_a_time_until_they_say_something() {
    let dir = tempfile::tempdir().unwrap();
    let here = dir.path().display();
    let started = || {
        let lines = fs::read_to_string(dir.path().join("started")).unwrap_or_default();
        lines.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let open = |name: &str, settings: LinkSettings| {
        let text = format!(
            "echo {name} >> {here}/started; until test -e {here}/{name}; do sleep 0.01; done; echo hello; exec cat"
        );
        Talk::with(&script(&text), None, settings)
    };
    let settings = |log_in| LinkSettings {
        dialing: Dialing::new(2, 100),
        log_in,
        ..quick()
    };
    let patient = settings(Duration::from_secs(3600));
    let consoles: Vec<Talk> = (0..5)
        .map(|n| open(&n.to_string(), patient.clone()))
        .collect();
    for n in 2..=5 {
        until(|| started().len() >= n).await;
        // Nobody else comes while they say nothing.
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(started().len(), n);
        fs::write(dir.path().join(&started()[n - 2]), "").unwrap();
    }
    drop(consoles);
    // Those that never say anything keep nobody out for ever.
    let hasty = settings(Duration::from_millis(50));
    let _consoles: Vec<Talk> = ["a", "b", "c", "d", "e"]
        .map(|name| open(name, hasty.clone()))
        .into();
    until(|| started().len() == 10).await;
}

#[tokio::test]
async fn a_console_that_is_dropped_takes_the_whole_group_with_it_and_leaves_no_zombie() {
    let mut talk = Talk::open(&script(
        "trap \"\" HUP TERM INT; (trap \"\" HUP; sleep 1000; true) & echo pids $$ $! end; cat; cat",
    ));
    talk.up().await;
    talk.hear(" end").await;
    let said = String::from_utf8_lossy(&talk.heard).into_owned();
    let pids: Vec<&str> = said.split_whitespace().skip(1).take(2).collect();
    assert!(pids.iter().all(|pid| lives(pid)), "{said}");
    drop(talk);
    until(|| !lives(pids[0])).await;
    // What a group leaves behind is buried by whoever inherits it: a zombie runs no more.
    until(|| {
        let status = fs::read_to_string(format!("/proc/{}/stat", pids[1])).unwrap_or_default();
        status.is_empty() || status.contains(") Z ")
    })
    .await;
}

#[tokio::test]
async fn a_command_that_reads_nothing_is_told_and_holds_up_nothing() {
    let settings = LinkSettings {
        write_timeout: Duration::from_millis(300),
        order_bytes: 1 << 20,
        ..quick()
    };
    let mut talk = Talk::with(&script("echo deaf; exec sleep 1000"), None, settings);
    talk.up().await;
    talk.hear("deaf").await;
    for _ in 0..100 {
        talk.type_in([b'x'; 8192]);
    }
    assert_eq!(talk.down().await, "sh takes no bytes, for 300 ms now");
    talk.up().await;
    talk.hear("deaf").await;
}

#[tokio::test]
async fn a_break_is_what_the_command_makes_of_an_escape() {
    let mut talk = Talk::breaking("exec:cat", r#"type "\r~B" await "~B" 5s type "now""#);
    talk.up().await;
    let broke = talk.send_break().await;
    assert!(broke.sent, "{broke:?}");
    assert_eq!(broke.acknowledged, None);
    talk.hear("\r~Bnow").await;
    let mut none = Talk::open("exec:cat");
    none.up().await;
    assert!(!none.send_break().await.sent);
}

/// A server whose output goes to `log`.
fn beside(program: &str, arguments: &[&str], log: &Path) -> Server {
    let log = fs::File::create(log).unwrap();
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdout(log.try_clone().unwrap())
        .stderr(log);
    Server::start(&mut command)
}

/// Boots the node, and has it back at its prompt by a BREAK; then once more, by the next BREAK.
async fn boots_and_breaks(talk: &mut Talk) {
    talk.type_in("\r");
    talk.hear("ok ").await;
    talk.type_in("boot disk\r");
    for _ in 0..2 {
        talk.hear("login: ").await;
        let broke = talk.send_break().await;
        assert!(broke.sent, "{broke:?}");
        talk.hear("ok ").await;
        talk.type_in("go\r\r");
    }
}

/// conserver holds the node's terminal server; its client is our console.
#[tokio::test]
#[ignore = "needs conserver-server and conserver-client"]
async fn a_node_behind_conserver_is_booted_and_broken_through_its_client() {
    let sim = node().await;
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str| dir.path().join(name);
    let console = format!(
        "console ca1 {{ type host; host 127.0.0.1; port {}; protocol telnet; }}",
        sim.consoles()[0].port()
    );
    let lines = [
        "default * { logfile /dev/null; rw *; master localhost; }",
        "access * { trusted 127.0.0.1; }",
        &console,
    ];
    fs::write(file("conserver.cf"), lines.join("\n") + "\n").unwrap();
    fs::write(file("passwd"), "").unwrap();
    let (port, group) = (free_port().await.to_string(), free_port().await.to_string());
    let (cf, passwd) = (file("conserver.cf"), file("passwd"));
    let arguments = [
        "-C",
        cf.to_str().unwrap(),
        "-P",
        passwd.to_str().unwrap(),
        "-M",
        "127.0.0.1",
        "-p",
        &port,
        "-b",
        &group,
    ];
    let _server = beside("conserver", &arguments, &file("log"));
    let address = format!("exec:console -M 127.0.0.1 -p {port} -f ca1");
    let mut talk = Talk::breaking(&address, r#"type "\x05cl0" await "[halt sent]" 5s"#);
    talk.hear("[Enter `^Ec?' for help]").await;
    boots_and_breaks(&mut talk).await;
    talk.type_in("\x05c.");
    let why = talk.down().await;
    assert!(
        why.starts_with("console ended with exit code 0; last it said "),
        "{why}"
    );
    assert!(why.ends_with("[disconnect]\""), "{why}");
}

/// The serial line behind a service processor, over IPMI.
#[tokio::test]
#[ignore = "needs ipmitool and openipmi"]
async fn a_node_behind_a_bmc_is_booted_and_broken_over_sol() {
    let sim = node().await;
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str| dir.path().join(name);
    let free = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let lan = format!(
        "name \"bmc\"\nset_working_mc 0x20\n  startlan 1\n    addr 127.0.0.1 {port}\n    \
         priv_limit admin\n    allowed_auths_admin none md2 md5 straight\n    \
         guid a123456789abcdefa123456789abcdef\n  endlan\n  \
         sol \"telnet:{}\" 115200\n  user 2 true \"admin\" \"secret\" admin 10 none md2 md5 straight\n",
        sim.consoles()[0]
    );
    let commands = "mc_setbmc 0x20\n\
                    mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr\n\
                    mc_enable 0x20\n";
    fs::write(file("lan.conf"), lan).unwrap();
    fs::write(file("commands"), commands).unwrap();
    fs::write(file("password"), "secret\n").unwrap();
    fs::create_dir(file("state")).unwrap();
    let [lan, commands, state, password] =
        ["lan.conf", "commands", "state", "password"].map(|name| file(name).display().to_string());
    let arguments = ["-n", "-c", &lan, "-f", &commands, "-s", &state];
    let _bmc = beside("ipmi_sim", &arguments, &file("log"));
    let address = format!(
        "exec:ipmitool -I lanplus -H 127.0.0.1 -p {port} -U admin -f {password} -C 3 sol activate"
    );
    let kind = r#"type "\x15\r~B" await "[send break]" 5s"#;
    let mut talk = Talk::breaking(&address, kind);
    talk.hear("[SOL Session operational.").await;
    boots_and_breaks(&mut talk).await;

    // Who comes second is told so, by ipmitool, and that is the link's reason.
    let mut second = Talk::breaking(&address, kind);
    let why = second.down().await;
    assert!(
        why.starts_with("ipmitool ended with exit code 1; last it said "),
        "{why}"
    );
}

/// OpenSSH as the way to a terminal server: its `~B` is the BREAK of RFC 4335.
#[tokio::test]
#[ignore = "needs openssh-server and openssh-client"]
async fn openssh_makes_a_break_of_its_escape() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str| dir.path().join(name).display().to_string();
    for key in ["host", "user"] {
        let made = Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-f", &file(key)])
            .status();
        assert!(within(made).await.unwrap().success());
    }
    let port = free_port().await.to_string();
    let lines = [
        format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {}",
            file("host")
        ),
        format!("AuthorizedKeysFile {}\nStrictModes no", file("user.pub")),
        "PidFile none\nUsePAM no\nPasswordAuthentication no\nLogLevel DEBUG1".to_owned(),
        // What this user's shell does at a login is none of the test's business.
        format!("SetEnv HOME={}\n", dir.path().display()),
    ];
    fs::write(file("sshd_config"), lines.join("\n")).unwrap();
    // Where no service has ever run the folder that sshd wants is missing.
    let _ = fs::create_dir("/run/sshd");
    let log = dir.path().join("log");
    let _server = beside(
        "/usr/sbin/sshd",
        &["-D", "-e", "-f", &file("sshd_config")],
        &log,
    );
    let user = nix::unistd::User::from_uid(nix::unistd::geteuid())
        .unwrap()
        .unwrap();
    let address = format!(
        "exec:ssh -F none -tt -i {} -o UserKnownHostsFile={} -o StrictHostKeyChecking=accept-new \
         -p {port} {}@127.0.0.1 'stty raw -echo; echo here; exec cat'",
        file("user"),
        file("known_hosts"),
        user.name
    );
    let mut talk = Talk::breaking(&address, r#"type "\x15\r~B" await "~B" 5s"#);
    talk.hear("here").await;
    let breaks = || {
        fs::read_to_string(&log)
            .unwrap()
            .matches("session 0 req break")
            .count()
    };
    for count in 1..=3 {
        talk.type_in(format!("line {count}"));
        talk.hear(format!("line {count}")).await;
        assert!(talk.send_break().await.sent);
        until(|| breaks() == count).await;
    }
    talk.type_in("\r~.");
    let why = talk.down().await;
    assert!(
        why.starts_with("ssh ended with exit code 255; last it said \"Connection to"),
        "{why}"
    );
}
