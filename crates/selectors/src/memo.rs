//! What several runs on one pool have in common, found once: clusterings and graphs of neighbors.

use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::Error;

/// Things found before, by a name that tells everything they depend on.
#[derive(Clone, Default)]
pub(crate) struct Memo {
    known: Option<Arc<Mutex<HashMap<String, Arc<dyn Any + Send + Sync>>>>>,
}

impl Memo {
    /// One that remembers.
    pub(crate) fn remembering() -> Self {
        Memo { known: Some(Arc::default()) }
    }

    /// What goes by `name`, found now if it was not before. The name is not asked for where nothing is remembered.
    pub(crate) fn recall<T: Clone + Send + Sync + 'static>(
        &self,
        name: impl FnOnce() -> String,
        find: impl FnOnce() -> Result<T, Error>,
    ) -> Result<T, Error> {
        let Some(known) = &self.known else { return find() };
        let name = name();
        let lock = || known.lock().unwrap_or_else(PoisonError::into_inner);
        let before = lock().get(&name).cloned();
        if let Some(found) = before.as_ref().and_then(|found| found.downcast_ref::<T>()) {
            return Ok(found.clone());
        }
        let found = find()?;
        lock().insert(name, Arc::new(found.clone()));
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_a_name_is_found_once_where_it_is_remembered() {
        for (memo, times) in [(Memo::default(), 3), (Memo::remembering(), 2)] {
            let mut found = 0;
            for (name, value) in [("a", 1), ("b", 2), ("a", 1)] {
                let got = memo.recall(
                    || name.into(),
                    || {
                        found += 1;
                        Ok(value)
                    },
                );
                assert_eq!(got.ok(), Some(value));
            }
            assert_eq!(found, times);
        }
        let failed = Memo::remembering().recall::<u8>(|| "a".into(), || Err(Error::EmptyPool));
        assert!(matches!(failed, Err(Error::EmptyPool)));
    }
}
