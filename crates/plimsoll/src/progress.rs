//! The progress bar: bytes of layers read, drawn only on a terminal and only once a run takes longer than a second.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use plimsoll_feeds::update::Event;
use plimsoll_image::Progress;

use crate::output::Console;

/// Short runs stay silent: a flashing bar is noise.
const SILENT: Duration = Duration::from_secs(1);

/// Counts what the layer readers report.
pub(crate) struct Bar {
    bar: ProgressBar,
    hidden: Mutex<Option<Instant>>,
}

impl Bar {
    pub(crate) fn new(console: Console) -> Self {
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::hidden());
        Self { bar, hidden: Mutex::new(console.shows_progress().then(Instant::now)) }
    }

    fn show_when_due(&self) {
        let Ok(mut hidden) = self.hidden.try_lock() else { return };
        if hidden.is_some_and(|since| since.elapsed() >= SILENT) {
            *hidden = None;
            // The size of a folder is not known in advance.
            let template = if self.bar.length() == Some(0) {
                "reading files {bytes} {elapsed}"
            } else {
                "reading layers {bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta}"
            };
            if let Ok(style) = ProgressStyle::with_template(template) {
                self.bar.set_style(style);
            }
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
    }
}

impl Progress for Bar {
    fn layer_total(&self, compressed: u64) {
        self.bar.inc_length(compressed);
    }

    fn advance(&self, compressed: u64) {
        self.show_when_due();
        self.bar.inc(compressed);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Files that are being fetched.
pub(crate) struct Transfer {
    bar: ProgressBar,
}

impl Transfer {
    pub(crate) fn new(console: Console) -> Self {
        let target = if console.shows_progress() {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        Self { bar: ProgressBar::with_draw_target(None, target) }
    }

    pub(crate) fn event(&self, event: Event<'_>) {
        match event {
            Event::Asked { file } => {
                self.bar.reset();
                self.bar.unset_length();
                self.bar.set_message(file.to_owned());
                self.template("{spinner} {msg} {bytes}");
            }
            Event::Expected(bytes) => {
                self.bar.set_length(self.bar.position().saturating_add(bytes));
                self.template("{msg} {bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta}");
            }
            Event::Arrived(bytes) => self.bar.inc(bytes),
            _ => {}
        }
    }

    fn template(&self, template: &str) {
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style);
        }
        self.bar.tick();
    }

    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
