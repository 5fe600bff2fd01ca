//! The spool: what cannot be delivered now waits on disk, and survives the process.
//!
//! One append-only log in one directory; each lane has a cursor in it. At rest there are complete OTLP
//! requests, so that what goes to several lanes is on disk once and any OTLP tool can read it.
//!
//! [`record`] and [`segment`] say what the bytes mean, [`cursor`] how far a lane has come, [`log`] puts
//! them together over a [`disk`]. All of it is synchronous and knows no runtime.

pub(crate) mod cursor;
pub(crate) mod disk;
pub(crate) mod log;
pub(crate) mod record;
pub(crate) mod recovery;
pub(crate) mod segment;
#[cfg(test)]
pub(crate) mod sim;
