//! Real servers from Debian packages, started on loopback ports and sockets of a folder of the test's own:
//! Exim takes the mails (under TLS too), nginx the webhooks, rsyslog the lines.

use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::daemon_support::{Home, stderr, stdout, until};
use crate::servers::free_port;
use crate::{home, open, route};

/// A server that is killed when the test is over.
struct Peer(Child);

impl Drop for Peer {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(program: &str, args: &[&str]) -> Peer {
    let child = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .spawn()
        .unwrap_or_else(|err| panic!("{program}: {err}"));
    Peer(child)
}

fn answers(port: u16) {
    until("the server", || {
        TcpStream::connect(("127.0.0.1", port)).ok().map(drop)
    });
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// A certificate for localhost, which nobody else believes.
fn certificate(dir: &Path) {
    let made = Command::new("openssl")
        .args([
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
        ])
        .args([
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost",
        ])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .arg("-keyout")
        .arg(dir.join("key.pem"))
        .arg("-out")
        .arg(dir.join("cert.pem"))
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", stderr(&made));
}

/// Delivers whatever was queued, and tries a route that is well and one that is not.
fn tries(home: &Home, good: &[&str], bad: &str, why: &str) {
    for name in good {
        let tested = home.clusterd(&["alarms", "test", name]);
        assert!(tested.status.success(), "{}", stderr(&tested));
        until(name, || {
            (route(home, name)["delivered"].as_u64()? > 0).then_some(())
        });
    }
    let tested = home.clusterd(&["alarms", "test", bad]);
    assert_eq!(tested.status.code(), Some(1), "{}", stdout(&tested));
    assert!(stderr(&tested).contains(why), "{}", stderr(&tested));
}

#[test]
#[ignore = "needs exim4-daemon-light, openssl and root"]
fn exim_takes_mails_plain_and_under_tls() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path();
    certificate(at);
    let (plain, tls) = (free_port(), free_port());
    let folder = at.display();
    // Exim delivers to nobody as root.
    fs::create_dir(at.join("box")).unwrap();
    for (path, mode) in [(at.to_owned(), 0o755), (at.join("box"), 0o777)] {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
        fs::set_permissions(path, mode).unwrap();
    }
    fs::write(
        at.join("exim.conf"),
        format!(
            "primary_hostname = mail.example.com\nlocal_interfaces = <; 127.0.0.1.{plain} ; 127.0.0.1.{tls}\n\
             tls_on_connect_ports = {tls}\ntls_advertise_hosts = *\ntls_certificate = {folder}/cert.pem\n\
             tls_privatekey = {folder}/key.pem\nspool_directory = {folder}/spool\nlog_file_path = {folder}/%slog\n\
             exim_user = root\nexim_group = root\nnever_users =\npid_file_path = {folder}/exim.pid\n\
             keep_environment =\ndomainlist local = example.com\nacl_smtp_rcpt = rcpt\nauth_advertise_hosts = *\n\
             begin acl\nrcpt:\n  deny condition = ${{if eq{{$sender_address_local_part}}{{secretive}}}}\n       !authenticated = *\n       message = log in first\n  \
             accept domains = +local\n  deny message = no relay\n\
             begin authenticators\nplain:\n  driver = plaintext\n  public_name = PLAIN\n  server_advertise_condition = ${{if def:tls_cipher}}\n  \
             server_prompts = :\n  server_condition = ${{if eq{{$auth3}}{{h0rse battery}}}}\n  server_set_id = $auth2\n\
             begin routers\nall:\n  driver = accept\n  transport = file\n\
             begin transports\nfile:\n  driver = appendfile\n  file = {folder}/box/mbox\n  user = mail\n  group = mail\n"
        ),
    )
    .unwrap();
    let config = at.join("exim.conf");
    let _exim = start(
        "/usr/sbin/exim4",
        &["-C", config.to_str().unwrap(), "-bdf", "-q10m"],
    );
    answers(plain);
    answers(tls);
    let home = home(&format!(
        "routes:\n  \
         plain: {{ mail: {{ server: 127.0.0.1, port: {plain}, from: clusterd@example.com, to: plain@example.com }} }}\n  \
         start: {{ mail: {{ server: localhost, port: {plain}, tls: starttls, ca_file: {folder}/cert.pem, from: secretive@example.com, to: start@example.com, user: ops, password_file: pw }} }}\n  \
         full: {{ mail: {{ server: localhost, port: {tls}, tls: tls, ca_file: {folder}/cert.pem, from: clusterd@example.com, to: full@example.com }} }}\n  \
         unknown: {{ mail: {{ server: localhost, port: {plain}, tls: starttls, from: clusterd@example.com, to: x@example.com }} }}\n  \
         wrong: {{ mail: {{ server: localhost, port: {plain}, tls: starttls, ca_file: {folder}/cert.pem, from: secretive@example.com, to: x@example.com, user: ops, password_file: wrong }} }}\n  \
         relay: {{ mail: {{ server: 127.0.0.1, port: {plain}, from: clusterd@example.com, to: x@elsewhere.org }} }}\n"
    ));
    for (file, password) in [("pw", "h0rse battery\n"), ("wrong", "d0nkey battery\n")] {
        fs::write(home.path(file), password).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        fs::set_permissions(home.path(file), mode).unwrap();
    }
    let daemon = home.run();
    tries(&home, &["plain", "start", "full"], "relay", "no relay");
    let mbox = at.join("box/mbox");
    for to in ["plain", "start", "full"] {
        let wanted = format!("To: {to}@example.com");
        until(to, || text(&mbox).contains(&wanted).then_some(()));
    }
    let mails = text(&mbox);
    assert!(
        mails.contains("Subject: [clusterd] CRITICAL: @host nothing_guarded"),
        "{mails}"
    );
    assert!(
        mails.contains("Subject: [clusterd] TEST: @host/full test"),
        "{mails}"
    );
    for (route, why) in [("unknown", "certificate"), ("wrong", "535")] {
        let tested = home.clusterd(&["alarms", "test", route]);
        assert_eq!(tested.status.code(), Some(1), "{}", stdout(&tested));
        let said = stderr(&tested);
        assert!(said.contains(why) && !said.contains("battery"), "{said}");
    }
    home.tells_nobody(&["battery"], &["pw", "wrong"]);
    daemon.stop();
}

#[test]
#[ignore = "needs nginx-light and openssl"]
fn nginx_takes_webhooks_plain_and_under_tls() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path();
    certificate(at);
    let (plain, tls) = (free_port(), free_port());
    let folder = at.display();
    fs::create_dir(at.join("tmp")).unwrap();
    fs::write(
        at.join("nginx.conf"),
        format!(
            "daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;\nevents {{}}\n\
             http {{\n  log_format bodies escape=none '$request_method $uri $http_x_token $request_body';\n  \
             access_log {folder}/access.log bodies;\n  client_body_temp_path {folder}/tmp; proxy_temp_path {folder}/tmp;\n  \
             fastcgi_temp_path {folder}/tmp; uwsgi_temp_path {folder}/tmp; scgi_temp_path {folder}/tmp;\n  \
             server {{ listen 127.0.0.1:{plain}; listen 127.0.0.1:{tls} ssl; ssl_certificate {folder}/cert.pem; ssl_certificate_key {folder}/key.pem;\n    \
             location /in {{ proxy_pass http://127.0.0.1:{plain}/taken; }}\n    location /taken {{ access_log off; return 202; }}\n    \
             location /no {{ return 403; }}\n    location /moved {{ return 301 /in; }} }}\n}}\n"
        ),
    )
    .unwrap();
    let config = at.join("nginx.conf");
    let _nginx = start(
        "/usr/sbin/nginx",
        &["-c", config.to_str().unwrap(), "-p", &folder.to_string()],
    );
    answers(plain);
    answers(tls);
    let home = home(&format!(
        "routes:\n  \
         plain: {{ webhook: {{ url: \"http://127.0.0.1:{plain}/in/plain\" }} }}\n  \
         tls: {{ webhook: {{ url: \"https://localhost:{tls}/in/tls\", ca_file: {folder}/cert.pem, headers: {{ X-Token: t1 }}, template: '{{\"text\": \"{{name}} {{code}}\"}}' }} }}\n  \
         unknown: {{ webhook: {{ url: \"https://localhost:{tls}/in/unknown\" }} }}\n  \
         no: {{ webhook: {{ url: \"http://127.0.0.1:{plain}/no\" }} }}\n  \
         moved: {{ webhook: {{ url: \"http://127.0.0.1:{plain}/moved\" }} }}\n\
         heartbeat: {{ url: \"http://127.0.0.1:{plain}/in/beat\", every: 1s }}\n"
    ));
    let daemon = home.run();
    tries(&home, &["plain", "tls"], "no", "HTTP 403");
    let log = at.join("access.log");
    for wanted in [
        "POST /in/plain  {\"acknowledged\":null",
        "POST /in/tls t1 {\"text\":\"@host nothing_guarded\"}",
        "POST /in/beat  {\"alarms\":",
    ] {
        until(wanted, || text(&log).contains(wanted).then_some(()));
    }
    for (route, why) in [("unknown", "certificate"), ("moved", "HTTP 301")] {
        let tested = home.clusterd(&["alarms", "test", route]);
        assert_eq!(tested.status.code(), Some(1), "{}", stdout(&tested));
        assert!(stderr(&tested).contains(why), "{}", stderr(&tested));
    }
    daemon.stop();
}

#[test]
#[ignore = "needs rsyslog"]
fn rsyslog_takes_lines_by_socket_udp_and_tcp_and_its_absence_is_an_alarm() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path();
    let (udp, tcp) = (free_port(), free_port());
    let folder = at.display();
    fs::write(
        at.join("rsyslog.conf"),
        format!(
            "global(workDirectory=\"{folder}\")\nmodule(load=\"imuxsock\" SysSock.Use=\"off\")\n\
             input(type=\"imuxsock\" Socket=\"{folder}/log\")\nmodule(load=\"imudp\")\n\
             input(type=\"imudp\" address=\"127.0.0.1\" port=\"{udp}\")\nmodule(load=\"imtcp\")\n\
             input(type=\"imtcp\" address=\"127.0.0.1\" port=\"{tcp}\")\n\
             template(name=\"all\" type=\"string\" string=\"%inputname% %syslogfacility-text%.%syslogseverity-text% %programname% %structured-data% %msg%\\n\")\n\
             action(type=\"omfile\" file=\"{folder}/all.log\" template=\"all\")\n"
        ),
    )
    .unwrap();
    let config = at.join("rsyslog.conf");
    let pid = at.join("pid");
    let args = [
        "-n",
        "-f",
        config.to_str().unwrap(),
        "-i",
        pid.to_str().unwrap(),
    ];
    let rsyslog = start("/usr/sbin/rsyslogd", &args);
    answers(tcp);
    until("its socket", || at.join("log").exists().then_some(()));
    let home = home(&format!(
        "routes:\n  \
         local: {{ syslog: {{ to: {folder}/log, facility: local1 }}, pause: 200ms, pause_max: 1s, alarm_after: 500ms, repeat: 500ms, calm: 100ms }}\n  \
         udp: {{ syslog: {{ to: \"udp:127.0.0.1:{udp}\" }} }}\n  \
         tcp: {{ syslog: {{ to: \"tcp:127.0.0.1:{tcp}\" }}, pause: 200ms, pause_max: 1s, alarm_after: 500ms, repeat: 500ms, calm: 100ms }}\n  \
         out: {{ exec: [/bin/true] }}\n"
    ));
    let daemon = home.run();
    let log = at.join("all.log");
    for wanted in [
        "imuxsock local1.crit clusterd - ",
        "imudp daemon.crit clusterd [clusterd@32473 id=\"",
        "imtcp daemon.crit clusterd [clusterd@32473 id=\"",
    ] {
        until(wanted, || text(&log).contains(wanted).then_some(()));
    }
    drop(rsyslog);
    until("both alarms", || {
        let failed = |name| route(&home, name)["failing_since_ms"].is_u64();
        (failed("local") && failed("tcp")).then_some(())
    });
    until("the alarm", || open(&home, "route_failed"));
    let again = start("/usr/sbin/rsyslogd", &args);
    until("the end of both", || {
        open(&home, "route_failed").is_none().then_some(())
    });
    daemon.stop();
    drop(again);
}
