//! What a server answers: HTTP however it is cut, certificates, dates, settings; tokens and URLs; a Docker engine's answers.

use super::bytes;
use k3s_join::rehearse::cacerts::Bundle;
use k3s_join::rehearse::http::{self, Trouble};
use k3s_join::rehearse::token::Token;
use k3s_join::rehearse::url::Server;
use k3s_join::rehearse::{Target, settings};
use std::io::{self, Read, Write};
use std::time::Duration;

/// A connection that gives what it has in pieces, and takes everything.
struct Stream<'a> {
    left: &'a [u8],
    piece: usize,
}

impl Read for Stream<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.piece.min(buffer.len()).min(self.left.len());
        let (now, left) = self.left.split_at(length);
        buffer[..length].copy_from_slice(now);
        self.left = left;
        Ok(length)
    }
}

impl Write for Stream<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// An answer does not depend on how it is cut on its way, and stays within its limits; every other text is read or refused.
pub fn run(data: &[u8]) {
    let (choice, data) = bytes::choice(data);
    match choice % 6 {
        0 => answer(data, choice / 6),
        1 => certificates(data),
        2 => config(data),
        3 => {
            let _ = Token::parse(data).map(|token| {
                assert!(!format!("{token:?}").is_empty());
                token.authorization("node")
            });
        }
        4 => {
            let Some(text) = bytes::text(data) else {
                return;
            };
            if let Ok(server) = Server::parse(text) {
                let shown = server.to_string();
                assert_eq!(Server::parse(&shown), Ok(server));
            }
            if let Some(seconds) = http::date_seconds(text) {
                assert!(!k3s_join::check::date(seconds).is_empty());
            }
        }
        _ => {
            if let Ok(body) = pi_dockerroot::engine::http::body(data) {
                assert!(data.ends_with(body));
            }
        }
    }
}

fn answer(data: &[u8], choice: usize) {
    let get = |piece: usize| http::get(&mut Stream { left: data, piece }, "h", "/ping", None);
    let (whole, cut) = (get(usize::MAX), get(choice + 1));
    match (whole, cut) {
        (Ok(whole), Ok(cut)) => {
            assert_eq!((whole.status, &whole.date), (cut.status, &cut.date));
            assert!(whole.body == cut.body, "cut otherwise it is another body");
            assert!(whole.body.len() <= http::BODY + (16 << 10));
            if let Some(date) = &whole.date {
                let _ = http::date_seconds(date);
            }
        }
        (Err(whole), Err(cut)) => {
            let kind = |trouble: &Trouble| std::mem::discriminant(trouble);
            assert_eq!(kind(&whole), kind(&cut), "{whole} and {cut}");
        }
        (whole, cut) => panic!("cut otherwise it is {cut:?}, not {whole:?}"),
    }
}

fn certificates(data: &[u8]) {
    let now = Duration::from_secs(1_700_000_000);
    if let Ok(bundle) = Bundle::read_at(data, now) {
        assert!(!bundle.certificates.is_empty());
        assert_eq!(bundle.hash.len(), 64);
    }
}

fn config(data: &[u8]) {
    let Ok(config) = serde_json::from_slice(data) else {
        return;
    };
    let target = Target {
        url: "https://192.168.11.11:6443".to_owned(),
        token: None,
        pin: None,
        role: Some(cluster::inventory::Role::Server),
        settings: [("cluster-cidr".to_owned(), "10.42.0.0/16".to_owned())].into(),
        addresses: vec!["192.168.11.11".parse().expect("an address")],
        limit: Duration::from_secs(1),
    };
    for finding in settings::compare(&target.url, &config, &target) {
        assert!(!finding.message.is_empty());
    }
}
