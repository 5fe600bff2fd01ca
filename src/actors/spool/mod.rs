//! The spool: what cannot be delivered now waits on disk, and survives the process.
//!
//! One append-only log in one directory; each lane has a cursor in it. At rest there are complete OTLP
//! requests, so that what goes to several lanes is on disk once and any OTLP tool can read it.
//!
//! [`record`] and [`segment`] say what the bytes mean, [`cursor`] how far a lane has come, [`log`] puts
//! them together over a [`disk`]. All of it is synchronous and knows no runtime; a [`keeper`] runs it on
//! a thread of its own. The actors see the [`desk`] alone: they put batches on it, and a [`feed`] for each
//! lane takes them from its [`shelf`] again. A [`circuit`] tells both whether a lane's destination is there. From outside,
//! [`inspect`] looks at what is on disk, and an [`editor`] changes it while no pipeline does.

pub(crate) mod circuit;
pub(crate) mod desk;
pub(crate) mod feed;
pub(crate) mod handle;
pub(crate) mod notes;
pub(crate) mod settled;
pub(crate) mod shelf;

#[cfg(feature = "spool")]
mod claim;
#[cfg(feature = "spool")]
pub(crate) mod config;
#[cfg(feature = "spool")]
pub(crate) mod cursor;
#[cfg(feature = "spool")]
pub(crate) mod disk;
#[cfg(feature = "spool")]
pub(crate) mod editor;
#[cfg(feature = "spool")]
pub(crate) mod error;
#[cfg(feature = "spool")]
pub(crate) mod inspect;
#[cfg(feature = "spool")]
pub(crate) mod journal;
#[cfg(feature = "spool")]
pub(crate) mod keeper;
#[cfg(feature = "spool")]
pub(crate) mod lane;
#[cfg(feature = "spool")]
pub(crate) mod log;
#[cfg(feature = "spool")]
pub(crate) mod open;
#[cfg(feature = "spool")]
pub(crate) mod quarantine;
#[cfg(feature = "spool")]
pub(crate) mod record;
#[cfg(feature = "spool")]
pub(crate) mod recovery;
#[cfg(feature = "spool")]
pub(crate) mod segment;
#[cfg(all(test, feature = "spool"))]
pub(crate) mod sim;
#[cfg(feature = "spool")]
pub(crate) mod stored;
#[cfg(feature = "spool")]
pub(crate) mod undecided;
