//! The channel of a session as a stream of bytes. Its end is an error that says what ended it:
//! the command there, the server, or nobody who answers.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use russh::client::Msg;
use russh::{Channel, ChannelMsg, ChannelReadHalf, Sig};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::leash::Leash;
use crate::clock::Span;
use crate::console::wire::LastWords;

/// How long the server may take to say what ended the command, behind the end of its output.
const STATUS_WITHIN: Duration = Duration::from_secs(1);

/// Why the server ended the connection, once it did.
#[derive(Clone, Default)]
pub(super) struct Ending(Arc<Mutex<Option<String>>>);

impl Ending {
    pub(super) fn set(&self, why: String) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
    }

    pub(super) fn get(&self) -> Option<String> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// The half that is read, and what it said next.
type Next = Pin<Box<dyn Future<Output = (ChannelReadHalf, Option<ChannelMsg>)> + Send>>;

/// A shell or a command on a server. Dropping it closes the connection, at once.
pub(super) struct SshStream {
    next: Next,
    writer: Pin<Box<dyn AsyncWrite + Send>>,
    /// What came and was not read yet, from `taken` on.
    came: Vec<u8>,
    taken: usize,
    /// `the shell` or `the command`.
    what: &'static str,
    peer: String,
    /// How the command ended, in words.
    status: Option<String>,
    ending: Ending,
    /// When its output had ended.
    output_over: Option<Instant>,
    /// Time without a byte of the server after which it is taken for dead: it is asked before.
    patience: Duration,
    timer: Pin<Box<Sleep>>,
    leash: Leash,
}

/// What a stream is made of besides its channel.
pub(super) struct Parts {
    pub(super) what: &'static str,
    pub(super) peer: String,
    pub(super) ending: Ending,
    pub(super) patience: Duration,
    pub(super) leash: Leash,
    /// What the channel said before it was known to be open.
    pub(super) early: Vec<ChannelMsg>,
}

impl SshStream {
    pub(super) fn new(channel: Channel<Msg>, parts: Parts) -> SshStream {
        let (reader, writer) = channel.split();
        let mut stream = SshStream {
            next: next(reader),
            writer: Box::pin(writer.make_writer()),
            came: Vec::new(),
            taken: 0,
            what: parts.what,
            peer: parts.peer,
            status: None,
            ending: parts.ending,
            output_over: None,
            patience: parts.patience,
            timer: Box::pin(sleep_until(parts.leash.heard() + parts.patience)),
            leash: parts.leash,
        };
        for message in parts.early {
            stream.take(message);
        }
        stream
    }

    /// Takes what the channel says; true at its end.
    fn take(&mut self, message: ChannelMsg) -> bool {
        match message {
            // What a command without a terminal says of its errors is for the operator too.
            ChannelMsg::Data { data } | ChannelMsg::ExtendedData { data, .. } => {
                self.came.extend_from_slice(&data);
            }
            ChannelMsg::ExitStatus { exit_status } => {
                self.status = Some(format!("ended with exit status {exit_status}"));
            }
            ChannelMsg::ExitSignal { signal_name, .. } => {
                self.status = Some(format!("was ended by signal {}", name_of(&signal_name)));
            }
            ChannelMsg::Eof => {
                let over = Instant::now() + STATUS_WITHIN;
                self.output_over = Some(over);
                self.timer.as_mut().reset(over);
            }
            ChannelMsg::Close => return true,
            _ => {}
        }
        false
    }

    /// What ended it, once nothing more can come.
    fn last_words(&self) -> io::Error {
        let (what, peer) = (self.what, &self.peer);
        let why = match (&self.status, self.ending.get()) {
            (Some(status), _) => format!("closed by {peer}: {what} there {status}"),
            (None, Some(ending)) => ending,
            (None, None) => format!("closed by {peer}: {what} there ended"),
        };
        LastWords(why).into()
    }

    /// Waits as long as the server may be silent.
    fn poll_silence(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        while self.timer.as_mut().poll(context).is_ready() {
            if self.output_over.is_some() {
                return Poll::Ready(self.last_words());
            }
            let heard = self.leash.heard();
            if heard.elapsed() >= self.patience {
                let (peer, silent) = (&self.peer, Span(heard.elapsed()));
                let why = format!(
                    "{peer} no longer answers, for {silent} now: the server, its session or the way to it is dead"
                );
                return Poll::Ready(LastWords(why).into());
            }
            self.timer.as_mut().reset(heard + self.patience);
        }
        Poll::Pending
    }
}

/// A future that owns what it waits on: it can be kept while nobody polls it.
fn next(mut reader: ChannelReadHalf) -> Next {
    Box::pin(async move {
        let message = reader.wait().await;
        (reader, message)
    })
}

fn name_of(signal: &Sig) -> String {
    match signal {
        Sig::Custom(name) => name.escape_debug().to_string(),
        signal => format!("{signal:?}"),
    }
}

impl AsyncRead for SshStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        while this.taken == this.came.len() {
            // An idle console holds no memory for what it said once.
            this.came = Vec::new();
            this.taken = 0;
            let Poll::Ready((reader, message)) = this.next.as_mut().poll(context) else {
                return this.poll_silence(context).map(Err);
            };
            this.next = next(reader);
            if message.is_none_or(|message| this.take(message)) {
                return Poll::Ready(Err(this.last_words()));
            }
        }
        let left = &this.came[this.taken..];
        let count = left.len().min(buffer.remaining());
        buffer.put_slice(&left[..count]);
        this.taken += count;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for SshStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.writer.as_mut().poll_write(context, bytes) {
            // The session is over: whoever reads learns why.
            Poll::Ready(Err(_)) => Poll::Pending,
            poll => poll,
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writer.as_mut().poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writer.as_mut().poll_shutdown(context)
    }
}
