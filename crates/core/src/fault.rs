//! The kinds of failure, and the one table that maps them to exit codes and HTTP statuses.
//!
//! Bad input, a failed environment and a bug of our own are different kinds. Each crate's error enum implements
//! [`Classify`]; nothing else decides an exit code.

use std::io::ErrorKind;

/// What kind of failure it is. `Denied` and `Indeterminate` are verdicts that arrive as errors, for example a
/// digest mismatch. The others say why there is no verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The input or the environment is at fault, and trying again changes nothing.
    Failed,
    /// The command line, configuration or document is wrong.
    Usage,
    /// Credentials are missing or not sufficient.
    Unauthorized,
    /// What was named does not exist.
    NotFound,
    /// Another writer changed it in the meantime.
    Conflict,
    /// A temporary problem: network, overload, time-out.
    Transient,
    /// A defect of Plimsoll.
    Internal,
    /// Verification failed, or policy denies.
    Denied,
    /// No decision was possible, which blocks.
    Indeterminate,
}

impl Kind {
    /// Every kind, in the order of the table in the documentation.
    pub const ALL: [Self; 9] = [
        Self::Failed,
        Self::Usage,
        Self::Unauthorized,
        Self::NotFound,
        Self::Conflict,
        Self::Transient,
        Self::Internal,
        Self::Denied,
        Self::Indeterminate,
    ];

    /// The kind of failure if what the user named cannot be opened or read: it is not there, it is a folder where a file is
    /// wanted, or something else is wrong with it.
    pub fn of_reading(error: &std::io::Error) -> Self {
        match error.kind() {
            ErrorKind::NotFound => Self::NotFound,
            ErrorKind::IsADirectory | ErrorKind::NotADirectory | ErrorKind::InvalidFilename => Self::Usage,
            _ => Self::Failed,
        }
    }

    /// The process exit code; never 0.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Unauthorized => 3,
            Self::NotFound => 4,
            Self::Conflict => 5,
            Self::Transient => 6,
            Self::Internal => 7,
            Self::Denied => 10,
            Self::Indeterminate => 11,
        }
    }

    /// The HTTP status that a Plimsoll server answers with.
    pub fn http_status(self) -> u16 {
        match self {
            Self::Failed | Self::Indeterminate => 422,
            Self::Usage => 400,
            Self::Unauthorized => 401,
            Self::NotFound => 404,
            Self::Conflict => 409,
            Self::Transient => 503,
            Self::Internal => 500,
            Self::Denied => 403,
        }
    }
}

/// An error that knows its kind and, where one exists, a next step for the user.
pub trait Classify: std::error::Error {
    /// The kind, which decides exit code and HTTP status.
    fn kind(&self) -> Kind;

    /// One thing that the user can do: a command, a flag, a place to look. Shown as `hint: …`.
    fn hint(&self) -> Option<String> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_in_place_of_a_file_is_a_mistake_on_the_command_line() {
        let folder = std::fs::read(env!("CARGO_MANIFEST_DIR")).unwrap_err();
        let below = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml/x")).unwrap_err();
        let missing = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/missing")).unwrap_err();
        let kinds = [folder, below, missing].map(|error| Kind::of_reading(&error));
        assert_eq!(kinds, [Kind::Usage, Kind::Usage, Kind::NotFound]);
        assert_eq!(Kind::of_reading(&ErrorKind::PermissionDenied.into()), Kind::Failed);
    }

    #[test]
    fn the_documented_table_holds() {
        let table: Vec<(Kind, u8, u16)> =
            Kind::ALL.iter().map(|k| (*k, k.exit_code(), k.http_status())).collect();
        assert_eq!(
            table,
            [
                (Kind::Failed, 1, 422),
                (Kind::Usage, 2, 400),
                (Kind::Unauthorized, 3, 401),
                (Kind::NotFound, 4, 404),
                (Kind::Conflict, 5, 409),
                (Kind::Transient, 6, 503),
                (Kind::Internal, 7, 500),
                (Kind::Denied, 10, 403),
                (Kind::Indeterminate, 11, 422),
            ]
        );
    }
}
