//! Each way out, with servers that are well, dead, slow or lie.

use std::fs;
use std::io::Read;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::daemon_support::secrets::Lookout;
use crate::daemon_support::{LIMIT, stderr, stdout, until};
use crate::servers::{Post, Web, free_port, mail, web};
use crate::{home, open, route};

/// Quick enough for a test.
const QUICK: &str =
    "severity: notice, pause: 200ms, pause_max: 500ms, alarm_after: 500ms, timeout: 2s";

#[test]
fn a_webhook_gets_what_its_template_says_and_its_secret_stands_nowhere() {
    let server = web(|_| Web::Status(204));
    let home = home(&format!(
        "routes:\n  hook:\n    webhook:\n      url: \"http://{}/in?x=1\"\n      headers: {{ X-Team: ops }}\n      \
         secret_headers: {{ Authorization: token }}\n      \
         template: '{{\"text\": \"{{severity}} {{name}} {{code}}: {{text}}\", \"n\": 7}}'\n",
        server.at
    ));
    fs::write(home.path("token"), "Bearer s3cr3t-t0ken\n").unwrap();
    fs::set_permissions(home.path("token"), fs::Permissions::from_mode(0o600)).unwrap();
    let lookout = Lookout::keeps(&["s3cr3t-t0ken"]);
    let daemon = home.run();
    let heard = server.hears("the message", |heard| {
        heard.body.contains("nothing_guarded")
    });
    assert!(
        heard.head.starts_with("POST /in?x=1 HTTP/1.1\r\n"),
        "{}",
        heard.head
    );
    let head = heard.head.to_lowercase();
    for wanted in [
        "content-type: application/json",
        "x-team: ops",
        "authorization: bearer s3cr3t-t0ken",
        "user-agent: clusterd/",
    ] {
        assert!(head.contains(wanted), "{head}");
    }
    let dir = home.dir.path().display();
    let text = format!("critical @host nothing_guarded: no cluster of {dir} is guarded");
    assert_eq!(heard.json(), json!({ "text": text, "n": 7 }));
    let tested = home.clusterd(&["alarms", "test", "hook"]);
    assert!(tested.status.success(), "{}", stderr(&tested));
    assert!(stdout(&tested).contains("hook: the test message was taken in "));
    assert!(stdout(&tested).contains("HTTP 204"), "{}", stdout(&tested));
    until("the delivery in the list", || {
        let alarm = open(&home, "nothing_guarded")?;
        alarm["told"]["hook"]["delivered_ms"].as_u64()
    });
    let list = stdout(&home.clusterd(&["alarms"]));
    assert!(
        list.contains("webhook, warning and worse; 1 taken"),
        "{list}"
    );
    lookout.saw_none();
    home.tells_nobody(&["s3cr3t"], &["token"]);
    daemon.stop();
}

#[test]
fn a_secret_of_systemds_is_read_where_systemd_says() {
    let server = web(|_| Web::Status(204));
    let home = home("routes:\n  hook: { webhook: { url_file: credential:hook } }\n");
    let credentials = tempfile::tempdir().unwrap();
    let path = credentials.path().join("hook");
    fs::write(&path, format!("http://{}/s3cr3t\n", server.at)).unwrap();
    // As an access list of systemd's shows itself, where root runs the test.
    let mode = match nix::unistd::geteuid().is_root() {
        true => 0o440,
        false => 0o400,
    };
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    let daemon = home.run_with(&[(
        "CREDENTIALS_DIRECTORY",
        credentials.path().to_str().unwrap(),
    )]);
    server.hears("the message", |heard| heard.head.contains("POST /s3cr3t "));
    home.tells_nobody(&["s3cr3t"], &[]);
    daemon.stop();
    let checked = home.clusterd(&["check"]);
    let said = stdout(&checked) + &stderr(&checked);
    assert!(said.contains("LoadCredential=hook:"), "{said}");
}

#[test]
fn a_web_server_that_lies_is_asked_again_and_the_other_route_is_told() {
    for lie in [
        Web::Status(500),
        Web::Status(302),
        Web::Status(404),
        Web::Garbage,
        Web::Closes,
        Web::Endless,
    ] {
        let bad = web(move |number| if number < 4 { lie } else { Web::Status(200) });
        let good = web(|_| Web::Status(200));
        let home = home(&format!(
            "routes:\n  bad: {{ webhook: {{ url: \"http://{}/\" }}, {QUICK}, calm: 100ms }}\n  \
             good: {{ webhook: {{ url: \"http://{}/\" }}, {QUICK}, calm: 100ms }}\n",
            bad.at, good.at
        ));
        let daemon = home.run();
        let failed = good.message("raised", "route_failed");
        assert_eq!(failed["name"], "@host/bad", "{lie:?}");
        assert_eq!(failed["severity"], "critical");
        let closed = good.message("closed", "route_failed");
        assert_eq!(closed["name"], "@host/bad");
        until("the delivery", || {
            (route(&home, "bad")["waiting"] == 0).then_some(())
        });
        assert!(route(&home, "bad")["failing_since_ms"].is_null());
        let of_itself = |json: &serde_json::Value| json["name"] == "@host/bad";
        assert!(
            !bad.heard().iter().any(|heard| of_itself(&heard.json())),
            "never by itself"
        );
        // The same message, with the same number.
        let ids: Vec<_> = bad
            .heard()
            .iter()
            .map(|heard| heard.json()["id"].clone())
            .collect();
        assert!(
            ids.len() >= 4 && ids[..4].iter().all(|id| *id == ids[0]),
            "{ids:?}"
        );
        daemon.stop();
    }
}

#[test]
fn a_server_that_is_silent_keeps_nobody_waiting() {
    let silent = web(|_| Web::Silent);
    let drips = mail(Post::Drips);
    let mute = mail(Post::Silent);
    let good = web(|_| Web::Status(200));
    let home = home(&format!(
        "routes:\n  silent: {{ webhook: {{ url: \"http://{}/\" }}, {QUICK} }}\n  \
         drips: {{ mail: {{ server: 127.0.0.1, port: {}, from: c@x.org, to: o@x.org }}, {QUICK} }}\n  \
         mute: {{ mail: {{ server: 127.0.0.1, port: {}, from: c@x.org, to: o@x.org }}, {QUICK} }}\n  \
         good: {{ webhook: {{ url: \"http://{}/\" }}, {QUICK} }}\n",
        silent.at,
        drips.at.port(),
        mute.at.port(),
        good.at
    ));
    let daemon = home.run();
    good.message("raised", "nothing_guarded");
    for name in ["silent", "drips", "mute"] {
        until(name, || {
            let found = good.heard().iter().any(|heard| {
                let json = heard.json();
                json["code"] == "route_failed" && json["package"] == name
            });
            found.then_some(())
        });
    }
    let began = Instant::now();
    let tested = home.clusterd(&["alarms", "test", "silent"]);
    assert_eq!(tested.status.code(), Some(1), "{}", stdout(&tested));
    assert!(
        stderr(&tested).contains("no answer within 2 s"),
        "{}",
        stderr(&tested)
    );
    assert!(began.elapsed() < LIMIT);
    assert!(home.status()["alarms"].as_array().unwrap().len() >= 4);
    let status = daemon.stop();
    assert!(status.success());
}

#[test]
fn a_message_survives_kill_and_is_sent_with_the_same_number() {
    let port = free_port();
    let settings = format!(
        "routes:\n  hook: {{ webhook: {{ url: \"http://127.0.0.1:{port}/\" }}, {QUICK} }}\n"
    );
    let home = home(&settings);
    let daemon = home.run();
    let id = until("the message on its way", || {
        // In the journal, as well as in memory.
        let alarm = open(&home, "nothing_guarded")?;
        let journal = clusterd::store::Reader::open(home.dir.path()).ok()?;
        let waiting = journal.load_outbox(10).ok()?;
        let id = alarm["told"]["hook"]["pending"].as_u64()?;
        waiting.iter().any(|posted| posted.id == id).then_some(id)
    });
    daemon.kill();
    // What was wrong is mended meanwhile; it is told all the same, and its end too.
    let server = crate::servers::web_at(&format!("127.0.0.1:{port}"), |_| Web::Status(200));
    let daemon = home.run();
    assert_eq!(server.message("raised", "nothing_guarded")["id"], id);
    until("an empty outbox", || {
        let journal = clusterd::store::Reader::open(home.dir.path()).unwrap();
        journal.load_outbox(10).unwrap().is_empty().then_some(())
    });
    daemon.stop();
    let raised = server.heard();
    let raised = raised
        .iter()
        .filter(|heard| heard.json()["kind"] == "raised");
    assert_eq!(raised.count(), 1, "told once, for nothing was in doubt");
}

#[test]
fn mail_is_a_thread_and_one_that_is_refused_holds_up_no_other() {
    let server = mail(Post::Takes);
    let refusing = mail(Post::Refuses("gone@"));
    let home = home(&format!(
        "routes:\n  ops:\n    mail: {{ server: 127.0.0.1, port: {}, from: clusterd@example.com, to: [a@example.com, b@example.com] }}\n    repeat: 1s\n    calm: 100ms\n  \
         gone: {{ mail: {{ server: 127.0.0.1, port: {}, from: clusterd@example.com, to: gone@example.com }}, {QUICK} }}\n",
        server.at.port(),
        refusing.at.port()
    ));
    let mut daemon = home.run();
    let first = server.hears("a mail", |heard| heard.body.contains("nothing_guarded"));
    assert_eq!(first.head.matches("RCPT TO").count(), 2);
    for wanted in [
        "From: clusterd@example.com\r\n",
        "To: a@example.com, b@example.com\r\n",
        "Subject: [clusterd] CRITICAL: @host nothing_guarded",
        "Auto-Submitted: auto-generated\r\n",
        "clusterd ack @host nothing_guarded\r\n",
    ] {
        assert!(first.body.contains(wanted), "{wanted} in {}", first.body);
    }
    let again = server.hears("a reminder", |heard| heard.body.contains("still open"));
    let line = |text: &str, key: &str| -> String {
        let found = text.lines().find(|line| line.starts_with(key));
        found
            .unwrap_or_else(|| panic!("no {key} in {text}"))
            .to_owned()
    };
    assert_eq!(
        line(&first.body, "References:"),
        line(&again.body, "References:")
    );
    assert_ne!(
        line(&first.body, "Message-ID:"),
        line(&again.body, "Message-ID:")
    );
    let failed = server.hears("the route's alarm", |heard| {
        heard.body.contains("route_failed")
    });
    assert!(
        failed.body.contains("nobody of that name"),
        "{}",
        failed.body
    );
    let acked = home.clusterd(&["ack", "@host", "nothing_guarded", "--reason", "a new home"]);
    assert!(acked.status.success(), "{}", stderr(&acked));
    server.hears("the acknowledgement", |heard| {
        heard
            .body
            .contains("CRITICAL, acknowledged: @host nothing_guarded")
    });
    let alarm = open(&home, "nothing_guarded").unwrap();
    assert_eq!(alarm["acknowledged"]["reason"], "a new home");
    assert!(daemon.child.try_wait().unwrap().is_none());
    daemon.stop();
}

#[test]
fn syslog_and_the_journal_get_a_line_each() {
    let dir = tempfile::tempdir().unwrap();
    let bind = |name: &str| {
        let socket = UnixDatagram::bind(dir.path().join(name)).unwrap();
        socket.set_read_timeout(Some(LIMIT)).unwrap();
        socket
    };
    let (log, journal) = (bind("log"), bind("journal"));
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    udp.set_read_timeout(Some(LIMIT)).unwrap();
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let home = home(&format!(
        "routes:\n  local: {{ syslog: {{ to: {0}/log, facility: local3 }} }}\n  \
         udp: {{ syslog: {{ to: \"udp:127.0.0.1:{1}\" }} }}\n  \
         tcp: {{ syslog: {{ to: \"tcp:127.0.0.1:{2}\" }} }}\n  \
         journal: {{ journald: {{ socket: {0}/journal }} }}\n",
        dir.path().display(),
        udp.local_addr().unwrap().port(),
        tcp.local_addr().unwrap().port()
    ));
    let daemon = home.run();
    let mut buffer = [0; 4096];
    let size = log.recv(&mut buffer).unwrap();
    let text = String::from_utf8_lossy(&buffer[..size]).into_owned();
    let pid = daemon.child.id();
    // local3 is 19, critical 2.
    let wanted = format!("<154>clusterd[{pid}]: CRITICAL: @host nothing_guarded: ");
    assert!(text.starts_with(&wanted), "{text}");
    let size = udp.recv(&mut buffer).unwrap();
    let text = String::from_utf8_lossy(&buffer[..size]).into_owned();
    assert!(text.starts_with("<26>1 20"), "{text}");
    assert!(
        text.contains(&format!(" clusterd {pid} raised [clusterd@32473 id=\"")),
        "{text}"
    );
    assert!(
        text.contains("code=\"nothing_guarded\" count=\"1\"] \u{feff}CRITICAL: "),
        "{text}"
    );
    let mut text = String::new();
    tcp.accept().unwrap().0.read_to_string(&mut text).unwrap();
    let (length, rest) = text.split_once(' ').unwrap();
    assert_eq!(
        length.parse::<usize>().unwrap(),
        rest.len(),
        "octets are counted"
    );
    let size = journal.recv(&mut buffer).unwrap();
    let text = String::from_utf8_lossy(&buffer[..size]).into_owned();
    for wanted in [
        "MESSAGE=CRITICAL: @host nothing_guarded",
        "PRIORITY=2\n",
        "SYSLOG_IDENTIFIER=clusterd\n",
        "CLUSTERD_CODE=nothing_guarded\n",
    ] {
        assert!(text.contains(wanted), "{text}");
    }
    daemon.stop();
}

#[test]
fn a_command_gets_the_message_and_its_end_is_its_word() {
    let home = home(
        "routes:\n  good: { exec: [bin/sms, one], severity: notice }\n  \
         bad: { exec: [/bin/sh, -c, 'echo no credit >&2; exit 3'], pause: 100ms, pause_max: 200ms, alarm_after: 300ms }\n  \
         hangs: { exec: [/bin/sleep, 600], timeout: 500ms, pause: 100ms, pause_max: 200ms, alarm_after: 300ms }\n",
    );
    fs::create_dir(home.path("bin")).unwrap();
    let got = home.path("got");
    let script = format!(
        "#!/bin/sh\n{{ echo \"$1 $CLUSTERD_ROUTE $CLUSTERD_SEVERITY $CLUSTERD_CODE\"; cat; }} >> {}\n",
        got.display()
    );
    fs::write(home.path("bin/sms"), script).unwrap();
    fs::set_permissions(home.path("bin/sms"), fs::Permissions::from_mode(0o755)).unwrap();
    let daemon = home.run();
    for wanted in [
        "one good critical nothing_guarded\n{\"",
        "/bin/sh: exit code 3: no credit",
        "/bin/sleep: no end within its time",
    ] {
        until(wanted, || home.read("got").contains(wanted).then_some(()));
    }
    let tested = home.clusterd(&["alarms", "test", "bad"]);
    assert_eq!(tested.status.code(), Some(1));
    assert!(stderr(&tested).contains("no credit"), "{}", stderr(&tested));
    let unknown = home.clusterd(&["alarms", "test", "nobody"]);
    assert_eq!(unknown.status.code(), Some(4));
    assert!(
        stderr(&unknown).contains("there are bad, good, hangs"),
        "{}",
        stderr(&unknown)
    );
    daemon.stop();
}

#[test]
fn the_heartbeat_says_how_many_are_guarded_and_its_failing_is_an_alarm() {
    let beats = web(|number| {
        if (2..8).contains(&number) {
            Web::Status(503)
        } else {
            Web::Status(200)
        }
    });
    let good = web(|_| Web::Status(200));
    let home = home(&format!(
        "routes:\n  good: {{ webhook: {{ url: \"http://{}/\" }}, calm: 100ms }}\n\
         heartbeat: {{ url: \"http://{}/beat\", every: 300ms, alarm_after: 600ms }}\n",
        good.at, beats.at
    ));
    let daemon = home.run();
    let beat = beats.hears("a beat", |_| true).json();
    assert_eq!(
        (beat["guarded"].as_u64(), beat["critical"].as_u64()),
        (Some(0), Some(1))
    );
    let failed = good.message("raised", "heartbeat_failed");
    assert!(
        failed["text"].as_str().unwrap().contains("HTTP 503"),
        "{failed}"
    );
    good.message("closed", "heartbeat_failed");
    daemon.signal(nix::sys::signal::Signal::SIGSTOP);
    let before = beats.heard().len();
    // A monitor that stands still says nothing: three beats' time without one.
    let end = Instant::now() + Duration::from_millis(900);
    until("three beats' time", || {
        (Instant::now() >= end).then_some(())
    });
    assert!(beats.heard().len() <= before + 1);
    daemon.signal(nix::sys::signal::Signal::SIGCONT);
    until("a beat", || {
        (beats.heard().len() > before + 1).then_some(())
    });
    daemon.stop();
}
