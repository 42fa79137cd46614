//! What can be wrong with a digest that someone wrote or sent.

/// A text or a message that is no digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DigestError {
    /// The text begins with neither `b3:` nor `k3:`.
    #[error("digest must begin with \"b3:\" or \"k3:\"")]
    Prefix,
    /// Not 64 hexadecimal digits after the prefix.
    #[error("digest has {len} bytes of hexadecimal digits, must have 64")]
    HexLength {
        /// Bytes found.
        len: usize,
    },
    /// A byte that is no lower-case hexadecimal digit.
    #[error("digest has byte {byte:#04x} at digit {position}, must be 0-9 or a-f")]
    HexDigit {
        /// Digit counted from 0 after the prefix.
        position: usize,
        /// The byte found there.
        byte: u8,
    },
    /// A wire form of another length than 33 bytes.
    #[error("digest has {len} bytes on the wire, must have 33")]
    WireLength {
        /// Bytes found.
        len: usize,
    },
    /// A kind byte other than 0 (plain) and 1 (keyed).
    #[error("digest has kind {kind}, must be 0 (plain) or 1 (keyed)")]
    WireKind {
        /// The kind byte found.
        kind: u8,
    },
}
