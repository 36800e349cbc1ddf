//! Services as `trust root` and `trust signing-config` take them: comma-separated NAME=VALUE pairs, a flag for each.

use std::path::Path;

use plimsoll_core::{Kind, Timestamp};
use plimsoll_http::Url;
use plimsoll_trust::{AuthoritySpec, LogSpec, ServiceSpec};

use crate::args::trust::Pairs;
use crate::failure::Failure;
use crate::settings::{PEM_BYTES, read_file};

/// The pairs of one flag, taken out one by one; what is left over is a mistake.
pub(super) struct FlagPairs {
    flag: &'static str,
    pairs: Vec<(String, String)>,
    known: Vec<&'static str>,
}

impl FlagPairs {
    /// The value under the first of `names`; the others are older or shorter names for it.
    fn take(&mut self, names: &[&'static str]) -> Option<String> {
        self.known.extend(names.first());
        let place = self.pairs.iter().position(|(name, _)| names.contains(&name.as_str()))?;
        Some(self.pairs.remove(place).1)
    }

    fn require(&mut self, names: &[&'static str]) -> Result<String, Failure> {
        let name = names.first().copied().unwrap_or_default();
        self.take(names).ok_or_else(|| Failure::new(Kind::Usage, format!("{}: {name} is missing", self.flag)))
    }

    fn time(&mut self, names: &[&'static str]) -> Result<Option<Timestamp>, Failure> {
        let flag = self.flag;
        let parse = |text: String| {
            text.parse().map_err(|_| {
                let message = format!("{flag}: got the time `{text}`");
                Failure::new(Kind::Usage, message).with_hint("write it as 2026-01-01T00:00:00Z")
            })
        };
        self.take(names).map(parse).transpose()
    }

    fn url(&mut self) -> Result<String, Failure> {
        let url = self.require(&["url"])?;
        let is_web = Url::parse(&url).is_ok_and(|url| matches!(url.scheme(), "https" | "http"));
        if is_web {
            return Ok(url);
        }
        Err(Failure::new(Kind::Usage, format!("{}: got the URL `{url}`, expected https://…", self.flag)))
    }

    fn window(&mut self) -> Result<(Option<Timestamp>, Option<Timestamp>), Failure> {
        Ok((self.time(&["start-time", "start"])?, self.time(&["end-time", "end"])?))
    }

    fn start(&mut self) -> Result<Timestamp, Failure> {
        let missing = Failure::new(Kind::Usage, format!("{}: start-time is missing", self.flag));
        self.time(&["start-time", "start"])?.ok_or(missing)
    }

    fn end(self) -> Result<(), Failure> {
        let Some((name, _)) = self.pairs.first() else { return Ok(()) };
        let message = format!("{}: got `{name}`, expected one of {}", self.flag, self.known.join(", "));
        Err(Failure::new(Kind::Usage, message))
    }
}

pub(super) fn each<T>(
    flag: &'static str,
    all: &[Pairs],
    make: impl Fn(&mut FlagPairs) -> Result<T, Failure>,
) -> Result<Vec<T>, Failure> {
    let one = |pairs: &Pairs| {
        let mut pairs = FlagPairs { flag, pairs: pairs.0.clone(), known: Vec::new() };
        let spec = make(&mut pairs)?;
        pairs.end()?;
        Ok(spec)
    };
    all.iter().map(one).collect()
}

pub(super) fn authority(pairs: &mut FlagPairs) -> Result<AuthoritySpec, Failure> {
    let url = pairs.url()?;
    let chain = pairs.require(&["certificate-chain", "cert-chain"])?;
    let (start, end) = pairs.window()?;
    Ok(AuthoritySpec { url, chain: read_file(Path::new(&chain), PEM_BYTES)?, start, end })
}

pub(super) fn log(pairs: &mut FlagPairs) -> Result<LogSpec, Failure> {
    let url = pairs.url()?;
    let key = pairs.require(&["public-key"])?;
    let (start, end, origin) = (pairs.start()?, pairs.time(&["end-time", "end"])?, pairs.take(&["origin"]));
    Ok(LogSpec { url, key: read_file(Path::new(&key), PEM_BYTES)?, start, end, origin })
}

pub(super) fn service(pairs: &mut FlagPairs) -> Result<ServiceSpec, Failure> {
    let url = pairs.url()?;
    let version = pairs.require(&["api-version"])?;
    let wrong = || {
        let message = format!("{}: got the api-version `{version}`, expected a number such as 1", pairs.flag);
        Failure::new(Kind::Usage, message)
    };
    let api_version = version.parse().ok().filter(|version| *version > 0).ok_or_else(wrong)?;
    let (start, end) = (pairs.start()?, pairs.time(&["end-time", "end"])?);
    Ok(ServiceSpec { url, api_version, start, end, operator: pairs.require(&["operator"])? })
}
