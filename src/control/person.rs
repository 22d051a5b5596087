//! Who speaks: the user at the other end of the socket, as the kernel knows them, and what
//! they may do.

use std::ffi::CString;

use nix::unistd::{Gid, Group, Uid, User, getgrouplist};
use tokio::net::unix::UCred;

use crate::config::{Access, Right, Whom};

/// `loginuid` of a process that nobody logged in for.
const NOBODY: u32 = u32::MAX;

/// The speaker.
#[derive(Clone, Debug)]
pub(super) struct Person {
    /// Their name for the log: `alice`, or `root (logged in as alice)` where somebody became
    /// another user: the kernel keeps the user that logged in (`/proc/PID/loginuid`).
    pub name: String,
    may: [bool; RIGHTS.len()],
}

const RIGHTS: [Right; 4] = [Right::Watch, Right::Write, Right::Power, Right::Operate];

impl Person {
    /// Who is at the other end. It asks the user database, which may take a while.
    pub(super) fn identify(peer: &UCred, access: &Access) -> Person {
        // The daemon's owner and root may do all.
        let all = peer.uid() == Uid::effective().as_raw() || peer.uid() == 0;
        let user = User::from_uid(Uid::from_raw(peer.uid())).ok().flatten();
        let groups = groups(peer, user.as_ref());
        let is = |whom: &Whom| match whom {
            Whom::User(name) => user.as_ref().is_some_and(|user| user.name == *name),
            Whom::Group(name) => {
                let group = Group::from_name(name).ok().flatten();
                group.is_some_and(|group| groups.contains(&group.gid))
            }
        };
        Person {
            name: name(peer),
            may: RIGHTS.map(|right| all || access.allows(right, is)),
        }
    }

    /// Whether they have this right.
    pub(super) fn may(&self, right: Right) -> bool {
        let place = RIGHTS.iter().position(|known| *known == right);
        place.is_some_and(|place| self.may[place])
    }

    /// Whether they have any.
    pub(super) fn may_anything(&self) -> bool {
        self.may.contains(&true)
    }
}

/// The group of the process, and all groups of its user.
fn groups(peer: &UCred, user: Option<&User>) -> Vec<Gid> {
    let own = Gid::from_raw(peer.gid());
    let name = user.and_then(|user| CString::new(user.name.as_str()).ok());
    let listed = name.and_then(|name| getgrouplist(&name, own).ok());
    listed.unwrap_or_else(|| vec![own])
}

fn name(peer: &UCred) -> String {
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
