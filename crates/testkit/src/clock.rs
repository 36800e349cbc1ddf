//! The clock that a test and the programs that it starts have in common.

/// The variables by which `faketime` moves a program's clock. A program that is started with an environment of its own needs
/// them, or it runs at another time than the test, whose servers and certificates are of the test's time.
pub fn clock_variables() -> impl Iterator<Item = (String, String)> {
    std::env::vars().filter(|(name, _)| name == "LD_PRELOAD" || name.starts_with("FAKETIME"))
}
