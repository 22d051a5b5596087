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
    uid: u32,
    /// Who logged in, at which terminal, and the process: of the moment they connected.
    login: String,
    terminal: String,
    pid: i32,
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
        let login = login(peer);
        Person {
            name: name(peer.uid(), login),
            uid: peer.uid(),
            login: login.map_or("none".to_owned(), user_name),
            terminal: terminal(peer),
            pid: peer.pid().unwrap_or_default(),
            may: RIGHTS.map(|right| all || access.allows(right, is)),
        }
    }

    /// All that is known of them, for the audit log.
    pub(super) fn whole(&self) -> String {
        let Person {
            name,
            uid,
            login,
            terminal,
            pid,
            ..
        } = self;
        format!("{name} uid={uid} login={login} terminal={terminal} pid={pid}")
    }

    /// Whether they have this right.
    pub(super) fn may(&self, right: Right) -> bool {
        let place = RIGHTS.iter().position(|known| *known == right);
        place.is_some_and(|place| self.may[place])
    }

    /// The first of these rights that they have.
    pub(super) fn has_of(&self, rights: &[Right]) -> Option<Right> {
        rights.iter().copied().find(|right| self.may(*right))
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

fn name(uid: u32, login: Option<u32>) -> String {
    let user = user_name(uid);
    match login.filter(|login| *login != uid) {
        Some(login) => format!("{user} (logged in as {})", user_name(login)),
        None => user,
    }
}

/// The user that logged in: it stays through `su` and `sudo`.
fn login(peer: &UCred) -> Option<u32> {
    let text = std::fs::read_to_string(format!("/proc/{}/loginuid", peer.pid()?)).ok()?;
    text.trim().parse().ok().filter(|uid| *uid != NOBODY)
}

/// The terminal of the process: `pts/3`, `tty1`, `ttyS0`; `none` for a job of cron, or where it cannot be
/// known. The number is the seventh field of proc(5)'s `stat`, made of the device's two.
fn terminal(peer: &UCred) -> String {
    let number = || {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", peer.pid()?)).ok()?;
        // The name stands in brackets and may hold anything.
        let (_, after) = stat.rsplit_once(')')?;
        after.split_whitespace().nth(4)?.parse::<u32>().ok()
    };
    terminal_name(number().unwrap_or_default())
}

fn terminal_name(number: u32) -> String {
    let major = number >> 8 & 0xfff;
    let minor = number & 0xff | number >> 12 & 0xf_ff00;
    match (major, minor) {
        (0, 0) => "none".to_owned(),
        (4, 0..64) => format!("tty{minor}"),
        (4, _) => format!("ttyS{}", minor - 64),
        (136..=143, _) => format!("pts/{}", (major - 136) * 256 + minor),
        _ => format!("{major}:{minor}"),
    }
}

fn user_name(uid: u32) -> String {
    match User::from_uid(Uid::from_raw(uid)) {
        Ok(Some(user)) => user.name,
        Ok(None) | Err(_) => format!("uid {uid}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_have_the_names_that_people_know() {
        let device = |major: u32, minor: u32| {
            terminal_name(minor & 0xff | major << 8 | (minor & 0xf_ff00) << 12)
        };
        assert_eq!(device(0, 0), "none");
        assert_eq!(device(136, 3), "pts/3");
        assert_eq!(device(137, 1), "pts/257");
        assert_eq!(device(136, 300), "pts/300");
        assert_eq!(device(4, 1), "tty1");
        assert_eq!(device(4, 64), "ttyS0");
        assert_eq!(device(188, 2), "188:2");
    }
}
