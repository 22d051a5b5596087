//! Turns at a server. A terminal server that comes back has all its consoles at its door at once,
//! and a login costs its small processor a second or more: they go in a few at a time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Logins under way at one server. OpenSSH's begins to drop connections at random above 10.
pub(super) const AT_ONCE: usize = 4;

static SERVERS: Mutex<BTreeMap<String, Weak<Semaphore>>> = Mutex::new(BTreeMap::new());

/// Waits for a turn at `server`; it is over when it is dropped.
pub(super) async fn turn(server: &str) -> OwnedSemaphorePermit {
    let door = door_of(server);
    let turn = door.acquire_owned().await;
    turn.expect("a door is never closed")
}

/// The door of the server, which is there while somebody stands in it or before it.
fn door_of(server: &str) -> Arc<Semaphore> {
    let mut servers = SERVERS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(door) = servers.get(server).and_then(Weak::upgrade) {
        return door;
    }
    servers.retain(|_, door| door.strong_count() > 0);
    let door = Arc::new(Semaphore::new(AT_ONCE));
    servers.insert(server.to_owned(), Arc::downgrade(&door));
    door
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn few_go_in_at_once_and_nobody_waits_for_another_server() {
        let mut turns = Vec::new();
        for _ in 0..AT_ONCE {
            turns.push(turn("a:22").await);
        }
        let next = tokio::spawn(turn("a:22"));
        drop(turn("b:22").await);
        tokio::task::yield_now().await;
        assert!(!next.is_finished());
        turns.pop();
        drop(next.await.unwrap());
        turns.clear();
        drop(turn("c:22").await);
        assert!(!SERVERS.lock().unwrap().contains_key("a:22"));
    }
}
