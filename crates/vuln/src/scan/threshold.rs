//! Which findings make a scan fail: `--fail-on`.
//!
//! ```text
//! high               a severity of at least that; a finding without a rating counts as high, as in policies, and a malicious
//!                    package as critical
//! kev                known to be exploited
//! epss>0.1           a higher probability of exploitation
//! fixable            a newer version fixes it
//! high+fixable       both
//! ```

use std::fmt;
use std::str::FromStr;

use super::risk::Share;
use super::{Finding, Fix};
use crate::class::Class;
use crate::severity::Severity;

/// A condition on a finding: all its parts must be met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Threshold(Vec<Part>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Severity(Severity),
    Exploited,
    LikelierThan(Share),
    Fixable,
}

/// What thresholds ask of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weight {
    /// Whether it is a package that was published to do harm.
    pub malicious: bool,
    /// Its severity.
    pub severity: Severity,
    /// Whether it is known to be exploited.
    pub exploited: bool,
    /// How likely it is to be exploited, if there is an estimate.
    pub likelihood: Option<Share>,
    /// Whether a newer version fixes it.
    pub fixable: bool,
}

impl From<&Finding> for Weight {
    fn from(finding: &Finding) -> Self {
        Self {
            malicious: finding.class == Class::Malicious,
            severity: finding.severity,
            exploited: finding.exploited.is_some(),
            likelihood: finding.likelihood.as_ref().map(|it| it.score),
            fixable: matches!(finding.fix, Fix::Fixed(_)),
        }
    }
}

/// Not a threshold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("got `{got}`, expected low, medium, high, critical, kev, fixable, epss>0.1, or several joined by +")]
pub struct InvalidThreshold {
    /// The invalid part.
    got: String,
}

impl Threshold {
    /// Whether a finding meets it.
    pub fn is_met_by(&self, finding: impl Into<Weight>) -> bool {
        let weight = finding.into();
        self.0.iter().all(|part| part.holds(weight))
    }

    /// The identifiers of the publishers whose facts it needs.
    pub fn needs(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().filter_map(|part| match part {
            Part::Exploited => Some("kev"),
            Part::LikelierThan(_) => Some("epss"),
            Part::Severity(_) | Part::Fixable => None,
        })
    }
}

impl Part {
    fn holds(self, weight: Weight) -> bool {
        match self {
            Self::Severity(least) => {
                // As in policies: a missing rating does not make it harmless.
                let counted = match (weight.malicious, weight.severity) {
                    (true, _) => Severity::Critical,
                    (_, Severity::Unrated) => Severity::High,
                    (_, rated) => rated,
                };
                counted >= least
            }
            Self::Exploited => weight.exploited,
            Self::LikelierThan(share) => weight.likelihood.is_some_and(|it| it > share),
            Self::Fixable => weight.fixable,
        }
    }
}

impl FromStr for Threshold {
    type Err = InvalidThreshold;

    fn from_str(text: &str) -> Result<Self, InvalidThreshold> {
        text.split('+').map(|part| part.trim().parse()).collect::<Result<_, _>>().map(Self)
    }
}

impl FromStr for Part {
    type Err = InvalidThreshold;

    fn from_str(text: &str) -> Result<Self, InvalidThreshold> {
        let invalid = || InvalidThreshold { got: text.to_owned() };
        let lower = text.to_ascii_lowercase();
        if let Some(share) = lower.strip_prefix("epss>") {
            return share.trim().parse().map(Self::LikelierThan).map_err(|()| invalid());
        }
        match lower.as_str() {
            "kev" => Ok(Self::Exploited),
            "fixable" => Ok(Self::Fixable),
            word => {
                let levels = [Severity::Low, Severity::Medium, Severity::High, Severity::Critical];
                let level = levels.into_iter().find(|level| level.name() == word);
                level.map(Self::Severity).ok_or_else(invalid)
            }
        }
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, part) in self.0.iter().enumerate() {
            let joint = if position > 0 { "+" } else { "" };
            match part {
                Part::Severity(severity) => write!(f, "{joint}{severity}")?,
                Part::Exploited => write!(f, "{joint}kev")?,
                Part::LikelierThan(share) => write!(f, "{joint}epss>{}", share.as_f64())?,
                Part::Fixable => write!(f, "{joint}fixable")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invalid_threshold_says_what_is_expected() {
        for (text, shown) in [
            ("high", "high"),
            ("HIGH+Fixable", "high+fixable"),
            ("kev", "kev"),
            ("epss>0.1", "epss>0.1"),
            ("epss> 0.00001 + critical", "epss>0.00001+critical"),
            ("EPSS>1", "epss>1"),
        ] {
            assert_eq!(text.parse::<Threshold>().unwrap().to_string(), shown);
        }
        for text in [
            "",
            "hihg",
            "unrated",
            "none",
            "epss",
            "epss>",
            "epss>2",
            "epss>-1",
            "epss>NaN",
            "epss>=0.1",
            "high+",
            "kev+kev2",
        ] {
            let error = text.parse::<Threshold>().unwrap_err().to_string();
            assert!(error.contains("expected low, medium"), "{text}: {error}");
        }
        let needs = |text: &str| text.parse::<Threshold>().unwrap().needs().collect::<Vec<_>>();
        assert_eq!((needs("high+fixable"), needs("kev+epss>0.5")), (vec![], vec!["kev", "epss"]));
    }
}
