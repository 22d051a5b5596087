//! A bounded way from many to one that takes no room while nothing is on it: a channel of tokio's
//! makes room for 32 messages at once, and a monitoring host has two of them for each cluster.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::sync::Notify;

/// Nobody takes letters out of this box any more, or it is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Undelivered {
    /// Its owner has gone.
    #[error("nobody reads it any more")]
    Gone,
    /// Too much waits in it.
    #[error("too much waits to be read")]
    Full,
}

/// A box that holds `most` letters: who puts them in, and who takes them out.
pub fn mailbox<T>(most: usize) -> (Sender<T>, Receiver<T>) {
    let shared = Arc::new(Shared {
        state: Mutex::new(State {
            letters: VecDeque::new(),
            reader: None,
            gone: false,
        }),
        most,
        moved: Notify::new(),
    });
    (Sender(Arc::clone(&shared)), Receiver(shared))
}

/// Puts letters in.
#[derive(Debug)]
pub struct Sender<T>(Arc<Shared<T>>);

/// Takes letters out. When it is dropped those that wait are, too.
#[derive(Debug)]
pub struct Receiver<T>(Arc<Shared<T>>);

#[derive(Debug)]
struct Shared<T> {
    state: Mutex<State<T>>,
    most: usize,
    /// A letter was taken from a full box, or the reader has gone.
    moved: Notify,
}

#[derive(Debug)]
struct State<T> {
    letters: VecDeque<T>,
    /// The reader waits.
    reader: Option<Waker>,
    gone: bool,
}

impl<T> Shared<T> {
    /// Nothing panics while it holds this lock.
    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell_reader(mut state: MutexGuard<'_, State<T>>) {
        let reader = state.reader.take();
        drop(state);
        if let Some(reader) = reader {
            reader.wake();
        }
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Sender<T> {
        Sender(Arc::clone(&self.0))
    }
}

impl<T> Sender<T> {
    /// Puts a letter in, if there is room now.
    ///
    /// # Errors
    /// The reader has gone, or the box is full.
    pub fn try_send(&self, letter: T) -> Result<(), Undelivered> {
        self.put(letter).map_err(|(_, why)| why)
    }

    /// Puts a letter in, when there is room.
    ///
    /// # Errors
    /// The reader has gone.
    pub async fn send(&self, mut letter: T) -> Result<(), Undelivered> {
        loop {
            let moved = self.0.moved.notified();
            match self.put(letter) {
                Ok(()) => return Ok(()),
                Err((_, Undelivered::Gone)) => return Err(Undelivered::Gone),
                Err((back, Undelivered::Full)) => letter = back,
            }
            moved.await;
        }
    }

    /// Puts a letter before all others, and in a full box, too.
    ///
    /// # Errors
    /// The reader has gone.
    pub fn send_first(&self, letter: T) -> Result<(), Undelivered> {
        let mut state = self.0.state();
        if state.gone {
            return Err(Undelivered::Gone);
        }
        state.letters.push_front(letter);
        Shared::tell_reader(state);
        Ok(())
    }

    /// How many letters there is room for now.
    pub fn capacity(&self) -> usize {
        self.0.most.saturating_sub(self.0.state().letters.len())
    }

    /// Waits until the reader has gone.
    pub async fn closed(&self) {
        loop {
            let moved = self.0.moved.notified();
            if self.is_closed() {
                return;
            }
            moved.await;
        }
    }

    /// Whether the reader has gone.
    pub fn is_closed(&self) -> bool {
        self.0.state().gone
    }

    fn put(&self, letter: T) -> Result<(), (T, Undelivered)> {
        let mut state = self.0.state();
        if state.gone {
            return Err((letter, Undelivered::Gone));
        }
        if state.letters.len() >= self.0.most {
            return Err((letter, Undelivered::Full));
        }
        state.letters.push_back(letter);
        Shared::tell_reader(state);
        Ok(())
    }
}

impl<T> Receiver<T> {
    /// Waits for the next letter. It is cancel safe.
    pub fn recv(&mut self) -> impl Future<Output = T> {
        poll_fn(|context| self.poll(context))
    }

    fn poll(&self, context: &mut Context<'_>) -> Poll<T> {
        let mut state = self.0.state();
        let Some(letter) = state.letters.pop_front() else {
            let waits = state.reader.as_ref();
            if !waits.is_some_and(|reader| reader.will_wake(context.waker())) {
                state.reader = Some(context.waker().clone());
            }
            return Poll::Pending;
        };
        let was_full = state.letters.len() + 1 >= self.0.most;
        if state.letters.is_empty() {
            state.letters = VecDeque::new();
        }
        drop(state);
        if was_full {
            self.0.moved.notify_waiters();
        }
        Poll::Ready(letter)
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.gone = true;
        let left = std::mem::take(&mut state.letters);
        drop(state);
        drop(left);
        self.0.moved.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn letters_come_in_their_order_and_no_more_wait_than_there_is_room_for() {
        let (sender, mut receiver) = mailbox(2);
        sender.try_send(1).unwrap();
        sender.try_send(2).unwrap();
        assert_eq!(
            (sender.capacity(), sender.try_send(3)),
            (0, Err(Undelivered::Full))
        );
        let waits = tokio::spawn({
            let sender = sender.clone();
            async move { sender.send(3).await }
        });
        sender.send_first(0).unwrap();
        for letter in 0..=3 {
            assert_eq!(receiver.recv().await, letter);
        }
        waits.await.unwrap().unwrap();
        assert_eq!(receiver.0.state().letters.capacity(), 0);
    }

    #[tokio::test]
    async fn a_reader_that_waits_is_woken() {
        let (sender, mut receiver) = mailbox(9);
        let reads = tokio::spawn(async move { receiver.recv().await });
        tokio::task::yield_now().await;
        sender.send("now").await.unwrap();
        assert_eq!(reads.await.unwrap(), "now");
        sender.closed().await;
    }

    #[tokio::test]
    async fn whoever_writes_to_nobody_is_told_so() {
        let (sender, receiver) = mailbox(1);
        sender.try_send(1).unwrap();
        let waits = {
            let sender = sender.clone();
            tokio::spawn(async move { sender.send(2).await })
        };
        tokio::task::yield_now().await;
        drop(receiver);
        let end = Duration::from_secs(30);
        let told = tokio::time::timeout(end, waits).await.unwrap().unwrap();
        assert_eq!(told, Err(Undelivered::Gone));
        assert_eq!(sender.send_first(3), Err(Undelivered::Gone));
        assert!(sender.is_closed());
        sender.closed().await;
    }
}
