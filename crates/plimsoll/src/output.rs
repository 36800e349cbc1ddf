//! Standard output for data, standard error for messages, and the style of both.

use std::fmt::Display;
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::os::fd::AsFd as _;
use std::path::Path;

use plimsoll_core::{Kind, text};
use tracing_subscriber::filter::LevelFilter;

use crate::failure::Failure;
use crate::render::for_terminals::ForTerminals;
use crate::render::table::{Page, Paint};
use crate::settings::console::{Colors, ConsoleSettings};

/// What the user sees, and how much of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Console(ConsoleSettings);

impl Console {
    pub(crate) fn new(settings: ConsoleSettings) -> Self {
        Self(settings)
    }

    /// Sends the libraries' log to standard error, at the level of `-q` and `-v`.
    pub(crate) fn start_log(self) {
        let level = match (self.0.quiet, self.0.verbose) {
            (true, _) => LevelFilter::ERROR,
            (false, 0) => LevelFilter::WARN,
            (false, 1) => LevelFilter::INFO,
            (false, _) => LevelFilter::DEBUG,
        };
        tracing_subscriber::fmt()
            .with_writer(io::stderr)
            .with_max_level(level)
            .with_ansi(self.colors_on(&io::stderr()))
            .with_target(false)
            .init();
    }

    /// Whether a progress bar may be drawn: only on a terminal.
    pub(crate) fn shows_progress(self) -> bool {
        self.0.progress && io::stderr().is_terminal()
    }

    /// Whether `--verbose` was given.
    pub(crate) fn is_verbose(self) -> bool {
        self.0.verbose > 0
    }

    /// The style of a result for people that goes to `file`, or to standard output. A file has neither colours nor a
    /// width.
    pub(crate) fn page(self, file: Option<&Path>) -> Page {
        let verbose = self.is_verbose();
        match file {
            Some(_) => Page { paint: Paint(false), width: None, verbose },
            None => Page { paint: Paint(self.colors_on(&io::stdout())), width: self.stdout_width(), verbose },
        }
    }

    /// `COLUMNS`, or else the width of the terminal. A pipe has none.
    fn stdout_width(self) -> Option<usize> {
        let stdout = io::stdout();
        let of_terminal = || {
            let size = rustix::termios::tcgetwinsize(stdout.as_fd()).ok()?;
            Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
        };
        self.0.columns.or_else(|| if stdout.is_terminal() { of_terminal() } else { None })
    }

    /// Writes a message that is not the result, unless `-q`.
    pub(crate) fn say(self, message: impl Display) {
        if !self.0.quiet {
            say_always(&harmless(&message.to_string()));
        }
    }

    /// Writes a warning, unless `-q`.
    pub(crate) fn warn(self, message: impl Display) {
        if !self.0.quiet {
            let label = self.painted("warning", "33");
            say_always(&format!("{label}: {}", harmless(&message.to_string())));
        }
    }

    /// Reports a failure and what to do about it.
    pub(crate) fn report(self, failure: &Failure) {
        let label = self.painted("error", "31");
        say_always(&format!("{label}: {}", text::terminal(&failure.to_string())));
        if let Some(hint) = failure.hint() {
            let label = self.painted("hint", "36");
            say_always(&format!("{label}: {}", text::terminal(hint)));
        }
    }

    fn painted(self, label: &str, code: &str) -> String {
        if self.colors_on(&io::stderr()) { format!("\x1b[1;{code}m{label}\x1b[0m") } else { label.to_owned() }
    }

    fn colors_on(self, stream: &impl io::IsTerminal) -> bool {
        match self.0.colors {
            Colors::Always => true,
            Colors::Never => false,
            Colors::OnTerminals => stream.is_terminal(),
        }
    }
}

/// Writes a result: to `file`, completely or not at all, or to standard output. A device or pipe is written into.
pub(crate) fn emit(
    file: Option<&Path>,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), Failure> {
    let Some(path) = file else { return pour(io::stdout().lock(), "standard output", write) };
    match plimsoll_files::stream(path)? {
        Some(stream) => pour(stream, path.display(), write),
        None => Ok(plimsoll_files::replace_with(path, plimsoll_files::Mode::Public, write)?),
    }
}

/// Writes output that cannot be made again, such as a signature: to `file`, where an existing file stays unless
/// `force`, or to standard output.
pub(crate) fn emit_new(file: Option<&Path>, force: bool, bytes: &[u8]) -> Result<(), Failure> {
    let Some(path) = file.filter(|_| !force) else { return emit(file, |out| out.write_all(bytes)) };
    // Opened once, because the reader of a pipe would see a second writer.
    match plimsoll_files::stream(path)? {
        Some(stream) => pour(stream, path.display(), |out| out.write_all(bytes)),
        None => plimsoll_files::create(path, plimsoll_files::Mode::Public, bytes)
            .map_err(|error| kept(path, error)),
    }
}

/// Refuses a file that [`emit_new`] would refuse, before the work is done. Only the writing itself prevents two
/// processes from using the same name.
pub(crate) fn is_free(file: Option<&Path>, force: bool) -> Result<(), Failure> {
    match file {
        Some(path) if !force && path.is_file() => {
            Err(kept(path, plimsoll_files::Error::Exists { path: path.to_owned() }))
        }
        _ => Ok(()),
    }
}

fn kept(path: &Path, error: plimsoll_files::Error) -> Failure {
    let exists = matches!(error, plimsoll_files::Error::Exists { .. });
    let failure = Failure::from(error);
    if exists {
        failure.with_hint(format!("name another file, or replace {} with --force", path.display()))
    } else {
        failure
    }
}

/// Writes into something that cannot be replaced.
fn pour(
    stream: impl Write,
    name: impl Display,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), Failure> {
    let mut out = BufWriter::new(stream);
    match write(&mut out).and_then(|()| out.flush()) {
        // The reader has closed the pipe, which is not a failure.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Failure::new(Kind::Failed, format!("cannot write to {name}: {error}"))),
        Ok(()) => Ok(()),
    }
}

/// Writes a result as JSON, indented, with a line end.
pub(crate) fn emit_json(file: Option<&Path>, value: &impl serde::Serialize) -> Result<(), Failure> {
    emit(file, |out| {
        serde_json::to_writer_pretty(ForTerminals(out), value)?;
        out.write_all(b"\n")
    })
}

/// Writes one result of many as JSON, in one line, at once: whoever reads the lines need not wait for the next.
pub(crate) fn json_line(out: &mut dyn Write, value: &impl serde::Serialize) -> io::Result<()> {
    serde_json::to_writer(ForTerminals(out), value)?;
    out.write_all(b"\n")?;
    out.flush()
}

/// A message of one or more lines, with foreign text escaped.
fn harmless(message: &str) -> String {
    message.split('\n').map(text::terminal).collect::<Vec<_>>().join("\n")
}

fn say_always(message: &str) {
    // If standard error is closed, nothing can be reported.
    let _ = writeln!(io::stderr(), "{message}");
}

/// Whether a result that goes to `file`, or to standard output, is read from a terminal.
pub(crate) fn is_for_reading(file: Option<&Path>) -> bool {
    file.is_none() && io::stdout().is_terminal()
}
