//! Is a service there? A TCP connection, made and closed again.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use nix::errno::Errno;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::{ProbeError, Target};

/// Connects to `addr` and closes the connection; gives the time until it stood.
///
/// # Errors
/// [`ProbeError::Silent`] if the target refused, reset, was reported unreachable as a host,
/// or did not answer `within` the time; [`ProbeError::Trouble`] if the fault is our own: no
/// route or network, no permission, no descriptors or ports left.
pub async fn tcp_probe(addr: SocketAddr, within: Duration) -> Result<Duration, ProbeError> {
    let target = Target::Tcp(addr);
    let start = Instant::now();
    let silent = |why: String| ProbeError::Silent { target, why };
    match timeout(within, TcpStream::connect(addr)).await {
        Err(_) => Err(silent(format!("no answer within {within:?}"))),
        Ok(Err(err)) if is_targets_fault(&err) => Err(silent(err.to_string())),
        Ok(Err(err)) => Err(ProbeError::Trouble {
            target,
            why: err.to_string(),
        }),
        Ok(Ok(stream)) if is_ourselves(&stream) => {
            Err(silent("the connection met itself".to_owned()))
        }
        Ok(Ok(_)) if start.elapsed() > within => Err(silent("too late an answer".to_owned())),
        Ok(Ok(_)) => Ok(start.elapsed()),
    }
}

fn is_targets_fault(err: &io::Error) -> bool {
    let Some(errno) = err.raw_os_error() else {
        return false;
    };
    matches!(
        Errno::from_raw(errno),
        Errno::ECONNREFUSED
            | Errno::ECONNRESET
            | Errno::ECONNABORTED
            | Errno::ETIMEDOUT
            | Errno::EHOSTUNREACH
            | Errno::EHOSTDOWN
    )
}

/// A connection to an ephemeral port of this very host can take that port as its own and
/// meet itself: TCP's simultaneous open (RFC 9293, 3.5).
fn is_ourselves(stream: &TcpStream) -> bool {
    match (stream.local_addr(), stream.peer_addr()) {
        (Ok(local), Ok(peer)) => local == peer,
        _ => false,
    }
}
