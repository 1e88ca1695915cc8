//! Waiting for a network: the association, the address, and the connection that the program was started over.

use super::{Failure, PAUSE, SSH_PATIENCE, Trial, is_in};
use crate::check;
use crate::control::{Control, Trouble, trouble};
use crate::ssh::{self, Life};
use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

/// How long a DHCP client may take to notice that the network is another one.
const SETTLED: Duration = Duration::from_secs(6);

impl Trial<'_> {
    /// Waits for the association, the address, and the connection that the program was started over.
    pub(super) fn wait(&self, listener: Option<&Control>) -> Result<(), Failure> {
        self.connected(listener, Instant::now() + self.limit)?;
        self.addressed(Instant::now() + self.limit)?;
        self.reachable()
    }

    /// Whether the connection that the program was started over lives on: what is written to it is acknowledged.
    fn reachable(&self) -> Result<(), Failure> {
        let Some(session) = ssh::session(self.root) else {
            return Ok(());
        };
        let line = format!("pi-wifi: {} is in the new network\n", self.interface());
        // What cannot be written shows as nothing that was sent.
        let own = || drop(std::io::stderr().write_all(line.as_bytes()));
        let session_own = || drop(session.write(line.as_bytes()));
        if self.keep_anyway {
            own();
            return Ok(());
        }
        match ssh::life(&session.connection, SSH_PATIENCE, &[&own, &session_own]) {
            Life::Alive => Ok(()),
            life => Err(Failure::ConnectionDied(life)),
        }
    }

    /// Waits for an address. One that was there before may still be the former network's, and counts only once the DHCP client
    /// had the time to take it away.
    fn addressed(&self, deadline: Instant) -> Result<(), Failure> {
        let came = Instant::now();
        loop {
            let now = check::addresses(self.interface());
            let new = now.iter().any(|address| !self.before.contains(address));
            if new || (!now.is_empty() && came.elapsed() >= SETTLED) {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(Failure::NoAddress);
            }
            thread::sleep(PAUSE);
        }
    }

    pub(super) fn connected(
        &self,
        listener: Option<&Control>,
        deadline: Instant,
    ) -> Result<(), Failure> {
        let mut last = Failure::NotThere;
        while !is_in(self.site.request, self.root)
            .map_err(|error| Failure::Said(format!("{error:#}")))?
        {
            if Instant::now() >= deadline {
                return Err(last);
            }
            let Some(listener) = listener else {
                thread::sleep(PAUSE);
                continue;
            };
            let event = listener
                .event(PAUSE)
                .map_err(|error| Failure::Said(format!("{error:#}")))?;
            match event.as_deref().and_then(trouble) {
                // The only network, and waiting will not mend it.
                Some(Trouble::WrongKey) if self.site.networks.len() == 1 => {
                    return Err(Failure::Trouble(Trouble::WrongKey));
                }
                Some(trouble) if last != Failure::Trouble(Trouble::WrongKey) => {
                    last = Failure::Trouble(trouble)
                }
                _ => {}
            }
        }
        Ok(())
    }
}
