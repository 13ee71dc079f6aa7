//! Hashing of keys that hold bits of a SHA-256: random as those are, a secret and a few multiplications are enough.

use std::hash::{BuildHasher, Hasher, RandomState};

/// An odd number whose bits are spread evenly (2^64 divided by the golden ratio).
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// Makes hashers with one secret, so that nobody can choose keys that meet.
#[derive(Clone, Debug)]
pub(super) struct KeyHashing {
    secret: u64,
}

impl Default for KeyHashing {
    fn default() -> Self {
        Self { secret: RandomState::new().hash_one(SPREAD) }
    }
}

impl BuildHasher for KeyHashing {
    type Hasher = KeyHasher;

    fn build_hasher(&self) -> KeyHasher {
        KeyHasher(self.secret)
    }
}

/// Mixes a key by eights of bytes.
pub(super) struct KeyHasher(u64);

impl KeyHasher {
    fn mix(&mut self, bits: u64) {
        self.0 = (self.0.rotate_left(23) ^ bits).wrapping_mul(SPREAD);
    }
}

impl Hasher for KeyHasher {
    fn write(&mut self, bytes: &[u8]) {
        let (eights, rest) = bytes.as_chunks::<8>();
        for eight in eights {
            self.mix(u64::from_le_bytes(*eight));
        }
        if !rest.is_empty() {
            let mut eight = [0; 8];
            eight[..rest.len()].copy_from_slice(rest);
            self.mix(u64::from_le_bytes(eight));
        }
    }

    fn write_u32(&mut self, number: u32) {
        self.mix(number.into());
    }

    fn write_usize(&mut self, _: usize) {
        // The length of an array: always the same.
    }

    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }
}
