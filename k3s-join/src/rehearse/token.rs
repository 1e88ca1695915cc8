//! Tokens, as K3s reads them (pkg/clientaccess/token.go): `K10<hash>::<user>:<password>`, or a password alone.

use crate::token::is_bootstrap;
use base64ct::{Base64, Encoding};
use cluster::secret::REDACTED;
use std::fmt;

/// The prefix of a token with a hash.
const PREFIX: &[u8] = b"K10";
/// SHA-256 in hexadecimal digits.
const HASH_DIGITS: usize = 64;

/// A token's parts. Its `Debug` hides the secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// The SHA-256 of the server's CA that it pins.
    pub hash: Option<String>,
    /// The password, or the whole of a bootstrap token.
    secret: Vec<u8>,
    /// Whether it is a bootstrap token, `[a-z0-9]{6}.[a-z0-9]{16}`.
    pub bootstrap: bool,
}

impl Token {
    /// Reads a token without its line end.
    ///
    /// # Errors
    /// What is wrong with it, without showing any of it.
    pub fn parse(text: &[u8]) -> Result<Self, &'static str> {
        let Some(rest) = text.strip_prefix(PREFIX) else {
            return match text {
                [] => Err("it is empty"),
                _ => Ok(Self {
                    hash: None,
                    secret: text.to_vec(),
                    bootstrap: is_bootstrap(text),
                }),
            };
        };
        let (hash, credentials) = match rest.windows(2).position(|pair| pair == b"::") {
            Some(at) => (&rest[..at], &rest[at + 2..]),
            None => (&rest[..0], rest),
        };
        if !hash.is_empty()
            && (hash.len() != HASH_DIGITS || !hash.iter().all(u8::is_ascii_hexdigit))
        {
            return Err("it starts with K10, and no hash of 64 hexadecimal digits follows");
        }
        let hash = (!hash.is_empty()).then(|| String::from_utf8_lossy(hash).into_owned());
        if is_bootstrap(credentials) {
            return Ok(Self {
                hash,
                secret: credentials.to_vec(),
                bootstrap: true,
            });
        }
        match credentials.iter().position(|byte| *byte == b':') {
            Some(at) if at + 1 < credentials.len() => Ok(Self {
                hash,
                secret: credentials[at + 1..].to_vec(),
                bootstrap: false,
            }),
            _ => Err("it starts with K10, and no USER:PASSWORD follows its hash"),
        }
    }

    /// The password, or the whole bootstrap token.
    pub fn password(&self) -> &[u8] {
        &self.secret
    }

    /// The `Authorization` of a request: K3s's nodes are always the user `node`, servers the user `server`.
    pub fn authorization(&self, user: &str) -> Vec<u8> {
        if self.bootstrap {
            return [b"Bearer ", self.secret.as_slice()].concat();
        }
        let plain = [user.as_bytes(), b":", &self.secret].concat();
        [b"Basic ", Base64::encode_string(&plain).as_bytes()].concat()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("hash", &self.hash)
            .field("secret", &REDACTED)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_read_as_k3s_reads_them() {
        let hash = "a".repeat(64);
        let parse = |text: &str| Token::parse(text.as_bytes());
        let full = parse(&format!("K10{hash}::server:pa:ss")).unwrap();
        assert_eq!(
            (full.hash.as_deref(), full.password()),
            (Some(hash.as_str()), &b"pa:ss"[..])
        );
        assert_eq!(full.authorization("node"), b"Basic bm9kZTpwYTpzcw==");
        let short = parse("secret").unwrap();
        assert_eq!((short.hash, short.bootstrap), (None, false));
        let bootstrap = parse(&format!("K10{hash}::abcdef.0123456789abcdef")).unwrap();
        assert!(bootstrap.bootstrap);
        assert_eq!(
            bootstrap.authorization("node"),
            b"Bearer abcdef.0123456789abcdef"
        );
        assert_eq!(parse("K10::node:p").unwrap().hash, None);
        for bad in [
            "",
            "K10",
            "K10abc::node:p",
            "K10secret",
            &format!("K10{hash}::node"),
            &format!("K10{hash}::node:"),
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert!(!format!("{:?}", parse("secret").unwrap()).contains("secret\""));
    }
}
