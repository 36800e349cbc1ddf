//! The only outbound HTTP client: every byte that Plimsoll fetches or sends goes through here.
//!
//! Owns TLS, proxies, time-outs, retries, connection reuse, redirects, and the rule about which addresses may
//! be connected to. Does not own authentication (the caller sets `Authorization`), registries, or the meaning
//! of a status: 401, 403 and 404 are answers that the caller interprets.
//!
//! HTTP/1.1 (RFC 9110, RFC 9112) over hyper, on rustls with the aws-lc-rs provider. Bodies are passed on
//! unchanged: nothing is ever decompressed, because digests cover the raw bytes.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use plimsoll_http::{Client, Proxy, Request, Settings, Url};
//!
//! let settings = Settings { proxy: Proxy::from_env(|name| std::env::var(name).ok())?, ..Settings::default() };
//! let client = Client::new(settings)?;
//! let mut response = client.send(Request::get(Url::parse("https://registry.example/v2/")?)).await?;
//! if response.status.as_u16() == 401 {
//!     // A token server that the registry named, not the user: address rules hold for it.
//!     let realm = Url::parse("https://auth.registry.example/token")?;
//!     response = client.send(Request::get(realm).given_by(&response.url)).await?;
//! }
//! let token = response.body.bytes(64 * 1024).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Whom it may talk to
//! - `https` to any host; plain `http` only to loopback and to the hosts in [`Settings::plain_http`].
//! - A host that the *user* named may have any address, except that a name never leads to a link-local, cloud
//!   metadata, multicast or unspecified address.
//! - A host that somebody *else* named (a token realm, a redirect, an upload location: [`Request::given_by`])
//!   must resolve to public addresses only. The exception: a loopback host may name a loopback one, and a
//!   private (or reserved) host one of its own class; link-local and metadata addresses are never reached
//!   that way. The address at which the naming host was actually reached counts. Any host may name the hosts
//!   and networks in [`Settings::allow_private`].
//! - A request that the caller makes [to a metadata service](Request::to_metadata_service) reaches only
//!   link-local, metadata and loopback addresses, also by name and without TLS, and only for that request.
//! - The resolved address is checked, and the connection goes to that address, so a name that changes its
//!   answer in between (DNS rebinding) has no effect. Reused connections are checked again.
//! - **Through a proxy**, the proxy resolves names, so the rule can only be applied to literal addresses and
//!   to `localhost`; the proxy must enforce the rest. Loopback hosts are never sent through a proxy.
//!
//! A client belongs to one tokio runtime: its kept connections are driven by tasks of the runtime that opened them.

mod address;
mod allowed;
mod blocking;
mod body;
mod client;
mod connect;
mod error;
mod origin;
mod outgoing;
mod pending;
mod pool;
mod proxy;
mod redirect;
mod request;
mod resolve;
mod response;
mod retry;
mod route;
mod settings;
mod stop;
mod stream;
mod tls;
pub mod unix;

#[cfg(test)]
mod tests;

pub use address::{Class, is_loopback};
pub use blocking::{block_on, keep_going, wait};
pub use body::Body;
pub use client::Client;
pub use error::{Call, Error, Phase, TlsFault};
pub use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
pub use outgoing::{Opener, Streamed};
pub use pending::Pending;
pub use proxy::Proxy;
pub use request::Request;
pub use resolve::{Resolve, Resolving, SystemResolver};
pub use response::Response;
pub use settings::{ClientCertificate, HostTls, Settings};
pub use url::Url;
