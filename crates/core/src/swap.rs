//! A value that is replaced while others use it.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

/// Holds a value that is replaced as a whole. Code that took the previous one keeps it until it is done, so
/// that one piece of work never sees two values.
pub struct Swap<T>(RwLock<Arc<T>>);

impl<T> Swap<T> {
    /// Holds `value`.
    pub fn new(value: T) -> Self {
        Self(RwLock::new(Arc::new(value)))
    }

    /// The current value.
    pub fn get(&self) -> Arc<T> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces the value.
    pub fn set(&self, value: T) {
        let value = Arc::new(value);
        // The old value is dropped after the lock is released, because that may take long.
        let _old = std::mem::replace(&mut *self.0.write().unwrap_or_else(PoisonError::into_inner), value);
    }
}

impl<T: fmt::Debug> fmt::Debug for Swap<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_keeps_the_value_that_it_took() {
        let swap = Swap::new(1);
        let before = swap.get();
        swap.set(2);
        assert_eq!((*before, *swap.get()), (1, 2));
    }
}
