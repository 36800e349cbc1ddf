//! The progress bar: bytes of layers read, drawn only on a terminal and only once a run takes longer than a second.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use plimsoll_image::Progress;

use crate::output::Console;

/// Short runs stay silent: a bar that flashes up is noise.
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
            // A folder has no size that is known beforehand.
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
