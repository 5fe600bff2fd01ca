//! What threads share is made of: locks and counts, as `std` has them.
//!
//! Those parts of the library whose correctness is a matter of schedules name these here, so that
//! `crates/schedules` can put others in their place and try the schedules out. Holds and loses nothing;
//! a lock waits for its holder.

pub(crate) use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak, atomic};
