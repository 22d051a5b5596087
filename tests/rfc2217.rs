//! Our RFC 2217 client against Debian's ser2net, over a PTY and over a further terminal server.
//! `cargo test --test rfc2217 -- --ignored` runs it where ser2net is installed.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::process::{Child, Command};
use std::time::Duration;

use clusterd::console::{Address, Console, LinkSettings, Order, Said};
use nix::pty::{OpenptyResult, openpty};
use nix::sys::signal::{Signal, kill};
use nix::sys::termios::{
    BaudRate, ControlFlags, SetArg, cfgetospeed, cfmakeraw, tcgetattr, tcsetattr,
};
use nix::unistd::{Pid, ttyname};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(30);

const DO_COM_PORT: [u8; 3] = [0xff, 0xfd, 44];
const WILL_COM_PORT: [u8; 3] = [0xff, 0xfb, 44];

/// A ser2net with one RFC 2217 port before `connector`; it ends with its owner.
struct Ser2net {
    child: Child,
    port: SocketAddr,
    _dir: tempfile::TempDir,
}

impl Ser2net {
    async fn before(connector: &str) -> Ser2net {
        Ser2net::with("telnet(rfc2217)", connector).await
    }

    async fn with(accepter: &str, connector: &str) -> Ser2net {
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = free.local_addr().unwrap();
        drop(free);
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("ser2net.yaml");
        let lines = [
            "%YAML 1.1".to_owned(),
            "---".to_owned(),
            "connection: &console".to_owned(),
            format!("  accepter: {accepter},tcp,127.0.0.1,{}", port.port()),
            format!("  connector: {connector}"),
        ];
        std::fs::write(&file, lines.join("\n") + "\n").unwrap();
        let mut command = Command::new("ser2net");
        command.args(["-n", "-u", "-c"]).arg(&file);
        let child = command.spawn().expect("ser2net is installed");
        Ser2net {
            child,
            port,
            _dir: dir,
        }
    }

    /// Its console, as it says itself.
    fn console(&self, scheme: &str, line: &str, settings: LinkSettings) -> Console {
        let address: Address = format!("{scheme}://{}{line}", self.port).parse().unwrap();
        Console::open(address, settings)
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).unwrap();
    }
}

impl Drop for Ser2net {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(LIMIT, future)
        .await
        .expect("nothing happened in 30 s")
}

/// Waits for the link: ser2net takes a moment to start, which is a refusal or two.
async fn up(console: &mut Console) -> u64 {
    loop {
        match within(console.next()).await {
            Said::Up { epoch } => return epoch,
            Said::Down { why, .. } => assert!(why.contains("refused"), "{why}"),
            said => panic!("{said:?}"),
        }
    }
}

/// Why the link is lost, or does not come up: a server that has not started yet is no reason.
async fn down(console: &mut Console) -> String {
    loop {
        match within(console.next()).await {
            Said::Down { why, .. } if why.starts_with("connection refused") => {}
            Said::Down { why, .. } => return why,
            said => panic!("{said:?}"),
        }
    }
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

/// A raw PTY, and the connector of ser2net that opens its slave.
fn line() -> (OpenptyResult, String) {
    let pty = openpty(None, None).unwrap();
    let mut modes = tcgetattr(&pty.slave).unwrap();
    cfmakeraw(&mut modes);
    tcsetattr(&pty.slave, SetArg::TCSANOW, &modes).unwrap();
    let name = ttyname(&pty.slave).unwrap();
    let connector = format!("serialdev,{},9600n81,local", name.display());
    (pty, connector)
}

fn speed(line: &OwnedFd) -> BaudRate {
    cfgetospeed(&tcgetattr(line).unwrap())
}

#[tokio::test]
#[ignore = "needs ser2net"]
async fn the_line_is_set_before_the_first_byte_is_typed() {
    let (pty, connector) = line();
    let server = Ser2net::before(&connector).await;
    let settings = LinkSettings::default();
    let mut console = server.console("rfc2217", "?speed=38400&stop=2&flow=software", settings);
    let epoch = up(&mut console).await;
    assert_eq!(speed(&pty.slave), BaudRate::B38400);
    let flags = tcgetattr(&pty.slave).unwrap().control_flags;
    assert!(flags.contains(ControlFlags::CSTOPB));

    let mut node = File::from_std(std::fs::File::from(pty.master));
    let mut sent: Vec<u8> = (0..=255)
        .filter(|byte| !matches!(byte, 0x11 | 0x13))
        .collect();
    sent.extend_from_slice(b"\xff\xff\xf0\xff\xfa\x2c\r\n\r\r\0ok \xff");
    let bytes = sent.clone();
    console.order(Order::Type { epoch, bytes });
    let mut typed = vec![0; sent.len()];
    within(node.read_exact(&mut typed)).await.unwrap();
    assert_eq!(typed, sent);
    node.write_all(&sent).await.unwrap();
    node.flush().await.unwrap();
    assert_eq!(text(&mut console, sent.len()).await, sent);
}
