//! This machine's identity at the clouds, and the credentials that their registries give for it.
//!
//! Owns which hosts are a cloud's registries, the exchanges that turn the machine's identity into credentials
//! for one of them, and how long those are kept. Each cloud has a file: `aws` (ECR), `google` (Artifact
//! Registry), `azure` (ACR). Does not own credential files and helpers, which take precedence, or when a
//! registry asks for credentials.
//!
//! Rules for all three:
//! - Only a host that is a cloud's own registry by its whole name gets that cloud's credentials, and only
//!   over https; its token server gets them only if it is the same host.
//! - Endpoints come from the registry's name and the user's environment, never from an answer. They are https, or http
//!   on loopback. Redirects are not followed.
//! - Metadata services (`169.254.169.254` and the like) are asked if the environment names one, or with
//!   [`Mode::Metadata`]. A machine outside of clouds would wait for them in vain.
//! - A message about a refusal repeats only its status and error code: the rest may contain the token.

mod aws;
mod aws_keys;
mod azure;
mod environment;
mod google;
mod identity;
mod jwt;
mod login;
mod refusal;
mod secret;
mod sigv4;
mod step;

pub use environment::Mode;
pub use identity::{Cloud, CloudIdentity};
pub use login::{Login, basic};
pub use refusal::code as refusal_code;
pub use secret::{Secret, sensitive};
pub use step::Failure;
