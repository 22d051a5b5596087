//! What needs a network of its own. The test binary runs itself again under
//! `unshare --net`, with one ignored test; where namespaces are forbidden it says so.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

use super::super::socket::Sockets;
use super::{
    LIMIT, Pinger, ProbeError, ProbeEvent, SHORT, Settings, Target, host, next, outcome, tcp_probe,
    until,
};

const UNSHARE: [&str; 4] = ["unshare", "--user", "--map-root-user", "--net"];

/// Set by the parent: without it a child must not touch the network it finds itself in.
const OURS: &str = "CLUSTERD_TEST_OWN_NETWORK";

fn network_is_ours() -> bool {
    std::env::var_os(OURS).is_some()
}

/// Runs the ignored `test` of this file in a new network, through `inner` if given.
fn in_own_network(test: &str, inner: &[&str]) {
    let may = Command::new(UNSHARE[0])
        .args(&UNSHARE[1..])
        .args(["ip", "link", "set", "lo", "up"])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !may {
        eprintln!("skipped: no network namespaces here (unshare, ip, user namespaces)");
        return;
    }
    let mut child = Command::new(UNSHARE[0])
        .args(&UNSHARE[1..])
        .args(inner)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", &format!("probe::tests::network::{test}")])
        .args(["--ignored", "--nocapture", "--test-threads=1"])
        .env(OURS, "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut out)
        .unwrap();
    assert!(child.wait().unwrap().success(), "{out}");
    for line in out.lines().filter(|line| line.starts_with("measured")) {
        println!("{line}");
    }
}

fn ip(words: &str) {
    let status = Command::new("ip").args(words.split(' ')).status().unwrap();
    assert!(status.success(), "ip {words}");
}

/// A new network begins without (`1 0`, nobody).
fn allow_datagram_pings() {
    fs::write("/proc/sys/net/ipv4/ping_group_range", "0 0").unwrap();
}

#[test]
fn a_thousand_targets_lose_nothing() {
    in_own_network("child_with_a_thousand_targets", &[]);
}

#[tokio::test]
#[ignore = "the child of a_thousand_targets_lose_nothing"]
async fn child_with_a_thousand_targets() {
    if !network_is_ours() {
        return;
    }
    ip("link set lo up");
    for (name, datagram) in [("raw", false), ("datagram", true)] {
        if datagram {
            allow_datagram_pings();
        }
        let mut answered = BTreeMap::new();
        let (mut missed, mut own, mut late) = (0, 0, 0);
        let (pinger, mut events) = Pinger::start(Settings::default());
        for key in 0..1000_u16 {
            let [high, low] = key.to_be_bytes();
            let address = Ipv4Addr::new(127, 1 + high, low, 1);
            let target = Target::Icmp(IpAddr::V4(address));
            pinger
                .watch(u64::from(key), target, Duration::from_secs(1))
                .unwrap();
        }
        let mut slowest = Duration::ZERO;
        while answered.len() < 1000 || answered.values().any(|count| *count < 3) {
            match next(&mut events).await {
                ProbeEvent::Result(result) if result.answered => {
                    *answered.entry(result.key).or_insert(0) += 1;
                    slowest = slowest.max(result.rtt.unwrap());
                }
                ProbeEvent::Result(_) => missed += 1,
                // A busy machine may keep us from a round; that round is not lost.
                ProbeEvent::Late { .. } => late += 1,
                ProbeEvent::Trouble { .. } | ProbeEvent::SocketDrops(_) => own += 1,
            }
        }
        let replies: u32 = answered.values().sum();
        println!(
            "\nmeasured {name}: {replies} replies, {missed} missed, {own} of our own, {late} late, slowest {slowest:?}"
        );
        assert_eq!((missed, own), (0, 0));
    }
}

#[test]
fn a_missing_route_is_trouble_and_no_silence() {
    in_own_network("child_without_a_route", &[]);
}

#[tokio::test]
#[ignore = "the child of a_missing_route_is_trouble_and_no_silence"]
async fn child_without_a_route() {
    if !network_is_ours() {
        return;
    }
    let service: SocketAddr = "192.0.2.1:80".parse().unwrap();
    let (pinger, mut events) = Pinger::start(Settings::default());
    pinger.watch(1, host(1), SHORT).unwrap();
    pinger.watch(2, Target::Tcp(service), SHORT).unwrap();
    assert_eq!(outcome(&mut events, 1).await, None);
    assert_eq!(outcome(&mut events, 2).await, None);
    let err = tcp_probe(service, LIMIT).await.unwrap_err();
    assert!(matches!(err, ProbeError::Trouble { .. }), "{err}");
    ip("link set lo up");
    until(&mut events, 1, Some(true)).await;
    // A dead neighbour is silence again, for TCP and for ICMP.
    ip("link add test0 type bridge");
    ip("link set test0 up");
    ip("addr add 192.0.2.9/24 dev test0");
    until(&mut events, 2, Some(false)).await;
    pinger.watch(3, Target::Icmp(service.ip()), SHORT).unwrap();
    assert_eq!(outcome(&mut events, 3).await, Some(false));
}

#[test]
fn a_late_answer_is_a_miss() {
    in_own_network("child_that_answers_late", &[]);
}

#[tokio::test]
#[ignore = "the child of a_late_answer_is_a_miss"]
async fn child_that_answers_late() {
    if !network_is_ours() {
        return;
    }
    ip("link set lo up");
    fs::write("/proc/sys/net/ipv4/icmp_echo_ignore_all", "1").unwrap();
    let within = Duration::from_millis(500);
    let (pinger, mut events) = Pinger::start(Settings {
        reply_within: within,
    });
    let target = Ipv4Addr::new(127, 0, 0, 5);
    let machine = EchoMachine::new(target);
    pinger
        .watch(
            1,
            Target::Icmp(IpAddr::V4(target)),
            Duration::from_millis(600),
        )
        .unwrap();
    // The kernel is deaf; this test answers in its place: at once, then too late, then
    // with an ICMP error, then at once again.
    let request = machine.request().await;
    machine.reply(&request);
    assert_eq!(outcome(&mut events, 1).await, Some(true));
    let request = machine.request().await;
    assert_eq!(outcome(&mut events, 1).await, Some(false));
    machine.reply(&request);
    let request = machine.request().await;
    machine.unreachable(&request);
    assert_eq!(outcome(&mut events, 1).await, Some(false));
    let request = machine.request().await;
    machine.reply(&request);
    assert_eq!(outcome(&mut events, 1).await, Some(true));
}

#[test]
fn drops_of_our_own_socket_are_told() {
    in_own_network("child_that_floods_itself", &[]);
}

#[tokio::test]
#[ignore = "the child of drops_of_our_own_socket_are_told"]
async fn child_that_floods_itself() {
    if !network_is_ours() {
        return;
    }
    ip("link set lo up");
    for datagram in [false, true] {
        if datagram {
            allow_datagram_pings();
        }
        let (pinger, mut events) = Pinger::start(Settings::default());
        let target = Ipv4Addr::new(127, 0, 0, 5);
        let machine = EchoMachine::new(target);
        pinger
            .watch(1, Target::Icmp(IpAddr::V4(target)), SHORT)
            .unwrap();
        let request = machine.request().await;
        // No await in here: nobody reads the pinger's socket meanwhile.
        for _ in 0..40_000 {
            machine.reply(&request);
        }
        let started = Instant::now();
        let drops = until_drops(&mut events).await;
        println!(
            "\nmeasured flood, datagram {datagram}: {drops} drops, told after {:?}",
            started.elapsed()
        );
        assert!(drops > 0);
        // Strangers' replies never reach our buffer.
        let stranger = Echo {
            identifier: request.identifier ^ 1,
            ..request
        };
        for _ in 0..40_000 {
            machine.reply(&stranger);
        }
        let started = Instant::now();
        while started.elapsed() < Duration::from_secs(3) {
            let event = next(&mut events).await;
            assert!(!matches!(event, ProbeEvent::SocketDrops(_)), "{event:?}");
        }
    }
}

async fn until_drops(events: &mut mpsc::Receiver<ProbeEvent>) -> u64 {
    loop {
        if let ProbeEvent::SocketDrops(drops) = next(events).await {
            return drops;
        }
    }
}

#[test]
fn the_datagram_socket_comes_first() {
    in_own_network("child_that_opens_sockets", &[]);
}

#[tokio::test]
#[ignore = "the child of the_datagram_socket_comes_first"]
async fn child_that_opens_sockets() {
    if !network_is_ours() {
        return;
    }
    let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
    assert_eq!(
        Sockets::default().get(address).unwrap().table,
        "/proc/net/raw"
    );
    allow_datagram_pings();
    assert_eq!(
        Sockets::default().get(address).unwrap().table,
        "/proc/net/icmp"
    );
}

#[test]
fn without_any_permission_the_error_says_what_to_do() {
    in_own_network(
        "child_without_permission",
        &["setpriv", "--bounding-set=-net_raw"],
    );
}

#[tokio::test]
#[ignore = "the child of without_any_permission_the_error_says_what_to_do"]
async fn child_without_permission() {
    if !network_is_ours() {
        return;
    }
    let (pinger, _events) = Pinger::start(Settings::default());
    let refused = pinger.watch(1, host(1), SHORT).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "cannot open an ICMP socket for IPv4 (Permission denied (os error 13)); set the sysctl \
         net.ipv4.ping_group_range to a range that holds clusterd's group 0, or give clusterd \
         CAP_NET_RAW"
    );
    allow_datagram_pings();
    pinger.watch(1, host(1), SHORT).unwrap();
}

/// Answers pings from outside the kernel, when and how the test wants: a raw socket, as
/// std and tokio have it (to them it is one more datagram socket).
struct EchoMachine {
    requests: UdpSocket,
    replies: std::net::UdpSocket,
}

#[derive(Clone, Debug)]
struct Echo {
    identifier: u16,
    /// The request's ICMP part.
    icmp: Vec<u8>,
    /// The whole of it, with its IP header.
    packet: Vec<u8>,
}

impl EchoMachine {
    fn new(address: Ipv4Addr) -> EchoMachine {
        let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4)).unwrap();
        socket.bind(&SocketAddr::from((address, 0)).into()).unwrap();
        socket.set_nonblocking(true).unwrap();
        let replies = std::net::UdpSocket::from(OwnedFd::from(socket));
        let requests = UdpSocket::from_std(replies.try_clone().unwrap()).unwrap();
        EchoMachine { requests, replies }
    }

    /// The next echo request to this machine.
    async fn request(&self) -> Echo {
        let mut room = [0; 2048];
        loop {
            let count = self.requests.recv(&mut room).await.unwrap();
            let packet = room[..count].to_vec();
            let icmp = packet[20..].to_vec();
            if icmp[0] == 8 {
                let identifier = u16::from_be_bytes([icmp[4], icmp[5]]);
                return Echo {
                    identifier,
                    icmp,
                    packet,
                };
            }
        }
    }

    fn reply(&self, request: &Echo) {
        let mut icmp = request.icmp.clone();
        icmp[0] = 0;
        icmp[4..6].copy_from_slice(&request.identifier.to_be_bytes());
        self.send(icmp);
    }

    /// Host unreachable, code 1, quoting the request (RFC 792).
    fn unreachable(&self, request: &Echo) {
        let mut icmp = vec![3, 1, 0, 0, 0, 0, 0, 0];
        icmp.extend_from_slice(&request.packet[..28]);
        self.send(icmp);
    }

    fn send(&self, mut icmp: Vec<u8>) {
        icmp[2..4].fill(0);
        let sum = checksum(&icmp);
        icmp[2..4].copy_from_slice(&sum.to_be_bytes());
        // A full send buffer would be this test's own trouble, and empties on loopback.
        while let Err(err) = self.replies.send_to(&icmp, "127.0.0.1:0") {
            assert_eq!(err.kind(), std::io::ErrorKind::WouldBlock);
        }
    }
}

/// The internet checksum (RFC 1071).
fn checksum(bytes: &[u8]) -> u16 {
    let mut sum: u32 = bytes
        .chunks(2)
        .map(|pair| u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |low| u32::from(*low)))
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).expect("folded to 16 bits")
}
