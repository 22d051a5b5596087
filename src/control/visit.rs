//! A visitor's connection to a console, after their `attach` was granted: wishes in, through a
//! bounded channel; what they see out, through a queue that drops its oldest output. Neither
//! ever keeps a cluster's task waiting.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{Notify, mpsc};
use tokio::time::{sleep, timeout};

use super::frame::{Frames, PAYLOAD, Seen, Wish};
use super::limits;

/// Output that waits for a slow visitor, bytes.
const OUTPUT: usize = 64 << 10;
/// Notes and other small things that wait for one.
const NOTES: usize = 256;
/// A person's bytes are passed on no faster than one in this time, some 2000 a second: a pasted
/// file must not fill the queue of a console's orders.
const PACE: Duration = Duration::from_micros(500);
/// And in pieces of at most so many.
const PIECE: usize = 256;
/// Other wishes are passed on no faster than one in this time: who may only look on must not keep
/// a cluster's task busy.
const WISH_PACE: Duration = Duration::from_millis(10);

/// A visit that was granted.
#[derive(Debug)]
pub struct Visit {
    /// Its number in the cluster's task.
    pub id: u64,
    /// Where its wishes go.
    pub wishes: mpsc::Sender<(u64, Wish)>,
    /// What is to be shown.
    pub outbox: Arc<Outbox>,
}

/// What a visitor is to be shown, oldest first.
#[derive(Debug, Default)]
pub struct Outbox {
    queue: Mutex<Queue>,
    news: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Seen>,
    /// Bytes of output among them.
    output: usize,
    /// Output that was dropped before the first of them.
    lost: u64,
    closed: bool,
}

impl Outbox {
    /// The console said this. What does not fit drops the oldest output, which is counted.
    pub fn output(&self, bytes: &[u8]) {
        let mut queue = self.queue();
        for piece in bytes.chunks(PAYLOAD) {
            queue.output += piece.len();
            match queue.waiting.back_mut() {
                Some(Seen::Output(last)) if last.len() + piece.len() <= PAYLOAD => {
                    last.extend_from_slice(piece);
                }
                _ => queue.waiting.push_back(Seen::Output(piece.to_vec())),
            }
        }
        while queue.output > OUTPUT {
            let oldest = |seen: &Seen| matches!(seen, Seen::Output(_));
            let Some(at) = queue.waiting.iter().position(oldest) else {
                break;
            };
            if let Some(Seen::Output(bytes)) = queue.waiting.remove(at) {
                queue.output -= bytes.len();
                queue.lost += bytes.len() as u64;
            }
        }
        drop(queue);
        self.news.notify_one();
    }

    /// Anything else than output.
    pub fn tell(&self, seen: Seen) {
        let mut queue = self.queue();
        queue.waiting.push_back(seen);
        let notes = |seen: &Seen| !matches!(seen, Seen::Output(_));
        if queue.waiting.iter().filter(|seen| notes(seen)).count() > NOTES
            && let Some(at) = queue.waiting.iter().position(notes)
        {
            queue.waiting.remove(at);
        }
        drop(queue);
        self.news.notify_one();
    }

    /// One line for the person.
    pub fn note(&self, text: impl Into<String>) {
        self.tell(Seen::Note(text.into()));
    }

    /// Nothing comes after this.
    pub fn close(&self, why: &str) {
        self.tell(Seen::End(why.to_owned()));
        self.queue().closed = true;
        self.news.notify_one();
    }

    /// The next thing to be shown; `None` at the end. It is cancel safe.
    async fn next(&self) -> Option<Seen> {
        loop {
            let news = self.news.notified();
            {
                let mut queue = self.queue();
                if queue.lost > 0 {
                    return Some(Seen::Gap(std::mem::take(&mut queue.lost)));
                }
                if let Some(seen) = queue.waiting.pop_front() {
                    if let Seen::Output(bytes) = &seen {
                        queue.output -= bytes.len();
                    }
                    return Some(seen);
                }
                if queue.closed {
                    return None;
                }
            }
            news.await;
        }
    }

    /// Nothing panics while it holds this lock.
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a visitor may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum May {
    Watch,
    Write,
}

/// Carries a visit until either end is through with it, and ends it; at once where nothing may
/// be done.
pub(super) async fn carry(
    from: impl AsyncReadExt + Unpin,
    to: impl AsyncWriteExt + Unpin,
    visit: Visit,
    may: Option<May>,
) -> io::Result<()> {
    let result = match may {
        Some(may) => tokio::select! {
            read = listen(from, &visit, may) => read,
            shown = show(to, &visit.outbox) => shown,
        },
        None => Ok(()),
    };
    // An error means that the task has ended, and the visit with it.
    let _ = visit.wishes.send((visit.id, Wish::Leave)).await;
    result
}

async fn listen(mut from: impl AsyncReadExt + Unpin, visit: &Visit, may: May) -> io::Result<()> {
    let mut frames = Frames::default();
    let mut buffer = [0; PAYLOAD];
    loop {
        let count = from.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        frames.push(&buffer[..count]);
        while let Some(wish) = frames.wish().map_err(io::Error::other)? {
            let looks = matches!(
                wish,
                Wish::Who | Wish::Replay | Wish::Hold(super::Grip::Spy) | Wish::Leave
            );
            if may == May::Watch && !looks {
                let text = "you may watch here, and nothing else";
                visit.outbox.tell(Seen::Refused(text.to_owned()));
                continue;
            }
            if !pass(wish, visit).await {
                return Ok(());
            }
        }
    }
}

/// Hands a wish to the cluster's task; false when that has ended.
async fn pass(wish: Wish, visit: &Visit) -> bool {
    let Wish::Type(bytes) = wish else {
        let taken = visit.wishes.send((visit.id, wish)).await.is_ok();
        sleep(WISH_PACE).await;
        return taken;
    };
    for piece in bytes.chunks(PIECE) {
        let wish = Wish::Type(piece.to_vec());
        if visit.wishes.send((visit.id, wish)).await.is_err() {
            return false;
        }
        if let Ok(count) = u32::try_from(piece.len()) {
            sleep(PACE * count).await;
        }
    }
    true
}

async fn show(mut to: impl AsyncWriteExt + Unpin, outbox: &Outbox) -> io::Result<()> {
    while let Some(seen) = outbox.next().await {
        let frames = seen.frames();
        if matches!(seen, Seen::End(_)) {
            // Whoever does not read is not waited for at the end.
            return timeout(limits::ANSWER, to.write_all(&frames))
                .await
                .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?;
        }
        to.write_all(&frames).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_slow_visitor_loses_the_oldest_output_and_is_told_how_much() {
        let outbox = Outbox::default();
        outbox.note("first");
        for n in 0..40_u8 {
            outbox.output(&[n; PAYLOAD]);
        }
        outbox.close("over");
        let lost = (40 * PAYLOAD - OUTPUT) as u64;
        assert_eq!(outbox.next().await, Some(Seen::Gap(lost)));
        assert_eq!(outbox.next().await, Some(Seen::Note("first".to_owned())));
        for n in 24..40_u8 {
            assert_eq!(outbox.next().await, Some(Seen::Output(vec![n; PAYLOAD])));
        }
        assert_eq!(outbox.next().await, Some(Seen::End("over".to_owned())));
        assert_eq!(outbox.next().await, None);
    }

    #[tokio::test]
    async fn who_may_only_watch_cannot_type_whatever_their_client_says() {
        let (mut client, server) = tokio::io::duplex(64 << 10);
        let (from, to) = tokio::io::split(server);
        let (wishes, mut heard) = mpsc::channel(8);
        let outbox = Arc::new(Outbox::default());
        let visit = Visit {
            id: 7,
            wishes,
            outbox,
        };
        let carried = tokio::spawn(carry(from, to, visit, Some(May::Watch)));
        for wish in [
            Wish::Type(b"boot\r".to_vec()),
            Wish::Break,
            Wish::Hold(super::super::Grip::Force),
            Wish::Mark("x".to_owned()),
            Wish::Who,
        ] {
            client.write_all(&wish.frame().unwrap()).await.unwrap();
        }
        assert_eq!(heard.recv().await, Some((7, Wish::Who)));
        drop(client);
        assert_eq!(heard.recv().await, Some((7, Wish::Leave)));
        carried.await.unwrap().ok();
    }
}
