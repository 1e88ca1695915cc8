//! The connection that the program was started over, and whether it still lives.

use cluster::root::Root;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::time::{Duration, Instant};

/// How far up the line of programs a session is looked for.
const MOST_PARENTS: usize = 32;
/// Longer than any environment or table here.
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

/// The ssh connection that this program was started over: of its own environment or, as sudo takes it out, of that of a
/// program above it.
pub fn connection(root: &Root) -> Option<Connection> {
    let mut process = std::process::id();
    for _ in 0..MOST_PARENTS {
        let path = format!("/proc/{process}/environ");
        let environment = root.read(Path::new(&path), LIMIT).unwrap_or_default();
        let found = environment
            .split(|byte| *byte == 0)
            .find_map(|entry| entry.strip_prefix(b"SSH_CONNECTION="));
        if let Some(found) = found {
            return parse(&String::from_utf8_lossy(found));
        }
        process = crate::processes::parent_and_start(root, process)?.0;
        if process <= 1 {
            return None;
        }
    }
    None
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

/// How a connection is, as the kernel's table has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State {
    /// Bytes that the other end did not acknowledge yet.
    pub unacknowledged: u32,
    /// How often the same was sent again.
    pub again: u32,
}

/// Whether what is sent over the connection is acknowledged within `patience`. Something has to have been sent: a line on standard
/// error.
pub fn is_alive(root: &Root, connection: &Connection, patience: Duration) -> bool {
    let deadline = Instant::now() + patience;
    loop {
        let tables = ["/proc/net/tcp", "/proc/net/tcp6"];
        let state = tables.iter().find_map(|table| {
            let text = root.read(Path::new(table), LIMIT).ok()?;
            find(&String::from_utf8_lossy(&text), connection)
        });
        match state {
            None => return false,
            Some(state) if state.unacknowledged == 0 && state.again == 0 => return true,
            Some(_) if Instant::now() >= deadline => return false,
            Some(_) => std::thread::sleep(PAUSE),
        }
    }
}

/// A connection's row in `/proc/net/tcp` (proc_net_tcp.rst). 01 is the state ESTABLISHED.
pub fn find(table: &str, connection: &Connection) -> Option<State> {
    let end = |text: &str| {
        let (address, port) = text.split_once(':')?;
        Some((address_of(address)?, u16::from_str_radix(port, 16).ok()?))
    };
    table.lines().skip(1).find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let same = end(fields.get(1)?)? == connection.local
            && end(fields.get(2)?)? == connection.remote
            && fields.get(3)? == &"01";
        let (sent, _) = fields.get(4)?.split_once(':')?;
        same.then_some(State {
            unacknowledged: u32::from_str_radix(sent, 16).ok()?,
            again: u32::from_str_radix(fields.get(6)?, 16).ok()?,
        })
    })
}

/// An address as the kernel prints it: words of four bytes in the machine's own order. IPv4 inside IPv6 is IPv4.
fn address_of(text: &str) -> Option<IpAddr> {
    let word = |at: usize| {
        let digits = text.get(at * 8..at * 8 + 8)?;
        Some(u32::from_str_radix(digits, 16).ok()?.to_ne_bytes())
    };
    if text.len() == 8 {
        return Some(Ipv4Addr::from(word(0)?).into());
    }
    let mut bytes = [0; 16];
    for (at, part) in bytes.chunks_mut(4).enumerate() {
        part.copy_from_slice(&word(at)?);
    }
    Some(Ipv6Addr::from(bytes).to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:0016 0100007F:C350 01 00000010:00000000 01:00000014 00000002     0        0 1 1 0
   1: 0000000000000000FFFF00000B0BA8C0:0016 0000000000000000FFFF0000050BA8C0:D431 01 00000000:00000000 02:000A 00000000 0 0 2 1 0
";

    #[cfg(target_endian = "little")]
    #[test]
    fn the_kernels_table_tells_what_was_acknowledged() {
        let waiting = parse("127.0.0.1 50000 127.0.0.1 22").unwrap();
        let state = find(TABLE, &waiting).unwrap();
        assert_eq!((state.unacknowledged, state.again), (16, 2));
        let idle = parse("192.168.11.5 54321 192.168.11.11 22").unwrap();
        assert_eq!(find(TABLE, &idle).unwrap().unacknowledged, 0);
        assert_eq!(
            find(TABLE, &parse("192.168.11.5 1 192.168.11.11 22").unwrap()),
            None
        );
        assert!(parse("fe80::1%wlan0 1 fe80::2%wlan0 22").is_some());
        assert!(parse("x").is_none());
    }
}
