//! Several changes with one point of durability.

use crate::error::{Result, StoreError};
use crate::outcome::{Outcome, Recorded};
use digest::{Digest, SiteKey};
use std::borrow::Cow;

/// How bytes get their name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Naming {
    /// By what they are: anyone can check it.
    Plain,
    /// Under the site's key: the name tells nothing elsewhere.
    Keyed,
}

/// Bytes, action records and notes that become durable together: after [`Store::commit`](crate::Store::commit) all are there.
///
/// Made by [`Store::batch`](crate::Store::batch), which lends it the site's key, so that names are known before anything is
/// written and a batch can hold outputs and the record that points at them.
#[derive(Debug)]
pub struct Batch<'a> {
    key: Option<SiteKey>,
    pub(crate) blobs: Vec<(Digest, Cow<'a, [u8]>)>,
    pub(crate) actions: Vec<(Digest, Outcome)>,
    pub(crate) notes: Vec<(String, Option<Cow<'a, [u8]>>)>,
}

/// What a batch became.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// Names of the blobs, in the order in which they were put.
    pub digests: Vec<Digest>,
    /// What became of the actions, in the order in which they were recorded.
    pub actions: Vec<Recorded>,
}

impl<'a> Batch<'a> {
    pub(crate) fn new(key: Option<SiteKey>) -> Batch<'a> {
        Batch {
            key,
            blobs: Vec::new(),
            actions: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Adds bytes and tells their name.
    ///
    /// # Errors
    /// [`StoreError::NoSiteKey`] for a keyed name in a store without key.
    pub fn put(&mut self, bytes: impl Into<Cow<'a, [u8]>>, naming: Naming) -> Result<Digest> {
        let bytes = bytes.into();
        let digest = name(self.key.as_ref(), &bytes, naming)?;
        self.blobs.push((digest, bytes));
        Ok(digest)
    }

    /// Adds all that another batch of the same store holds, behind what is here.
    pub fn append(&mut self, other: Batch<'a>) {
        self.blobs.extend(other.blobs);
        self.actions.extend(other.actions);
        self.notes.extend(other.notes);
    }

    /// Length of all bytes that were put, those of notes aside.
    #[must_use]
    pub fn len_bytes(&self) -> usize {
        self.blobs.iter().map(|(_, bytes)| bytes.len()).sum()
    }

    /// Adds what a recipe gave.
    pub fn record_action(&mut self, recipe: Digest, outcome: Outcome) {
        self.actions.push((recipe, outcome.in_port_order()));
    }

    /// Adds a note; the last one for a key counts.
    pub fn set_note(&mut self, key: impl Into<String>, value: impl Into<Cow<'a, [u8]>>) {
        self.notes.push((key.into(), Some(value.into())));
    }

    /// Removes a note, if it is there.
    pub fn remove_note(&mut self, key: impl Into<String>) {
        self.notes.push((key.into(), None));
    }
}

pub(crate) fn name(key: Option<&SiteKey>, bytes: &[u8], naming: Naming) -> Result<Digest> {
    match (naming, key) {
        (Naming::Plain, _) => Ok(Digest::of(bytes)),
        (Naming::Keyed, Some(key)) => Ok(Digest::keyed(key, bytes)),
        (Naming::Keyed, None) => Err(StoreError::NoSiteKey),
    }
}
