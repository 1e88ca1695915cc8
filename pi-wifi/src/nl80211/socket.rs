//! A netlink socket.

use super::message::{ACK, DONE, DUMP, ERROR, Message, Request, messages};
use anyhow::{Context, bail};
use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, send,
    setsockopt, socket, sockopt,
};
use nix::sys::time::TimeVal;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// The kernel answers at once; longer than this and something is wrong.
const PATIENCE: TimeVal = TimeVal::new(5, 0);
/// What the kernel hands over at once is at most this (`NLMSG_GOODSIZE` is a page; a phy's description is longer).
const BUFFER: usize = 64 << 10;

/// A netlink socket.
#[derive(Debug)]
pub struct Socket {
    socket: OwnedFd,
    sequence: u32,
}

impl Socket {
    /// Opens one.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn open(protocol: SockProtocol) -> io::Result<Self> {
        let socket = socket(
            AddressFamily::Netlink,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC,
            protocol,
        )?;
        bind(socket.as_raw_fd(), &NetlinkAddr::new(0, 0))?;
        setsockopt(&socket, sockopt::ReceiveTimeout, &PATIENCE)?;
        Ok(Self {
            socket,
            sequence: 0,
        })
    }

    /// Joins a multicast group: its events come from now on.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn join(&self, group: u32) -> io::Result<()> {
        let (value, length) = (&raw const group, size_of::<u32>() as libc::socklen_t);
        // SAFETY: the option takes a u32, which `value` points to for as long as the call lasts; the descriptor is open.
        let done = unsafe {
            libc::setsockopt(
                self.socket.as_raw_fd(),
                libc::SOL_NETLINK,
                libc::NETLINK_ADD_MEMBERSHIP,
                value.cast(),
                length,
            )
        };
        Ok(Errno::result(done).map(drop)?)
    }

    /// Sends a request and gives each message of the answer to `take`.
    ///
    /// # Errors
    /// The kernel's error number as an [`io::Error`], or what the socket says.
    pub fn ask(
        &mut self,
        family: u16,
        command: u8,
        dump: bool,
        attributes: &[(u16, &[u8])],
        take: impl FnMut(Message<'_>),
    ) -> anyhow::Result<()> {
        self.sequence += 1;
        let flags = if dump { DUMP } else { ACK };
        let mut request = Request::new(family, command, flags, self.sequence);
        for (kind, value) in attributes {
            request = request.attribute(*kind, value);
        }
        self.answer(request, take)
    }

    /// Asks a family that is not generic for all it has, and gives each message of the answer to `take`.
    ///
    /// # Errors
    /// As [`Socket::ask`].
    pub fn dump(
        &mut self,
        kind: u16,
        body: &[u8],
        take: impl FnMut(Message<'_>),
    ) -> anyhow::Result<()> {
        self.sequence += 1;
        self.answer(Request::plain(kind, DUMP, self.sequence, body), take)
    }

    fn answer(&self, request: Request, mut take: impl FnMut(Message<'_>)) -> anyhow::Result<()> {
        send(self.socket.as_raw_fd(), &request.bytes(), MsgFlags::empty())
            .context("asking the kernel over netlink")?;
        let mut buffer = vec![0; BUFFER];
        loop {
            let length = self.receive(&mut buffer)?;
            for message in messages(&buffer[..length]) {
                if message.sequence != self.sequence {
                    continue;
                }
                match message.kind {
                    DONE => return Ok(()),
                    ERROR if message.errno() == 0 => return Ok(()),
                    ERROR => {
                        let error = io::Error::from_raw_os_error(message.errno());
                        return Err(error).context("asking the kernel over netlink");
                    }
                    _ => take(message),
                }
            }
        }
    }

    fn receive(&self, buffer: &mut [u8]) -> anyhow::Result<usize> {
        loop {
            match recv(self.socket.as_raw_fd(), buffer, MsgFlags::empty()) {
                Ok(length) => return Ok(length),
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => bail!("the kernel does not answer over netlink"),
                Err(error) => return Err(error).context("reading from netlink"),
            }
        }
    }

    /// Takes the events that are there, without waiting. `false` where some were lost because nobody took them in time.
    ///
    /// # Errors
    /// What the socket says.
    pub fn events(&self, mut take: impl FnMut(Message<'_>)) -> anyhow::Result<bool> {
        let mut buffer = vec![0; BUFFER];
        loop {
            match recv(self.socket.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT) {
                Ok(length) => messages(&buffer[..length]).for_each(&mut take),
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => return Ok(true),
                Err(Errno::ENOBUFS) => return Ok(false),
                Err(error) => return Err(error).context("reading from netlink"),
            }
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// The kernel's error number behind an error.
pub fn errno(error: &anyhow::Error) -> Option<i32> {
    let cause = error
        .chain()
        .find_map(|cause| cause.downcast_ref::<io::Error>())?;
    cause.raw_os_error()
}

/// `ENOENT`: there is no such family, or no such thing.
pub const NOTHING: i32 = libc::ENOENT;
