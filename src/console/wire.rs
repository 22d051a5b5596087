//! The stream under a link: dialled, with its socket options set, and its errors in words for an
//! operator.

use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::task::{Poll, ready};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadHalf, WriteHalf, split};
use tokio::net::{TcpSocket, TcpStream, UnixStream, lookup_host};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, timeout, timeout_at};

use super::dialing::Turn;
use super::{Address, LinkSettings, exec, serial, ssh};
use crate::clock::Span;
use crate::config::ConsoleSpec;

/// What the kernel may hold of our typing, bytes (Linux doubles it for its own needs). A small
/// buffer makes a peer that does not read show itself early.
const SEND_BUFFER: usize = 8 << 10;

/// How often what a line has of a carrier is looked at.
const CARRIER_EVERY: Duration = Duration::from_millis(500);

/// How often it is looked whether what was typed before a BREAK has left.
const DRAINED: Duration = Duration::from_millis(5);

/// A line that can be held, which is what a BREAK is on it.
pub(super) trait HeldLine: Send {
    /// Holds the line, or lets it go.
    fn hold(&self, hold: bool) -> io::Result<()>;

    /// Bytes that were typed and wait here for the line.
    fn unsent(&self) -> io::Result<u32> {
        Ok(0)
    }
}

/// What a line has of a carrier.
pub(super) trait CarrierPins: Send {
    /// Whether there is a carrier now; an error where the line has no such pins, or none any more.
    fn present(&mut self) -> io::Result<bool>;
}

/// Anything bytes go through.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A connection, and what to call its other end. It closes when both halves are dropped.
pub(super) struct Wire {
    pub(super) reader: ReadHalf<Box<dyn Stream>>,
    pub(super) writer: WriteHalf<Box<dyn Stream>>,
    pub(super) peer: Box<str>,
    /// What the line under the stream tells of its carrier.
    pub(super) carrier: Carrier,
    /// The line under the stream, if it can be held.
    line: Option<Box<Line>>,
}

/// A line that can be held, as it is now.
struct Line {
    end: Box<dyn HeldLine>,
    held: bool,
    /// How many bytes a BREAK waits for, and since when it is so many.
    draining: Option<(u32, Instant)>,
}

/// News of a line's carrier, where the road has one.
#[derive(Default)]
pub(super) struct Carrier(Option<Box<Watched>>);

struct Watched {
    pins: Box<dyn CarrierPins>,
    every: Interval,
    present: bool,
}

impl Carrier {
    /// Looks at the pins now and then. A line that never had a carrier, as one of three wires,
    /// has no news.
    pub(super) fn watched(pins: Box<dyn CarrierPins>) -> Carrier {
        let mut every = interval(CARRIER_EVERY);
        every.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Carrier(Some(Box::new(Watched {
            pins,
            every,
            present: false,
        })))
    }

    /// The next change; for ever none where there is no such news. It is cancel safe.
    pub(super) fn next(&mut self) -> impl Future<Output = bool> {
        // A poll, for every link keeps room for what it waits with.
        poll_fn(|context| {
            while let Some(watched) = &mut self.0 {
                ready!(watched.every.poll_tick(context));
                match watched.pins.present() {
                    Ok(present) if present != watched.present => {
                        watched.present = present;
                        return Poll::Ready(present);
                    }
                    Ok(_) => {}
                    Err(_) => self.0 = None,
                }
            }
            Poll::Pending
        })
    }
}

impl Wire {
    pub(super) fn new(stream: impl Stream + 'static, peer: String) -> Wire {
        let (reader, writer) = split(Box::new(stream) as Box<dyn Stream>);
        Wire {
            reader,
            writer,
            peer: peer.into_boxed_str(),
            carrier: Carrier::default(),
            line: None,
        }
    }

    /// With a line under the stream that can be held, and news of its carrier.
    pub(super) fn on_line(mut self, line: Box<dyn HeldLine>, carrier: Carrier) -> Wire {
        self.line = Some(Box::new(Line {
            end: line,
            held: false,
            draining: None,
        }));
        self.carrier = carrier;
        self
    }

    /// Holds the line under the stream, or lets it go. Before it is held, what was typed must have
    /// left: until then it is not held, and the time is returned after which to ask again. A line
    /// that takes nothing for `patience` is an error.
    pub(super) fn hold(&mut self, hold: bool, patience: Duration) -> io::Result<Option<Duration>> {
        let Some(line) = &mut self.line else {
            return Ok(None);
        };
        if hold {
            let unsent = line.end.unsent()?;
            if unsent > 0 {
                let now = Instant::now();
                let (least, since) = line.draining.get_or_insert((unsent, now));
                if unsent < *least {
                    (*least, *since) = (unsent, now);
                }
                if now.duration_since(*since) < patience {
                    return Ok(Some(DRAINED));
                }
                let (peer, patience) = (&self.peer, Span(patience));
                let why = format!("{peer} takes no bytes, for {patience} now");
                return Err(LastWords(why).into());
            }
            line.draining = None;
        }
        // What fails to be held may be held, and what fails to be let go is held: the drop tries.
        line.held |= hold;
        line.end.hold(hold)?;
        line.held = hold;
        Ok(None)
    }
}

/// A task that ends in the middle of a BREAK leaves no line held.
impl Drop for Wire {
    fn drop(&mut self) {
        if let Some(line) = &self.line
            && line.held
            && let Err(error) = line.end.hold(false)
        {
            tracing::error!(peer = self.peer, "cannot let the line go: {error}");
        }
    }
}

/// Connects to `address`, or says why not. The turn is over when the connection is made; of a command,
/// that shows later.
pub(super) async fn dial(
    spec: &ConsoleSpec,
    settings: &LinkSettings,
    turn: Turn,
) -> Result<Wire, String> {
    let deadline = Instant::now() + settings.connect_timeout;
    match &spec.at {
        Address::Telnet { host, port }
        | Address::Tcp { host, port }
        | Address::Rfc2217 { host, port, .. } => dial_tcp(host, *port, settings, deadline).await,
        Address::Unix(path) => dial_unix(path).await,
        Address::Serial { device, line } => serial::dial(device, *line).await,
        Address::Ssh { user, host, port } => {
            let Some(login) = &spec.ssh else {
                return Err("nothing is said of how to log in there".to_owned());
            };
            // In a box, for it is eight times as large as all others.
            Box::pin(ssh::dial((user, host, *port), login, settings, deadline)).await
        }
        Address::Exec(argv) => exec::dial(argv, turn, settings.log_in),
    }
}

async fn dial_tcp(
    host: &str,
    port: u16,
    settings: &LinkSettings,
    deadline: Instant,
) -> Result<Wire, String> {
    let (stream, peer) = reach(host, port, settings, deadline).await?;
    Ok(Wire::new(stream, peer))
}

/// Tries the addresses of `host` in turn, each with its share of the time that is left. It gives
/// the connection, and what to call its other end.
pub(super) async fn reach(
    host: &str,
    port: u16,
    settings: &LinkSettings,
    deadline: Instant,
) -> Result<(TcpStream, String), String> {
    let within = Span(settings.connect_timeout);
    let found = match timeout_at(deadline, lookup_host((host, port))).await {
        Ok(Ok(found)) => found.collect::<Vec<_>>(),
        Ok(Err(error)) => return Err(format!("cannot find the address of {host}: {error}")),
        Err(_) => {
            return Err(format!(
                "cannot find the address of {host}: no answer within {within}"
            ));
        }
    };
    let mut why = format!("cannot find the address of {host}: it has none");
    let mut left = u32::try_from(found.len()).unwrap_or(u32::MAX);
    for target in found {
        let peer = name_of(host, target);
        let share = deadline.saturating_duration_since(Instant::now()) / left;
        left -= 1;
        match timeout(share, connect(target, settings)).await {
            Ok(Ok(stream)) => return Ok((stream, peer)),
            Ok(Err(error)) => why = refused(&peer, &error),
            Err(_) => why = format!("no answer from {peer} within {within}"),
        }
    }
    Err(why)
}

async fn connect(target: SocketAddr, settings: &LinkSettings) -> io::Result<TcpStream> {
    let socket = match target {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // The kernel counts these in whole seconds, and takes no 0.
    let whole = |span: Duration| Duration::from_secs(span.as_secs().max(1));
    let keepalive = TcpKeepalive::new()
        .with_time(whole(settings.keepalive_idle))
        .with_interval(whole(settings.keepalive_interval))
        .with_retries(settings.keepalive_count);
    let options = SockRef::from(&socket);
    options.set_tcp_nodelay(true)?;
    options.set_tcp_keepalive(&keepalive)?;
    options.set_tcp_user_timeout(Some(settings.user_timeout))?;
    options.set_send_buffer_size(SEND_BUFFER)?;
    // A telnet server that is sent a BREAK may answer with a Synch (RFC 854), of which one byte is
    // urgent: out of line it would be missing, and the other be taken for what the node said.
    options.set_out_of_band_inline(true)?;
    // A close resets the connection: what the kernel still holds must not reach the node later,
    // when another link may be up.
    options.set_linger(Some(Duration::ZERO))?;
    let stream = socket.connect(target).await?;
    // On one machine a connection to a port that nobody listens on can meet itself.
    if stream.local_addr()? == stream.peer_addr()? {
        return Err(ErrorKind::ConnectionRefused.into());
    }
    Ok(stream)
}

async fn dial_unix(path: &Path) -> Result<Wire, String> {
    let peer = path.display().to_string();
    match UnixStream::connect(path).await {
        Ok(stream) => Ok(Wire::new(stream, peer)),
        Err(error) => Err(match error.kind() {
            ErrorKind::NotFound => format!("no socket at {peer}"),
            ErrorKind::ConnectionRefused => format!("connection refused: nobody listens at {peer}"),
            ErrorKind::WouldBlock => format!("port busy: {peer} takes no more connections"),
            _ => format!("cannot connect to {peer}: {error}"),
        }),
    }
}

/// Why a connection could not be made.
fn refused(peer: &str, error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::ConnectionRefused => format!("connection refused by {peer}"),
        ErrorKind::TimedOut => format!("no answer from {peer}"),
        ErrorKind::HostUnreachable => format!("no way to {peer}: the host cannot be reached"),
        ErrorKind::NetworkUnreachable => format!("no way to {peer}: its network cannot be reached"),
        ErrorKind::ConnectionReset => format!("connection reset by {peer}"),
        _ => format!("cannot connect to {peer}: {error}"),
    }
}

/// The end of a stream that can say itself, in words for an operator, what ended it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct LastWords(pub(super) String);

impl From<LastWords> for io::Error {
    fn from(words: LastWords) -> io::Error {
        io::Error::other(words)
    }
}

/// The words with which the stream ended, if it ended with any.
pub(super) fn last_words(error: &io::Error) -> Option<String> {
    let words = error.get_ref()?.downcast_ref::<LastWords>()?;
    Some(words.0.clone())
}

/// Why a connection that was there is lost.
pub(super) fn lost(peer: &str, error: &io::Error) -> String {
    if let Some(words) = last_words(error) {
        return words;
    }
    match error.kind() {
        ErrorKind::TimedOut => {
            format!("{peer} no longer answers: the terminal server or the way to it is dead")
        }
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => format!("connection reset by {peer}"),
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => {
            format!("{peer} no longer answers: {error}")
        }
        _ => format!("connection to {peer} lost: {error}"),
    }
}

/// `10.0.0.1:2001`, or `ts1:2001 (10.0.0.1)` where a name was written.
fn name_of(host: &str, target: SocketAddr) -> String {
    if host.parse::<IpAddr>().is_ok() {
        target.to_string()
    } else {
        format!("{host}:{} ({})", target.port(), target.ip())
    }
}
