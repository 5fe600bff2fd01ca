//! Sources of `spanreel`'s actors as they are.

#[path = "../../../src/actors/apart.rs"]
pub(crate) mod apart;
#[path = "../../../src/actors/baton.rs"]
pub(crate) mod baton;
#[path = "../../../src/actors/pool.rs"]
pub(crate) mod pool;
pub(crate) mod spool;
