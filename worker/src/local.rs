//! What a worker can read without the network: its store, and the source files of its cohort.

use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};

use bytes::Bytes;
use cas::Store;
use digest::Digest;

use crate::cohort::SourceFile;

/// Store and source files of one worker. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Local {
    /// The store.
    pub store: Store,
    sources: Arc<RwLock<BTreeMap<Digest, SourceFile>>>,
}

impl Local {
    /// A worker's view of a store, without source files yet.
    #[must_use]
    pub fn new(store: Store) -> Local {
        Local {
            store,
            sources: Arc::default(),
        }
    }

    /// Replaces the known source files.
    pub fn set_sources(&self, files: BTreeMap<Digest, SourceFile>) {
        *self
            .sources
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = files;
    }

    /// Where the source file behind a digest is; for the site's own log.
    #[must_use]
    pub fn path_of(&self, digest: &Digest) -> Option<std::path::PathBuf> {
        let sources = self
            .sources
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        sources.get(digest).map(|file| file.path.clone())
    }

    /// The bytes behind a digest. A source file is read anew and must still be what was announced: otherwise it is absent.
    ///
    /// # Errors
    /// The disk fails.
    pub fn get(&self, digest: &Digest) -> Result<Option<Bytes>, cas::StoreError> {
        if let Some(bytes) = self.store.get(digest)? {
            return Ok(Some(bytes));
        }
        let file = self
            .sources
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .get(digest)
            .cloned();
        let Some(file) = file else { return Ok(None) };
        let Some(bytes) = file.read() else {
            return Ok(None);
        };
        let same = self.store.name(&bytes, cas::Naming::Keyed)? == *digest;
        Ok(same.then_some(bytes))
    }
}
