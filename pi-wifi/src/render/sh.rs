//! A POSIX shell script that writes a node's files. It holds no secret: it reads the files that the document names, where it
//! runs, and derives the key there with wpa_passphrase.

use crate::content::{File, Form, Piece};
use crate::request::{Network, Request, Site, Source};
use crate::stack::Stack;
use cluster::command::quote;
use cluster::finding::Finding;
use cluster::name::escape_controls;
use std::collections::BTreeSet;

const PRELUDE: &str = r#"set -eu
umask 077
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export PATH LC_ALL
root=${ROOT:-}
secrets=${SECRETS:-.}
die() { printf 'stopped: %s\n' "$*" >&2; exit 1; }
# FILE: the path below $secrets, unless it is absolute
place() { case $1 in /*) printf %s "$1" ;; *) printf %s "$secrets/$1" ;; esac; }
# FILE: the passphrase in it, without its line end; 8 to 63 bytes. Whoever calls it looks at its status: a pipe would lose that.
phrase() {
  p=$(cat "$(place "$1")") || die "reading $1"
  p=${p%"$(printf '\r')"}
  [ "${#p}" -ge 8 ] && [ "${#p}" -le 63 ] || die "$1: a passphrase has 8 to 63 bytes"
  [ "$(printf %s "$p" | tr -d '\000-\037\177')" = "$p" ] || die "$1: a passphrase has no control characters"
  printf %s "$p"
}
# FILE: the passphrase in hexadecimal digits
digits() {
  d=$(phrase "$1") || exit 1
  printf %s "$d" | od -An -v -tx1 | tr -d ' \n'
}
# FILE: the passphrase inside a keyfile. Each leading space becomes \s: mark the end of the lead, then take it space by space.
keyfile() {
  f=$(phrase "$1") || exit 1
  printf %s "$f" | sed -e 's/\\/\\\\/g' -e ':a' -e 's/^\(\(\\s\)*\) /\1\\s/' -e 'ta'
}
# FILE: the passphrase inside a YAML text. What YAML takes for a line end or a mark of byte order it would change.
yaml() {
  y=$(phrase "$1") || exit 1
  for c in '\0342\0200\0250' '\0342\0200\0251' '\0357\0273\0277' '\0357\0277\0276' '\0357\0277\0277'; do
    case $y in *"$(printf %b "$c")"*) die "$1: YAML would change this passphrase" ;; esac
  done
  printf %s "$y" | sed 's/[\\"]/\\&/g'
}
# FILE SSID: the derived key
derive() {
  k=$(phrase "$1") || exit 1
  k=$(printf %s "$k" | wpa_passphrase "$2" 2>/dev/null | sed -n 's/^[[:space:]]*psk=\([0-9a-f]*\)$/\1/p')
  [ "${#k}" = 64 ] || die "deriving the key of $1: is wpa_passphrase installed?"
  printf %s "$k"
}
# FILE: the derived key in it
given() {
  k=$(cat "$(place "$1")") || die "reading $1"
  k=$(printf %s "$k" | tr -d '\r\n' | tr A-F a-f)
  case $k in *[!0-9a-f]*) die "$1: not hexadecimal digits" ;; esac
  [ "${#k}" = 64 ] || die "$1: a derived key has 64 digits"
  printf %s "$k"
}
# PATH MODE: writes standard input there, whole or not at all
write() {
  mkdir -p "$(dirname "$root$1")"
  cat >"$root$1.new"
  chmod "$2" "$root$1.new"
  mv -f "$root$1.new" "$root$1"
  printf '%s\n' "$1" >&2
}
"#;

/// What the script cannot do: a program's argument ends at a NUL byte.
pub fn refusals(site: Site<'_>, files: &[File]) -> Vec<Finding> {
    let derives = |number: usize| {
        let wanted = Piece::Secret(number, Form::KeyHex);
        files
            .iter()
            .any(|file| file.content.pieces().contains(&wanted))
    };
    let networks = site.networks.iter().enumerate();
    networks
        .filter(|(number, network)| {
            matches!(network.request.key, Source::PskFile(_))
                && derives(*number)
                && network.ssid.bytes().contains(&0)
        })
        .map(|(_, network)| {
            let message = format!(
                "a script cannot derive the key of {}: its name has a byte 00",
                network.ssid
            );
            Finding::error("wifi-target-cannot", site.node, message)
                .fix("use -f wpa-supplicant, or --apply on the node")
        })
        .collect()
}

/// The script.
pub fn script(site: Site<'_>, files: &[File]) -> String {
    let mut out = String::from("#!/bin/sh\n");
    let title = format!("Writes the Wi-Fi files of {}.", site.node);
    out.push_str(&format!("# {}\n", escape_controls(&title)));
    out.push_str(
        "# SECRETS=FOLDER names where the secret files are, ROOT=FOLDER another root than /.\n",
    );
    out.push_str(PRELUDE);
    out.push_str("\n# Every secret is read before the first file is written.\n");
    for (number, form) in used(files) {
        let network = &site.networks[number];
        if form == Form::KeyHex && matches!(network.request.key, Source::PskFile(_)) {
            out.push_str(&name(number, network.ssid.bytes()));
        }
        out.push_str(&format!(
            "{}=$({}) || exit 1\n",
            variable(number, form),
            command(number, network, form)
        ));
    }
    for file in files {
        out.push_str(&format!(
            "\n{{\n{}}} | write {} {:o}\n",
            body(file),
            quote(&file.path),
            file.mode
        ));
    }
    out.push_str(&after(site.request));
    out
}

fn used(files: &[File]) -> Vec<(usize, Form)> {
    let pieces = files.iter().flat_map(|file| file.content.pieces());
    let secrets = pieces.filter_map(|piece| match piece {
        Piece::Secret(number, form) => Some((*number, *form)),
        Piece::Text(_) => None,
    });
    let mut seen = BTreeSet::new();
    secrets
        .filter(|(number, form)| seen.insert(variable(*number, *form)))
        .collect()
}

fn variable(number: usize, form: Form) -> String {
    let form = match form {
        Form::KeyHex => "key",
        Form::PhraseHex => "hex",
        Form::PhraseYaml => "yaml",
        Form::PhraseKeyfile => "keyfile",
    };
    format!("{form}_{number}")
}

fn command(number: usize, network: &Network, form: Form) -> String {
    let (file, derived) = match &network.request.key {
        Source::PskFile(file) => (file, false),
        Source::PskHexFile(file) => (file, true),
        Source::Open => return "true".to_owned(),
    };
    let file = quote(&file.to_string_lossy());
    match form {
        Form::KeyHex if derived => format!("given {file}"),
        Form::KeyHex => format!("derive {file} \"${{ssid_{number}}}\""),
        Form::PhraseHex => format!("digits {file}"),
        Form::PhraseYaml => format!("yaml {file}"),
        Form::PhraseKeyfile => format!("keyfile {file}"),
    }
}

/// A line that sets a variable to any bytes but NUL. `$(…)` takes line ends away, so that a mark stands behind them.
fn name(number: usize, bytes: &[u8]) -> String {
    let plain = |b: &u8| matches!(b, b' '..=b'~');
    if bytes.iter().all(plain) {
        let word = quote(&String::from_utf8_lossy(bytes));
        return format!("ssid_{number}={word}\n");
    }
    let digits: String = bytes.iter().map(|byte| format!("\\0{byte:03o}")).collect();
    format!("ssid_{number}=$(printf %b '{digits}_')\nssid_{number}=${{ssid_{number}%_}}\n")
}

fn body(file: &File) -> String {
    let mut out = String::new();
    for piece in file.content.pieces() {
        out.push_str(&match piece {
            Piece::Text(text) => format!("printf %s {}\n", quote(text)),
            Piece::Secret(number, form) => {
                format!("printf %s \"${{{}}}\"\n", variable(*number, *form))
            }
        });
    }
    out
}

/// What has the files read.
fn after(request: &Request) -> String {
    let interface = quote(&request.interface);
    let lines = match request.stack {
        Stack::WpaSupplicant => format!("wpa_cli -i {interface} reconfigure\n"),
        Stack::Netplan => "netplan apply\n".to_owned(),
        Stack::NetworkManager => "nmcli connection reload\n".to_owned(),
        Stack::Systemd => format!(
            "systemctl daemon-reload\nsystemctl enable --now systemd-networkd.service {0}\nsystemctl restart {0}\nnetworkctl reload\n",
            quote(&super::systemd::unit(&request.interface))
        ),
        Stack::CloudConfig => {
            "echo 'restart the node: RancherOS reads it at its start' >&2\n".to_owned()
        }
    };
    format!("\n[ -z \"$root\" ] || exit 0\n{lines}")
}
