//! A connection whose every call ends at a deadline.

use nix::libc;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// A TCP stream that ends at a deadline, however slowly the other side sends.
#[derive(Debug)]
pub struct Timed {
    stream: TcpStream,
    deadline: Instant,
}

impl Timed {
    /// Connects within `limit`, which then counts for everything that is read and written, too.
    ///
    /// # Errors
    /// As `connect(2)`; `TimedOut` at the deadline.
    pub fn connect(address: IpAddr, port: u16, limit: Duration) -> io::Result<Self> {
        let deadline = Instant::now() + limit;
        let stream = TcpStream::connect_timeout(&SocketAddr::new(address, port), limit)?;
        Ok(Self { stream, deadline })
    }

    /// The time that is left, as a limit of the next call.
    fn left(&self) -> io::Result<Option<Duration>> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        match left.is_zero() {
            true => Err(ErrorKind::TimedOut.into()),
            false => Ok(Some(left)),
        }
    }
}

/// A socket's own limit reports `WouldBlock`.
fn timed_out(error: io::Error) -> io::Error {
    match error.kind() {
        ErrorKind::WouldBlock => ErrorKind::TimedOut.into(),
        _ => error,
    }
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(self.left()?)?;
        self.stream.read(buffer).map_err(timed_out)
    }
}

impl Write for Timed {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(self.left()?)?;
        self.stream.write(buffer).map_err(timed_out)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// Why a connection was not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacle {
    /// Refused: the host is there, and nothing listens.
    Refused,
    /// No answer at all: dropped on the way, or no such host.
    Silent,
    /// There is no way to it.
    NoRoute,
    /// A router or firewall answered that it is not allowed, or the host does not answer on its own network.
    Unreachable,
    /// This machine's own firewall does not let it out.
    Forbidden,
    /// Something else.
    Other,
}

impl Obstacle {
    /// From the error of `connect(2)`.
    pub fn of(error: &io::Error) -> Self {
        match (error.kind(), error.raw_os_error()) {
            (ErrorKind::ConnectionRefused, _) => Self::Refused,
            (ErrorKind::TimedOut, _) => Self::Silent,
            (_, Some(libc::ENETUNREACH)) => Self::NoRoute,
            (_, Some(libc::EHOSTUNREACH)) => Self::Unreachable,
            (_, Some(libc::EPERM | libc::EACCES)) => Self::Forbidden,
            _ => Self::Other,
        }
    }
}
