//! The connection that the program was started over, and whether it still lives.

use cluster::root::Root;
use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::net::IpAddr;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

mod progress;

pub use progress::{Progress, parse as parse_progress, progress};

/// How far up the line of programs a session is looked for.
const MOST_PARENTS: usize = 32;
/// Longer than any environment.
const LIMIT: u64 = 4 << 20;
/// How often the connection is looked at.
const PAUSE: Duration = Duration::from_millis(200);

/// A TCP connection of this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connection {
    /// This end.
    pub local: (IpAddr, u16),
    /// The other end.
    pub remote: (IpAddr, u16),
}

/// The ssh session that this program is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Session {
    /// Its connection.
    pub connection: Connection,
    /// The first program of it, which the ssh server started: what that one writes goes over the connection.
    pub first: u32,
}

/// The ssh session that this program was started in: of its own environment or, as sudo takes it out, of that of a program
/// above it.
pub fn session(root: &Root) -> Option<Session> {
    let mut process = std::process::id();
    let mut session: Option<Session> = None;
    for _ in 0..MOST_PARENTS {
        if let Some(connection) = connection(root, process)
            && session.is_none_or(|session| session.connection == connection)
        {
            session = Some(Session {
                connection,
                first: process,
            });
        }
        process = match cluster::process::stat(root, process) {
            Some(stat) if stat.parent > 1 => stat.parent,
            _ => return session,
        };
    }
    session
}

fn connection(root: &Root, process: u32) -> Option<Connection> {
    let path = format!("/proc/{process}/environ");
    let environment = root.read(Path::new(&path), LIMIT).ok()?;
    let found = environment
        .split(|byte| *byte == 0)
        .find_map(|entry| entry.strip_prefix(b"SSH_CONNECTION="))?;
    parse(&String::from_utf8_lossy(found))
}

/// `client port server port` (sshd(8)).
pub fn parse(text: &str) -> Option<Connection> {
    let words: Vec<&str> = text.split(' ').collect();
    let [client, client_port, server, server_port] = words[..] else {
        return None;
    };
    // A zone may stand behind an address that holds on its own link only.
    let address = |text: &str| text.split('%').next()?.parse().ok();
    Some(Connection {
        local: (address(server)?, server_port.parse().ok()?),
        remote: (address(client)?, client_port.parse().ok()?),
    })
}

impl Session {
    /// Writes to the standard error of the session's first program, where that is a terminal or a pipe and nothing that would
    /// keep it.
    ///
    /// # Errors
    /// What the file system reports.
    pub fn write(&self, text: &[u8]) -> io::Result<()> {
        let mut out = OpenOptions::new()
            .write(true)
            .custom_flags(nix::libc::O_NONBLOCK | nix::libc::O_NOCTTY)
            .open(format!("/proc/{}/fd/2", self.first))?;
        let kind = out.metadata()?.file_type();
        if !kind.is_fifo() && !kind.is_char_device() {
            return Err(io::ErrorKind::Unsupported.into());
        }
        out.write_all(text)
    }
}

/// What becomes of a connection that something is written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Life {
    /// The other end acknowledged what was written.
    Alive,
    /// The kernel has no such connection.
    Gone,
    /// Nothing was sent.
    Silent,
    /// It was sent, and not acknowledged.
    Unacknowledged,
    /// The kernel does not tell; why.
    Unknown(String),
}

impl fmt::Display for Life {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alive => f.write_str("it lives"),
            Self::Gone => f.write_str("it is closed"),
            Self::Silent => {
                f.write_str("what was written went elsewhere, so there is nothing to acknowledge")
            }
            Self::Unacknowledged => f.write_str("what was sent over it is not acknowledged"),
            Self::Unknown(why) => write!(f, "the kernel does not tell of it ({why})"),
        }
    }
}

/// Whether bytes that are written from now on are acknowledged within `patience`. The ways to write are tried one after the other
/// for as long as nothing was sent: the ssh server takes its time, and standard error may go elsewhere.
pub fn life(connection: &Connection, patience: Duration, ways: &[&dyn Fn()]) -> Life {
    let begun = Instant::now();
    let mut ways = ways.iter().enumerate();
    let share = patience / (ways.len() as u32 + 1);
    let mut before = None;
    let mut said = 0;
    loop {
        let now = match progress(connection) {
            Ok(Some(now)) => now,
            Ok(None) => return Life::Gone,
            Err(error) => return Life::Unknown(format!("{error:#}")),
        };
        let written = *before.get_or_insert(now.written());
        // An acknowledgement of what was on its way before may have been sent before the link changed.
        if now.acknowledged > written {
            return Life::Alive;
        }
        let silent = now.written() == written;
        if begun.elapsed() >= patience {
            return if silent {
                Life::Silent
            } else {
                Life::Unacknowledged
            };
        }
        if silent
            && begun.elapsed() >= share * said
            && let Some((number, way)) = ways.next()
        {
            way();
            said = number as u32 + 1;
        }
        std::thread::sleep(PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::net::{TcpListener, TcpStream};

    /// Both ends of a connection, and how the first is named.
    fn pair() -> (TcpStream, TcpStream, Connection) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let own = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (other, _) = listener.accept().unwrap();
        let end = |at: std::net::SocketAddr| (at.ip(), at.port());
        let connection = Connection {
            local: end(own.local_addr().unwrap()),
            remote: end(own.peer_addr().unwrap()),
        };
        (own, other, connection)
    }

    #[test]
    fn a_session_is_read_from_the_words_of_the_server() {
        let found = parse("192.168.11.5 54321 192.168.11.11 22").unwrap();
        assert_eq!((found.local.1, found.remote.1), (22, 54321));
        assert!(parse("fe80::1%wlan0 1 fe80::2%wlan0 22").is_some());
        assert!(parse("x").is_none());
    }

    #[test]
    fn what_is_sent_late_is_waited_for() {
        let (own, _other, connection) = pair();
        let late = || {
            let mut own = own.try_clone().unwrap();
            std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(500));
                own.write_all(b"late").unwrap();
            });
        };
        let begun = Instant::now();
        let life = life(&connection, Duration::from_secs(5), &[&late]);
        assert_eq!(life, Life::Alive);
        assert!(begun.elapsed() >= Duration::from_millis(450));
    }

    #[test]
    fn where_nothing_is_sent_nothing_is_proven() {
        let (mut own, _other, connection) = pair();
        own.write_all(b"before").unwrap();
        let patience = Duration::from_millis(900);
        assert_eq!(life(&connection, patience, &[&|| {}]), Life::Silent);
        // The second way is the one that goes over it.
        let second = || (&own).write_all(b"second").unwrap();
        assert_eq!(life(&connection, patience, &[&|| {}, &second]), Life::Alive);
    }

    #[test]
    fn what_is_not_acknowledged_is_no_life() {
        let (own, mut other, connection) = pair();
        // Full on both sides: what is written from now on waits.
        own.set_nonblocking(true).unwrap();
        while (&own).write(&[0; 65536]).is_ok() {}
        std::thread::sleep(Duration::from_millis(300));
        while (&own).write(&[0; 1]).is_ok() {}
        other
            .set_read_timeout(Some(Duration::from_millis(500)))
            .unwrap();
        let patience = Duration::from_millis(900);
        assert_ne!(life(&connection, patience, &[&|| {}]), Life::Alive);
        let mut all = Vec::new();
        let _ = other.read_to_end(&mut all);
        drop(own);
        assert_eq!(life(&connection, patience, &[&|| {}]), Life::Gone);
    }
}
