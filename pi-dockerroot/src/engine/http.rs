//! Asks a Docker engine through its socket: one request each, HTTP/1.0, so that the answer is not cut in chunks.

use anyhow::{Context, Result, bail};
use serde::de::DeserializeOwned;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// More than the list of all containers of any node.
const LIMIT: u64 = 64 << 20;

/// An engine's socket.
#[derive(Debug, Clone)]
pub struct Api {
    socket: PathBuf,
}

impl Api {
    /// At this socket.
    pub fn new(socket: impl Into<PathBuf>) -> Self {
        Self {
            socket: socket.into(),
        }
    }

    /// Where it is.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// What the engine answers to GET.
    ///
    /// # Errors
    /// It does not answer, or not with what is expected.
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        let asking = || format!("asking the engine for {path}");
        let body = self
            .ask("GET", path, Duration::from_secs(60))
            .with_context(asking)?;
        serde_json::from_slice(&body).with_context(asking)
    }

    /// Whether the engine answers at all.
    ///
    /// # Errors
    /// It does not.
    pub fn ping(&self) -> Result<()> {
        self.ask("GET", "/_ping", Duration::from_secs(60))
            .map(drop)
            .context("asking the engine whether it answers")
    }

    /// Asks the engine to do something.
    ///
    /// # Errors
    /// It does not answer, or says no.
    pub fn post(&self, path: &str) -> Result<()> {
        self.ask("POST", path, Duration::from_secs(120))
            .map(drop)
            .with_context(|| format!("asking the engine to do {path}"))
    }

    fn ask(&self, verb: &str, path: &str, limit: Duration) -> Result<Vec<u8>> {
        let mut stream = UnixStream::connect(&self.socket)
            .with_context(|| format!("opening {}", self.socket.display()))?;
        stream.set_read_timeout(Some(limit))?;
        stream.set_write_timeout(Some(limit))?;
        let request =
            format!("{verb} {path} HTTP/1.0\r\nHost: docker\r\nContent-Length: 0\r\n\r\n");
        stream.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        stream.take(LIMIT).read_to_end(&mut answer)?;
        body(&answer).map(<[u8]>::to_vec)
    }
}

/// The body of a good answer.
///
/// # Errors
/// It has no end of its head, or says no; what it says is in the error.
pub fn body(answer: &[u8]) -> Result<&[u8]> {
    let end = answer
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .context("the answer has no end of its head")?;
    let (head, body) = (String::from_utf8_lossy(&answer[..end]), &answer[end + 4..]);
    let status = head.split(' ').nth(1).unwrap_or_default();
    // 304: it is so already.
    if !(status.starts_with('2') || status == "304") {
        let said = String::from_utf8_lossy(body);
        bail!("it says {status}: {}", said.trim());
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::body;

    #[test]
    fn only_a_good_answer_has_a_body() {
        assert_eq!(body(b"HTTP/1.0 200 OK\r\nA: b\r\n\r\n{}").unwrap(), b"{}");
        assert_eq!(body(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap(), b"");
        let error = body(b"HTTP/1.0 404 Not Found\r\n\r\n{\"message\":\"no\"}\n").unwrap_err();
        assert_eq!(error.to_string(), "it says 404: {\"message\":\"no\"}");
        assert!(body(b"HTTP/1.0 200 OK\r\n").is_err());
    }
}
