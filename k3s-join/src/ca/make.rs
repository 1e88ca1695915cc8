//! Keys and certificates.

use super::{Certificate, kubeconfig};
use crate::token::Pin;
use anyhow::Context;
use cluster::plan::sha256;
use der::Encode;
use der::asn1::ObjectIdentifier;
use der::pem::LineEnding;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose,
};
use sec1::EcParameters;
use sec1::pkcs8::PrivateKeyInfo;
use time::{Duration, OffsetDateTime};

/// As long as K3s's script: 7300 days for the root, 3700 for what is below it.
const ROOT_DAYS: i64 = 7300;
const CA_DAYS: i64 = 3700;
/// As long as K3s's own: a year. Kubernetes cannot revoke a certificate.
const ADMIN_DAYS: i64 = 365;
/// A Pi has no clock: with one that is behind, a fresh certificate is not valid yet, and K3s then even computes another hash
/// (`hashCA` falls back to the raw bytes). So they are valid from a year before; nobody had their keys then.
const BEFORE_DAYS: i64 = 365;

/// A set of certificate authorities.
#[derive(Debug)]
pub struct Made {
    /// The files below their folder: path, permissions, content.
    pub files: Vec<(String, u32, Vec<u8>)>,
    /// What tokens pin.
    pub pin: Pin,
    /// The certificates.
    pub certificates: Vec<Certificate>,
}

/// A certificate with its key.
struct Authority {
    key: KeyPair,
    params: CertificateParams,
    pem: String,
    der: Vec<u8>,
}

/// Makes a set. `cluster` names it, `server` is where the administrator finds it, `now` in seconds since 1970.
///
/// # Errors
/// The system has no randomness, or a name no certificate can have.
pub fn make(cluster: &str, server: &str, now: i64) -> anyhow::Result<Made> {
    let now = OffsetDateTime::from_unix_timestamp(now).context("reading the clock")?;
    let mut made = Made {
        files: Vec::new(),
        pin: Pin(String::new()),
        certificates: Vec::new(),
    };
    let name = |what: &str| format!("{cluster}-{what}@{}", now.unix_timestamp());
    let root = authority(&name("root-ca"), ROOT_DAYS, now, None)?;
    made.pin = Pin(sha256(&root.der));
    made.add("root-ca", &root, &[])?;
    let middle = authority(&name("intermediate-ca"), CA_DAYS, now, Some(&root))?;
    made.add("intermediate-ca", &middle, &[&root])?;
    let mut kubeconfig = kubeconfig::Parts::new(cluster, server);
    for file in [
        "server-ca",
        "client-ca",
        "request-header-ca",
        "etcd/peer-ca",
        "etcd/server-ca",
    ] {
        let below = authority(&name(&file.replace('/', "-")), CA_DAYS, now, Some(&middle))?;
        let bundle = made.add(file, &below, &[&middle, &root])?;
        match file {
            "server-ca" => kubeconfig.authorities = bundle,
            "client-ca" => {
                let admin = admin(now, &below)?;
                let chain = format!("{}{}", admin.pem, bundle);
                made.certificates.push(certificate("kubeconfig", &admin));
                kubeconfig.certificate = chain;
                kubeconfig.key = key_pem(&admin.key)?;
            }
            _ => {}
        }
    }
    let service = KeyPair::generate().context("making a key")?;
    made.files.push((
        "service.key".to_owned(),
        0o600,
        key_pem(&service)?.into_bytes(),
    ));
    made.files.push((
        "kubeconfig".to_owned(),
        0o600,
        kubeconfig.text().into_bytes(),
    ));
    Ok(made)
}

impl Made {
    /// Adds an authority's certificate, with those above it, and its key. The certificate file's text.
    fn add(&mut self, file: &str, own: &Authority, above: &[&Authority]) -> anyhow::Result<String> {
        let mut bundle = own.pem.clone();
        for authority in above {
            bundle.push_str(&authority.pem);
        }
        self.certificates
            .push(certificate(&format!("{file}.crt"), own));
        self.files
            .push((format!("{file}.crt"), 0o644, bundle.clone().into_bytes()));
        self.files.push((
            format!("{file}.key"),
            0o600,
            key_pem(&own.key)?.into_bytes(),
        ));
        Ok(bundle)
    }
}

fn params(
    now: OffsetDateTime,
    days: i64,
    subject: DistinguishedName,
) -> anyhow::Result<CertificateParams> {
    let mut params =
        CertificateParams::new(Vec::<String>::new()).context("making a certificate")?;
    params.not_before = now - Duration::days(BEFORE_DAYS);
    params.not_after = now + Duration::days(days);
    params.distinguished_name = subject;
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

/// A certificate authority below `above`, or a root. Its uses are those of K3s's script.
fn authority(
    name: &str,
    days: i64,
    now: OffsetDateTime,
    above: Option<&Authority>,
) -> anyhow::Result<Authority> {
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, name);
    let mut params = params(now, days, subject)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![
        KeyUsagePurpose::DigitalSignature,
        KeyUsagePurpose::KeyEncipherment,
        KeyUsagePurpose::KeyCertSign,
    ];
    sign(params, above).with_context(|| format!("making the certificate of {name}"))
}

/// K3s's administrator: the group `system:masters` may do everything.
fn admin(now: OffsetDateTime, above: &Authority) -> anyhow::Result<Authority> {
    let mut subject = DistinguishedName::new();
    subject.push(DnType::OrganizationName, "system:masters");
    subject.push(DnType::CommonName, "system:admin");
    let mut params = params(now, ADMIN_DAYS, subject)?;
    params.key_usages = vec![
        KeyUsagePurpose::DigitalSignature,
        KeyUsagePurpose::KeyEncipherment,
    ];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    sign(params, Some(above)).context("making the administrator's certificate")
}

fn sign(params: CertificateParams, above: Option<&Authority>) -> anyhow::Result<Authority> {
    let key = KeyPair::generate()?;
    let certificate = match above {
        Some(above) => params.signed_by(&key, &Issuer::from_params(&above.params, &above.key))?,
        None => params.self_signed(&key)?,
    };
    Ok(Authority {
        pem: certificate.pem(),
        der: certificate.der().to_vec(),
        params,
        key,
    })
}

/// A key as `EC PRIVATE KEY` (SEC 1, RFC 5915), with its curve. The other form, PKCS #8, K3s would take for the authorities,
/// but the API server reads the public half of an elliptic `service.key` from this one only (client-go, `keyutil`).
fn key_pem(key: &KeyPair) -> anyhow::Result<String> {
    let failed = |error: &dyn std::fmt::Display| anyhow::anyhow!("writing a key: {error}");
    let pkcs8 = key.serialize_der();
    let info = PrivateKeyInfo::try_from(pkcs8.as_slice()).map_err(|error| failed(&error))?;
    let mut own = sec1::EcPrivateKey::try_from(info.private_key).map_err(|error| failed(&error))?;
    own.parameters = Some(EcParameters::NamedCurve(P256));
    let der = own.to_der().map_err(|error| failed(&error))?;
    der::pem::encode_string("EC PRIVATE KEY", LineEnding::LF, &der).map_err(|error| failed(&error))
}

/// prime256v1, as RFC 5480 names it.
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");

fn certificate(file: &str, own: &Authority) -> Certificate {
    let name = &own.params.distinguished_name;
    let part = |kind: DnType| match name.get(&kind) {
        Some(rcgen::DnValue::Utf8String(text)) => Some(text.clone()),
        _ => None,
    };
    let day = |time: OffsetDateTime| {
        format!(
            "{:04}-{:02}-{:02}",
            time.year(),
            u8::from(time.month()),
            time.day()
        )
    };
    let common = part(DnType::CommonName).unwrap_or_default();
    Certificate {
        file: file.to_owned(),
        subject: match part(DnType::OrganizationName) {
            Some(organisation) => format!("O={organisation}, CN={common}"),
            None => format!("CN={common}"),
        },
        not_before: day(own.params.not_before),
        not_after: day(own.params.not_after),
    }
}
