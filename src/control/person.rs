//! Who speaks: the user at the other end of the socket, as the kernel knows them.

use nix::unistd::{Uid, User};
use tokio::net::unix::UCred;

/// `loginuid` of a process that nobody logged in for.
const NOBODY: u32 = u32::MAX;

/// Whether this peer may give orders: the owner of the daemon, or root.
pub(super) fn may_speak(peer: &UCred) -> bool {
    peer.uid() == Uid::effective().as_raw() || peer.uid() == 0
}

/// The speaker's name for the log: `alice`, or `root (logged in as alice)` where somebody
/// became another user: the kernel keeps the user that logged in (`/proc/PID/loginuid`).
pub(super) fn name(peer: &UCred) -> String {
    let user = user_name(peer.uid());
    let login = peer
        .pid()
        .and_then(|pid| std::fs::read_to_string(format!("/proc/{pid}/loginuid")).ok())
        .and_then(|text| text.trim().parse::<u32>().ok())
        .filter(|uid| *uid != NOBODY && *uid != peer.uid());
    match login {
        Some(uid) => format!("{user} (logged in as {})", user_name(uid)),
        None => user,
    }
}

fn user_name(uid: u32) -> String {
    match User::from_uid(Uid::from_raw(uid)) {
        Ok(Some(user)) => user.name,
        Ok(None) | Err(_) => format!("uid {uid}"),
    }
}
