//! How much work opening a key file may take: the author of the file chose it.

use pkcs8::pkcs5::{EncryptionScheme, pbes2};

use crate::Error;

/// Four times the size of a 4,096-bit RSA key; files are read whole before they are parsed.
pub(super) const MAX_FILE: usize = 16 * 1024;

/// Opening a file may cost at most this: seconds of PBKDF2, …
const MOST_ITERATIONS: u32 = 10_000_000;
/// … or this much memory for scrypt. A key file that asks for terabytes must not abort the process.
const MOST_SCRYPT_BYTES: u64 = 1 << 30;

/// Whether scrypt with these parameters fits into memory and finishes in time.
pub(super) fn check_scrypt(n: u64, r: u64, p: u64) -> Result<(), Error> {
    let memory = n.saturating_mul(r).saturating_mul(128);
    if memory.saturating_mul(p.max(1)) > MOST_SCRYPT_BYTES {
        return Err(Error::KeyEncryption { got: format!("scrypt with N={n}, r={r} and p={p}") });
    }
    Ok(())
}

pub(super) fn check_cost(scheme: &EncryptionScheme<'_>) -> Result<(), Error> {
    let refused = |got: String| Err(Error::KeyEncryption { got });
    let Some(parameters) = scheme.pbes2() else {
        return refused(format!("scheme {}", scheme.oid()));
    };
    match &parameters.kdf {
        pbes2::Kdf::Pbkdf2(kdf) if kdf.iteration_count > MOST_ITERATIONS => {
            refused(format!("PBKDF2 with {} iterations", kdf.iteration_count))
        }
        pbes2::Kdf::Scrypt(kdf) => {
            check_scrypt(kdf.cost_parameter, kdf.block_size.into(), kdf.parallelization.into())
        }
        _ => Ok(()),
    }
}
