//! A node that was taken over prints what it likes on its console. What of it gets into alarms stays
//! text, on every road: it moves no terminal, ends no header, line or string, and starts nothing.

use std::fs;
use std::io::Read;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Output;

use crate::daemon_support::{Home, LIMIT, Pair, stderr, stdout, until};
use crate::servers::{Post, Server, Web, mail, web};

/// A line that a script keeps words of: a terminal's title, its clearing, a colour by an 8-bit CSI, text
/// from right to left, the end of a header, of a JSON string, of structured data, a shell's orders, formats.
const LINE: &str = "SHOUT \x1b]0;PWNED\x07\x1b[2J\u{9b}31m\u{202e}\"},{\"kind\":\"evil\"}] [x@1 a=\"b\" \
                    $(touch PWNED) `touch PWNED`; touch PWNED %s%n ${IFS} \x08\x7f {kind} \rBcc: evil@example.com";

/// The shipped script, which here raises an alarm with words that the primary printed.
fn script() -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("chat-scripts/sun-openboot.chat");
    let text = fs::read_to_string(file).unwrap();
    let before = "    on operator switchover                        -> hand_over\n";
    assert!(text.contains(before));
    let heard = "    on primary prints shout -> shouted\n";
    let more = r#"
pattern shout = /^SHOUT (?<words>.{1,300})/
    like "SHOUT hello" unlike "hello"

state shouted "somebody shouts"
    call listen(primary) else -> watch
    -> watch

procedure listen(node) "what is shouted"
    ask node within 20s {
        shout keep words -> { alarm critical shouted "{node}: {words}" }
    }
"#;
    text.replacen(before, &format!("{heard}{before}"), 1) + more
}

/// What a terminal would obey, and what no log has within a line.
fn moves_a_terminal(c: char) -> bool {
    (c.is_control() && c != '\n' && c != '\t')
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn is_plain(what: &str, text: &str) {
    let bad = text.find(moves_a_terminal);
    if let Some(at) = bad {
        let begin = text[..at]
            .char_indices()
            .rev()
            .nth(60)
            .map_or(0, |(at, _)| at);
        panic!(
            "{what} has {:?}",
            &text[begin..].chars().take(120).collect::<String>()
        );
    }
}

fn said(output: &Output) -> String {
    stdout(output) + &stderr(output)
}

/// Every file below.
fn files(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files(&path, found),
            false => found.push(path),
        }
    }
}

/// The roads, each with something real at its end.
struct Roads {
    hook: Server,
    shaped: Server,
    post: Server,
    log: UnixDatagram,
    journal: UnixDatagram,
    udp: UdpSocket,
    tcp: TcpListener,
    home: Home,
}

impl Roads {
    fn of(pair: &Pair) -> Roads {
        let home = Home::of(pair);
        fs::write(home.path("chat-scripts/sun-openboot.chat"), script()).unwrap();
        let checked = home.clusterd(&["check"]);
        assert!(checked.status.success(), "{}", said(&checked));
        let bind = |name: &str| {
            let socket = UnixDatagram::bind(home.path(name)).unwrap();
            socket.set_read_timeout(Some(LIMIT)).unwrap();
            socket
        };
        let (log, journal) = (bind("log"), bind("journal"));
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        udp.set_read_timeout(Some(LIMIT)).unwrap();
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let (hook, shaped) = (web(|_| Web::Status(200)), web(|_| Web::Status(200)));
        let post = mail(Post::Takes);
        let settings = format!(
            "routes:\n  \
               hook: {{ webhook: {{ url: \"http://{}/\" }} }}\n  \
               shaped: {{ webhook: {{ url: \"http://{}/\", template: '{{\"text\": \"{{subject}}\", \"kind\": \"mine\"}}' }} }}\n  \
               mail: {{ mail: {{ server: 127.0.0.1, port: {}, from: clusterd@example.com, to: ops@example.com }} }}\n  \
               local: {{ syslog: {{ to: {}/log }} }}\n  \
               udp: {{ syslog: {{ to: \"udp:{}\" }} }}\n  \
               tcp: {{ syslog: {{ to: \"tcp:{}\" }} }}\n  \
               journal: {{ journald: {{ socket: {}/journal }} }}\n  \
               pager: {{ exec: [bin/page] }}\n",
            hook.at,
            shaped.at,
            post.at.port(),
            home.dir.path().display(),
            udp.local_addr().unwrap(),
            tcp.local_addr().unwrap(),
            home.dir.path().display(),
        );
        fs::write(home.path("clusterd.yaml"), settings).unwrap();
        fs::create_dir(home.path("bin")).unwrap();
        // As people write them: the subject in quotes, and the message from standard input.
        let page = format!(
            "#!/bin/sh\ncd {}\nprintf '%s\\n' \"$CLUSTERD_SUBJECT\" >> paged\ncat >> paged.json\n",
            home.dir.path().display()
        );
        fs::write(home.path("bin/page"), page).unwrap();
        fs::set_permissions(home.path("bin/page"), fs::Permissions::from_mode(0o755)).unwrap();
        Roads {
            hook,
            shaped,
            post,
            log,
            journal,
            udp,
            tcp,
            home,
        }
    }

    /// Each message about it, as it came out at the other end.
    fn ends(&self) -> Vec<(&'static str, String)> {
        let about = "shouted";
        let datagram = |receive: &dyn Fn(&mut [u8]) -> std::io::Result<usize>| {
            let mut buffer = [0; 8192];
            loop {
                let size = receive(&mut buffer).unwrap();
                let text = String::from_utf8_lossy(&buffer[..size]).into_owned();
                if text.contains(about) {
                    return text;
                }
            }
        };
        let stream = || {
            loop {
                let mut text = String::new();
                let (mut one, _) = self.tcp.accept().unwrap();
                one.read_to_string(&mut text).unwrap();
                if text.contains(about) {
                    return text;
                }
            }
        };
        let paged = || {
            let text = self.home.read("paged");
            text.contains(about).then_some(text)
        };
        let body = |server: &Server| {
            let fits = |heard: &crate::servers::Heard| heard.body.contains(about);
            let heard = || server.heard().into_iter().find(|heard| fits(heard));
            let heard = crate::daemon_support::found(heard);
            let all = || {
                format!(
                    "{:?}\n{}",
                    server.heard(),
                    self.home.read("logs/alarms.log")
                )
            };
            heard.unwrap_or_else(|| panic!("{}", all())).body
        };
        vec![
            ("hook", body(&self.hook)),
            ("shaped", body(&self.shaped)),
            ("mail", body(&self.post).replace("\r\n", "\n")),
            ("log", datagram(&|buffer| self.log.recv(buffer))),
            ("udp", datagram(&|buffer| self.udp.recv(buffer))),
            ("tcp", stream()),
            ("journal", datagram(&|buffer| self.journal.recv(buffer))),
            ("pager", until("a page", paged)),
        ]
    }
}

#[test]
fn what_a_node_prints_stays_text_on_every_road() {
    let pair = Pair::running();
    let roads = Roads::of(&pair);
    let home = &roads.home;
    let mut daemon = home.run();
    daemon.line("state watch");
    until("the alarm", || {
        pair.sim
            .order(|rig, now| rig.node_at(0, now).print(LINE, true));
        home.alarms().contains(&"shouted".to_owned()).then_some(())
    });
    let ends = roads.ends();
    for (road, text) in &ends {
        is_plain(road, text);
        assert!(
            text.contains("touch PWNED"),
            "{road} tells the line: {text}"
        );
    }
    let of = |road: &str| &ends.iter().find(|(name, _)| *name == road).unwrap().1;

    let message: serde_json::Value = serde_json::from_str(of("hook")).unwrap();
    assert_eq!(message["kind"], "raised");
    let shaped: serde_json::Value = serde_json::from_str(of("shaped")).unwrap();
    assert_eq!(shaped["kind"], "mine");
    assert_eq!(shaped.as_object().unwrap().len(), 2, "{shaped}");
    let (head, _) = of("mail").split_once("\n\n").unwrap();
    assert!(!head.contains("\nBcc"), "{head}");
    let envelope = roads.post.heard();
    assert!(envelope.iter().all(|heard| !heard.head.contains("evil")));
    for road in ["log", "udp", "pager"] {
        let lines = of(road).lines().filter(|line| line.contains("PWNED"));
        assert!(lines.count() <= 1, "{road}: {}", of(road));
    }
    let tcp = of("tcp");
    let (length, rest) = tcp.split_once(' ').unwrap();
    assert_eq!(length.parse(), Ok(rest.len()));

    for args in [
        &["status"][..],
        &["status", "pair"],
        &["alarms"],
        &["events"],
        &["history", "pair"],
        &["transcript", "--times", "logs/pair/alpha.console"],
    ] {
        let args: Vec<String> = args
            .iter()
            .map(|arg| match arg.starts_with("logs/") {
                true => home.path(arg).display().to_string(),
                false => (*arg).to_owned(),
            })
            .collect();
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        is_plain(&args.join(" "), &said(&home.clusterd(&args)));
    }
    daemon.stop();
    let mut found = Vec::new();
    files(&home.path("logs"), &mut found);
    assert!(found.len() > 3, "{found:?}");
    for log in found {
        is_plain(
            &log.display().to_string(),
            &fs::read_to_string(&log).unwrap(),
        );
    }
    let mut found = Vec::new();
    files(home.dir.path(), &mut found);
    assert!(
        !found.iter().any(|path| path.ends_with("PWNED")),
        "{found:?}"
    );
}
