//! Naming bytes that arrive in pieces.

use crate::{Digest, SiteKey};

/// A digest in the making, plain or keyed.
///
/// ```
/// use digest::{Digest, Hasher};
/// let mut hasher = Hasher::plain();
/// hasher.update(b"rad").update(b"loom");
/// assert_eq!(hasher.finish(), Digest::of(b"radloom"));
/// ```
#[derive(Clone)]
pub struct Hasher {
    keyed: bool,
    state: blake3::Hasher,
}

impl Hasher {
    /// Starts a plain digest.
    pub fn plain() -> Hasher {
        Hasher {
            keyed: false,
            state: blake3::Hasher::new(),
        }
    }

    /// Starts a digest under the key of a site.
    pub fn keyed(key: &SiteKey) -> Hasher {
        Hasher {
            keyed: true,
            state: blake3::Hasher::new_keyed(key.expose()),
        }
    }

    /// Takes in the next bytes.
    pub fn update(&mut self, piece: &[u8]) -> &mut Hasher {
        self.state.update(piece);
        self
    }

    /// Bytes taken in so far.
    pub fn len(&self) -> u64 {
        self.state.count()
    }

    /// Whether nothing has been taken in yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The digest of everything taken in so far; more may follow.
    pub fn finish(&self) -> Digest {
        Digest::from_parts(self.keyed, *self.state.finalize().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_name_the_same_as_the_whole() {
        let content: Vec<u8> = (0..10_000u32).map(|i| (i * 7) as u8).collect();
        let key = SiteKey::new([9; 32]);
        for cut in [0, 1, 1024, 4097, 10_000] {
            let (mut plain, mut keyed) = (Hasher::plain(), Hasher::keyed(&key));
            plain.update(&content[..cut]).update(&content[cut..]);
            keyed.update(&content[..cut]).update(&content[cut..]);
            assert_eq!(plain.finish(), Digest::of(&content));
            assert_eq!(keyed.finish(), Digest::keyed(&key, &content));
            assert_eq!(plain.len(), 10_000);
        }
        assert!(Hasher::plain().is_empty());
    }
}
