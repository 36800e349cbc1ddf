//! The holder of a certificate, as its extensions name it (Fulcio's "OID information").
//!
//! All readers must see the same holder, so a repeated extension, several names, or an old and a new issuer that disagree are
//! refused. A name is an e-mail address, a URI, or the user name that Fulcio puts into an `otherName` of type
//! 1.3.6.1.4.1.57264.1.7.

use std::collections::{BTreeMap, BTreeSet};

use x509_cert::Certificate;
use x509_cert::der::asn1::Utf8StringRef;
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::der::{Decode as _, Encode as _};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use super::{CertificateIdentity, Claim};

/// The prefix of Fulcio's own extensions.
const FULCIO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.1");
/// A user name, from issuers that have nothing else.
const USER_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.1.7");
/// The issuer as plain text, and as encoded text in newer certificates.
const ISSUERS: [u32; 2] = [1, 8];

/// The extension of each claim, and the one that had the same text before 2023.
const CLAIMS: [(u32, Claim, Option<u32>); 17] = [
    (4, Claim::WorkflowName, None),
    (9, Claim::BuildSignerUri, None),
    (10, Claim::BuildSignerDigest, None),
    (11, Claim::RunnerEnvironment, None),
    (12, Claim::SourceRepository, None),
    (13, Claim::SourceDigest, Some(3)),
    (14, Claim::SourceRef, Some(6)),
    (15, Claim::SourceRepositoryId, None),
    (16, Claim::SourceOwner, None),
    (17, Claim::SourceOwnerId, None),
    (18, Claim::BuildConfig, None),
    (19, Claim::BuildConfigDigest, None),
    (20, Claim::BuildTrigger, Some(2)),
    (21, Claim::RunInvocation, None),
    (22, Claim::SourceVisibility, None),
    (23, Claim::DeploymentEnvironment, None),
    (24, Claim::TokenSubject, None),
];
/// Up to this one, extensions contain plain text.
const LAST_PLAIN: u32 = 6;

impl CertificateIdentity {
    /// Reads a certificate in DER. The error says why it has no single holder.
    pub(crate) fn read(der: &[u8]) -> Result<Self, String> {
        let certificate = Certificate::from_der(der).map_err(|error| error.to_string())?;
        let mut seen = BTreeSet::new();
        let mut texts = BTreeMap::new();
        for extension in certificate.tbs_certificate.extensions.iter().flatten() {
            if !seen.insert(extension.extn_id) {
                return Err(format!("a certificate with the extension {} twice", extension.extn_id));
            }
            let Some(number) = number(&extension.extn_id) else { continue };
            if let Some(text) = text(number, extension.extn_value.as_bytes()) {
                texts.insert(number, text);
            } else if ISSUERS.contains(&number) || CLAIMS.iter().any(|(known, ..)| *known == number) {
                return Err(format!("a certificate whose extension {} is not text", extension.extn_id));
            }
        }
        let [old, new] = ISSUERS.map(|number| texts.get(&number));
        if old.zip(new).is_some_and(|(old, new)| old != new) {
            return Err("a certificate that names two issuers".to_owned());
        }
        let issuer = new.or(old).ok_or("a certificate without issuer")?.clone();
        let mut claims = BTreeMap::new();
        for (number, claim, before) in CLAIMS {
            let Some(text) = texts.get(&number) else { continue };
            if before.and_then(|before| texts.get(&before)).is_some_and(|before| before != text) {
                return Err(format!("a certificate that has two texts for {claim}"));
            }
            claims.insert(claim, text.clone());
        }
        Ok(Self { issuer, subject: subject(&certificate)?, claims })
    }
}

/// The last number of an extension of Fulcio's.
fn number(extension: &ObjectIdentifier) -> Option<u32> {
    let number = extension.arcs().last()?;
    (extension.parent() == Some(FULCIO)).then_some(number)
}

fn text(number: u32, value: &[u8]) -> Option<String> {
    let encoded = || Utf8StringRef::from_der(value).ok().map(|text| text.as_str().to_owned());
    let plain = || std::str::from_utf8(value).ok().map(str::to_owned);
    // Some authorities encode the old issuer too.
    if number <= LAST_PLAIN { encoded().or_else(plain) } else { encoded() }
}

/// The one name that the certificate is for.
fn subject(certificate: &Certificate) -> Result<String, String> {
    let names = certificate.tbs_certificate.get::<SubjectAltName>().map_err(|error| error.to_string())?;
    let names = names.map(|(_, names)| names.0).unwrap_or_default();
    let [name] = names.as_slice() else {
        return Err(format!("a certificate with {} names", names.len()));
    };
    match name {
        GeneralName::Rfc822Name(address) => Ok(address.to_string()),
        GeneralName::UniformResourceIdentifier(uri) => Ok(uri.to_string()),
        GeneralName::OtherName(other) if other.type_id == USER_NAME => {
            let user = other.value.to_der().map_err(|error| error.to_string())?;
            let user = Utf8StringRef::from_der(&user).map_err(|error| error.to_string())?;
            Ok(user.as_str().to_owned())
        }
        _ => {
            Err("a certificate whose name is neither an e-mail address nor a URI nor a user name".to_owned())
        }
    }
}
