//! The process's own ICMP sockets, one per address family: opened, tuned, and asked how
//! many packets they lost.

use std::fs;
use std::net::IpAddr;
use std::os::fd::BorrowedFd;

use nix::sys::socket::{setsockopt, sockopt};
use socket2::{SockFilter, SockRef, Type};
use surge_ping::{Client, Config, ICMP, IcmpPacket, PingIdentifier};

use super::ProbeError;

/// Receive buffer asked for, in bytes: room for thousands of replies while the process
/// is kept from reading. The default (212 992) holds some 250.
const RECEIVE_BUFFER: usize = 4 << 20;

/// The sockets opened so far.
#[derive(Default)]
pub(super) struct Sockets {
    v4: Option<EchoSocket>,
    v6: Option<EchoSocket>,
}

impl Sockets {
    /// The socket for `address`, opened if it is the first of its family.
    pub(super) fn get(&mut self, address: IpAddr) -> Result<&EchoSocket, ProbeError> {
        let (slot, kind) = match address {
            IpAddr::V4(_) => (&mut self.v4, ICMP::V4),
            IpAddr::V6(_) => (&mut self.v6, ICMP::V6),
        };
        match slot {
            Some(socket) => Ok(socket),
            none => Ok(none.insert(EchoSocket::open(kind)?)),
        }
    }

    /// Packets lost in our receive buffers since the last call.
    pub(super) fn new_drops(&mut self) -> u64 {
        let open = [&mut self.v4, &mut self.v6];
        open.into_iter().flatten().map(EchoSocket::new_drops).sum()
    }
}

/// One ICMP socket with surge-ping's reader on it.
pub(super) struct EchoSocket {
    pub(super) client: Client,
    pub(super) identifier: PingIdentifier,
    /// `/proc/net/icmp` and its like, where the kernel counts this socket's drops.
    pub(super) table: &'static str,
    inode: Option<u64>,
    drops: u64,
}

impl EchoSocket {
    fn open(kind: ICMP) -> Result<EchoSocket, ProbeError> {
        let family = match kind {
            ICMP::V4 => "IPv4",
            ICMP::V6 => "IPv6",
        };
        let config = Config::builder().kind(kind).sock_type_hint(Type::DGRAM);
        let client = Client::new(&config.build()).map_err(|err| ProbeError::NoSocket {
            family,
            why: plain(&err),
            group: nix::unistd::getegid().as_raw(),
        })?;
        let socket = client.get_socket();
        let raw = socket.get_type() == Type::RAW;
        let identifier = PingIdentifier(fastrand::u16(..));
        let fd = socket.get_native_sock();
        // SAFETY: `socket` keeps the descriptor open for longer than this borrow lives.
        #[expect(
            unsafe_code,
            reason = "surge-ping lends its socket as a bare number only"
        )]
        let borrowed = unsafe { BorrowedFd::borrow_raw(fd) };
        tune(borrowed, raw.then_some((kind, identifier)));
        tracing::info!(
            "pings over {family} go through a {} socket",
            if raw { "raw" } else { "datagram" }
        );
        let table = match (kind, raw) {
            (ICMP::V4, false) => "/proc/net/icmp",
            (ICMP::V4, true) => "/proc/net/raw",
            (ICMP::V6, false) => "/proc/net/icmp6",
            (ICMP::V6, true) => "/proc/net/raw6",
        };
        let link = fs::read_link(format!("/proc/self/fd/{fd}")).ok();
        let inode = link.and_then(|link| socket_inode(link.to_str()?));
        if inode.is_none() {
            tracing::warn!(
                "cannot tell the inode of the {family} ping socket: its drops stay unseen"
            );
        }
        Ok(EchoSocket {
            client,
            identifier,
            table,
            inode,
            drops: 0,
        })
    }

    fn new_drops(&mut self) -> u64 {
        let Some(inode) = self.inode else { return 0 };
        let Ok(table) = fs::read_to_string(self.table) else {
            return 0;
        };
        let Some(now) = drops_of(&table, inode) else {
            return 0;
        };
        let new = now.saturating_sub(self.drops);
        self.drops = now;
        new
    }
}

/// surge-ping puts advice of several lines around the system's error; ours is better.
fn plain(err: &std::io::Error) -> String {
    let text = err.to_string();
    let last = text.lines().last().unwrap_or_default().trim();
    last.trim_start_matches("Original error: ").to_owned()
}

/// A large receive buffer, and on a raw socket a filter. What cannot be had is gone
/// without: drops are counted anyway.
fn tune(socket: BorrowedFd<'_>, raw: Option<(ICMP, PingIdentifier)>) {
    if setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER).is_err()
        && let Err(errno) = setsockopt(&socket, sockopt::RcvBuf, &RECEIVE_BUFFER)
    {
        tracing::warn!("the ping socket keeps its small receive buffer: {errno}");
    }
    if let Some((kind, identifier)) = raw {
        let filter = own_replies(kind, identifier);
        if let Err(err) = SockRef::from(&socket).attach_filter(&filter) {
            tracing::warn!("the raw ping socket gets no filter: {err}");
        }
    }
}

/// A classic BPF program (linux/filter.h) that lets in echo replies with our identifier
/// only. A raw IPv4 socket shows the IP header (raw(7)), a raw IPv6 socket begins with
/// the ICMPv6 header (ipv6(7)).
fn own_replies(kind: ICMP, identifier: PingIdentifier) -> Vec<SockFilter> {
    const LOAD_HEADER_LENGTH: u16 = 0xb1; // ldx 4*([k]&0xf)
    const LOAD_BYTE: u16 = 0x50; // ldb [x + k]
    const LOAD_HALF: u16 = 0x48; // ldh [x + k]
    const SET_X: u16 = 0x01; // ldx #k
    const JUMP_IF_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    let (index, reply) = match kind {
        ICMP::V4 => (LOAD_HEADER_LENGTH, ECHO_REPLY_V4),
        ICMP::V6 => (SET_X, ECHO_REPLY_V6),
    };
    vec![
        SockFilter::new(index, 0, 0, 0),
        SockFilter::new(LOAD_BYTE, 0, 0, 0),
        SockFilter::new(JUMP_IF_EQUAL, 0, 3, u32::from(reply)),
        SockFilter::new(LOAD_HALF, 0, 0, 4),
        SockFilter::new(JUMP_IF_EQUAL, 0, 1, u32::from(identifier.into_u16())),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
        SockFilter::new(RETURN, 0, 0, 0),
    ]
}

/// ICMP type of an echo reply (RFC 792, RFC 4443).
const ECHO_REPLY_V4: u8 = 0;
const ECHO_REPLY_V6: u8 = 129;

/// Whether it is an answer: surge-ping hands over ICMP errors about our ping as well.
pub(super) fn is_echo_reply(packet: &IcmpPacket) -> bool {
    match packet {
        IcmpPacket::V4(packet) => packet.get_icmp_type().0 == ECHO_REPLY_V4,
        IcmpPacket::V6(packet) => packet.get_icmpv6_type().0 == ECHO_REPLY_V6,
    }
}

/// The number in `socket:[123]`.
fn socket_inode(link: &str) -> Option<u64> {
    link.strip_prefix("socket:[")?
        .strip_suffix(']')?
        .parse()
        .ok()
}

/// The `drops` column of the socket with that inode (`/proc/net/icmp`; the same columns in
/// `raw`, `icmp6` and `raw6`: net/ipv4/ping.c `ping_v4_format_sock`).
fn drops_of(table: &str, inode: u64) -> Option<u64> {
    table.lines().skip(1).find_map(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let ours = columns.get(9)?.parse() == Ok(inode);
        ours.then(|| columns.get(12)?.parse().ok()).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_table_is_read() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops             \n\
             \x20 1: 00000000:0001 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 29812 2 0000000000000000 0         \n\
             \x20 1: 00000000:0001 00000000:0000 07 00000000:00000000 00:00000000 00000000  1000        0 29813 2 0000000000000000 1268      \n";
        assert_eq!(drops_of(table, 29_812), Some(0));
        assert_eq!(drops_of(table, 29_813), Some(1268));
        assert_eq!(drops_of(table, 1), None);
        assert_eq!(socket_inode("socket:[29813]"), Some(29_813));
        assert_eq!(socket_inode("/dev/null"), None);
    }
}
