//! The wire: generated messages and the conversions between them and the types of the house.
//!
//! *Lives here:* `radloom.proto`, its generated code, digests to and from 33 bytes.
//! *Never here:* behaviour. Who may send what, and when, is decided in `coordinator` and `worker`.

#[allow(missing_docs, clippy::all, clippy::unwrap_used)]
mod generated {
    tonic::include_proto!("radloom.v1");
}
pub use generated::*;

use bytes::Bytes;
use digest::Digest;

/// Version of the wire; a peer with another one is refused by name.
pub const PROTOCOL: u32 = 1;

/// Bytes of an artefact in one message of an upload or a download.
pub const CHUNK_BYTES: usize = 512 * 1024;

/// Artefacts up to this size travel inside the result message; larger ones are uploaded.
pub const INLINE_BYTES: usize = 64 * 1024;

/// A digest on the wire was not 33 bytes, or its naming byte is unknown.
#[derive(Debug, thiserror::Error)]
#[error("malformed digest of {len} bytes")]
pub struct MalformedDigest {
    /// How many bytes came.
    pub len: usize,
}

/// A digest as it travels.
#[must_use]
pub fn to_wire(digest: &Digest) -> Bytes {
    Bytes::copy_from_slice(&digest.to_wire())
}

/// A digest as it came.
pub fn from_wire(bytes: &[u8]) -> Result<Digest, MalformedDigest> {
    let malformed = MalformedDigest { len: bytes.len() };
    let fixed: [u8; 33] = bytes
        .try_into()
        .map_err(|_| MalformedDigest { len: bytes.len() })?;
    Digest::from_wire(&fixed).ok().ok_or(malformed)
}
