//! BREAK on a line that records how it is held: whatever ends the link in the middle of one, the
//! line is let go.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use nix::pty::openpty;
use nix::unistd::ttyname;
use tokio_serial::{SerialPort, SerialStream};

use crate::config::ConsoleSpec;
use crate::config::console::{BreakKind, Flow, LineSettings, Parity};
use crate::console::wire::{Carrier, CarrierPins, HeldLine, Wire};
use crate::console::{Console, LinkSettings, Order, Said};

const LIMIT: Duration = Duration::from_secs(20);

/// Wires that wait to be dialled, by the device that is to be dialled.
static RECORDED: Mutex<BTreeMap<PathBuf, Wire>> = Mutex::new(BTreeMap::new());

/// The wire that a test has laid to `device`.
pub(super) fn recorded(device: &Path) -> Option<Wire> {
    RECORDED.lock().unwrap().remove(device)
}

/// A line that records when it is held and let go.
struct Recorder {
    held: mpsc::Sender<(bool, Instant)>,
    unsent: Arc<AtomicU32>,
}

impl HeldLine for Recorder {
    fn hold(&self, hold: bool) -> io::Result<()> {
        self.held.try_send((hold, Instant::now())).unwrap();
        Ok(())
    }

    fn unsent(&self) -> io::Result<u32> {
        Ok(self.unsent.load(Ordering::SeqCst))
    }
}

/// What the pins say next; after that there are none.
struct Pins(mpsc::Receiver<bool>);

impl CarrierPins for Pins {
    fn present(&mut self) -> io::Result<bool> {
        self.0.try_recv().map_err(io::Error::other)
    }
}

/// A console on a recording line, and what stands behind it.
struct Bench {
    console: Console,
    epoch: u64,
    node: DuplexStream,
    held: mpsc::Receiver<(bool, Instant)>,
    unsent: Arc<AtomicU32>,
}

impl Bench {
    async fn new(device: &str, kind: BreakKind, pins: &[bool]) -> Bench {
        let (ours, node) = duplex(1024);
        let (sender, held) = mpsc::channel(16);
        let (news, pins_say) = mpsc::channel(16);
        for present in pins {
            news.try_send(*present).unwrap();
        }
        let unsent = Arc::new(AtomicU32::new(0));
        let recorder = Recorder {
            held: sender,
            unsent: Arc::clone(&unsent),
        };
        let carrier = Carrier::watched(Box::new(Pins(pins_say)));
        let wire = Wire::new(ours, device.to_owned()).on_line(Box::new(recorder), carrier);
        RECORDED.lock().unwrap().insert(device.into(), wire);
        let mut spec = ConsoleSpec::usual(format!("serial:{device}").parse().unwrap());
        spec.breaks = vec![kind];
        let settings = LinkSettings {
            settle: Duration::from_millis(20),
            write_timeout: Duration::from_secs(1),
            ..LinkSettings::default()
        };
        let mut console = Console::of(spec, settings);
        let Said::Up { epoch } = within(console.next()).await else {
            panic!("not up");
        };
        Bench {
            console,
            epoch,
            node,
            held,
            unsent,
        }
    }

    fn break_it(&self) {
        let epoch = self.epoch;
        self.console.order(Order::Break { epoch });
    }
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(LIMIT, future)
        .await
        .expect("nothing happened in 20 s")
}

fn line(millis: u64) -> BreakKind {
    BreakKind::Line(Duration::from_millis(millis))
}

#[tokio::test]
async fn a_break_holds_the_line_for_its_time_between_the_bytes_around_it() {
    let mut bench = Bench::new("/recorded/length", line(120), &[]).await;
    let epoch = bench.epoch;
    bench.break_it();
    let bytes = b"go\r".to_vec();
    bench.console.order(Order::Type { epoch, bytes });
    let (hold, from) = within(bench.held.recv()).await.unwrap();
    let (still, until) = within(bench.held.recv()).await.unwrap();
    assert!(hold && !still);
    assert!(until - from >= Duration::from_millis(120));
    let mut typed = [0; 3];
    within(bench.node.read_exact(&mut typed)).await.unwrap();
    assert_eq!(&typed, b"go\r");
    let Said::Broke { broke, .. } = within(bench.console.next()).await else {
        panic!("the BREAK is not told");
    };
    assert!(broke.sent && broke.acknowledged.is_none());
    assert_eq!(broke.kind, "line 120ms");
}

#[tokio::test]
async fn a_task_that_is_cancelled_in_a_break_lets_the_line_go() {
    let mut bench = Bench::new("/recorded/cancelled", line(30_000), &[]).await;
    bench.break_it();
    assert!(within(bench.held.recv()).await.unwrap().0);
    drop(bench.console);
    assert!(!within(bench.held.recv()).await.unwrap().0);
    assert_eq!(within(bench.held.recv()).await, None);
}

#[tokio::test]
async fn a_link_that_is_lost_in_a_break_lets_the_line_go() {
    let mut bench = Bench::new("/recorded/lost", line(30_000), &[]).await;
    bench.break_it();
    assert!(within(bench.held.recv()).await.unwrap().0);
    drop(bench.node);
    assert!(!within(bench.held.recv()).await.unwrap().0);
}

#[tokio::test]
async fn what_was_typed_has_left_before_the_line_is_held() {
    let mut bench = Bench::new("/recorded/drained", line(20), &[]).await;
    bench.unsent.store(40, Ordering::SeqCst);
    bench.break_it();
    for left in (0..40).rev() {
        assert!(bench.held.try_recv().is_err(), "held with {left} unsent");
        tokio::time::sleep(Duration::from_millis(10)).await;
        bench.unsent.store(left, Ordering::SeqCst);
    }
    assert!(within(bench.held.recv()).await.unwrap().0);
    assert!(!within(bench.held.recv()).await.unwrap().0);
}

#[tokio::test]
async fn a_line_that_takes_nothing_is_told_and_not_held() {
    let mut bench = Bench::new("/recorded/stuck", line(20), &[]).await;
    bench.unsent.store(1, Ordering::SeqCst);
    bench.break_it();
    let Said::Down { why, .. } = within(bench.console.next()).await else {
        panic!("not down");
    };
    assert_eq!(why, "/recorded/stuck takes no bytes, for 1 s now");
    assert_eq!(within(bench.held.recv()).await, None);
}

/// A PTY keeps speed, stop bits and flow control as they are set; bits and parity it has none.
#[tokio::test]
async fn a_line_is_set_as_it_is_written() {
    let pty = openpty(None, None).unwrap();
    let name = ttyname(&pty.slave).unwrap();
    for (speed, stop, flow) in [
        (9600, 1, Flow::None),
        (300, 2, Flow::Software),
        (115_200, 1, Flow::Hardware),
        (250_000, 1, Flow::None),
    ] {
        let line = LineSettings {
            speed,
            bits: 7,
            parity: Parity::Even,
            stop,
            flow,
        };
        let stream = SerialStream::open(&super::builder(&name.display().to_string(), line));
        let stream = stream.unwrap();
        assert_eq!(stream.baud_rate().unwrap(), speed);
        assert_eq!(u8::from(stream.stop_bits().unwrap()), stop);
        let wanted = match flow {
            Flow::None => tokio_serial::FlowControl::None,
            Flow::Software => tokio_serial::FlowControl::Software,
            Flow::Hardware => tokio_serial::FlowControl::Hardware,
        };
        assert_eq!(stream.flow_control().unwrap(), wanted);
    }
}

#[tokio::test]
async fn a_carrier_is_told_when_it_changes() {
    let mut bench = Bench::new("/recorded/carrier", line(20), &[false, true, true, false]).await;
    for wanted in [true, false] {
        match within(bench.console.next()).await {
            Said::Carrier { present, .. } => assert_eq!(present, wanted),
            said => panic!("{said:?}"),
        }
    }
    // A line without pins goes on all the same.
    bench.node.write_all(b"ok ").await.unwrap();
    let said = within(bench.console.next()).await;
    assert!(matches!(said, Said::Bytes { .. }), "{said:?}");
}
