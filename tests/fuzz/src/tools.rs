//! The document through each of the seven tools, in each form.

use super::{bytes, files, tool};

/// The bytes before the document: which tool and form.
pub const HEAD: usize = 1;

/// All that holds for every tool's run ([`tool::check`]).
pub fn run(data: &[u8]) {
    let (choice, document) = bytes::choice(data);
    let empty = files::empty("empty");
    let empty = empty.to_str().expect("a path of letters");
    let (tool, form) = (choice % 7, choice / 7);
    let pick = |forms: &[&'static str]| forms[form % forms.len()];
    match tool {
        0 => {
            let form = pick(&["json", "text", "svg"]);
            let assign: &[&str] = if form == "json" { &["--assign"] } else { &[] };
            let words = [&["-f", form], assign].concat();
            tool::check::<poe_budget::cli::Cli>(&words, document);
        }
        1 => {
            let form = pick(&["json", "text", "svg", "sh"]);
            let words = ["-f", form, "--sysroot", empty];
            tool::check::<pi_partition::cli::Cli>(&words, document);
        }
        2 => {
            let form = pick(&["json", "text", "cloud-config"]);
            let words = ["-f", form, "--sysroot", empty];
            tool::check::<pi_dockerroot::cli::Cli>(&words, document);
        }
        3 => {
            let form = pick(&[
                "json",
                "text",
                "sh",
                "files",
                "wpa-supplicant",
                "cloud-config",
                "netplan",
                "networkmanager",
                "systemd",
            ]);
            let words = [
                "-f",
                form,
                "--sysroot",
                empty,
                "--secrets",
                files::secrets(),
            ];
            tool::check::<pi_wifi::cli::Cli>(&words, document);
        }
        4 => {
            let form = pick(&["json", "text", "sh", "k8s", "heketi", "svg"]);
            tool::check::<gluster_plan::cli::Cli>(&["-f", form], document);
        }
        5 => {
            let form = pick(&[
                "json", "text", "config", "files", "sh", "ports", "ansible", "k3sup",
            ]);
            let words = ["-f", form, "--secrets", files::secrets()];
            tool::check::<k3s_join::cli::Cli>(&words, document);
        }
        _ => {
            let form = pick(&["json", "text", "rsc", "rsc-remove", "nft", "metallb"]);
            tool::check::<nat_gen::cli::Cli>(&["-f", form], document);
        }
    }
}
