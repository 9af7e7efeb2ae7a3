//! Tokens that were valid when they were verified. That takes microseconds with a shared secret and
//! hundreds of them with RSA or ECDSA; a look-up takes one.
//!
//! Only valid tokens are remembered, so that forgeries cannot evict them.

use moka::sync::Cache;
use sha2::{Digest, Sha256};

use super::rules::Proved;

/// How many tokens are remembered; they take some megabytes.
const MOST: u64 = 10_000;

/// By their hashes: tokens themselves should not stay in memory.
pub struct Remembered(Cache<[u8; 32], Proved>);

impl Remembered {
    /// What a token proves, by `verify` if it is not remembered.
    pub fn or_verify(
        &self,
        token: &str,
        verify: impl FnOnce() -> Option<Proved>,
    ) -> Option<Proved> {
        self.0.optionally_get_with(Sha256::digest(token).into(), verify)
    }
}

impl Default for Remembered {
    fn default() -> Self {
        Remembered(Cache::new(MOST))
    }
}
