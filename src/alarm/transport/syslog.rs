//! Syslog: to a local socket as syslog(3) writes, by UDP (RFC 5426) or TCP (RFC 6587, octets counted) as
//! RFC 5424 has it.
//!
//! Syslog answers nothing: a message counts as taken when the kernel took it and, by TCP, when the other
//! side closed in good order after it.

use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket, UnixDatagram, UnixStream, lookup_host};
use tokio::time::timeout;

use super::{Carrier, Trouble, late};
use crate::alarm::message::{Kind, Message};
use crate::config::route::{Syslog, SyslogAt};
use crate::script::program::Severity;
use crate::store::utc_text;

/// How long a TCP receiver may take to close after the last byte.
const CLOSES: Duration = Duration::from_secs(2);

pub(super) async fn send(
    syslog: &Syslog,
    carrier: &Carrier,
    message: &Message,
    id: u64,
) -> Result<String, Trouble> {
    let priority = u32::from(syslog.facility) * 8 + severity(message);
    let sent = async {
        match &syslog.to {
            SyslogAt::Local(path) => {
                local(&carrier.home.join(path), &legacy(priority, message)).await
            }
            SyslogAt::Udp(host, port) => {
                let text = rfc5424(priority, carrier, message, id);
                udp(host, *port, text.as_bytes()).await
            }
            SyslogAt::Tcp(host, port) => {
                let text = rfc5424(priority, carrier, message, id);
                tcp(host, *port, format!("{} {text}", text.len()).as_bytes()).await
            }
        }
    };
    match timeout(carrier.within, sent).await {
        Ok(Ok(())) => Ok("taken; syslog answers nothing".to_owned()),
        Ok(Err(err)) => Err(Trouble::Unreachable(format!(
            "syslog at {}: {err}",
            place(&syslog.to)
        ))),
        Err(_) => Err(late(carrier.within)),
    }
}

fn place(to: &SyslogAt) -> String {
    match to {
        SyslogAt::Local(path) => path.clone(),
        SyslogAt::Udp(host, port) => format!("udp:{host}:{port}"),
        SyslogAt::Tcp(host, port) => format!("tcp:{host}:{port}"),
    }
}

/// RFC 5424, table 2.
pub(super) fn severity(message: &Message) -> u32 {
    match (message.kind, message.alarm.severity) {
        (Kind::Closed | Kind::Test, _) | (_, Severity::Notice) => 5,
        (_, Severity::Warning) => 4,
        (_, Severity::Critical) => 2,
    }
}

/// As syslog(3) writes it, without the time, which the daemon knows itself.
fn legacy(priority: u32, message: &Message) -> String {
    let pid = std::process::id();
    format!("<{priority}>clusterd[{pid}]: {}", message.subject())
}

/// RFC 5424, 6. The structured data's name carries the enterprise number of documentation, RFC 5612.
fn rfc5424(priority: u32, carrier: &Carrier, message: &Message, id: u64) -> String {
    let alarm = &message.alarm;
    let at = utc_text(SystemTime::now());
    let pairs = [
        ("id", id.to_string()),
        ("kind", message.kind.word().to_owned()),
        ("cluster", alarm.cluster.clone()),
        ("package", alarm.package.clone()),
        ("code", alarm.code.clone()),
        ("count", alarm.count.to_string()),
    ];
    let pairs: String = pairs
        .iter()
        .map(|(name, value)| format!(" {name}=\"{}\"", escaped(value)))
        .collect();
    let pid = std::process::id();
    let kind = message.kind.word();
    // The text is UTF-8, as its first three bytes say (6.4).
    format!(
        "<{priority}>1 {at} {} clusterd {pid} {kind} [clusterd@32473{pairs}] \u{feff}{}",
        carrier.host,
        message.subject()
    )
}

/// RFC 5424, 6.3.3.
fn escaped(value: &str) -> String {
    let mut text = String::new();
    for c in value.chars() {
        if matches!(c, '"' | '\\' | ']') {
            text.push('\\');
        }
        text.push(c);
    }
    text
}

async fn local(path: &Path, text: &str) -> io::Result<()> {
    let socket = UnixDatagram::unbound()?;
    match socket.connect(path) {
        Ok(()) => socket.send(text.as_bytes()).await.map(drop),
        // EPROTOTYPE: it is a stream; there a message ends with a NUL.
        Err(err) if err.raw_os_error() == Some(libc::EPROTOTYPE) => {
            let mut stream = UnixStream::connect(path).await?;
            stream.write_all(format!("{text}\0").as_bytes()).await?;
            stream.shutdown().await
        }
        Err(err) => Err(err),
    }
}

async fn udp(host: &str, port: u16, text: &[u8]) -> io::Result<()> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for to in lookup_host((host, port)).await? {
        let from = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let socket = UdpSocket::bind(from).await?;
        match socket.connect(to).await {
            Ok(()) => {
                socket.send(text).await?;
                // A closed port on this very machine, or an ICMP error that is quick, is told by the
                // next call.
                let refused = timeout(Duration::from_millis(50), socket.readable()).await;
                return match (refused, socket.take_error()?) {
                    (_, Some(err)) => Err(err),
                    _ => Ok(()),
                };
            }
            Err(err) => last = err,
        }
    }
    Err(last)
}

async fn tcp(host: &str, port: u16, text: &[u8]) -> io::Result<()> {
    let mut stream = TcpStream::connect((host, port)).await?;
    stream.write_all(text).await?;
    stream.shutdown().await?;
    // A receiver that is dead, or gone with the message unread, resets instead of closing.
    let mut rest = [0; 256];
    let closing = async {
        while stream.read(&mut rest).await? > 0 {}
        Ok(())
    };
    timeout(CLOSES, closing).await.unwrap_or(Ok(()))
}
