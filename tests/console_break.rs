//! BREAK and line discipline over a real socket: kinds tried in turn, talks that are answered or not,
//! order with bytes, pace, parity.

use std::time::Duration;

use clusterd::config::ConsoleSpec;
use clusterd::config::console::{BreakKind, Newline, Parity};
use clusterd::console::{Console, LinkSettings, Order, Said};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, timeout};

const LIMIT: Duration = Duration::from_secs(20);

async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(LIMIT, future)
        .await
        .expect("nothing happened in 20 s")
}

/// A console whose far end the test holds in its hands.
struct Bench {
    console: Console,
    epoch: u64,
    far: TcpStream,
}

impl Bench {
    async fn new(scheme: &str, set: impl FnOnce(&mut ConsoleSpec)) -> Bench {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("{scheme}://{}", listener.local_addr().unwrap());
        let mut spec = ConsoleSpec::usual(address.parse().unwrap());
        set(&mut spec);
        let mut console = Console::of(spec, LinkSettings::default());
        let (far, _) = within(listener.accept()).await.unwrap();
        let Said::Up { epoch } = within(console.next()).await else {
            panic!("the link does not come up");
        };
        Bench {
            console,
            epoch,
            far,
        }
    }

    fn types(&self, text: &str) {
        let (epoch, bytes) = (self.epoch, text.as_bytes().to_vec());
        self.console.order(Order::Type { epoch, bytes });
    }

    fn breaks(&self) {
        self.console.order(Order::Break { epoch: self.epoch });
    }

    /// What arrives at the far end, as long as it is not all of `wanted`.
    async fn arrives(&mut self, wanted: &[u8]) {
        let mut got = vec![0; wanted.len()];
        within(self.far.read_exact(&mut got)).await.unwrap();
        assert_eq!(got, wanted, "{:?}", got.escape_ascii().to_string());
    }

    /// How the next BREAK went.
    async fn broke(&mut self) -> (String, bool) {
        loop {
            if let Said::Broke { broke, .. } = within(self.console.next()).await {
                return (broke.kind, broke.sent);
            }
        }
    }
}

fn kinds(texts: &[&str]) -> Vec<BreakKind> {
    let parse = |text: &&str| BreakKind::parse(text).unwrap();
    texts.iter().map(parse).collect()
}

#[tokio::test]
async fn a_break_keeps_its_place_among_bytes() {
    let mut bench = Bench::new("telnet", |_| {}).await;
    bench.types("a");
    bench.breaks();
    bench.types("b\u{ff}");
    bench.breaks();
    bench.arrives(b"a\xff\xf3b\xc3\xbf\xff\xf3").await;
    assert_eq!(bench.broke().await, ("telnet".to_owned(), true));
}

#[tokio::test]
async fn the_next_kind_is_tried_until_one_was_seen_to_work() {
    let list = kinds(&["telnet", "type \"~B\"", "type \"!!\""]);
    let mut bench = Bench::new("telnet", |spec| spec.breaks = list).await;
    for _ in 0..2 {
        bench.breaks();
    }
    bench.arrives(b"\xff\xf3~B").await;
    bench.console.break_worked();
    bench.breaks();
    bench.breaks();
    bench.arrives(b"~B~B").await;
}

#[tokio::test]
async fn a_talk_waits_for_its_answers_and_nothing_is_typed_between() {
    let list = kinds(&[
        "type \"#.\" await \"sc>\" 10s type \"break -y\\r\" await \"sc>\" 10s type \"console -f\\r\"",
    ]);
    let mut bench = Bench::new("tcp", |spec| spec.breaks = list).await;
    bench.breaks();
    bench.types("printenv\r");
    bench.arrives(b"#.").await;
    // The answer comes in pieces, with its beginning twice.
    bench.far.write_all(b"\r\nss").await.unwrap();
    bench.far.write_all(b"c> ").await.unwrap();
    bench.arrives(b"break -y\r").await;
    bench.far.write_all(b"break -y\r\nsc> ").await.unwrap();
    bench.arrives(b"console -f\rprintenv\r").await;
    // What stands between spoke; the node said nothing.
    let Said::Aside { bytes, .. } = within(bench.console.next()).await else {
        panic!("the talk was taken for the node");
    };
    assert_eq!(bytes, b"\r\nssc> break -y\r\nsc>");
    let Said::Bytes { bytes, .. } = within(bench.console.next()).await else {
        panic!("nothing of the node");
    };
    assert_eq!(bytes, b" ");
    assert!(bench.broke().await.1);
}

#[tokio::test]
async fn a_talk_without_an_answer_is_given_up_and_said_so() {
    let list = kinds(&["type \"#.\" await \"sc>\" 200ms type \"break -y\\r\""]);
    let mut bench = Bench::new("tcp", |spec| spec.breaks = list).await;
    bench.breaks();
    bench.types("x");
    bench.arrives(b"#.x").await;
    let (kind, sent) = bench.broke().await;
    assert!(kind.contains("await \"sc>\""), "{kind}");
    assert!(!sent);
}

#[tokio::test]
async fn a_console_without_a_break_says_so() {
    let mut bench = Bench::new("tcp", |_| {}).await;
    bench.breaks();
    assert_eq!(bench.broke().await, ("none".to_owned(), false));
    assert_eq!(bench.console.dropped_orders(), 1);
}

#[tokio::test]
async fn slow_lines_get_their_characters_one_by_one() {
    let pace = Duration::from_millis(20);
    let mut bench = Bench::new("tcp", |spec| spec.discipline.pace = pace).await;
    let began = Instant::now();
    bench.types("0123456789");
    bench.arrives(b"0123456789").await;
    // Nine pauses at the least stand between ten characters.
    assert!(began.elapsed() >= pace * 9, "{:?}", began.elapsed());
}

#[tokio::test]
async fn seven_bits_with_parity_over_an_eight_bit_road() {
    let mut bench = Bench::new("tcp", |spec| {
        spec.discipline.parity = Parity::Even;
        spec.discipline.newline = Newline::CrLf;
    })
    .await;
    bench.types("AC\r");
    bench.arrives(&[0x41, 0xc3, 0x8d, 0x0a]).await;
    bench.far.write_all(&[0x6f, 0xeb, 0xa0]).await.unwrap();
    let Said::Bytes { bytes, .. } = within(bench.console.next()).await else {
        panic!("no bytes");
    };
    assert_eq!(bytes, b"ok ");
}
