//! A serial port of this machine: its line set, held for a BREAK, its carrier watched; a port that
//! somebody else has is left alone; an adapter that is gone ends the link and is dialled again by
//! its name.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::libc::{O_NOCTTY, O_NONBLOCK};
use nix::unistd::{Gid, Group, isatty};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::spawn_blocking;
use tokio_serial::{
    ClearBuffer, DataBits, FlowControl, SerialPort, SerialPortBuilder, SerialStream, StopBits,
};

use super::wire::{Carrier, CarrierPins, HeldLine, LastWords, Wire};
use crate::config::console::{Flow, LineSettings, Parity};

mod holder;

/// Opens the port and sets its line.
pub(super) async fn dial(device: &Path, line: LineSettings) -> Result<Wire, String> {
    #[cfg(test)]
    if let Some(wire) = tests::recorded(device) {
        return Ok(wire);
    }
    let name = device.to_owned();
    // The look at who has the port reads all of /proc.
    let looked = spawn_blocking(move || look(&name)).await;
    looked.map_err(|error| error.to_string())??;
    let shown = device.display().to_string();
    let stream = SerialStream::open(&builder(&shown, line))
        .map_err(|error| format!("cannot set the line of {shown}: {error}"))?;
    let port = Port(Arc::new(Mutex::new(Open {
        stream,
        device: device.to_owned(),
    })));
    let carrier = Carrier::watched(Box::new(port.clone()));
    let held = Box::new(port.clone());
    Ok(Wire::new(port, shown).on_line(held, carrier))
}

fn builder(device: &str, line: LineSettings) -> SerialPortBuilder {
    tokio_serial::new(device, line.speed)
        .data_bits(match line.bits {
            5 => DataBits::Five,
            6 => DataBits::Six,
            7 => DataBits::Seven,
            _ => DataBits::Eight,
        })
        .parity(match line.parity {
            Parity::None => tokio_serial::Parity::None,
            Parity::Even => tokio_serial::Parity::Even,
            Parity::Odd => tokio_serial::Parity::Odd,
        })
        .stop_bits(match line.stop {
            2 => StopBits::Two,
            _ => StopBits::One,
        })
        .flow_control(match line.flow {
            Flow::None => FlowControl::None,
            Flow::Software => FlowControl::Software,
            Flow::Hardware => FlowControl::Hardware,
        })
}

/// Whether the port can be had; the error says why not. It is opened for that without waiting for
/// a carrier, and closed again.
fn look(device: &Path) -> Result<(), String> {
    let shown = device.display();
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    options.custom_flags(O_NOCTTY | O_NONBLOCK);
    let file = options
        .open(device)
        .map_err(|error| refused(device, &error))?;
    match isatty(&file) {
        Ok(true) => {}
        // A port whose UART the kernel only presumes (ttyS4 and on) can be opened and answers so.
        Err(Errno::EIO) => return Err(format!("there is no serial hardware behind {shown}")),
        Ok(false) | Err(_) => return Err(format!("{shown} is no serial port")),
    }
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(_) => {}
        Err((_, Errno::EWOULDBLOCK)) => return Err(busy(device)),
        Err((_, error)) => return Err(format!("cannot lock {shown}: {error}")),
    }
    // Programs that lock nothing (getty, screen) would take half of what the node says.
    match holder::others(device).is_empty() {
        true => Ok(()),
        false => Err(busy(device)),
    }
}

fn busy(device: &Path) -> String {
    let others = holder::others(device);
    let holders = match others.as_slice() {
        [] => "another console of this program, or one of a user whom we cannot see".to_owned(),
        some => some.join(" and "),
    };
    format!("port busy: {} is held by {holders}", device.display())
}

/// Why the port could not be opened.
fn refused(device: &Path, error: &io::Error) -> String {
    let shown = device.display();
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ENOENT) => format!("no device at {shown}: its adapter is not plugged in"),
        Some(Errno::EBUSY) => busy(device),
        Some(Errno::ENXIO | Errno::ENODEV | Errno::EIO) => {
            format!("there is no serial hardware behind {shown}")
        }
        Some(Errno::EACCES | Errno::EPERM) => {
            let group = fs::metadata(device)
                .ok()
                .and_then(|meta| Group::from_gid(Gid::from_raw(meta.gid())).ok().flatten())
                .map_or_else(
                    || "its group".to_owned(),
                    |group| format!("the group {}", group.name),
                );
            format!("this user may not open {shown}: make it a member of {group}")
        }
        _ => format!("cannot open {shown}: {error}"),
    }
}

/// The open port, shared by the stream, the BREAK and the look at the carrier; all three are the
/// link task's.
#[derive(Clone)]
struct Port(Arc<Mutex<Open>>);

struct Open {
    stream: SerialStream,
    device: PathBuf,
}

/// What was typed and has not left is thrown away: it was meant for this link only. Without that
/// the close would also wait until it has left.
impl Drop for Open {
    fn drop(&mut self) {
        // A device that is gone holds nothing back either.
        let _ = self.stream.clear(ClearBuffer::Output);
    }
}

impl Port {
    fn open(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    /// Why nothing more comes.
    fn ended(&self, error: Option<&io::Error>) -> io::Error {
        let shown = self.device.display();
        let why = match error {
            Some(error) if !gone(error) => format!("{shown}: {error}"),
            _ if fs::metadata(&self.device).is_err() => {
                format!("{shown} is gone: its adapter was unplugged")
            }
            _ => format!("{shown} hung up: its adapter was unplugged, or its other end is closed"),
        };
        LastWords(why).into()
    }
}

/// A device that was unplugged answers with one of these.
fn gone(error: &io::Error) -> bool {
    let number = error.raw_os_error().map(Errno::from_raw);
    matches!(
        number,
        Some(Errno::EIO | Errno::ENXIO | Errno::ENODEV | Errno::EBADF | Errno::EPIPE)
    )
}

impl AsyncRead for Port {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let open = &mut *self.open();
        let before = buffer.filled().len();
        let read = ready!(Pin::new(&mut open.stream).poll_read(context, buffer));
        Poll::Ready(match read {
            Ok(()) if buffer.filled().len() > before => Ok(()),
            Ok(()) => Err(open.ended(None)),
            Err(error) => Err(open.ended(Some(&error))),
        })
    }
}

impl AsyncWrite for Port {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let open = &mut *self.open();
        let written = ready!(Pin::new(&mut open.stream).poll_write(context, bytes));
        Poll::Ready(written.map_err(|error| open.ended(Some(&error))))
    }

    /// Written is written: to wait for the line would stop all else.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// `TIOCSBRK` waits in the kernel until all has left, for ever if the line takes nothing: who
/// holds asks for `unsent` first.
impl HeldLine for Port {
    fn hold(&self, hold: bool) -> io::Result<()> {
        let stream = &self.open().stream;
        let done = if hold {
            stream.set_break()
        } else {
            stream.clear_break()
        };
        Ok(done?)
    }

    fn unsent(&self) -> io::Result<u32> {
        Ok(self.open().stream.bytes_to_write()?)
    }
}

/// A machine that loses its power drops both pins; cables differ in which they carry.
impl CarrierPins for Port {
    fn present(&mut self) -> io::Result<bool> {
        let stream = &mut self.open().stream;
        Ok(stream.read_carrier_detect()? || stream.read_data_set_ready()?)
    }
}

#[cfg(test)]
mod tests;
