//! The built daemon in a network of its own: the cable to its gateway is pulled, its ping socket
//! overflows. Each test runs itself again in a network namespace.

mod daemon_support;

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use clusterd::clock::Moment;
use daemon_support::{Daemon, Home, Pair, until};
use nix::sys::signal::Signal;
use socket2::{Domain, Protocol, Socket, Type};

/// Set in the namespace.
const OURS: &str = "CLUSTERD_TEST_OWN_NETWORK";

/// With the child all that it started ends.
const UNSHARE: [&str; 8] = [
    "unshare",
    "--user",
    "--map-root-user",
    "--net",
    "--pid",
    "--fork",
    "--kill-child",
    "--mount-proc",
];

fn in_own_network(test: &str) {
    let mut child = Command::new(UNSHARE[0]);
    child
        .args(&UNSHARE[1..])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--ignored", "--nocapture"])
        .env(OURS, "1")
        .stdin(Stdio::null());
    assert!(child.status().unwrap().success());
}

fn network_is_ours() -> bool {
    std::env::var_os(OURS).is_some()
}

fn run(words: &str) {
    let mut words = words.split(' ');
    let mut command = Command::new(words.next().unwrap());
    let status = command.args(words).status().unwrap();
    assert!(status.success(), "{command:?}");
}

/// A gateway at the other end of a cable, with the default route to it.
struct Gateway {
    there: Child,
}

impl Gateway {
    fn plugged() -> Gateway {
        let there = Command::new("unshare")
            .args(["--net", "sleep", "600"])
            .spawn()
            .unwrap();
        let gateway = Gateway { there };
        let pid = gateway.there.id();
        let own = fs::read_link("/proc/self/ns/net").unwrap();
        until("its namespace", || {
            let its = fs::read_link(format!("/proc/{pid}/ns/net")).ok()?;
            (its != own).then_some(())
        });
        run(&format!(
            "ip link add near type veth peer name far netns {pid}"
        ));
        run("ip address add 192.0.2.2/24 dev near");
        run("ip link set near up");
        gateway.order("ip address add 192.0.2.1/24 dev far");
        gateway.order("ip link set far up");
        run("ip route add default via 192.0.2.1");
        gateway
    }

    fn order(&self, words: &str) {
        let net = format!("--net=/proc/{}/ns/net", self.there.id());
        run(&format!("nsenter {net} -- {words}"));
    }

    /// How many echo requests it was sent.
    fn asked(&self) -> u64 {
        let file = format!("/proc/{}/net/snmp", self.there.id());
        let text = fs::read_to_string(file).unwrap();
        let mut lines = text.lines().filter(|line| line.starts_with("Icmp:"));
        let (names, counts) = (lines.next().unwrap(), lines.next().unwrap());
        let mut both = names.split(' ').zip(counts.split(' '));
        let (_, count) = both.find(|(name, _)| *name == "InEchos").unwrap();
        count.parse().unwrap()
    }

    fn has_answered(&self) {
        let asked = self.asked();
        // The last but one was answered before the last was sent.
        until("its questions", || {
            (self.asked() >= asked + 2).then_some(())
        });
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.there.kill();
        let _ = self.there.wait();
    }
}

/// The severities of what is told with the code `impaired`: of the host, of the cluster.
fn impaired(home: &Home) -> (Option<String>, Option<String>) {
    let status = home.status();
    let alarms = status["alarms"].as_array().unwrap();
    let of = |cluster: &str| {
        let mut known = alarms.iter();
        let alarm = known.find(|a| a["code"] == "impaired" && a["cluster"] == cluster)?;
        alarm["severity"].as_str().map(str::to_owned)
    };
    (of(""), of("pair"))
}

/// A takeover is due, and waits until the monitor is well again.
fn is_held(home: &Home, pair: &Pair) {
    until("a takeover that is held", || {
        let status = home.status().to_string();
        let waits = status.contains("the monitor to be well again");
        waits.then_some(())
    });
    let told = until("both alarms", || match impaired(home) {
        (Some(host), Some(cluster)) => Some((host, cluster)),
        _ => None,
    });
    assert_eq!(told, ("critical".to_owned(), "warning".to_owned()));
    assert_eq!(pair.boots(), ["alpha"]);
    assert_eq!(pair.sim.transcript(0).breaks(Moment::ZERO), 0);
}

fn goes_on(daemon: &mut Daemon, home: &Home, pair: &Pair) {
    daemon.line("monitor well again");
    daemon.line("beta is up");
    assert_eq!(pair.boots(), ["alpha", "beta"]);
    pair.never_two_writers();
    until("the end of both alarms", || {
        (impaired(home) == (None, None)).then_some(())
    });
}

#[test]
#[ignore = "needs network namespaces"]
fn a_gateway_that_falls_silent_holds_takeovers() {
    in_own_network("child_with_a_gateway");
}

#[test]
#[ignore = "run by a_gateway_that_falls_silent_holds_takeovers"]
fn child_with_a_gateway() {
    if !network_is_ours() {
        return;
    }
    run("ip link set lo up");
    let gateway = Gateway::plugged();
    for (pulls, plugs) in [
        // The cable; and a gateway that is there and does not answer.
        ("ip link set far down", "ip link set far up"),
        (
            "ip address del 192.0.2.1/24 dev far",
            "ip address add 192.0.2.1/24 dev far",
        ),
    ] {
        let pair = Pair::running();
        let home = Home::of(&pair);
        let mut daemon = home.run();
        daemon.line("state watch");
        gateway.has_answered();
        gateway.order(pulls);
        let line = daemon.line("monitor impaired");
        assert!(
            line.contains("this host's own gateway does not answer any more"),
            "{line}"
        );
        pair.sim.order(|rig, now| rig.node_at(0, now).hang());
        is_held(&home, &pair);
        gateway.order(plugs);
        goes_on(&mut daemon, &home, &pair);
    }
}

#[test]
#[ignore = "needs network namespaces"]
fn lost_replies_in_its_own_socket_hold_takeovers() {
    in_own_network("child_whose_socket_overflows");
}

/// More replies than a ping socket holds (`probe/mod.rs`).
const FLOOD: u32 = 40_000;

#[test]
#[ignore = "run by lost_replies_in_its_own_socket_hold_takeovers"]
fn child_whose_socket_overflows() {
    if !network_is_ours() {
        return;
    }
    run("ip link set lo up");
    let gateway = Ipv4Addr::new(127, 0, 0, 77);
    let echoes = Echoes::at(gateway);
    let pair = Pair::running();
    let home = Home::of(&pair);
    let settings = format!("ping: {{ gateway: {gateway} }}\n");
    fs::write(home.path("clusterd.yaml"), settings).unwrap();
    let mut daemon = home.run();
    daemon.line("state watch");
    let reply = echoes.reply();
    // It reads nothing meanwhile.
    daemon.signal(Signal::SIGSTOP);
    for _ in 0..FLOOD {
        echoes.send(&reply);
    }
    daemon.signal(Signal::SIGCONT);
    let line = daemon.line("lost in our own socket");
    assert!(line.contains("monitor impaired"), "{line}");
    pair.sim.order(|rig, now| rig.node_at(0, now).hang());
    is_held(&home, &pair);
    goes_on(&mut daemon, &home, &pair);
}

/// Sees the echo requests to an address, and sends replies in its place.
struct Echoes {
    socket: UdpSocket,
}

impl Echoes {
    fn at(address: Ipv4Addr) -> Echoes {
        let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4)).unwrap();
        let at = SocketAddr::from((address, 0));
        socket.bind(&at.into()).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        let socket = UdpSocket::from(OwnedFd::from(socket));
        Echoes { socket }
    }

    /// The reply to the next request (RFC 792).
    fn reply(&self) -> Vec<u8> {
        let mut room = [0; 2048];
        loop {
            let count = self.socket.recv(&mut room).unwrap();
            // Behind the IP header, which has no options on loopback.
            let mut icmp = room[20..count].to_vec();
            if icmp[0] != 8 {
                continue;
            }
            // From a request's type to a reply's is 8 in the first byte; the checksum (RFC 1071)
            // grows by as much.
            icmp[0] = 0;
            let sum = u32::from(u16::from_be_bytes([icmp[2], icmp[3]])) + 0x0800;
            let sum = (sum & 0xffff) + (sum >> 16);
            icmp[2..4].copy_from_slice(&u16::try_from(sum).unwrap().to_be_bytes());
            return icmp;
        }
    }

    fn send(&self, reply: &[u8]) {
        self.socket.send_to(reply, "127.0.0.1:0").unwrap();
    }
}
