//! Restarting the program that has the radio, so that there is one of it afterwards.

use super::LIMIT;
use crate::control::Control;
use crate::guard;
use crate::owner::Owner;
use crate::processes;
use crate::stack::Stack;
use anyhow::{Context, bail};
use cluster::command::Command;
use cluster::process;
use cluster::root::Root;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// How often it is looked whether it ended.
const PAUSE: Duration = Duration::from_millis(100);

/// Restarts the program that has the radio: its unit, or the same command again where it has none.
pub(super) fn restart(root: &Root, owner: &Owner) -> anyhow::Result<()> {
    let systemd = root
        .exists(Path::new("/run/systemd/system"))
        .unwrap_or(false);
    if let Some(unit) = systemd.then(|| unit(root, owner)).flatten() {
        Command::new("systemctl")
            .args(["restart", "--", &unit])
            .limit(LIMIT)
            .run()?;
        return Ok(());
    }
    let own = processes::named(root, "wpa_supplicant")
        .into_iter()
        .find(|process| Some(process.id) == owner.supplicant)
        .context("no wpa_supplicant has the interface")?;
    let (program, arguments) = own
        .arguments
        .split_first()
        .context("wpa_supplicant ended meanwhile")?;
    end(root, own.id, owner.control.as_deref(), LIMIT)?;
    // It goes into the background whether it was told so before or not: this program waits for it otherwise.
    let background = (!arguments.iter().any(|word| word == "-B")).then_some("-B");
    Command::new(program)
        .args(background)
        .args(arguments)
        .limit(LIMIT)
        .run()?;
    Ok(())
}

/// Ends a wpa_supplicant: by its socket, or by a signal where it does not listen.
fn end(root: &Root, id: u32, control: Option<&str>, patience: Duration) -> anyhow::Result<()> {
    let before = process::stat(root, id).context("wpa_supplicant ended meanwhile")?;
    let told = control.is_some_and(|path| {
        Control::open(path)
            .and_then(|control| control.order(b"TERMINATE"))
            .is_ok()
    });
    if !told {
        guard::end(root, id, before.start);
    }
    let deadline = Instant::now() + patience;
    while process::stat(root, id).is_some_and(|now| now.start == before.start) {
        // A second one beside it would fight with it for the radio.
        if Instant::now() >= deadline {
            bail!("wpa_supplicant (process {id}) does not end, so no other is started");
        }
        thread::sleep(PAUSE);
    }
    Ok(())
}

/// The unit that the program belongs to.
fn unit(root: &Root, owner: &Owner) -> Option<String> {
    if owner.stack == Some(Stack::NetworkManager) {
        return Some("NetworkManager.service".to_owned());
    }
    let id = owner.supplicant?;
    let path = format!("/proc/{id}/cgroup");
    let text = root.read(Path::new(&path), 64 << 10).ok()?;
    let unit = service(&String::from_utf8_lossy(&text))?;
    // dhcpcd starts it by a hook. Any other unit is restarted only where it is this program: who started it from ssh.service
    // does not want that one restarted.
    (unit == "dhcpcd.service" || main_process(&unit) == Some(id)).then_some(unit)
}

/// The system's service in a `/proc/ID/cgroup` (cgroups(7)).
fn service(text: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let path = line.splitn(3, ':').nth(2)?.strip_prefix("/system.slice/")?;
        let last = path.rsplit('/').next()?;
        last.ends_with(".service").then(|| last.to_owned())
    })
}

fn main_process(unit: &str) -> Option<u32> {
    let said = Command::new("systemctl")
        .args(["show", "--property=MainPID", "--value", "--", unit])
        .run()
        .ok()?;
    String::from_utf8_lossy(&said).trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Child, Command as Child0, Stdio};

    fn child(script: &str) -> Child {
        Child0::new("/bin/sh")
            .args(["-c", script])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap()
    }

    #[test]
    fn the_unit_is_the_service_of_the_system() {
        let found = |text: &str| service(text);
        let own = "0::/system.slice/system-wpa_supplicant.slice/wpa_supplicant@wlan0.service\n";
        assert_eq!(found(own).as_deref(), Some("wpa_supplicant@wlan0.service"));
        let old = "2:cpu:/\n1:name=systemd:/system.slice/dhcpcd.service\n0::/\n";
        assert_eq!(found(old).as_deref(), Some("dhcpcd.service"));
        for other in [
            "0::/user.slice/user-1000.slice/session-1.scope\n",
            "0::/user.slice/user-1000.slice/user@1000.service/app.slice/x.service\n",
            "0::/\n",
            "",
        ] {
            assert_eq!(found(other), None, "{other}");
        }
    }

    #[test]
    fn what_does_not_end_is_not_followed_by_another() {
        let root = Root::open(Path::new("/")).unwrap();
        let mut deaf = child("trap '' TERM; echo; exec sleep 20");
        // Once it says something it no longer hears the signal.
        std::io::Read::read(deaf.stdout.as_mut().unwrap(), &mut [0]).unwrap();
        let error = end(&root, deaf.id(), None, Duration::from_millis(300)).unwrap_err();
        assert!(error.to_string().contains("does not end"), "{error}");
        deaf.kill().unwrap();
        deaf.wait().unwrap();
        let mut hears = child("exec sleep 20");
        let id = hears.id();
        // Its parent takes it away, as init does.
        let waiting = thread::spawn(move || hears.wait().unwrap());
        end(&root, id, Some("/no/such/socket"), LIMIT).unwrap();
        assert!(!waiting.join().unwrap().success());
    }
}
