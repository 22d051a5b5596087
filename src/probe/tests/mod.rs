//! Probes over real sockets: the host's own loopback here, a network of their own in
//! `network`.

mod network;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::{Pinger, ProbeError, ProbeEvent, Settings, Target, tcp_probe};

const SHORT: Duration = Duration::from_millis(50);
const LIMIT: Duration = Duration::from_secs(20);

fn host(number: u8) -> Target {
    Target::Icmp(IpAddr::V4(Ipv4Addr::new(127, 0, 0, number)))
}

async fn next(events: &mut mpsc::Receiver<ProbeEvent>) -> ProbeEvent {
    let event = timeout(LIMIT, events.recv()).await;
    event
        .expect("an event within the limit")
        .expect("the pinger runs")
}

/// The next event about `key`: `Some(answered)`, or `None` for trouble.
async fn outcome(events: &mut mpsc::Receiver<ProbeEvent>, key: u64) -> Option<bool> {
    loop {
        match next(events).await {
            ProbeEvent::Result(result) if result.key == key => {
                assert_eq!(result.answered, result.rtt.is_some());
                return Some(result.answered);
            }
            ProbeEvent::Trouble { key: of, .. } if of == key => return None,
            _ => {}
        }
    }
}

/// Reads until the next event about `key` is `wanted`.
async fn until(events: &mut mpsc::Receiver<ProbeEvent>, key: u64, wanted: Option<bool>) {
    let all = async { while outcome(events, key).await != wanted {} };
    assert!(
        timeout(LIMIT, all).await.is_ok(),
        "key {key} was never {wanted:?}"
    );
}

/// Whether this process may ping at all; the network tests bring their own permission.
fn may_ping(watched: &Result<(), ProbeError>) -> bool {
    if let Err(err) = watched {
        eprintln!("skipped: {err}");
    }
    watched.is_ok()
}

#[tokio::test]
async fn loopback_answers_over_both_families() {
    let (pinger, mut events) = Pinger::start(Settings::default());
    if !may_ping(&pinger.watch(4, host(1), SHORT)) {
        return;
    }
    until(&mut events, 4, Some(true)).await;
    if std::fs::read_to_string("/proc/net/if_inet6").is_ok_and(|text| text.contains(" lo")) {
        let v6 = Target::Icmp(IpAddr::V6(Ipv6Addr::LOCALHOST));
        pinger.watch(6, v6, SHORT).unwrap();
        until(&mut events, 6, Some(true)).await;
    }
}

#[tokio::test]
async fn several_keys_share_one_target_until_they_leave() {
    let (pinger, mut events) = Pinger::start(Settings::default());
    if !may_ping(&pinger.watch(1, host(9), SHORT)) {
        return;
    }
    pinger.watch(2, host(9), SHORT).unwrap();
    until(&mut events, 1, Some(true)).await;
    until(&mut events, 2, Some(true)).await;
    pinger.unwatch(1);
    // At most what was under way still comes for key 1.
    let mut stray = 0;
    for _ in 0..20 {
        match next(&mut events).await {
            ProbeEvent::Result(result) if result.key == 1 => stray += 1,
            _ => {}
        }
    }
    assert!(stray <= 2, "{stray} results for a key that had left");
    pinger.watch(2, host(10), SHORT).unwrap();
    until(&mut events, 2, Some(true)).await;
}

#[tokio::test]
async fn tcp_tells_there_from_not_there() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let there = listener.local_addr().unwrap();
    assert!(tcp_probe(there, LIMIT).await.unwrap() < LIMIT);

    // A port that is bound and not listening refuses, and nobody else can take it.
    let bound = tokio::net::TcpSocket::new_v4().unwrap();
    bound.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let not_there = bound.local_addr().unwrap();
    let refused = tcp_probe(not_there, LIMIT).await.unwrap_err();
    assert!(matches!(refused, ProbeError::Silent { .. }), "{refused}");
    let target = Target::Tcp(not_there);
    assert!(
        refused
            .to_string()
            .starts_with(&format!("{target} does not answer: "))
    );

    let (pinger, mut events) = Pinger::start(Settings::default());
    pinger.watch(1, Target::Tcp(there), SHORT).unwrap();
    pinger.watch(2, target, SHORT).unwrap();
    until(&mut events, 1, Some(true)).await;
    until(&mut events, 2, Some(false)).await;
    let listener = bound.listen(5).unwrap();
    until(&mut events, 2, Some(true)).await;
    drop(listener);
    until(&mut events, 2, Some(false)).await;
}

#[tokio::test]
async fn a_full_accept_queue_is_silence() {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address: SocketAddr = socket.local_addr().unwrap();
    let _listener = socket.listen(0).unwrap();
    let mut held = Vec::new();
    let silent = loop {
        match timeout(SHORT, tokio::net::TcpStream::connect(address)).await {
            Ok(Ok(stream)) => held.push(stream),
            _ => break tcp_probe(address, SHORT).await.unwrap_err(),
        }
    };
    assert_eq!(
        silent,
        ProbeError::Silent {
            target: Target::Tcp(address),
            why: "no answer within 50ms".to_owned()
        }
    );
}

#[tokio::test]
async fn a_stalled_process_owns_up() {
    let within = Duration::from_millis(200);
    let (pinger, mut events) = Pinger::start(Settings {
        reply_within: within,
    });
    if !may_ping(&pinger.watch(1, host(1), Duration::from_millis(400))) {
        return;
    }
    until(&mut events, 1, Some(true)).await;
    // The whole runtime stands still here, as it would on a host that swaps.
    let stopped = std::time::Instant::now();
    while stopped.elapsed() < Duration::from_secs(1) {
        std::hint::spin_loop();
    }
    let behind = loop {
        if let ProbeEvent::Late { behind, .. } = next(&mut events).await {
            break behind;
        }
    };
    assert!(behind >= within, "{behind:?}");
    until(&mut events, 1, Some(true)).await;
}

#[tokio::test]
async fn an_interval_too_short_is_refused() {
    let (pinger, _events) = Pinger::start(Settings::default());
    let refused = pinger.watch(1, host(1), Duration::from_millis(1));
    assert_eq!(refused, Err(ProbeError::Interval(Duration::from_millis(1))));
}
