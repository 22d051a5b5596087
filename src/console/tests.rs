//! Links over real sockets on loopback, with a peer that is a bare socket.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixListener};
use tokio::time::timeout;

use super::*;

/// Far more than anything here takes: it ends a test that would hang.
const LIMIT: Duration = Duration::from_secs(20);

fn quick() -> LinkSettings {
    LinkSettings {
        settle: Duration::from_millis(50),
        backoff_first: Duration::from_millis(10),
        backoff_max: Duration::from_millis(50),
        ..LinkSettings::default()
    }
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(LIMIT, future)
        .await
        .expect("nothing happened in 20 s")
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    (listener, at)
}

fn telnet(at: SocketAddr) -> Address {
    format!("telnet://{at}").parse().unwrap()
}

async fn accept(listener: &TcpListener) -> TcpStream {
    within(listener.accept()).await.unwrap().0
}

async fn read(peer: &mut (impl tokio::io::AsyncRead + Unpin), count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    within(peer.read_exact(&mut bytes)).await.unwrap();
    bytes
}

async fn up(console: &mut Console) -> u64 {
    match within(console.next()).await {
        Said::Up { epoch } => epoch,
        said => panic!("not up: {said:?}"),
    }
}

async fn down(console: &mut Console) -> (u64, String) {
    match within(console.next()).await {
        Said::Down { epoch, why } => (epoch, why),
        said => panic!("not down: {said:?}"),
    }
}

#[tokio::test]
async fn nothing_of_a_burst_is_lost_while_the_reader_reads() {
    let (listener, at) = listen().await;
    let settings = LinkSettings {
        queue_bytes: 64 << 10,
        ..quick()
    };
    let mut console = Console::open(telnet(at), settings);
    let mut peer = accept(&listener).await;
    let burst = vec![b'x'; 4 << 20];
    let count = burst.len();
    let sent = tokio::spawn(async move {
        peer.write_all(&burst).await.unwrap();
        peer
    });
    up(&mut console).await;
    let mut heard = 0;
    while heard < count {
        match within(console.next()).await {
            Said::Bytes { bytes, .. } => heard += bytes.len(),
            said => panic!("{said:?} after {heard} bytes"),
        }
        // A reader that has other things to do, too.
        for _ in 0..5 {
            tokio::task::yield_now().await;
        }
    }
    drop(within(sent).await.unwrap());
}

/// Reads until `wanted` bytes came, with none missing.
async fn text(console: &mut Console, wanted: usize) -> Vec<u8> {
    let mut text = Vec::new();
    while text.len() < wanted {
        match within(console.next()).await {
            Said::Bytes { bytes, .. } => text.extend(bytes),
            said => panic!("no bytes: {said:?}"),
        }
    }
    text
}

fn typed(epoch: u64, bytes: &[u8]) -> Order {
    let bytes = bytes.to_vec();
    Order::Type { epoch, bytes }
}

#[tokio::test]
async fn bytes_and_breaks_arrive_in_their_order() {
    let (listener, at) = listen().await;
    // No question of ours comes between them: it waits for the link to settle.
    let settings = LinkSettings {
        settle: LIMIT,
        ..quick()
    };
    let mut console = Console::open(telnet(at), settings);
    let mut peer = accept(&listener).await;
    peer.write_all(b"\xff\xfb\x01\xff\xfb\x03ok \xff\xff")
        .await
        .unwrap();
    let epoch = up(&mut console).await;
    assert_eq!(text(&mut console, 4).await, b"ok \xff");
    assert_eq!(read(&mut peer, 6).await, b"\xff\xfd\x01\xff\xfd\x03");
    for order in [
        typed(epoch, b"a\xff\r"),
        Order::Break { epoch },
        typed(epoch, b"b"),
        Order::Break { epoch },
        Order::Break { epoch },
    ] {
        console.order(order);
    }
    let wire = b"a\xff\xff\r\xff\xf3b\xff\xf3\xff\xf3";
    assert_eq!(read(&mut peer, wire.len()).await, wire);
    assert_eq!(console.dropped_orders(), 0);
}

#[tokio::test]
async fn nothing_ordered_for_the_last_link_reaches_the_next() {
    let (listener, at) = listen().await;
    let mut console = Console::open(telnet(at), quick());
    let mut last_words = String::new();
    for round in 1..=20 {
        let mut peer = accept(&listener).await;
        let epoch = up(&mut console).await;
        assert_eq!(epoch, round);
        console.order(typed(epoch - 1, b"stale"));
        console.order(typed(epoch, b"x"));
        assert_eq!(read(&mut peer, 1).await, b"x");
        // The kick, with orders under way before and behind it.
        for _ in 0..50 {
            console.order(typed(epoch, b"old"));
        }
        SockRef::from(&peer)
            .set_linger(Some(Duration::ZERO))
            .unwrap();
        drop(peer);
        for _ in 0..50 {
            console.order(Order::Break { epoch });
        }
        let (lost, why) = down(&mut console).await;
        assert_eq!(lost, epoch);
        last_words = why;
        console.order(typed(epoch, b"too late"));
        console.order(typed(epoch + 1, b"too early"));
    }
    assert!(last_words.contains("reset by 127.0.0.1:"), "{last_words}");
    let mut peer = accept(&listener).await;
    let epoch = up(&mut console).await;
    console.order(typed(epoch, b"end"));
    assert_eq!(read(&mut peer, 3).await, b"end");
    assert!(console.dropped_orders() >= 3 * 20);
}

#[tokio::test]
async fn what_is_not_read_in_time_is_a_gap_counted_to_the_byte() {
    let (listener, at) = listen().await;
    let queue_bytes = 100_000;
    let settings = LinkSettings {
        settle: Duration::ZERO,
        queue_bytes,
        ..quick()
    };
    let mut console = Console::open(format!("tcp://{at}").parse().unwrap(), settings);
    let mut peer = accept(&listener).await;
    let sent: Vec<u8> = (0..1_000_003_u32)
        .map(|n| (n % 251).to_le_bytes()[0])
        .collect();
    peer.write_all(&sent).await.unwrap();
    drop(peer);
    // The loss of the link stands behind all that came over it.
    within(async {
        while console.shared.last_said_is_bytes() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let epoch = up(&mut console).await;
    let lost = (sent.len() - queue_bytes) as u64;
    assert_eq!(within(console.next()).await, Said::Gap { epoch, lost });
    let rest = text(&mut console, queue_bytes).await;
    assert_eq!(rest, sent[sent.len() - queue_bytes..]);
    let (_, why) = down(&mut console).await;
    assert_eq!(why, format!("closed by the terminal server ({at})"));
}

#[tokio::test]
async fn a_busy_port_is_called_busy_and_told_once() {
    let (listener, at) = listen().await;
    let settings = LinkSettings {
        settle: Duration::from_secs(10),
        ..quick()
    };
    let mut console = Console::open(telnet(at), settings);
    for _ in 0..5 {
        drop(accept(&listener).await);
    }
    let mut peer = accept(&listener).await;
    peer.write_all(b"ok ").await.unwrap();
    let (epoch, why) = down(&mut console).await;
    assert_eq!(epoch, 0);
    assert!(why.starts_with("port busy: 127.0.0.1:"), "{why}");
    assert_eq!(up(&mut console).await, 1);
}

#[tokio::test]
async fn a_port_that_says_that_it_is_busy_is_believed() {
    let (listener, at) = listen().await;
    let settings = LinkSettings {
        settle: LIMIT,
        ..quick()
    };
    let mut console = Console::open(telnet(at), settings);
    let mut peer = accept(&listener).await;
    let words = b"\xff\xfb\x01Port already in use\r\n";
    peer.write_all(words).await.unwrap();
    read(&mut peer, 3).await;
    drop(peer);
    up(&mut console).await;
    text(&mut console, words.len() - 3).await;
    let (_, why) = down(&mut console).await;
    let at_once = format!("port busy: closed by the terminal server ({at}) at once");
    let said = "after it said \"Port already in use\\r\\n\"";
    assert_eq!(why, format!("{at_once}, {said}"));
}

#[tokio::test]
async fn a_refused_console_comes_up_when_its_port_does() {
    let (listener, at) = listen().await;
    drop(listener);
    let mut console = Console::open(telnet(at), quick());
    assert_eq!(
        down(&mut console).await,
        (0, format!("connection refused by {at}"))
    );
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(at).unwrap();
    let listener = socket.listen(8).unwrap();
    let _peer = accept(&listener).await;
    assert_eq!(up(&mut console).await, 1);
}

#[tokio::test]
async fn no_answer_is_said_after_the_time_set() {
    // A listener whose queue is full lets nobody in and says nothing.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(0).unwrap();
    let at = listener.local_addr().unwrap();
    let _only = TcpStream::connect(at).await.unwrap();
    let settings = LinkSettings {
        connect_timeout: Duration::from_millis(200),
        ..quick()
    };
    let mut console = Console::open(telnet(at), settings);
    let (_, why) = down(&mut console).await;
    assert_eq!(why, format!("no answer from {at} within 200 ms"));
}

#[tokio::test]
async fn a_peer_that_reads_nothing_takes_the_link_down_and_gets_nothing_later() {
    let (listener, at) = listen().await;
    let settings = LinkSettings {
        write_timeout: Duration::from_millis(300),
        order_bytes: 64 << 20,
        ..quick()
    };
    let mut console = Console::open(telnet(at), settings);
    let mut hung = accept(&listener).await;
    let epoch = up(&mut console).await;
    for _ in 0..2000 {
        console.order(typed(epoch, &[b'o'; 8192]));
    }
    let (lost, why) = down(&mut console).await;
    assert_eq!(lost, epoch);
    assert_eq!(why, format!("{at} takes no bytes, for 300 ms now"));
    let mut peer = accept(&listener).await;
    let next = up(&mut console).await;
    console.order(typed(next, b"new"));
    assert_eq!(read(&mut peer, 3).await, b"new");
    // The old connection was reset: it ends with an error, after what the peer's kernel had taken.
    let mut rest = Vec::new();
    let error = within(hung.read_to_end(&mut rest)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert!(rest.len() < 16 << 20);
}

#[tokio::test]
async fn a_peer_that_only_talks_is_found_deaf_too() {
    let (listener, at) = listen().await;
    let settings = LinkSettings {
        write_timeout: Duration::from_millis(300),
        order_bytes: 64 << 20,
        ..quick()
    };
    let mut console = Console::open(telnet(at), settings);
    let (_from_us, mut to_us) = accept(&listener).await.into_split();
    let flood = tokio::spawn(async move { while to_us.write_all(&[b'x'; 4096]).await.is_ok() {} });
    let epoch = up(&mut console).await;
    for _ in 0..2000 {
        console.order(typed(epoch, &[b'o'; 8192]));
    }
    within(async {
        loop {
            if let Said::Down { why, .. } = console.next().await {
                assert!(why.contains("takes no bytes"), "{why}");
                return;
            }
        }
    })
    .await;
    within(flood).await.unwrap();
}

#[tokio::test]
async fn more_orders_than_fit_take_the_link_down() {
    let (listener, at) = listen().await;
    let settings = LinkSettings {
        order_bytes: 100,
        ..quick()
    };
    let mut console = Console::open(telnet(at), settings);
    let _peer = accept(&listener).await;
    let epoch = up(&mut console).await;
    console.order(typed(epoch, &[b'x'; 101]));
    let (_, why) = down(&mut console).await;
    assert!(why.contains("more than 100 bytes wait"), "{why}");
}

#[tokio::test]
async fn a_break_leaves_while_the_console_floods() {
    let (listener, at) = listen().await;
    let mut console = Console::open(telnet(at), quick());
    let (mut from_us, mut to_us) = accept(&listener).await.into_split();
    let flood = tokio::spawn(async move { while to_us.write_all(&[b'x'; 4096]).await.is_ok() {} });
    let epoch = up(&mut console).await;
    for _ in 0..100 {
        console.order(Order::Break { epoch });
        assert_eq!(read(&mut from_us, 2).await, b"\xff\xf3");
    }
    drop(console);
    within(flood).await.unwrap();
}

#[tokio::test]
async fn last_words_are_heard_though_the_peer_takes_nothing_more() {
    let (listener, at) = listen().await;
    let mut console = Console::open(telnet(at), quick());
    for round in 0..20 {
        let mut peer = accept(&listener).await;
        let epoch = up(&mut console).await;
        peer.write_all(b"panic").await.unwrap();
        // Unread bytes in the peer make its close a reset.
        console.order(typed(epoch, b"x"));
        within(peer.peek(&mut [0])).await.unwrap();
        peer.write_all(b" in the sky").await.unwrap();
        drop(peer);
        console.order(typed(epoch, b"y"));
        assert_eq!(text(&mut console, 16).await, b"panic in the sky", "{round}");
        down(&mut console).await;
    }
}

#[tokio::test]
async fn a_unix_socket_carries_bare_bytes_and_no_break() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ca1.sock");
    let mut console = Console::open(Address::Unix(path.clone()), quick());
    let (_, why) = down(&mut console).await;
    assert_eq!(why, format!("no socket at {}", path.display()));
    let listener = UnixListener::bind(&path).unwrap();
    let mut peer = within(listener.accept()).await.unwrap().0;
    let epoch = up(&mut console).await;
    peer.write_all(b"\xff\xfb\x01").await.unwrap();
    assert_eq!(text(&mut console, 3).await, b"\xff\xfb\x01");
    console.order(Order::Break { epoch });
    console.order(typed(epoch, b"\xff\r"));
    assert_eq!(read(&mut peer, 2).await, b"\xff\r");
    assert_eq!(console.dropped_orders(), 1);
}

#[tokio::test]
async fn dropping_a_console_ends_its_link() {
    let (listener, at) = listen().await;
    let mut console = Console::open(telnet(at), quick());
    let mut peer = accept(&listener).await;
    up(&mut console).await;
    drop(console);
    let end = within(peer.read(&mut [0; 16])).await;
    assert!(matches!(end, Ok(0) | Err(_)), "{end:?}");
}

#[tokio::test]
async fn next_loses_nothing_when_it_is_cancelled() {
    let (listener, at) = listen().await;
    let mut console = Console::open(telnet(at), quick());
    let mut peer = accept(&listener).await;
    up(&mut console).await;
    let writer = tokio::spawn(async move {
        for n in 0..=255_u8 {
            let bytes = if n == 255 { vec![255, 255] } else { vec![n] };
            peer.write_all(&bytes).await.unwrap();
            tokio::task::yield_now().await;
        }
        peer
    });
    let mut all = Vec::new();
    while all.len() < 256 {
        tokio::select! {
            biased;
            () = tokio::task::yield_now() => {}
            said = console.next() => match said {
                Said::Bytes { bytes, .. } => all.extend(bytes),
                said => panic!("no bytes: {said:?}"),
            },
        }
    }
    // A NUL is left out behind a CR only, and 13 is followed by 14 here.
    assert_eq!(all, (0..=255).collect::<Vec<u8>>());
    drop(within(writer).await);
}

#[tokio::test]
async fn a_peer_is_asked_whether_it_lives_once_it_speaks_telnet() {
    let (listener, at) = listen().await;
    let settings = LinkSettings {
        keepalive_idle: Duration::from_millis(100),
        user_timeout: Duration::from_millis(500),
        set_line: Duration::from_millis(200),
        ..quick()
    };
    let mut console = Console::open(telnet(at), settings);
    let mut peer = accept(&listener).await;
    let epoch = up(&mut console).await;
    peer.write_all(b"hello").await.unwrap();
    text(&mut console, 5).await;
    console.order(typed(epoch, b"x"));
    assert_eq!(read(&mut peer, 1).await, b"x");
    peer.write_all(b"\xff\xfb\x01").await.unwrap();
    assert_eq!(read(&mut peer, 6).await, b"\xff\xfd\x01\xff\xfd\x06");
    // It has not answered, so its silence means nothing, and it is not asked again.
    assert!(
        timeout(Duration::from_secs(1), console.next())
            .await
            .is_err()
    );
    for answer in [b"\xff\xfc\x06", b"\xff\xfb\x06", b"\xff\xfc\x06"] {
        peer.write_all(answer).await.unwrap();
        assert_eq!(read(&mut peer, 3).await, b"\xff\xfd\x06");
    }
    let (_, why) = down(&mut console).await;
    let dead = format!("{at} is connected and its session no longer answers, for ");
    assert!(why.starts_with(&dead), "{why}");
    // Its kernel would accept for ever: the next connection is a link when something is said.
    let _silent = accept(&listener).await;
    let (_, why) = down(&mut console).await;
    assert!(why.contains("nothing answers behind it"), "{why}");
    let mut peer = accept(&listener).await;
    peer.write_all(b"\xff\xfb\x01").await.unwrap();
    assert_eq!(up(&mut console).await, epoch + 1);
}

/// Connections to `at` of this machine that the kernel is still making, by their own ports: a table
/// that changes while it is read may name one twice.
fn being_made(at: SocketAddr) -> BTreeSet<String> {
    const SYN_SENT: &str = "02";
    let remote = format!("{:08X}:{:04X}", 0x0100_007f, at.port());
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let rows = table.lines().filter_map(|row| {
        let mut row = row.split_whitespace().skip(1);
        let ours = row.next()?.to_owned();
        (row.next()? == remote && row.next()? == SYN_SENT).then_some(ours)
    });
    rows.collect()
}

#[tokio::test]
async fn a_server_that_comes_back_is_not_met_by_all_at_once() {
    // A listener whose queue is full keeps those waiting who want to come in.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(0).unwrap();
    let at = listener.local_addr().unwrap();
    let _first = TcpStream::connect(at).await.unwrap();
    let settings = LinkSettings {
        dialing: Dialing::new(5, 100),
        connect_timeout: LIMIT,
        ..quick()
    };
    let mut consoles: Vec<Console> = (0..20)
        .map(|_| Console::open(telnet(at), settings.clone()))
        .collect();
    within(async {
        while being_made(at).len() < 5 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    // The kernel gives them up after `user_timeout`, and its table is slow to read.
    let end = Instant::now() + Duration::from_secs(2);
    while Instant::now() < end {
        let made = being_made(at);
        assert_eq!(made.len(), 5, "{made:?}");
        tokio::task::yield_now().await;
    }
    let mut peers = vec![accept(&listener).await];
    let accepting = async {
        loop {
            peers.push(accept(&listener).await);
            assert!(being_made(at).len() <= 5);
        }
    };
    let all_up = async {
        for console in &mut consoles {
            up(console).await;
        }
    };
    tokio::select! {
        () = within(all_up) => {}
        () = accepting => {}
    }
}

/// Without the part of the runtime that waits for sockets each connection ends in a panic, as looking up a
/// name does with no thread to be had.
#[test]
fn a_link_that_panics_says_so_and_is_dialled_again() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    listener.set_nonblocking(true).unwrap();
    runtime.block_on(async {
        let mut console = Console::open(telnet(at), quick());
        let (_, why) = down(&mut console).await;
        assert!(why.contains("its task in this program has failed"), "{why}");
        let mut dialled = 0;
        within(async {
            while dialled < 3 {
                dialled += usize::from(listener.accept().is_ok());
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
        .await;
    });
}
