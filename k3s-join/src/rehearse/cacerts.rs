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
    /// Those that the hash speaks for, and only these may vouch for a server: of several the authorities from the first up
    /// to the root whose hash it is; whatever else stands among them, anybody can have added.
    pub pinned: Vec<CertificateDer<'static>>,
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
        let chain = match parsed.as_slice() {
            [] => return Err("there is no certificate in it".to_owned()),
            [_] => None,
            several => chain_of(several, now),
        };
        let (hash, pinned) = match chain.as_deref() {
            Some([root, ..]) => (sha256(root.der), authorities(chain.iter().flatten())),
            // The hash is of every byte.
            _ => (sha256(pem), certificates.clone()),
        };
        Ok(Self {
            certificates,
            hash,
            pinned,
        })
    }
}

/// Of a chain what may sign others. Its first may be any certificate, and then whoever has its key is no authority.
fn authorities<'a>(
    chain: impl Iterator<Item = &'a &'a Parsed<'a>>,
) -> Vec<CertificateDer<'static>> {
    let may_sign = chain.filter(|one| one.is_ca);
    may_sign
        .map(|one| CertificateDer::from(one.der.to_vec()))
        .collect()
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

    /// Whether it says that it comes from `parent`, and `parent` may sign.
    fn names(&self, parent: &Self) -> bool {
        let above = &parent.certificate.tbs_certificate;
        parent.is_ca && self.certificate.tbs_certificate.issuer == above.subject
    }

    fn verified(&self, parent: &Self) -> Option<bool> {
        let above = &parent.certificate.tbs_certificate;
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

/// From a root down to the first certificate, which leads to it: roots are tried before certificates between, as Go's
/// verifier does.
fn chain_of<'a, 'b>(all: &'b [Parsed<'a>], now: Duration) -> Option<Vec<&'b Parsed<'a>>> {
    let (first, others) = all.split_first()?;
    let (roots, between): (Vec<_>, Vec<_>) = others.iter().partition(|one| one.is_root());
    if let Some(itself) = roots.iter().find(|root| root.der == first.der) {
        return itself.valid_at(now).then(|| vec![*itself]);
    }
    let mut way = Way {
        roots,
        between,
        now,
        checks: 0,
    };
    way.climb(first)
}

/// The most signatures that are checked for one chain, as Go's verifier has it (maxChainSignatureChecks): certificates can be
/// made that sign each other in every order, and the server is not trusted yet.
const MOST_CHECKS: usize = 100;

/// The search for a root.
struct Way<'a, 'b> {
    roots: Vec<&'b Parsed<'a>>,
    /// What was not come by yet: a certificate that led to no root once leads to none again.
    between: Vec<&'b Parsed<'a>>,
    now: Duration,
    /// How many signatures were checked.
    checks: usize,
}

impl<'a, 'b> Way<'a, 'b> {
    fn climb(&mut self, from: &'b Parsed<'a>) -> Option<Vec<&'b Parsed<'a>>> {
        if !from.valid_at(self.now) {
            return None;
        }
        for index in 0..self.roots.len() {
            let root = self.roots[index];
            if root.valid_at(self.now) && self.signed(from, root) {
                return Some(vec![root, from]);
            }
        }
        for next in self.between.clone() {
            let open = self.between.iter().position(|one| std::ptr::eq(*one, next));
            let Some(at) = open.filter(|_| self.signed(from, next)) else {
                continue;
            };
            self.between.remove(at);
            if let Some(mut chain) = self.climb(next) {
                chain.push(from);
                return Some(chain);
            }
        }
        None
    }

    fn signed(&mut self, from: &Parsed<'_>, parent: &Parsed<'_>) -> bool {
        if !from.names(parent) || self.checks == MOST_CHECKS {
            return false;
        }
        self.checks += 1;
        from.signed_by(parent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

    /// Two names whose certificates sign each other, `each` of both, and no root above them.
    fn knot(each: u64) -> String {
        let side = |name: &str| {
            let mut params = CertificateParams::default();
            params.distinguished_name.push(DnType::CommonName, name);
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.use_authority_key_identifier_extension = true;
            (params, KeyPair::generate().unwrap())
        };
        let (a, b) = (side("a"), side("b"));
        let mut pem = String::new();
        for serial in 1..=each {
            for ((params, key), (above, above_key)) in [(&a, &b), (&b, &a)] {
                let mut params = params.clone();
                params.serial_number = Some(serial.into());
                let issuer = Issuer::from_params(above, above_key);
                pem += &params.signed_by(key, &issuer).unwrap().pem();
            }
        }
        pem
    }

    #[test]
    fn certificates_that_sign_each_other_in_every_order_are_soon_given_up() {
        let pem = knot(40);
        let bundle = Bundle::read_at(pem.as_bytes(), Duration::from_secs(1_700_000_000)).unwrap();
        assert_eq!(bundle.certificates.len(), 80);
        assert_eq!(bundle.hash, sha256(pem.as_bytes()));
    }
}
