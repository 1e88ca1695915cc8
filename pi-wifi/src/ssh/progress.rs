//! How far a TCP connection got, from the kernel's own table (linux/inet_diag.h, linux/tcp.h).

use super::Connection;
use crate::nl80211::message::Message;
use crate::nl80211::socket::Socket;
use anyhow::Context;
use nix::libc::{AF_INET, AF_INET6, IPPROTO_TCP};
use nix::sys::socket::SockProtocol;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// `SOCK_DIAG_BY_FAMILY`.
const BY_FAMILY: u16 = 20;
/// `INET_DIAG_INFO`: an attribute with `struct tcp_info`, asked for by the bit below its number.
const INFO: u16 = 2;
/// Connections that are established: the bit of `TCP_ESTABLISHED`.
const ESTABLISHED: u32 = 1 << 1;
/// Length of `struct inet_diag_sockid`, which names a socket. All zeroes mean any.
const NAME: usize = 48;
/// Length of `struct inet_diag_msg`.
const HEADER: usize = 72;
/// Where things stand in it: the name, and what waits to be acknowledged.
const NAME_AT: usize = 4;
const WAITING_AT: usize = 60;
/// Where `struct tcp_info` has `tcpi_bytes_acked` (Linux 4.1).
const ACKNOWLEDGED_AT: usize = 120;

/// How far a connection got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The bytes that the other end acknowledged so far.
    pub acknowledged: u64,
    /// The bytes behind those that it did not yet.
    pub waiting: u32,
}

impl Progress {
    /// All bytes that were written so far.
    pub fn written(self) -> u64 {
        self.acknowledged + u64::from(self.waiting)
    }
}

/// How far an established connection got; `None` where there is none.
///
/// # Errors
/// The kernel does not tell.
pub fn progress(connection: &Connection) -> anyhow::Result<Option<Progress>> {
    let looking = "looking for the ssh connection in the kernel's table";
    let mut socket = Socket::open(SockProtocol::NetlinkSockDiag).context(looking)?;
    let mut found = None;
    // A server that listens on all addresses has IPv4 inside IPv6.
    for family in [AF_INET, AF_INET6] {
        let mut request = vec![family as u8, IPPROTO_TCP as u8, 1 << (INFO - 1), 0];
        request.extend(ESTABLISHED.to_ne_bytes());
        request.resize(request.len() + NAME, 0);
        let asked = socket.dump(BY_FAMILY, &request, |message| {
            if let Some((_, progress)) = parse(message).filter(|(seen, _)| seen == connection) {
                found = Some(progress);
            }
        });
        asked.context(looking)?;
    }
    Ok(found)
}

/// A connection of the answer.
pub fn parse(message: Message<'_>) -> Option<(Connection, Progress)> {
    let body = message.body;
    let name = body.get(NAME_AT..NAME_AT + NAME)?;
    let port = |at: usize| Some(u16::from_be_bytes(*name.get(at..)?.first_chunk()?));
    let six = i32::from(*body.first()?) == AF_INET6;
    let address = |at: usize| match six {
        true => Some(Ipv6Addr::from(*name.get(at..)?.first_chunk::<16>()?).to_canonical()),
        false => Some(IpAddr::V4(Ipv4Addr::from(
            *name.get(at..)?.first_chunk::<4>()?,
        ))),
    };
    let connection = Connection {
        local: (address(4)?, port(0)?),
        remote: (address(20)?, port(2)?),
    };
    let info = message.attributes_behind(HEADER).get(INFO)?;
    let progress = Progress {
        acknowledged: u64::from_ne_bytes(*info.get(ACKNOWLEDGED_AT..)?.first_chunk()?),
        waiting: u32::from_ne_bytes(*body.get(WAITING_AT..)?.first_chunk()?),
    };
    Some((connection, progress))
}
