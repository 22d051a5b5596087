//! The socket under an SSH session. The session moves its bytes in a task of its own, which ends
//! when it likes; the socket is ours, and closes at the moment its owner drops it: what is left in
//! that task then has nowhere to go.

use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant;

/// The owner's end. Dropping it closes the socket.
pub(super) struct Leash(Arc<Mutex<Socket>>);

/// The session's end.
pub(super) struct Led(Arc<Mutex<Socket>>);

struct Socket {
    stream: Option<TcpStream>,
    /// When the server was last heard: any byte, also the answer to a keepalive.
    heard: Instant,
    reading: Option<Waker>,
    writing: Option<Waker>,
}

pub(super) fn leash(stream: TcpStream) -> (Leash, Led) {
    let socket = Arc::new(Mutex::new(Socket {
        stream: Some(stream),
        heard: Instant::now(),
        reading: None,
        writing: None,
    }));
    (Leash(Arc::clone(&socket)), Led(socket))
}

/// A panic while it was locked leaves the socket as usable as before.
fn lock(socket: &Mutex<Socket>) -> MutexGuard<'_, Socket> {
    socket.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Leash {
    pub(super) fn heard(&self) -> Instant {
        lock(&self.0).heard
    }
}

impl Drop for Leash {
    fn drop(&mut self) {
        let mut socket = lock(&self.0);
        socket.stream = None;
        let waiting = [socket.reading.take(), socket.writing.take()];
        drop(socket);
        for waker in waiting.into_iter().flatten() {
            waker.wake();
        }
    }
}

fn gone<T>() -> Poll<io::Result<T>> {
    Poll::Ready(Err(ErrorKind::ConnectionAborted.into()))
}

fn keep(slot: &mut Option<Waker>, waker: &Waker) {
    match slot {
        Some(kept) => kept.clone_from(waker),
        None => *slot = Some(waker.clone()),
    }
}

impl AsyncRead for Led {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut socket = lock(&self.0);
        let socket = &mut *socket;
        let Some(stream) = &mut socket.stream else {
            return gone();
        };
        let before = buffer.filled().len();
        let read = Pin::new(stream).poll_read(context, buffer);
        match read {
            Poll::Pending => keep(&mut socket.reading, context.waker()),
            Poll::Ready(_) if buffer.filled().len() > before => socket.heard = Instant::now(),
            Poll::Ready(_) => {}
        }
        read
    }
}

impl AsyncWrite for Led {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut socket = lock(&self.0);
        let socket = &mut *socket;
        let Some(stream) = &mut socket.stream else {
            return gone();
        };
        let written = Pin::new(stream).poll_write(context, bytes);
        if written.is_pending() {
            keep(&mut socket.writing, context.waker());
        }
        written
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut lock(&self.0).stream {
            Some(stream) => Pin::new(stream).poll_flush(context),
            None => gone(),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut lock(&self.0).stream {
            Some(stream) => Pin::new(stream).poll_shutdown(context),
            None => gone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn dropping_the_leash_closes_the_socket_under_a_task_that_reads() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (near, far) = tokio::join!(TcpStream::connect(address), listener.accept());
        let (leash, mut led) = leash(near.unwrap());
        let (mut far, _) = far.unwrap();
        let (heard, mut one) = (leash.heard(), [0]);
        far.write_all(b"x").await.unwrap();
        led.read_exact(&mut one).await.unwrap();
        assert!(leash.heard() > heard);
        let task = tokio::spawn(async move { led.read_u8().await.unwrap_err().kind() });
        tokio::task::yield_now().await;
        drop(leash);
        assert_eq!(far.read(&mut one).await.unwrap(), 0);
        assert_eq!(task.await.unwrap(), ErrorKind::ConnectionAborted);
    }
}
