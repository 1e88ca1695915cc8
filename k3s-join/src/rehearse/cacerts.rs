//! The CA certificates that a server hands out, and the hash of them that tokens pin.
//!
//! One certificate: the SHA-256 of the very bytes. Several: that of the root's DER, if the first leads to a root among the
//! others, so that a CA can be renewed below the same root; if it does not, of the bytes again (hashCA in K3s's
//! pkg/clientaccess/token.go).

use cluster::plan::sha256;
use der::{Decode, Encode, Header, Reader, SliceReader};
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use x509_cert::Certificate;
use x509_cert::ext::pkix::{AuthorityKeyIdentifier, BasicConstraints, SubjectKeyIdentifier};

/// A server's CA certificates.
#[derive(Debug, Clone)]
pub struct Bundle {
    /// The certificates, in their order.
    pub certificates: Vec<CertificateDer<'static>>,
    /// What a token pins.
    pub hash: String,
}

impl Bundle {
    /// Reads certificates in PEM.
    ///
    /// # Errors
    /// There is none, or one that is damaged, in words.
    pub fn read(pem: &[u8]) -> Result<Self, String> {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self::read_at(pem, now)
    }

    /// The same at a time since 1970: a chain that is not valid then does not count.
    ///
    /// # Errors
    /// As [`Bundle::read`].
    pub fn read_at(pem: &[u8], now: Duration) -> Result<Self, String> {
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
        let certificates =
            certificates.map_err(|error| format!("a certificate in it is damaged: {error:?}"))?;
        let parsed: Result<Vec<_>, _> = certificates.iter().map(|der| Parsed::read(der)).collect();
        let parsed = parsed.map_err(|error| format!("a certificate in it is damaged: {error}"))?;
        let hash = match parsed.as_slice() {
            [] => return Err("there is no certificate in it".to_owned()),
            [_] => sha256(pem),
            several => match root_of(several, now) {
                Some(root) => sha256(root.der),
                None => sha256(pem),
            },
        };
        Ok(Self { certificates, hash })
    }
}

/// A certificate with what a chain is made by.
struct Parsed<'a> {
    der: &'a [u8],
    certificate: Certificate,
    authority_key: Option<Vec<u8>>,
    subject_key: Option<Vec<u8>>,
    is_ca: bool,
}

impl<'a> Parsed<'a> {
    fn read(der: &'a [u8]) -> Result<Self, der::Error> {
        let certificate = Certificate::from_der(der)?;
        let body = &certificate.tbs_certificate;
        let authority = body.get::<AuthorityKeyIdentifier>()?;
        let subject = body.get::<SubjectKeyIdentifier>()?;
        let constraints = body.get::<BasicConstraints>()?;
        Ok(Self {
            authority_key: authority
                .and_then(|(_, id)| Some(id.key_identifier?.as_bytes().to_vec())),
            subject_key: subject.map(|(_, id)| id.0.as_bytes().to_vec()),
            is_ca: constraints.is_some_and(|(_, found)| found.ca),
            der,
            certificate,
        })
    }

    fn is_root(&self) -> bool {
        self.authority_key.is_none() || self.authority_key == self.subject_key
    }

    fn valid_at(&self, now: Duration) -> bool {
        let validity = &self.certificate.tbs_certificate.validity;
        (validity.not_before.to_unix_duration()..=validity.not_after.to_unix_duration())
            .contains(&now)
    }

    /// Whether `parent`'s key made this one's signature.
    fn signed_by(&self, parent: &Self) -> bool {
        self.verified(parent).unwrap_or(false)
    }

    fn verified(&self, parent: &Self) -> Option<bool> {
        let above = &parent.certificate.tbs_certificate;
        if self.certificate.tbs_certificate.issuer != above.subject || !parent.is_ca {
            return Some(false);
        }
        let message = first_inside(self.der).ok()?;
        let signature = self.certificate.signature.as_bytes()?;
        let algorithm = self.certificate.signature_algorithm.to_der().ok()?;
        let key = &above.subject_public_key_info;
        let key_algorithm = key.algorithm.to_der().ok()?;
        let key = key.subject_public_key.as_bytes()?;
        let known = ring::default_provider()
            .signature_verification_algorithms
            .all;
        // Theirs are the contents of the sequences that ours are.
        Some(known.iter().any(|known| {
            algorithm.ends_with(known.signature_alg_id().as_ref())
                && key_algorithm.ends_with(known.public_key_alg_id().as_ref())
                && known.verify_signature(key, message, signature).is_ok()
        }))
    }
}

/// The first element of a DER sequence, whole: of a certificate what its signature is of.
fn first_inside(der: &[u8]) -> der::Result<&[u8]> {
    let mut reader = SliceReader::new(der)?;
    Header::decode(&mut reader)?;
    reader.tlv_bytes()
}

/// The root that the first certificate leads to: roots are tried before certificates between, as Go's verifier does.
fn root_of<'a, 'b>(all: &'b [Parsed<'a>], now: Duration) -> Option<&'b Parsed<'a>> {
    let (first, others) = all.split_first()?;
    let (roots, between): (Vec<_>, Vec<_>) = others.iter().partition(|one| one.is_root());
    if let Some(itself) = roots.iter().find(|root| root.der == first.der) {
        return itself.valid_at(now).then_some(*itself);
    }
    climb(first, &roots, &between, now)
}

fn climb<'a, 'b>(
    from: &Parsed<'_>,
    roots: &[&'b Parsed<'a>],
    between: &[&'b Parsed<'a>],
    now: Duration,
) -> Option<&'b Parsed<'a>> {
    if !from.valid_at(now) {
        return None;
    }
    if let Some(root) = roots
        .iter()
        .find(|root| root.valid_at(now) && from.signed_by(root))
    {
        return Some(*root);
    }
    between
        .iter()
        .enumerate()
        .filter(|(_, next)| from.signed_by(next))
        .find_map(|(index, next)| {
            // No certificate stands in a chain twice.
            let rest: Vec<_> = between
                .iter()
                .enumerate()
                .filter(|(i, _)| *i != index)
                .map(|(_, c)| *c)
                .collect();
            climb(next, roots, &rest, now)
        })
}
