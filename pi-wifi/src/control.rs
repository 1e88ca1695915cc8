//! wpa_supplicant's control socket: datagrams of text, an answer for each, and events once asked for. Secrets go through it and
//! never through a command's arguments.

use anyhow::{Context, bail};
use std::io::ErrorKind;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// wpa_supplicant answers at once, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(10);
/// Longer than any answer that is asked for here (a list of networks).
const BUFFER: usize = 64 << 10;

/// A connection to a wpa_supplicant.
#[derive(Debug)]
pub struct Control {
    socket: UnixDatagram,
    own: PathBuf,
}

impl Control {
    /// Connects to the socket at `path`.
    ///
    /// # Errors
    /// Nobody listens there, or the caller may not.
    pub fn open(path: &str) -> anyhow::Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let own = PathBuf::from(format!("/run/pi-wifi-{}-{count}", std::process::id()));
        let connecting = || format!("talking to wpa_supplicant at {path}");
        // Left by a run of the same number that was killed.
        let _ = std::fs::remove_file(&own);
        let socket = UnixDatagram::bind(&own).with_context(connecting)?;
        let control = Self { socket, own };
        control
            .socket
            .connect(Path::new(path))
            .with_context(connecting)?;
        control
            .socket
            .set_read_timeout(Some(PATIENCE))
            .with_context(connecting)?;
        Ok(control)
    }

    /// Sends a command; its answer.
    ///
    /// # Errors
    /// No answer comes.
    pub fn ask(&self, command: &[u8]) -> anyhow::Result<String> {
        // The first word only: what follows may be a secret.
        let name = command
            .split(|byte| *byte == b' ')
            .next()
            .unwrap_or_default();
        let asking = || format!("asking wpa_supplicant to {}", String::from_utf8_lossy(name));
        self.socket.send(command).with_context(asking)?;
        let mut buffer = vec![0; BUFFER];
        loop {
            let length = self.socket.recv(&mut buffer).with_context(asking)?;
            // An event in between begins with its priority between angle brackets.
            if !buffer[..length].starts_with(b"<") {
                return Ok(String::from_utf8_lossy(&buffer[..length])
                    .trim_end()
                    .to_owned());
            }
        }
    }

    /// Sends a command that is answered with `OK`.
    ///
    /// # Errors
    /// It is answered otherwise, or not.
    pub fn order(&self, command: &[u8]) -> anyhow::Result<()> {
        let answer = self.ask(command)?;
        if answer == "OK" {
            return Ok(());
        }
        let words: Vec<&[u8]> = command.split(|byte| *byte == b' ').take(3).collect();
        let shown = String::from_utf8_lossy(&words.join(&b' ')).into_owned();
        bail!("wpa_supplicant answers {answer:?} to {shown}")
    }

    /// Asks for events.
    ///
    /// # Errors
    /// It is refused.
    pub fn attach(&self) -> anyhow::Result<()> {
        self.order(b"ATTACH")
    }

    /// The next event, its priority taken off; `None` where none comes within `patience`.
    ///
    /// # Errors
    /// The other end is gone.
    pub fn event(&self, patience: Duration) -> anyhow::Result<Option<String>> {
        let waiting = || "waiting for wpa_supplicant".to_owned();
        let patience = patience.max(Duration::from_millis(1));
        self.socket
            .set_read_timeout(Some(patience))
            .with_context(waiting)?;
        let mut buffer = vec![0; BUFFER];
        let received = self.socket.recv(&mut buffer);
        self.socket
            .set_read_timeout(Some(PATIENCE))
            .with_context(waiting)?;
        match received {
            Ok(length) => {
                let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
                let text = text
                    .split_once('>')
                    .map_or(text.as_str(), |(_, event)| event);
                Ok(Some(text.trim_end().to_owned()))
            }
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                ) =>
            {
                Ok(None)
            }
            Err(error) => Err(error).with_context(waiting),
        }
    }

    /// The fields of `STATUS`.
    ///
    /// # Errors
    /// No answer comes.
    pub fn status(&self) -> anyhow::Result<Vec<(String, String)>> {
        Ok(fields(&self.ask(b"STATUS")?))
    }

    /// The numbers of the networks that it has, and whether each is enabled.
    ///
    /// # Errors
    /// No answer comes.
    pub fn networks(&self) -> anyhow::Result<Vec<(u32, bool)>> {
        Ok(networks(&self.ask(b"LIST_NETWORKS")?))
    }
}

impl AsFd for Control {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        // Nobody else has this name.
        let _ = std::fs::remove_file(&self.own);
    }
}

/// The lines `name=value` of an answer.
pub fn fields(text: &str) -> Vec<(String, String)> {
    text.lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// `network id / ssid / bssid / flags`, then a line for each, separated by tabs.
pub fn networks(text: &str) -> Vec<(u32, bool)> {
    text.lines()
        .skip(1)
        .filter_map(|line| {
            let number = line.split('\t').next()?.parse().ok()?;
            Some((number, !line.ends_with("[DISABLED]")))
        })
        .collect()
}

/// Why a connection does not come, as an event says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// The key is wrong.
    WrongKey,
    /// No access point of that name is heard.
    NotFound,
    /// The access point refuses, with this status code.
    Refused(u16),
}

/// The trouble that an event tells of.
pub fn trouble(event: &str) -> Option<Trouble> {
    let code = || {
        let (_, rest) = event.split_once("status_code=")?;
        rest.split_whitespace().next()?.parse().ok()
    };
    if event.starts_with("CTRL-EVENT-SSID-TEMP-DISABLED") && event.contains("reason=WRONG_KEY") {
        return Some(Trouble::WrongKey);
    }
    if event.starts_with("CTRL-EVENT-NETWORK-NOT-FOUND") {
        return Some(Trouble::NotFound);
    }
    if event.starts_with("CTRL-EVENT-AUTH-REJECT") && event.contains("auth_type=3") {
        // SAE: the confirm did not fit, which is the key (IEEE 802.11, status 15, CHALLENGE_FAIL; 1 from some).
        return match code() {
            Some(1 | 15) => Some(Trouble::WrongKey),
            other => other.map(Trouble::Refused),
        };
    }
    let refused = ["CTRL-EVENT-ASSOC-REJECT", "CTRL-EVENT-AUTH-REJECT"];
    if refused.iter().any(|name| event.starts_with(name)) {
        return code().map(Trouble::Refused);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_and_events_are_read() {
        let list =
            "network id / ssid / bssid / flags\n0\ta\tany\t[CURRENT]\n1\tb\tany\t[DISABLED]\n";
        assert_eq!(networks(list), [(0, true), (1, false)]);
        assert_eq!(fields("wpa_state=COMPLETED\nid=0\n")[1].0, "id");
        let wrong = "CTRL-EVENT-SSID-TEMP-DISABLED id=0 ssid=\"a\" auth_failures=1 duration=10 reason=WRONG_KEY";
        assert_eq!(trouble(wrong), Some(Trouble::WrongKey));
        assert_eq!(
            trouble("CTRL-EVENT-NETWORK-NOT-FOUND "),
            Some(Trouble::NotFound)
        );
        assert_eq!(
            trouble("CTRL-EVENT-ASSOC-REJECT bssid=x status_code=17"),
            Some(Trouble::Refused(17))
        );
        assert_eq!(
            trouble("CTRL-EVENT-AUTH-REJECT x auth_type=3 auth_transaction=2 status_code=15"),
            Some(Trouble::WrongKey)
        );
        assert_eq!(trouble("CTRL-EVENT-SCAN-STARTED "), None);
    }
}
