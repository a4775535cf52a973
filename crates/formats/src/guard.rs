//! A fence around parsers that are not ours: their panic becomes our error.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use crate::Error;

/// Runs `parse`; a panic in it means that `path` is damaged in a way its parser did not foresee.
///
/// Whatever `parse` was changing when it panicked must not be used again; callers drop it with the error.
pub(crate) fn guarded<T>(path: &Path, parse: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    catch_unwind(AssertUnwindSafe(parse)).unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<&str>().copied().map(str::to_owned);
        let said = said.or_else(|| panic.downcast_ref::<String>().cloned());
        let said = said.unwrap_or_else(|| "no reason given".to_owned());
        Err(Error::damaged(path, format!("its parser gave up: {said}")))
    })
}
