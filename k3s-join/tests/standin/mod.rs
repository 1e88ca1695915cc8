//! A stand-in for a K3s server: TLS, the unauthenticated and the node's read-only paths, and what can go wrong with them.
//!
//! It is not K3s: it shows what `--rehearse` does with each answer, and records every path that it was asked for.

#![allow(dead_code, reason = "each test file uses a part of it")]

use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// A certificate authority.
pub struct Ca {
    pub pem: String,
    pub der: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

impl Ca {
    pub fn root(name: &str) -> Self {
        Self::made(name, None, None, true)
    }

    pub fn below(&self, name: &str) -> Self {
        Self::made(name, Some(self), None, true)
    }

    pub fn of_year(name: &str, from: i32) -> Self {
        Self::made(name, None, Some(from), true)
    }

    /// One that may not sign, as each node has, and signs all the same.
    pub fn usurper(&self, name: &str) -> Self {
        Self::made(name, Some(self), None, false)
    }

    fn made(name: &str, above: Option<&Self>, from: Option<i32>, may_sign: bool) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = match may_sign {
            true => IsCa::Ca(BasicConstraints::Unconstrained),
            false => IsCa::ExplicitNoCa,
        };
        params.key_usages = vec![
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::DigitalSignature,
        ];
        params.use_authority_key_identifier_extension = true;
        if let Some(from) = from {
            params.not_before = rcgen::date_time_ymd(from, 1, 1);
            params.not_after = rcgen::date_time_ymd(from + 1, 1, 1);
        }
        let key = KeyPair::generate().unwrap();
        let certificate = match above {
            Some(above) => params.signed_by(&key, &above.issuer).unwrap(),
            None => params.self_signed(&key).unwrap(),
        };
        Self {
            pem: certificate.pem(),
            der: certificate.der().clone(),
            issuer: Issuer::new(params, key),
        }
    }

    /// A server's certificate of this CA, for these names, from this year on.
    pub fn server(&self, names: &[&str], from: i32) -> Leaf {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "k3s");
        for name in names {
            params.subject_alt_names.push(match name.parse() {
                Ok(address) => SanType::IpAddress(address),
                Err(_) => SanType::DnsName((*name).try_into().unwrap()),
            });
        }
        params.not_before = rcgen::date_time_ymd(from, 1, 1);
        params.not_after = rcgen::date_time_ymd(if from > 2025 { 2200 } else { from + 1 }, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Leaf {
            der: certificate.der().clone(),
            key: key.serialize_der(),
        }
    }
}

/// A server's certificate and key.
pub struct Leaf {
    der: CertificateDer<'static>,
    key: Vec<u8>,
}

/// What comes back for a path.
#[derive(Clone)]
pub enum Reply {
    Text(u16, Vec<u8>),
    Chunked(Vec<u8>),
    /// With this header `Date`.
    Dated(&'static str, Vec<u8>),
    /// A byte now and then, for ever.
    Trickle,
    /// Bytes without end.
    Endless,
    /// Nothing, for ever.
    Silent,
    Close,
}

type Answering = dyn Fn(&str, Option<&str>) -> Reply + Send + Sync;

/// A server that runs until the test ends.
pub struct Standin {
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Standin {
    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// Every path that was asked for, with `+auth` where a secret was sent along.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// With TLS.
    pub fn tls(
        leaf: &Leaf,
        chain: &[&Ca],
        answer: impl Fn(&str, Option<&str>) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let mut certificates = vec![leaf.der.clone()];
        certificates.extend(chain.iter().map(|ca| ca.der.clone()));
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(leaf.key.clone()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(certificates, key)
            .unwrap();
        let (config, answer): (_, Arc<Answering>) = (Arc::new(config), Arc::new(answer));
        Self::listen(move |tcp, asked| {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            serve(StreamOwned::new(connection, tcp), asked, &*answer);
        })
    }

    /// Without TLS.
    pub fn plain(answer: impl Fn(&str, Option<&str>) -> Reply + Send + Sync + 'static) -> Self {
        let answer: Arc<Answering> = Arc::new(answer);
        Self::listen(move |tcp, asked| serve(tcp, asked, &*answer))
    }

    /// Takes connections and does this with each.
    pub fn listen(each: impl Fn(TcpStream, &Mutex<Vec<String>>) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (each, record) = (Arc::new(each), Arc::clone(&asked));
        thread::spawn(move || {
            for tcp in listener.incoming().flatten() {
                let (each, record) = (Arc::clone(&each), Arc::clone(&record));
                thread::spawn(move || each(tcp, &record));
            }
        });
        Self { address, asked }
    }
}

/// One request and its answer. The other side may be gone at any time.
fn serve(mut stream: impl Read + Write, asked: &Mutex<Vec<String>>, answer: &Answering) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return,
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let auth = head
        .lines()
        .find_map(|line| line.strip_prefix("Authorization: "));
    let method = head.split(' ').next().unwrap_or_default();
    let with = if auth.is_some() { "+auth" } else { "" };
    asked.lock().unwrap().push(format!("{method} {path}{with}"));
    let _ = reply(&mut stream, answer(&path, auth));
    let _ = stream.flush();
}

fn reply(stream: &mut impl Write, reply: Reply) -> std::io::Result<()> {
    match reply {
        Reply::Text(status, body) => {
            write!(
                stream,
                "HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n",
                body.len()
            )?;
            stream.write_all(&body)
        }
        Reply::Dated(date, body) => {
            let length = body.len();
            write!(
                stream,
                "HTTP/1.1 200 OK\r\nDate: {date}\r\nContent-Length: {length}\r\n\r\n"
            )?;
            stream.write_all(&body)
        }
        Reply::Chunked(body) => {
            write!(
                stream,
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            )?;
            for chunk in body.chunks(1000) {
                write!(stream, "{:x}\r\n", chunk.len())?;
                stream.write_all(chunk)?;
                stream.write_all(b"\r\n")?;
            }
            stream.write_all(b"0\r\n\r\n")
        }
        Reply::Trickle => {
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")?;
            loop {
                stream.write_all(b"x")?;
                stream.flush()?;
                thread::sleep(Duration::from_millis(100));
            }
        }
        Reply::Endless => {
            write!(stream, "HTTP/1.1 200 OK\r\n\r\n")?;
            loop {
                stream.write_all(&[b'x'; 8192])?;
            }
        }
        Reply::Silent => {
            thread::sleep(Duration::from_secs(60));
            Ok(())
        }
        Reply::Close => Ok(()),
    }
}

/// What a K3s server of this CA bundle answers to who has this password.
pub fn k3s(
    cacerts: String,
    password: &str,
    config: serde_json::Value,
) -> impl Fn(&str, Option<&str>) -> Reply + Send + Sync + 'static {
    let (node, server) = (basic("node", password), basic("server", password));
    move |path, auth| match (path, auth) {
        ("/ping", _) => Reply::Text(200, b"pong".to_vec()),
        ("/cacerts", _) => Reply::Text(200, cacerts.clone().into_bytes()),
        ("/v1-k3s/config", Some(auth)) if auth == node => {
            Reply::Chunked(config.to_string().into_bytes())
        }
        ("/v1-k3s/config", Some(auth)) if auth == server => Reply::Text(403, b"forbidden".to_vec()),
        ("/v1-k3s/config", _) => Reply::Text(401, b"not authorized".to_vec()),
        _ => Reply::Text(404, b"404 page not found".to_vec()),
    }
}

/// The header that a client of this user and password sends: by `base64` of coreutils, not by the program's own.
fn basic(user: &str, password: &str) -> String {
    let coded = run("base64", &["-w0"], format!("{user}:{password}").as_bytes());
    format!("Basic {coded}")
}

/// A program of the host with this standard input; its standard output.
pub fn run(program: &str, arguments: &[&str], input: &[u8]) -> String {
    let outcome = cluster_tests::program::Program::new(program)
        .args(arguments)
        .input(input)
        .run()
        .unwrap();
    assert_eq!(outcome.code, Some(0), "{program}: {}", outcome.stderr);
    outcome.text().trim().to_owned()
}

/// The settings of a server as K3s sends them, with a secret among them.
pub fn settings() -> serde_json::Value {
    serde_json::json!({
        "ClusterIPRanges": [{"IP": "10.42.0.0", "Mask": "//8AAA=="}],
        "ServiceIPRanges": [{"IP": "10.43.0.0", "Mask": "//8AAA=="}],
        "ClusterDNS": "10.43.0.10", "ClusterDomain": "cluster.local",
        "DisableCCM": false, "DisableHelmController": false, "DisableNPC": false,
        "EgressSelectorMode": "agent", "EmbeddedRegistry": false, "EncryptSecrets": false,
        "FlannelBackend": "vxlan", "FlannelExternalIP": false, "FlannelIPv6Masq": false,
        "IPSECPSK": MARKER, "SANs": ["127.0.0.1"],
    })
}

/// A secret of the server's: it is in no output.
pub const MARKER: &str = "marker-of-the-servers-own-secret";
