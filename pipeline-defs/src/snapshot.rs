//! The cohort as a run sees it: what the sites announced, pinned.
//!
//! A run is a function of (study, snapshot). The snapshot is stored as an artefact; it names images only by keyed
//! digests, so it says nothing about them outside their site.

use std::collections::BTreeMap;

use digest::Digest;
use serde::{Deserialize, Serialize};

/// What the named sites announced.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    /// The patients, sorted by (site, pseudonym) as bytes.
    pub patients: Vec<SnapshotPatient>,
    /// For each site its shareable columns (clinical and follow-up), a CSV artefact of class `hub`.
    #[serde(with = "digests")]
    pub site_tables: BTreeMap<String, Digest>,
    /// For each entry of the study's `[tables]` its content, class `hub`.
    #[serde(with = "digests")]
    pub tables: BTreeMap<String, Digest>,
}

/// One patient of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnapshotPatient {
    /// The site that holds the patient's images.
    pub site: String,
    /// The pseudonym.
    pub patient_id: String,
    /// Item name (`t2w`, `mask`, `mask_r1s2`) → keyed digest.
    #[serde(with = "digests")]
    pub items: BTreeMap<String, Digest>,
}

/// Why a snapshot's bytes were refused.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// Not the JSON of a snapshot.
    #[error("not a cohort snapshot")]
    Json(#[from] serde_json::Error),
}

impl Snapshot {
    /// The same snapshot with its patients in canonical order: (site, pseudonym) as bytes.
    pub fn sorted(mut self) -> Snapshot {
        self.patients.sort_by(|a, b| {
            (a.site.as_bytes(), a.patient_id.as_bytes())
                .cmp(&(b.site.as_bytes(), b.patient_id.as_bytes()))
        });
        self
    }

    /// Canonical JSON: fields in a fixed order, maps sorted, no spaces.
    pub fn encode(&self) -> Vec<u8> {
        // A structure of strings and maps with string keys cannot fail to serialise.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads what [`Snapshot::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> Result<Snapshot, SnapshotError> {
        Ok(serde_json::from_slice(bytes)?)
    }
}

/// Digests as their text in maps.
mod digests {
    use std::collections::BTreeMap;

    use digest::Digest;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(
        map: &BTreeMap<String, Digest>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_map(map.iter().map(|(name, digest)| (name, digest.to_string())))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<String, Digest>, D::Error> {
        BTreeMap::<String, String>::deserialize(deserializer)?
            .into_iter()
            .map(|(name, text)| {
                let digest = text
                    .parse()
                    .map_err(|_| D::Error::custom(format!("`{text}` is not a digest")))?;
                Ok((name, digest))
            })
            .collect()
    }
}
