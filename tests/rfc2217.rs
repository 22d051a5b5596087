//! Our RFC 2217 client against Debian's ser2net, over a PTY and over a further terminal server.
//! `cargo test --test rfc2217 -- --ignored` runs it where ser2net is installed.

mod ser2net_support;

use std::os::fd::OwnedFd;
use std::time::Duration;

use clusterd::console::{Address, Console, LinkSettings, Order, Said};
use nix::pty::{OpenptyResult, openpty};
use nix::sys::signal::{Signal, kill};
use nix::sys::termios::{
    BaudRate, ControlFlags, SetArg, cfgetospeed, cfmakeraw, tcgetattr, tcsetattr,
};
use nix::unistd::{Pid, ttyname};
use ser2net_support::Ser2net;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(30);

const DO_COM_PORT: [u8; 3] = [0xff, 0xfd, 44];

impl Ser2net {
    async fn before(connector: &str) -> Ser2net {
        Ser2net::with("telnet(rfc2217)", connector).await
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

/// A terminal server that is this test: what it is told, and what it answers.
struct Far {
    wire: TcpStream,
    unread: Vec<u8>,
    speed: Vec<u8>,
}

/// What a client of RFC 2217 says: a command with its value, or typed bytes.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    Command(u8, Vec<u8>),
    Typed(Vec<u8>),
}

impl Far {
    async fn accept(listener: &TcpListener) -> Far {
        let (mut wire, _) = within(listener.accept()).await.unwrap();
        wire.write_all(&DO_COM_PORT).await.unwrap();
        Far {
            wire,
            unread: Vec::new(),
            speed: Vec::new(),
        }
    }

    /// The next command or typed bytes; negotiation is left out.
    async fn next(&mut self) -> Asked {
        loop {
            let bytes = &self.unread;
            let (taken, asked) = match bytes[..] {
                [0xff, 0xfa, 44, command, ..] => {
                    match bytes.windows(2).position(|end| end == [0xff, 0xf0]) {
                        Some(end) => (
                            end + 2,
                            Some(Asked::Command(command, bytes[4..end].to_vec())),
                        ),
                        None => (0, None),
                    }
                }
                [0xff, 0xfb..=0xfe, _, ..] => (3, None),
                [0xff, ..] | [] => (0, None),
                _ => {
                    let end = bytes
                        .iter()
                        .position(|&byte| byte == 0xff)
                        .unwrap_or(bytes.len());
                    (end, Some(Asked::Typed(bytes[..end].to_vec())))
                }
            };
            self.unread.drain(..taken);
            if let Some(asked) = asked {
                return asked;
            }
            if taken == 0 {
                let mut buffer = [0; 512];
                let count = within(self.wire.read(&mut buffer)).await.unwrap();
                assert!(count > 0, "the client closed");
                self.unread.extend_from_slice(&buffer[..count]);
            }
        }
    }

    async fn says(&mut self, what: u8, value: &[u8]) {
        let bytes = [&[0xff, 0xfa, 44, what + 100], value, &[0xff, 0xf0]].concat();
        self.wire.write_all(&bytes).await.unwrap();
    }

    /// What is asked next; a setting, or a question for the speed, is answered as it should be.
    async fn step(&mut self) -> Asked {
        let asked = self.next().await;
        match &asked {
            Asked::Command(1, value) => {
                if value[..] != [0; 4] {
                    self.speed.clone_from(value);
                }
                let speed = self.speed.clone();
                self.says(1, &speed).await;
            }
            Asked::Command(what @ 2..=5, value) => self.says(*what, value).await,
            _ => {}
        }
        asked
    }

    /// What is done next: ser2net asks how the line stands whenever it likes.
    async fn deed(&mut self) -> Asked {
        loop {
            match self.step().await {
                Asked::Command(1..=5, value) if value.iter().all(|&byte| byte == 0) => {}
                deed => return deed,
            }
        }
    }

    /// Answers all that is asked, until `last` was.
    async fn obeys_until(&mut self, last: &Asked) {
        while self.step().await != *last {}
    }

    /// Answers all that a new connection asks for: our client asks for the modem state last.
    async fn obeys(&mut self) {
        while !matches!(self.step().await, Asked::Command(11, _)) {}
    }
}

const BREAK_ON: u8 = 5;
const BREAK_OFF: u8 = 6;

fn control(value: u8) -> Asked {
    Asked::Command(5, vec![value])
}

async fn broke(console: &mut Console) -> Option<bool> {
    loop {
        match within(console.next()).await {
            Said::Broke { broke, .. } => {
                assert!(broke.sent);
                return broke.acknowledged;
            }
            Said::Bytes { .. } => {}
            said => panic!("{said:?}"),
        }
    }
}

/// A PTY has no BREAK, so ser2net hands it on to a further terminal server, which is this test.
#[tokio::test]
#[ignore = "needs ser2net"]
async fn ser2net_hands_our_break_on_and_its_acknowledgement_back() {
    let next = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = next.local_addr().unwrap().port();
    let connector = format!("telnet(rfc2217=true),tcp,127.0.0.1,{port}");
    let server = Ser2net::before(&connector).await;
    let mut console = server.console(
        "rfc2217",
        "?speed=19200&parity=even",
        LinkSettings::default(),
    );
    let mut far = Far::accept(&next).await;
    far.obeys_until(&control(1)).await;
    let epoch = up(&mut console).await;
    for typed in [&b"a"[..], b"b\r"] {
        let bytes = typed.to_vec();
        console.order(Order::Type { epoch, bytes });
        // ser2net hands a BREAK on at once, ahead of bytes that it has not passed on yet.
        while !matches!(far.step().await, Asked::Typed(bytes) if bytes == typed) {}
        console.order(Order::Break { epoch });
        let bytes = b"z".to_vec();
        console.order(Order::Type { epoch, bytes });
        while far.step().await != control(BREAK_ON) {}
        let on = std::time::Instant::now();
        assert_eq!(far.deed().await, control(BREAK_OFF));
        assert!(
            on.elapsed() > Duration::from_millis(200),
            "{:?}",
            on.elapsed()
        );
        assert_eq!(far.deed().await, Asked::Typed(b"z".to_vec()));
        assert_eq!(broke(&mut console).await, Some(true));
    }
}

#[tokio::test]
async fn a_break_is_ended_though_nobody_acknowledges_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let address: Address = format!("rfc2217://{at}").parse().unwrap();
    let mut console = Console::open(address, LinkSettings::default());
    let mut far = Far::accept(&listener).await;
    assert_eq!(far.step().await, control(BREAK_OFF));
    far.obeys().await;
    let epoch = up(&mut console).await;
    console.order(Order::Break { epoch });
    while far.next().await != control(BREAK_ON) {}
    assert_eq!(far.next().await, control(BREAK_OFF));
    far.says(5, &[BREAK_OFF]).await;
    assert_eq!(broke(&mut console).await, Some(false));

    // A link that dies in the middle: the next one ends the BREAK before it does anything else.
    console.order(Order::Break { epoch });
    while far.next().await != control(BREAK_ON) {}
    drop(far);
    down(&mut console).await;
    let mut far = Far::accept(&listener).await;
    assert_eq!(far.step().await, control(BREAK_OFF));
}

#[tokio::test]
async fn a_line_at_another_speed_is_no_link() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let address: Address = format!("rfc2217://{at}?speed=115200").parse().unwrap();
    let mut console = Console::open(address, LinkSettings::default());
    let mut far = Far::accept(&listener).await;
    loop {
        match far.next().await {
            Asked::Command(1, _) => break far.says(1, &[0, 0, 0x25, 0x80]).await,
            asked => assert!(!matches!(asked, Asked::Typed(_))),
        }
    }
    let why = down(&mut console).await;
    let wrong = "has its line at 9600 bit/s where 115200 bit/s was asked for";
    assert!(why.starts_with(&format!("{at} {wrong}")), "{why}");
}

#[tokio::test]
async fn a_server_that_answers_nothing_is_given_up_or_gone_on_with() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let address: Address = format!("rfc2217://{at}").parse().unwrap();
    let settings = LinkSettings {
        set_line: Duration::from_millis(500),
        ..LinkSettings::default()
    };
    let mut console = Console::open(address, settings);
    let silent = within(listener.accept()).await.unwrap();
    let why = down(&mut console).await;
    assert!(why.contains("has not agreed to set its line"), "{why}");
    drop(silent);
    // It agrees, and acknowledges no setting: nothing is typed before the time is over.
    let mut far = Far::accept(&listener).await;
    far.wire.write_all(b"login: ").await.unwrap();
    let epoch = up(&mut console).await;
    assert_eq!(text(&mut console, 7).await, b"login: ");
    let bytes = b"root\r".to_vec();
    console.order(Order::Type { epoch, bytes });
    while far.next().await != Asked::Typed(b"root\r".to_vec()) {}
}

#[tokio::test]
async fn a_lost_carrier_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let address: Address = format!("rfc2217://{at}").parse().unwrap();
    let mut console = Console::open(address, LinkSettings::default());
    let mut far = Far::accept(&listener).await;
    far.says(7, &[0xb0]).await;
    far.obeys().await;
    let epoch = up(&mut console).await;
    for present in [true, false, true] {
        if !present {
            far.says(7, &[0x1a]).await;
        } else if epoch > 0 {
            far.says(7, &[0xb0]).await;
        }
        let said = within(console.next()).await;
        assert_eq!(said, Said::Carrier { epoch, present });
    }
}

#[tokio::test]
#[ignore = "needs ser2net"]
async fn a_port_without_rfc_2217_is_told_as_such() {
    let (_pty, connector) = line();
    let server = Ser2net::with("telnet", &connector).await;
    let mut console = server.console("rfc2217", "", LinkSettings::default());
    let why = down(&mut console).await;
    assert!(why.contains("it refuses RFC 2217"), "{why}");
}

#[tokio::test]
#[ignore = "needs ser2net"]
async fn a_port_in_use_is_called_busy() {
    let (_pty, connector) = line();
    let server = Ser2net::before(&connector).await;
    let mut first = server.console("rfc2217", "", LinkSettings::default());
    up(&mut first).await;
    let mut second = server.console("rfc2217", "", LinkSettings::default());
    let why = down(&mut second).await;
    assert!(why.starts_with("port busy: "), "{why}");
}

/// A server whose program hangs has a kernel that answers: only its session can tell.
#[tokio::test]
#[ignore = "needs ser2net"]
async fn a_session_that_hangs_is_found_dead_and_comes_back() {
    for (scheme, accepter) in [("telnet", "telnet"), ("rfc2217", "telnet(rfc2217)")] {
        let (_pty, connector) = line();
        let server = Ser2net::with(accepter, &connector).await;
        let settings = LinkSettings {
            keepalive_idle: Duration::from_millis(300),
            user_timeout: Duration::from_secs(1),
            set_line: Duration::from_secs(1),
            ..LinkSettings::default()
        };
        let lost_after = settings.lost_after();
        let mut console = server.console(scheme, "", settings);
        let first = up(&mut console).await;
        // It is asked several times, and answers.
        let quiet = timeout(2 * lost_after, console.next()).await;
        assert!(quiet.is_err(), "{quiet:?}");
        server.signal(Signal::SIGSTOP);
        let stopped = std::time::Instant::now();
        let why = down(&mut console).await;
        assert!(why.contains("its session no longer answers"), "{why}");
        assert!(
            stopped.elapsed() < 2 * lost_after,
            "{:?}",
            stopped.elapsed()
        );
        println!("{scheme}: found after {:?}", stopped.elapsed());
        // The kernel still takes connections: they are no links.
        let why = down(&mut console).await;
        assert!(
            why.contains("accepts the connection and nothing answers behind it"),
            "{why}"
        );
        server.signal(Signal::SIGCONT);
        assert_eq!(up(&mut console).await, first + 1);
    }
}
