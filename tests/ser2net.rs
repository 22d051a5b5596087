//! Our telnet client against Debian's ser2net, which many sites put before their serial ports.
//! `cargo test --test ser2net -- --ignored` runs it where ser2net is installed.

mod ser2net_support;

use std::time::Duration;

use clusterd::console::{Address, Console, LinkSettings, Order, Said};
use nix::pty::openpty;
use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};
use nix::unistd::ttyname;
use ser2net_support::Ser2net;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(20);

impl Ser2net {
    async fn before(connector: &str) -> Ser2net {
        Ser2net::with("telnet", connector).await
    }

    /// Its console, up: ser2net takes a moment to start, which is a refusal or two.
    async fn open(&self) -> (Console, u64) {
        let address: Address = format!("telnet://{}", self.port).parse().unwrap();
        let mut console = Console::open(address, LinkSettings::default());
        loop {
            match within(console.next()).await {
                Said::Up { epoch } => return (console, epoch),
                Said::Down { why, .. } => assert!(why.contains("refused"), "{why}"),
                said => panic!("{said:?}"),
            }
        }
    }
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(LIMIT, future)
        .await
        .expect("nothing happened in 20 s")
}

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

/// All bytes, with the pairs that telnet could spoil among them.
fn trying_bytes() -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..=255).collect();
    bytes.extend_from_slice(b"\xff\xff\xf3\xff\r\n\r\r\0ok \xff");
    bytes
}

#[tokio::test]
#[ignore = "needs ser2net"]
async fn all_bytes_go_through_a_serial_port_both_ways() {
    let pty = openpty(None, None).unwrap();
    let mut modes = tcgetattr(&pty.slave).unwrap();
    cfmakeraw(&mut modes);
    tcsetattr(&pty.slave, SetArg::TCSANOW, &modes).unwrap();
    let line = ttyname(&pty.slave).unwrap();
    let connector = format!("serialdev,{},9600n81,local", line.display());
    let server = Ser2net::before(&connector).await;
    let (mut console, epoch) = server.open().await;
    let mut node = File::from_std(std::fs::File::from(pty.master));
    let sent = trying_bytes();

    let bytes = sent.clone();
    console.order(Order::Type { epoch, bytes });
    let mut typed = vec![0; sent.len()];
    within(node.read_exact(&mut typed)).await.unwrap();
    assert_eq!(typed, sent);

    node.write_all(&sent).await.unwrap();
    node.flush().await.unwrap();
    assert_eq!(text(&mut console, sent.len()).await, sent);
}

/// A PTY swallows BREAK, so ser2net hands it on to a further terminal server, which is this test.
#[tokio::test]
#[ignore = "needs ser2net"]
async fn ser2net_understands_our_break() {
    const DO_COM_PORT: [u8; 3] = [0xff, 0xfd, 44];
    const WILL_COM_PORT: [u8; 3] = [0xff, 0xfb, 44];
    let next = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = next.local_addr().unwrap().port();
    let connector = format!("telnet(rfc2217=true),tcp,127.0.0.1,{port}");
    let server = Ser2net::before(&connector).await;
    let (console, epoch) = server.open().await;
    let (mut wire, _) = within(next.accept()).await.unwrap();
    let mut offer = [0; 3];
    within(wire.read_exact(&mut offer)).await.unwrap();
    assert_eq!(offer, WILL_COM_PORT);
    wire.write_all(&DO_COM_PORT).await.unwrap();

    for _ in 0..3 {
        let bytes = b"a\xff\r".to_vec();
        console.order(Order::Type { epoch, bytes });
        let mut got = [0; 4];
        within(wire.read_exact(&mut got)).await.unwrap();
        assert_eq!(&got, b"a\xff\xff\r");
        console.order(Order::Break { epoch });
        let mut got = [0; 2];
        within(wire.read_exact(&mut got)).await.unwrap();
        assert_eq!(&got, b"\xff\xf3");
    }
}

#[tokio::test]
#[ignore = "needs ser2net"]
async fn a_port_in_use_is_called_busy() {
    let next = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = next.local_addr().unwrap().port();
    let server = Ser2net::before(&format!("tcp,127.0.0.1,{port}")).await;
    let (_first, _) = server.open().await;
    let (mut second, _) = server.open().await;
    loop {
        if let Said::Down { why, .. } = within(second.next()).await {
            assert!(why.starts_with("port busy: "), "{why}");
            return;
        }
    }
}
