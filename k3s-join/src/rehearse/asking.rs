//! What a server is asked. Each question makes a connection of its own, and each ends at the limit.

use super::cacerts::Bundle;
use super::connect::Timed;
use super::http::{self, Answer, Trouble};
use super::reach::stop;
use super::tls::{self, Shown, Trust};
use super::token::Token;
use super::url::Server;
use super::{PATHS, Step, Stop};
use cluster::inventory::Role;
use rustls::pki_types::ServerName;
use serde_json::Value;
use std::io::{self, ErrorKind, Read, Write};
use std::net::IpAddr;
use std::time::Duration;

const PING: &str = PATHS[0];
const CACERTS: &str = PATHS[1];
const CONFIG: &str = PATHS[2];

/// A server that answers at an address.
pub(super) struct Asking<'a> {
    pub server: &'a Server,
    pub address: IpAddr,
    pub limit: Duration,
}

impl Asking<'_> {
    fn subject(&self) -> String {
        self.server.to_string()
    }

    fn connect(&self) -> io::Result<Timed> {
        Timed::connect(self.address, self.server.port, self.limit)
    }

    fn name(&self) -> Step<ServerName<'static>> {
        ServerName::try_from(self.server.host.clone()).map_err(|_| {
            let message = format!("{:?} is neither a name nor an address", self.server.host);
            stop(
                "k3s-server-url",
                &self.subject(),
                message,
                "https://ADDRESS:6443",
            )
        })
    }

    /// TLS, and what the server shows.
    pub fn shown(&self) -> Step<Shown> {
        let name = self.name()?;
        let shaken = self.connect().and_then(|timed| {
            let mut stream = tls::open(timed, name, Trust::Anyone).map_err(io::Error::other)?;
            tls::shake(&mut stream)
        });
        shaken.map_err(|error| self.no_tls(&error))
    }

    /// Why there was no handshake: most often the port is another program's.
    fn no_tls(&self, error: &io::Error) -> Stop {
        let subject = self.subject();
        let limit = self.limit.as_secs_f64();
        if let Some(first) = self.plain_http() {
            let message = format!(
                "it speaks plain HTTP ({first:?}), and K3s speaks TLS only: something else has the port"
            );
            return stop(
                "k3s-server-plain-http",
                &subject,
                message,
                "give the address and port of a K3s server",
            );
        }
        let (id, message) = match error.kind() {
            ErrorKind::TimedOut => ("k3s-server-tls-silent", format!("it takes the connection and says nothing within {limit} s: a proxy without a server behind it, or a server that hangs")),
            ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => {
                ("k3s-server-tls-closed", "it takes the connection and closes it before TLS begins: a load balancer without a server behind it".to_owned())
            }
            _ => ("k3s-server-not-tls", format!("what answers does not speak TLS as K3s does: {error}")),
        };
        stop(
            id,
            &subject,
            message,
            "give the address and port of a K3s server; journalctl -u k3s there",
        )
    }

    /// The first line of an answer to a plain HTTP request, where there is one.
    fn plain_http(&self) -> Option<String> {
        let mut timed = Timed::connect(
            self.address,
            self.server.port,
            self.limit.min(Duration::from_secs(2)),
        )
        .ok()?;
        timed.write_all(b"GET /ping HTTP/1.0\r\n\r\n").ok()?;
        let mut start = [0; 64];
        let mut length = 0;
        while length < start.len() && !start[..length].contains(&b'\n') {
            match timed.read(&mut start[length..]) {
                Ok(more @ 1..) => length += more,
                _ => break,
            }
        }
        let line = String::from_utf8_lossy(&start[..length]).into_owned();
        line.starts_with("HTTP/")
            .then(|| line.lines().next().unwrap_or_default().to_owned())
    }

    fn get(
        &self,
        trust: Trust<'_>,
        path: &str,
        authorization: Option<&[u8]>,
    ) -> Step<Result<Answer, Trouble>> {
        let name = self.name()?;
        Ok(self.connect().map_err(Trouble::Io).and_then(|timed| {
            let mut stream =
                tls::open(timed, name, trust).map_err(|e| Trouble::Io(io::Error::other(e)))?;
            let host = self.server.to_string();
            http::get(
                &mut stream,
                host.trim_start_matches("https://"),
                path,
                authorization,
            )
        }))
    }

    fn no_answer(&self, path: &str, trouble: &Trouble) -> Stop {
        let subject = self.subject();
        let limit = self.limit.as_secs_f64();
        match trouble {
            Trouble::Io(error) if error.kind() == ErrorKind::TimedOut => stop(
                "k3s-server-slow",
                &subject,
                format!("no whole answer to GET {path} within {limit} s"),
                "look at the server's load and disk (journalctl -u k3s), or give more time with --limit",
            ),
            Trouble::Endless => stop(
                "k3s-server-answer-endless",
                &subject,
                format!(
                    "its answer to GET {path} does not end: more than {} bytes came",
                    http::BODY
                ),
                "this is no K3s server; give the address and port of one",
            ),
            other => stop(
                "k3s-server-not-k3s",
                &subject,
                format!("GET {path}: {other}"),
                "give the address and port of a K3s server",
            ),
        }
    }

    /// `/ping`; the answer's date.
    pub fn ping(&self) -> Step<Option<String>> {
        let answer = self
            .get(Trust::Anyone, PING, None)?
            .map_err(|trouble| self.no_answer(PING, &trouble))?;
        if answer.status == 503 {
            return Err(self.starting(PING));
        }
        if answer.status != 200 || answer.body.trim_ascii() != b"pong" {
            let start =
                String::from_utf8_lossy(&answer.body[..answer.body.len().min(60)]).into_owned();
            let message = format!(
                "it answers GET {PING} with {} {start:?}, and a K3s server says \"pong\"",
                answer.status
            );
            return Err(stop(
                "k3s-server-not-k3s",
                &self.subject(),
                message,
                "give the address and port of a K3s server, not of another program's or the cluster's ingress",
            ));
        }
        Ok(answer.date)
    }

    fn starting(&self, path: &str) -> Stop {
        let message = format!(
            "it answers GET {path} with 503: K3s on it is still starting, or does not get ready"
        );
        stop(
            "k3s-server-starting",
            &self.subject(),
            message,
            "wait, or journalctl -u k3s on the server",
        )
    }

    /// `/cacerts`.
    pub fn bundle(&self) -> Step<Bundle> {
        let answer = self
            .get(Trust::Anyone, CACERTS, None)?
            .map_err(|trouble| self.no_answer(CACERTS, &trouble))?;
        if answer.status == 503 {
            return Err(self.starting(CACERTS));
        }
        let problem = match answer.status {
            200 => match Bundle::read(&answer.body) {
                Ok(bundle) => return Ok(bundle),
                Err(problem) => problem,
            },
            status => format!("the status is {status}"),
        };
        let message = format!("its answer to GET {CACERTS} is no list of certificates: {problem}");
        Err(stop(
            "k3s-cacerts-unreadable",
            &self.subject(),
            message,
            "give the address and port of a K3s server",
        ))
    }

    /// The token, tried on the one path that changes nothing; the server's settings where the node may see them.
    pub fn config(
        &self,
        bundle: &Bundle,
        token: &Token,
        role: Option<Role>,
    ) -> Step<Option<Value>> {
        if role == Some(Role::Server) && !token.bootstrap {
            // A server's password belongs to the user `server`, who may not read this path: 403 says that it is right.
            let status = self.ask(bundle, token, "server")?.status;
            if status == 401 {
                return Err(self.refused(status));
            }
        }
        let answer = self.ask(bundle, token, "node")?;
        match answer.status {
            200 => match serde_json::from_slice(&answer.body) {
                Ok(config) => Ok(Some(config)),
                Err(error) => Err(stop(
                    "k3s-server-not-k3s",
                    &self.subject(),
                    format!("its answer to GET {CONFIG} is no JSON: {error}"),
                    "give the address and port of a K3s server",
                )),
            },
            // With a token of their own for agents, the servers' does not open what agents read.
            401 | 403 if role == Some(Role::Server) => Ok(None),
            status => Err(self.refused(status)),
        }
    }

    fn ask(&self, bundle: &Bundle, token: &Token, user: &str) -> Step<Answer> {
        let trust = Trust::Only(&bundle.pinned);
        let answer = self.get(trust, CONFIG, Some(&token.authorization(user)))?;
        answer.map_err(|trouble| self.no_answer(CONFIG, &trouble))
    }

    fn refused(&self, status: u16) -> Stop {
        let subject = self.subject();
        match status {
            401 => stop(
                "k3s-token-refused",
                &subject,
                "it refuses the token (401): the password is not its own, or the token has expired",
                "take the token from the server's /var/lib/rancher/k3s/server/node-token (agents: agent-token), or `k3s token create`",
            ),
            403 => stop(
                "k3s-token-forbidden",
                &subject,
                "it knows the token, and the token is not for agents (403)",
                "take the token from the server's /var/lib/rancher/k3s/server/agent-token",
            ),
            429 => stop(
                "k3s-server-busy",
                &subject,
                "it is asked by too many nodes at once (429)",
                "try again in a minute",
            ),
            503 => self.starting(CONFIG),
            other => stop(
                "k3s-server-not-k3s",
                &subject,
                format!("it answers GET {CONFIG} with {other}"),
                "give the address and port of a K3s server",
            ),
        }
    }
}
