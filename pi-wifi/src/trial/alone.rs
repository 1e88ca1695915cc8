//! With a wpa_supplicant of our own where nobody has the interface.

use super::client::Client;
use super::{BACK, Kept, Outcome, PAUSE, Trial, write_secret};
use crate::control::Control;
use crate::guard::Undo;
use crate::render::wpa_supplicant::content;
use anyhow::{Context, bail};
use cluster::command::Command;
use cluster::process;
use std::path::Path;
use std::thread;
use std::time::Instant;

impl Trial<'_> {
    /// With a wpa_supplicant of our own where nobody has the interface.
    pub(super) fn alone(&self) -> anyhow::Result<Outcome> {
        let interface = self.interface();
        let number = format!("/run/pi-wifi/{interface}.pid");
        self.root
            .remove(Path::new(&number))
            .with_context(|| format!("removing {number}"))?;
        let path = format!("/run/pi-wifi/{interface}.conf");
        self.root
            .make_folder(Path::new("/run/pi-wifi"), 0o700)
            .context("making /run/pi-wifi")?;
        write_secret(&path, &content(self.site), self.site.networks)?;
        Command::new("wpa_supplicant")
            .args([
                "-B", "-i", interface, "-c", &path, "-D", "nl80211", "-P", &number,
            ])
            .run()?;
        let control = format!("/run/wpa_supplicant/{interface}");
        let (process, started) = self.begun(&number, &control)?;
        let client = Client::choose(self);
        let mut remove = vec![path.clone()];
        remove.extend(client.file(interface));
        let undo = Undo {
            end: Some((process, started)),
            remove,
            attempt: client.undo(self),
            ..Undo::default()
        };
        let guard = self.guard(undo, 0)?;
        let listener = Control::open(&control)?;
        listener.attach()?;
        let came = self
            .connected(Some(&listener), Instant::now() + self.limit)
            .and_then(|()| {
                // What fails shows as a missing address.
                let _ = client.start(self);
                self.wait(None)
            });
        self.settle(guard, came, Kept::default())
    }

    /// The number of the wpa_supplicant that was started, and when it began. It goes into the background before it writes its
    /// number and listens.
    fn begun(&self, number: &str, control: &str) -> anyhow::Result<(u32, u64)> {
        let deadline = Instant::now() + BACK;
        loop {
            let text = self
                .root
                .read_if_there(Path::new(number), 64)
                .with_context(|| format!("reading {number}"))?;
            let text = text.map(|text| String::from_utf8_lossy(&text).trim().to_owned());
            let process = text.and_then(|text| text.parse::<u32>().ok());
            let began = process.and_then(|id| Some((id, process::stat(self.root, id)?.start)));
            if let Some(began) = began.filter(|_| Path::new(control).exists()) {
                return Ok(began);
            }
            if Instant::now() >= deadline {
                bail!("wpa_supplicant was started and does not listen at {control}");
            }
            thread::sleep(PAUSE);
        }
    }
}
