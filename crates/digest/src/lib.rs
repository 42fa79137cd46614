//! The name of a run of bytes.
//!
//! A [`Digest`] is a BLAKE3 hash of 32 bytes and says how it was made: *plain*, so that anyone who holds the bytes can
//! check it, or *keyed* with the key of one site, so that outside that site it tells nothing, not even whether a
//! guessed image exists. The two kinds never compare equal.
//!
//! As text: `b3:` or `k3:` and 64 lower-case hexadecimal digits. On the wire and in keys: one kind byte (0 plain, 1 keyed) and the
//! 32 bytes of the hash. Both forms order alike: plain before keyed, then by bytes.
//!
//! This crate reads and writes no files and knows no other room of the house.

mod error;
mod hasher;
mod site_key;

pub use error::DigestError;
pub use hasher::Hasher;
pub use site_key::SiteKey;

use std::fmt;
use std::str::FromStr;

/// Bytes of a digest on the wire: one kind byte and the hash.
pub const WIRE_LEN: usize = 33;

const PLAIN_PREFIX: &str = "b3:";
const KEYED_PREFIX: &str = "k3:";
const HEX: &[u8; 16] = b"0123456789abcdef";

/// The name of a run of bytes: a BLAKE3 hash, plain or keyed with a site's key.
///
/// ```
/// use digest::Digest;
/// let name = Digest::of(b"radloom");
/// assert_eq!(name.to_string().parse::<Digest>(), Ok(name));
/// assert!(name.to_string().starts_with("b3:"));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest {
    keyed: bool,
    bytes: [u8; 32],
}

impl Digest {
    /// The plain digest of `content`.
    pub fn of(content: &[u8]) -> Digest {
        Digest {
            keyed: false,
            bytes: *blake3::hash(content).as_bytes(),
        }
    }

    /// The digest of `content` under the key of a site.
    pub fn keyed(key: &SiteKey, content: &[u8]) -> Digest {
        Digest {
            keyed: true,
            bytes: *blake3::keyed_hash(key.expose(), content).as_bytes(),
        }
    }

    /// A digest from its parts, as read from a store or a message.
    pub fn from_parts(keyed: bool, bytes: [u8; 32]) -> Digest {
        Digest { keyed, bytes }
    }

    /// Whether it was made with a site's key.
    pub fn is_keyed(&self) -> bool {
        self.keyed
    }

    /// The 32 bytes of the hash, without the kind.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.bytes
    }

    /// The hash as 64 hexadecimal digits, without the kind.
    pub fn hex(&self) -> String {
        let mut text = String::with_capacity(64);
        for byte in self.bytes {
            text.push(char::from(HEX[usize::from(byte >> 4)]));
            text.push(char::from(HEX[usize::from(byte & 15)]));
        }
        text
    }

    /// The first twelve hexadecimal digits with the kind: for log lines and tables, never for look-ups.
    pub fn short(&self) -> String {
        format!("{}{}", self.prefix(), &self.hex()[..12])
    }

    /// Kind byte and hash.
    pub fn to_wire(&self) -> [u8; WIRE_LEN] {
        let mut wire = [0; WIRE_LEN];
        wire[0] = u8::from(self.keyed);
        wire[1..].copy_from_slice(&self.bytes);
        wire
    }

    /// Reads what [`Digest::to_wire`] wrote.
    ///
    /// # Errors
    /// [`DigestError::WireLength`] unless there are exactly 33 bytes; [`DigestError::WireKind`] if the first is not 0 or 1.
    pub fn from_wire(wire: &[u8]) -> Result<Digest, DigestError> {
        let wire: &[u8; WIRE_LEN] = wire
            .try_into()
            .map_err(|_| DigestError::WireLength { len: wire.len() })?;
        let keyed = match wire[0] {
            0 => false,
            1 => true,
            kind => return Err(DigestError::WireKind { kind }),
        };
        let mut bytes = [0; 32];
        bytes.copy_from_slice(&wire[1..]);
        Ok(Digest { keyed, bytes })
    }

    /// A digest of the given kind from 64 lower-case hexadecimal digits, as file names carry it.
    ///
    /// # Errors
    /// [`DigestError::HexLength`] and [`DigestError::HexDigit`].
    pub fn from_hex(keyed: bool, hex: &str) -> Result<Digest, DigestError> {
        if hex.len() != 64 {
            return Err(DigestError::HexLength { len: hex.len() });
        }
        let mut bytes = [0; 32];
        for (at, pair) in hex.as_bytes().chunks_exact(2).enumerate() {
            bytes[at] = (hex_digit(pair[0], 2 * at)? << 4) | hex_digit(pair[1], 2 * at + 1)?;
        }
        Ok(Digest { keyed, bytes })
    }

    fn prefix(&self) -> &'static str {
        if self.keyed {
            KEYED_PREFIX
        } else {
            PLAIN_PREFIX
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.prefix(), self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Digest, DigestError> {
        if let Some(hex) = text.strip_prefix(PLAIN_PREFIX) {
            return Digest::from_hex(false, hex);
        }
        match text.strip_prefix(KEYED_PREFIX) {
            Some(hex) => Digest::from_hex(true, hex),
            None => Err(DigestError::Prefix),
        }
    }
}

fn hex_digit(byte: u8, position: usize) -> Result<u8, DigestError> {
    match byte {
        b'0'..=b'9' => Ok(byte - b'0'),
        b'a'..=b'f' => Ok(byte - b'a' + 10),
        byte => Err(DigestError::HexDigit { position, byte }),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    /// Official BLAKE3 test vectors: input bytes 0, 1, …, 250, 0, … of the given length; key of the vectors.
    const VECTOR_KEY: &[u8; 32] = b"whats the Elvish word for friend";

    fn vector_input(len: usize) -> Vec<u8> {
        (0..len).map(|i| (i % 251) as u8).collect()
    }

    #[track_caller]
    fn check(len: usize, plain: &str, keyed: &str) {
        let input = vector_input(len);
        let key = SiteKey::new(*VECTOR_KEY);
        assert_eq!(Digest::of(&input).to_string(), format!("b3:{plain}"));
        assert_eq!(
            Digest::keyed(&key, &input).to_string(),
            format!("k3:{keyed}")
        );
    }

    #[test]
    fn published_vectors_are_met() {
        check(
            0,
            "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
            "92b2b75604ed3c761f9d6f62392c8a9227ad0ea3f09573e783f1498a4ed60d26",
        );
        check(
            1,
            "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213",
            "6d7878dfff2f485635d39013278ae14f1454b8c0a3a2d34bc1ab38228a80c95b",
        );
    }

    #[test]
    fn text_and_wire_come_back() {
        let key = SiteKey::new([7; 32]);
        for digest in [Digest::of(b"a"), Digest::keyed(&key, b"a")] {
            assert_eq!(digest.to_string().parse(), Ok(digest));
            assert_eq!(Digest::from_wire(&digest.to_wire()), Ok(digest));
            assert_eq!(
                Digest::from_hex(digest.is_keyed(), &digest.hex()),
                Ok(digest)
            );
        }
    }

    #[test]
    fn plain_and_keyed_never_meet() {
        let bytes = [3; 32];
        let (plain, keyed) = (
            Digest::from_parts(false, bytes),
            Digest::from_parts(true, bytes),
        );
        assert_ne!(plain, keyed);
        assert!(plain < keyed);
        assert!(plain.to_wire() < keyed.to_wire());
        assert!(plain.to_string() < keyed.to_string());
    }

    #[test]
    fn another_key_gives_another_name() {
        let one = Digest::keyed(&SiteKey::new([1; 32]), b"image");
        let two = Digest::keyed(&SiteKey::new([2; 32]), b"image");
        assert_ne!(one, two);
        assert_ne!(one.bytes(), Digest::of(b"image").bytes());
    }

    #[test]
    fn bad_text_is_told_where() {
        let good = Digest::of(b"").to_string();
        assert_eq!("".parse::<Digest>(), Err(DigestError::Prefix));
        assert_eq!(good[3..].parse::<Digest>(), Err(DigestError::Prefix));
        assert_eq!(
            good[..66].parse::<Digest>(),
            Err(DigestError::HexLength { len: 63 })
        );
        assert_eq!(
            good.replacen("b3:a", "b3:A", 1).parse::<Digest>(),
            Err(DigestError::HexDigit {
                position: 0,
                byte: b'A'
            })
        );
        assert!(format!("b3:{}", "é".repeat(32)).parse::<Digest>().is_err());
    }

    #[test]
    fn bad_wire_is_refused() {
        assert_eq!(
            Digest::from_wire(&[0; 32]),
            Err(DigestError::WireLength { len: 32 })
        );
        assert_eq!(
            Digest::from_wire(&[2; 33]),
            Err(DigestError::WireKind { kind: 2 })
        );
    }
}
