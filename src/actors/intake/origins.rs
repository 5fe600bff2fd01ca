//! Origins of others: who emitted and what recorded, as it came, shared by all that comes from them.
//!
//! Holds: origins of late, within a bound; their bytes count in the budget. Waits: never.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use crate::actors::pool::Pool;
use crate::model::resource::Origin;

/// The most that is kept, in bytes and in origins. When it is full, all is forgotten: what is in use is seen
/// again at once.
const KEPT_BYTES: usize = 256 << 10;
const KEPT: usize = 1024;
/// A larger origin is not kept.
const LARGE: usize = 16 << 10;

#[derive(Debug, Default)]
pub(super) struct Origins {
    hasher: RandomState,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// By the hash of their content. Of two with the same hash, the later is kept.
    origins: HashMap<u64, Arc<Origin>>,
    bytes: usize,
}

impl Origins {
    /// The origin of this content.
    pub(super) fn get(&self, resource: &[u8], scope: &[u8], pool: &Arc<Pool>) -> Arc<Origin> {
        let hash = self.hasher.hash_one((resource, scope));
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let known = kept.origins.get(&hash);
        let same = known.filter(|it| it.resource == resource && it.scope == scope);
        if let Some(origin) = same {
            return Arc::clone(origin);
        }
        let origin = Arc::new(Origin {
            resource: copied(resource, pool),
            scope: copied(scope, pool),
        });
        let bytes = resource.len() + scope.len();
        if bytes > LARGE {
            return origin;
        }
        if kept.bytes + bytes > KEPT_BYTES || kept.origins.len() >= KEPT {
            *kept = Kept::default();
        }
        kept.bytes += bytes;
        kept.origins.insert(hash, Arc::clone(&origin));
        origin
    }
}

/// The bytes, counted in the budget where it has room: room for them was found just before, and only
/// another request can have taken it.
fn copied(bytes: &[u8], pool: &Arc<Pool>) -> Bytes {
    let copy = Bytes::copy_from_slice(bytes);
    match pool.charge(bytes.len()) {
        Some(charge) => charge.over(copy),
        None => copy,
    }
}
